"""Where data come from: a mirror, the cache, or a download that is checked."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from PIL import UnidentifiedImageError

from upconv.files import write_atomically

TIMEOUT = 30  # seconds without a byte from a server


class DataUnavailable(RuntimeError):
    """Data are neither here nor to be had; the message says which file goes where."""


def mirror() -> Path | None:
    """The folder that the environment variable ``UPCONV_DATA`` names, if it does.

    Raises
    ------
    DataUnavailable
        If it names something that is no folder.
    """
    named = os.environ.get("UPCONV_DATA")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise DataUnavailable(f"UPCONV_DATA: got {named}, expected an existing folder")
    return folder


def cache_folder() -> Path:
    """Where downloads are kept: ``UPCONV_CACHE``, or the system's folder for caches."""
    if named := os.environ.get("UPCONV_CACHE"):
        return Path(named)
    import pooch  # only where it is needed: data that are here are found without

    return Path(pooch.os_cache("upconv"))


def find(name: str) -> Path | None:
    """A file in the mirror or in the cache, or None."""
    for folder in (mirror(), cache_folder()):
        if folder is not None and (folder / name).exists():
            return folder / name
    return None


def download(url: str, name: str, sha256: str | None, progress: bool = True) -> Path:
    """Fetch a file into the cache; nothing half-written is ever left under its name.

    Parameters
    ----------
    url
        Address of the file.
    name
        Its name in the cache.
    sha256
        What its bytes must hash to; None only where the content is checked otherwise.
    progress
        Show a bar, on a terminal.

    Raises
    ------
    DataUnavailable
        If it cannot be fetched or is not what it should be. The message says where a file that
        was fetched by other means is to be put.
    """
    import pooch

    folder = cache_folder()
    target = folder / name
    known = f"sha256:{sha256}" if sha256 else None
    if target.is_file() and pooch.hashes.hash_matches(target, known):
        return target  # nothing is written: the cache may be read-only
    downloader = pooch.HTTPDownloader(progressbar=progress and os.isatty(2), timeout=TIMEOUT)

    def retrieve() -> Path:
        # Pooch writes to a temporary file, checks it, and only then moves it into place.
        return Path(pooch.retrieve(url, known, name, folder, downloader=downloader))

    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Whoever comes second waits, and finds the file there.
        with FileLock(folder / f".{name.replace('/', '-')}.lock"):
            try:
                return retrieve()
            except ValueError:  # a wrong checksum, as of a line that breaks: once more
                return retrieve()
    except ValueError as error:
        raise DataUnavailable(
            f"{name}: what {url} sends is not the file expected ({error})"
        ) from error
    except OSError as error:  # requests' errors are among these
        reason = (str(error).splitlines() or [repr(error)])[0][:200]
        if not os.access(folder, os.W_OK):
            raise DataUnavailable(
                f"{name}: cannot be kept in {folder} ({reason}). Set UPCONV_CACHE to a folder that "
                "can be written, or UPCONV_DATA to one that holds the file."
            ) from error
        raise DataUnavailable(
            f"{name}: cannot be fetched from {url} ({reason}). Fetch it elsewhere and save it as "
            f"{folder / name}, or set UPCONV_DATA to a folder that holds it."
        ) from error


def prepare(
    file: str,
    url: str,
    wanted: Callable[[str], bool],
    read: Callable[[Path], dict[str, np.ndarray]],
    sha256: dict[str, str],
) -> Path:
    """Download an archive, make arrays of it, check them, keep them in the cache as ``file``.

    Nothing else is kept. Of several processes one does it, and the others wait.

    What is checked are the arrays, which depend on every byte that was used: servers do not
    promise to keep the bytes of an archive.

    Parameters
    ----------
    file
        Name in the cache, ending in .npz.
    url
        Of a zip archive.
    wanted
        Says which of its members to extract, by name.
    read
        Makes the arrays from the folder they were extracted to.
    sha256
        Of each array's bytes.

    Raises
    ------
    DataUnavailable
        If the archive cannot be fetched, is broken, or holds something else.
    """
    folder, target = cache_folder(), cache_folder() / file
    unpacked = folder / f".{Path(file).stem}.unpacked"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{file}.lock")
        lock.acquire()  # whoever comes second waits, and finds the file there
    except OSError as error:
        raise _not_kept(file, folder, error) from error
    try:
        if target.exists():
            return target
        archive = download(url, f"{Path(file).stem}.zip", None)
        shutil.rmtree(unpacked, ignore_errors=True)  # of one that was killed
        try:
            arrays: dict[str, Any] = _unpack(archive, unpacked, wanted, read)
            _check_bytes(url, arrays, sha256)
        except DataUnavailable:
            archive.unlink(missing_ok=True)  # the next try fetches another
            raise
        write_atomically(target, lambda unfinished: np.savez_compressed(unfinished, **arrays))
        archive.unlink(missing_ok=True)
        return target
    except OSError as error:
        raise _not_kept(file, folder, error) from error
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
        lock.release()


def _unpack(
    archive: Path,
    folder: Path,
    wanted: Callable[[str], bool],
    read: Callable[[Path], dict[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = [member for member in zipped.namelist() if wanted(member)]
            folder.mkdir()
            zipped.extractall(folder, members)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DataUnavailable(f"{archive.name}: broken, and deleted; try again") from error
    try:
        return read(folder)
    except (*_BROKEN, UnidentifiedImageError) as error:  # another archive than it was
        reason = " ".join(str(error).split())
        raise DataUnavailable(
            f"{archive.name}: holds something else, and deleted ({reason})"
        ) from error


def _check_bytes(url: str, arrays: dict[str, np.ndarray], sha256: dict[str, str]) -> None:
    for key, expected in sha256.items():
        got = hashlib.sha256(np.ascontiguousarray(arrays[key]).tobytes()).hexdigest()
        if got != expected:
            raise DataUnavailable(f"{url}: {key} has SHA-256 {got}, expected {expected}")


def _not_kept(name: str, folder: Path, error: OSError) -> DataUnavailable:
    return DataUnavailable(f"{name}: cannot be kept in {folder} ({error}). Set UPCONV_CACHE to "
                           "another folder.")  # fmt: skip


# What NumPy, zipfile and Pillow raise of files that are torn, or others than expected.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, LookupError, ValueError, SyntaxError, TypeError,
)  # fmt: skip


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Read a file of the cache or a mirror.

    Raises
    ------
    DataUnavailable
        If it is broken; the message names it.
    """
    try:
        yield
    except (*_BROKEN, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataUnavailable(
            f"{path}: broken ({reason}). Delete it, and it is fetched again."
        ) from error


def read_arrays(path: str | Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Arrays of a .npz file by their names.

    Raises
    ------
    DataUnavailable
        If it is broken, or one is missing.
    """
    with reading(path), np.load(path) as file:
        return {name: file[name] for name in names}


def check_pair(
    path: str | Path, images: np.ndarray, masks: np.ndarray, axes: int, most: int | None = None
) -> None:
    """Refuse arrays that are no images (N, H, W, …), uint8, of so many axes, and their masks.

    Raises
    ------
    DataUnavailable
        If shapes or kinds are others, or a label of a mask is above ``most``.
    """
    got = f"images {images.shape} of {images.dtype}, masks {masks.shape} of {masks.dtype}"
    fit = images.ndim == axes and masks.shape == images.shape[:3] and len(images)
    if not (fit and images.dtype == np.uint8 and masks.dtype.kind == "u"):
        raise DataUnavailable(f"{path}: got {got}, expected as many of one size")
    if most is not None and masks.max() > most:
        raise DataUnavailable(f"{path}: got label {masks.max()}, expected 0 to {most}")
