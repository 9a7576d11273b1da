"""Exercises of page 4b, with references that do not use what the page shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import numpy as np
import scipy.linalg

from upconv.exercises import Exercise


def _is_linear(function: Callable[[np.ndarray], np.ndarray]) -> bool:
    # By the matrix: apply to a basis, and see whether it explains random inputs of any size.
    offset = function(np.zeros(4))
    matrix = np.stack([function(unit) - offset for unit in np.eye(4)], axis=1)
    rng = np.random.default_rng(406)
    inputs = [scale * rng.normal(size=4) for scale in (0.1, 1, 10) for _ in range(60)]
    return all(np.allclose(function(x), matrix @ x + offset, atol=1e-9) for x in inputs)


def _is_linear_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(402)
    kinds = ("matrix", "offset", "relu", "square", "abs", "constant", "clip", "mirrored")
    kinds += ("relu on one number", "largest")
    for kind in kinds * 2:
        yield {"function": Map(kind, rng.normal(size=(3, 4)), rng.normal(size=3))}


class Map:
    """A map from 4 numbers to 3; shown to the reader by its kind.

    Some are linear where a hasty answer looks: for positive inputs, or along single axes.
    """

    def __init__(self, kind: str, matrix: np.ndarray, offset: np.ndarray) -> None:
        self.kind, self.matrix, self.offset = kind, matrix, offset

    def __call__(self, x: np.ndarray) -> np.ndarray:
        y = self.matrix @ x
        return {
            "matrix": y,
            "offset": y + self.offset,
            "relu": np.maximum(y + self.offset, 0),
            "square": y**2,
            "abs": np.abs(y),
            "constant": self.offset,
            "clip": np.clip(y, -1, 1),
            "mirrored": self.matrix @ np.abs(x),  # linear for positive inputs
            "relu on one number": np.array([max(y[0], 0), y[1], y[2]]),
            "largest": y + max(x[0] * x[1], 0),  # linear along every axis
        }[self.kind]

    def __repr__(self) -> str:
        return f"<a map called {self.kind!r}>"


def _worth(score: dict[str, float]) -> np.ndarray:
    # By the orders themselves; the page asks for the streams in the order p5, p4, p3.
    gains: dict[str, list[float]] = {"p5": [], "p4": [], "p3": []}
    for order in permutations(gains):
        on: list[str] = []
        for stream in order:
            before = _name(on)
            on.append(stream)
            gains[stream].append(score[_name(on)] - score[before])
    return np.array([np.mean(found) for found in gains.values()])


def _name(on: list[str]) -> str:
    return "+".join(stream for stream in ("p5", "p4", "p3") if stream in on) or "none"


def _worth_cases() -> Iterator[dict[str, Any]]:
    names = ("none", "p3", "p4", "p4+p3", "p5", "p5+p3", "p5+p4", "p5+p4+p3")
    yield {"score": dict(zip(names, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0), strict=True))}
    yield {"score": dict(zip(names, (0.0,) * 7 + (0.6,), strict=True))}  # only all together
    yield {"score": dict(zip(names, (0.1,) + (0.5,) * 7, strict=True))}  # any will do
    rng = np.random.default_rng(407)
    for _ in range(5):
        yield {"score": dict(zip(names, rng.uniform(0, 0.7, 8).round(3).tolist(), strict=True))}


def _probe(
    x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray
) -> tuple[float, float]:
    # By the pseudo-inverse of centered data, which needs no column of ones.
    weights = scipy.linalg.pinv(x - x.mean(0)) @ (y - y.mean())
    rest = y_test - y.mean() - (x_test - x.mean(0)) @ weights
    spread = float(((y_test - y.mean()) ** 2).sum())
    shuffled = scipy.linalg.pinv(x - x.mean(0)) @ (y[::-1] - y.mean())
    rest_shuffled = y_test - y.mean() - (x_test - x.mean(0)) @ shuffled
    return 1 - float((rest**2).sum()) / spread, 1 - float((rest_shuffled**2).sum()) / spread


def _probe_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(408)
    for count, width, noise in (
        (40, 3, 0.0),
        (60, 5, 0.5),
        (80, 2, 3.0),
        (50, 8, 1.0),
        (30, 1, 0.2),
    ):
        x, x_test = rng.normal(1.0, 2.0, (count, width)), rng.normal(1.0, 2.0, (25, width))
        truth = rng.normal(size=width)
        y, y_test = (part @ truth + 3 + noise * rng.normal(size=len(part)) for part in (x, x_test))
        yield {"x": x, "y": y, "x_test": x_test, "y_test": y_test}


EXERCISES = {
    "4.6": Exercise("Is it linear?", _is_linear, _is_linear_cases),
    "4.7": Exercise("What a stream is worth", _worth, _worth_cases),
    "4.8": Exercise("A probe and its control", _probe, _probe_cases),
}
