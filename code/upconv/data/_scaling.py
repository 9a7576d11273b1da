"""Images of a smaller size: scaled as a whole, or only where a crop needs it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

# Reach of Pillow's filters in pixels of the smaller image: more than that of any of them.
_REACH = 4


def scaled_shape(shape: Sequence[int], size: int | None) -> tuple[int, int]:
    """Height and width once the longer side is at most ``size``; nothing is enlarged."""
    height, width = shape[:2]
    if size is None or max(height, width) <= size:
        return height, width
    factor = size / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def scale_image(image: np.ndarray, size: int | None) -> np.ndarray:
    """Scale an image (H, W) or (H, W, C) of any dtype down to a longer side of ``size``.

    By Lanczos' filter, which takes all pixels into account, so that nothing is aliased.
    """
    shape = scaled_shape(image.shape, size)
    return image if shape == image.shape[:2] else resize(image, shape, Image.Resampling.LANCZOS)


def scale_mask(mask: np.ndarray, size: int | None) -> np.ndarray:
    """Scale a mask (H, W) like :func:`scale_image`; each pixel is the nearest one of the mask."""
    shape = scaled_shape(mask.shape, size)
    return mask if shape == mask.shape else mask[np.ix_(*map(nearest, mask.shape, shape))]


def nearest(before: int, after: int, start: int = 0, stop: int | None = None) -> np.ndarray:
    """Along one axis: which of ``before`` pixels is nearest to each of ``after``."""
    steps = np.full(after if stop is None else stop, before / after)
    steps[0] /= 2
    places = np.add.accumulate(steps).astype(np.intp)  # rounded as by Pillow, which also adds up
    return np.minimum(places, before - 1)[start:]


def resize(
    image: np.ndarray,
    shape: tuple[int, int],
    filter: Image.Resampling,
    box: tuple[float, float, float, float] | None = None,
    gap: float | None = None,
) -> np.ndarray:
    """Resize an image (H, W) or (H, W, C), or its ``box``, to a height and width; keep its dtype.

    Parameters
    ----------
    box
        Left, top, right and bottom in pixels. Only the pixels that it needs are converted.
    gap
        ``reducing_gap`` of Pillow: how much larger than the result its first, coarse step is.
    """
    if box is not None:
        image, box = _cut(image, shape, box)
    size = shape[::-1]
    if image.dtype == np.uint8 and (image.ndim == 2 or image.shape[2] == 3):
        picture = Image.fromarray(np.ascontiguousarray(image))
        return np.asarray(picture.resize(size, filter, box, gap))
    # One by one: of two or four channels, Pillow would take the last for opacity.
    layers = image.reshape(*image.shape[:2], -1)
    kind = np.uint8 if image.dtype == np.uint8 else np.float32
    pictures = [
        Image.fromarray(np.ascontiguousarray(layer, kind)) for layer in np.moveaxis(layers, 2, 0)
    ]
    found = np.stack([np.asarray(one.resize(size, filter, box, gap)) for one in pictures], axis=-1)
    if image.dtype.kind in "iu" and kind == np.float32:
        known = np.iinfo(image.dtype)
        # In double precision: the greatest of 32 bits is rounded up as a float32.
        found = found.astype(np.float64).round().clip(known.min, known.max)
    return found.reshape(*shape, *image.shape[2:]).astype(image.dtype)


def _cut(
    image: np.ndarray, shape: tuple[int, int], box: tuple[float, float, float, float]
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Cut out what a box and the filter's reach need; the box is then relative to it."""
    starts, stops = [], []
    for before, after, low, high in zip(image.shape, shape, box[1::-1], box[:1:-1], strict=False):
        reach = math.ceil(_REACH * max(1, (high - low) / after)) + 1
        starts.append(max(0, math.floor(low) - reach))
        stops.append(min(before, math.ceil(high) + reach))
    (top, left), (bottom, right) = starts, stops
    inside = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    return image[top:bottom, left:right], inside
