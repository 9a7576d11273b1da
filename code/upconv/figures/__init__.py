"""Every kind of picture the chapters draw. Knows arrays, not networks.

``style`` holds the look, :func:`show` and the parts every picture is made of; the other files
hold the pictures themselves, one file per subject.
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
