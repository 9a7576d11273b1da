"""Figures of generative networks: adversarial training, generated images, latent space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon

from upconv.data import montage
from upconv.figures.theme import COLORS, INK, show_image

_SLANT = np.array([0.42, 0.3])  # depth of a box, across and up


def hourglass(
    generator: Sequence[tuple[int, int]],
    discriminator: Sequence[tuple[int, int]],
    noise: np.ndarray,
    image: np.ndarray,
) -> Figure:
    """Draw generator and discriminator as boxes, one per feature map, mirrored about the image.

    Parameters
    ----------
    generator, discriminator
        Channels and side of each feature map except the image, in order.
    noise : (latent,)
    image : (H, W) or (H, W, 3), 0 to 1
    """
    figure, ax = plt.subplots(figsize=(7.6, 2.75))
    ax.imshow(noise[:, None], cmap="gray", extent=(-0.62, -0.4, -1.1, 1.1), aspect="auto", zorder=3)
    ax.text(-0.51, -1.25, f"noise\n{len(noise)}", ha="center", va="top", fontsize=8)
    x = -0.15
    for channels, side in generator:
        x = _box(ax, x, channels, side, COLORS.green) + 0.26
    half = 0.62
    ax.imshow(image, extent=(x + 0.12, x + 0.12 + 2 * half, -half, half), zorder=3)
    shape = f"{1 if image.ndim == 2 else 3}\n{len(image)} × {len(image)}"
    ax.text(x + 0.12 + half, -half - 0.15, shape, ha="center", va="top", fontsize=8)
    ends = [-0.15, x]
    x += 2 * half + 0.42
    ends.append(x)
    for channels, side in discriminator:
        x = _box(ax, x, channels, side, COLORS.red) + 0.26
    ends.append(x)
    ax.text(x + 0.1, 0, "real?", va="center", fontsize=10, weight="bold")
    for (start, end), words, color in (
        (ends[:2], "generator: transposed convolutions, stride 2", COLORS.green),
        (ends[2:], "discriminator: convolutions, stride 2", COLORS.red),
    ):
        arrow = {"arrowstyle": "-|>", "mutation_scale": 12, "color": color, "lw": 1.8}
        ax.add_patch(FancyArrowPatch((start, 1.36), (end, 1.36), **arrow))
        ax.text((start + end) / 2, 1.44, words, ha="center", va="bottom", fontsize=8.5)
    ax.set_xlim(-0.75, x + 0.75)
    ax.set_ylim(-1.62, 1.75)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return figure


def _box(ax: Axes, x: float, channels: int, side: int, color: str) -> float:
    """Draw a box at x, scaled by its channels and side; return where it ends."""
    thick, tall = 0.12 * np.log2(channels) - 0.35, 0.28 + 0.24 * np.log2(side / 4)
    back = _SLANT * tall * 1.25
    low = np.array([x, -tall / 2 - back[1] / 2])
    right, up = np.array([thick, 0]), np.array([0, tall])
    for corners, shade in (
        ((low, low + right, low + right + up, low + up), 0.55),
        ((low + up, low + up + right, low + up + right + back, low + up + back), 0.35),
        (
            (low + right, low + right + back, low + right + back + up, low + right + up),
            0.8,
        ),
    ):
        ax.add_patch(Polygon(corners, fc=(*_rgb(color), shade), ec="white", lw=1))
    where = (x + thick / 2 + back[0] / 2, low[1] - 0.12)
    ax.text(*where, f"{channels}\n{side} × {side}", ha="center", va="top", fontsize=8)
    return x + thick + back[0]


def _rgb(color: str) -> tuple[float, float, float]:
    red, green, blue = bytes.fromhex(color[1:])
    return red / 255, green / 255, blue / 255


def losses(
    logits: np.ndarray, curves: Mapping[str, np.ndarray], slopes: Mapping[str, np.ndarray]
) -> Figure:
    """Plot generator losses over the discriminator's logit, and the size of their gradients."""
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 2.9), sharex=True)
    for ax, lines, title in zip(
        axes, (curves, slopes), ("loss of the generator", "size of its gradient"), strict=True
    ):
        for name, values in lines.items():
            ax.plot(logits, values, label=name)
        ax.set_title(title)
        ax.set_xlabel("logit of a drawn image")
        ax.axvspan(logits[0], logits[0] / 3, color=COLORS.gray, alpha=0.15, lw=0)
        ax.grid(axis="y")
    axes[0].text(logits[0] * 0.97, axes[0].get_ylim()[0] * 0.9, "seen through", fontsize=9)
    axes[1].legend(loc="center right")
    return figure


class Scene(NamedTuple):
    """A state of a one-dimensional GAN: generated numbers and the discriminator's output."""

    title: str
    drawn: np.ndarray
    said: np.ndarray


def line_game(places: np.ndarray, real: np.ndarray, scenes: Sequence[Scene]) -> Figure:
    """Plot densities of real and generated numbers with the discriminator's and the best answer.

    Parameters
    ----------
    places : (N,)
    real
        Density of the real numbers at the ``places``.
    scenes
        ``drawn`` are generated numbers, ``said`` is (N,).
    """
    figure, axes = plt.subplots(
        2, len(scenes), figsize=(7.6, 3.7), sharex=True, sharey="row", height_ratios=(3, 2)
    )
    edges = np.linspace(places[0], places[-1], 61)
    middles, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    for (upper, lower), scene in zip(axes.T, scenes, strict=True):
        drawn = np.histogram(scene.drawn, edges)[0] / (len(scene.drawn) * width)
        upper.fill_between(places, real, color=COLORS.blue, alpha=0.25, lw=0, label="real")
        upper.plot(places, real, color=COLORS.blue)
        upper.stairs(drawn, edges, color=COLORS.green, lw=1.6, label="drawn")
        upper.set_title(scene.title, fontsize=10)
        at = np.interp(middles, places, real)
        best = np.divide(at, at + drawn, out=np.full_like(at, np.nan), where=at + drawn > 0.02)
        lower.plot(middles, best, color=COLORS.gray, lw=4, alpha=0.55, label="best answer")
        lower.plot(places, scene.said, color=COLORS.red, lw=1.6, label="discriminator")
        lower.axhline(0.5, color=INK, lw=0.7, ls=":")
        lower.set_ylim(-0.05, 1.05)
    axes[0, 0].set_ylabel("density")
    axes[1, 0].set_ylabel("says “real”")
    handles = [*axes[0, 0].get_legend_handles_labels()[0], *axes[1, 0].get_lines()[:2]]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=9)
    return figure


def game(
    steps: Sequence[int],
    real: Sequence[float],
    fake: Sequence[float],
    spread: Sequence[float],
) -> Figure:
    """Plot the discriminator's output for real and generated images, and the spread of these."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 2.7), width_ratios=(3, 2))
    left.plot(steps, real, label="of real images", color=COLORS.blue, lw=1.4)
    left.plot(steps, fake, label="of drawn images", color=COLORS.green, lw=1.4)
    left.axhline(0.5, color=INK, lw=0.8, ls=":")
    left.set_ylim(0, 1.19)  # room for the legend
    left.set_yticks(np.linspace(0, 1, 6))
    left.set_title("the discriminator's opinion")
    left.set_ylabel("probability of “real”")
    left.legend(fontsize=8, loc="upper center", ncols=2)
    right.plot(steps, spread, color=COLORS.purple, lw=1.4)
    right.axhline(1, color=INK, lw=0.8, ls=":")
    right.set_ylim(bottom=0)
    right.set_title("spread, real images = 1")
    for ax in (left, right):
        ax.set_xlabel("step")
        ax.grid(axis="y")
    return figure


def strips(rows: Mapping[str, np.ndarray], words: Mapping[str, str] | None = None) -> Figure:
    """Show rows of small images of one size, with a name before each row and text after it.

    Parameters
    ----------
    rows
        Name → (N, H, W) or (N, H, W, 3), uint8, with the same N in each.
    """
    first = next(iter(rows.values()))
    margins = 1.15 + (1.35 if words else 0)
    height = (7.6 - margins) * first.shape[1] / (len(first) * first.shape[2])
    figure, axes = plt.subplots(
        len(rows), 1, figsize=(7.6, len(rows) * (height + 0.06)), squeeze=False
    )
    for ax, (name, images) in zip(axes[:, 0], rows.items(), strict=True):
        show_image(ax, montage(images, len(images)) / 255)
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        if words:
            ax.text(
                1.02, 0.5, words[name], transform=ax.transAxes, va="center", fontsize=8, color=INK
            )
    return figure


def guidelines(
    pictures: Mapping[str, np.ndarray],
    runs: Mapping[str, Sequence[float]],
    fallen: Mapping[str, Sequence[bool]],
    label: str,
) -> Figure:
    """Show one row per variant: its generated images, and its runs on a logarithmic axis.

    Parameters
    ----------
    pictures
        Name → a strip of generated images, 0 to 1.
    runs
        Name → one value per seed.
    fallen
        Name → whether each run collapsed, shown as a cross.
    """
    figure, axes = plt.subplots(
        len(runs), 2, figsize=(7.6, 0.46 * len(runs) + 0.5), width_ratios=(3, 2)
    )
    base = np.exp(np.mean(np.log(next(iter(runs.values())))))
    every = [value for values in runs.values() for value in values]
    for (left, right), (name, values) in zip(axes, runs.items(), strict=True):
        show_image(left, pictures[name])
        left.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8.5)
        right.axvline(base, color=COLORS.gray, lw=1, ls=":")
        for value, bad in zip(values, fallen[name], strict=True):
            style = {"marker": "X", "color": COLORS.red} if bad else {"marker": "o"}
            right.plot(value, 0, ms=7, alpha=0.75, lw=0, **({"color": COLORS.blue} | style))
        right.set_xscale("log")
        right.set_xlim(min(every) / 1.3, max(every) * 1.3)
        right.set_ylim(-1, 1)
        right.set_yticks([])
        right.spines["left"].set_visible(False)
        right.grid(axis="x")
        if right is not axes[-1, 1]:
            right.spines["bottom"].set_visible(False)
            right.tick_params(axis="x", which="both", length=0, labelbottom=False)
    axes[-1, 1].set_xlabel(label)
    ticks = [tick for tick in (1, 3, 10, 30, 100, 300) if min(every) / 1.3 < tick]
    ticks = [tick for tick in ticks if tick < 1.3 * max(every)]
    for ax in axes[:, 1]:
        ax.set_xticks(ticks, [str(tick) for tick in ticks])
        ax.set_xticks([], minor=True)
    return figure


def recovery(steps: Sequence[int], shares: Mapping[str, Sequence[float]], after: int) -> Figure:
    """Plot the share of silent units over the steps, with a disturbance at one of them."""
    figure, ax = plt.subplots(figsize=(7.6, 2.7))
    for (name, values), color in zip(shares.items(), (COLORS.red, COLORS.blue), strict=True):
        ax.plot(steps, values, "o-", ms=4, color=color, label=name)
    ax.axvline(after, color=INK, lw=0.8, ls=":")
    ax.text(after, 1.02, " the blow", va="bottom", fontsize=9)
    ax.set_ylim(0, 1.1)
    ax.set_xlabel("step")
    ax.set_title("share of silent units")
    ax.grid(axis="y")
    ax.legend()
    return figure


def boards(columns: Mapping[str, tuple[np.ndarray, np.ndarray, str]]) -> Figure:
    """Show images above their mean energy over frequency, with checkerboard frequencies framed.

    Parameters
    ----------
    columns
        Name → an image; energy (H, W) in the layout of ``numpy.fft.fft2``; text.
    """
    figure, axes = plt.subplots(2, len(columns), figsize=(7.6, 7.0 / len(columns) * 2 + 0.4))
    for (upper, lower), (name, (image, power, words)) in zip(axes.T, columns.items(), strict=True):
        # Isolated bright pixels would make all others gray.
        show_image(upper, (image - image.mean()) / (5 * image.std()) + 0.5, name)
        shown = np.log10(np.fft.fftshift(power) + 1e-6 * power.max())
        show_image(
            lower, shown, cmap="magma", vmin=shown.max() - 5, vmax=shown.max(),
            extent=(-0.5, 0.5, 0.5, -0.5),
        )  # fmt: skip
        for x, y in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5)):
            lower.plot(x, y, "o", ms=11, mfc="none", mec="white", mew=1.4, clip_on=False)
        lower.set_xlabel(words, fontsize=8.5)
    axes[0, 0].set_ylabel("drawn")
    axes[1, 0].set_ylabel("energy over\nfrequency")
    return figure


def weaning(curves: Mapping[str, Mapping[int, float]], real: float) -> Figure:
    """Plot the energy share of checkerboard frequencies over the steps, and that of real images."""
    figure, ax = plt.subplots(figsize=(7.6, 2.9))
    for (name, values), color in zip(
        curves.items(), (COLORS.red, COLORS.blue, COLORS.green), strict=False
    ):
        ax.plot(list(values), list(values.values()), "o-", ms=4, color=color, label=name)
    ax.axhline(real, color=INK, lw=1, ls=":", label="real images")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ticks = list(next(iter(curves.values())))
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.set_xticks([], minor=True)
    shares = [0.003, 0.01, 0.03, 0.1, 0.3]
    ax.set_yticks(shares, [f"{share:.1%}" if share < 0.01 else f"{share:.0%}" for share in shares])
    ax.set_yticks([], minor=True)
    ax.set_xlabel("step")
    ax.set_title("energy at the frequencies of a checkerboard")
    ax.grid(axis="y")
    ax.set_ylim(top=2)  # room for the legend
    ax.legend(loc="upper center", ncols=4, fontsize=9)
    return figure


def paths(
    ways: Mapping[str, np.ndarray], lengths: Mapping[str, np.ndarray], usual: tuple[float, float]
) -> Figure:
    """Show images along paths through a latent space, and the paths' distance from its origin.

    Parameters
    ----------
    ways
        Name → the path's images as one picture, uint8.
    lengths
        Name → (N,), norms of the noise.
    usual
        Smallest and largest norm of typical noise.
    """
    figure = plt.figure(figsize=(7.6, 4.0))
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(2, 1))[0]
    axes = left.subplots(len(ways), 1)
    for ax, (name, images) in zip(axes, ways.items(), strict=True):
        show_image(ax, images / 255, name)
    ax = right.subplots()
    ax.axhspan(*usual, color=COLORS.gray, alpha=0.25, lw=0, label="99 % of all noise")
    for (name, values), color in zip(lengths.items(), (COLORS.red, COLORS.blue), strict=True):
        ax.plot(np.linspace(0, 1, len(values)), values, color=color, label=name)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("along the way")
    ax.set_title("length of the noise", fontsize=10)
    ax.legend(fontsize=8, loc="lower center")
    return figure
