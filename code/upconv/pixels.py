"""Conversion of images to network inputs: tensors with values from 0 to 1."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from upconv.checks import BYTE, LUMINANCE, refuse


def to_pixels(
    images: np.ndarray,
    channels: int = 3,
    value_range: tuple[float, float] = BYTE,
    device: torch.device | None = None,
) -> Tensor:
    """Convert images (N, H, W, C) or (N, H, W) to (N, channels, H, W), float32 in [0, 1].

    The memory format is channels last. Gray images are copied to three channels; color images are
    reduced to one channel by their luminance.

    Parameters
    ----------
    value_range
        The values that become 0 and 1, for images that are not uint8; what lies beyond is clipped.
    device
        Where the tensor is needed. Bytes go there as bytes, a quarter of what floats would be.

    Raises
    ------
    ValueError
        If the number of channels does not fit, or images are not uint8 although the range is.
    """
    low, high = value_range
    if value_range == BYTE and images.dtype != np.uint8:
        refuse("images", f"dtype {images.dtype}", "uint8, or a value_range")
    pixels = torch.from_numpy(np.ascontiguousarray(images))
    if images.dtype == np.uint8:  # not every device has the other types
        pixels = pixels.to(device)
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    # NCHW in shape, NHWC in memory: that is what channels_last means.
    pixels = pixels.permute(0, 3, 1, 2).float()
    pixels = pixels / 255 if value_range == BYTE else ((pixels - low) / (high - low)).clamp(0, 1)
    pixels = pixels.to(device)
    given = pixels.shape[1]
    if given == channels:
        return pixels
    if (given, channels) == (1, 3):
        return pixels.repeat(1, 3, 1, 1).contiguous(memory_format=torch.channels_last)
    if (given, channels) == (3, 1):
        return (pixels * pixels.new_tensor(LUMINANCE).view(3, 1, 1)).sum(1, keepdim=True)
    refuse("images", f"{given} channels", channels)
