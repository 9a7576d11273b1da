"""Names of the previous edition: for one version the old ones still work.

Old names in code warn once (``moved``, ``renamed``); old names in files are read silently.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import is_dataclass
from functools import wraps
from importlib import import_module
from inspect import signature
from typing import Any, TypeVar

T = TypeVar("T")
Network = TypeVar("Network", bound=type)
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
# Fields of settings and histories, in checkpoints and stored results.
FIELDS = {
    "Settings": {
        "elastic": "elastic_sigma",
        "jitter": "brightness_contrast_jitter",
        "upside_down": "vertical_flip",
    },
    "StyleSettings": {"preserve_colour": "preserve_color"},
    "History": {"waited": "data_wait"},
}
SETTABLE = ("feed",)  # what may be changed in a network that is made
VALUES = {"nothing": "zeros", "neighbour": "neighbor"}  # codespell:ignore
LAYERS = {"down": "encoder", "bottom": "bottleneck", "mix": "decoder"}
TOLD = {
    "rim": "context_margin",
    "centred": "centered",  # codespell:ignore
    "channels": "in_channels",
}


def moved(module: str, homes: dict[str, str]) -> Callable[[str], Any]:
    """Make a module's ``__getattr__`` from a map of old names to full new ones.

    >>> __getattr__ = moved("upconv.training", {"predict": "upconv.inference.predict"})
    """
    said: set[str] = set()

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, _, new = homes[name].rpartition(".")
        _warn(said, name, f"{module}.{name}", homes[name])
        return getattr(import_module(home), new)

    # For the tests: cleared names warn again.
    vars(find).update(homes=homes, said=said)
    return find


def renamed(**new: str) -> Callable[[Made], Made]:
    """Decorator of a function or class that also takes arguments by their old names.

    Each old name warns once. Values that have new names are translated, too. Instances of a data
    class also have the old attributes.

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

    def decorate(made: Any) -> Any:
        call: Any = made
        if isinstance(made, type):
            call = made.__init__  # type: ignore[misc]
        place = f"{made.__module__.rpartition('.')[0]}.{made.__qualname__}"
        known = signature(call).parameters
        said: set[str] = set()

        @wraps(call)
        def accept(*arguments: Any, **named: Any) -> Any:
            for old in new.keys() & named.keys():
                now = new[old]
                if now in named:
                    raise TypeError(f"{place}: got both {now} and {old}, its old name")
                _warn(said, old, f"{place}: {old}", now)
                named[now] = _current_value(named.pop(old))
            for name in named.keys() - known.keys():
                if name in VARIANTS.get(made.__name__, ()):
                    room, _, network = place.rpartition(".")
                    raise TypeError(f"{place}: {name} is for {room}.variants.{network} now")
            return call(*arguments, **named)

        vars(accept)["said"] = said
        if not isinstance(made, type):
            return accept
        if not hasattr(made, "_fields"):  # a NamedTuple is made by __new__
            made.__init__ = accept  # type: ignore[misc]
        for old, now in new.items():
            if is_dataclass(made) or hasattr(made, "_fields") or old in SETTABLE:
                setattr(made, old, _attribute(said, place, old, now))
        return made

    return decorate


def _attribute(said: set[str], place: str, old: str, new: str) -> property:
    def read(self: Any) -> Any:
        _warn(said, f".{old}", f"{place}.{old}", f"{place}.{new}")
        return getattr(self, new)

    def write(self: Any, value: Any) -> None:
        _warn(said, f".{old}", f"{place}.{old}", f"{place}.{new}")
        setattr(self, new, _current_value(value))

    return property(read, write)


def words(old: str, new: str) -> str:
    """What is said of an old name, by the module and by the command line."""
    return f"{old} is {new} now; the next version removes the old name"


def _warn(said: set[str], name: str, old: str, new: str) -> None:
    """Warn about a name once, at the line that used it: two calls up."""
    if name not in said:
        said.add(name)
        warnings.warn(words(old, new), DeprecationWarning, stacklevel=3)


def current_arguments(network: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A network's arguments, as a file has them, by the names of today."""
    new = ARGUMENTS.get(network, {})
    return {
        new.get(name, name): _current_value(value) if name in new else value
        for name, value in given.items()
    }


def current_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings or a history, as a file has them, by the names of today.

    >>> current_fields({"elastic": 10.0, "seed": 0})
    {'elastic_sigma': 10.0, 'seed': 0}
    """
    new = {old: now for fields in FIELDS.values() for old, now in fields.items()}
    return {new.get(name, name): value for name, value in given.items()}


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


def takes_old_layers(network: Network) -> Network:
    """Decorator of a class of networks whose ``load_state_dict`` takes old names of layers, too."""
    owner: Any = network

    def load_by_any_name(self: Any, state: dict[str, Any], prefix: str, *others: Any) -> None:
        # In place: what is left in ``state`` under an old name would be refused as unexpected.
        mine = {name: state.pop(name) for name in list(state) if name.startswith(prefix)}
        mine = {name.removeprefix(prefix): value for name, value in mine.items()}
        for name, value in current_layers(mine, self.state_dict()).items():
            state[prefix + name] = value
        super(owner, self)._load_from_state_dict(state, prefix, *others)

    owner._load_from_state_dict = load_by_any_name
    return network
