"""What the checkers of exercises say of an answer: how far off, and where. They never raise."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import scipy.sparse

import upconv.exercises as exercises
from upconv.exercises import Exercise, grade

GRID = np.arange(12.0).reshape(3, 4)


@pytest.fixture
def graded(monkeypatch):
    """``graded(right, answer)``: whether it passes, and what is said of it."""

    def of(right, answer, **settings):
        one = Exercise("one", lambda x: right, lambda: [{"x": 2}], **settings)
        monkeypatch.setattr(exercises, "all_exercises", lambda: {"1.1": one})
        found = grade("1.1", answer if callable(answer) else lambda x: answer)
        return found.passed, found.message

    return of


def torch_tensor(values, **settings):
    import torch

    return torch.tensor(np.asarray(values), **settings)


def tensorflow_tensor(values, kind="float64"):
    import tensorflow as tf

    return tf.constant(np.asarray(values), dtype=kind)


def half(values):
    import torch

    return torch.tensor(np.asarray(values)).bfloat16()


ALIKE = [
    lambda values: values,
    lambda values: np.asarray(values).tolist(),
    lambda values: list(np.asarray(values)),
    lambda values: np.asarray(values, np.float32),
    lambda values: np.asarray(values, int),
    scipy.sparse.csr_matrix,
    scipy.sparse.coo_array,
    torch_tensor,
    lambda values: torch_tensor(values, requires_grad=True),
    lambda values: list(torch_tensor(values, requires_grad=True)),
    lambda values: torch_tensor(values).to_sparse(),
    lambda values: torch_tensor(values + 0j).conj(),
    half,
    tensorflow_tensor,
    lambda values: tensorflow_tensor(values, "float32"),
    lambda values: tensorflow_tensor(values, "bfloat16"),
]


@pytest.mark.parametrize("kind", range(len(ALIKE)))
def test_an_answer_may_be_of_any_kind(graded, kind):
    assert graded(GRID, ALIKE[kind](GRID))[0]
    wrong = GRID.copy()
    wrong[1, 2] += 1
    passed, said = graded(GRID, ALIKE[kind](wrong))
    assert not passed and "1 of 12 numbers differ, most by 1: at [1, 2] expected 6, got" in said


@pytest.mark.parametrize(
    ("right", "answer"),
    [
        ((0, 1), np.array([0, 1])),
        ((0, 1), [0, 1]),
        ((0, 1), torch_tensor([0, 1])),
        ((0.5, 1), np.array([0.5, 1], np.float32)),
        ((GRID, 3), [GRID, 3]),
        ((GRID[0], GRID[1]), GRID[:2]),
        (3, np.array(3)),
        (3.0, torch_tensor(3.0)),
        (3.0, np.float32(3)),
        (np.array(3.0), 3),
        (1 / 3, np.float32(1 / 3)),
        ("both", " Both "),
        (np.zeros((0, 3)), np.zeros((0, 3))),
    ],
)
def test_what_is_right_passes(graded, right, answer):
    passed, said = graded(right, answer)
    assert passed, said


@pytest.mark.parametrize(
    ("right", "answer", "said"),
    [
        ((0, 1), np.array([0, 2]), "expected (0, 1)\n  got      (0, 2)"),
        ((0, 1), np.array([0, 1, 2]), "expected 2 values: (0, 1)\n  got      3: (0, 1, 2)"),
        ((0, 1), 0, "expected (0, 1)\n  got      0"),
        ((0, 1), {0, 1}, "expected (0, 1)\n  got      {0, 1}"),
        (
            (3, GRID),
            (3, GRID + (GRID == 5)),
            "of value 2:\n  expected",
        ),
        (GRID, GRID.T, "expected an array of shape (3, 4)\n  got      an array of shape (4, 3)"),
        (GRID, GRID[None], "an array of shape (1, 3, 4)"),
        (GRID, 3, "expected an array of shape (3, 4)\n  got      a number: 3"),
        (3, np.array([3]), "expected a number: 3\n  got      an array of shape (1,)"),
        (3, 4.5, "expected 3\n  got      4.5"),
        (3, "three", "got      'three'\n  which is no number"),
        (GRID, "grid", "which is no array"),
        (GRID, [[1, 2], [3]], "which is no array"),
        (GRID, [[1, None]], "which is no array"),
        ("both", "one", "expected 'both'\n  got      'one'"),
        ("both", 3, "expected 'both'\n  got      3"),
        (3, 3 + 1e-3j, "got      (3+0.001j)"),
        (1e-3, np.float32(1.001e-3), "expected"),
        (GRID * 1e6, (GRID * 1e6 + (GRID == 11) * 200).astype(np.float32), "1 of 12 numbers"),
    ],
)
def test_what_is_wrong_is_told(graded, right, answer, said):
    passed, message = graded(right, answer)
    assert not passed
    assert message.startswith("Exercise 1.1: not yet. For x=2\n") and said in message, message


def test_the_largest_difference_and_its_place_are_told(graded):
    wrong = np.zeros((8, 9))
    wrong[2, 3], wrong[7, 8], wrong[0, 0] = 0.5, -2.25, 1e-12
    said = graded(np.zeros((8, 9)), wrong)[1]
    assert said.endswith("2 of 72 numbers differ, most by 2.25: at [7, 8] expected 0, got -2.25")
    assert "expected array of shape (8, 9)" in said
    wrong[5, 5] = np.nan
    said = graded(np.zeros((8, 9)), wrong)[1]
    assert said.endswith("3 of 72 numbers differ: at [5, 5] expected 0, got nan")
    far = np.full(20, 250, np.uint8)  # whose own differences would wrap
    assert "most by 240: at [0] expected 10, got 250" in graded(np.full(20, 10, np.uint8), far)[1]


def test_a_type_is_taken_as_exact_as_it_is(graded):
    off = 1 + 3e-6
    assert graded(np.ones(4), np.full(4, off, np.float32))[0]
    assert not graded(np.ones(4), np.full(4, off))[0]
    assert not graded(np.ones(4), np.full(4, 1.0001, np.float32))[0]
    assert not graded(np.full(4, 100_000), np.full(4, 100_001, np.float32))[0]  # whole numbers


class Hostile:
    """Answers to everything with an error."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __repr__(self):
        raise RuntimeError("no")

    __array__ = __len__ = __iter__ = __eq__ = __float__ = __getitem__ = __repr__
    __hash__ = None


class Liar(Hostile):
    shape = (3, 4)
    dtype = "float32"

    def toarray(self):
        return self


def endless():
    yield from iter(int, 1)


@pytest.mark.parametrize("right", [3, 1.5, "both", (0, 1), (GRID, 1), GRID, np.array(3)])
@pytest.mark.parametrize(
    "answer",
    [
        Hostile(),
        Liar(),
        endless(),
        [Hostile()],
        (Hostile(), Hostile()),
        print,
        Hostile,
        {"a": 1},
        object(),
        b"bytes",
        np.array([None, "a"], object),
        np.array(["a", "b"]),
        np.ma.masked_all((3, 4)),
        np.datetime64("2020-01-01"),
        10**400,
        [[[]]],
        [],
        "x" * 10_000,
        float("nan"),
        scipy.sparse.csr_matrix((5, 5)),
        NotImplemented,
        ...,
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_never_raises(graded, right, answer):
    passed, said = graded(right, answer)
    assert not passed and said.startswith("Exercise 1.1: not yet.") and len(said) < 1500


class Silent(Exception):
    __str__ = Hostile.__repr__


@pytest.mark.parametrize("error", [RuntimeError("out of chalk"), SystemExit(3), Silent()])
def test_what_an_answer_raises_is_told(graded, error):
    def answer(x):
        raise error

    passed, said = graded(3, answer)
    assert not passed and f"raised {type(error).__name__}" in said


# ---- without a tool ------------------------------------------------------------------------------

A, B = np.array([1.0, 2, 3]), np.array([1.0, -1])
RIGHT = np.convolve(A, B)
from_numpy = np.convolve
from_scipy = scipy.signal.fftconvolve


def by_hand(x):
    found = np.zeros(4)
    for place, value in enumerate(A):
        found[place : place + 2] += value * B
    return found


def by_fft(x):
    return np.fft.irfft(np.fft.rfft(A, 4) * np.fft.rfft(B, 4), 4)


def through_a_helper(x):
    return next(map(lambda b: from_numpy(A, b), [B]))


def swallowed(x):
    try:
        return np.convolve(A, B)
    except BaseException:
        return RIGHT


def with_torch(x):
    import torch

    left, right = torch.tensor(A)[None, None], torch.tensor(B[::-1].copy())[None, None]
    return torch.nn.functional.conv1d(left, right, padding=1)[0, 0]


def dotted(x):
    return np.array([np.dot([1, 0], [value, 0]) for value in RIGHT])


TOOLS = ("numpy.convolve", "numpy.dot", "scipy", "torch", "not_installed.thing", "nowhere")


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (lambda x: np.convolve(A, B), "numpy.convolve"),
        (lambda x: from_numpy(A, B), "numpy.convolve"),
        (through_a_helper, "numpy.convolve"),
        (swallowed, "numpy.convolve"),
        (lambda x: scipy.signal.convolve(A, B), "scipy"),
        (lambda x: from_scipy(A, B), "scipy"),
        (with_torch, "torch"),
        (dotted, "numpy.dot"),
    ],
)
def test_a_tool_that_is_to_be_done_without_is_noticed(graded, answer, name):
    assert graded(RIGHT, answer)[0]
    passed, said = graded(RIGHT, answer, without=TOOLS)
    assert not passed and f"Your function calls {name}" in said
    assert said.endswith("which this exercise does without.")


@pytest.mark.parametrize("answer", [by_hand, by_fft])
def test_other_tools_are_not(graded, answer):
    before = np.dot, np.convolve
    passed, said = graded(RIGHT, answer, without=TOOLS)
    assert passed, said
    assert (np.dot, np.convolve) == before


def test_all_is_as_before_when_an_answer_fails(graded):
    import sys

    before = np.dot, sys.getprofile()
    assert not graded(RIGHT, lambda x: 1 / 0, without=TOOLS)[0]
    assert (np.dot, sys.getprofile()) == before


@pytest.mark.parametrize("number", exercises.all_exercises())
def test_no_reference_does_what_its_exercise_forbids(number, monkeypatch):
    """The answer is there to be found with what is left."""
    one = exercises.all_exercises()[number]
    assert all(isinstance(name, str) and name for name in one.without)
    assert grade(number, one.reference).passed or one.without
