"""The networks of the course in Keras on TensorFlow: (N, H, W, C), logits out.

The examples come after ``import numpy as np``, ``import keras`` and
``from upconv.keras import *``.
"""

# ruff: noqa: E402 - the order matters
from upconv.deprecated import moved
from upconv.frameworks import before_tensorflow
from upconv.packages import needed

before_tensorflow()
with needed("upconv.keras"):
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

from upconv.keras import first_edition, variants  # noqa: F401 - registers old names
from upconv.keras.autoencoder import ConvAutoencoder, WindowClassifier
from upconv.keras.dcgan import Discriminator, Generator
from upconv.keras.encoders import (
    ENCODERS,
    VGG19,
    EfficientNetLite0Classifier,
    VGG16Classifier,
    efficientnet_lite0,
    squeezenet,
    vgg16,
)
from upconv.keras.fcn import FCN
from upconv.keras.layers import CropLike, Normalize, PadToMultiple, ReflectionPad
from upconv.keras.transform import TransformNet
from upconv.keras.unet import UNet
from upconv.keras.weights import load_imagenet

__all__ = [
    "ENCODERS",
    "FCN",
    "VGG19",
    "ConvAutoencoder",
    "CropLike",
    "Discriminator",
    "EfficientNetLite0Classifier",
    "Generator",
    "Normalize",
    "PadToMultiple",
    "ReflectionPad",
    "TransformNet",
    "UNet",
    "VGG16Classifier",
    "WindowClassifier",
    "efficientnet_lite0",
    "load_imagenet",
    "squeezenet",
    "variants",
    "vgg16",
]

# Old name → new: for one version both are found.
__getattr__ = moved(
    "upconv.keras",
    {
        "FeatureSumFCN": "upconv.keras.variants.FeatureSumFCN",
        "ConcatFCN": "upconv.keras.variants.ConcatFCN",
        "EightfoldFCN": "upconv.keras.variants.EightfoldFCN",
        "CropTo": "upconv.keras.CropLike",
        "Normalise": "upconv.keras.Normalize",  # codespell:ignore
    },
)
