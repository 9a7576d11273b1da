"""Figures of segmentations, of feature maps, and of runs with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from upconv.data import colorize
from upconv.figures.theme import COLORS, INK, show_image
from upconv.statistics import interval


def gallery(
    images: np.ndarray,
    masks: Mapping[str, np.ndarray],
    colors: Sequence[tuple[int, int, int]],
    titles: Sequence[str] = (),
) -> Figure:
    """Show images in the first row, and below them named rows of colored masks.

    Parameters
    ----------
    images : (N, H, W, 3), uint8
    masks
        Name → (N, H, W), uint8.
    titles
        Above each column.
    """
    rows = {"image": images} | {
        name: [colorize(mask, colors) for mask in found] for name, found in masks.items()
    }
    count = len(images)
    ratio = images[0].shape[0] / images[0].shape[1]
    side = (7.6 - 0.9) / count
    figure, axes = plt.subplots(
        len(rows), count, figsize=(7.6, len(rows) * side * ratio + 0.3), squeeze=False
    )
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        for ax, picture in zip(line, pictures, strict=True):
            show_image(ax, picture)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    for ax, title in zip(axes[0], titles, strict=False):
        ax.set_title(title, fontsize=9)
    return figure


def feature_maps(layers: Mapping[str, np.ndarray], count: int = 8) -> Figure:
    """Show one row per layer: its ``count`` most varied feature maps, each scaled to its range.

    Parameters
    ----------
    layers
        Name → (C, h, w).
    """
    figure, axes = plt.subplots(len(layers), count, figsize=(7.6, len(layers) * 0.88))
    for line, (name, maps) in zip(axes, layers.items(), strict=True):
        order = np.argsort(maps.std((1, 2)))[::-1]
        for place, ax in enumerate(line):
            ax.set_axis_off()
            if place < len(order):
                values = maps[order[place]]
                ax.imshow(values, cmap="viridis", vmin=values.min(), vmax=values.max() + 1e-9)
        shape = f"{maps.shape[0]} × {maps.shape[1]} × {maps.shape[2]}"
        line[0].text(
            -0.08, 0.5, f"{name}\n{shape}", transform=line[0].transAxes, ha="right", va="center",
            fontsize=8,
        )  # fmt: skip
    return figure


def seeds(
    runs: Mapping[str, Sequence[float]],
    label: str,
    groups: Mapping[str, str] | None = None,
) -> Figure:
    """Plot every run as a dot, and every mean as a line with its 95 % interval.

    Parameters
    ----------
    runs
        Name → one value per seed.
    groups
        Name → color that groups runs, instead of the default blue.
    """
    groups = groups or {}
    figure, ax = plt.subplots(figsize=(7.6, 0.42 * len(runs) + 0.8))
    for place, (name, values) in enumerate(runs.items()):
        color = groups.get(name, COLORS.blue)
        mean, half = interval(values)
        ax.plot([mean - half, mean + half], [place, place], color=color, lw=7, alpha=0.3,
                solid_capstyle="butt")  # fmt: skip
        ax.plot([mean, mean], [place - 0.28, place + 0.28], color=color, lw=2.5)
        ax.plot(values, [place] * len(values), "o", ms=4, mfc="white", mec=color, mew=1.2)
        ax.text(
            mean + half, place - 0.3, f" {mean:.3f}", color=INK, fontsize=8, va="bottom", ha="left"
        )
    ax.set_yticks(range(len(runs)), list(runs))
    ax.invert_yaxis()
    ax.set_xlabel(label)
    ax.grid(axis="x")
    return figure


def costs(rows: Mapping[str, tuple[float, float]], labels: tuple[str, str]) -> Figure:
    """Plot two bar charts side by side on logarithmic axes, one bar per network."""
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 0.36 * len(rows) + 0.8), sharey=True)
    colors = [COLORS.red if "full" in name else COLORS.blue for name in rows]
    for ax, values, label in zip(axes, zip(*rows.values(), strict=True), labels, strict=True):
        ax.barh(range(len(rows)), values, color=colors, height=0.65)
        ax.set_xscale("log")
        ax.set_xlabel(label)
        ax.grid(axis="x")
        for place, value in enumerate(values):
            text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
            ax.text(value, place, f" {text}", va="center", fontsize=8)
        ax.set_xlim(right=max(values) * 10)
    axes[0].set_yticks(range(len(rows)), list(rows))
    axes[0].invert_yaxis()
    return figure


def probes(curves: Mapping[str, Sequence[float]], ticks: Sequence[str], label: str) -> Figure:
    """Plot curves over the layers of a network."""
    figure, ax = plt.subplots(figsize=(7.6, 2.9))
    for name, values in curves.items():
        ax.plot(range(len(values)), values, "o-", label=name)
    ax.set_xticks(range(len(ticks)), list(ticks))
    ax.set_ylabel(label)
    ax.set_ylim(bottom=0)
    ax.grid(axis="y")
    ax.legend()
    return figure
