"""DCGAN: Radford, Metz & Chintala (2016), every guideline of theirs a switch."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from upconv.options import check_dcgan


def initialise(network: nn.Module) -> None:
    """As in the paper: weights from N(0, 0.02²), those of batch norm from N(1, 0.02²)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)


def activation(kind: str) -> nn.Module:
    """ReLU, LeakyReLU of slope 0.2, or tanh."""
    return {"relu": nn.ReLU(), "leaky": nn.LeakyReLU(0.2), "tanh": nn.Tanh()}[kind]


class Enlarge(nn.Module):
    """Twice as large: a transposed convolution of stride 2, or copied pixels and a convolution."""

    def __init__(self, before: int, after: int, kernel: int, up: str, bias: bool) -> None:
        super().__init__()
        self.resize = up == "resize"
        if self.resize:
            self.conv = nn.Conv2d(before, after, 3, padding=1, bias=bias)
        else:
            # So padded that the output is exactly twice as large.
            rest = (kernel - 2) % 2
            self.conv = nn.ConvTranspose2d(
                before, after, kernel, 2, (kernel - 2 + rest) // 2, rest, bias=bias
            )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest") if self.resize else x)


class Halve(nn.Module):
    """Half as large: a convolution of stride 2, or one of stride 1 and max pooling."""

    def __init__(self, before: int, after: int, kernel: int, down: str, bias: bool) -> None:
        super().__init__()
        self.pool = down == "pool"
        if self.pool:
            self.conv = nn.Conv2d(before, after, 3, padding=1, bias=bias)
        else:
            self.conv = nn.Conv2d(before, after, kernel, 2, (kernel - 1) // 2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return F.max_pool2d(x, 2) if self.pool else x


class Generator(nn.Module):
    """Noise (N, latent) to images (N, channels, size, size) in [−1, 1].

    By default the paper's: 100 numbers → 4 × 4 × 1024 → 512 → 256 → 128 → 64 × 64 × 3.

    Parameters
    ----------
    size
        Side of the images: 32, 64 or 128.
    channels, latent
        Of the images; length of the noise.
    width
        Channels of the last hidden map; each one before has twice as many.
    kernel
        Of the transposed convolutions: 5 in the paper's figure, 4 in most programs since.
    up
        "transposed", or "resize": guideline 1 switched off.
    norm
        Batch norm (guideline 2) or not.
    dense
        A hidden dense layer of that many units before the first map, or 0 (guideline 3).
    act
        "relu" (guideline 4), "leaky" or "tanh". The output goes through tanh.

    Examples
    --------
    >>> generator = Generator(size=32, channels=1, latent=10, width=8)
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
        width: int = 128,
        kernel: int = 4,
        up: str = "transposed",
        norm: bool = True,
        dense: int = 0,
        act: str = "relu",
    ) -> None:
        super().__init__()
        counts = {"channels": channels, "latent": latent, "width": width, "dense": dense}
        check_dcgan(size, kernel, counts, up=up, act=act)
        self.latent, self.size, self.channels = latent, size, channels
        steps = size.bit_length() - 3  # doublings from 4 × 4
        widths = [width * 2**level for level in reversed(range(steps))]
        self.hidden = nn.Linear(latent, dense) if dense else None
        self.project = nn.Linear(dense or latent, widths[0] * 16, bias=not norm)
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(count) if norm else nn.Identity() for count in widths
        )
        self.up = nn.ModuleList()
        for level, before in enumerate(widths):
            last = level == steps - 1
            after = channels if last else widths[level + 1]
            self.up.append(Enlarge(before, after, kernel, up, bias=last or not norm))
        self.act = activation(act)
        initialise(self)

    def forward(self, noise: Tensor) -> Tensor:
        if self.hidden is not None:
            noise = self.act(self.hidden(noise))
        x = self.project(noise).view(len(noise), -1, 4, 4)
        for norm, up in zip(self.norms, self.up, strict=True):
            x = up(self.act(norm(x)))
        return x.tanh()


class Discriminator(nn.Module):
    """Images (N, channels, size, size) to one logit each, (N,): real or not.

    The generator's mirror. Parameters as of :class:`Generator`; ``down`` is "strided"
    (guideline 1) or "pool", ``act`` "leaky" (guideline 5), "relu" or "tanh". The first layer has
    no batch norm, as in the paper.

    Examples
    --------
    >>> discriminator = Discriminator(size=32, channels=1, width=8)
    >>> grey = torch.zeros(2, 1, 32, 32)
    >>> discriminator(grey).sigmoid().tolist()  # biases begin at zero: it cannot tell
    [0.5, 0.5]
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 128,
        kernel: int = 4,
        down: str = "strided",
        norm: bool = True,
        dense: int = 0,
        act: str = "leaky",
    ) -> None:
        super().__init__()
        counts = {"channels": channels, "width": width, "dense": dense}
        check_dcgan(size, kernel, counts, down=down, act=act)
        self.size, self.channels = size, channels
        steps = size.bit_length() - 3
        widths = [width * 2**level for level in range(steps)]
        self.down, self.norms = nn.ModuleList(), nn.ModuleList()
        before = channels
        for level, after in enumerate(widths):
            normed = norm and level > 0
            self.down.append(Halve(before, after, kernel, down, bias=not normed))
            self.norms.append(nn.BatchNorm2d(after) if normed else nn.Identity())
            before = after
        self.hidden = nn.Linear(16 * before, dense) if dense else None
        self.score = nn.Linear(dense or 16 * before, 1)
        self.act = activation(act)
        initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        x = image
        for down, norm in zip(self.down, self.norms, strict=True):
            x = self.act(norm(down(x)))
        x = x.flatten(1)
        if self.hidden is not None:
            x = self.act(self.hidden(x))
        return self.score(x)[:, 0]
