"""The Fourier side of convolution: fast convolution, spectra, filters, diffusion, deblurring.

NumPy's convention throughout: the forward transform has no factor, the inverse one 1/N per
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
from upconv.ops._geometry import check_bias, plan_convolution
from upconv.ops.shapes import Size


def fft_conv2d(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> np.ndarray:
    """``conv2d`` by the convolution theorem, for large kernels.

    Cross-correlation in space is a product with the *conjugate* spectrum in frequency:
    y = F⁻¹( F[x̄] · conj F[w̄] ). The DFT's product is circular; it is linear here because x̄
    holds so many zeros that what wraps around is zero. Padding is where x is put in x̄, dilation
    stretches w into w̄, stride keeps every S-th value of the result.

    Costs O(N² log N) per pair of channels whatever the kernel, where ``conv2d`` costs O(N²K²).

    Parameters, returns and raises as :func:`upconv.ops.conv2d`; a NaN or an infinity spreads
    over its whole image, and rounding errors are relative to the largest output.

    References
    ----------
    Mathieu, Henaff & LeCun, "Fast training of convolutional networks through FFTs" (2014).
    """
    input = check_array("input", input, "N, C_in, H, W")
    weight = check_array("weight", weight, "C_out, C_in / groups, K_h, K_w")
    check_same_dtype("weight", weight, "input", input)
    plan = plan_convolution(input.shape, weight.shape, stride, padding, dilation, groups)
    bias = check_bias(bias, input, plan.out_channels)
    # Zeros on one side of x̄ serve the other side as well, because the transform is periodic.
    full = tuple(n - r + 1 for n, r in zip(plan.padded_size, plan.reach, strict=True))
    needed = (
        max(n + max(pad), outputs)
        for n, pad, outputs in zip(input.shape[2:], plan.padding, full, strict=True)
    )
    size = tuple(scipy.fft.next_fast_len(n, real=True) for n in needed)
    (top, _), (left, _) = plan.padding
    (height, width), (down, across) = input.shape[2:], plan.stride
    grouped = widen(input).reshape(len(input), plan.groups, -1, height, width)
    placed = np.zeros((*grouped.shape[:3], *size), grouped.dtype)
    placed[..., top : top + height, left : left + width] = grouped
    spectrum = scipy.fft.rfft2(placed)

    output = np.empty((len(input), plan.out_channels, *plan.output_size), input.dtype)
    for channel, kernel in enumerate(widen(weight)):
        group = channel * plan.groups // plan.out_channels
        transfer = scipy.fft.rfft2(_spread(kernel, plan.dilation), s=size).conj()
        product = np.einsum("nchw,chw->nhw", spectrum[:, group], transfer)
        linear = scipy.fft.irfft2(product, s=size)[:, : full[0] : down, : full[1] : across]
        # The bias is a part of the sum: added before it is rounded to float16.
        output[:, channel] = linear if bias is None else linear + widen(bias)[channel]
    return output


def _spread(kernel: np.ndarray, dilation: tuple[int, int]) -> np.ndarray:
    """(C, K_h, K_w) with D − 1 zeros between neighbours."""
    if dilation == (1, 1):
        return kernel
    size = [d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape[1:], strict=True)]
    spread = np.zeros((len(kernel), *size), kernel.dtype)
    spread[:, :: dilation[0], :: dilation[1]] = kernel
    return spread


def circular_convolve2d(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolution on a torus, by the product of the DFTs: F⁻¹( F[f] · F[g] ).

    (f ∗ g)[p, q] = Σ_{i,j} g[i, j] · f[(p − i) mod H, (q − j) mod W]

    Parameters
    ----------
    image : (H, W)
        Any real floating dtype; the result keeps it.
    kernel : (K_h, K_w)
        Of the same dtype, no larger than the image. Its origin is its element [0, 0]: a kernel
        centred elsewhere shifts the result.

    Returns
    -------
    (H, W)

    Raises
    ------
    ValueError
        If an array is empty or of the wrong rank or dtype, or the kernel exceeds the image.
    """
    image = check_array("image", image, "H, W")
    return apply_transfer(image, _transfer(image, kernel))


def log_spectrum(image: np.ndarray) -> np.ndarray:
    """``log(1 + |F[image]|)``, frequency zero in the middle, for looking at.

    Parameters
    ----------
    image : (..., H, W)
        Any real floating dtype; the result keeps it.

    Returns
    -------
    (..., H, W)
        Frequency zero stands at [H // 2, W // 2]. Natural logarithm.

    Raises
    ------
    ValueError
        If the image is empty, of another dtype or of fewer than two axes.
    """
    image = _check_image("image", image)
    magnitude = np.abs(scipy.fft.fft2(widen(image)))
    return scipy.fft.fftshift(np.log1p(magnitude), axes=(-2, -1)).astype(image.dtype, copy=False)


def frequency_radius(shape: Sequence[int]) -> np.ndarray:
    """Distance of every DFT coefficient from frequency zero, in cycles per pixel.

    Parameters
    ----------
    shape : (H, W)

    Returns
    -------
    (H, W), float64
        In the layout of ``numpy.fft.fft2``: zero at [0, 0]; along an axis at most ½.

    Raises
    ------
    ValueError
        If the shape is no pair of positive integers.
    """
    height, width = check_shape("shape", shape, "H, W")
    check_volume("shape", shape, (height, width))
    return np.hypot(scipy.fft.fftfreq(height)[:, None], scipy.fft.fftfreq(width))


def ideal_lowpass(shape: Sequence[int], cutoff: float) -> np.ndarray:
    """Transfer function that keeps frequencies up to ``cutoff`` and removes the others.

    Its kernel is a sinc-like function (a Bessel function over its argument), hence ringing.
    The high-pass is ``1 - ideal_lowpass(shape, cutoff)``.

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
        If the shape is no pair of positive integers or the cutoff negative or not finite.
    """
    cutoff = check_real("cutoff", cutoff)
    return (frequency_radius(shape) <= cutoff).astype(np.float64)


def gaussian_lowpass(shape: Sequence[int], cutoff: float) -> np.ndarray:
    """Transfer function exp(−ρ² / 2c²): e^(−1/2) ≈ 0.61 at the cutoff c.

    The same as :func:`gaussian_transfer` with sigma = 1 / (2πc).

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
        If the shape is no pair of positive integers or the cutoff not positive and finite.
    """
    cutoff = check_real("cutoff", cutoff, positive=True)
    return np.exp(-0.5 * (frequency_radius(shape) / cutoff) ** 2)


def gaussian_transfer(shape: Sequence[int], sigma: float) -> np.ndarray:
    """Transfer function exp(−2π²σ²ρ²) of blurring by a Gaussian of standard deviation sigma.

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
        If the shape is no pair of positive integers or sigma negative or not finite.
    """
    sigma = check_real("sigma", sigma)
    return np.exp(-2 * (math.pi * sigma * frequency_radius(shape)) ** 2)


def apply_transfer(image: np.ndarray, transfer: np.ndarray) -> np.ndarray:
    """Filter in frequency: the real part of F⁻¹( F[image] · transfer ).

    Parameters
    ----------
    image : (..., H, W)
        Any real floating dtype; the result keeps it.
    transfer : (H, W), real or complex
        In the layout of ``numpy.fft.fft2``. Filters of real kernels, and all of this module,
        have transfer[−k] = conj transfer[k]; then the result is real anyway.

    Returns
    -------
    (..., H, W)

    Raises
    ------
    ValueError
        If the image is empty, of another dtype or of fewer than two axes, or if the transfer
        function has not the image's size.
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
    """The image with one image's magnitudes and the other's phases.

    Parameters
    ----------
    magnitude_from, phase_from : (..., H, W)
        Of one shape and one real floating dtype, which the result keeps.

    Returns
    -------
    (..., H, W)

    Raises
    ------
    ValueError
        If an image is empty, of another dtype or of fewer than two axes, or shapes differ.

    References
    ----------
    Oppenheim & Lim, "The importance of phase in signals" (1981).
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


def spectral_derivative(values: np.ndarray, length: float, order: int = 1) -> np.ndarray:
    """Derivative of a periodic signal: multiply by (2πi k / length)^order in frequency.

    For an even number of samples the frequency ½ has no sign; its odd derivatives are set to
    zero, as is usual (Trefethen, "Spectral methods in MATLAB", 2000, chapter 3).

    Parameters
    ----------
    values : (..., n)
        Samples at 0, length/n, 2·length/n, …; any real floating dtype, kept by the result.
    length : float
        The period, in the unit that the derivative is taken by.
    order : int
        At least 1.

    Returns
    -------
    (..., n)

    Raises
    ------
    ValueError
        If the values are empty or of another dtype, the length is not positive and finite, or
        the order no positive integer.
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
    """Exact periodic solution of the heat equation ∂u/∂t = κ Δu at a time.

    Every frequency f decays by itself: ``û(f, t) = û(f, 0) · exp(−κ (2π|f|)² t)``. In space that is
    convolution with a Gaussian of variance 2κt along each axis.

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
        If the array is empty or of another rank or dtype, or a number negative or not finite.
    """
    initial = check_array("initial", initial)
    if initial.ndim not in (1, 2):
        refuse("initial", f"{initial.ndim} axes", "1 axis (n) or 2 axes (H, W)")
    time, diffusivity = check_real("time", time), check_real("diffusivity", diffusivity)
    radius = frequency_radius((1, *initial.shape)[-2:]).reshape(initial.shape)
    decay = np.exp(-diffusivity * time * (2 * math.pi * radius) ** 2)
    solution = scipy.fft.ifftn(scipy.fft.fftn(widen(initial)) * decay)
    return solution.real.astype(initial.dtype)


def zero_pad_spectrum(image: np.ndarray, factor: int) -> np.ndarray:
    """Band-limited interpolation: zeros appended to the spectrum are pixels in between.

    Parameters
    ----------
    image : (..., H, W)
        Any real floating dtype; the result keeps it.
    factor : int
        At least 1.

    Returns
    -------
    (..., H · factor, W · factor)
        Its every ``factor``-th pixel is the image.

    Raises
    ------
    ValueError
        If the image is empty, of another dtype or of fewer than two axes, or the factor is no
        positive integer.
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
            spectrum[..., -1] /= 2  # frequency ½ stood for +½ and −½, which now are two
        output = np.moveaxis(scipy.fft.irfft(factor * spectrum, n=factor * count), -1, axis)
    return np.ascontiguousarray(output).astype(image.dtype, copy=False)


def inverse_filter(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Undo ``circular_convolve2d(·, kernel)`` by dividing the spectra: deconvolution proper.

    Exact but for rounding, and useless with noise: where the kernel's spectrum is small, the
    noise is divided by that small number.

    Parameters
    ----------
    image : (H, W)
        Any real floating dtype; the result keeps it.
    kernel : (K_h, K_w)
        Of the same dtype, no larger than the image, origin at [0, 0].

    Returns
    -------
    (H, W)

    Raises
    ------
    ValueError
        If an array is empty or of the wrong rank or dtype, the kernel exceeds the image, or
        its spectrum is zero somewhere.
    """
    image = check_array("image", image, "H, W")
    transfer = _transfer(image, kernel)
    if not transfer.all():
        row, column = np.argwhere(transfer == 0)[0]
        refuse("kernel", f"a spectrum that is 0 at [{row}, {column}]", "one without zeros")
    return apply_transfer(image, 1 / transfer)


def wiener_filter(
    image: np.ndarray, kernel: np.ndarray, noise_to_signal: float | np.ndarray
) -> np.ndarray:
    """Deblur in the least-squares sense: transfer function ``conj K / (|K|² + noise_to_signal)``.

    Parameters
    ----------
    image : (H, W)
        Blurred by ``circular_convolve2d(·, kernel)``, plus white noise. Any real floating dtype;
        the result keeps it.
    kernel : (K_h, K_w)
        Of the same dtype, no larger than the image, origin at [0, 0].
    noise_to_signal : float or (H, W)
        Power of the noise over that of the image, above 0: one number, or one per frequency in
        the layout of ``numpy.fft.fft2``.

    Returns
    -------
    (H, W)

    Raises
    ------
    ValueError
        If an array is empty or of the wrong rank or dtype, the kernel exceeds the image, or
        the ratio is not positive and finite.

    References
    ----------
    Wiener, "Extrapolation, interpolation, and smoothing of stationary time series" (1949).
    """
    image = check_array("image", image, "H, W")
    transfer = _transfer(image, kernel)
    if np.ndim(noise_to_signal) == 0:
        ratio = check_real("noise_to_signal", noise_to_signal, positive=True)
    else:
        ratio = check_array("noise_to_signal", noise_to_signal, "H, W")
        if ratio.shape != image.shape:
            refuse("noise_to_signal", f"shape {ratio.shape}", f"{image.shape}, the image's")
        if not (np.isfinite(ratio).all() and (ratio > 0).all()):
            got = f"values from {ratio.min()} to {ratio.max()}"
            refuse("noise_to_signal", got, "finite numbers above 0")
    return apply_transfer(image, transfer.conj() / (np.abs(transfer) ** 2 + ratio))


def _transfer(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The kernel's DFT at the image's size."""
    kernel = check_array("kernel", kernel, "K_h, K_w")
    check_same_dtype("kernel", kernel, "image", image)
    if kernel.shape[0] > image.shape[0] or kernel.shape[1] > image.shape[1]:
        refuse("kernel", f"shape {kernel.shape}", f"at most {image.shape}, the image's shape")
    return scipy.fft.fft2(widen(kernel), s=image.shape)


def _check_image(name: str, image: np.ndarray) -> np.ndarray:
    image = check_array(name, image)
    if image.ndim < 2:
        refuse(name, f"{image.ndim} axes, shape {image.shape}", "at least 2 axes (..., H, W)")
    return image
