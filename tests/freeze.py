"""Environments with the packages of a list in ``tests/colab``, in exactly those versions."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TODAY, BEFORE = (ROOT / "tests" / "colab" / name for name in ("today.txt", "before.txt"))
KEPT = ROOT / "build" / "colab"
SPACE = 10  # GB: what PyTorch brings for GPUs, and its download


def versions(file: Path) -> dict[str, str]:
    """The versions in a list, by name."""
    return dict(re.findall(r"^([\w-]+)==(\S+)", file.read_text(), re.MULTILINE))


def find_python(version: str) -> str | None:
    """A Python of that version on this machine."""
    candidates = [f"python{version}"]
    candidates += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in candidates:
        # pyenv puts commands on the path that fail for versions not chosen.
        asked = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        try:
            answer = subprocess.run(asked, capture_output=True, text=True)
        except OSError:
            continue
        if answer.stdout.strip() == version:
            return str(candidate)
    return None


def build(file: Path) -> Path:
    """The folder of an environment with what is in the list, built where it is not there yet."""
    folder = KEPT / hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    if folder.exists():
        return folder
    version = re.search(r"^# Python: (\S+)", file.read_text(), re.MULTILINE)[1]
    python = find_python(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    KEPT.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(KEPT).free / 1e9
    if free < SPACE:
        pytest.skip(f"{free:.0f} GB free on the disk, {SPACE} needed for Colab's packages")
    with tempfile.TemporaryDirectory(dir=KEPT) as scratch:
        made = Path(scratch, "env")
        subprocess.run([python, "-m", "venv", made], check=True)
        inside = made / "bin" / "python"
        # --no-deps: nothing but what is in the list. What pip needs for itself is replaced.
        if uv := shutil.which("uv"):
            install = [uv, "pip", "install", "--quiet", "--python", inside]
        else:
            install = [inside, "-m", "pip", "install", "--quiet", "--no-compile"]
        subprocess.run([*install, "--no-deps", "--requirement", file], check=True)
        try:
            made.rename(folder)  # whole or not at all
        except OSError:
            if not folder.exists():  # another run has been faster
                raise
    return folder


@contextmanager
def environment(file: Path) -> Iterator[Path]:
    """Python in a copy of the environment, which a test may change; links cost no space."""
    source = build(file)
    with tempfile.TemporaryDirectory(dir=KEPT) as scratch:
        shutil.copytree(source, Path(scratch, "env"), symlinks=True, copy_function=os.link)
        yield Path(scratch, "env", "bin", "python")
