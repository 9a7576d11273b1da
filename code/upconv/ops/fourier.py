"""Spectra of images, and filters defined by their transfer functions.

NumPy's conventions apply: the forward transform is unscaled, the inverse has the factor 1/N per
axis, frequencies are in cycles per pixel, and the convolution theorem has the factor 1. The
last two axes of an image are rows and columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.fft

from upconv.checks import (
    as_array,
    check_array,
    check_integer,
    check_real,
    check_same_dtype,
    check_shape,
    check_volume,
    refuse,
    widen,
)


def log_spectrum(image: np.ndarray) -> np.ndarray:
    """Compute ``log(1 + |F[image]|)`` with frequency zero in the middle, for display.

    Parameters
    ----------
    image : (..., H, W)
        Any real floating dtype; the result keeps it.

    Returns
    -------
    (..., H, W)
        Natural logarithm; frequency zero is at [H // 2, W // 2].

    Raises
    ------
    ValueError
        If the image is empty, has another dtype or has fewer than two axes.

    Examples
    --------
    >>> stripes = np.array([[1.0, 0.0, 1.0, 0.0]])
    >>> np.expm1(log_spectrum(stripes)).round().astype(int).tolist()  # of −½, −¼, 0 and ¼
    [[2, 0, 2, 0]]
    """
    image = _check_image("image", image)
    magnitude = np.abs(scipy.fft.fft2(widen(image)))
    return scipy.fft.fftshift(np.log1p(magnitude), axes=(-2, -1)).astype(image.dtype, copy=False)


def dft_matrix(size: int) -> np.ndarray:
    """The discrete Fourier transform as a matrix: row k is the conjugate of wave k.

    ``dft_matrix(N) @ x`` equals ``numpy.fft.fft(x)``, and the rows are orthogonal:
    ``dft_matrix(N) @ dft_matrix(N).conj().T`` is N times the identity.

    Parameters
    ----------
    size : int
        N, at least 1.

    Returns
    -------
    (N, N), complex128
        Entry [k, n] is exp(−2πi kn/N): k counts cycles per N samples, n is the place.

    Raises
    ------
    ValueError
        If the size is not a positive integer.

    Examples
    --------
    >>> dft_matrix(4).imag.round().astype(int).tolist()  # minus the sines of 0, 1, 2 and 3 cycles
    [[0, 0, 0, 0], [0, -1, 0, 1], [0, 0, 0, 0], [0, 1, 0, -1]]
    >>> np.abs(dft_matrix(4) @ [1, 0, -1, 0]).round().astype(int).tolist()  # a cosine of one cycle
    [0, 2, 0, 2]
    """
    size = check_integer("size", size, 1)
    check_volume("size", size, (size, size), 16)
    # kn is reduced modulo N first: large angles would cost digits.
    turns = np.outer(np.arange(size), np.arange(size)) % size
    return np.exp(-2j * math.pi * turns / size)


def frequency_radius(shape: Sequence[int]) -> np.ndarray:
    """Distance of every DFT coefficient from frequency zero, in cycles per pixel.

    Parameters
    ----------
    shape : (H, W)

    Returns
    -------
    (H, W), float64
        In the layout of ``numpy.fft.fft2``: zero at [0, 0]; at most ½ along an axis.

    Raises
    ------
    ValueError
        If the shape is not a pair of positive integers.

    Examples
    --------
    >>> frequency_radius((1, 4)).tolist()
    [[0.0, 0.25, 0.5, 0.25]]
    >>> float(frequency_radius((4, 4)).max().round(3))  # √½, a checkerboard
    0.707
    """
    height, width = check_shape("shape", shape, "H, W")
    check_volume("shape", shape, (height, width))
    return np.hypot(scipy.fft.fftfreq(height)[:, None], scipy.fft.fftfreq(width))


def ideal_lowpass(shape: Sequence[int], cutoff: float) -> np.ndarray:
    """Transfer function that keeps frequencies up to ``cutoff`` and removes all others.

    Its kernel is a sinc-like function (a Bessel function over its argument) and causes ringing.
    The corresponding high-pass is ``1 - ideal_lowpass(shape, cutoff)``.

    Parameters
    ----------
    shape : (H, W)
    cutoff : float
        Cycles per pixel, at least 0.

    Returns
    -------
    (H, W), float64
        Zeros and ones, in the layout of ``numpy.fft.fft2``.

    Raises
    ------
    ValueError
        If the shape is not a pair of positive integers, or the cutoff is negative or not finite.

    Examples
    --------
    >>> ideal_lowpass((1, 8), 0.25).astype(int).tolist()
    [[1, 1, 1, 0, 0, 0, 1, 1]]
    """
    cutoff = check_real("cutoff", cutoff)
    return (frequency_radius(shape) <= cutoff).astype(np.float64)


def gaussian_lowpass(shape: Sequence[int], cutoff: float) -> np.ndarray:
    """Transfer function exp(−ρ² / 2c²): e^(−1/2) ≈ 0.61 at the cutoff c.

    Equals :func:`gaussian_transfer` with sigma = 1 / (2πc).

    Parameters
    ----------
    shape : (H, W)
    cutoff : float
        Cycles per pixel, above 0.

    Returns
    -------
    (H, W), float64
        In the layout of ``numpy.fft.fft2``.

    Raises
    ------
    ValueError
        If the shape is not a pair of positive integers, or the cutoff is not positive and finite.

    Examples
    --------
    >>> gaussian_lowpass((1, 4), cutoff=0.25).round(3).tolist()  # at 0, ¼, ½ and −¼
    [[1.0, 0.607, 0.135, 0.607]]
    """
    cutoff = check_real("cutoff", cutoff, positive=True)
    return np.exp(-0.5 * (frequency_radius(shape) / cutoff) ** 2)


def gaussian_transfer(shape: Sequence[int], sigma: float) -> np.ndarray:
    """Transfer function exp(−2π²σ²ρ²) of a Gaussian blur with standard deviation sigma.

    A Gaussian's Fourier transform is a Gaussian (Bracewell, "The Fourier transform and its
    applications", 2000): wide in space, narrow in frequency.

    Parameters
    ----------
    shape : (H, W)
    sigma : float
        Pixels, at least 0.

    Returns
    -------
    (H, W), float64
        In the layout of ``numpy.fft.fft2``.

    Raises
    ------
    ValueError
        If the shape is not a pair of positive integers, or sigma is negative or not finite.

    Examples
    --------
    >>> gaussian_transfer((1, 4), sigma=1).round(3).tolist()  # at 0, ¼, ½ and −¼
    [[1.0, 0.291, 0.007, 0.291]]
    """
    sigma = check_real("sigma", sigma)
    return np.exp(-2 * (math.pi * sigma * frequency_radius(shape)) ** 2)


def apply_transfer(image: np.ndarray, transfer: np.ndarray) -> np.ndarray:
    """Filter in the frequency domain: the real part of F⁻¹( F[image] · transfer ).

    Parameters
    ----------
    image : (..., H, W)
        Any real floating dtype; the result keeps it.
    transfer : (H, W), real or complex
        In the layout of ``numpy.fft.fft2``. Filters with real kernels, including all in this
        module, satisfy transfer[−k] = conj transfer[k], which makes the result real.

    Returns
    -------
    (..., H, W)

    Raises
    ------
    ValueError
        If the image is empty, has another dtype or has fewer than two axes, or if the transfer
        function does not match the image's size.

    Examples
    --------
    This low-pass keeps only the mean; its high-pass keeps the rest:

    >>> image = np.array([[0.0, 0.0, 8.0, 0.0]])
    >>> low = ideal_lowpass(image.shape, 0)
    >>> apply_transfer(image, low).round().astype(int).tolist()
    [[2, 2, 2, 2]]
    >>> apply_transfer(image, 1 - low).round().astype(int).tolist()
    [[-2, -2, 6, -2]]
    """
    image = _check_image("image", image)
    transfer = as_array("transfer", transfer)
    if transfer.dtype.kind not in "fc":
        refuse("transfer", f"dtype {transfer.dtype}", "a floating or complex dtype")
    if transfer.shape != image.shape[-2:]:
        refuse("transfer", f"shape {transfer.shape}", f"{image.shape[-2:]}, the size of image")
    filtered = scipy.fft.ifft2(scipy.fft.fft2(widen(image)) * transfer)
    return filtered.real.astype(image.dtype)


def swap_phase(magnitude_from: np.ndarray, phase_from: np.ndarray) -> np.ndarray:
    """Combine one image's spectral magnitudes with another's phases.

    Parameters
    ----------
    magnitude_from, phase_from : (..., H, W)
        Same shape and same real floating dtype, which the result keeps.

    Returns
    -------
    (..., H, W)

    Raises
    ------
    ValueError
        If an image is empty, has another dtype or fewer than two axes, or the shapes differ.

    References
    ----------
    Oppenheim & Lim, "The importance of phase in signals" (1981).

    Examples
    --------
    The phase determines where things are, the magnitude how strong they are:

    >>> weak = np.array([[1.0, 0.0, 0.0, 0.0]])
    >>> strong = np.array([[0.0, 0.0, 5.0, 0.0]])
    >>> swap_phase(weak, strong).round().astype(int).tolist()
    [[0, 0, 1, 0]]
    """
    magnitude_from = _check_image("magnitude_from", magnitude_from)
    phase_from = _check_image("phase_from", phase_from)
    check_same_dtype("phase_from", phase_from, "magnitude_from", magnitude_from)
    if phase_from.shape != magnitude_from.shape:
        refuse("phase_from", f"shape {phase_from.shape}", magnitude_from.shape)
    magnitude = np.abs(scipy.fft.rfft2(widen(magnitude_from)))
    phase = np.angle(scipy.fft.rfft2(widen(phase_from)))
    mixed = scipy.fft.irfft2(magnitude * np.exp(1j * phase), s=phase_from.shape[-2:])
    return mixed.astype(magnitude_from.dtype, copy=False)


def zero_pad_spectrum(image: np.ndarray, factor: int) -> np.ndarray:
    """Interpolate a band-limited image by padding its spectrum with zeros.

    Parameters
    ----------
    image : (..., H, W)
        Any real floating dtype; the result keeps it.
    factor : int
        At least 1.

    Returns
    -------
    (..., H · factor, W · factor)
        Every ``factor``-th pixel equals the image's.

    Raises
    ------
    ValueError
        If the image is empty, has another dtype or has fewer than two axes, or the factor is not
        a positive integer.

    Examples
    --------
    >>> wave = np.array([[0.0, 1.0, 0.0, -1.0]])
    >>> (100 * zero_pad_spectrum(wave, 2))[0].round().astype(int).tolist()  # 71 = 100 sin 45°
    [0, 71, 100, 71, 0, -71, -100, -71]
    """
    image = _check_image("image", image)
    factor = check_integer("factor", factor, 1)
    shape = (*image.shape[:-2], image.shape[-2] * factor, image.shape[-1] * factor)
    check_volume("factor", factor, shape, 16)
    output = widen(image)
    for axis in (-2, -1):
        count = output.shape[axis]
        spectrum = np.moveaxis(scipy.fft.rfft(output, axis=axis), axis, -1)
        if count % 2 == 0 and factor > 1:
            spectrum[..., -1] /= 2  # frequency ½ stood for both +½ and −½, now separate
        output = np.moveaxis(scipy.fft.irfft(factor * spectrum, n=factor * count), -1, axis)
    return np.ascontiguousarray(output).astype(image.dtype, copy=False)


def _check_image(name: str, image: np.ndarray) -> np.ndarray:
    image = check_array(name, image)
    if image.ndim < 2:
        refuse(name, f"{image.ndim} axes, shape {image.shape}", "at least 2 axes (..., H, W)")
    return image
