"""Convolution by the fast Fourier transform, and its inverse: deblurring.

Frequencies and factors follow :mod:`upconv.ops.fourier`.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from upconv.checks import check_array, check_real, check_same_dtype, refuse, widen
from upconv.ops._geometry import check_conv2d
from upconv.ops.fourier import apply_transfer
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
    """Compute ``conv2d`` by the convolution theorem, for large kernels.

    Cross-correlation in space is a product with the *conjugate* spectrum in frequency:
    y = F⁻¹( F[x̄] · conj F[w̄] ). The DFT's product is circular; it is linear here because x̄
    contains enough zeros that only zeros wrap around. Padding determines where x lies in x̄,
    dilation stretches w into w̄, and stride keeps every S-th value of the result.

    Costs O(N² log N) per pair of channels for any kernel size; ``conv2d`` costs O(N²K²).

    Parameters, return value and errors are those of :func:`upconv.ops.conv2d`; a NaN or infinity
    spreads over its whole image, and rounding errors are relative to the largest output.

    References
    ----------
    Mathieu, Henaff & LeCun, "Fast training of convolutional networks through FFTs" (2014).

    Examples
    --------
    >>> image = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> kernel = np.ones((1, 1, 3, 3))
    >>> fft_conv2d(image, kernel)[0, 0].round().astype(int).tolist()
    [[45, 54], [81, 90]]
    >>> bool(np.allclose(fft_conv2d(image, kernel), conv2d(image, kernel)))
    True
    """
    input, weight, bias, plan = check_conv2d(input, weight, bias, stride, padding, dilation, groups)
    # Zeros on one side of x̄ also serve the other side, because the transform is periodic.
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
        # The bias is part of the sum: added before rounding to float16.
        output[:, channel] = linear if bias is None else linear + widen(bias)[channel]
    return output


def circular_convolve2d(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolve on a torus by the product of the DFTs: F⁻¹( F[f] · F[g] ).

    (f ∗ g)[p, q] = Σ_{i,j} g[i, j] · f[(p − i) mod H, (q − j) mod W]

    Parameters
    ----------
    image : (H, W)
        Any real floating dtype; the result keeps it.
    kernel : (K_h, K_w)
        Same dtype, not larger than the image. Its origin is element [0, 0]: a kernel centered
        elsewhere shifts the result.

    Returns
    -------
    (H, W)

    Raises
    ------
    ValueError
        If an array is empty or has the wrong rank or dtype, or the kernel exceeds the image.

    Examples
    --------
    >>> image = np.arange(9.0).reshape(3, 3)
    >>> shift = np.array([[0.0, 1.0]])  # to the right, re-entering on the left
    >>> circular_convolve2d(image, shift).round().astype(int).tolist()
    [[2, 0, 1], [5, 3, 4], [8, 6, 7]]
    """
    image = check_array("image", image, "H, W")
    return apply_transfer(image, _transfer(image, kernel))


def inverse_filter(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Undo ``circular_convolve2d(·, kernel)`` by dividing the spectra: true deconvolution.

    Exact up to rounding, but useless with noise: where the kernel's spectrum is small, the
    noise is divided by that small number.

    Parameters
    ----------
    image : (H, W)
        Any real floating dtype; the result keeps it.
    kernel : (K_h, K_w)
        Same dtype, not larger than the image, origin at [0, 0].

    Returns
    -------
    (H, W)

    Raises
    ------
    ValueError
        If an array is empty or has the wrong rank or dtype, the kernel exceeds the image, or
        its spectrum is zero somewhere.

    Examples
    --------
    >>> image, kernel = np.arange(9.0).reshape(3, 3), np.array([[0.75, 0.25]])
    >>> blurred = circular_convolve2d(image, kernel)
    >>> inverse_filter(blurred, kernel).round().astype(int).tolist()
    [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
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
    """Deblur with ``conj K / (|K|² + noise_to_signal)``.

    With the true ratio *of each frequency* this is Wiener's filter, which has the least expected
    squared error of all linear filters. With one number for all frequencies it is a regularized
    inverse (Tikhonov): images have far more power at low frequencies than at high ones, so no
    single ratio is right, and the ratio of the total powers lets too much noise through.

    Parameters
    ----------
    image : (H, W)
        Blurred by ``circular_convolve2d(·, kernel)``, plus white noise. Any real floating dtype;
        the result keeps it.
    kernel : (K_h, K_w)
        Same dtype, not larger than the image, origin at [0, 0].
    noise_to_signal : float or (H, W)
        Ratio of noise power to image power, above 0: one per frequency, in the layout of
        ``numpy.fft.fft2``, for Wiener's filter, or one number for a regularized inverse.

    Returns
    -------
    (H, W)

    Raises
    ------
    ValueError
        If an array is empty or has the wrong rank or dtype, the kernel exceeds the image, or
        the ratio is not positive and finite.

    References
    ----------
    Wiener, "Extrapolation, interpolation, and smoothing of stationary time series" (1949).

    Examples
    --------
    >>> image, kernel = np.array([[2.0, 2.0, 6.0, 6.0]]), np.array([[0.5, 0.5]])
    >>> blurred = circular_convolve2d(image, kernel)  # inverse_filter fails: a frequency is lost
    >>> wiener_filter(blurred, kernel, noise_to_signal=1e-9).round().astype(int).tolist()
    [[2, 2, 6, 6]]
    >>> sharp = np.ones((1, 1))  # noise as strong as the image: half of the signal remains
    >>> wiener_filter(image, sharp, noise_to_signal=1.0).round().astype(int).tolist()
    [[1, 1, 3, 3]]
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


def _spread(kernel: np.ndarray, dilation: tuple[int, int]) -> np.ndarray:
    """Insert D − 1 zeros between neighbors in (C, K_h, K_w)."""
    if dilation == (1, 1):
        return kernel
    size = [d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape[1:], strict=True)]
    spread = np.zeros((len(kernel), *size), kernel.dtype)
    spread[:, :: dilation[0], :: dilation[1]] = kernel
    return spread


def _transfer(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Compute the kernel's DFT at the image's size."""
    kernel = check_array("kernel", kernel, "K_h, K_w")
    check_same_dtype("kernel", kernel, "image", image)
    if kernel.shape[0] > image.shape[0] or kernel.shape[1] > image.shape[1]:
        refuse("kernel", f"shape {kernel.shape}", f"at most {image.shape}, the image's shape")
    return scipy.fft.fft2(widen(kernel), s=image.shape)
