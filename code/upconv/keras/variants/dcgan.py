"""DCGAN with each guideline as a switch: as ``upconv.torch.variants.dcgan``."""

from __future__ import annotations

import keras
from keras import layers

from upconv.deprecated import ARGUMENTS, renamed
from upconv.keras.dcgan import (
    START,
    batch_norm,
    channel_counts,
    downsample,
    flatten,
    unflatten,
    upsample,
)
from upconv.keras.dcgan import dense as dense_layer
from upconv.options import check_dcgan, check_dcgan_variant


@renamed(**ARGUMENTS["Generator"])
def Generator(
    size: int = 64,
    channels: int = 3,
    latent: int = 100,
    base_channels: int = 128,
    kernel: int = 4,
    *,
    up: str = "transposed",
    norm: bool = True,
    dense: int = 0,
    act: str = "relu",
) -> keras.Model:
    """:func:`upconv.keras.Generator` with the paper's guidelines to switch off.

    Parameters as of :class:`upconv.torch.variants.Generator`.

    Raises
    ------
    ValueError
        For an argument out of range.

    Examples
    --------
    >>> sizes = {"size": 32, "channels": 1, "latent": 10, "base_channels": 8}
    >>> generator = variants.Generator(**sizes, up="resize", act="leaky")
    >>> tuple(generator(keras.random.normal((2, 10))).shape)
    (2, 32, 32, 1)
    """
    check_dcgan(size, kernel, channels=channels, latent=latent, base_channels=base_channels)
    check_dcgan_variant(dense, up=up, act=act)
    counts = channel_counts(size, base_channels)[::-1]
    noise = x = keras.Input((latent,), name="noise")
    if dense:
        x = _activation(act, "hidden.act")(dense_layer(x, dense, "hidden"))
    x = unflatten(dense_layer(x, counts[0] * 16, "project", bias=not norm), counts[0])
    for level, after in enumerate([*counts[1:], channels]):
        bias, name = not norm or level == len(counts) - 1, f"up.{level}.conv"
        if norm:
            x = batch_norm(x, f"norms.{level}")
        x = _activation(act, f"act.{level}")(x)
        if up == "resize":
            x = layers.UpSampling2D(2, interpolation="nearest", name=f"{name}.resize")(x)
            x = _conv3x3(x, after, name, bias)
        else:
            x = upsample(x, after, kernel, name, bias)
    return keras.Model(noise, layers.Activation("tanh", name="tanh")(x), name="generator")


@renamed(**ARGUMENTS["Discriminator"])
def Discriminator(
    size: int = 64,
    channels: int = 3,
    base_channels: int = 128,
    kernel: int = 4,
    *,
    down: str = "strided",
    norm: bool = True,
    dense: int = 0,
    act: str = "leaky",
) -> keras.Model:
    """:func:`upconv.keras.Discriminator` with the paper's guidelines to switch off.

    Parameters as of :class:`upconv.torch.variants.Discriminator`.

    Raises
    ------
    ValueError
        For an argument out of range.

    Examples
    --------
    >>> discriminator = variants.Discriminator(32, 1, base_channels=8, down="pool", norm=False)
    >>> discriminator(np.zeros((2, 32, 32, 1))).numpy().tolist()
    [0.0, 0.0]
    """
    check_dcgan(size, kernel, channels=channels, base_channels=base_channels)
    check_dcgan_variant(dense, down=down, act=act)
    image = x = keras.Input((size, size, channels), name="image")
    for level, after in enumerate(channel_counts(size, base_channels)):
        normed, name = norm and level > 0, f"down.{level}.conv"
        if down == "pool":
            x = _conv3x3(x, after, name, bias=not normed)
            x = layers.MaxPooling2D(2, name=f"{name}.pool")(x)
        else:
            x = downsample(x, after, kernel, name, bias=not normed)
        if normed:
            x = batch_norm(x, f"norms.{level}")
        x = _activation(act, f"act.{level}")(x)
    x = flatten(x)
    if dense:
        x = _activation(act, "hidden.act")(dense_layer(x, dense, "hidden"))
    x = layers.Reshape(())(dense_layer(x, 1, "score"))
    return keras.Model(image, x, name="discriminator")


def _activation(kind: str, name: str):
    if kind == "leaky":
        return layers.LeakyReLU(0.2, name=name)
    return layers.Activation(kind, name=name)


def _conv3x3(x, channels: int, name: str, bias: bool):
    return layers.Conv2D(
        channels, 3, padding="same", use_bias=bias, kernel_initializer=START, name=name
    )(x)
