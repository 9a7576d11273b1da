"""Sub-pixel convolution: channels become the phases of a finer grid, and the reverse."""

from __future__ import annotations

import numpy as np

from upconv.checks import check_array, check_integer, check_volume, refuse


def pixel_shuffle(input: np.ndarray, factor: int) -> np.ndarray:
    """Interleave S² channels as the phases of a grid S times as fine (``torch.nn.PixelShuffle``).

    y[n, c, S·h + i, S·w + j] = x[n, c·S² + i·S + j, h, w]

    ``tf.nn.depth_to_space`` counts the same channels in another order: (i·S + j)·C + c. For C = 1
    the two agree.

    Parameters
    ----------
    input : (N, C·S², H, W)
        Any real floating dtype; the result keeps it.
    factor : int
        S, at least 1.

    Returns
    -------
    (N, C, S·H, S·W)

    Raises
    ------
    ValueError
        If the input is empty or has the wrong rank or dtype, the factor is not a positive
        integer, or S² does not divide the number of channels.

    References
    ----------
    Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network" (2016).

    Examples
    --------
    >>> phases = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1, 1)
    >>> pixel_shuffle(phases, 2)[0, 0].astype(int).tolist()
    [[1, 2], [3, 4]]
    """
    input = check_array("input", input, "N, C, H, W")
    factor = check_integer("factor", factor, 1)
    n, channels, height, width = input.shape
    if channels % factor**2:
        refuse("input", f"{channels} channels", f"a multiple of factor² = {factor**2}")
    apart = input.reshape(n, channels // factor**2, factor, factor, height, width)
    # (N, C, i, j, H, W) → (N, C, H, i, W, j)
    side_by_side = apart.transpose(0, 1, 4, 2, 5, 3)
    return side_by_side.reshape(n, channels // factor**2, factor * height, factor * width)


def pixel_unshuffle(input: np.ndarray, factor: int) -> np.ndarray:
    """Undo ``pixel_shuffle``: every phase becomes a channel (``torch.nn.PixelUnshuffle``).

    It is also the adjoint of ``pixel_shuffle``, so its backward pass.

    Parameters
    ----------
    input : (N, C, S·H, S·W)
        Any real floating dtype; the result keeps it.
    factor : int
        S, at least 1.

    Returns
    -------
    (N, C·S², H, W)

    Raises
    ------
    ValueError
        If the input is empty or has the wrong rank or dtype, the factor is not a positive
        integer, or S does not divide height and width.

    Examples
    --------
    >>> pixel_unshuffle(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), 2)[0, :, 0, 0].astype(int).tolist()
    [1, 2, 3, 4]
    """
    input = check_array("input", input, "N, C, H, W")
    factor = check_integer("factor", factor, 1)
    n, channels, height, width = input.shape
    if height % factor or width % factor:
        refuse("input", f"size {(height, width)}", f"multiples of the factor {factor}")
    side_by_side = input.reshape(
        n, channels, height // factor, factor, width // factor, factor
    )  # (N, C, H, i, W, j)
    apart = side_by_side.transpose(0, 1, 3, 5, 2, 4)
    return apart.reshape(n, channels * factor**2, height // factor, width // factor)


def icnr(weight: np.ndarray, factor: int) -> np.ndarray:
    """Repeat each kernel S² times, so that ``pixel_shuffle`` starts as nearest-neighbor copying.

    "Initialization to Convolution followed by Nearest-neighbor Resize": all phases of an output
    channel have the same kernel, hence the same sum, hence no checkerboard, until training makes
    them differ.

    Parameters
    ----------
    weight : (C, C_in, K_h, K_w)
        Freshly initialized kernels of a convolution at the low resolution, any real floating
        dtype; the result keeps it.
    factor : int
        S, at least 1.

    Returns
    -------
    (C·S², C_in, K_h, K_w)

    Raises
    ------
    ValueError
        If the weight is empty or has the wrong rank or dtype, or the factor is not a positive
        integer.

    References
    ----------
    Aitken et al., "Checkerboard artifact free sub-pixel convolution" (2017).

    Examples
    --------
    >>> kernels = np.arange(2.0).reshape(2, 1, 1, 1)
    >>> icnr(kernels, 2).ravel().astype(int).tolist()
    [0, 0, 0, 0, 1, 1, 1, 1]
    """
    weight = check_array("weight", weight, "C_out, C_in, K_h, K_w")
    factor = check_integer("factor", factor, 1)
    shape = (weight.shape[0] * factor**2, *weight.shape[1:])
    check_volume("factor", factor, shape, weight.itemsize)
    return weight.repeat(factor**2, axis=0)
