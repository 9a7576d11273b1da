"""Figures of style transfer: the layers that are read, what they retain, and the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.ticker import LogLocator, NullFormatter

from upconv.figures.theme import COLORS, INK, number_grid, show_image

_BLOCKS = (COLORS.blue, COLORS.sky, COLORS.green, COLORS.orange, COLORS.red)


def network(
    layers: Mapping[str, tuple[int, int]], reads: Mapping[str, tuple[Sequence[str], str]]
) -> Figure:
    """Draw a network as a row of slabs, and below it which of them are read by what.

    Parameters
    ----------
    layers
        Name, such as "conv3_1" → channels and stride, in order.
    reads
        Label in the margin → the layers read, and a color.
    """
    figure, ax = plt.subplots(figsize=(7.6, 1.9 + 0.34 * len(reads)))
    small: dict[str, Any] = {"va": "center", "fontsize": 8.5, "color": INK}
    x, middles = 0.0, {}
    for block, names in groupby(layers, key=lambda name: name.split("_")[0][-1]):
        begin = x
        for name in names:
            channels, stride = layers[name]
            wide, tall = 0.1 + 0.09 * np.log2(channels / 64), 1.9 * 0.62 ** np.log2(stride)
            right, up, back = np.array([wide, 0]), np.array([0, tall]), tall * np.array([0.3, 0.18])
            low, color = np.array([x, 0]), _BLOCKS[int(block) - 1]
            for corners, shade in (
                ((low, low + right, low + right + up, low + up), 0.95),
                ((low + up, low + up + right, low + up + right + back, low + up + back), 0.55),
                (
                    (low + right, low + right + back, low + right + back + up, low + right + up),
                    0.75,
                ),
            ):
                ax.add_patch(Polygon(corners, fc="white", ec="none"))
                ax.add_patch(Polygon(corners, fc=color, ec="white", lw=0.8, alpha=shade))
            middles[name] = x + wide / 2
            x += wide + 0.3
        for row, text in enumerate((f"block {block}", f"{channels}", f"{stride}")):
            ax.text((begin + x - 0.3) / 2, 3.1 - 0.33 * row, text, ha="center", **small)
        x += 0.28
    for name, middle in middles.items():
        ax.text(middle, -0.28, name.split("_")[1], ha="center", **small)
    for y, words in ((2.77, "channels"), (2.44, "stride"), (-0.28, "convolution")):
        ax.text(-0.25, y, words, ha="right", **small)
    for row, (words, (names, color)) in enumerate(reads.items()):
        y = -0.72 - 0.44 * row
        ax.plot([0, x - 0.5], [y, y], color=COLORS.gray, lw=0.5, alpha=0.6, zorder=0)
        ax.plot([middles[name] for name in names], [y] * len(names), "o", color=color, ms=8)
        ax.text(-0.25, y, words, ha="right", **small)
    ax.set_xlim(-2.75, x - 0.2)
    ax.set_ylim(-0.95 - 0.44 * (len(reads) - 1), 3.3)
    ax.set_axis_off()
    return figure


def sheet(
    rows: Mapping[str, Sequence[np.ndarray]],
    columns: Sequence[str] = (),
    words: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """Show equally sized images in rows, with a name for each row and a title for each column.

    Parameters
    ----------
    rows
        Name → images (H, W, 3), uint8; rows may have different lengths.
    words
        Name → a line below each image.
    """
    count = max(map(len, rows.values()))
    first = next(iter(rows.values()))[0]
    named = any(rows)
    width = (7.6 - (0.9 if named else 0)) / count
    under = 0.2 if words else 0.0
    height = width * first.shape[0] / first.shape[1] + under + 0.06
    titled = 0.19 * (1 + max((title.count("\n") for title in columns), default=-1))
    figure, axes = plt.subplots(
        len(rows), count, figsize=(7.6, height * len(rows) + titled + 0.05), squeeze=False
    )
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        for place, ax in enumerate(line):
            if place >= len(pictures):
                ax.set_axis_off()
                continue
            show_image(ax, pictures[place])
            if words and words.get(name):
                ax.set_xlabel(words[name][place], fontsize=8, labelpad=2, color=INK)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    for ax, title in zip(axes[0], columns, strict=False):
        ax.set_title(title, fontsize=9)
    return figure


def matrices(
    panels: Mapping[str, tuple[np.ndarray, Sequence[str], Sequence[str]]],
    labels: tuple[str, str] = ("drawn from", "judged at"),
) -> Figure:
    """Show tables as heat maps: title → values, row names, column names."""
    sizes = [values.shape for values, _, _ in panels.values()]
    figure, axes = plt.subplots(
        1, len(panels), figsize=(7.6, 0.95 + 0.42 * max(rows for rows, _ in sizes)), squeeze=False,
        width_ratios=[columns + 1.6 for _, columns in sizes],
    )  # fmt: skip
    for ax, (title, (values, rows, columns)) in zip(axes[0], panels.items(), strict=True):
        number_grid(
            ax, values, fmt="{:.2f}", cmap="YlOrBr", fontsize=9, vmin=0.0, vmax=1.6
        )  # fmt: skip
        ax.set_title(title, fontsize=9.5)
        ax.set_xticks(range(len(columns)), columns, fontsize=8)
        ax.set_yticks(range(len(rows)), rows, fontsize=8)
        ax.tick_params(length=0)
        ax.set_aspect("auto")
        ax.set_xlabel(labels[1], fontsize=8.5)
    axes[0, 0].set_ylabel(labels[0], fontsize=8.5)
    return figure


def same_gram(pictures: Mapping[str, np.ndarray], grams: Mapping[str, np.ndarray]) -> Figure:
    """Show images above the Gram matrices (K, K) of their feature maps, on one scale."""
    figure, axes = plt.subplots(2, len(pictures), figsize=(7.6, 7.6 / len(pictures) * 1.75))
    top = max(np.abs(gram).max() for gram in grams.values())
    for (above, below), (name, picture) in zip(axes.T, pictures.items(), strict=True):
        show_image(above, picture, name)
        below.imshow(np.sqrt(np.abs(grams[name]) / top), cmap="magma", vmin=0, vmax=1)
        below.set_xticks([])
        below.set_yticks([])
        below.spines[:].set_visible(False)
        count = len(grams[name])
        below.set_xlabel(f"{count} × {count} channels", fontsize=8)
    return figure


def descents(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Figure:
    """Plot content and style loss over gradient evaluations, by optimizer: name → both."""
    figure, axes = plt.subplots(1, 3, figsize=(7.6, 2.7), sharex=True)
    for place, (name, (content, style)) in enumerate(curves.items()):
        color = (COLORS.blue, COLORS.red, COLORS.green)[place]
        content, style = np.asarray(content), np.asarray(style)
        for ax, values in zip(axes, (content, style, content + style), strict=True):
            ax.plot(np.arange(1, len(values) + 1), values, color=color, lw=1.6, label=name)
    for ax, title in zip(axes, ("content", "style", "their sum"), strict=True):
        ax.set_title(title)
        ax.set_xlabel("gradients")
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.grid(axis="y")
    axes[0].set_ylim(bottom=1e-2)
    axes[0].set_ylabel("loss, weighted")
    axes[0].legend(fontsize=8, loc="lower right")
    return figure


def sizes(sides: Sequence[int], curves: Mapping[str, Sequence[float]]) -> Figure:
    """Plot style losses of crops over the side of the crop, relative to the smallest crop."""
    figure, ax = plt.subplots(figsize=(5.2, 2.9))
    colors = (COLORS.red, COLORS.blue, COLORS.green)
    for (name, values), color in zip(curves.items(), colors, strict=False):
        ax.plot(sides, np.asarray(values) / values[0], "o-", color=color, label=name)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(sides, [str(side) for side in sides])
    ax.set_xlabel("side of the picture, pixels")
    ax.set_ylabel("style loss, smallest = 1")
    ax.legend(fontsize=8.5)
    ax.grid(axis="y")
    return figure


def balance(shares: Mapping[str, Mapping[str, float]]) -> Figure:
    """Show each layer's share of the total style loss: one bar per formula, one part per layer."""
    figure, ax = plt.subplots(figsize=(7.6, 0.75 + 0.42 * len(shares)))
    for row, parts in enumerate(shares.values()):
        left = 0.0
        for color, (layer, share) in zip(_BLOCKS, parts.items(), strict=False):
            label = layer if row == 0 else None
            ax.barh(row, share, 0.72, left, color=color, ec="white", label=label)
            if share > 0.05:
                white: dict[str, Any] = {"color": "white", "fontsize": 8.5, "weight": "bold"}
                ax.text(left + share / 2, row, f"{share:.0%}", ha="center", va="center", **white)
            left += share
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(parts), fontsize=8.5)
    ax.set_yticks(range(len(shares)), list(shares), fontsize=9)
    ax.tick_params(axis="y", length=0)
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
    ax.set_xlim(0, 1)
    ax.set_ylim(len(shares) - 0.5, -0.5)
    return figure
