"""Figures of unevenly overlapping stamps, and of the resulting checkerboard."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from upconv.figures.theme import COLORS, INK, show_image


def overlap_bars(panels: Sequence[tuple[str, int, int, int]]) -> Figure:
    """Show stamps on a line, and the number that overlap at each output.

    Parameters
    ----------
    panels
        One (title, number of inputs, kernel size, stride) each.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7.6, 2.7))
    for ax, (title, inputs, kernel, stride) in zip(axes, panels, strict=True):
        size = stride * (inputs - 1) + kernel
        count = np.zeros(size, dtype=int)
        for i in range(inputs):
            count[i * stride : i * stride + kernel] += 1
        lanes = -(-kernel // stride)
        for i in range(inputs):
            color = (COLORS.blue, COLORS.orange, COLORS.green, COLORS.purple)[i % 4]
            y = 3.3 + 0.62 * (i % lanes)
            ax.add_patch(Rectangle((i * stride - 0.45, y), kernel - 0.1, 0.5, fc=color, ec="none"))
        inner = count[kernel - 1 : size - kernel + 1]
        uneven = inner.size and inner.min() != inner.max()
        for position, height in enumerate(count):
            heavy = uneven and height == inner.max()
            ax.bar(position, height, color=COLORS.red if heavy else COLORS.gray, width=0.84)
            ax.text(position, height + 0.08, str(height), ha="center", fontsize=9)
        ax.set_xlim(-0.8, size - 0.2)
        ax.set_ylim(0, 3.3 + 0.62 * lanes + 0.1)
        ax.set_yticks([])
        ax.set_xticks([])
        ax.spines["left"].set_visible(False)
        ax.set_title(title, fontsize=10.5)
        ax.set_xlabel("output position", fontsize=9.5)
    axes[0].text(-0.7, 2.75, "stamps lying on each output:", fontsize=8.5, va="center")
    return figure


def phases(kernels: Sequence[np.ndarray], titles: Sequence[str], stride: int) -> Figure:
    """Show kernels with weights colored by output phase, and the phases separately.

    Parameters
    ----------
    kernels
        Each of shape (K, K).
    """
    colors = [COLORS.blue, COLORS.orange, COLORS.green, COLORS.purple]
    figure, axes = plt.subplots(
        len(kernels), 3, figsize=(7.6, 2.35 * len(kernels)), width_ratios=[1, 1.25, 1.25]
    )
    for (ax, apart, out), kernel, title in zip(axes, kernels, titles, strict=True):
        size = kernel.shape[0]
        for row in range(size):
            for column in range(size):
                phase = row % stride * stride + column % stride
                _tile(ax, column, row, colors[phase], f"$w_{{{row}{column}}}$")
        _frame(ax, -0.6, size - 0.4, title)
        gap = -(-size // stride) + 0.7
        for phase in range(stride**2):
            r, c = divmod(phase, stride)
            part = kernel[r::stride, c::stride]
            for row in range(part.shape[0]):
                for column in range(part.shape[1]):
                    name = f"$w_{{{r + row * stride}{c + column * stride}}}$"
                    _tile(apart, c * gap + column, r * gap + row, colors[phase], name)
        _frame(apart, -0.6, 2 * gap - 1.0, "four small kernels")
        side = 8
        for row in range(side):
            for column in range(side):
                phase = row % stride * stride + column % stride
                r, c = divmod(phase, stride)
                _tile(out, column, row, colors[phase], str(kernel[r::stride, c::stride].size))
        _frame(out, -0.6, side - 0.4, "weights per output")
    return figure


def _tile(ax: Axes, x: float, y: float, color: str, text: str) -> None:
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fc=color, ec="white", lw=1.5))
    ink = INK if color in (COLORS.orange, COLORS.purple) else "white"
    ax.text(x, y, text, ha="center", va="center", fontsize=9.5, color=ink)


def _frame(ax: Axes, low: float, high: float, title: str) -> None:
    ax.set_xlim(low, high)
    ax.set_ylim(high, low)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.set_title(title, fontsize=10.5)


def overlap_maps(rows: Sequence[Sequence[np.ndarray]], names: Sequence[str]) -> Figure:
    """Show the response to a constant image after one, two, three layers, one row per operator.

    Parameters
    ----------
    rows
        For each operator its feature maps, layer by layer, each scaled to mean 1.
    """
    depth = len(rows[0])
    figure, axes = plt.subplots(len(rows), depth, figsize=(7.6, 2.2 * len(rows) + 0.3))
    axes = np.atleast_2d(axes)
    for row, (maps, name) in enumerate(zip(rows, names, strict=True)):
        line = axes[row]
        for layer, (ax, values) in enumerate(zip(line, maps, strict=True), start=1):
            image = ax.imshow(values, cmap="viridis", vmin=0, vmax=2.4)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(False)
            if row == 0:
                ax.set_title(f"{layer} layer{'s' if layer > 1 else ''}")
        line[0].set_ylabel(name, fontsize=10.5, fontweight="bold")
    figure.colorbar(image, ax=axes, fraction=0.025, pad=0.02, label="response / mean")
    return figure


def checkerboard_spectra(
    pictures: Sequence[np.ndarray], spectra: Sequence[np.ndarray], names: Sequence[str], zoom: slice
) -> Figure:
    """Show images, magnified details, and spectra with the stride's frequencies marked.

    Parameters
    ----------
    pictures, spectra
        Shape (N, N) each; spectra are centered and logarithmic.
    zoom
        Rows and columns of the magnified detail.
    """
    figure, axes = plt.subplots(3, len(pictures), figsize=(7.6, 7.7))
    low = min(np.quantile(s, 0.02) for s in spectra)
    high = max(np.quantile(s, 0.9999) for s in spectra)
    for column, (picture, spectrum, name) in enumerate(zip(pictures, spectra, names, strict=True)):
        span = np.quantile(picture, (0.005, 0.995))
        show_image(axes[0, column], picture, name, vmin=span[0], vmax=span[1])
        start, length = zoom.start, zoom.stop - zoom.start
        axes[0, column].add_patch(
            Rectangle((start, start), length, length, fill=False, ec=COLORS.yellow, lw=1.8)
        )
        show_image(axes[1, column], picture[zoom, zoom], vmin=span[0], vmax=span[1])
        ax = axes[2, column]
        show_image(ax, spectrum, vmin=low, vmax=high, cmap="magma")
        size = spectrum.shape[0]
        half = size // 2
        for row in (0, half, size):
            for col in (0, half, size):
                if (row, col) != (half, half):
                    ax.plot(col, row, "o", mfc="none", mec=COLORS.sky, mew=1.6, ms=15,
                            clip_on=False)  # fmt: skip
        ax.set_xlim(-0.5, size - 0.5)
        ax.set_ylim(size - 0.5, -0.5)
    for ax, name in zip(axes[:, 0], ("output", "magnified", "spectrum"), strict=True):
        ax.set_ylabel(name, fontweight="bold")
    return figure
