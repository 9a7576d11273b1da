"""Figures of resampling: the source of each new pixel, and how values are mixed."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from upconv.figures.theme import COLORS, INK, number_grid, show_image

_INPUT_COLORS = (COLORS.blue, COLORS.orange, COLORS.green, COLORS.purple)
_SMALL = 8.5


def coordinate_conventions(
    panels: Sequence[tuple[str, int, float, np.ndarray]], columns: int = 2
) -> Figure:
    """Show input and output pixels, with each output pointing at the position it reads.

    Parameters
    ----------
    panels
        One (title, number of inputs, width of an output pixel, source coordinates of the
        outputs) per panel, row by row. Coordinates are in input pixels, whose centers are
        0, 1, …; an output has the color of its nearest input, or both colors in a tie.
    columns
        Panels per row.
    """
    rows = len(panels) // columns
    figure, axes = plt.subplots(rows, columns, figsize=(7.6, 1.75 * rows), squeeze=False)
    for ax, (title, inputs, step, sources) in zip(axes.flat, panels, strict=True):
        for k in range(inputs):
            _pixel(ax, k, 0.0, 1.0, [_INPUT_COLORS[k]], str(k), bold=True)
        for i, u in enumerate(sources):
            low = int(np.clip(np.ceil(u - 0.5), 0, inputs - 1))
            high = int(np.clip(np.floor(u + 0.5), 0, inputs - 1))
            _pixel(ax, u, 1.35, step, [_INPUT_COLORS[low], _INPUT_COLORS[high]], str(i))
            ax.annotate(
                "",
                xy=(u, 0.36),
                xytext=(u, 0.93),
                arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1, "shrinkA": 0, "shrinkB": 0},
            )
            ax.text(u, 1.83, f"{u:.2f}".rstrip("0").rstrip("."), ha="center", fontsize=_SMALL)
        ax.set_title(title, fontsize=9.5, loc="left", pad=3)
        margin = 0.78
        ax.set_xlim(-margin - (0.35 if inputs < 3 else 0), inputs - 1 + margin)
        ax.set_ylim(-0.45, 2.15)
        ax.set_yticks([])
        ax.set_xticks([])
        ax.spines[:].set_visible(False)
    for ax in axes[:, 0]:
        for height, name in ((1.83, "reads at"), (1.35, "output"), (0.0, "input")):
            ax.text(
                -0.02, height, name, ha="right", va="center", fontsize=_SMALL, color="#4c5866",
                transform=ax.get_yaxis_transform(),
            )  # fmt: skip
    return figure


def _pixel(
    ax: Axes,
    center: float,
    y: float,
    width: float,
    colors: Sequence[str],
    text: str,
    bold: bool = False,
) -> None:
    """Draw a pixel as a box; two colors split it left and right."""
    height, gap = 0.72, 0.03
    part = (width - 2 * gap) / len(colors)
    for j, color in enumerate(colors):
        left = center - width / 2 + gap + j * part
        ax.add_patch(Rectangle((left, y - height / 2), part, height, fc=color, ec="none"))
    ax.text(
        center, y, text, ha="center", va="center", fontsize=10,
        color="white" if COLORS.orange not in colors else INK,
        fontweight="bold" if bold else "normal",
    )  # fmt: skip


def forward_against_inverse(
    forward: Sequence[np.ndarray], inverse: Sequence[np.ndarray], titles: Sequence[str]
) -> Figure:
    """Show pushed pixels with holes (NaN) beside pulled pixels, in one row.

    Parameters
    ----------
    forward, inverse
        RGB images, (H, W, 3); NaN in ``forward`` marks pixels that were never written.
    titles
        One per image, first those of ``forward``.
    """
    whole = [np.where(np.isnan(image), 0.0, image) for image in (*forward, *inverse)]
    figure, axes = plt.subplots(1, len(whole), figsize=(7.6, 7.6 / len(whole) + 0.35))
    for ax, image, title in zip(axes, whole, titles, strict=True):
        show_image(ax, image, title)
    return figure


def sum_of_tents(values: np.ndarray, factor: int) -> Figure:
    """Show linear interpolation as a sum of tents, and the contributions to one output pixel.

    Parameters
    ----------
    values
        Samples, shape (N,), at 0, 1, …, N − 1.
    factor
        New samples per original sample, at half-pixel centers.
    """
    count = len(values)
    figure, ax = plt.subplots(figsize=(7.6, 3.1))
    t = np.linspace(-1, count, 600)
    palette = [COLORS.blue, COLORS.orange, COLORS.green, COLORS.purple, COLORS.sky]
    for k, value in enumerate(values):
        color = palette[k % len(palette)]
        tent = value * np.clip(1 - np.abs(t - k), 0, None)
        ax.fill_between(t, tent, color=color, alpha=0.22, lw=0)
        ax.plot(t, tent, color=color, lw=1.2)
        ax.plot(k, value, "o", color=color, ms=9, zorder=4)
    inside = (t >= 0) & (t <= count - 1)
    ax.plot(t[inside], np.interp(t[inside], range(count), values), color=INK, lw=2.2)
    outputs = (np.arange(factor * count) + 0.5) / factor - 0.5
    ax.plot(
        outputs, np.interp(outputs, range(count), values), "D", color="white", mec=INK, mew=1.4,
        ms=5.5, zorder=5, label=f"the {factor * count} outputs of ×{factor}",
    )  # fmt: skip
    middle = (values[0] + values[1]) / 2
    ax.annotate(
        f"midpoint: ({values[0]:g} + {values[1]:g})/2 = {middle:g}",
        xy=(0.5, middle), xytext=(0.02, middle + 1.75), fontsize=10,
        arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1},
    )  # fmt: skip
    u = outputs[2 * factor - factor // 2]
    low = int(np.floor(u))
    share = u - low
    at = np.interp(u, range(count), values)
    ax.plot([u, u], [0, at], color=COLORS.red, lw=1.2, ls=(0, (3, 2)))
    for k, weight, offset in ((low, 1 - share, 0.06), (low + 1, share, 0.06)):
        height = values[k] * weight
        ax.plot(u, height, "_", color=COLORS.red, ms=11, mew=2)
        ax.text(
            u + offset, height + 0.05, f"{weight:g} · {values[k]:g}", fontsize=9,
            color=COLORS.red, va="bottom",
            bbox={"fc": "white", "ec": "none", "alpha": 0.75, "pad": 0.8},
        )  # fmt: skip
    ax.set_xlabel("position, in input pixels")
    ax.set_ylabel("value")
    ax.set_xlim(-1.05, count + 0.05)
    ax.set_ylim(0, max(values) * 1.14)
    ax.set_xticks(range(count))
    ax.legend(loc="upper right")
    return figure


def tent_kernel_and_rim(
    kernel: np.ndarray, upsampled: np.ndarray, difference: np.ndarray, weight_sum: np.ndarray
) -> Figure:
    """Show FCN's kernel, its effect on a photograph, and its difference from interpolation.

    Parameters
    ----------
    kernel
        Shape (K, K).
    upsampled, difference
        Shape (H, W): the transposed convolution's result, and that minus the interpolation.
    weight_sum
        Shape (H,): sum of the weights that contribute to each output, along one axis.
    """
    figure = plt.figure(figsize=(7.6, 4.9))
    grid = figure.add_gridspec(2, 3, height_ratios=[1.75, 1], width_ratios=[1, 1.15, 1.15])
    number_grid(
        figure.add_subplot(grid[0, 0]), kernel * 16, "kernel × 16", cmap="Oranges", fontsize=12
    )
    side = 26
    show_image(
        figure.add_subplot(grid[0, 1]), upsampled[:side, :side], "top-left corner:\ndarkened border"
    )
    ax = figure.add_subplot(grid[0, 2])
    limit = np.abs(difference).max()
    image = ax.imshow(difference[:side, :side], cmap="PuOr", vmin=-limit, vmax=limit)
    ax.set_title("minus interpolation:\nonly the border differs")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    figure.colorbar(image, ax=ax, fraction=0.046, pad=0.03)
    ax = figure.add_subplot(grid[1, :])
    count = len(weight_sum)
    inside = np.isclose(weight_sum, 1)
    ax.bar(range(count), weight_sum, color=np.where(inside, COLORS.gray, COLORS.red), width=0.8)
    ax.axhline(1, color=INK, lw=1)
    for i in (0, count - 1):
        ax.text(i, weight_sum[i] + 0.05, f"{weight_sum[i]:g}", ha="center", fontsize=10)
    ax.set_ylim(0, 1.25)
    ax.set_yticks([0, 0.5, 1])
    ax.set_xlim(-0.8, count - 0.2)
    ax.set_xlabel("output position along one axis")
    ax.set_title("sum of the weights that reach an output", fontsize=10)
    return figure
