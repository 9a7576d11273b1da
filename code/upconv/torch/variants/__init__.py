"""The networks of the ablations in PyTorch, each with its paper's network as the default.

They take all arguments of the networks in :mod:`upconv.torch`, and more by keyword; with these left
alone they have the same weights, by the same names, and compute the same.
"""

from upconv.torch.variants.dcgan import Discriminator, Generator
from upconv.torch.variants.fcn import (
    FCN,
    ConcatFCN,
    EightfoldFCN,
    FeatureSumFCN,
    SkiplessFCN,
    SumFCN,
)
from upconv.torch.variants.unet import UNet

__all__ = [
    "FCN",
    "ConcatFCN",
    "Discriminator",
    "EightfoldFCN",
    "FeatureSumFCN",
    "Generator",
    "SkiplessFCN",
    "SumFCN",
    "UNet",
]
