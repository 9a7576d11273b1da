"""Each chapter as on Colab: alone in an empty folder, no checkout, the frameworks already there.

The environment has those packages that Colab has, too, in the versions installed here. What stays
unlike Colab: its own versions, its GPU and its notebook page. The weekly workflow ``colab`` runs
the chapters in Colab's image.
"""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import nbformat
import pytest
from lending import lend
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
# What the chapters import and a notebook runs on, of Colab's published list of February 2026
# (googlecolab/backend-info, pip-freeze.gpu.txt, commit 4647a1d): torchmetrics is not on it.
PACKAGES = {
    "anywidget": "0.9.21",
    "filelock": "3.24.3",
    "ipykernel": "6.17.1",
    "ipython": "7.34.0",
    "ipywidgets": "7.7.1",
    "keras": "3.10.0",
    "matplotlib": "3.10.0",
    "numpy": "2.0.2",
    "pillow": "11.3.0",
    "pip": "24.1.2",
    "pooch": "1.9.0",
    "safetensors": "0.7.0",
    "scikit-image": "0.25.2",
    "scikit-learn": "1.6.1",
    "scipy": "1.16.3",
    "setuptools": "75.2.0",
    "tensorflow": "2.19.0",
    "torch": "2.10.0",
    "tqdm": "4.67.3",
    "traitlets": "5.7.1",
    "wheel": "0.46.3",
}
VERSIONS = (
    "import json, importlib.metadata as m;"
    "print(json.dumps({d.name: d.version for d in m.distributions()}))"
)


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """An environment with what Colab has, and its environment variables."""
    folder = tmp_path_factory.mktemp("colab")
    venv.create(folder / "env")
    python = folder / "env" / "bin" / "python"
    inside = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    lend([*PACKAGES, "tensorflow-cpu"], Path(inside))
    kernel = folder / "share" / "jupyter" / "kernels" / "colab"
    kernel.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Colab", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    # Whoever asks for the public address gets this checkout's last commit.
    address = json.loads(CHAPTERS[0].read_text())["cells"][1]["source"]
    address = next(line for line in address if line.startswith("REPOSITORY")).split('"')[1]
    variables = {
        "JUPYTER_PATH": str(folder / "share" / "jupyter"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{ROOT}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
        "UPCONV_DATA": "",
        # The package is built with what is here: this test asks no server for anything.
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1",
    }
    return python, variables


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs_alone(colab, chapter, tmp_path, monkeypatch):
    python, variables = colab
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    before = json.loads(subprocess.check_output([python, "-c", VERSIONS], cwd=tmp_path, text=True))
    if chapter == CHAPTERS[0]:
        missing = subprocess.run([python, "-c", "import upconv"], cwd=tmp_path, capture_output=True)
        assert b"No module named 'upconv'" in missing.stderr
    notebook = nbformat.read(chapter, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    client = NotebookClient(
        notebook, timeout=600, kernel_name="colab", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()  # raises what a cell raises, failed assertions included
    where = subprocess.check_output(
        [python, "-c", "import upconv; print(upconv.__file__)"], cwd=tmp_path, text=True
    )
    assert str(python.parents[1]) in where
    after = json.loads(subprocess.check_output([python, "-c", VERSIONS], cwd=tmp_path, text=True))
    assert {name: after.get(name) for name in before if name != "upconv"} == {
        name: version for name, version in before.items() if name != "upconv"
    }
    assert set(after) - set(before) <= {"upconv"}
    assert set(os.listdir(tmp_path)) <= {".ipynb_checkpoints"}
    assert sys.version_info[:2] in {(3, 11), (3, 12)}
