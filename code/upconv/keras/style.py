"""The energies of style transfer for TensorFlow, as defined in ``upconv.ops``: (N, I, J, K)."""

from __future__ import annotations

import tensorflow as tf

from upconv.deprecated import moved


def gram(maps):
    """Gram matrices (N, K, K) of maps (N, I, J, K)."""
    return tf.einsum("nijk,nijl->nkl", maps, maps)


def content_loss(drawn, content):
    """Σ (a(G) − a(C))² of each image, (N,)."""
    return tf.reduce_sum(tf.square(drawn - content), (1, 2, 3))


def style_loss(drawn, style):
    """1 / (2IJK)² Σ (F(G) − F(S))² of each image, (N,); I, J, K of the layer."""
    difference = _mean_gram(drawn) - _mean_gram(style)
    channels = tf.cast(tf.shape(drawn)[3], drawn.dtype)
    return tf.reduce_sum(tf.square(difference), (1, 2)) / tf.square(2 * channels)


def total_variation(image):
    """Mean absolute difference of neighbors, down plus across, of each image: (N,)."""
    down = tf.reduce_mean(tf.abs(image[:, 1:] - image[:, :-1]), (1, 2, 3))
    return down + tf.reduce_mean(tf.abs(image[:, :, 1:] - image[:, :, :-1]), (1, 2, 3))


def _mean_gram(maps):
    places = tf.cast(tf.shape(maps)[1] * tf.shape(maps)[2], maps.dtype)
    return gram(maps) / places


__getattr__ = moved(
    "upconv.keras.style",
    {
        "content_energy": "upconv.keras.style.content_loss",
        "style_energy": "upconv.keras.style.style_loss",
    },
)
