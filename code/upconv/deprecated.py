"""Moved names: for one version the old ones still work, with a warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any


def moved(module: str, homes: dict[str, str]) -> Callable[[str], Any]:
    """Make a module's ``__getattr__`` from a map of old names to full new ones.

    >>> __getattr__ = moved("upconv.training", {"predict": "upconv.inference.predict"})
    """
    said: set[str] = set()

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, _, new = homes[name].rpartition(".")
        if name not in said:
            said.add(name)
            words = f"{module}.{name} is {homes[name]} now; the next version removes this name"
            warnings.warn(words, DeprecationWarning, stacklevel=2)
        return getattr(import_module(home), new)

    find.said = said  # for the tests: cleared names warn again
    return find
