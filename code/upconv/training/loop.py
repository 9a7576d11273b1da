"""The training loop for segmentation: seeded, fast, and resumable bit for bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upconv.checks import BYTE, refuse
from upconv.data.sets import VOID, SegmentationSet
from upconv.deprecated import renamed
from upconv.device import autocast, loss_scaler, resolve_precision
from upconv.training.batches import Batch, make_batch, middle
from upconv.training.distributed import DistributedContext
from upconv.training.optimizers import fuse_channels_last
from upconv.training.origin import contents, nature
from upconv.training.run import Keeping, Losses, Run
from upconv.training.settings import History, Settings


def lr_factor(step: int, settings: Settings) -> float:
    """Return the learning rate factor of a step, from 0 to 1."""
    if settings.schedule == "constant":
        return 1.0
    warm = max(1, settings.steps // 20)
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, settings.steps - warm)
    return 0.5 * (1 + math.cos(math.pi * done))


@renamed(each_step="callback", team="distributed")
def train(
    network: nn.Module,
    data: SegmentationSet,
    settings: Settings,
    *,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    save_every: int = 200,
    device: str = "auto",
    distributed: DistributedContext | None = None,
    progress: bool = True,
    callback: Callable[[int, float], None] | None = None,
) -> History:
    """Train a network that maps images (N, C, H, W) to logits (N, classes, h, w), in place.

    It ends in evaluation mode.

    The loss is the cross-entropy over all labeled pixels, weighted if the set has weights; the
    gradient is clipped. The network's ``in_channels`` selects gray (1) or color images (3, the
    default). Logits smaller than the image are compared with the center of the mask. The loss of a
    batch without labels is 0, and it changes neither weights nor batch norms.

    On one machine with a fixed number of threads, the same seed gives bit-identical weights, also
    if the run is interrupted at any point and resumed.

    Parameters
    ----------
    checkpoint
        File for the state of the run, written every ``save_every`` steps and at the end.
    resume
        Resume from ``checkpoint`` if it exists; the number of processes may differ. With more
        ``settings.steps``, a finished run goes on, at the learning rates of a run of all steps.
    distributed
        Processes that share each batch, from :func:`upconv.training.init_distributed`; replaces
        ``device``. ``settings.batch`` is the total over all of them. With several processes, the
        given network changes at the end, not at each step.
    callback
        Called with the step and its loss, which synchronizes a GPU at each step; without it,
        losses are read every ``log_every`` steps and before a checkpoint is written.

    Raises
    ------
    Diverged
        If the loss is NaN or infinite.
    Interrupted
        After Ctrl-C or SIGTERM, once the step is finished and saved. It is a ``KeyboardInterrupt``.
        Without ``checkpoint``, signals act at once.
    BadCheckpoint
        If the checkpoint belongs to another run or cannot be read.
    ValueError
        If the batch cannot be divided equally, the numbers of class weights and classes differ, or
        no pixel of the set is labeled.

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
    distributed = distributed or DistributedContext(device)
    shard = distributed.shard(settings.batch)
    if not any((mask != VOID).any() for mask in data.masks):
        refuse("masks", f"{len(data)} without a label", "one labeled pixel at least")
    work = _Segmenting(network, data, settings, distributed)
    history, channels = History(), getattr(network, "in_channels", 3)
    losses = Losses(
        distributed.device, "the loss is", "lower learning_rate, or set precision to fp32"
    )
    if progress:
        distributed.announce(network, work.precision)
    with Run(
        {"network": work.trained, "optimizer": work.optimizer, "scaler": work.scaler},
        settings, history, distributed.device, Keeping(checkpoint, resume, save_every, progress),
        inputs=lambda: _origin(network, data),
        make=lambda step: make_batch(data, settings, step, channels, shard),
        rate=lambda step: lr_factor(step, settings),
        losses=losses, distributed=distributed,
    ) as run:  # fmt: skip
        for step, batch in run:
            if distributed.any(work.teaches(batch)):
                losses.add(step, work.backward(batch))
                work.update()
            else:
                losses.add(step, torch.zeros((), device=distributed.device))
            if run.due(step):
                history.steps.append(step)
                history.losses += losses.read()
                run.show(loss=history.losses[-1])
            if callback:
                callback(step, *losses.read())
    distributed.unwrap(work.trained, network)
    network.eval()
    _describe(network, data)
    return history


def _describe(network: Any, data: SegmentationSet) -> None:
    """Set what predictions have to know of the images."""
    network.value_range = data.value_range
    if data.size is not None:
        network.image_size = data.size


class _Segmenting:
    """A network in training, with the two halves of a step."""

    def __init__(
        self,
        network: nn.Module,
        data: SegmentationSet,
        settings: Settings,
        distributed: DistributedContext,
    ) -> None:
        self.distributed, self.clip = distributed, settings.clip
        padded = getattr(network, "padded", True)
        self.margin = 0 if padded else cast(int, getattr(network, "context_margin", 0))
        self.ignored = [
            label for label, weight in enumerate(settings.class_weights or ()) if weight == 0
        ]
        self.precision = resolve_precision(settings.precision, distributed.device)
        frozen = settings.encoder_factor == 0 and hasattr(network, "encoder")
        if frozen:
            network.encoder.requires_grad_(False)
        self.trained, self.call = distributed.wrap(network, self.precision)
        self.trained.train()
        if frozen:  # nor do its batch norms' means move
            self.trained.get_submodule("encoder").eval()
        self.optimizer = _optimizer(self.trained, settings, distributed.sharded)
        self.scaler = loss_scaler(self.precision, distributed.device)
        self.class_weights = None
        if settings.class_weights is not None:
            if len(settings.class_weights) != len(data.classes):
                expected = f"{len(data.classes)}, one for each class"
                refuse("class_weights", f"{len(settings.class_weights)} numbers", expected)
            self.class_weights = torch.tensor(settings.class_weights, device=distributed.device)

    def teaches(self, batch: Batch) -> bool:
        """Whether any pixel of a batch counts in the loss."""
        _, masks, weights = batch
        counts = masks != VOID
        for label in self.ignored:
            counts &= masks != label
        if weights is not None:
            counts &= weights > 0
        height, width = (max(1, side - 2 * self.margin) for side in masks.shape[-2:])
        return bool(middle(counts, (height, width)).any())

    def backward(self, batch: Batch) -> Tensor:
        """Backpropagate a batch; return its mean loss over all processes."""
        images = batch.images.to(self.distributed.device, non_blocking=True)
        if self.distributed.rank:  # dropout masks must differ between processes
            torch.manual_seed(torch.initial_seed() + (self.distributed.rank << 40))
        with autocast(self.precision, self.distributed.device):
            logits = self.call(images)
        loss = pixel_loss(logits.float(), batch, self.class_weights, self.distributed)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.trained.parameters(), self.clip)
        return self.distributed.mean(loss)

    def update(self) -> None:
        """Take one optimizer step."""
        self.scaler.step(self.optimizer)
        self.scaler.update()


def pixel_loss(
    logits: Tensor,
    batch: Batch,
    class_weights: Tensor | None = None,
    distributed: DistributedContext | None = None,
) -> Tensor:
    """Compute the mean cross-entropy of the labeled pixels, weighted if the batch has weights.

    With several processes, the mean of their results is the loss of the whole batch.
    """
    _, given, weights = batch  # not yet on the device: looking at them does not wait for it
    height, width = logits.shape[-2:]

    def seen(layer: Tensor) -> Tensor:
        return middle(layer.to(logits.device, non_blocking=True), (height, width))

    masks, weights = seen(given), None if weights is None else seen(weights)
    if weights is None and (distributed is None or distributed.size == 1):
        if not (middle(given, (height, width)) != VOID).any():
            return logits.sum() * 0.0  # PyTorch's mean of nothing is NaN
        return F.cross_entropy(logits, masks, class_weights, ignore_index=VOID)
    each = F.cross_entropy(logits, masks, class_weights, ignore_index=VOID, reduction="none")
    labeled = masks != VOID
    if weights is not None:
        each, worth = each * weights, (weights * labeled).sum()
    elif class_weights is not None:
        worth = class_weights[masks[labeled]].sum()
    else:
        worth = labeled.sum().float()
    # Processes may have different numbers of labeled pixels: all divide by the mean.
    return each.sum() / (distributed.mean(worth) if distributed else worth).clamp(min=1e-9)


def _origin(network: nn.Module, data: SegmentationSet) -> dict[str, Any]:
    layers = {name: getattr(data, name) for name in ("images", "masks", "weights")}
    found = {name: contents(layer) for name, layer in layers.items() if layer is not None}
    if data.value_range != BYTE:
        found["value_range"] = repr(data.value_range)
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
        # PyTorch's fused SGD does not support sharded weights.
        fused = {} if sharded else {"fused": True}
        optimizer = torch.optim.SGD(groups, momentum=settings.momentum, weight_decay=decay, **fused)
    else:
        optimizer = torch.optim.AdamW(groups, weight_decay=decay, fused=True)
    return fuse_channels_last(optimizer)
