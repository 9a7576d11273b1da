"""Sources of data: a mirror, the cache, or verified downloads."""

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

from upconv.files import atomic_write

TIMEOUT = 30  # seconds without a byte from a server
BARS = True  # whether progress is shown at all


class DataUnavailable(RuntimeError):
    """Data are not found and cannot be downloaded; the message says which file goes where."""


def mirror() -> Path | None:
    """Return the folder named by the environment variable ``UPCONV_DATA``, if it is set.

    Raises
    ------
    DataUnavailable
        If it is not an existing folder.
    """
    named = os.environ.get("UPCONV_DATA")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise DataUnavailable(f"UPCONV_DATA: got {named}, expected an existing folder")
    return folder


def cache_folder() -> Path:
    """Return the folder for downloads: ``UPCONV_CACHE``, or the system's cache folder."""
    if named := os.environ.get("UPCONV_CACHE"):
        return Path(named)
    import pooch  # imported late: data that are present are found without it

    return Path(pooch.os_cache("upconv"))


def find(name: str) -> Path | None:
    """Find a file in the mirror or the cache; return None if it is in neither."""
    for folder in (mirror(), cache_folder()):
        if folder is not None and (folder / name).exists():
            return folder / name
    return None


def download(url: str, name: str, sha256: str | None, progress: bool = True) -> Path:
    """Download a file into the cache atomically.

    Parameters
    ----------
    url
        Address of the file.
    name
        Its name in the cache.
    sha256
        Expected hash of its bytes; None only if the content is verified otherwise.
    progress
        Show a progress bar on a terminal.

    Raises
    ------
    DataUnavailable
        If it cannot be downloaded or has another hash. The message says where to put a file
        obtained by other means.
    """
    import pooch

    folder = cache_folder()
    target = folder / name
    known = f"sha256:{sha256}" if sha256 else None
    if target.is_file() and pooch.hashes.hash_matches(target, known):
        return target  # without writing: the cache may be read-only
    shown = progress and BARS and os.isatty(2)
    downloader = pooch.HTTPDownloader(progressbar=shown, timeout=TIMEOUT)

    def retrieve() -> Path:
        # Pooch writes to a temporary file, checks it, and only then moves it into place.
        return Path(pooch.retrieve(url, known, name, folder, downloader=downloader))

    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A second process waits, and then finds the file.
        with FileLock(folder / f".{name.replace('/', '-')}.lock"):
            try:
                return retrieve()
            except ValueError:  # wrong checksum, for example after a lost connection: retry once
                return retrieve()
    except ValueError as error:
        raise DataUnavailable(
            f"{name}: {url} did not return the expected file ({error})"
        ) from error
    except OSError as error:  # requests' errors are among these
        reason = (str(error).splitlines() or [repr(error)])[0][:200]
        if not os.access(folder, os.W_OK):
            raise DataUnavailable(
                f"{name}: cannot be stored in {folder} ({reason}). Set UPCONV_CACHE to a writable "
                "folder, or UPCONV_DATA to one that contains the file."
            ) from error
        raise DataUnavailable(
            f"{name}: cannot be downloaded from {url} ({reason}). Obtain it elsewhere and save it "
            f"as {folder / name}, or set UPCONV_DATA to a folder that contains it."
        ) from error


def prepare(
    file: str,
    url: str,
    wanted: Callable[[str], bool],
    read: Callable[[Path], dict[str, np.ndarray]],
    sha256: dict[str, str],
) -> Path:
    """Download an archive, convert it to arrays, verify them and cache them as ``file``.

    Nothing else is kept. One of several processes does the work while the others wait.

    The hashes are those of the arrays, which cover all used data: servers may change the bytes
    of an archive.

    Parameters
    ----------
    file
        Name in the cache, ending in .npz.
    url
        Address of a zip archive.
    wanted
        Selects the members to extract, by name.
    read
        Makes the arrays from the folder with the extracted members.
    sha256
        Expected hash of each array's bytes.

    Raises
    ------
    DataUnavailable
        If the archive cannot be downloaded, is corrupt, or has other contents.
    """
    folder, target = cache_folder(), cache_folder() / file
    unpacked = folder / f".{Path(file).stem}.unpacked"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{file}.lock")
        lock.acquire()  # a second process waits, and then finds the file
    except OSError as error:
        raise _not_kept(file, folder, error) from error
    try:
        if target.exists():
            return target
        archive = download(url, f"{Path(file).stem}.zip", None)
        shutil.rmtree(unpacked, ignore_errors=True)  # left by a killed process
        try:
            arrays: dict[str, Any] = _unpack(archive, unpacked, wanted, read)
            check_bytes(url, arrays, sha256)
        except DataUnavailable:
            archive.unlink(missing_ok=True)  # the next attempt downloads it again
            raise
        atomic_write(target, lambda unfinished: np.savez_compressed(unfinished, **arrays))
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
        raise DataUnavailable(f"{archive.name}: corrupt, now deleted; try again") from error
    try:
        return read(folder)
    except (*_BROKEN, UnidentifiedImageError) as error:  # the archive has changed
        reason = " ".join(str(error).split())
        raise DataUnavailable(
            f"{archive.name}: unexpected contents, now deleted ({reason})"
        ) from error


def check_bytes(url: str, arrays: dict[str, np.ndarray], sha256: dict[str, str]) -> None:
    """Check the hashes of arrays that come from ``url``.

    Raises
    ------
    DataUnavailable
        Naming the first array that has another.
    """
    for key, expected in sha256.items():
        got = hashlib.sha256(np.ascontiguousarray(arrays[key]).tobytes()).hexdigest()
        if got != expected:
            raise DataUnavailable(f"{url}: {key} has SHA-256 {got}, expected {expected}")


def _not_kept(name: str, folder: Path, error: OSError) -> DataUnavailable:
    return DataUnavailable(f"{name}: cannot be stored in {folder} ({error}). Set UPCONV_CACHE to "
                           "another folder.")  # fmt: skip


# What NumPy, zipfile and Pillow raise for files that are truncated or not as expected.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, LookupError, ValueError, SyntaxError, TypeError,
)  # fmt: skip


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Wrap the reading of a file from the cache or a mirror.

    Raises
    ------
    DataUnavailable
        If it is corrupt; the message names it.
    """
    try:
        yield
    except (*_BROKEN, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataUnavailable(
            f"{path}: corrupt ({reason}). Delete it to download it again."
        ) from error


def read_arrays(path: str | Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Read arrays from a .npz file by name.

    Raises
    ------
    DataUnavailable
        If it is corrupt, or an array is missing.
    """
    with reading(path), np.load(path) as file:
        return {name: file[name] for name in names}


def check_pair(
    path: str | Path, images: np.ndarray, masks: np.ndarray, axes: int, most: int | None = None
) -> None:
    """Check that arrays are images (N, H, W, …), uint8, with ``axes`` axes, and their masks.

    Raises
    ------
    DataUnavailable
        If shapes or dtypes differ from that, or a label exceeds ``most``.
    """
    got = f"images {images.shape} of {images.dtype}, masks {masks.shape} of {masks.dtype}"
    fit = images.ndim == axes and masks.shape == images.shape[:3] and len(images)
    if not (fit and images.dtype == np.uint8 and masks.dtype.kind == "u"):
        raise DataUnavailable(f"{path}: got {got}, expected matching images and masks")
    if most is not None and masks.max() > most:
        raise DataUnavailable(f"{path}: got label {masks.max()}, expected 0 to {most}")
