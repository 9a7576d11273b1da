"""Custom images and masks from two folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import overload

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from upconv.checks import check_integer, refuse
from upconv.data.sets import VOID, SegmentationSet

EXTENSIONS = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif"}

# Maximum pixels of an image: 8192 × 8192. A small file may claim many more.
_most_pixels = 2**26


def limit_pixels(most: int) -> None:
    """Set the maximum number of pixels of images and masks, for this process; 2²⁶ by default.

    Raises
    ------
    ValueError
        If it is not an integer of at least 1.
    """
    global _most_pixels
    _most_pixels = check_integer("most", most, 1)
    # Pillow rejects images more than twice as large.
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, _most_pixels)


# What Pillow raises for files that are truncated, not images, or decompression bombs.
_UNREADABLE = (
    OSError,
    UnidentifiedImageError,
    SyntaxError,
    ValueError,
    Image.DecompressionBombError,
)


class BadData(ValueError):
    """A file that cannot be used; the message names it."""


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as (H, W, 3), uint8, upright, transparency on white, 16 bits scaled to 8.

    Floats between 0 and 1 are scaled by 255, other floats like integers.

    Raises
    ------
    BadData
        If it cannot be read, has more pixels than :func:`limit_pixels` allows, or contains NaN or
        infinity.
    """
    _check_file(path)
    try:
        with Image.open(path) as file:
            _check_size(path, file)
            image = ImageOps.exif_transpose(file)
            if image.mode in ("I", "I;16", "I;16B", "F"):
                image = _scaled(path, image)
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                image = image.convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            return np.asarray(image.convert("RGB"))
    except BadData:
        raise
    except _UNREADABLE as error:
        raise BadData(f"{path}: not a readable image ({str(error).splitlines()[0]})") from error


def _scaled(path: str | Path, image: Image.Image) -> Image.Image:
    """Convert an image of 16 or 32 bits, or of floats, to 8 bits."""
    values = np.asarray(image, dtype=np.float32)
    if not np.isfinite(values).all():
        raise BadData(f"{path}: got infinite or NaN values, expected finite ones")
    top = 65535.0 if values.max() > 255 else 255.0
    if image.mode == "F" and values.min() >= 0 and values.max() <= 1:
        top = 1.0
    return Image.fromarray(np.clip(values * (255 / top), 0, 255).astype(np.uint8))


def _check_size(path: str | Path, image: Image.Image) -> None:
    """Check the size in the file's header, before the pixels are read."""
    width, height = image.size
    if width * height > _most_pixels:
        got = f"{width} × {height} pixels"
        expected = f"at most {_most_pixels} in all (limit_pixels, or --max-pixels)"
        raise BadData(f"{path}: got {got}, expected {expected}")


def _check_file(path: str | Path) -> None:
    # Pipes and devices can be opened but may never end.
    if Path(path).exists() and not Path(path).is_file():
        raise BadData(f"{path}: not a file, expected an image")


def read_mask(path: str | Path, classes: int) -> np.ndarray:
    """Read a mask as (H, W), uint8: the palette index or gray value is the class, 255 is void.

    A two-class gray mask that contains only 0 and 255 is read as black and white: 255 is class 1.

    Raises
    ------
    BadData
        If it cannot be read, has colors, or a value is not a class.
    """
    _check_file(path)
    try:
        with Image.open(path) as image:
            _check_size(path, image)
            if image.mode == "1":
                image = image.convert("L")
            if image.mode not in ("L", "P", "I", "I;16"):
                expected = "gray values or a palette, one number per pixel"
                raise BadData(f"{path}: got a mask in mode {image.mode}, expected {expected}")
            values = np.asarray(image)
            gray = image.mode != "P"
    except BadData:
        raise
    except _UNREADABLE as error:
        raise BadData(f"{path}: not a readable mask ({str(error).splitlines()[0]})") from error
    present = np.unique(values)
    if gray and classes == 2 and set(present.tolist()) <= {0, 255}:
        return (values == 255).astype(np.uint8)
    wrong = present[(present >= classes) & (present != VOID)]
    if len(wrong):
        expected = f"0 to {classes - 1}, or {VOID} for void"
        raise BadData(f"{path}: got label {wrong[0]}, expected {expected}")
    return values.astype(np.uint8)


class Files(Sequence[np.ndarray]):
    """Sequence that reads each file on access."""

    def __init__(self, paths: list[Path], read: Callable[[Path], np.ndarray]) -> None:
        self.paths, self.read = paths, read

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> Files: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | Files:
        if isinstance(index, slice):
            return Files(self.paths[index], self.read)
        return self.read(self.paths[index])


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
