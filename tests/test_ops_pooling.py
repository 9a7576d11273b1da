"""Pooling and unpooling against both frameworks, over random settings."""

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st

from upconv import ops


def pairs(low: int, high: int):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def pooling_settings(draw):
    """Input with ties, kernel, stride, padding (torch allows at most half the kernel)."""
    kernel = draw(pairs(1, 4))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = draw(pairs(1, 9))
    assume(all(k <= n + 2 * p for k, n, p in zip(kernel, size, padding, strict=True)))
    seed = draw(st.integers(0, 2**32 - 1))
    # Few different values, so that maxima are often tied.
    x = np.random.default_rng(seed).integers(-3, 4, size=(2, 3, *size)).astype(float)
    return x, {"kernel_size": kernel, "stride": draw(pairs(1, 4)), "padding": padding}


@given(pooling_settings(), st.booleans())
def test_max_pool2d_and_its_switches_are_torchs(drawn, with_nan):
    x, options = drawn
    if with_nan:
        x[0, 0, 0, 0] = np.nan
    values, switches = ops.max_pool2d(x, **options, return_indices=True)
    theirs, places = F.max_pool2d(torch.from_numpy(x), **options, return_indices=True)
    np.testing.assert_array_equal(values, theirs.numpy())
    np.testing.assert_array_equal(switches, places.numpy())
    np.testing.assert_array_equal(ops.max_pool2d(x, **options), values)


@given(pooling_settings(), st.integers(1, 3))
def test_dilated_max_pool2d_is_torchs(drawn, dilation):
    x, options = drawn
    reach = [dilation * (k - 1) + 1 for k in options["kernel_size"]]
    room = [n + 2 * p for n, p in zip(x.shape[2:], options["padding"], strict=True)]
    assume(reach[0] <= room[0] and reach[1] <= room[1])
    ours = ops.max_pool2d(x, **options, dilation=dilation)
    theirs = F.max_pool2d(torch.from_numpy(x), **options, dilation=dilation)
    np.testing.assert_array_equal(ours, theirs.numpy())


@given(pooling_settings(), st.booleans())
def test_avg_pool2d_is_torchs(drawn, count_include_pad):
    x, options = drawn
    ours = ops.avg_pool2d(x, **options, count_include_pad=count_include_pad)
    theirs = F.avg_pool2d(torch.from_numpy(x), **options, count_include_pad=count_include_pad)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12, atol=1e-12)


@given(pooling_settings())
def test_pooling_is_tensorflows(drawn):
    x, options = drawn
    assume(options["padding"] == (0, 0))
    nhwc = x.transpose(0, 2, 3, 1)
    window = (options["kernel_size"], options["stride"], "VALID")
    largest = tf.nn.max_pool2d(nhwc, *window).numpy().transpose(0, 3, 1, 2)
    mean = tf.nn.avg_pool2d(nhwc, *window).numpy().transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(ops.max_pool2d(x, **options), largest)
    np.testing.assert_allclose(ops.avg_pool2d(x, **options), mean, rtol=1e-12, atol=1e-12)


@given(pooling_settings())
def test_stride_is_the_kernel_unless_given(drawn):
    x, options = drawn
    kernel, padding = options["kernel_size"], options["padding"]
    theirs = F.max_pool2d(torch.from_numpy(x), kernel, padding=padding)
    np.testing.assert_array_equal(ops.max_pool2d(x, kernel, padding=padding), theirs.numpy())
    theirs = F.avg_pool2d(torch.from_numpy(x), kernel, padding=padding)
    np.testing.assert_allclose(
        ops.avg_pool2d(x, kernel, padding=padding), theirs.numpy(), atol=1e-12
    )


@given(st.integers(1, 4), pairs(2, 9), st.integers(0, 2**32 - 1))
def test_max_unpool2d_is_torchs(kernel, size, seed):
    assume(min(size) >= kernel)
    x = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, 3, *size)))
    pooled, places = F.max_pool2d(x, kernel, return_indices=True)
    theirs = F.max_unpool2d(pooled, places, kernel, output_size=size)
    ours = ops.max_unpool2d(pooled.numpy(), places.numpy(), kernel, output_size=size)
    np.testing.assert_array_equal(ours, theirs.numpy())


@given(st.integers(1, 4), pairs(1, 5), st.integers(0, 2**32 - 1))
def test_unpooling_is_a_right_inverse_of_pooling(kernel, size, seed):
    x = np.random.default_rng(seed).normal(size=(2, 3, *size))
    copied = ops.avg_unpool2d(x, kernel)
    np.testing.assert_array_equal(copied, np.kron(x, np.ones((1, 1, kernel, kernel))))
    np.testing.assert_allclose(ops.avg_pool2d(copied, kernel), x, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype):
    x = np.arange(32, dtype=dtype).reshape(1, 2, 4, 4)
    values, switches = ops.max_pool2d(x, 2, return_indices=True)
    assert switches.dtype == np.int64
    for result in (values, ops.avg_pool2d(x, 2), ops.avg_unpool2d(x, 2)):
        assert result.dtype == dtype
    assert ops.max_unpool2d(values, switches, 2).dtype == dtype


@given(st.integers(1, 5), st.integers(1, 3), pairs(3, 9), st.integers(0, 2**32 - 1))
def test_blur_pool2d_is_a_blur_and_a_stride(taps, stride, size, seed):
    x = np.random.default_rng(seed).normal(size=(2, 3, *size))
    row = np.array([1.0])
    for _ in range(taps - 1):
        row = np.convolve(row, [0.5, 0.5])
    kernel = torch.from_numpy(np.outer(row, row))[None, None].expand(3, 1, -1, -1)
    rim = (taps // 2, (taps - 1) // 2) * 2
    padded = F.pad(torch.from_numpy(x), rim, mode="reflect")
    theirs = F.conv2d(padded, kernel, stride=stride, groups=3)
    ours = ops.blur_pool2d(x, taps, stride)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12)
    assert ours.shape[2:] == tuple(-(-n // stride) for n in size)


def test_blur_pool2d_takes_a_pair_and_keeps_the_dtype():
    x = np.random.default_rng(0).normal(size=(1, 2, 6, 7))
    # SciPy calls this reflection "mirror".
    rows = scipy.ndimage.convolve1d(x, [0.25, 0.5, 0.25], axis=2, mode="mirror")
    np.testing.assert_allclose(ops.blur_pool2d(x, (3, 1), (2, 3)), rows[:, :, ::2, ::3], atol=1e-12)
    for dtype in (np.float16, np.float32, np.float64):
        assert ops.blur_pool2d(x.astype(dtype)).dtype == dtype
