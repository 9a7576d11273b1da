"""Custom images and masks from two folders."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from upconv.data._checking import checked
from upconv.data._colors import Colors, class_names
from upconv.data._format import MaskFormat
from upconv.data._listing import EXTENSIONS, Files
from upconv.data._mask_kinds import Census
from upconv.data._mask_rules import Decision, census, decide, shares, tally
from upconv.data._masks import ORIENTATION, decode, instances_of, read_mask
from upconv.data._pairing import no_masks, pair
from upconv.data._reading import BadData, read_image
from upconv.data.sets import SegmentationSet


def segmentation_folder(
    images: str | Path,
    masks: str | Path,
    classes: int | Sequence[str] | None = None,
    check: bool = True,
    *,
    mask_format: MaskFormat | None = None,
    colors: Colors | None = None,
    threshold: int | None = None,
    instances: bool = False,
    progress: bool = False,
) -> SegmentationSet:
    """Load images and masks of any sizes with matching names (extensions may differ).

    A mask has one value per pixel, or one color. What it means is decided once for the whole
    folder, see :func:`find_mask_format`, and ``notes`` of the set say what was found.

    Parameters
    ----------
    images, masks
        Folders. Masks are named like their images, or with the same addition, as ``x_mask``.
    classes
        Number of classes, or their names; None if the masks show it.
    check
        Read every image once now, so that errors appear early. Masks always are.
    mask_format
        The format of other masks, as weights have it; it replaces the following three.
    colors
        Colors of the classes in order, "000000,ff0000,void=ffffff", or a file with one color and
        name in each line.
    threshold
        Gray values from this one on are class 1 of two.
    instances
        Whether values number instances, 0 being background: two classes, class 1 inside instances.
    progress
        Show a bar while files are read.

    Raises
    ------
    BadData
        If a folder is missing or empty, an image lacks its mask or a mask its image, the sizes of
        a pair differ, a file cannot be read, or the masks' values are not those of classes.
    ValueError
        If the number of classes is below 2 or above 255, or options contradict each other.
    """
    found = pair(_listed(images, "images"), _listed(masks, "masks"))
    counted = checked(census, found.masks, "masks", progress)
    if mask_format is None:
        decision = decide(counted, classes, colors, threshold, instances)
    else:
        decision = _as_before(mask_format, classes)
    form, names, _ = decision
    note = _shares_of(counted, decision)
    read = partial(read_mask, classes=len(names), mask_format=form)
    data = SegmentationSet(
        "folder",
        names,
        Files(found.images, read_image),
        Files(found.masks, read, _about(form)),
        instances=Files(found.masks, partial(_instances, form)) if form.instances else None,
        mask_format=form,
    )
    notes = [*found.notes, note]
    if check:
        seen = checked(_seen, found.images, "images", progress)
        notes += _check_sizes(found.images, seen, counted)
    data.notes = tuple(notes)
    return data


def _listed(place: str | Path, kind: str) -> list[Path]:
    place = Path(place)
    if not place.is_dir():
        raise BadData(f"{place}: not a folder, expected {kind}")
    files = [path for path in sorted(place.iterdir()) if path.suffix.lower() in EXTENSIONS]
    if not files and kind == "masks":
        raise no_masks(place)
    if not files:
        raise BadData(f"{place}: contains no {kind} ({', '.join(sorted(EXTENSIONS))})")
    return files


def _instances(form: MaskFormat, path: Path) -> np.ndarray:
    return instances_of(path, decode(path), form)


def _about(form: MaskFormat) -> str:
    """What a run's hash has of a format: "" for gray masks that are read as they always were."""
    plain = all(value == number for value, number in form.classes) or form.classes[1:] == (
        (255, 1),
    )
    usual = form.kind == "values" and plain and form.threshold is None and not form.instances
    return "" if usual and not form.gray_palette else form.to_json()


def _as_before(form: MaskFormat, classes: int | Sequence[str] | None) -> Decision:
    """Read masks by the format of others."""
    count = 2 if form.threshold is not None or form.instances else len(form.classes)
    wanted = classes if classes is None or isinstance(classes, int) else len(classes)
    if wanted not in (None, count):
        raise BadData(f"classes: got {wanted}, expected {count}, as in the weights")
    return Decision(form, class_names(classes, count), ())


def _shares_of(counted: Sequence[Census], decision: Decision) -> str:
    """Say how much of each class the masks have; without any label they are refused."""
    form, names, said = decision
    total = np.sum([tally(one, form, len(names)) for one in counted], axis=0)
    folder = counted[0].path.parent
    labeled = np.flatnonzero(total[:-1])
    if not len(labeled):
        expected = "some with a class: nothing could be learned or measured"
        raise BadData(f"{folder}: got masks without any label, all pixels are void, {expected}")
    if form.void == 255 and labeled.tolist() == [0] and total[-1] and not form.instances:
        got = "only 0 and 255, which is void here"
        way = "save them with the values of the training's masks"
        raise BadData(f"{folder}: got masks with {got}, expected other classes than 0: {way}")
    return f"masks: {shares(names, total, said)}"


class _Seen(NamedTuple):
    shape: tuple[int, ...]
    orientation: int  # EXIF's number


def _seen(path: Path) -> _Seen:
    shape = read_image(path).shape[:2]
    with Image.open(path) as file:
        return _Seen(shape, file.getexif().get(ORIENTATION, 1))


def _check_sizes(
    images: Sequence[Path], seen: Sequence[_Seen], counted: Sequence[Census]
) -> list[str]:
    """Check that each mask has its image's size; name EXIF where it may be the reason."""
    doubtful = 0
    for path, image, mask in zip(images, seen, counted, strict=True):
        turned = image.orientation not in (0, 1)
        if image.shape != mask.shape:
            got = f"{mask.shape[1]} × {mask.shape[0]}"
            expected = f"{image.shape[1]} × {image.shape[0]}, the size of its image"
            why = ""
            if turned or mask.turned:
                which, other = (path, "mask") if turned else (mask.path, "image")
                why = f"; {which.name} is turned by its EXIF orientation"
                if turned != mask.turned:
                    why += f" and the {other} is not: turn the {other}"
            raise BadData(f"{mask.path}: got {got} pixels, expected {expected}{why}")
        square = image.shape[0] == image.shape[1] or image.orientation in (2, 3, 4)
        doubtful += turned and not mask.turned and square
    if not doubtful:
        return []
    return [
        f"images: {doubtful} are turned by EXIF and their masks are not, "
        "which are taken to show the upright images"
    ]
