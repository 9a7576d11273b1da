"""Annotations: what mypy is asked for, and that it finds what is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "code" / "upconv"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]


def test_what_is_not_checked_is_named():
    assert SETTINGS["strict"] and "ignore_missing_imports" not in SETTINGS
    loose = [one for one in SETTINGS["overrides"] if one.get("ignore_errors")]
    assert [one["module"] for one in loose] == ["upconv.torch.*"]


def test_exceptions_are_few_and_name_what_they_forgive():
    texts = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    found = [line for text in texts for line in text.splitlines() if "type: ignore" in line]
    assert len(found) <= 5
    assert all(re.search(r"# type: ignore\[[a-z-]+(,[a-z-]+)*\]", line) for line in found), found


# A line, and what is wrong with it.
USES = {
    "from upconv.ops import conv2d, conv2d_output_size": None,
    "from upconv.data import digits": None,
    "from upconv.nowhere import something": "import-not-found",
    "conv2d([[1.0]], digits().images)": "arg-type",
    "conv2d_output_size(5, 3).bit_length()": None,
    "height, width = conv2d_output_size(5, 3)": "misc",
    "height, width = conv2d_output_size((5, 4), 3)": None,
    "digits().labels.mean()": "union-attr",
    "def f(x): return x": "no-untyped-def",
}


def test_wrong_uses_are_found(tmp_path):
    file = tmp_path / "uses.py"
    file.write_text("\n".join(USES) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(file)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    found = re.findall(r"uses\.py:(\d+): error: .* \[([a-z-]+)\]$", said, re.MULTILINE)
    expected = [(str(line), kind) for line, kind in enumerate(USES.values(), start=1) if kind]
    assert found == expected, said
