"""Atomic file writes, locks, and a folder that survives disconnects."""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

DRIVE = Path("/content/drive")  # where Colab's examples mount it


def atomic_write(path: str | Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` create a temporary file next to ``path``, then move it into place atomically.

    Whatever happens, ``path`` has either its old contents or all of the new ones.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    # Keep the extension: some writers append their own to names without it.
    begun = f"{os.getpid()}-{threading.get_ident()}"
    unfinished = path.with_name(f"{_mine(path)}{begun}.part{path.suffix}")
    try:
        write(unfinished)
        with open(unfinished, "rb") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as error:  # on a full disk, the system names no file
        if error.errno is None or error.filename not in (None, str(unfinished)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def save_picture(path: str | Path, picture: Any, **options: Any) -> None:
    """Write a Pillow image like :func:`atomic_write`; ``options`` go to its ``save``."""
    atomic_write(path, lambda unfinished: picture.save(unfinished, **options))


def check_writable(path: str | Path, name: str = "path", folder: bool = False) -> None:
    """Check that a file, or folder, can be written, before any work is done for it.

    Raises
    ------
    OSError
        Naming the argument and the obstacle. Nothing is created.
    """
    path = Path(path)
    if path.exists() and path.is_dir() != folder:
        kind, expected = ("file", "folder") if folder else ("folder", "file")
        raise OSError(f"{name}: {path} is a {kind}, expected a {expected}")
    there = path.absolute() if folder else path.absolute().parent
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise OSError(f"{name}: {path} cannot be created, {there} is not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OSError(f"{name}: {path} cannot be created, {there} is not writable")


class InUse(OSError):
    """Another process is writing there."""


@contextmanager
def exclusive(path: str | Path, name: str = "path", folder: bool = False) -> Iterator[None]:
    """Lock a file, or folder, against writing by other processes.

    The operating system releases the lock when the process ends, however it ends. A leftover lock
    file, hidden in the folder or next to the file, has no effect. File systems without locks are
    not protected.

    Raises
    ------
    InUse
        If another process holds the lock.
    """
    path = Path(path)
    place = path if folder else path.absolute().parent
    lock = place / (".lock" if folder else f".{path.name}.lock")
    made = []
    for parent in (place, *place.parents):
        if parent.exists():
            break
        made.append(parent)
    file = _locked(lock, f"{name}: another process is writing {path}")
    try:
        yield
    finally:
        if os.name == "nt":  # cannot delete open files
            os.close(file)
        with suppress(OSError):
            lock.unlink(missing_ok=True)
        if os.name != "nt":  # once closed, the name may belong to another process
            os.close(file)
        for parent in made:  # if nothing was written
            with suppress(OSError):
                parent.rmdir()


def _locked(lock: Path, complaint: str) -> int:
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # another process has just removed its empty folder
            continue
        try:
            _lock(file)
        except OSError as error:
            if error.errno in _HELD:
                os.close(file)
                raise InUse(complaint) from error
        # Its holder may have deleted it meanwhile: then it locks nothing.
        try:
            if os.path.samestat(os.fstat(file), os.stat(lock)):
                return file
        except FileNotFoundError:
            pass
        os.close(file)


_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK, errno.EWOULDBLOCK)

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def keep(name: str) -> Path:
    """Return a folder that keeps a run so that it can be resumed; create it if needed.

    Colab loses its files when it disconnects. There this asks to mount Google Drive, and the folder
    is ``MyDrive/upconv/name``. Elsewhere, and if Drive is declined, it is ``runs/name``.

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
        except Exception as error:  # Colab raises many types of errors
            why = " ".join(f"{type(error).__name__} {error}".split())
            print(f"No Drive ({why}): {local} will be lost when this machine disconnects.")
    local.mkdir(parents=True, exist_ok=True)
    return local


def _mine(path: Path) -> str:
    """Prefix of this machine's unfinished files: several machines may share a folder."""
    return f".{path.stem}.{socket.gethostname()}."


def _sweep(path: Path) -> None:
    """Remove the leftovers of killed writers of this file."""
    begin, end = _mine(path), f".part{path.suffix}"
    for left in path.parent.iterdir():
        begun = left.name.removeprefix(begin).removesuffix(end)
        number, _, thread = begun.partition("-")
        if left.name != f"{begin}{begun}{end}" or not (number + thread).isdigit():
            continue
        if not _alive(int(number)):
            left.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if os.name == "nt":  # a signal would end it
        return True
    with suppress(PermissionError):  # it exists, under another user
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True
