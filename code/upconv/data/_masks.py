"""Mask files: which class each of their values is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from upconv.data._reading import UNREADABLE, BadData, check_file, check_size, unlimited
from upconv.data.sets import VOID


def read_mask(path: str | Path, classes: int) -> np.ndarray:
    """Read a mask as (H, W), uint8: the palette index or gray value is the class, 255 is void.

    A two-class gray mask that contains only 0 and 255 is read as black and white: 255 is class 1.

    Raises
    ------
    BadData
        If it cannot be read, has colors, or a value is not a class.
    """
    check_file(path)
    try:
        with unlimited(), Image.open(path) as image:
            check_size(path, image)
            if image.mode == "1":
                image = image.convert("L")
            if image.mode not in ("L", "P", "I", "I;16"):
                expected = "gray values or a palette, one number per pixel"
                raise BadData(f"{path}: got a mask in mode {image.mode}, expected {expected}")
            values = np.asarray(image)
            gray = image.mode != "P"
    except BadData:
        raise
    except UNREADABLE as error:
        raise BadData(f"{path}: not a readable mask ({str(error).splitlines()[0]})") from error
    present = np.unique(values)
    if gray and classes == 2 and set(present.tolist()) <= {0, 255}:
        return (values == 255).astype(np.uint8)
    wrong = present[(present >= classes) & (present != VOID)]
    if len(wrong):
        expected = f"0 to {classes - 1}, or {VOID} for void"
        raise BadData(f"{path}: got label {wrong[0]}, expected {expected}")
    return values.astype(np.uint8)
