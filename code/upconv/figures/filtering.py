"""Figures of filtering in space: pooling, aliasing, receptive fields, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from upconv.figures.theme import COLORS, number_grid, show_image


def signed_row(
    images: Sequence[np.ndarray], titles: Sequence[str], limit: float, width: float = 7.6
) -> Figure:
    """Show images side by side, those with negative values in a diverging color map.

    ``limit`` is the value of the most saturated color.
    """
    ratio = images[0].shape[1] / images[0].shape[0]
    lines = 1 + max(title.count("\n") for title in titles)
    height = width / len(images) / ratio + 0.25 * lines + 0.1
    figure, axes = plt.subplots(1, len(images), figsize=(width, height))
    for ax, image, title in zip(axes, images, titles, strict=True):
        if image.min() < 0:
            show_image(ax, image, title, cmap="RdBu", vmin=-limit, vmax=limit)
        else:
            show_image(ax, image, title)
    return figure


def pooling_example(values: np.ndarray, maxima: np.ndarray, means: np.ndarray) -> Figure:
    """Show a 4 × 4 map in four colored blocks, with their maxima and means."""
    figure, axes = plt.subplots(1, 3, figsize=(6.6, 2.5), width_ratios=[4, 2.2, 2.2])
    block_colors = (COLORS.sky, COLORS.orange, COLORS.green, COLORS.purple)
    for ax, grid, title in zip(
        axes, (values, maxima, means), ("input", "max pooling", "average pooling"), strict=True
    ):
        number_grid(ax, grid, title, cmap=None, fontsize=12)
        block = grid.shape[0] // 2
        for index, color in enumerate(block_colors):
            row, column = divmod(index, 2)
            ax.add_patch(
                Rectangle(
                    (column * block - 0.46, row * block - 0.46),
                    block - 0.08,
                    block - 0.08,
                    facecolor=color,
                    alpha=0.35,
                    zorder=0.5,
                )
            )
            for patch in ax.patches[: grid.size]:
                patch.set_alpha(0.0)
    return figure


def aliasing(columns: Sequence[Sequence[np.ndarray]], titles: Sequence[str]) -> Figure:
    """Show one column per sampling method and one row per image, all at the same size."""
    rows = len(columns[0])
    figure, axes = plt.subplots(rows, len(columns), figsize=(7.6, 2.5 * rows + 0.35))
    for column, (pictures, title) in enumerate(zip(columns, titles, strict=True)):
        for row, picture in enumerate(pictures):
            show_image(axes[row, column], picture, title if row == 0 else "")
    return figure


def shift_curves(curves: Mapping[str, np.ndarray], period: int) -> Figure:
    """Plot an output's change against the shift of its input, one curve per pooling method."""
    figure, ax = plt.subplots(figsize=(7.6, 3.0))
    for (label, values), marker in zip(curves.items(), "osD^", strict=False):
        ax.plot(values, marker=marker, ms=6, label=label)
    for multiple in range(0, len(values), period):
        ax.axvline(multiple, color=COLORS.gray, lw=1, ls=":")
    ax.set_xlabel("shift of the input, in pixels (dotted: multiples of the stride)")
    ax.set_ylabel("relative change\nof the output")
    ax.set_ylim(bottom=-0.02)
    ax.grid(axis="y")
    ax.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.2), fontsize=9)
    return figure


def receptive_fields(
    photograph: np.ndarray, square: int, maps: Sequence[np.ndarray], titles: Sequence[str]
) -> Figure:
    """Show the theoretical receptive field over a photograph, and effective ones as heat maps.

    Parameters
    ----------
    photograph : (H, W)
    square : int
        Side of the theoretical receptive field, in pixels, centered.
    maps
        Each (H, W), non-negative, with maximum 1.
    """
    figure, axes = plt.subplots(1, len(maps) + 1, figsize=(7.6, 7.6 / (len(maps) + 1) + 0.45))
    height, width = photograph.shape
    corner = ((width - square) / 2 - 0.5, (height - square) / 2 - 0.5)
    show_image(axes[0], photograph, f"theoretical: {square} × {square}")
    for ax, heat, title in zip(axes[1:], maps, titles, strict=True):
        show_image(ax, 0.55 * photograph, title)
        ax.imshow(heat, cmap="inferno", alpha=np.clip(heat * 1.6, 0, 0.95), vmin=0, vmax=1)
    for ax in axes:
        ax.add_patch(Rectangle(corner, square, square, fill=False, edgecolor=COLORS.orange, lw=2))
    return figure
