"""Derivatives of periodic signals and the heat equation, solved in the frequency domain.

Frequencies and factors follow :mod:`upconv.ops.fourier`.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.fft

from upconv.checks import check_array, check_integer, check_real, refuse, widen
from upconv.ops.fourier import frequency_radius


def spectral_derivative(values: np.ndarray, length: float, order: int = 1) -> np.ndarray:
    """Differentiate a periodic signal: multiply its spectrum by (2πi k / length)^order.

    For an even number of samples the frequency ½ has no sign; its odd derivatives are set to
    zero, as usual (Trefethen, "Spectral methods in MATLAB", 2000, chapter 3).

    Parameters
    ----------
    values : (..., n)
        Samples at 0, length/n, 2·length/n, …; any real floating dtype, kept by the result.
    length : float
        The period, in units of the variable of differentiation.
    order : int
        At least 1.

    Returns
    -------
    (..., n)

    Raises
    ------
    ValueError
        If the values are empty or have another dtype, the length is not positive and finite, or
        the order is not a positive integer.

    Examples
    --------
    >>> sine = np.array([0.0, 1.0, 0.0, -1.0])
    >>> spectral_derivative(sine, length=2 * np.pi).round().astype(int).tolist()  # the cosine
    [1, 0, -1, 0]
    """
    values = check_array("values", values)
    length = check_real("length", length, positive=True)
    order = check_integer("order", order, 1)
    if values.ndim == 0:
        refuse("values", "0 axes", "at least 1 axis")
    count = values.shape[-1]
    factor = (2j * math.pi * np.arange(count // 2 + 1) / length) ** order
    if count % 2 == 0 and order % 2 == 1:
        factor[-1] = 0
    derivative = scipy.fft.irfft(scipy.fft.rfft(widen(values)) * factor, n=count)
    return derivative.astype(values.dtype, copy=False)


def heat_solution(initial: np.ndarray, time: float, diffusivity: float = 1.0) -> np.ndarray:
    """Solve the periodic heat equation ∂u/∂t = κ Δu exactly at a given time.

    Each frequency f decays independently: ``û(f, t) = û(f, 0) · exp(−κ (2π|f|)² t)``. In space this
    is a convolution with a Gaussian of variance 2κt along each axis.

    Parameters
    ----------
    initial : (n,) or (H, W)
        Samples one pixel apart; any real floating dtype, kept by the result.
    time : float
        At least 0.
    diffusivity : float
        κ, in pixels² per unit of time, at least 0.

    Returns
    -------
    Same shape as ``initial``.

    Raises
    ------
    ValueError
        If the array is empty or has another rank or dtype, or a number is negative or not finite.

    Examples
    --------
    >>> initial = np.array([4.0, 0.0, 0.0, 0.0])
    >>> [heat_solution(initial, time).round(2).tolist() for time in (1, 10)]  # heat is conserved
    [[1.17, 1.0, 0.83, 1.0], [1.0, 1.0, 1.0, 1.0]]
    """
    initial = check_array("initial", initial)
    if initial.ndim not in (1, 2):
        refuse("initial", f"{initial.ndim} axes", "1 axis (n) or 2 axes (H, W)")
    time, diffusivity = check_real("time", time), check_real("diffusivity", diffusivity)
    radius = frequency_radius((1, *initial.shape)[-2:]).reshape(initial.shape)
    decay = np.exp(-diffusivity * time * (2 * math.pi * radius) ** 2)
    solution = scipy.fft.ifftn(scipy.fft.fftn(widen(initial)) * decay)
    return solution.real.astype(initial.dtype)
