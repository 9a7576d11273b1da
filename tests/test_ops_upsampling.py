"""Upsampling in frequency, against SciPy and both frameworks."""

import numpy as np
import pytest
import scipy.signal
import tensorflow as tf
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from upconv import ops

FACTORS = [1, 2, 3, 4, 5]
NAMES = ["nearest", "linear", "cubic", "ideal"]
seeds = st.integers(0, 2**32 - 1)
lengths, factors = st.integers(1, 12), st.integers(1, 5)


def noise(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


# ---- zeros ---------------------------------------------------------------------------------------


@given(lengths, factors, seeds)
def test_zeros_are_those_of_scipy(n, factor, seed):
    x = noise(seed, 2, n)
    theirs = scipy.signal.upfirdn([1.0], x, up=factor)  # without the zeros at the end
    stretched = ops.insert_zeros(x, factor)
    assert stretched.shape == (2, factor * n)
    np.testing.assert_array_equal(stretched[:, : theirs.shape[1]], theirs)
    assert not stretched[:, theirs.shape[1] :].any()


@given(lengths, lengths, factors, seeds)
def test_zeros_repeat_the_spectrum(height, width, factor, seed):
    x = noise(seed, height, width)
    rows = np.fft.fft(ops.insert_zeros(x, factor))
    np.testing.assert_allclose(rows, np.tile(np.fft.fft(x), factor), atol=1e-10)
    both = np.fft.fft2(ops.insert_zeros(x, factor, axes=2))
    np.testing.assert_allclose(both, np.tile(np.fft.fft2(x), (factor, factor)), atol=1e-10)


# ---- kernels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", FACTORS)
def test_nearest_copies(factor):
    x = noise(0, 9)
    ours = ops.upsample(x, ops.upsampling_kernel("nearest", factor), factor)
    np.testing.assert_allclose(ours, np.repeat(x, factor), atol=1e-12)


@pytest.mark.parametrize("factor", FACTORS)
def test_linear_and_cubic_are_torchs_inside(factor):
    x = noise(factor, 11, 12)
    for name, mode, margin in (("linear", "bilinear", 1), ("cubic", "bicubic", 2)):
        kernel = ops.upsampling_kernel(name, factor, a=-0.75)
        ours = ops.upsample(x, np.outer(kernel, kernel), factor)
        theirs = F.interpolate(torch.from_numpy(x)[None, None], scale_factor=factor, mode=mode)
        inside = (slice(margin * factor, -margin * factor),) * 2
        np.testing.assert_allclose(ours[inside], theirs[0, 0].numpy()[inside], atol=1e-10)


@pytest.mark.parametrize("factor", [2, 4])  # TensorFlow reads weights from a table of 1024 places
def test_cubic_is_tensorflows_inside(factor):
    x = noise(factor, 11, 12).astype(np.float32)
    kernel = ops.upsampling_kernel("cubic", factor).astype(np.float32)
    ours = ops.upsample(x, np.outer(kernel, kernel), factor)
    size = [factor * n for n in x.shape]
    theirs = tf.image.resize(x[..., None], size, method="bicubic")[..., 0].numpy()
    inside = (slice(2 * factor, -2 * factor),) * 2
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=2e-5)
    assert ours.dtype == np.float32


@pytest.mark.parametrize("factor", FACTORS)
def test_the_tent_is_a_row_of_the_bilinear_kernel(factor):
    tent = ops.upsampling_kernel("linear", factor)
    np.testing.assert_allclose(np.outer(tent, tent), ops.bilinear_kernel(factor), atol=1e-15)


@given(st.integers(2, 12), factors, seeds)
def test_ideal_is_the_fourier_series(n, factor, seed):
    """At half-pixel centers: what is a whole sample away is SciPy's."""
    x = noise(seed, n)
    ours = ops.upsample(x, ops.upsampling_kernel("ideal", factor, length=n), factor)
    if factor % 2:  # every S-th output lies on an input
        theirs = np.roll(scipy.signal.resample(x, factor * n), (factor - 1) // 2)
    else:  # outputs lie between those of twice the factor
        theirs = scipy.signal.resample(x, 2 * factor * n)
        theirs = np.roll(theirs, factor - 1)[::2]
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("factor", FACTORS)
def test_kernels_have_gain_s_and_equal_phases(name, factor):
    kernel = ops.upsampling_kernel(name, factor, length=9)
    np.testing.assert_allclose(ops.phase_sums(kernel, factor), 1, atol=1e-12)
    assert kernel.sum() == pytest.approx(factor)
    np.testing.assert_allclose(ops.checkerboard_residue(kernel, factor)[1:], 0, atol=1e-12)


@pytest.mark.parametrize("name", ["linear", "cubic"])
def test_polyphase_filtering_is_scipys(name):
    """``resample_poly`` takes the kernel as its window, centered on a sample: odd factors."""
    x, factor = noise(1, 20), 3
    kernel = ops.upsampling_kernel(name, factor)
    theirs = scipy.signal.resample_poly(x, factor, 1, window=kernel / factor)
    ours = np.roll(ops.upsample(x, kernel, factor), -(factor - 1) // 2)
    inside = slice(3 * factor, -3 * factor)
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=1e-10)


# ---- what a kernel does --------------------------------------------------------------------------


@given(st.integers(8, 12), st.integers(1, 6), factors, seeds)
def test_upsampling_is_a_transposed_convolution(n, size, factor, seed):
    x, kernel = noise(seed, 1, 1, n, n), noise(seed + 1, size, size)
    padding, extra = -(-(size - factor) // 2), (size - factor) % 2
    ours = ops.upsample(x, kernel, factor)
    if padding < 0 or extra >= factor > 1:
        return
    options = {"stride": factor, "padding": padding, "output_padding": extra if factor > 1 else 0}
    theirs = F.conv_transpose2d(*map(torch.from_numpy, (x, kernel[None, None])), **options)
    theirs = theirs.numpy()
    inside = (..., slice(size, -size - 1), slice(size, -size - 1))
    ours = ours[..., : theirs.shape[2], : theirs.shape[3]]
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=1e-10)


@given(lengths, st.integers(1, 9), factors, seeds)
def test_the_output_s_spectrum_is_replicas_times_response(n, size, factor, seed):
    x, kernel = noise(seed, n), noise(seed + 1, size)
    output = np.fft.fft(ops.upsample(x, kernel, factor))
    product = np.tile(np.fft.fft(x), factor) * ops.frequency_response(kernel, n * factor)
    np.testing.assert_allclose(abs(output), abs(product), atol=1e-9)


@given(st.integers(1, 9), st.integers(1, 20), seeds)
def test_the_response_is_scipys(size, length, seed):
    kernel = noise(seed, size)
    _, theirs = scipy.signal.freqz(kernel, worN=length, whole=True)
    np.testing.assert_allclose(ops.frequency_response(kernel, length), theirs, atol=1e-10)


@given(st.integers(1, 9), factors, seeds)
def test_a_constant_becomes_the_phase_sums(size, factor, seed):
    kernel = noise(seed, size)
    output = ops.upsample(np.ones(4), kernel, factor)[:factor]
    padding = -(-(size - factor) // 2)
    sums = ops.phase_sums(kernel, factor)
    np.testing.assert_allclose(output, np.roll(sums, -padding), atol=1e-10)


@given(st.integers(1, 9), factors, seeds)
def test_the_residue_is_the_response_at_multiples_of_1_over_s(size, factor, seed):
    kernel = abs(noise(seed, size))
    response = abs(ops.frequency_response(kernel, factor))
    expected = response / response[0]
    np.testing.assert_allclose(ops.checkerboard_residue(kernel, factor), expected, atol=1e-10)
    plane = ops.checkerboard_residue(np.outer(kernel, kernel), factor)
    np.testing.assert_allclose(plane, np.outer(expected, expected), atol=1e-10)


def test_kernel_3_stride_2_makes_a_checkerboard_and_4_none():
    assert ops.checkerboard_residue(np.ones(3), 2)[1] == pytest.approx(1 / 3)
    assert ops.checkerboard_residue(np.ones(4), 2)[1] == pytest.approx(0)
    # A multiple of the stride is not enough where the weights are learned.
    assert ops.checkerboard_residue(np.array([0.9, 0.1, 0.9, 0.1]), 2)[1] == pytest.approx(0.8)


@given(st.integers(3, 12), st.integers(2, 5), st.sampled_from(NAMES))
def test_the_share_of_the_replicas_is_a_wave_s_gains(n, factor, name):
    """A wave becomes S waves, each with the response's gain; Parseval."""
    for k in range(1, (n + 1) // 2):
        wave = np.cos(2 * np.pi * k * np.arange(n) / n)
        kernel = ops.upsampling_kernel(name, factor, length=n)
        gains = abs(ops.frequency_response(kernel, n * factor)[k::n]) ** 2
        share = ops.replica_share(ops.upsample(wave, kernel, factor), factor)
        assert share == pytest.approx(1 - gains[0] / gains.sum(), abs=1e-10)
        assert (share < 1e-10) == (name == "ideal")


@given(lengths, factors, seeds)
def test_the_share_is_that_of_the_two_sided_spectrum(n, factor, seed):
    x = noise(seed, 3, n * factor)
    if x.shape[1] == 1:
        return
    power = abs(np.fft.fft(x)) ** 2
    outside = abs(np.fft.fftfreq(x.shape[1], 1 / x.shape[1])).round() > n / 2
    expected = power[:, outside].sum(1) / power[:, 1:].sum(1)
    np.testing.assert_allclose(ops.replica_share(x, factor), expected, atol=1e-12)


def test_a_constant_has_no_share_but_its_checkerboard_has():
    for value, length in ((0.1, 8), (0.3, 7), (1e6 / 7, 99)):
        assert ops.replica_share(np.full((2, length), value), 3).tolist() == [0, 0]
    assert ops.replica_share(ops.upsample(np.ones(6), np.ones(3), 2), 2) == pytest.approx(1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept(dtype):
    x, kernel = np.ones((3, 4), dtype), np.ones((3, 3), dtype)
    assert ops.insert_zeros(x, 2, axes=2).dtype == dtype
    assert ops.upsample(x, kernel, 2).dtype == dtype
    assert ops.phase_sums(kernel, 2).dtype == dtype


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: ops.insert_zeros(np.ones(3), 0), "factor"),
        (lambda: ops.insert_zeros(np.ones(3), 2, axes=2), "x"),
        (lambda: ops.insert_zeros(np.ones((3, 3, 3)), 2, axes=3), "axes"),
        (lambda: ops.insert_zeros(np.ones(3, int), 2), "x"),
        (lambda: ops.upsampling_kernel("lanczos", 2), "name"),
        (lambda: ops.upsampling_kernel(["linear"], 2), "name"),
        (lambda: ops.upsampling_kernel("linear", 1.5), "factor"),
        (lambda: ops.upsampling_kernel("cubic", 2, a=np.nan), "a"),
        (lambda: ops.upsampling_kernel("cubic", 2, a="-0.5"), "a"),
        (lambda: ops.upsampling_kernel("ideal", 2, length=0), "length"),
        (lambda: ops.phase_sums(np.ones((2, 2, 2)), 2), "kernel"),
        (lambda: ops.upsample(np.ones(4), np.ones((2, 2)), 2), "x"),
        (lambda: ops.upsample(np.ones(4), np.ones(2, np.float32), 2), "kernel"),
        (lambda: ops.frequency_response(np.ones((2, 2)), 2), "kernel"),
        (lambda: ops.checkerboard_residue(np.array([1.0, -1.0]), 2), "kernel"),
        (lambda: ops.checkerboard_residue(np.array([0.1, 0.2, -0.3]), 2), "kernel"),
        (lambda: ops.replica_share(np.float64(3), 2), "x"),
    ],
)
def test_bad_input_is_named(call, argument):
    with pytest.raises(ValueError, match=rf"^{argument}: got .*, expected "):
        call()
