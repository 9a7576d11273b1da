"""Weights from one framework to the other: the only place that sees both.

Weights travel as a plain dictionary of NumPy arrays, ``{name: array}``, named and laid out as in
PyTorch; files of it are safetensors. ``load_weights(b, weights(a))`` makes ``b`` compute what
``a`` does, whichever framework each is of.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from upconv.checks import refuse
from upconv.deprecated import current_layers
from upconv.files import atomic_write

Weights = dict[str, np.ndarray]

# Batches that PyTorch's batch norm has seen; Keras does not count, and no output depends on it.
_COUNTER = "num_batches_tracked"

# Kinds of numbers, as safetensors calls them, that NumPy has.
_NUMPY = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL")


def weights(model: Any) -> Weights:
    """The weights of a network of ``upconv.torch`` or ``upconv.keras``.

    Examples
    --------
    >>> {name: value.shape for name, value in weights(torch.nn.Conv2d(1, 2, 3)).items()}
    {'weight': (2, 1, 3, 3), 'bias': (2,)}
    """
    if _is_torch(model):
        return {
            name: value.detach().cpu().numpy().copy()
            for name, value in model.state_dict().items()
            if not name.endswith(_COUNTER)
        }
    found = {}
    for layer in model.layers:
        for part, value in zip(_parts(layer), layer.get_weights(), strict=True):
            found[f"{layer.name}.{part}"] = _to_torch(layer, value)
    return found


def load_weights(model: Any, given: Weights) -> Any:
    """Put weights into a network, in place; all of them must fit, or nothing is changed.

    Weights of the first edition, whose layers had other names, are taken, too.

    Raises
    ------
    ValueError
        Naming a weight that is missing, left over, or of another shape.

    Examples
    --------
    >>> import upconv.torch, upconv.keras
    >>> here = upconv.torch.UNet(base_channels=4, depth=1)
    >>> there = load_weights(upconv.keras.UNet(base_channels=4, depth=1), weights(here))
    >>> image = np.random.default_rng(0).random((1, 20, 20, 1), np.float32)
    >>> maps = here.eval()(torch.from_numpy(image.transpose(0, 3, 1, 2))).detach().numpy()
    >>> bool(np.allclose(there(image), maps.transpose(0, 2, 3, 1), atol=1e-3))
    True
    """
    own = {name: value.shape for name, value in weights(model).items()}
    given = current_layers(given, own)
    for name in sorted(own.keys() | given.keys()):
        if name not in given or name not in own:
            where = "the network" if name not in own else "the weights"
            raise ValueError(f"weights: got {name} on one side only, missing in {where}")
        if given[name].shape != own[name]:
            got, expected = given[name].shape, own[name]
            refuse("weights", f"{name} of shape {got}", expected)
    if _is_torch(model):
        import torch

        state = {name: torch.from_numpy(value.copy()) for name, value in given.items()}
        model.load_state_dict(model.state_dict() | state)
        return model
    for layer in model.layers:
        parts = _parts(layer)
        if parts:
            values = [given[f"{layer.name}.{part}"] for part in parts]
            layer.set_weights([_to_keras(layer, value) for value in values])
    return model


def save_weights(path: str | Path, given: Weights, about: dict[str, str] | None = None) -> None:
    """Write weights as safetensors at one stroke, with a few words about them.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save_weights(f"{folder}/some.safetensors", {"bias": np.ones(3)}, {"made": "today"})
    ...     read_about(f"{folder}/some.safetensors")
    {'made': 'today'}
    """
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(value) for name, value in given.items()}
    packed = save(arrays, about)
    atomic_write(path, lambda unfinished: unfinished.write_bytes(packed))


def read_weights(path: str | Path) -> tuple[Weights, dict[str, str]]:
    """Weights of a file, and the words about them.

    Raises
    ------
    ValueError
        If it is no such file, or has numbers of a kind that NumPy does not know, but for bfloat16,
        which becomes float32.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save_weights(f"{folder}/some.safetensors", {"bias": np.ones(3)}, {"made": "today"})
    ...     read_weights(f"{folder}/some.safetensors")
    ({'bias': array([1., 1., 1.])}, {'made': 'today'})
    """
    with _opened(path) as file:
        kinds = {name: file.get_slice(name).get_dtype() for name in list(file.keys())}
        for name, kind in kinds.items():
            if kind not in _NUMPY and kind != "BF16":
                expected = f"BF16 or one of {', '.join(_NUMPY)}"
                refuse(str(path), f"{name} of {kind}", expected)
        plain = {name: file.get_tensor(name) for name, kind in kinds.items() if kind in _NUMPY}
        about = file.metadata() or {}
    if len(plain) < len(kinds):
        plain |= _brain_floats(path)
    return {name: plain[name] for name in kinds}, about


def _brain_floats(path: str | Path) -> Weights:
    """The bfloat16 of a file, as float32: these are the upper halves of such."""
    from safetensors import deserialize

    found = {}
    for name, said in deserialize(Path(path).read_bytes()):
        if said["dtype"] == "BF16":
            halves = np.frombuffer(said["data"], "<u2").astype(np.uint32)
            found[name] = (halves << 16).view(np.float32).reshape(said["shape"])
    return found


def read_about(path: str | Path) -> dict[str, str]:
    """The words about the weights of a file, which are not read.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    with _opened(path) as file:
        return file.metadata() or {}


@contextmanager
def _opened(path: str | Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            yield file
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: not a file of weights (safetensors): {error}") from error


def _is_torch(model: Any) -> bool:
    return hasattr(model, "state_dict")


def _parts(layer: Any) -> tuple[str, ...]:
    """Names, in PyTorch, of what ``layer.get_weights()`` returns."""
    count = len(layer.get_weights())
    if type(layer).__name__ == "BatchNormalization":
        return ("weight", "bias", "running_mean", "running_var")
    if count > 2:
        refuse(layer.name, f"{count} weights", "a kernel and a bias")
    return ("weight", "bias")[:count]


# Keras: (height, width, in, out), transposed (height, width, out, in), dense (in, out), and, of
# channels filtered alone, (height, width, channels, 1).
# PyTorch: (out, in, height, width), transposed (in, out, height, width), dense (out, in), and
# (channels, 1, height, width). So one permutation does both kinds of convolution, and one, which is
# its own inverse, does the last; biases and norms have one axis.


def _to_torch(layer: Any, value: np.ndarray) -> np.ndarray:
    if value.ndim != 4:
        return value.T
    return value.transpose((2, 3, 0, 1) if _filters_alone(layer) else (3, 2, 0, 1))


def _to_keras(layer: Any, value: np.ndarray) -> np.ndarray:
    if value.ndim != 4:
        return value.T
    return value.transpose((2, 3, 0, 1) if _filters_alone(layer) else (2, 3, 1, 0))


def _filters_alone(layer: Any) -> bool:
    return type(layer).__name__ == "DepthwiseConv2D"
