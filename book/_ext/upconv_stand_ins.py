"""Stand-ins for the frameworks: the site is built without them, and alike where they are installed.

Sphinx has mocks, too, but they put their own signature on every class that derives from one, and
some swallow what they decorate.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType

from upconv.packages import FRAMEWORKS


class StandIn(ModuleType):
    """A module, function or decorator; whatever is asked of it is there."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if not name.lstrip("_")[:1].isupper():
            return import_module(f"{self.__name__}.{name}")
        made = type(name, (_Class,), {"__module__": self.__name__})
        setattr(self, name, made)
        return made

    def __call__(self, *arguments: object, **settings: object) -> object:
        """Decorate: what is decorated stays as it is."""
        decorated = len(arguments) == 1 and isinstance(arguments[0], type | FunctionType)
        return arguments[0] if decorated else self

    def __repr__(self) -> str:
        return self.__name__  # as a default value: torch.float32


class _Class:
    """A class to derive from, with the signature of ``torch.nn.Module``."""

    def __init__(self, *args, **kwargs) -> None: ...


class StandIns(MetaPathFinder, Loader):
    """Finds a stand-in for whatever is imported from a framework."""

    def find_spec(self, fullname: str, path=None, target=None) -> ModuleSpec | None:
        framework = fullname.partition(".")[0] in FRAMEWORKS
        return ModuleSpec(fullname, self, is_package=True) if framework else None

    def create_module(self, spec: ModuleSpec) -> StandIn:
        return StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None: ...


def put_stand_ins() -> None:
    """From now on, in this process, frameworks are not imported."""
    sys.meta_path.insert(0, StandIns())
