"""Spelling of everything that a reader or a contributor reads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("book", "code", "tests", "benchmarks", ".github")
# Written in US English; chapters, their figures, claims, quizzes and exercises are not yet.
AMERICAN = (
    "*.md",
    "*.yml",
    ".github/**/*.yml",
    "CITATION.cff",
    "Makefile",
    "benchmarks/*.md",
    "binder/*",
    "book/**/*.md",
    "benchmarks/*.py",
    "book/_ext/**/*.py",
    "book/_playground/*.js",
    "book/_static/*.js",
    "code/experiments/*.py",
    "code/gpu/*.py",
    "code/scripts/*.py",
    "code/support/*.py",
    "code/upconv/*.py",
    "code/upconv/cli/*.py",
    "code/upconv/data/*.py",
    "code/upconv/keras/**/*.py",
    "code/upconv/metrics/*.py",
    "code/upconv/ops/*.py",
    "code/upconv/style/*.py",
    "code/upconv/torch/**/*.py",
    "code/upconv/training/*.py",
    "code/upconv/widgets/*",
    "pyproject.toml",
)
TYPO = "t" + "eh"  # in one piece it would be found here, too
GITHUB = "cancelled"  # GitHub's own name for the state of a job


def complaints(*arguments: str | Path) -> str:
    """What codespell says about files; `.github` is hidden, and would be left out."""
    command = [sys.executable, "-m", "codespell_lib", "--check-hidden", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert not done.stderr and (done.returncode == 0) == (done.stdout == ""), done.stderr
    return done.stdout


def british(*paths: Path) -> str:
    builtin = "clear,rare,en-GB_to_en-US"
    return complaints("--builtin", builtin, "--ignore-words-list", GITHUB, *paths)


def american() -> list[Path]:
    return [path for pattern in AMERICAN for path in sorted(ROOT.glob(pattern))]


def test_words_are_spelled_as_they_should(tmp_path):
    # What a notebook's author wrote, without pictures in base64.
    for chapter in (ROOT / "chapters").glob("*.ipynb"):
        cells = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
        (tmp_path / f"{chapter.stem}.md").write_text(text, encoding="utf-8")
    assert complaints(tmp_path, *ROOT.glob("*.md"), *(ROOT / name for name in FOLDERS)) == ""


def test_prose_is_spelled_as_in_the_us():
    assert british(*american()) == ""


@pytest.mark.parametrize("pattern", AMERICAN)
def test_a_british_word_is_found_in_each_kind_of_file(tmp_path, pattern):
    found = sorted(ROOT.glob(pattern))
    assert found, f"{pattern}: no file"
    # As the file lies in the repository, hidden folders included.
    place = tmp_path / found[-1].relative_to(ROOT)
    place.parent.mkdir(parents=True, exist_ok=True)
    text = found[-1].read_text(encoding="utf-8")
    place.write_text(f"{text}\n# the colour of a grey neighbour, {TYPO} end\n", encoding="utf-8")
    said = british(place)
    assert [line.split(": ")[1] for line in said.splitlines()] == [
        "colour ==> color", "grey ==> gray", "neighbour ==> neighbor", f"{TYPO} ==> the",
    ]  # fmt: skip


def test_hidden_folders_are_read(tmp_path):
    hidden = tmp_path / ".github" / "workflows"
    hidden.mkdir(parents=True)
    (hidden / "a.yml").write_text(f"# {TYPO}\n", encoding="utf-8")
    assert f"{TYPO} ==> the" in complaints(tmp_path / ".github")
