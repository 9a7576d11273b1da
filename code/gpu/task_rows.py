"""What a part is told, and the rows in which it says what it has found."""

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
    """How a part is run: in its smallest form or not, and for how many seconds."""

    smallest: bool
    seconds: float


def thinned(values: Sequence[float], most: int = 60) -> list[float]:
    """At most so many of the values, the last one among them."""
    every = -(-len(values) // most)
    return [round(value, 4) for value in values[::-1][::every][::-1]]


def has(*names: str) -> bool:
    """Whether one of these files lies in the folder that was given, or in the cache."""
    from upconv.data.download import find

    return any(find(name) for name in names)


def in_a_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]


def failed(rows: Sequence[Row]) -> list[str]:
    """The complaints of those rows that have one."""
    return [f"{row['name']}: {row['error']}" for row in rows if "error" in row]


def find_results() -> Any:
    """The module ``upconv.results`` of this folder: only where upconv is installed is it found."""
    import upconv

    spec = importlib.util.spec_from_file_location(
        "upconv.results", ROOT / "results" / "__init__.py"
    )
    upconv.results = sys.modules["upconv.results"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(upconv.results)
    return upconv.results
