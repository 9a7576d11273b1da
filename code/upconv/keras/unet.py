"""U-Net in Keras: the same layers, names and outputs as in ``upconv.torch.unet``."""

from __future__ import annotations

import keras
from keras import layers

from upconv.deprecated import ARGUMENTS, renamed
from upconv.keras.layers import CropLike, PadToMultiple
from upconv.options import check_unet, norm_groups


@renamed(**ARGUMENTS["UNet"])
def UNet(
    classes: int = 2,
    in_channels: int = 1,
    base_channels: int = 64,
    depth: int = 4,
    padded: bool = False,
    norm: str = "none",
    dropout: float = 0.5,
) -> keras.Model:
    """Images in [0, 1], (N, H, W, in_channels), to logits (N, h, w, classes): the paper's network.

    Parameters as of :class:`upconv.torch.UNet`.

    Raises
    ------
    ValueError
        For an argument out of range.

    Examples
    --------
    >>> network = UNet(base_channels=4, depth=2)  # without padding
    >>> tuple(network(keras.random.uniform((1, 60, 60, 1))).shape)
    (1, 20, 20, 2)
    >>> network.count_params()
    7402
    >>> padded = UNet(base_channels=4, depth=2, padded=True)
    >>> tuple(padded(keras.random.uniform((1, 50, 70, 1))).shape)
    (1, 50, 70, 2)
    """
    check_unet(classes, in_channels, base_channels, depth, norm)
    *counts, deepest = (base_channels * 2**level for level in range(depth + 1))
    image = keras.Input((None, None, in_channels), name="image")
    x = layers.Rescaling(4, -2, name="centered")(image)
    if padded:
        x = PadToMultiple(2**depth, centered=False, fill="zeros", name="pad")(x)
    # The comments have the paper's 64 channels and depth of 4, with padding.
    skips = []
    for level, count in enumerate(counts):
        # (N, H, W, 64), (N, H/2, W/2, 128), … (N, H/8, W/8, 512)
        x = double_conv(x, count, padded, norm, f"encoder.{level}")
        if level == depth - 1:
            x = layers.Dropout(dropout)(x)
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"pool.{level}")(x)  # … (N, H/16, W/16, 512)
    x = double_conv(x, deepest, padded, norm, "bottleneck")  # (N, H/16, W/16, 1024)
    x = layers.Dropout(dropout)(x)
    for place, count in enumerate(reversed(counts)):
        # (N, H/8, W/8, 512), … (N, H, W, 64)
        x = layers.Conv2DTranspose(count, 2, 2, kernel_initializer="he_normal", name=f"up.{place}")(
            x
        )
        skip = CropLike(name=f"crop.{place}")([skips.pop(), x])
        x = layers.Concatenate(name=f"join.{place}")([skip, x])  # (N, H/8, W/8, 1024), …
        x = double_conv(x, count, padded, norm, f"decoder.{place}")  # (N, H/8, W/8, 512), …
    x = layers.Conv2D(classes, 1, name="score")(x)  # (N, H, W, classes)
    if padded:
        x = CropLike(centered=False, name="crop")([x, image])
    return keras.Model(image, x, name="unet")


def double_conv(x, channels: int, padded: bool, norm: str, name: str):
    """Twice: 3 × 3 convolution, normalization if wanted, ReLU."""
    for number in (1, 2):
        x = conv3x3(x, channels, padded, f"{name}.conv{number}")
        if norm == "batch":  # as PyTorch's: 0.9 here is its momentum of 0.1
            x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name=f"{name}.norm{number}")(
                x
            )
        elif norm == "group":
            x = layers.GroupNormalization(
                norm_groups(channels), epsilon=1e-5, name=f"{name}.norm{number}"
            )(x)
        x = layers.ReLU(name=f"{name}.relu{number}")(x)
    return x


def conv3x3(x, channels: int, padded: bool, name: str):
    """3 × 3 convolution of He-normal weights."""
    padding = "same" if padded else "valid"
    return layers.Conv2D(channels, 3, padding=padding, kernel_initializer="he_normal", name=name)(x)
