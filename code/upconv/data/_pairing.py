"""Which mask belongs to which image, by their names."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from upconv.data._listing import EXTENSIONS, Listing
from upconv.data._reading import BadData

# What tools add to the names of masks.
WORDS = {
    "mask", "masks", "label", "labels", "lbl", "labelids", "labeltrainids", "seg", "segmentation",
    "gt", "gtfine", "groundtruth", "truth", "target", "ann", "annot", "annotation", "annotations",
    "manual", "class", "classes", "inst", "instance", "instances", "matte", "trimap", "l", "cp",
}  # fmt: skip
OVERLAY = "_overlay"  # what upconv predict writes beside x_mask.png
NAMED = 3  # files in a message
PIECE = re.compile(r"\d+|[^\W\d_]+|[\W_]+")  # digits, letters, and what stands between them

# Annotations that are no masks: how they end, and what makes masks of them.
ANNOTATIONS = {
    ".json": "polygons of an annotation tool: export masks as PNG (labelme: labelme_export_json or "
    "labelme2voc; COCO: pycocotools' annToMask; CVAT: the format Segmentation mask)",
    ".xml": "boxes or polygons of an annotation tool: export masks as PNG",
    ".txt": "boxes or polygons as text: export masks as PNG",
    ".csv": "a table: export masks as PNG",
    ".npy": "arrays: save each as PNG, PIL.Image.fromarray(array.astype('uint8')).save(…)",
    ".npz": "arrays: save each as PNG, PIL.Image.fromarray(array.astype('uint8')).save(…)",
    ".mat": "arrays of MATLAB: save each as PNG, imwrite(uint8(mask), …)",
    ".roi": "outlines of ImageJ: draw them into masks with Edit › Selection › Create Mask",
    ".zip": "an archive: unpack it (ImageJ's outlines: Edit › Selection › Create Mask)",
    ".nii": "volumes: save each slice as PNG or TIFF",
    ".gz": "compressed files: unpack them, and save each slice of a volume as PNG or TIFF",
    ".dcm": "DICOM: save each slice as PNG or TIFF",
    ".svg": "drawings: export them as PNG",
    ".xcf": "layers of GIMP: export them as PNG",
    ".psd": "layers of Photoshop: export them as PNG",
}


class Pairs(NamedTuple):
    """Images and masks in the same order, and what has to be said about how they were paired."""

    images: list[Path]
    masks: list[Path]
    notes: tuple[str, ...]


def pair(listed: Listing, others: Listing) -> Pairs:
    """Pair files with the same name, or whose names differ by the same addition everywhere.

    Extensions are ignored. ``x_overlay`` beside ``x_mask``, both written by ``upconv predict``, is
    left out. If images and masks come from one folder, masks are those with a word such as
    ``_mask`` added.

    Raises
    ------
    BadData
        If two files have one name, or a file has no partner; the message names the first.
    """
    notes: list[str] = []
    images, masks = listed.paths, others.paths
    if images == masks:
        images, masks = _apart(images)
    kept = _without_overlays(masks)
    if len(kept) < len(masks):
        left = len(masks) - len(kept)
        what = "overlay" if left == 1 else "overlays"
        notes.append(f"masks: {left} {what} of upconv predict left out")
    by_image, by_mask = _by_key(listed, images), _by_key(others, kept)
    if by_image.keys() == by_mask.keys():
        stems = sorted(by_image)
        return Pairs([by_image[s] for s in stems], [by_mask[s] for s in stems], tuple(notes))
    keys, mask_keys = _keys(list(by_image)), _keys(list(by_mask))
    added = _added(keys, mask_keys)
    if added and len(keys) == len(by_image) and keys.keys() == mask_keys.keys():
        stems = sorted(keys.values())
        found = {stem: mask_keys[key] for key, stem in keys.items()}
        first = stems[0]
        notes.append(
            f"masks: paired by name, {by_image[first].name} with {by_mask[found[first]].name}"
        )
        return Pairs([by_image[s] for s in stems], [by_mask[found[s]] for s in stems], tuple(notes))
    _refuse(by_image, by_mask)


def _apart(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Images and masks of one folder: x.png and x_mask.png."""
    stems = {path.stem for path in files}
    masks = []
    for path in files:
        pieces = PIECE.findall(path.stem)
        for end in range(1, len(pieces)):
            rest = {piece.lower() for piece in pieces[end:]}
            if "".join(pieces[:end]) in stems and rest & (WORDS | {"overlay"}):
                masks.append(path)
                break
    if not masks:
        expected = "masks in a folder of their own, or named x_mask beside their image x"
        raise BadData(
            f"{files[0].parent}: got one folder for images and masks, expected {expected}"
        )
    return [path for path in files if path not in masks], masks


def _without_overlays(masks: Sequence[Path]) -> list[Path]:
    stems = {path.stem for path in masks}
    return [
        path
        for path in masks
        if not path.stem.endswith(OVERLAY) or path.stem.removesuffix(OVERLAY) + "_mask" not in stems
    ]


def _by_key(listed: Listing, files: Sequence[Path]) -> dict[str, Path]:
    """What each file is called for pairing → the file."""
    found: dict[str, Path] = {}
    for path in files:
        key = listed.key(path)
        if key in found:
            raise BadData(f"{path}: another file has the same name with another extension")
        found[key] = path
    return found


def _keys(stems: list[str]) -> dict[str, str]:
    """What is left of each name without the pieces that all of them begin and end with → the name.

    A number or a word is never cut.
    """
    split = [PIECE.findall(stem) for stem in stems]
    start = end = 0
    shortest = min(map(len, split))
    while start < shortest and len({pieces[start] for pieces in split}) == 1:
        start += 1
    while end < shortest - start and len({pieces[-1 - end] for pieces in split}) == 1:
        end += 1
    cut = ["".join(pieces[start : len(pieces) - end]) for pieces in split]
    return dict(zip(cut, stems, strict=True)) if len(set(cut)) == len(cut) else {}


def _added(keys: dict[str, str], others: dict[str, str]) -> bool:
    """Whether masks may be recognized by what their names have, and images' names have not."""
    shared = next((key for key in keys if key in others), None)
    if shared is None:
        return False
    if not shared:  # one image and one mask, no piece of whose names is sure to be its own
        return keys[shared] in others[shared] or others[shared] in keys[shared]
    image, mask = (
        (stem[: stem.index(shared)], stem[stem.index(shared) + len(shared) :])
        for stem in (keys[shared], others[shared])
    )
    pieces = {piece.lower() for part in mask for piece in PIECE.findall(part)}
    return bool(pieces & WORDS) or not any(image) or not any(mask)


def _refuse(by_image: dict[str, Path], by_mask: dict[str, Path]) -> NoReturn:
    """Name the first files without a partner."""
    folders = [next(iter(found.values())).parent for found in (by_image, by_mask)]
    lonely = sorted(by_image.keys() - by_mask.keys())
    alone = sorted(by_mask.keys() - by_image.keys())
    keys, others = _keys(list(by_image)), _keys(list(by_mask))
    shared = by_image.keys() & by_mask.keys()
    if not shared and _added(keys, others) and keys.keys() != others.keys():  # but for a few
        example = f"such as {by_mask[others[next(key for key in keys if key in others)]].name}"
        lonely = sorted(stem for key, stem in keys.items() if key not in others)
        alone = sorted(stem for key, stem in others.items() if key not in keys)
        path, folder = (by_image[lonely[0]], 1) if lonely else (by_mask[alone[0]], 0)
        what = f"its {'mask' if lonely else 'image'} in {folders[folder]}"
        raise BadData(f"{path}: expected {what}, not found ({example}){_more(lonely or alone)}")
    if lonely and alone:
        way = "name each mask like its image, or x_mask for the image x"
        several = [m for m in alone if sum(m.startswith(stem) for stem in by_image) == 1]
        if len(alone) == len(several) > len(by_image):
            way = "keep one mask for each image in the folder"
        raise BadData(
            f"{by_image[lonely[0]]}: expected {lonely[0]}.* in {folders[1]}, not found; "
            f"without a mask: {_few([by_image[stem].name for stem in lonely])}; "
            f"without an image: {_few([by_mask[stem].name for stem in alone])}; {way}"
        )
    path, folder = (by_image[lonely[0]], 1) if lonely else (by_mask[alone[0]], 0)
    missing = f"{path.stem}.* in {folders[folder]}"
    raise BadData(f"{path}: expected {missing}, not found{_more(lonely or alone)}")


def _more(lonely: Sequence[str]) -> str:
    many = len(lonely)
    return f"; {many} files have no partner: add theirs, or remove them" if many > 1 else ""


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def no_masks(folder: Path) -> BadData | None:
    """The error for a folder that has annotations of another kind instead of masks."""
    endings = [path.suffix.lower() for path in sorted(folder.iterdir()) if path.is_file()]
    known = next((ending for ending in endings if ending in ANNOTATIONS), None)
    nothing = f"{folder}: contains no masks ({', '.join(sorted(EXTENSIONS))})"
    if known is None:
        return None
    what = ANNOTATIONS[known]
    if known == ".json" and (tool := _tool_of(folder)):
        what = tool
    return BadData(f"{nothing}, but {endings.count(known)} {known}: {what}")


def _tool_of(folder: Path) -> str:
    """Which tool wrote the first JSON file, and how masks are made of it; "" if unknown."""
    first = min(path for path in folder.iterdir() if path.suffix.lower() == ".json")
    try:
        found = json.loads(first.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""
    if isinstance(found, dict) and "shapes" in found:
        return "polygons of labelme: make masks of them with labelme_export_json or labelme2voc"
    if isinstance(found, dict) and "annotations" in found:
        return "polygons in COCO's format: make masks of them with pycocotools' annToMask"
    return ""
