"""Convolution, its transpose, its matrix and its gradients, in NumPy.

What deep-learning libraries call convolution is cross-correlation: the kernel is not flipped.
Arrays are laid out (N, C, H, W): images, channels, rows, columns. The names of the parameters
are those of ``torch.nn.functional``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse

from upconv.ops._checks import (
    check_array,
    check_integer,
    check_pair,
    check_same_dtype,
    check_shape,
    check_volume,
    refuse,
)
from upconv.ops.shapes import Size, conv_transpose2d_output_size

# Windows are copied in blocks of about this size, which stay in a processor's cache.
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
    """Two-dimensional cross-correlation, as ``torch.nn.functional.conv2d``.

    y[n, o, p, q] = b[o] + Σ_{c,i,j} w[o, c, i, j] · x̄[n, c, S·p + D·i, S·q + D·j]

    with x̄ the input inside a rim of P zeros, S the stride and D the dilation. The sum over
    c, i, j is a matrix product: one row per output channel, one column per window.

    Parameters
    ----------
    input : (N, C_in, H, W)
        Any real floating dtype; the result keeps it (float16 is summed in float32).
    weight : (C_out, C_in / groups, K_h, K_w)
        Of the input's dtype.
    bias : (C_out,), optional
        Of the input's dtype.
    stride, dilation : int or pair
        In pixels, at least 1.
    padding : int, pair, "same" or "valid"
        Zeros on each side, in pixels. "valid" is none. "same" keeps the input's size, with
        stride 1 only; of an odd number of zeros the extra one stands at the bottom or right.
    groups : int
        Channels are split into this many groups, each with its own kernels.

    Returns
    -------
    (N, C_out, H_out, W_out)
        H_out = ⌊(H + 2P − D(K_h − 1) − 1) / S⌋ + 1, see ``conv2d_output_size``.

    Raises
    ------
    ValueError
        If an array is empty or of the wrong rank or dtype, if channels do not match, if a size
        is no positive integer, or if the dilated kernel is larger than the padded input.

    References
    ----------
    LeCun et al., "Gradient-based learning applied to document recognition" (1998).
    Dumoulin & Visin, arXiv:1603.07285 (2016), relationships 6 and 15.
    """
    input = check_array("input", input, "N, C_in, H, W")
    weight = check_array("weight", weight, "C_out, C_in / groups, K_h, K_w")
    check_same_dtype("weight", weight, "input", input)
    plan = _plan(input.shape, weight.shape, stride, padding, dilation, groups)
    bias = _check_bias(bias, input, plan.out_channels)

    windows = _windows(input, plan)  # (N, G, C_in/G, K_h, K_w, H_out, W_out), nothing copied
    matrix = _wide(weight).reshape(plan.groups, plan.out_channels // plan.groups, -1)
    output = np.empty((len(input), *matrix.shape[:2], *plan.output_size), input.dtype)
    for images, rows, columns in _columns(windows):
        part = output[images, ..., rows, :]
        part[...] = (matrix @ columns).reshape(part.shape)
    output = output.reshape(len(input), plan.out_channels, *plan.output_size)
    return output if bias is None else np.add(output, bias[:, None, None], out=output)


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
    """The transpose of ``conv2d``, as ``torch.nn.functional.conv_transpose2d``.

    Every input value stamps the kernel, multiplied by it, onto the output; stamps are S pixels
    apart, and where they overlap they are summed:

    ȳ[n, o, S·p + D·i, S·q + D·j] += w[c, o, i, j] · x[n, c, p, q]   for all n, o, c, p, q, i, j

    and y is ȳ without its rim of P pixels, plus the bias.

    Parameters
    ----------
    input : (N, C_in, H, W)
        Any real floating dtype; the result keeps it.
    weight : (C_in, C_out / groups, K_h, K_w)
        The very array that ``conv2d`` takes in the other direction.
    bias : (C_out,), optional
        Of the input's dtype.
    stride, dilation : int or pair
        In pixels, at least 1.
    padding : int or pair
        Pixels cut off on each side: what ``conv2d`` adds, the transpose takes away.
    output_padding : int or pair
        Rows (columns) more at the bottom (right), fewer than the larger of stride and dilation,
        which is torch's rule.
    groups : int
        Channels are split into this many groups, each with its own kernels.

    Returns
    -------
    (N, C_out, H_out, W_out)
        H_out = S(H − 1) + D(K_h − 1) + 1 − 2P + A, see ``conv_transpose2d_output_size``.

    Raises
    ------
    ValueError
        If an array is empty or of the wrong rank or dtype, if channels do not match, if a size
        is no positive integer, if the output padding is too large or nothing is left.

    References
    ----------
    Zeiler et al., "Deconvolutional networks" (2010). Long, Shelhamer & Darrell, "Fully
    convolutional networks" (2015), section 3.3. Dumoulin & Visin (2016), relationship 14.
    """
    input = check_array("input", input, "N, C_in, H, W")
    weight = check_array("weight", weight, "C_in, C_out / groups, K_h, K_w")
    check_same_dtype("weight", weight, "input", input)
    groups = _check_groups(groups, "weight", weight.shape[0])
    if input.shape[1] != weight.shape[0]:
        refuse("input", f"{input.shape[1]} channels", f"{weight.shape[0]}, the rows of weight")
    bias = _check_bias(bias, input, weight.shape[1] * groups)
    stride, dilation = check_pair("stride", stride, 1), check_pair("dilation", dilation, 1)
    padding = check_pair("padding", padding, 0)
    geometry = (input.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation)
    height, width = conv_transpose2d_output_size(*geometry)

    canvas = (height + 2 * padding[0], width + 2 * padding[1])
    stamped = _stamp(input, weight, stride, dilation, groups, canvas)
    output = stamped[:, :, padding[0] : padding[0] + height, padding[1] : padding[1] + width]
    if bias is not None:
        output = output + bias[:, None, None]
    return np.ascontiguousarray(output)


def convolution_matrix(
    weight: np.ndarray,
    input_shape: Sequence[int],
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
) -> scipy.sparse.csr_array:
    """The matrix C of a convolution: C @ x.ravel() is conv2d(x, weight).ravel().

    Its transpose is the transposed convolution, which gives that operator its name. Every row
    holds the kernel, once, at the place of its window.

    Parameters
    ----------
    weight : (C_out, C_in, K_h, K_w) or (K_h, K_w)
        Any real floating dtype; the matrix keeps it, but float16, which SciPy has no sparse
        arrays of, becomes float32.
    input_shape : (C_in, H, W) or (H, W)
        Of one image; (H, W) means one channel, as does a weight of two axes.
    stride, padding, dilation
        As in :func:`conv2d`.

    Returns
    -------
    scipy.sparse.csr_array, (C_out · H_out · W_out, C_in · H · W)
        Entries the kernel reaches are stored even where the weight is zero, so that the
        pattern of the matrix does not depend on the weight's values.

    Raises
    ------
    ValueError
        As :func:`conv2d`, and if shapes do not match.

    References
    ----------
    Dumoulin & Visin, arXiv:1603.07285 (2016), section 4.1.
    """
    weight = check_array("weight", weight)
    if weight.ndim not in (2, 4):
        got = f"{weight.ndim} axes, shape {weight.shape}"
        refuse("weight", got, "2 axes (K_h, K_w) or 4 axes (C_out, C_in, K_h, K_w)")
    if not isinstance(input_shape, Sequence | np.ndarray) or len(input_shape) not in (2, 3):
        refuse("input_shape", repr(input_shape), "(H, W) or (C_in, H, W)")
    if len(input_shape) == 2:
        input_shape = (1, *input_shape)
    channels, height, width = check_shape("input_shape", input_shape, "C_in, H, W")
    weight = _wide(weight.reshape((1, 1, *weight.shape) if weight.ndim == 2 else weight.shape))
    plan = _plan((1, channels, height, width), weight.shape, stride, padding, dilation, 1)
    shape = (plan.out_channels, *plan.output_size, *weight.shape[1:])
    check_volume("input_shape", (channels, height, width), shape)
    check_volume("input_shape", (channels, height, width), (channels, height, width))

    # One entry for every output (o, p, q) and every weight (c, i, j) that it is a sum over.
    o, p, q, c, i, j = np.ogrid[tuple(slice(size) for size in shape)]
    row = plan.stride[0] * p + plan.dilation[0] * i - plan.padding[0][0]
    column = plan.stride[1] * q + plan.dilation[1] * j - plan.padding[1][0]
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    inside = np.broadcast_to(inside, shape)
    outputs = np.broadcast_to((o * shape[1] + p) * shape[2] + q, shape)[inside]
    inputs = np.broadcast_to((c * height + row) * width + column, shape)[inside]
    values = np.broadcast_to(weight[:, None, None], shape)[inside]
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
    """Gradient of a loss with respect to the input of ``conv2d``: the transposed convolution.

    The output is linear in the input, y = Cx, so that ∂L/∂x = Cᵀ ∂L/∂y: every output's
    gradient stamps the kernel back onto the pixels that the output was made of.

    Parameters
    ----------
    grad_output : (N, C_out, H_out, W_out)
        ∂L/∂y. Any real floating dtype; the result keeps it.
    weight : (C_out, C_in / groups, K_h, K_w)
        Of the same dtype.
    input_shape : (N, C_in, H, W)
        Needed because with a stride S up to S input sizes give the same output size.
    stride, padding, dilation, groups
        As given to :func:`conv2d`.

    Returns
    -------
    (N, C_in, H, W)

    Raises
    ------
    ValueError
        As :func:`conv2d`, and if ``grad_output`` has not the shape of its output.
    """
    grad_output = check_array("grad_output", grad_output, "N, C_out, H_out, W_out")
    weight = check_array("weight", weight, "C_out, C_in / groups, K_h, K_w")
    check_same_dtype("weight", weight, "grad_output", grad_output)
    input_shape = check_shape("input_shape", input_shape, "N, C_in, H, W")
    plan = _plan(input_shape, weight.shape, stride, padding, dilation, groups, "input_shape")
    _check_grad_output(grad_output, (input_shape[0], plan.out_channels, *plan.output_size))

    stamped = _stamp(grad_output, weight, plan.stride, plan.dilation, groups, plan.padded_size)
    (top, _), (left, _) = plan.padding
    height, width = input_shape[2:]
    return np.ascontiguousarray(stamped[:, :, top : top + height, left : left + width])


def conv2d_weight_gradient(
    grad_output: np.ndarray,
    input: np.ndarray,
    weight_shape: Sequence[int],
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> np.ndarray:
    """Gradient of a loss with respect to the weight of ``conv2d``.

    The output is linear in the weight as well, y = W · columns, so that the gradient is again
    by the transpose: ∂L/∂W = ∂L/∂y · columnsᵀ, the correlation of input and output gradient.

    Parameters
    ----------
    grad_output : (N, C_out, H_out, W_out)
        ∂L/∂y. Any real floating dtype; the result keeps it.
    input : (N, C_in, H, W)
        Of the same dtype.
    weight_shape : (C_out, C_in / groups, K_h, K_w)
    stride, padding, dilation, groups
        As given to :func:`conv2d`.

    Returns
    -------
    (C_out, C_in / groups, K_h, K_w)

    Raises
    ------
    ValueError
        As :func:`conv2d`, and if ``grad_output`` has not the shape of its output.
    """
    grad_output = check_array("grad_output", grad_output, "N, C_out, H_out, W_out")
    input = check_array("input", input, "N, C_in, H, W")
    check_same_dtype("input", input, "grad_output", grad_output)
    weight_shape = check_shape("weight_shape", weight_shape, "C_out, C_in / groups, K_h, K_w")
    plan = _plan(input.shape, weight_shape, stride, padding, dilation, groups)
    _check_grad_output(grad_output, (len(input), plan.out_channels, *plan.output_size))

    errors = _wide(grad_output).reshape(len(input), plan.groups, -1, *plan.output_size)
    gradient = np.zeros((plan.groups, errors.shape[2], np.prod(weight_shape[1:])), errors.dtype)
    for images, rows, columns in _columns(_windows(input, plan)):
        part = errors[images, ..., rows, :]
        part = part.reshape(*part.shape[:3], -1)
        gradient += (part @ columns.swapaxes(-1, -2)).sum(axis=0)
    return gradient.reshape(weight_shape).astype(input.dtype, copy=False)


def _windows(input: np.ndarray, plan: _Plan) -> np.ndarray:
    """The window below every output, as a view: (N, G, C_in/G, K_h, K_w, H_out, W_out)."""
    if any(np.ravel(plan.padding)):
        input = np.pad(input, ((0, 0), (0, 0), *plan.padding))
    split = input.reshape(len(input), plan.groups, -1, *plan.padded_size)
    reach = [d * (k - 1) + 1 for d, k in zip(plan.dilation, plan.kernel_size, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(split, reach, axis=(-2, -1))
    (down, across), (tall, wide) = plan.stride, plan.dilation
    windows = windows[..., ::down, ::across, ::tall, ::wide]
    return np.moveaxis(windows, (-2, -1), (-4, -3))


def _columns(windows: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Windows written out as the columns of matrices, a block of images or of rows at a time.

    Yields the images, the output rows, and (images, G, C_in/G · K_h · K_w, rows · W_out). All
    windows at once are K_h · K_w times the input: memory and its traffic would cost more than
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
            yield images, rows, _wide(block).reshape(len(block), groups, np.prod(window), -1)


def _stamp(
    input: np.ndarray,
    weight: np.ndarray,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
    canvas_size: tuple[int, int],
) -> np.ndarray:
    """Sum of the kernels that the input values stamp onto a canvas of the given size."""
    count, channels, height, width = input.shape
    out_channels, kernel_height, kernel_width = weight.shape[1:]
    shape = (count, groups, out_channels, *canvas_size)
    check_volume("stride", stride, shape)
    values = _wide(input).reshape(count, groups, channels // groups, height * width)
    matrix = _wide(weight).reshape(groups, channels // groups, *weight.shape[1:])
    canvas = np.zeros(shape, values.dtype)
    for i, j in np.ndindex(kernel_height, kernel_width):
        rows = _every(stride[0], dilation[0] * i, height)
        columns = _every(stride[1], dilation[1] * j, width)
        stamps = matrix[..., i, j].swapaxes(-1, -2) @ values
        canvas[..., rows, columns] += stamps.reshape(count, groups, -1, height, width)
    canvas = canvas.reshape(count, groups * out_channels, *canvas_size)
    return canvas.astype(input.dtype, copy=False)


def _every(step: int, start: int, count: int) -> slice:
    """The positions start, start + step, …: ``count`` of them."""
    return slice(start, start + step * (count - 1) + 1, step)


def _wide(array: np.ndarray) -> np.ndarray:
    """float16 as float32, in which it is summed (and which BLAS knows); all else as it is."""
    return array.astype(np.result_type(array.dtype, np.float32), copy=False)


class _Plan(NamedTuple):
    """The checked geometry of a convolution."""

    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))
    padded_size: tuple[int, int]
    output_size: tuple[int, int]
    out_channels: int
    groups: int


def _plan(
    input_shape: Sequence[int],
    weight_shape: Sequence[int],
    stride: Size,
    padding: Size | str,
    dilation: Size,
    groups: int,
    input_name: str = "input",
) -> _Plan:
    """Check how input, weight and parameters fit together."""
    out_channels, channels, *kernel = weight_shape
    groups = _check_groups(groups, "weight", out_channels)
    if input_shape[1] != channels * groups:
        expected = f"{channels * groups} (weight's {channels} times groups {groups})"
        refuse(input_name, f"{input_shape[1]} channels", expected)
    stride, dilation = check_pair("stride", stride, 1), check_pair("dilation", dilation, 1)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    pads = _check_padding(padding, stride, reach)
    padded = tuple(n + sum(pad) for n, pad in zip(input_shape[2:], pads, strict=True))
    if reach[0] > padded[0] or reach[1] > padded[1]:
        got = f"a kernel of {reach[0]} × {reach[1]} pixels (with dilation {dilation})"
        refuse("weight", got, f"at most the padded input's {padded[0]} × {padded[1]}")
    check_volume("padding", padding, (*input_shape[:2], *padded))
    output = tuple((n - r) // s + 1 for n, r, s in zip(padded, reach, stride, strict=True))
    check_volume("padding", padding, (input_shape[0], out_channels, *output))
    return _Plan(tuple(kernel), stride, dilation, pads, padded, output, out_channels, groups)


def _check_padding(
    padding: Size | str, stride: tuple[int, int], reach: Sequence[int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Zeros to add: ((top, bottom), (left, right))."""
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            refuse("padding", repr(padding), '"same", "valid", an integer or a pair')
        if padding == "same" and stride != (1, 1):
            refuse("stride", stride, '(1, 1) with padding "same"')
        extra = [r - 1 if padding == "same" else 0 for r in reach]
        return tuple((e // 2, e - e // 2) for e in extra)
    return tuple((p, p) for p in check_pair("padding", padding, 0))


def _check_groups(groups: int, name: str, channels: int) -> int:
    groups = check_integer("groups", groups, 1)
    if channels % groups:
        refuse("groups", groups, f"a divisor of the first axis of {name}, {channels}")
    return groups


def _check_bias(bias: np.ndarray | None, input: np.ndarray, channels: int) -> np.ndarray | None:
    if bias is None:
        return None
    bias = check_array("bias", bias, "C_out")
    check_same_dtype("bias", bias, "input", input)
    if len(bias) != channels:
        refuse("bias", f"{len(bias)} values", f"{channels}, one per output channel")
    return bias


def _check_grad_output(grad_output: np.ndarray, shape: tuple[int, ...]) -> None:
    if grad_output.shape != shape:
        refuse("grad_output", f"shape {grad_output.shape}", f"{shape}, the output's shape")
