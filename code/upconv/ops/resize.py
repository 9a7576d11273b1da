"""Resizing along one axis as a matrix: what the libraries call nearest, linear and bicubic."""

from __future__ import annotations

import numpy as np

from upconv.checks import (
    check_choice,
    check_flag,
    check_integer,
    check_number,
    check_volume,
    refuse,
)
from upconv.ops._geometry import keys_cubic

COORDINATES = ("half-pixel", "align-corners", "asymmetric")
METHODS = ("nearest", "linear", "cubic")
BORDERS = ("replicate", "renormalize")
ROUNDINGS = ("up", "down", "floor")


def resize_matrix(
    input_size: int,
    output_size: int,
    method: str = "linear",
    coordinates: str = "half-pixel",
    *,
    a: float = -0.75,
    border: str = "replicate",
    antialias: bool = False,
    rounding: str = "up",
) -> np.ndarray:
    """Build the matrix that resizes one axis: row u holds the weights that output u gathers.

    A resized image is ``rows @ image @ columns.T``, with a matrix for each axis. Output u reads the
    input around x(u), with r = input size / output size:

    ===============  ==============================
    coordinates      x(u)
    ===============  ==============================
    "half-pixel"     r · (u + ½) − ½
    "align-corners"  u · (n_in − 1)/(n_out − 1)
    "asymmetric"     r · u
    ===============  ==============================

    Parameters
    ----------
    input_size, output_size : int
        In pixels, at least 1.
    method : "nearest", "linear" or "cubic"
        One pixel; two, weighted by a tent; four, weighted by Keys's cubic kernel.
    coordinates : "half-pixel", "align-corners" or "asymmetric"
    a : float
        Slope of the cubic kernel at distance 1. −0.5 reproduces quadratic functions (Keys, Pillow,
        TensorFlow); −0.75 is sharper (PyTorch, OpenCV, ONNX).
    border : "replicate" or "renormalize"
        Beyond the border the outermost pixel is repeated, or nothing is read and the remaining
        weights are divided by their sum.
    antialias : bool
        Widen the kernel by r when shrinking, so that every input pixel counts. Not with "nearest".
    rounding : "up", "down" or "floor"
        With "nearest": halves round up, or down; or every fraction is dropped.

    Returns
    -------
    (output_size, input_size), float64
        Every row sums to 1.

    Raises
    ------
    ValueError
        If a size is not a positive integer, a name is not one of those above, or ``a`` is not
        finite.

    References
    ----------
    Keys, "Cubic convolution interpolation for digital image processing" (1981).

    Examples
    --------
    >>> resize_matrix(2, 4).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    >>> resize_matrix(4, 6, "nearest") @ np.arange(4.0)
    array([0., 1., 1., 2., 3., 3.])
    >>> resize_matrix(4, 6, "nearest", "asymmetric", rounding="floor") @ np.arange(4.0)
    array([0., 0., 1., 2., 2., 3.])
    """
    n_in = check_integer("input_size", input_size, 1)
    n_out = check_integer("output_size", output_size, 1)
    check_volume("output_size", output_size, (n_in, n_out))
    check_choice("method", method, METHODS)
    check_choice("coordinates", coordinates, COORDINATES)
    check_choice("border", border, BORDERS)
    check_choice("rounding", rounding, ROUNDINGS)
    if check_flag("antialias", antialias) and method == "nearest":
        refuse("antialias", "True", "False with method 'nearest'")
    a = check_number("a", a)
    source = _sources(n_in, n_out, coordinates)
    matrix = np.zeros((n_out, n_in))
    if method == "nearest":
        # Rounded first: 2.5 may have come out as 2.4999999999999996.
        exact = np.round(source, 9)
        index = {"up": np.floor(exact + 0.5), "down": np.ceil(exact - 0.5)}
        nearest = index.get(rounding, np.floor(exact)).astype(int)
        matrix[np.arange(n_out), np.clip(nearest, 0, n_in - 1)] = 1
        return matrix
    width = max(n_in / n_out, 1.0) if antialias else 1.0
    reach = int(np.ceil(2 * width))
    taps = np.arange(-reach, n_in + reach)  # with the pixels beyond the border
    distance = (source[:, None] - taps) / width
    tent = np.maximum(1 - abs(distance), 0)
    weights = tent if method == "linear" else keys_cubic(distance, a)
    if border == "renormalize":
        weights[:, (taps < 0) | (taps >= n_in)] = 0
    np.add.at(matrix.T, np.clip(taps, 0, n_in - 1), weights.T)
    return matrix / matrix.sum(axis=1, keepdims=True)


def _sources(n_in: int, n_out: int, coordinates: str) -> np.ndarray:
    """The position that each output reads, in input pixels."""
    u = np.arange(n_out)
    if coordinates == "align-corners":
        return u * ((n_in - 1) / (n_out - 1) if n_out > 1 else 0.0)
    return u * n_in / n_out if coordinates == "asymmetric" else (u + 0.5) * n_in / n_out - 0.5
