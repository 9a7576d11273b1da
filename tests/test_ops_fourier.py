"""The Fourier tools against SciPy and against what is known in closed form."""

import numpy as np
import pytest
import scipy.linalg
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st

from upconv import ops

sizes = st.tuples(st.integers(2, 12), st.integers(2, 12))
seeds = st.integers(0, 2**32 - 1)


def image(size, seed):
    return np.random.default_rng(seed).normal(size=size)


@given(sizes, seeds, st.data())
def test_circular_convolution_wraps_round(size, seed, data):
    x = image(size, seed)
    taps = tuple(data.draw(st.integers(1, n)) for n in size)
    kernel = image(taps, seed + 1)
    # SciPy centres a kernel; putting the origin at [0, 0] is a matter of padding it.
    origin = [-(t // 2) for t in taps]
    expected = scipy.ndimage.convolve(x, kernel, mode="wrap", origin=origin)
    np.testing.assert_allclose(ops.circular_convolve2d(x, kernel), expected, atol=1e-10)


@given(sizes, seeds)
def test_log_spectrum_is_centred(size, seed):
    x = image(size, seed)
    expected = np.log1p(np.abs(np.fft.fftshift(np.fft.fft2(x))))
    np.testing.assert_allclose(ops.log_spectrum(x), expected, atol=1e-10)
    wave = np.cos(2 * np.pi * np.arange(16) * 3 / 16)
    plane = ops.log_spectrum(np.tile(wave, (16, 1)))
    assert {tuple(at) for at in np.argwhere(plane > plane.max() - 1)} == {(8, 5), (8, 11)}


@pytest.mark.parametrize("size", [1, 2, 3, 8, 15, 512])
def test_dft_matrix_is_scipys_and_transforms(size):
    # SciPy multiplies up the angles, which costs it digits at large sizes.
    np.testing.assert_allclose(ops.dft_matrix(size), scipy.linalg.dft(size), atol=1e-15 * size**2)
    x = np.random.default_rng(size).normal(size=size)
    np.testing.assert_allclose(ops.dft_matrix(size) @ x, np.fft.fft(x), atol=1e-12)


@given(sizes)
def test_frequency_radius_is_in_cycles_per_pixel(size):
    rows, columns = np.fft.fftfreq(size[0]), np.fft.fftfreq(size[1])
    expected = np.hypot(rows[:, None], columns)
    np.testing.assert_allclose(ops.frequency_radius(size), expected, atol=1e-15)


def test_ideal_lowpass_keeps_and_removes():
    low = ops.ideal_lowpass((64, 64), 0.1)
    assert set(np.unique(low)) == {0.0, 1.0}
    slow, fast = (
        np.cos(2 * np.pi * np.arange(64) * k / 64)[None] * np.ones((64, 1)) for k in (3, 20)
    )
    np.testing.assert_allclose(ops.apply_transfer(slow + fast, low), slow, atol=1e-12)
    np.testing.assert_allclose(ops.apply_transfer(slow + fast, 1 - low), fast, atol=1e-12)


@given(st.floats(0.8, 6.0), seeds)
def test_gaussian_transfer_is_a_gaussian_blur(sigma, seed):
    x = image((64, 64), seed)
    expected = scipy.ndimage.gaussian_filter(x, sigma, mode="wrap", truncate=9)
    got = ops.apply_transfer(x, ops.gaussian_transfer(x.shape, sigma))
    # SciPy samples the kernel, the transfer function is the continuous one.
    assert np.abs(got - expected).max() < (0.3 if sigma < 1 else 0.05) * np.abs(expected).max()
    same = ops.gaussian_lowpass(x.shape, 1 / (2 * np.pi * sigma))
    np.testing.assert_allclose(same, ops.gaussian_transfer(x.shape, sigma), atol=1e-12)


@given(sizes, seeds)
def test_swapping_the_phase_of_an_image_with_itself_changes_nothing(size, seed):
    x, y = image(size, seed), image(size, seed + 1)
    np.testing.assert_allclose(ops.swap_phase(x, x), x, atol=1e-10)
    mixed = ops.swap_phase(x, y)
    magnitudes = np.abs(np.fft.fft2(mixed)), np.abs(np.fft.fft2(x))
    np.testing.assert_allclose(*magnitudes, atol=1e-9)


@pytest.mark.parametrize("count", [31, 32])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_spectral_derivative_of_waves(count, order):
    length = 2.5
    t = np.arange(count) * length / count
    k = 2 * np.pi * 3 / length
    derivatives = {1: k * np.cos(k * t), 2: -(k**2) * np.sin(k * t), 3: -(k**3) * np.cos(k * t)}
    got = ops.spectral_derivative(np.sin(k * t), length, order)
    np.testing.assert_allclose(got, derivatives[order], atol=1e-9 * k**order)


def test_heat_solution_decays_waves_and_keeps_the_mean():
    t = 2 * np.pi * np.arange(48) / 48
    wave = np.cos(5 * t)
    decay = np.exp(-0.3 * (2 * np.pi * 5 / 48) ** 2 * 7.0)
    np.testing.assert_allclose(ops.heat_solution(2 + wave, 7.0, 0.3), 2 + decay * wave, atol=1e-12)
    x = image((9, 12), 0)
    half = ops.heat_solution(ops.heat_solution(x, 1.5), 1.5)
    np.testing.assert_allclose(half, ops.heat_solution(x, 3.0), atol=1e-12)
    np.testing.assert_allclose(ops.heat_solution(x, 1e6), np.full(x.shape, x.mean()), atol=1e-12)
    spot = np.zeros((64, 64))
    spot[32, 32] = 1
    offsets = np.arange(64) - 32
    variance = (ops.heat_solution(spot, 4.0, 0.5).sum(axis=0) * offsets**2).sum()
    assert abs(variance - 2 * 0.5 * 4.0) < 1e-6


@given(st.integers(3, 9), st.integers(2, 4))
def test_zero_padding_the_spectrum_interpolates_a_band_limited_image(half, factor):
    size = 2 * half + 1  # odd: no wave sits exactly at half a cycle per pixel
    coarse, fine = np.arange(size) / size, np.arange(size * factor) / (size * factor)

    def wave(t):
        return np.cos(2 * np.pi * t[:, None]) + np.sin(2 * np.pi * half * t) + 0.5

    larger = ops.zero_pad_spectrum(wave(coarse), factor)
    np.testing.assert_allclose(larger, wave(fine), atol=1e-10)


def test_inverse_and_wiener_filters_undo_a_blur():
    x = image((32, 32), 0)
    kernel = np.array([[0.05, 0.1, 0.05], [0.1, 0.4, 0.1], [0.05, 0.1, 0.05]])
    blurred = ops.circular_convolve2d(x, kernel)
    np.testing.assert_allclose(ops.inverse_filter(blurred, kernel), x, atol=1e-9)
    np.testing.assert_allclose(ops.wiener_filter(blurred, kernel, 1e-12), x, atol=1e-6)
    noisy = blurred + 0.1 * image((32, 32), 1)
    error = {
        name: ((result - x) ** 2).mean()
        for name, result in {
            "inverse": ops.inverse_filter(noisy, kernel),
            "wiener": ops.wiener_filter(noisy, kernel, 0.1**2),
        }.items()
    }
    assert error["wiener"] < error["inverse"]
    # The least-squares filter is the best of its kind: other ratios do worse on average.
    spectrum = np.abs(np.fft.fft2(kernel, x.shape)) ** 2
    expected = (0.1**2 / (spectrum + 0.1**2)).mean()
    assert error["wiener"] == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype):
    x, kernel = image((8, 8), 0).astype(dtype), np.ones((3, 3), dtype) / 9
    for result in (
        ops.circular_convolve2d(x, kernel),
        ops.apply_transfer(x, ops.gaussian_transfer(x.shape, 1.0)),
        ops.swap_phase(x, x),
        ops.heat_solution(x, 1.0),
        ops.zero_pad_spectrum(x, 2),
        ops.wiener_filter(x, kernel, 0.1),
        ops.fft_conv2d(x[None, None], kernel[None, None]),
    ):
        assert result.dtype == dtype
