"""U-Net in Keras: the same layers, names and outputs as in ``upconv.torch.unet``."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from upconv.keras.layers import CropTo, CutTo, FillUp
from upconv.options import check_unet, norm_groups


@keras.saving.register_keras_serializable("upconv")
class Feed(layers.Layer):
    """What a skip hands over: the image's "own" maps, "nothing", or the "neighbour"'s."""

    def __init__(self, kind: str, **kwargs) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def call(self, maps):
        if self.kind == "nothing":
            return tf.zeros_like(maps)
        return tf.roll(maps, 1, 0) if self.kind == "neighbour" else maps

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


def UNet(
    classes: int = 2,
    channels: int = 1,
    width: int = 64,
    depth: int = 4,
    padded: bool = False,
    norm: str = "none",
    up: str = "transposed",
    skips: str = "concat",
    feed: str = "own",
    dropout: float = 0.5,
) -> keras.Model:
    """Images in [0, 1], (N, H, W, channels), to logits (N, h, w, classes); by default the paper's.

    Parameters as of ``upconv.torch.UNet``. To change ``feed`` after training, build another and
    put the weights in.

    Examples
    --------
    >>> network = UNet(width=4, depth=2)  # without padding
    >>> tuple(network(keras.random.uniform((1, 60, 60, 1))).shape)
    (1, 20, 20, 2)
    >>> network.count_params()
    7402
    >>> padded = UNet(width=4, depth=2, padded=True)
    >>> tuple(padded(keras.random.uniform((1, 50, 70, 1))).shape)
    (1, 50, 70, 2)
    """
    counts: dict[str, Any] = {"classes": classes, "channels": channels, "width": width}
    check_unet(depth, padded, **counts, norm=norm, up=up, skips=skips, feed=feed)
    sizes = [width * 2**level for level in range(depth + 1)]
    image = keras.Input((None, None, channels), name="image")
    x = layers.Rescaling(4, -2, name="centred")(image)
    if padded:
        x = FillUp(2**depth, name="fill_up")(x)
    maps, switches = [], []
    for level, size in enumerate(sizes[:-1]):
        x = _double_conv(x, size, padded, norm, f"down.{level}")
        if level == depth - 1:
            x = layers.Dropout(dropout)(x)
        maps.append(x)
        x, places = PoolWithSwitches(name=f"pool.{level}")(x)
        switches.append(places)
    x = layers.Dropout(dropout)(_double_conv(x, sizes[-1], padded, norm, "bottom"))
    for place, size in enumerate(reversed(sizes[:-1])):
        skip, places = maps.pop(), switches.pop()
        if skips == "switches":
            x = Unpool(name=f"unpool.{place}")([_conv(x, size, True, f"up.{place}"), places])
        elif up == "resize":
            x = layers.UpSampling2D(2, interpolation="nearest", name=f"resize.{place}")(x)
            x = _conv(x, size, True, f"up.{place}")
        else:
            x = layers.Conv2DTranspose(
                size, 2, 2, kernel_initializer="he_normal", name=f"up.{place}"
            )(x)
        if skips in ("concat", "add"):
            skip = Feed(feed, name=f"feed.{place}")(CropTo(name=f"crop.{place}")([skip, x]))
            join = layers.Concatenate if skips == "concat" else layers.Add
            x = join(name=f"join.{place}")([skip, x])
        x = _double_conv(x, size, padded, norm, f"mix.{place}")
    x = layers.Conv2D(classes, 1, name="score")(x)
    if padded:
        x = CutTo(name="cut")([x, image])
    return keras.Model(image, x, name="unet")


def _conv(x, size: int, padded: bool, name: str):
    return layers.Conv2D(
        size, 3, padding="same" if padded else "valid", kernel_initializer="he_normal", name=name
    )(x)


def _double_conv(x, size: int, padded: bool, norm: str, name: str):
    for number in (1, 2):
        x = _conv(x, size, padded, f"{name}.conv{number}")
        if norm == "batch":  # as PyTorch's: 0.9 here is its momentum of 0.1
            x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name=f"{name}.norm{number}")(
                x
            )
        elif norm == "group":
            x = layers.GroupNormalization(
                norm_groups(size), epsilon=1e-5, name=f"{name}.norm{number}"
            )(x)
        x = layers.ReLU(name=f"{name}.relu{number}")(x)
    return x
