"""What the networks need beyond Keras' own layers, and the parts that several share."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from upconv.checks import check_choice
from upconv.ops import bilinear_kernel
from upconv.options import IMAGENET_MEAN, IMAGENET_STD


@keras.saving.register_keras_serializable("upconv")
class Normalize(layers.Layer):
    """(image − mean) / std, for images in [0, 1]; of ImageNet, unless others are given.

    Examples
    --------
    >>> Normalize()(np.array([[[[0.485, 0.456, 0.406]]]])).numpy().tolist()  # the mean color
    [[[[0.0, 0.0, 0.0]]]]
    """

    def __init__(self, mean=IMAGENET_MEAN, std=IMAGENET_STD, **kwargs) -> None:
        super().__init__(**kwargs)
        self.mean, self.std = tuple(mean), tuple(std)

    def call(self, image):
        return (image - tf.constant(self.mean)) / tf.constant(self.std)

    def get_config(self):
        return super().get_config() | {"mean": self.mean, "std": self.std}


@keras.saving.register_keras_serializable("upconv")
class PadToMultiple(layers.Layer):
    """Pads images (N, H, W, 3) so that H and W are multiples of a number; inverse: ``CropLike``.

    Parameters
    ----------
    multiple
        Pixels.
    centered
        Pad half on each side, or all of it below and on the right.
    fill
        "mean", the mean color of ImageNet; "zeros", for any number of channels; or "reflect".

    Raises
    ------
    ValueError
        For an unknown ``fill``.

    Examples
    --------
    >>> padded = PadToMultiple(32)(keras.random.uniform((1, 50, 64, 3)))
    >>> tuple(padded.shape)
    (1, 64, 64, 3)
    >>> (1000 * padded[0, 0, 0].numpy()).round().astype(int).tolist()  # the mean color
    [485, 456, 406]
    >>> row = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)
    >>> corner = PadToMultiple(4, centered=False, fill="zeros")(row)
    >>> corner[0, 0, :, 0].numpy().tolist()
    [1.0, 2.0, 3.0, 0.0]
    """

    def __init__(
        self, multiple: int = 32, centered: bool = True, fill: str = "mean", **kwargs
    ) -> None:
        super().__init__(**kwargs)
        check_choice("fill", fill, ("mean", "zeros", "reflect"))
        self.multiple, self.centered, self.fill = multiple, centered, fill

    def call(self, image):
        missing = -tf.shape(image)[1:3] % self.multiple
        before = missing // 2 if self.centered else tf.zeros_like(missing)
        paddings = tf.stack([before, missing - before], axis=1)
        paddings = tf.concat([[[0, 0]], paddings, [[0, 0]]], axis=0)
        if self.fill == "mean":
            return tf.pad(image - tf.constant(IMAGENET_MEAN), paddings) + tf.constant(IMAGENET_MEAN)
        return tf.pad(image, paddings, "REFLECT" if self.fill == "reflect" else "CONSTANT")

    def compute_output_shape(self, shape):
        return (shape[0], None, None, shape[3])

    def get_config(self):
        own = {"multiple": self.multiple, "centered": self.centered, "fill": self.fill}
        return super().get_config() | own


@keras.saving.register_keras_serializable("upconv")
class CropLike(layers.Layer):
    """Crops the first input's feature maps to the height and width of the second's.

    With ``centered`` their middle is kept, else their top-left corner.

    Examples
    --------
    >>> maps = np.arange(6.0).reshape(1, 1, 6, 1)
    >>> CropLike()([maps, np.zeros((1, 1, 2, 1))]).numpy().ravel().tolist()
    [2.0, 3.0]
    >>> CropLike(centered=False)([maps, np.zeros((1, 1, 2, 1))]).numpy().ravel().tolist()
    [0.0, 1.0]
    """

    def __init__(self, centered: bool = True, **kwargs) -> None:
        super().__init__(**kwargs)
        self.centered = centered

    def call(self, inputs):
        maps, like = inputs
        size, wanted = tf.shape(maps)[1:3], tf.shape(like)[1:3]
        top, left = tf.unstack((size - wanted) // 2 if self.centered else tf.zeros_like(size))
        return maps[:, top : top + wanted[0], left : left + wanted[1]]

    def compute_output_shape(self, shapes):
        maps, like = shapes
        return (maps[0], like[1], like[2], maps[3])

    def get_config(self):
        return super().get_config() | {"centered": self.centered}


@keras.saving.register_keras_serializable("upconv")
class ReflectionPad(layers.Layer):
    """Pads (N, H, W, C) by a number of pixels on each side, reflected without the edge itself.

    Examples
    --------
    >>> row = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).reshape(1, 2, 3, 1)
    >>> ReflectionPad(1)(row)[0, :, :, 0].numpy().tolist()[0]
    [5.0, 4.0, 5.0, 6.0, 5.0]
    """

    def __init__(self, padding: int = 1, **kwargs) -> None:
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, image):
        sides = [self.padding, self.padding]
        return tf.pad(image, [[0, 0], sides, sides, [0, 0]], mode="REFLECT")

    def compute_output_shape(self, shape):
        padded = (None if side is None else side + 2 * self.padding for side in shape[1:3])
        return (shape[0], *padded, shape[3])

    def get_config(self):
        return super().get_config() | {"padding": self.padding}


def conv(x, filters: int, kernel: int, name: str, activation: str | None = None, **options):
    """A convolution that keeps the size, He-initialized if a ReLU follows."""
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


@keras.saving.register_keras_serializable("upconv")
class BilinearStart(keras.initializers.Initializer):
    """Bilinear interpolation by a factor, one class at a time."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, shape, dtype=None):
        kernel = np.zeros(shape)
        kernel[:, :, range(shape[2]), range(shape[2])] = bilinear_kernel(self.factor)[..., None]
        return tf.constant(kernel, dtype or "float32")

    def get_config(self):
        return {"factor": self.factor}


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
