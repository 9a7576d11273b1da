"""The command line: upconv train, evaluate, predict, sample, stylize, export, versions, data."""

from __future__ import annotations

import argparse
import os
import sys

from upconv.cli import data, evaluate, export, predict, sample, stylize, train, versions
from upconv.cli.options import UsageError

# In the order of the help.
COMMANDS = (train, evaluate, predict, sample, export, stylize, versions, data)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 on success, 2 for bad usage or data, 130 if interrupted."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    try:
        if hasattr(options, "max_pixels"):
            from upconv.data import limit_pixels
            from upconv.data._memory import affordable_pixels

            limit_pixels(options.max_pixels or affordable_pixels())
        options.run(options)
    except KeyboardInterrupt:
        hint = "; resume with --resume" if hasattr(options, "resume") else ""
        print(f"{_name()}: interrupted{hint}", file=sys.stderr)
        return 130
    except _expected() as error:
        print(f"{_name()}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except Exception as error:
        if not _out_of_memory(error):
            raise
        sizes = ("batch", "crop", "tile", "size", "base_channels", "width_mult", "count")
        lower = [f"--{name.replace('_', '-')}" for name in sizes if hasattr(options, name)]
        hint = f"lower {' or '.join(lower)}" if lower else "close other programs"
        print(f"{_name()}: out of memory; {hint}", file=sys.stderr)
        return 2
    return 0


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
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
