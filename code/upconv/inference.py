"""Inference with trained networks: small images at once, large ones tile by tile."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import Any, cast

import numpy as np
from tqdm.auto import tqdm

from upconv.packages import needed

with needed("upconv.inference"):
    import torch
    from torch import Tensor, nn

from upconv.checks import BYTE, as_array, check_integer, refuse
from upconv.data._scaling import scale_image
from upconv.data.sets import SegmentationSet
from upconv.deprecated import moved, renamed
from upconv.device import inferring
from upconv.metrics.instances import (
    RandAndInfo,
    by_threshold,
    components,
    half_and_best,
    mean_precision,
    precision_of,
    rand_and_info_scores,
    skeletonized,
)
from upconv.metrics.segmentation import Scores, SegmentationScores
from upconv.ops import unet_size
from upconv.pixels import to_pixels
from upconv.tiles import Side, stretched
from upconv.torch import pad_with_mean

# Pixels that a network sees at once: of small images together, or of a window of a larger one.
LARGE = 2**20

__all__ = [
    "InstanceScores",
    "evaluate",
    "evaluate_instances",
    "generate",
    "predict",
    "predict_tiles",
    "probabilities",
]


def predict(
    network: nn.Module,
    images: np.ndarray,
    *,
    tile: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    progress: bool = False,
) -> np.ndarray:
    """Predict class numbers (N, H, W), uint8, for images (N, H, W, 3) or (N, H, W), uint8.

    The result is uint16 for more than 256 classes and uint32 for more than 65,536.

    Memory is bounded for images of any size: those above ``LARGE`` pixels are predicted window by
    window. Windows overlap by the extent of the network's convolutions and end where the image
    does, so that the result is the same as at once (not with group norm, whose statistics are
    those of the window). A network without padding always predicts tile by tile.

    A network that was trained on images scaled down has an ``image_size``: larger images are scaled
    to this longer side, and the probabilities interpolated to the image's own size.

    Parameters
    ----------
    tile
        Side of the tiles, in pixels, also for small images; by default what ``LARGE`` allows.
    progress
        Show a progress bar for large images on a terminal.

    Raises
    ------
    ValueError
        If ``tile`` is below 1.

    Examples
    --------
    >>> network = torch.nn.Conv2d(3, 2, 1, bias=False)  # two classes: how red, how green
    >>> weight = torch.nn.init.dirac_(network.weight)
    >>> image = np.array([[[255, 0, 0], [0, 255, 0]]], np.uint8)  # a red and a green pixel
    >>> predict(network, image[None]).tolist()
    [[[0, 1]]]
    """
    return _found(network, images, False, tile, device, precision, progress)


@renamed(views="tta")
def probabilities(
    network: nn.Module,
    images: np.ndarray,
    *,
    tta: int = 1,
    device: str = "auto",
    precision: str = "auto",
) -> np.ndarray:
    """Predict probabilities (N, classes, H, W), float32: the softmax of the logits.

    ``tta`` from 2 to 8 average over that number of rotated and mirrored versions of the images
    (test-time augmentation). The U-Net paper averages 7 rotated versions.

    Raises
    ------
    ValueError
        If ``tta`` is not from 1 to 8.

    Examples
    --------
    >>> network = torch.nn.Conv2d(3, 2, 1, bias=False)  # two classes: how red, how green
    >>> weight = torch.nn.init.dirac_(network.weight)
    >>> image = np.array([[[255, 0, 0], [0, 255, 0]]], np.uint8)  # a red and a green pixel
    >>> (100 * probabilities(network, image[None])).round().astype(int).tolist()
    [[[[73, 27]], [[27, 73]]]]
    """
    if not 1 <= tta <= 8:
        refuse("tta", tta, "1 to 8")
    total = 0.0
    for view in range(tta):
        quarters, mirror = view % 4, view >= 4
        seen = np.rot90(images[:, :, ::-1] if mirror else images, quarters, (1, 2))
        found = _found(
            network, np.ascontiguousarray(seen), True, device=device, precision=precision
        )
        found = np.rot90(found, -quarters, (2, 3))
        total = total + (found[..., ::-1] if mirror else found)
    return np.ascontiguousarray(total / tta, np.float32)


def _found(
    network: nn.Module, images: np.ndarray, softmax: bool, tile: int | None = None,
    device: str = "auto", precision: str = "auto", progress: bool = False,
) -> np.ndarray:  # fmt: skip
    """Class numbers or probabilities of images of one size."""
    height, width = images.shape[1:3]
    size = getattr(network, "image_size", None)
    if size is not None and max(height, width) > size:
        more = (True, tile, device, precision, progress)
        smaller = (_found(network, scale_image(image, size)[None], *more) for image in images)
        return np.stack([stretched(found[0], (height, width), softmax) for found in smaller])
    if not getattr(network, "padded", True):
        tiled = partial(
            predict_tiles, network, tile=256 if tile is None else tile, softmax=softmax,
            device=device, precision=precision, progress=progress,
        )  # fmt: skip
        return np.stack([tiled(image) for image in images])
    with inferring(network, device, precision) as where:
        if tile is not None or height * width > LARGE:
            found = [_by_windows(network, one, where, softmax, tile, progress) for one in images]
            return found[0][None] if len(found) == 1 else np.stack(found)
        count = max(1, LARGE // max(1, height * width))
        parts = [
            _answer(_logits(network, images[start : start + count], where), softmax)
            for start in range(0, max(1, len(images)), count)
        ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _answer(logits: Tensor, softmax: bool) -> np.ndarray:
    return logits.float().softmax(1).cpu().numpy() if softmax else _labels(logits)


def _labels(logits: torch.Tensor) -> np.ndarray:
    """Return the most likely class of each pixel, in the smallest dtype that holds all classes."""
    classes = logits.shape[1]
    found = logits.argmax(1)
    if classes <= 256:  # converted before the transfer: an eighth of the bytes
        return found.to(torch.uint8).cpu().numpy()
    return found.cpu().numpy().astype(np.min_scalar_type(classes - 1))


def _logits(network: nn.Module, images: np.ndarray, where: torch.device) -> Tensor:
    logits: Tensor = network(_pixels(network, images, where))
    return logits


def _pixels(network: nn.Module, images: np.ndarray, where: torch.device) -> Tensor:
    channels, scale = getattr(network, "in_channels", 3), getattr(network, "value_range", BYTE)
    return to_pixels(np.array(images), channels, scale, where)


def _by_windows(
    network: nn.Module, image: np.ndarray, where: torch.device, softmax: bool,
    tile: int | None, progress: bool,
) -> np.ndarray:  # fmt: skip
    """Class numbers or probabilities of a large image, the same as at once."""
    height, width = image.shape[:2]
    if not height * width:
        refuse("image", f"shape {image.shape}", "at least one pixel")
    margin = _tiling(network, 1, None)[1]
    if tile is None:
        tile = max(256, isqrt(LARGE) - 2 * margin)
    tile = _tiling(network, tile, None)[0]
    centered = getattr(network, "centered", False)
    sides = [Side(n, _multiple(network), centered) for n in (height, width)]
    # As in the network itself, the mean is subtracted and added only where something is missing.
    padded = centered and any(side.whole != side.size for side in sides)
    rows, columns = (side.windows(min(tile, side.whole), margin) for side in sides)
    result = np.empty(0)  # until the first window says how many classes there are
    bar = tqdm(
        total=len(rows) * len(columns), disable=None if progress else True, unit="tile",
        file=sys.stderr,
    )  # fmt: skip
    with bar:
        for row in rows:
            for column in columns:
                pixels = _pixels(network, image[None, row.seen, column.seen], where)
                if padded:
                    pixels = pad_with_mean(pixels, (*column.missing, *row.missing))
                logits = network(pixels)[..., row.kept, column.kept]
                found = _answer(logits, softmax)[0]
                if not result.size:
                    result = np.empty((*found.shape[:-2], height, width), found.dtype)
                result[..., row.place, column.place] = found
                bar.update()
    return result


def predict_tiles(
    network: nn.Module,
    image: np.ndarray,
    *,
    tile: int = 256,
    margin: int | None = None,
    batch: int = 4,
    softmax: bool = False,
    device: str = "auto",
    precision: str = "auto",
    progress: bool = False,
) -> np.ndarray:
    """Segment an image of any size with bounded memory, by the overlap-tile strategy.

    The network sees every tile with a margin of image around it, mirrored beyond the border;
    only the tile itself is kept (figure 2 of Ronneberger, Fischer & Brox 2015). A margin that
    covers the receptive field leaves no seams.

    Parameters
    ----------
    image : (H, W) or (H, W, 3), uint8
    tile
        Side of the tiles, in pixels; at most the image's longer side, then rounded up to a
        multiple of the network's total pooling stride.
    margin
        Pixels of context around each tile. Defaults to the extent of the network's convolutions;
        a network without padding determines its own.
    batch
        Tiles per forward pass.
    softmax
        Return probabilities (classes, H, W), float32, instead of class numbers (H, W) as in
        :func:`predict`.

    Raises
    ------
    ValueError
        If ``tile`` is below 1, ``margin`` is negative, or a network without padding gets a margin.

    Examples
    --------
    >>> network = torch.nn.Conv2d(3, 2, 1, bias=False)  # two classes: how red, how green
    >>> weight = torch.nn.init.dirac_(network.weight)
    >>> image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    >>> labels = predict_tiles(network, image, tile=32, margin=0)
    >>> bool((labels == predict(network, image[None])[0]).all())
    True
    """
    height, width = image.shape[:2]
    if not height * width:
        refuse("image", f"shape {image.shape}", "at least one pixel")
    check_integer("batch", batch, 1)
    if getattr(network, "tile", None) is None:  # an exported file may have a fixed tile size
        tile = min(tile, max(height, width))
    tile, margin, seen, cut = _tiling(network, tile, margin)
    corners = _corners(network, (height, width), tile)
    result = np.empty(0)  # until the first tiles say how many classes there are
    bar = tqdm(total=len(corners), disable=None if progress else True, unit="tile", file=sys.stderr)
    with bar, inferring(network, device, precision) as where:
        for start in range(0, len(corners), batch):
            some = corners[start : start + batch]
            logits = _logits(network, _views(image, some, margin, seen), where)
            logits = logits[..., cut : cut + tile, cut : cut + tile]
            found = _answer(logits, softmax)
            if not result.size:
                result = np.empty((*found.shape[1:-2], height, width), found.dtype)
            for (top, left), values in zip(some, found, strict=True):
                _put(result, values, top, left)
            bar.update(len(some))
    return result


def _corners(network: nn.Module, size: tuple[int, int], tile: int) -> list[tuple[int, int]]:
    """Return the row and column at which each tile begins."""
    # Aligned with a forward pass over the whole image: otherwise the pooling grids would differ.
    step = _multiple(network) if getattr(network, "centered", False) else 1
    rows, columns = (range(-(-n % step // 2), n, tile) for n in size)
    return [(top, left) for top in rows for left in columns]


def _views(image: np.ndarray, corners: list[tuple[int, int]], margin: int, seen: int) -> np.ndarray:
    """Extract each tile with its context, (tiles, seen, seen, …)."""
    height, width = image.shape[:2]
    windows = [
        np.ix_(
            mirrored(top - margin, top - margin + seen, height),
            mirrored(left - margin, left - margin + seen, width),
        )
        for top, left in corners
    ]
    return np.stack([image[window] for window in windows])


def _put(result: np.ndarray, values: np.ndarray, top: int, left: int) -> None:
    """Write a tile into the result, cropped at the image's border."""
    height, width = result.shape[-2:]
    values = values[..., max(-top, 0) : height - top, max(-left, 0) : width - left]
    top, left = max(top, 0), max(left, 0)
    result[..., top : top + values.shape[-2], left : left + values.shape[-1]] = values


def _tiling(network: nn.Module, tile: int, margin: int | None) -> tuple[int, int, int, int]:
    """Return a tile's side, the pixels seen before it and in total, and where its logits begin."""
    if tile < 1:
        refuse("tile", tile, "at least 1")
    if margin is not None and margin < 0:
        refuse("margin", margin, "at least 0")
    if not getattr(network, "padded", True):
        if margin is not None:
            refuse("margin", margin, "None for a network without padding")
        # The next tile begins where the pooling grids align again.
        step, depth = _multiple(network), cast(int, network.depth)
        seen, out = unet_size(-(-tile // step) * step, depth)
        return out // step * step, (seen - out) // 2, seen, 0
    step = _multiple(network)
    if margin is None:
        margin = getattr(network, "context_margin", 192)
    tile, margin = (-(-n // step) * step for n in (tile, margin))
    return tile, margin, tile + 2 * margin, margin


def _multiple(network: nn.Module) -> int:
    """What the sides of an image must be multiples of, for the network's poolings to divide."""
    return getattr(network, "multiple", 1)


def mirrored(start: int, stop: int, size: int) -> np.ndarray:
    """Return indices start … stop − 1 into a row of pixels, reflected at its ends as often as
    needed: [2, 1, 0, 1, 2, 1, 0] for (−2, 5, 3)."""
    places = np.arange(start, stop)
    if size == 1:
        return np.zeros_like(places)
    places = np.abs(places) % (2 * size - 2)
    return np.minimum(places, 2 * size - 2 - places)


def evaluate(
    network: nn.Module,
    data: SegmentationSet,
    *,
    batch: int = 16,
    device: str = "auto",
    precision: str = "auto",
) -> Scores:
    """Compute a network's scores on a set, in bounded memory as :func:`predict`.

    Successive images of one size are predicted at once, at most ``batch`` and ``LARGE`` pixels.

    Examples
    --------
    >>> from upconv.data import SegmentationSet
    >>> network = torch.nn.Conv2d(3, 2, 1, bias=False)  # two classes: how red, how green
    >>> weight = torch.nn.init.dirac_(network.weight)
    >>> images = np.array([[[[255, 0, 0], [0, 255, 0]]]], np.uint8)
    >>> data = SegmentationSet("pixels", ("red", "green"), images, np.array([[[0, 0]]], np.uint8))
    >>> evaluate(network, data).pixel_accuracy  # the mask labels the green pixel as red
    0.5
    """
    scores = SegmentationScores(len(data.classes))
    for group in _groups(data, batch):
        images = np.stack([image for image, _ in group])
        predicted = predict(network, images, device=device, precision=precision)
        for prediction, (_, mask) in zip(predicted, group, strict=True):
            scores.add(prediction, mask)
    return scores.scores()


def _groups(data: SegmentationSet, batch: int) -> Iterator[list[tuple[np.ndarray, np.ndarray]]]:
    """Successive pairs whose images have one size: few enough to be predicted at once."""
    group: list[tuple[np.ndarray, np.ndarray]] = []
    for pair in data:
        most = min(batch, LARGE // max(1, pair[1].size))
        if group and (group[0][0].shape != pair[0].shape or len(group) >= most):
            yield group
            group = []
        group.append(pair)
    if group:
        yield group


@dataclass
class InstanceScores:
    """Pixel-level and instance-level scores of one set.

    ``best_pixel_error`` is the error at the best of many thresholds. ``half`` and ``best``: V_rand
    and V_info at threshold ½ and at the best one; the same unless class 0 is a membrane.
    ``average_precision``: one value per IoU threshold.
    """

    pixels: Scores
    best_pixel_error: float
    half: RandAndInfo
    best: RandAndInfo
    average_precision: dict[float, float]

    def asdict(self) -> dict[str, Any]:
        return {
            "pixel_error": self.pixels.pixel_error,
            "best_pixel_error": self.best_pixel_error,
            "mean_iou": self.pixels.mean_iou,
            "class_iou": self.pixels.class_iou,
            "class_dice": self.pixels.class_dice,
            "v_rand": self.half.v_rand,
            "v_info": self.half.v_info,
            "best_v_rand": self.best.v_rand,
            "best_v_info": self.best.v_info,
            "average_precision": self.average_precision,
        }


@renamed(views="tta")
def evaluate_instances(
    network: nn.Module,
    data: SegmentationSet,
    *,
    smallest: int = 1,
    tta: int = 1,
    device: str = "auto",
    precision: str = "auto",
) -> InstanceScores:
    """Compute a two-class network's scores on a set with instances; class 1 is their inside.

    If class 0 is called "membrane", instances are the regions between thinned membranes;
    otherwise the connected regions of class 1 with at least ``smallest`` pixels.

    Raises
    ------
    ValueError
        If the set has no instances, or does not have two classes.

    Examples
    --------
    >>> from upconv.data import SegmentationSet
    >>> network = torch.nn.Conv2d(3, 2, 1, bias=False)  # two classes: how red, how green
    >>> weight = torch.nn.init.dirac_(network.weight)
    >>> masks = np.array([[[1, 1, 0, 1, 1]]], np.uint8)
    >>> images = np.where(masks[..., None], (0, 255, 0), (255, 0, 0)).astype(np.uint8)
    >>> numbers = np.array([[[1, 1, 0, 2, 2]]])
    >>> data = SegmentationSet("leaves", ("soil", "leaf"), images, masks, instances=numbers)
    >>> evaluate_instances(network, data).half
    RandAndInfo(v_rand=1.0, v_info=1.0)
    """
    if data.instances is None or len(data.classes) != 2:
        got = f"{data.name}, {len(data.classes)} classes"
        refuse("data", got, "a set of two classes with instances")
    seen = partial(probabilities, network, tta=tta, device=device, precision=precision)
    membrane, pixels = data.classes[0] == "membrane", SegmentationScores(2)
    tables, each, precisions = [], [], []
    thresholds = np.arange(0.05, 1, 0.05)
    wrong = []
    for (image, mask), truth in zip(data, data.instances, strict=True):  # one at a time in memory
        found = seen(image[None])[0, 1]
        pixels.add((found > 0.5).astype(np.uint8), mask)
        wrong.append([((found > t) != (mask > 0)).mean() for t in thresholds])
        if membrane:
            tables.append(by_threshold(truth, found))
            objects = skeletonized(found > 0.5)
        else:
            objects = components(found > 0.5, smallest)
            each.append(rand_and_info_scores(truth, objects))
        precisions.append(precision_of(truth, objects))
    if membrane:
        half, best = half_and_best(tables)
    else:
        half = best = RandAndInfo(*np.mean(each, axis=0).tolist())
    least = float(min(np.mean(column) for column in zip(*wrong, strict=True)))
    return InstanceScores(pixels.scores(), least, half, best, mean_precision(precisions))


def generate(
    generator: nn.Module,
    noise: np.ndarray | Tensor,
    *,
    device: str = "auto",
    precision: str = "auto",
    batch: int = 256,
) -> np.ndarray:
    """Generate images (N, H, W) or (N, H, W, 3), uint8, from noise (N, latent).

    Raises
    ------
    ValueError
        If the noise is not a numeric array of that shape.

    Examples
    --------
    >>> from upconv.torch import Generator
    >>> generator = Generator(size=32, channels=1, latent=10, base_channels=8)
    >>> images = generate(generator, np.zeros((2, 10)))
    >>> images.shape, np.unique(images).tolist()  # untrained, zeros give gray
    ((2, 32, 32), [128])
    """
    expected = f"numbers (N, {generator.latent})"
    if isinstance(noise, Tensor):
        given = noise.detach().cpu()
    else:
        given = as_array("noise", noise, np.float32, expected)
    if given.ndim != 2 or given.shape[1] != generator.latent:
        refuse("noise", f"shape {tuple(given.shape)}", expected)
    noise = torch.as_tensor(given, dtype=torch.float32)
    with inferring(generator, device, precision) as where:
        drawn = [generator(part.to(where)).float().cpu() for part in noise.split(batch)]
    images = ((torch.cat(drawn) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    images = images.permute(0, 2, 3, 1).numpy()
    return images[..., 0] if images.shape[-1] == 1 else images


__getattr__ = moved(
    "upconv.inference",
    {
        "ObjectScores": "upconv.inference.InstanceScores",
        "draw": "upconv.inference.generate",
        "evaluate_objects": "upconv.inference.evaluate_instances",
    },
)
