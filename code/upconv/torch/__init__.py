"""The networks of the course in PyTorch: (N, C, H, W), logits out.

The examples come after ``import torch`` and ``from upconv.torch import *``.
"""

from upconv.deprecated import moved
from upconv.packages import needed

with needed("upconv.torch"):
    import torch  # noqa: F401

from upconv.torch import variants
from upconv.torch.autoencoder import ConvAutoencoder, WindowClassifier
from upconv.torch.classifier import (
    EfficientNetLite0Classifier,
    SmallClassifier,
    VGG16Classifier,
    extract_features,
)
from upconv.torch.dcgan import Discriminator, Generator
from upconv.torch.encoders import (
    ENCODERS,
    VGG16,
    VGG19,
    EfficientNetLite0,
    Encoder,
    SqueezeNet,
    he_initialize,
)
from upconv.torch.fcn import FCN, upsampling
from upconv.torch.segmenter import Segmenter, pad_to_multiple, pad_with_mean
from upconv.torch.transform import TransformNet
from upconv.torch.unet import UNet
from upconv.torch.units import Units, dead_units
from upconv.torch.weights import load_imagenet, load_style_weights, standardize_activations

__all__ = [
    "ENCODERS",
    "FCN",
    "VGG16",
    "VGG19",
    "ConvAutoencoder",
    "Discriminator",
    "EfficientNetLite0",
    "EfficientNetLite0Classifier",
    "Encoder",
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
    "extract_features",
    "he_initialize",
    "load_imagenet",
    "load_style_weights",
    "pad_to_multiple",
    "pad_with_mean",
    "standardize_activations",
    "upsampling",
    "variants",
]

# Old name → new: for one version both are found.
__getattr__ = moved(
    "upconv.torch",
    {
        "FeatureSumFCN": "upconv.torch.variants.FeatureSumFCN",
        "ConcatFCN": "upconv.torch.variants.ConcatFCN",
        "EightfoldFCN": "upconv.torch.variants.EightfoldFCN",
        "describe": "upconv.torch.extract_features",
        "he_initialise": "upconv.torch.he_initialize",
        "standardise_activations": "upconv.torch.standardize_activations",
    },
)
