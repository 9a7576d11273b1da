"""Writing files so that nobody ever sees half of one, and where they are not lost."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

DRIVE = Path("/content/drive")  # where Colab's own examples mount it


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, then put it in place at one stroke.

    Whatever happens on the way, ``path`` holds what it held before or all of what is new.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    # The extension stays: some writers add their own to names without it.
    unfinished = path.with_name(f"{_mine(path)}{os.getpid()}.part{path.suffix}")
    try:
        write(unfinished)
        with open(unfinished, "rb") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def keep(name: str) -> Path:
    """The folder in which to keep a run, so that it can go on later; made if it is not there.

    Colab loses its files when it disconnects. There this asks to mount Google Drive, and the folder
    is ``MyDrive/upconv/name``. Elsewhere, and if Drive is refused, it is ``runs/name``.

    Examples
    --------
    In a notebook, ``train(..., checkpoint=keep("unet") / "run.pt", resume=True)``.
    """
    if not re.fullmatch(r"[\w-]+", name):
        raise ValueError(f"name: got {name!r}, expected letters, digits, _ and -")
    local = Path("runs") / name
    try:
        from google.colab import drive
    except ImportError:
        drive = None
    if drive:
        kept = DRIVE / "MyDrive" / "upconv" / name
        try:
            drive.mount(str(DRIVE))
            kept.mkdir(parents=True, exist_ok=True)
            return kept
        except Exception as error:  # Colab raises what its page sends it: of many kinds
            why = " ".join(f"{type(error).__name__} {error}".split())
            print(f"No Drive ({why}): {local} is lost when this machine disconnects.")
    local.mkdir(parents=True, exist_ok=True)
    return local


def _mine(path: Path) -> str:
    """How unfinished files of this machine begin: many machines may share a folder."""
    return f".{path.stem}.{socket.gethostname()}."


def _sweep(path: Path) -> None:
    """Remove what writers of this file that were killed have left behind."""
    begin, end = _mine(path), f".part{path.suffix}"
    for left in path.parent.iterdir():
        number = left.name.removeprefix(begin).removesuffix(end)
        if left.name == f"{begin}{number}{end}" and number.isdigit() and not _alive(int(number)):
            left.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if os.name == "nt":  # a signal there would end it
        return True
    with suppress(PermissionError):  # there, and another's
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True
