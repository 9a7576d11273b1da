"""The task given to a part, and helpers for its rows of results."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

Row = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """How to run a part: whether in its smallest form, and for how many seconds."""

    smallest: bool
    seconds: float


def thinned(values: Sequence[float], most: int = 60) -> list[float]:
    """Return at most ``most`` of the values, including the last one."""
    every = -(-len(values) // most)
    return [round(value, 4) for value in values[::-1][::every][::-1]]


def has(*names: str) -> bool:
    """Whether one of these files exists in the given folder or in the cache."""
    from upconv.data.download import find

    return any(find(name) for name in names)


def in_a_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]


def failed(rows: Sequence[Row]) -> list[str]:
    """Return the errors of all rows that have one."""
    return [f"{row['name']}: {row['error']}" for row in rows if "error" in row]


def find_results() -> Any:
    """Load this folder's ``upconv.results``, which is importable only if upconv is installed."""
    import upconv

    spec = importlib.util.spec_from_file_location(
        "upconv.results", ROOT / "results" / "__init__.py"
    )
    upconv.results = sys.modules["upconv.results"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(upconv.results)
    return upconv.results
