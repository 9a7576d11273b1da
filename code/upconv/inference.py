"""What a trained network says: of small images at once, of large ones tile by tile."""

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

from upconv.checks import as_array, check_integer, refuse
from upconv.data.sets import SegmentationSet
from upconv.device import inferring
from upconv.metrics.instances import (
    Agreement,
    agreement,
    average_precision,
    best_agreement,
    components,
    thinned,
)
from upconv.metrics.segmentation import Scores, SegmentationScores
from upconv.ops import unet_size
from upconv.pixels import to_pixels

__all__ = [
    "ObjectScores",
    "draw",
    "evaluate",
    "evaluate_objects",
    "predict",
    "predict_tiles",
    "probabilities",
]


def predict(
    network: nn.Module, images: np.ndarray, *, device: str = "auto", precision: str = "auto"
) -> np.ndarray:
    """Class numbers (N, H, W), uint8, of images (N, H, W, 3) or (N, H, W), uint8.

    Of a network of more than 256 classes they are uint16, of more than 65,536 uint32.
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


def probabilities(
    network: nn.Module,
    images: np.ndarray,
    *,
    views: int = 1,
    device: str = "auto",
    precision: str = "auto",
) -> np.ndarray:
    """Probabilities (N, classes, H, W), float32: the softmax of the logits.

    With ``views`` from 2 to 8, the mean over so many rotations and mirrorings of the images. The
    U-Net paper averages 7 rotated versions.

    Raises
    ------
    ValueError
        If ``views`` is not from 1 to 8.

    Examples
    --------
    >>> network = torch.nn.Conv2d(3, 2, 1, bias=False)  # two classes: how red, how green
    >>> weight = torch.nn.init.dirac_(network.weight)
    >>> image = np.array([[[255, 0, 0], [0, 255, 0]]], np.uint8)  # a red and a green pixel
    >>> (100 * probabilities(network, image[None])).round().astype(int).tolist()
    [[[[73, 27]], [[27, 73]]]]
    """
    if not 1 <= views <= 8:
        refuse("views", views, "1 to 8")
    total = 0.0
    for view in range(views):
        quarters, mirror = view % 4, view >= 4
        seen = np.rot90(images[:, :, ::-1] if mirror else images, quarters, (1, 2))
        found = _softmax(network, np.ascontiguousarray(seen), device, precision)
        found = np.rot90(found, -quarters, (2, 3))
        total = total + (found[..., ::-1] if mirror else found)
    return np.ascontiguousarray(total / views, np.float32)


def _softmax(network: nn.Module, images: np.ndarray, device: str, precision: str) -> np.ndarray:
    if getattr(network, "padded", True):
        with inferring(network, device, precision) as where:
            return _logits(network, images, where).float().softmax(1).cpu().numpy()
    tiled = partial(predict_tiles, network, softmax=True, device=device, precision=precision)
    return np.stack([tiled(image) for image in images])


def _labels(logits: torch.Tensor) -> np.ndarray:
    """The most likely class of each pixel, in the smallest dtype that holds them all."""
    classes = logits.shape[1]
    found = logits.argmax(1)
    if classes <= 256:  # before it is fetched: an eighth of the bytes
        return found.to(torch.uint8).cpu().numpy()
    return found.cpu().numpy().astype(np.min_scalar_type(classes - 1))


def _logits(network: nn.Module, images: np.ndarray, where: torch.device) -> Tensor:
    pixels = to_pixels(np.array(images), getattr(network, "channels", 3))
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
    """Overlap-tile: segment an image of any size with bounded memory.

    Every tile is seen with a margin around it, of the image or, beyond its border, mirrored;
    only the tile itself is kept (figure 2 of Ronneberger, Fischer & Brox 2015). With a margin
    as wide as what a unit sees, no seam is left.

    Parameters
    ----------
    image : (H, W) or (H, W, 3), uint8
    tile
        Side of the tiles, in pixels; rounded up to what the network's poolings divide, and no
        larger than the image.
    margin
        Pixels seen around each tile. By default what the network's convolutions reach; a
        network without padding has no choice.
    batch
        Tiles at once.
    softmax
        Return probabilities (classes, H, W), float32, instead of class numbers (H, W), as of
        :func:`predict`.

    Raises
    ------
    ValueError
        For a tile below 1, a negative margin, or a margin for a network without padding.

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
    if getattr(network, "tile", None) is None:  # a file's may have one size of tile only
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
    """Row and column at which each tile begins."""
    # Where the network would begin, too, were the image seen as a whole: else the poolings of the
    # two would be out of step.
    step = _multiple(network) if getattr(network, "centred", False) else 1
    rows, columns = (range(-(-n % step // 2), n, tile) for n in size)
    return [(top, left) for top in rows for left in columns]


def _views(image: np.ndarray, corners: list[tuple[int, int]], margin: int, seen: int) -> np.ndarray:
    """What is seen of the image for each tile, (tiles, seen, seen, …)."""
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
    """Write a tile where it belongs, but for what of it lies beyond the border."""
    height, width = result.shape[-2:]
    values = values[..., max(-top, 0) : height - top, max(-left, 0) : width - left]
    top, left = max(top, 0), max(left, 0)
    result[..., top : top + values.shape[-2], left : left + values.shape[-1]] = values


def _tiling(network: nn.Module, tile: int, margin: int | None) -> tuple[int, int, int, int]:
    """Side of a tile, pixels seen before it and in all, and where the logits of it begin."""
    if tile < 1:
        refuse("tile", tile, "at least 1")
    if margin is not None and margin < 0:
        refuse("margin", margin, "at least 0")
    if not getattr(network, "padded", True):
        if margin is not None:
            refuse("margin", margin, "none for a network without padding")
        # The next tile begins where the poolings are in step again.
        step, depth = _multiple(network), cast(int, network.depth)
        seen, out = unet_size(-(-tile // step) * step, depth)
        return out // step * step, (seen - out) // 2, seen, 0
    step = _multiple(network)
    if margin is None:
        margin = getattr(network, "rim", 192)
    tile, margin = (-(-n // step) * step for n in (tile, margin))
    return tile, margin, tile + 2 * margin, margin


def _multiple(network: nn.Module) -> int:
    """What the sides of an image must be multiples of, for the network's poolings to divide."""
    return getattr(network, "multiple", 1)


def mirrored(start: int, stop: int, size: int) -> np.ndarray:
    """Indices start … stop − 1 of a line of pixels, mirrored at its ends as often as needed:
    [2, 1, 0, 1, 2, 1, 0] for (−2, 5, 3)."""
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
    """Scores of a network on a set; images of equal size are predicted together.

    Examples
    --------
    >>> from upconv.data import SegmentationSet
    >>> network = torch.nn.Conv2d(3, 2, 1, bias=False)  # two classes: how red, how green
    >>> weight = torch.nn.init.dirac_(network.weight)
    >>> images = np.array([[[[255, 0, 0], [0, 255, 0]]]], np.uint8)
    >>> data = SegmentationSet("pixels", ("red", "green"), images, np.array([[[0, 0]]], np.uint8))
    >>> evaluate(network, data).pixel_accuracy  # the mask takes the green pixel for red
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
class ObjectScores:
    """Of one set, pixel by pixel and object by object.

    ``best_pixel_error`` is at the best of many thresholds. ``half`` and ``best``: V_rand and
    V_info after thinning, at the threshold ½ and at the best one. ``average_precision``: for each
    threshold of IoU.
    """

    pixels: Scores
    best_pixel_error: float
    half: Agreement
    best: Agreement
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


def evaluate_objects(
    network: nn.Module,
    data: SegmentationSet,
    *,
    smallest: int = 1,
    views: int = 1,
    device: str = "auto",
    precision: str = "auto",
) -> ObjectScores:
    """Scores of a network of two classes on a set with instances; class 1 is inside of objects.

    Where class 0 is a membrane, objects are what is left between thinned membranes; else the
    connected regions of class 1 with at least ``smallest`` pixels.

    Raises
    ------
    ValueError
        If the set has no instances, or not two classes.

    Examples
    --------
    >>> from upconv.data import SegmentationSet
    >>> network = torch.nn.Conv2d(3, 2, 1, bias=False)  # two classes: how red, how green
    >>> weight = torch.nn.init.dirac_(network.weight)
    >>> masks = np.array([[[1, 1, 0, 1, 1]]], np.uint8)
    >>> images = np.where(masks[..., None], (0, 255, 0), (255, 0, 0)).astype(np.uint8)
    >>> numbers = np.array([[[1, 1, 0, 2, 2]]])
    >>> data = SegmentationSet("leaves", ("soil", "leaf"), images, masks, instances=numbers)
    >>> evaluate_objects(network, data).half
    Agreement(v_rand=1.0, v_info=1.0)
    """
    if data.instances is None or len(data.classes) != 2:
        got = f"{data.name}, {len(data.classes)} classes"
        refuse("data", got, "a set of two classes with instances")
    pixels = SegmentationScores(2)
    inside = []
    seen = partial(probabilities, network, views=views, device=device, precision=precision)
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
        half, best = best_agreement(data.instances, inside)
        objects = [thinned(found > 0.5) for found in inside]
    else:
        objects = [components(found > 0.5, smallest) for found in inside]
        each = [agreement(*pair) for pair in zip(data.instances, objects, strict=True)]
        half = best = Agreement(*np.mean(each, axis=0).tolist())
    precisions = average_precision(data.instances, objects)
    return ObjectScores(pixels.scores(), float(min(wrong)), half, best, precisions)


def draw(
    generator: nn.Module,
    noise: np.ndarray | Tensor,
    *,
    device: str = "auto",
    precision: str = "auto",
    batch: int = 256,
) -> np.ndarray:
    """Images (N, H, W) or (N, H, W, 3), uint8, of noise (N, latent).

    Raises
    ------
    ValueError
        If the noise is no such array of numbers.

    Examples
    --------
    >>> from upconv.torch import Generator
    >>> images = draw(Generator(size=32, channels=1, latent=10, width=8), np.zeros((2, 10)))
    >>> images.shape, np.unique(images).tolist()  # untrained, it draws nothing of nothing: grey
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
