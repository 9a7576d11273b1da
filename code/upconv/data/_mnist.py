"""MNIST and Fashion-MNIST, and their file format."""

from __future__ import annotations

import gzip
import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from upconv.checks import check_choice, refuse
from upconv.data.download import DataUnavailable, download, find
from upconv.data.sets import DIGITS, ImageSet

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

_IDX = {"train": "train", "test": "t10k"}  # split → prefix of the files
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


def mnist(split: str = "test", size: int = 32) -> ImageSet:
    """MNIST, handwritten digits (LeCun et al. 1998): 60,000 training and 10,000 test images.

    Parameters
    ----------
    split
        "train" or "test".
    size
        Side of the images in pixels: 28, or more with a black border.

    Raises
    ------
    ValueError
        If the split is unknown or the size is below 28.
    DataUnavailable
        If the data are not found and cannot be downloaded, or are corrupt.
    """
    return _idx_set("mnist", _MNIST, split, size, DIGITS)


def fashion_mnist(split: str = "train", size: int = 32) -> ImageSet:
    """Fashion-MNIST, ten kinds of clothes (Xiao et al. 2017), laid out like MNIST."""
    return _idx_set("fashion_mnist", _FASHION, split, size, CLOTHES)


def read_idx(path: str | Path) -> np.ndarray:
    """Read the array of an IDX file, gzipped or not: the format of MNIST.

    Raises
    ------
    DataUnavailable
        If it is not an IDX file of bytes, or truncated.
    """
    raw = Path(path).read_bytes()
    try:
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        zero, kind, axes = struct.unpack(">HBB", raw[:4])
        if zero or kind != 8:
            raise ValueError("wrong header")
        shape = struct.unpack(f">{axes}I", raw[4 : 4 + 4 * axes])
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise DataUnavailable(f"{path}: not an IDX file of bytes ({error})") from error


def _idx_set(name: str, url: str, split: str, size: int, classes: tuple[str, ...]) -> ImageSet:
    check_choice("split", split, _IDX)
    if size < 28:
        refuse("size", size, "at least 28")
    arrays = []
    for part, kind in (("images", "idx3"), ("labels", "idx1")):
        key = f"{_IDX[split]}-{part}"
        file = f"{key}-{kind}-ubyte.gz"
        path = find(f"{name}/{file}")  # name in a mirror; downloads are named differently
        arrays.append(_idx(str(path or download(url + file, f"{name}-{file}", _SHA256[name][key]))))
    images, labels = arrays
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        got = f"{images.shape} images and {labels.shape} labels"
        raise DataUnavailable(f"{name}: got {got}, expected one label per image")
    rim = ((size - 28) // 2, size - 28 - (size - 28) // 2)
    return ImageSet(name, np.pad(images, ((0, 0), rim, rim)), labels.astype(np.int64), classes)


@cache
def _idx(path: str) -> np.ndarray:
    return read_idx(path)
