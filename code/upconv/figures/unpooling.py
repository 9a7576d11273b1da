"""Figures of unpooling."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from upconv.figures.theme import COLORS, show_image


def compared(original: np.ndarray, results: Mapping[str, np.ndarray], zoom: slice) -> Figure:
    """Show a photograph and several unpooled versions, with a magnified detail below each.

    Parameters
    ----------
    original : (H, W)
    results
        Name → image of the same shape.
    zoom
        Rows and columns of the magnified detail.
    """
    columns = {"photograph": original, **results}
    count = len(columns)
    figure, axes = plt.subplots(2, count, figsize=(7.6, 7.6 / count * 2 + 0.55))
    for (name, image), (top, bottom) in zip(columns.items(), axes.T, strict=True):
        show_image(top, image, name.replace(", ", ",\n"))
        side = zoom.stop - zoom.start
        top.add_patch(
            Rectangle((zoom.start, zoom.start), side, side, fill=False, ec=COLORS.orange, lw=2)
        )
        show_image(bottom, image[zoom, zoom])
    axes[0, 0].set_ylabel("result", fontweight="bold")
    axes[1, 0].set_ylabel("magnified", fontweight="bold")
    return figure
