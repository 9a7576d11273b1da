"""The command line: upconv train, evaluate, predict, sample, stylize, export, versions, data."""

from __future__ import annotations

import argparse
import os
import sys

from upconv import __version__
from upconv.cli import data, evaluate, export, predict, sample, stylize, train, versions
from upconv.cli._interrupts import code_of, explain, terminable, typed
from upconv.cli.options import UsageError

# In the order of the help.
COMMANDS = (train, evaluate, predict, sample, export, stylize, versions, data)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 on success, 2 for bad usage or data, 130 or 143 if interrupted
    by Ctrl-C or SIGTERM."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    options.typed = typed(arguments)
    try:
        with terminable():
            _set_up(options)
            options.run(options)
    except KeyboardInterrupt as error:
        if _name() == "upconv":
            print(f"upconv: {explain(error, options)}", file=sys.stderr)
        elif hasattr(error, "steps"):
            return 0  # all have stopped after the same step: none has to be ended by force
        return code_of(error)
    except _expected() as error:
        print(f"{_name()}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except Exception as error:
        if not _out_of_memory(error):
            raise
        sizes = ("batch", "crop", "tile", "size", "base_channels", "width_mult", "count")
        if getattr(options, "data", None) not in (None, "folder"):
            sizes = tuple(name for name in sizes if name != "size")  # built-in sets have their own
        lower = [f"--{name.replace('_', '-')}" for name in sizes if hasattr(options, name)]
        hint = f"lower {' or '.join(lower)}" if lower else "close other programs"
        print(f"{_name()}: out of memory; {hint}", file=sys.stderr)
        return 2
    return 0


def _set_up(options: argparse.Namespace) -> None:
    """Set what holds for all of a command."""
    if hasattr(options, "max_pixels"):
        from upconv.data import limit_pixels
        from upconv.data._memory import affordable_pixels

        limit_pixels(options.max_pixels or affordable_pixels())
    if hasattr(options, "quiet"):
        from upconv.data import download

        download.BARS = not options.quiet


def _name() -> str:
    """Prefix of error messages: the first process of a machine is just ``upconv``."""
    number = os.environ.get("LOCAL_RANK", "0")
    return "upconv" if number == "0" else f"upconv, process {number}"


def _out_of_memory(error: Exception) -> bool:
    """Whether memory ran out: Python, NumPy and PyTorch each report it in their own way."""
    words = ("out of memory", "can't allocate memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(part in str(error) for part in words)
    )


def _expected() -> tuple[type[Exception], ...]:
    """Errors caused by data or usage; anything else is a bug and keeps its traceback."""
    from upconv.data import BadData, DataUnavailable
    from upconv.packages import MissingFramework

    found: list[type[Exception]] = [UsageError, BadData, DataUnavailable, ValueError, OSError]
    found.append(MissingFramework)
    if "upconv.training" in sys.modules:
        from upconv.training import BadCheckpoint, Diverged

        found += [BadCheckpoint, Diverged]
    return tuple(found)


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="upconv",
        description="Train, evaluate and use the course's networks.",
        epilog="Example: upconv train fcn8s --data digit_scenes --out runs/fcn8s",
    )
    parser.add_argument("--version", action="version", version=f"upconv {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
