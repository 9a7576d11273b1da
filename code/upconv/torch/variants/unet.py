"""U-Net with other skips and other upsampling, for ablations."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upconv.deprecated import ARGUMENTS, renamed, takes_old_layers
from upconv.ops import unet_size
from upconv.options import check_unet, check_unet_variant
from upconv.torch.encoders import he_initialize
from upconv.torch.unet import DoubleConv, center_crop, check_size


@takes_old_layers
@renamed(**ARGUMENTS["UNet"])
class UNet(nn.Module):
    """:class:`upconv.torch.UNet`, and what becomes of it with other skips or upsampling.

    Parameters
    ----------
    classes, in_channels, base_channels, depth, padded, norm, dropout
        As of :class:`upconv.torch.UNet`.
    up
        "transposed" (2 × 2, stride 2, learned) as in the paper, or "resize": copy pixels, then
        convolve 3 × 3.
    skips
        "concat" as in the paper; "add"; "none"; or "switches": no feature maps are handed over,
        only the places of the maxima, for unpooling (SegNet; Badrinarayanan et al. 2017).
    skip_source
        What the skips carry: the image's "own" feature maps, "zeros", or those of the "neighbor",
        the image before it in the batch. May be changed after training.

    Raises
    ------
    ValueError
        For an argument out of range, for "switches" or "resize" without padding, and for an image
        of a size that it does not take.

    Examples
    --------
    >>> sizes = {"base_channels": 4, "depth": 2, "padded": True}
    >>> for skips in ("concat", "add", "none", "switches"):
    ...     network = variants.UNet(**sizes, skips=skips)
    ...     print(skips, sum(weight.numel() for weight in network.parameters()))
    concat 7402
    add 6682
    none 6682
    switches 7482
    >>> tuple(variants.UNet(**sizes, up="resize")(torch.rand(1, 1, 50, 70)).shape)
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
        *,
        up: str = "transposed",
        skips: str = "concat",
        skip_source: str = "own",
    ) -> None:
        super().__init__()
        check_unet(classes, in_channels, base_channels, depth, norm)
        check_unet_variant(padded, up=up, skips=skips, skip_source=skip_source)
        self.in_channels, self.depth, self.padded = in_channels, depth, padded
        self.multiple = 2**depth
        self.resize, self.skips, self.skip_source = up == "resize", skips, skip_source
        *counts, deepest = (base_channels * 2**level for level in range(depth + 1))
        self.encoder = nn.ModuleList(
            DoubleConv(before, after, padded, norm)
            for before, after in pairwise([in_channels, *counts])
        )
        self.bottleneck = DoubleConv(counts[-1], deepest, padded, norm)
        self.dropout = nn.Dropout(dropout)
        self.up, self.decoder = nn.ModuleList(), nn.ModuleList()
        for count in reversed(counts):
            if skips == "switches" or self.resize:
                self.up.append(nn.Conv2d(2 * count, count, 3, padding=1))
            else:
                self.up.append(nn.ConvTranspose2d(2 * count, count, 2, stride=2))
            joined = 2 * count if skips == "concat" else count
            self.decoder.append(DoubleConv(joined, count, padded, norm))
        self.score = nn.Conv2d(base_channels, classes, 1)
        he_initialize(self)

    # Shapes as of the paper's network, but for what an argument changes.
    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        x = 4 * (image - 0.5)
        if self.padded:
            x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple))
        else:
            check_size(height, width, self.depth)
        skips, switches = [], []
        for block in self.encoder:
            x = block(x)
            if block is self.encoder[-1]:
                x = self.dropout(x)
            skips.append(x)
            x, places = F.max_pool2d(x, 2, return_indices=True)  # (N, C, H/2, W/2), both
            switches.append(places)
        x = self.dropout(self.bottleneck(x))
        for up, block in zip(self.up, self.decoder, strict=True):
            skip, places = skips.pop(), switches.pop()
            if self.skips == "switches":
                x = F.max_unpool2d(up(x), places, 2)  # (N, C, H, W) → (N, C/2, 2H, 2W)
            elif self.resize:
                x = up(F.interpolate(x, scale_factor=2, mode="nearest"))  # likewise
            else:
                x = up(x)  # likewise
            if not self.padded:
                skip = center_crop(skip, x)
            if self.skips == "concat":
                x = torch.cat([self.carried(skip), x], 1)  # (N, C, 2H, 2W)
            elif self.skips == "add":
                x = x + self.carried(skip)  # (N, C/2, 2H, 2W)
            x = block(x)  # (N, C/2, 2H, 2W)
        return self.score(x)[..., :height, :width]

    def carried(self, skip: Tensor) -> Tensor:
        """What a skip hands over in place of the image's own feature map, of the same shape."""
        if self.skip_source == "zeros":
            return torch.zeros_like(skip)
        return skip.roll(1, 0) if self.skip_source == "neighbor" else skip

    @property
    def context_margin(self) -> int:
        """Pixels that a block of the output sees beyond itself, on each side."""
        if not self.padded:
            seen, out = unet_size(1, self.depth)
            return (seen - out) // 2
        # Backward from the first pixel of a block: convolutions after resizing see one pixel more,
        # those before unpooling one of the level below.
        first = 0
        for _ in range(self.depth):
            first = (first - 2 - self.resize) // 2 - (self.skips == "switches")
        first -= 2
        for _ in range(self.depth):
            first = 2 * first - 2
        return -first
