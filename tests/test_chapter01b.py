"""The exercises of *Waves and spectra*: right answers in other forms pass, tempting ones fail."""

import numpy as np
import pytest

from upconv.exercises import grade


def alias(frequency, stride):
    turns = np.float32(frequency) * stride
    return abs(turns - np.round(turns))


def without_mirror(frequency, stride):
    return frequency * stride % 1.0


def amplitude(signal, frequency, window=np.hanning, sides=2, grid=False):
    n, w = np.arange(len(signal)), window(len(signal))
    if grid:  # read at the nearest bin
        frequency = round(frequency * len(signal)) / len(signal)
    return sides * abs((w * signal * np.exp(-2j * np.pi * frequency * n)).sum()) / w.sum()


def convolve_by_fft(image, kernel, room=-1):
    shape = [n + k + room for n, k in zip(image.shape, kernel.shape, strict=True)]
    return np.fft.ifft2(np.fft.fft2(image, shape) * np.fft.fft2(kernel, shape)).real


RIGHT = {
    "1.6": [convolve_by_fft],
    "1.8": [alias],  # in single precision
    "1.9": [amplitude, lambda signal, frequency: amplitude(signal, frequency, np.blackman)],
}
WRONG = {
    "1.6": [lambda image, kernel: convolve_by_fft(image, kernel, room=-2)],
    "1.8": [without_mirror, lambda frequency, stride: min(frequency * stride, 0.5)],
    "1.9": [
        lambda signal, frequency: amplitude(signal, frequency, np.ones),
        lambda signal, frequency: amplitude(signal, frequency, sides=1),
        lambda signal, frequency: amplitude(signal, frequency, grid=True),
    ],
}


def named(answers):
    return [(number, answer) for number, several in answers.items() for answer in several]


@pytest.mark.parametrize(("number", "answer"), named(RIGHT))
def test_a_right_answer_passes_in_any_form(number, answer):
    result = grade(number, answer)
    assert result.passed, result.message


@pytest.mark.parametrize(("number", "answer"), named(WRONG))
def test_a_tempting_answer_does_not(number, answer):
    assert not grade(number, answer).passed
