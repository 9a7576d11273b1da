"""DCGAN with each guideline of Radford, Metz & Chintala (2016) as a switch, for ablations."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from upconv.deprecated import ARGUMENTS, renamed
from upconv.options import check_dcgan, check_dcgan_variant
from upconv.torch.dcgan import Downsample, Upsample, channel_counts, initialize


class ResizeUpsample(nn.Module):
    """Copied pixels, then a convolution: (N, before, H, W) → (N, after, 2H, 2W)."""

    def __init__(self, before: int, after: int, bias: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class PoolDownsample(nn.Module):
    """A convolution, then max pooling: (N, before, H, W) → (N, after, H/2, W/2)."""

    def __init__(self, before: int, after: int, bias: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(self.conv(x), 2)


def activation(kind: str) -> nn.Module:
    """ReLU, LeakyReLU of slope 0.2, or tanh."""
    return {"relu": nn.ReLU(), "leaky": nn.LeakyReLU(0.2), "tanh": nn.Tanh()}[kind]


@renamed(**ARGUMENTS["Generator"])
class Generator(nn.Module):
    """:class:`upconv.torch.Generator` with the paper's guidelines to switch off.

    Parameters
    ----------
    size, channels, latent, base_channels, kernel
        As of :class:`upconv.torch.Generator`.
    up
        "transposed", or "resize": guideline 1 switched off.
    norm
        Batch norm (guideline 2) or not.
    dense
        Units of a hidden dense layer before the first feature map, or 0 (guideline 3).
    act
        "relu" (guideline 4), "leaky" or "tanh". The output goes through tanh.

    Raises
    ------
    ValueError
        For an argument out of range.

    Examples
    --------
    >>> sizes = {"size": 32, "channels": 1, "latent": 10, "base_channels": 8}
    >>> generator = variants.Generator(**sizes, up="resize", norm=False)
    >>> tuple(generator(torch.randn(2, 10)).shape)
    (2, 1, 32, 32)
    >>> [tuple(layer.conv.kernel_size) for layer in generator.up]
    [(3, 3), (3, 3), (3, 3)]
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent: int = 100,
        base_channels: int = 128,
        kernel: int = 4,
        *,
        up: str = "transposed",
        norm: bool = True,
        dense: int = 0,
        act: str = "relu",
    ) -> None:
        super().__init__()
        check_dcgan(size, kernel, channels=channels, latent=latent, base_channels=base_channels)
        check_dcgan_variant(dense, up=up, act=act)
        self.latent, self.size, self.channels = latent, size, channels
        counts = channel_counts(size, base_channels)[::-1]
        self.hidden = nn.Linear(latent, dense) if dense else None
        self.project = nn.Linear(dense or latent, counts[0] * 16, bias=not norm)
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(count) if norm else nn.Identity() for count in counts
        )
        self.up = nn.ModuleList()
        for level, (before, after) in enumerate(pairwise([*counts, channels]), 1):
            bias = not norm or level == len(counts)
            if up == "resize":
                self.up.append(ResizeUpsample(before, after, bias))
            else:
                self.up.append(Upsample(before, after, kernel, bias))
        self.act = activation(act)
        initialize(self)

    def forward(self, noise: Tensor) -> Tensor:
        if self.hidden is not None:
            noise = self.act(self.hidden(noise))  # (N, dense)
        x = self.project(noise).view(len(noise), -1, 4, 4)  # (N, 1024, 4, 4)
        for norm, up in zip(self.norms, self.up, strict=True):
            x = up(self.act(norm(x)))  # (N, 512, 8, 8), … (N, 3, 64, 64)
        return x.tanh()


@renamed(**ARGUMENTS["Discriminator"])
class Discriminator(nn.Module):
    """:class:`upconv.torch.Discriminator` with the paper's guidelines to switch off.

    Parameters
    ----------
    size, channels, base_channels, kernel
        As of :class:`upconv.torch.Discriminator`.
    down
        "strided", or "pool": guideline 1 switched off.
    norm
        Batch norm (guideline 2) or not; never in the first layer.
    dense
        Units of a hidden dense layer before the logit, or 0 (guideline 3).
    act
        "leaky" (guideline 5), "relu" or "tanh".

    Raises
    ------
    ValueError
        For an argument out of range.

    Examples
    --------
    >>> discriminator = variants.Discriminator(32, 1, base_channels=8, down="pool", dense=16)
    >>> discriminator(torch.zeros(2, 1, 32, 32)).sigmoid().tolist()
    [0.5, 0.5]
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        base_channels: int = 128,
        kernel: int = 4,
        *,
        down: str = "strided",
        norm: bool = True,
        dense: int = 0,
        act: str = "leaky",
    ) -> None:
        super().__init__()
        check_dcgan(size, kernel, channels=channels, base_channels=base_channels)
        check_dcgan_variant(dense, down=down, act=act)
        self.size, self.channels = size, channels
        counts = channel_counts(size, base_channels)
        self.down, self.norms = nn.ModuleList(), nn.ModuleList()
        for level, (before, after) in enumerate(pairwise([channels, *counts])):
            normed = norm and level > 0
            if down == "pool":
                self.down.append(PoolDownsample(before, after, bias=not normed))
            else:
                self.down.append(Downsample(before, after, kernel, bias=not normed))
            self.norms.append(nn.BatchNorm2d(after) if normed else nn.Identity())
        self.hidden = nn.Linear(counts[-1] * 16, dense) if dense else None
        self.score = nn.Linear(dense or counts[-1] * 16, 1)
        self.act = activation(act)
        initialize(self)

    def forward(self, image: Tensor) -> Tensor:
        x = image
        for down, norm in zip(self.down, self.norms, strict=True):
            x = self.act(norm(down(x)))  # (N, 128, 32, 32), … (N, 1024, 4, 4)
        x = x.flatten(1)  # (N, 1024 · 16)
        if self.hidden is not None:
            x = self.act(self.hidden(x))  # (N, dense)
        return self.score(x)[:, 0]  # (N,)
