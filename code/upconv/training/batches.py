"""What a training step sees: seeded, as if all steps were made at once, and made ahead."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from upconv.checks import check_pair
from upconv.data.sets import VOID, SegmentationSet
from upconv.pixels import to_pixels
from upconv.training import augment
from upconv.training.settings import Settings

Made = TypeVar("Made")


MAKERS = 8  # threads at most that make batches for a GPU


def makers(device: torch.device) -> int:
    """How many threads make batches: one beside a network on the processor, which wants all cores.

    A GPU is done with a batch before one thread has made the next: each core but one makes some.
    """
    if device.type == "cpu":
        return 1
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(MAKERS, (here or 1) - 1))


class Ahead(Generic[Made]):
    """Batches by their step; while the device works on one, the next are made in threads.

    Parameters
    ----------
    make
        From a step to its batch; called in several threads at once.
    steps
        Of the run: after the last there is no next.
    history
        Its ``waited`` grows by the seconds for which a batch is waited for.
    device
        What the batches are for. A GPU fetches them itself, while others work, from memory that
        the system may not move.
    """

    def __init__(
        self, make: Callable[[int], Made], steps: int, history: Any, device: torch.device
    ) -> None:
        pin = device.type == "cuda"
        self._make = (lambda step: _pinned(make(step))) if pin else make
        self._steps, self._history = steps, history
        self._count = makers(device)
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="batches")
        self._next: dict[int, Future[Made]] = {}

    def __enter__(self) -> Ahead[Made]:
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def __call__(self, step: int) -> Made:
        began = time.perf_counter()
        future = self._next.pop(step, None)
        batch = future.result() if future else self._make(step)
        self._history.waited += time.perf_counter() - began
        for later in range(step + 1, min(step + 1 + self._count, self._steps)):
            if later not in self._next:
                self._next[later] = self._threads.submit(self._make, later)
        return batch


def _pinned(made: Any) -> Any:
    if isinstance(made, tuple):
        return type(made)(*map(_pinned, made))
    return None if made is None else made.pin_memory()


class Batch(NamedTuple):
    """Images (N, C, h, w) in [0, 1], masks (N, h, w) of int64, weights (N, h, w) or None."""

    images: Tensor
    masks: Tensor
    weights: Tensor | None


def make_batch(
    data: SegmentationSet,
    settings: Settings,
    step: int,
    channels: int = 3,
    share: slice = slice(None),
) -> Batch:
    """The batch of a step: it depends on the seed and the step alone, so a run can go on anywhere.

    Where an image is smaller than the crop, masks hold ``VOID``; warped crops are mirrored there.

    With ``share``, only these images of the batch: exactly as they are in the whole one.
    """
    rng = np.random.default_rng([settings.seed, step])
    own = range(settings.batch)[share]
    cuts: list[tuple[Cut, list[np.ndarray]]] = []
    for number, index in enumerate(places_of(step, settings, len(data), stream=1)):
        if number not in own:  # drawn, but not made
            _draw_cut(rng, data.masks[index].shape, settings)
            continue
        layers = [*data[index]]
        if data.weights is not None:
            layers.append(data.weights[index])
        cuts.append((_draw_cut(rng, layers[1].shape, settings), layers))
    images: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for cut, layers in cuts:
        for stack, layer in zip((images, masks, weights), cut(layers), strict=False):
            stack.append(layer)
    pixels = to_pixels(np.stack(images), channels)
    if settings.jitter:
        size = (settings.batch, channels, 1, 1)
        gain = rng.uniform(1 - settings.jitter, 1 + settings.jitter, size)
        offset = rng.uniform(-settings.jitter, settings.jitter, (settings.batch, 1, 1, 1)) / 2
        gain, offset = (torch.from_numpy(drawn[share]).float() for drawn in (gain, offset))
        pixels = (pixels * gain + offset).clamp(0, 1)
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


Cut = Callable[[list[np.ndarray]], list[np.ndarray]]  # of image, mask and, if any, weights


def _draw_cut(rng: np.random.Generator, shape: tuple[int, ...], settings: Settings) -> Cut:
    """A random cut from an image of that shape, to be made now or by nobody."""
    (height, width), size = shape, check_pair("crop", settings.crop, 1)
    low, high = settings.zoom
    factor = math.exp(rng.uniform(math.log(low), math.log(high))) if high > low else low
    if settings.warps:
        warp = augment.draw(
            rng,
            (height, width),
            size,
            zoom=factor,
            rotate=settings.rotate,
            elastic=settings.elastic,
            mirror=settings.flip,
            upside_down=settings.upside_down,
        )
        return partial(_warped, warp, size)
    room = zip(_enlarged((height, width), factor), size, strict=True)
    top, left = (int(rng.integers(max(n - m, 0) + 1)) for n, m in room)
    mirror = settings.flip and rng.random() < 0.5
    return partial(_cropped, factor, (top, left), size, mirror)


def _cropped(
    factor: float,
    corner: tuple[int, int],
    size: tuple[int, int],
    mirror: bool,
    layers: list[np.ndarray],
) -> list[np.ndarray]:
    image, mask, *weight = layers
    if factor != 1:
        image, mask, *weight = _enlarge(image, mask, factor, *weight)
    top, left = corner
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


def _warped(
    warp: augment.Warp, size: tuple[int, int], layers: list[np.ndarray]
) -> list[np.ndarray]:
    where = warp.coordinates(size)
    return [augment.sample(layer, where, nearest=place == 1) for place, layer in enumerate(layers)]


def _enlarged(shape: tuple[int, ...], factor: float) -> tuple[int, int]:
    height, width = (max(1, round(n * factor)) for n in shape)
    return height, width


def _enlarge(
    image: np.ndarray, mask: np.ndarray, factor: float, *weight: np.ndarray
) -> list[np.ndarray]:
    from PIL import Image

    height, width = _enlarged(mask.shape, factor)
    resized = Image.fromarray(image).resize(
        (width, height), Image.Resampling.BILINEAR, reducing_gap=2.0
    )
    # Nearest: a mean of class numbers is another class.
    labels = Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)
    weights = [
        Image.fromarray(w).resize((width, height), Image.Resampling.BILINEAR) for w in weight
    ]
    return [np.asarray(layer) for layer in (resized, labels, *weights)]


def middle(layer: Tensor, size: tuple[int, int]) -> Tensor:
    """The middle (..., h, w) of (..., H, W)."""
    top, left = ((n - m) // 2 for n, m in zip(layer.shape[-2:], size, strict=True))
    return layer[..., top : top + size[0], left : left + size[1]]
