"""One loop that trains a network to segment: seeded, resumable to the bit, as fast as it goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upconv.data.sets import VOID, SegmentationSet
from upconv.options import one_of
from upconv.training import augment, checkpoints


class Diverged(RuntimeError):
    """The loss is no number any more."""


@dataclass(frozen=True)
class Settings:
    """How to train.

    ``precision`` is "bf16" (autocast), "fp32", or "auto": bf16 where the processor has
    instructions for it. ``crop`` is the side of the random square crops, or (height, width).
    ``schedule`` is "cosine" (after a linear warm-up over 5 % of the steps) or "constant".
    ``optimizer`` is "adamw", or "sgd" with ``momentum`` (0.99 in the U-Net paper).
    """

    steps: int = 1000
    batch: int = 8
    crop: int | tuple[int, int] = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    optimizer: str = "adamw"
    momentum: float = 0.9
    encoder_factor: float = 1.0  # on the learning rate of ``encoder``; 0 freezes it
    clip: float = 1.0  # largest norm of the gradient
    flip: bool = True  # mirror half of the crops; never for digits
    jitter: float = 0.0  # random gain and offset of brightness and colours, as a share of 1
    zoom: tuple[float, float] = (1.0, 1.0)  # range of random enlargements before cropping
    upside_down: bool = False  # turn half of the crops over: where there is no up and down
    rotate: float = 0.0  # largest angle of random rotations, in degrees
    elastic: float = 0.0  # deviation of random displacements on a 3 × 3 grid, in pixels
    seed: int = 0
    precision: str = "auto"
    class_weights: tuple[float, ...] | None = None
    log_every: int = 10

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        for name in ("rotate", "elastic", "jitter"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 0")
        one_of("schedule", self.schedule, ("cosine", "constant"))
        one_of("precision", self.precision, ("auto", "bf16", "fp32"))
        one_of("optimizer", self.optimizer, ("adamw", "sgd"))

    @property
    def warps(self) -> bool:
        """Whether pixels move otherwise than by cropping, mirroring and enlarging."""
        return bool(self.rotate or self.elastic or self.upside_down)


@dataclass
class History:
    """The losses of a run, one every ``log_every`` steps, and how long it took."""

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0


def pick_device(name: str = "auto") -> torch.device:
    """The device asked for; "auto": a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device: got {name}, but no GPU is to be had; expected cpu")
    return torch.device(name)


def resolve_precision(name: str, device: torch.device) -> str:
    """ "bf16" or "fp32"."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    capable = torch.backends.cpu.get_cpu_capability()
    fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return "bf16" if fast and "AVX512" in capable else "fp32"


@contextmanager
def casting(precision: str, device: torch.device) -> Iterator[None]:
    """Autocast to bf16, or not."""
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        yield


def rate_at(step: int, settings: Settings) -> float:
    """Factor on the learning rate, from 0 to 1."""
    if settings.schedule == "constant":
        return 1.0
    warm = max(1, settings.steps // 20)
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, settings.steps - warm)
    return 0.5 * (1 + math.cos(math.pi * done))


class Batch(NamedTuple):
    """Images (N, C, h, w) in [0, 1], masks (N, h, w) of int64, weights (N, h, w) or None."""

    images: Tensor
    masks: Tensor
    weights: Tensor | None


def make_batch(data: SegmentationSet, settings: Settings, step: int, channels: int = 3) -> Batch:
    """The batch of a step: it depends on the seed and the step alone, so a run can go on anywhere.

    Where an image is smaller than the crop, masks hold ``VOID``; warped crops are mirrored there.
    """
    rng = np.random.default_rng([settings.seed, step])
    crop = settings.crop
    height, width = (crop, crop) if isinstance(crop, int) else crop
    images, masks, weights = [], [], []
    for index in places_of(step, settings, len(data), stream=1):
        layers = [*data[index]]
        if data.weights is not None:
            layers.append(data.weights[index])
        low, high = settings.zoom
        factor = math.exp(rng.uniform(math.log(low), math.log(high))) if high > low else low
        cut = _warped if settings.warps else _cropped
        layers = cut(rng, layers, (height, width), factor, settings)
        for stack, layer in zip((images, masks, weights), layers, strict=False):
            stack.append(layer)
    pixels = to_pixels(np.stack(images), channels)
    if settings.jitter:
        size = (settings.batch, channels, 1, 1)
        gain = rng.uniform(1 - settings.jitter, 1 + settings.jitter, size)
        offset = rng.uniform(-settings.jitter, settings.jitter, (settings.batch, 1, 1, 1)) / 2
        pixels = (pixels * torch.from_numpy(gain).float() + torch.from_numpy(offset).float()).clamp(
            0, 1
        )
    return Batch(
        pixels,
        torch.from_numpy(np.stack(masks).astype(np.int64)),
        torch.from_numpy(np.stack(weights)) if weights else None,
    )


def places_of(step: int, settings: Any, count: int, stream: int) -> list[int]:
    """Which of ``count`` images a step sees: every one once an epoch, in that epoch's own order.

    ``settings`` has ``seed`` and ``batch``; ``stream`` keeps the orders of different loops apart.
    """
    numbers = range(step * settings.batch, (step + 1) * settings.batch)
    orders = {
        epoch: np.random.default_rng([settings.seed, epoch, stream]).permutation(count)
        for epoch in {number // count for number in numbers}
    }
    return [int(orders[number // count][number % count]) for number in numbers]


def to_pixels(images: np.ndarray, channels: int = 3) -> Tensor:
    """Images (N, H, W, 3) or (N, H, W), uint8, as (N, channels, H, W), float32 in [0, 1].

    In memory the channels come last. Grey images are copied to three channels; of colours, one
    channel holds the luminance.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(images))
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    # NCHW in shape, NHWC in memory: that is what channels_last means.
    pixels = pixels.permute(0, 3, 1, 2).float() / 255
    given = pixels.shape[1]
    if given == channels:
        return pixels
    if (given, channels) == (1, 3):
        return pixels.repeat(1, 3, 1, 1).contiguous(memory_format=torch.channels_last)
    if (given, channels) == (3, 1):
        return (pixels * pixels.new_tensor(LUMINANCE).view(3, 1, 1)).sum(1, keepdim=True)
    raise ValueError(f"images: got {given} channels, expected {channels}")


LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in Pillow


def _cropped(rng, layers, size, factor, settings) -> list[np.ndarray]:
    image, mask, *weight = layers
    if factor != 1:
        image, mask, *weight = _enlarge(image, mask, factor, *weight)
    top, left = (
        int(rng.integers(max(n - m, 0) + 1)) for n, m in zip(mask.shape, size, strict=True)
    )
    mirror = settings.flip and rng.random() < 0.5
    cut = []
    for layer, filling in zip((image, mask, *weight), (0, VOID, 0), strict=False):
        layer = layer[top : top + size[0], left : left + size[1]]
        layer = layer[:, ::-1] if mirror else layer
        missing = [(0, n - m) for n, m in zip(size, layer.shape, strict=False)]
        if np.any(missing):
            missing += [(0, 0)] * (layer.ndim - 2)
            layer = np.pad(layer, missing, constant_values=filling)
        cut.append(layer)
    return cut


def _warped(rng, layers, size, factor, settings) -> list[np.ndarray]:
    where = augment.coordinates(
        rng,
        layers[1].shape,
        size,
        zoom=factor,
        rotate=settings.rotate,
        elastic=settings.elastic,
        mirror=settings.flip,
        upside_down=settings.upside_down,
    )
    return [augment.sample(layer, where, nearest=place == 1) for place, layer in enumerate(layers)]


def _enlarge(
    image: np.ndarray, mask: np.ndarray, factor: float, *weight: np.ndarray
) -> list[np.ndarray]:
    from PIL import Image

    size = tuple(max(1, round(n * factor)) for n in mask.shape[::-1])
    resized = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    # Nearest: a mean of class numbers is another class.
    labels = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)
    weights = [Image.fromarray(w).resize(size, Image.Resampling.BILINEAR) for w in weight]
    return [np.asarray(layer) for layer in (resized, labels, *weights)]


def train(
    network: nn.Module,
    data: SegmentationSet,
    settings: Settings,
    *,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    save_every: int = 200,
    device: str = "auto",
    progress: bool = True,
    each_step: Callable[[int, float], None] | None = None,
) -> History:
    """Train a network that maps images (N, C, H, W) to logits (N, classes, h, w), in place.

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
        Go on from ``checkpoint`` if it is there.
    each_step
        Called with the step and its loss.

    Raises
    ------
    Diverged
        If the loss is no number any more.
    BadCheckpoint
        If the checkpoint is of another run or cannot be read.
    """
    where = pick_device(device)
    precision = resolve_precision(settings.precision, where)
    network = network.to(where, memory_format=torch.channels_last).train()
    optimizer, base_rates = _optimizer(network, settings)
    history = History()
    class_weights = None
    if settings.class_weights is not None:
        class_weights = torch.tensor(settings.class_weights, device=where)
    channels = getattr(network, "channels", 3)
    run = checkpoints.steps(
        {"network": network, "optimizer": optimizer},
        settings,
        history,
        checkpoint=checkpoint,
        resume=resume,
        save_every=save_every,
        progress=progress,
    )
    for step, bar in run:
        batch = make_batch(data, settings, step, channels)
        images = batch.images.to(where, non_blocking=True)
        for group, rate in zip(optimizer.param_groups, base_rates, strict=True):
            group["lr"] = rate * rate_at(step, settings)
        with casting(precision, where):
            logits = network(images)
        loss = pixel_loss(logits.float(), batch, class_weights)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        value = loss.item()
        if not math.isfinite(value):
            hint = "lower learning_rate, or set precision to fp32"
            raise Diverged(f"step {step}: the loss is {value}; {hint}")
        optimizer.step()
        if step % settings.log_every == 0 or step == settings.steps - 1:
            history.steps.append(step)
            history.losses.append(value)
            bar.set_postfix(loss=f"{value:.3f}")
        if each_step:
            each_step(step, value)
    return history


def pixel_loss(logits: Tensor, batch: Batch, class_weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of the labelled pixels, by their weights if the batch has any."""
    masks, weights = (
        None if layer is None else middle(layer.to(logits.device), logits.shape[-2:])
        for layer in batch[1:]
    )
    if weights is None:
        return F.cross_entropy(logits, masks, class_weights, ignore_index=VOID)
    each = F.cross_entropy(logits, masks, class_weights, ignore_index=VOID, reduction="none")
    return (each * weights).sum() / (weights * (masks != VOID)).sum().clamp(min=1e-9)


def middle(layer: Tensor, size: tuple[int, int]) -> Tensor:
    """The middle (..., h, w) of (..., H, W)."""
    top, left = ((n - m) // 2 for n, m in zip(layer.shape[-2:], size, strict=True))
    return layer[..., top : top + size[0], left : left + size[1]]


def _optimizer(network: nn.Module, settings: Settings) -> tuple[torch.optim.Optimizer, list[float]]:
    encoder, rest = [], []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        (encoder if name.startswith("encoder.") else rest).append(parameter)
    rates = [settings.learning_rate, settings.learning_rate * settings.encoder_factor]
    groups = [{"params": rest, "lr": rates[0]}]
    if encoder and settings.encoder_factor == 0:
        for parameter in encoder:
            parameter.requires_grad_(False)
        encoder = []
    if encoder:
        groups.append({"params": encoder, "lr": rates[1]})
    common = {"weight_decay": settings.weight_decay, "fused": True}
    if settings.optimizer == "sgd":
        optimizer = torch.optim.SGD(groups, momentum=settings.momentum, **common)
    else:
        optimizer = torch.optim.AdamW(groups, **common)
    return optimizer, rates[: len(groups)]
