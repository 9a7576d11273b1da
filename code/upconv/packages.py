"""Frameworks that not everyone has: who lacks one is told in one line what to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

# What is imported → what people call it, and the group of requirements that brings it.
FRAMEWORKS = {
    "torch": ("PyTorch", "torch"),
    "tensorflow": ("TensorFlow", "tensorflow"),
    "keras": ("Keras", "tensorflow"),
}


class MissingFramework(ImportError):
    """A framework is not installed; the message says how to install it."""


@contextmanager
def needed(part: str) -> Iterator[None]:
    """Import frameworks for a part of the module.

    Raises
    ------
    MissingFramework
        If one is not installed. A framework that is there and broken keeps its own error.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = str(error.name).partition(".")[0]
        if name not in FRAMEWORKS or find_spec(name):
            raise
        called, group = FRAMEWORKS[name]
        needs = f"{part} needs {called}, which is not installed: pip install 'upconv[{group}]'"
        raise MissingFramework(needs, name=name) from None
