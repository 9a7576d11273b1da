"""The energies of style transfer for PyTorch, as defined in ``upconv.ops``."""

from __future__ import annotations

from torch import Tensor

from upconv.deprecated import moved


def gram(maps: Tensor) -> Tensor:
    """Gram matrices (N, K, K) of maps (N, K, I, J)."""
    flat = maps.flatten(2)
    return flat @ flat.mT


def content_loss(drawn: Tensor, content: Tensor) -> Tensor:
    """Σ (a(G) − a(C))² of each image, (N,)."""
    return (drawn - content).square().sum((1, 2, 3))


def style_loss(drawn: Tensor, style: Tensor) -> Tensor:
    """1 / (2IJK)² Σ (F(G) − F(S))² of each image, (N,); I, J, K of the layer.

    ``style`` (N, K, I', J') may be of another size: its Gram matrix is scaled to the area.
    """
    return style_loss_of(drawn, mean_gram(style))


def mean_gram(maps: Tensor) -> Tensor:
    """Gram matrices over the number of places, (N, K, K): what a style of any size asks for."""
    return gram(maps) / (maps.shape[2] * maps.shape[3])


def style_loss_of(drawn: Tensor, wanted: Tensor) -> Tensor:
    """:func:`style_loss` with the style given as its :func:`mean_gram`.

    1 / (2IJK)² Σ (F(G) − F(S))² is 1 / (2K)² Σ (F(G) / IJ − F(S) / IJ)²: small numbers, which
    half precision and large images do not overflow.
    """
    difference = mean_gram(drawn) - wanted
    return difference.square().sum((1, 2)) / (2 * drawn.shape[1]) ** 2


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of neighbors, down plus across, of each image: (N,)."""
    down = (image[:, :, 1:] - image[:, :, :-1]).abs().mean((1, 2, 3))
    return down + (image[..., 1:] - image[..., :-1]).abs().mean((1, 2, 3))


__getattr__ = moved(
    "upconv.torch.style",
    {
        "content_energy": "upconv.torch.style.content_loss",
        "style_energy": "upconv.torch.style.style_loss",
    },
)
