"""ISBI 2012: electron micrographs of membranes in the nerve cord of a fly larva.

Serial sections of the Drosophila first instar larva ventral nerve cord: Cardona et al. (2010);
the challenge: Arganda-Carreras et al. (2015). 30 slices of 512 × 512 pixels of 4 × 4 nm, 50 nm
apart.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import label

from upconv.checks import check_choice
from upconv.data._membranes import CLASSES, COLORS
from upconv.data.download import DataUnavailable, check_pair, find, prepare, read_arrays, reading
from upconv.data.sets import SegmentationSet

SLICES = 30
HELD_OUT = 5  # the last ones

_COMMIT = "b45af4d"
_ARCHIVE = f"https://github.com/zhixuhao/unet/archive/{_COMMIT}.zip"
_FOLDER = "isbi2012/membrane"  # in a mirror
_FILE = "isbi2012.npz"  # in the cache
_SHA256 = {
    "images": "200da3d452d726e6c9ca1ce04b869d4edb727320d23b516d01cce707dc8c4760",
    "masks": "89f2ecfaeb1dbd44a0d910585f3daf032de9f385138cfbac851c68a1162fd57f",
}


def isbi2012(split: str = "train") -> SegmentationSet:
    """Electron micrographs with membranes: 25 training slices and the last 5 as test slices.

    The challenge's own test labels are not public, so slices of the training stack are held
    out. They are the last ones, not random ones: neighboring slices are nearly identical, and a
    network trained on slice 17 has seen most of slice 18.

    Read from the mirror or cache, or downloaded (about 40 MB).

    Returns
    -------
    SegmentationSet
        Gray, 512 × 512; classes membrane and cell; instances are the 4-connected components of
        the cells in each slice.

    Raises
    ------
    ValueError
        If the split is unknown.
    DataUnavailable
        If the data are not found and cannot be downloaded, or fail a check.
    """
    check_choice("split", split, ("train", "test"))
    mirrored = find(_FOLDER)
    images, masks = _arrays(str(mirrored or find(_FILE) or _prepare()))
    some = slice(SLICES - HELD_OUT) if split == "train" else slice(SLICES - HELD_OUT, None)
    images, masks = images[some], masks[some]
    instances = np.stack([label(mask)[0] for mask in masks]).astype(np.int32)
    return SegmentationSet("isbi2012", CLASSES, images, masks, COLORS, instances)


def read_raw(folder: Path) -> dict[str, np.ndarray]:
    """Read slices and masks from the source's layout, ``train/image/N.png``, ``train/label/N.png``.

    Raises
    ------
    DataUnavailable
        If one is missing or is not 512 × 512.
    """
    found: dict[str, list[np.ndarray]] = {"image": [], "label": []}
    for kind, slices in found.items():
        for number in range(SLICES):
            path = folder / "train" / kind / f"{number}.png"
            if not path.exists():
                raise DataUnavailable(f"{path}: not found, expected slice {number} of ISBI 2012")
            with Image.open(path) as picture:
                values = np.asarray(picture.convert("L"))
            if values.shape != (512, 512):
                raise DataUnavailable(f"{path}: got {values.shape}, expected 512 × 512 pixels")
            slices.append(values)
    # White is the inside of cells, black are their membranes.
    masks = (np.stack(found["label"]) > 127).astype(np.uint8)
    return {"images": np.stack(found["image"]), "masks": masks}


@cache
def _arrays(path: str) -> tuple[np.ndarray, np.ndarray]:
    if Path(path).is_dir():
        with reading(path):
            arrays = read_raw(Path(path))
    else:
        arrays = read_arrays(path, ("images", "masks"))
    check_pair(path, arrays["images"], arrays["masks"], 3, 1)
    return arrays["images"], arrays["masks"]


def _prepare() -> Path:
    def wanted(member: str) -> bool:
        return "/data/membrane/train/" in member and member.endswith(".png")

    def read(folder: Path) -> dict[str, np.ndarray]:
        (root,) = folder.glob("*/data/membrane")
        return read_raw(root)

    return prepare(_FILE, _ARCHIVE, wanted, read, _SHA256)
