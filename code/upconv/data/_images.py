"""Sets of images to be drawn after: handwritten digits, clothes, and your own pictures."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from upconv.data._digit_scenes import digit_scenes
from upconv.data._folder import EXTENSIONS, BadData, Files, read_image
from upconv.data.download import DataUnavailable, download, find


@dataclass
class ImageSet:
    """Images (N, H, W) if grey or (N, H, W, 3), uint8, of one size; maybe with classes.

    ``labels`` are class numbers (N,), or None.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.images.ndim not in (3, 4) or self.images.dtype != np.uint8:
            got = f"{self.images.ndim} axes of {self.images.dtype}"
            raise ValueError(f"images: got {got}, expected (N, H, W) or (N, H, W, 3), uint8")
        if self.labels is not None and len(self.labels) != len(self.images):
            got = f"{len(self.images)} images and {len(self.labels)} labels"
            raise ValueError(f"labels: got {got}, expected as many")
        if self.labels is not None and self.classes and len(self.labels):
            low, high, most = min(self.labels), max(self.labels), len(self.classes) - 1
            if not 0 <= low <= high <= most:
                wrong = low if low < 0 else high
                raise ValueError(f"labels: got {wrong}, expected 0 to {most}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return 1 if self.images.ndim == 3 else self.images.shape[3]


DIGITS = tuple(str(digit) for digit in range(10))
CLOTHES = (
    "t-shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
)

_IDX = {"train": "train", "test": "t10k"}  # split → as the files are called
_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_FASHION = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"
_SHA256 = {
    "mnist": {
        "train-images": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    "fashion_mnist": {
        "train-images": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
}


def digits(size: int = 32) -> ImageSet:
    """1,797 handwritten digits of 8 × 8 pixels that come with scikit-learn, enlarged smoothly.

    Alpaydin & Kaynak, "Optical recognition of handwritten digits" (1998). Nothing to download.

    Parameters
    ----------
    size
        Side of the images. A sixteenth on each side is left black.

    Raises
    ------
    ValueError
        If the side is below 8.
    """
    if size < 8:
        raise ValueError(f"size: got {size}, expected at least 8")
    from sklearn.datasets import load_digits

    found = load_digits()
    rim = size // 16
    side = size - 2 * rim
    images = np.zeros((len(found.images), size, size), np.uint8)
    for image, small in zip(images, found.images, strict=True):
        smooth = Image.fromarray(small.astype(np.float32) / 16).resize(
            (side, side), Image.Resampling.BICUBIC
        )
        image[rim : rim + side, rim : rim + side] = np.round(np.clip(smooth, 0, 1) * 255)
    return ImageSet("digits", images, found.target.astype(np.int64), DIGITS)


def digit_crops(count: int, size: int = 32, seed: int = 0, split: str = "train") -> ImageSet:
    """Handwritten digits in colour over photographs, one an image, endless: nothing to download.

    Parameters as of :func:`upconv.data.digit_scenes`.

    Returns
    -------
    ImageSet
        (count, size, size, 3), with labels.
    """
    height = (0.62 * size, 0.78 * size)
    scenes = digit_scenes(
        count, size, seed, split, digits=(1, 1), height=height, noise=0.02, texture=0.35
    )
    labels = scenes.masks.reshape(count, -1).max(1).astype(np.int64) - 1
    # Not a pixel of a digit turned far out: call it what it is not, rather than nothing.
    return ImageSet("digit_crops", scenes.images, np.maximum(labels, 0), DIGITS)


def mnist(split: str = "test", size: int = 32) -> ImageSet:
    """MNIST, handwritten digits (LeCun et al. 1998): 60,000 to train, 10,000 to test.

    Parameters
    ----------
    split
        "train" or "test".
    size
        28 as they are, or more: black around them.

    Raises
    ------
    ValueError
        For an unknown split or a size below 28.
    DataUnavailable
        If it is not here and cannot be fetched, or is broken.
    """
    return _idx_set("mnist", _MNIST, split, size, DIGITS)


def fashion_mnist(split: str = "train", size: int = 32) -> ImageSet:
    """Fashion-MNIST, ten kinds of clothes (Xiao et al. 2017), laid out as MNIST."""
    return _idx_set("fashion_mnist", _FASHION, split, size, CLOTHES)


def image_folder(folder: str | Path, size: int = 64) -> ImageSet:
    """All pictures of a folder and those below it, their middle square scaled to ``size``.

    Raises
    ------
    BadData
        If it is no folder, holds no picture, or one cannot be read; the message names it.
    """
    folder, paths = Path(folder), _pictures_in(folder)
    images = np.empty((len(paths), size, size, 3), np.uint8)
    for place, path in enumerate(paths):
        image = read_image(path)
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        square = Image.fromarray(image[top : top + side, left : left + side])
        images[place] = np.asarray(square.resize((size, size), Image.Resampling.LANCZOS))
    return ImageSet(folder.name, images)


def folder_images(folder: str | Path) -> Sequence[np.ndarray]:
    """All pictures of a folder and those below it, (H, W, 3), uint8, read when asked for.

    Raises
    ------
    BadData
        If it is no folder or holds no picture; on reading, if a file cannot be read.
    """
    return Files(_pictures_in(folder), read_image)


def _pictures_in(folder: str | Path) -> list[Path]:
    folder = Path(folder)
    if not folder.is_dir():
        raise BadData(f"{folder}: not a folder")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS)
    if not paths:
        raise BadData(f"{folder}: holds no images")
    return paths


def read_idx(path: str | Path) -> np.ndarray:
    """The array of an IDX file, gzipped or not: the format of MNIST.

    Raises
    ------
    DataUnavailable
        If it is none, or cut short.
    """
    raw = Path(path).read_bytes()
    try:
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        zero, kind, axes = struct.unpack(">HBB", raw[:4])
        if zero or kind != 8:
            raise ValueError("no bytes")
        shape = struct.unpack(f">{axes}I", raw[4 : 4 + 4 * axes])
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise DataUnavailable(f"{path}: not an IDX file of bytes ({error})") from error


def _idx_set(name: str, url: str, split: str, size: int, classes: tuple[str, ...]) -> ImageSet:
    if split not in _IDX:
        raise ValueError(f"split: got {split!r}, expected one of {', '.join(_IDX)}")
    if size < 28:
        raise ValueError(f"size: got {size}, expected at least 28")
    arrays = []
    for part, kind in (("images", "idx3"), ("labels", "idx1")):
        key = f"{_IDX[split]}-{part}"
        file = f"{key}-{kind}-ubyte.gz"
        path = find(f"{name}/{file}")  # in a mirror; downloads are called otherwise
        arrays.append(_idx(str(path or download(url + file, f"{name}-{file}", _SHA256[name][key]))))
    images, labels = arrays
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        got = f"{images.shape} images and {labels.shape} labels"
        raise DataUnavailable(f"{name}: got {got}, expected one label an image")
    rim = ((size - 28) // 2, size - 28 - (size - 28) // 2)
    return ImageSet(name, np.pad(images, ((0, 0), rim, rim)), labels.astype(np.int64), classes)


@cache
def _idx(path: str) -> np.ndarray:
    return read_idx(path)
