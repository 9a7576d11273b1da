"""Custom images and masks from two folders."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from upconv.checks import check_integer, refuse
from upconv.data._cache import Where, cached, shape_in_file
from upconv.data._checking import checked
from upconv.data._listing import EXTENSIONS
from upconv.data._masks import read_mask
from upconv.data._reading import BadData, read_image
from upconv.data.sets import VOID, SegmentationSet


def segmentation_folder(
    images: str | Path,
    masks: str | Path,
    classes: int | Sequence[str],
    check: bool = True,
    *,
    size: int | None = None,
    cache: Where = None,
    progress: bool = False,
) -> SegmentationSet:
    """Load images and masks of any sizes with matching names (extensions may differ).

    Parameters
    ----------
    images, masks
        Folders.
    classes
        Number of classes, or their names.
    check
        Read every file once now, so that errors appear early.
    size
        Scale images and masks down, so that their longer side has at most so many pixels.
    cache
        Folder that keeps decoded images of more than a megapixel; None is the default one, which
        ``upconv data`` shows, and False none.
    progress
        Show a bar while files are checked, on a terminal.

    Raises
    ------
    BadData
        If a folder is missing or empty, an image lacks its mask or a mask its image, the sizes of
        a pair differ, a file cannot be read, or a label is out of range.
    ValueError
        If the number of classes is below 2 or above 255, or the size below 1.
    """
    if size is not None:
        check_integer("size", size, 1)
    names = tuple(classes) if not isinstance(classes, int) else ()
    if isinstance(classes, int):
        if not 2 <= classes <= VOID:
            refuse("classes", classes, f"2 to {VOID}")
        names = tuple(f"class {i}" for i in range(classes))
    found = {}
    for kind, place in (("images", images), ("masks", masks)):
        place = Path(place)
        if not place.is_dir():
            raise BadData(f"{place}: not a folder, expected {kind}")
        files = [path for path in sorted(place.iterdir()) if path.suffix.lower() in EXTENSIONS]
        if not files:
            raise BadData(f"{place}: contains no {kind} ({', '.join(sorted(EXTENSIONS))})")
        found[kind] = {path.stem: path for path in files}
        if len(found[kind]) < len(files):
            twice = next(f for f in files if found[kind][f.stem] != f)
            raise BadData(f"{twice}: another file has the same name with another extension")
    for kind, other in (("images", "masks"), ("masks", "images")):
        lonely = sorted(found[kind].keys() - found[other].keys())
        if lonely:
            missing = f"{lonely[0]}.* in {Path(masks if other == 'masks' else images)}"
            raise BadData(f"{found[kind][lonely[0]]}: expected {missing}, not found")
    stems = sorted(found["images"])
    data = SegmentationSet(
        "folder",
        names,
        cached([found["images"][stem] for stem in stems], read_image, size=size, where=cache),
        cached(
            [found["masks"][stem] for stem in stems],
            lambda path: read_mask(path, len(names)),
            options=f"{len(names)} classes",
            size=size,
            mask=True,
            where=cache,
        ),
        size=size,
    )

    if check:
        paths = [(found["images"][stem], found["masks"][stem]) for stem in stems]
        checked(partial(_check_pair, data, paths), range(len(data)), "images and masks", progress)
    return data


def _check_pair(data: SegmentationSet, paths: list[tuple[Path, Path]], place: int) -> None:
    """Check that a pair can be read and has one size, also before it was scaled."""
    pair, (path, other) = data[place], paths[place]
    image, mask = (part.shape[:2] for part in pair)
    if data.size is not None:
        image, mask = (shape_in_file(path) or image, shape_in_file(other, turned=False) or mask)
    if image != mask:
        got, expected = (f"{width} × {height}" for height, width in (mask, image))
        raise BadData(f"{other}: got {got} pixels, expected {expected}, the size of its image")
