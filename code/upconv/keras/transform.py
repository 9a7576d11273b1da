"""The image transformation network in Keras: as ``upconv.torch.transform``, (N, H, W, 3)."""

from __future__ import annotations

import keras
from keras import layers

from upconv.keras.layers import CutTo, FillUp, MirrorRim
from upconv.options import check_transform


def TransformNet(width: int = 32, blocks: int = 5) -> keras.Model:
    """Images in [0, 1], (N, H, W, 3), to painted ones, as large: Johnson et al. (2016).

    Parameters as of ``upconv.torch.TransformNet``.

    Examples
    --------
    >>> network = TransformNet(width=4, blocks=1)
    >>> painted = network(keras.random.uniform((1, 30, 50, 3))).numpy()
    >>> painted.shape, bool(painted.min() >= 0), bool(painted.max() <= 1)
    ((1, 30, 50, 3), True, True)
    """
    check_transform(width, blocks)
    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(4, -2, name="centred")(image)
    x = FillUp(4, mirror=True, name="fill_up")(x)
    for place, (size, kernel, stride) in enumerate(
        ((width, 9, 1), (2 * width, 3, 2), (4 * width, 3, 2))
    ):
        x = layers.ReLU()(_conv_norm(x, size, kernel, stride, f"down.{place}"))
    for place in range(blocks):
        y = layers.ReLU()(_conv_norm(x, 4 * width, 3, 1, f"blocks.{place}.conv1"))
        x = layers.Add()([x, _conv_norm(y, 4 * width, 3, 1, f"blocks.{place}.conv2")])
    for place, size in enumerate((2 * width, width)):
        x = layers.UpSampling2D(2, interpolation="nearest")(x)
        x = layers.ReLU()(_conv_norm(x, size, 3, 1, f"up.{place}"))
    x = layers.Activation("sigmoid")(_conv(x, 3, 9, 1, "paint"))
    return keras.Model(image, CutTo(name="cut")([x, image]), name="transform_net")


def _conv(x, size: int, kernel: int, stride: int, name: str):
    x = MirrorRim(kernel // 2, name=f"{name}.rim")(x)
    return layers.Conv2D(size, kernel, stride, kernel_initializer="he_normal", name=name)(x)


def _conv_norm(x, size: int, kernel: int, stride: int, name: str):
    x = _conv(x, size, kernel, stride, f"{name}.conv")
    return layers.GroupNormalization(size, epsilon=1e-5, name=f"{name}.norm")(x)
