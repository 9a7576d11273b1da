"""Exercises of chapter 6, with references that do not use what the chapter shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial import cKDTree

from upconv.exercises import Exercise


def _hidden_maps(size: int, width: int) -> list[list[int]]:
    # Upwards from side 4: so many doublings lead to the image, and as many halvings of channels.
    doublings = int(math.log2(size / 4))
    return [[width * 2 ** (doublings - 1 - step), 4 * 2**step] for step in range(doublings)]


def _hidden_maps_cases() -> Iterator[dict[str, Any]]:
    for size, width in ((64, 128), (32, 32), (128, 64), (8, 5), (256, 16)):
        yield {"size": size, "width": width}


def _best_answer(p: float, q: float) -> float:
    # By searching for the answer with the greatest expected score.
    if p == q == 0:
        return 0.5

    def loss(answer: float) -> float:
        return -sum(
            weight * math.log(chance)
            for weight, chance in ((p, answer), (q, 1 - answer))
            if weight > 0
        )

    return float(minimize_scalar(loss, bounds=(1e-9, 1 - 1e-9), options={"xatol": 1e-9}).x)


def _best_answer_cases() -> Iterator[dict[str, Any]]:
    for p, q in ((1.0, 1.0), (2.0, 0.5), (0.1, 0.3), (0.0, 0.7), (0.4, 0.0), (0.0, 0.0)):
        yield {"p": p, "q": q}


def _pulls(logit: float) -> list[float]:
    # By the hyperbolic tangent, which does not overflow either.
    half = math.tanh(logit / 2) / 2
    if abs(logit) > 30:  # there the difference from ½ is lost, and the tail is an exponential
        tail = math.exp(-abs(logit))
        return [-1.0, -tail] if logit > 0 else [-tail, -1.0]
    return [-(0.5 + half), -(0.5 - half)]


def _pulls_cases() -> Iterator[dict[str, Any]]:
    for logit in (0.0, 1.0, -1.0, 4.5, -7.0, 40.0, -40.0, 1000.0, -1000.0):
        yield {"logit": logit}


def _coverage(real: np.ndarray, drawn: np.ndarray, k: int) -> float:
    # By trees of neighbours.
    radius = cKDTree(real).query(real, k + 1)[0][:, -1]
    return float((cKDTree(drawn).query(real)[0] < radius).mean())


def _coverage_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(604)
    for k, count in ((1, 5), (3, 20), (5, 8)):
        real = rng.normal(size=(30, 3))
        yield {"real": real, "drawn": rng.normal(0.3, 0.8, (count, 3)), "k": k}
    yield {"real": real, "drawn": real, "k": 2}
    yield {"real": real, "drawn": real[:1] + 9, "k": 2}


def _great_circle(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    # By turning within the plane of both, the lengths carried along.
    first = a / np.linalg.norm(a)
    rest = b - (b @ first) * first
    if np.linalg.norm(rest) < 1e-9 * np.linalg.norm(b):
        return (1 - t) * a + t * b
    second = rest / np.linalg.norm(rest)
    angle = math.atan2(b @ second, b @ first)
    # Coordinates of the formula's two weights in the plane.
    to_b = math.sin(t * angle) / math.sin(angle)
    to_a = math.cos(t * angle) - to_b * math.cos(angle)
    return to_a * a + to_b * b


def _great_circle_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(605)
    for size, t in ((2, 0.5), (3, 0.25), (100, 0.5), (100, 0.0), (100, 1.0)):
        a, b = rng.normal(size=(2, size))
        yield {"a": a, "b": b, "t": t}
    yield {"a": a, "b": 2 * a, "t": 0.25}
    yield {"a": np.array([1.0, 0.0]), "b": np.array([0.0, 2.0]), "t": 0.3}


EXERCISES = {
    "6.1": Exercise("the shapes of a generator", _hidden_maps, _hidden_maps_cases),
    "6.2": Exercise("the perfect judge", _best_answer, _best_answer_cases, atol=1e-5),
    "6.3": Exercise("how strong is the pull?", _pulls, _pulls_cases),
    "6.4": Exercise("coverage", _coverage, _coverage_cases),
    "6.5": Exercise("on the great circle", _great_circle, _great_circle_cases),
}
