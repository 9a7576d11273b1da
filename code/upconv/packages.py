"""Optional frameworks: if one is missing, the error says in one line what to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

# Imported name → common name, and the extra that installs it.
FRAMEWORKS = {
    "torch": ("PyTorch", "torch"),
    "tensorflow": ("TensorFlow", "tensorflow"),
    "keras": ("Keras", "tensorflow"),
}


class MissingFramework(ImportError):
    """A framework is not installed; the message says what to install."""


@contextmanager
def needed(part: str) -> Iterator[None]:
    """Wrap the framework imports of a part of the module.

    Raises
    ------
    MissingFramework
        If one is not installed. An installed but broken framework raises its own error.
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
