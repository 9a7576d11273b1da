"""A painting made by code: thick strokes along swirls, for style transfer without a download."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from upconv.checks import check_integer, check_seed

# From deep to light; each stroke takes one, the lighter ones near the middles of swirls.
_PALETTE = np.array(
    [(14, 24, 66), (24, 52, 122), (44, 92, 168), (104, 158, 208), (196, 216, 214), (244, 208, 92)]
)
_SWIRLS = 7


def brushwork(height: int = 240, width: int = 360, seed: int = 0) -> np.ndarray:
    """Paint strokes along swirls, in blues and yellow: an image (H, W, 3), uint8.

    It is made for style transfer: what it has to offer is known exactly. Each stroke is a curve of
    about 28 pixels, 3 pixels wide, that follows a field of seven swirls.

    Parameters
    ----------
    height, width
        At least 16 pixels each.

    Raises
    ------
    ValueError
        If a side is below 16 or the seed is not an integer.

    Examples
    --------
    >>> painting = brushwork(64, 96)
    >>> painting.shape, painting.dtype
    ((64, 96, 3), dtype('uint8'))
    """
    check_integer("height", height, 16)
    check_integer("width", width, 16)
    check_seed("seed", seed)
    rng = np.random.default_rng(seed)
    scale = 3  # painted larger and shrunk, so that edges are smooth
    middles = rng.random((_SWIRLS, 2)) * (width, height)
    turns = np.where(np.arange(_SWIRLS) % 2 == 0, 1.0, -1.0)
    canvas = Image.new("RGB", (width * scale, height * scale), tuple(_PALETTE[1].tolist()))
    brush = ImageDraw.Draw(canvas)
    count = height * width // 22
    places = rng.random((count, 2)) * (width + 20, height + 20) - 10
    near = np.linalg.norm(places[:, None] - middles, axis=2).min(1)
    shade = np.rint(rng.normal(1.2 + 4.2 * np.exp(-((near / 30) ** 2)), 0.9)).astype(int)
    colors = _PALETTE[shade.clip(0, len(_PALETTE) - 1)] + rng.normal(0, 9, (count, 3))
    paths = [places]
    for _ in range(14):
        paths.append(paths[-1] + 2 * _directions(paths[-1], middles, turns))
    colors = colors.clip(0, 255).astype(int)
    for path, color in zip((np.stack(paths, 1) * scale).tolist(), colors.tolist(), strict=True):
        brush.line([tuple(point) for point in path], tuple(color), 3 * scale, "curve")
    return np.asarray(canvas.resize((width, height), Image.Resampling.BOX))


def _directions(places: np.ndarray, middles: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Unit vectors of the field at places (N, 2): around each middle, the nearer the stronger."""
    apart = places[:, None] - middles  # (N, swirls, 2)
    strength = turns / (np.sum(apart**2, 2) + 200)
    across = np.stack([-apart[..., 1], apart[..., 0]], 2)
    found: np.ndarray = (strength[..., None] * across).sum(1) + np.array([0.02, 0.0])
    return found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-9)
