"""The networks of the ablations in Keras: as :mod:`upconv.torch.variants`, on (N, H, W, C)."""

from upconv.keras.variants.dcgan import Discriminator, Generator
from upconv.keras.variants.fcn import (
    FCN,
    ConcatFCN,
    EightfoldFCN,
    FeatureSumFCN,
    SkiplessFCN,
    SumFCN,
)
from upconv.keras.variants.unet import UNet

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
