"""A data set as a folder of pictures, as other programs and ``segmentation_folder`` read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from upconv.checks import BYTE, refuse
from upconv.data.sets import VOID, ImageSet, SegmentationSet
from upconv.files import atomic_write, check_writable, exclusive, save_picture


def write_folder(data: SegmentationSet | ImageSet, folder: str | Path) -> None:
    """Write a data set as PNG files, ``images/0001.png`` and ``masks/0001.png``.

    Masks contain class numbers, with the set's colors as palette; 255 is void. ``classes.txt`` has
    the names of the classes, one per line. Sets of images alone get no masks.

    Raises
    ------
    ValueError
        If the set is empty, or its images are not of 8 bits, gray or RGB.
    OSError
        If the folder contains anything, or cannot be written. Files are written atomically, so an
        interrupted call leaves only complete ones.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as home:
    ...     write_folder(digit_scenes(3), home)
    ...     sorted(path.name for path in Path(home, "masks").iterdir())
    ['0001.png', '0002.png', '0003.png']
    """
    folder = Path(folder)
    check_empty(folder)
    if not len(data):
        refuse("data", "an empty set", "at least one image")
    if (scale := getattr(data, "value_range", BYTE)) != BYTE:
        refuse("data", f"values from {scale}", "images of 8 bits")
    digits = max(4, len(str(len(data))))
    with exclusive(folder, "folder", folder=True):
        for number, image in enumerate(data.images, 1):
            name = f"{number:0{digits}}.png"
            image = np.asarray(image)
            color = image.ndim == 3 and image.shape[2] == 3
            if image.dtype != np.uint8 or not (image.ndim == 2 or color):
                got = f"an image {image.shape} of {image.dtype}"
                refuse("data", got, "(H, W) or (H, W, 3), uint8")
            save_picture(folder / "images" / name, Image.fromarray(image))
            if isinstance(data, SegmentationSet):
                save_picture(folder / "masks" / name, _indexed(data.masks[number - 1], data.colors))
        if isinstance(data, SegmentationSet):
            text = "".join(f"{name}\n" for name in data.classes)
            atomic_write(
                folder / "classes.txt", lambda unfinished: unfinished.write_text(text, "utf-8")
            )


def check_empty(folder: str | Path, name: str = "folder") -> None:
    """Check that a folder is empty or can be created.

    Raises
    ------
    OSError
        Naming the argument and the obstacle.
    """
    folder = Path(folder)
    check_writable(folder, name, folder=True)
    if folder.is_dir() and (found := sorted(path.name for path in folder.iterdir())):
        raise OSError(f"{name}: {folder} contains {found[0]}, expected a new or empty folder")


def _indexed(mask: np.ndarray, colors: tuple[tuple[int, int, int], ...]) -> Image.Image:
    """A mask as a picture with a palette, in which void is white."""
    picture = Image.fromarray(np.asarray(mask, np.uint8))
    table = np.zeros((256, 3), np.uint8)
    table[: len(colors)] = colors
    table[VOID] = 255
    picture.putpalette(table.ravel().tolist())
    return picture
