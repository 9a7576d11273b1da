"""DCGAN in Keras: the same layers, names and outputs as in ``upconv.torch.dcgan``."""

from __future__ import annotations

import keras
from keras import layers

from upconv.deprecated import ARGUMENTS, renamed
from upconv.options import check_dcgan

START = keras.initializers.RandomNormal(0.0, 0.02)  # of every convolution and dense layer


@renamed(**ARGUMENTS["Generator"])
def Generator(
    size: int = 64,
    channels: int = 3,
    latent: int = 100,
    base_channels: int = 128,
    kernel: int = 4,
) -> keras.Model:
    """Noise (N, latent) to images (N, size, size, channels) in [−1, 1].

    Parameters as of :class:`upconv.torch.Generator`.

    Raises
    ------
    ValueError
        For an argument out of range.

    Examples
    --------
    >>> generator = Generator(size=32, channels=1, latent=10, base_channels=8)
    >>> images = generator(keras.random.normal((2, 10)))
    >>> tuple(images.shape), bool(abs(images.numpy()).max() <= 1)
    ((2, 32, 32, 1), True)
    """
    check_dcgan(size, kernel, channels=channels, latent=latent, base_channels=base_channels)
    counts = channel_counts(size, base_channels)[::-1]  # 1024, 512, 256, 128
    noise = keras.Input((latent,), name="noise")
    x = dense(noise, counts[0] * 16, "project", bias=False)  # (N, 1024 · 16)
    x = unflatten(x, counts[0])  # (N, 4, 4, 1024)
    for level, after in enumerate([*counts[1:], channels]):
        x = batch_norm(x, f"norms.{level}")
        x = layers.Activation("relu", name=f"act.{level}")(x)
        # (N, 8, 8, 512), (N, 16, 16, 256), (N, 32, 32, 128), (N, 64, 64, 3)
        x = upsample(x, after, kernel, f"up.{level}.conv", bias=level == len(counts) - 1)
    return keras.Model(noise, layers.Activation("tanh", name="tanh")(x), name="generator")


@renamed(**ARGUMENTS["Discriminator"])
def Discriminator(
    size: int = 64, channels: int = 3, base_channels: int = 128, kernel: int = 4
) -> keras.Model:
    """Images (N, size, size, channels) in [−1, 1] to one logit each, (N,).

    Parameters as of :class:`upconv.torch.Discriminator`.

    Raises
    ------
    ValueError
        For an argument out of range.

    Examples
    --------
    >>> discriminator = Discriminator(size=32, channels=1, base_channels=8)
    >>> discriminator(np.zeros((2, 32, 32, 1))).numpy().tolist()  # it cannot tell yet
    [0.0, 0.0]
    """
    check_dcgan(size, kernel, channels=channels, base_channels=base_channels)
    image = x = keras.Input((size, size, channels), name="image")
    for level, after in enumerate(channel_counts(size, base_channels)):
        # (N, 32, 32, 128), (N, 16, 16, 256), (N, 8, 8, 512), (N, 4, 4, 1024)
        x = downsample(x, after, kernel, f"down.{level}.conv", bias=level == 0)
        if level > 0:
            x = batch_norm(x, f"norms.{level}")
        x = layers.LeakyReLU(0.2, name=f"act.{level}")(x)
    x = dense(flatten(x), 1, "score")  # (N, 1024 · 16) → (N, 1)
    return keras.Model(image, layers.Reshape(())(x), name="discriminator")


def channel_counts(size: int, base_channels: int) -> list[int]:
    """Channels of the hidden feature maps, from that of size / 2 to that of 4 × 4 pixels."""
    return [base_channels * 2**level for level in range(size.bit_length() - 3)]


def upsample(x, channels: int, kernel: int, name: str, bias: bool):
    """Transposed convolution: (N, H, W, C) → (N, 2H, 2W, channels), whatever the kernel."""
    x = layers.Conv2DTranspose(
        channels, kernel, 2, use_bias=bias, kernel_initializer=START, name=name
    )(x)
    # PyTorch's padding, and its output padding where the kernel is odd.
    rest = (kernel - 2) % 2
    before = (kernel - 2 + rest) // 2
    return layers.Cropping2D(((before, before - rest),) * 2, name=f"{name}.crop")(x)


def downsample(x, channels: int, kernel: int, name: str, bias: bool):
    """Strided convolution: (N, H, W, C) → (N, H/2, W/2, channels)."""
    x = layers.ZeroPadding2D((kernel - 1) // 2, name=f"{name}.pad")(x)
    return layers.Conv2D(channels, kernel, 2, use_bias=bias, kernel_initializer=START, name=name)(x)


def batch_norm(x, name: str):
    """Batch norm with PyTorch's momentum, and the paper's first weights."""
    start = keras.initializers.RandomNormal(1.0, 0.02)
    return layers.BatchNormalization(
        epsilon=1e-5, momentum=0.9, gamma_initializer=start, name=name
    )(x)


def dense(x, units: int, name: str, bias: bool = True):
    """Dense layer of the paper's first weights."""
    return layers.Dense(units, use_bias=bias, kernel_initializer=START, name=name)(x)


# PyTorch flattens feature maps channel by channel: so do these, and dense weights are the same.


def unflatten(x, channels: int):
    """(N, 16 · channels) → (N, 4, 4, channels)."""
    return layers.Permute((2, 3, 1))(layers.Reshape((channels, 4, 4))(x))


def flatten(x):
    """(N, 4, 4, C) → (N, 16 · C)."""
    return layers.Flatten()(layers.Permute((3, 1, 2))(x))
