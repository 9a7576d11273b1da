"""What the commands share: their arguments, and what is read by these."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from upconv.recipes import DRAWN, GENERATED, PAINTED, SETS
from upconv.zoo import GENERATORS, NETWORKS, PAINTERS

Number = TypeVar("Number", bound=float)


class UsageError(Exception):
    """What was asked for cannot be; the message is for the person at the keyboard."""


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], what: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=what, description=what[0].upper() + what[1:] + "."
    )
    command.set_defaults(run=run)
    return command


def add_network(command: argparse.ArgumentParser) -> None:
    names = [*NETWORKS, *GENERATORS, *PAINTERS]
    command.add_argument("network", choices=names, metavar="NETWORK", help=", ".join(names))


def add_weights(command: argparse.ArgumentParser) -> None:
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", type=Path, help="weights.safetensors")
    source.add_argument("--onnx", type=Path, help="a file of upconv export, instead")


def add_data(command: argparse.ArgumentParser, sets: Sequence[str]) -> None:
    command.add_argument(
        "--data", choices=sets, metavar="SET",
        help=f"{', '.join(sets)} [{SETS[0]}; dcgan: {DRAWN[0]}; transform: {PAINTED[0]}]",
    )  # fmt: skip
    command.add_argument("--images", type=Path, help="with --data folder: folder of images")
    command.add_argument("--masks", type=Path, help="with --data folder: folder of masks")
    command.add_argument("--classes", type=positive, help="with --data folder: number of classes")


def add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="auto, cpu or cuda [auto]")


def add_pixels(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--max-pixels", type=positive, help="pixels of the largest picture to read [67108864]"
    )


def positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected a whole number of at least 1")
    return value


def number(text: str) -> float:
    from upconv.checks import check_real

    return _read(text, float, check_real, "a number")


def seed(text: str) -> int:
    from upconv.checks import check_seed

    return _read(text, int, check_seed, "a whole number")


def _read(
    text: str,
    convert: Callable[[str], Number],
    check: Callable[[str, Any], Number],
    expected: str,
) -> Number:
    """What stands there, by the checks of the module; argparse names the option."""
    try:
        value = convert(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text}, expected {expected}") from None
    try:
        return check("", value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix(": ")) from None


def load_data(options: argparse.Namespace, split: str) -> Any:
    """What --data names, to segment: "train" or "test" of it; a folder has no such parts."""
    from upconv import data

    if options.data == "folder":
        for name in ("images", "masks", "classes"):
            if getattr(options, name) is None:
                raise UsageError(f"--data folder needs --{name}")
        return data.folder(options.images, options.masks, options.classes)
    for name in ("images", "masks", "classes"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} is for --data folder, not for --data {options.data}")
    load = getattr(data, options.data)
    if options.data in GENERATED:
        return load(GENERATED[options.data][split], split=split)
    return load(split)


def existing(path: Path, option: str = "--weights") -> Path:
    """The path itself, refused if no file is there."""
    if not path.is_file():
        raise UsageError(f"{option}: {path} is no file")
    return path


def check_out(out: Path, *endings: str) -> None:
    """Refuse a name of another kind of file, and one that cannot be written."""
    from upconv.files import check_writable

    if out.suffix.lower() not in endings:
        raise UsageError(f"--out: got {out}, expected a name that ends in {', '.join(endings)}")
    check_writable(out, "--out")


def network_of(path: Path, takes: str) -> Any:
    """The network of an ONNX file that takes images, or noise."""
    from upconv.onnx import Network

    network = Network(existing(path, "--onnx"))
    if network.input != takes:
        raise UsageError(f"--onnx: {path} takes {network.input}, expected one that takes {takes}")
    return network
