"""The autoencoder and the classifier of windows, in Keras."""

from __future__ import annotations

import keras
from keras import layers

from upconv.deprecated import ARGUMENTS, renamed


@renamed(**ARGUMENTS["ConvAutoencoder"])
def ConvAutoencoder(in_channels: int = 3, hidden: int = 32, latent: int = 16) -> keras.Model:
    """(N, H, W, C) in [0, 1], H and W multiples of 8 → the same shape; "down3" is the code.

    Examples
    --------
    >>> network = ConvAutoencoder(in_channels=1, hidden=4, latent=2)
    >>> tuple(network(keras.random.uniform((1, 16, 24, 1))).shape)
    (1, 16, 24, 1)
    >>> network.get_layer("down3").filters, network.count_params()
    (2, 1691)
    """
    image = keras.Input((None, None, in_channels), name="image")
    x = image
    for name, filters, activation in (
        ("down1", hidden, "relu"),
        ("down2", 2 * hidden, "relu"),
        ("down3", latent, None),
    ):
        # A kernel of 4 with stride 2 and one pixel of padding on every side.
        x = layers.ZeroPadding2D(1)(x)
        x = layers.Conv2D(filters, 4, 2, activation=activation, name=name)(x)
    for name, filters, activation in (
        ("up3", 2 * hidden, "relu"),
        ("up2", hidden, "relu"),
        ("up1", in_channels, "sigmoid"),
    ):
        x = layers.Conv2DTranspose(filters, 4, 2, "same", activation=activation, name=name)(x)
    return keras.Model(image, x, name="autoencoder")


def WindowClassifier(classes: int, hidden: int = 16) -> keras.Model:
    """(N, H, W, 3) → (N, H − 28, W − 28, classes): all 29 × 29 windows at once.

    Examples
    --------
    >>> network = WindowClassifier(classes=2, hidden=4)
    >>> tuple(network(keras.random.uniform((1, 40, 50, 3))).shape)
    (1, 12, 22, 2)
    >>> tuple(network(keras.random.uniform((1, 29, 29, 3))).shape)  # one window, one answer
    (1, 1, 1, 2)
    """
    image = keras.Input((None, None, 3), name="image")
    x = image
    for number, dilation in enumerate((1, 2, 4), 1):
        x = layers.Conv2D(
            hidden, 5, dilation_rate=dilation, activation="relu", name=f"conv{number}"
        )(x)
    return keras.Model(image, layers.Conv2D(classes, 1, name="score")(x), name="window_classifier")
