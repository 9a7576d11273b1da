"""Exercises of chapter 1, with references that do not use what the chapter shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.ndimage
import scipy.signal

from upconv.exercises import Exercise


def _output_size(n: int, k: int, s: int, p: int, d: int) -> int:
    # By counting the starting positions whose last tap is still inside.
    last = d * (k - 1)
    return sum(1 for start in range(0, n + 2 * p, s) if start + last < n + 2 * p)


def _output_size_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(101)
    fixed = [(5, 3, 1, 0, 1), (5, 3, 2, 0, 1), (6, 3, 2, 0, 1), (227, 11, 4, 0, 1), (3, 4, 1, 0, 1)]
    drawn = [
        tuple(int(rng.integers(*limits)) for limits in ((1, 40), (1, 8), (1, 5), (0, 4), (1, 4)))
        for _ in range(45)
    ]
    for case in fixed + drawn:
        yield dict(zip("nkspd", case, strict=True))


def _image_and_kernel(seed: int, largest: int) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    for _ in range(20):
        image = rng.normal(size=rng.integers(4, 14, size=2))
        yield {"image": image, "kernel": rng.normal(size=rng.integers(1, largest, size=2))}


def _sharpened_impulse(size: int, amount: float) -> np.ndarray:
    # What the wished-for operation does to a single bright pixel is its kernel.
    impulse = np.zeros((size, size))
    impulse[size // 2, size // 2] = 1.0
    mean = scipy.ndimage.uniform_filter(impulse, size, mode="constant")
    return (1 + amount) * impulse - amount * mean


def _sharpening_cases() -> Iterator[dict[str, Any]]:
    for size in (3, 5, 7, 9):
        for amount in (0.5, 1.0, 2.5):
            yield {"size": size, "amount": amount}


def _field(layers: list[tuple[int, int, int]]) -> int:
    # Walk back from one output position and mark the pixels that it reads.
    positions = {0}
    for kernel, stride, dilation in reversed(layers):
        positions = {stride * at + dilation * tap for at in positions for tap in range(kernel)}
    return max(positions) - min(positions) + 1


def _field_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(105)
    yield {"layers": [(3, 1, 1), (3, 1, 1)]}
    yield {"layers": [(3, 2, 1), (3, 1, 1)]}
    yield {"layers": [(3, 1, 2), (3, 1, 4)]}
    for _ in range(17):
        depth = int(rng.integers(1, 6))
        yield {
            "layers": [
                (int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(1, 4)))
                for _ in range(depth)
            ]
        }


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


EXERCISES = {
    "1.1": Exercise("How large is the output?", _output_size, _output_size_cases),
    "1.2": Exercise(
        "A true convolution",
        lambda image, kernel: scipy.signal.convolve2d(image, kernel),
        lambda: _image_and_kernel(102, 5),
    ),
    "1.3": Exercise(
        "Convolution by FFT, without the wrap",
        lambda image, kernel: scipy.signal.convolve2d(image, kernel),
        lambda: _image_and_kernel(103, 12),
    ),
    "1.4": Exercise("Sharpen", _sharpened_impulse, _sharpening_cases),
    "1.5": Exercise("How far does it see?", _field, _field_cases),
    "1.6": Exercise("Where does the wave go?", _alias, _alias_cases),
}
