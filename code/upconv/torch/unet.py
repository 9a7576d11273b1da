"""U-Net: Ronneberger, Fischer & Brox (2015). For ablations: ``upconv.torch.variants.UNet``."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upconv.checks import refuse
from upconv.deprecated import ARGUMENTS, renamed, takes_old_layers
from upconv.ops import unet_size
from upconv.options import check_unet, norm_groups
from upconv.torch.encoders import he_initialize


class DoubleConv(nn.Module):
    """Twice: 3 × 3 convolution, normalization if wanted, ReLU."""

    def __init__(self, before: int, after: int, padded: bool, norm: str) -> None:
        super().__init__()
        padding = 1 if padded else 0
        self.conv1 = nn.Conv2d(before, after, 3, padding=padding)
        self.norm1 = normalization(norm, after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=padding)
        self.norm2 = normalization(norm, after)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(self.conv1(x)).relu()  # (N, after, H, W), H − 2 and W − 2 without padding
        return self.norm2(self.conv2(x)).relu()  # likewise


def normalization(kind: str, channels: int) -> nn.Module:
    """Batch norm, group norm with up to 8 groups, or nothing."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        return nn.GroupNorm(norm_groups(channels), channels)
    return nn.Identity()


@takes_old_layers
@renamed(**ARGUMENTS["UNet"])
class UNet(nn.Module):
    """Images in [0, 1], (N, in_channels, H, W), to logits (N, classes, h, w).

    By default it is the paper's network: 23 convolutional layers, no padding, so that 572 × 572
    pixels give 388 × 388, and 31,030,658 parameters.

    Parameters
    ----------
    classes, in_channels
        Channels of the output and of the image.
    base_channels
        Channels of the first level; every level below has twice as many.
    depth
        Number of poolings.
    padded
        Pad every convolution, so that the output has the image's size. Any size is taken: the
        image is padded with gray to a multiple of 2 ** depth and the output cropped.
        Without, sizes must be those of ``ops.unet_size``.
    norm
        "none", "batch" or "group", after each 3 × 3 convolution.
    dropout
        Probability of dropout on the deepest two feature maps.

    Raises
    ------
    ValueError
        For an argument out of range, and for an image of a size that it does not take.

    Examples
    --------
    >>> with torch.device("meta"):  # the paper's network, described but not allocated
    ...     network = UNet()
    >>> sum(weight.numel() for weight in network.parameters())
    31030658
    >>> tuple(network(torch.empty(1, 1, 572, 572, device="meta")).shape)
    (1, 2, 388, 388)
    >>> tuple(UNet(base_channels=4, depth=2, padded=True)(torch.rand(1, 1, 50, 70)).shape)
    (1, 2, 50, 70)
    """

    def __init__(
        self,
        classes: int = 2,
        in_channels: int = 1,
        base_channels: int = 64,
        depth: int = 4,
        padded: bool = False,
        norm: str = "none",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        check_unet(classes, in_channels, base_channels, depth, norm)
        self.in_channels, self.depth, self.padded = in_channels, depth, padded
        self.multiple = 2**depth
        *counts, deepest = (base_channels * 2**level for level in range(depth + 1))
        self.encoder = nn.ModuleList(
            DoubleConv(before, after, padded, norm)
            for before, after in pairwise([in_channels, *counts])
        )
        self.bottleneck = DoubleConv(counts[-1], deepest, padded, norm)
        self.dropout = nn.Dropout(dropout)
        self.up, self.decoder = nn.ModuleList(), nn.ModuleList()
        for count in reversed(counts):
            self.up.append(nn.ConvTranspose2d(2 * count, count, 2, stride=2))
            self.decoder.append(DoubleConv(2 * count, count, padded, norm))
        self.score = nn.Conv2d(base_channels, classes, 1)
        he_initialize(self)

    # The comments have the paper's 64 channels and depth of 4, with padding.
    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        x = 4 * (image - 0.5)  # around zero, of about unit variance
        if self.padded:
            x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple))  # (N, C, H, W)
        else:
            check_size(height, width, self.depth)
        skips = []
        for block in self.encoder:
            x = block(x)  # (N, 64, H, W), (N, 128, H/2, W/2), … (N, 512, H/8, W/8)
            if block is self.encoder[-1]:
                x = self.dropout(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)  # (N, 64, H/2, W/2), … (N, 512, H/16, W/16)
        x = self.dropout(self.bottleneck(x))  # (N, 1024, H/16, W/16)
        for up, block in zip(self.up, self.decoder, strict=True):
            x = up(x)  # (N, 512, H/8, W/8), … (N, 64, H, W)
            skip = skips.pop()
            if not self.padded:
                skip = center_crop(skip, x)
            x = torch.cat([skip, x], 1)  # (N, 1024, H/8, W/8), … (N, 128, H, W)
            x = block(x)  # (N, 512, H/8, W/8), … (N, 64, H, W)
        return self.score(x)[..., :height, :width]  # (N, classes, height, width)

    @property
    def context_margin(self) -> int:
        """Pixels that a block of the output sees beyond itself, on each side."""
        if not self.padded:
            seen, out = unet_size(1, self.depth)
            return (seen - out) // 2
        # Backward from the first pixel of a block, level by level.
        first = 0
        for _ in range(self.depth):
            first = (first - 2) // 2
        first -= 2
        for _ in range(self.depth):
            first = 2 * first - 2
        return -first


def check_size(height: int, width: int, depth: int) -> None:
    """Refuse an image of a size that a U-Net without padding does not take.

    Raises
    ------
    ValueError
        Naming the size, and which are taken.
    """
    least, multiple = unet_size(1, depth)[0], 2**depth
    if min(height, width) < least or (height - least) % multiple or (width - least) % multiple:
        expected = f"{least} or more by multiples of {multiple} without padding"
        refuse("image", f"{height} × {width} pixels", expected)


def center_crop(maps: Tensor, like: Tensor) -> Tensor:
    """The middle of feature maps (N, C, H, W), of the height and width of others."""
    height, width = like.shape[-2:]
    top, left = (maps.shape[-2] - height) // 2, (maps.shape[-1] - width) // 2
    return maps[..., top : top + height, left : left + width]
