"""Spelling, of all that a reader or a contributor reads."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("book", "code", "tests", "benchmarks", ".github")


def test_words_are_spelt_as_they_should(tmp_path):
    # What a notebook's author wrote, without pictures in base64.
    for chapter in (ROOT / "chapters").glob("*.ipynb"):
        cells = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
        (tmp_path / f"{chapter.stem}.md").write_text(text, encoding="utf-8")
    paths = [tmp_path, *ROOT.glob("*.md"), *(ROOT / name for name in FOLDERS)]
    command = [sys.executable, "-m", "codespell_lib", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "" and done.returncode == 0, done.stdout
