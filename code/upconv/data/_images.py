"""Image sets for generators: handwritten digits and custom pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from upconv.checks import refuse
from upconv.data._cache import cached
from upconv.data._listing import EXTENSIONS
from upconv.data._reading import BadData, read_image
from upconv.data.sets import DIGITS, ImageSet


def digits(size: int = 32) -> ImageSet:
    """1,797 handwritten digits of 8 × 8 pixels, upsampled smoothly; no download.

    Alpaydin & Kaynak, "Optical recognition of handwritten digits" (1998), from scikit-learn.

    Parameters
    ----------
    size
        Side of the images in pixels. A sixteenth on each side stays black.

    Raises
    ------
    ValueError
        If the side is below 8.
    """
    if size < 8:
        refuse("size", size, "at least 8")
    from sklearn.datasets import load_digits

    found = load_digits()
    rim = size // 16
    side = size - 2 * rim
    images = np.zeros((len(found.images), size, size), np.uint8)
    for image, small in zip(images, found.images, strict=True):
        smooth = Image.fromarray(small.astype(np.float32) / 16).resize(
            (side, side), Image.Resampling.BICUBIC
        )
        values = np.clip(np.asarray(smooth), 0, 1)
        image[rim : rim + side, rim : rim + side] = np.round(values * 255)
    return ImageSet("digits", images, found.target.astype(np.int64), DIGITS)


def square_images(folder: str | Path, size: int = 64) -> ImageSet:
    """Load all images in a folder and its subfolders, center-cropped to squares of side ``size``.

    Raises
    ------
    BadData
        If it is not a folder, contains no images, or one cannot be read; the message names it.
    """
    folder, paths = Path(folder), _pictures_in(folder)
    images = np.empty((len(paths), size, size, 3), np.uint8)
    for place, path in enumerate(paths):
        image = read_image(path)
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        square = Image.fromarray(image[top : top + side, left : left + side])
        images[place] = np.asarray(square.resize((size, size), Image.Resampling.LANCZOS))
    return ImageSet(folder.name, images)


def image_files(folder: str | Path, size: int | None = None) -> Sequence[np.ndarray]:
    """List all images in a folder and its subfolders, (H, W, 3), uint8, read on access.

    Those whose longer side exceeds ``size`` are scaled down to it. Decoded images of more than a
    megapixel are cached on disk.

    Raises
    ------
    BadData
        If it is not a folder or contains no images; on access, if a file cannot be read.
    """
    return cached(_pictures_in(folder), read_image, size=size)


def _pictures_in(folder: str | Path) -> list[Path]:
    folder = Path(folder)
    if not folder.is_dir():
        raise BadData(f"{folder}: not a folder")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS)
    if not paths:
        raise BadData(f"{folder}: contains no images")
    return paths
