"""FCN with a popular mistake, and its relatives: as ``upconv.torch.variants.fcn``."""

from __future__ import annotations

import keras
from keras import layers

from upconv.checks import check_choice, refuse
from upconv.deprecated import ARGUMENTS, renamed
from upconv.keras import fcn
from upconv.keras.encoders import ENCODERS
from upconv.keras.layers import CropLike, PadToMultiple, conv, upsample
from upconv.options import scaled


def _start(encoder: str, width_mult: float, size: int | None, pad: bool):
    """Input, its feature maps, and the layer that crops the result back."""
    check_choice("encoder", encoder, ENCODERS)
    image = keras.Input((size, size, 3), name="image")
    maps = ENCODERS[encoder](PadToMultiple(name="pad")(image) if pad else image, width_mult)
    crop = (lambda x: CropLike(name="crop")([x, image])) if pad else (lambda x: x)
    return image, maps, crop


@renamed(**ARGUMENTS["FCN"])
def FCN(
    classes: int,
    stride: int = 8,
    encoder: str = "vgg16",
    width_mult: float = 1.0,
    head: int = 4096,
    head_kernel: int = 7,
    *,
    score_relu: bool = False,
) -> keras.Model:
    """:func:`upconv.keras.FCN`, with a ReLU on every class score if wanted.

    Parameters as of :class:`upconv.torch.variants.FCN`.

    Raises
    ------
    ValueError
        For an unknown stride or encoder.

    Examples
    --------
    >>> network = variants.FCN(classes=21, width_mult=1 / 16, head=64, score_relu=True)
    >>> logits = network(keras.random.uniform((1, 50, 70, 3)))
    >>> tuple(logits.shape), bool((logits.numpy() >= 0).all())
    ((1, 50, 70, 21), True)
    """
    if not score_relu:
        return fcn.FCN(classes, stride, encoder, width_mult, head, head_kernel)
    if stride not in (2, 4, 8, 16, 32):
        refuse("stride", stride, "32, 16, 8, 4 or 2")
    image, maps, crop = _start(encoder, width_mult, None, pad=True)
    hidden = scaled(head, width_mult)
    x = layers.Dropout(0.5)(conv(maps[32], hidden, head_kernel, "fc6", "relu"))
    x = layers.Dropout(0.5)(conv(x, hidden, 1, "fc7", "relu"))
    x = conv(x, classes, 1, "score", "relu")
    for s in (s for s in (16, 8, 4, 2) if s >= stride):
        scores = conv(maps[s], classes, 1, f"score_skip.{s}", "relu")
        x = layers.Add(name=f"add.{s}")([upsample(x, classes, 2, f"up.{s}"), scores])
    return keras.Model(image, crop(upsample(x, classes, stride, "up_last")), name=f"fcn{stride}s")


@renamed(**ARGUMENTS["FeatureSumFCN"])
def FeatureSumFCN(
    classes: int = 2,
    skips: bool = True,
    encoder: str = "vgg16",
    width_mult: float = 1.0,
    head: int = 4096,
    head_kernel: int = 7,
    size: int | None = None,
    softmax: bool = False,
) -> keras.Model:
    """FCN-8s with sums of feature maps, or its twin without them.

    With ``size`` the input is fixed to that multiple of 32 and nothing is padded; ``softmax``
    gives probabilities instead of logits. Other parameters as of
    :class:`upconv.torch.variants.FeatureSumFCN`.

    Raises
    ------
    ValueError
        For an unknown encoder.

    Examples
    --------
    >>> sizes = {"width_mult": 1 / 16, "head": 64}
    >>> [variants.FeatureSumFCN(skips=s, **sizes).count_params() for s in (True, False)]
    [81592, 81592]
    >>> network = variants.FeatureSumFCN(**sizes, size=64, softmax=True)
    >>> chances = network(keras.random.uniform((1, 64, 64, 3))).numpy()
    >>> bool(np.allclose(chances.sum(-1), 1))
    True
    """
    image, maps, crop = _start(encoder, width_mult, size, pad=size is None)
    hidden = scaled(head, width_mult)
    x = conv(maps[32], hidden, head_kernel, "fc6", "relu")
    x = conv(x, hidden, 1, "fc7", "relu")
    x = conv(x, classes, 1, "score", "relu")

    def up(x, channels: int, factor: int, name: str, **options):
        return layers.Conv2DTranspose(
            channels, 2 * factor, strides=factor, padding="same", name=name,
            kernel_initializer="he_normal", **options,
        )(x)  # fmt: skip

    for s in (16, 8):
        x = up(x, maps[s].shape[-1], 2, f"up{s}")
        if skips:
            x = layers.Add(name=f"add{s}")([x, maps[s]])
    x = up(x, classes, 8, "up1", activation="softmax" if softmax else None)
    return keras.Model(image, crop(x), name="feature_sum" if skips else "without_skips")


@renamed(**ARGUMENTS["ConcatFCN"])
def ConcatFCN(
    classes: int,
    stride: int = 8,
    encoder: str = "vgg16",
    width_mult: float = 1.0,
    head: int = 4096,
    head_kernel: int = 7,
    hidden: int = 64,
) -> keras.Model:
    """FCN with skips by concatenation, as in U-Net.

    Parameters as of :class:`upconv.torch.variants.ConcatFCN`.

    Raises
    ------
    ValueError
        For an unknown encoder.

    Examples
    --------
    >>> network = variants.ConcatFCN(classes=5, width_mult=1 / 16, head=64, hidden=6)
    >>> tuple(network(keras.random.uniform((1, 50, 70, 3))).shape)
    (1, 50, 70, 5)
    >>> {s: network.get_layer(f"decoder.{s}").kernel.shape[2] for s in (16, 8)}  # 6 and the map's
    {16: 38, 8: 22}
    """
    sizes = (classes, stride, encoder, width_mult, head, head_kernel, hidden)
    return _joined("concatenation", *sizes)


def SumFCN(
    classes: int,
    stride: int = 8,
    encoder: str = "vgg16",
    width_mult: float = 1.0,
    head: int = 4096,
    head_kernel: int = 7,
    hidden: int = 64,
) -> keras.Model:
    """:func:`ConcatFCN` whose skips are added, after a 1 × 1 convolution to ``hidden`` channels.

    Parameters as of :class:`upconv.torch.variants.ConcatFCN`.

    Raises
    ------
    ValueError
        For an unknown encoder.

    Examples
    --------
    >>> network = variants.SumFCN(classes=5, width_mult=1 / 16, head=64, hidden=6)
    >>> {s: network.get_layer(f"decoder.{s}").kernel.shape[2] for s in (16, 8)}
    {16: 6, 8: 6}
    """
    return _joined("sum", classes, stride, encoder, width_mult, head, head_kernel, hidden)


def SkiplessFCN(
    classes: int,
    stride: int = 8,
    encoder: str = "vgg16",
    width_mult: float = 1.0,
    head: int = 4096,
    head_kernel: int = 7,
    hidden: int = 64,
) -> keras.Model:
    """:func:`ConcatFCN` without the skips, and all else as it is.

    Parameters as of :class:`upconv.torch.variants.ConcatFCN`.

    Raises
    ------
    ValueError
        For an unknown encoder.

    Examples
    --------
    >>> sizes = {"classes": 5, "width_mult": 1 / 16, "head": 64, "hidden": 6}
    >>> variants.SumFCN(**sizes).count_params() - variants.SkiplessFCN(**sizes).count_params()
    300
    """
    return _joined("none", classes, stride, encoder, width_mult, head, head_kernel, hidden)


def _joined(
    join: str, classes: int, stride: int, encoder: str, width_mult: float, head: int,
    head_kernel: int, hidden: int,
) -> keras.Model:  # fmt: skip
    """Upsample, join, convolve."""
    image, maps, crop = _start(encoder, width_mult, None, pad=True)
    x = layers.Dropout(0.5)(conv(maps[32], scaled(head, width_mult), head_kernel, "fc6", "relu"))
    x = layers.Dropout(0.5)(conv(x, scaled(head, width_mult), 1, "fc7", "relu"))
    for s in (s for s in (16, 8, 4, 2) if s >= stride):
        x = layers.Conv2DTranspose(
            hidden, 4, 2, "same", activation="relu", kernel_initializer="he_normal", name=f"up.{s}"
        )(x)
        if join == "concatenation":
            x = layers.Concatenate(name=f"concatenate.{s}")([x, maps[s]])
        elif join == "sum":
            x = layers.Add(name=f"add.{s}")([x, conv(maps[s], hidden, 1, f"project.{s}")])
        x = conv(x, hidden, 3, f"decoder.{s}", "relu")
    x = conv(x, classes, 1, "score")
    name = {"concatenation": "concat", "sum": "sum", "none": "skipless"}[join]
    return keras.Model(image, crop(upsample(x, classes, stride, "up_last")), name=name)


@renamed(**ARGUMENTS["EightfoldFCN"])
def EightfoldFCN(
    classes: int,
    steps: str = "one",
    encoder: str = "vgg16",
    width_mult: float = 1.0,
    head: int = 512,
) -> keras.Model:
    """Scores at stride 8, upsampled in "one" jump, in "three" steps, or "three with ReLU".

    Raises
    ------
    ValueError
        For an unknown encoder or number of steps.

    Examples
    --------
    >>> network = variants.EightfoldFCN(3, steps="three", width_mult=1 / 16)
    >>> ups = [network.get_layer(f"up.{place}") for place in range(3)]
    >>> sum(up.count_params() for up in ups)  # one jump has 16 · 16 · 3 · 3 = 2304
    2160
    >>> tuple(network(keras.random.uniform((1, 50, 70, 3))).shape)
    (1, 50, 70, 3)
    """
    if steps not in ("one", "three", "three with ReLU"):
        refuse("steps", repr(steps), "one, three or three with ReLU")
    image, maps, crop = _start(encoder, width_mult, None, pad=True)
    x = conv(conv(maps[8], scaled(head, width_mult), 3, "fc", "relu"), classes, 1, "score")

    def up(x, channels: int, factor: int, place: int):
        return layers.Conv2DTranspose(
            channels, 2 * factor, factor, "same", use_bias=False,
            kernel_initializer="he_normal", name=f"up.{place}",
        )(x)  # fmt: skip

    if steps == "one":
        return keras.Model(image, crop(up(x, classes, 8, 0)), name="eightfold")
    between, place = int((17 * classes**2) ** 0.5 - classes), 0
    for after in (between, between, classes):
        if place and steps == "three with ReLU":
            x = layers.ReLU(name=f"up.{place}")(x)
            place += 1
        x = up(x, after, 2, place)
        place += 1
    return keras.Model(image, crop(x), name="eightfold")
