"""Sizes, receptive fields and parameter counts against the frameworks and by counting."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st

from upconv import ops

small = st.integers(1, 12)


@given(st.integers(1, 40), small, st.integers(1, 5), st.integers(0, 5), st.integers(1, 4))
def test_convolution_size_is_torchs(n, k, s, p, d):
    assume(d * (k - 1) + 1 <= n + 2 * p)
    x, w = torch.zeros(1, 1, n, n, device="meta"), torch.zeros(1, 1, k, k, device="meta")
    expected = F.conv2d(x, w, stride=s, padding=p, dilation=d).shape[2]
    assert ops.conv2d_output_size(n, k, s, p, d) == expected
    assert ops.conv2d_output_size((n, n), k, (s, s), p, d) == (expected, expected)


@given(small, small, st.integers(1, 5), st.integers(0, 5), st.integers(0, 4), st.integers(1, 4))
def test_transposed_size_is_torchs(n, k, s, p, a, d):
    assume(a < max(s, d))
    x, w = torch.zeros(1, 1, n, n), torch.zeros(1, 1, k, k)
    assume(s * (n - 1) + d * (k - 1) + 1 - 2 * p + a >= 1)
    y = F.conv_transpose2d(x, w, stride=s, padding=p, output_padding=a, dilation=d)
    assert ops.conv_transpose2d_output_size(n, k, s, p, a, d) == y.shape[2]


@given(st.integers(1, 60), small, st.integers(1, 5), st.integers(0, 5))
def test_output_padding_finds_the_way_back(n, k, s, p):
    assume(k <= n + 2 * p)
    m = ops.conv2d_output_size(n, k, s, p)
    back = [
        ops.conv_transpose2d_output_size(m, k, s, p, a)
        for a in range(s)
        if s * (m - 1) + k - 2 * p + a >= 1
    ]
    assert n in back
    assert len(set(back)) == len(back)


layers = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)),
    min_size=1,
    max_size=4,
)


@given(layers)
def test_receptive_field_is_the_support_of_the_gradient(stack):
    rows = ops.receptive_field(stack)
    x = torch.zeros(1, 1, 1, 400, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel, stride, padding, dilation in stack:
        weight = torch.ones(1, 1, 1, kernel, dtype=torch.float64)
        options = {"stride": (1, stride), "padding": (0, padding), "dilation": (1, dilation)}
        y = F.conv2d(y, weight, **options)
    middle = y.shape[3] // 2
    spans = []
    for unit in (middle, middle + 1):
        (gradient,) = torch.autograd.grad(y[0, 0, 0, unit], x, retain_graph=True)
        seen = np.flatnonzero(gradient.numpy())
        spans.append((seen[0], seen[-1]))
    (first, last), (next_first, _) = spans
    assert last - first + 1 == rows[-1].size
    assert next_first - first == rows[-1].jump
    assert (first + last) / 2 == rows[-1].center + middle * rows[-1].jump


mixed = st.lists(
    st.builds(
        ops.Layer,
        st.integers(1, 4),
        st.integers(1, 3),
        st.integers(0, 2),
        dilation=st.just(1),
        name=st.just(""),
        transposed=st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@given(mixed, st.data())
def test_input_interval_is_the_support_of_the_gradient(stack, data):
    x = torch.zeros(1, 1, 1, 60, dtype=torch.float64, requires_grad=True)
    y, sizes = x, [60]
    for layer in stack:
        convolve = F.conv_transpose2d if layer.transposed else F.conv2d
        weight = torch.ones(1, 1, 1, layer.kernel_size, dtype=torch.float64)
        padding, stride = (0, layer.padding), (1, layer.stride)
        room = y.shape[3] + 2 * layer.padding - layer.kernel_size
        if layer.transposed:
            room = layer.stride * (y.shape[3] - 1) + layer.kernel_size - 2 * layer.padding - 1
        assume(room >= 0)
        y = convolve(y, weight, stride=stride, padding=padding)
        sizes.append(y.shape[3])
    unit = data.draw(st.integers(0, y.shape[3] - 1))
    interval = ops.input_interval(stack, unit)
    # Near the borders part of what would be seen is padding, of the input or of a map between.
    for depth, size in enumerate(sizes[:-1]):
        part = ops.input_interval(stack[depth:], unit)
        assume(part is None or 0 <= part[0] <= part[1] < size)
    (gradient,) = torch.autograd.grad(y[0, 0, 0, unit], x)
    seen = np.flatnonzero(gradient.numpy())
    assert (interval is None) == (len(seen) == 0)
    assert interval is None or interval == (seen[0], seen[-1])


def test_input_interval_knows_convolutions_without_transposition():
    stack = [(3, 2, 1), (5, 1, 2, 2)]
    field = ops.receptive_field(stack)[-1]
    first, last = ops.input_interval(stack, 7)
    assert last - first + 1 == field.size
    assert (first + last) / 2 == field.center + 7 * field.jump


def test_network_shapes_go_up_again():
    stack = [ops.Layer(3, 1, 1), ops.Layer(2, 2), ops.Layer(4, 2, 1, name="up", transposed=True)]
    assert ops.network_shapes(stack, 31) == [("", 31), ("", 15), ("up", 30)]


def test_receptive_field_of_vgg16_up_to_pool5():
    stack = []
    for convolutions in (2, 2, 3, 3, 3):
        stack += [ops.Layer(3, 1, 1)] * convolutions + [ops.Layer(2, 2)]
    row = ops.receptive_field(stack)[-1]
    assert (row.size, row.jump) == (212, 32)


@given(small, small, st.integers(1, 4), st.integers(1, 5), st.booleans())
def test_parameters_are_torchs(c_in, c_out, groups, kernel, bias):
    layer = torch.nn.Conv2d(c_in * groups, c_out * groups, kernel, groups=groups, bias=bias)
    expected = sum(parameter.numel() for parameter in layer.parameters())
    assert ops.conv2d_parameters(c_in * groups, c_out * groups, kernel, groups, bias) == expected


def test_network_shapes_walk_through_a_network():
    stack = [ops.Layer(11, 4, name="conv1"), ops.Layer(3, 2, name="pool1"), (5, 1, 2, 1, "conv2")]
    assert ops.network_shapes(stack, 227) == [("conv1", 55), ("pool1", 27), ("conv2", 27)]
    assert ops.network_shapes(stack, (227, 259))[-1] == ("conv2", (27, 31))


@pytest.mark.parametrize(("n", "expected"), [(224, 54), (227, 55)])
def test_alexnets_first_layer(n, expected):
    assert ops.conv2d_output_size(n, 11, 4) == expected
