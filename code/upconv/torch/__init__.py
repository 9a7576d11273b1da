"""The networks of the course in PyTorch: (N, C, H, W), logits out.

The examples come after ``import torch`` and ``from upconv.torch import *``.
"""

from upconv.packages import needed

with needed("upconv.torch"):
    import torch  # noqa: F401

from upconv.torch.autoencoder import ConvAutoencoder, WindowClassifier
from upconv.torch.classifier import SmallClassifier, describe
from upconv.torch.dcgan import Discriminator, Generator
from upconv.torch.encoders import (
    ENCODERS,
    VGG16,
    VGG19,
    Encoder,
    SqueezeNet,
    VGG16Classifier,
    he_initialise,
)
from upconv.torch.fcn import (
    FCN,
    ConcatFCN,
    EightfoldFCN,
    FeatureSumFCN,
    Segmenter,
    pad_to_multiple,
    upsampling,
)
from upconv.torch.transform import TransformNet
from upconv.torch.unet import UNet
from upconv.torch.units import Units, dead_units
from upconv.torch.weights import load_imagenet, load_style_weights, standardise_activations

__all__ = [
    "ENCODERS",
    "FCN",
    "VGG16",
    "VGG19",
    "ConcatFCN",
    "ConvAutoencoder",
    "Discriminator",
    "EightfoldFCN",
    "Encoder",
    "FeatureSumFCN",
    "Generator",
    "Segmenter",
    "SmallClassifier",
    "SqueezeNet",
    "TransformNet",
    "UNet",
    "Units",
    "VGG16Classifier",
    "WindowClassifier",
    "dead_units",
    "describe",
    "he_initialise",
    "load_imagenet",
    "load_style_weights",
    "pad_to_multiple",
    "standardise_activations",
    "upsampling",
]
