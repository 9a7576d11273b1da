"""The image transformation network in Keras: as ``upconv.torch.transform``, (N, H, W, 3)."""

from __future__ import annotations

import keras
from keras import layers

from upconv.deprecated import ARGUMENTS, renamed
from upconv.keras.layers import CropLike, PadToMultiple, ReflectionPad
from upconv.options import check_transform


@renamed(**ARGUMENTS["TransformNet"])
def TransformNet(base_channels: int = 32, blocks: int = 5) -> keras.Model:
    """Images in [0, 1], (N, H, W, 3), to stylized ones of the same size: Johnson et al. (2016).

    Parameters as of ``upconv.torch.TransformNet``.

    Examples
    --------
    >>> network = TransformNet(base_channels=4, blocks=1)
    >>> painted = network(keras.random.uniform((1, 30, 50, 3))).numpy()
    >>> painted.shape, bool(painted.min() >= 0), bool(painted.max() <= 1)
    ((1, 30, 50, 3), True, True)
    """
    check_transform(base_channels, blocks)
    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(4, -2, name="centered")(image)
    x = PadToMultiple(4, centered=False, fill="reflect", name="pad")(x)
    for place, (size, kernel, stride) in enumerate(
        ((base_channels, 9, 1), (2 * base_channels, 3, 2), (4 * base_channels, 3, 2))
    ):
        x = layers.ReLU()(_conv_norm(x, size, kernel, stride, f"down.{place}"))
    for place in range(blocks):
        y = layers.ReLU()(_conv_norm(x, 4 * base_channels, 3, 1, f"blocks.{place}.conv1"))
        x = layers.Add()([x, _conv_norm(y, 4 * base_channels, 3, 1, f"blocks.{place}.conv2")])
    for place, size in enumerate((2 * base_channels, base_channels)):
        x = layers.UpSampling2D(2, interpolation="nearest")(x)
        x = layers.ReLU()(_conv_norm(x, size, 3, 1, f"up.{place}"))
    x = layers.Activation("sigmoid")(_conv(x, 3, 9, 1, "paint"))
    return keras.Model(
        image, CropLike(centered=False, name="crop")([x, image]), name="transform_net"
    )


def _conv(x, size: int, kernel: int, stride: int, name: str):
    x = ReflectionPad(kernel // 2, name=f"{name}.pad")(x)
    return layers.Conv2D(size, kernel, stride, kernel_initializer="he_normal", name=name)(x)


def _conv_norm(x, size: int, kernel: int, stride: int, name: str):
    x = _conv(x, size, kernel, stride, f"{name}.conv")
    return layers.GroupNormalization(size, epsilon=1e-5, name=f"{name}.norm")(x)
