"""ImageNet weights for the Keras networks, from Keras' own source."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import keras
import numpy as np
import tensorflow as tf

from upconv.options import IMAGENET_MEAN, IMAGENET_STD

# Keras trained its VGG16 on BGR from 0 to 255 minus this, as Caffe did; here in RGB.
_CAFFE_MEAN = (123.68, 116.779, 103.939)


def count_described(make: Callable[[], keras.Model]) -> int:
    """How many numbers a network learns, without taking the memory for them."""
    with tf.Graph().as_default():  # within one, weights are described and not made
        return sum(prod(part.shape) for part in make().trainable_weights)


def load_imagenet(
    network: keras.Model, source: keras.Model | None = None, prefix: str = "encoder."
) -> keras.Model:
    """Put the ImageNet weights of ``keras.applications.VGG16`` into a network's encoder, in place.

    Ours takes RGB from 0 to 1 and normalizes it; the first convolution absorbs the difference.

    Parameters
    ----------
    network
        With a VGG16 encoder of ``width_mult`` 1.
    source
        A VGG16 of ``keras.applications`` whose weights to take instead of ImageNet's.
    prefix
        Of the encoder's layers; empty for ``VGG16Classifier``.

    Raises
    ------
    ValueError
        If the network has no such encoder.

    Examples
    --------
    >>> network = load_imagenet(FCN(classes=21))  # doctest: +SKIP
    """
    if source is None:
        source = keras.applications.VGG16(include_top=False, weights="imagenet")
    convolutions = [layer for layer in source.layers if isinstance(layer, keras.layers.Conv2D)]
    start = f"{prefix}features."
    own = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.name.startswith(start)
    ]
    shapes = [[layer.kernel.shape for layer in layers] for layers in (own, convolutions)]
    if shapes[0] != shapes[1]:
        got = f"{len(own)} convolutions of other shapes"
        raise ValueError(
            f"network: got {got}, expected the {len(convolutions)} of VGG16, width_mult 1"
        )
    for target, given in zip(own, convolutions, strict=True):
        target.set_weights(given.get_weights())
    kernel, bias = convolutions[0].get_weights()
    kernel = kernel[:, :, ::-1]  # BGR to RGB
    mean, std = 255 * np.array(IMAGENET_MEAN), 255 * np.array(IMAGENET_STD)
    shift = (kernel * (mean - np.array(_CAFFE_MEAN))[:, None]).sum((0, 1, 2))
    own[0].set_weights([kernel * std[:, None], bias + shift])
    return network
