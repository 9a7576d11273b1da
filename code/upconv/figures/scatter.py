"""Figures of gathering and scattering: where outputs read, and where inputs write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from upconv.figures.theme import COLORS, EMPTY, INK, show_image

_PALETTE = (COLORS.blue, COLORS.orange, COLORS.green, COLORS.purple)
_QUIET = "#6b7685"
_SUBSCRIPT = "₀₁₂₃"


def gather_and_scatter(matrix: np.ndarray, x: np.ndarray, y: np.ndarray) -> Figure:
    """Show one matrix used both ways: C gathers x into outputs, Cᵀ scatters y back.

    Parameters
    ----------
    matrix : (M, N)
        M at most 4: every output has a color.
    x : (N,)
        What C gathers.
    y : (M,)
        What Cᵀ scatters.
    """
    rows, columns = matrix.shape
    figure, axes = plt.subplots(2, 2, figsize=(7.6, 6.0), height_ratios=[1, 1.75])
    _links(axes[0, 0], matrix, x, matrix @ x, down=False)
    _links(axes[0, 1], matrix, matrix.T @ y, y, down=True)
    axes[0, 0].set_title("gather:  y = C x")
    axes[0, 1].set_title("scatter:  x̄ = Cᵀ y")

    ax = axes[1, 0]
    for r in range(rows):
        for c in range(columns):
            _box(ax, c, r, matrix[r, c], _PALETTE[r])
        _text(ax, columns + 0.1, r, f"→ y{_SUBSCRIPT[r]} = {matrix[r] @ x:g}", ha="left")
    _text(ax, (columns - 1) / 2, -1, f"C, {rows} × {columns}", weight="bold")
    _text(ax, (columns - 1) / 2, rows + 0.2, "a row: what one output reads", color=_QUIET)
    _frame(ax, -0.7, columns + 2.6, columns - 0.2, -1.7)

    ax = axes[1, 1]
    stamped = matrix.T * y
    for r in range(rows):
        for c in range(columns):
            _box(ax, r, c, matrix[r, c], _PALETTE[r])
            left = rows + 1.2 + 1.5 * r
            _box(ax, left, c, stamped[c, r], _PALETTE[r], empty="")
        _text(ax, rows + 1.2 + 1.5 * r, -1, f"{y[r]:g} ×", weight="bold")
        sign = "=" if r == rows - 1 else "+"
        _text(ax, rows + 1.95 + 1.5 * r, (columns - 1) / 2, sign, size=13)
    for c in range(columns):
        _box(ax, rows + 1.2 + 1.5 * rows, c, stamped[c].sum(), COLORS.gray)
    _text(ax, (rows - 1) / 2, -1, f"Cᵀ, {columns} × {rows}", weight="bold")
    _text(ax, rows + 1.2 + 1.5 * rows, -1, "x̄", weight="bold")
    middle = rows + 1.2 + 1.5 * (rows - 1) / 2
    _text(ax, middle, columns + 0.2, "a column: one input's stamp", color=_QUIET)
    _frame(ax, -0.7, rows + 2.2 + 1.5 * rows, columns + 0.5, -1.7)
    return figure


def _links(ax: Axes, matrix: np.ndarray, x: np.ndarray, y: np.ndarray, down: bool) -> None:
    """Draw x below, y above and an arrow per nonzero weight: towards y, or down towards x."""
    rows, columns = matrix.shape
    for r in range(rows):
        taps = np.flatnonzero(matrix[r])
        at = taps.mean()
        for c in taps:
            low, high = (c, 0.42), (at, 2.08)
            ax.annotate(
                "", xy=low if down else high, xytext=high if down else low,
                arrowprops={"arrowstyle": "-|>", "color": _PALETTE[r], "lw": 1.8, "shrinkA": 0,
                            "shrinkB": 0},
            )  # fmt: skip
            ax.text((2 * c + at) / 3, 0.97, f"{matrix[r, c]:g}", ha="center", va="center",
                    fontsize=9, color=INK,
                    bbox={"fc": "white", "ec": "none", "pad": 0.6})  # fmt: skip
        _box(ax, at, 2.5, y[r], _PALETTE[r])
    for c in range(columns):
        _box(ax, c, 0, x[c], COLORS.gray)
    _text(ax, -0.75, 0, "x̄" if down else "x", ha="right", weight="bold")
    _text(ax, -0.75, 2.5, "y", ha="right", weight="bold")
    _frame(ax, -1.4, columns - 0.3, -0.6, 3.1)


def _box(
    ax: Axes, x: float, y: float, value: float, color: str, empty: str = "0", size: float = 11
) -> None:
    """Draw a cell in a light tone of the color; zero is an empty cell."""
    zero = value == 0
    ax.add_patch(Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, fc="white", ec="none", zorder=2))
    ax.add_patch(
        Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, fc=EMPTY if zero else color,
                  alpha=1 if zero else 0.4, ec="none", zorder=3)
    )  # fmt: skip
    ax.text(x, y, empty if zero else f"{value:g}", ha="center", va="center", fontsize=size,
            color="#a9b3bf" if zero else INK, zorder=4)  # fmt: skip


def _text(
    ax: Axes, x: float, y: float, words: str, ha: str = "center", color: str = INK,
    weight: str = "normal", size: float = 10.5,
) -> None:  # fmt: skip
    ax.text(x, y, words, ha=ha, va="center", color=color, fontweight=weight, fontsize=size)


def _frame(ax: Axes, left: float, right: float, bottom: float, top: float) -> None:
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_aspect("equal")
    ax.axis("off")


def resized_edge(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    shrunk: Mapping[str, np.ndarray],
    samples: np.ndarray,
) -> Figure:
    """Show an edge enlarged by two cubic kernels, and stripes shrunk with and without smoothing.

    Parameters
    ----------
    curves
        Name → (positions in input pixels, values) of an enlarged edge.
    shrunk
        Name → small image of the same stripes.
    samples : (N,)
        The edge itself.
    """
    count = len(shrunk)
    figure = plt.figure(figsize=(7.6, 5.4))
    grid = figure.add_gridspec(2, count, height_ratios=[1, 1.05])
    ax = figure.add_subplot(grid[0, :])
    ax.plot(range(len(samples)), samples, "o", color=INK, ms=8, zorder=4, label="pixels")
    for (name, (at, values)), color in zip(
        curves.items(), (COLORS.blue, COLORS.red, COLORS.green), strict=False
    ):
        ax.plot(at, values, color=color, label=name, lw=2.2)
    for level in (0, 1):
        ax.axhline(level, color=COLORS.gray, lw=0.8, zorder=0)
    ax.set_xlabel("position, in input pixels")
    ax.set_ylabel("value")
    middle = (len(samples) - 1) / 2
    ax.set_xlim(middle - 2.4, middle + 2.4)
    ax.legend(loc="upper left")
    for j, (name, image) in enumerate(shrunk.items()):
        show_image(figure.add_subplot(grid[1, j]), image, name)
    return figure


def same_padding(
    rows: Sequence[tuple[str, tuple[int, int], Sequence[Sequence[int]]]], size: int
) -> Figure:
    """Show which pixels each window of a strided convolution covers.

    Parameters
    ----------
    rows
        One (title, zeros before and after, windows) each; a window is a list of positions of
        input pixels, negative or ≥ ``size`` in the padding.
    size
        Number of input pixels.
    """
    figure, axes = plt.subplots(1, len(rows), figsize=(7.6, 2.1))
    for ax, (title, (before, after), windows) in zip(axes, rows, strict=True):
        for c in range(-before, size + after):
            inside = 0 <= c < size
            ax.add_patch(
                Rectangle((c - 0.46, -0.46), 0.92, 0.92, fc=COLORS.gray if inside else EMPTY,
                          alpha=0.5 if inside else 1, ec="none")
            )  # fmt: skip
            ax.text(c, 0, str(c) if inside else "0", ha="center", va="center", fontsize=10.5,
                    color=INK if inside else "#a9b3bf")  # fmt: skip
        for j, window in enumerate(windows):
            color, y = _PALETTE[j % 4], 0.95 + 0.62 * (j % 2)
            left, right = min(window), max(window)
            ax.add_patch(Rectangle((left - 0.42, y - 0.2), right - left + 0.84, 0.4, fc=color))
            center = (left + right) / 2
            ax.plot(center, y, "o", color="white", ms=5)
            ax.text(center, 2.25, f"{center:g}", ha="center", fontsize=10, color=INK)
        ax.set_title(title, fontsize=10.5)
        _frame(ax, -1.7, size + 0.7, -0.7, 2.7)
    return figure


def displaced_maps(
    original: np.ndarray,
    maps: Mapping[str, np.ndarray],
    true: Sequence[tuple[float, float]],
    shifts: Mapping[str, float],
) -> Figure:
    """Show a map of spots and what comes back of it, a cross where each spot was.

    Parameters
    ----------
    original : (H, W)
    maps
        Name → map of about the same size.
    true
        (row, column) of each spot in ``original``.
    shifts
        Name → measured displacement in pixels, written below a map.
    """
    panels = {"spots": original, **maps}
    columns = 3
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(7.6, 2.75 * lines))
    for ax in axes.flat[len(panels) :]:
        ax.axis("off")
    for ax, (name, image) in zip(axes.flat, panels.items(), strict=False):
        show_image(ax, image, name, vmin=0, vmax=image.max(), cmap="Blues")
        for row, column in true:
            ax.plot(column, row, "+", color=COLORS.red, ms=15, mew=2.2)
        ax.spines[:].set_visible(True)
        if name in shifts:
            moved = (
                f"moved by {shifts[name]:+.1f} px".replace("-", "−")
                if abs(shifts[name]) > 0.05
                else "in place"
            )
            ax.set_xlabel(moved, fontsize=11)
        else:
            ax.set_xlabel("+ marks the true places", fontsize=10)
    return figure


def stretch_lines(panels: Sequence[tuple[str, int, int]], inputs: int, kernel: int) -> Figure:
    """Show on a line how stride moves stamps apart, and dilation the taps of each stamp.

    Parameters
    ----------
    panels
        One (title, stride, dilation) each, row by row, in two rows.
    inputs, kernel
        Number of stamps, at most 4, and of taps in each.
    """
    columns = len(panels) // 2
    figure, axes = plt.subplots(2, columns, figsize=(7.6, 3.5))
    sizes = [s * (inputs - 1) + d * (kernel - 1) + 1 for _, s, d in panels]
    for ax, (title, stride, dilation), size in zip(axes.flat, panels, sizes, strict=True):
        for j in range(size):
            ax.add_patch(Rectangle((j - 0.46, -0.46), 0.92, 0.92, fc=EMPTY, ec="none"))
            count = sum(
                0 <= (at := j - i * stride) <= dilation * (kernel - 1) and at % dilation == 0
                for i in range(inputs)
            )
            ax.text(j, 0, str(count), ha="center", va="center", fontsize=10)
        for i in range(inputs):
            y = 1.15 * (inputs - i) + 0.1
            taps = [i * stride + dilation * k for k in range(kernel)]
            ax.plot([taps[0], taps[-1]], [y, y], color=_PALETTE[i], lw=2, zorder=1)
            for at in taps:
                ax.add_patch(Rectangle((at - 0.46, y - 0.46), 0.92, 0.92, fc=_PALETTE[i], ec="w"))
            ax.text(-0.8, y, f"$x_{i}$", ha="right", va="center", fontsize=11)
        ax.set_title(title, fontsize=10.5)
        _frame(ax, -1.7, max(sizes) - 0.4, -0.7, 1.15 * inputs + 0.8)
    return figure
