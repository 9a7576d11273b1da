"""A small classifier, whose features serve to compare drawn images with real ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upconv.torch.encoders import he_initialise
from upconv.torch.modes import evaluating


class SmallClassifier(nn.Module):
    """Images (N, channels, H, W) in [0, 1] to logits (N, classes); ``features`` are (N, 64).

    Examples
    --------
    >>> network = SmallClassifier(classes=3, width=4)
    >>> image = torch.rand(2, 1, 28, 28)
    >>> tuple(network.features(image).shape), tuple(network(image).shape)
    ((2, 64), (2, 3))
    """

    def __init__(self, classes: int = 10, channels: int = 1, width: int = 16) -> None:
        super().__init__()
        self.channels = channels
        layers, before = [], channels
        for after in (width, 2 * width, 64):
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
        he_initialise(self)

    def features(self, image: Tensor) -> Tensor:
        """Means of the last maps over the places."""
        return self.body(image - 0.5).mean((2, 3))

    def forward(self, image: Tensor) -> Tensor:
        return self.score(self.features(image))


@torch.no_grad()  # and not inference mode, whose tensors no network could be trained on
def describe(network: SmallClassifier, images: Tensor, batch: int = 500) -> tuple[Tensor, Tensor]:
    """Features (N, 64) and probabilities (N, classes) of images in [0, 1], on the CPU.

    Examples
    --------
    >>> features, chances = describe(SmallClassifier(width=4), torch.rand(2, 1, 28, 28))
    >>> tuple(features.shape), tuple(chances.shape)
    ((2, 64), (2, 10))
    >>> chances.sum(1).round(decimals=3).tolist()
    [1.0, 1.0]
    """
    device = network.score.weight.device
    with evaluating(network):
        features = torch.cat([network.features(part.to(device)) for part in images.split(batch)])
        return features.cpu(), network.score(features).softmax(1).cpu()
