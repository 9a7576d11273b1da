"""Names that have moved: for one version the old ones lead to the new, and say so once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any


def moved(module: str, homes: dict[str, str]) -> Callable[[str], Any]:
    """A module's ``__getattr__``: of each old name its new one, in full.

    >>> __getattr__ = moved("upconv.training", {"predict": "upconv.inference.predict"})
    """
    said: set[str] = set()

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, _, new = homes[name].rpartition(".")
        if name not in said:
            said.add(name)
            words = f"{module}.{name} is {homes[name]} now; the old name goes in the next version"
            warnings.warn(words, DeprecationWarning, stacklevel=2)
        return getattr(import_module(home), new)

    vars(find)["said"] = said  # for the tests: what is cleared is said anew
    return find
