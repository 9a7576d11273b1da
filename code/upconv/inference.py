"""Inference with trained networks: small images at once, large ones tile by tile."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
from tqdm.auto import tqdm

from upconv.packages import needed

with needed("upconv.inference"):
    import torch
    from torch import Tensor, nn

from upconv.checks import BYTE, as_array, check_integer, refuse
from upconv.data.sets import SegmentationSet
from upconv.deprecated import moved, renamed
from upconv.device import inferring
from upconv.metrics.instances import (
    RandAndInfo,
    average_precision,
    best_rand_and_info_scores,
    components,
    rand_and_info_scores,
    skeletonized,
)
from upconv.metrics.segmentation import Scores, SegmentationScores
from upconv.ops import unet_size
from upconv.pixels import to_pixels

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
    network: nn.Module, images: np.ndarray, *, device: str = "auto", precision: str = "auto"
) -> np.ndarray:
    """Predict class numbers (N, H, W), uint8, for images (N, H, W, 3) or (N, H, W), uint8.

    The result is uint16 for more than 256 classes and uint32 for more than 65,536.
    A network without padding predicts tile by tile.

    Examples
    --------
    >>> network = torch.nn.Conv2d(3, 2, 1, bias=False)  # two classes: how red, how green
    >>> weight = torch.nn.init.dirac_(network.weight)
    >>> image = np.array([[[255, 0, 0], [0, 255, 0]]], np.uint8)  # a red and a green pixel
    >>> predict(network, image[None]).tolist()
    [[[0, 1]]]
    """
    if getattr(network, "padded", True):
        with inferring(network, device, precision) as where:
            return _labels(_logits(network, images, where))
    tiled = partial(predict_tiles, network, device=device, precision=precision)
    return np.stack([tiled(image) for image in images])


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
        found = _softmax(network, np.ascontiguousarray(seen), device, precision)
        found = np.rot90(found, -quarters, (2, 3))
        total = total + (found[..., ::-1] if mirror else found)
    return np.ascontiguousarray(total / tta, np.float32)


def _softmax(network: nn.Module, images: np.ndarray, device: str, precision: str) -> np.ndarray:
    if getattr(network, "padded", True):
        with inferring(network, device, precision) as where:
            return _logits(network, images, where).float().softmax(1).cpu().numpy()
    tiled = partial(predict_tiles, network, softmax=True, device=device, precision=precision)
    return np.stack([tiled(image) for image in images])


def _labels(logits: torch.Tensor) -> np.ndarray:
    """Return the most likely class of each pixel, in the smallest dtype that holds all classes."""
    classes = logits.shape[1]
    found = logits.argmax(1)
    if classes <= 256:  # converted before the transfer: an eighth of the bytes
        return found.to(torch.uint8).cpu().numpy()
    return found.cpu().numpy().astype(np.min_scalar_type(classes - 1))


def _logits(network: nn.Module, images: np.ndarray, where: torch.device) -> Tensor:
    channels, scale = getattr(network, "in_channels", 3), getattr(network, "value_range", BYTE)
    pixels = to_pixels(np.array(images), channels, scale)
    logits: Tensor = network(pixels.to(where))
    return logits


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
            found = logits.float().softmax(1).cpu().numpy() if softmax else _labels(logits)
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
    """Compute a network's scores on a set; batches of equally sized images are predicted at once.

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
    for start in range(0, len(data), batch):
        pairs = [data[i] for i in range(start, min(start + batch, len(data)))]
        alike = len({image.shape for image, _ in pairs}) == 1
        groups = [pairs] if alike else [[pair] for pair in pairs]
        for group in groups:
            images = np.stack([image for image, _ in group])
            predicted = predict(network, images, device=device, precision=precision)
            for prediction, (_, mask) in zip(predicted, group, strict=True):
                scores.add(prediction, mask)
    return scores.scores()


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
    pixels = SegmentationScores(2)
    inside = []
    seen = partial(probabilities, network, tta=tta, device=device, precision=precision)
    for image, mask in zip(data.images, data.masks, strict=True):
        found = seen(image[None])[0, 1]
        pixels.add((found > 0.5).astype(np.uint8), mask)
        inside.append(found)
    thresholds = np.arange(0.05, 1, 0.05)
    wrong = [
        np.mean([((p > t) != (m > 0)).mean() for p, m in zip(inside, data.masks, strict=True)])
        for t in thresholds
    ]
    if data.classes[0] == "membrane":
        half, best = best_rand_and_info_scores(data.instances, inside)
        objects = [skeletonized(found > 0.5) for found in inside]
    else:
        objects = [components(found > 0.5, smallest) for found in inside]
        each = [rand_and_info_scores(*pair) for pair in zip(data.instances, objects, strict=True)]
        half = best = RandAndInfo(*np.mean(each, axis=0).tolist())
    precisions = average_precision(data.instances, objects)
    return InstanceScores(pixels.scores(), float(min(wrong)), half, best, precisions)


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
