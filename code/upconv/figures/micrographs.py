"""Figures of U-Net's experiments: scores against labels and depth, differences with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from upconv.figures.theme import COLORS
from upconv.statistics import interval

_TONES = (COLORS.blue, COLORS.orange, COLORS.green, COLORS.purple, COLORS.sky, COLORS.red)


def curves(
    panels: Mapping[str, Mapping[str, Mapping[int, Sequence[float]]]],
    labels: tuple[str, str],
    limits: Mapping[str, float] | None = None,
    logarithmic: bool = True,
) -> Figure:
    """Plot means over seeds with 95 % intervals against a number, one panel beside the other.

    Parameters
    ----------
    panels
        Title → name of a curve → number → one value for each seed. A name that contains a comma
        is drawn with a dashed line.
    labels
        What the number is, and what the value is.
    limits
        Name → a value that needs no network, as a horizontal line.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(7.6, 3.2), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, (title, lines) in zip(axes[0], panels.items(), strict=True):
        tones: dict[str, str] = {}
        for name, values in lines.items():
            stem = name.partition(",")[0]
            tone = tones.setdefault(stem, _TONES[len(tones) % len(_TONES)])
            _line(ax, name, values, tone, "--" if "," in name else "-")
        for number, (name, value) in enumerate((limits or {}).items()):
            ax.axhline(value, color=COLORS.gray, lw=1.2, ls=(":", "-.")[number % 2], label=name)
        numbers = sorted({number for values in lines.values() for number in values})
        if logarithmic:
            ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(numbers))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticks(numbers, labels=[f"{number}" for number in numbers])
        ax.set_xlabel(labels[0])
        ax.set_title(title)
        ax.grid(axis="y")
        ax.legend(fontsize=8)
    axes[0, 0].set_ylabel(labels[1])
    return figure


def _line(
    ax: Axes, name: str, values: Mapping[int, Sequence[float]], color: str, style: str
) -> None:
    numbers = sorted(values)
    found = [interval(values[n]) if len(values[n]) > 1 else (values[n][0], 0) for n in numbers]
    means, halves = np.array(found).T
    ax.plot(numbers, means, "o" + style, color=color, ms=4.5, label=name)
    ax.fill_between(numbers, means - halves, means + halves, color=color, alpha=0.15, lw=0)


def differences(
    rows: Mapping[str, tuple[float, float]], label: str, groups: Sequence[str] = ()
) -> Figure:
    """Plot differences from a reference with their intervals, one row each.

    Parameters
    ----------
    rows
        Name → difference, and half the width of its interval.
    groups
        Colors rows by which of these their name contains.
    """
    figure, ax = plt.subplots(figsize=(7.6, 0.8 + 0.33 * len(rows)), layout="constrained")
    for place, (name, (difference, half)) in enumerate(rows.items()):
        group = next((k for k, one in enumerate(groups) if one in name), 0)
        ax.errorbar(
            difference,
            place,
            xerr=half,
            fmt="o",
            ms=5,
            capsize=3,
            color=_TONES[group % len(_TONES)],
        )
    ax.axvline(0, color=COLORS.gray, lw=1.2)
    ax.set_yticks(range(len(rows)), labels=list(rows))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel(label)
    ax.grid(axis="x")
    return figure
