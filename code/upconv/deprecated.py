"""Names that have changed: for one version the old ones work, and say so once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, TypeVar

Given = TypeVar("Given", bound=Callable[..., Any])


def moved(module: str, homes: dict[str, str]) -> Callable[[str], Any]:
    """Make a module's ``__getattr__`` from a map of old names to full new ones.

    >>> __getattr__ = moved("upconv.training", {"predict": "upconv.inference.predict"})
    """
    said: set[str] = set()

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, _, new = homes[name].rpartition(".")
        _warn(said, f"{module}.{name}", homes[name])
        return getattr(import_module(home), new)

    find.homes, find.said = homes, said  # for the tests: what is cleared is said anew
    return find


def renamed(**names: str) -> Callable[[Given], Given]:
    """Decorator: a function, or a class, takes old keyword arguments under their new names.

    Instances of a class answer to the old attributes, too.

    >>> @renamed(colour="color")
    ... def paint(color: str) -> str:
    ...     return color
    """

    def decorate(given: Given) -> Given:
        said: set[str] = set()
        owner = f"{given.__module__}.{given.__qualname__}"

        def translated(options: dict[str, Any]) -> dict[str, Any]:
            for old, new in names.items():
                if old in options:
                    if new in options:
                        got = f"{given.__qualname__}() got {new} and its old name {old}"
                        raise TypeError(f"{got}, expected {new} only")
                    _warn(said, f"{owner}: {old}", new, depth=4)
                    options = {
                        new if name == old else name: value for name, value in options.items()
                    }
            return options

        call = given.__init__ if isinstance(given, type) else given

        @wraps(call)
        def wrapper(*args: Any, **options: Any) -> Any:
            return call(*args, **translated(options) if options else options)

        if not isinstance(given, type):
            return wrapper  # type: ignore[return-value]
        if "__init__" in vars(given):
            given.__init__ = wrapper
        for old, new in names.items():
            setattr(given, old, _attribute(said, owner, old, new))
        return given

    return decorate


def _attribute(said: set[str], owner: str, old: str, new: str) -> property:
    def read(self: Any) -> Any:
        _warn(said, f"{owner}.{old}", f"{owner}.{new}")
        return getattr(self, new)

    return property(read)


def _warn(said: set[str], old: str, new: str, depth: int = 3) -> None:
    """Warn once, of the line that used the old name: so many calls up from here."""
    if old not in said:
        said.add(old)
        words = f"{old} is {new} now; the old name goes in the next version"
        warnings.warn(words, DeprecationWarning, stacklevel=depth)
