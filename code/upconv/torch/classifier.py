"""A small classifier, whose features serve to compare generated images with real ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upconv.deprecated import ARGUMENTS, renamed
from upconv.torch.encoders import he_initialize
from upconv.torch.modes import evaluating


@renamed(**ARGUMENTS["SmallClassifier"])
class SmallClassifier(nn.Module):
    """Images (N, in_channels, H, W) in [0, 1] to logits (N, classes); ``features`` are (N, 64).

    Examples
    --------
    >>> network = SmallClassifier(classes=3, base_channels=4)
    >>> image = torch.rand(2, 1, 28, 28)
    >>> tuple(network.features(image).shape), tuple(network(image).shape)
    ((2, 64), (2, 3))
    """

    def __init__(self, classes: int = 10, in_channels: int = 1, base_channels: int = 16) -> None:
        super().__init__()
        self.in_channels = in_channels
        layers, before = [], in_channels
        for after in (base_channels, 2 * base_channels, 64):
            layers += [
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                nn.Conv2d(after, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            before = after
        self.body = nn.Sequential(*layers)
        self.score = nn.Linear(64, classes)
        he_initialize(self)

    def features(self, image: Tensor) -> Tensor:
        """Means of the last feature maps over their pixels, (N, 64)."""
        return self.body(image - 0.5).mean((2, 3))  # (N, 64, H/8, W/8) → (N, 64)

    def forward(self, image: Tensor) -> Tensor:
        return self.score(self.features(image))


@torch.no_grad()  # and not inference mode, whose tensors cannot be used in training
def extract_features(
    network: SmallClassifier, images: Tensor, batch: int = 500
) -> tuple[Tensor, Tensor]:
    """Features (N, 64) and probabilities (N, classes) of images in [0, 1], on the CPU.

    Examples
    --------
    >>> network = SmallClassifier(base_channels=4)
    >>> features, chances = extract_features(network, torch.rand(2, 1, 28, 28))
    >>> tuple(features.shape), tuple(chances.shape)
    ((2, 64), (2, 10))
    >>> chances.sum(1).round(decimals=3).tolist()
    [1.0, 1.0]
    """
    device = network.score.weight.device
    with evaluating(network):
        features = torch.cat([network.features(part.to(device)) for part in images.split(batch)])
        return features.cpu(), network.score(features).softmax(1).cpu()
