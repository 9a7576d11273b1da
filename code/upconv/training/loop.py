"""One loop that trains a network to segment: seeded, resumable to the bit, as fast as it goes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upconv.checks import (
    refuse,
)
from upconv.data.sets import VOID, SegmentationSet
from upconv.device import casting, loss_scaler, resolve_precision
from upconv.training.batches import Batch, make_batch, middle
from upconv.training.optimizers import lay_flat
from upconv.training.origin import contents, nature
from upconv.training.run import Keeping, Losses, Run
from upconv.training.settings import History, Settings
from upconv.training.team import Team


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

    Examples
    --------
    >>> from upconv.data import SegmentationSet
    >>> images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), np.uint8)
    >>> red = (images[..., 0] > 127).astype(np.uint8)
    >>> data = SegmentationSet("noise", ("dark", "red"), images, red)
    >>> settings = Settings(steps=100, batch=4, crop=16, learning_rate=0.3, clip=10.0)
    >>> history = train(torch.nn.Conv2d(3, 2, 1), data, settings, progress=False)
    >>> history.losses[-1] < 0.5 * history.losses[0]
    True
    """
    team = team or Team(device)
    share = team.share(settings.batch)
    work = _Segmenting(network, data, settings, team)
    history, channels = History(), getattr(network, "channels", 3)
    losses = Losses(team.device, "the loss is", "lower learning_rate, or set precision to fp32")
    if progress:
        team.announce(network, work.precision)
    with Run(
        {"network": work.trained, "optimizer": work.optimizer, "scaler": work.scaler},
        settings, history, team.device, Keeping(checkpoint, resume, save_every, progress),
        inputs=lambda: _origin(network, data),
        make=lambda step: make_batch(data, settings, step, channels, share),
        rate=lambda step: rate_at(step, settings),
        losses=losses, team=team,
    ) as run:  # fmt: skip
        for step, batch in run:
            losses.add(step, work.backward(batch))
            work.update()
            if run.due(step):
                history.steps.append(step)
                history.losses += losses.read()
                run.show(loss=history.losses[-1])
            if each_step:
                each_step(step, *losses.read())
    team.leave(work.trained, network)
    network.eval()
    return history


class _Segmenting:
    """A network in training: the two halves of a step."""

    def __init__(
        self, network: nn.Module, data: SegmentationSet, settings: Settings, team: Team
    ) -> None:
        self.team, self.clip = team, settings.clip
        self.precision = resolve_precision(settings.precision, team.device)
        if settings.encoder_factor == 0 and hasattr(network, "encoder"):
            network.encoder.requires_grad_(False)
        self.trained, self.call = team.join(network, self.precision)
        self.trained.train()
        self.optimizer = _optimizer(self.trained, settings, team.sharded)
        self.scaler = loss_scaler(self.precision, team.device)
        self.class_weights = None
        if settings.class_weights is not None:
            if len(settings.class_weights) != len(data.classes):
                expected = f"{len(data.classes)}, one for each class"
                refuse("class_weights", f"{len(settings.class_weights)} numbers", expected)
            self.class_weights = torch.tensor(settings.class_weights, device=team.device)

    def backward(self, batch: Batch) -> Tensor:
        """The loss of a batch, of all processes; gradients lie with the weights."""
        images = batch.images.to(self.team.device, non_blocking=True)
        if self.team.rank:  # what dropout drops differs between processes
            torch.manual_seed(torch.initial_seed() + (self.team.rank << 40))
        with casting(self.precision, self.team.device):
            logits = self.call(images)
        loss = pixel_loss(logits.float(), batch, self.class_weights, self.team)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.trained.parameters(), self.clip)
        return self.team.mean(loss)

    def update(self) -> None:
        """One step of the optimizer."""
        self.scaler.step(self.optimizer)
        self.scaler.update()


def pixel_loss(
    logits: Tensor, batch: Batch, class_weights: Tensor | None = None, team: Team | None = None
) -> Tensor:
    """Mean cross-entropy of the labelled pixels, by their weights if the batch has any.

    In a team: such that its mean over the processes is that of the whole batch.
    """
    _, masks, weights = batch
    height, width = logits.shape[-2:]

    def seen(layer: Tensor) -> Tensor:
        return middle(layer.to(logits.device, non_blocking=True), (height, width))

    masks, weights = seen(masks), None if weights is None else seen(weights)
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


def _origin(network: nn.Module, data: SegmentationSet) -> dict[str, Any]:
    layers = {name: getattr(data, name) for name in ("images", "masks", "weights")}
    found = {name: contents(layer) for name, layer in layers.items() if layer is not None}
    return {"network": nature(network)} | found


def _optimizer(network: nn.Module, settings: Settings, sharded: bool) -> torch.optim.Optimizer:
    encoder: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
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
    return lay_flat(optimizer)
