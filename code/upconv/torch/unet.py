"""U-Net: Ronneberger, Fischer & Brox (2015), and its relatives for comparison."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upconv.checks import refuse
from upconv.ops import unet_size
from upconv.options import check_unet, norm_groups
from upconv.torch.encoders import he_initialise


class DoubleConv(nn.Module):
    """Twice: 3 × 3 convolution, normalisation if wanted, ReLU."""

    def __init__(self, before: int, after: int, padded: bool, norm: str) -> None:
        super().__init__()
        pad = 1 if padded else 0
        self.conv1 = nn.Conv2d(before, after, 3, padding=pad)
        self.norm1 = normalisation(norm, after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=pad)
        self.norm2 = normalisation(norm, after)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(self.conv1(x)).relu()
        return self.norm2(self.conv2(x)).relu()


def normalisation(kind: str, channels: int) -> nn.Module:
    """Batch norm, group norm with up to 8 groups, or nothing."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        return nn.GroupNorm(norm_groups(channels), channels)
    return nn.Identity()


class UNet(nn.Module):
    """Images in [0, 1], (N, channels, H, W), to logits (N, classes, h, w).

    As it stands by default it is the paper's network: 23 convolutional layers, no padding, so
    that 572 × 572 pixels give 388 × 388, and 31,030,658 parameters.

    Parameters
    ----------
    classes, channels
        Of the output and of the image.
    width
        Channels of the first level; every level below has twice as many.
    depth
        Number of poolings.
    padded
        Pad every convolution, so that the output has the image's size. Any size is taken: the
        image is filled up with grey to a multiple of 2 ** depth and the output cropped.
        Without, sizes must be those of ``ops.unet_size``.
    norm
        "none", "batch" or "group", after each 3 × 3 convolution.
    up
        "transposed" (2 × 2, stride 2, learned), or "resize": copy pixels, then convolve 3 × 3.
    skips
        "concat" as in the paper; "add"; "none"; or "switches": no maps are handed over, only the
        places of the maxima, for unpooling (SegNet; Badrinarayanan et al. 2017).
    feed
        What the skips carry: the image's "own" maps, "nothing" (zeros), or those of the
        "neighbour", the next image of the batch. May be changed after training.
    dropout
        Share of the deepest two maps' values dropped in training.

    Examples
    --------
    >>> with torch.device("meta"):  # the paper's network, described and not made
    ...     network = UNet()
    >>> sum(weight.numel() for weight in network.parameters())
    31030658
    >>> tuple(network(torch.empty(1, 1, 572, 572, device="meta")).shape)
    (1, 2, 388, 388)
    >>> tuple(UNet(width=4, depth=2, padded=True)(torch.rand(1, 1, 50, 70)).shape)
    (1, 2, 50, 70)
    """

    def __init__(
        self,
        classes: int = 2,
        channels: int = 1,
        width: int = 64,
        depth: int = 4,
        padded: bool = False,
        norm: str = "none",
        up: str = "transposed",
        skips: str = "concat",
        feed: str = "own",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        counts = {"classes": classes, "channels": channels, "width": width}
        check_unet(depth, padded, **counts, norm=norm, up=up, skips=skips, feed=feed)
        self.channels, self.padded, self.skips, self.feed = channels, padded, skips, feed
        self.depth, self.multiple = depth, 2**depth
        self.rim = self._reach(up == "resize", skips == "switches")
        sizes = [width * 2**level for level in range(depth + 1)]
        self.down, before = nn.ModuleList(), channels
        for size in sizes[:-1]:
            self.down.append(DoubleConv(before, size, padded, norm))
            before = size
        self.bottom = DoubleConv(before, sizes[-1], padded, norm)
        self.dropout = nn.Dropout(dropout)
        self.up, self.mix = nn.ModuleList(), nn.ModuleList()
        for size in reversed(sizes[:-1]):
            if skips == "switches" or up == "resize":
                self.up.append(nn.Conv2d(2 * size, size, 3, padding=1))
            else:
                self.up.append(nn.ConvTranspose2d(2 * size, size, 2, stride=2))
            joined = 2 * size if skips == "concat" else size
            self.mix.append(DoubleConv(joined, size, padded, norm))
        self.score = nn.Conv2d(width, classes, 1)
        self.resize = up == "resize"
        he_initialise(self)

    def _reach(self, resize: bool, switches: bool) -> int:
        """Pixels that a block of the output sees beyond itself, on each side."""
        if not self.padded:
            seen, out = unet_size(1, self.depth)
            return (seen - out) // 2
        # Backwards from the first pixel of a block, level by level; the lowest map's step is one.
        first = 0
        for _ in range(self.depth):
            first = (first - 2 - resize) // 2 - switches
        first -= 2
        for _ in range(self.depth):
            first = 2 * first - 2
        return -first

    def forward(self, image: Tensor) -> Tensor:
        x = 4 * (image - 0.5)  # of about unit variance, around zero
        height, width = x.shape[-2:]
        if self.padded:
            x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple))
            return self.logits(x)[..., :height, :width]
        least = unet_size(1, self.depth)[0]
        if (
            min(height, width) < least
            or (height - least) % self.multiple
            or (width - least) % self.multiple
        ):
            expected = f"{least} or more by multiples of {self.multiple} without padding"
            refuse("image", f"{height} × {width} pixels", expected)
        return self.logits(x)

    def logits(self, x: Tensor) -> Tensor:
        maps, switches = [], []
        for level, down in enumerate(self.down):
            x = down(x)
            if level == len(self.down) - 1:
                x = self.dropout(x)
            maps.append(x)
            x, places = F.max_pool2d(x, 2, return_indices=True)
            switches.append(places)
        x = self.dropout(self.bottom(x))
        for up, mix in zip(self.up, self.mix, strict=True):
            skip, places = maps.pop(), switches.pop()
            if self.skips == "switches":
                x = F.max_unpool2d(up(x), places, 2)
            elif self.resize:
                x = up(F.interpolate(x, scale_factor=2, mode="nearest"))
            else:
                x = up(x)
            if not self.padded:
                skip = crop_to(skip, x)
            if self.skips == "concat":
                x = torch.cat([self.fed(skip), x], 1)
            elif self.skips == "add":
                x = x + self.fed(skip)
            x = mix(x)
        return self.score(x)

    def fed(self, skip: Tensor) -> Tensor:
        """What a skip hands over instead of the map itself."""
        if self.feed == "nothing":
            return torch.zeros_like(skip)
        return skip.roll(1, 0) if self.feed == "neighbour" else skip


def crop_to(maps: Tensor, like: Tensor) -> Tensor:
    """The middle of the maps, of the size of others."""
    top, left = ((a - b) // 2 for a, b in zip(maps.shape[-2:], like.shape[-2:], strict=True))
    return maps[..., top : top + like.shape[-2], left : left + like.shape[-1]]
