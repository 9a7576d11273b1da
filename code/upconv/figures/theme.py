"""Common style of all figures, and how a figure gets onto the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

# Okabe & Ito's palette: distinguishable with any common color-vision deficiency.
COLORS = SimpleNamespace(
    blue="#0072b2",
    orange="#e69f00",
    green="#009e73",
    red="#d55e00",
    purple="#cc79a7",
    sky="#56b4e9",
    yellow="#f0e442",
    gray="#8a94a3",
)
INK = "#1f2a3a"
EMPTY = "#f4f6f9"  # an empty cell
_FAINT = "#d9dee6"

# Width of the text column in CSS pixels, and resolution of figures relative to it.
_COLUMN_PX = 760
_DPI = 100
_SHARPNESS = 1.8
# Bytes above which a JPEG is stored at lower quality: a sheet full of brushwork.
_LARGEST = 290_000
# Root mean square error, in levels of 255, up to which a palette counts as faithful.
_PALETTE_ERROR = 2.0


def use_style() -> None:
    """Set the style of all figures that follow. Call it once, in a chapter's second cell."""
    mpl.rcParams.update(
        {
            "figure.dpi": _DPI,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "axes.facecolor": "white",
            "font.family": "DejaVu Sans",
            "font.size": 10,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": COLORS.gray,
            "axes.titlesize": 11,
            "axes.titleweight": "bold",
            "axes.titlecolor": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "axes.axisbelow": True,
            "grid.color": _FAINT,
            "xtick.color": INK,
            "ytick.color": INK,
            "legend.frameon": False,
            "lines.linewidth": 2,
            "axes.prop_cycle": mpl.rcsetup.cycler(
                color=[COLORS.blue, COLORS.red, COLORS.green, COLORS.purple, COLORS.orange]
            ),
            "image.cmap": "gray",
            "image.interpolation": "nearest",
        }
    )


def show(figure: Figure, alt: str, caption: str = "") -> None:
    """Put a figure on the page, with alternative text and a caption, and close it.

    The figure is stored as PNG or JPEG, depending on its contents (see ``encode``). The
    alternative text is its plain-text form, so that nbval, which does not compare pictures,
    detects changed numbers in it.

    Parameters
    ----------
    figure
        The figure; a width of 7.6 inches fills the text column.
    alt
        Description of the figure, for readers who cannot see it.
    caption
        Markdown, shown below the figure. Insert measured numbers from variables.

    Raises
    ------
    ValueError
        If ``alt`` is empty.
    """
    if not alt.strip():
        raise ValueError("alt: got an empty text, expected a description of the picture")
    from IPython.display import Markdown, display

    kind, data = encode(figure)
    width = round(figure.get_size_inches()[0] * _DPI)
    plt.close(figure)
    metadata = {kind: {"width": min(width, _COLUMN_PX), "alt": alt}}
    bundle = {kind: base64.b64encode(data).decode(), "text/plain": alt}
    display(bundle, metadata=metadata, raw=True)
    if caption:
        display(Markdown(caption))


def encode(figure: Figure) -> tuple[str, bytes]:
    """Return the figure's MIME type and bytes, sharp on high-density screens.

    A PNG with a palette of 256 colors if it is smaller and faithful, or much smaller, as for
    line drawings and magnified pixels; otherwise a JPEG, as for color photographs.
    """
    raw = io.BytesIO()
    figure.savefig(raw, format="png", dpi=_SHARPNESS * _DPI, metadata={"Software": None})
    image = Image.open(raw).convert("RGB")
    png = io.BytesIO()
    for quality in (78, 66, 54):
        jpeg = io.BytesIO()
        image.save(jpeg, "jpeg", quality=quality, optimize=True, progressive=True, subsampling=0)
        if jpeg.tell() <= _LARGEST:
            break
    palette = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette.save(png, "png", optimize=True)
    error = np.asarray(palette.convert("RGB"), float) - np.asarray(image, float)
    faithful = np.sqrt((error**2).mean()) <= _PALETTE_ERROR
    if png.tell() <= jpeg.tell() * (1 if faithful else 1 / 3):
        return "image/png", png.getvalue()
    return "image/jpeg", jpeg.getvalue()


def show_image(ax: Axes, image: np.ndarray, title: str = "", **imshow: Any) -> Axes:
    """Draw an image without ticks; gray images are scaled from 0 to 1 by default."""
    if image.ndim == 2 and "norm" not in imshow:
        imshow.setdefault("vmin", 0.0)
        imshow.setdefault("vmax", 1.0)
    ax.imshow(image, **imshow)
    return _bare(ax, title)


def _bare(ax: Axes, title: str) -> Axes:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    if title:
        ax.set_title(title)
    return ax


def image_row(
    images: Sequence[np.ndarray], titles: Sequence[str], width: float = 7.6, **imshow: Any
) -> Figure:
    """Show images side by side at equal height. Extra arguments go to ``imshow``."""
    ratios = [image.shape[1] / image.shape[0] for image in images]
    height = width / sum(ratios) + 0.35 * (1 + max(title.count("\n") for title in titles))
    figure, axes = plt.subplots(
        1, len(images), figsize=(width, height), width_ratios=ratios, squeeze=False
    )
    for ax, image, title in zip(axes[0], images, titles, strict=True):
        show_image(ax, image, title, **imshow)
    return figure


def number_grid(
    ax: Axes,
    values: np.ndarray,
    title: str = "",
    fmt: str = "{:g}",
    cmap: str | mpl.colors.Colormap | None = "Blues",
    highlight: Sequence[tuple[int, int]] = (),
    highlight_color: str = COLORS.red,
    fontsize: float = 11,
    vmin: float | None = None,
    vmax: float | None = None,
) -> Axes:
    """Draw a small matrix as colored cells with their numbers.

    Parameters
    ----------
    values
        Shape (rows, columns). NaN leaves a cell empty.
    cmap
        Color map of the cells, or None for white cells.
    highlight
        (row, column) of cells to frame.
    """
    values = np.asarray(values, dtype=float)
    rows, columns = values.shape
    finite = values[np.isfinite(values)]
    low = vmin if vmin is not None else (finite.min() if finite.size else 0.0)
    high = vmax if vmax is not None else (finite.max() if finite.size else 1.0)
    norm = mpl.colors.Normalize(low, high if high > low else low + 1.0)
    colors = mpl.colormaps[cmap] if isinstance(cmap, str) else cmap
    for (row, column), value in np.ndenumerate(values):
        # The ends of a color map make numbers illegible: use its middle.
        face = "white" if colors is None else colors(0.08 + 0.72 * norm(value))
        _number(ax, row, column, value, face, fmt, fontsize)
    for row, column in highlight:
        ax.add_patch(
            Rectangle(
                (column - 0.5, row - 0.5), 1, 1,
                fill=False, edgecolor=highlight_color, lw=2.5, zorder=3,
            )
        )  # fmt: skip
    ax.set_xlim(-0.56, columns - 0.44)
    ax.set_ylim(rows - 0.44, -0.56)
    ax.set_aspect("equal")
    return _bare(ax, title)


def ink_on(face: Any) -> str:
    """The color of text on a face: dark on light, by its luminance (ITU-R BT.601)."""
    luminance = np.dot(mpl.colors.to_rgb(face), (0.299, 0.587, 0.114))
    return INK if luminance > 0.5 else "white"


def _number(
    ax: Axes, row: int, column: int, value: float, face: Any, fmt: str, fontsize: float
) -> None:
    """Draw a cell with its number; NaN leaves it empty."""
    if not np.isfinite(value):
        face = EMPTY
    ax.add_patch(
        Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=face, edgecolor="white", lw=2)
    )
    if np.isfinite(value):
        ax.text(
            column, row, fmt.format(value + 0.0), ha="center", va="center", fontsize=fontsize,
            color=ink_on(face),
        )  # fmt: skip
