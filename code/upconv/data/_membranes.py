"""Cells with dark membranes, as in electron micrographs: a generated segmentation set."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, label
from scipy.spatial import cKDTree

from upconv.checks import check_choice, refuse
from upconv.data._instances import split_touching_instances
from upconv.data.sets import SegmentationSet

CLASSES = ("membrane", "cell")
COLORS = ((40, 44, 52), (86, 180, 233))


def membranes(
    count: int,
    size: int = 128,
    seed: int = 0,
    split: str = "train",
    spacing: float = 26.0,
    fading: float = 0.5,
    noise: float = 0.08,
) -> SegmentationSet:
    """Generate gray images of cells that fill the plane, with exact masks of their membranes.

    Cells are Voronoi cells of random seeds, seen through a warp that bends their walls. Cytoplasm
    is textured and contains organelles as dark as membranes; the membranes' contrast fades in
    places, so a pixel's gray value does not determine its class.

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
    fading
        Fading of the membranes, from 0 (none) to 1 (they vanish in places).
    noise
        Standard deviation of the noise, for images in [0, 1].

    Returns
    -------
    SegmentationSet
        Gray, (count, size, size); classes membrane and cell, with instances.

    Raises
    ------
    ValueError
        If the split is unknown, a count, size or spacing is below 1, or fading is outside [0, 1].
    """
    check_choice("split", split, ("train", "test"))
    for name, value in (("count", count), ("size", size), ("spacing", spacing)):
        if value < 1:
            refuse(name, value, "at least 1")
    if not 0 <= fading <= 1:
        refuse("fading", fading, "0 to 1")
    images = np.empty((count, size, size), np.uint8)
    instances = np.empty((count, size, size), np.int32)
    for place in range(count):
        rng = np.random.default_rng([seed, split == "test", place])
        images[place], instances[place] = _draw(rng, size, spacing, fading, noise)
    masks = (instances > 0).astype(np.uint8)
    return SegmentationSet("membranes", CLASSES, images, masks, COLORS, instances)


def _draw(
    rng: np.random.Generator, size: int, spacing: float, fading: float, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    def smooth(sigma: float) -> np.ndarray:
        """Sample noise of standard deviation 1, smooth over ``sigma`` pixels."""
        field = gaussian_filter(rng.standard_normal((size, size)), sigma, mode="wrap")
        return field / (field.std() + 1e-9)

    rim = 3 * spacing
    area = (size + 2 * rim) ** 2
    seeds = rng.uniform(-rim, size + rim, (max(4, round(area / spacing**2)), 2))
    rows, columns = np.mgrid[:size, :size]
    bend = 0.16 * spacing
    points = np.stack([rows + bend * smooth(spacing / 3), columns + bend * smooth(spacing / 3)], -1)
    distance, nearest = cKDTree(seeds).query(points, k=2)
    # Distance to the wall, which bisects the line between the two nearest seeds.
    between = np.linalg.norm(seeds[nearest[..., 0]] - seeds[nearest[..., 1]], axis=-1)
    wall = (distance[..., 1] ** 2 - distance[..., 0] ** 2) / (2 * between)
    half = np.maximum(1.0, 1.7 + 0.4 * smooth(spacing))
    instances = label(split_touching_instances(np.where(wall > half, nearest[..., 0] + 1, 0)))[0]
    depth = 0.5 * (1 - fading * (0.5 + 0.5 * np.tanh(2 * smooth(spacing / 2))))
    image = 0.72 + 0.05 * smooth(1.2) + 0.06 * smooth(spacing / 4)
    tint = rng.normal(0, 0.05, len(seeds))
    image = image + tint[nearest[..., 0]]
    image -= depth / (1 + np.exp(2.2 * (wall - half)))
    image -= _organelles(rng, size, spacing, seeds, points, wall)
    image = gaussian_filter(image, 0.6) + noise * rng.standard_normal((size, size))
    return (255 * np.clip(image, 0, 1)).round().astype(np.uint8), instances.astype(np.int32)


def _organelles(
    rng: np.random.Generator,
    size: int,
    spacing: float,
    seeds: np.ndarray,
    points: np.ndarray,
    wall: np.ndarray,
) -> np.ndarray:
    """Compute the darkness of organelles, rings with a body, inside some cells."""
    dark = np.zeros((size, size))
    sway = np.abs(points - np.moveaxis(np.mgrid[:size, :size], 0, -1)).max()
    inside = np.flatnonzero(((seeds > 0) & (seeds < size)).all(1))
    for cell in inside[rng.random(len(inside)) < 0.6]:
        middle = seeds[cell] + rng.normal(0, 0.12 * spacing, 2)
        radius = rng.uniform(0.1, 0.2) * spacing
        angle, stretch = rng.uniform(0, np.pi), rng.uniform(1, 1.8)
        # Farther out it is exp(-40) or less: subtracting it from a gray value changes no bit.
        far = stretch * (radius + 20) + sway
        near = tuple(slice(max(0, int(at - far)), max(0, int(at + far) + 2)) for at in middle)
        offset = points[near] - middle
        along = np.cos(angle) * offset[..., 0] + np.sin(angle) * offset[..., 1]
        across = np.cos(angle) * offset[..., 1] - np.sin(angle) * offset[..., 0]
        reach = np.hypot(along / stretch, across)
        rim = np.exp(-(((reach - radius) / 1.1) ** 2)) * 0.35
        body = 0.18 / (1 + np.exp(2 * (reach - radius)))
        np.maximum(dark[near], rim + body, out=dark[near])
    return dark * (wall > 3.5)
