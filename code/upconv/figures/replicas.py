"""Figures of upsampling in frequency: replicas, and the kernels that remove them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from upconv.figures.theme import COLORS, INK, show_image

_BINS = 64  # of a drawn spectrum, along each axis

_BAND, _REPLICA, _KERNEL = COLORS.blue, COLORS.red, COLORS.green


def ladder(
    signal: np.ndarray, stretched: np.ndarray, kernel: np.ndarray, result: np.ndarray
) -> Figure:
    """Show upsampling step by step, on the left in space and on the right in frequency.

    Four rows: the signal, zeros inserted, the kernel, what is left. Bins of the signal's own band
    are blue, those of its replicas red.

    Parameters
    ----------
    signal
        Shape (N,).
    stretched, result
        Shape (S N,): with zeros inserted, and after the kernel.
    kernel
        Odd number of taps, centered.
    """
    factor = len(stretched) // len(signal)
    figure, axes = plt.subplots(4, 2, figsize=(7.6, 7.9), width_ratios=[1, 1.15])
    places = np.arange(len(signal)) * factor
    taps = np.arange(len(kernel)) - len(kernel) // 2
    centered = np.zeros(len(stretched))
    centered[taps % len(stretched)] = kernel
    rows = [
        (places, signal, "signal", "its spectrum"),
        (np.arange(len(stretched)), stretched, f"{factor - 1} zeros inserted", "replicas"),
        (taps, kernel, "kernel", "its response, to scale"),
        (np.arange(len(result)), result, "result", "what remains"),
    ]
    for (left, right), (at, values, name, about) in zip(axes, rows, strict=True):
        color = _KERNEL if name == "kernel" else INK
        _stems(left, at, values, np.full(len(at), color), 11 if len(at) < 30 else 5)
        left.set_ylabel(name, fontweight="bold")
        right.set_title(about, fontsize=10, loc="right")
        left.set_yticks([])
        left.axhline(0, color=COLORS.gray, lw=0.8)
    axes[0, 0].set_xlim(axes[1, 0].get_xlim())
    axes[2, 0].set_xticks(taps)
    axes[3, 0].set_xlabel("position, in output pixels")
    top = 1.12 * np.abs(np.fft.fft(signal)).max()
    _spectrum(axes[0, 1], signal, factor, top, own=True)
    _spectrum(axes[1, 1], stretched, factor, top)
    response = np.abs(np.fft.fftshift(np.fft.fft(centered)))
    at = np.fft.fftshift(np.fft.fftfreq(len(stretched)))
    axes[2, 1].fill_between(at, response, color=_KERNEL, alpha=0.25, lw=0)
    axes[2, 1].plot(at, response, color=_KERNEL)
    axes[2, 1].set_ylim(0, 1.12 * factor)
    _frequencies(axes[2, 1], factor)
    _spectrum(axes[3, 1], result, factor, top * factor)
    axes[3, 1].set_xlabel("frequency, in cycles per output pixel")
    return figure


def _spectrum(ax: Axes, values: np.ndarray, factor: int, top: float, own: bool = False) -> None:
    """Draw magnitudes bin by bin; ``own`` says that the values lie on the input's grid."""
    at = np.fft.fftshift(np.fft.fftfreq(len(values))) / (factor if own else 1)
    power = np.abs(np.fft.fftshift(np.fft.fft(values)))
    inside = np.abs(at) < 1 / (2 * factor)
    colors = np.where(inside | own, _BAND, _REPLICA)
    _stems(ax, at, power, colors, 0)
    ax.set_ylim(0, top)
    _frequencies(ax, factor)


def _frequencies(ax: Axes, factor: int) -> None:
    """Ticks at the stride's frequencies, lines at the ends of the input's band."""
    for edge in (-1, 1):
        ax.axvline(edge / (2 * factor), color=COLORS.gray, lw=1, ls=(0, (3, 2)))
    ticks = np.arange(-(factor // 2), factor // 2 + 1) / factor
    ax.set_xticks(ticks, [_fraction(round(tick * factor), factor) for tick in ticks])
    ax.set_xlim(-0.505, 0.505)
    ax.set_yticks([])


def _fraction(number: int, factor: int) -> str:
    if number == 0:
        return "0"
    divisor = np.gcd(abs(number), factor)
    return f"{'−' if number < 0 else ''}{abs(number) // divisor}/{factor // divisor}"


def _stems(ax: Axes, at: np.ndarray, values: np.ndarray, colors: np.ndarray, dot: float) -> None:
    ax.vlines(at, 0, values, colors=colors.tolist(), lw=1.8)
    if dot:
        ax.scatter(at, values, c=colors, s=dot, zorder=3)


def responses(
    frequency: np.ndarray,
    shapes: Mapping[str, tuple[np.ndarray, np.ndarray]],
    gains: Mapping[str, np.ndarray],
    factor: int,
) -> Figure:
    """Show kernels, and how much of each frequency they let through.

    Parameters
    ----------
    frequency
        From 0 to ½ cycle per output pixel.
    shapes
        Kernel → its positions in input pixels and its weights.
    gains
        Kernel → |W| / S at the frequencies: 1 lets all through.
    factor
        The stride S, whose frequencies are marked.
    """
    figure, (left, right) = plt.subplots(2, 1, figsize=(7.6, 6.4), height_ratios=[1, 1.45])
    colors = [COLORS.gray, COLORS.orange, COLORS.green, COLORS.blue, COLORS.purple]
    styles = ["-", "-", "-", "-", (0, (4, 1.5))]
    for (name, (at, weights)), color, style in zip(shapes.items(), colors, styles, strict=False):
        marker = {"marker": "o", "ms": 4.5} if len(at) < 20 else {}
        drawstyle = "steps-mid" if name == "nearest" and len(at) > 20 else "default"
        left.plot(at, weights, color=color, ls=style, label=name, drawstyle=drawstyle, **marker)
        level = 20 * np.log10(np.maximum(gains[name], 1e-6))
        right.plot(frequency, level, color=color, ls=style, label=name)
    left.axhline(0, color=COLORS.gray, lw=0.8, zorder=0)
    left.set_xlim(-3.1, 3.1)
    left.set_xlabel("position, in input pixels")
    left.set_ylabel("weight")
    left.legend(loc="upper right", fontsize=9)
    edge = 1 / (2 * factor)
    right.axvspan(edge, 0.5, color=_REPLICA, alpha=0.08, lw=0)
    for number in range(1, factor // 2 + 1):
        right.axvline(number / factor, color=_REPLICA, lw=1, ls=(0, (3, 2)))
    right.set_ylim(-62, 6)
    right.set_xlim(0, 0.503)
    right.set_xticks(
        [0, edge, *(m / factor for m in range(1, factor // 2 + 1))],
        ["0", _fraction(1, 2 * factor), *(_fraction(m, factor) for m in range(1, factor // 2 + 1))],
    )
    right.set_xlabel("frequency, in cycles per output pixel")
    right.set_ylabel("gain (dB)")
    right.text(edge / 2, -56, "the image's own band", ha="center", color=_BAND, fontsize=9.5)
    right.text((edge + 0.5) / 2, 1.2, "replicas", ha="center", color=_REPLICA, fontsize=9.5)
    return figure


def enlargements(
    pictures: Sequence[np.ndarray],
    names: Sequence[str],
    zoom: tuple[slice, slice],
    factor: int,
    columns: int = 3,
) -> Figure:
    """Show a magnified detail of each picture above its spectrum, replicas marked.

    Parameters
    ----------
    pictures
        Shape (N, N) each, brightness between 0 and 1.
    names
        One per picture.
    zoom
        Rows and columns of the detail.
    factor
        The stride S: crosses stand at its frequencies, a frame around the input's own band.
    columns
        Pictures in a row.
    """
    rows = -(-len(pictures) // columns)
    figure, axes = plt.subplots(
        2 * rows, columns, figsize=(7.6, 5.0 * rows), squeeze=False, height_ratios=[1, 1] * rows
    )
    for index, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        row, column = divmod(index, columns)
        show_image(axes[2 * row, column], picture[zoom], name)
        spectrum(axes[2 * row + 1, column], picture, factor, labels=column == 0)
    return figure


def spectrum(
    ax: Axes, picture: np.ndarray, factor: int, labels: bool = True, frame: bool = True
) -> None:
    """Draw the logarithmic spectrum of a windowed picture, with the stride's frequencies.

    The window hides the jump between opposite borders, which is not part of the picture. The side
    of the picture is at most 64 or a multiple of it.
    """
    window = np.outer(*[np.hanning(len(picture))] * 2)
    power = np.abs(np.fft.fftshift(np.fft.fft2((picture - picture.mean()) * window))) ** 2
    if (block := len(picture) // _BINS) > 1:  # the mean of neighbors: less grain
        power = power.reshape(_BINS, block, _BINS, block).mean(axis=(1, 3))
    level = 10 * np.log10(np.maximum(power / power.max(), 1e-12))
    ax.imshow(level, cmap="magma", vmin=-70, vmax=0, extent=(-0.5, 0.5, 0.5, -0.5))
    edge = 1 / (2 * factor)
    if frame:  # the band of what was enlarged
        ax.add_patch(
            Rectangle((-edge, -edge), 2 * edge, 2 * edge, fill=False, ec=COLORS.sky, lw=1.3)
        )
    marks = np.arange(-(factor // 2), factor // 2 + 1) / factor
    for row in marks:
        for column in marks:
            if row or column:
                ax.plot(column, row, "+", color=COLORS.sky, ms=9, mew=1.6, clip_on=False)
    ticks = [_fraction(round(mark * factor), factor) for mark in marks]
    ax.set_xticks(marks, ticks, fontsize=9)
    ax.set_yticks(marks, ticks if labels else [], fontsize=9)
    ax.spines[:].set_visible(False)
    if labels:
        ax.set_ylabel("cycles per pixel", fontsize=9.5)
