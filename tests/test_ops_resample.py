"""Resampling against both frameworks, over random sizes and factors."""

import numpy as np
import pytest
import tensorflow as tf
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from upconv import ops

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
seeds = st.integers(0, 2**32 - 1)


def picture(size, seed):
    return np.random.default_rng(seed).normal(size=(2, 3, *size))


@given(sizes, sizes, seeds)
def test_nearest_is_torchs(size, target, seed):
    x = picture(size, seed)
    theirs = F.interpolate(torch.from_numpy(x), target, mode="nearest").numpy()
    np.testing.assert_array_equal(ops.interpolate(x, target, mode="nearest"), theirs)


@given(sizes, sizes, seeds, st.booleans())
def test_bilinear_is_torchs(size, target, seed, align_corners):
    x = picture(size, seed)
    options = {"mode": "bilinear", "align_corners": align_corners}
    theirs = F.interpolate(torch.from_numpy(x), target, **options).numpy()
    np.testing.assert_allclose(ops.interpolate(x, target, **options), theirs, atol=1e-10)


@given(sizes, st.sampled_from([0.5, 0.7, 1.0, 1.5, 2.0, 2.3, 3.0]), seeds)
def test_scale_factor_is_torchs(size, factor, seed):
    x = picture(size, seed)
    if min(int(n * factor) for n in size) < 1:
        return
    for mode in ("nearest", "bilinear"):
        theirs = F.interpolate(torch.from_numpy(x), scale_factor=factor, mode=mode).numpy()
        ours = ops.interpolate(x, scale_factor=factor, mode=mode)
        np.testing.assert_allclose(ours, theirs, atol=1e-10)


@given(sizes, sizes, seeds)
def test_bilinear_is_tensorflows(size, target, seed):
    x = picture(size, seed).astype(np.float32)
    theirs = tf.image.resize(x.transpose(0, 2, 3, 1), target, method="bilinear", antialias=False)
    ours = ops.interpolate(x, target, mode="bilinear")
    np.testing.assert_allclose(ours, theirs.numpy().transpose(0, 3, 1, 2), atol=2e-5)


@given(st.tuples(st.integers(1, 6), st.integers(1, 6)), st.integers(1, 4), seeds)
def test_nearest_is_keras_upsampling(size, factor, seed):
    x = picture(size, seed).astype(np.float32)
    layer = tf.keras.layers.UpSampling2D(factor, interpolation="nearest")
    theirs = layer(x.transpose(0, 2, 3, 1)).numpy().transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(ops.interpolate(x, scale_factor=factor), theirs)


@given(sizes, st.tuples(st.integers(1, 4), st.integers(1, 4)), seeds)
def test_zero_insert_spreads_and_nothing_else(size, stride, seed):
    x = picture(size, seed)
    spread = ops.zero_insert(x, stride)
    expected = [s * (n - 1) + 1 for n, s in zip(size, stride, strict=True)]
    assert list(spread.shape[2:]) == expected
    np.testing.assert_array_equal(spread[..., :: stride[0], :: stride[1]], x)
    assert np.count_nonzero(spread) == np.count_nonzero(x)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8, 32])
def test_bilinear_kernel_interpolates(factor):
    kernel = ops.bilinear_kernel(factor)
    assert len(kernel) == 2 * factor - factor % 2
    x = picture((6, 7), 0)[:1, :1]
    padding = (len(kernel) - factor) // 2
    theirs = F.interpolate(torch.from_numpy(x), scale_factor=factor, mode="bilinear").numpy()
    ours = ops.conv_transpose2d(x, kernel[None, None], stride=factor, padding=padding)
    extra = (theirs.shape[2] - ours.shape[2], theirs.shape[3] - ours.shape[3])
    assert extra == (0, 0)
    inside = (..., slice(factor, -factor or None), slice(factor, -factor or None))
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=1e-10)


@given(sizes, st.integers(1, 5), st.integers(1, 4))
def test_overlap_count_is_the_answer_to_ones(size, kernel, stride):
    ones = torch.ones(1, 1, *size), torch.ones(1, 1, kernel, kernel)
    expected = F.conv_transpose2d(*ones, stride=stride)[0, 0].numpy()
    np.testing.assert_array_equal(ops.overlap_count(size, kernel, stride), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype):
    x = np.ones((1, 1, 3, 3), dtype)
    for mode in ("nearest", "bilinear"):
        assert ops.interpolate(x, (5, 4), mode=mode).dtype == dtype
    assert ops.zero_insert(x, 2).dtype == dtype
