"""Data augmentation: random rotations, flips and elastic deformations.

All are combined into one coordinate map from the pixels of a crop to positions in the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F


def displacement_field(coarse: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Interpolate a smooth displacement field, (2, h, w), from a coarse grid spanning the crop.

    Bicubic, as in Ronneberger, Fischer & Brox (2015), who sample the displacements from a normal
    distribution on a 3 × 3 grid.

    Parameters
    ----------
    coarse : (2, rows, columns)
        Displacements in pixels, down and to the right.
    """
    smooth = F.interpolate(torch.from_numpy(coarse[None]), size, mode="bicubic", align_corners=True)
    return smooth[0].numpy()


@dataclass(frozen=True)
class GeometricTransform:
    """Geometry of a random crop: its center in the image, rotation, flips and deformation.

    ``angle`` is in radians; ``signs`` are −1 for a vertical and a horizontal flip;
    ``coarse`` holds the coarse displacements, or None.
    """

    middle: tuple[float, float]
    angle: float
    signs: tuple[int, int]
    zoom: float = 1.0
    coarse: np.ndarray | None = None

    def coordinates(self, size: tuple[int, int]) -> np.ndarray:
        """Return each pixel's source position, (2, h, w): fractional rows and columns."""
        down, right = (
            sign * (np.arange(n) - (n - 1) / 2) / self.zoom
            for sign, n in zip(self.signs, size, strict=True)
        )
        down, right = np.meshgrid(down, right, indexing="ij")
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turned = np.stack([cos * down - sin * right, sin * down + cos * right])
        if self.coarse is not None:
            turned = turned + displacement_field(self.coarse, size)
        return turned + np.array(self.middle)[:, None, None]


def sample_transform(
    rng: np.random.Generator,
    image_size: tuple[int, int],
    size: tuple[int, int],
    *,
    zoom: float = 1.0,
    rotate: float = 0.0,
    elastic_sigma: float = 0.0,
    mirror: bool = False,
    vertical_flip: bool = False,
) -> GeometricTransform:
    """Sample a random :class:`GeometricTransform`.

    Parameters
    ----------
    image_size, size
        Height and width of the image and of the crop.
    zoom
        Magnification.
    rotate
        Maximum angle of a random rotation about the crop's center, in degrees.
    elastic_sigma
        Standard deviation of the :func:`displacement_field`, in image pixels.
    mirror, vertical_flip
        Flip half of the crops horizontally, and vertically.
    """
    row, column = (
        int(rng.integers(max(n - m, 0) + 1)) + (min(n, m) - 1) / 2
        for n, m in zip(image_size, size, strict=True)
    )
    angle = np.deg2rad(rng.uniform(-rotate, rotate))
    down, right = (-1 if wanted and rng.random() < 0.5 else 1 for wanted in (vertical_flip, mirror))
    coarse = rng.normal(0, elastic_sigma, (2, 3, 3)) if elastic_sigma else None
    return GeometricTransform((row, column), angle, (down, right), zoom, coarse)


def resample(layer: np.ndarray, where: np.ndarray, nearest: bool = False) -> np.ndarray:
    """Sample an image, mask or weight map at coordinates, reflected at its borders.

    Parameters
    ----------
    layer : (H, W) or (H, W, C)
    where : (2, h, w)
        Rows and columns.
    nearest : bool
        Take the nearest pixel, for class numbers; otherwise interpolate bilinearly.

    Returns
    -------
    numpy.ndarray
        (h, w) or (h, w, C), of the layer's dtype.
    """
    height, width = layer.shape[:2]
    # Images read from files cannot be written to, of which PyTorch would warn.
    values = torch.from_numpy(np.require(layer, requirements=("C", "W"))).float()
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
        if layer.dtype.itemsize > 2:  # float32 may round the largest up
            found = found.astype(np.float64).clip(layer.min(), layer.max())
    return found.astype(layer.dtype)
