"""The source distribution is the whole repository, and tests itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Quick tests that read the repository's files, and some of the operators.
SOME = ["claims", "lock", "make", "ops_errors", "quiz", "results", "words", "workflows"]

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists() or not shutil.which("git"),
    reason="what belongs to the repository is known where Git is",
)


def tracked() -> set[str]:
    """The repository's files; a deleted one is none of them."""
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    return {name for name in names if name and (ROOT / name).exists()}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Made from a copy of the repository's files, with what lies about in a folder one works in."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("made")
    litter = ["code/upconv/__pycache__/cli.cpython-311.pyc", "chapters/.ipynb_checkpoints/a.ipynb"]
    for name in [*tracked(), *litter]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        if name in litter:
            (source / name).touch()
        else:
            shutil.copy(ROOT / name, source / name)
    code = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    command = [sys.executable, "-c", code, str(made)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    [path] = made.iterdir()
    return path


@pytest.fixture(scope="module")
def unpacked(archive, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    [root] = folder.iterdir()
    return root


@pytest.fixture(scope="module")
def environment(archive, tmp_path_factory):
    """Where the module is the one that the source distribution makes."""
    home = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--target", str(home)]
    subprocess.check_call([*command, *options, str(archive)])
    return os.environ | {"PYTHONPATH": str(home)}


def test_it_is_the_whole_repository(unpacked):
    found = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")}
    files = {name for name in found if (unpacked / name).is_file()}
    made = {"PKG-INFO", "setup.cfg"} | {name for name in files if ".egg-info/" in name}
    assert files - made == tracked()
    for name in tracked():
        assert (unpacked / name).read_bytes() == (ROOT / name).read_bytes(), name


def run_tests(unpacked, environment, names):
    code = "import upconv, upconv.results; print(upconv.__file__, upconv.results.__file__)"
    where = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert where.count(environment["PYTHONPATH"]) == 2
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--quiet"]
    chosen = ["-m", "not timing", "-k", "not installing"]
    files = [f"tests/test_{name}.py" for name in names]
    done = subprocess.run(
        [*command, *chosen, *files], cwd=unpacked, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return int(re.search(r"(\d+) passed", done.stdout)[1])


def test_some_quick_tests_pass_there(unpacked, environment):
    assert run_tests(unpacked, environment, SOME) > 100


@pytest.mark.nightly
def test_all_quick_tests_pass_there(unpacked, environment):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    quick = re.search(r"^QUICK := (.+)$", makefile, re.M)[1].split()
    assert set(SOME) < set(quick)
    assert run_tests(unpacked, environment, quick) > 400
