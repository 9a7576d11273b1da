"""Arguments shared by the commands, and how they are read."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from upconv.checks import LONGEST_SIDE
from upconv.deprecated import words
from upconv.recipes import GENERATED, GENERATOR_SETS, SETS, STYLIZER_SETS
from upconv.zoo import GENERATORS, NETWORKS, STYLIZERS

Number = TypeVar("Number", bound=float)


class UsageError(Exception):
    """Invalid usage; the message is meant for the user."""


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], what: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=what, description=what[0].upper() + what[1:] + "."
    )
    command.set_defaults(run=run)
    return command


class _Renamed(argparse.Action):
    """An option under its old name, which is said."""

    def __init__(self, *args: Any, new: str, **options: Any) -> None:
        self.new = new
        super().__init__(*args, **options)

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
        option_string: str | None = None,
    ) -> None:  # fmt: skip
        print(f"{parser.prog}: {words(str(option_string), self.new)}", file=sys.stderr)
        setattr(namespace, self.dest, values)


def rename_option(command: argparse.ArgumentParser, old: str, option: argparse.Action) -> None:
    """For one version, take an option under its old name, too; help does not show it."""
    convert: Any = option.type
    command.add_argument(
        old, action=_Renamed, new=option.option_strings[-1], type=convert, dest=option.dest,
        default=argparse.SUPPRESS, help=argparse.SUPPRESS,
    )  # fmt: skip


def add_network(command: argparse.ArgumentParser) -> None:
    names = [*NETWORKS, *GENERATORS, *STYLIZERS]
    command.add_argument("network", choices=names, metavar="NETWORK", help=", ".join(names))


def add_weights(command: argparse.ArgumentParser) -> None:
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", type=Path, help="weights.safetensors")
    source.add_argument("--onnx", type=Path, help="a file from upconv export")


def add_data(command: argparse.ArgumentParser, sets: Sequence[str]) -> None:
    command.add_argument(
        "--data", choices=sets, metavar="SET",
        help=f"{', '.join(sets)} [{SETS[0]}; dcgan: {GENERATOR_SETS[0]}; "
        f"transform: {STYLIZER_SETS[0]}]",
    )  # fmt: skip
    add_folder(command, "with --images: ")
    command.add_argument(
        "--size", type=positive,
        help="with --images: scale larger images down to this longer side, in pixels",
    )  # fmt: skip


MASKS = """
A mask is a picture of its image's size, in another folder and with the same name, or with the same
addition to it (x_mask). Its gray values, or the numbers of its palette, are the classes 0, 1, 2 and
so on; 255 is void, which is ignored. If no mask of the folder has other values than 0 and 255, 255
is class 1. Masks in colors need --colors, JPEGs and smoothed ones --threshold, numbered objects
--instances. See what is made of yours with: upconv data check --images DIR --masks DIR
"""
# Options about one's own folders.
FOLDER = (
    "images", "masks", "classes", "colors", "threshold", "instances", "channels", "range", "size",
)  # fmt: skip


def add_folder(command: argparse.ArgumentParser, when: str = "") -> None:
    """Add the options that say where own images and masks are, and what masks mean."""
    command.epilog = " ".join(MASKS.split())
    command.add_argument("--images", type=Path, help=f"{when}your own images: a folder")
    command.add_argument("--masks", type=Path, help=f"{when}mask folder, see below")
    command.add_argument(
        "--classes", type=classes,
        help=f"{when}number of classes, or their names, background,cell [as the masks show]",
    )  # fmt: skip
    command.add_argument(
        "--colors", metavar="COLORS",
        help=f"{when}colors of the classes in order, 000000,ff0000,void=ffffff, or a file of them",
    )  # fmt: skip
    command.add_argument(
        "--threshold", type=positive, help=f"{when}gray values from this one on are class 1 of two"
    )
    command.add_argument(
        "--instances", action="store_true", default=None,
        help=f"{when}masks number objects: everything but 0 is class 1 of two",
    )  # fmt: skip


def add_channels(command: argparse.ArgumentParser, when: str = "U-Net, with --images: ") -> None:
    command.add_argument(
        "--channels", type=positive,
        help=f"{when}channels of the images; 1 makes them gray [3]",
    )  # fmt: skip


def add_range(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--range", nargs=2, type=finite, metavar=("LOW", "HIGH"),
        help="values of the images that are black and white, such as 0 4095 [8 bits: 0 255; "
        "others: least and greatest in the folder]",
    )  # fmt: skip


def channels_read(network: Any) -> int:
    """Channels with which images are read for a network; it makes gray ones itself."""
    channels: int = getattr(network, "in_channels", 3)
    return 3 if channels == 1 else channels


def check_range(options: argparse.Namespace) -> None:
    """Check that --range, if given, ascends."""
    if options.range is not None and not options.range[0] < options.range[1]:
        low, high = options.range
        raise UsageError(f"--range: got {low:g} {high:g}, expected LOW below HIGH")


def add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device", type=device, default="auto", help="auto, cpu, cuda, cuda:N or mps [auto]"
    )


def add_quiet(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quiet", action="store_true", help="print only results and errors")


def say(options: argparse.Namespace, text: str) -> None:
    """Print a line on standard error, unless asked to be quiet."""
    if not getattr(options, "quiet", False):
        print(text, file=sys.stderr)


def add_pixels(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--max-pixels",
        type=positive,
        help="maximum pixels of an input image [what half of the free memory can hold]",
    )


def positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected an integer of at least 1")
    return value


def classes(text: str) -> int | tuple[str, ...]:
    """A number of classes, or their names."""
    names = tuple(name.strip() for name in text.split(","))
    if len(names) == 1:
        try:
            return positive(text)
        except argparse.ArgumentTypeError:
            expected = "a number of classes or at least two names, background,cell"
            raise argparse.ArgumentTypeError(f"got {text}, expected {expected}") from None
    if not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"got {text}, expected different names")
    return names


def up_to(most: int) -> Callable[[str], int]:
    """Return a type of options: integers from 1 to ``most``."""

    def convert(text: str) -> int:
        if (value := positive(text)) > most:
            raise argparse.ArgumentTypeError(f"got {text}, expected an integer of at most {most}")
        return value

    return convert


side = up_to(LONGEST_SIDE)  # in pixels


def device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", text):
        expected = "auto, cpu, cuda, cuda:N or mps"
        raise argparse.ArgumentTypeError(f"got {text}, expected {expected}")
    return text


def number_up_to(most: float) -> Callable[[str], float]:
    """Return a type of options: numbers from 0 to ``most``."""

    def convert(text: str) -> float:
        if (value := number(text)) > most:
            raise argparse.ArgumentTypeError(f"got {value}, expected a number of at most {most}")
        return value

    return convert


def number(text: str) -> float:
    from upconv.checks import check_real

    return _read(text, float, check_real, "a number")


def finite(text: str) -> float:
    import math

    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"got {text}, expected a finite number")
    return value


def seed(text: str) -> int:
    from upconv.checks import check_seed

    return _read(text, int, check_seed, "an integer")


def _read(
    text: str,
    convert: Callable[[str], Number],
    check: Callable[[str, Any], Number],
    expected: str,
) -> Number:
    """Convert an option's text and check it like the module does; argparse names the option."""
    try:
        value = convert(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text}, expected {expected}") from None
    try:
        return check("", value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix(": ")) from None


def load_data(
    options: argparse.Namespace, split: str, classes: Sequence[str] = (), mask_format: Any = None
) -> Any:
    """Load the segmentation set of --data, split "train" or "test"; a folder has no splits.

    Parameters
    ----------
    classes, mask_format
        Of a trained network: a folder's masks mean the same, unless options say otherwise.
    """
    from upconv import data

    if options.data == "folder":
        for name in ("images", "masks"):
            if getattr(options, name) is None:
                raise UsageError(f"--data folder needs --{name}")
        return load_folder(options, classes, mask_format)
    load = getattr(data, options.data)
    if options.data in GENERATED:
        return load(GENERATED[options.data][split], split=split)
    return load(split)


def load_folder(
    options: argparse.Namespace, classes: Sequence[str] = (), mask_format: Any = None
) -> Any:
    """Load the folders of --images and --masks, with a bar; say what was found in them."""
    from upconv import data

    meaning = {name: getattr(options, name) for name in ("colors", "threshold", "instances")}
    if any(meaning.values()):
        mask_format = None
    given = options.classes
    if given is None or (isinstance(given, int) and given == len(classes)):
        given = classes or given
    return data.segmentation_folder(
        options.images, options.masks, given, mask_format=mask_format,
        channels=getattr(options, "channels", None) or 3,
        value_range=options.range and tuple(options.range),
        size=getattr(options, "size", None), progress=not getattr(options, "quiet", False),
        **meaning,
    )  # fmt: skip


def say_notes(options: argparse.Namespace, found: Any) -> None:
    """Print what was found in a folder."""
    for note in getattr(found, "notes", ()):
        say(options, note)


def existing(path: Path, option: str = "--weights") -> Path:
    """Return the path if it is a file."""
    if not path.is_file():
        raise UsageError(f"{option}: {path} is not a file")
    return path


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file or folder."""
    return one.exists() and other.exists() and one.samefile(other)


def check_device(options: argparse.Namespace) -> None:
    """Refuse --device for an ONNX file, which runs on the CPU."""
    if options.onnx and options.device not in ("auto", "cpu"):
        raise UsageError(f"--device: got {options.device}, expected cpu: --onnx runs on no other")


def check_out(out: Path, *endings: str) -> None:
    """Check that an output file has one of the extensions and can be written."""
    from upconv.files import check_writable

    if out.suffix.lower() not in endings:
        raise UsageError(f"--out: got {out}, expected a name ending in {', '.join(endings)}")
    check_writable(out, "--out")


def network_of(path: Path, takes: str) -> Any:
    """Load the network of an ONNX file, which must take images, or noise."""
    from upconv.onnx import Network

    network = Network(existing(path, "--onnx"))
    if network.input != takes:
        raise UsageError(f"--onnx: {path} takes {network.input}, expected one that takes {takes}")
    return network
