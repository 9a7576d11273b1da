"""Image files: what is read of them, and how large they may be."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from upconv.checks import BYTE, LUMINANCE, check_integer
from upconv.data._errors import BadData as BadData
from upconv.data._memory import USUAL, gigabytes
from upconv.data._tiff import is_tiff, oriented, read_tiff

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


MOST_CHANNELS = 2**12
ORIENTATION = 0x0112  # in EXIF
_DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")  # modes beyond 8 bits
_MOVING = ("GIF", "PNG", "WEBP", "AVIF")  # a JPEG's further images are previews and depth maps
_LADDER = (255, 1023, 4095, 16383, 65535)  # white of cameras of 8, 10, 12, 14 and 16 bits


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as (H, W, 3), uint8, upright, transparency on white.

    Deeper images are scaled to 8 bits: the brightest value decides whether white is that of 8, 10,
    12, 14 or 16 bits; floats between 0 and 1 are scaled by 255, and where there are negative
    values, the least becomes black and the greatest white. A folder of such images needs one range
    for all, which :func:`segmentation_folder` finds.

    Raises
    ------
    BadData
        If it cannot be read, has more than three channels, more pixels than :func:`limit_pixels`
        allows, or contains NaN or infinity.
    """
    values = read_raw(path)
    return values if values.dtype == np.uint8 else to_bytes(values, white_of(values))


def white_of(values: np.ndarray) -> tuple[float, float]:
    """The values that are black and white, guessed from one image alone."""
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and 0 <= low <= high <= 1:
        return 0.0, 1.0
    if low < 0 or high > _LADDER[-1]:
        return low, high if high > low else low + 1
    return 0.0, float(next(white for white in _LADDER if high <= white))


def to_bytes(values: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Show an image (H, W) or (H, W, C) as (H, W, 3), uint8: the first three of its channels.

    Two channels are red and green. The range's values become 0 and 255.
    """
    if values.ndim == 2:
        values = values[..., None]
    if values.shape[2] == 2:
        values = np.concatenate([values, np.full_like(values[..., :1], value_range[0])], axis=2)
    values = values[..., :3] if values.shape[2] >= 3 else np.repeat(values[..., :1], 3, axis=2)
    low, high = value_range
    if values.dtype == np.uint8 and (low, high) == BYTE:
        return values
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return np.clip(scaled, 0, 255).astype(np.uint8)


def read_raw(path: str | Path, channels: int = 3) -> np.ndarray:
    """Read an image in its own values, upright: (H, W) of one channel, else (H, W, channels).

    The dtype is uint8, uint16, int16, int32 or float32. Gray images are copied to three channels,
    and color images become gray by their luminance. Transparency is put on white, unless
    ``channels`` counts it: an RGBA image has four.

    Raises
    ------
    BadData
        If it cannot be read, is a stack or an animation, has another number of channels, more
        pixels than :func:`limit_pixels` allows, or contains NaN or infinity; the message says what
        to do.
    """
    check_file(path)
    check_integer("channels", channels, 1, MOST_CHANNELS)
    try:
        found = None
        if is_tiff(path):
            found = read_tiff(path, channels, lambda *size: _check_size(path, size))
        if found is None:
            with unlimited(), Image.open(path) as file:
                check_size(path, file)
                _check_single(path, file)
                deep = _deep(file)
                if deep is None:
                    return _shallow(path, upright(file), channels)
                found = deep
    except BadData:
        raise
    except UNREADABLE as error:
        raise BadData(f"{path}: not a readable image ({str(error).splitlines()[0]})") from error
    values, alpha = found
    return _with_channels(path, _plain(path, values), alpha, channels)


def upright(image: Image.Image) -> Image.Image:
    """Turn an image of Pillow as its EXIF orientation says; broken EXIF turns nothing."""
    try:
        turned = ImageOps.exif_transpose(image)
    except UNREADABLE:  # of the pixels
        raise
    except Exception:  # of the metadata: of any class
        return image
    return turned


def orientation(path: str | Path) -> int:
    """EXIF's number of how a file's image is turned; 1 if it is not, or Pillow cannot tell."""
    try:
        check_file(path)
        with unlimited(), Image.open(path) as file:
            return int(file.getexif().get(ORIENTATION, 1))
    except UNREADABLE:  # of a TIFF that is read by tifffile
        return 1


def has_alpha(path: str | Path) -> bool:
    """Whether an image has transparency, by its header."""
    try:
        check_file(path)
        with unlimited(), Image.open(path) as file:
            return file.mode in ("RGBA", "LA", "PA") or "transparency" in file.info
    except UNREADABLE:
        return False


def is_shallow(path: str | Path) -> bool:
    """Whether an image has 8 bits, by its header; True if that cannot be read."""
    try:
        check_file(path)
        with unlimited(), Image.open(path) as file:
            if file.format == "TIFF":
                return max(_bits(file)) <= 8 and file.mode not in _DEEP
            return file.mode not in _DEEP and not _deep_color(file)
    except UNREADABLE:
        return not (Path(path).is_file() and is_tiff(path))


def _bits(tiff: Image.Image) -> tuple[int, ...]:
    """Bits of each channel of a TIFF."""
    found: tuple[int, ...] = cast(Any, tiff).tag_v2.get(258, (8,))
    return found


def _deep_color(file: Image.Image) -> str:
    """How Pillow would unpack a PNG of 16 bits with several channels; "" for others."""
    tile: Any = getattr(file, "tile", None)
    raw = tile[0][3] if file.format == "PNG" and tile else None
    return raw if isinstance(raw, str) and raw.endswith(";16B") else ""


def _check_single(path: str | Path, file: Image.Image) -> None:
    if file.format in _MOVING and getattr(file, "is_animated", False):
        count = getattr(file, "n_frames", 2)
        got = f"an animation of {count} images"
        raise BadData(f"{path}: got {got}, expected one image: save each as a file")


def _shallow(path: str | Path, image: Image.Image, channels: int) -> np.ndarray:
    """An image of 8 bits, as read by Pillow."""
    transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    gray = image.mode in ("1", "L", "LA")
    own = (1 if gray else 3) + transparent
    if transparent and channels == own:
        return np.asarray(image.convert("LA" if gray else "RGBA"))
    own -= transparent
    if channels not in (1, 3):
        refuse_channels(path, own, channels)
    if transparent:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    image = image.convert("RGB") if channels == 3 or image.mode != "L" else image
    return np.asarray(image.convert("L") if channels == 1 else image)


def _deep(file: Image.Image) -> tuple[np.ndarray, bool] | None:
    """Values of more than 8 bits, and whether the last channel is alpha; None if it has 8."""
    if file.mode in _DEEP:
        values = np.asarray(upright(file))
        return values.astype(np.uint16) if file.format == "PNG" else values, False
    if file.format == "TIFF" and max(_bits(file)) > 8:
        raise ValueError("neither Pillow nor tifffile reads all of its bits")
    if not (raw := _deep_color(file)):
        return None
    orientation = file.getexif().get(274, 1)
    # Pillow keeps the upper byte of each value; read as another kind, the same file gives both.
    if raw == "LA;16B":
        four = _reread(file, "RGBA", "RGBA")
        upper, lower = four[..., ::2], four[..., 1::2]
    else:
        kind = raw.removesuffix(";16B")
        upper = _reread(file, kind, raw)
        lower = _reread(file, kind, f"{kind};16L")
    values = upper.astype(np.uint16) << 8 | lower
    return np.ascontiguousarray(oriented(values, orientation)), raw != "RGB;16B"


def _reread(file: Image.Image, mode: str, raw: str) -> np.ndarray:
    with unlimited(), Image.open(cast(Any, file).filename) as again:
        tile: Any = cast(Any, again).tile[0]
        # Of Pillow 11 and newer, or older.
        tile = tile._replace(args=raw) if hasattr(tile, "_replace") else (*tile[:3], raw)
        again.tile, again._mode = [tile], mode
        return np.array(again)


def _plain(path: str | Path, values: np.ndarray) -> np.ndarray:
    """Values in one of few dtypes, all finite."""
    kind = values.dtype.kind
    if kind == "b":
        return values.astype(np.uint8) * 255
    if kind == "f":
        values = values.astype(np.float32, copy=False)
        if broken := np.count_nonzero(~np.isfinite(values)):
            got = f"infinite or NaN values ({broken:,} of {values.size:,})"
            how = "replace them, by numpy.nan_to_num for example, and save the image again"
            raise BadData(f"{path}: got {got}, expected finite ones: {how}")
        return values
    if kind not in "iu":
        raise BadData(f"{path}: got values of {values.dtype}, expected real numbers")
    if values.dtype == np.int8:
        return values.astype(np.int16)
    if values.dtype.itemsize > 2:
        if values.size and max(int(values.max()), -int(values.min())) > np.iinfo(np.int32).max:
            got = f"values from {values.min():,} to {values.max():,}"
            raise BadData(f"{path}: got {got}, expected at most 31 bits: save it as float32")
        return values.astype(np.int32, copy=False)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _with_channels(path: str | Path, values: np.ndarray, alpha: bool, channels: int) -> np.ndarray:
    own = 1 if values.ndim == 2 else values.shape[2]
    if alpha and own != channels:
        values, own = _on_white(values), own - 1
    if values.ndim == 3 and own == 1:
        values = values[..., 0]
    if own == channels:
        return values
    if (own, channels) == (1, 3):
        return np.broadcast_to(values[..., None], (*values.shape, 3))
    if (own, channels) == (3, 1):
        return _as_dtype(values @ np.array(LUMINANCE), values.dtype)
    refuse_channels(path, own, channels)


def _on_white(values: np.ndarray) -> np.ndarray:
    dtype = values.dtype
    white = 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)
    opacity = values[..., -1:] / white
    if (opacity == 1).all():
        return values[..., :-1]
    return _as_dtype(values[..., :-1] * opacity + white * (1 - opacity), dtype)


def _as_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return (values.round() if dtype.kind in "iu" else values).astype(dtype)


def refuse_channels(path: str | Path, own: int, channels: int) -> NoReturn:
    """Refuse an image whose number of channels is not the expected one."""
    got = f"{own} channel{'s' * (own > 1)}"
    raise BadData(
        f"{path}: got {got}, expected {channels}: train with --channels {own} to use such"
    )


def check_size(path: str | Path, image: Image.Image) -> None:
    """Check the size in the file's header, before the pixels are read."""
    _check_size(path, image.size)


def _check_size(path: str | Path, size: tuple[int, ...]) -> None:
    width, height = size
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
