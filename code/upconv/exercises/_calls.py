"""What a reader's function calls while it runs: some exercises are to be solved without a tool.

What is called is looked at, not the text: another name for a function, or a function that calls
it, is found as well. Operators such as ``@`` are not calls, and what a compiled function calls
inside is not seen.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import CodeType, FrameType, ModuleType
from typing import Any


@contextmanager
def noticed(names: tuple[str, ...]) -> Iterator[list[str]]:
    """Notice calls of functions and modules, such as ``numpy.convolve`` and ``scipy``.

    A module is one with all that is in it. The list gets the name of each that is called.
    """
    found: list[str] = []
    if not names:
        yield found
        return
    modules = [name for name in names if isinstance(_named(name), ModuleType | None)]
    functions = {name: _named(name) for name in names if name not in modules}
    codes = {_code(function): name for name, function in functions.items() if _code(function)}
    compiled = {id(function): name for name, function in functions.items()}

    def note(frame: FrameType, event: str, argument: Any) -> None:
        name = None
        if event == "call":
            name = codes.get(frame.f_code) or _within(frame.f_globals.get("__name__"), modules)
        elif event == "c_call":
            owner = getattr(argument, "__module__", None)
            name = compiled.get(id(argument)) or _within(owner, modules)
        if name and name not in found:
            found.append(name)

    before = sys.getprofile()
    with _replaced(functions, codes.values(), found):
        sys.setprofile(note)
        try:
            yield found
        finally:
            sys.setprofile(before)


@contextmanager
def _replaced(functions: dict[str, Any], seen: Any, found: list[str]) -> Iterator[None]:
    """Compiled functions that no event tells of say themselves that they are called."""
    places = {}
    for name, function in functions.items():
        if name in seen or not callable(function):
            continue

        def told(*arguments: Any, name: str = name, function: Any = function, **more: Any) -> Any:
            if name not in found:
                found.append(name)
            return function(*arguments, **more)

        place, _, last = name.rpartition(".")
        places[import_module(place), last] = function, told
    for (module, last), (_, told) in places.items():
        setattr(module, last, told)
    try:
        yield
    finally:
        for (module, last), (function, _) in places.items():
            setattr(module, last, function)


def _named(name: str) -> Any:
    """A module, what is in it, or None where the package is not installed."""
    if name in sys.modules:
        return sys.modules[name]
    place, _, last = name.rpartition(".")
    try:
        return getattr(import_module(place), last) if place else None
    except (ImportError, AttributeError):
        return None


def _code(function: Any) -> CodeType | None:
    return getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None


def _within(module: Any, modules: list[str]) -> str | None:
    name = str(module or "")
    return next((one for one in modules if name == one or name.startswith(f"{one}.")), None)
