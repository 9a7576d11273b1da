"""Handwritten digits over photographs: a generated segmentation set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from upconv.checks import check_choice, refuse
from upconv.data._mnist import mnist
from upconv.data.photos import photo
from upconv.data.sets import DIGITS, ImageSet, SegmentationSet

CLASSES = ("background", *(f"digit {d}" for d in range(10)))
# The splits share neither digits nor photographs.
_SPLITS = {
    "train": (slice(0, 1200), ("astronaut", "coffee", "cat", "brick", "grass", "flower")),
    "test": (slice(1200, 1797), ("temple", "rocket", "gravel", "coins")),
}
# Source of the digits → height of a digit in pixels.
_SOURCES = {"digits": 8, "mnist": 20}
_MNIST = {"train": slice(0, 8000), "test": slice(8000, 10_000)}


@cache
def _materials(
    split: str, source: str, names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    which = _SPLITS[split][0]
    if source == "mnist":
        digits, which = mnist("test", 28), _MNIST[split]
        images, labels = digits.images[which] / 255, np.asarray(digits.labels)[which]
    else:
        from sklearn.datasets import load_digits

        digits = load_digits()
        # A border of zeros, so that sampling beside a digit finds none.
        images = np.pad(digits.images[which] / 16, ((0, 0), (2, 2), (2, 2)))
        labels = digits.target[which]
    photos = [photo(name, 384, gray=False).astype(np.float32) for name in names]
    return images.astype(np.float32), labels.astype(np.uint8), photos


def digit_scenes(
    count: int,
    size: int = 64,
    seed: int = 0,
    split: str = "train",
    digits: tuple[int, int] = (2, 4),
    height: tuple[float, float] = (14.0, 30.0),
    noise: float = 0.04,
    texture: float = 1.0,
    source: str = "digits",
    photographs: Sequence[str] | None = None,
) -> SegmentationSet:
    """Generate scenes of real handwritten digits over real photographs, with exact masks.

    Parameters
    ----------
    count
        Number of scenes.
    size
        Side of a scene in pixels.
    seed
        The same seed gives the same scenes.
    split
        "train" or "test": different digits over different photographs.
    digits
        Minimum and maximum number of digits in a scene; later ones lie on top.
    height
        Minimum and maximum height of a digit in pixels; each is rotated by up to 25 degrees.
    noise
        Standard deviation of the noise added to every channel, for images in [0, 1].
    texture
        Contrast of the photographs: 1 unchanged, 0 a flat color.
    source
        "digits", 8 × 8 pixels, included in scikit-learn; or "mnist", finer, to be downloaded: of
        its 10,000 test digits, the first 8,000 are used for training.
    photographs
        Names among :data:`upconv.data.PHOTOS` to write on instead of the split's: one alone tells
        what a network owes to it.

    Returns
    -------
    SegmentationSet
        11 classes: background and ten digits.

    Raises
    ------
    ValueError
        If the split, source or a photograph is unknown, a count or size is below 1, or a range is
        empty.
    DataUnavailable
        If MNIST is requested and cannot be downloaded.

    Examples
    --------
    >>> scenes = digit_scenes(2, size=32, height=(14.0, 16.0), photographs=("moon",))
    >>> scenes.images.shape, scenes.masks.shape
    ((2, 32, 32, 3), (2, 32, 32))
    """
    _check(split, source, count, size, digits, height)
    names = _SPLITS[split][1] if photographs is None else tuple(photographs)
    if not names:
        refuse("photographs", "none", "at least one")
    rng = np.random.default_rng([seed, sorted(_SPLITS).index(split)])
    materials, cell = _materials(split, source, names), _SOURCES[source]
    images, masks = _scenes(rng, materials, cell, count, size, digits, height, texture)
    if noise:
        images = images + noise * rng.standard_normal(images.shape, dtype=np.float32)
    images = (np.clip(images, 0, 1) * 255).round().astype(np.uint8)
    return SegmentationSet("digit_scenes", CLASSES, images, np.ascontiguousarray(masks))


def digit_crops(count: int, size: int = 32, seed: int = 0, split: str = "train") -> ImageSet:
    """Generate images of single colored handwritten digits over photographs, without download.

    Parameters are those of :func:`digit_scenes`.

    Returns
    -------
    ImageSet
        (count, size, size, 3), with labels.
    """
    height = (0.62 * size, 0.78 * size)
    scenes = digit_scenes(
        count, size, seed, split, digits=(1, 1), height=height, noise=0.02, texture=0.35
    )
    images, masks = np.asarray(scenes.images), np.asarray(scenes.masks)
    labels = masks.reshape(count, -1).max(1).astype(np.int64) - 1
    # A digit rotated out of the image leaves no pixel: it is labeled 0 rather than −1.
    return ImageSet("digit_crops", images, np.maximum(labels, 0), DIGITS)


def _check(
    split: str,
    source: str,
    count: int,
    size: int,
    digits: tuple[int, int],
    height: tuple[float, float],
) -> None:
    check_choice("split", split, _SPLITS)
    check_choice("source", source, _SOURCES)
    for name, value in (("count", count), ("size", size)):
        if value < 1:
            refuse(name, value, "at least 1")
    for name, (low, high) in (("digits", digits), ("height", height)):
        if not 0 < low <= high:
            refuse(name, (low, high), "0 < smallest ≤ largest")


def _scenes(
    rng: np.random.Generator,
    materials: tuple[np.ndarray, np.ndarray, list[np.ndarray]],
    cell: int,
    count: int,
    size: int,
    digits: tuple[int, int],
    height: tuple[float, float],
    texture: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return images from 0 to 1, without noise, and masks; source digits are ``cell`` high."""
    glyphs, labels, photos = materials
    reach = int(np.ceil(height[1] * 1.5))  # a rotated digit fits in
    rim = reach // 2 + 1  # margin into which digits at the border extend
    images = np.zeros((count, size + 2 * rim, size + 2 * rim, 3), np.float32)
    inside = (slice(None), slice(rim, rim + size), slice(rim, rim + size))
    images[inside] = _backgrounds(rng, photos, count, size, texture)
    masks = np.zeros(images.shape[:3], np.uint8)
    corners = _corners(rng, count, digits[1], size, reach) + rim
    numbers = rng.integers(digits[0], digits[1] + 1, count)
    for place in range(digits[1]):
        drawn = np.flatnonzero(numbers > place)
        which = rng.integers(len(glyphs), size=len(drawn))
        alpha = _turned(rng, glyphs[which], reach, height, cell)
        rows, columns = (corners[drawn, place, axis, None] + np.arange(reach) for axis in (0, 1))
        window = (drawn[:, None, None], rows[:, :, None], columns[:, None, :])
        images[window] = _written(rng, images[window], alpha)
        masks[window] = np.where(alpha > 0.5, labels[which][:, None, None] + 1, masks[window])
    return images[inside], masks[inside]


def _written(rng: np.random.Generator, covered: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Blend a digit of one color into each image window, with opacity alpha."""
    # Ink contrasts with the brightness below it, to be legible.
    beneath = covered.mean((1, 2))
    bright = np.where(beneath.mean(1) < 0.5, 1, -1)[:, None]
    ink = rng.random((len(alpha), 3), dtype=np.float32)
    ink = np.clip(beneath + bright * (0.35 + 0.5 * ink), 0, 1)
    return covered + (ink[:, None, None] - covered) * alpha[..., None]


def _corners(
    rng: np.random.Generator, count: int, digits: int, size: int, reach: int
) -> np.ndarray:
    """Sample top-left corners of the digits' windows, (count, digits, 2), one per grid cell."""
    side = int(np.ceil(np.sqrt(digits)))
    cells = rng.permuted(np.tile(np.arange(side**2), (count, 1)), axis=1)[:, :digits]
    cell = np.stack([cells // side, cells % side], axis=-1)
    middle = (cell + rng.uniform(0.3, 0.7, cell.shape)) * (size / side)
    return np.floor(middle - reach / 2).astype(int)


def _backgrounds(
    rng: np.random.Generator, photos: list[np.ndarray], count: int, size: int, texture: float
) -> np.ndarray:
    """Sample random windows of the photographs, (count, size, size, 3), with steps of 1 to 4."""
    stack = np.stack(photos)
    step = rng.integers(1, 5, count)
    step = np.minimum(step, (stack.shape[1] - 1) // size) if size < stack.shape[1] else step * 0 + 1
    room = stack.shape[1] - size * step
    top, left = (np.floor(rng.uniform(0, 1, count) * (room + 1)).astype(int) for _ in range(2))
    along = np.arange(size)
    rows = (top[:, None] + step[:, None] * along) % stack.shape[1]
    columns = (left[:, None] + step[:, None] * along) % stack.shape[2]
    which = rng.integers(len(photos), size=count)
    scenes = stack[which[:, None, None], rows[:, :, None], columns[:, None, :]]
    mean = scenes.mean((1, 2), keepdims=True)
    return mean + texture * (scenes - mean)


def _turned(
    rng: np.random.Generator,
    glyphs: np.ndarray,
    reach: int,
    height: tuple[float, float],
    cell: int,
) -> np.ndarray:
    """Compute the opacity of the scaled and rotated digits, (count, reach, reach)."""
    count = len(glyphs)
    scale = rng.uniform(*height, count).astype(np.float32)[:, None, None] / cell
    angle = np.deg2rad(rng.uniform(-25, 25, count)).astype(np.float32)[:, None, None]
    offset = np.arange(reach, dtype=np.float32) - (reach - 1) / 2
    down, across = offset[:, None], offset[None, :]
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    side = glyphs.shape[1]
    middle, last = (side - 1) / 2, side - 1.001
    v = np.clip(cos * down + sin * across + middle, 0, last)
    u = np.clip(cos * across - sin * down + middle, 0, last)
    r, c = v.astype(np.int32), u.astype(np.int32)
    dv, du = v - r, u - c
    flat = glyphs.reshape(-1)
    at = (np.arange(count, dtype=np.int32) * side**2)[:, None, None] + r * side + c
    above = flat[at] * (1 - du) + flat[at + 1] * du
    below = flat[at + side] * (1 - du) + flat[at + side + 1] * du
    alpha = above + (below - above) * dv
    # Edges as sharp as the pixels allow, not blurred by the magnification.
    return np.clip((alpha - 0.45) * scale * 2 + 0.5, 0, 1)
