"""Stored results of full-scale runs: one JSON file each, with data, device and command.

Chapters show stored results with ``load(name)``; ``resume``, ``provenance`` and ``keep`` are for
the scripts that make them.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from upconv.files import atomic_write

FOLDER = Path(__file__).parent


def load(name: str) -> dict[str, Any]:
    """Load a stored result.

    Raises
    ------
    ValueError
        If there is no result of that name, or the file is corrupt.
    """
    path = FOLDER / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.json")))
        raise ValueError(f"name: got {name!r}, expected one of {known}")
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not a stored result ({error})") from error
    return found


def resume(name: str) -> dict[str, Any]:
    """Load a stored result to add runs to, or an empty one if there is none."""
    return load(name) if (FOLDER / f"{name}.json").exists() else {"runs": []}


def picture(name: str) -> Path:
    """Return the path of a stored picture."""
    path = FOLDER / name
    if not path.exists():
        known = ", ".join(sorted(p.name for p in FOLDER.glob("*.jpg")))
        raise ValueError(f"name: got {name!r}, expected one of {known}")
    return path


def provenance(data: str) -> dict[str, Any]:
    """Record the origin of a result: data, device, versions, commit, command, day."""
    here = Path(__file__).parents[1]
    commit, changed = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "code")
    script = Path(sys.argv[0]).resolve()
    command = script.relative_to(here) if script.is_relative_to(here) else script.name
    return {
        "data": data,
        "device": _device(),
        "threads": _threads(),
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in ("numpy", "torch")},
        "commit": commit + (" with changes" if changed else ""),
        "command": shlex.join([*_given(), "python", str(command), *sys.argv[1:]]),
        "day": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def keep(name: str, result: dict[str, Any]) -> None:
    """Write a result atomically: readers see the old file or the new one."""
    text = json.dumps(result, indent=1) + "\n"
    atomic_write(FOLDER / f"{name}.json", lambda path: path.write_text(text, encoding="utf-8"))


def _git(*arguments: str) -> str:
    """Run Git in this folder; return "" if Git is not installed or this is not a clone."""
    command = ["git", "-C", str(Path(__file__).parents[1]), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def _given() -> list[str]:
    """Return the environment variables that are set and limit the CPU."""
    names = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "UPCONV_PRECISION")
    return [f"{name}={os.environ[name]}" for name in names if os.environ.get(name)]


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return f"CPU, {model}"
