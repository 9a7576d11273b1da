"""Style in one pass: the image transformation network of Johnson, Alahi & Fei-Fei (2016)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from upconv.deprecated import ARGUMENTS, renamed
from upconv.options import check_transform
from upconv.torch.encoders import he_initialize


class ConvNorm(nn.Module):
    """Convolution with reflection padding, then instance norm (Ulyanov et al. 2016)."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        pad = kernel // 2
        self.conv = nn.Conv2d(before, after, kernel, stride, pad, padding_mode="reflect")
        self.norm = nn.GroupNorm(after, after)  # a group for each channel: instance norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Residual(nn.Module):
    """x + two convolutions of x, and no ReLU after the sum (Gross & Wilber 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, channels, 3)
        self.conv2 = ConvNorm(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.conv1(x).relu())


@renamed(**ARGUMENTS["TransformNet"])
class TransformNet(nn.Module):
    """Images (N, 3, H, W) in [0, 1], to stylized ones; at least 16 pixels a side.

    With ``base_channels=32`` and five blocks the paper's sizes: 9 × 9, two convolutions of stride
    2, residual blocks, twice upsampled, 9 × 9. Unlike there: instance norm in place of batch norm,
    reflection padding in place of cropping, pixels copied before a 3 × 3 convolution instead of a
    transposed one (Odena, Dumoulin & Olah 2016), and a sigmoid at the end.

    Parameters
    ----------
    base_channels
        Channels of the first layer; the two after it have two and four times as many.
    blocks
        Residual blocks.

    Examples
    --------
    >>> network = TransformNet(base_channels=4, blocks=1)
    >>> painted = network(torch.rand(1, 3, 30, 50))
    >>> tuple(painted.shape), bool(painted.min() >= 0), bool(painted.max() <= 1)
    ((1, 3, 30, 50), True, True)
    >>> sum(weight.numel() for weight in TransformNet().parameters())
    1679235
    """

    paints = True
    multiple = 4

    def __init__(self, base_channels: int = 32, blocks: int = 5) -> None:
        super().__init__()
        check_transform(base_channels, blocks)
        self.down = nn.ModuleList(
            [
                ConvNorm(3, base_channels, 9),
                ConvNorm(base_channels, 2 * base_channels, 3, stride=2),
                ConvNorm(2 * base_channels, 4 * base_channels, 3, stride=2),
            ]
        )
        self.blocks = nn.ModuleList(Residual(4 * base_channels) for _ in range(blocks))
        self.up = nn.ModuleList(
            [
                ConvNorm(4 * base_channels, 2 * base_channels, 3),
                ConvNorm(2 * base_channels, base_channels, 3),
            ]
        )
        self.paint = nn.Conv2d(base_channels, 3, 9, padding=4, padding_mode="reflect")
        he_initialize(self)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        x = 4 * (image - 0.5)
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple), mode="reflect")
        for layer in self.down:
            x = layer(x).relu()  # (N, 32, H, W), (N, 64, H/2, W/2), (N, 128, H/4, W/4)
        for block in self.blocks:
            x = block(x)
        for layer in self.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = layer(x).relu()  # (N, 64, H/2, W/2), (N, 32, H, W)
        return self.paint(x).sigmoid()[..., :height, :width]  # (N, 3, height, width)
