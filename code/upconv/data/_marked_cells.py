"""Cells of which some are marked: a generated set whose classes need a look around."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, label
from scipy.spatial import cKDTree

from upconv.checks import check_choice, refuse
from upconv.data.sets import SegmentationSet

CLASSES = ("wall", "plain", "marked")
COLORS = ((40, 44, 52), (86, 180, 233), (230, 159, 0))


def marked_cells(
    count: int,
    size: int = 128,
    seed: int = 0,
    split: str = "train",
    spacing: float = 44.0,
    noise: float = 0.05,
) -> SegmentationSet:
    """Generate gray images of cells; half of the cells have a small dark mark somewhere inside.

    A pixel is wall, or in a plain cell, or in a marked one. Walls can be seen from nearby. Whether
    a cell is marked cannot: the mark is one dot of about six pixels, and a pixel at the other end
    of its cell looks the same in both kinds.

    Parameters
    ----------
    count
        Number of images.
    size
        Side of an image in pixels.
    seed
        The same seed gives the same images.
    split
        "train" or "test": different random numbers.
    spacing
        Typical distance between neighboring cells in pixels.
    noise
        Standard deviation of the noise, for images in [0, 1].

    Returns
    -------
    SegmentationSet
        Gray, (count, size, size); classes wall, plain and marked, with instances.

    Raises
    ------
    ValueError
        If the split is unknown, or a count, size or spacing is below 1.

    Examples
    --------
    >>> cells = marked_cells(2, size=64)
    >>> cells.images.shape, cells.classes
    ((2, 64, 64), ('wall', 'plain', 'marked'))
    """
    check_choice("split", split, ("train", "test"))
    for name, value in (("count", count), ("size", size), ("spacing", spacing)):
        if value < 1:
            refuse(name, value, "at least 1")
    images = np.empty((count, size, size), np.uint8)
    masks = np.empty((count, size, size), np.uint8)
    instances = np.empty((count, size, size), np.int32)
    for place in range(count):
        rng = np.random.default_rng([seed, split == "test", place])
        images[place], masks[place], instances[place] = _draw(rng, size, spacing, noise)
    return SegmentationSet("marked cells", CLASSES, images, masks, COLORS, instances)


def _draw(
    rng: np.random.Generator, size: int, spacing: float, noise: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    border = 2 * spacing
    seeds = rng.uniform(-border, size + border, (round((size + 2 * border) ** 2 / spacing**2), 2))
    points = np.moveaxis(np.mgrid[:size, :size].astype(float), 0, -1)
    distance, nearest = cKDTree(seeds).query(points, k=2)
    between = np.linalg.norm(seeds[nearest[..., 0]] - seeds[nearest[..., 1]], axis=-1)
    wall = (distance[..., 1] ** 2 - distance[..., 0] ** 2) / (2 * between)
    inside = wall > 1.5
    numbers = label(inside)[0]
    dark = np.where(inside, 0.0, 0.35)
    marked = np.zeros(numbers.max() + 1, bool)
    for cell in range(1, numbers.max() + 1):
        deep = np.argwhere((numbers == cell) & (wall > 5))  # room for a mark
        if rng.random() < 0.5 and len(deep):
            marked[cell] = True
            away = np.hypot(*np.moveaxis(points - deep[rng.integers(len(deep))], -1, 0))
            dark = np.maximum(dark, 0.35 * (away < 3))
    image = gaussian_filter(0.75 - dark, 0.7) + noise * rng.standard_normal((size, size))
    masks = np.where(inside, 1 + marked[numbers], 0)
    pixels = (255 * np.clip(image, 0, 1)).round().astype(np.uint8)
    return pixels, masks.astype(np.uint8), numbers.astype(np.int32)
