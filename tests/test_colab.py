"""Each chapter as on Colab: alone in an empty folder, no checkout, the frameworks already there.

`make test` runs the chapters, cell by cell, with the packages that Colab has, in the versions
installed here (tests/lending.py). What they do first, without the module, is tested here. Each
night they run from there to the end with Colab's versions, today's and those before. What stays
unlike Colab: its GPU, its build of PyTorch and its notebook page. The weekly workflow ``colab`` has
its image.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import lending
import nbformat
import pytest
from freeze import BEFORE, ROOT, TODAY, environment, versions
from lending import WEIGHTS, add_kernel, like_colab
from nbclient import NotebookClient
from packaging.utils import canonicalize_name

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
# IPython requires it and Colab leaves it out: all that require IPython bring it there.
LEFT_OUT = {"jedi"}
VERSIONS = (
    "import json, importlib.metadata as m;"
    "print(json.dumps({d.name: d.version for d in m.distributions()}))"
)


def surroundings(folder: Path, python: Path) -> dict[str, str]:
    """A kernel named ``colab`` for a Python, and the environment variables of a run."""
    # Whoever asks for the public address gets this checkout's last commit.
    address = json.loads(CHAPTERS[0].read_text())["cells"][1]["source"]
    address = next(line for line in address if line.startswith("REPOSITORY")).split('"')[1]
    return {
        "JUPYTER_PATH": str(add_kernel("colab", python, folder)),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{ROOT}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
    }


@pytest.fixture(scope="module")
def lent(tmp_path_factory):
    """A Python with what Colab has, in the versions installed here, and the variables of a run."""
    folder = tmp_path_factory.mktemp("colab")
    python = like_colab(folder / "env")
    # The package is built with what is here: no server is asked for anything.
    offline = {"PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1"}
    return python, surroundings(folder, python) | offline


@pytest.fixture(scope="module", params=[TODAY, BEFORE], ids=lambda file: file.stem)
def real(request, tmp_path_factory):
    """An environment with what Colab has, in its versions, and its variables."""
    with environment(request.param) as python:
        there = {canonicalize_name(name): each for name, each in installed(python).items()}
        assert there == versions(request.param)
        yield python, surroundings(tmp_path_factory.mktemp("colab"), python)


def installed(python: Path) -> dict[str, str]:
    """The versions of all that a Python has, by name."""
    return json.loads(subprocess.check_output([python, "-c", VERSIONS], cwd="/", text=True))


def run_alone(cells: list, python: Path, variables: dict[str, str], folder: Path, monkeypatch):
    """Run cells, which begin without the module, in an empty folder; they may add nothing else."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if "upconv" in installed(python):
        subprocess.check_call([python, "-m", "pip", "uninstall", "--quiet", "--yes", "upconv"])
    before = installed(python)
    missing = subprocess.run([python, "-c", "import upconv"], cwd=folder, capture_output=True)
    assert b"No module named 'upconv'" in missing.stderr
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(
        notebook, timeout=600, kernel_name="colab", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()  # raises what a cell raises, failed assertions included
    where = subprocess.check_output(
        [python, "-c", "import upconv; print(upconv.__file__)"], cwd=folder, text=True
    )
    assert str(python.parents[1]) in where
    after = installed(python)
    assert {name: after.get(name) for name in before} == before
    assert set(after) - set(before) <= {"upconv", WEIGHTS} | LEFT_OUT
    assert set(os.listdir(folder)) <= {".ipynb_checkpoints"}


def code(chapter: Path) -> list:
    """The code cells of a chapter."""
    return [cell for cell in nbformat.read(chapter, 4).cells if cell.cell_type == "code"]


# Most chapters begin with the same text.
FIRST = {code(chapter)[0].source: chapter for chapter in CHAPTERS}


@pytest.mark.parametrize("chapter", FIRST.values(), ids=lambda path: path.stem)
def test_the_first_cell_installs_the_module_alone(lent, chapter, tmp_path, monkeypatch):
    run_alone(code(chapter)[:1], *lent, tmp_path, monkeypatch)


def test_the_last_commit_has_what_chapters_import(lent, tmp_path, monkeypatch):
    cells = [code(chapter)[1] for chapter in CHAPTERS]
    run_alone([*code(CHAPTERS[0])[:1], *cells], *lent, tmp_path, monkeypatch)


def test_where_chapters_run_no_other_package_is_there(tmp_path):
    """What nbval finds in the kernel in which `make test` runs the chapters."""
    lending.main(tmp_path)
    cells = {
        "import torchmetrics": "",  # not on Colab
        "import numpy, torch": "",
        "import sys, upconv; print(upconv.__file__.startswith(sys.prefix))": "True\n",
        "print(1 + 1)": "3\n",
    }
    notebook = nbformat.v4.new_notebook()
    for source, output in cells.items():
        cell = nbformat.v4.new_code_cell(source, execution_count=1)
        cell.outputs = [nbformat.v4.new_output("stream", text=output)] if output else []
        notebook.cells.append(cell)
    nbformat.write(notebook, tmp_path / "notebook.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-kernel-name", "lent"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-p", "no:xdist", "notebook.ipynb"],
        env=os.environ | {"JUPYTER_PATH": str(tmp_path / "jupyter"), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    failed = re.findall(r"FAILED notebook.ipynb::Cell (\d)", done.stdout)
    assert failed == ["0", "3"] and "2 failed, 2 passed" in done.stdout, done.stdout
    assert "No module named 'torchmetrics'" in done.stdout


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_chapters_run_there():
    said = subprocess.check_output(["make", "--dry-run", "test"], cwd=ROOT, text=True)
    line = next(line for line in said.replace("\\\n", "").splitlines() if "--nbval " in line)
    assert "JUPYTER_PATH=build/lent/jupyter " in line
    assert "--nbval-kernel-name lent" in line
    assert line.split()[-1] == "build/lent/chapters"


@pytest.mark.nightly
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs_in_colabs_versions(real, chapter, tmp_path, monkeypatch):
    run_alone(code(chapter), *real, tmp_path, monkeypatch)
