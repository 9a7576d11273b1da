"""Sub-pixel convolution against both frameworks, and against transposed convolution."""

import numpy as np
import pytest
import tensorflow as tf
import torch
import torch.nn.functional as F

from upconv import ops

SETTINGS = [(1, 1, 2), (3, 2, 2), (2, 3, 3), (1, 4, 1)]


def maps(n, channels, factor, dtype=np.float64):
    rng = np.random.default_rng(channels + 10 * factor)
    return rng.normal(size=(n, channels * factor**2, 4, 5)).astype(dtype)


@pytest.mark.parametrize(("n", "channels", "factor"), SETTINGS)
def test_shuffles_equal_torch(n, channels, factor):
    x = maps(n, channels, factor)
    shuffled = ops.pixel_shuffle(x, factor)
    assert np.array_equal(shuffled, F.pixel_shuffle(torch.from_numpy(x), factor).numpy())
    back = F.pixel_unshuffle(torch.from_numpy(shuffled.copy()), factor).numpy()
    assert np.array_equal(ops.pixel_unshuffle(shuffled, factor), back)
    assert np.array_equal(back, x)


@pytest.mark.parametrize(("n", "channels", "factor"), SETTINGS)
def test_tensorflow_counts_the_channels_in_another_order(n, channels, factor):
    x = maps(n, channels, factor)
    phase_first = x.reshape(n, channels, factor**2, 4, 5).transpose(0, 2, 1, 3, 4)
    reordered = phase_first.reshape(x.shape).transpose(0, 2, 3, 1)
    if factor > 1:  # TensorFlow refuses 1
        in_tf = tf.nn.depth_to_space(reordered, factor).numpy().transpose(0, 3, 1, 2)
        assert np.array_equal(ops.pixel_shuffle(x, factor), in_tf)
        as_is = tf.nn.depth_to_space(x.transpose(0, 2, 3, 1), factor).numpy()
        same = np.array_equal(as_is.transpose(0, 3, 1, 2), in_tf)
        assert same is (channels == 1)


@pytest.mark.parametrize(("n", "channels", "factor"), SETTINGS)
def test_unshuffle_is_the_adjoint(n, channels, factor):
    x = maps(n, channels, factor)
    y = np.random.default_rng(5).normal(size=(n, channels, 4 * factor, 5 * factor))
    forward = (ops.pixel_shuffle(x, factor) * y).sum()
    assert forward == pytest.approx((x * ops.pixel_unshuffle(y, factor)).sum())


@pytest.mark.parametrize("factor", [2, 3])
def test_icnr_copies_each_pixel_into_its_block(factor):
    rng = np.random.default_rng(factor)
    x, weight = rng.normal(size=(2, 3, 6, 7)), rng.normal(size=(4, 3, 3, 3))
    low = ops.conv2d(x, weight, padding=1)
    high = ops.pixel_shuffle(ops.conv2d(x, ops.icnr(weight, factor), padding=1), factor)
    np.testing.assert_allclose(high, ops.interpolate(low, scale_factor=factor), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_stays(dtype):
    x = maps(1, 2, 2, dtype)
    assert ops.pixel_shuffle(x, 2).dtype == ops.pixel_unshuffle(x[..., :4, :4], 2).dtype == dtype
    assert ops.icnr(x, 2).dtype == dtype
