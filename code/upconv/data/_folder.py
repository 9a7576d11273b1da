"""Custom images and masks from two folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from upconv.checks import refuse
from upconv.data._listing import EXTENSIONS, Files
from upconv.data._masks import read_mask
from upconv.data._reading import BadData, read_image
from upconv.data.sets import VOID, SegmentationSet


def segmentation_folder(
    images: str | Path, masks: str | Path, classes: int | Sequence[str], check: bool = True
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

    Raises
    ------
    BadData
        If a folder is missing or empty, an image lacks its mask or a mask its image, the sizes of
        a pair differ, a file cannot be read, or a label is out of range.
    ValueError
        If the number of classes is below 2 or above 255.
    """
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
        Files([found["images"][stem] for stem in stems], read_image),
        Files([found["masks"][stem] for stem in stems], lambda path: read_mask(path, len(names))),
    )
    if check:
        for stem, (image, mask) in zip(stems, data, strict=True):
            if image.shape[:2] != mask.shape:
                got = f"{mask.shape[1]} × {mask.shape[0]}"
                expected = f"{image.shape[1]} × {image.shape[0]}, the size of its image"
                raise BadData(f"{found['masks'][stem]}: got {got} pixels, expected {expected}")
    return data
