"""Stand-ins for what the module's documentation needs no more of than its names.

The site is built without the frameworks and Matplotlib, and alike where they are installed. Sphinx
has mocks, too, but they put their own signature on every class that derives from one, and some
swallow what they decorate.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType

from upconv.packages import FRAMEWORKS

STOOD_IN = {*FRAMEWORKS, "matplotlib"}


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
        if all(isinstance(one, str) for one in arguments):
            return self  # @torch.no_grad(), @keras.saving.register_keras_serializable("upconv")
        if len(arguments) == 1 and isinstance(arguments[0], type | FunctionType):
            return arguments[0]
        raise TypeError(f"{self.__name__}: computes nothing while the book is built")

    def __repr__(self) -> str:
        return self.__name__  # as a default value: torch.float32


class _Class:
    """A class to derive from, with the signature of ``torch.nn.Module``."""

    def __init__(self, *args, **kwargs) -> None: ...


class StandIns(MetaPathFinder, Loader):
    """Finds a stand-in for whatever is imported of these packages."""

    def find_spec(self, fullname: str, path=None, target=None) -> ModuleSpec | None:
        found = fullname.partition(".")[0] in STOOD_IN
        return ModuleSpec(fullname, self, is_package=True) if found else None

    def create_module(self, spec: ModuleSpec) -> StandIn:
        return StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None: ...


def imported() -> list[str]:
    """What has been imported so far, by its outermost name; stand-ins are none of it."""
    names = {name for name, module in sys.modules.items() if not isinstance(module, StandIn)}
    return sorted({name.partition(".")[0] for name in names})


def put_stand_ins() -> None:
    """From now on, in this process, these packages are not imported; one that is there is left to
    those who have it."""
    for name in [name for name in sys.modules if name.partition(".")[0] in STOOD_IN]:
        del sys.modules[name]
    sys.meta_path.insert(0, StandIns())


def note_imports(app, error: Exception | None) -> None:
    """Write down what has been imported, for the tests: the site brings no more packages."""
    if error is None and app.builder.name == "html":
        text = json.dumps(imported())
        Path(app.outdir).with_name("imported.json").write_text(text, encoding="utf-8")


def setup(app) -> None:
    put_stand_ins()
    app.connect("build-finished", note_imports, priority=910)
