"""Figures of signals and images in the frequency domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from upconv.figures.theme import COLORS, INK, show_image


def chord(
    seconds: np.ndarray,
    wave: np.ndarray,
    plain: tuple[np.ndarray, np.ndarray],
    windowed: tuple[np.ndarray, np.ndarray],
    notes: Mapping[str, tuple[float, float]],
) -> Figure:
    """Plot a sound over time, and its amplitudes per frequency without and with a window.

    Parameters
    ----------
    seconds, wave
        The sound.
    plain, windowed
        Hertz and amplitude: bins of the DFT as it is, and a finely read curve with a window.
    notes
        Name → hertz and true amplitude.
    """
    figure, axes = plt.subplots(3, 1, figsize=(7.6, 6.4), height_ratios=[0.8, 1.2, 1.2])
    axes[0].plot(1000 * seconds, wave, color=COLORS.red, lw=1.4)
    axes[0].set_xlabel("time in milliseconds")
    axes[0].set_ylabel("pressure")
    axes[0].set_title("what a microphone records")
    for ax in axes[1:]:
        ax.vlines(plain[0], 1e-9, plain[1], color=COLORS.gray, lw=1.6, label="the DFT as it is")
        ax.set_ylabel("amplitude")
    axes[1].plot(*windowed, color=COLORS.blue, lw=1.6, label="with a window, read finely")
    # Read finely, the curve touches zero between its lobes: on the logarithmic axis their tops.
    lobes = [part[: len(part) // 32 * 32].reshape(-1, 32).max(axis=1) for part in windowed]
    axes[2].plot(*lobes, color=COLORS.blue, lw=1.6)
    for name, (frequency, amplitude) in notes.items():
        axes[1].plot(frequency, amplitude, "x", color=COLORS.red, ms=9, mew=2)
        axes[1].annotate(
            name, (frequency, amplitude), xytext=(9, -3), textcoords="offset points",
            fontweight="bold", color=COLORS.red,
        )  # fmt: skip
    axes[1].set_ylim(0, 1.3 * windowed[1].max())
    axes[1].set_title("what a spectrum analyzer shows (crosses: the truth)")
    axes[1].legend(ncols=2, fontsize=9, loc="upper right")
    axes[2].set_yscale("log")
    axes[2].set_ylim(1e-6, 3)
    axes[2].set_xlabel("frequency in hertz")
    axes[2].set_title("the same on a logarithmic axis: leakage")
    return figure


def photographs_and_spectra(
    images: Sequence[np.ndarray],
    spectra: Sequence[np.ndarray],
    titles: Sequence[str],
    radius: float,
) -> Figure:
    """Show photographs above their centered spectra in decibels, with a circle of ``radius``."""
    figure, axes = plt.subplots(2, len(images), figsize=(7.6, 4.75))
    for column, (image, spectrum, title) in enumerate(zip(images, spectra, titles, strict=True)):
        show_image(axes[0, column], image, title)
        ax = axes[1, column]
        shown = ax.imshow(spectrum, cmap="magma", vmin=-80, vmax=0, extent=(-0.5, 0.5, 0.5, -0.5))
        ax.add_patch(Circle((0, 0), radius, fill=False, color="white", lw=1.3, ls="--"))
        ax.set_xticks([-0.5, 0, 0.5])
        ax.set_yticks([-0.5, 0, 0.5] if column == 0 else [])
        ax.spines[:].set_visible(False)
    axes[1, 0].set_ylabel("cycles per pixel")
    figure.colorbar(shown, ax=axes, label="decibels", shrink=0.42, anchor=(0, 0.04), pad=0.02)
    return figure


def filters(
    transfers: Sequence[np.ndarray],
    results: Sequence[np.ndarray],
    titles: Sequence[str],
    cutoff: float,
) -> Figure:
    """Show centered masks above the filtered photographs; a circle marks the half-power cutoff."""
    figure, axes = plt.subplots(2, len(transfers), figsize=(7.6, 7.6 / len(transfers) * 2 + 0.35))
    for column, (transfer, result, title) in enumerate(
        zip(transfers, results, titles, strict=True)
    ):
        height, width = transfer.shape
        ax = show_image(axes[0, column], np.fft.fftshift(transfer), title, cmap="cividis")
        ring = Circle((width / 2, height / 2), cutoff * width, fill=False, ls="--", lw=1.3)
        ring.set_edgecolor(COLORS.red)
        ax.add_patch(ring)
        show_image(axes[1, column], result)
    return figure


def ringing(
    offsets: np.ndarray,
    kernels: Mapping[str, np.ndarray],
    edge: np.ndarray,
    responses: Mapping[str, np.ndarray],
) -> Figure:
    """Plot the kernel profiles of two low-pass filters, and their responses to an edge."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.1))
    for (label, kernel), color in zip(kernels.items(), (COLORS.red, COLORS.blue), strict=True):
        left.plot(offsets, kernel, color=color, label=label)
    left.axhline(0, color=COLORS.gray, lw=1)
    left.set_title("kernel, cut through its center")
    left.set_xlabel("pixels from the center")
    left.set_yticks([0])
    left.legend(loc="upper right", fontsize=9)
    right.step(offsets, edge, where="mid", color=COLORS.gray, lw=1.5, label="edge")
    for (label, response), color in zip(responses.items(), (COLORS.red, COLORS.blue), strict=True):
        right.plot(offsets, response, color=color, label=label)
    right.set_title("response to an edge")
    right.set_xlabel("pixels from the edge")
    right.legend(loc="lower right", fontsize=9)
    return figure


def swap(images: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """Show four images in a square: two originals, and two with swapped phases."""
    figure, axes = plt.subplots(2, 2, figsize=(5.6, 5.9))
    for ax, image, title in zip(axes.flat, images, titles, strict=True):
        low, high = np.percentile(image, [0.5, 99.5])
        show_image(ax, image, title, vmin=low, vmax=high)
    return figure


def gaussian_pair(
    offsets: np.ndarray,
    kernels: Mapping[float, np.ndarray],
    frequencies: np.ndarray,
    predicted: Mapping[float, np.ndarray],
    measured: Mapping[float, np.ndarray],
) -> Figure:
    """Plot Gaussians in space and their transforms, by standard deviation."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.0))
    colors = (COLORS.blue, COLORS.red, COLORS.green)
    for (sigma, kernel), color in zip(kernels.items(), colors, strict=True):
        left.plot(offsets, kernel, color=color, label=f"σ = {sigma:g}")
        right.plot(frequencies, predicted[sigma], color=color, label=f"σ = {sigma:g}")
        right.plot(frequencies[::6], measured[sigma][::6], "o", color=color, ms=4, mfc="white")
    left.set_title("in space: the kernel")
    left.set_xlabel("pixels from the center")
    right.set_title("in frequency: what passes")
    right.set_xlabel("cycles per pixel (line: formula, dots: FFT)")
    left.legend()
    return figure


def derivative_errors(counts: np.ndarray, errors: Mapping[str, np.ndarray]) -> Figure:
    """Plot a derivative's error against the number of samples, one curve per method."""
    figure, ax = plt.subplots(figsize=(7.6, 3.2))
    for (label, values), marker in zip(errors.items(), "osD", strict=False):
        ax.loglog(counts, values, marker=marker, ms=5, label=label)
    ax.axhline(np.finfo(float).eps, color=COLORS.gray, ls=":")
    ax.text(counts[0], 2 * np.finfo(float).eps, "rounding of float64", color=INK, fontsize=9)
    ax.set_xlabel("samples per period")
    ax.set_ylabel("largest error")
    ax.set_xticks(counts[::2], [str(count) for count in counts[::2]])
    ax.minorticks_off()
    ax.grid()
    ax.legend()
    return figure


def diffusion(
    pictures: Sequence[np.ndarray],
    titles: Sequence[str],
    steps: np.ndarray,
    variances: np.ndarray,
    slope: float,
    profile: np.ndarray,
    gaussian: np.ndarray,
) -> Figure:
    """Show a diffusing photograph, the variance of the repeated kernel and its final shape."""
    figure = plt.figure(figsize=(7.6, 5.0))
    grid = figure.add_gridspec(2, 1, height_ratios=[1, 1.1])
    top = grid[0].subgridspec(1, len(pictures))
    for column, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        show_image(figure.add_subplot(top[column]), picture, title)
    bottom = grid[1].subgridspec(1, 2)
    left, right = figure.add_subplot(bottom[0]), figure.add_subplot(bottom[1])
    left.plot(steps, slope * steps, color=COLORS.gray, label=f"{slope:g} per step")
    left.plot(steps, variances, "o", color=COLORS.red, ms=5, label="measured")
    left.set_xlabel("steps")
    left.set_ylabel("variance of the kernel")
    left.legend()
    offsets = np.arange(len(profile)) - len(profile) // 2
    right.bar(offsets, profile, color=COLORS.sky, label=f"kernel after {steps[-1]} steps")
    right.plot(offsets, gaussian, color=COLORS.red, label="Gaussian of that variance")
    right.set_xlabel("pixels from the center")
    right.legend(fontsize=8, loc="upper right")
    right.set_ylim(0, 1.45 * profile.max())
    return figure


def counterparts(
    frequencies: np.ndarray,
    pieces: Sequence[np.ndarray],
    dilation: tuple[np.ndarray, np.ndarray],
    samples: tuple[np.ndarray, np.ndarray],
    padded: np.ndarray,
) -> Figure:
    """Show the effects of stride 2, dilation 2 and zero padding on a spectrum, one panel each.

    Parameters
    ----------
    frequencies : (N,)
        Cycles per pixel of all curves except ``samples``.
    pieces
        The two parts of the spectrum, on the axis after the stride.
    dilation
        The kernel's spectrum before and after.
    samples
        Frequencies and magnitudes of a short signal's DFT.
    padded : (N,)
        The same signal's spectrum, with zeros appended.
    """
    figure, axes = plt.subplots(1, 3, figsize=(7.6, 3.3))
    gray = {"color": COLORS.gray, "ls": "--"}
    axes[0].plot(frequencies, pieces[0], label="what fits", **gray)
    axes[0].plot(frequencies, pieces[1], label="what folds back", color=COLORS.red, ls="--")
    axes[0].plot(frequencies, (pieces[0] + pieces[1]) / 2, label="mean of both", color=COLORS.blue)
    axes[0].set_title("stride 2 folds")
    axes[1].plot(frequencies, dilation[0], label="kernel", **gray)
    axes[1].plot(frequencies, dilation[1], label="dilated", color=COLORS.blue)
    axes[1].set_title("dilation 2 repeats")
    half = frequencies >= 0
    axes[2].plot(frequencies[half], padded[half], label="zeros appended", color=COLORS.blue)
    axes[2].plot(*samples, "o", label="as it is", color=COLORS.red)
    axes[2].set_title("padding refines")
    for ax in axes:
        ax.set_xlabel("cycles per pixel")
        ax.set_ylim(bottom=0)
        ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=1)
    return figure
