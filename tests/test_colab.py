"""Each chapter as on Colab: alone in an empty folder, no checkout, the frameworks already there.

Every run lends the environment the packages that Colab has, in the versions installed here. Each
night the chapters run with Colab's versions, today's and those before. What stays unlike Colab: its
GPU, its build of PyTorch and its notebook page. The weekly workflow ``colab`` has its image.
"""

import json
import os
import subprocess
import venv
from pathlib import Path

import nbformat
import pytest
from freeze import BEFORE, ROOT, TODAY, environment, versions
from lending import lend
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
    kernel = folder / "share" / "jupyter" / "kernels" / "colab"
    kernel.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Colab", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    # Whoever asks for the public address gets this checkout's last commit.
    address = json.loads(CHAPTERS[0].read_text())["cells"][1]["source"]
    address = next(line for line in address if line.startswith("REPOSITORY")).split('"')[1]
    return {
        "JUPYTER_PATH": str(folder / "share" / "jupyter"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{ROOT}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
        "UPCONV_DATA": "",
    }


@pytest.fixture(scope="module")
def lent(tmp_path_factory):
    """An environment with what Colab has, in the versions installed here, and its variables."""
    folder = tmp_path_factory.mktemp("colab")
    venv.create(folder / "env")
    python = folder / "env" / "bin" / "python"
    inside = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    lend([*versions(TODAY), "tensorflow-cpu"], Path(inside))
    # The package is built with what is here: this test asks no server for anything.
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


def run_alone(chapter: Path, python: Path, variables: dict[str, str], folder: Path, monkeypatch):
    """Run a chapter in an empty folder; it may add the module, and change nothing else."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    before = installed(python)
    if chapter == CHAPTERS[0]:
        missing = subprocess.run([python, "-c", "import upconv"], cwd=folder, capture_output=True)
        assert b"No module named 'upconv'" in missing.stderr
    notebook = nbformat.read(chapter, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    client = NotebookClient(
        notebook, timeout=600, kernel_name="colab", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()  # raises what a cell raises, failed assertions included
    where = subprocess.check_output(
        [python, "-c", "import upconv; print(upconv.__file__)"], cwd=folder, text=True
    )
    assert str(python.parents[1]) in where
    after = installed(python)
    assert {name: after.get(name) for name in before if name != "upconv"} == {
        name: version for name, version in before.items() if name != "upconv"
    }
    assert set(after) - set(before) <= {"upconv"} | LEFT_OUT
    assert set(os.listdir(folder)) <= {".ipynb_checkpoints"}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs_alone(lent, chapter, tmp_path, monkeypatch):
    run_alone(chapter, *lent, tmp_path, monkeypatch)


@pytest.mark.nightly
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs_in_colabs_versions(real, chapter, tmp_path, monkeypatch):
    run_alone(chapter, *real, tmp_path, monkeypatch)
