"""Check that the input, weight and parameters of a convolution fit together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from upconv.checks import (
    check_array,
    check_integer,
    check_pair,
    check_same_dtype,
    check_volume,
    refuse,
)
from upconv.ops.shapes import Size, conv_transpose2d_output_size

Pair = tuple[int, int]


class Plan(NamedTuple):
    """Validated geometry of a convolution; every size is a pair (height, width)."""

    kernel_size: Pair
    reach: Pair  # extent of the dilated kernel in pixels: D(K − 1) + 1
    stride: Pair
    dilation: Pair
    padding: tuple[Pair, Pair]  # ((top, bottom), (left, right))
    padded_size: Pair
    output_size: Pair
    out_channels: int
    groups: int


class TransposedPlan(NamedTuple):
    """Validated geometry of a transposed convolution; every size is a pair (height, width)."""

    stride: Pair
    dilation: Pair
    padding: Pair
    canvas_size: Pair  # output size including the border that the padding crops
    output_size: Pair
    groups: int


def check_conv2d(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Size,
    padding: Size | str,
    dilation: Size,
    groups: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, Plan]:
    """Validate the arguments of a convolution; return its arrays and geometry."""
    input = check_array("input", input, "N, C_in, H, W")
    weight = check_array("weight", weight, "C_out, C_in / groups, K_h, K_w")
    check_same_dtype("weight", weight, "input", input)
    plan = plan_convolution(input.shape, weight.shape, stride, padding, dilation, groups)
    return input, weight, _check_bias(bias, input, plan.out_channels), plan


def check_conv_transpose2d(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Size,
    padding: Size,
    output_padding: Size,
    dilation: Size,
    groups: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, TransposedPlan]:
    """Validate the arguments of a transposed convolution; return its arrays and geometry."""
    input = check_array("input", input, "N, C_in, H, W")
    weight = check_array("weight", weight, "C_in, C_out / groups, K_h, K_w")
    check_same_dtype("weight", weight, "input", input)
    groups = _check_groups(groups, "weight", weight.shape[0])
    if input.shape[1] != weight.shape[0]:
        expected = f"{weight.shape[0]}, the first axis of weight"
        refuse("input", f"{input.shape[1]} channels", expected)
    channels = weight.shape[1] * groups
    bias = _check_bias(bias, input, channels)
    stride, dilation = check_pair("stride", stride, 1), check_pair("dilation", dilation, 1)
    padding = check_pair("padding", padding, 0)
    (height, width), (rows, columns) = input.shape[2:], weight.shape[2:]
    geometry = ((rows, columns), stride, padding, output_padding, dilation)
    output = conv_transpose2d_output_size((height, width), *geometry)
    canvas = (output[0] + 2 * padding[0], output[1] + 2 * padding[1])
    volume = (len(input), channels, *canvas)
    check_volume("stride", f"{stride} with dilation {dilation}", volume)
    return input, weight, bias, TransposedPlan(stride, dilation, padding, canvas, output, groups)


def plan_convolution(
    input_shape: Sequence[int],
    weight_shape: Sequence[int],
    stride: Size,
    padding: Size | str,
    dilation: Size,
    groups: int,
    names: tuple[str, str] = ("input", "weight"),
) -> Plan:
    """Check a convolution of shapes (N, C_in, H, W) and (C_out, C_in / groups, K_h, K_w).

    ``names`` are the argument names to report if the two shapes do not match.
    """
    input_name, weight_name = names
    out_channels, channels, rows, columns = weight_shape
    groups = _check_groups(groups, weight_name, out_channels)
    if input_shape[1] != channels * groups:
        expected = f"{channels * groups}: {weight_name} has {channels}, times groups {groups}"
        refuse(input_name, f"{input_shape[1]} channels", expected)
    stride, dilation = check_pair("stride", stride, 1), check_pair("dilation", dilation, 1)
    reach = (dilation[0] * (rows - 1) + 1, dilation[1] * (columns - 1) + 1)
    pads = _check_padding(padding, stride, reach)
    padded = (input_shape[2] + sum(pads[0]), input_shape[3] + sum(pads[1]))
    if reach[0] > padded[0] or reach[1] > padded[1]:
        got = f"a kernel extent of {reach[0]} × {reach[1]} pixels (dilation {dilation})"
        refuse(weight_name, got, f"at most the padded input's {padded[0]} × {padded[1]}")
    output = ((padded[0] - reach[0]) // stride[0] + 1, (padded[1] - reach[1]) // stride[1] + 1)
    check_volume("padding", padding, (*input_shape[:2], *padded))
    check_volume("padding", padding, (input_shape[0], out_channels, *output))
    sizes = ((rows, columns), reach, stride, dilation, pads, padded, output)
    return Plan(*sizes, out_channels, groups)


def _check_padding(padding: Size | str, stride: Pair, reach: Pair) -> tuple[Pair, Pair]:
    """Return the zeros to add: ((top, bottom), (left, right))."""
    if not isinstance(padding, str):
        down, across = check_pair("padding", padding, 0)
        return (down, down), (across, across)
    if padding not in ("same", "valid"):
        refuse("padding", repr(padding), '"same", "valid", an integer or a pair of them')
    if padding == "valid":
        return (0, 0), (0, 0)
    if stride != (1, 1):
        refuse("stride", stride, '(1, 1) with padding "same"')
    return ((reach[0] - 1) // 2, reach[0] // 2), ((reach[1] - 1) // 2, reach[1] // 2)


def _check_groups(groups: int, weight_name: str, channels: int) -> int:
    """Check that ``groups`` divides the first axis of the weight."""
    groups = check_integer("groups", groups, 1)
    if channels % groups:
        refuse("groups", groups, f"a divisor of the first axis of {weight_name}, {channels}")
    return groups


def _check_bias(bias: np.ndarray | None, input: np.ndarray, channels: int) -> np.ndarray | None:
    """Check that the bias is None or has one value per output channel."""
    if bias is None:
        return None
    bias = check_array("bias", bias, "C_out")
    check_same_dtype("bias", bias, "input", input)
    if len(bias) != channels:
        refuse("bias", f"{len(bias)} values", f"{channels}, one per output channel")
    return bias


def every(step: int, start: int, count: int) -> slice:
    """Slice of ``count`` positions: start, start + step, start + 2 step, …"""
    return slice(start, start + step * (count - 1) + 1, step)


def keys_cubic(distance: np.ndarray, a: float) -> np.ndarray:
    """Keys's kernel with slope ``a`` at 1: 1 at 0, 0 at the other whole numbers and from 2 on."""
    t = np.abs(distance)
    near = ((a + 2) * t - (a + 3)) * t**2 + 1
    far = a * (((t - 5) * t + 8) * t - 4)
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))
