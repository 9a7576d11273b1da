"""U-Net with other skips and other upsampling: as ``upconv.torch.variants.unet``."""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers

from upconv.deprecated import ARGUMENTS, renamed
from upconv.keras.layers import CropLike, PadToMultiple
from upconv.keras.unet import conv3x3, double_conv
from upconv.options import check_unet, check_unet_variant


@keras.saving.register_keras_serializable("upconv")
class SkipSource(layers.Layer):
    """What a skip hands over: the image's "own" feature maps, "zeros", or the "neighbor"'s."""

    def __init__(self, kind: str, **kwargs) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def call(self, maps):
        if self.kind == "zeros":
            return tf.zeros_like(maps)
        return tf.roll(maps, 1, 0) if self.kind == "neighbor" else maps

    def get_config(self):
        return super().get_config() | {"kind": self.kind}


@keras.saving.register_keras_serializable("upconv")
class PoolWithSwitches(layers.Layer):
    """2 × 2 max pooling that also says where each maximum was."""

    def call(self, maps):
        pooled, places = tf.nn.max_pool_with_argmax(
            maps, 2, 2, "VALID", include_batch_in_index=True
        )
        return pooled, places

    def compute_output_shape(self, shape):
        pooled = (shape[0], *(None if side is None else side // 2 for side in shape[1:3]), shape[3])
        return pooled, pooled

    def compute_output_spec(self, maps):
        shape = self.compute_output_shape(maps.shape)[0]
        return keras.KerasTensor(shape, maps.dtype), keras.KerasTensor(shape, "int64")


@keras.saving.register_keras_serializable("upconv")
class Unpool(layers.Layer):
    """Puts each value where the maximum was, zeros elsewhere: (N, h, w, C) → (N, 2h, 2w, C)."""

    def call(self, inputs):
        maps, places = inputs
        n, h, w, c = tf.unstack(tf.shape(maps, tf.int64))
        size = 4 * n * h * w * c
        flat = tf.scatter_nd(tf.reshape(places, [-1, 1]), tf.reshape(maps, [-1]), [size])
        return tf.reshape(flat, [n, 2 * h, 2 * w, c])

    def compute_output_shape(self, shapes):
        n, h, w, c = shapes[0]
        return (n, None if h is None else 2 * h, None if w is None else 2 * w, c)


@renamed(**ARGUMENTS["UNet"])
def UNet(
    classes: int = 2,
    in_channels: int = 1,
    base_channels: int = 64,
    depth: int = 4,
    padded: bool = False,
    norm: str = "none",
    dropout: float = 0.5,
    *,
    up: str = "transposed",
    skips: str = "concat",
    skip_source: str = "own",
) -> keras.Model:
    """:func:`upconv.keras.UNet`, and what becomes of it with other skips or upsampling.

    Parameters as of :class:`upconv.torch.variants.UNet`. To change ``skip_source`` after training,
    build another network and put the weights in.

    Raises
    ------
    ValueError
        For an argument out of range, and for "switches" or "resize" without padding.

    Examples
    --------
    >>> sizes = {"base_channels": 4, "depth": 2, "padded": True}
    >>> [variants.UNet(**sizes, skips=skips).count_params() for skips in ("concat", "none")]
    [7402, 6682]
    >>> network = variants.UNet(**sizes, skips="switches")
    >>> tuple(network(keras.random.uniform((1, 50, 70, 1))).shape)
    (1, 50, 70, 2)
    """
    check_unet(classes, in_channels, base_channels, depth, norm)
    check_unet_variant(padded, up=up, skips=skips, skip_source=skip_source)
    *counts, deepest = (base_channels * 2**level for level in range(depth + 1))
    image = keras.Input((None, None, in_channels), name="image")
    x = layers.Rescaling(4, -2, name="centered")(image)
    if padded:
        x = PadToMultiple(2**depth, centered=False, fill="zeros", name="pad")(x)
    maps, switches = [], []
    for level, count in enumerate(counts):
        x = double_conv(x, count, padded, norm, f"encoder.{level}")
        if level == depth - 1:
            x = layers.Dropout(dropout)(x)
        maps.append(x)
        x, places = PoolWithSwitches(name=f"pool.{level}")(x)  # (N, H/2, W/2, C), both
        switches.append(places)
    x = layers.Dropout(dropout)(double_conv(x, deepest, padded, norm, "bottleneck"))
    for place, count in enumerate(reversed(counts)):
        skip, places = maps.pop(), switches.pop()
        # (N, H, W, C) → (N, 2H, 2W, C/2)
        if skips == "switches":
            x = Unpool(name=f"unpool.{place}")([conv3x3(x, count, True, f"up.{place}"), places])
        elif up == "resize":
            x = layers.UpSampling2D(2, interpolation="nearest", name=f"resize.{place}")(x)
            x = conv3x3(x, count, True, f"up.{place}")
        else:
            x = layers.Conv2DTranspose(
                count, 2, 2, kernel_initializer="he_normal", name=f"up.{place}"
            )(x)
        if skips in ("concat", "add"):
            skip = CropLike(name=f"crop.{place}")([skip, x])
            skip = SkipSource(skip_source, name=f"source.{place}")(skip)
            join = layers.Concatenate if skips == "concat" else layers.Add
            x = join(name=f"join.{place}")([skip, x])
        x = double_conv(x, count, padded, norm, f"decoder.{place}")
    x = layers.Conv2D(classes, 1, name="score")(x)
    if padded:
        x = CropLike(centered=False, name="crop")([x, image])
    return keras.Model(image, x, name="unet")
