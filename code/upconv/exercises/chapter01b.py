"""Exercises of chapter 1's second page, with references that do not use what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.ndimage
import scipy.signal

from upconv.exercises import Exercise


def _image_and_kernel() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(103)
    for _ in range(20):
        image = rng.normal(size=rng.integers(4, 14, size=2))
        yield {"image": image, "kernel": rng.normal(size=rng.integers(1, 12, size=2))}


def _sharpened_impulse(size: int, amount: float) -> np.ndarray:
    # What the wanted operation does to a single bright pixel is its kernel.
    impulse = np.zeros((size, size))
    impulse[size // 2, size // 2] = 1.0
    mean = scipy.ndimage.uniform_filter(impulse, size, mode="constant")
    return (1 + amount) * impulse - amount * mean


def _sharpening_cases() -> Iterator[dict[str, Any]]:
    for size in (3, 5, 7, 9):
        for amount in (0.5, 1.0, 2.5):
            yield {"size": size, "amount": amount}


def _alias(frequency: float, stride: int) -> float:
    # The kept samples agree with the slowest wave through them: look where its DFT peaks.
    count = 1000
    samples = np.cos(2 * np.pi * frequency * stride * np.arange(count))
    return float(np.argmax(np.abs(np.fft.rfft(samples))) / count)


def _alias_cases() -> Iterator[dict[str, Any]]:
    # Thousandths, so that every wave fits into the reference's samples exactly.
    for thousandths in (0, 50, 125, 200, 249, 260, 333, 400, 499):
        for stride in (1, 2, 3, 4):
            yield {"frequency": thousandths / 1000, "stride": stride}


def _waves() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Signals with the frequencies and amplitudes of their waves."""
    rng = np.random.default_rng(109)
    for _ in range(10):
        count, length = int(rng.integers(2, 6)), int(rng.integers(400, 900))
        # At least 8 turns apart: far enough for a window, too near without one.
        frequencies = 0.1 + (12 * np.arange(count) + rng.uniform(0, 4, count)) / length
        amplitudes, phases = rng.uniform(0.3, 2, count), rng.uniform(0, 2 * np.pi, count)
        angles = 2 * np.pi * np.outer(np.arange(length), frequencies) + phases
        yield np.cos(angles) @ amplitudes, frequencies, amplitudes


def _amplitude_cases() -> Iterator[dict[str, Any]]:
    for signal, frequencies, _ in _waves():
        for frequency in frequencies:
            yield {"signal": signal, "frequency": float(frequency)}


def _amplitude(signal: np.ndarray, frequency: float) -> float:
    # Known, since the signals were made of them.
    for known, frequencies, amplitudes in _waves():
        if known.shape == signal.shape and np.array_equal(known, signal):
            return float(amplitudes[np.argmin(np.abs(frequencies - frequency))])
    raise ValueError("signal: got an unknown one, expected one of the cases")


def _full_convolution(image: np.ndarray, kernel: np.ndarray) -> Any:
    return scipy.signal.convolve2d(image, kernel)


EXERCISES = {
    "1.6": Exercise(
        "Convolution by FFT, without the wrap",
        _full_convolution,
        _image_and_kernel,
        without=("numpy.convolve", "numpy.correlate", "scipy", "torch", "tensorflow", "upconv.ops"),
    ),
    "1.7": Exercise("Sharpen", _sharpened_impulse, _sharpening_cases),
    # A right answer in single precision is right.
    "1.8": Exercise("Where does the wave go?", _alias, _alias_cases, rtol=1e-5, atol=1e-6),
    "1.9": Exercise("Amplitudes from a spectrum", _amplitude, _amplitude_cases, rtol=0.01),
}
