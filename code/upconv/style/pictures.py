"""Pictures for style transfer: checking, resizing and color transfer."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from upconv.checks import LUMINANCE, refuse


def check_picture(name: str, image: np.ndarray) -> None:
    """Check that an image is (H, W, 3), uint8, with at least 16 pixels per side.

    Raises
    ------
    ValueError
        Naming the argument, its value and what was expected.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        got = f"shape {image.shape} of {image.dtype}"
        refuse(name, got, "(H, W, 3), uint8")
    if min(image.shape[:2]) < 16:
        refuse(name, f"{image.shape[:2]} pixels", "at least 16 per side")


def to_tensor(image: np.ndarray, side: int) -> Tensor:
    """Convert an image (H, W, 3), uint8, to (1, 3, H, W) in [0, 1], longer side at most ``side``.

    The shorter side keeps at least 16 pixels.
    """
    pixels = torch.tensor(np.ascontiguousarray(image)).permute(2, 0, 1)[None] / 255
    size = size_within(image, side)
    if size != list(image.shape[:2]):
        pixels = F.interpolate(pixels, size, mode="bicubic", antialias=True)
    return pixels.clamp(0, 1)


def size_within(image: np.ndarray, side: int) -> list[int]:
    """Return height and width with the longer side at most ``side`` and both at least 16."""
    factor = min(1.0, side / max(image.shape[:2]))
    return [max(16, round(length * factor)) for length in image.shape[:2]]


def to_image(image: Tensor) -> np.ndarray:
    """Convert a tensor (1, 3, H, W), clipped to [0, 1], to an image (H, W, 3), uint8."""
    pixels = (image.detach()[0].float().clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.permute(1, 2, 0).cpu().numpy()


def with_colors_of(colors: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Combine an image's luminance with another's colors, both (H, W, 3), uint8.

    Luminance is exchanged in YIQ, as in Gatys et al. (2017).
    """
    weights = np.array(LUMINANCE)
    luminance = (image / 255) @ weights
    colors = colors / 255
    moved = colors + (luminance - colors @ weights)[..., None]
    pixels: np.ndarray = np.round(moved.clip(0, 1) * 255).astype(np.uint8)
    return pixels
