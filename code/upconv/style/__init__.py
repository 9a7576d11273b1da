"""Style transfer: by optimizing an image, or with a network trained for one style."""

from upconv.packages import needed

with needed("upconv.style"):
    import torch  # noqa: F401

from upconv.style.feedforward import (
    TransformHistory,
    TransformSettings,
    train_transform,
    transform,
)
from upconv.style.optimization import StyleHistory, StyleSettings, stylize
from upconv.style.pictures import with_colours_of

__all__ = [
    "StyleHistory",
    "StyleSettings",
    "TransformHistory",
    "TransformSettings",
    "stylize",
    "train_transform",
    "transform",
    "with_colours_of",
]
