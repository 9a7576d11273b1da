"""Image files: what is read of them, and how large they may be."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from upconv.checks import check_integer
from upconv.data._memory import USUAL, gigabytes

_most_pixels = USUAL  # of an image. A small file may claim many more.


def limit_pixels(most: int) -> None:
    """Set the maximum number of pixels of images and masks, for this process; 2²⁶ by default.

    The command line sets it to what fits in half of the free memory, if that is more.

    Raises
    ------
    ValueError
        If it is not an integer of at least 1.
    """
    global _most_pixels
    _most_pixels = check_integer("most", most, 1)


_opening, _unlimited, _before = threading.Lock(), 0, Image.MAX_IMAGE_PIXELS


@contextmanager
def unlimited() -> Iterator[None]:
    """Keep Pillow's limit of pixels, and its warning, away: :func:`check_size` has its own.

    Several threads may be inside; the last one restores the limit.
    """
    global _unlimited, _before
    with _opening:
        if not _unlimited:
            _before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _unlimited += 1
    try:
        yield
    finally:
        with _opening:
            _unlimited -= 1
            if not _unlimited:
                Image.MAX_IMAGE_PIXELS = _before


# What Pillow raises for files that are truncated, not images, or decompression bombs.
UNREADABLE = (
    OSError,
    UnidentifiedImageError,
    SyntaxError,
    ValueError,
    Image.DecompressionBombError,
)


class BadData(ValueError):
    """A file that cannot be used; the message names it."""


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as (H, W, 3), uint8, upright, transparency on white, 16 bits scaled to 8.

    Floats between 0 and 1 are scaled by 255, other floats like integers.

    Raises
    ------
    BadData
        If it cannot be read, has more pixels than :func:`limit_pixels` allows, or contains NaN or
        infinity.
    """
    check_file(path)
    try:
        with unlimited(), Image.open(path) as file:
            check_size(path, file)
            image = ImageOps.exif_transpose(file)
            if image.mode in ("I", "I;16", "I;16B", "F"):
                image = _scaled(path, image)
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                image = image.convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            return np.asarray(image.convert("RGB"))
    except BadData:
        raise
    except UNREADABLE as error:
        raise BadData(f"{path}: not a readable image ({str(error).splitlines()[0]})") from error


def _scaled(path: str | Path, image: Image.Image) -> Image.Image:
    """Convert an image of 16 or 32 bits, or of floats, to 8 bits."""
    values = np.asarray(image, dtype=np.float32)
    if not np.isfinite(values).all():
        raise BadData(f"{path}: got infinite or NaN values, expected finite ones")
    top = 65535.0 if values.max() > 255 else 255.0
    if image.mode == "F" and values.min() >= 0 and values.max() <= 1:
        top = 1.0
    return Image.fromarray(np.clip(values * (255 / top), 0, 255).astype(np.uint8))


def check_size(path: str | Path, image: Image.Image) -> None:
    """Check the size in the file's header, before the pixels are read."""
    width, height = image.size
    got = f"{width} × {height} pixels"
    if width * height > USUAL:
        got += f", about {gigabytes(width * height)} of memory"
    if width * height > _most_pixels:
        expected = f"at most {_most_pixels} in all (limit_pixels, or --max-pixels)"
        raise BadData(f"{path}: got {got}, expected {expected}")
    if width * height > USUAL:
        _tell(f"{path}: {got}")


@cache
def _tell(what: str) -> None:
    print(what, file=sys.stderr)


def check_file(path: str | Path) -> None:
    # Pipes and devices can be opened but may never end.
    if Path(path).exists() and not Path(path).is_file():
        raise BadData(f"{path}: not a file, expected an image")
