"""Batches for training: seeded per step, independent of each other, and prefetched."""

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
from upconv.deprecated import renamed
from upconv.pixels import to_pixels
from upconv.training import augment
from upconv.training.settings import Settings

Made = TypeVar("Made")


MAX_WORKERS = 8  # maximum number of threads that prepare batches for a GPU


def worker_count(device: torch.device) -> int:
    """Number of threads that prepare batches: one on a CPU, where the network needs all cores.

    A GPU finishes a batch before one thread has prepared the next: it gets all cores but one, at
    most ``MAX_WORKERS``.
    """
    if device.type == "cpu":
        return 1
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(MAX_WORKERS, (here or 1) - 1))


class Prefetcher(Generic[Made]):
    """Prefetch batches by step: threads prepare the next ones while the device uses the current.

    Parameters
    ----------
    make
        Maps a step to its batch; called from several threads concurrently.
    steps
        Number of steps of the run; later ones are not prefetched.
    history
        Its ``data_wait`` accumulates the seconds spent waiting for batches.
    device
        Target of the batches. For a GPU they are put into pinned memory, so that transfers run
        asynchronously.
    """

    def __init__(
        self, make: Callable[[int], Made], steps: int, history: Any, device: torch.device
    ) -> None:
        pin = device.type == "cuda"
        self._make = (lambda step: _pinned(make(step))) if pin else make
        self._steps, self._history = steps, history
        self._count = worker_count(device)
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="batches")
        self._next: dict[int, Future[Made]] = {}

    def __enter__(self) -> Prefetcher[Made]:
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def __call__(self, step: int) -> Made:
        began = time.perf_counter()
        future = self._next.pop(step, None)
        batch = future.result() if future else self._make(step)
        self._history.data_wait += time.perf_counter() - began
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


@renamed(share="shard")
def make_batch(
    data: SegmentationSet,
    settings: Settings,
    step: int,
    channels: int = 3,
    shard: slice = slice(None),
) -> Batch:
    """Build a step's batch from the seed and the step alone, so that a run can resume anywhere.

    Where an image is smaller than the crop, masks hold ``VOID``; warped crops are reflected there.

    With ``shard``, return only these images of the batch, identical to those in the whole batch.
    """
    rng = np.random.default_rng([settings.seed, step])
    own = range(settings.batch)[shard]
    cuts: list[tuple[Cut, list[np.ndarray]]] = []
    for number, index in enumerate(places_of(step, settings, len(data), stream=1)):
        if number not in own:  # advances the generator only
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
    pixels = to_pixels(np.stack(images), channels, data.value_range)
    if settings.brightness_contrast_jitter:
        size = (settings.batch, channels, 1, 1)
        gain = rng.uniform(
            1 - settings.brightness_contrast_jitter, 1 + settings.brightness_contrast_jitter, size
        )
        offset = (
            rng.uniform(
                -settings.brightness_contrast_jitter,
                settings.brightness_contrast_jitter,
                (settings.batch, 1, 1, 1),
            )
            / 2
        )
        gain, offset = (torch.from_numpy(drawn[shard]).float() for drawn in (gain, offset))
        pixels = (pixels * gain + offset).clamp(0, 1)
    return Batch(
        pixels,
        torch.from_numpy(np.stack(masks).astype(np.int64)),
        torch.from_numpy(np.stack(weights)) if weights else None,
    )


def places_of(step: int, settings: Any, count: int, stream: int) -> list[int]:
    """Indices of a step's images among ``count``: each once per epoch, reshuffled every epoch.

    ``settings`` has ``seed`` and ``batch``; ``stream`` makes the orders of different loops differ.
    """
    numbers = range(step * settings.batch, (step + 1) * settings.batch)
    orders = {
        epoch: np.random.default_rng([settings.seed, epoch, stream]).permutation(count)
        for epoch in {number // count for number in numbers}
    }
    return [int(orders[number // count][number % count]) for number in numbers]


Cut = Callable[[list[np.ndarray]], list[np.ndarray]]  # on image, mask and optional weights


def _draw_cut(rng: np.random.Generator, shape: tuple[int, ...], settings: Settings) -> Cut:
    """Sample a random cut from an image of this shape; return it without applying it."""
    (height, width), size = shape, check_pair("crop", settings.crop, 1)
    low, high = settings.zoom
    factor = math.exp(rng.uniform(math.log(low), math.log(high))) if high > low else low
    if settings.warps:
        warp = augment.sample_transform(
            rng,
            (height, width),
            size,
            zoom=factor,
            rotate=settings.rotate,
            elastic_sigma=settings.elastic_sigma,
            mirror=settings.flip,
            vertical_flip=settings.vertical_flip,
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
    warp: augment.GeometricTransform, size: tuple[int, int], layers: list[np.ndarray]
) -> list[np.ndarray]:
    where = warp.coordinates(size)
    return [
        augment.resample(layer, where, nearest=place == 1) for place, layer in enumerate(layers)
    ]


def _enlarged(shape: tuple[int, ...], factor: float) -> tuple[int, int]:
    height, width = (max(1, round(n * factor)) for n in shape)
    return height, width


def _enlarge(
    image: np.ndarray, mask: np.ndarray, factor: float, *weight: np.ndarray
) -> list[np.ndarray]:
    from PIL import Image

    height, width = _enlarged(mask.shape, factor)
    resized = _resized(image, (width, height))
    # Nearest: the mean of two class numbers would be a third class.
    labels = Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)
    weights = [
        Image.fromarray(w).resize((width, height), Image.Resampling.BILINEAR) for w in weight
    ]
    return [np.asarray(layer) for layer in (resized, labels, *weights)]


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize an image (H, W) or (H, W, C) of any dtype to (width, height), bilinearly."""
    from PIL import Image

    def resized(layer: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(layer)
        return np.asarray(picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))

    # Of two or four channels, Pillow would take the last for opacity.
    if image.dtype == np.uint8 and image.shape[2:] in ((), (3,)):
        return resized(image)
    if image.ndim == 3:
        layers = [_resized(image[..., channel], size) for channel in range(image.shape[2])]
        return np.stack(layers, axis=2)
    found = resized(image.astype(np.float32))
    if image.dtype.kind in "iu":
        found = found.round().clip(image.min(), image.max())
    return found.astype(image.dtype)


def middle(layer: Tensor, size: tuple[int, int]) -> Tensor:
    """Center-crop (..., H, W) to (..., h, w)."""
    top, left = ((n - m) // 2 for n, m in zip(layer.shape[-2:], size, strict=True))
    return layer[..., top : top + size[0], left : left + size[1]]
