"""Photographs included in scikit-image and scikit-learn, available without download."""

from __future__ import annotations

import numpy as np

from upconv.checks import check_choice, refuse

# Name → source. All are included in the wheels, at full size.
PHOTOS = {
    "astronaut": "skimage",
    "brick": "skimage",
    "camera": "skimage",
    "cat": "skimage",
    "coffee": "skimage",
    "coins": "skimage",
    "grass": "skimage",
    "gravel": "skimage",
    "moon": "skimage",
    "rocket": "skimage",
    "tissue": "skimage",
    "temple": "sklearn",
    "flower": "sklearn",
}


def photo(name: str, size: int | None = None, gray: bool = True) -> np.ndarray:
    """Load a photograph as floats between 0 and 1.

    Parameters
    ----------
    name
        One of ``PHOTOS``.
    size
        If given, crop the largest centered square and resize it (with a low-pass filter against
        aliasing) to ``size`` × ``size`` pixels.
    gray
        If true, return the luminance, shape (H, W); otherwise RGB, shape (H, W, 3).

    Returns
    -------
    numpy.ndarray
        float64 in [0, 1].

    Raises
    ------
    ValueError
        If the name is unknown or the size is below 1.
    """
    check_choice("name", name, PHOTOS)
    if size is not None and size < 1:
        refuse("size", size, "at least 1 pixel")
    from skimage.color import gray2rgb, rgb2gray
    from skimage.transform import resize

    image = _read(name)
    if gray and image.ndim == 3:
        image = rgb2gray(image)
    elif not gray and image.ndim == 2:
        image = gray2rgb(image)
    if size is not None:
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        image = image[top : top + side, left : left + side]
        image = resize(image, (size, size), anti_aliasing=True)
    return np.clip(image, 0.0, 1.0)


# The splits share no photographs.
_SPLITS = {
    "train": ("astronaut", "cat", "coffee", "flower", "tissue"),
    "test": ("rocket", "temple"),
}


def photographs(split: str = "train") -> list[np.ndarray]:
    """Load the uncropped color photographs, each (H, W, 3), uint8: five for training, two for test.

    Raises
    ------
    ValueError
        If the split is unknown.
    """
    check_choice("split", split, _SPLITS)
    return [np.round(255 * _read(name)).astype(np.uint8) for name in _SPLITS[split]]


def _read(name: str) -> np.ndarray:
    if PHOTOS[name] == "sklearn":
        from sklearn.datasets import load_sample_image

        image = load_sample_image({"temple": "china.jpg", "flower": "flower.jpg"}[name])
    else:
        import skimage.data

        image = getattr(skimage.data, {"tissue": "immunohistochemistry"}.get(name, name))()
    return image.astype(np.float64) / 255.0
