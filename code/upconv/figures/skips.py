"""Figures of what skips carry: streams, fixed pictures, probes, distances, gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from upconv.data import colorize
from upconv.figures.theme import COLORS, INK, show_image
from upconv.statistics import interval

STREAM_COLORS = {"p5": COLORS.red, "p4": COLORS.orange, "p3": COLORS.blue}


def streams(
    scores: Mapping[str, np.ndarray],
    enlarged: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    colors: Sequence[tuple[int, int, int]],
    scene: tuple[np.ndarray, np.ndarray],
) -> Figure:
    """Show an addition of streams: their scores of one class, these enlarged, and the class maps.

    All scores share one scale, symmetric around 0, and so do all enlargements.

    Parameters
    ----------
    scores
        Stream → (h, w), one class.
    enlarged
        Stream → (H, W), one class; the last one is the sum.
    labels
        Stream → (H, W), class numbers; the last one is the sum's.
    scene
        The image and its mask, shown on the right.
    """
    figure, axes = plt.subplots(3, 5, figsize=(7.6, 5.0))
    rows = (scores, enlarged)
    for line, maps in zip(axes, rows, strict=False):
        limit = max(float(np.abs(values).max()) for values in maps.values())
        scale: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        for ax, values in zip(line, maps.values(), strict=False):
            show_image(ax, values, **scale)
        bar = figure.colorbar(line[0].images[0], ax=line[4], location="left", fraction=0.3)
        bar.ax.tick_params(labelsize=8)
    for ax, values in zip(axes[2], labels.values(), strict=False):
        show_image(ax, colorize(values, colors))
    show_image(axes[1][4], scene[0])
    show_image(axes[2][4], colorize(scene[1], colors))
    for line, name in zip(axes, ("scores of\none class", "enlarged", "class map"), strict=True):
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    for ax, title in zip((*axes[0][:3], axes[1][3]), enlarged, strict=True):
        ax.set_title(title, fontsize=10)
    for ax, sign in zip(axes[1], ("+", "+", "="), strict=False):
        ax.text(1.1, 0.5, sign, transform=ax.transAxes, ha="center", va="center", fontsize=13)
    for ax, text in ((axes[1][4], "scene"), (axes[2][4], "truth")):
        ax.set_xlabel(text, fontsize=9)
    for ax in (axes[0][3], axes[0][4]):
        ax.set_axis_off()
    _key(
        figure,
        [f"{digit}" for digit in range(10)],
        [tuple(np.divide(color, 255)) for color in colors[1:11]],
    )
    return figure


def _key(figure: Figure, names: Sequence[str], colors: Sequence[Any], title: str = "") -> None:
    patches = [
        Patch(fc=color, ec=COLORS.gray, label=name)
        for name, color in zip(names, colors, strict=True)
    ]
    figure.legend(
        handles=patches, loc="outside lower center", ncols=len(patches), fontsize=9,
        handlelength=0.9, handletextpad=0.4, columnspacing=1.0, title=title or None,
        title_fontsize=9,
    )  # fmt: skip


def combinations(runs: Mapping[tuple[bool, ...], Sequence[float]], names: Sequence[str]) -> Figure:
    """Plot the score of each combination of streams: a column of dots says which are on.

    Parameters
    ----------
    runs
        Which streams are on → one value per seed.
    names
        Of the streams, from the top row of dots down.
    """
    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(7.6, 4.3), sharex=True, height_ratios=(3, 1)
    )
    for place, (on, values) in enumerate(runs.items()):
        mean = float(np.mean(values))
        upper.bar(place, mean, width=0.62, color=COLORS.sky if sum(on) < len(on) else COLORS.green)
        upper.plot([place] * len(values), values, "o", ms=4, mfc="white", mec=INK, mew=1)
        upper.text(place, max(values) + 0.012, f"{mean:.2f}", ha="center", va="bottom", fontsize=9)
        for row, (name, chosen) in enumerate(zip(names, on, strict=True)):
            color = STREAM_COLORS.get(name, INK) if chosen else "#e4e8ee"
            lower.plot(place, row, "o", ms=11, color=color)
    upper.set_ylabel("mean IoU")
    upper.set_ylim(0, 1.12 * max(max(values) for values in runs.values()))
    upper.grid(axis="y")
    lower.set_yticks(range(len(names)), list(names))
    lower.set_ylim(len(names) - 0.4, -0.6)
    lower.set_xticks([])
    lower.tick_params(length=0)
    lower.spines[:].set_visible(False)
    return figure


def fixed_pictures(pictures: Mapping[str, np.ndarray]) -> Figure:
    """Show what single scores draw, each scaled by itself.

    Parameters
    ----------
    pictures
        Title → (H, W).
    """
    figure, axes = plt.subplots(1, len(pictures), figsize=(7.6, 7.6 / len(pictures) + 0.45))
    for ax, (title, values) in zip(np.ravel(axes), pictures.items(), strict=True):
        limit = float(np.abs(values).max())
        show_image(ax, values, cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.set_title(title, fontsize=9)
        ax.spines[:].set_visible(True)
    return figure


def probes(
    panels: Mapping[str, Mapping[str, np.ndarray]],
    ticks: Sequence[str],
    chance: Mapping[str, float],
) -> Figure:
    """Plot what probes read over the maps of a network, one panel per question.

    Parameters
    ----------
    panels
        Question → encoder → (seeds, maps). Bands are 95 % intervals of the mean.
    chance
        Question → score of an answer that has not looked.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7.6, 3.5))
    for ax, (question, curves) in zip(axes, panels.items(), strict=True):
        for name, values in curves.items():
            _band(ax, range(values.shape[1]), values, name)
        ax.axhline(chance[question], color=COLORS.gray, lw=1.2, ls=(0, (4, 2)))
        ax.set_ylim(bottom=chance[question] - 0.09 * ax.get_ylim()[1])
        ax.annotate(
            "without looking", (0.02, chance[question]), (0, -3), ax.get_yaxis_transform(),
            "offset points", va="top", fontsize=8, color=INK,
        )  # fmt: skip
        ax.set_xticks(range(len(ticks)), list(ticks))
        ax.set_xlabel("stride of the map")
        ax.set_title(question, fontsize=10)
        ax.grid(axis="y")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def by_distance(
    accuracy: Mapping[str, np.ndarray],
    gain: np.ndarray,
    share: np.ndarray,
    bands: Sequence[str],
) -> Figure:
    """Plot scores by distance from the boundary, the gain, and where the gained pixels lie.

    Parameters
    ----------
    accuracy
        Network → (seeds, bands).
    gain : (seeds, bands)
    share : (seeds, bands)
        Of all gained pixels.
    """
    figure, axes = plt.subplots(3, 1, figsize=(7.0, 6.4), sharex=True, height_ratios=(1.4, 1, 1))
    places = range(len(bands))
    for name, values in accuracy.items():
        _band(axes[0], places, values, name)
    axes[0].set_ylabel("pixels right")
    axes[0].legend(loc="lower right")
    _band(axes[1], places, 100 * gain, "gain")
    axes[1].axhline(0, color=COLORS.gray, lw=1)
    axes[1].set_ylabel("gain, points")
    for place in places:
        mean, half = interval((100 * share[:, place]).tolist())
        axes[2].bar(place, mean, width=0.62, color=COLORS.green)
        axes[2].plot([place, place], [mean - half, mean + half], color=INK, lw=1.2)
    axes[2].axhline(0, color=COLORS.gray, lw=1)
    axes[2].set_ylabel("% of all\ngained pixels")
    axes[2].set_xticks(list(places), list(bands))
    axes[2].set_xlabel("distance from the nearest boundary, pixels")
    for ax in axes:
        ax.grid(axis="y")
    return figure


def _band(ax: Axes, places: Sequence[int], values: np.ndarray, name: str) -> None:
    """A curve of means over the seeds, with its 95 % interval."""
    found = [interval(column.tolist()) for column in values.T]
    mean, half = (np.array([getattr(one, part) for one in found]) for part in ("mean", "half"))
    (line,) = ax.plot(list(places), mean, "o-", ms=4, label=name)
    ax.fill_between(
        list(places), mean - half, mean + half, color=line.get_color(), alpha=0.18, lw=0
    )


def distances(
    image: np.ndarray,
    mask: np.ndarray,
    distance: np.ndarray,
    wrong: np.ndarray,
    bands: Mapping[str, float],
) -> Figure:
    """Show a scene, its bands of distances from the boundary, and the wrong pixels.

    Parameters
    ----------
    bands
        Name → outer edge in pixels, from the nearest band on.
    """
    figure, axes = plt.subplots(1, 3, figsize=(7.6, 3.0))
    show_image(axes[0], image, "scene")
    colors = plt.get_cmap("viridis_r")(np.linspace(0, 1, len(bands)))
    place = np.searchsorted(list(bands.values()), distance)
    show_image(axes[1], colors[np.minimum(place, len(bands) - 1)], "bands of distance")
    axes[1].contour(mask > 0, levels=[0.5], colors="white", linewidths=0.8)
    show_image(axes[2], np.where(wrong, 0.0, 0.92), "wrong pixels")
    axes[2].contour(mask > 0, levels=[0.5], colors=COLORS.red, linewidths=0.8)
    _key(figure, list(bands), list(colors), "pixels from the nearest boundary")
    return figure


def two_errors(
    points: Mapping[str, Sequence[tuple[float, float]]], labels: Sequence[str]
) -> Figure:
    """Plot runs by two scores, one color per network; crosses are the means."""
    figure, ax = plt.subplots(figsize=(6.0, 4.0))
    for name, found in points.items():
        x, y = np.array(found).T
        (dots,) = ax.plot(x, y, "o", ms=6, mfc="white", mew=1.6, label=name)
        ax.plot(x.mean(), y.mean(), "P", ms=11, color=dots.get_color())
    ax.set_ylim(0.7, 1.0)
    ax.set_xlabel(labels[0])
    ax.set_ylabel(labels[1])
    ax.grid()
    ax.legend(loc="upper left")
    return figure


def gradients(
    panels: Mapping[str, Mapping[str, np.ndarray]], ticks: Sequence[str], label: str
) -> Figure:
    """Plot norms of gradients by the stage they arrive at and the path they came along.

    Parameters
    ----------
    panels
        Title → network or path → (seeds, stages); stages that a path does not reach are 0. Bars
        reach from the smallest to the largest seed.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7.6, 3.7), sharey=True)
    for ax, (title, paths) in zip(np.ravel(axes), panels.items(), strict=True):
        for path, values in paths.items():
            shown = values.mean(0) > 0
            places = np.flatnonzero(shown)
            color = STREAM_COLORS.get(path, COLORS.gray if path.startswith("FCN-32s") else INK)
            style = "--" if path.startswith("FCN-32s") else "-"
            ax.plot(places, values.mean(0)[shown], style, marker="o", ms=4, color=color, label=path)
            ends = values.min(0)[shown], values.max(0)[shown]
            ax.vlines(places, *ends, color=color, lw=5, alpha=0.25)
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.set_title(title, fontsize=10)
        ax.set_xticks(range(len(ticks)), list(ticks))
        ax.set_xlabel("stage of the encoder, by stride")
        ax.grid(axis="y")
    np.ravel(axes)[0].set_ylabel(label)
    handles = np.ravel(axes)[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=5, fontsize=9, handlelength=2.6)
    return figure
