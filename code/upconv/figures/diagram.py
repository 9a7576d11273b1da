"""Networks as rows of boxes: one box for each feature map, as tall as it is large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2, sqrt

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon

from upconv.checks import refuse
from upconv.figures.theme import COLORS, INK

_KINDS = {
    "input": COLORS.gray,
    "convolution": COLORS.blue,
    "pooling": COLORS.red,
    "upsampling": COLORS.green,
    "dense": COLORS.purple,
    "other": COLORS.sky,
}
_TALLEST, _SLANT = 2.0, 0.3  # of the largest box; depth of a box relative to its height
_MIDDLE = _TALLEST * (1 + _SLANT) / 2
_LABELS = 0.85  # height of the labels below the boxes
_GAP = 1.25  # between boxes, wide enough for the operation's name


@dataclass(frozen=True)
class Map:
    """A feature map: its name, its channels, its height and width, and the operation before it.

    ``size`` is (H, W), one number if both are equal, and 1 for the values of a dense layer.
    ``kind`` is one of input, convolution, pooling, upsampling, dense, other.
    """

    name: str
    channels: int
    size: int | tuple[int, int]
    by: str = ""
    kind: str = "convolution"

    @property
    def sides(self) -> tuple[int, int]:
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def shape(self) -> str:
        """Channels and size in words, such as ``96 × 55 × 55``."""
        height, width = self.sides
        return (
            f"{self.channels}"
            if (height, width) == (1, 1)
            else (f"{self.channels} × {height} × {width}")
        )


@dataclass
class _Box:
    """Where a box is drawn: its front face, and how far it goes back."""

    left: float
    floor: float
    width: float
    height: float
    back: float

    @property
    def right(self) -> float:
        return self.left + self.width + self.back

    @property
    def top(self) -> float:
        return self.floor + self.height + self.back

    @property
    def middle(self) -> float:
        return self.floor + (self.height + self.back) / 2


def network(
    maps: Sequence[Map], skips: Mapping[str, str] | None = None, per_row: int = 7
) -> Figure:
    """Draw a network from left to right, in as many rows as it needs.

    A box is as tall as the square root of its map's height, and as thick as the logarithm of its
    channels. Its shape, channels × height × width, stands below, and the operation before it at
    the arrow.

    Parameters
    ----------
    skips
        Name of a map → name of the later map to which it is added or appended, in one row.
    per_row
        Boxes in a row; 7 are legible on a phone.

    Raises
    ------
    ValueError
        If there is no map, a kind is unknown, two maps have one name, or a skip is not between
        two maps of one row.
    """
    skips = skips or {}
    _require(maps, skips, per_row)
    count = ceil(len(maps) / per_row)
    each = ceil(len(maps) / count)
    rows = [maps[start : start + each] for start in range(0, len(maps), each)]
    largest = max(one.sides[0] for one in maps)
    placed = [_placed(row, largest) for row in rows]
    heights = [_height(boxes, bool(skips)) for boxes in placed]
    figure, axes = plt.subplots(
        count, 1, figsize=(7.6, 0.68 * sum(heights)), squeeze=False, height_ratios=heights
    )
    for number, (row, boxes, ax) in enumerate(zip(rows, placed, axes[:, 0], strict=True)):
        floor = min(box.floor for box in boxes.values())
        for one, box in zip(row, boxes.values(), strict=True):
            _draw(ax, one, box, floor)
        ends = [None, *boxes.values()]
        for before, (one, box) in zip(ends, zip(row, boxes.values(), strict=True), strict=False):
            if before or number:
                _arrow(ax, before, one, box)
        for start, end in skips.items():
            if start in boxes:
                _skip(ax, boxes[start], boxes[end])
        most = max(each * (_GAP + 0.5), max(box.right for box in boxes.values()))
        ax.set_xlim(-0.1 if number == 0 else -_GAP, most + 0.1)
        ax.set_ylim(floor - _LABELS, floor - _LABELS + heights[number])
        ax.set_aspect("equal")
        ax.set_axis_off()
    return figure


def in_words(maps: Sequence[Map]) -> str:
    """Describe the network, for the figure's alternative text."""
    steps = (f"{one.by + ' to ' if one.by else ''}{one.name}, {one.shape}" for one in maps)
    return "A network as boxes: " + "; ".join(" ".join(step.split()) for step in steps)


def _require(maps: Sequence[Map], skips: Mapping[str, str], per_row: int) -> None:
    if not maps:
        refuse("maps", "none", "at least one")
    if per_row < 1:
        refuse("per_row", per_row, "at least 1")
    names = [one.name for one in maps]
    for one in maps:
        if one.kind not in _KINDS:
            refuse("kind", one.kind, f"one of {', '.join(_KINDS)}")
        if names.count(one.name) > 1:
            refuse("maps", f"two called {one.name}", "a name for each")
    each = ceil(len(maps) / ceil(len(maps) / per_row))
    for start, end in skips.items():
        if start not in names or end not in names:
            refuse("skips", f"{start} to {end}", "names of two maps")
        first, last = names.index(start), names.index(end)
        if last <= first or first // each != last // each:
            refuse("skips", f"{start} to {end}", "an earlier and a later map of one row")


def _height(boxes: Mapping[str, _Box], skips: bool) -> float:
    """What a row takes, with its labels and its skips."""
    floor, top = min(b.floor for b in boxes.values()), max(b.top for b in boxes.values())
    return max(top, _MIDDLE + 0.75) + (0.65 if skips else 0.1) - floor + _LABELS


def _placed(row: Sequence[Map], largest: int) -> dict[str, _Box]:
    boxes, left = {}, 0.0
    for one in row:
        height = max(0.12, _TALLEST * sqrt(one.sides[0] / largest))
        width = 0.06 + 0.045 * log2(max(1, one.channels))
        if one.sides == (1, 1):  # values, not maps: a column
            height, width = 0.35 + 0.1 * log2(max(1, one.channels)), 0.14
        back = 0.0 if one.sides == (1, 1) else _SLANT * height
        boxes[one.name] = _Box(left, _MIDDLE - (height + back) / 2, width, height, back)
        left += width + back + _GAP
    return boxes


def _draw(ax: Axes, one: Map, box: _Box, floor: float) -> None:
    color = _KINDS[one.kind]
    x, y, w, h, d = box.left, box.floor, box.width, box.height, box.back
    # A map's large face looks to the right, and its thin front to the reader.
    faces = [([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], 1.0)]
    if d:
        side = [(x + w, y), (x + w + d, y + d), (x + w + d, y + h + d), (x + w, y + h)]
        lid = [(x, y + h), (x + w, y + h), (x + w + d, y + h + d), (x + d, y + h + d)]
        faces += [(side, 0.55), (lid, 0.75)]
    for corners, alpha in faces:
        for face, opacity in (("white", 1.0), (color, alpha)):
            patch = Polygon(corners, facecolor=face, alpha=opacity, edgecolor="white", lw=0.8)
            ax.add_patch(patch)
    center = (box.left + box.right) / 2
    ax.text(
        center,
        floor - 0.12,
        one.name,
        ha="center",
        va="top",
        fontsize=9.5,
        fontweight="bold",
        color=INK,
    )
    ax.text(center, floor - 0.42, one.shape.replace(" ", ""), ha="center", va="top", fontsize=8.5)


def _arrow(ax: Axes, before: _Box | None, one: Map, box: _Box) -> None:
    start = before.right if before else box.left - _GAP
    y = _MIDDLE
    ax.add_patch(
        FancyArrowPatch(
            (start + 0.06, y), (box.left - 0.06, y), arrowstyle="-|>", mutation_scale=9,
            color=COLORS.gray, lw=1.2, shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip
    if one.by:
        ax.text(
            (start + box.left) / 2, y + 0.12, one.by, ha="center", va="bottom", fontsize=8,
            color=INK, linespacing=1.15,
        )  # fmt: skip


def _skip(ax: Axes, start: _Box, end: _Box) -> None:
    top = _TALLEST * (1 + _SLANT) + 0.45
    left, right = (start.left + start.right) / 2, (end.left + end.right) / 2
    ax.plot([left, left, right], [start.top + 0.04, top, top], color=INK, lw=1.2, ls=(0, (4, 2)))
    ax.add_patch(
        FancyArrowPatch(
            (right, top), (right, end.top + 0.02), arrowstyle="-|>", mutation_scale=9, color=INK,
            lw=1.2, shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip
