"""Which files of a folder are images, and which mask belongs to which image."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from upconv.data._errors import BadData

EXTENSIONS = {
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".gif",
}  # fmt: skip

# Images in formats that are not read → what to do.
_PHOTO, _RAW, _SCIENCE = "JPEG or PNG", "JPEG, PNG or TIFF", "TIFF"
_CONVERT = (
    dict.fromkeys((".heic", ".heif", ".avif", ".jxl", ".svg", ".pdf", ".psd", ".xcf"), _PHOTO)
    | dict.fromkeys((".ppm", ".pgm", ".pnm", ".tga", ".ico", ".eps", ".ai", ".djvu"), _PHOTO)
    | dict.fromkeys((".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"), _RAW)
    | dict.fromkeys((".raw", ".exr", ".hdr", ".jp2", ".j2k", ".mp4", ".mov", ".avi"), _RAW)
    | dict.fromkeys((".npy", ".npz", ".mat", ".h5", ".hdf5", ".zarr", ".nii", ".nii.gz"), _SCIENCE)
    | dict.fromkeys((".czi", ".nd2", ".lif", ".lsm", ".oib", ".oif", ".vsi", ".svs"), _SCIENCE)
    | dict.fromkeys((".ndpi", ".mrxs", ".dv", ".ims", ".mrc", ".dm3", ".dm4", ".fits"), _SCIENCE)
    | dict.fromkeys((".dcm", ".nrrd", ".mhd", ".mha"), _SCIENCE)
)
_SYSTEM = {
    "thumbs.db",
    "desktop.ini",
    "__macosx",
    "ehthumbs.db",
    "$recycle.bin",
    "icon\r",
    "@eadir",
}


class Files(Sequence[np.ndarray]):
    """Sequence that reads each file on access.

    ``about`` tells runs apart that read the same files in different ways; ``notes`` are lines to
    be said of them.
    """

    def __init__(
        self,
        paths: list[Path],
        read: Callable[[Path], np.ndarray],
        about: str = "",
        notes: tuple[str, ...] = (),
    ) -> None:
        self.paths, self.read, self.about, self.notes = paths, read, about, notes

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> Files: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | Files:
        if isinstance(index, slice):
            return Files(self.paths[index], self.read, self.about, self.notes)
        return self.read(self.paths[index])


@dataclass(frozen=True)
class Listing:
    """Image files of a folder, sorted, and what is to be said of the rest.

    ``nested``: they lie in its subfolders.
    """

    folder: Path
    paths: list[Path]
    notes: tuple[str, ...] = ()
    nested: bool = False

    def key(self, path: Path) -> str:
        """What a file is called for pairing: its place in the folder, without the extension."""
        inside = path.relative_to(self.folder)
        return inside.with_name(stem_of(inside)).as_posix()


def stem_of(path: Path) -> str:
    """A file's name without its extension; ``.ome.tif`` is one extension."""
    stem = path.stem
    return stem[:-4] if stem.lower().endswith(".ome") and len(stem) > 4 else stem


def list_images(folder: str | Path, kind: str = "images", everywhere: bool = False) -> Listing:
    """List the images in a folder.

    Hidden files, those of the system and those in formats that are not read are skipped, which the
    notes say. If all images lie in subfolders, those are listed; with ``everywhere``, all are.

    Raises
    ------
    BadData
        If it is not a folder or contains no images, or a file is empty or a link to nowhere; the
        message says what to do.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadData(f"{folder}: not a folder, expected {kind}")
    skipped: Counter[str] = Counter()
    paths, below = _looked_into(folder, skipped)
    deeper: list[Path] = []
    inner: Counter[str] = Counter()
    seen = {os.path.realpath(folder)}
    while below:
        place = below.pop()
        real = os.path.realpath(place)
        if real in seen:  # a link back
            inner["link to a folder seen before"] += 1
            continue
        seen.add(real)
        more, further = _looked_into(place, inner)
        deeper += more
        below += further
    nested = bool(deeper) and not paths
    if everywhere or nested:
        paths, skipped = paths + deeper, skipped + inner
    elif deeper:
        skipped["image in a subfolder"] += len(deeper)
    notes = _said(folder, skipped)
    if not paths:
        rest = f"; {notes[0].removeprefix(f'{folder}: ')}" if notes else ""
        raise BadData(f"{folder}: contains no {kind} ({', '.join(sorted(EXTENSIONS))}){rest}")
    for path in paths:
        _check(path, kind)
    return Listing(folder, sorted(paths), notes, nested)


def _looked_into(folder: Path, skipped: Counter[str]) -> tuple[list[Path], list[Path]]:
    """Images of a folder and its subfolders; the rest is counted by what is said of it."""
    images, folders = [], []
    for path in sorted(folder.iterdir()):
        name, ending = path.name.lower(), path.suffix.lower()
        ending = ".nii.gz" if name.endswith(".nii.gz") else ending
        if name in _SYSTEM:
            skipped["of the system"] += 1
        elif name.startswith(".") or name.startswith("~$"):
            # A photograph that is still in the cloud is such a file.
            skipped["not downloaded (.icloud)" if ending == ".icloud" else "hidden"] += 1
        elif path.is_dir():
            folders.append(path)
        elif ending in EXTENSIONS:
            images.append(path)
        elif ending in _CONVERT:
            skipped[f"{ending} (convert {{}} to {_CONVERT[ending]})"] += 1
        else:
            skipped[ending or "without extension"] += 1
    return images, folders


def _said(folder: Path, skipped: Counter[str]) -> tuple[str, ...]:
    """One line that says what was skipped, in order of what to do about it."""
    if not skipped:
        return ()
    order = sorted(skipped, key=lambda what: ("convert" not in what, -skipped[what], what))
    parts = []
    for what in order:
        count = skipped[what]
        words = what.format("them" if count > 1 else "it")
        plural = count > 1 and what.startswith(("link", "image"))
        parts.append(f"{count} {_plural(words) if plural else words}")
    return (f"{folder}: {skipped.total()} skipped: {', '.join(parts)}",)


def _plural(words: str) -> str:
    first, _, rest = words.partition(" ")
    return f"{first}s {rest}"


def _check(path: Path, kind: str) -> None:
    if path.is_symlink() and not path.exists():
        raise BadData(
            f"{path}: a link to a file that is missing: restore the file or delete the link"
        )
    if path.is_file() and not path.stat().st_size:
        expected = f"one of the {kind}: copy it again or delete it"
        raise BadData(f"{path}: got an empty file, expected {expected}")


def check_layout(images: Listing, masks: Listing) -> None:
    """Check that images and masks lie alike: both in the folders themselves, or in subfolders.

    Raises
    ------
    BadData
        Otherwise.
    """
    if images.nested != masks.nested:
        inside, flat = (images, masks) if images.nested else (masks, images)
        got = f"files in subfolders, but those of {flat.folder} are in none"
        expected = "the same subfolders in both: move the files, or name one subfolder"
        raise BadData(f"{inside.folder}: got {got}, expected {expected}")
