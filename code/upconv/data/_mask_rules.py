"""What the values of a folder's masks mean, decided once for all of its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from upconv.checks import refuse
from upconv.data._checking import checked
from upconv.data._colors import ColorList, Colors, class_names, read_colors
from upconv.data._format import MaskFormat
from upconv.data._mask_kinds import (
    Census,
    looks_numbered,
    looks_smoothed,
    refuse_colors,
    refuse_lossy,
    refuse_smoothed,
)
from upconv.data._masks import GRAY_STEP, WHITE, Raw, counts, decode, labels, numbers, unknown
from upconv.data._reading import BadData
from upconv.data.sets import VOID

MOST_GUESSED = 32  # more classes than this have to be named by the user
MOST_LISTED = 20  # values in a message


class Decision(NamedTuple):
    """A folder's format, the names of its classes, and what has to be said about them."""

    form: MaskFormat
    names: tuple[str, ...]
    said: tuple[str, ...]


def census(path: str | Path) -> Census:
    """Count a mask's values.

    Raises
    ------
    BadData
        If it cannot be read.
    """
    raw = decode(path)
    values, pixels = counts(raw.values)
    palette = () if raw.palette is None else tuple(raw.palette[values].tolist())
    return Census(
        Path(path), raw.values.shape, raw.kind, tuple(values.tolist()), tuple(pixels.tolist()),
        palette, raw.turned, raw.lossy,
    )  # fmt: skip


def find_mask_format(
    paths: Sequence[str | Path],
    classes: int | Sequence[str] | None = None,
    *,
    colors: Colors | None = None,
    threshold: int | None = None,
    instances: bool = False,
    progress: bool = False,
) -> MaskFormat:
    """Read all masks of a folder once, and decide what their values mean.

    Gray values from 0 on, or the numbers of a palette that is the same in all files, are the
    classes, and 255 is void. If the whole folder contains only 0 and 255 (or black and white), 255
    is class 1. As many values as classes, with gaps, are classes in ascending order.

    Parameters
    ----------
    classes
        Number of classes or their names; None if the masks decide it.
    colors
        Colors of the classes in order, see ``segmentation_folder``.
    threshold
        Gray values from this one on are class 1 of two, as smoothed masks and JPEGs need it.
    instances
        Whether values number instances: everything but 0 is class 1 of two.

    Raises
    ------
    BadData
        If a file cannot be read, or no rule holds; the message says which option helps.
    ValueError
        If an option is out of range, or contradicts another.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     path = f"{folder}/mask.png"
    ...     Image.fromarray(np.array([[0, 255]], np.uint8)).save(path)
    ...     find_mask_format([path]).classes
    ((0, 0), (255, 1))
    """
    found = checked(census, paths, "masks", progress)
    return decide(found, classes, colors, threshold, instances).form


def decide(
    found: Sequence[Census],
    classes: int | Sequence[str] | None,
    colors: Colors | None = None,
    threshold: int | None = None,
    instances: bool = False,
) -> Decision:
    """Decide what the values of masks mean, see :func:`find_mask_format`."""
    given = [
        name
        for name, value in (("colors", colors), ("threshold", threshold), ("instances", instances))
        if value
    ]
    if len(given) > 1:
        refuse("masks", " and ".join(f"--{name}" for name in given), "one of them")
    wanted = classes if classes is None or isinstance(classes, int) else len(classes)
    if wanted is not None and not 2 <= wanted <= VOID:
        refuse("classes", wanted, f"2 to {VOID}")
    if colors is not None:
        return _by_colors(read_colors(colors), classes, wanted)
    if threshold is not None or instances:
        if wanted not in (None, 2):
            refuse("classes", wanted, f"2 with --{given[0] if given else 'threshold'}")
        names = class_names(classes, 2) if classes is not None else ("background", "object")
        if threshold is not None:
            return _by_threshold(found, threshold, names)
        return _by_instances(found, names)
    form = _palettes(found)
    return _by_values(found, form, classes, wanted)


# ---- what the user says ------------------------------------------------------------------------


def _by_colors(
    listed: ColorList, classes: int | Sequence[str] | None, wanted: int | None
) -> Decision:
    count = len(listed.colors)
    if wanted not in (None, count):
        refuse("colors", f"{count} colors", f"{wanted}, one for each class")
    names = class_names(classes, count)
    if listed.names and (classes is None or isinstance(classes, int)):
        names = listed.names
    pairs = tuple((color, number) for number, color in enumerate(listed.colors))
    return Decision(MaskFormat("colors", pairs, listed.void), names, ())


def _by_threshold(found: Sequence[Census], threshold: int, names: tuple[str, ...]) -> Decision:
    if threshold < 1:
        refuse("threshold", threshold, "at least 1")
    form = MaskFormat(threshold=threshold, gray_palette=any(one.palette for one in found))
    values = Counter[int]()
    for one in found:
        if one.kind == "colors":
            expected = "gray values with --threshold: convert it to gray"
            raise BadData(f"{one.path}: got a mask with colors, expected {expected}")
        values += _values(one, form)
    if not min(values) < threshold <= max(values):
        got = f"values from {min(values)} to {max(values)}"
        expected = f"some below and some from {threshold} on: choose another --threshold"
        raise BadData(f"{_folder(found)}: got {got}, expected {expected}")
    return Decision(form, names, (f"values from {threshold} on were read as {names[1]}",))


def _by_instances(found: Sequence[Census], names: tuple[str, ...]) -> Decision:
    kind = "colors" if any(one.kind == "colors" for one in found) else "values"
    # In palettes, as those of Pascal VOC, 255 is void; as a gray value it is an instance.
    voc = kind == "values" and all(one.kind == "palette" for one in found)
    form = MaskFormat(kind, void=VOID if voc else None, instances=True)
    most = max(sum(value not in (0, form.void) for value in _values(one, form)) for one in found)
    if most < 2:
        got, expected = "masks with one value besides 0", "instances numbered 1, 2, … in each file"
        raise BadData(f"{_folder(found)}: got {got}, expected {expected}: leave out --instances")
    said = f"each value was read as an instance, up to {most} in a file"
    return Decision(form, names, (said,))


# ---- what the files say ------------------------------------------------------------------------


def _folder(found: Sequence[Census]) -> Path:
    return found[0].path.parent


def _values(one: Census, form: MaskFormat) -> Counter[int]:
    """A mask's values in the terms of a format, and their pixels."""
    values = numbers(one.path, _raw(one), form).ravel().tolist()
    total = Counter[int]()
    for value, pixels in zip(values, one.pixels, strict=True):
        total[value] += pixels
    return total


def _raw(one: Census) -> Raw:
    """The smallest mask with the values of a file."""
    kind = np.uint8 if one.kind in ("bits", "palette") or max(one.values) < 256 else np.int64
    values = np.array(one.values, kind)[None]
    palette = np.zeros(256, np.uint32)
    if one.palette:
        palette[values[0]] = one.palette
    return Raw(values, one.kind, palette if one.palette else None, one.turned, one.lossy)


def _palettes(found: Sequence[Census]) -> MaskFormat:
    """Decide whether a palette's numbers or its gray values count, and refuse colors."""
    used: dict[int, set[int]] = {}
    for one in found:
        for value, color in zip(one.values, one.palette, strict=False):
            used.setdefault(value, set()).add(color)
    every = set().union(*used.values())
    distinct = all(len(set(one.palette)) == len(one.palette) for one in found)
    agree = all(len(colors) == 1 for colors in used.values())
    gray = {value for one in found if one.kind == "gray" for value in one.values}
    if any(one.kind == "colors" for one in found):
        refuse_colors(found)
    if every <= {0, WHITE} and distinct and used:  # black and white
        inverted = agree and used.get(0) == {WHITE}
        if not agree or inverted or VOID in gray:
            return MaskFormat(gray_palette=True)
    if agree:
        return MaskFormat(palette=tuple(sorted((v, c) for v, (c,) in used.items())))
    if distinct and all(color % GRAY_STEP == 0 for color in every):
        return MaskFormat(gray_palette=True)
    refuse_colors(found)


def _by_values(
    found: Sequence[Census], form: MaskFormat, classes: int | Sequence[str] | None,
    wanted: int | None,
) -> Decision:  # fmt: skip
    values = Counter[int]()
    for one in found:
        if one.kind != "bits":
            values += _values(one, form)
    bits = [one for one in found if one.kind == "bits"]
    white = VOID if VOID in values and values.keys() <= {0, VOID} else 1
    for one in bits:
        values.update({white if value else 0: 1 for value in one.values})
    present = sorted(values)
    ids = [value for value in present if value != VOID]
    if any(one.lossy for one in found) and not set(present) <= {0, VOID}:
        refuse_lossy(found, wanted)
    if present == [0, VOID]:
        if wanted not in (None, 2):
            got, expected = "only 0 and 255", f"0 to {wanted - 1}, as 255 is void"
            way = "for black and white masks use --classes 2"
            raise BadData(f"{_folder(found)}: got masks with {got}, expected {expected}: {way}")
        names = class_names(classes, 2) if classes is not None else ("background", "object")
        pairs: tuple[tuple[int, int], ...] = ((0, 0), (VOID, 1))
        said: tuple[str, ...] = (f"{VOID} was read as {names[1]}",)
        return Decision(replace(form, classes=pairs), names, said)
    if not ids:
        expected = "class numbers: as 255 is void, no pixel has a label"
        raise BadData(f"{_folder(found)}: got masks with only 255, expected {expected}")
    if ids == [0, 1] and VOID in present:
        _check_white(found, form)
    count = wanted or _guessed(found, form, present)
    if count == 2 and len(ids) == 2 and ids != [0, 1] and VOID in present:
        got, way = listed(present), "--classes 3 if 255 is a class, or --threshold if it is not"
        raise BadData(f"{_folder(found)}: got masks with {got}, expected two classes: use {way}")
    if ids[-1] < count:
        pairs, said = tuple((number, number) for number in range(count)), ()
    elif count in (len(ids), len(present)):
        chosen = ids if len(ids) == count else present
        if count > 3 and looks_smoothed(found):
            refuse_smoothed(found, count)
        pairs = tuple((value, number) for number, value in enumerate(chosen))
        told = f"{listed(chosen)} were read as classes 0 to {count - 1}"
        said = (told,)
    else:
        _refuse_values(found, form, present, count)
    void = None if VOID in dict(pairs) else VOID
    if not said and len(ids) > 2 and looks_numbered(found):
        said = ("if each number is one object, use --instances",)
    return Decision(replace(form, classes=pairs, void=void), class_names(classes, count), said)


def _check_white(found: Sequence[Census], form: MaskFormat) -> None:
    """Refuse masks of which some have class 1 as 1, and others perhaps as 255."""
    one = two = None
    for each in found:
        values = _values(each, form).keys() if each.kind != "bits" else set()
        if {1, VOID} <= values:
            return
        one = each if 1 in values else one
        two = each if VOID in values else two
    if one and two:
        way = (
            '--threshold 1 if both are class 1, --colors "000000,010101,void=ffffff" if 255 is void'
        )
        got = f"255 in {two.path.name} and 1 in {one.path.name}, and nowhere both"
        raise BadData(f"{_folder(found)}: got {got}, expected to know what 255 means: use {way}")


def _guessed(found: Sequence[Census], form: MaskFormat, present: list[int]) -> int:
    """The number of classes that the masks show, if they leave no doubt."""
    ids = [value for value in present if value != VOID]
    folder, got = _folder(found), f"masks with {listed(present)}"
    if ids in ([0, 1], [0, 2**16 - 1]):
        return 2
    if len(ids) > 2 and looks_numbered(found):
        way = f"--instances if each number is one object, --classes {ids[-1] + 1} if it is a class"
        raise BadData(f"{folder}: got {got}, expected to know what they number: use {way}")
    if len(ids) > 3 and looks_smoothed(found):
        refuse_smoothed(found, None)
    if ids == list(range(len(ids))) and 2 <= len(ids) <= MOST_GUESSED:
        return len(ids)
    if len(ids) == 1:
        way = "the number of classes by --classes"
    elif ids[0] == 1 and ids[-1] == len(ids):
        way = f"--classes {len(ids)} if 1 is the first class, --classes {len(ids) + 1} if 0 is"
    else:
        way = f"--classes {len(ids)} to read them as classes in ascending order, or the number of "
        way += "classes"
    raise BadData(f"{folder}: got {got}, expected {way}")


def _refuse_values(
    found: Sequence[Census], form: MaskFormat, present: list[int], count: int
) -> NoReturn:
    """Say which file has the first value that is no class, and what helps."""
    pairs = tuple((number, number) for number in range(count))
    known = replace(form, classes=pairs, void=VOID)
    first, value = next(
        (one, value)
        for one in found
        for value in sorted(_values(one, form))
        if value >= count and value != VOID
    )
    if len(present) > 3 and looks_smoothed(found):
        refuse_smoothed(found, count)
    way = f"the folder has {listed(present)}"
    if looks_numbered(found):
        way += ", which seem to number objects: use --instances"
    elif len(present) <= VOID:
        kept = [one for one in present if one != VOID]
        way += f": --classes {len(kept)} reads {listed(kept)} as classes 0 to {len(kept) - 1}"
    raise BadData(f"{first.path}: got {unknown(value, known)}; {way}")


# ---- how much of what --------------------------------------------------------------------------


def tally(one: Census, form: MaskFormat, count: int) -> np.ndarray:
    """Count a mask's pixels of each class, and of void as the last.

    Raises
    ------
    BadData
        If it has a value that the format does not know.
    """
    if form.instances:
        values = _values(one, form)
        void = values.pop(form.void, 0) if form.void is not None else 0
        return np.array([values.pop(0, 0), values.total(), void])
    raw = _raw(one)
    found = labels(one.path, raw, form).ravel().astype(int)
    found[found == VOID] = count
    return np.bincount(found, one.pixels, count + 1).astype(np.int64)


def shares(names: Sequence[str], pixels: np.ndarray, said: Sequence[str] = ()) -> str:
    """Say in one line how many pixels each class has, and what was decided."""
    total = max(int(pixels.sum()), 1)
    seen = [f"{name} {percent(p, total)}" for name, p in zip(names, pixels, strict=False) if p]
    if pixels[-1]:
        seen.append(f"void {percent(pixels[-1], total)}")
    never = [name for name, p in zip(names, pixels, strict=False) if not p]
    parts = [", ".join(seen)]
    if never:
        parts.append(f"never seen: {', '.join(never)}")
    return "; ".join([*parts, *said])


def percent(part: int, total: int) -> str:
    share = 100 * part / total
    return f"{share:.1f} %" if share >= 0.05 or not part else "<0.1 %"


def listed(values: Sequence[int]) -> str:
    """The values 0 to 3; or 0, 7 and 26; or the first twenty."""
    if len(values) > 3 and list(values) == list(range(values[0], values[-1] + 1)):
        return f"values {values[0]} to {values[-1]}"
    shown = [str(value) for value in values[:MOST_LISTED]]
    more = len(values) - len(shown)
    if more:
        return f"values {', '.join(shown)} and {more} more"
    text = " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
    return f"value{'s' if len(values) > 1 else ''} {text}"
