"""Baseline recipes: networks and training loops as in well-known public programs.

Rewritten for comparison: float32, channels first, optimizers that loop over the weights, sigmoid
and binary cross-entropy, images read in the loop, every gradient computed. The networks have the
same layers and weights as the course's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn


class PlainUNet(nn.Module):
    """Padded U-Net with 64 base channels and batch norm; one logit."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        sizes = [width * 2**level for level in range(5)]
        self.down = nn.ModuleList(
            self.double(a, b) for a, b in zip([3, *sizes], sizes, strict=False)
        )
        pairs = list(zip(sizes[:0:-1], sizes[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in pairs)
        self.mix = nn.ModuleList(self.double(a, b) for a, b in pairs)
        self.score = nn.Conv2d(width, 1, 1)

    @staticmethod
    def double(before: int, after: int) -> nn.Sequential:
        layers = []
        for a in (before, after):
            layers += [nn.Conv2d(a, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for level, down in enumerate(self.down):
            x = down(F.max_pool2d(x, 2) if level else x)
            maps.append(x)
        for up, mix, skip in zip(self.up, self.mix, maps[-2::-1], strict=True):
            x = mix(torch.cat([skip, up(x)], 1))
        return self.score(x)


class PlainFCN8s(nn.Module):
    """FCN-8s on VGG16; one logit."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.blocks, before = nn.ModuleList(), 3
        sizes = [max(1, round(size * width)) for size in (64, 128, 256, 512, 512, 4096)]
        *_, third, fourth, last, head = sizes
        for channels, count in zip(sizes, (2, 2, 3, 3, 3), strict=False):
            layers: list[nn.Module] = []
            for _ in range(count):
                layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
                before = channels
            self.blocks.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
        self.head = nn.Sequential(
            nn.Conv2d(last, head, 7, padding=3), nn.ReLU(), nn.Dropout(),
            nn.Conv2d(head, head, 1), nn.ReLU(), nn.Dropout(), nn.Conv2d(head, 1, 1),
        )  # fmt: skip
        self.score4, self.score3 = nn.Conv2d(fourth, 1, 1), nn.Conv2d(third, 1, 1)
        self.up2 = nn.ConvTranspose2d(1, 1, 4, 2, 1, bias=False)
        self.up4 = nn.ConvTranspose2d(1, 1, 4, 2, 1, bias=False)
        self.up8 = nn.ConvTranspose2d(1, 1, 16, 8, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        x = self.up2(self.head(x)) + self.score4(maps[3])
        return self.up8(self.up4(x) + self.score3(maps[2]))


def plain_generator(width: int = 64, latent: int = 100) -> nn.Sequential:
    """DCGAN generator: noise (N, latent, 1, 1) to images of 64 × 64 pixels."""
    sizes = [latent, *(width * 2**level for level in (3, 2, 1, 0))]
    layers: list[nn.Module] = []
    for level, (a, b) in enumerate(pairwise(sizes)):
        place = (4, 2, 1) if level else (4, 1, 0)
        layers += [nn.ConvTranspose2d(a, b, *place, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Tanh())


def plain_discriminator(width: int = 64) -> nn.Sequential:
    """DCGAN discriminator: images of 64 × 64 pixels to a probability (N, 1, 1, 1)."""
    layers = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for level in range(3):
        a, b = width * 2**level, width * 2 ** (level + 1)
        layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4), nn.Sigmoid())


def read(path: Path) -> Tensor:
    """Read an image file as (C, H, W) in [0, 1]."""
    image = np.asarray(Image.open(path).convert("L" if "mask" in str(path) else "RGB"))
    return torch.from_numpy(np.atleast_3d(image).transpose(2, 0, 1).astype(np.float32) / 255)


def crops(images: Sequence[Path], masks: Sequence[Path], batch: int, size: int) -> Iterator[tuple]:
    """Yield random crops endlessly: images (N, 3, size, size), masks (N, 1, size, size)."""
    rng = np.random.default_rng(0)
    while True:
        pairs = []
        for index in rng.integers(len(images), size=batch):
            image, mask = read(images[index]), read(masks[index])
            top, left = (rng.integers(n - size + 1) for n in image.shape[1:])
            pair = [layer[:, top : top + size, left : left + size] for layer in (image, mask)]
            pairs.append([layer.flip(2) for layer in pair] if rng.random() < 0.5 else pair)
        yield tuple(torch.stack(layers) for layers in zip(*pairs, strict=True))


def segmenter_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterator[tuple]
) -> Callable[[], float]:
    """Return a function that trains one step and returns the loss."""

    where = next(network.parameters()).device

    def step() -> float:
        images, masks = (part.to(where) for part in next(batches))
        loss = F.binary_cross_entropy(torch.sigmoid(network(images)), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def gan_step(
    generator: nn.Module, discriminator: nn.Module, images: Iterator[Tensor], rate: float = 2e-4
) -> Callable[[], float]:
    """Return a function that trains both networks one step and returns the generator's loss."""
    adam_g, adam_d = (
        torch.optim.Adam(network.parameters(), rate, (0.5, 0.999), foreach=False)
        for network in (generator, discriminator)
    )
    where = next(generator.parameters()).device

    def step() -> float:
        real = next(images).to(where)
        ones, zeros = (torch.full((len(real),), float(n), device=where) for n in (1, 0))
        discriminator.zero_grad()
        loss_real = F.binary_cross_entropy(discriminator(real).view(-1), ones)
        loss_real.backward()
        fake = generator(torch.randn(len(real), 100, 1, 1, device=where))
        loss_fake = F.binary_cross_entropy(discriminator(fake.detach()).view(-1), zeros)
        loss_fake.backward()
        adam_d.step()
        generator.zero_grad()
        loss = F.binary_cross_entropy(discriminator(fake).view(-1), ones)
        loss.backward()  # also computes the discriminator's gradients
        adam_g.step()
        return loss.item()

    return step


def pictures(files: Sequence[Path], batch: int, size: int) -> Iterator[Tensor]:
    """Yield resized and square-cropped images endlessly: (N, 3, size, size) in [−1, 1]."""
    rng = np.random.default_rng(0)
    while True:
        found = []
        for index in rng.integers(len(files), size=batch):
            image = Image.open(files[index]).convert("RGB")
            factor = size / min(image.size)
            image = image.resize([round(n * factor) for n in image.size], Image.Resampling.BILINEAR)
            left, top = ((n - size) // 2 for n in image.size)
            image = image.crop((left, top, left + size, top + size))
            found.append(torch.from_numpy(np.array(image).transpose(2, 0, 1)))
        yield torch.stack(found).float() / 127.5 - 1


def gram(maps: Tensor) -> Tensor:
    _, channels, height, width = maps.shape
    flat = maps.view(channels, -1)
    return flat @ flat.T / (channels * height * width)


def style_step(
    network: nn.Module,
    content: Tensor,
    style: Tensor,
    content_layer: str,
    layers: Sequence[str],
) -> Callable[[], float]:
    """Return a function that updates the image one step; both targets are recomputed each time."""
    image = content.clone().requires_grad_()
    adam = torch.optim.Adam([image], 0.02, foreach=False)

    def step() -> float:
        names = [content_layer, *layers]
        drawn, wanted, painted = (network.layers(x, names) for x in (image, content, style))
        loss = F.mse_loss(drawn[content_layer], wanted[content_layer])
        for name in layers:
            loss = loss + 1e6 * F.mse_loss(gram(drawn[name]), gram(painted[name]))
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.item()

    return step


def plain_copy(network: nn.Module) -> nn.Module:
    """Return an independent copy of a network, channels first."""
    return copy.deepcopy(network).to(memory_format=torch.contiguous_format)
