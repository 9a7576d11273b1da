"""A contact sheet of a segmentation set: images, what is marked in them, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from upconv.data import VOID, SegmentationSet
from upconv.figures.theme import COLORS, INK

WIDTH = 10.0  # of the sheet, in inches, as are the following
MARGIN, GAP, LINE, TALLEST = 0.14, 0.18, 0.26, 4.0
SIDE = 520  # pixels of the longer side of a picture
TINT = 0.45  # of a class in an image
STRIPES = 14  # pixels from one stripe of void to the next
Box = tuple[float, float, float, float]  # left, low, width, height, in inches
_FONT = "DejaVu Sans"
_VOID_COLOR = "#c9ced6"


def class_pixels(mask: np.ndarray, classes: int) -> np.ndarray:
    """Count a mask's pixels of each class, and of void as the last."""
    found = np.bincount(mask.ravel(), minlength=VOID + 1)
    return np.append(found[:classes], found[VOID])


def contact_sheet(
    data: SegmentationSet, pixels: Sequence[np.ndarray], names: Sequence[str] = (), most: int = 8
) -> Figure:
    """Draw some images beside what their masks mark, and the share of each class.

    The first class, the background, is not tinted; void is striped. Every class that occurs is
    shown, the rarest first.

    Parameters
    ----------
    pixels
        Of each mask, its :func:`class_pixels`.
    names
        Of each image.
    most
        Maximum number of images.
    """
    chosen = _chosen(np.array(pixels), most)
    total = np.sum(pixels, axis=0)
    columns = 1 if len(chosen) == 1 else 2
    pictures = [_pair(data, index) for index in chosen]
    # Two pictures side by side, a gap between pairs, and the same margin on both sides.
    cell = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns
    side = (cell - GAP / 3) / 2
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    heights = [min(max(side * p.shape[0] / p.shape[1] for p, _ in row), TALLEST) for row in rows]
    top, bottom = 0.68, 0.42 + 0.24 * _lines(data.classes)
    height = top + sum(heights) + LINE * len(rows) + bottom
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    _text(figure, MARGIN, height - 0.22, _title(data), size=14, weight="bold")
    _text(figure, MARGIN, height - 0.46, "Image, and what its mask marks in it", color=COLORS.gray)
    low = height - top
    for row, (pairs, tall) in enumerate(zip(rows, heights, strict=True)):
        low -= tall + LINE
        for column, pair in enumerate(pairs):
            left = MARGIN + column * (cell + GAP)
            if names:
                _text(figure, left, low + tall + 0.1, names[chosen[row * columns + column]], size=8)
            for place, picture in enumerate(pair):
                _show(figure, (left + place * (side + GAP / 3), low, side, tall), picture)
    _shares(figure, (MARGIN, 0.1, WIDTH - 2 * MARGIN, bottom - 0.24), data, total)
    return figure


def _title(data: SegmentationSet) -> str:
    return f"{len(data)} image{'s' if len(data) > 1 else ''}, {len(data.classes)} classes"


def _chosen(pixels: np.ndarray, most: int) -> list[int]:
    """Indices of images: for each class, from the rarest on, one with much of it; then others."""
    chosen: list[int] = []
    for number in np.argsort(pixels.sum(0)):
        best = int(pixels[:, number].argmax())
        if pixels[best, number] and best not in chosen:
            chosen.append(best)
    rest = [index for index in range(len(pixels)) if index not in chosen]
    spread = np.linspace(0, len(rest) - 1, max(most - len(chosen), 0)).round().astype(int)
    chosen += [rest[place] for place in dict.fromkeys(spread.tolist())] if rest else []
    return sorted(chosen[:most])


def _pair(data: SegmentationSet, index: int) -> tuple[np.ndarray, np.ndarray]:
    """The image as it is seen, and with its mask."""
    image, mask = data[index]
    low, high = data.value_range
    seen = image[..., :3] if image.ndim == 3 and image.shape[2] >= 3 else image
    seen = seen[..., 0] if seen.ndim == 3 and seen.shape[2] < 3 else seen
    seen = np.clip((seen.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
    picture = Image.fromarray(seen.round().astype(np.uint8)).convert("RGB")
    factor = SIDE / max(picture.size)
    width, height = (max(1, round(side * factor)) for side in picture.size)
    smooth = Image.Resampling.NEAREST if factor > 4 else Image.Resampling.LANCZOS
    large = np.asarray(picture.resize((width, height), smooth))
    labels = np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
    return large, _overlaid(large, labels, data.colors)


def _overlaid(
    image: np.ndarray, mask: np.ndarray, colors: Sequence[tuple[int, int, int]]
) -> np.ndarray:
    """The image with each class but the first tinted and outlined, and void striped."""
    table = np.zeros((256, 3), np.float32)
    table[: len(colors)] = colors
    marked = (mask > 0) & (mask != VOID)
    shown = image.astype(np.float32)
    shown[marked] += TINT * (table[mask[marked]] - shown[marked])
    edge = _borders(mask)
    outline = edge & marked
    shown[outline] = table[mask[outline]]
    y, x = np.indices(mask.shape)
    void = mask == VOID
    stripe = void & ((x + y) % STRIPES < STRIPES // 2)
    shown[void] += 0.35 * (255 - shown[void])
    shown[stripe] += 0.6 * (255 - shown[stripe])
    return shown.round().astype(np.uint8)


def _borders(mask: np.ndarray) -> np.ndarray:
    """Pixels at most three from one of another class, along rows or columns."""
    edge = np.zeros(mask.shape, bool)
    for axis in (0, 1):
        labels, found = mask.swapaxes(0, axis), edge.swapaxes(0, axis)
        for step in (1, 2, 3):
            differs = labels[step:] != labels[:-step]
            found[step:] |= differs
            found[:-step] |= differs
    return edge


def _show(figure: Figure, box: Box, image: np.ndarray) -> None:
    _axes(figure, box).imshow(image, interpolation="antialiased")


def _axes(figure: Figure, box: Box) -> Axes:
    """Axes without anything, in a box in inches."""
    left, low, width, tall = box
    height = figure.get_figheight()
    ax = figure.add_axes((left / WIDTH, low / height, width / WIDTH, tall / height))
    ax.set_axis_off()
    return ax


def _text(
    figure: Figure, x: float, y: float, text: str, *, size: float = 9, color: str = INK,
    weight: str = "normal",
) -> None:  # fmt: skip
    figure.text(
        x / WIDTH, y / figure.get_figheight(), text, fontsize=size, color=color, weight=weight,
        family=_FONT, va="center", ha="left", parse_math=False,
    )  # fmt: skip


def _lines(classes: Sequence[str]) -> int:
    return -(-(len(classes) + 1) // 4)


def _shares(figure: Figure, box: Box, data: SegmentationSet, total: np.ndarray) -> None:
    """A bar divided among the classes, and under it their names and shares."""
    ax = _axes(figure, box)
    ax.set_xlim(0, box[2])
    ax.set_ylim(box[3], 0)
    colors = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in data.colors]
    colors = [*colors[: len(data.classes)], _VOID_COLOR]
    left = 0.0
    for color, count in zip(colors, total, strict=True):
        width = box[2] * count / total.sum()
        ax.add_patch(Rectangle((left, 0), width, 0.16, color=color, lw=0))
        left += width
    ax.add_patch(Rectangle((0, 0), box[2], 0.16, fill=False, edgecolor=COLORS.gray, lw=0.6))
    shown = list(zip([*data.classes, "void"], colors, total, strict=True))
    shown = shown if total[-1] else shown[:-1]
    for place, (name, color, count) in enumerate(shown):
        row, column = divmod(place, 4)
        x, y = column * box[2] / 4, 0.34 + 0.24 * row
        void = place == len(data.classes)
        style: dict[str, Any] = (
            {"edgecolor": "white", "hatch": "////"} if void else {"edgecolor": COLORS.gray}
        )
        chip = Rectangle((x + 0.01, y - 0.07), 0.14, 0.14, facecolor=color, lw=0.5, **style)
        ax.add_patch(chip)
        share = 100 * count / total.sum()
        told = f"{share:.1f} %" if share >= 0.05 else "<0.1 %" if count else "never seen"
        name = name if len(name) <= 22 else f"{name[:21]}…"
        text: dict[str, Any] = {"fontsize": 9, "va": "center", "family": _FONT, "parse_math": False}
        ax.text(x + 0.22, y, name, color=INK, **text)
        end = x + box[2] / 4 - 0.2
        ax.text(end, y, told, ha="right", color=INK if count else COLORS.red, **text)
