"""Figures of waves: as rotating arrows, as rows of a matrix, as pictures, as learned kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, ConnectionPatch, Rectangle

from upconv.figures.theme import COLORS, INK, show_image

_CYCLE = (COLORS.blue, COLORS.orange, COLORS.green, COLORS.purple, COLORS.sky)


def arrows(coefficients: Mapping[int, complex], place: float) -> Figure:
    """Draw rotating arrows as a chain, and the wave that the height of its tip writes.

    Parameters
    ----------
    coefficients
        Turns per period → the arrow at the period's start: its length and its angle.
    place : float
        The moment at which the chain is drawn, in periods from 0 to 1.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.2), width_ratios=[1, 1.55])
    time = np.linspace(0, 1, 801)
    tip = 0j
    for number, (turns, start) in enumerate(coefficients.items()):
        arrow = start * np.exp(2j * np.pi * turns * place)
        left.add_patch(Circle((tip.real, tip.imag), abs(start), fill=False, color="#c9d0da", lw=1))
        left.annotate(
            "",
            ((tip + arrow).real, (tip + arrow).imag),
            (tip.real, tip.imag),
            arrowprops={"arrowstyle": "-|>", "color": _CYCLE[number % 5], "lw": 2, "shrinkA": 0,
                        "shrinkB": 0},
        )  # fmt: skip
        tip += arrow
        total = sum(
            c * np.exp(2j * np.pi * k * time) for k, c in coefficients.items() if k <= turns
        )
        last = number == len(coefficients) - 1
        right.plot(
            time, np.imag(total), color=COLORS.red if last else _CYCLE[number % 5],
            lw=2.2 if last else 1, alpha=1 if last else 0.55,
        )  # fmt: skip
    reach = 0.78 * sum(map(abs, coefficients.values()))
    left.set_xlim(-reach, reach)
    left.set_aspect("equal")
    left.spines[:].set_visible(False)
    left.set_xticks([])
    for ax in (left, right):
        ax.set_ylim(-reach, reach)
        ax.set_yticks([0])
        ax.axhline(0, color="#d9dee6", lw=1, zorder=0)
    right.plot(place, tip.imag, "o", color=COLORS.red, ms=7)
    line = {"color": COLORS.red, "ls": ":", "lw": 1.3}
    figure.add_artist(
        ConnectionPatch(
            (tip.real, tip.imag), (place, tip.imag), "data", "data", axesA=left, axesB=right, **line
        )
    )
    left.set_title(f"{len(coefficients)} arrows, end to end")
    right.set_title("height of each tip over one period")
    right.set_xlabel("time, in periods")
    return figure


def wave_matrix(matrix: np.ndarray) -> Figure:
    """Show the real and the imaginary part of a DFT matrix, (N, N), one wave per row."""
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 4.0), sharey=True)
    for ax, part, title in zip(
        axes, (matrix.real, matrix.imag), ("real part: cosines", "imaginary part: −sines"),
        strict=True,
    ):  # fmt: skip
        image = ax.imshow(part, cmap="RdBu", vmin=-1, vmax=1)
        ax.set_title(title)
        ax.set_xlabel("place n")
        ax.set_xticks(range(0, len(matrix), 4))
        ax.spines[:].set_visible(False)
    axes[0].set_yticks(range(0, len(matrix), 4))
    axes[0].set_ylabel("wave k")
    figure.colorbar(image, ax=axes, shrink=0.8, ticks=[-1, 0, 1], pad=0.02)
    return figure


def plane_waves(size: int, frequencies: Sequence[tuple[int, int]]) -> Figure:
    """Show points of the frequency plane on the left and their waves as pictures on the right.

    ``frequencies`` are six pairs: cycles per ``size`` pixels down and to the right.
    """
    figure = plt.figure(figsize=(7.6, 3.9))
    outer = figure.add_gridspec(1, 2, width_ratios=[1, 1.5])
    plane, grid = figure.add_subplot(outer[0]), outer[1].subgridspec(2, 3)
    rows, columns = np.mgrid[:size, :size] / size
    for number, (down, across) in enumerate(frequencies):
        letter, color = "abcdef"[number], (*_CYCLE, COLORS.gray)[number]
        plane.plot([across / size, -across / size], [down / size, -down / size], ":", color=color,
                   lw=1)  # fmt: skip
        plane.plot(across / size, down / size, "o", color=color, ms=9, clip_on=False)
        plane.plot(-across / size, -down / size, "o", color=color, ms=9, mfc="white", clip_on=False)
        plane.annotate(
            letter, (across / size, down / size), xytext=(8, 3 if across else -12),
            textcoords="offset points", fontweight="bold", color=color,
        )  # fmt: skip
        wave = 0.5 + 0.5 * np.cos(2 * np.pi * (down * rows + across * columns))
        ax = show_image(figure.add_subplot(grid[divmod(number, 3)]), wave)
        ax.set_title(f"{letter}: {down}, {across}".replace("-", "−"), color=color)
    plane.set_xlim(-0.5, 0.5)
    plane.set_ylim(0.5, -0.5)
    plane.set_aspect("equal")
    plane.set_xticks([-0.5, 0, 0.5])
    plane.set_yticks([-0.5, 0, 0.5])
    plane.grid()
    plane.set_xlabel("cycles per pixel, to the right")
    plane.set_ylabel("cycles per pixel, down")
    plane.set_title("frequency plane")
    return figure


def wave_by_wave(
    sums: Sequence[np.ndarray], kept: Sequence[np.ndarray], titles: Sequence[str]
) -> Figure:
    """Show partial sums of a photograph's waves above the frequencies used (centered masks)."""
    figure, axes = plt.subplots(2, len(sums), figsize=(7.6, 3.75), height_ratios=[1, 1])
    for column, (picture, mask, title) in enumerate(zip(sums, kept, titles, strict=True)):
        show_image(axes[0, column], picture)
        axes[0, column].set_title(title, fontsize=9.5)
        # A single point of 256 would vanish: show the middle of the plane, each point grown.
        grown = mask | np.roll(mask, 1, 0) | np.roll(mask, 1, 1) | np.roll(mask, (1, 1), (0, 1))
        show_image(axes[1, column], (grown if mask.sum() < 500 else mask).astype(float),
                   cmap="cividis")  # fmt: skip
    axes[1, 0].set_ylabel("waves used", fontsize=9)
    return figure


def eigenwave(
    matrices: Sequence[np.ndarray], waves: Sequence[np.ndarray], titles: Sequence[str]
) -> Figure:
    """Show matrices, and below each a wave before (gray) and after it (red)."""
    figure, axes = plt.subplots(
        2, len(matrices), figsize=(7.6, 5.0), height_ratios=[1.5, 1], squeeze=False
    )
    wave = waves[0]
    for column, (matrix, result, title) in enumerate(zip(matrices, waves[1:], titles, strict=True)):
        limit = np.abs(matrix).max()
        show_image(axes[0, column], matrix, title, cmap="RdBu", vmin=-limit, vmax=limit)
        ax = axes[1, column]
        ax.plot(wave, "o-", color=COLORS.gray, ms=4, lw=1, label="in")
        ax.plot(result, "o-", color=COLORS.red, ms=4, lw=1.4, label="out")
        ax.axhline(0, color="#d9dee6", lw=1, zorder=0)
        ax.set_xlabel("place")
        ax.set_ylim(-1.5, 1.5)
    axes[1, 0].legend(ncols=2, loc="upper right", fontsize=9)
    return figure


def framed_row(images: Sequence[np.ndarray], titles: Sequence[str], border: int) -> Figure:
    """Show images in frames, the last with its first ``border`` rows and columns marked."""
    figure, axes = plt.subplots(1, len(images), figsize=(7.6, 7.6 / len(images) + 0.4))
    for ax, image, title in zip(axes, images, titles, strict=True):
        show_image(ax, image, title)
        ax.spines[:].set_visible(True)
        ax.spines[:].set_color(COLORS.gray)
        ax.title.set_fontsize(10)
    height, width = images[-1].shape
    mark = {"fill": False, "edgecolor": COLORS.orange, "lw": 1.5, "ls": "--"}
    axes[-1].add_patch(Rectangle((border - 0.5, border - 0.5), width - border, height - border,
                                 **mark))  # fmt: skip
    return figure


def cost_ratios(kernel_sizes: np.ndarray, ratios: Mapping[str, np.ndarray]) -> Figure:
    """Plot how many times more multiplications the direct sum needs than the Fourier way."""
    figure, ax = plt.subplots(figsize=(7.6, 3.1))
    for label, values in ratios.items():
        ax.loglog(kernel_sizes, values, label=label)
    ax.axhline(1, color=COLORS.gray, ls=":")
    ax.axvline(3, color=COLORS.gray, ls=":")
    ax.text(3.08, ax.get_ylim()[0] * 1.3, "3 × 3", color=INK, fontsize=9)
    ax.set_xticks([1, 3, 7, 15, 31, 63], ["1", "3", "7", "15", "31", "63"])
    ax.minorticks_off()
    ax.set_xlabel("kernel size K")
    ax.set_ylabel("direct / Fourier")
    ax.grid(axis="y")
    ax.legend(fontsize=9)
    return figure


def gibbs(place: np.ndarray, sums: Mapping[str, np.ndarray], top: float) -> Figure:
    """Plot partial sums of a jump from 0 to 1, and magnified beside it the overshoot."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.0), width_ratios=[1.4, 1])
    for ax in (left, right):
        for label, values in sums.items():
            ax.plot(place, values, label=label, lw=1.6)
        ax.axhline(1, color=COLORS.gray, lw=1)
        ax.set_xlabel("distance from the jump, in periods")
    left.set_ylim(-0.18, 1.5)
    left.legend(fontsize=9, ncols=len(sums), loc="upper center")
    right.axhline(top, color=COLORS.gray, ls=":")
    right.text(0.118, top + 0.006, f"{top:.4f}", ha="right", fontsize=9)
    right.set_xlim(0, 0.12)
    right.set_ylim(0.85, 1.15)
    left.set_title("a jump, rebuilt from waves")
    right.set_title("the overshoot, magnified")
    return figure


def kernels_and_spectra(groups: Mapping[str, np.ndarray], size: int = 64) -> Figure:
    """Show kernels above their power spectra, one pair of rows per group of (C, K, K)."""
    count = len(next(iter(groups.values())))
    figure, axes = plt.subplots(2 * len(groups), count, figsize=(7.6, 1.98 * len(groups) + 0.1))
    for number, (name, kernels) in enumerate(groups.items()):
        limit = np.abs(kernels).max()
        for column, kernel in enumerate(kernels):
            top, bottom = axes[2 * number, column], axes[2 * number + 1, column]
            show_image(top, kernel, cmap="RdBu", vmin=-limit, vmax=limit)
            power = np.abs(np.fft.fftshift(np.fft.fft2(kernel, (size, size)))) ** 2
            show_image(bottom, power / power.max(), cmap="magma")
        _label(axes[2 * number, 0], name)
        _label(axes[2 * number + 1, 0], "spectra")
    return figure


def _label(ax: Axes, text: str) -> None:
    ax.set_ylabel(text, fontsize=8.5, color=INK)


def strips(measures: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw one dot per kernel: a panel per measure, dots per group, a bar at the mean."""
    figure, axes = plt.subplots(1, len(measures), figsize=(7.6, 2.9), squeeze=False)
    rng = np.random.default_rng(0)
    for ax, (title, groups) in zip(axes[0], measures.items(), strict=True):
        for place, (_, values) in enumerate(groups.items()):
            jitter = place + rng.uniform(-0.18, 0.18, len(values))
            ax.plot(jitter, values, "o", ms=4, alpha=0.6, color=_CYCLE[place])
            ax.plot([place - 0.3, place + 0.3], [np.mean(values)] * 2, color=INK, lw=2)
        ax.set_xticks(range(len(groups)), groups, fontsize=8)
        ax.set_title(title)
        ax.set_ylim(0, 1)
        ax.grid(axis="y")
    return figure
