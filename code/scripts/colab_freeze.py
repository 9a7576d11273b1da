"""Print the part of Colab's published freeze that the chapters need, as a list for the tests.

    python3.13 code/scripts/colab_freeze.py pip-freeze.gpu.txt --date "June 2026" \\
        --source "googlecolab/backend-info, commit 03a8903" > tests/colab/today.txt

Run it with Colab's Python version: requirements depend on it. The file is a copy of Colab's, or its
address; the previous list becomes ``before.txt``. Give Colab's versions that differ from the file
with ``--instead numpy==2.1.3``; the list marks them.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path

FILE = "https://raw.githubusercontent.com/googlecolab/backend-info/main/pip-freeze.gpu.txt"
# Packages that the chapters and the module import, and those that notebooks run on.
NEEDED = [
    "anywidget",
    "filelock",
    "ipykernel",
    "ipython",
    "ipywidgets",
    "keras",
    "matplotlib",
    "numpy",
    "pillow",
    "pip",
    "pooch",
    "safetensors",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "setuptools",
    "tensorflow",
    "torch",
    "tqdm",
    "traitlets",
    "wheel",
]
# Colab's PyTorch is built for another CUDA than the one on the package index, whose libraries are
# not in the file. Everything else that is missing in the file is missing on Colab.
OF_TORCH = re.compile(r"nvidia-|cuda-(toolkit|bindings)$")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def published(text: str) -> dict[str, str]:
    """Parse versions by canonical name, skipping packages installed from an address."""
    pins = re.findall(r"^([\w.-]+)==([^\s;+]+)", text, re.MULTILINE)  # "+cu128" names one build
    return {canonical(name): version for name, version in pins}


def resolve(pins: dict[str, str]) -> dict[str, str]:
    """Resolve all packages that pip would install for the needed ones, without installing."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "constraints.txt")
        # PyTorch determines its own CUDA libraries.
        lines = [f"{n}=={v}\n" for n, v in pins.items() if not OF_TORCH.match(n)]
        constraints.write_text("".join(lines))
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--report", "-"]
        pip += ["--ignore-installed", "--only-binary", ":all:", "--constraint", constraints]
        report = subprocess.check_output([*pip, *NEEDED], text=True)
    found = [package["metadata"] for package in json.loads(report)["install"]]
    return {canonical(each["name"]): each["version"].split("+")[0] for each in found}


def freeze(
    text: str,
    date: str,
    source: str,
    instead: dict[str, str] | None = None,
    resolver: Callable[[dict[str, str]], dict[str, str]] = resolve,
) -> str:
    """Make the list from the text of the published file."""
    given = published(text)
    absent = sorted(set(NEEDED) - set(given))
    if absent:
        raise ValueError(f"text: got no version of {', '.join(absent)}, expected Colab's freeze")
    pins = given | (instead or {})
    lines = [
        "# What the chapters need of what Colab has. Written by code/scripts/colab_freeze.py.",
        f"# Date: {date}",
        f"# Python: {sys.version_info.major}.{sys.version_info.minor}",
        f"# Source: {source}, pip-freeze.gpu.txt; lines with a remark are not from there.",
    ]
    for name, version in sorted(resolver(pins).items()):
        if name in (instead or {}):
            remark = f"  # the published list has {given.get(name, 'none')}"
        elif given.get(name) == version:
            remark = ""
        elif OF_TORCH.match(name):
            remark = "  # resolved by pip: the package index has PyTorch for another CUDA"
        elif name in pins:
            raise ValueError(f"{name}: got {version}, expected {pins[name]} as published")
        else:
            continue
        lines.append(f"{name}=={version}{remark}")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", nargs="?", default=FILE, help="a path or an address")
    parser.add_argument("--date", required=True, help="date of the published file")
    parser.add_argument("--source", default="googlecolab/backend-info", help="with its commit")
    parser.add_argument("--instead", action="append", default=[], metavar="NAME==VERSION")
    options = parser.parse_args()
    if options.file.startswith("https://"):
        with urllib.request.urlopen(options.file) as answer:
            text = answer.read().decode()
    else:
        text = Path(options.file).read_text()
    instead = published("\n".join(options.instead))
    print(freeze(text, options.date, options.source, instead), end="")


if __name__ == "__main__":
    main()
