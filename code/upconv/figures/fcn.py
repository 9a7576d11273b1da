"""Figures of chapter 3: heat maps, what a unit sees, the three networks, maps layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from upconv.data import colorize
from upconv.figures.theme import COLORS, INK, show_image

_STRIDES = {"pool3": 8, "pool4": 16, "pool5": 32, "fc7": 32}


def heat_maps(
    photos: Sequence[np.ndarray], maps: Sequence[np.ndarray], names: Sequence[str]
) -> Figure:
    """Show photographs, and below each a class's probability at every place, laid over it.

    Parameters
    ----------
    photos
        Each (H, W, 3), in [0, 1].
    maps
        Each (H / 32, W / 32), in [0, 1].
    names
        The class of each map.
    """
    ratios = [photo.shape[1] / photo.shape[0] for photo in photos]
    height = 7.0 / sum(ratios)
    figure, axes = plt.subplots(
        2, len(photos), figsize=(7.6, 2 * height + 0.8), width_ratios=ratios
    )
    for column, photo, found, name in zip(axes.T, photos, maps, names, strict=True):
        places = f"{found.shape[0]} × {found.shape[1]}"
        show_image(column[0], photo, f"{photo.shape[0]} × {photo.shape[1]} pixels")
        extent = (0, photo.shape[1], photo.shape[0], 0)
        show_image(column[1], photo.mean(-1) * 0.6 + 0.4, f"{name}\n{places} answers")
        alpha = 0.2 + 0.65 * found
        column[1].imshow(found, cmap="inferno", vmin=0, vmax=1, alpha=alpha, extent=extent)
        for ax in column:
            ax.title.set_fontsize(9)
    scale = ScalarMappable(Normalize(0, 1), "inferno")
    bar = figure.colorbar(scale, ax=axes, shrink=0.5, pad=0.01, ticks=[0, 0.5, 1])
    bar.set_label("probability", fontsize=8)
    return figure


def fields(
    photo: np.ndarray, squares: Mapping[str, int], curves: Mapping[str, Sequence[int]]
) -> Figure:
    """Show what one unit in the middle sees, and how that grows from layer to layer.

    Parameters
    ----------
    photo : (H, W, 3), in [0, 1]
    squares
        Name → side of the square that the unit sees, in pixels.
    curves
        Name → receptive field after each layer, in pixels.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.1), width_ratios=(1, 1.45))
    show_image(left, photo)
    height, width = photo.shape[:2]
    tones = (COLORS.blue, COLORS.red)
    for color, side in zip(tones, squares.values(), strict=False):
        corner = (width - side) / 2, (height - side) / 2
        for tone, line in (("white", 4.5), (color, 2.2)):
            left.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=tone, lw=line))
        left.text(
            corner[0] - 3, corner[1] - 6, f"{side}", color=color, fontsize=10, fontweight="bold",
            va="bottom", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2},
        )  # fmt: skip
    left.set_title(f"{photo.shape[0]} × {photo.shape[1]} pixels", fontsize=9)
    for (name, values), style, color in zip(curves.items(), ("o-", "s-"), tones, strict=False):
        right.plot(range(1, 1 + len(values)), values, style, color=color, ms=4.5, label=name)
    right.set_xticks(range(1, 1 + max(map(len, curves.values())), 2))
    right.set_xlabel("layer (convolutions and poolings)")
    right.set_ylabel("receptive field, pixels")
    right.grid(axis="y")
    right.legend(fontsize=8.5)
    return figure


def three_networks(photo: np.ndarray, size: int = 224) -> Figure:
    """Draw FCN-32s, 16s and 8s: which maps are scored, enlarged and added; a cell is a place.

    Parameters
    ----------
    photo : (H, H, 3), in [0, 1]
        What stands for the input.
    size
        Of the input, in pixels: a multiple of 32.
    """
    figure, ax = plt.subplots(figsize=(7.6, 5.6))
    side = 1.0
    columns = {"image": 0.0, "pool3": 1.75, "pool4": 3.5, "pool5": 5.25, "fc7": 7.0}
    top = 4.75
    for name, x in columns.items():
        places = size // _STRIDES.get(name, 1)
        color = COLORS.gray if name == "image" else COLORS.blue
        _grid(ax, x, top, side, places if name != "image" else 0, color)
        ax.text(x + 0.5, top + 1.1, name, ha="center", va="bottom", fontweight="bold", fontsize=10)
        channels = {"image": 3, "pool3": 256, "pool4": 512, "pool5": 512, "fc7": 4096}[name]
        ax.text(
            x + 0.5, top - 0.08, f"{channels} × {places} × {places}", ha="center", va="top",
            fontsize=8,
        )  # fmt: skip
    ax.imshow(photo, extent=(0, side, top, top + side), zorder=2)
    for before, after in pairwise(columns.values()):
        _arrow(ax, (before + side, top + 0.5), (after, top + 0.5))
    for row, finest in enumerate((32, 16, 8)):
        _decoder(ax, finest, 2.85 - 1.42 * row, columns, size)
    ax.set_xlim(-0.75, 8.75)
    ax.set_ylim(-0.45, 6.2)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return figure


def _decoder(ax: Axes, finest: int, floor: float, columns: Mapping[str, float], size: int) -> None:
    """One network: its scores from right to left, and its output below the image."""
    side, x = 0.92, columns["fc7"]
    _grid(ax, x + 0.04, floor, side, size // 32, COLORS.purple)
    ax.text(x + 1.06, floor + 0.46, "score\n1 × 1", ha="left", va="center", fontsize=8)
    used = [("pool4", 16), ("pool3", 8)]
    for name, stride in [one for one in used if one[1] >= finest]:
        before, x = x, columns[name]
        _grid(ax, x + 0.04, floor, side, size // stride, COLORS.purple)
        _arrow(ax, (before, floor + 0.46), (x + 0.98, floor + 0.46), COLORS.green)
        ax.text((before + x + 1) / 2, floor + 0.53, "× 2", ha="center", fontsize=8.5, color=INK)
        ax.text(
            x + 0.98, floor + side, f"+ score of {name}", ha="right", va="bottom", fontsize=8.5,
            color=INK,
        )  # fmt: skip
    end = columns["image"]
    _grid(ax, end + 0.04, floor, side, 0, COLORS.purple)
    _arrow(ax, (x, floor + 0.46), (end + 0.98, floor + 0.46), COLORS.green)
    ax.text((x + end + 1) / 2, floor + 0.53, f"× {finest}", ha="center", fontsize=8.5, color=INK)
    ax.text(end + 0.5, floor + 0.46, "classes\n× H × W", ha="center", va="center", fontsize=8)
    ax.text(
        end - 0.06, floor + 0.46, f"FCN-\n{finest}s", ha="right", va="center", fontweight="bold",
        fontsize=10,
    )  # fmt: skip


def _grid(ax: Axes, x: float, y: float, side: float, places: int, color: str) -> None:
    ax.add_patch(Rectangle((x, y), side, side, facecolor=color, alpha=0.3, lw=0))
    for place in range(1, places):
        at = side * place / places
        for across in (([x + at] * 2, [y, y + side]), ([x, x + side], [y + at] * 2)):
            ax.plot(*across, color=color, lw=0.5, alpha=0.8, solid_capstyle="butt")
    ax.add_patch(Rectangle((x, y), side, side, fill=False, edgecolor=color, lw=1.4))


def _arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], color: str = COLORS.gray
) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=10, color=color, lw=1.5, shrinkA=3,
            shrinkB=3,
        )
    )  # fmt: skip


def layer_maps(
    image: np.ndarray,
    masks: Mapping[str, np.ndarray],
    layers: Mapping[str, np.ndarray],
    count: int = 8,
) -> Figure:
    """Show the input, and one row per layer: its most varied maps, all of a row on one scale.

    Beside each row stand the shape of the layer, channels × height × width, and how many of its
    channels are the same number everywhere ("flat").

    Parameters
    ----------
    image : (H, W, 3), in [0, 1]
    masks
        Name → (H, W), drawn beside the input.
    layers
        Name → (C, h, w).
    """
    rows = 1 + len(layers)
    figure, axes = plt.subplots(rows, count, figsize=(7.6, 0.84 * rows))
    for ax in axes.flat:
        ax.set_axis_off()
    axes[0, 0].imshow(image)
    _label(axes[0, 0], "input", image.transpose(2, 0, 1))
    for place, (name, mask) in enumerate(masks.items()):
        ax = axes[0, 2 * place + 2]
        ax.imshow(mask, cmap="gray", vmin=0, vmax=1)
        said = ax.text(
            -0.08, 0.5, name, transform=ax.transAxes, ha="right", va="center", fontsize=8
        )
        said.set_in_layout(False)  # the column before it is empty
    for line, (name, maps) in zip(axes[1:], layers.items(), strict=True):
        order = np.argsort(-np.ptp(maps, axis=(1, 2)), kind="stable")
        low, high = float(maps.min()), float(maps.max())
        for ax, channel in zip(line, order, strict=False):
            ax.imshow(maps[channel], cmap="viridis", vmin=low, vmax=max(high, low + 1e-6))
        _label(line[0], name, maps, int((np.ptp(maps, axis=(1, 2)) < 1e-6).sum()))
    return figure


def _label(ax: Axes, name: str, maps: np.ndarray, flat: int = 0) -> None:
    words = f"{name}\n{maps.shape[0]} × {maps.shape[1]} × {maps.shape[2]}"
    words += f"\n{flat} flat" if flat else ""
    ax.text(
        -0.08, 0.5, words, transform=ax.transAxes, ha="right", va="center", fontsize=8,
        linespacing=1.15,
    )  # fmt: skip


def memorized(
    losses: Sequence[float],
    images: np.ndarray,
    rows: Mapping[str, np.ndarray],
    colors: Sequence[tuple[int, int, int]],
    groups: Mapping[str, int],
) -> Figure:
    """Show scenes with masks, the color of each digit, and the loss of each step.

    Parameters
    ----------
    images : (N, H, W, 3), uint8
    rows
        Name → masks (N, H, W) of 11 classes, background and ten digits.
    colors
        Of each class.
    groups
        Name → how many of the columns it has, from left to right.
    """
    count, lines = len(images), 1 + len(rows)
    figure = plt.figure(figsize=(7.6, 0.92 * lines + 2.3))
    grid = figure.add_gridspec(lines + 1, count, height_ratios=[0.92] * lines + [1.7])
    pictures = {"image": images} | {
        name: [colorize(mask, colors) for mask in masks] for name, masks in rows.items()
    }
    for line, (name, shown) in enumerate(pictures.items()):
        for column, picture in enumerate(shown):
            ax = show_image(figure.add_subplot(grid[line, column]), picture)
            if column == 0:
                ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
            if line == 0 and column in _starts(groups):
                ax.set_title(_starts(groups)[column], fontsize=9.5, loc="left")
    curve = figure.add_subplot(grid[-1, : count - 2])
    curve.semilogy(range(len(losses)), losses)
    curve.set_xlabel("step")
    curve.set_ylabel("loss")
    curve.grid(axis="y")
    key = figure.add_subplot(grid[-1, count - 2 :])
    key.set_axis_off()
    _key(key, colors, ncols=2)
    return figure


def scenes(images: np.ndarray, masks: np.ndarray, colors: Sequence[tuple[int, int, int]]) -> Figure:
    """Show digit scenes, their masks below, and the color of each digit.

    Parameters
    ----------
    images : (N, H, W, 3), uint8
    masks : (N, H, W)
        Of 11 classes, background and ten digits.
    colors
        Of each class.
    """
    figure = plt.figure(figsize=(7.6, 15.2 / len(images) + 0.5))
    grid = figure.add_gridspec(3, len(images), height_ratios=[1, 1, 0.35])
    rows = {"image": list(images), "mask": [colorize(mask, colors) for mask in masks]}
    for line, (name, pictures) in enumerate(rows.items()):
        for column, picture in enumerate(pictures):
            ax = show_image(figure.add_subplot(grid[line, column]), picture)
            if column == 0:
                ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    key = figure.add_subplot(grid[2, :])
    key.set_axis_off()
    _key(key, colors, ncols=10)
    return figure


def _key(ax: Axes, colors: Sequence[tuple[int, int, int]], ncols: int) -> None:
    tones = [np.array(color) / 255 for color in colors[1:]]
    patches = [Rectangle((0, 0), 1, 1, fc=tone, ec=COLORS.gray, lw=0.6) for tone in tones]
    ax.legend(
        patches, [str(digit) for digit in range(10)], ncols=ncols, title="digit", loc="center",
        fontsize=8.5, columnspacing=1.0, handlelength=1.4,
    )  # fmt: skip


def _starts(groups: Mapping[str, int]) -> dict[int, str]:
    found, start = {}, 0
    for name, count in groups.items():
        found[start] = name
        start += count
    return found


def shift_curve(offsets: Sequence[int], differences: Sequence[float], stride: int) -> Figure:
    """Plot how far an output is from the shifted output, for each shift of the image.

    Parameters
    ----------
    offsets
        Of the image, in pixels.
    differences
        Relative to the output's variation.
    stride
        Of the network: its multiples are marked.
    """
    figure, ax = plt.subplots(figsize=(7.6, 2.6))
    for place in range(0, max(offsets) + 1, stride):
        ax.axvline(place, color=COLORS.green, lw=6, alpha=0.2)
    ax.plot(offsets, differences, "o-", ms=3.5)
    ax.set_xlabel("shift of the image, pixels")
    ax.set_ylabel("difference, relative")
    ax.set_xticks(range(0, max(offsets) + 1, 8))
    ax.set_ylim(bottom=-0.01)
    ax.grid(axis="y")
    return figure
