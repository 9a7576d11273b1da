"""What `make` would do: the website's packages alone for the website, the rest for the rest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import LONG, pytest_collection_modifyitems

ROOT = Path(__file__).parents[1]
LOCKS = ["requirements-site.lock", "requirements.lock", "requirements-torch.txt", "pyproject.toml"]
SITE, REST = "--requirement requirements-site.lock", "--requirement requirements.lock"
ANEW, TORCH = "venv --clear", "--requirement requirements-torch.txt"
OWN = ["gpu"]  # runs with what the named Python has
# What needs no more than the website does.
LIGHT = ["book", "serve", "editions", "formulas", "stamp", "new-chapter"]

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


@pytest.fixture
def folder(tmp_path):
    """The Makefile, and the files whose change it looks at, an hour old."""
    for name in ["Makefile", "book/_playground/package-lock.json", *LOCKS]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
        set_age(tmp_path / name, hours=1)
    return tmp_path


def set_age(path: Path, hours: float) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch()
    then = 1.7e9 - 3600 * hours
    os.utime(path, (then, then))


def steps(folder: Path, target: str) -> list[str]:
    """The installing that `make` would do for a target, in its order."""
    command = ["make", "--dry-run", target]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    return re.findall("|".join(map(re.escape, (ANEW, SITE, REST, TORCH))), said)


def targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.search(r"^\.PHONY: (.+)$", text, re.M)[1].split()) - {"lock", "clean"}


@pytest.mark.parametrize("target", sorted(targets()))
def test_on_a_fresh_machine_each_command_installs_what_it_needs(folder, target):
    rest = [] if target in LIGHT else [REST, TORCH]
    assert steps(folder, target) == ([] if target in OWN else [ANEW, SITE, *rest])


def test_the_rest_comes_beside_the_packages_of_the_website(folder):
    set_age(folder / ".venv" / ".builder", hours=0)
    assert steps(folder, "book") == []
    assert steps(folder, "test") == [REST, TORCH]
    set_age(folder / ".venv" / ".ready", hours=-1)
    assert steps(folder, "test") == []


@pytest.mark.parametrize("lock", LOCKS)
def test_after_a_change_all_is_installed_anew(folder, lock):
    set_age(folder / ".venv" / ".builder", hours=0)
    set_age(folder / ".venv" / ".ready", hours=-1)
    set_age(folder / lock, hours=-2)
    assert steps(folder, "book") == [ANEW, SITE]
    assert steps(folder, "check") == [ANEW, SITE, REST, TORCH]


def test_the_website_is_built_before_the_rest_is_there(folder):
    """So that `make test` on a fresh machine shows that it needs no more."""
    command = ["make", "--dry-run", "test"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert said.index(SITE) < said.index("jupyter-book build") < said.index(REST)


def test_the_files_that_come_first_are_there_and_come_in_their_order():
    there = {path.stem for place in ("tests", "chapters") for path in (ROOT / place).glob("*.*")}
    assert set(LONG) <= there

    class Item:
        def __init__(self, path: str) -> None:
            self.path = Path(path)

    others = [Item("tests/test_words.py"), Item("tests/test_make.py")]
    items = [others[0], Item(f"tests/{LONG[1]}.py"), others[1], Item(f"tests/{LONG[0]}.py")]
    pytest_collection_modifyitems(items)
    assert [item.path.stem for item in items] == [*LONG[:2], "test_words", "test_make"]
