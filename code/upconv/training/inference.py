"""What a trained network says: of small images at once, of large ones tile by tile."""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from upconv.data.sets import SegmentationSet
from upconv.ops import unet_size
from upconv.training.loop import casting, pick_device, resolve_precision, to_pixels
from upconv.training.metrics import Scores, SegmentationScores


@torch.inference_mode()
def predict(
    network: nn.Module, images: np.ndarray, *, device: str = "auto", precision: str = "auto"
) -> np.ndarray:
    """Class numbers (N, H, W), uint8, of images (N, H, W, 3) or (N, H, W), uint8.

    A network without padding predicts tile by tile.
    """
    if getattr(network, "padded", True):
        return _logits(network, images, device, precision).argmax(1).to(torch.uint8).cpu().numpy()
    options = {"device": device, "precision": precision}
    return np.stack([predict_tiles(network, image, **options) for image in images])


@torch.inference_mode()
def probabilities(
    network: nn.Module, images: np.ndarray, *, device: str = "auto", precision: str = "auto"
) -> np.ndarray:
    """Probabilities (N, classes, H, W), float32: the softmax of the logits."""
    if getattr(network, "padded", True):
        return _logits(network, images, device, precision).float().softmax(1).cpu().numpy()
    options = {"device": device, "precision": precision, "softmax": True}
    return np.stack([predict_tiles(network, image, **options) for image in images])


def _logits(network, images, device, precision) -> torch.Tensor:
    where = pick_device(device)
    network = network.to(where, memory_format=torch.channels_last).eval()
    pixels = to_pixels(np.array(images), getattr(network, "channels", 3)).to(where)
    with casting(resolve_precision(precision, where), where):
        return network(pixels)


@torch.inference_mode()
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
        Side of the tiles, in pixels; rounded up to what the network's poolings divide.
    margin
        Pixels seen around each tile. By default what the network's convolutions reach; a
        network without padding has no choice.
    batch
        Tiles at once.
    softmax
        Return probabilities (classes, H, W), float32, instead of class numbers (H, W), uint8.

    Raises
    ------
    ValueError
        For a tile below 1, a negative margin, or a margin for a network without padding.
    """
    tile, margin, seen, cut = _tiling(network, tile, margin)
    height, width = image.shape[:2]
    corners = [(top, left) for top in range(0, height, tile) for left in range(0, width, tile)]
    result = None if softmax else np.empty((height, width), np.uint8)
    bar = tqdm(total=len(corners), disable=None if progress else True, unit="tile", file=sys.stderr)
    with bar:
        for start in range(0, len(corners), batch):
            some = corners[start : start + batch]
            windows = [
                np.ix_(
                    mirrored(top - margin, top - margin + seen, height),
                    mirrored(left - margin, left - margin + seen, width),
                )
                for top, left in some
            ]
            views = np.stack([image[window] for window in windows])
            logits = _logits(network, views, device, precision)
            logits = logits[..., cut : cut + tile, cut : cut + tile]
            if softmax:
                found = logits.float().softmax(1).cpu().numpy()
                if result is None:
                    result = np.empty((found.shape[1], height, width), np.float32)
            else:
                found = logits.argmax(1).to(torch.uint8).cpu().numpy()
            for (top, left), values in zip(some, found, strict=True):
                space = result[..., top : top + tile, left : left + tile]
                space[...] = values[..., : space.shape[-2], : space.shape[-1]]
            bar.update(len(some))
    return result


def _tiling(network: nn.Module, tile: int, margin: int | None) -> tuple[int, int, int, int]:
    """Side of a tile, pixels seen before it and in all, and where the logits of it begin."""
    if tile < 1:
        raise ValueError(f"tile: got {tile}, expected at least 1")
    if margin is not None and margin < 0:
        raise ValueError(f"margin: got {margin}, expected at least 0")
    if not getattr(network, "padded", True):
        if margin is not None:
            raise ValueError(f"margin: got {margin}, expected none for a network without padding")
        # The next tile begins where the poolings are in step again.
        step = network.multiple
        seen, out = unet_size(-(-tile // step) * step, network.depth)
        return out // step * step, (seen - out) // 2, seen, 0
    step = getattr(network, "multiple", 1)
    if margin is None:
        margin = getattr(network, "rim", 192)
    tile, margin = (-(-n // step) * step for n in (tile, margin))
    return tile, margin, tile + 2 * margin, margin


def mirrored(start: int, stop: int, size: int) -> np.ndarray:
    """Indices start … stop − 1 of a line of pixels, mirrored at its ends as often as needed."""
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
    """Scores of a network on a set; images of equal size are predicted together."""
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
