"""Networks that classify: a small one, whose features serve to compare generated images with real
ones, and those whose encoders segment, with their heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upconv.checks import refuse
from upconv.deprecated import ARGUMENTS, renamed
from upconv.options import IMAGENET_MEAN, IMAGENET_STD, scaled
from upconv.torch.encoders import VGG16, EfficientNetLite0, conv_norm_relu6, he_initialize
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


@renamed(**ARGUMENTS["VGG16Classifier"])
class VGG16Classifier(nn.Module):
    """All of VGG16 as torchvision names it: features, then three dense layers.

    (N, 3, 224, 224) in [0, 1] → (N, classes) logits.

    Examples
    --------
    >>> with torch.device("meta"):  # described and not made
    ...     network = VGG16Classifier()
    >>> sum(weight.numel() for weight in network.parameters())
    138357544
    >>> sum(weight.numel() for weight in network.classifier.parameters())  # nine tenths of it
    123642856
    """

    def __init__(self, classes: int = 1000, width_mult: float = 1.0) -> None:
        super().__init__()
        encoder = VGG16(width_mult)
        self.features = encoder.features
        hidden = scaled(4096, width_mult)
        self.classifier = nn.Sequential(
            nn.Linear(encoder.channels[32] * 49, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(hidden, classes),
        )
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        maps = self.features((image - self.mean) / self.std)
        return self.classifier(maps.flatten(1))


class EfficientNetLite0Classifier(nn.Module):
    """All of EfficientNet-Lite0, its dense layer a 1 × 1 convolution: for images of any size.

    (N, 3, H, W) in [0, 1], H and W multiples of 32 → (N, classes) logits. A mean over places and a
    linear layer may change places, so the logits of an image are the means of its ``heat_map``.
    ``IMAGENET_NAMES`` in :mod:`upconv.options` has the names of some of ImageNet's classes.

    Raises
    ------
    ValueError
        For an image with a side that is no multiple of 32.

    Examples
    --------
    >>> network = EfficientNetLite0Classifier().eval()
    >>> sum(weight.numel() for weight in network.parameters())
    4652008
    >>> image = torch.rand(1, 3, 64, 96)
    >>> tuple(network(image).shape), tuple(network.heat_map(image).shape)
    ((1, 1000), (1, 1000, 2, 3))
    """

    def __init__(self, classes: int = 1000, width_mult: float = 1.0) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0(width_mult)
        hidden = scaled(1280, width_mult)
        self.head = conv_norm_relu6(self.encoder.channels[32], hidden, 1)
        self.dropout = nn.Dropout2d(0.2)  # whole maps, as if it came after their means
        self.score = nn.Conv2d(hidden, classes, 1)

    def heat_map(self, image: Tensor) -> Tensor:
        """Logits at every place: (N, 3, H, W) → (N, classes, H / 32, W / 32)."""
        height, width = image.shape[-2:]
        if height % 32 or width % 32:
            refuse("image", f"{height} × {width} pixels", "multiples of 32")
        return self.score(self.dropout(self.head(self.encoder(image)[32])))

    def forward(self, image: Tensor) -> Tensor:
        return self.heat_map(image).mean((2, 3))
