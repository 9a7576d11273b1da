"""DCGAN in Keras: the same layers, names and outputs as in ``upconv.torch.dcgan``."""

from __future__ import annotations

import keras
from keras import layers

from upconv.options import check_dcgan

_START = keras.initializers.RandomNormal(0.0, 0.02)


def Generator(
    size: int = 64,
    channels: int = 3,
    latent: int = 100,
    width: int = 128,
    kernel: int = 4,
    up: str = "transposed",
    norm: bool = True,
    dense: int = 0,
    act: str = "relu",
) -> keras.Model:
    """Noise (N, latent) to images (N, size, size, channels) in [−1, 1].

    Examples
    --------
    >>> generator = Generator(size=32, channels=1, latent=10, width=8)
    >>> images = generator(keras.random.normal((2, 10)))
    >>> tuple(images.shape), bool(abs(images.numpy()).max() <= 1)
    ((2, 32, 32, 1), True)
    """
    counts = {"channels": channels, "latent": latent, "width": width, "dense": dense}
    check_dcgan(size, kernel, counts, up=up, act=act)
    steps = size.bit_length() - 3
    widths = [width * 2**level for level in reversed(range(steps))]
    noise = x = keras.Input((latent,), name="noise")
    if dense:
        x = _activation(act, "hidden.act")(_dense(x, dense, "hidden"))
    x = _dense(x, widths[0] * 16, "project", bias=not norm)
    # Channel by channel, as PyTorch lays maps out, so that the dense weights are the same.
    x = layers.Permute((2, 3, 1))(layers.Reshape((widths[0], 4, 4))(x))
    for level in range(steps):
        last = level == steps - 1
        if norm:
            x = _norm(f"norms.{level}")(x)
        x = _activation(act, f"act.{level}")(x)
        after = channels if last else widths[level + 1]
        x = _enlarge(x, after, kernel, up, last or not norm, f"up.{level}.conv")
    return keras.Model(noise, layers.Activation("tanh", name="tanh")(x), name="generator")


def Discriminator(
    size: int = 64,
    channels: int = 3,
    width: int = 128,
    kernel: int = 4,
    down: str = "strided",
    norm: bool = True,
    dense: int = 0,
    act: str = "leaky",
) -> keras.Model:
    """Images (N, size, size, channels) to one logit each, (N,).

    Examples
    --------
    >>> discriminator = Discriminator(size=32, channels=1, width=8)
    >>> discriminator(np.zeros((2, 32, 32, 1))).numpy().tolist()  # it cannot tell yet
    [0.0, 0.0]
    """
    counts = {"channels": channels, "width": width, "dense": dense}
    check_dcgan(size, kernel, counts, down=down, act=act)
    image = x = keras.Input((size, size, channels), name="image")
    for level in range(size.bit_length() - 3):
        normed = norm and level > 0
        x = _halve(x, width * 2**level, kernel, down, not normed, f"down.{level}.conv")
        if normed:
            x = _norm(f"norms.{level}")(x)
        x = _activation(act, f"act.{level}")(x)
    x = layers.Flatten()(layers.Permute((3, 1, 2))(x))
    if dense:
        x = _activation(act, "hidden.act")(_dense(x, dense, "hidden"))
    x = layers.Reshape(())(_dense(x, 1, "score"))
    return keras.Model(image, x, name="discriminator")


def _activation(kind: str, name: str):
    if kind == "leaky":
        return layers.LeakyReLU(0.2, name=name)
    return layers.Activation(kind, name=name)


def _norm(name: str):
    return layers.BatchNormalization(
        epsilon=1e-5,
        momentum=0.9,
        gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02),
        name=name,
    )


def _dense(x, units: int, name: str, bias: bool = True):
    return layers.Dense(units, use_bias=bias, kernel_initializer=_START, name=name)(x)


def _enlarge(x, after: int, kernel: int, up: str, bias: bool, name: str):
    if up == "resize":
        x = layers.UpSampling2D(2, interpolation="nearest", name=f"{name}.resize")(x)
        return layers.Conv2D(
            after, 3, padding="same", use_bias=bias, kernel_initializer=_START, name=name
        )(x)
    x = layers.Conv2DTranspose(
        after, kernel, 2, use_bias=bias, kernel_initializer=_START, name=name
    )(x)
    # PyTorch's padding, and its output padding where the kernel is odd.
    rest = (kernel - 2) % 2
    before = (kernel - 2 + rest) // 2
    return layers.Cropping2D(((before, before - rest),) * 2, name=f"{name}.crop")(x)


def _halve(x, after: int, kernel: int, down: str, bias: bool, name: str):
    if down == "pool":
        x = layers.Conv2D(
            after, 3, padding="same", use_bias=bias, kernel_initializer=_START, name=name
        )(x)
        return layers.MaxPooling2D(2, name=f"{name}.pool")(x)
    x = layers.ZeroPadding2D((kernel - 1) // 2, name=f"{name}.pad")(x)
    return layers.Conv2D(after, kernel, 2, use_bias=bias, kernel_initializer=_START, name=name)(x)
