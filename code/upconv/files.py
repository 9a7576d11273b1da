"""Writing files so that nobody ever sees half of one, and where they are not lost."""

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

DRIVE = Path("/content/drive")  # where Colab's own examples mount it


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, then put it in place at one stroke.

    Whatever happens on the way, ``path`` holds what it held before or all of what is new.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    # The extension stays: some writers add their own to names without it.
    begun = f"{os.getpid()}-{threading.get_ident()}"
    unfinished = path.with_name(f"{_mine(path)}{begun}.part{path.suffix}")
    try:
        write(unfinished)
        with open(unfinished, "rb") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def save_picture(path: str | Path, picture: Any, **options: Any) -> None:
    """Write a picture of Pillow's as :func:`write_atomically` does; ``options`` are its own."""
    write_atomically(path, lambda unfinished: picture.save(unfinished, **options))


def check_writable(path: str | Path, name: str = "path", folder: bool = False) -> None:
    """Refuse a file, or a folder, that cannot be written, before any work is done for it.

    Raises
    ------
    OSError
        Naming the argument and what is in the way. Nothing is made.
    """
    path = Path(path)
    if path.exists() and path.is_dir() != folder:
        kind, expected = ("file", "folder") if folder else ("folder", "file")
        raise OSError(f"{name}: {path} is a {kind}, expected a {expected}")
    there = path.absolute() if folder else path.absolute().parent
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise OSError(f"{name}: {path} cannot be made, {there} is no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OSError(f"{name}: {path} cannot be made, {there} cannot be written to")


class InUse(OSError):
    """Another process writes there."""


@contextmanager
def alone(path: str | Path, name: str = "path", folder: bool = False) -> Iterator[None]:
    """Keep other processes from writing a file, or into a folder, as long as this one does.

    The lock is the system's: it goes with the process, however that ends. Its file, hidden in the
    folder or beside the file, means nothing by itself. Where the file system has no locks, there
    is none.

    Raises
    ------
    InUse
        If another process holds it.
    """
    path = Path(path)
    place = path if folder else path.absolute().parent
    lock = place / (".lock" if folder else f".{path.name}.lock")
    made = []
    for parent in (place, *place.parents):
        if parent.exists():
            break
        made.append(parent)
    file = _locked(lock, f"{name}: another process writes {path}, expected to be alone")
    try:
        yield
    finally:
        if os.name == "nt":  # deletes no file that is open, here or elsewhere
            os.close(file)
        with suppress(OSError):
            lock.unlink(missing_ok=True)
        if os.name != "nt":  # once closed, the name may be another's
            os.close(file)
        for parent in made:  # nothing was written
            with suppress(OSError):
                parent.rmdir()


def _locked(lock: Path, complaint: str) -> int:
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # another has just taken its empty folder away
            continue
        try:
            _lock(file)
        except OSError as error:
            if error.errno in _HELD:
                os.close(file)
                raise InUse(complaint) from error
        # Whoever held it may have deleted it meanwhile: then it keeps nobody out.
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
        begun = left.name.removeprefix(begin).removesuffix(end)
        number, _, thread = begun.partition("-")
        if left.name != f"{begin}{begun}{end}" or not (number + thread).isdigit():
            continue
        if not _alive(int(number)):
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
