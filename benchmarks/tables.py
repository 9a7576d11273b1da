"""Storage of the benchmarks' figures: a JSON file each, and a marked table in the README."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from upconv.files import atomic_write

HERE = Path(__file__).parent
README = HERE / "README.md"


def store(path: Path, mark: str, stored: dict[str, Any], report: str) -> None:
    """Write the figures, and their report between the README's two marks."""
    atomic_write(path, lambda file: file.write_text(json.dumps(stored, indent=1) + "\n"))
    parts = README.read_text(encoding="utf-8").split(mark)
    written = f"{parts[0]}{mark}\n{report}\n{mark}{parts[-1]}"
    atomic_write(README, lambda file: file.write_text(written, encoding="utf-8"))


def origin(made: dict[str, Any]) -> str:
    """Describe the origin of figures: commit, day and command."""
    return f"commit {made['commit'][:9]}, {made['day']}; `{made['command']}`."
