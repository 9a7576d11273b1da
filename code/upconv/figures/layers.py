"""Figures of convolutional layers: worked sums, learned kernels, costs, receptive fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from upconv.figures.theme import COLORS, INK, number_grid, show_image

# Red, white, blue, with white where ``number_grid`` puts the middle of its range.
_PLACES = np.clip((np.linspace(0, 1, 256) - 0.08) / 0.72, 0, 1)
SIGNED = ListedColormap(mpl.colormaps["RdBu"](0.5 + 0.72 * (_PLACES - 0.5)))


def worked_sum(patch: np.ndarray, kernel: np.ndarray, output: np.ndarray) -> Figure:
    """Write out one position of a sliding window: patch, kernel, products, output.

    Negative numbers are red, positive ones blue.

    Parameters
    ----------
    patch : (5, 5)
        The window is its center.
    kernel : (3, 3)
    output : (3, 3)
        All positions of the window.
    """
    figure, axes = plt.subplots(1, 4, figsize=(7.6, 2.55), width_ratios=[5, 3.2, 3.2, 3.2])
    products = patch[1:4, 1:4] * kernel
    grids = {"input": patch, "kernel": kernel, "products": products, "output": output}
    for ax, (title, values) in zip(axes, grids.items(), strict=True):
        fmt = "{:g}" if title == "input" else "{:+g}"
        marked = [(1, 1)] if title == "output" else []
        limit = 1.6 * patch.max() if title == "input" else 12
        colors = {"cmap": SIGNED, "highlight_color": COLORS.orange, "vmin": -limit, "vmax": limit}
        number_grid(ax, values, title, fmt, highlight=marked, fontsize=12, **colors)
    window = Rectangle((0.5, 0.5), 3, 3, fill=False, edgecolor=COLORS.orange, lw=3, zorder=3)
    axes[0].add_patch(window)
    axes[0].set_xlabel(f"a window of {kernel.size} numbers")
    axes[2].set_xlabel(f"sum = {products.sum():g}", fontweight="bold")
    axes[3].set_xlabel("the sum goes here")
    for ax, sign in zip(axes[1:], ("×", "=", "→"), strict=True):
        ax.text(-0.14, 0.5, sign, transform=ax.transAxes, ha="center", va="center", fontsize=17)
    return figure


def answers(pictures: Mapping[str, np.ndarray], responses: Mapping[str, np.ndarray]) -> Figure:
    """Show pictures, and below each the middle row of a kernel's response, all on one scale.

    Parameters
    ----------
    pictures
        Title → (H, W), from 0 to 1.
    responses
        The same titles → (H, W).
    """
    figure, axes = plt.subplots(2, len(pictures), figsize=(7.6, 3.6), height_ratios=[1.5, 1])
    limit = 1.15 * max(np.abs(response).max() for response in responses.values())
    for column, (title, picture) in enumerate(pictures.items()):
        show_image(axes[0, column], picture, title)
        axes[0, column].axhline(picture.shape[0] // 2, color=COLORS.orange, lw=1.5)
        ax, row = axes[1, column], responses[title][picture.shape[0] // 2]
        ax.axhline(0, color=COLORS.gray, lw=1)
        ax.plot(row, color=COLORS.blue, drawstyle="steps-mid")
        ax.set(ylim=(-limit, limit), xlim=(-0.5, len(row) - 0.5), xticks=[])
        if column:
            ax.set_yticklabels([])
    axes[1, 0].set_ylabel("response")
    return figure


def learned_kernels(
    hidden: Mapping[str, np.ndarray], learned: Mapping[str, Mapping[int, np.ndarray]]
) -> Figure:
    """Show hidden kernels, one a row, and what descent has found of them after some steps.

    Parameters
    ----------
    hidden
        Name → kernel, shape (3, 3).
    learned
        The same names → step → kernel.
    """
    columns = 1 + len(next(iter(learned.values())))
    height = 7.6 / columns + 0.3
    figure, axes = plt.subplots(len(hidden), columns, figsize=(7.6, len(hidden) * height))
    for row, (name, kernel) in zip(axes, hidden.items(), strict=True):
        panels = {name: kernel} | {f"step {at}": one for at, one in learned[name].items()}
        for ax, (title, values) in zip(row, panels.items(), strict=True):
            number_grid(ax, values, title, "{:.1f}", SIGNED, fontsize=12, vmin=-9, vmax=9)
    return figure


def valleys(
    curvatures: Mapping[str, tuple[float, float]], losses: Mapping[str, Sequence[float]]
) -> Figure:
    """Show bowls with the paths of gradient descent, and the losses along the way.

    Parameters
    ----------
    curvatures
        Name → the smallest and the largest eigenvalue of the loss's second derivative. The first
        and the last bowl are drawn, in the plane of these two directions.
    losses
        The same names → loss at each step.
    """
    figure, axes = plt.subplots(1, 3, figsize=(7.6, 2.9), width_ratios=[1, 1, 1.5])
    names = list(curvatures)
    along, across = np.meshgrid(np.linspace(-1.2, 1.2, 121), np.linspace(-1.2, 1.2, 121))
    for ax, name in zip(axes[:2], (names[0], names[-1]), strict=True):
        low, high = np.array(curvatures[name]) / curvatures[name][1]
        bowl = low * along**2 + high * across**2
        levels = np.linspace(0, bowl.max(), 12)
        ax.contourf(along, across, bowl, levels=levels, cmap="Blues_r", alpha=0.75)
        start, steps = np.array([1.0, 0.9]), np.arange(30)[:, None]
        path = start * (1 - 0.8 * np.array([low, high])) ** steps  # 0.8 of 1 / high
        ax.plot(path[:, 0], path[:, 1], "o-", color=COLORS.red, ms=4, lw=1.5)
        ax.plot(0, 0, "*", color=COLORS.yellow, ms=14, markeredgecolor=INK)
        ax.set(xticks=[], yticks=[], title=name, aspect="equal")
        ax.set_xlabel("flattest direction")
    axes[0].set_ylabel("steepest direction")
    for (name, curve), style in zip(losses.items(), ("-", "--", ":"), strict=True):
        axes[2].semilogy(np.array(curve) / curve[0], style, label=name)
    axes[2].set(ylim=(1e-10, 3), xlabel="step", title="loss, relative to the start")
    axes[2].grid(axis="y")
    axes[2].legend(loc="center right", bbox_to_anchor=(1, 0.62))
    return figure


def layer_costs(names: Sequence[str], shares: Mapping[str, Sequence[float]]) -> Figure:
    """Draw each layer's share of several totals as bars side by side."""
    figure, ax = plt.subplots(figsize=(7.6, 3.0))
    width = 0.8 / len(shares)
    for place, (label, values) in enumerate(shares.items()):
        at = np.arange(len(names)) + (place - (len(shares) - 1) / 2) * width
        bars = ax.bar(at, 100 * np.asarray(values), width, label=label)
        ax.bar_label(bars, fmt=lambda value: f"{value:.0f}" if value >= 0.5 else "", fontsize=10)
    ax.set_xticks(np.arange(len(names)), names)
    ax.set_ylabel("share in %")
    ax.legend(loc="upper left")
    return figure


def effective_widths(depths: Sequence[int], measured: Sequence[float]) -> Figure:
    """Plot the width of effective receptive fields of 3 × 3 layers against depth.

    Parameters
    ----------
    measured
        Standard deviation along one axis, in pixels, at each depth.
    """
    figure, ax = plt.subplots(figsize=(7.6, 3.1))
    line = np.array([min(depths), max(depths)])
    even = (2 * line + 1) / np.sqrt(12)
    ax.loglog(
        line, even, "--", color=COLORS.gray, label="theoretical field, if it were used evenly"
    )
    ax.loglog(line, np.sqrt(2 * line / 3), color=COLORS.blue, label=r"random walk, $\sqrt{2d/3}$")
    ax.loglog(depths, measured, "o", color=COLORS.red, ms=8, label="measured")
    ax.set_xticks(depths, [str(depth) for depth in depths])
    ax.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    ax.minorticks_off()
    ax.set(xlabel="depth d (layers of 3 × 3, stride 1)", ylabel="standard deviation\nin pixels")
    ax.grid()
    ax.legend()
    return figure


def what_and_where(
    windows: Sequence[int],
    accuracies: Sequence[float],
    jumps: Sequence[int],
    errors: Mapping[str, Sequence[float]],
) -> Figure:
    """Plot what a window tells of a digit's class, and what pooled maps tell of a spot's place."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.3))
    left.plot(windows, 100 * np.asarray(accuracies), "o-", color=COLORS.green)
    left.set(ylim=(0, 100), xlabel="side of the window, in pixels of 8")
    left.set_title("what: digits recognized, %")
    for (label, values), style in zip(errors.items(), ("s-", "o-"), strict=True):
        right.loglog(jumps, values, style, label=label)
    right.set_xticks(jumps, [str(jump) for jump in jumps])
    right.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
    right.minorticks_off()
    right.set_xlabel("jump after pooling, in pixels")
    right.set_title("where: error in pixels")
    right.legend(loc="upper left")
    for ax in (left, right):
        ax.grid()
    return figure
