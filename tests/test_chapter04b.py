"""Tempting wrong answers to the exercises of page 4b fail."""

from itertools import permutations

import numpy as np
import pytest

from upconv.exercises import grade


def by_one_positive_input(function):
    def f(x):
        return function(x) - function(np.zeros(4))

    a, b = np.array([1.0, 2, 3, 4]), np.array([0.5, 0.1, 2, 1])
    return np.allclose(f(a + b), f(a) + f(b))


def by_axes(function):
    def f(x):
        return function(x) - function(np.zeros(4))

    return all(np.allclose(f(-3 * unit), -3 * f(unit)) for unit in np.eye(4))


def by_multiples(function):
    def f(x):
        return function(x) - function(np.zeros(4))

    return np.allclose(f(2 * np.ones(4)), 2 * f(np.ones(4)))


def without_offset(function):
    a, b = np.random.default_rng(0).normal(size=(2, 4))
    return np.allclose(function(a + b), function(a) + function(b))


def alone(score):
    return [score[stream] - score["none"] for stream in ("p5", "p4", "p3")]


def last(score):
    rest = {"p5": "p4+p3", "p4": "p5+p3", "p3": "p5+p4"}
    return [score["p5+p4+p3"] - score[name] for name in rest.values()]


def in_another_order(score):
    return shares(score)[::-1]


def shares(score):
    names = ("p5", "p4", "p3")

    def key(on):
        return "+".join(name for name in names if name in on) or "none"

    gained = dict.fromkeys(names, 0.0)
    for order in permutations(names):
        for place, name in enumerate(order):
            gained[name] += (score[key(order[: place + 1])] - score[key(order[:place])]) / 6
    return [*gained.values()]


def fitted(x, y, x_test, y_test, ones=True, mean=None, control=True):
    def wide(a):
        return np.column_stack([a, np.ones(len(a))]) if ones else a

    mean = y.mean() if mean is None else mean

    def explained(answers):
        w = np.linalg.lstsq(wide(x), answers, rcond=None)[0]
        return 1 - ((y_test - wide(x_test) @ w) ** 2).sum() / ((y_test - mean) ** 2).sum()

    return explained(y), explained(y[::-1] if control else y)


def without_ones(**given):
    return fitted(**given, ones=False)


def with_the_test_mean(**given):
    return fitted(**given, mean=given["y_test"].mean())


def without_a_control(**given):
    return fitted(**given, control=False)


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("4.6", by_one_positive_input),
        ("4.6", by_axes),
        ("4.6", by_multiples),
        ("4.6", without_offset),
        ("4.6", lambda function: True),
        ("4.7", alone),
        ("4.7", last),
        ("4.7", in_another_order),
        ("4.8", without_ones),
        ("4.8", with_the_test_mean),
        ("4.8", without_a_control),
    ],
)
def test_tempting_answers_fail(number, answer):
    result = grade(number, answer)
    assert not result.passed and "not yet" in result.message


@pytest.mark.parametrize(("number", "answer"), [("4.7", shares), ("4.8", fitted)])
def test_right_answers_pass(number, answer):
    assert grade(number, answer).passed
