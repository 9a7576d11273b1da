"""A convolutional autoencoder, and a classifier of windows: what came before FCN."""

from __future__ import annotations

from torch import Tensor, nn

from upconv.deprecated import ARGUMENTS, renamed


@renamed(**ARGUMENTS["ConvAutoencoder"])
class ConvAutoencoder(nn.Module):
    """Three strided convolutions down, three transposed ones up: Masci et al. (2011) in spirit.

    Images in [0, 1], (N, C, H, W) with H and W multiples of 8 → the same shape. ``encode`` gives
    the latent feature maps, (N, latent, H / 8, W / 8).

    Examples
    --------
    >>> network = ConvAutoencoder(in_channels=1, hidden=4, latent=2)
    >>> image = torch.rand(1, 1, 16, 24)
    >>> tuple(network.encode(image).shape), tuple(network(image).shape)
    ((1, 2, 2, 3), (1, 1, 16, 24))
    """

    def __init__(self, in_channels: int = 3, hidden: int = 32, latent: int = 16) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(in_channels, hidden, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(hidden, 2 * hidden, 4, stride=2, padding=1)
        self.down3 = nn.Conv2d(2 * hidden, latent, 4, stride=2, padding=1)
        self.up3 = nn.ConvTranspose2d(latent, 2 * hidden, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(2 * hidden, hidden, 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(hidden, in_channels, 4, stride=2, padding=1)

    def encode(self, image: Tensor) -> Tensor:
        return self.down3(self.down2(self.down1(image).relu()).relu())

    def decode(self, latent: Tensor) -> Tensor:
        return self.up1(self.up2(self.up3(latent).relu()).relu()).sigmoid()

    def forward(self, image: Tensor) -> Tensor:
        return self.decode(self.encode(image))


class WindowClassifier(nn.Module):
    """Classifies the pixel in the middle of a 29 × 29 window, or of all windows at once.

    Without padding, pooling or stride, so (N, 3, H, W) → (N, classes, H − 28, W − 28): on a
    29 × 29 window that is one answer, on an image the answers of all its windows.

    Examples
    --------
    >>> network = WindowClassifier(classes=2, hidden=4)
    >>> image = torch.rand(1, 3, 40, 50)
    >>> answers = network(image)
    >>> tuple(answers.shape)
    (1, 2, 12, 22)
    >>> window = image[..., 5:34, 7:36]
    >>> torch.allclose(network(window)[..., 0, 0], answers[..., 5, 7], atol=1e-4)
    True
    """

    window = 29

    def __init__(self, classes: int, hidden: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, hidden, 5)  # sees 5
        self.conv2 = nn.Conv2d(hidden, hidden, 5, dilation=2)  # 13
        self.conv3 = nn.Conv2d(hidden, hidden, 5, dilation=4)  # 29
        self.score = nn.Conv2d(hidden, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.score(self.conv3(self.conv2(self.conv1(image).relu()).relu()).relu())
