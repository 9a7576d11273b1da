"""Pooling and unpooling of (N, C, H, W), with the names and parameters of torch.nn.functional."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from upconv.checks import (
    as_array,
    check_array,
    check_flag,
    check_pair,
    check_volume,
    is_integer,
    is_list,
    refuse,
    widen,
)
from upconv.ops._geometry import Pair, every
from upconv.ops.shapes import Size, conv2d_output_size


def max_pool2d(
    input: np.ndarray,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    return_indices: bool = False,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Take the maximum of every window, like ``torch.nn.functional.max_pool2d``.

    Parameters
    ----------
    input : (N, C, H, W)
        Any real floating dtype; the result keeps it.
    kernel_size, stride, dilation : int or pair
        In pixels, at least 1. The stride defaults to the kernel size.
    padding : int or pair
        Border of −∞, at most half of the dilated kernel.
    return_indices : bool
        Also return where each maximum was: the switches for :func:`max_unpool2d`.

    Returns
    -------
    output : (N, C, H_out, W_out)
        See ``conv2d_output_size`` for the size. A window containing a NaN gives NaN.
    indices : (N, C, H_out, W_out), int64, only with ``return_indices``
        row · W + column in the input's plane. Among equal values the first wins, in row-major
        order; among several NaNs the last.

    Raises
    ------
    ValueError
        If the input is empty or has the wrong rank or dtype, a size is not a positive integer, the
        padding exceeds half of the kernel, or the kernel is larger than the padded input.

    References
    ----------
    Zeiler et al., "Adaptive deconvolutional networks" (2011), for the switches.

    Examples
    --------
    >>> image = np.array([[[[1.0, 5.0, 2.0, 0.0], [3.0, 4.0, 8.0, 6.0]]]])
    >>> values, places = max_pool2d(image, 2, return_indices=True)
    >>> values.tolist(), places.tolist()
    ([[[[5.0, 8.0]]]], [[[[1, 6]]]])
    """
    input = check_array("input", input, "N, C, H, W")
    window = _check_window(input.shape, kernel_size, stride, padding, dilation)
    kernel_size, stride, padding, dilation, size = window
    padded = _pad(input, padding, -np.inf)
    taps = _taps(padded, kernel_size, stride, dilation, size)
    if not check_flag("return_indices", return_indices):
        output = next(taps).copy()
        for tap in taps:
            np.maximum(output, tap, out=output)
        return output
    return _largest(taps, input, window)


def avg_pool2d(
    input: np.ndarray,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    count_include_pad: bool = True,
) -> np.ndarray:
    """Average every window, like ``torch.nn.functional.avg_pool2d``.

    Parameters
    ----------
    input : (N, C, H, W)
        Any real floating dtype; the result keeps it (float16 is summed in float32).
    kernel_size, stride : int or pair
        In pixels, at least 1. The stride defaults to the kernel size.
    padding : int or pair
        Border of zeros, at most half of the kernel.
    count_include_pad : bool
        Whether the padding zeros count as values when dividing.

    Returns
    -------
    (N, C, H_out, W_out)
        See ``conv2d_output_size`` for the size.

    Raises
    ------
    ValueError
        If the input is empty or has the wrong rank or dtype, a size is not a positive integer, the
        padding exceeds half of the kernel, or the kernel is larger than the padded input.

    Examples
    --------
    >>> avg_pool2d(np.arange(8.0).reshape(1, 1, 2, 4), 2).tolist()
    [[[[2.5, 4.5]]]]
    >>> ones = np.ones((1, 1, 2, 2))
    >>> avg_pool2d(ones, 2, padding=1)[0, 0].tolist()  # one pixel and three zeros
    [[0.25, 0.25], [0.25, 0.25]]
    >>> avg_pool2d(ones, 2, padding=1, count_include_pad=False)[0, 0].tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    input = check_array("input", input, "N, C, H, W")
    window = _check_window(input.shape, kernel_size, stride, padding, 1)
    kernel_size, stride, padding, _, size = window
    total = _sum_of_windows(_pad(input, padding, 0), kernel_size, stride, size)
    count = kernel_size[0] * kernel_size[1]
    if not check_flag("count_include_pad", count_include_pad):
        ones = _pad(np.ones((1, 1, *input.shape[2:]), input.dtype), padding, 0)
        count = _sum_of_windows(ones, kernel_size, stride, size)
    return (total / count).astype(input.dtype, copy=False)


def blur_pool2d(input: np.ndarray, kernel_size: Size = 3, stride: Size = 2) -> np.ndarray:
    """Blur each channel with a binomial kernel, then keep every ``stride``-th pixel.

    The low-pass in front of the stride suppresses what would alias. After ``max_pool2d`` with
    stride 1 it makes max pooling nearly shift-equivariant: "max, blur, skip".

    Parameters
    ----------
    input : (N, C, H, W)
        Any real floating dtype; the result keeps it. At its borders it is reflected, without
        repeating the outermost pixel.
    kernel_size : int or pair
        Taps along each axis, at least 1: 2 gives [1, 1] / 2, 3 gives [1, 2, 1] / 4,
        5 gives [1, 4, 6, 4, 1] / 16.
    stride : int or pair
        In pixels, at least 1.

    Returns
    -------
    (N, C, ⌈H / stride⌉, ⌈W / stride⌉)
        Output p is centered at pixel p · stride, half a pixel before it if the kernel is even.

    Raises
    ------
    ValueError
        If the input is empty or has the wrong rank or dtype, a size is not a positive integer, or
        an axis is too short to be reflected: it needs more than kernel_size // 2 pixels.

    References
    ----------
    Zhang, "Making convolutional networks shift-invariant again" (2019).

    Examples
    --------
    >>> stripes = np.array([[[[0.0, 4.0, 0.0, 4.0, 0.0, 4.0]] * 2]])
    >>> blur_pool2d(stripes, 3)[0, 0].tolist()  # gray, where every second pixel would be black
    [[2.0, 2.0, 2.0]]
    """
    input = check_array("input", input, "N, C, H, W")
    kernel_size = check_pair("kernel_size", kernel_size, 1)
    stride = check_pair("stride", stride, 1)
    output = widen(input)
    for axis, (taps, step) in enumerate(zip(kernel_size, stride, strict=True), start=2):
        before, after = taps // 2, (taps - 1) // 2
        if input.shape[axis] <= before:
            refuse(
                "kernel_size", taps, f"less than twice the {input.shape[axis]} pixels of an axis"
            )
        reflected = np.moveaxis(output, axis, -1)
        pad = [(0, 0)] * 3 + [(before, after)]
        windows = sliding_window_view(np.pad(reflected, pad, mode="reflect"), taps, axis=-1)
        binomial = np.array([math.comb(taps - 1, tap) / 2.0 ** (taps - 1) for tap in range(taps)])
        output = np.moveaxis(windows[..., ::step, :] @ binomial.astype(output.dtype), -1, axis)
    return np.ascontiguousarray(output).astype(input.dtype, copy=False)


def max_unpool2d(
    input: np.ndarray,
    indices: np.ndarray,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> np.ndarray:
    """Put each value back where its maximum was, zero elsewhere, like torch's ``max_unpool2d``.

    Parameters
    ----------
    input : (N, C, H, W)
        Any real floating dtype; the result keeps it.
    indices : (N, C, H, W), integers
        From :func:`max_pool2d`: row · W_out + column in the output's plane. If several values
        share a position (overlapping windows), the last one wins; they are not summed.
    kernel_size, stride, padding : int or pair
        As passed to :func:`max_pool2d`.
    output_size : (H_out, W_out) or (N, C, H_out, W_out), optional
        Selects one of the sizes that pool to (H, W); it must be less than one stride away
        from the default, S(H − 1) + K − 2P.

    Returns
    -------
    (N, C, H_out, W_out)

    Raises
    ------
    ValueError
        If an array is empty or has the wrong rank, shape or dtype, a size is not a positive
        integer, or an index lies outside the output.

    References
    ----------
    Zeiler & Fergus, "Visualizing and understanding convolutional networks" (2014). Noh, Hong &
    Han, "Learning deconvolution network for semantic segmentation" (2015).

    Examples
    --------
    >>> image = np.array([[[[1.0, 5.0], [3.0, 4.0]]]])
    >>> values, places = max_pool2d(image, 2, return_indices=True)
    >>> max_unpool2d(values, places, 2)[0, 0].tolist()  # the maximum is back, the rest is lost
    [[0.0, 5.0], [0.0, 0.0]]
    """
    input = check_array("input", input, "N, C, H, W")
    indices = as_array("indices", indices)
    if indices.dtype.kind not in "iu":
        refuse("indices", f"dtype {indices.dtype}", "an integer dtype")
    if indices.shape != input.shape:
        refuse("indices", f"shape {indices.shape}", f"{input.shape}, the shape of input")
    kernel_size = check_pair("kernel_size", kernel_size, 1)
    stride = kernel_size if stride is None else check_pair("stride", stride, 1)
    padding = check_pair("padding", padding, 0)
    height, width = _unpooled_size(input.shape, kernel_size, stride, padding, output_size)
    check_volume("stride", stride, (*input.shape[:2], height, width), input.itemsize)
    if indices.min() < 0 or indices.max() >= height * width:
        got = f"values from {indices.min()} to {indices.max()}"
        refuse("indices", got, f"0 to {height * width - 1}, the pixels of {height} × {width}")

    planes = input.shape[0] * input.shape[1]
    output = np.zeros((planes, height * width), input.dtype)
    # NumPy lets the last of equal positions win, as torch does.
    output[np.arange(planes)[:, None], indices.reshape(planes, -1)] = input.reshape(planes, -1)
    return output.reshape(*input.shape[:2], height, width)


def avg_unpool2d(input: np.ndarray, kernel_size: Size) -> np.ndarray:
    """Copy each value into a block of ``kernel_size`` pixels.

    A right inverse of average pooling with the same kernel and stride:
    avg_pool2d(avg_unpool2d(x, K), K) = x.

    Parameters
    ----------
    input : (N, C, H, W)
        Any real floating dtype; the result keeps it.
    kernel_size : int or pair
        In pixels, at least 1.

    Returns
    -------
    (N, C, H · K_h, W · K_w)

    Raises
    ------
    ValueError
        If the input is empty or has the wrong rank or dtype, or a size is not a positive integer.

    Examples
    --------
    >>> coarse = np.array([[[[1.0, 2.0]]]])
    >>> fine = avg_unpool2d(coarse, 2)
    >>> fine[0, 0].tolist()
    [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    >>> avg_pool2d(fine, 2).tolist() == coarse.tolist()
    True
    """
    input = check_array("input", input, "N, C, H, W")
    tall, wide = check_pair("kernel_size", kernel_size, 1)
    shape = (*input.shape[:2], input.shape[2] * tall, input.shape[3] * wide)
    check_volume("kernel_size", kernel_size, shape, input.itemsize)
    return input.repeat(tall, axis=2).repeat(wide, axis=3)


def _taps(
    padded: np.ndarray,
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    size: tuple[int, int],
) -> Iterator[np.ndarray]:
    """Yield, for each kernel position, its values in all windows: (N, C, H_out, W_out)."""
    for i, j in np.ndindex(kernel_size):
        rows = every(stride[0], dilation[0] * i, size[0])
        columns = every(stride[1], dilation[1] * j, size[1])
        yield padded[:, :, rows, columns]


def _largest(
    taps: Iterator[np.ndarray], input: np.ndarray, window: tuple[tuple[int, int], ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the maximum of every window and its index in the input's plane."""
    kernel_size, stride, padding, dilation, size = window
    # The winning tap; initially the first one inside the input, as all values may be −∞.
    top, left = (s * np.arange(n) - p for s, n, p in zip(stride, size, padding, strict=True))
    first_i, first_j = np.maximum(-(top // dilation[0]), 0), np.maximum(-(left // dilation[1]), 0)
    output = np.full((*input.shape[:2], *size), -np.inf, input.dtype)
    winner = np.empty(output.shape, np.int64)
    winner[:] = first_i[:, None] * kernel_size[1] + first_j
    for number, tap in enumerate(taps):
        better = (tap > output) | np.isnan(tap)
        np.copyto(output, tap, where=better)
        np.copyto(winner, number, where=better)
    i, j = np.divmod(winner, kernel_size[1])
    row, column = top[:, None] + dilation[0] * i, left + dilation[1] * j
    return output, row * input.shape[3] + column


def _sum_of_windows(
    padded: np.ndarray,
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
    size: tuple[int, int],
) -> np.ndarray:
    """Sum every window, in at least float32."""
    total = np.zeros((*padded.shape[:2], *size), widen(padded).dtype)
    for tap in _taps(padded, kernel_size, stride, (1, 1), size):
        total += tap
    return total


def _pad(input: np.ndarray, padding: tuple[int, int], value: float) -> np.ndarray:
    if padding == (0, 0):
        return input
    rim = ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2)
    return np.pad(input, rim, constant_values=value)


def _check_window(
    input_shape: tuple[int, ...],
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    dilation: Size,
) -> tuple[Pair, Pair, Pair, Pair, Pair]:
    """Return kernel size, stride, padding, dilation and output size, each as a pair."""
    kernel_size = check_pair("kernel_size", kernel_size, 1)
    stride = kernel_size if stride is None else check_pair("stride", stride, 1)
    padding, dilation = check_pair("padding", padding, 0), check_pair("dilation", dilation, 1)
    for pad, kernel, spread in zip(padding, kernel_size, dilation, strict=True):
        if pad > (spread * (kernel - 1) + 1) // 2:
            expected = f"at most half of the dilated kernel, {spread * (kernel - 1) + 1} pixels"
            refuse("padding", pad, expected)
    images, channels, height, width = input_shape
    size = conv2d_output_size((height, width), kernel_size, stride, padding, dilation)
    padded = (height + 2 * padding[0], width + 2 * padding[1])
    check_volume("padding", padding, (images, channels, *padded))
    return kernel_size, stride, padding, dilation, size


def _unpooled_size(
    input_shape: tuple[int, ...],
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    output_size: Sequence[int] | None,
) -> Pair:
    height, width = (
        s * (n - 1) + k - 2 * p
        for n, k, s, p in zip(input_shape[2:], kernel_size, stride, padding, strict=True)
    )
    default = (height, width)
    if output_size is None:
        if min(default) < 1:
            refuse("padding", padding, f"an output of at least one pixel, not {default}")
        return default
    if not is_list(output_size) or len(output_size) not in (2, 4):
        refuse("output_size", repr(output_size), "(H_out, W_out) or (N, C, H_out, W_out)")
    size = tuple(output_size)[-2:]
    for got, middle, step in zip(size, default, stride, strict=True):
        low, high = max(middle - step + 1, 1), middle + step - 1
        if not is_integer(got) or not low <= got <= high:
            refuse("output_size", repr(output_size), f"an integer from {low} to {high}")
    return int(size[0]), int(size[1])
