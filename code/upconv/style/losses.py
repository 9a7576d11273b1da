"""Content and style losses of images, measured on a network's feature maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from upconv.device import wide_range
from upconv.torch.encoders import Encoder
from upconv.torch.style import mean_gram, style_loss_of


class StyleLoss:
    """Style loss of feature maps, per image, scaled to 1 for a gray image of the style's size.

    Parameters
    ----------
    network
        Encoder whose ``layers`` return the feature maps.
    style : (1, 3, H, W)
        In [0, 1].
    layers
        Layers that measure the style.
    weights
        Relative weights of the layers; equal if empty.
    """

    def __init__(
        self, network: Encoder, style: Tensor, layers: Sequence[str], weights: Sequence[float] = ()
    ) -> None:
        weights = weights or (1.0,) * len(layers)
        with torch.no_grad():
            maps = network.layers(style, layers)
            gray = network.layers(torch.full_like(style, 0.5), layers)
        with torch.no_grad(), wide_range(style.device):
            self.wanted = {name: mean_gram(maps[name].float()) for name in layers}
            self.share = {
                name: weight / sum(weights) / style_loss_of(gray[name].float(), self.wanted[name])
                for name, weight in zip(layers, weights, strict=True)
            }

    def __call__(self, maps: dict[str, Tensor]) -> Tensor:
        """Return the losses (N,) for the feature maps of N images."""
        with wide_range(next(iter(maps.values())).device):
            found = [
                self.share[name] * style_loss_of(maps[name].float(), wanted)
                for name, wanted in self.wanted.items()
            ]
            return torch.stack(found).sum(0)


def content_loss_of(maps: dict[str, Tensor], wanted: dict[str, Tensor]) -> Tensor:
    """Content loss Σ (a(G) − a(C))² / Σ a(C)² of each image, (N,), averaged over the layers."""
    found = [
        (maps[name] - wanted[name]).float().square().sum((1, 2, 3))
        / wanted[name].float().square().sum((1, 2, 3))
        for name in wanted
    ]
    return torch.stack(found).mean(0)
