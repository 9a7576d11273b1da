"""The layout of a new chapter runs as it is, and spoils nothing when it cannot be made."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path):
    """What a new chapter is added to."""
    for folder in ("code", "chapters"):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
        )
    shutil.copy(ROOT / "_toc.yml", tmp_path)
    return tmp_path


def lay_out(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    script = root / "code/scripts/new_chapter.py"
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True)


def state(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_new_chapter_runs_and_has_its_place(copy):
    done = lay_out(copy, "diffusion", "Diffusion")
    assert done.returncode == 0, done.stderr
    notebook = copy / "chapters/08_diffusion.ipynb"
    contents = (copy / "_toc.yml").read_text(encoding="utf-8")
    assert "chapters/07b_what_layers_see\n      - file: chapters/08_diffusion\n" in contents
    command = ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", str(notebook)]
    subprocess.run(
        [sys.executable, "-m", *command],
        env=os.environ | {"PYTHONPATH": str(copy / "code")},
        check=True,
        capture_output=True,
    )
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    shown = json.dumps([cell.get("outputs") for cell in cells])
    assert "C8.1" in shown and "holds" in shown
    assert "Exercise 8.1: not solved yet" in shown
    assert "Exercise 8.1: passed (4 cases)" in shown
    assert "upconv-quiz" in shown and "upconv-guess" in shown and "image/png" in shown
    assert "The check accepts a Gaussian blur; rejects the photograph itself" in shown


def test_a_new_chapter_comes_after_all_pages_of_the_last(copy):
    contents = copy / "_toc.yml"
    text = contents.read_text(encoding="utf-8")
    last = "          - file: chapters/07b_what_layers_see\n"
    below = "          - file: chapters/07c_more\n"
    contents.write_text(text.replace(last, last + below), encoding="utf-8")
    assert lay_out(copy, "diffusion", "Diffusion").returncode == 0
    new = "      - file: chapters/08_diffusion\n"
    assert contents.read_text(encoding="utf-8") == text.replace(last, last + below + new)


@pytest.mark.parametrize("name", ["Two Words", "unet", "../escape", ""])
def test_a_wrong_name_is_refused_and_nothing_written(copy, name):
    before = state(copy)
    done = lay_out(copy, name, "Title")
    assert done.returncode == 2
    assert f"NAME: got {name!r}, expected" in done.stderr
    assert state(copy) == before
