"""Networks as ONNX files: what other runtimes take, a browser's among them.

``export`` writes a network of ``upconv.torch``; ``Network`` reads one and computes as it does, by
ONNX Runtime. The file also says what it is of: an importer needs nothing else.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

import numpy as np

from upconv.checks import BYTE, check_value_range, refuse
from upconv.deprecated import TOLD
from upconv.files import atomic_write
from upconv.ops import unet_size
from upconv.options import COUNTS
from upconv.packages import needed

with needed("upconv.onnx"):
    import torch
    from torch import nn

    from upconv.torch.modes import evaluating

# What tiling and reading images have to know of a network, and least and most of what is a number.
_TOLD: dict[str, tuple[int, int]] = {
    "padded": (0, 1), "multiple": (1, 2**12), "context_margin": (0, 2**16),
    "centered": (0, 1),
    "depth": COUNTS["depth"], "in_channels": COUNTS["in_channels"], "channels": (1, 3),
    "latent": COUNTS["latent"],
    "size": (1, 2**14), "tile": (1, 2**14),
}  # fmt: skip
_CLASSES = 256  # as many as a mask of bytes can number
_TILE = 256  # of a network without padding, whose files have one size of input
_SMALL = 1024  # numbers below which half precision saves nothing


def export(
    network: nn.Module,
    path: str | Path,
    *,
    about: dict[str, Any] | None = None,
    half: bool = False,
    maps: bool = False,
) -> None:
    """Write a network of ``upconv.torch`` as an ONNX file.

    Its input is "image", (N, C, H, W) in [0, 1], or "noise", (N, latent), of a generator.
    N is free, and so are H and W where the network has padding; its first output is "logits",
    "painting" or "image". Inside, all is computed in float32.

    Parameters
    ----------
    about
        Anything that JSON can hold, to be read as ``Network.about``.
    half
        Store weights as float16: half the size, and 11 bits of every weight instead of 24.
    maps
        Give the map after every ReLU too, as further outputs. Each is called as the weights of
        the convolution before it, without ".weight".

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If the packages for ONNX are not installed.
    """
    onnx = _package("onnx")
    _package("onnxscript")
    network = deepcopy(network).float().eval()
    network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    told = {name: getattr(network, name) for name in _TOLD if hasattr(network, name)}
    if not told.get("padded", True):
        told["tile"] = _TILE
    value_range = getattr(network, "value_range", BYTE)
    if value_range != BYTE:
        told["value_range"] = value_range
    example, free, names = _example(network)
    with torch.no_grad(), _silence():
        program = torch.onnx.export(
            network, (example,), dynamo=True, dynamic_shapes=(free,), verbose=False,
            input_names=[names[0]], output_names=[names[1]],
        )  # fmt: skip
    model = cast(torch.onnx.ONNXProgram, program).model_proto
    for value in (*model.graph.input, *model.graph.output):
        _name_sizes(value)
    if maps:
        _give_maps(model.graph)
    if half:
        _halve(model.graph)
    _forget(model)
    onnx.helper.set_model_props(model, {"told": json.dumps(told), "about": json.dumps(about or {})})
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    atomic_write(path, lambda unfinished: unfinished.write_bytes(data))


class Network(nn.Module):
    """The network of an ONNX file that ``export`` has written, computed by ONNX Runtime.

    Called with a tensor, as the network itself; ``about`` is what ``export`` was given.

    Raises
    ------
    ValueError
        If the file is not one that ``export`` has written.
    OSError
        If it cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        onnxruntime = _package("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            # From memory: a file cannot then name others to be read.
            self.session = onnxruntime.InferenceSession(
                Path(path).read_bytes(), options, providers=["CPUExecutionProvider"]
            )
            found = self.session.get_modelmeta().custom_metadata_map
            self.about: dict[str, Any] = json.loads(found["about"])
            told = _current(json.loads(found["told"]))
            _check_told(told)
            _check_inputs(self.session.get_inputs(), told)
            self.input = self.session.get_inputs()[0].name
            self.outputs = [output.name for output in self.session.get_outputs()]
            for name in _TOLD:
                if name in told:
                    setattr(self, name, told[name])
            if "value_range" in told:
                self.value_range = check_value_range(told["value_range"])
        except OSError:
            raise
        except Exception as error:  # ONNX Runtime's own have no common class but this
            reason = " ".join(str(error).split())
            raise ValueError(f"{path}: got no ONNX file of `upconv export` ({reason})") from error

    @property
    def classes(self) -> list[str] | None:
        """The classes that ``about`` names; None if it names none.

        Raises
        ------
        ValueError
            If what it names are no classes.
        """
        named = self.about.get("classes") if isinstance(self.about, dict) else None
        if named is None:
            return None
        names = isinstance(named, list) and all(isinstance(each, str) for each in named)
        if not (names and 1 <= len(named) <= _CLASSES):
            refuse("classes", repr(named), f"1 to {_CLASSES} names")
        return list(named)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """The first output, (N, …), of an input (N, …)."""
        found = self.run(given.float().cpu().numpy(), self.outputs[:1])[0]
        return torch.from_numpy(found).to(given.device)

    def run(self, given: np.ndarray, names: list[str] | None = None) -> list[np.ndarray]:
        """Outputs by their names, or all, of an input (N, …), float32.

        Raises
        ------
        ValueError
            If ONNX Runtime cannot compute them, as of an input of another shape.
        """
        try:
            found: list[np.ndarray] = self.session.run(
                names, {self.input: np.ascontiguousarray(given)}
            )
        except Exception as error:  # of no common class
            raise ValueError(f"{self.input}: {' '.join(str(error).split())}") from error
        return found


def _current(told: Any) -> Any:
    """What a network says of itself, by the names of today; a generator's have not changed."""
    if not isinstance(told, dict) or "latent" in told:
        return told
    return {TOLD.get(name, name): value for name, value in told.items()}


def _check_told(told: Any) -> None:
    """Refuse what no network says of itself.

    Raises
    ------
    ValueError
        Naming what is wrong.
    """
    if not isinstance(told, dict):
        refuse("told", type(told).__name__, "names and values")
    for name in (name for name in _TOLD if name in told):
        value = told[name]
        if name in ("padded", "centered"):
            good, expected = isinstance(value, bool), "true or false"
        else:
            least, most = _TOLD[name]
            good = isinstance(value, int) and not isinstance(value, bool)
            good, expected = good and least <= value <= most, f"a whole number, {least} to {most}"
        if not good or (name == "channels" and value not in (1, 3)):
            refuse(name, repr(value), expected)
    if "value_range" in told:
        check_value_range(told["value_range"])
    if not told.get("padded", True):
        for name in ("depth", "tile"):
            if name not in told:
                refuse(name, "none", "one of a network without padding")


def _check_inputs(inputs: list[Any], told: dict[str, Any]) -> None:
    """Refuse a network that takes otherwise than it says.

    Raises
    ------
    ValueError
        Naming what is wrong.
    """
    if len(inputs) != 1 or inputs[0].name not in ("image", "noise"):
        names = ", ".join(each.name for each in inputs)
        refuse("inputs", names or "none", "image or noise")
    given = inputs[0]
    if (given.name == "noise") != ("latent" in told):
        refuse("latent", told.get("latent"), "one of noise only, not of image")
    rank, name = (2, "latent") if given.name == "noise" else (4, "in_channels")
    shape, second = list(given.shape), told.get(name, 3)
    if given.type != "tensor(float)" or len(shape) != rank or shape[1] != second:
        expected = f"float32 with {rank} axes, {second} {name}"
        refuse(given.name, f"{given.type} {shape}", expected)


def difference(network: nn.Module, other: nn.Module) -> float:
    """Largest difference between what two networks say of the same input, over its scale."""
    given = _example(network)[0]
    with evaluating(network), torch.no_grad():
        first, second = network(given), other(given)
    return float((first - second).abs().max() / first.abs().max().clamp(min=1))


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        needed = f"{name} is not installed: pip install 'upconv[onnx]'"
        raise ValueError(f"onnx: {needed}") from error


def _example(network: nn.Module) -> tuple[torch.Tensor, dict[int, Any], tuple[str, str]]:
    """An input to trace with, its free sizes, and what input and output are called."""
    free = torch.export.Dim.DYNAMIC
    if hasattr(network, "latent"):
        return torch.randn((2, cast(int, network.latent))), {0: free}, ("noise", "image")
    channels = getattr(network, "in_channels", 3)
    output = "painting" if getattr(network, "paints", False) else "logits"
    if not getattr(network, "padded", True):
        side = unet_size(_TILE, cast(int, network.depth))[0]
        return torch.rand(2, channels, side, side), {0: free}, ("image", output)
    return torch.rand(2, channels, 96, 80), {0: free, 2: free, 3: free}, ("image", output)


def _name_sizes(value: Any) -> None:
    """The exporter writes sizes as formulas of one another."""
    for size, name in zip(
        value.type.tensor_type.shape.dim, ("batch", "channels", "height", "width"), strict=False
    ):
        if size.dim_param:
            size.dim_param = f"{value.name}_{name}" if value.name != "image" else name


def _give_maps(graph: Any) -> None:
    """Make what every ReLU gives an output, called after the module whose weights are before it."""
    import onnx

    kinds = {value.name: value for value in graph.value_info}
    made = {name: node for node in graph.node for name in node.output}
    weights = {tensor.name for tensor in graph.initializer}
    new = {}
    for node in graph.node:
        if node.op_type != "Relu":
            continue
        found, waiting = [], [node.input[0]]
        while waiting:
            before = made.get(waiting.pop())
            if before is None:
                continue
            if before.op_type in ("Conv", "ConvTranspose", "Gemm"):
                found.append(before.input[1])
            else:  # of joined maps each comes from elsewhere
                waiting += before.input if before.op_type == "Concat" else before.input[:1]
        if not found or not weights.issuperset(found):
            continue
        parts = [name.removesuffix(".weight").split(".") for name in found]
        shared = takewhile(lambda names: len(set(names)) == 1, zip(*parts, strict=False))
        if name := ".".join(names[0] for names in shared):
            new[node.output[0]] = name
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = new.get(name, name)
    for old, name in new.items():
        size = kinds[old].type.tensor_type if old in kinds else None
        rank = len(size.shape.dim) if size is not None else 4
        channels = size.shape.dim[1].dim_value or None if size is not None and rank > 1 else None
        sizes = [f"{name}_{place}" if place != 1 else channels for place in range(rank)]
        graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes))


def _halve(graph: Any) -> None:
    """Store large weights as float16, and let a cast to float32 stand in their place."""
    import onnx

    casts = []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _SMALL:
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(
            onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        )
    for node in reversed(casts):
        graph.node.insert(0, node)


def _forget(model: Any) -> None:
    """Leave out what tells of the machine: paths and lines of the exporter's trace."""
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.doc_string = ""
        del value.metadata_props[:]
    model.doc_string = ""
    del model.graph.metadata_props[:]


@contextmanager
def _silence() -> Iterator[None]:
    """The exporter speaks of packages it does not need, in the root logger too."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    root = logging.getLogger()
    before = [logger.level for logger in (*loggers, root)]
    for logger in (*loggers, root):
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip((*loggers, root), before, strict=True):
            logger.setLevel(level)
