"""Figures of the chapters, drawn from arrays, independent of networks.

``theme`` has the style, :func:`show` and common building blocks; the other modules have the
figures themselves, one module per subject.
"""

from upconv.figures.theme import COLOURS, INK, image_row, number_grid, show, show_image, use_style

__all__ = ["COLOURS", "INK", "image_row", "number_grid", "show", "show_image", "use_style"]
