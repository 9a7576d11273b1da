"""Style transfer: by optimizing an image, or with a network trained for one style."""

from upconv.packages import needed

with needed("upconv.style"):
    import torch  # noqa: F401

from upconv.deprecated import moved
from upconv.style.feedforward import (
    TransformHistory,
    TransformSettings,
    apply_transform_net,
    train_transform,
)
from upconv.style.optimization import StyleHistory, StyleSettings, stylize
from upconv.style.pictures import with_colors_of

__all__ = [
    "StyleHistory",
    "StyleSettings",
    "TransformHistory",
    "TransformSettings",
    "apply_transform_net",
    "stylize",
    "train_transform",
    "with_colors_of",
]

__getattr__ = moved(
    "upconv.style",
    {
        "transform": "upconv.style.apply_transform_net",
        "with_colours_of": "upconv.style.with_colors_of",
    },
)
