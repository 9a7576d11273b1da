"""upconv export: export a network to ONNX."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from upconv.cli.options import UsageError, add_command, add_network, check_out, existing, same_file
from upconv.zoo import GENERATORS, STYLIZERS


def add(commands: Any) -> None:
    export = add_command(commands, "export", run, "export a network to ONNX, for other programs")
    add_network(export)
    export.add_argument("--weights", type=Path, required=True, help="weights.safetensors")
    export.add_argument("--out", type=Path, required=True, help="output file, .onnx")
    export.add_argument("--half", action="store_true", help="store float16 weights: half the size")
    export.add_argument(
        "--maps", action="store_true", help="also output the feature maps after every ReLU"
    )


def run(options: argparse.Namespace) -> None:
    from upconv import onnx, zoo

    weights, out = existing(options.weights), options.out
    check_out(out, ".onnx")
    if same_file(weights, out):
        raise UsageError(f"--out: {out} is the file of weights; expected another file")
    name = zoo.name_of(weights)
    if name and name != options.network:
        raise UsageError(f"--weights: got weights of {name}, expected {options.network}")
    about: dict[str, Any] = {"network": options.network}
    if options.network in GENERATORS:
        network = zoo.restore_generator(weights)
    elif options.network in STYLIZERS:
        network = zoo.restore_stylizer(weights)
    else:
        network, about["classes"], _ = zoo.restore(weights)
    onnx.export(network, out, about=about, half=options.half, maps=options.maps)
    apart = onnx.difference(network, onnx.Network(out))
    print(f"{out}  ({out.stat().st_size / 1e6:.1f} MB, within {apart:.1g} of PyTorch)")
