"""What the networks need beyond Keras' own layers, and the parts that several share."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from upconv.ops import bilinear_kernel

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def scaled(channels: int, width: float) -> int:
    """A number of channels, scaled, at least 1."""
    return max(1, round(channels * width))


@keras.saving.register_keras_serializable("upconv")
class Normalise(layers.Layer):
    """(image − mean) / deviation of ImageNet, for images in [0, 1].

    Examples
    --------
    >>> Normalise()(np.array([[[[0.485, 0.456, 0.406]]]])).numpy().tolist()  # the mean colour
    [[[[0.0, 0.0, 0.0]]]]
    """

    def call(self, image):
        return (image - tf.constant(IMAGENET_MEAN)) / tf.constant(IMAGENET_STD)


@keras.saving.register_keras_serializable("upconv")
class PadToMultiple(layers.Layer):
    """Pads (N, H, W, 3) with the mean colour to multiples of a number, half on each side.

    Examples
    --------
    >>> padded = PadToMultiple(32)(keras.random.uniform((1, 50, 64, 3)))
    >>> tuple(padded.shape)
    (1, 64, 64, 3)
    >>> (1000 * padded[0, 0, 0].numpy()).round().astype(int).tolist()  # the mean colour
    [485, 456, 406]
    """

    def __init__(self, multiple: int = 32, **kwargs) -> None:
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, image):
        missing = -tf.shape(image)[1:3] % self.multiple
        before = missing // 2
        rim = tf.stack([before, missing - before], axis=1)
        rim = tf.concat([[[0, 0]], rim, [[0, 0]]], axis=0)
        return tf.pad(image - tf.constant(IMAGENET_MEAN), rim) + tf.constant(IMAGENET_MEAN)

    def compute_output_shape(self, shape):
        return (shape[0], None, None, shape[3])

    def get_config(self):
        return super().get_config() | {"multiple": self.multiple}


@keras.saving.register_keras_serializable("upconv")
class MirrorRim(layers.Layer):
    """So many pixels more on each side, mirrored without repeating the edge."""

    def __init__(self, rim: int = 1, **kwargs) -> None:
        super().__init__(**kwargs)
        self.rim = rim

    def call(self, image):
        rim = [self.rim, self.rim]
        return tf.pad(image, [[0, 0], rim, rim, [0, 0]], mode="REFLECT")

    def compute_output_shape(self, shape):
        grown = (None if side is None else side + 2 * self.rim for side in shape[1:3])
        return (shape[0], *grown, shape[3])

    def get_config(self):
        return super().get_config() | {"rim": self.rim}


@keras.saving.register_keras_serializable("upconv")
class CropTo(layers.Layer):
    """Cuts the middle of the first input's maps to the size of the second's.

    Examples
    --------
    >>> maps = np.arange(6.0).reshape(1, 1, 6, 1)
    >>> CropTo()([maps, np.zeros((1, 1, 2, 1))]).numpy().ravel().tolist()
    [2.0, 3.0]
    """

    def call(self, inputs):
        maps, like = inputs
        size, wanted = tf.shape(maps)[1:3], tf.shape(like)[1:3]
        top, left = tf.unstack((size - wanted) // 2)
        return maps[:, top : top + wanted[0], left : left + wanted[1]]

    def compute_output_shape(self, shapes):
        maps, like = shapes
        return (maps[0], like[1], like[2], maps[3])


def conv(x, filters: int, kernel: int, name: str, activation: str | None = None, **options):
    """A convolution that keeps the size, He-initialised if a ReLU follows."""
    start = "he_normal" if activation == "relu" else "glorot_uniform"
    return layers.Conv2D(
        filters,
        kernel,
        padding="same",
        activation=activation,
        name=name,
        kernel_initializer=options.pop("kernel_initializer", start),
        **options,
    )(x)


class BilinearStart(keras.initializers.Initializer):
    """Bilinear interpolation by a factor, one class at a time."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, shape, dtype=None):
        kernel = np.zeros(shape)
        kernel[:, :, range(shape[2]), range(shape[2])] = bilinear_kernel(self.factor)[..., None]
        return tf.constant(kernel, dtype or "float32")


def upsample(x, classes: int, factor: int, name: str):
    """Transposed convolution that starts as bilinear interpolation."""
    return layers.Conv2DTranspose(
        classes,
        2 * factor,
        strides=factor,
        padding="same",
        use_bias=False,
        kernel_initializer=BilinearStart(factor),
        name=name,
    )(x)


@keras.saving.register_keras_serializable("upconv")
class FillUp(layers.Layer):
    """Pads (N, H, W, C) below and on the right to multiples of a number: by zeros or mirrored."""

    def __init__(self, multiple: int, mirror: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.multiple, self.mirror = multiple, mirror

    def call(self, x):
        missing = -tf.shape(x)[1:3] % self.multiple
        rim = [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]]
        return tf.pad(x, rim, "REFLECT" if self.mirror else "CONSTANT")

    def compute_output_shape(self, shape):
        return (shape[0], None, None, shape[3])

    def get_config(self):
        return super().get_config() | {"multiple": self.multiple, "mirror": self.mirror}


@keras.saving.register_keras_serializable("upconv")
class CutTo(layers.Layer):
    """The upper left corner of the first input's maps, of the size of the second's."""

    def call(self, inputs):
        maps, like = inputs
        size = tf.shape(like)
        return maps[:, : size[1], : size[2]]

    def compute_output_shape(self, shapes):
        maps, like = shapes
        return (maps[0], like[1], like[2], maps[3])
