"""Convolution, its transpose, its matrix and its gradients against both frameworks and SciPy.

The settings are drawn at random; the oracles share nothing with the code under test.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import scipy.signal
import tensorflow as tf
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st

from upconv import ops

TOLERANCE = {"rtol": 1e-10, "atol": 1e-10}


@dataclass(frozen=True)
class Setting:
    """A convolution: shapes and parameters, every parameter a pair."""

    batch: int
    groups: int
    channels: tuple[int, int]  # per group, in and out
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    seed: int

    @property
    def output(self) -> tuple[int, ...]:
        # Counting the places of the window, instead of the formula under test.
        return tuple(
            len(range(0, n + 2 * p - d * (k - 1), s))
            for n, k, s, p, d in zip(
                self.size, self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )

    def arrays(self):
        """Input (N, C_in, H, W), weight (C_out, C_in/G, K_h, K_w), bias, output gradient."""
        rng = np.random.default_rng(self.seed)
        c_in, c_out = (count * self.groups for count in self.channels)
        return (
            rng.normal(size=(self.batch, c_in, *self.size)),
            rng.normal(size=(c_out, self.channels[0], *self.kernel)),
            rng.normal(size=c_out),
            rng.normal(size=(self.batch, c_out, *self.output)),
        )

    @property
    def options(self) -> dict:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }


def pairs(low: int, high: int):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def convolution_settings(draw):
    setting = Setting(
        batch=draw(st.integers(1, 2)),
        groups=draw(st.integers(1, 3)),
        channels=draw(pairs(1, 3)),
        size=draw(pairs(1, 9)),
        kernel=draw(pairs(1, 4)),
        stride=draw(pairs(1, 3)),
        padding=draw(pairs(0, 3)),
        dilation=draw(pairs(1, 3)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )
    assume(min(setting.output) >= 1)
    return setting


def torch_conv2d(x, w, b, **options):
    b = None if b is None else torch.from_numpy(b)
    return F.conv2d(torch.from_numpy(x), torch.from_numpy(w), b, **options).numpy()


def tf_conv2d(x, w, setting):
    """TensorFlow's layer: NHWC, explicit padding, one call per group."""
    rim = [[0, 0], *([p, p] for p in setting.padding), [0, 0]]
    parts = [
        tf.nn.conv2d(
            part.transpose(0, 2, 3, 1),
            kernel.transpose(2, 3, 1, 0),
            setting.stride,
            rim,
            dilations=setting.dilation,
        )
        for part, kernel in zip(
            np.split(x, setting.groups, axis=1), np.split(w, setting.groups), strict=True
        )
    ]
    return tf.concat(parts, axis=-1).numpy().transpose(0, 3, 1, 2)


@pytest.mark.parametrize("operator", [ops.conv2d, ops.fft_conv2d])
@given(setting=convolution_settings())
def test_convolution_equals_both_frameworks(operator, setting):
    x, w, b, _ = setting.arrays()
    ours = operator(x, w, b, **setting.options)
    np.testing.assert_allclose(ours, torch_conv2d(x, w, b, **setting.options), **TOLERANCE)
    theirs = tf_conv2d(x, w, setting) + b[:, None, None]
    np.testing.assert_allclose(ours, theirs, **TOLERANCE)


@given(pairs(4, 12), pairs(1, 4), st.integers(0, 2**32 - 1))
def test_conv2d_equals_scipy(size, kernel, seed):
    rng = np.random.default_rng(seed)
    image, weight = rng.normal(size=size), rng.normal(size=kernel)
    ours = ops.conv2d(image[None, None], weight[None, None])[0, 0]
    theirs = scipy.signal.correlate2d(image, weight, mode="valid")
    np.testing.assert_allclose(ours, theirs, **TOLERANCE)
    full = ops.conv2d(
        image[None, None],
        weight[None, None, ::-1, ::-1].copy(),
        padding=(kernel[0] - 1, kernel[1] - 1),
    )[0, 0]
    np.testing.assert_allclose(full, scipy.signal.convolve2d(image, weight), **TOLERANCE)


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch on its own speed
@given(convolution_settings())
def test_padding_by_name_is_torchs(setting):
    x, w, _, _ = setting.arrays()
    options = {"dilation": setting.dilation, "groups": setting.groups}
    ours = ops.conv2d(x, w, padding="same", **options)
    assert ours.shape[2:] == x.shape[2:]
    np.testing.assert_allclose(
        ours, torch_conv2d(x, w, None, padding="same", **options), **TOLERANCE
    )
    if setting.padding == (0, 0):
        valid = ops.conv2d(x, w, padding="valid", stride=setting.stride, **options)
        np.testing.assert_array_equal(valid, ops.conv2d(x, w, **setting.options))


@st.composite
def transposed_settings(draw):
    """A setting of which the transpose exists, and an output padding."""
    setting = draw(convolution_settings())
    extra = tuple(
        draw(st.integers(0, max(s, d) - 1))
        for s, d in zip(setting.stride, setting.dilation, strict=True)
    )
    sizes = [
        s * (n - 1) + d * (k - 1) + 1 - 2 * p + a
        for n, k, s, p, d, a in zip(
            setting.size,
            setting.kernel,
            setting.stride,
            setting.padding,
            setting.dilation,
            extra,
            strict=True,
        )
    ]
    assume(min(sizes) >= 1)
    return setting, extra


@given(transposed_settings())
def test_conv_transpose2d_equals_torch(drawn):
    setting, extra = drawn
    rng = np.random.default_rng(setting.seed)
    c_in, c_out = setting.channels
    x = rng.normal(size=(setting.batch, c_in * setting.groups, *setting.size))
    w = rng.normal(size=(c_in * setting.groups, c_out, *setting.kernel))
    b = rng.normal(size=c_out * setting.groups)
    options = {**setting.options, "output_padding": extra}
    ours = ops.conv_transpose2d(x, w, b, **options)
    theirs = F.conv_transpose2d(*map(torch.from_numpy, (x, w, b)), **options).numpy()
    np.testing.assert_allclose(ours, theirs, **TOLERANCE)


@given(convolution_settings())
def test_conv_transpose2d_equals_tensorflow(setting):
    # TensorFlow's transpose knows neither groups nor, on the CPU, dilation, and is given the
    # size to return to; it accepts no more padding than the kernel covers.
    assume(setting.groups == 1 and setting.dilation == (1, 1))
    assume(all(p < k for p, k in zip(setting.padding, setting.kernel, strict=True)))
    x, w, _, y = setting.arrays()
    left = [
        (n + 2 * p - k) % s
        for n, p, k, s in zip(
            setting.size, setting.padding, setting.kernel, setting.stride, strict=True
        )
    ]
    ours = ops.conv_transpose2d(
        y, w, stride=setting.stride, padding=setting.padding, output_padding=left
    )
    theirs = tf.nn.conv2d_transpose(
        y.transpose(0, 2, 3, 1),
        w.transpose(2, 3, 1, 0),
        (x.shape[0], *x.shape[2:], x.shape[1]),
        setting.stride,
        [[0, 0], *([p, p] for p in setting.padding), [0, 0]],
    )
    np.testing.assert_allclose(ours, theirs.numpy().transpose(0, 3, 1, 2), **TOLERANCE)


@given(convolution_settings())
def test_gradients_equal_torchs(setting):
    x, w, _, y = setting.arrays()
    x_t, w_t = (torch.from_numpy(array).requires_grad_() for array in (x, w))
    (F.conv2d(x_t, w_t, **setting.options) * torch.from_numpy(y)).sum().backward()
    by_input = ops.conv2d_input_gradient(y, w, x.shape, **setting.options)
    by_weight = ops.conv2d_weight_gradient(y, x, w.shape, **setting.options)
    np.testing.assert_allclose(by_input, x_t.grad.numpy(), **TOLERANCE)
    np.testing.assert_allclose(by_weight, w_t.grad.numpy(), **TOLERANCE)


@given(convolution_settings())
def test_gradients_equal_tensorflows(setting):
    assume(setting.groups == 1 and setting.dilation == (1, 1))
    x, w, _, y = setting.arrays()
    x_t, w_t = tf.Variable(x.transpose(0, 2, 3, 1)), tf.Variable(w.transpose(2, 3, 1, 0))
    rim = [[0, 0], *([p, p] for p in setting.padding), [0, 0]]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.nn.conv2d(x_t, w_t, setting.stride, rim) * y.transpose(0, 2, 3, 1))
    by_input, by_weight = tape.gradient(loss, (x_t, w_t))
    options = setting.options
    np.testing.assert_allclose(
        ops.conv2d_input_gradient(y, w, x.shape, **options),
        by_input.numpy().transpose(0, 3, 1, 2),
        **TOLERANCE,
    )
    np.testing.assert_allclose(
        ops.conv2d_weight_gradient(y, x, w.shape, **options),
        by_weight.numpy().transpose(3, 2, 0, 1),
        **TOLERANCE,
    )


@given(convolution_settings())
def test_transpose_is_the_adjoint(setting):
    x, w, _, y = setting.arrays()
    forward = (ops.conv2d(x, w, **setting.options) * y).sum()
    left = [
        (n + 2 * p - d * (k - 1) - 1) % s
        for n, p, d, k, s in zip(
            setting.size,
            setting.padding,
            setting.dilation,
            setting.kernel,
            setting.stride,
            strict=True,
        )
    ]
    back = ops.conv_transpose2d(y, w, output_padding=left, **setting.options)
    assert back.shape == x.shape
    assert abs(forward - (x * back).sum()) <= 1e-9 * (1 + abs(forward))


@given(convolution_settings())
def test_matrix_is_the_convolution_and_its_transpose(setting):
    assume(setting.groups == 1)
    x, w, _, y = setting.arrays()
    options = {"stride": setting.stride, "padding": setting.padding, "dilation": setting.dilation}
    matrix = ops.convolution_matrix(w, x.shape[1:], **options)
    assert matrix.shape == (y[0].size, x[0].size)
    forward = torch_conv2d(x, w, None, **options)
    x_t = torch.from_numpy(x).requires_grad_()
    (F.conv2d(x_t, torch.from_numpy(w), **options) * torch.from_numpy(y)).sum().backward()
    for image, result, gradient, back in zip(x, forward, y, x_t.grad.numpy(), strict=True):
        np.testing.assert_allclose(matrix @ image.ravel(), result.ravel(), **TOLERANCE)
        np.testing.assert_allclose(matrix.T @ gradient.ravel(), back.ravel(), **TOLERANCE)


def test_matrix_of_the_textbook():
    kernel = np.arange(1.0, 10).reshape(3, 3)
    matrix = ops.convolution_matrix(kernel, (4, 4)).toarray()
    first_row = [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0, 0]
    assert matrix.shape == (4, 16)
    np.testing.assert_array_equal(matrix[0], first_row)
    np.testing.assert_array_equal(matrix[1], np.roll(first_row, 1))
    np.testing.assert_array_equal(matrix[2], np.roll(first_row, 4))


def test_example_of_overlapping_stamps():
    x = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    expected = [[0, 0, 1], [0, 4, 6], [4, 12, 9]]
    np.testing.assert_array_equal(ops.conv_transpose2d(x, x)[0, 0], expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_dtype_is_kept(dtype):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 4, 9, 8)).astype(dtype), rng.normal(size=(6, 2, 3, 3)).astype(dtype)
    y = ops.conv2d(x, w, np.ones(6, dtype), groups=2)
    assert y.dtype == dtype
    assert ops.conv_transpose2d(y, w, np.ones(4, dtype), groups=2).dtype == dtype
    assert ops.conv2d_input_gradient(y, w, x.shape, groups=2).dtype == dtype
    assert ops.conv2d_weight_gradient(y, x, w.shape, groups=2).dtype == dtype
    reference = torch_conv2d(x.astype(float), w.astype(float), np.ones(6), groups=2)
    precision = 20 * max(np.finfo(dtype).eps, np.finfo(float).eps)  # the oracle has float64
    np.testing.assert_allclose(y.astype(float), reference, rtol=precision, atol=precision)


def test_inputs_are_left_as_they_were():
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(1, 2, 6, 6)), rng.normal(size=(3, 2, 3, 3)), rng.normal(size=3)
    copies = [array.copy() for array in (x, w, b)]
    y = ops.conv2d(x, w, b, padding=1)
    ops.conv_transpose2d(y, w, padding=1)
    ops.fft_conv2d(x, w, b)
    y[...] = 0
    for array, copy in zip((x, w, b), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_layouts_in_memory_do_not_matter():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 2, 7, 5)), rng.normal(size=(3, 2, 3, 3))
    expected = ops.conv2d(x, w)
    np.testing.assert_array_equal(ops.conv2d(np.asfortranarray(x), np.asfortranarray(w)), expected)
    mirrored = ops.conv2d(x[..., ::-1], w[..., ::-1])
    np.testing.assert_allclose(mirrored[..., ::-1], expected, **TOLERANCE)
