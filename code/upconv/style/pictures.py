"""Pictures of style transfer: looked at, made as large as asked for, and given other colours."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from upconv.checks import refuse
from upconv.pixels import LUMINANCE


def check_picture(name: str, image: np.ndarray) -> None:
    """Refuse what is not (H, W, 3) uint8 of 16 pixels a side or more.

    Raises
    ------
    ValueError
        Naming the argument, what came and what was expected.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        got = f"shape {image.shape} of {image.dtype}"
        refuse(name, got, "(H, W, 3), uint8")
    if min(image.shape[:2]) < 16:
        refuse(name, f"{image.shape[:2]} pixels", "at least 16 a side")


def to_tensor(image: np.ndarray, side: int) -> Tensor:
    """An image (H, W, 3), uint8, as (1, 3, H, W) in [0, 1], its longer side at most ``side``."""
    pixels = torch.tensor(np.ascontiguousarray(image)).permute(2, 0, 1)[None] / 255
    size = size_within(image, side)
    if size != list(image.shape[:2]):
        pixels = F.interpolate(pixels, size, mode="bicubic", antialias=True)
    return pixels.clamp(0, 1)


def size_within(image: np.ndarray, side: int) -> list[int]:
    """Height and width once the longer side is at most ``side``."""
    factor = min(1.0, side / max(image.shape[:2]))
    return [max(16, round(length * factor)) for length in image.shape[:2]]


def to_image(image: Tensor) -> np.ndarray:
    """A tensor (1, 3, H, W), cut to [0, 1], as an image (H, W, 3), uint8."""
    pixels = (image.detach()[0].float().clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.permute(1, 2, 0).cpu().numpy()


def with_colours_of(colours: np.ndarray, image: np.ndarray) -> np.ndarray:
    """An image's lightness with another's colours, both (H, W, 3), uint8: Gatys et al. (2017).

    Luminance is exchanged in YIQ.
    """
    weights = np.array(LUMINANCE)
    luminance = (image / 255) @ weights
    colours = colours / 255
    moved = colours + (luminance - colours @ weights)[..., None]
    pixels: np.ndarray = np.round(moved.clip(0, 1) * 255).astype(np.uint8)
    return pixels
