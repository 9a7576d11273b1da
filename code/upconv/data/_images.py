"""Image sets for generators: handwritten digits and custom pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from upconv.checks import refuse
from upconv.data._listing import Files, list_images
from upconv.data._ranges import Range, find_range
from upconv.data._reading import read_raw, to_bytes
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

    Images of more than 8 bits are scaled by one range for all, found from the data; ``notes`` say
    which.

    Raises
    ------
    BadData
        If it is not a folder, contains no images, one cannot be read, or their kinds differ; the
        message names it.
    """
    files = image_files(folder)
    images = np.empty((len(files), size, size, 3), np.uint8)
    for place, image in enumerate(files):
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        square = Image.fromarray(image[top : top + side, left : left + side])
        images[place] = np.asarray(square.resize((size, size), Image.Resampling.LANCZOS))
    return ImageSet(Path(folder).name, images, notes=files.notes)


def image_files(folder: str | Path) -> Files:
    """List all images in a folder and its subfolders, (H, W, 3), uint8, read on access.

    Images of more than 8 bits are scaled by one range for all, found from the data: ``notes`` of
    what is returned say which, and which files were skipped.

    Raises
    ------
    BadData
        If it is not a folder or contains no images, or kinds of images differ; on access, if a
        file cannot be read.
    """
    found = list_images(folder, everywhere=True)
    survey = find_range(found.paths)
    read = partial(_as_bytes, survey.value_range)
    return Files(found.paths, read, notes=(*found.notes, *survey.notes))


def _as_bytes(value_range: Range, path: Path) -> np.ndarray:
    return to_bytes(read_raw(path), value_range)
