"""upconv versions: print the installed versions."""

from __future__ import annotations

import argparse
from typing import Any

from upconv.cli.options import add_command


def add(commands: Any) -> None:
    add_command(commands, "versions", run, "print versions for a bug report")


def run(options: argparse.Namespace) -> None:
    import platform
    from importlib import metadata

    print(f"python {platform.python_version()}, {platform.platform()}")
    for name in ("upconv", "numpy", "torch", "tensorflow-cpu", "tensorflow", "keras", "anywidget"):
        try:
            print(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            continue
