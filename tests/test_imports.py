"""Who imports whom: the contracts in pyproject.toml hold, and each refuses what it is there for."""

from __future__ import annotations

import ast
import graphlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
CODE = ROOT / "code"
LINT = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
# Contract → a file of the module, and what is added to it.
FORBIDDEN = [
    ("rooms lie in layers", "checks.py", "from upconv import zoo"),
    ("rooms lie in layers", "ops/shapes.py", "from upconv.data import digits"),
    ("rooms lie in layers", "device.py", "def f():\n    import upconv.training"),
    (
        "rooms lie in layers",
        "pixels.py",
        "import typing\nif typing.TYPE_CHECKING:\n    from upconv.inference import draw",
    ),
    ("rooms lie in layers", "attic.py", "import math"),
    ("texts and exercises are nobody's", "cli/data.py", "from upconv import quiz"),
    ("networks in Keras are known to zoo alone", "cli/train.py", "from upconv import keras"),
    ("files of weights are known to zoo alone", "torch/unet.py", "from upconv.port import weights"),
    (
        "arithmetic needs nothing but checks and old names",
        "ops/style.py",
        "from upconv import files",
    ),
    ("arithmetic, data and pictures need no framework", "data/sets.py", "import torch"),
    ("arithmetic, data and pictures need no framework", "metrics/instances.py", "import keras"),
    (
        "what is built on PyTorch does without TensorFlow",
        "training/loop.py",
        "def f():\n    from tensorflow import nn",
    ),
    ("what is built on Keras does without PyTorch", "keras/unet.py", "from torch import nn"),
    # By way of another room.
    ("what is built on Keras does without PyTorch", "options.py", "import torch"),
    (
        "commands and lists of networks import no TensorFlow themselves",
        "zoo.py",
        "import keras",
    ),
    ("files go in no circle", "training/settings.py", "from upconv.training.run import run"),
]


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    """The module beside the contracts, to be spoilt."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(CODE / "upconv", folder / "upconv", ignore=shutil.ignore_patterns("*.pyc"))
    return folder


def lint(folder: Path) -> str:
    """What is said of the contracts."""
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "200"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [LINT, "--no-cache"], cwd=folder, env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == ("0 broken" not in done.stdout), done.stdout + done.stderr
    return done.stdout


def kept(folder: Path) -> dict[str, bool]:
    """Of each contract, whether it holds."""
    lines = [line.rpartition(" ") for line in lint(folder).splitlines()]
    return {name: word == "KEPT" for name, _, word in lines if word in ("KEPT", "BROKEN")}


def test_the_contracts_hold(copied):
    found = kept(copied)
    assert all(found.values()), found
    assert set(found) == {contract for contract, _, _ in FORBIDDEN}


@pytest.mark.parametrize("contract, file, line", FORBIDDEN)
def test_what_is_forbidden_is_refused(copied, contract, file, line):
    path = copied / "upconv" / file
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
    try:
        assert not kept(copied)[contract]
    finally:
        path.unlink() if before is None else path.write_text(before, encoding="utf-8")


def circle(graph: grimp.ImportGraph) -> list[str]:
    """Files that import one another in a circle, also for typing alone; empty if there is none."""
    files = sorted(graph.modules)
    imports = {name: sorted(graph.find_modules_directly_imported_by(name)) for name in files}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def test_files_import_one_another_in_no_circle():
    """Also a package and a file of its own, which the contract cannot see."""
    graph = grimp.build_graph("upconv", cache_dir=None)
    assert len(graph.modules) > 100
    assert circle(graph) == []
    graph.add_import(importer="upconv.ops._geometry", imported="upconv.ops")
    found = circle(graph)
    assert {"upconv.ops", "upconv.ops._geometry"} <= set(found)


def imported(text: str) -> set[str]:
    """Top-level names of what a file imports."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def strangers(room: str, folders: tuple[str, ...]) -> dict[str, set[str]]:
    """Of the files of a folder, those that import a file of others, or the folder itself."""
    theirs = {path.stem for folder in folders for path in (ROOT / folder).rglob("*.py")}
    theirs |= {Path(folder).name for folder in folders}
    found = {
        path.relative_to(ROOT).as_posix(): imported(path.read_text(encoding="utf-8")) & theirs
        for path in sorted((ROOT / room).rglob("*.py"))
    }
    assert len(found) > 30
    return {name: names for name, names in found.items() if names}


SCRIPTS = ("code/experiments", "code/gpu", "code/scripts", "code/support")


@pytest.mark.parametrize("room, folders", [("code", ("tests",)), ("code/upconv", SCRIPTS)])
def test_what_is_installed_stands_alone(room, folders):
    assert strangers(room, folders) == {}


@pytest.mark.parametrize(
    "line", ["import tests.forks", "from forks import fork", "import forks as f"]
)
def test_an_import_of_the_tests_is_found(line):
    assert imported(f"def f():\n    {line}\n") & {"tests", "forks"}
