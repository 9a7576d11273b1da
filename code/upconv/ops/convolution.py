"""Convolution, its transpose, its matrix and its gradients, in NumPy.

As in deep-learning libraries, convolution means cross-correlation: the kernel is not flipped.
Arrays are laid out (N, C, H, W): images, channels, rows, columns. Parameter names follow
``torch.nn.functional``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse
from numpy.lib.stride_tricks import sliding_window_view

from upconv.checks import (
    check_array,
    check_same_dtype,
    check_shape,
    check_volume,
    is_list,
    refuse,
    widen,
)
from upconv.ops._geometry import (
    Pair,
    Plan,
    check_conv2d,
    check_conv_transpose2d,
    every,
    plan_convolution,
)
from upconv.ops.shapes import Size

# Windows are copied in blocks of about this size, which fit in a CPU's cache.
BLOCK_BYTES = 2**19


def conv2d(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> np.ndarray:
    """Compute a two-dimensional cross-correlation, like ``torch.nn.functional.conv2d``.

    y[n, o, p, q] = b[o] + Σ_{c,i,j} w[o, c, i, j] · x̄[n, c, S·p + D·i, S·q + D·j]

    where x̄ is the input padded with a border of P zeros, S the stride and D the dilation. The
    sum over c, i, j is a matrix product: one row per output channel, one column per window.

    Parameters
    ----------
    input : (N, C_in, H, W)
        Any real floating dtype; the result keeps it (float16 is summed in float32).
    weight : (C_out, C_in / groups, K_h, K_w)
        Same dtype as the input.
    bias : (C_out,), optional
        Same dtype as the input.
    stride, dilation : int or pair
        In pixels, at least 1.
    padding : int, pair, "same" or "valid"
        Zeros on each side, in pixels. "valid" adds none. "same" preserves the input size and
        requires stride 1; if the number of zeros is odd, the extra one goes to the bottom or right.
    groups : int
        Channels are split into this many groups, each with its own kernels.

    Returns
    -------
    (N, C_out, H_out, W_out)
        H_out = ⌊(H + 2P − D(K_h − 1) − 1) / S⌋ + 1, see ``conv2d_output_size``.

    Raises
    ------
    ValueError
        If an array is empty or has the wrong rank or dtype, if channels do not match, if a size
        is not a positive integer, or if the dilated kernel is larger than the padded input.

    References
    ----------
    LeCun et al., "Gradient-based learning applied to document recognition" (1998).
    Dumoulin & Visin, arXiv:1603.07285 (2016), relationships 6 and 15.

    Examples
    --------
    >>> image = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> kernel = np.array([[[[1.0, 0.0], [0.0, 2.0]]]])
    >>> conv2d(image, kernel)[0, 0].tolist()  # 1 · 0 + 2 · 4 first: the kernel is not flipped
    [[8.0, 11.0], [17.0, 20.0]]
    """
    input, weight, bias, plan = check_conv2d(input, weight, bias, stride, padding, dilation, groups)

    windows = _windows(input, plan)  # (N, G, C_in/G, K_h, K_w, H_out, W_out), nothing copied
    matrix = widen(weight).reshape(plan.groups, plan.out_channels // plan.groups, -1)
    output = np.empty((len(input), *matrix.shape[:2], *plan.output_size), input.dtype)
    for images, rows, columns in _columns(windows):
        part = output[images, ..., rows, :]
        product = matrix @ columns
        if bias is not None:  # part of the sum: added before rounding to float16
            product += widen(bias).reshape(*matrix.shape[:2], 1)
        part[...] = product.reshape(part.shape)
    return output.reshape(len(input), plan.out_channels, *plan.output_size)


def conv_transpose2d(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> np.ndarray:
    """Compute the transpose of ``conv2d``, like ``torch.nn.functional.conv_transpose2d``.

    Every input value stamps the kernel, scaled by that value, onto the output; stamps are S
    pixels apart, and overlapping stamps are summed:

    ȳ[n, o, S·p + D·i, S·q + D·j] += w[c, o, i, j] · x[n, c, p, q]   for all n, o, c, p, q, i, j

    and y is ȳ without its border of P pixels, plus the bias.

    Parameters
    ----------
    input : (N, C_in, H, W)
        Any real floating dtype; the result keeps it.
    weight : (C_in, C_out / groups, K_h, K_w)
        The same array that ``conv2d`` takes in the other direction.
    bias : (C_out,), optional
        Same dtype as the input.
    stride, dilation : int or pair
        In pixels, at least 1.
    padding : int or pair
        Pixels cropped on each side: the transpose removes what ``conv2d`` adds.
    output_padding : int or pair
        Extra rows (columns) at the bottom (right), fewer than the larger of stride and dilation,
        as in PyTorch.
    groups : int
        Channels are split into this many groups, each with its own kernels.

    Returns
    -------
    (N, C_out, H_out, W_out)
        H_out = S(H − 1) + D(K_h − 1) + 1 − 2P + A, see ``conv_transpose2d_output_size``.

    Raises
    ------
    ValueError
        If an array is empty or has the wrong rank or dtype, if channels do not match, if a size
        is not a positive integer, or if the output padding is too large or the output is empty.

    References
    ----------
    Zeiler et al., "Deconvolutional networks" (2010). Long, Shelhamer & Darrell, "Fully
    convolutional networks" (2015), section 3.3. Dumoulin & Visin (2016), relationship 14.

    Examples
    --------
    >>> pixels = np.array([[[[1.0, 10.0]]]])
    >>> kernel = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> conv_transpose2d(pixels, kernel, stride=2)[0, 0].tolist()
    [[1.0, 2.0, 10.0, 20.0], [3.0, 4.0, 30.0, 40.0]]
    >>> conv_transpose2d(pixels, kernel)[0, 0].tolist()  # the stamps overlap in the middle
    [[1.0, 12.0, 20.0], [3.0, 34.0, 40.0]]
    """
    geometry = (stride, padding, output_padding, dilation, groups)
    input, weight, bias, plan = check_conv_transpose2d(input, weight, bias, *geometry)

    stamped = _stamp(input, weight, plan.stride, plan.dilation, plan.groups, plan.canvas_size)
    output = _inside(stamped, plan.padding, plan.output_size)
    output = output if bias is None else output + widen(bias)[:, None, None]
    return np.ascontiguousarray(output, input.dtype)


def convolution_matrix(
    weight: np.ndarray,
    input_shape: Sequence[int],
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
) -> scipy.sparse.csr_array:
    """Build the matrix C of a convolution: C @ x.ravel() equals conv2d(x, weight).ravel().

    Its transpose is the transposed convolution, hence the name. Every row holds the kernel
    once, at the position of its window.

    Parameters
    ----------
    weight : (C_out, C_in, K_h, K_w) or (K_h, K_w)
        Any real floating dtype; the matrix keeps it, except that float16, which SciPy's sparse
        arrays do not support, becomes float32.
    input_shape : (C_in, H, W) or (H, W)
        Shape of one image; (H, W) means one channel, as does a weight with two axes.
    stride, padding, dilation
        As in :func:`conv2d`.

    Returns
    -------
    scipy.sparse.csr_array, (C_out · H_out · W_out, C_in · H · W)
        Every entry covered by the kernel is stored even where the weight is zero, so that the
        sparsity pattern does not depend on the weight's values.

    Raises
    ------
    ValueError
        As :func:`conv2d`, and if shapes do not match.

    References
    ----------
    Dumoulin & Visin, arXiv:1603.07285 (2016), section 4.1.

    Examples
    --------
    >>> kernel = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> convolution_matrix(kernel, (2, 3)).toarray().astype(int).tolist()
    [[1, 2, 0, 3, 4, 0], [0, 1, 2, 0, 3, 4]]
    """
    weight = check_array("weight", weight)
    if weight.ndim not in (2, 4):
        got = f"{weight.ndim} axes, shape {weight.shape}"
        refuse("weight", got, "2 axes (K_h, K_w) or 4 axes (C_out, C_in, K_h, K_w)")
    if not is_list(input_shape) or len(input_shape) not in (2, 3):
        refuse("input_shape", repr(input_shape), "(H, W) or (C_in, H, W)")
    if len(input_shape) == 2:
        input_shape = (1, *input_shape)
    channels, height, width = check_shape("input_shape", input_shape, "C_in, H, W")
    weight = widen(weight.reshape((1, 1, *weight.shape) if weight.ndim == 2 else weight.shape))
    names = ("input_shape", "weight")
    image = (1, channels, height, width)
    plan = plan_convolution(image, weight.shape, stride, padding, dilation, 1, names)
    shape = (plan.out_channels, *plan.output_size, *weight.shape[1:])
    check_volume("input_shape", (channels, height, width), shape)
    check_volume("input_shape", (channels, height, width), (channels, height, width))

    outputs, inputs, values = _entries(weight, plan, (height, width))
    size = (int(np.prod(shape[:3])), channels * height * width)
    return scipy.sparse.coo_array((values, (outputs, inputs)), shape=size).tocsr()


def conv2d_input_gradient(
    grad_output: np.ndarray,
    weight: np.ndarray,
    input_shape: Sequence[int],
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> np.ndarray:
    """Compute a loss's gradient for the input of ``conv2d``: the transposed convolution.

    The output is linear in the input, y = Cx, so ∂L/∂x = Cᵀ ∂L/∂y: every output's gradient
    stamps the kernel back onto the pixels from which that output was computed.

    Parameters
    ----------
    grad_output : (N, C_out, H_out, W_out)
        ∂L/∂y. Any real floating dtype; the result keeps it.
    weight : (C_out, C_in / groups, K_h, K_w)
        Same dtype.
    input_shape : (N, C_in, H, W)
        Required because with stride S, up to S input sizes give the same output size.
    stride, padding, dilation, groups
        As passed to :func:`conv2d`.

    Returns
    -------
    (N, C_in, H, W)

    Raises
    ------
    ValueError
        As :func:`conv2d`, and if ``grad_output`` does not have the shape of its output.

    Examples
    --------
    In the sum of all outputs, every pixel counts once for each window that contains it:

    >>> ones = np.ones((1, 1, 2, 2))
    >>> conv2d_input_gradient(ones, ones, (1, 1, 3, 3))[0, 0].astype(int).tolist()
    [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    """
    grad_output = check_array("grad_output", grad_output, "N, C_out, H_out, W_out")
    weight = check_array("weight", weight, "C_out, C_in / groups, K_h, K_w")
    check_same_dtype("weight", weight, "grad_output", grad_output)
    input_shape = check_shape("input_shape", input_shape, "N, C_in, H, W")
    names = ("input_shape", "weight")
    plan = plan_convolution(input_shape, weight.shape, stride, padding, dilation, groups, names)
    _check_grad_output(grad_output, (input_shape[0], plan.out_channels, *plan.output_size))

    stamped = _stamp(grad_output, weight, plan.stride, plan.dilation, groups, plan.padded_size)
    (top, _), (left, _) = plan.padding
    inside = _inside(stamped, (top, left), input_shape[2:])
    return np.ascontiguousarray(inside, grad_output.dtype)


def conv2d_weight_gradient(
    grad_output: np.ndarray,
    input: np.ndarray,
    weight_shape: Sequence[int],
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> np.ndarray:
    """Compute a loss's gradient for the weight of ``conv2d``.

    The output is linear in the weight as well, y = W · columns, so the gradient again uses the
    transpose: ∂L/∂W = ∂L/∂y · columnsᵀ, the correlation of input and output gradient.

    Parameters
    ----------
    grad_output : (N, C_out, H_out, W_out)
        ∂L/∂y. Any real floating dtype; the result keeps it.
    input : (N, C_in, H, W)
        Same dtype.
    weight_shape : (C_out, C_in / groups, K_h, K_w)
    stride, padding, dilation, groups
        As passed to :func:`conv2d`.

    Returns
    -------
    (C_out, C_in / groups, K_h, K_w)

    Raises
    ------
    ValueError
        As :func:`conv2d`, and if ``grad_output`` does not have the shape of its output.

    Examples
    --------
    If only the first output matters, the gradient is that output's window:

    >>> image = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> first = np.array([[[[1.0, 0.0], [0.0, 0.0]]]])
    >>> conv2d_weight_gradient(first, image, (1, 1, 2, 2))[0, 0].tolist()
    [[0.0, 1.0], [3.0, 4.0]]
    """
    grad_output = check_array("grad_output", grad_output, "N, C_out, H_out, W_out")
    input = check_array("input", input, "N, C_in, H, W")
    check_same_dtype("input", input, "grad_output", grad_output)
    weight_shape = check_shape("weight_shape", weight_shape, "C_out, C_in / groups, K_h, K_w")
    names = ("input", "weight_shape")
    plan = plan_convolution(input.shape, weight_shape, stride, padding, dilation, groups, names)
    _check_grad_output(grad_output, (len(input), plan.out_channels, *plan.output_size))

    errors = widen(grad_output).reshape(len(input), plan.groups, -1, *plan.output_size)
    gradient = np.zeros((plan.groups, errors.shape[2], np.prod(weight_shape[1:])), errors.dtype)
    for images, rows, columns in _columns(_windows(input, plan)):
        part = errors[images, ..., rows, :]
        part = part.reshape(*part.shape[:3], -1)
        gradient += (part @ columns.swapaxes(-1, -2)).sum(axis=0)
    return gradient.reshape(weight_shape).astype(input.dtype, copy=False)


def _windows(input: np.ndarray, plan: Plan) -> np.ndarray:
    """Return every output's window as a view: (N, G, C_in/G, K_h, K_w, H_out, W_out)."""
    if any(np.ravel(plan.padding)):
        input = np.pad(input, ((0, 0), (0, 0), *plan.padding))
    split = input.reshape(len(input), plan.groups, -1, *plan.padded_size)
    windows = sliding_window_view(split, plan.reach, axis=(-2, -1))
    (down, across), (tall, wide) = plan.stride, plan.dilation
    windows = windows[..., ::down, ::across, ::tall, ::wide]
    return np.moveaxis(windows, (-2, -1), (-4, -3))


def _columns(windows: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Copy windows into the columns of matrices, a block of images or rows at a time.

    Yields the images, the output rows, and (images, G, C_in/G · K_h · K_w, rows · W_out). All
    windows at once take K_h · K_w times the input's memory: moving them would cost more than
    the matrix product.
    """
    count, groups, *window, height, _ = windows.shape
    row_bytes = windows[0, ..., 0, :].size * windows.itemsize
    rows_at_once = min(max(BLOCK_BYTES // row_bytes, 1), height)
    images_at_once = max(BLOCK_BYTES // (row_bytes * height), 1)
    for image in range(0, count, images_at_once):
        images = slice(image, min(image + images_at_once, count))
        for row in range(0, height, rows_at_once):
            rows = slice(row, min(row + rows_at_once, height))
            block = windows[images, ..., rows, :]
            yield images, rows, widen(block).reshape(len(block), groups, np.prod(window), -1)


def _stamp(
    input: np.ndarray,
    weight: np.ndarray,
    stride: Pair,
    dilation: Pair,
    groups: int,
    canvas_size: Pair,
) -> np.ndarray:
    """Sum the kernels that the input values stamp onto a canvas, in at least float32."""
    count, channels, height, width = input.shape
    shape = (count, groups, weight.shape[1], *canvas_size)
    canvas = np.zeros(shape, widen(input).dtype)
    values = widen(input).reshape(count, groups, channels // groups, height * width)
    taps = widen(weight).reshape(groups, channels // groups, *weight.shape[1:])
    taps = np.ascontiguousarray(taps.transpose(3, 4, 0, 2, 1))  # (K_h, K_w, G, C_out/G, C_in/G)
    for i, j in np.ndindex(taps.shape[:2]):
        rows = every(stride[0], dilation[0] * i, height)
        columns = every(stride[1], dilation[1] * j, width)
        stamps = taps[i, j] @ values
        canvas[..., rows, columns] += stamps.reshape(*shape[:3], height, width)
    return canvas.reshape(count, -1, *canvas_size)


def _entries(
    weight: np.ndarray, plan: Plan, input_size: Pair
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows, columns and values of a convolution's matrix."""
    # One entry for each pair of an output (o, p, q) and a weight (c, i, j) in its sum.
    shape = (plan.out_channels, *plan.output_size, *weight.shape[1:])
    height, width = input_size
    o, p, q, c, i, j = np.ogrid[tuple(slice(size) for size in shape)]
    row = plan.stride[0] * p + plan.dilation[0] * i - plan.padding[0][0]
    column = plan.stride[1] * q + plan.dilation[1] * j - plan.padding[1][0]
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    inside = np.broadcast_to(inside, shape)
    outputs = np.broadcast_to((o * shape[1] + p) * shape[2] + q, shape)[inside]
    inputs = np.broadcast_to((c * height + row) * width + column, shape)[inside]
    return outputs, inputs, np.broadcast_to(weight[:, None, None], shape)[inside]


def _inside(canvas: np.ndarray, corner: Pair, size: Sequence[int]) -> np.ndarray:
    (top, left), (height, width) = corner, size
    return canvas[:, :, top : top + height, left : left + width]


def _check_grad_output(grad_output: np.ndarray, shape: tuple[int, ...]) -> None:
    if grad_output.shape != shape:
        refuse("grad_output", f"shape {grad_output.shape}", f"{shape}, the output's shape")
