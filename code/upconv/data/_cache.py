"""Decoded images on disk: a large photograph is decoded once, and a crop reads only its rows."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Literal, overload

import numpy as np
import PIL
from PIL import Image

from upconv.checks import refuse
from upconv.data._listing import Files
from upconv.data._reading import ORIENTATION, check_file, unlimited
from upconv.data._scaling import scale_image, scale_mask
from upconv.data.download import cache_folder
from upconv.files import atomic_write

FORMAT = 1  # of the cached arrays: another one is another file
SMALL = 2**20  # pixels below which a file is decoded at each access
LIMIT = 20.0  # gigabytes of all cached arrays, unless UPCONV_CACHE_LIMIT says otherwise
SPARE = 2**30  # bytes of a disk that are left free
AT_ONCE = 2**25  # pixels that threads decode at the same time

Where = str | Path | Literal[False] | None  # None: in the cache's folder, False: nowhere


class Cached(Files):
    """Sequence that decodes each large file once, and reads it from the cache from then on.

    Parameters
    ----------
    paths, read, about, notes
        As of ``Files``.
    options
        What an array depends on, apart from its file.
    where
        Folder of the cache; None is the default one, False none.
    """

    def __init__(
        self,
        paths: list[Path],
        read: Callable[[Path], np.ndarray],
        about: str = "",
        options: str = "",
        where: Where = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(paths, read, about, notes)
        self.options, self.where = options, where
        self._shapes: dict[Path, tuple[int, ...]] = {}
        self._small: set[Path] = set()
        self._states: dict[Path, tuple[int, int]] = {}  # of large files: bytes, and when changed

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> Cached: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | Cached:
        if isinstance(index, slice):
            how = (self.about, self.options, self.where, self.notes)
            return Cached(self.paths[index], self.read, *how)
        path = self.paths[index]
        found = self._get(path)
        self._shapes[path] = found.shape
        return found

    def shape_of(self, index: int) -> tuple[int, ...]:
        """Return an array's shape; a file that has been read once is not read again."""
        known = self._shapes.get(self.paths[index])
        return self[index].shape if known is None else known

    def _get(self, path: Path) -> np.ndarray:
        store = store_at(self.where)
        if store is None or path in self._small:
            return self._decoded(path)
        try:
            about = path.stat()
        except OSError:  # the reader says what is wrong
            return self.read(path)
        state = (about.st_size, about.st_mtime_ns)
        if state != self._states.get(path):
            pixels = pixels_of(path)
            if pixels is None or pixels < SMALL:
                if pixels:
                    self._small.add(path)
                return self._decoded(path)
            self._states[path] = state
        key = _key(path, state, self.options)
        with store.lock(key):
            found = store.load(key)
            if found is None:
                found = self._decoded(path)
                if store.save(key, found):
                    found = store.load(key, found)
        return found

    def _decoded(self, path: Path) -> np.ndarray:
        with _turn(0 if path in self._small else pixels_of(path) or 0):
            return self.read(path)


def cached(
    paths: list[Path],
    read: Callable[[Path], np.ndarray],
    about: str = "",
    *,
    options: str = "",
    size: int | None = None,
    mask: bool = False,
    where: Where = None,
) -> Cached:
    """List files that are read on access, scaled down to ``size``, and cached if they are large.

    ``about`` tells runs apart; ``options`` and the size do as well.
    """
    options = f"{'mask' if mask else 'image'} {about} {options}"
    if size is None:
        return Cached(paths, read, about, options, where)
    scale = scale_mask if mask else scale_image

    def smaller(path: Path) -> np.ndarray:
        return scale(read(path), size)

    about = f"{about} size {size}".strip()
    return Cached(paths, smaller, about, f"{options} size {size}", where)


def shape_in_file(path: Path, turned: bool = True) -> tuple[int, int] | None:
    """Height and width in a file's header, upright if ``turned``; None if Pillow cannot tell."""
    try:
        check_file(path)
        with unlimited(), Image.open(path) as image:
            lying = turned and image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
            return image.size if lying else (image.height, image.width)
    except Exception:  # the reader says what is wrong
        return None


def pixels_of(path: Path) -> int | None:
    """Number of pixels in a file's header; None if Pillow cannot tell."""
    shape = shape_in_file(path, turned=False)
    return None if shape is None else shape[0] * shape[1]


def _key(path: Path, state: tuple[int, int], options: str) -> str:
    told = (FORMAT, PIL.__version__, path.absolute(), *state, options)
    return hashlib.sha256("\0".join(map(str, told)).encode()).hexdigest()


class Store:
    """A folder of arrays, of bounded size: what has not been used for longest makes room."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._locks = [threading.Lock() for _ in range(64)]
        self._counting = threading.Lock()
        self._used: int | None = None  # bytes, as far as this process knows
        self._counted = 0  # bytes written since they were counted
        self._own: set[Path] = set()  # used by this process: others make room first

    def lock(self, key: str) -> threading.Lock:
        """Return a lock, so that threads do not decode the same file."""
        return self._locks[int(key[:2], 16) % len(self._locks)]

    @overload
    def load(self, key: str) -> np.ndarray | None: ...
    @overload
    def load(self, key: str, instead: np.ndarray) -> np.ndarray: ...
    def load(self, key: str, instead: np.ndarray | None = None) -> np.ndarray | None:
        """Map an array into memory, of which only what is used is read."""
        path = self._path(key)
        try:
            found = np.asarray(np.load(path, mmap_mode="r"))
        except (OSError, ValueError, EOFError):  # missing, or damaged: it is written anew
            return instead
        if path not in self._own:
            self._own.add(path)
            with suppress(OSError):  # a cache that cannot be written is read all the same
                os.utime(path)
        return found

    def save(self, key: str, array: np.ndarray) -> bool:
        """Write an array, if there is room; say once if not."""
        path = self._path(key)
        try:
            with self._counting:
                if not self._room(array.nbytes):
                    return False
            atomic_write(path, lambda unfinished: np.save(unfinished, array))
        except OSError as error:
            complain(f"{self.folder}: {error.strerror or error}")
            return False
        with self._counting:
            self._used = (self._used or 0) + array.nbytes
            self._counted += array.nbytes
        return True

    def used(self) -> int:
        """Count the bytes of all arrays."""
        return sum(size for _, size, _ in self._files())

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npy"

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """When each file was last used by a process, its bytes and path."""
        for path in self.folder.glob("??/*.npy"):
            with suppress(OSError):  # another process has removed it
                about = path.stat()
                yield about.st_mtime, about.st_size, path

    def _room(self, needed: int) -> bool:
        """Whether there is room for an array, after removing older ones."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._used is None or self._counted > self.limit / 10:  # other processes write, too
            self._used, self._counted = self.used(), 0
        if self._used + needed > self.limit:
            self._used = self._sweep(needed)
        if self._used + needed > self.limit:
            complain(
                f"{self.folder} holds {self._used / 1e9:.1f} of at most {self.limit / 1e9:g} GB; "
                "UPCONV_CACHE_LIMIT raises this, and --size N makes images smaller"
            )
            return False
        if shutil.disk_usage(self.folder).free < needed + SPARE:
            complain(f"{self.folder} is on a disk that is nearly full")
            return False
        return True

    def _sweep(self, needed: int) -> int:
        """Remove what other processes used longest ago; return the bytes that are left."""
        files = sorted(self._files())
        left = sum(size for _, size, _ in files)
        for _, size, path in files:
            if left + needed <= 0.8 * self.limit:  # not again for each array
                break
            if path not in self._own:
                with suppress(OSError):  # in use, on Windows
                    path.unlink()
                    left -= size
        return left


def store_at(where: Where = None) -> Store | None:
    """Return the store of a folder, one for all threads; None if arrays are not to be cached."""
    limit = cache_limit()
    if where is False or not limit:
        return None
    return _store(decoded_folder() if where is None else Path(where), limit)


_store = cache(Store)


def decoded_folder() -> Path:
    """Return the default folder of decoded images."""
    return cache_folder() / "decoded"


def cache_limit() -> int:
    """Return the maximum number of bytes of all cached arrays; 0 if nothing is cached.

    Raises
    ------
    ValueError
        If the environment variable UPCONV_CACHE_LIMIT is not a number of gigabytes.
    """
    named = os.environ.get("UPCONV_CACHE_LIMIT") or str(LIMIT)
    try:
        limit = float(named)
    except ValueError:
        limit = -1.0
    if not 0 <= limit < 1e9:  # False for NaN
        refuse("UPCONV_CACHE_LIMIT", repr(named), "gigabytes, or 0 to cache no decoded images")
    return int(limit * 1e9)


@cache
def complain(why: str) -> None:
    """Say on standard error why images are not cached, once for each reason."""
    print(f"upconv: decoded images are not cached, which takes longer: {why}", file=sys.stderr)


_free = AT_ONCE  # pixels that may still be decoded now
_change = threading.Condition()


@contextmanager
def _turn(pixels: int) -> Iterator[None]:
    """Wait until decoding so many pixels does not take too much memory together with others."""
    global _free
    pixels = min(pixels, AT_ONCE)
    with _change:
        _change.wait_for(lambda: _free >= pixels)
        _free -= pixels
    try:
        yield
    finally:
        with _change:
            _free += pixels
            _change.notify_all()
