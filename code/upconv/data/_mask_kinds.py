"""Masks that are not what they seem: smoothed, compressed, numbered objects, or in colors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from scipy.ndimage import find_objects, label

from upconv.data._masks import GRAY_STEP, decode, hexadecimal
from upconv.data._reading import BadData
from upconv.data.sets import VOID

LOOKED_AT = 6  # files that are read again to name what is wrong
MOST_LISTED = 20  # colors in a message
MOST_COLORS = 64  # a mask with more is smoothed, or no mask
EXACT = "save it as PNG, and resize it by nearest neighbor, without smoothing"


class Census(NamedTuple):
    """What is kept of a mask file after it has been read once."""

    path: Path
    shape: tuple[int, ...]
    kind: str  # as in Raw
    values: tuple[int, ...]
    pixels: tuple[int, ...]  # of each value
    palette: tuple[int, ...]  # packed color of each value, if it has a palette
    turned: bool
    lossy: bool


def _first_of(found: Sequence[Census]) -> list[Census]:
    """The files with the most values, which show best what they are."""
    return sorted(found, key=lambda one: -len(one.values))[:LOOKED_AT]


def looks_numbered(found: Sequence[Census]) -> bool:
    """Whether values number objects: each is one region, from 1 on in most files, which differ."""
    numbers = [tuple(value for value in one.values if value not in (0, VOID)) for one in found]
    most = max(map(len, numbers))
    dense = sum(each == tuple(range(1, len(each) + 1)) for each in numbers)
    if most < 2 or not (most > 8 or (len(set(numbers)) > 1 and 2 * dense > len(found))):
        return False
    whole = several = 0
    for one in _first_of(found):
        values = decode(one.path).values
        present, which = np.unique(values, return_inverse=True)
        numbered = which.reshape(values.shape) + 1
        for number, box in enumerate(find_objects(numbered), 1):
            if present[number - 1] not in (0, VOID):
                whole += label(numbered[box] == number, np.ones((3, 3)))[1] == 1
                several += 1
    return whole >= 0.9 * several


def looks_smoothed(found: Sequence[Census]) -> bool:
    """Whether values between the frequent ones are rare, and lie only where regions meet."""
    inside = rare = total = 0
    different: set[int] = set()
    for one in _first_of(found):
        values = decode(one.path).values
        pixels = dict(zip(one.values, one.pixels, strict=True))
        often = [value for value, count in pixels.items() if count >= 0.02 * values.size]
        rest = [value for value in pixels if value not in often]
        rest = [value for value in rest if min(often, default=value) < value < max(often)]
        different.update(rest)
        between = np.isin(values, rest)
        same = values[1:-1, 1:-1] == values[:-2, 1:-1]
        for other in (values[2:, 1:-1], values[1:-1, :-2], values[1:-1, 2:]):
            same &= values[1:-1, 1:-1] == other
        inside += int((same & between[1:-1, 1:-1]).sum())
        rare, total = rare + int(between.sum()), total + values.size
    return len(different) >= 3 and 0 < rare < 0.5 * total and inside < 0.2 * rare


def refuse_smoothed(found: Sequence[Census], classes: int | None) -> NoReturn:
    """Say that masks are smoothed."""
    one = _first_of(found)[0]
    got = f"{len(one.values)} values, of which most lie only on borders"
    way = f"use --threshold {_middle(found)}, or {EXACT}" if classes in (None, 2) else EXACT
    raise BadData(f"{one.path}: got {got}, expected class numbers: a smoothed mask; {way}")


def refuse_lossy(found: Sequence[Census], classes: int | None) -> NoReturn:
    """Say that JPEG changes the values of masks."""
    one = next((one for one in found if one.lossy and len(one.values) > 1), found[0])
    got = f"a JPEG with {len(one.values)} values"
    way = "save the masks as PNG from their source"
    if classes in (None, 2):
        way = f"use --threshold {_middle(found)} for two classes, or {way}"
    raise BadData(f"{one.path}: got {got}, expected exact ones, which JPEG changes; {way}")


def _middle(found: Sequence[Census]) -> int:
    """A threshold between black and white, or between the two most frequent values."""
    values = Counter[int]()
    for one in found:
        values.update(dict(zip(one.values, one.pixels, strict=True)))
    if max(values) in range(129, 256):
        return 128
    (first, _), (second, _) = values.most_common(2)
    return (first + second + 1) // 2


def refuse_colors(found: Sequence[Census]) -> NoReturn:
    """Say which colors the masks of a folder have, and how to name them."""
    colors = Counter[int]()
    for one in found:
        values = one.palette or one.values
        if one.kind == "bits":
            values = tuple(0xFFFFFF * value for value in values)
        elif one.kind == "gray":
            values = tuple(GRAY_STEP * value for value in values)
        for color, pixels in zip(values, one.pixels, strict=True):
            colors[color] += pixels
    first = next(one for one in found if one.kind in ("colors", "palette"))
    many = max(found, key=lambda one: len(one.values))
    if len(colors) > MOST_COLORS:
        got = f"{many.path}: got {len(many.values):,} colors"
        what = "exact ones, which JPEG changes" if many.lossy else "one for each class"
        raise BadData(
            f"{got}, expected {what}: if it is a smoothed mask, {EXACT}; if it is a photograph, "
            "are --images and --masks swapped?"
        )
    total = colors.total()
    shown = [f"{color:06x} {100 * n / total:.1f} %" for color, n in colors.most_common(MOST_LISTED)]
    more = f" and {len(colors) - MOST_LISTED} more" if len(colors) > MOST_LISTED else ""
    # Background first: black if there is some, else the most frequent.
    order = sorted((color for color, _ in colors.most_common(MOST_LISTED)), key=bool)
    what = "palettes that differ" if first.kind == "palette" else "a mask with colors"
    raise BadData(
        f"{first.path}: got {what}, expected gray values or one palette in all files; the folder "
        f"has {', '.join(shown)}{more}: name them in the order of the classes, such as "
        f'--colors "{hexadecimal(order)}", or void=COLOR for unlabeled pixels'
    )
