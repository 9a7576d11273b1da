"""Figures of a transposed convolution that stamps its kernel onto the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from upconv.figures.theme import COLORS, INK, number_grid

_GRID = "#c9d1db"


def stamps(inputs: np.ndarray, kernel: np.ndarray, contributions: Sequence[np.ndarray]) -> Figure:
    """Show one stamp of the kernel per input pixel, and their sum.

    Parameters
    ----------
    inputs
        Shape (N, N), N² at most 4.
    kernel
        Shape (K, K).
    contributions
        One (M, M) array per input pixel in reading order, NaN where the stamp does not reach.
    """
    total = np.nansum(contributions, axis=0)
    high = total.max()
    sheet = _Sheet(len(total))
    palette = [COLORS.blue, COLORS.orange, COLORS.green, COLORS.purple][: len(contributions)]
    left = 0.01
    for j, (contribution, color) in enumerate(zip(contributions, palette, strict=True)):
        words = f"{inputs[divmod(j, inputs.shape[1])]:g} × kernel"
        sign = "=" if j == len(contributions) - 1 else "+"
        _stamp(sheet, left, contribution, color, high, words, sign)
        left += sheet.side + sheet.unit * 0.78
    covered = np.sum([np.isfinite(c) for c in contributions], axis=0)
    _sum(sheet, left, total, covered, high)
    _operands(sheet, inputs, kernel, palette, high)
    return sheet.figure


class _Sheet:
    """A figure with a row of five grids whose cells all have the same size."""

    bottom = 0.08  # of that row

    def __init__(self, cells: int) -> None:
        self.figure = plt.figure(figsize=(7.6, 3.55), layout="none")
        self.unit = 1 / (5 * cells + 4.3)  # of the figure's width: one cell
        self.cell = self.unit * 0.98
        self.aspect = 7.6 / 3.55
        self.cells, self.side = cells, self.cell * cells

    def place(self, left: float, bottom: float, cells: int, scale: float = 1.0) -> Axes:
        side = self.cell * cells * scale
        return self.figure.add_axes((left, bottom, side, side * self.aspect))

    def head(self, left: float, words: str, **style: Any) -> None:
        """Draw text above a grid of the row."""
        self.figure.text(
            left + self.side / 2, self.bottom + self.side * self.aspect + 0.075, words,
            ha="center", va="center", fontsize=11, fontweight="bold", **style,
        )  # fmt: skip


def _stamp(
    sheet: _Sheet, left: float, contribution: np.ndarray, color: str, high: float, words: str,
    sign: str,
) -> None:  # fmt: skip
    """Draw one input's stamp, framed, and the sign after it."""
    ax = sheet.place(left, sheet.bottom, sheet.cells)
    fade = mpl.colors.LinearSegmentedColormap.from_list("", ["white", color])
    number_grid(ax, contribution, cmap=fade, fontsize=13, vmin=-high * 0.25, vmax=high * 1.5)
    stamped = [tuple(c) for c in np.argwhere(np.isfinite(contribution))]
    first, last = stamped[0], stamped[-1]
    ax.add_patch(
        Rectangle(
            (first[1] - 0.5, first[0] - 0.5), last[1] - first[1] + 1, last[0] - first[0] + 1,
            fill=False, ec=color, lw=2.8, zorder=4,
        )
    )  # fmt: skip
    sheet.head(left, words, color=INK)
    sheet.figure.text(
        left + sheet.side + sheet.unit * 0.38, sheet.bottom + sheet.side * sheet.aspect / 2, sign,
        ha="center", va="center", fontsize=17,
    )  # fmt: skip


def _sum(sheet: _Sheet, left: float, total: np.ndarray, covered: np.ndarray, high: float) -> None:
    """Draw the stamps' sum; write the number of overlapping stamps where there are several."""
    ax = sheet.place(left, sheet.bottom, sheet.cells)
    number_grid(ax, total, cmap="Greys", fontsize=13, vmin=-high * 0.2, vmax=high * 1.6)
    for row, column in np.argwhere(covered > 1):
        ax.text(
            column + 0.42, row - 0.42, f"{covered[row, column]}", ha="right", va="top",
            fontsize=8, color=COLORS.red, fontweight="bold",
        )  # fmt: skip
    sheet.head(left, "sum")


def _operands(
    sheet: _Sheet, inputs: np.ndarray, kernel: np.ndarray, palette: Sequence[str], high: float
) -> None:
    """Draw the two inputs of the operation, above the row."""
    top, scale, middle = 0.6, 1.05, 0.5
    side = sheet.cell * 2 * scale
    ax = sheet.place(middle - side - 0.07, top, inputs.shape[0], scale)
    number_grid(ax, inputs, cmap=None, fontsize=13)
    for j, color in enumerate(palette):
        row, column = divmod(j, inputs.shape[1])
        ax.add_patch(
            Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fc=color, alpha=0.55, ec=color, lw=2)
        )
    height = top + side * sheet.aspect / 2
    sheet.figure.text(middle - side - 0.085, height, "input", ha="right", fontsize=11,
                      va="center", fontweight="bold")  # fmt: skip
    ax = sheet.place(middle + 0.07, top, kernel.shape[0], scale)
    number_grid(ax, kernel, cmap="Greys", fontsize=13, vmin=-high * 0.2, vmax=high * 1.6)
    sheet.figure.text(middle + 0.085 + side, height, "kernel", fontsize=11,
                      va="center", fontweight="bold")  # fmt: skip


def stretch_input_or_kernel(factors: Sequence[int] = (1, 2, 3)) -> Figure:
    """Show how stride spreads the input and dilation the kernel, with outputs by input pixel."""
    inputs = kernel = 3
    figure, axes = plt.subplots(
        2, len(factors) + 1, figsize=(7.6, 4.35), width_ratios=[1] * len(factors) + [1.35]
    )
    palette = [mpl.colormaps["turbo"](v) for v in np.linspace(0.06, 0.94, inputs**2)]
    for row, spread_input in enumerate((True, False)):
        for ax, factor in zip(axes[row], factors, strict=False):
            stride, dilation = (factor, 1) if spread_input else (1, factor)
            size = stride * (inputs - 1) + dilation * (kernel - 1) + 1
            _lattice(ax, size)
            for i in range(inputs):
                for j in range(inputs):
                    at = dilation * (kernel - 1) / 2
                    center = (j * stride + at, i * stride + at)
                    ax.plot(*center, "o", color=COLORS.blue, ms=7 - factor)
                    ax.plot(j * dilation, i * dilation, "s", mfc="none", mec=COLORS.red, mew=1.8,
                            ms=11 - 2.4 * factor)  # fmt: skip
            letter = "S" if spread_input else "D"
            ax.set_title(f"{letter} = {factor}:  {size} × {size}", fontsize=10)
        ax = axes[row, -1]
        factor = factors[-1]
        stride, dilation = (factor, 1) if spread_input else (1, factor)
        size = stride * (inputs - 1) + dilation * (kernel - 1) + 1
        for number in range(inputs**2):
            i, j = divmod(number, inputs)
            for k in range(kernel):
                for m in range(kernel):
                    center = (j * stride + m * dilation, i * stride + k * dilation)
                    ax.add_patch(
                        Rectangle((center[0] - 0.5, center[1] - 0.5), 1, 1,
                                      fc=palette[number], ec="white", lw=1)
                    )  # fmt: skip
        ax.set_xlim(-0.6, size - 0.4)
        ax.set_ylim(size - 0.4, -0.6)
        ax.set_aspect("equal")
        ax.axis("off")
        ax.set_title("one colour per input", fontsize=10)
    names = ("stride\nstretches the input", "dilation\nstretches the kernel")
    for ax, name in zip(axes[:, 0], names, strict=True):
        ax.text(-0.16, 0.5, name, transform=ax.transAxes, rotation=90, ha="right", va="center",
                fontsize=10.5, fontweight="bold", multialignment="center")  # fmt: skip
    return figure


def _lattice(ax: Axes, size: int) -> None:
    """Draw an empty grid of output cells."""
    for k in range(size + 1):
        ax.plot([-0.5, size - 0.5], [k - 0.5] * 2, color=_GRID, lw=0.7)
        ax.plot([k - 0.5] * 2, [-0.5, size - 0.5], color=_GRID, lw=0.7)
    ax.set_xlim(-0.6, size - 0.4)
    ax.set_ylim(size - 0.4, -0.6)
    ax.set_aspect("equal")
    ax.axis("off")
