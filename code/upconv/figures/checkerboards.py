"""Figures of checkerboards: phases of a kernel, layers in a row, gradients, and sub-pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from upconv.figures.replicas import spectrum
from upconv.figures.theme import COLORS, INK, ink_on, show_image

_PHASES = (COLORS.blue, COLORS.orange, COLORS.green, COLORS.purple)


def phase_sums(panels: Sequence[tuple[str, np.ndarray, int]], outputs: int = 12) -> Figure:
    """Show the taps of kernels by phase, and the answers to a constant 1.

    Parameters
    ----------
    panels
        One (title, kernel of shape (K,), stride) each.
    outputs
        Interior outputs to draw.
    """
    figure, axes = plt.subplots(
        len(panels), 2, figsize=(7.6, 1.75 * len(panels)), width_ratios=[1, 2.1]
    )
    for (left, right), (title, kernel, stride) in zip(axes, panels, strict=True):
        phase = np.arange(len(kernel)) % stride
        left.bar(range(len(kernel)), kernel, color=[_PHASES[p] for p in phase], width=0.82)
        left.set_title(title, fontsize=10, loc="left")
        left.set_xlim(-0.6, max(len(p[1]) for p in panels) - 0.4)
        sums = [kernel[p::stride].sum() for p in range(stride)]
        counts = [int(kernel[p::stride].size) for p in range(stride)]
        for at in range(outputs):
            value = sums[at % stride]
            right.bar(at, value, color=_PHASES[at % stride], width=0.82)
            right.text(
                at, max(value, 0) + 0.06 * max(sums), f"{counts[at % stride]}",
                ha="center", fontsize=9.5,
            )  # fmt: skip
        spread = max(sums) - min(sums)
        verdict = "even" if spread < 1e-9 else "checkerboard"
        right.set_title(
            f"sums {', '.join(f'{value:.2g}' for value in sums)}: {verdict}",
            fontsize=10, loc="left",
            color=COLORS.green if verdict == "even" else COLORS.red,
        )  # fmt: skip
        right.set_ylim(min(0, *sums), 1.3 * max(sums))
        for ax in (left, right):
            ax.axhline(0, color=COLORS.gray, lw=0.8)
            ax.set_xticks([])
    axes[-1, 0].set_xlabel("tap")
    axes[-1, 1].set_xlabel("output pixel; above it: how many products it receives")
    return figure


def layer_profiles(profiles: Mapping[str, Sequence[np.ndarray]]) -> Figure:
    """Show the answers to a constant after one, two and three layers, relative to their mean.

    Parameters
    ----------
    profiles
        Design → interiors of its answers, layer by layer, shape (N,) each, of mean 1.
    """
    depth = len(next(iter(profiles.values())))
    figure, axes = plt.subplots(
        depth, len(profiles), figsize=(7.6, 1.7 * depth + 0.4), sharey=True, sharex=True
    )
    for column, (name, layers) in enumerate(profiles.items()):
        for row, part in enumerate(layers):
            ax = axes[row, column]
            color = COLORS.green if np.ptp(part) < 1e-9 else COLORS.red
            ax.bar(range(len(part)), part, width=1.0, color=color, lw=0)
            ax.axhline(1, color=INK, lw=0.9)
            ax.set_title(f"spread {part.std():.2f}", fontsize=9.5, loc="right", fontweight="normal")
            if column == 0:
                ax.set_ylabel(f"{row + 1} layer{'s' if row else ''}", fontweight="bold")
            if row == 0:
                ax.set_title(name, fontsize=10, loc="left")
            if row == depth - 1:
                ax.set_xlabel("output pixel")
    axes[0, 0].set_yticks([0, 1, 2])
    return figure


def gradient_maps(gradients: Mapping[str, np.ndarray], factor: int, side: int = 24) -> Figure:
    """Show gradients with respect to an image, magnified, above their spectra.

    Parameters
    ----------
    gradients
        Network → its gradient, shape (N, N).
    factor
        Stride of one layer; its frequencies are marked.
    side
        Pixels of the magnified corner's rows and columns.
    """
    figure, axes = plt.subplots(2, len(gradients), figsize=(7.6, 4.25))
    for column, (name, values) in enumerate(gradients.items()):
        limit = np.quantile(np.abs(values), 0.99)
        middle = slice(len(values) // 2, len(values) // 2 + side)
        ax = axes[0, column]
        ax.imshow(values[middle, middle], cmap="PuOr", vmin=-limit, vmax=limit)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
        ax.set_title(name, fontsize=10)
        spectrum(axes[1, column], values, factor, labels=column == 0, frame=False)
    return figure


def interleaving(channels: np.ndarray, result: np.ndarray, factor: int) -> Figure:
    """Show S² small maps and the map that pixel shuffle makes of them.

    Parameters
    ----------
    channels
        Shape (S², H, W).
    result
        Shape (S H, S W).
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.5))
    _, height, width = channels.shape
    gap = 0.8
    for index, values in enumerate(channels):
        row, column = divmod(index, factor)
        top, start = row * (height + gap), column * (width + gap)
        _tiles(left, values, top, start, lambda r, c, index=index: index)
    _tiles(right, result, 0, 0, lambda r, c: r % factor * factor + c % factor)
    span = factor * (height + gap) - gap
    for ax, size, name in (
        (left, span, f"{factor**2} channels: one per phase"),
        (right, len(result), "1 channel, interleaved"),
    ):
        ax.set_xlim(-0.6, size - 0.4)
        ax.set_ylim(size - 0.4, -0.6)
        ax.set_aspect("equal")
        ax.axis("off")
        ax.set_title(name, fontsize=10.5)
    return figure


def _tiles(ax: Axes, values: np.ndarray, top: float, left: float, phase) -> None:  # type: ignore[no-untyped-def]
    for (row, column), value in np.ndenumerate(values):
        color = _PHASES[phase(row, column) % len(_PHASES)]
        y, x = top + row, left + column
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fc=color, ec="white", lw=1.5))
        ax.text(x, y, f"{value:g}", ha="center", va="center", fontsize=11, color=ink_on(color))


def picture_grid(
    pictures: Sequence[np.ndarray], titles: Sequence[str], columns: int = 3, title_lines: int = 1
) -> Figure:
    """Show square pictures in rows, each under its title; brightness is clipped to [0, 1]."""
    rows = -(-len(pictures) // columns)
    side = 7.6 / columns
    figure, axes = plt.subplots(
        rows, columns, figsize=(7.6, rows * (side + 0.2 * title_lines)), squeeze=False
    )
    for ax in axes.flat[len(pictures) :]:
        ax.axis("off")
    for ax, picture, title in zip(axes.flat, pictures, titles, strict=False):
        show_image(ax, np.clip(picture, 0, 1), title)
    return figure


def composed_kernels(kernels: Mapping[str, np.ndarray]) -> Figure:
    """Show kernels of one axis on a common scale of output pixels, centered.

    Parameters
    ----------
    kernels
        Name → weights, shape (K,).
    """
    figure, ax = plt.subplots(figsize=(7.6, 2.9))
    markers = ("o", "s", "^")
    for (name, weights), marker, color in zip(
        kernels.items(), markers, (COLORS.blue, COLORS.red, COLORS.green), strict=False
    ):
        at = np.arange(len(weights)) - (len(weights) - 1) / 2
        ax.plot(at, weights, marker=marker, ms=5, lw=1.4, color=color, label=name)
    ax.axhline(0, color=COLORS.gray, lw=0.8)
    ax.set_xlabel("position around the input pixel, in output pixels")
    ax.set_ylabel("weight")
    ax.legend(loc="upper right", fontsize=9.5)
    return figure
