"""Figures of U-Net: its architecture, and the processing of its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from upconv.data import colorize_instances
from upconv.figures.theme import COLORS, INK, show_image

_Box = tuple[float, float, float, float]  # left, bottom, width, height


class Map(NamedTuple):
    """A feature map: the operation that produced it, its level and its size."""

    kind: str  # "input", "conv", "pool", "up" or "score"
    level: int  # 0 is the top
    channels: int
    size: int


_KINDS = {
    "conv": ("3 × 3 convolution, ReLU", COLORS.blue),
    "pool": ("2 × 2 max pooling", COLORS.red),
    "up": ("2 × 2 transposed convolution", COLORS.green),
    "copy": ("crop and concatenate", COLORS.gray),
    "score": ("1 × 1 convolution", COLORS.purple),
}


def u_shape(maps: Sequence[Map]) -> Figure:
    """Draw the U: one box per feature map, with its size as height and its channels as width.

    Parameters
    ----------
    maps
        In network order. After an "up", the skip connection's map is drawn before it.
    """
    top = max(one.size for one in maps)
    floors = _floors(maps, top)
    figure, ax = plt.subplots(figsize=(7.6, 5.6))
    x, ends, before = 0.0, {}, None
    climbing = False
    for one in maps:
        width, height = _width(one.channels), _height(one.size, top)
        climbing = climbing or one.kind == "up"
        if one.kind in ("pool", "up"):
            x += 0.04
        elif before is not None:
            x += 0.42
        skip = None
        if one.kind == "up":
            skip = Rectangle((x, floors[one.level]), width, height, fc="white", ec=COLORS.blue)
            ax.add_patch(skip)
            x += width
        color = COLORS.sky if one.kind != "score" else COLORS.purple
        ax.add_patch(
            Rectangle((x, floors[one.level]), width, height, fc=color, ec=COLORS.blue, alpha=0.75)
        )
        _label(ax, one, x + (0 if skip else width / 2), floors[one.level], height, skip is not None)
        box = (x, floors[one.level], width, height)
        if before is not None:
            _connect(ax, one.kind, before, box, 0 if skip is None else width)
        if not climbing:
            ends[one.level] = box
        elif skip is not None:
            left = ends[one.level]
            line = floors[one.level] + min(left[3], height) * 0.62
            start, end = (left[0] + left[2], line), (x - width, line)
            style = {"arrowstyle": "-|>", "mutation_scale": 11, "color": COLORS.gray, "lw": 1.6}
            ax.add_patch(FancyArrowPatch(start, end, linestyle=(0, (4, 2)), **style))
        before = box
        x += width
    for kind, (words, color) in _KINDS.items():
        ax.plot([], [], color=color, lw=2.4, ls="--" if kind == "copy" else "-", label=words)
    # Inside the U there are only the dashed arrows.
    ax.legend(loc="lower right", fontsize=8, bbox_to_anchor=(1.0, -0.02))
    ax.set_xlim(-0.15, x + 0.15)
    ax.set_ylim(min(floors.values()) - 0.35, -0.3)
    ax.set_axis_off()
    return figure


def _floors(maps: Sequence[Map], top: int) -> dict[int, float]:
    """Return each level's baseline of boxes."""
    depth = max(one.level for one in maps)
    heights = {level: 0.0 for level in range(depth + 1)}
    for one in maps:
        heights[one.level] = max(heights[one.level], _height(one.size, top))
    floors, y = {}, 0.0
    for level in range(depth + 1):
        y -= heights[level] + 0.62
        floors[level] = y
    return floors


def _label(ax: Axes, one: Map, middle: float, floor: float, height: float, doubled: bool) -> None:
    """Write the channels above a box, doubled by a skip connection, and the size below."""
    channels = f"{2 * one.channels}" if doubled else f"{one.channels}"
    ax.text(middle, floor + height + 0.06, channels, ha="center", fontsize=7)
    ax.text(
        middle, floor - 0.07, f"{one.size}²", ha="center", va="top", fontsize=6.5, color=INK,
        alpha=0.75,
    )  # fmt: skip


def _height(size: int, top: int) -> float:
    return 0.35 + 1.35 * (size / top) ** 0.75


def _width(channels: int) -> float:
    return 0.05 + 0.052 * np.log2(channels + 1)


def _connect(ax: Axes, kind: str, before: _Box, box: _Box, skip: float) -> None:
    color = _KINDS.get(kind, _KINDS["conv"])[1]
    if kind in ("pool", "up"):
        down = kind == "pool"
        start = (
            before[0] + before[2] / 2,
            before[1] - 0.17 if down else before[1] + before[3] + 0.2,
        )
        end = (box[0] + box[2] / 2, box[1] + box[3] + 0.2 if down else box[1] - 0.17)
    else:
        line = box[1] + 0.3 * min(before[3], box[3])
        start, end = (before[0] + before[2], line), (box[0], line)
    style = {"arrowstyle": "-|>", "mutation_scale": 9, "color": color, "lw": 1.6}
    ax.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, **style))


def deformed(
    image: np.ndarray, wheres: Mapping[str, np.ndarray], crops: Sequence[np.ndarray]
) -> Figure:
    """Show an image with the sampling positions of crops, and the crops below.

    Parameters
    ----------
    image : (H, W), uint8
    wheres
        Name → (2, h, w), rows and columns of the image.
    crops
        One (h, w) for each.
    """
    count = len(wheres)
    figure, axes = plt.subplots(2, count, figsize=(7.6, 7.6 / count * 2 + 0.3))
    for line, ((name, where), crop) in enumerate(zip(wheres.items(), crops, strict=True)):
        upper, lower = axes[:, line]
        show_image(upper, image / 255, name)
        step = max(1, where.shape[1] // 8)
        last = [*range(0, where.shape[1], step), where.shape[1] - 1]
        for place in last:
            upper.plot(where[1, place], where[0, place], color=COLORS.orange, lw=0.9)
            upper.plot(where[1, :, place], where[0, :, place], color=COLORS.orange, lw=0.9)
        upper.set_xlim(-0.5, image.shape[1] - 0.5)
        upper.set_ylim(image.shape[0] - 0.5, -0.5)
        show_image(lower, crop / 255)
    axes[0, 0].set_ylabel("taken from")
    axes[1, 0].set_ylabel("crop")
    return figure


def weighted(image: np.ndarray, instances: np.ndarray, weights: Mapping[str, np.ndarray]) -> Figure:
    """Show an image, its instances, and weight maps on one scale."""
    count = 2 + len(weights)
    figure, axes = plt.subplots(1, count, figsize=(7.6, 7.6 / count + 0.25))
    show_image(axes[0], image / 255, "image")
    show_image(axes[1], colorize_instances(instances), "objects")
    least = min(float(found.min()) for found in weights.values())
    largest = max(float(found.max()) for found in weights.values())
    scale = LogNorm(least, largest)  # a factor of two is a step, wherever it is
    for ax, (name, found) in zip(axes[2:], weights.items(), strict=True):
        shown = show_image(ax, found, name, cmap="magma", norm=scale)
    bar = figure.colorbar(shown.images[0], ax=axes[2:], shrink=0.75, pad=0.02, label="weight")
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20) if least <= tick <= largest]
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.minorticks_off()
    return figure


def tiled(
    image: np.ndarray,
    margin: int,
    tile: int,
    corner: tuple[int, int],
    panels: Mapping[str, np.ndarray],
) -> Figure:
    """Show an image with its mirrored margin and one tile, next to further panels.

    Parameters
    ----------
    image : (H, W), uint8
    margin, tile : int
        In pixels.
    corner
        Row and column of the tile.
    panels
        Name → picture of the image's size.
    """
    count = 1 + len(panels)
    figure, axes = plt.subplots(1, count, figsize=(7.6, 7.6 / count + 0.4))
    rim = np.pad(image, margin, mode="reflect") / 255
    shade = np.full(rim.shape, 0.55)
    shade[margin:-margin, margin:-margin] = 1
    show_image(axes[0], rim * shade + 0.45 * (1 - shade), "mirrored, with a tile")
    top, left = corner
    for side, offset, color in (
        (tile + 2 * margin, 0, COLORS.blue),
        (tile, margin, COLORS.orange),
    ):
        axes[0].add_patch(
            Rectangle((left + offset, top + offset), side, side, fill=False, ec=color, lw=2.2)
        )
    for ax, (name, panel) in zip(axes[1:], panels.items(), strict=True):
        show_image(ax, panel, name)
    return figure


def split_and_merge(cases: Mapping[str, tuple[np.ndarray, str]], truth: np.ndarray) -> Figure:
    """Show segmentations with colored instances, and their scores.

    Parameters
    ----------
    cases
        Name → (numbered instances, text below).
    truth : (H, W) of int
        The true instances: each one found has the color of the one that it covers most of.
    """
    count = len(cases)
    figure, axes = plt.subplots(1, count, figsize=(7.6, 7.6 / count + 1.0))
    for ax, (name, (numbers, words)) in zip(axes, cases.items(), strict=True):
        show_image(ax, colorize_instances(numbered_as(truth, numbers)), name)
        ax.set_xlabel(words, fontsize=8, color=INK)
    return figure


def numbered_as(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Number the instances found as the true ones that they share most pixels with."""
    names = np.zeros(found.max() + 1, truth.dtype)
    for number in range(1, len(names)):
        counts = np.bincount(truth[found == number])
        counts[0] = 0
        names[number] = counts.argmax() if counts.any() else truth.max() + number
    result: np.ndarray = names[found]
    return result


def batch(images: np.ndarray, masks: np.ndarray, weights: np.ndarray) -> Figure:
    """Show the batch of a training step: crops, masks and weights, one below the other.

    Parameters
    ----------
    images : (N, h, w), 0 to 1
    masks, weights : (N, h, w)
    """
    count = len(images)
    figure, axes = plt.subplots(3, count, figsize=(7.6, 7.6 / count * 3))
    for column, line in enumerate(axes.T):
        show_image(line[0], images[column])
        show_image(line[1], masks[column])
        show_image(line[2], weights[column], cmap="magma", vmax=float(weights.max()))
    for ax, word in zip(axes[:, 0], ("crop", "mask", "weight"), strict=True):
        ax.set_ylabel(word)
    return figure


def signal_and_memory(
    signals: Mapping[str, Sequence[float]], memories: Mapping[str, Sequence[float]]
) -> Figure:
    """Plot the signal's standard deviation over the layers, and the memory of past gradients."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 2.9))
    for name, values in signals.items():
        left.plot(range(1, len(values) + 1), values, "o-", ms=4, label=name)
    left.set_yscale("log")
    left.set_xticks(range(1, 1 + max(map(len, signals.values())), 3))
    left.set_xlabel("convolution")
    left.set_title("standard deviation of the maps")
    for name, values in memories.items():
        right.plot(values, label=name)
    right.set_xlabel("steps ago")
    right.set_title("weight of a past gradient")
    for ax in (left, right):
        ax.grid(axis="y")
        ax.legend()
    return figure
