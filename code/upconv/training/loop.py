"""One loop that trains a network to segment: seeded, resumable to the bit, as fast as it goes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upconv.checks import (
    refuse,
)
from upconv.data.sets import VOID, SegmentationSet
from upconv.device import casting, loss_scaler, resolve_precision
from upconv.training import checkpoints
from upconv.training.batches import Ahead, Batch, make_batch, middle
from upconv.training.optimizers import lay_flat
from upconv.training.origin import contents, nature
from upconv.training.settings import History, Settings
from upconv.training.team import Team


class Diverged(RuntimeError):
    """The loss is no number any more."""


# Kinds of devices from which a number is read without waiting for other work.
AT_ONCE = ("cpu",)


class Losses:
    """The losses of steps, read from a GPU only when they are asked for.

    To read one is to wait for all the GPU has to do, and then it waits for its next work.

    Parameters
    ----------
    device
        Where they are computed. Where it costs nothing, each is read at once.
    what, hint
        How the complaint begins if one is no number, and what may help.
    """

    def __init__(self, device: torch.device, what: str, hint: str) -> None:
        self._at_once, self._what, self._hint = device.type in AT_ONCE, what, hint
        self._unread: dict[int, Tensor] = {}
        self._last: list[float] = []

    def add(self, step: int, *losses: Tensor) -> None:
        """Keep the losses of a step."""
        self._unread[step] = torch.stack([loss.detach() for loss in losses])
        if self._at_once:
            self.read()

    def read(self) -> list[float]:
        """The losses of the last step, after a look at all that have not been read.

        Raises
        ------
        Diverged
            If one is no number any more.
        """
        if self._unread:
            found = torch.stack([*self._unread.values()]).tolist()
            for step, values in zip(self._unread, found, strict=True):
                if not all(map(math.isfinite, values)):
                    got = values[0] if len(values) == 1 else tuple(values)
                    raise Diverged(f"step {step}: {self._what} {got}; {self._hint}")
            self._last = values
            self._unread.clear()
        return self._last


def rate_at(step: int, settings: Settings) -> float:
    """Factor on the learning rate, from 0 to 1."""
    if settings.schedule == "constant":
        return 1.0
    warm = max(1, settings.steps // 20)
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, settings.steps - warm)
    return 0.5 * (1 + math.cos(math.pi * done))


def train(
    network: nn.Module,
    data: SegmentationSet,
    settings: Settings,
    *,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    save_every: int = 200,
    device: str = "auto",
    team: Team | None = None,
    progress: bool = True,
    each_step: Callable[[int, float], None] | None = None,
) -> History:
    """Train a network that maps images (N, C, H, W) to logits (N, classes, h, w), in place.

    In the end it is in evaluation mode.

    Cross-entropy on all labelled pixels, weighted if the set has weights; gradient clipping. The
    network's ``channels`` says whether it takes grey images (1) or colours (3, also if it says
    nothing). Logits smaller than the image are compared with the middle of the mask.

    On one machine with one number of threads the same seed gives the same weights to the bit,
    also when the run was broken off anywhere and resumed.

    Parameters
    ----------
    checkpoint
        File to keep the state of the run in, every ``save_every`` steps and at the end.
    resume
        Go on from ``checkpoint`` if it is there; also with another number of processes.
    team
        Processes to share each batch with, from :func:`upconv.training.launch`, in place of
        ``device``. ``settings.batch`` is what all of them see in a step. The network that was
        given changes when all is done, not at each step.
    each_step
        Called with the step and its loss. A GPU waits for it at each step; without, losses are
        read every ``log_every`` steps and before a checkpoint is written.

    Raises
    ------
    Diverged
        If the loss is no number any more.
    BadCheckpoint
        If the checkpoint is of another run or cannot be read.
    ValueError
        If the batch cannot be shared equally, or there are not as many weights as classes.
    """
    team = team or Team(device)
    where, share = team.device, team.share(settings.batch)
    precision = resolve_precision(settings.precision, where)
    _freeze(network, settings)
    trained, call = team.join(network, precision)
    trained.train()
    optimizer, base_rates = _optimizer(trained, settings, team.sharded)
    history = History()
    class_weights = None
    if settings.class_weights is not None:
        if len(settings.class_weights) != len(data.classes):
            expected = f"{len(data.classes)}, one for each class"
            refuse("class_weights", f"{len(settings.class_weights)} numbers", expected)
        class_weights = torch.tensor(settings.class_weights, device=where)
    channels = getattr(network, "channels", 3)
    scaler = loss_scaler(precision, where)
    losses = Losses(where, "the loss is", "lower learning_rate, or set precision to fp32")
    run = checkpoints.steps(
        {"network": trained, "optimizer": optimizer, "scaler": scaler},
        settings,
        history,
        checkpoint=checkpoint,
        resume=resume,
        save_every=save_every,
        progress=progress,
        team=team,
        before_saving=losses.read,
        inputs=lambda: _origin(network, data),
    )
    if progress:
        team.announce(network, precision)
    with Ahead(
        lambda step: make_batch(data, settings, step, channels, share),
        settings.steps,
        history,
        where,
    ) as batches:
        for step, bar in run:
            batch = batches(step)
            images = batch.images.to(where, non_blocking=True)
            for group, rate in zip(optimizer.param_groups, base_rates, strict=True):
                group["lr"] = rate * rate_at(step, settings)
            if team.rank:  # what dropout drops differs between processes
                torch.manual_seed(torch.initial_seed() + (team.rank << 40))
            with casting(precision, where):
                logits = call(images)
            loss = pixel_loss(logits.float(), batch, class_weights, team)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(trained.parameters(), settings.clip)
            losses.add(step, team.mean(loss))
            scaler.step(optimizer)
            scaler.update()
            if step % settings.log_every == 0 or step == settings.steps - 1:
                history.steps.append(step)
                history.losses += losses.read()
                bar.set_postfix(loss=f"{history.losses[-1]:.3f}")
            if each_step:
                each_step(step, *losses.read())
    team.leave(trained, network)
    network.eval()
    return history


def pixel_loss(
    logits: Tensor, batch: Batch, class_weights: Tensor | None = None, team: Team | None = None
) -> Tensor:
    """Mean cross-entropy of the labelled pixels, by their weights if the batch has any.

    In a team: such that its mean over the processes is that of the whole batch.
    """
    masks, weights = (
        None
        if layer is None
        else middle(layer.to(logits.device, non_blocking=True), logits.shape[-2:])
        for layer in batch[1:]
    )
    if weights is None and (team is None or team.size == 1):
        return F.cross_entropy(logits, masks, class_weights, ignore_index=VOID)
    each = F.cross_entropy(logits, masks, class_weights, ignore_index=VOID, reduction="none")
    labelled = masks != VOID
    if weights is not None:
        each, worth = each * weights, (weights * labelled).sum()
    elif class_weights is not None:
        worth = class_weights[masks[labelled]].sum()
    else:
        worth = labelled.sum().float()
    # Processes may have different numbers of labelled pixels: all divide by the same.
    return each.sum() / (team.mean(worth) if team else worth).clamp(min=1e-9)


def _origin(network: nn.Module, data: SegmentationSet) -> dict:
    layers = {name: getattr(data, name) for name in ("images", "masks", "weights")}
    found = {name: contents(layer) for name, layer in layers.items() if layer is not None}
    return {"network": nature(network)} | found


def _freeze(network: nn.Module, settings: Settings) -> None:
    if settings.encoder_factor == 0 and hasattr(network, "encoder"):
        network.encoder.requires_grad_(False)


def _optimizer(
    network: nn.Module, settings: Settings, sharded: bool
) -> tuple[torch.optim.Optimizer, list[float]]:
    encoder, rest = [], []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        (encoder if name.startswith("encoder.") else rest).append(parameter)
    rates = [settings.learning_rate, settings.learning_rate * settings.encoder_factor]
    groups = [{"params": rest, "lr": rates[0]}]
    if encoder:
        groups.append({"params": encoder, "lr": rates[1]})
    decay = settings.weight_decay
    if settings.optimizer == "sgd":
        # PyTorch's fused SGD does not know weights that are shared out.
        fused = {} if sharded else {"fused": True}
        optimizer = torch.optim.SGD(groups, momentum=settings.momentum, weight_decay=decay, **fused)
    else:
        optimizer = torch.optim.AdamW(groups, weight_decay=decay, fused=True)
    return lay_flat(optimizer), rates[: len(groups)]
