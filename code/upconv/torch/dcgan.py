"""DCGAN: Radford, Metz & Chintala (2016). For ablations: ``upconv.torch.variants``."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from upconv.deprecated import ARGUMENTS, renamed
from upconv.options import check_dcgan


def initialize(network: nn.Module) -> None:
    """As in the paper: weights from N(0, 0.02²), those of batch norm from N(1, 0.02²)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)


class Upsample(nn.Module):
    """Transposed convolution: (N, before, H, W) → (N, after, 2H, 2W), whatever the kernel."""

    def __init__(self, before: int, after: int, kernel: int, bias: bool = False) -> None:
        super().__init__()
        rest = (kernel - 2) % 2
        padding = (kernel - 2 + rest) // 2
        self.conv = nn.ConvTranspose2d(before, after, kernel, 2, padding, rest, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Downsample(nn.Module):
    """Strided convolution: (N, before, H, W) → (N, after, H/2, W/2)."""

    def __init__(self, before: int, after: int, kernel: int, bias: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, 2, (kernel - 1) // 2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


@renamed(**ARGUMENTS["Generator"])
class Generator(nn.Module):
    """Noise (N, latent) to images (N, channels, size, size) in [−1, 1].

    By default the paper's: 100 numbers → 4 × 4 × 1024 → 512 → 256 → 128 → 64 × 64 × 3.

    Parameters
    ----------
    size
        Side of the images in pixels: 32, 64 or 128.
    channels, latent
        Channels of the images; length of the noise.
    base_channels
        Channels of the last hidden feature map; each one before has twice as many.
    kernel
        Of the transposed convolutions: 5 in the paper's figure, 4 in most programs since.

    Raises
    ------
    ValueError
        For an argument out of range.

    Examples
    --------
    >>> generator = Generator(size=32, channels=1, latent=10, base_channels=8)
    >>> images = generator(torch.randn(2, 10))
    >>> tuple(images.shape), bool(images.abs().max() <= 1)
    ((2, 1, 32, 32), True)
    >>> [layer.conv.in_channels for layer in generator.up]
    [32, 16, 8]
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent: int = 100,
        base_channels: int = 128,
        kernel: int = 4,
    ) -> None:
        super().__init__()
        check_dcgan(size, kernel, channels=channels, latent=latent, base_channels=base_channels)
        self.latent, self.size, self.channels = latent, size, channels
        counts = channel_counts(size, base_channels)[::-1]  # 1024, 512, 256, 128
        self.project = nn.Linear(latent, counts[0] * 16, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(count) for count in counts)
        self.up = nn.ModuleList(
            Upsample(before, after, kernel) for before, after in pairwise(counts)
        )
        self.up.append(Upsample(counts[-1], channels, kernel, bias=True))
        self.act = nn.ReLU()
        initialize(self)

    # The comments have the paper's channels.
    def forward(self, noise: Tensor) -> Tensor:
        x = self.project(noise)  # (N, 1024 · 16)
        x = x.view(len(noise), -1, 4, 4)  # (N, 1024, 4, 4)
        for norm, up in zip(self.norms, self.up, strict=True):
            x = self.act(norm(x))
            x = up(x)  # (N, 512, 8, 8), (N, 256, 16, 16), (N, 128, 32, 32), (N, 3, 64, 64)
        return x.tanh()


@renamed(**ARGUMENTS["Discriminator"])
class Discriminator(nn.Module):
    """Images (N, channels, size, size) in [−1, 1] to one logit each, (N,): real or not.

    The generator's mirror, with its parameters. The first layer has no batch norm, as in the paper.

    Raises
    ------
    ValueError
        For an argument out of range.

    Examples
    --------
    >>> discriminator = Discriminator(size=32, channels=1, base_channels=8)
    >>> gray = torch.zeros(2, 1, 32, 32)
    >>> discriminator(gray).sigmoid().tolist()  # biases begin at zero: it cannot tell
    [0.5, 0.5]
    """

    def __init__(
        self, size: int = 64, channels: int = 3, base_channels: int = 128, kernel: int = 4
    ) -> None:
        super().__init__()
        check_dcgan(size, kernel, channels=channels, base_channels=base_channels)
        self.size, self.channels = size, channels
        first, *others = counts = channel_counts(size, base_channels)  # 128, 256, 512, 1024
        self.down = nn.ModuleList([Downsample(channels, first, kernel, bias=True)])
        self.down.extend(Downsample(before, after, kernel) for before, after in pairwise(counts))
        self.norms = nn.ModuleList([nn.Identity(), *map(nn.BatchNorm2d, others)])
        self.score = nn.Linear(counts[-1] * 16, 1)
        self.act = nn.LeakyReLU(0.2)
        initialize(self)

    # The comments have the paper's channels.
    def forward(self, image: Tensor) -> Tensor:
        x = image  # (N, 3, 64, 64)
        for down, norm in zip(self.down, self.norms, strict=True):
            x = down(x)  # (N, 128, 32, 32), (N, 256, 16, 16), (N, 512, 8, 8), (N, 1024, 4, 4)
            x = self.act(norm(x))
        x = x.flatten(1)  # (N, 1024 · 16)
        return self.score(x)[:, 0]  # (N,)


def channel_counts(size: int, base_channels: int) -> list[int]:
    """Channels of the hidden feature maps, from that of size / 2 to that of 4 × 4 pixels."""
    return [base_channels * 2**level for level in range(size.bit_length() - 3)]
