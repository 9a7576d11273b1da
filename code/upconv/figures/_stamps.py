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
    """Show one stamp of the kernel per input pixel, their sum, and how many overlap where.

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
    _sum(sheet, left, total, high)
    _operands(sheet, inputs, kernel, covered, palette, high)
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


def _sum(sheet: _Sheet, left: float, total: np.ndarray, high: float) -> None:
    """Draw the stamps' sum."""
    ax = sheet.place(left, sheet.bottom, sheet.cells)
    number_grid(ax, total, cmap="Greys", fontsize=13, vmin=-high * 0.2, vmax=high * 1.6)
    sheet.head(left, "sum")


def _operands(
    sheet: _Sheet,
    inputs: np.ndarray,
    kernel: np.ndarray,
    covered: np.ndarray,
    palette: Sequence[str],
    high: float,
) -> None:
    """Draw the two inputs of the operation, and the number of stamps at each place, above."""
    top, scale = 0.6, 1.05
    side = sheet.cell * 2 * scale
    height = top + side * sheet.aspect / 2
    ax = sheet.place(0.13, top, inputs.shape[0], scale)
    number_grid(ax, inputs, cmap=None, fontsize=13)
    for j, color in enumerate(palette):
        row, column = divmod(j, inputs.shape[1])
        ax.add_patch(
            Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fc=color, alpha=0.55, ec=color, lw=2)
        )
    ax = sheet.place(0.42, top, kernel.shape[0], scale)
    number_grid(ax, kernel, cmap="Greys", fontsize=13, vmin=-high * 0.2, vmax=high * 1.6)
    small = 2 * scale / len(covered)
    ax = sheet.place(0.82, top, len(covered), small)
    number_grid(ax, covered, cmap="Reds", fontsize=11, vmin=0, vmax=8)
    words = (0.115, "input"), (0.405, "kernel"), (0.805, "stamps\nthat meet")
    for left, word in words:
        sheet.figure.text(left, height, word, ha="right", va="center", fontsize=11,
                          fontweight="bold")  # fmt: skip
