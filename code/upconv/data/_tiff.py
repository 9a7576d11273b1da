"""TIFF files of microscopes, scanners and programs, beyond what Pillow reads."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from upconv.data._errors import BadData

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two of BigTIFF
_CHANNELS = frozenset("CS")  # axes of an image that are channels: of pages, and within one
_STACKED = {"Z": "slices (Z)", "T": "times (T)"}
_UNNAMED = frozenset("IQ")  # axes of which the file does not say what they are
_ALPHA = (1, 2)  # of ExtraSamples: associated and unassociated


def is_tiff(path: str | Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) in MAGIC


def read_tiff(
    path: str | Path, channels: int, check_size: Callable[[int, int], None]
) -> tuple[np.ndarray, bool] | None:
    """Read a TIFF file as (H, W) or (H, W, C), upright, and whether the last channel is alpha.

    None if it is one that Pillow reads completely: 8 bits, with one to three channels, or alpha.
    ``check_size`` is called with width and height before any pixel is read. Where the file has
    pages and does not say what they are, they are channels if there are ``channels`` of them.

    Raises
    ------
    BadData
        If it is not one image, or cannot be decoded; the message says what to do.
    """
    import tifffile

    # Without a handler of its own, what it warns of would be printed.
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    try:
        # Of a file that is one of several, only what it holds itself.
        with tifffile.TiffFile(path, _multifile=False) as file:
            page = file.pages.first
            series = file.series
            if not series or _simple(page, series):
                return None
            axes, shape = _checked(path, series, channels)
            height, width = (shape[axes.index(axis)] for axis in "YX")
            check_size(width, height)
            values = _decoded(path, page, series[0]).reshape(shape)
            white = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
            extra = _extra(page)
            alpha = axes[-1:] == "S" and bool(extra) and extra[-1] in _ALPHA
            turned = page.tags.valueof(274, default=1)
    except BadData:
        raise
    except Exception:  # of a broken file: of any class
        return None  # Pillow will say what is wrong with it
    if white and values.dtype.kind == "u":
        values = np.iinfo(values.dtype).max - values
    order = [axes.index(axis) for axis in "YX"]
    rest = [place for place in range(len(axes)) if place not in order]
    values = values.transpose(*order, *rest)
    if rest:
        values = values.reshape(height, width, -1)
    return np.ascontiguousarray(oriented(values, turned)), alpha


def _simple(page: Any, series: list[Any]) -> bool:
    """Whether Pillow reads all there is: one image of 8 bits, gray, color, or with alpha."""
    if len(series[0].pages) > 1 or _others(series):
        return False
    if (
        page.dtype is None
        or page.dtype not in ("uint8", "bool")
        or page.bitspersample not in (1, 8)
    ):
        return False
    extra = _extra(page)
    known = page.samplesperpixel - len(extra)
    inks = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}  # of photometric interpretations
    alone = int(page.photometric) in inks and known == inks[int(page.photometric)]
    return alone and (not extra or (len(extra) == 1 and extra[0] in _ALPHA))


def _extra(page: Any) -> tuple[int, ...]:
    return tuple(int(sample) for sample in page.extrasamples or ())


def _others(series: list[Any]) -> list[Any]:
    """Further images of the file; a smaller copy of the first, or a thumbnail, is none."""
    return [each for each in series[1:] if not each.keyframe.is_reduced]


def _checked(path: str | Path, series: list[Any], channels: int) -> tuple[str, tuple[int, ...]]:
    """Axes and shape of a file's one image; refuse one of several."""
    if more := _others(series):
        count = sum(len(each.pages) for each in (series[0], *more))
        raise BadData(f"{path}: got {count} images in one file, expected one: save each as a file")
    kept = [
        (a, n) for a, n in zip(series[0].axes, series[0].shape, strict=True) if n != 1 or a in "YX"
    ]
    axes, shape = "".join(a for a, _ in kept), tuple(n for _, n in kept)
    if "Y" not in axes or "X" not in axes:
        raise BadData(f"{path}: got axes {series[0].axes}, expected rows and columns")
    for axis, count in kept:
        if axis in "YX" or axis in _CHANNELS:
            continue
        if axis in _UNNAMED and count == channels != 3 and len(kept) == 3:
            continue
        expected = "one image: save each as a file"
        if axis in _UNNAMED and len(kept) == 3:  # and --channels 3 is the default
            way = "save them as one of RGB" if count == 3 else f"use --channels {count}"
            expected += f", or, if they are channels, {way}"
        raise BadData(
            f"{path}: got a stack of {count} {_STACKED.get(axis, 'pages')}, expected {expected}"
        )
    return axes, shape


def _decoded(path: str | Path, page: Any, series: Any) -> np.ndarray:
    if math.prod(series.shape) * series.dtype.itemsize > 2**34:
        raise BadData(f"{path}: got {series.shape} numbers, expected at most 16 GiB")
    try:
        return series.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        if page.samplesperpixel != 1:
            how = "save it without compression, or: pip install imagecodecs"
            kind = getattr(page.compression, "name", page.compression)
            got = f"{page.samplesperpixel} channels of {page.bitspersample} bits, {kind}"
            raise BadData(f"{path}: got {got}, which is not read: {how}") from error
    with Image.open(path) as file:  # gray pages Pillow decodes, with every compression
        pages = [np.array(frame) for frame in ImageSequence.Iterator(file)]
    return np.stack(pages[: len(series.pages)]).astype(page.dtype)


def oriented(values: np.ndarray, orientation: Any) -> np.ndarray:
    """Turn and mirror an image (H, W, …) as EXIF's orientation, 1 to 8, says."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values
