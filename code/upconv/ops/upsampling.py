"""Upsampling by a whole factor S, seen in frequency: insert zeros, then filter.

Zeros between the samples repeat the spectrum S times; the kernel that follows should keep the
first copy and remove the S − 1 others, the replicas. Signals are periodic here, so that the DFT
describes them exactly: with ``X = fft(x)``, ``fft(upsample(x, h, S))`` is ``np.tile(X, S)`` times
the kernel's frequency response, up to the shift that centers the kernel.

References
----------
Oppenheim & Schafer, "Discrete-time signal processing" (2010), section 4.6; Vaidyanathan,
"Multirate systems and filter banks" (1993), section 4.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft

from upconv.checks import (
    check_array,
    check_choice,
    check_integer,
    check_number,
    check_volume,
    refuse,
    widen,
)
from upconv.ops._geometry import keys_cubic

KERNELS = ("nearest", "linear", "cubic", "ideal")


def insert_zeros(x: np.ndarray, factor: int, axes: int = 1) -> np.ndarray:
    """Put ``factor`` − 1 zeros after every sample along the last axis, or the last two.

    The DFT of the result is that of ``x``, repeated ``factor`` times along each of these axes.
    (:func:`zero_insert`, the first half of a transposed convolution, omits the zeros at the end.)

    Parameters
    ----------
    x : (..., N) or (..., H, W)
        Any real floating dtype; the result keeps it.
    factor : int
        S, output samples per input sample, at least 1.
    axes : 1 or 2
        How many of the last axes to stretch: 1 for signals, 2 for images.

    Returns
    -------
    (..., S · N) or (..., S · H, S · W)

    Raises
    ------
    ValueError
        If the array is empty, has another dtype or too few axes, the factor is not a positive
        integer, or ``axes`` is neither 1 nor 2.

    Examples
    --------
    >>> stretched = insert_zeros(np.array([1.0, 3.0]), 3)
    >>> stretched.astype(int).tolist()
    [1, 0, 0, 3, 0, 0]
    >>> np.fft.fft(stretched).real.astype(int).tolist()  # that of [1, 3], three times
    [4, -2, 4, -2, 4, -2]
    """
    x = check_array("x", x)
    factor = check_integer("factor", factor, 1)
    axes = check_integer("axes", axes, 1, 2)
    _check_axes(x, axes)
    shape = (*x.shape[:-axes], *(factor * n for n in x.shape[-axes:]))
    check_volume("factor", factor, shape, x.itemsize)
    output = np.zeros(shape, x.dtype)
    places: tuple[Any, ...] = (..., *[slice(None, None, factor)] * axes)
    output[places] = x
    return output


def upsampling_kernel(name: str, factor: int, a: float = -0.5, length: int = 16) -> np.ndarray:
    """The kernel that interpolates by ``factor`` after :func:`insert_zeros`.

    With t, the distance from the center in input samples, and S, the factor:

    =========  ===========================================  =================
    name       weight                                       K
    =========  ===========================================  =================
    "nearest"  1                                            S
    "linear"   1 − \\|t\\|, the tent                          2S − (S mod 2)
    "cubic"    Keys's two cubics with slope ``a`` at t = 1  4S − (S mod 2)
    "ideal"    periodic sinc: keeps all frequencies of      S · ``length``
               ``length`` samples, removes all replicas
    =========  ===========================================  =================

    Output u lies at (u + ½)/S − ½ in the input (half-pixel centers); the center of the kernel is
    (K − 1)/2, or K/2 if K − S is odd. The sum of the weights, the gain at frequency zero, is S:
    each of the S phases sums to 1 (:func:`phase_sums`).

    Parameters
    ----------
    name : "nearest", "linear", "cubic" or "ideal"
    factor : int
        S, at least 1.
    a : float
        Only for "cubic": −0.5 is Keys's choice and TensorFlow's, −0.75 is PyTorch's.
    length : int
        Only for "ideal": samples per period of the signal that is to be interpolated. A sinc of
        finite length for other signals would have to be windowed; this one is not.

    Returns
    -------
    (K,), float64

    Raises
    ------
    ValueError
        If the name is unknown, the factor or length is not a positive integer, or ``a`` is not a
        finite number.

    References
    ----------
    Keys, "Cubic convolution interpolation for digital image processing" (1981), equation 15 for
    a = −½.

    Examples
    --------
    >>> upsampling_kernel("nearest", 2).tolist()
    [1.0, 1.0]
    >>> upsampling_kernel("linear", 2).tolist()
    [0.25, 0.75, 0.75, 0.25]
    >>> (128 * upsampling_kernel("cubic", 2)).tolist()
    [-3.0, -9.0, 29.0, 111.0, 111.0, 29.0, -9.0, -3.0]
    """
    check_choice("name", name, KERNELS)
    factor = check_integer("factor", factor, 1)
    length = check_integer("length", length, 1)
    a = check_number("a", a)
    odd = factor % 2
    size = {
        "nearest": factor,
        "linear": 2 * factor - odd,
        "cubic": 4 * factor - odd,
        "ideal": factor * length,
    }[name]
    check_volume("factor", factor, (size,))
    t = abs(np.arange(size) - _center(size, factor)) / factor
    if name == "nearest":
        return np.ones(size)
    if name == "linear":
        return 1 - t
    if name == "cubic":
        return keys_cubic(t, a)
    # Frequencies −N/2 to N/2; that at both ends, for even N, is shared between the two.
    k = np.arange(1, (length + 1) // 2)
    waves = 1 + 2 * np.cos(2 * np.pi * np.outer(t, k) / length).sum(axis=1)
    if length % 2 == 0:
        waves += np.cos(np.pi * t)
    return waves / length


def phase_sums(kernel: np.ndarray, factor: int) -> np.ndarray:
    """Sum of the weights that meet the samples in each of the S phases of the output.

    A constant 1 becomes these numbers, periodically. If they differ, it has a pattern of period
    S: the checkerboard.

    Parameters
    ----------
    kernel : (K,) or (K_h, K_w)
        Any real floating dtype; the result keeps it.
    factor : int
        S, at least 1.

    Returns
    -------
    (S,) or (S, S)
        Entry r is the sum of kernel[r], kernel[r + S], …: 0 if there are none.

    Raises
    ------
    ValueError
        If the kernel is empty, has another dtype or number of axes, or the factor is not a
        positive integer.

    Examples
    --------
    >>> phase_sums(np.ones(4), 2).tolist()
    [2.0, 2.0]
    >>> phase_sums(np.ones(3), 2).tolist()  # 3 is not a multiple of 2
    [2.0, 1.0]
    """
    kernel = _check_kernel(kernel)
    factor = check_integer("factor", factor, 1)
    periods = (factor,) * kernel.ndim
    check_volume("factor", factor, periods)
    return _wrapped(widen(kernel), periods).astype(kernel.dtype, copy=False)


def frequency_response(kernel: np.ndarray, length: int) -> np.ndarray:
    """The kernel's response H at ``length`` frequencies: the DFT of the periodic kernel.

    Parameters
    ----------
    kernel : (K,)
        Any real floating dtype; K may be larger than ``length``.
    length : int
        M, samples of the output, at least 1.

    Returns
    -------
    (M,), complex
        H[k] belongs to frequency k/M cycles per output sample, as in ``numpy.fft.fft``; H[0] is
        the gain, S for an interpolating kernel. The magnitude is what matters: the phase says
        where the kernel begins.

    Raises
    ------
    ValueError
        If the kernel is empty or has another dtype or number of axes, or the length is not a
        positive integer.

    Examples
    --------
    The tent's response is 0 at half a cycle per sample, where a constant's replica would be:

    >>> abs(frequency_response(upsampling_kernel("linear", 2), 4)).round(3).tolist()
    [2.0, 0.707, 0.0, 0.707]
    """
    kernel = check_array("kernel", kernel, "K")
    length = check_integer("length", length, 1)
    check_volume("length", length, (length,))
    # Samples of the response are the DFT of the kernel wrapped into one period.
    return scipy.fft.fft(_wrapped(widen(kernel), (length,)))


def upsample(x: np.ndarray, kernel: np.ndarray, factor: int) -> np.ndarray:
    """Insert zeros and convolve, with the signal repeated periodically at its ends.

    Inside, this is :func:`conv_transpose2d` with stride S, padding ⌈(K − S)/2⌉ and output padding
    (K − S) mod 2.

    Parameters
    ----------
    x : (..., N) or (..., H, W)
        Any real floating dtype; the result keeps it.
    kernel : (K,) or (K_h, K_w)
        Filters the last axis, or the last two; dtype of ``x``.
    factor : int
        S, at least 1.

    Returns
    -------
    (..., S · N) or (..., S · H, S · W)

    Raises
    ------
    ValueError
        If an array is empty, has another dtype or too few axes, the kernel has more than two
        axes, or the factor is not a positive integer.

    Examples
    --------
    >>> upsample(np.array([0.0, 4.0]), upsampling_kernel("linear", 2), 2).tolist()
    [1.0, 1.0, 3.0, 3.0]
    """
    x = check_array("x", x)
    kernel = _check_kernel(kernel)
    if kernel.dtype != x.dtype:
        refuse("kernel", f"dtype {kernel.dtype}", f"{x.dtype}, the dtype of x")
    _check_axes(x, kernel.ndim)
    factor = check_integer("factor", factor, 1)
    output = widen(insert_zeros(x, factor, kernel.ndim))
    axes = tuple(range(-kernel.ndim, 0))
    size = output.shape[-kernel.ndim :]
    response = _wrapped(widen(kernel), size)
    spectrum = scipy.fft.rfftn(output, axes=axes) * scipy.fft.rfftn(response)
    filtered = scipy.fft.irfftn(spectrum, s=size, axes=axes)
    padding = [-(-(k - factor) // 2) for k in kernel.shape]
    return np.roll(filtered, [-p for p in padding], axes).astype(x.dtype, copy=False)


def checkerboard_residue(kernel: np.ndarray, factor: int) -> np.ndarray:
    """What a kernel leaves of the replicas of a constant: its response at multiples of 1/S.

    The response at m/S cycles per output sample is the DFT of the phase sums. A kernel makes no
    checkerboard on constant areas if and only if all but the first entry are 0, that is, if its
    phase sums are equal.

    Parameters
    ----------
    kernel : (K,) or (K_h, K_w)
        Any real floating dtype.
    factor : int
        S, at least 1.

    Returns
    -------
    (S,) or (S, S), floating
        \\|H[m/S]\\| / \\|H[0]\\|; the first entry is 1.

    Raises
    ------
    ValueError
        As :func:`phase_sums`, or if the weights sum to 0: a constant leaves nothing to compare to.

    References
    ----------
    Odena, Dumoulin & Olah, "Deconvolution and checkerboard artifacts" (Distill, 2016).

    Examples
    --------
    >>> checkerboard_residue(np.ones(3), 2).round(3).tolist()  # sums 2 and 1: ±1 of 3
    [1.0, 0.333]
    >>> checkerboard_residue(np.ones(4), 2).tolist()
    [1.0, 0.0]
    """
    kernel = _check_kernel(kernel)
    response = abs(scipy.fft.fftn(widen(phase_sums(kernel, factor))))
    gain, rounding = response.flat[0], np.finfo(response.dtype).eps * abs(kernel).sum()
    if gain <= rounding:
        refuse("kernel", f"weights that sum to {kernel.sum():g}", "a sum other than 0")
    return response / gain


def replica_share(x: np.ndarray, factor: int) -> np.ndarray:
    """Share of an upsampled signal's energy, without the mean, that is above 1/(2S).

    Frequencies above 1/(2S) cycles per output sample are not in the signal that was upsampled:
    what is there, the kernel has left of the replicas.

    Parameters
    ----------
    x : (..., M)
        Any real floating dtype.
    factor : int
        S, at least 1.

    Returns
    -------
    (...)
        From 0 to 1; 0 for a constant.

    Raises
    ------
    ValueError
        If the array is empty, has another dtype or no axis, or the factor is not a positive
        integer.

    Examples
    --------
    >>> wave = np.cos(np.pi * np.arange(8.0) / 2)  # period of 4 samples
    >>> for name in ("nearest", "linear", "ideal"):
    ...     kernel = upsampling_kernel(name, 2, length=8)
    ...     print(name, replica_share(upsample(wave, kernel, 2), 2).round(3))
    nearest 0.146
    linear 0.005
    ideal 0.0
    """
    x = check_array("x", x)
    _check_axes(x, 1)
    factor = check_integer("factor", factor, 1)
    power = abs(scipy.fft.rfft(widen(x))) ** 2
    power[..., 1 : (x.shape[-1] + 1) // 2] *= 2  # k and −k
    k = np.arange(power.shape[-1])
    above = power[..., 2 * factor * k > x.shape[-1]].sum(axis=-1)
    energy = power[..., 1:].sum(axis=-1)
    # A constant's rest is rounding.
    rounding = (np.finfo(power.dtype).eps * x.shape[-1]) ** 2 * power[..., 0]
    return np.where(energy > rounding, above / np.where(energy > 0, energy, 1), 0)


def _center(size: int, factor: int) -> float:
    """Index of a kernel's center; whole or half, such that outputs have half-pixel centers."""
    return -(-(size - factor) // 2) + (factor - 1) / 2


def _wrapped(kernel: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """One period of the kernel repeated every ``size`` samples."""
    period = np.zeros(size, kernel.dtype)
    places = np.ix_(*(np.arange(k) % n for k, n in zip(kernel.shape, size, strict=True)))
    np.add.at(period, places, kernel)
    return period


def _check_kernel(kernel: np.ndarray) -> np.ndarray:
    kernel = check_array("kernel", kernel)
    if kernel.ndim not in (1, 2):
        got = f"{kernel.ndim} axes, shape {kernel.shape}"
        refuse("kernel", got, "1 or 2 axes, (K,) or (K_h, K_w)")
    return kernel


def _check_axes(x: np.ndarray, count: int) -> None:
    if x.ndim < count:
        refuse("x", f"{x.ndim} axes, shape {x.shape}", f"at least {count}")
