"""Resizing of feature maps (N, C, H, W): interpolation and zero insertion."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from upconv.checks import (
    check_array,
    check_flag,
    check_integer,
    check_pair,
    check_real,
    check_volume,
    refuse,
    widen,
)
from upconv.ops._geometry import every
from upconv.ops.shapes import Size, conv_transpose2d_output_size
from upconv.ops.upsampling import upsampling_kernel

MODES = ("nearest", "nearest-exact", "bilinear")


def interpolate(
    input: np.ndarray,
    size: Size | None = None,
    scale_factor: float | tuple[float, float] | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> np.ndarray:
    """Resample to another size, like ``torch.nn.functional.interpolate``.

    Inverse mapping: every output pixel u is read at position x(u) in the input, with the scale
    r = input size / output size (or 1 / scale_factor, if given):

    ================================  ==========================  ===========================
    mode                              x(u)                        then
    ================================  ==========================  ===========================
    "nearest"                         r · u                       rounded down
    "nearest-exact"                   r · (u + ½)                 rounded down
    "bilinear"                        r · (u + ½) − ½             mean of the two neighbors
    "bilinear", align_corners=True    u · (n_in − 1)/(n_out − 1)  weighted by nearness
    ================================  ==========================  ===========================

    ``tf.image.resize`` always uses half-pixel centers: its "bilinear" is this one with
    ``align_corners=False``, its "nearest" is "nearest-exact" here. The input is not smoothed
    before sampling, so downscaling aliases.

    Parameters
    ----------
    input : (N, C, H, W)
        Any real floating dtype; the result keeps it.
    size : int or pair, optional
        Output size in pixels.
    scale_factor : float or pair, optional
        Output size over input size; the product is rounded down. Give either this or ``size``.
    mode : "nearest", "nearest-exact" or "bilinear"
    align_corners : bool
        With "bilinear": keep the centers of the corner pixels aligned.

    Returns
    -------
    (N, C, H_out, W_out)

    Raises
    ------
    ValueError
        If the input is empty or has the wrong rank or dtype, if not exactly one of ``size`` and
        ``scale_factor`` is given, if either is not positive and finite, or if the output is empty.

    Examples
    --------
    >>> step = np.array([[[[0.0, 4.0]]]])
    >>> interpolate(step, (1, 4)).tolist()
    [[[[0.0, 0.0, 4.0, 4.0]]]]
    >>> interpolate(step, (1, 4), mode="bilinear").tolist()
    [[[[0.0, 1.0, 3.0, 4.0]]]]
    >>> interpolate(step, (1, 5), mode="bilinear", align_corners=True).tolist()
    [[[[0.0, 1.0, 2.0, 3.0, 4.0]]]]
    """
    input = check_array("input", input, "N, C, H, W")
    if not isinstance(mode, str) or mode not in MODES:
        refuse("mode", repr(mode), f"one of {', '.join(MODES)}")
    check_flag("align_corners", align_corners)
    if align_corners and mode != "bilinear":
        refuse("align_corners", repr(align_corners), f"False with mode {mode!r}")
    height, width = input.shape[2:]
    size, scales = _check_target((height, width), size, scale_factor, mode)
    check_volume("size", size, (*input.shape[:2], *size))

    output = widen(input)
    for axis, (n_out, scale) in enumerate(zip(size, scales, strict=True), start=2):
        output = _resampled(output, axis, n_out, scale, mode, align_corners)
    return output.astype(input.dtype, copy=False)


def zero_insert(input: np.ndarray, stride: Size) -> np.ndarray:
    """Put S − 1 zeros between neighbors: the first half of a transposed convolution.

    Parameters
    ----------
    input : (N, C, H, W)
        Any real floating dtype; the result keeps it.
    stride : int or pair
        Distance between neighbors in the result, in pixels, at least 1.

    Returns
    -------
    (N, C, S(H − 1) + 1, S(W − 1) + 1)

    Raises
    ------
    ValueError
        If the input is empty or has the wrong rank or dtype, or a stride is not a positive integer.

    References
    ----------
    Dumoulin & Visin, arXiv:1603.07285 (2016), section 4.5, figure 4.5.

    Examples
    --------
    >>> image = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> zero_insert(image, 2)[0, 0].astype(int).tolist()
    [[1, 0, 2], [0, 0, 0], [3, 0, 4]]
    """
    input = check_array("input", input, "N, C, H, W")
    down, across = check_pair("stride", stride, 1)
    height, width = input.shape[2:]
    shape = (*input.shape[:2], down * (height - 1) + 1, across * (width - 1) + 1)
    check_volume("stride", stride, shape, input.itemsize)
    output = np.zeros(shape, input.dtype)
    output[:, :, ::down, ::across] = input
    return output


def bilinear_kernel(factor: int) -> np.ndarray:
    """Tent kernel whose transposed convolution interpolates bilinearly by ``factor``.

    ``t[i] = 1 − |i − c| / f`` in both directions, with size K = 2f − (f mod 2) and center
    c = (K − 1)/2. With stride f and padding (K − f)/2, ``conv_transpose2d`` equals
    ``interpolate(mode="bilinear")`` except at the border, where the latter repeats pixels and
    the former reads zeros.

    Parameters
    ----------
    factor : int
        At least 1.

    Returns
    -------
    (K, K), float64

    Raises
    ------
    ValueError
        If the factor is not a positive integer.

    References
    ----------
    Long, Shelhamer & Darrell, "Fully convolutional networks" (2015), section 3.3.

    Examples
    --------
    >>> (16 * bilinear_kernel(2)).astype(int).tolist()
    [[1, 3, 3, 1], [3, 9, 9, 3], [3, 9, 9, 3], [1, 3, 3, 1]]
    """
    factor = check_integer("factor", factor, 1)
    check_volume("factor", factor, (2 * factor, 2 * factor))
    tent = upsampling_kernel("linear", factor)
    return np.outer(tent, tent)


def overlap_count(
    input_size: Size,
    kernel_size: Size,
    stride: Size,
    padding: Size = 0,
    output_padding: Size = 0,
) -> np.ndarray:
    """Count the products that a transposed convolution sums into each output position.

    If the stride divides the kernel size, the count is constant except at the border; otherwise
    it has a pattern of period S. The count is the response to a constant if all weights are equal.
    Other weights make a checkerboard if, and only if, their sums over the phases i mod S differ,
    whatever the count: a tent of 5 taps and stride 3 makes none, a random kernel of 4 and 2 does.

    Parameters
    ----------
    input_size, kernel_size, stride, padding, output_padding : int or pair
        As for :func:`conv_transpose2d`, in pixels.

    Returns
    -------
    (H_out,) or (H_out, W_out), int64
        One axis if all arguments are integers, the plane if any is a pair.

    Raises
    ------
    ValueError
        As ``conv_transpose2d_output_size``.

    References
    ----------
    Odena, Dumoulin & Olah, "Deconvolution and checkerboard artifacts" (Distill, 2016). Sugawara,
    Shiota & Kiya, "Checkerboard artifacts free convolutional neural networks" (2019), for the
    condition.

    Examples
    --------
    >>> overlap_count(4, kernel_size=3, stride=2).tolist()  # alternates between 1 and 2
    [1, 1, 2, 1, 2, 1, 2, 1, 1]
    >>> overlap_count(4, kernel_size=4, stride=2).tolist()  # even
    [1, 1, 2, 2, 2, 2, 2, 2, 1, 1]
    >>> overlap_count((2, 2), kernel_size=3, stride=2)[2].tolist()  # a row of the plane
    [2, 2, 4, 2, 2]
    """
    geometry = (input_size, kernel_size, stride, padding)
    size = conv_transpose2d_output_size(*geometry, output_padding)
    check_volume("input_size", input_size, (size,) if isinstance(size, int) else size)
    pairs = [check_pair("size", value, 0) for value in (size, *geometry)]
    if isinstance(size, int):
        return _overlap_count(*(pair[0] for pair in pairs))
    down, across = (_overlap_count(*(pair[axis] for pair in pairs)) for axis in (0, 1))
    return np.outer(down, across)


def _overlap_count(
    output_size: int, input_size: int, kernel_size: int, stride: int, padding: int
) -> np.ndarray:
    count = np.zeros(output_size + 2 * padding, np.int64)
    for i in range(kernel_size):
        count[every(stride, i, input_size)] += 1
    return count[padding : padding + output_size]


def _resampled(
    values: np.ndarray, axis: int, n_out: int, scale: float, mode: str, align_corners: bool
) -> np.ndarray:
    """Resample along one axis, 2 or 3."""
    n_in = values.shape[axis]
    if mode != "bilinear":
        return values.take(_nearest_source(n_in, n_out, scale, mode), axis)
    low, fraction = _linear_source(n_in, n_out, scale, align_corners)
    fraction = fraction.astype(values.dtype).reshape((-1, 1) if axis == 2 else (-1,))
    near = values.take(low, axis)
    far = values.take(np.minimum(low + 1, n_in - 1), axis)
    return near * (1 - fraction) + far * fraction


def _linear_source(
    n_in: int, n_out: int, scale: float, align_corners: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return every output pixel's lower neighbor in the input and its distance beyond it."""
    position = np.arange(n_out)
    if align_corners:
        source = position * ((n_in - 1) / (n_out - 1) if n_out > 1 else 0.0)
    else:
        source = np.maximum((position + 0.5) * scale - 0.5, 0)
    low = np.minimum(source.astype(np.int64), n_in - 1)
    return low, np.minimum(source - low, 1)


def _nearest_source(n_in: int, n_out: int, scale: float, mode: str) -> np.ndarray:
    """Return the input pixel that every output pixel copies.

    Positions are computed in float32, as in PyTorch and TensorFlow: where r · u should be a
    whole number, rounding decides, and a different precision would be off by one pixel.
    """
    position = np.arange(n_out) + (0.5 if mode == "nearest-exact" else 0)
    source = np.floor(position.astype(np.float32) * np.float32(scale)).astype(np.int64)
    return np.minimum(source, n_in - 1)


def _check_target(
    input_size: tuple[int, int],
    size: Size | None,
    scale_factor: float | tuple[float, float] | None,
    mode: str,
) -> tuple[tuple[int, int], tuple[float, float]]:
    """Return the output size and the input pixels per output pixel, along both axes.

    A given scale factor is used as is, not as the ratio of the rounded sizes. The exceptions
    are PyTorch's: "nearest" if the size stays equal or doubles, "bilinear" if it stays equal.
    """
    if (size is None) == (scale_factor is None):
        got = f"{size!r} and scale_factor {scale_factor!r}"
        refuse("size", got, "exactly one of the two")
    if size is not None:
        size = check_pair("size", size, 1)
        return size, (input_size[0] / size[0], input_size[1] / size[1])
    both = (scale_factor,) * 2 if isinstance(scale_factor, Real) else scale_factor
    if not isinstance(both, tuple | list) or len(both) != 2:
        refuse("scale_factor", repr(scale_factor), "a number above 0 or a pair of them")
    factors = [check_real("scale_factor", factor, positive=True) for factor in both]
    products = [n * factor for n, factor in zip(input_size, factors, strict=True)]
    if not all(1 <= product < math.inf for product in products):
        refuse("scale_factor", repr(scale_factor), f"a non-empty output from {input_size}")
    height, width = map(int, products)
    ratios = {"nearest": (1, 2), "bilinear": (1,), "nearest-exact": ()}[mode]
    down, across = (
        n / m if m in [ratio * n for ratio in ratios] else 1 / factor
        for n, m, factor in zip(input_size, (height, width), factors, strict=True)
    )
    return (height, width), (down, across)
