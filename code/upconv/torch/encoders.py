"""Encoders: classification networks cut where their maps still have places.

Each takes images in [0, 1], (N, 3, H, W) with H and W multiples of its deepest stride, and
returns its maps as ``{stride: map}``. The names of the parameters are torchvision's, so that its
checkpoints load as they are; EfficientNet-Lite0, which torchvision does not have, has its own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from upconv.checks import check_choice
from upconv.deprecated import ARGUMENTS, renamed
from upconv.options import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    LITE0_BLOCKS,
    LITE_MEAN,
    LITE_STD,
    scaled,
)
from upconv.torch.depthwise import DepthwiseConv2d


def he_initialize(network: nn.Module) -> None:
    """He et al. (2015): weights of variance 2 / fan-in, biases zero; for networks with ReLU.

    PyTorch's own default is smaller, and without batch norm the signal dies out on the way.

    Examples
    --------
    >>> layer = torch.nn.Conv2d(128, 128, 3)
    >>> round(128 * 9 * layer.weight.var().item(), 1)  # PyTorch's own: a third
    0.3
    >>> he_initialize(layer)
    >>> round(128 * 9 * layer.weight.var().item(), 1)
    2.0
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            # In a transposed convolution an output meets fan-in / stride² of the weights.
            transposed = isinstance(layer, nn.ConvTranspose2d)
            kernels = layer.kernel_size if hasattr(layer, "kernel_size") else (1, 1)
            inputs = layer.weight.shape[0 if transposed else 1]
            stride = layer.stride if transposed else (1, 1)
            meets = inputs * kernels[0] * kernels[1] / (stride[0] * stride[1])
            nn.init.normal_(layer.weight, std=(2 / meets) ** 0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class Encoder(nn.Module):
    """Base: normalization, and the walk along ``features`` that collects the maps.

    Parameters
    ----------
    mean, std
        Of red, green and blue, which an image is normalized by.

    Examples
    --------
    >>> class Pyramid(Encoder):
    ...     ends = {2: 0, 4: 1}
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.features = torch.nn.Sequential(*(torch.nn.AvgPool2d(2) for _ in range(2)))
    >>> maps = Pyramid()(torch.rand(1, 3, 32, 32))
    >>> {stride: tuple(found.shape) for stride, found in maps.items()}
    {2: (1, 3, 16, 16), 4: (1, 3, 8, 8)}
    """

    channels: dict[int, int]  # stride → channels of the map
    ends: dict[int, int]  # stride → index in ``features`` after which the map is taken
    tags: dict[str, int]  # the papers' name of a layer → index in ``features``

    def __init__(
        self, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        x = (image - self.mean) / self.std
        strides = {index: stride for stride, index in self.ends.items()}
        maps = {}
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in strides:
                maps[strides[index]] = x
        return maps

    def layers(self, image: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """The maps of some layers by the papers' names: "conv4_2" before its ReLU, "relu4_2" after.

        Goes no deeper than the deepest of them.

        Raises
        ------
        ValueError
            For a name that is not among ``tags``.
        """
        for name in names:
            check_choice("names", name, list(self.tags))
        wanted = {self.tags[name]: name for name in names}
        x, found = (image - self.mean) / self.std, {}
        for index, layer in enumerate(self.features[: 1 + max(wanted, default=-1)]):
            # Not in place: the map before a ReLU may be asked for.
            x = x.relu() if isinstance(layer, nn.ReLU) else layer(x)
            if index in wanted:
                found[wanted[index]] = x
        return {name: found[name] for name in names}

    def stride(self, name: str) -> int:
        """Pixels of the image from one place of a layer's map to the next."""
        check_choice("name", name, list(self.tags))
        strides = (getattr(layer, "stride", 1) for layer in self.features[: self.tags[name] + 1])
        return math.prod(stride if isinstance(stride, int) else stride[0] for stride in strides)


class _VGG(Encoder):
    """Blocks of 3 × 3 convolutions, each with a ReLU, and a pooling after each block."""

    blocks: tuple[tuple[int, int], ...]  # channels and number of convolutions

    def __init__(
        self, width_mult: float = 1.0, last: str | None = None, padding: str = "zeros"
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self.channels, self.ends, self.tags = {}, {}, {}
        before = 3
        for block, (channels, count) in enumerate(self.blocks, 1):
            after = scaled(channels, width_mult)
            for number in range(1, count + 1):
                conv = nn.Conv2d(before, after, 3, padding=1, padding_mode=padding)
                for kind, layer in (("conv", conv), ("relu", nn.ReLU(inplace=True))):
                    self.tags[f"{kind}{block}_{number}"] = len(layers)
                    layers.append(layer)
                before = after
            layers.append(nn.MaxPool2d(2))
            self.channels[2**block] = after
            self.ends[2**block] = len(layers) - 1
        if last is not None:
            check_choice("last", last, [tag for tag in self.tags if tag.startswith("conv")])
            kept = self.tags[last] + 2  # its ReLU, too
            layers = layers[:kept]
            self.tags = {tag: index for tag, index in self.tags.items() if index < kept}
            self.ends = {stride: index for stride, index in self.ends.items() if index < kept}
            self.channels = {stride: self.channels[stride] for stride in self.ends}
        self.features = nn.Sequential(*layers)


@renamed(**ARGUMENTS["VGG16"])
class VGG16(_VGG):
    """The convolutions of VGG16: Simonyan & Zisserman (2015), configuration D.

    13 convolutions of 3 × 3, five poolings; maps after each pooling, strides 2 to 32.

    Examples
    --------
    >>> encoder = VGG16(width_mult=1 / 16)
    >>> maps = encoder(torch.rand(1, 3, 64, 64))
    >>> {stride: tuple(found.shape[1:]) for stride, found in maps.items()}
    {2: (4, 32, 32), 4: (8, 16, 16), 8: (16, 8, 8), 16: (32, 4, 4), 32: (32, 2, 2)}
    """

    blocks = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))

    def __init__(self, width_mult: float = 1.0) -> None:
        super().__init__(width_mult)


@renamed(**ARGUMENTS["VGG19"])
class VGG19(_VGG):
    """The convolutions of VGG-19: Simonyan & Zisserman (2015), configuration E; for style.

    Parameters
    ----------
    width_mult
        Factor on all numbers of channels.
    last
        The last convolution, "conv1_1" to "conv5_4"; what comes after it is left out.
    padding
        "zeros", or "reflect": no dark border in images made by gradient descent.

    Examples
    --------
    >>> encoder = VGG19(width_mult=1 / 16, last="conv3_1", padding="reflect")
    >>> maps = encoder.layers(torch.rand(1, 3, 32, 32), ["conv1_1", "conv3_1"])
    >>> {name: tuple(found.shape[1:]) for name, found in maps.items()}
    {'conv1_1': (4, 32, 32), 'conv3_1': (16, 8, 8)}
    >>> encoder.stride("conv3_1")
    4
    """

    blocks = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))

    def __init__(
        self, width_mult: float = 1.0, last: str = "conv5_4", padding: str = "zeros"
    ) -> None:
        check_choice("padding", padding, ("zeros", "reflect"))
        super().__init__(width_mult, last, padding)


class Fire(nn.Module):
    """Squeeze to few channels by 1 × 1, expand by 1 × 1 and 3 × 3 side by side."""

    def __init__(self, before: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(before, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x), self.expand3x3(x)], 1).relu()


@renamed(**ARGUMENTS["SqueezeNet"])
class SqueezeNet(Encoder):
    """SqueezeNet 1.1: Iandola et al. (2016), 0.7 million parameters; strides 2 to 32.

    Departures: padding 1 in the first convolution and in the poolings, where the original has
    none, so that every stage halves the size exactly and maps lie on top of each other; and one
    more pooling at the end, so that the deepest stride is VGG16's.

    Examples
    --------
    >>> sum(weight.numel() for weight in SqueezeNet().parameters())
    722496
    >>> maps = SqueezeNet(width_mult=1 / 16)(torch.rand(1, 3, 64, 64))
    >>> {stride: tuple(found.shape[1:]) for stride, found in maps.items()}
    {2: (4, 32, 32), 4: (8, 16, 16), 8: (16, 8, 8), 16: (32, 4, 4), 32: (32, 2, 2)}
    """

    def __init__(self, width_mult: float = 1.0) -> None:
        super().__init__()
        c = {n: scaled(n, width_mult) for n in (16, 32, 48, 64, 128, 192, 256)}
        self.features = nn.Sequential(
            nn.Conv2d(3, c[64], 3, stride=2, padding=1),
            nn.ReLU(inplace=True),  # stride 2
            nn.MaxPool2d(3, 2, padding=1),
            Fire(c[64], c[16], c[64]),
            Fire(2 * c[64], c[16], c[64]),  # stride 4
            nn.MaxPool2d(3, 2, padding=1),
            Fire(2 * c[64], c[32], c[128]),
            Fire(2 * c[128], c[32], c[128]),  # stride 8
            nn.MaxPool2d(3, 2, padding=1),
            Fire(2 * c[128], c[48], c[192]),
            Fire(2 * c[192], c[48], c[192]),
            Fire(2 * c[192], c[64], c[256]),
            Fire(2 * c[256], c[64], c[256]),  # stride 16
            nn.MaxPool2d(3, 2, padding=1),  # stride 32
        )
        self.ends = {2: 1, 4: 4, 8: 7, 16: 12, 32: 13}
        fires = [i for i, layer in enumerate(self.features) if isinstance(layer, Fire)]
        self.tags = {"conv1": 0, "relu1": 1}
        self.tags |= {f"fire{number}": index for number, index in enumerate(fires, 2)}
        self.channels = {2: c[64], 4: 2 * c[64], 8: 2 * c[128], 16: 2 * c[256], 32: 2 * c[256]}


def conv_norm_relu6(
    before: int, after: int, kernel: int, stride: int = 1, depthwise: bool = False
) -> nn.Sequential:
    """Convolution, batch norm and ReLU6: (N, before, H, W) → (N, after, H / stride, W / stride).

    For H and W that the stride divides. With stride 2 the image is padded by one zero more below
    and on the right than above and on the left: TensorFlow's "same", by which the published
    weights were trained.
    """
    zeros, odd = divmod(kernel - stride, 2)
    if depthwise:  # each channel filtered alone
        conv: nn.Module = DepthwiseConv2d(after, kernel, stride)
    else:
        conv = nn.Conv2d(before, after, kernel, stride, bias=False)
    return nn.Sequential(
        nn.ZeroPad2d((zeros, zeros + odd, zeros, zeros + odd)) if kernel > 1 else nn.Identity(),
        conv,
        nn.BatchNorm2d(after, eps=1e-3, momentum=0.01),
        nn.ReLU6(inplace=True),
    )


class MBConv(nn.Module):
    """Inverted residual of Sandler et al. (2018): expand by 1 × 1, filter each channel, project.

    (N, before, H, W) → (N, after, H / stride, W / stride), for H and W that the stride divides.
    The input is added to the output where their shapes agree.
    """

    def __init__(self, before: int, after: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = before * expand
        self.expand = conv_norm_relu6(before, wide, 1) if expand != 1 else nn.Identity()
        self.filter = conv_norm_relu6(wide, wide, kernel, stride, depthwise=True)
        self.project = conv_norm_relu6(wide, after, 1)[:-1]  # linear
        self.adds = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        found = self.project(self.filter(self.expand(x)))
        return x + found if self.adds else found


class EfficientNetLite0(Encoder):
    """EfficientNet-Lite0: Tan & Le (2019), in its form for phones; strides 2 to 32.

    Without squeeze-and-excitation, and with ReLU6 instead of swish. What comes after the last
    block is left out: see :class:`EfficientNetLite0Classifier`.

    The published weights expect pixels, 0 to 255, as (pixel - 127) / 128, and not ImageNet's mean
    and deviation, with which every variance that the first batch norm knows is missed by a factor
    of five: so ``mean`` and ``std`` are 127 / 255 and 128 / 255 here.

    Examples
    --------
    >>> sum(weight.numel() for weight in EfficientNetLite0().parameters())
    2958848
    >>> maps = EfficientNetLite0(width_mult=1 / 4)(torch.rand(1, 3, 64, 64))
    >>> {stride: tuple(found.shape[1:]) for stride, found in maps.items()}
    {2: (4, 32, 32), 4: (6, 16, 16), 8: (10, 8, 8), 16: (28, 4, 4), 32: (80, 2, 2)}
    """

    def __init__(self, width_mult: float = 1.0) -> None:
        super().__init__(LITE_MEAN, LITE_STD)
        before, depth = scaled(32, width_mult), 2
        layers: list[nn.Module] = [conv_norm_relu6(3, before, 3, 2)]
        self.channels, self.ends, self.tags = {}, {}, {}
        for stage, (count, kernel, stride, expand, channels) in enumerate(LITE0_BLOCKS, 1):
            depth *= stride
            for number in range(1, count + 1):
                after = scaled(channels, width_mult)
                layers.append(MBConv(before, after, kernel, stride, expand))
                self.tags[f"block{stage}_{number}"] = len(layers) - 1
                before, stride = after, 1
            self.channels[depth], self.ends[depth] = before, len(layers) - 1
        self.features = nn.Sequential(*layers)
        self._halvings = {0} | {
            self.tags[f"block{stage}_1"]
            for stage, (_, _, stride, _, _) in enumerate(LITE0_BLOCKS, 1)
            if stride == 2
        }

    def stride(self, name: str) -> int:
        """Pixels of the image from one place of a block's map to the next."""
        check_choice("name", name, list(self.tags))
        return 2 ** sum(index <= self.tags[name] for index in self._halvings)


# What segments: VGG-19 is for style alone.
ENCODERS = {"vgg16": VGG16, "squeezenet": SqueezeNet, "efficientnet_lite0": EfficientNetLite0}
