"""Encoders in Keras: the same layers, names and maps as in ``upconv.torch.encoders``."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from upconv.checks import check_choice
from upconv.deprecated import ARGUMENTS, renamed
from upconv.keras.layers import Normalize, ReflectionPad, conv
from upconv.options import LITE0_BLOCKS, LITE_MEAN, LITE_STD, scaled

_VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_VGG19 = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))


@renamed(**ARGUMENTS["VGG16"])
def vgg16(image, width_mult: float = 1.0, prefix: str = "encoder.") -> dict[int, object]:
    """Maps of VGG16 after each pooling, {stride: map}: Simonyan & Zisserman (2015).

    Examples
    --------
    >>> maps = vgg16(keras.Input((64, 64, 3)), width_mult=1 / 16)
    >>> {stride: found.shape[1:] for stride, found in maps.items()}
    {2: (32, 32, 4), 4: (16, 16, 8), 8: (8, 8, 16), 16: (4, 4, 32), 32: (2, 2, 32)}
    """
    x = Normalize(name=f"{prefix}normalize")(image)
    maps, index = {}, 0
    for block, (channels, count) in enumerate(_VGG16, 1):
        for _ in range(count):
            x = conv(x, scaled(channels, width_mult), 3, f"{prefix}features.{index}", "relu")
            index += 2  # torchvision counts the ReLU
        x = layers.MaxPooling2D(2, name=f"{prefix}features.{index}")(x)
        index += 1
        maps[2**block] = x
    return maps


@renamed(**ARGUMENTS["VGG19"])
def VGG19(
    names: Sequence[str] = ("conv5_4",), width_mult: float = 1.0, padding: str = "zeros"
) -> keras.Model:
    """VGG-19 for style: images (N, H, W, 3) in [0, 1] → {name: map}, no deeper than need be.

    Names and parameters as of :class:`upconv.torch.VGG19`.

    Raises
    ------
    ValueError
        For an unknown name or padding.

    Examples
    --------
    >>> network = VGG19(["conv1_1", "conv3_1"], width_mult=1 / 16, padding="reflect")
    >>> maps = network(keras.random.uniform((1, 32, 32, 3)))
    >>> {name: tuple(found.shape[1:]) for name, found in maps.items()}
    {'conv1_1': (32, 32, 4), 'conv3_1': (8, 8, 16)}
    """
    check_choice("padding", padding, ("zeros", "reflect"))
    image = keras.Input((None, None, 3), name="image")
    x, index = Normalize(name="normalize")(image), 0
    maps = {}
    for block, (channels, count) in enumerate(_VGG19, 1):
        for number in range(1, count + 1):
            if padding == "reflect":
                x = ReflectionPad(name=f"features.{index}.pad")(x)
            x = layers.Conv2D(
                scaled(channels, width_mult),
                3,
                padding="same" if padding == "zeros" else "valid",
                kernel_initializer="he_normal",
                name=f"features.{index}",
            )(x)
            maps[f"conv{block}_{number}"] = x
            x = layers.ReLU(name=f"features.{index + 1}")(x)
            maps[f"relu{block}_{number}"] = x
            index += 2
        x = layers.MaxPooling2D(2, name=f"features.{index}")(x)
        index += 1
    for name in names:
        check_choice("names", name, list(maps))
    return keras.Model(image, {name: maps[name] for name in names}, name="vgg19")


@renamed(**ARGUMENTS["SqueezeNet"])
def squeezenet(image, width_mult: float = 1.0, prefix: str = "encoder.") -> dict[int, object]:
    """Maps of SqueezeNet 1.1, {stride: map}: Iandola et al. (2016), padded as in PyTorch here.

    Examples
    --------
    >>> image = keras.Input((64, 64, 3))
    >>> maps = squeezenet(image)
    >>> {stride: found.shape[1:] for stride, found in maps.items()}
    {2: (32, 32, 64), 4: (16, 16, 128), 8: (8, 8, 256), 16: (4, 4, 512), 32: (2, 2, 512)}
    >>> keras.Model(image, maps[32]).count_params()
    722496
    """
    c = {n: scaled(n, width_mult) for n in (16, 32, 48, 64, 128, 192, 256)}

    def pool(x, index: int):
        # After a ReLU nothing is below zero, so a border of zeros never wins.
        x = layers.ZeroPadding2D(1, name=f"{prefix}features.{index}.pad")(x)
        return layers.MaxPooling2D(3, 2, name=f"{prefix}features.{index}")(x)

    def fire(x, index: int, squeeze: int, expand: int):
        name = f"{prefix}features.{index}"
        x = conv(x, c[squeeze], 1, f"{name}.squeeze", "relu")
        sides = [conv(x, c[expand], k, f"{name}.expand{k}x{k}", "relu") for k in (1, 3)]
        return layers.Concatenate(name=f"{name}.concatenate")(sides)

    x = Normalize(name=f"{prefix}normalize")(image)
    x = layers.ZeroPadding2D(1, name=f"{prefix}features.0.pad")(x)
    x = layers.Conv2D(
        c[64], 3, 2, activation="relu", kernel_initializer="he_normal", name=f"{prefix}features.0"
    )(x)
    maps = {2: x}
    x = fire(fire(pool(x, 2), 3, 16, 64), 4, 16, 64)
    maps[4] = x
    x = fire(fire(pool(x, 5), 6, 32, 128), 7, 32, 128)
    maps[8] = x
    x = fire(fire(pool(x, 8), 9, 48, 192), 10, 48, 192)
    x = fire(fire(x, 11, 64, 256), 12, 64, 256)
    maps[16] = x
    maps[32] = pool(x, 13)
    return maps


def efficientnet_lite0(
    image, width_mult: float = 1.0, prefix: str = "encoder."
) -> dict[int, object]:
    """Maps of EfficientNet-Lite0, {stride: map}: Tan & Le (2019), in its form for phones.

    Normalized as its published weights expect: see :class:`upconv.torch.EfficientNetLite0`.

    Examples
    --------
    >>> image = keras.Input((64, 64, 3))
    >>> maps = efficientnet_lite0(image)
    >>> {stride: found.shape[1:] for stride, found in maps.items()}
    {2: (32, 32, 16), 4: (16, 16, 24), 8: (8, 8, 40), 16: (4, 4, 112), 32: (2, 2, 320)}
    >>> sum(weight.numpy().size for weight in keras.Model(image, maps[32]).trainable_weights)
    2958848
    """
    x = Normalize(LITE_MEAN, LITE_STD, name=f"{prefix}normalize")(image)
    x = conv_norm_relu6(x, scaled(32, width_mult), 3, f"{prefix}features.0", stride=2)
    maps, depth, index = {}, 2, 0
    for count, kernel, stride, expand, channels in LITE0_BLOCKS:
        depth *= stride
        for _ in range(count):
            index += 1
            name = f"{prefix}features.{index}"
            x = _mbconv(x, scaled(channels, width_mult), kernel, stride, expand, name)
            stride = 1
        maps[depth] = x
    return maps


def conv_norm_relu6(x, filters: int | None, kernel: int, name: str, stride: int = 1, relu=True):
    """Convolution, batch norm and ReLU6, unless ``relu`` is false.

    With ``filters`` None each channel is filtered alone. Names are as in PyTorch, where a layer
    that pads comes first.
    """
    options = {"strides": stride, "padding": "same", "use_bias": False, "name": f"{name}.1"}
    if filters is None:
        start = keras.initializers.RandomNormal(stddev=2**0.5 / kernel)  # He's
        x = layers.DepthwiseConv2D(kernel, depthwise_initializer=start, **options)(x)
    else:
        x = layers.Conv2D(filters, kernel, kernel_initializer="he_normal", **options)(x)
    x = layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=f"{name}.2")(x)
    return layers.ReLU(max_value=6, name=f"{name}.3")(x) if relu else x


def _mbconv(x, after: int, kernel: int, stride: int, expand: int, name: str):
    """Inverted residual: expand by 1 × 1, filter each channel, project, add where shapes agree."""
    before, found = x.shape[-1], x
    if expand != 1:
        found = conv_norm_relu6(found, before * expand, 1, f"{name}.expand")
    found = conv_norm_relu6(found, None, kernel, f"{name}.filter", stride)
    found = conv_norm_relu6(found, after, 1, f"{name}.project", relu=False)
    if stride == 1 and before == after:
        found = layers.Add(name=f"{name}.add")([x, found])
    return found


ENCODERS = {
    "vgg16": vgg16,
    "squeezenet": squeezenet,
    "efficientnet_lite0": efficientnet_lite0,
}


@renamed(**ARGUMENTS["VGG16Classifier"])
def VGG16Classifier(classes: int = 1000, width_mult: float = 1.0) -> keras.Model:
    """All of VGG16: (N, 224, 224, 3) in [0, 1] → (N, classes) logits.

    Examples
    --------
    >>> network = VGG16Classifier(classes=10, width_mult=1 / 64)
    >>> network.output_shape
    (None, 10)
    >>> tuple(network.get_layer("classifier.0").kernel.shape)  # 7 × 7 places of 8 channels
    (392, 64)
    """
    image = keras.Input((224, 224, 3), name="image")
    x = vgg16(image, width_mult, prefix="")[32]
    # Flatten channel by channel, as PyTorch does, so that the dense weights are the same.
    x = layers.Flatten()(layers.Permute((3, 1, 2))(x))
    hidden = scaled(4096, width_mult)
    x = layers.Dense(hidden, "relu", name="classifier.0")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(hidden, "relu", name="classifier.3")(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(image, layers.Dense(classes, name="classifier.6")(x), name="vgg16")


def EfficientNetLite0Classifier(classes: int = 1000, width_mult: float = 1.0) -> keras.Model:
    """All of EfficientNet-Lite0: (N, H, W, 3) in [0, 1] → (N, classes) logits.

    H and W are multiples of 32. Logits are the means of the map of the layer "score".

    Examples
    --------
    >>> network = EfficientNetLite0Classifier(classes=10, width_mult=1 / 16)
    >>> image = keras.random.uniform((1, 64, 96, 3))
    >>> heat_map = keras.Model(network.input, network.get_layer("score").output)
    >>> tuple(network(image).shape), tuple(heat_map(image).shape)
    ((1, 10), (1, 2, 3, 10))
    """
    image = keras.Input((None, None, 3), name="image")
    x = efficientnet_lite0(image, width_mult)[32]
    x = conv_norm_relu6(x, scaled(1280, width_mult), 1, "head")
    x = conv(layers.SpatialDropout2D(0.2)(x), classes, 1, "score")
    return keras.Model(image, layers.GlobalAveragePooling2D()(x), name="efficientnet_lite0")
