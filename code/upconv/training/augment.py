"""More images out of few: random rotations, mirrorings and elastic deformations.

All are one map of coordinates: it says for every pixel of a crop where in the image to look.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def displacements(
    rng: np.random.Generator, size: tuple[int, int], deviation: float, grid: int = 3
) -> np.ndarray:
    """Smooth random displacements, (2, h, w), in pixels down and to the right.

    As in Ronneberger, Fischer & Brox (2015): normal with that deviation at a coarse grid of
    points that spans the crop, and bicubic in between.
    """
    coarse = rng.normal(0, deviation, (1, 2, grid, grid)) if deviation else np.zeros((1, 2, 1, 1))
    if not deviation:
        return np.zeros((2, *size))
    smooth = F.interpolate(torch.from_numpy(coarse), size, mode="bicubic", align_corners=True)
    return smooth[0].numpy()


def coordinates(
    rng: np.random.Generator,
    image_size: tuple[int, int],
    size: tuple[int, int],
    *,
    zoom: float = 1.0,
    rotate: float = 0.0,
    elastic: float = 0.0,
    mirror: bool = False,
    upside_down: bool = False,
) -> np.ndarray:
    """Where each pixel of a random crop is taken from, (2, h, w): rows and columns, fractions too.

    Parameters
    ----------
    image_size, size
        Height and width of the image and of the crop.
    zoom
        Enlargement.
    rotate
        Largest angle of a random rotation about the crop's middle, in degrees.
    elastic
        Deviation of the :func:`displacements`, in pixels of the image.
    mirror, upside_down
        Whether half of the crops are mirrored left to right, and top to bottom.
    """
    middle = [
        rng.integers(max(n - m, 0) + 1) + (min(n, m) - 1) / 2
        for n, m in zip(image_size, size, strict=True)
    ]
    angle = np.deg2rad(rng.uniform(-rotate, rotate))
    signs = [-1 if wanted and rng.random() < 0.5 else 1 for wanted in (upside_down, mirror)]
    down, right = (
        sign * (np.arange(n) - (n - 1) / 2) / zoom for sign, n in zip(signs, size, strict=True)
    )
    down, right = np.meshgrid(down, right, indexing="ij")
    turned = np.stack(
        [np.cos(angle) * down - np.sin(angle) * right, np.sin(angle) * down + np.cos(angle) * right]
    )
    moved = displacements(rng, size, elastic)
    return turned + moved + np.array(middle)[:, None, None]


def sample(layer: np.ndarray, where: np.ndarray, nearest: bool = False) -> np.ndarray:
    """An image, mask or weight map read at coordinates, mirrored at its borders.

    Parameters
    ----------
    layer : (H, W) or (H, W, C)
    where : (2, h, w)
        Rows and columns.
    nearest : bool
        Nearest pixel, for class numbers; else bilinear.

    Returns
    -------
    numpy.ndarray
        (h, w) or (h, w, C), of the layer's type.
    """
    height, width = layer.shape[:2]
    values = torch.from_numpy(np.ascontiguousarray(layer)).float()
    values = values.reshape(height, width, -1).permute(2, 0, 1)[None]
    last = np.array([max(height - 1, 1), max(width - 1, 1)])[:, None, None]
    grid = torch.from_numpy(2 * where / last - 1).float().flip(0).permute(1, 2, 0)[None]
    found = F.grid_sample(
        values,
        grid,
        mode="nearest" if nearest else "bilinear",
        padding_mode="reflection",
        align_corners=True,
    )
    found = found[0].permute(1, 2, 0).reshape(*where.shape[1:], *layer.shape[2:]).numpy()
    if np.issubdtype(layer.dtype, np.integer):
        found = found.round()
    return found.astype(layer.dtype)
