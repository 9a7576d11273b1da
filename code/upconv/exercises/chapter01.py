"""Exercises of chapter 1, with references that do not use what the chapter shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
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


def _layer(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, *geometry: int) -> np.ndarray:
    # Channel by channel with SciPy: the dilated kernel at every place, then every S-th of them.
    stride, padding, dilation, groups = geometry
    size = dilation * (weight.shape[2] - 1) + 1
    kernels = np.zeros((*weight.shape[:2], size, size))
    kernels[:, :, ::dilation, ::dilation] = weight
    ins, outs = weight.shape[1], len(weight) // groups
    images = [
        [
            bias[out] + sum(
                scipy.signal.correlate2d(
                    np.pad(image[out // outs * ins + at], padding), kernels[out, at], mode="valid"
                )[::stride, ::stride]
                for at in range(ins)
            )
            for out in range(len(weight))
        ]
        for image in x
    ]  # fmt: skip
    return np.array(images)


def _layer_gradients(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, *geometry: int
) -> tuple[np.ndarray, ...]:
    # The layer is linear in each of the three: what a one in a single place adds to the loss.
    rest = _layer(x, weight, bias, *geometry)
    gradients = []
    for which, values in enumerate((x, weight, bias)):
        gradient = np.empty(values.shape)
        for place in np.ndindex(values.shape):
            moved = [x, weight, bias]
            moved[which] = values.copy()
            moved[which][place] += 1
            output = _layer(moved[0], moved[1], moved[2], *geometry)
            gradient[place] = (g * (output - rest)).sum()
        gradients.append(gradient)
    return tuple(gradients)


# channels in and out, kernel, stride, padding, dilation, groups, height, width
_LAYERS = [
    (1, 1, 3, 1, 0, 1, 1, 5, 6),
    (3, 2, 3, 1, 1, 1, 1, 4, 5),
    (2, 4, 2, 2, 0, 1, 1, 5, 4),  # the last row is seen by no window
    (2, 3, 1, 1, 0, 1, 1, 3, 4),
    (1, 2, 3, 2, 2, 2, 1, 6, 7),
    (4, 2, 3, 1, 1, 1, 2, 4, 4),
    (3, 3, 2, 3, 1, 1, 3, 6, 5),
    (4, 6, 3, 2, 2, 2, 2, 5, 6),
]


def _layer_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(103)
    for ins, outs, size, stride, padding, dilation, groups, height, width in _LAYERS:
        yield {
            "x": rng.normal(size=(2, ins, height, width)),
            "weight": rng.normal(size=(outs, ins // groups, size, size)),
            "bias": rng.normal(size=outs),
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
        }


def _gradient_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(104)
    for case in _layer_cases():
        yield {"g": rng.normal(size=_layer(*case.values()).shape)} | case


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


EXERCISES = {
    "1.1": Exercise("How large is the output?", _output_size, _output_size_cases),
    "1.2": Exercise(
        "A true convolution",
        lambda image, kernel: scipy.signal.convolve2d(image, kernel),
        lambda: _image_and_kernel(102, 5),
    ),
    "1.3": Exercise(
        "A layer with groups and dilation",
        lambda **case: _layer(*case.values()),
        _layer_cases,
    ),
    "1.4": Exercise(
        "The way back",
        lambda **case: _layer_gradients(*case.values()),
        _gradient_cases,
    ),
    "1.5": Exercise("How far does it see?", _field, _field_cases),
}
