"""Conversion of images to network inputs: tensors with values from 0 to 1."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from upconv.checks import refuse

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in Pillow


def to_pixels(images: np.ndarray, channels: int = 3) -> Tensor:
    """Convert images (N, H, W, 3) or (N, H, W), uint8, to (N, channels, H, W), float32 in [0, 1].

    The memory format is channels last. Gray images are copied to three channels; color images are
    reduced to one channel by their luminance.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(images))
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    # NCHW in shape, NHWC in memory: that is what channels_last means.
    pixels = pixels.permute(0, 3, 1, 2).float() / 255
    given = pixels.shape[1]
    if given == channels:
        return pixels
    if (given, channels) == (1, 3):
        return pixels.repeat(1, 3, 1, 1).contiguous(memory_format=torch.channels_last)
    if (given, channels) == (3, 1):
        return (pixels * pixels.new_tensor(LUMINANCE).view(3, 1, 1)).sum(1, keepdim=True)
    refuse("images", f"{given} channels", channels)
