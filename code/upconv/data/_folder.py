"""Custom images and masks from two folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from upconv.checks import refuse
from upconv.data._listing import Files, check_layout, list_images
from upconv.data._masks import read_mask
from upconv.data._ranges import Survey, facts_of, find_range
from upconv.data._reading import BadData, read_raw
from upconv.data.sets import VOID, SegmentationSet


def segmentation_folder(
    images: str | Path,
    masks: str | Path,
    classes: int | Sequence[str],
    check: bool = True,
    *,
    channels: int = 3,
    value_range: tuple[float, float] | None = None,
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
    channels
        Of the images: with 1 they are (H, W), otherwise (H, W, channels). Gray images are copied
        to three channels; another number is refused.
    value_range
        The values of images that become 0 and 1. By default, those of 8 bits keep their 0 to 255,
        floats in [0, 1] keep theirs, and of others the least and the greatest value in the folder
        count.

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
    listed = {"images": list_images(images, "images"), "masks": list_images(masks, "masks")}
    check_layout(listed["images"], listed["masks"])
    for kind, files in listed.items():
        found[kind] = {files.key(path): path for path in files.paths}
        if len(found[kind]) < len(files.paths):
            twice = next(f for f in files.paths if found[kind][files.key(f)] != f)
            raise BadData(f"{twice}: another file has the same name with another extension")
    for kind, other in (("images", "masks"), ("masks", "images")):
        lonely = sorted(found[kind].keys() - found[other].keys())
        if lonely:
            missing = f"{lonely[0]}.* in {Path(masks if other == 'masks' else images)}"
            raise BadData(f"{found[kind][lonely[0]]}: expected {missing}, not found")
    stems = sorted(found["images"])
    read = partial(read_raw, channels=channels)
    data = SegmentationSet(
        "folder",
        names,
        Files([found["images"][stem] for stem in stems], read),
        Files([found["masks"][stem] for stem in stems], lambda path: read_mask(path, len(names))),
    )
    survey = Survey(value_range)
    if check:
        for stem, (image, mask) in zip(stems, data, strict=True):
            if image.shape[:2] != mask.shape:
                got = f"{mask.shape[1]} × {mask.shape[0]}"
                expected = f"{image.shape[1]} × {image.shape[0]}, the size of its image"
                raise BadData(f"{found['masks'][stem]}: got {got} pixels, expected {expected}")
            survey.add(facts_of(found["images"][stem], image, channels))
        survey.check_flat()
    else:
        survey = find_range([found["images"][stem] for stem in stems], channels, value_range)
    notes = (*listed["images"].notes, *listed["masks"].notes, *survey.notes)
    return replace(data, value_range=survey.value_range, notes=notes)
