"""FCN in Keras: the same layers, names and outputs as in ``upconv.torch.fcn``.

Images in [0, 1], (N, H, W, 3) of any size, to logits (N, H, W, classes).
"""

from __future__ import annotations

import keras
from keras import layers

from upconv.checks import check_choice, refuse
from upconv.deprecated import ARGUMENTS, renamed
from upconv.keras.encoders import ENCODERS
from upconv.keras.layers import CropLike, PadToMultiple, conv, upsample
from upconv.options import scaled


@renamed(**ARGUMENTS["FCN"])
def FCN(
    classes: int,
    stride: int = 8,
    encoder: str = "vgg16",
    width_mult: float = 1.0,
    head: int = 4096,
    head_kernel: int = 7,
) -> keras.Model:
    """FCN-32s, 16s, 8s (down to 2s) as in the paper: summed class scores of feature maps.

    Parameters as of :class:`upconv.torch.FCN`.

    Raises
    ------
    ValueError
        For an unknown stride or encoder.

    Examples
    --------
    >>> network = FCN(classes=21, stride=8, width_mult=1 / 16, head=64)
    >>> logits = network(keras.random.uniform((1, 50, 70, 3)))
    >>> tuple(logits.shape), bool(logits.numpy().any())  # scores begin at zero
    ((1, 50, 70, 21), False)
    """
    if stride not in (2, 4, 8, 16, 32):
        refuse("stride", stride, "32, 16, 8, 4 or 2")
    check_choice("encoder", encoder, ENCODERS)
    # The comments have the channels of VGG16 and FCN-8s.
    image = keras.Input((None, None, 3), name="image")
    x = PadToMultiple(name="pad")(image)
    maps = ENCODERS[encoder](x, width_mult)  # 8: (N, H/8, W/8, 256), … 32: (N, H/32, W/32, 512)
    hidden = scaled(head, width_mult)
    x = conv(maps[32], hidden, head_kernel, "fc6", "relu")  # (N, H/32, W/32, 4096)
    x = layers.Dropout(0.5)(x)
    x = layers.Dropout(0.5)(conv(x, hidden, 1, "fc7", "relu"))
    x = score(x, classes, "score")  # (N, H/32, W/32, classes)
    for s in (s for s in (16, 8, 4, 2) if s >= stride):
        x = upsample(x, classes, 2, f"up.{s}")  # (N, H/16, W/16, classes), (N, H/8, W/8, classes)
        x = layers.Add(name=f"add.{s}")([x, score(maps[s], classes, f"score_skip.{s}")])
    x = upsample(x, classes, stride, "up_last")  # (N, H, W, classes)
    return keras.Model(image, CropLike(name="crop")([x, image]), name=f"fcn{stride}s")


def score(x, classes: int, name: str):
    """Class scores, which begin at zero, as in the paper."""
    return conv(x, classes, 1, name, kernel_initializer="zeros")
