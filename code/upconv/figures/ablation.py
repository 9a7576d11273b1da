"""Figures of an ablation: losses, runs between floor and ceiling, pairs, and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from upconv.figures.theme import COLORS, INK
from upconv.statistics import interval


def losses(panels: Mapping[str, Mapping[str, Sequence[float]]], steps: int) -> Figure:
    """Draw loss curves, one panel for each title, on one logarithmic scale.

    Parameters
    ----------
    panels
        Title → name → mean losses of equal parts of the training.
    steps
        Of the whole training.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7.6, 3.1), sharey=True, squeeze=False)
    for ax, (title, curves) in zip(axes[0], panels.items(), strict=True):
        for name, values in curves.items():
            middle = (np.arange(len(values)) + 0.5) * steps / len(values)
            ax.plot(middle, values, label=name)
        ax.set_title(title)
        ax.set_xlabel("step")
        ax.set_yscale("log")
        for formatted in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
            formatted(FuncFormatter(_legible))
        ax.grid(axis="y", which="both")
        ax.legend(fontsize=8, ncols=2 if len(curves) > 4 else 1)
    axes[0, 0].set_ylabel("cross-entropy")
    return figure


def _legible(value: float, _: int) -> str:
    """A few of the marks of a logarithmic axis."""
    return f"{value:g}" if f"{value:.0e}"[0] in "125" else ""


def standing(
    runs: Mapping[str, Sequence[float]],
    lines: Mapping[str, float],
    label: str,
    whole: Mapping[str, tuple[float, float]],
    colors: Mapping[str, str] | None = None,
) -> Figure:
    """Plot every run as a dot, its mean, two intervals, and what no network says as lines.

    Parameters
    ----------
    runs
        Name → one value per seed.
    lines
        Floors and ceilings: name → value.
    whole
        Name → ends of the wider interval, for which the test images are drawn anew too.
    colors
        Name → color, instead of blue.
    """
    colors = colors or {}
    figure, ax = plt.subplots(figsize=(7.6, 0.42 * len(runs) + 1.3))
    for place, (name, values) in enumerate(runs.items()):
        color = colors.get(name, COLORS.blue)
        mean, half = interval(values)
        ax.plot(whole[name], [place, place], color=color, lw=1.2)
        for end in whole[name]:
            ax.plot([end, end], [place - 0.14, place + 0.14], color=color, lw=1.2)
        ax.plot([mean - half, mean + half], [place, place], color=color, lw=7, alpha=0.35,
                solid_capstyle="butt")  # fmt: skip
        ax.plot([mean, mean], [place - 0.28, place + 0.28], color=color, lw=2.5)
        ax.plot(values, [place] * len(values), "o", ms=3.5, mfc="white", mec=color, mew=1)
        ax.text(mean, place - 0.3, f"{mean:.3f}", color=INK, fontsize=8, va="bottom", ha="center")
    for place, (name, value) in enumerate(lines.items()):
        ax.axvline(value, color=COLORS.gray, lw=1, ls="--", zorder=0)
        ax.text(value, -0.95 - 0.4 * (place % 2), name, fontsize=8, color=INK, ha="center",
                va="bottom")  # fmt: skip
    ax.set_yticks(range(len(runs)), list(runs))
    ax.set_ylim(len(runs) - 0.5, -0.9)
    ax.set_xlabel(label)
    ax.grid(axis="x")
    return figure


def pairs(panels: Mapping[str, tuple[Mapping[str, Sequence[float]], str]]) -> Figure:
    """Join what belongs together: one panel for each title, two columns of dots, a line a pair.

    Parameters
    ----------
    panels
        Title → (name → values in the order of the pairs, twice; label of the axis).
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7.6, 3.0), squeeze=False)
    for ax, (title, (columns, label)) in zip(axes[0], panels.items(), strict=True):
        first, second = (np.asarray(values) for values in columns.values())
        for one, other in zip(first, second, strict=True):
            color = COLORS.blue if other >= one else COLORS.red
            ax.plot([0, 1], [one, other], "o-", color=color, ms=5, mfc="white", lw=1.4)
        ax.set_xticks([0, 1], list(columns))
        ax.set_xlim(-0.35, 1.35)
        ax.set_ylabel(label)
        ax.set_title(title)
        ax.grid(axis="y")
    return figure


def decoder_maps(rows: Mapping[str, Mapping[str, np.ndarray]], count: int = 5) -> Figure:
    """Show maps of several networks side by side; in a row, all maps of a network have one scale.

    Parameters
    ----------
    rows
        Layer → network → its maps, (C, h, w); the ``count`` that vary most are shown.
    """
    networks = list(next(iter(rows.values())))
    figure, axes = plt.subplots(
        len(rows), count * len(networks), figsize=(7.6, 0.66 * len(rows) + 0.4), squeeze=False
    )
    for line, (layer, found) in zip(axes, rows.items(), strict=True):
        for start, maps in zip(range(0, count * len(networks), count), found.values(), strict=True):
            most = float(np.abs(maps).max()) or 1.0
            order = np.argsort(maps.std((1, 2)))[::-1]
            for ax, place in zip(line[start : start + count], order, strict=False):
                ax.imshow(maps[place], cmap="viridis", vmin=min(0.0, maps.min()), vmax=most)
            for ax in line[start : start + count]:
                ax.set_xticks([])
                ax.set_yticks([])
                ax.spines[:].set_visible(False)
        shape = " × ".join(map(str, next(iter(found.values())).shape))
        line[0].set_ylabel(f"{layer}\n{shape}", rotation=0, ha="right", va="center", fontsize=8)
    for start, name in enumerate(networks):
        axes[0, start * count + count // 2].set_title(name, fontsize=10)
    return figure


def gains(bars: Mapping[str, Sequence[float]], label: str) -> Figure:
    """Plot differences from pair to pair as dots, with their mean and its interval, around zero."""
    figure, ax = plt.subplots(figsize=(7.6, 0.45 * len(bars) + 0.9))
    ax.axvline(0, color=INK, lw=1)
    for place, (_name, values) in enumerate(bars.items()):
        mean, half = interval(values)
        ax.plot([mean - half, mean + half], [place, place], color=COLORS.blue, lw=7, alpha=0.35,
                solid_capstyle="butt")  # fmt: skip
        ax.plot([mean, mean], [place - 0.28, place + 0.28], color=COLORS.blue, lw=2.5)
        ax.plot(values, [place] * len(values), "o", ms=4, mfc="white", mec=COLORS.blue, mew=1.1)
    ax.set_yticks(range(len(bars)), list(bars))
    ax.invert_yaxis()
    ax.xaxis.set_major_locator(MaxNLocator(7))
    ax.set_xlabel(label)
    ax.grid(axis="x")
    return figure
