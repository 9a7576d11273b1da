"""Mask files: their numbers or colors, and the classes that a format makes of them."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from upconv.data._format import MaskFormat
from upconv.data._instances import split_touching_instances
from upconv.data._reading import ORIENTATION, UNREADABLE, BadData, check_file, check_size
from upconv.data.sets import VOID

WHITE = 0xFFFFFF
GRAY_STEP = 0x010101  # a gray color is a multiple of it
# What Pillow raises besides for headers and EXIF that are torn.
_BROKEN = (*UNREADABLE, TypeError, LookupError, EOFError, OverflowError, struct.error, zlib.error)


class Raw(NamedTuple):
    """What a mask file contains, upright, before anything is a class."""

    values: np.ndarray  # (H, W), integers; colors are packed, 0xRRGGBB
    kind: str  # "bits" (0 and 1), "gray", "palette" (its numbers) or "colors"
    palette: np.ndarray | None  # packed color of each number
    turned: bool  # by its EXIF orientation
    lossy: bool  # a JPEG


def read_mask(path: str | Path, classes: int, mask_format: MaskFormat | None = None) -> np.ndarray:
    """Read a mask as (H, W), uint8: class numbers, and 255 for void.

    Without a format the file stands for itself: its gray value or palette number is the class. A
    file of two classes that contains only 0 and 255 is read as black and white: 255 is class 1. In
    a folder this is decided for all files together, see :func:`find_mask_format`.

    Parameters
    ----------
    mask_format
        What :func:`find_mask_format` found in the file's folder.

    Raises
    ------
    BadData
        If it cannot be read, has colors, or a value is not a class.
    """
    raw = decode(path)
    if mask_format is None:
        pairs: Any = [(number, number) for number in range(min(classes, VOID))]
        present = set(np.unique(raw.values).tolist())
        bilevel = classes == 2 and present <= {0, 255}
        mask_format = MaskFormat(
            classes=((0, 0), (255, 1)) if bilevel else tuple(pairs), void=None if bilevel else VOID
        )
    return labels(path, raw, mask_format)


def decode(path: str | Path) -> Raw:
    """Read what a mask file contains.

    Raises
    ------
    BadData
        If it cannot be read, or does not have one integer or one opaque color per pixel.
    """
    check_file(path)
    try:
        with Image.open(path) as image:
            check_size(path, image)
            return _contents(path, image)
    except BadData:
        raise
    except _BROKEN as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadData(f"{path}: not a readable mask ({reason})") from error


def _contents(path: str | Path, image: Image.Image) -> Raw:
    if (count := getattr(image, "n_frames", 1)) > 1 and image.format != "MPO":
        got = f"a stack of {count} masks"
        raise BadData(f"{path}: got {got}, expected one: save each of them to a file of its own")
    lossy, steps = image.format in ("JPEG", "MPO"), _steps(path, image)
    turned = image.getexif().get(ORIENTATION, 1) != 1
    image = _opaque(path, ImageOps.exif_transpose(image))
    palette = None
    # Colors in one pass: the bytes of red, green, blue and a filling, as a number.
    values = np.asarray(image.convert("RGBX") if image.mode == "RGB" else image)
    if image.mode == "1":
        return Raw(values.astype(np.uint8), "bits", None, turned, lossy)
    if image.mode == "P":
        kind = "palette"
        table = np.zeros((256, 3), np.uint32)
        colors = np.array(image.getpalette() or [], np.uint32).reshape(-1, 3)[:256]
        table[: len(colors)] = colors
        palette = packed(table)
    elif image.mode == "RGB":
        values = values.view(np.uint32)[..., 0]
        values = (values.byteswap() if sys.byteorder == "little" else values) >> 8
        gray = (values & 255).astype(np.uint8)
        kind = "colors" if (values != gray * np.uint32(GRAY_STEP)).any() else "gray"
        values = gray if kind == "gray" else values
    else:
        kind, values = "gray", _whole(path, values)
    return Raw(values // steps if steps > 1 else values, kind, palette, turned, lossy)


def _steps(path: str | Path, image: Image.Image) -> int:
    """The factor by which Pillow multiplies gray values of less than 8 bits; 1 for all others."""
    tiles = getattr(image, "tile", None) or [("", None, 0, "")]
    given = tiles[0][3]
    layout = str(given[0] if isinstance(given, tuple) and given else given)
    if image.mode in ("RGB", "RGBA", "LA") and ";16" in layout:  # Pillow drops the lower half
        expected = "gray values of 8 or 16 bits, or colors of 8"
        raise BadData(f"{path}: got colors of 16 bits, expected {expected}: save it so")
    return {"L;2": 85, "L;4": 17}.get(layout, 1) if image.mode == "L" else 1


def _opaque(path: str | Path, image: Image.Image) -> Image.Image:
    """The image without its alpha channel, in a mode with one number or color per pixel."""
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        alpha = image.getchannel(image.getbands()[-1])
        if alpha.getextrema() != (255, 255):
            opaque = image.convert("RGBA").convert("RGB")
            inside = np.asarray(alpha) == 255
            seen = np.asarray(opaque)[inside]
            way = "flatten it onto the background's color and save it without transparency"
            if not len(seen) or (seen == seen[0]).all():
                way = "the object seems to be in its alpha channel: save that as a gray mask"
            raise BadData(f"{path}: got a mask with transparency, expected opaque pixels: {way}")
        image = image.getchannel("L") if image.mode in ("LA", "La") else image.convert("RGB")
    if image.mode not in ("1", "L", "P", "RGB", "I", "F") and not image.mode.startswith("I;16"):
        expected = "gray values, a palette or RGB colors"
        raise BadData(f"{path}: got a mask in mode {image.mode}, expected {expected}: save it so")
    return image


def _whole(path: str | Path, values: np.ndarray) -> np.ndarray:
    """Gray values as integers of at least 0, in the machine's byte order."""
    if values.dtype.kind == "f":
        wrong = values[(values != np.round(values)) | (abs(values) > 2**31)]  # and NaN
        if wrong.size:
            expected = "whole numbers: save the class numbers, not probabilities or scaled values"
            raise BadData(f"{path}: got value {wrong[0]:g}, expected {expected}")
        values = values.astype(np.int64)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype.kind == "i" and values.size and values.min() < 0:
        expected = f"class numbers from 0 on: save unlabeled pixels as {VOID}"
        raise BadData(f"{path}: got label {values.min()}, expected {expected}")
    return values


def packed(colors: np.ndarray) -> np.ndarray:
    """Pack colors (..., 3) into one number each, 0xRRGGBB."""
    red, green, blue = (colors[..., channel].astype(np.uint32) for channel in range(3))
    return (red << 16) | (green << 8) | blue


def hexadecimal(colors: Sequence[int]) -> str:
    return ",".join(f"{color:06x}" for color in colors)


def counts(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different values of a mask in ascending order, and how often each occurs."""
    flat = values.ravel()
    if values.dtype.itemsize <= 2 and values.dtype.kind == "u":
        number = np.bincount(flat)
        present = np.flatnonzero(number)
        return present, number[present]
    # Masks consist of runs: only where one begins the value has to be sorted.
    begins = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(np.append(begins, flat.size))
    present, which = np.unique(flat[begins], return_inverse=True)
    return present, np.bincount(which.ravel(), lengths).astype(np.int64)


def numbers(path: str | Path, raw: Raw, form: MaskFormat) -> np.ndarray:
    """A mask's values in the terms of a format: gray values, palette numbers, or colors."""
    values, palette = raw.values, raw.palette
    if form.kind == "colors":
        if raw.kind == "bits":
            return values.astype(np.uint32) * WHITE
        if raw.kind == "gray":
            if values.size and values.max() > 255:
                raise BadData(f"{path}: got gray value {values.max()}, expected colors of 8 bits")
            return values.astype(np.uint32) * GRAY_STEP
        return values if palette is None else palette[values]
    if raw.kind == "colors":
        expected = "gray values as in the other masks: save it so, or name its colors by --colors"
        raise BadData(f"{path}: got a mask with colors, expected {expected}")
    if raw.kind == "bits":
        known = dict(form.classes)
        return values * np.uint8(255 if known.get(255) == 1 or form.threshold else 1)
    if palette is None:
        return values
    used = np.flatnonzero(np.bincount(values.ravel(), minlength=256))
    if form.gray_palette:
        if (palette[used] % GRAY_STEP).any():
            expected = "gray ones as in the other masks, or --colors"
            raise BadData(f"{path}: got a palette with colors, expected {expected}")
        return (palette // GRAY_STEP).astype(np.uint8)[values]
    known = dict(form.palette)
    for number in used.tolist():
        if known.get(number, palette[number]) != palette[number]:
            got, expected = f"{palette[number]:06x}", f"{known[number]:06x} as in training"
            raise BadData(
                f"{path}: its palette has color {got} as number {number}, expected {expected}: "
                "save all masks with one palette, or as gray values"
            )
    return values


def labels(path: str | Path, raw: Raw, form: MaskFormat) -> np.ndarray:
    """The classes of a mask (H, W), uint8, according to a format.

    Raises
    ------
    BadData
        If the format does not know one of the mask's values.
    """
    found = numbers(path, raw, form)
    if form.instances:
        mask = split_touching_instances(_numbered(found, form))
        if form.void is not None:
            mask[found == form.void] = VOID
        return mask
    if form.threshold is not None:
        return (found >= form.threshold).astype(np.uint8)
    known = sorted(dict(form.classes) | ({} if form.void is None else {form.void: VOID}))
    meaning = dict(form.classes)
    table = np.array(known)
    classes = np.array([meaning.get(value, VOID) for value in known], np.uint8)
    if found.dtype == np.uint8:
        wrong = np.setdiff1d(np.flatnonzero(np.bincount(found.ravel())), table)
        every = np.zeros(256, np.uint8)
        inside = table < 256
        every[table[inside]] = classes[inside]
        result = every[found]
    else:
        place = np.searchsorted(table, found).clip(max=len(table) - 1)
        wrong = found[table[place] != found]
        result = classes[place]
    if wrong.size:
        raise BadData(f"{path}: got {unknown(int(wrong[0]), form)}")
    return result


def unknown(value: int, form: MaskFormat) -> str:
    """What is said of a value that a format does not know."""
    values = [value for value, _ in form.classes]
    if form.kind == "colors":
        end = "" if form.void is None else f", or {form.void:06x} for void"
        return f"color {value:06x}, expected one of {hexadecimal(values)}{end}"
    listed = ", ".join(map(str, values))
    if len(values) > 2 and values == list(range(len(values))):
        listed = f"0 to {len(values) - 1}"
    elif len(values) == 2:
        listed = (
            f"{values[0]} to {values[1]}" if values == [0, 1] else " or ".join(map(str, values))
        )
    end = "" if form.void is None else f", or {form.void} for void"
    return f"label {value}, expected {listed}{end}"


def instances_of(path: str | Path, raw: Raw, form: MaskFormat) -> np.ndarray:
    """A mask's instances (H, W), numbered from 1; 0 is background or void."""
    return _numbered(numbers(path, raw, form), form)


def _numbered(found: np.ndarray, form: MaskFormat) -> np.ndarray:
    present, which = np.unique(found, return_inverse=True)
    outside = (present == 0) | (present == form.void if form.void is not None else False)
    order = np.where(outside, 0, np.cumsum(~outside))
    return order[which].reshape(found.shape).astype(np.int32)
