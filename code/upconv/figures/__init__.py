"""Figures of the chapters, drawn from arrays, independent of networks.

``theme`` has the style, :func:`show` and common building blocks; the other modules have the
figures themselves, one module per subject.
"""

from upconv.deprecated import moved
from upconv.figures.theme import COLORS, INK, image_row, number_grid, show, show_image, use_style

__all__ = ["COLORS", "INK", "image_row", "number_grid", "show", "show_image", "use_style"]

__getattr__ = moved(
    "upconv.figures",
    {
        "COLOURS": "upconv.figures.COLORS",
    },
)
