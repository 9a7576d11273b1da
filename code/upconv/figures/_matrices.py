"""Figures of a convolution as a matrix, and of its transpose as a convolution."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from upconv.figures.theme import COLORS, EMPTY, ink_on, number_grid

# One color for each of a kernel's nine weights, light to dark in reading order.
_WEIGHTS = mpl.colormaps["viridis"]


def convolution_as_matrix(matrix: np.ndarray, kernel: np.ndarray, side: int) -> Figure:
    """Show a convolution's matrix, its transpose, and each of its rows reshaped to the input.

    Parameters
    ----------
    matrix
        Shape (number of outputs, side²): row r holds the kernel at its position for output r.
    kernel
        Shape (K, K), its weights numbered 1, 2, … in reading order.
    side
        Height and width of the input.
    """
    rows, columns = matrix.shape
    figure, ax = plt.subplots(figsize=(7.6, 5.9))
    _cells(ax, matrix, 0, 0, kernel.size)
    for c in range(columns):
        ax.text(c, -0.75, f"$x_{{{c // side}{c % side}}}$", ha="center", va="bottom", fontsize=8.5)
    out_side = int(np.sqrt(rows))
    for r in range(rows):
        ax.text(
            -0.75, r, f"$y_{{{r // out_side}{r % out_side}}}$", ha="right", va="center", fontsize=9
        )
    ax.text(columns / 2 - 0.5, -1.95, "C   (4 × 16):  y = C x", ha="center", fontsize=11,
            fontweight="bold")  # fmt: skip
    right = columns + 2.2
    _cells(ax, matrix.T, right, 0, kernel.size)
    ax.text(right + rows / 2 - 0.5, -1.95, "Cᵀ   (16 × 4)", ha="center", fontsize=11,
            fontweight="bold")  # fmt: skip
    for r in range(rows):
        ax.text(
            right + r, -0.75, f"$y_{{{r // out_side}{r % out_side}}}$", ha="center", va="bottom",
            fontsize=8.5,
        )  # fmt: skip
    for c in range(columns):
        ax.text(
            right - 0.7, c, f"$x_{{{c // side}{c % side}}}$", ha="right", va="center", fontsize=8.5
        )
    # Rows reshaped to side × side: the kernel at each of its positions.
    ax.text(columns / 2 - 0.5, rows + 1.55, "each row of C, folded to the input's 4 × 4:",
            ha="center", fontsize=10.5, fontweight="bold")  # fmt: skip
    scale = 0.86
    for r in range(rows):
        left = r * (columns + 0.35) / rows
        _cells(ax, matrix[r].reshape(side, side), left, rows + 2.6, kernel.size, scale)
        ax.text(
            left + scale * (side - 1) / 2, rows + 2.6 + scale * side + 0.25,
            f"$y_{{{r // out_side}{r % out_side}}}$", ha="center", va="center", fontsize=10,
        )  # fmt: skip
    top = rows + 8.0
    ax.text(columns / 2 - 3.4, top + 1.9, "kernel:", ha="right", va="center", fontsize=10.5,
            fontweight="bold")  # fmt: skip
    _cells(ax, kernel, columns / 2 - 2.6, top + 0.4, kernel.size, 1.5, fontsize=12)
    ax.set_xlim(-2.2, right + rows)
    ax.set_ylim(max(columns, top + 5) - 0.2, -2.7)
    ax.set_aspect("equal")
    ax.axis("off")
    return figure


def _cells(
    ax: Axes,
    values: np.ndarray,
    left: float,
    top: float,
    weights: int,
    scale: float = 1.0,
    fontsize: float = 8.5,
) -> None:
    """Draw a block of cells colored by weight number; 0 is an empty cell."""
    for (row, column), value in np.ndenumerate(values):
        face = EMPTY if value == 0 else _WEIGHTS(0.06 + 0.9 * (value - 1) / (weights - 1))
        ax.add_patch(
            Rectangle(
                (left + scale * (column - 0.5), top + scale * (row - 0.5)), scale, scale,
                fc=face, ec="white", lw=1,
            )
        )  # fmt: skip
        ink = "#a9b3bf" if value == 0 else ink_on(face)
        ax.text(
            left + scale * column, top + scale * row, f"{value:g}", ha="center", va="center",
            fontsize=fontsize, color=ink,
        )  # fmt: skip


def pad_and_convolve(
    small: np.ndarray, padded: np.ndarray, kernel: np.ndarray, result: np.ndarray
) -> Figure:
    """Show a padded map, the flipped kernel at its first and another position, and the result."""
    figure, axes = plt.subplots(
        1, 4, figsize=(7.6, 2.75), width_ratios=[2, 6, 3, 4], gridspec_kw={"wspace": 0.08}
    )
    number_grid(axes[0], small, "2 × 2", fontsize=11, cmap="Blues")
    shown = np.where(padded == 0, np.nan, padded)
    number_grid(axes[1], shown, "padded to 6 × 6", fontsize=11, cmap="Blues", vmin=small.min(),
                vmax=small.max())  # fmt: skip
    for (row, column), value in np.ndenumerate(padded):
        if value == 0:
            axes[1].text(column, row, "0", ha="center", va="center", fontsize=9, color="#a9b3bf")
    for (row, column), color in (((0, 0), COLORS.red), ((2, 3), COLORS.purple)):
        for ax, extent in ((axes[1], 3), (axes[3], 1)):
            ax.add_patch(
                Rectangle(
                    (column - 0.46, row - 0.46), extent - 0.08, extent - 0.08, fill=False,
                    ec=color, lw=2.6, zorder=4,
                )
            )  # fmt: skip
    number_grid(axes[2], kernel, "kernel, turned\nby 180°", fontsize=11, cmap="Oranges")
    number_grid(axes[3], result, "4 × 4", fontsize=11, cmap="Greens")
    return figure


def two_operators(
    full: np.ndarray, fractional: np.ndarray, input_side: int, kernel_size: int
) -> Figure:
    """Compare two ways from 3 × 3 to 5 × 5: the padded inputs, and the matrices of both.

    Parameters
    ----------
    full, fractional
        Matrices of shape (25, 9), entries numbered by weight (0: no weight).
    """
    figure = plt.figure(figsize=(7.6, 6.6))
    grid = figure.add_gridspec(3, 2, height_ratios=[1.6, 1, 1])
    axes = [figure.add_subplot(grid[0, j]) for j in (0, 1)]
    names = (
        "full convolution\nstride 1, two rings of zeros",
        "fractional stride ½\nzeros between, one ring",
    )
    for ax, gap, ring, name in zip(axes, (1, 2), (2, 1), names, strict=True):
        size = gap * (input_side - 1) + 1 + 2 * ring
        for row in range(size):
            for column in range(size):
                inside = (row - ring) % gap == 0 and (column - ring) % gap == 0
                inside &= ring <= row < size - ring and ring <= column < size - ring
                ax.add_patch(
                    Rectangle(
                        (column - 0.5, row - 0.5), 1, 1, fc=COLORS.blue if inside else EMPTY,
                        ec="white", lw=1.5,
                    )
                )  # fmt: skip
                if inside:
                    number = (row - ring) // gap * input_side + (column - ring) // gap
                    ax.text(column, row, f"$x_{{{number // 3}{number % 3}}}$", color="white",
                            ha="center", va="center", fontsize=11)  # fmt: skip
                else:
                    ax.text(column, row, "0", color="#a9b3bf", ha="center", va="center", fontsize=9)
        ax.add_patch(
            Rectangle((-0.5, -0.5), kernel_size, kernel_size, fill=False, ec=COLORS.red, lw=3)
        )
        ax.set_xlim(-0.7, size - 0.3)
        ax.set_ylim(size - 0.3, -0.7)
        ax.set_aspect("equal")
        ax.axis("off")
        ax.set_title(name, fontsize=11)
    for row, (matrix, name) in enumerate(zip((full, fractional), names, strict=True), start=1):
        ax = figure.add_subplot(grid[row, :])
        _stamp_rows(ax, matrix, input_side, kernel_size, name.partition("\n")[0])
    return figure


def _stamp_rows(ax: Axes, matrix: np.ndarray, side: int, kernel_size: int, name: str) -> None:
    """Draw a stamp per row, its output's rows one after another, and the kernel's colors."""
    outputs, inputs = matrix.shape
    row = round(outputs**0.5)
    weights = kernel_size**2
    for (output, number), value in np.ndenumerate(matrix):
        face = EMPTY if value == 0 else _WEIGHTS(0.06 + 0.9 * (value - 1) / (weights - 1))
        left = output + 0.7 * (output // row)  # a gap after each row of outputs
        ax.add_patch(Rectangle((left - 0.5, number - 0.5), 1, 1, fc=face, ec="white", lw=0.8))
    for number in range(inputs):
        ax.text(-0.9, number, f"$x_{{{number // side}{number % side}}}$", ha="right", va="center",
                fontsize=9)  # fmt: skip
    for r in range(row):
        ax.text(r * (row + 0.7) + (row - 1) / 2, -0.8, f"row {r}", ha="center", va="bottom",
                fontsize=9)  # fmt: skip
    ax.set_title(
        f"{name}: the stamp of each input on the 5 rows of the output", fontsize=10.5, pad=14
    )
    _cells(ax, np.arange(1.0, weights + 1).reshape(kernel_size, -1), outputs + 6.2, 2.4, weights,
           1.7, fontsize=9.5)  # fmt: skip
    ax.text(outputs + 7.9, 0.3, "kernel", ha="center", fontsize=9.5)
    ax.set_xlim(-2.6, outputs + 11)
    ax.set_ylim(inputs - 0.3, -1.4)
    ax.set_aspect("equal")
    ax.axis("off")
