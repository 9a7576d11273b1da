"""Automatic checkers for the exercises.

In a chapter, ``check("1.2", my_function)`` runs a reader's function on many cases and compares
each answer with an independent reference. It never raises for a wrong answer: it says which
case failed, what was expected and what came, how far off that is and where, so that a notebook with
unsolved exercises still runs from top to bottom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module, resources
from typing import Any

import numpy as np

from upconv.exercises._calls import noticed
from upconv.exercises._comparing import difference, short


@dataclass(frozen=True)
class Exercise:
    """An exercise: a reference answer and the cases it is asked for.

    ``cases`` yields dictionaries of keyword arguments, the same ones at every call;
    ``reference`` gives the right answer for one of them: a number, a string, an array or a
    tuple of these. Arrays and floats are compared with ``rtol`` and ``atol``; answers in float32 or
    float16 as far as their type is exact. ``without`` names functions and modules that an answer
    must not call, such as ``("numpy.convolve", "scipy", "torch")``.
    """

    title: str
    reference: Callable[..., Any]
    cases: Callable[[], Iterable[dict[str, Any]]]
    rtol: float = 1e-6
    atol: float = 1e-8
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grade:
    """Whether an answer passed, and what is said of it."""

    passed: bool
    message: str

    def __repr__(self) -> str:
        return self.message


def all_exercises() -> dict[str, Exercise]:
    """Every exercise of the book by its number, e.g. ``"1.2"``."""
    found: dict[str, Exercise] = {}
    files = resources.files(__package__).iterdir()
    for name in sorted(file.name for file in files if file.name.startswith("chapter")):
        found |= import_module(f"{__package__}.{name.removesuffix('.py')}").EXERCISES
    return found


def grade(number: str, answer: Callable[..., Any]) -> Grade:
    """Grade a reader's function.

    Raises
    ------
    ValueError
        If no exercise has this number.
    """
    exercises = all_exercises()
    if number not in exercises:
        raise ValueError(f"number: got {number!r}, expected one of {', '.join(exercises)}")
    exercise = exercises[number]
    count = 0
    for case in exercise.cases():
        count += 1
        expected = exercise.reference(**_copies(case))
        asked = ", ".join(f"{name}={short(value)}" for name, value in case.items())
        try:
            with noticed(exercise.without) as called:
                got = answer(**_copies(case))
        except NotImplementedError:
            return Grade(False, f"Exercise {number}: not solved yet.")
        except (Exception, SystemExit) as error:  # whatever a reader's code raises is reported
            problem = f"raised {type(error).__name__}: {short(error, str)}"
            return Grade(False, f"Exercise {number}: not yet. For {asked} your function {problem}")
        if called:
            problem = f"calls {' and '.join(called)}, which this exercise does without"
            return Grade(False, f"Exercise {number}: not yet. Your function {problem}.")
        if got is None:
            return Grade(False, f"Exercise {number}: not solved yet (the function returns None).")
        if said := difference(got, expected, exercise.rtol, exercise.atol):
            return Grade(False, f"Exercise {number}: not yet. For {asked}\n{said}")
    return Grade(True, f"Exercise {number}: passed ({count} cases).")


def check(number: str, answer: Callable[..., Any]) -> None:
    """Grade a reader's function and print the result."""
    print(grade(number, answer).message)


def _copies(case: dict[str, Any]) -> dict[str, Any]:
    # A reader's function may write into its arguments; the next call must not see that.
    return {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in case.items()}
