"""Figures of page 3b: street scenes, their scores, and what limits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from upconv.data._camvid import COLORS as CAMVID_COLORS
from upconv.figures.theme import COLORS, INK, ink_on, number_grid, show_image
from upconv.statistics import interval

Colors = Sequence[tuple[int, int, int]]
STRIDES = (32, 16, 8, 4, 2)

__all__ = [
    "CAMVID_COLORS",
    "STRIDES",
    "by_hand",
    "ceilings",
    "class_scores",
    "curves",
    "errors_by_distance",
    "mistakes",
    "panels",
    "rims",
    "split",
    "table",
    "wrong",
]


def wrong(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Paint red where two colored masks differ, gray where they agree, black where truth is void.

    Both may come from a JPEG, whose colors are a little off.
    """
    table = np.array([(0, 0, 0), *CAMVID_COLORS])
    labels = [
        ((mask[..., None, :].astype(int) - table) ** 2).sum(-1).argmin(-1)
        for mask in (prediction, truth)
    ]
    picture = np.full(truth.shape, 225, np.uint8)
    picture[labels[0] != labels[1]] = (213, 94, 0)
    picture[labels[1] == 0] = 0
    return picture


def split(strip: np.ndarray, width: int) -> list[np.ndarray]:
    """Split a picture into panels of this width that lie side by side."""
    return list(np.split(strip, strip.shape[1] // width, axis=1))


def shades(count: int) -> list[Any]:
    """Return colors from light to dark, for things that have an order."""
    return [mpl.colormaps["viridis_r"](0.1 + 0.85 * i / max(1, count - 1)) for i in range(count)]


def panels(
    pictures: Sequence[np.ndarray],
    titles: Sequence[str],
    columns: int,
    legend: Mapping[str, tuple[int, int, int]] | None = None,
) -> Figure:
    """Show pictures of one size in rows, with a legend of the classes' colors below.

    Parameters
    ----------
    pictures : (H, W, 3), uint8
    legend
        Class → its color.
    """
    rows = -(-len(pictures) // columns)
    height, width = pictures[0].shape[:2]
    tall = 7.6 / columns * height / width + 0.26
    lines = -(-len(legend) // 6) if legend else 0
    figure, axes = plt.subplots(
        rows, columns, figsize=(7.6, rows * tall + 0.24 * lines), squeeze=False
    )
    for ax in axes.ravel():
        ax.set_axis_off()
    for ax, picture, title in zip(axes.ravel(), pictures, titles, strict=False):
        show_image(ax, picture)
        ax.set_title(title, fontsize=10)
    if legend:
        handles = [
            Patch(
                facecolor="#{:02x}{:02x}{:02x}".format(*color),
                edgecolor=COLORS.gray,
                lw=0.6,
                label=name,
            )
            for name, color in legend.items()
        ]
        figure.legend(
            handles=handles, loc="outside lower center", ncols=min(6, len(handles)), fontsize=9,
            handlelength=1.1, handleheight=1.0, columnspacing=1.4,
        )  # fmt: skip
    return figure


def by_hand(
    truth: np.ndarray, prediction: np.ndarray, matrix: np.ndarray, classes: Sequence[str]
) -> Figure:
    """Draw two small label maps and the confusion matrix of their pixels."""
    palette = mpl.colors.ListedColormap(["#d9dee6", COLORS.sky, COLORS.orange])
    figure, axes = plt.subplots(1, 3, figsize=(7.6, 2.5), width_ratios=(1.25, 1.25, 1))
    for ax, labels, title in zip(axes, (truth, prediction), ("truth", "prediction"), strict=False):
        ax.imshow(labels, cmap=palette, vmin=-0.5, vmax=2.5)
        ax.set_xticks(np.arange(labels.shape[1] + 1) - 0.5, [])
        ax.set_yticks(np.arange(labels.shape[0] + 1) - 0.5, [])
        ax.grid(color="white", lw=1.2)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(title)
    handles = [Patch(color=palette(i), label=name) for i, name in enumerate(classes)]
    axes[0].legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, -0.04), ncols=3, fontsize=9,
        handlelength=1.1, columnspacing=1.2,
    )  # fmt: skip
    number_grid(axes[2], matrix, "pixels", highlight=[(i, i) for i in range(len(matrix))],
                highlight_color=COLORS.green)  # fmt: skip
    axes[2].set_xticks(range(len(classes)), [f"{name}" for name in classes], fontsize=9)
    axes[2].set_yticks(range(len(classes)), list(classes), fontsize=9)
    axes[2].tick_params(length=0)
    axes[2].set_xlabel("predicted", fontsize=9)
    axes[2].set_ylabel("true", fontsize=9)
    return figure


def rims(
    radii: Sequence[int], whole: Sequence[float], rim: Sequence[float], example: np.ndarray
) -> Figure:
    """Plot IoU and boundary IoU of disks found too large, beside one disk with its two rims.

    Parameters
    ----------
    example : (H, W)
        0 outside, 1 only the prediction's rim, 2 only the truth's, 3 both, 4 the inside.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 2.7), width_ratios=(1, 1.9))
    colors = ["white", COLORS.orange, COLORS.sky, COLORS.green, "#e6e9ee"]
    left.imshow(example, cmap=mpl.colors.ListedColormap(colors), vmin=-0.5, vmax=4.5)
    left.set_axis_off()
    left.set_title("two rims", fontsize=10)
    names = ("prediction's only", "truth's only", "common", "inside both")
    handles = [Patch(color=c, label=n) for c, n in zip(colors[1:], names, strict=True)]
    left.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=2,
                fontsize=8, handlelength=1.0, columnspacing=0.9)  # fmt: skip
    for values, name, color in ((whole, "IoU", COLORS.blue), (rim, "boundary IoU", COLORS.red)):
        right.plot(radii, values, "o-", ms=4, color=color)
        right.text(radii[-1], values[-1], f"  {name}", color=color, va="center", fontsize=9)
    right.set_xscale("log", base=2)
    right.set_xticks(radii, list(radii))
    right.minorticks_off()
    right.set_xlim(right=radii[-1] * 2.4)
    right.set_ylim(0, 1)
    right.set_xlabel("radius of the true disk, pixels")
    right.grid(axis="y")
    return figure


def table(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    labels: tuple[str, str],
    frame_diagonal: bool = False,
) -> Figure:
    """Draw shares from 0 to 1 as colored cells with their percentages."""
    count = values.shape[1]
    figure, ax = plt.subplots(figsize=(min(7.6, 1.5 + 0.56 * count), 1.0 + 0.36 * len(rows)))
    ax.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = f"{100 * value:.0f}" if value >= 0.005 else "·"
        face = mpl.colormaps["Blues"](value)
        ax.text(column, row, text, ha="center", va="center", fontsize=9, color=ink_on(face))
        if frame_diagonal and row == column:
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False,
                                   edgecolor=COLORS.green, lw=1.8))  # fmt: skip
    long = max(map(len, columns)) > 4
    ax.set_xticks(range(count), list(columns), fontsize=9, rotation=45 if long else 0,
                  ha="right" if long else "center", rotation_mode="anchor")  # fmt: skip
    ax.set_yticks(range(len(rows)), list(rows), fontsize=9)
    ax.tick_params(length=0)
    ax.set_xlabel(labels[1])
    ax.set_ylabel(labels[0])
    ax.spines[:].set_visible(False)
    return figure


def ceilings(
    averaged: Mapping[int, float],
    fitted: Mapping[int, float],
    reached: Mapping[int, Sequence[float]],
) -> Figure:
    """Plot against the stride what perfect coarse labels reach, and what networks do.

    Parameters
    ----------
    averaged, fitted
        Stride → score of the true labels, averaged over blocks, or as coarse scores fitted to them.
    reached
        Stride → one score per seed.
    """
    figure, ax = plt.subplots(figsize=(7.6, 3.5))
    place = {stride: i for i, stride in enumerate(STRIDES)}
    for found, name, style in (
        (fitted, "coarse scores fitted to the true labels", ":"),
        (averaged, "yardstick: true labels, averaged", "--"),
    ):
        where = [place[stride] for stride in found]
        ax.plot(where, list(found.values()), style, color=COLORS.gray, marker="s", ms=4, label=name)
    for stride, values in reached.items():
        ax.plot([place[stride]] * len(values), values, "o", ms=5, mfc="white", mec=COLORS.blue)
    means = [float(np.mean(values)) for values in reached.values()]
    ax.plot([place[stride] for stride in reached], means, "-", color=COLORS.blue,
            label="FCN: means, and a dot for each seed")  # fmt: skip
    for stride, mean in zip(reached, means, strict=True):
        ax.text(place[stride], mean - 0.05, f"{mean:.3f}", ha="center", va="top", fontsize=9)
    ax.set_xticks(range(len(STRIDES)), [f"FCN-{stride}s\nstride {stride}" for stride in STRIDES])
    ax.set_xlim(-0.4, len(STRIDES) - 0.6)
    ax.set_ylim(0, 1.02)
    ax.set_ylabel("mean IoU, test split")
    ax.grid(axis="y")
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def curves(
    losses: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    scores: Mapping[str, tuple[Sequence[float], Sequence[float]]],
) -> Figure:
    """Plot training losses and validation scores over steps: name → steps and values."""
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 2.9))
    for color, name in zip(shades(len(losses)), losses, strict=True):
        axes[0].plot(*losses[name], color=color, lw=1.6, label=name)
        axes[1].plot(*scores[name], "o-", ms=4, color=color, lw=1.6)
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("loss, mean of 50 steps")
    axes[1].set_ylabel("mean IoU, validation")
    axes[1].set_ylim(bottom=0)
    for ax in axes:
        ax.set_xlabel("step")
        ax.grid(axis="y")
    figure.legend(loc="outside lower center", ncols=len(losses), fontsize=9, columnspacing=1.2)
    return figure


def class_scores(
    classes: Sequence[str],
    first: tuple[str, Sequence[float]],
    last: tuple[str, Sequence[float]],
    ceiling: tuple[str, Sequence[float]],
) -> Figure:
    """Plot each class's score with two networks, and the first one's ceiling."""
    figure, ax = plt.subplots(figsize=(7.6, 0.3 * len(classes) + 0.9))
    for row, values in enumerate(zip(first[1], last[1], strict=True)):
        ax.plot(values, [row, row], color="#c3cad4", lw=3, zorder=1)
    rows = range(len(classes))
    ax.plot(ceiling[1], rows, "|", ms=13, mew=2, color=COLORS.gray, label=ceiling[0])
    ax.plot(first[1], rows, "o", ms=6, color=COLORS.orange, label=first[0])
    ax.plot(last[1], rows, "o", ms=6, color=COLORS.blue, label=last[0])
    ax.set_yticks(rows, list(classes))
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.set_xlabel("IoU, test split")
    ax.grid(axis="x")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def errors_by_distance(upper: Sequence[int], rates: Mapping[str, Sequence[float]]) -> Figure:
    """Plot the share of wrong pixels against their distance from a border between classes.

    Parameters
    ----------
    upper
        Upper ends of the bins; one more bin follows.
    rates
        Name → one share per bin. Names with "FCN" are drawn in colors, others in gray.
    """
    figure, ax = plt.subplots(figsize=(7.6, 3.2))
    networks = [name for name in rates if "FCN" in name]
    color = dict(zip(networks, shades(len(networks)), strict=True))
    for name, values in rates.items():
        style = {"color": color[name]} if name in color else {"color": COLORS.gray, "ls": "--"}
        ax.plot(range(len(values)), values, marker="o", ms=4, lw=1.6, label=name, **style)
    lower = [1, *(bound + 1 for bound in upper)]
    ticks = [f"{a}" if a == b else f"{a}–{b}" for a, b in zip(lower, upper, strict=False)]
    ax.set_xticks(range(len(upper) + 1), [*ticks, f"> {upper[-1]}"])
    ax.set_xlabel("distance from the nearest border between true classes, pixels")
    ax.set_ylabel("share of wrong pixels")
    ax.set_ylim(0, 1)
    ax.grid(axis="y")
    figure.legend(loc="outside right center", fontsize=9)
    return figure


def pairs(ax: Axes, first: Sequence[float], second: Sequence[float]) -> Axes:
    """Draw two values per seed, joined by a line."""
    for a, b in zip(first, second, strict=True):
        ax.plot([0, 1], [a, b], "-o", color=COLORS.blue, ms=5, mfc="white", lw=1.2)
    for place, values in enumerate((first, second)):
        mean = interval(values).mean
        ax.plot([place - 0.13, place + 0.13], [mean, mean], color=INK, lw=2.5)
        side, shift = (("right", -0.16), ("left", 0.16))[place]
        ax.text(place + shift, mean, f"{mean:.3f}", ha=side, va="center", fontsize=9)
    ax.set_xlim(-0.6, 1.6)
    ax.grid(axis="y")
    return ax


def mistakes(groups: Mapping[str, tuple[tuple[str, Sequence[float]], ...]]) -> Figure:
    """Show pairs of variants side by side, one line per seed: title → two names with values."""
    figure, axes = plt.subplots(1, len(groups), figsize=(7.6, 2.8), sharey=True, squeeze=False)
    for ax, (title, ((a, first), (b, second))) in zip(axes[0], groups.items(), strict=True):
        pairs(ax, first, second)
        ax.set_xticks([0, 1], [a, b], fontsize=9)
        ax.set_title(title, fontsize=10)
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 0].set_ylabel("mean IoU")
    return figure
