"""Custom images and masks from two folders."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from upconv.checks import check_integer
from upconv.data import _cache
from upconv.data._cache import Where, cached, shape_in_file
from upconv.data._checking import checked
from upconv.data._colors import Colors, class_names
from upconv.data._format import MaskFormat
from upconv.data._listing import Files, Listing, check_layout, list_images
from upconv.data._mask_kinds import Census
from upconv.data._mask_rules import Decision, census, decide, shares, tally
from upconv.data._masks import decode, instances_of, packed, read_mask
from upconv.data._pairing import no_masks, pair
from upconv.data._ranges import Facts, Survey, facts_of, find_range
from upconv.data._reading import BadData, orientation, read_raw
from upconv.data.sets import VOID, SegmentationSet, palette


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
    channels: int = 3,
    value_range: tuple[float, float] | None = None,
    size: int | None = None,
    cache: Where = None,
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
    channels
        Of the images: with 1 they are (H, W), otherwise (H, W, channels). Gray images are copied
        to three channels; another number is refused.
    value_range
        The values of images that become 0 and 1. By default, those of 8 bits keep their 0 to 255,
        floats in [0, 1] keep theirs, and of others the least and the greatest value in the folder
        count.
    size
        Scale images and masks down, so that their longer side has at most so many pixels.
    cache
        Folder that keeps decoded images of more than a megapixel; None is the default one, which
        ``upconv data`` shows, and False none.
    progress
        Show a bar while files are read.

    Raises
    ------
    BadData
        If a folder is missing or empty, an image lacks its mask or a mask its image, the sizes of
        a pair differ, a file cannot be read, or the masks' values are not those of classes.
    ValueError
        If the number of classes is below 2 or above 255, the size below 1, or options contradict
        each other.
    """
    if size is not None:
        check_integer("size", size, 1)
    listed = list_images(images), _masks_in(masks)
    check_layout(*listed)
    found = pair(*listed)
    counted = checked(census, found.masks, "masks", progress)
    if mask_format is None or _predicted(counted):
        decision = decide(counted, classes, colors, threshold, instances)
    else:
        decision = _as_before(mask_format, classes)
    form, names, _ = decision
    told = _shares_of(counted, decision)
    kept = partial(cached, size=size, where=cache)
    labels = partial(read_mask, classes=len(names), mask_format=form)
    numbers = partial(_instances, form)
    meaning = form.to_json()
    data = SegmentationSet(
        "folder",
        names,
        kept(found.images, partial(read_raw, channels=channels), options=f"channels {channels}"),
        kept(found.masks, labels, _about(form), options=meaning, mask=True),
        instances=kept(found.masks, numbers, options=f"numbers {meaning}", mask=True)
        if form.instances
        else None,
        mask_format=form,
        size=size,
    )
    notes = [note for one in listed for note in one.notes]
    if check:
        seen = checked(partial(_seen, data, channels), range(len(data)), "images", progress)
        notes += _check_sizes(seen, counted)
        survey = Survey(value_range)
        for one in seen:
            survey.add(one.facts)
        survey.check_flat()
    else:
        survey = find_range(found.images, channels, value_range)
    data.value_range = survey.value_range
    data.notes = (*found.notes, *notes, *survey.notes, told)
    return data


def _masks_in(folder: str | Path) -> Listing:
    try:
        return list_images(folder, "masks")
    except BadData:
        if Path(folder).is_dir() and (error := no_masks(Path(folder))):
            raise error from None
        raise


def _instances(form: MaskFormat, path: Path) -> np.ndarray:
    return instances_of(path, decode(path), form)


def _about(form: MaskFormat) -> str:
    """What a run's hash has of a format: "" for gray masks that are read as they always were."""
    plain = all(value == number for value, number in form.classes) or form.classes[1:] == (
        (255, 1),
    )
    usual = form.kind == "values" and plain and form.threshold is None and not form.instances
    return "" if usual and not form.gray_palette else form.to_json()


def _predicted(counted: Sequence[Census]) -> bool:
    """Whether masks are those of ``upconv predict``, by their palette: its numbers are classes."""
    ours = packed(np.array(palette(VOID + 1))).tolist()
    return all(
        one.kind == "palette" and list(one.palette) == [ours[value] for value in one.values]
        for one in counted
    )


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
    shape: tuple[int, ...]  # before it was scaled
    orientation: int  # EXIF's number
    facts: Facts


def _seen(data: SegmentationSet, channels: int, place: int) -> _Seen:
    path, image = cast(Files, data.images).paths[place], data.images[place]
    shape = image.shape if data.size is None else shape_in_file(path) or read_raw(path).shape
    if shape[0] * shape[1] >= _cache.SMALL:
        data.masks[place]  # so that it is in the cache, too
    return _Seen(shape[:2], orientation(path), facts_of(path, image, channels))


def _check_sizes(seen: Sequence[_Seen], counted: Sequence[Census]) -> list[str]:
    """Check that each mask has its image's size; name EXIF where it may be the reason."""
    doubtful = 0
    for image, mask in zip(seen, counted, strict=True):
        turned = image.orientation not in (0, 1)
        if image.shape != mask.shape:
            got = f"{mask.shape[1]} × {mask.shape[0]}"
            expected = f"{image.shape[1]} × {image.shape[0]}, the size of its image"
            why = ""
            if turned and mask.turned:
                why = "; both are turned by their EXIF orientation"
            elif turned or mask.turned:
                which, other = ("image", "mask") if turned else ("mask", "image")
                why = f"; the {which} is turned by its EXIF orientation and the {other} is not: "
                why += f"turn the {other}, or remove the {which}'s EXIF orientation"
            raise BadData(f"{mask.path}: got {got} pixels, expected {expected}{why}")
        square = image.shape[0] == image.shape[1] or image.orientation in (2, 3, 4)
        doubtful += turned and not mask.turned and square
    if not doubtful:
        return []
    return [
        f"images: {doubtful} are turned by EXIF and their masks are not, "
        "which are taken to show the upright images"
    ]
