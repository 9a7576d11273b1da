"""Exercises of page 7, with references that do not use what the page shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from upconv.exercises import Exercise


def _gram_last(maps: np.ndarray) -> np.ndarray:
    # Product by product, summed over all places.
    channels = maps.shape[-1]
    found = np.zeros((channels, channels))
    for row in maps:
        for place in row:
            found += np.outer(place, place)
    return found


def _gram_last_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(702)
    for shape in ((1, 1, 3), (2, 5, 4), (6, 3, 2), (4, 4, 1)):
        yield {"maps": rng.normal(size=shape)}


def _layer_loss(drawn: np.ndarray, style: np.ndarray, rows: int, columns: int) -> float:
    total = 0.0
    for ours, theirs in zip(drawn.flat, style.flat, strict=True):
        total += ((ours - theirs) / (2 * rows * columns * len(drawn))) ** 2
    return total


def _layer_loss_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(703)
    for channels, rows, columns in ((1, 1, 1), (2, 3, 5), (5, 8, 4), (7, 2, 2)):
        drawn, style = rng.normal(size=(2, channels, channels)) * 10
        yield {"drawn": drawn, "style": style, "rows": rows, "columns": columns}


def _pull_of_content(drawn: np.ndarray, content: np.ndarray) -> np.ndarray:
    # By differences of the energy itself; it is a parabola on either side of zero.
    def energy(maps: np.ndarray) -> float:
        return 0.5 * float(((maps.clip(0) - content.clip(0)) ** 2).sum())

    found, step = np.zeros_like(drawn), 1e-5
    for place in np.ndindex(drawn.shape):
        moved = np.zeros_like(drawn)
        moved[place] = step
        found[place] = (energy(drawn + moved) - energy(drawn - moved)) / (2 * step)
    return found


def _pull_of_content_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(704)
    for shape in ((1, 2, 2), (3, 2, 4), (2, 3, 3)):
        drawn, content = rng.normal(size=(2, *shape))
        # Away from the kink, where there is no derivative.
        yield {"drawn": drawn + 0.01 * np.sign(drawn), "content": content}


def _style_step(maps: np.ndarray, wanted: np.ndarray, rate: float) -> tuple[np.ndarray, float]:
    # The gradient by differences of the loss, which is a polynomial of degree four.
    def loss(at: np.ndarray) -> float:
        found = _gram_last(np.moveaxis(at, 0, -1))
        return float(((found - wanted) ** 2).sum()) / (2 * maps.size) ** 2

    stepped, width = maps.astype(float).copy(), 1e-2
    for place in np.ndindex(maps.shape):
        moved = np.zeros_like(maps)
        moved[place] = width
        near = loss(maps + moved) - loss(maps - moved)
        far = loss(maps + 2 * moved) - loss(maps - 2 * moved)
        stepped[place] -= rate * (8 * near - far) / (12 * width)
    return stepped, loss(maps)


def _style_step_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(706)
    for channels, rows, columns in ((1, 1, 1), (2, 2, 3), (4, 3, 2), (3, 4, 4)):
        maps, style = rng.normal(size=(2, channels, rows, columns)) * 2
        wanted = _gram_last(np.moveaxis(style, 0, -1))
        yield {"maps": maps, "wanted": wanted, "rate": 0.5}
    yield {"maps": maps, "wanted": _gram_last(np.moveaxis(maps, 0, -1)), "rate": 3.0}


def _keep_colors(drawn: np.ndarray, content: np.ndarray) -> np.ndarray:
    # Through YIQ and back: the drawing's Y, the content's I and Q.
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    # The rows of I and Q are rounded in the standard; grey has to have none of either.
    to_yiq[1:] -= to_yiq[1:].sum(1, keepdims=True) / 3
    mixed = content @ to_yiq.T
    mixed[..., 0] = (drawn @ to_yiq.T)[..., 0]
    return mixed @ np.linalg.inv(to_yiq).T


def _keep_colors_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(705)
    for shape in ((1, 1, 3), (2, 4, 3), (5, 3, 3)):
        drawn, content = rng.random((2, *shape))
        yield {"drawn": drawn, "content": content}
    yield {"drawn": drawn, "content": drawn}


EXERCISES = {
    "7.1": Exercise("Gram, channels last", _gram_last, _gram_last_cases),
    "7.2": Exercise("the loss of a layer", _layer_loss, _layer_loss_cases),
    "7.3": Exercise(
        "where the ReLU stops the pull",
        _pull_of_content,
        _pull_of_content_cases,
        rtol=1e-5,
        atol=1e-7,
    ),
    "7.4": Exercise("a style step", _style_step, _style_step_cases, rtol=1e-6, atol=1e-8),
    "7.5": Exercise("its own colors", _keep_colors, _keep_colors_cases),
}
