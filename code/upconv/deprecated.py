"""Names of the edition before this one: for one version the old ones lead to the new.

What is asked for in code says so once (``moved``, ``renamed``); what files say is read in silence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from importlib import import_module
from inspect import signature
from typing import Any, TypeVar

T = TypeVar("T")
Made = TypeVar("Made", bound=Callable[..., Any])

# The only table of old names: arguments of each network, values of arguments, the first parts of
# the names of weights, and what a network says of itself in an ONNX file.
ARGUMENTS: dict[str, dict[str, str]] = {
    "UNet": {"channels": "in_channels", "width": "base_channels", "feed": "skip_source"},
    "FCN": {"width": "width_mult"},
    "FeatureSumFCN": {"width": "width_mult"},
    "ConcatFCN": {"width": "width_mult"},
    "EightfoldFCN": {"width": "width_mult"},
    "VGG16": {"width": "width_mult"},
    "VGG19": {"width": "width_mult"},
    "SqueezeNet": {"width": "width_mult"},
    "VGG16Classifier": {"width": "width_mult"},
    "TransformNet": {"width": "base_channels"},
    "Generator": {"width": "base_channels"},
    "Discriminator": {"width": "base_channels"},
    "SmallClassifier": {"channels": "in_channels", "width": "base_channels"},
    "ConvAutoencoder": {"channels": "in_channels"},
}
# Arguments that only the variants take now.
VARIANTS = {
    "UNet": ("up", "skips", "skip_source"),
    "FCN": ("score_relu",),
    "Generator": ("up", "norm", "dense", "act"),
    "Discriminator": ("down", "norm", "dense", "act"),
}
VALUES = {"nothing": "zeros", "neighbour": "neighbor"}
LAYERS = {"down": "encoder", "bottom": "bottleneck", "mix": "decoder"}
TOLD = {"rim": "context_margin", "centred": "centered", "channels": "in_channels"}


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

    find.said = said  # for the tests: what is cleared is said anew
    return find


def renamed(**new: str) -> Callable[[Made], Made]:
    """Decorator of a function or class that also takes arguments by their old names.

    Each old name warns once. Values that have new names are translated, too.

    Raises
    ------
    TypeError
        When called with an argument under both of its names, or with one that only the variant of
        a network takes.

    Examples
    --------
    >>> @renamed(width="base_channels")
    ... def network(base_channels):
    ...     return base_channels
    >>> network(base_channels=4)
    4
    """

    def decorate(made: Made) -> Made:
        call = made.__init__ if isinstance(made, type) else made
        place = f"{made.__module__.rpartition('.')[0]}.{made.__qualname__}"
        known = signature(call).parameters
        said: set[str] = set()

        @wraps(call)
        def accept(*arguments: Any, **named: Any) -> Any:
            for old in new.keys() & named.keys():
                now = new[old]
                if now in named:
                    raise TypeError(f"{place}: got both {now} and {old}, its old name")
                if old not in said:
                    said.add(old)
                    words = f"{place}: {old} is {now} now; the old name goes in the next version"
                    warnings.warn(words, DeprecationWarning, stacklevel=2)
                named[now] = _current_value(named.pop(old))
            for name in named.keys() - known.keys():
                if name in VARIANTS.get(made.__name__, ()):
                    room, _, network = place.rpartition(".")
                    raise TypeError(f"{place}: {name} is for {room}.variants.{network} now")
            return call(*arguments, **named)

        accept.said = said
        if isinstance(made, type):
            made.__init__ = accept
            return made
        return accept

    return decorate


def current_arguments(network: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A network's arguments, as a file has them, by the names of today."""
    new = ARGUMENTS.get(network, {})
    return {
        new.get(name, name): _current_value(value) if name in new else value
        for name, value in given.items()
    }


def _current_value(value: Any) -> Any:
    return VALUES.get(value, value) if isinstance(value, str) else value


def current_layers(given: Mapping[str, T], own: Collection[str]) -> dict[str, T]:
    """Weights by the names of today: those that a network does not have under their old ones.

    >>> current_layers({"down.0.bias": 1, "up.0.bias": 2}, ["encoder.0.bias", "up.0.bias"])
    {'encoder.0.bias': 1, 'up.0.bias': 2}
    """
    found = {}
    for name, value in given.items():
        first, _, rest = name.partition(".")
        new = f"{LAYERS.get(first, first)}.{rest}"
        found[new if name not in own and new in own else name] = value
    return found


def takes_old_layers(network: type[T]) -> type[T]:
    """Decorator of a class of networks whose ``load_state_dict`` takes old names of layers, too."""

    def load_by_any_name(self: Any, state: dict[str, Any], prefix: str, *others: Any) -> None:
        # In place: what is left in ``state`` under an old name would be refused as unexpected.
        mine = {name: state.pop(name) for name in list(state) if name.startswith(prefix)}
        mine = {name.removeprefix(prefix): value for name, value in mine.items()}
        for name, value in current_layers(mine, self.state_dict()).items():
            state[prefix + name] = value
        super(network, self)._load_from_state_dict(state, prefix, *others)

    network._load_from_state_dict = load_by_any_name
    return network
