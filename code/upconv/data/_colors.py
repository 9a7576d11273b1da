"""Lists of colors, and of class names, as a user writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from upconv.checks import refuse
from upconv.data._reading import BadData

VOID_NAME = "void"
Colors = str | Path | Sequence[str | tuple[int, int, int]]
_HEX = re.compile(r"#?\b([0-9a-fA-F]{6})\b")
_DECIMAL = re.compile(r"(?<!\d)(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})(?!\d)")


class ColorList(NamedTuple):
    """Packed colors (0xRRGGBB) of the classes in order, their names if given, and void's color."""

    colors: tuple[int, ...]
    names: tuple[str, ...]
    void: int | None


def read_colors(given: Colors) -> ColorList:
    """Read the colors of classes.

    Parameters
    ----------
    given
        Six hexadecimal digits for each class, in their order, "000000,ff0000,void=ffffff", with
        names if wished, "background=000000,cell=ff0000"; or a text file with one color a line,
        hexadecimal or as three numbers, before or after its name, as CVAT and CamVid have it; or
        a sequence of colors.

    Raises
    ------
    ValueError
        If there are fewer than two colors, one occurs twice, or one is none.
    """
    lines: Sequence[str | tuple[int, int, int]]
    if isinstance(given, Path) or (isinstance(given, str) and Path(given).is_file()):
        lines = _lines(Path(given))
    else:
        lines = given.split(",") if isinstance(given, str) else given
    found = [_color(line, given) for line in lines]
    colors = [color for name, color in found if name.lower() != VOID_NAME]
    void = [color for name, color in found if name.lower() == VOID_NAME]
    if not 2 <= len(colors) <= 255 or len(void) > 1:
        refuse("colors", f"{len(colors)} colors in {_short(given)}", "one for each class, 2 to 255")
    both = [*colors, *void]
    if len(set(both)) < len(both):
        twice = next(color for color in both if both.count(color) > 1)
        refuse("colors", f"{twice:06x} twice", "a different color for each class")
    names = tuple(name for name, _ in found if name.lower() != VOID_NAME)
    return ColorList(tuple(colors), names if all(names) else (), void[0] if void else None)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path}: not a readable list of colors ({error})") from error
    # CVAT's first line only names its columns; #ff0000 is a color and # alone begins a comment.
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and (not line.startswith("#") or _HEX.match(line))]


def _color(line: str | tuple[int, int, int], given: Colors) -> tuple[str, int]:
    """The name, "" without one, and the packed color."""
    expected = 'six hexadecimal digits a class, such as "000000,ff0000,void=ffffff", or a file'
    if not isinstance(line, str):
        if len(line) != 3 or not all(0 <= part <= 255 for part in line):
            refuse("colors", line, "three numbers from 0 to 255")
        return "", (int(line[0]) << 16) | (int(line[1]) << 8) | int(line[2])
    if three := _DECIMAL.search(line):
        red, green, blue = map(int, three.groups())
        if max(red, green, blue) <= 255:
            return _name(line, three), (red << 16) | (green << 8) | blue
    if six := _HEX.search(line):
        return _name(line, six), int(six[1], 16)
    refuse("colors", repr(line) if line else _short(given), expected)


def _name(line: str, color: re.Match[str]) -> str:
    rest = f"{line[: color.start()]} {line[color.end() :]}"
    return " ".join(rest.strip(" \t,;:=#").split())


def _short(given: Colors) -> str:
    return repr(given) if len(str(given)) < 60 else f"{str(given)[:57]!r}…"


def class_names(classes: int | Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Names of ``count`` classes; a number, or nothing, gives "class 0", "class 1", …"""
    if classes is None or isinstance(classes, int):
        return tuple(f"class {number}" for number in range(count))
    return tuple(classes)
