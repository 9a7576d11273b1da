"""More images out of few: random rotations, mirrorings and elastic deformations.

All are one map of coordinates: it says for every pixel of a crop where in the image to look.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F


def displacements(coarse: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Smooth displacements, (2, h, w), from those at a coarse grid of points that spans the crop.

    Bicubic in between, as in Ronneberger, Fischer & Brox (2015), who draw them from a normal
    distribution on a grid of 3 × 3.

    Parameters
    ----------
    coarse : (2, rows, columns)
        In pixels, down and to the right.
    """
    smooth = F.interpolate(torch.from_numpy(coarse[None]), size, mode="bicubic", align_corners=True)
    return smooth[0].numpy()


@dataclass(frozen=True)
class Warp:
    """A random crop: where its middle is in the image, and how it is turned and bent.

    ``angle`` in radians; ``signs`` −1 where the crop is turned over, down and to the right;
    ``coarse`` the displacements, or nothing.
    """

    middle: tuple[float, float]
    angle: float
    signs: tuple[int, int]
    zoom: float = 1.0
    coarse: np.ndarray | None = None

    def coordinates(self, size: tuple[int, int]) -> np.ndarray:
        """Where each pixel is taken from, (2, h, w): rows and columns, fractions too."""
        down, right = (
            sign * (np.arange(n) - (n - 1) / 2) / self.zoom
            for sign, n in zip(self.signs, size, strict=True)
        )
        down, right = np.meshgrid(down, right, indexing="ij")
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turned = np.stack([cos * down - sin * right, sin * down + cos * right])
        if self.coarse is not None:
            turned = turned + displacements(self.coarse, size)
        return turned + np.array(self.middle)[:, None, None]


def draw(
    rng: np.random.Generator,
    image_size: tuple[int, int],
    size: tuple[int, int],
    *,
    zoom: float = 1.0,
    rotate: float = 0.0,
    elastic: float = 0.0,
    mirror: bool = False,
    upside_down: bool = False,
) -> Warp:
    """A random warp.

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
    row, column = (
        int(rng.integers(max(n - m, 0) + 1)) + (min(n, m) - 1) / 2
        for n, m in zip(image_size, size, strict=True)
    )
    angle = np.deg2rad(rng.uniform(-rotate, rotate))
    down, right = (-1 if wanted and rng.random() < 0.5 else 1 for wanted in (upside_down, mirror))
    coarse = rng.normal(0, elastic, (2, 3, 3)) if elastic else None
    return Warp((row, column), angle, (down, right), zoom, coarse)


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
