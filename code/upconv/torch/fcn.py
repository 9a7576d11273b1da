"""Fully convolutional networks: Long, Shelhamer & Darrell (2015), and relatives for comparison.

All take images in [0, 1], (N, 3, H, W) of any size, and return logits (N, classes, H, W). Inside,
the image is padded with zeros (after normalisation: grey) to multiples of 32, half on each side,
and the logits are cropped back.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upconv.checks import check_choice, refuse
from upconv.ops import bilinear_kernel
from upconv.torch.encoders import ENCODERS, IMAGENET_MEAN, he_initialise, scaled


def pad_to_multiple(image: Tensor, multiple: int) -> tuple[Tensor, tuple[slice, slice]]:
    """The image padded with the mean colour, and the window that crops the padding off again.

    Examples
    --------
    >>> padded, window = pad_to_multiple(torch.zeros(1, 3, 50, 64), 32)
    >>> tuple(padded.shape), window
    ((1, 3, 64, 64), (slice(7, 57, None), slice(0, 64, None)))
    >>> tuple(padded[..., window[0], window[1]].shape)
    (1, 3, 50, 64)
    """
    height, width = image.shape[-2:]
    tall, wide = -height % multiple, -width % multiple
    top, left = tall // 2, wide // 2
    window = (slice(top, top + height), slice(left, left + width))
    if tall or wide:
        mean = image.new_tensor(IMAGENET_MEAN).view(3, 1, 1)
        image = F.pad(image - mean, (left, wide - left, top, tall - top)) + mean
    return image, window


class Segmenter(nn.Module):
    """Base: pad, ``logits`` on the padded image, crop.

    Examples
    --------
    >>> class Brightness(Segmenter):
    ...     def logits(self, image):
    ...         print("sees", tuple(image.shape))
    ...         return image.mean(1, keepdim=True)
    >>> tuple(Brightness()(torch.rand(1, 3, 50, 70)).shape)
    sees (1, 3, 64, 96)
    (1, 1, 50, 70)
    """

    multiple = 32
    centred = True  # what is missing to the multiple is added on both sides

    def paths(self) -> list[tuple[int, list[nn.Module]]]:
        """Stride of a map of the encoder, and the layers from there to the logits."""
        raise NotImplementedError

    @property
    def rim(self) -> int:
        """Pixels that a block of the output sees beyond itself, at most, on each side."""
        reach = 0
        for stride, layers in self.paths():
            block = (0, self.multiple - 1)
            before = self.encoder.features[: self.encoder.ends[stride] + 1]
            for layer in reversed([*before, *layers]):
                block = seen_by(layer, block)
            reach = max(reach, -block[0], block[1] - (self.multiple - 1))
        return reach

    def forward(self, image: Tensor) -> Tensor:
        padded, window = pad_to_multiple(image, self.multiple)
        return self.logits(padded)[..., window[0], window[1]]


def seen_by(layer: nn.Module, block: tuple[int, int]) -> tuple[int, int]:
    """First and last place of a layer's input that its outputs from first to last depend on."""
    layer = getattr(layer, "expand3x3", layer)  # of a Fire: beside it, nothing sees farther
    if not hasattr(layer, "kernel_size"):
        return block
    kernel, stride, pad = (
        value if isinstance(value, int) else value[0]
        for value in (layer.kernel_size, layer.stride, layer.padding)
    )
    first, last = block
    if isinstance(layer, nn.ConvTranspose2d):
        return -((kernel - 1 - pad - first) // stride), (last + pad) // stride
    return stride * first - pad, stride * last - pad + kernel - 1


def upsampling(classes: int, factor: int, learned: bool = True) -> nn.ConvTranspose2d:
    """Transposed convolution that starts as bilinear interpolation, one class at a time.

    Examples
    --------
    >>> scores = torch.tensor([0.0, 4.0, 8.0]).expand(1, 1, 3, 3)
    >>> upsampling(classes=1, factor=2)(scores)[0, 0, 2].tolist()  # beyond the border it reads 0
    [0.0, 1.0, 3.0, 5.0, 7.0, 6.0]
    """
    layer = nn.ConvTranspose2d(
        classes, classes, 2 * factor, stride=factor, padding=factor // 2, bias=False
    )
    with torch.no_grad():
        layer.weight.zero_()
        tent = torch.from_numpy(bilinear_kernel(factor)).to(layer.weight.dtype)
        layer.weight[range(classes), range(classes)] = tent
    layer.weight.requires_grad_(learned)
    return layer


class FCN(Segmenter):
    """FCN-32s, FCN-16s, FCN-8s as in the paper, down to FCN-2s: class scores of maps, summed.

    Parameters
    ----------
    classes
        Number of output channels.
    stride
        Of the finest map that is scored: 32, 16, 8, 4 or 2. The last step enlarges by it.
    encoder
        "vgg16" as in the paper, or "squeezenet".
    width
        Factor on all channels of the encoder and head.
    head
        Channels of the layers that were VGG16's dense ones, fc6 and fc7, before ``width``.
    head_kernel
        Kernel of fc6: 7 as in VGG16.
    score_relu
        A ReLU on every class score, as some reproductions have it by mistake: a score can then
        never speak against a class.

    Departures from the paper: padding of 3 in fc6 and to a multiple of 32 outside, instead of a
    rim of 100 pixels; the finest upsampling is learned too.

    Examples
    --------
    >>> network = FCN(classes=21, stride=8, width=1 / 16, head=64)
    >>> logits = network(torch.rand(1, 3, 50, 70))
    >>> tuple(logits.shape), bool(logits.any())  # scores begin at zero
    ((1, 21, 50, 70), False)
    >>> [layer.stride[0] for layer in (*network.up.values(), network.up_last)]
    [2, 2, 8]
    """

    def __init__(
        self,
        classes: int,
        stride: int = 8,
        encoder: str = "vgg16",
        width: float = 1.0,
        head: int = 4096,
        head_kernel: int = 7,
        score_relu: bool = False,
    ) -> None:
        super().__init__()
        if stride not in (2, 4, 8, 16, 32):
            refuse("stride", stride, "32, 16, 8, 4 or 2")
        check_choice("encoder", encoder, ENCODERS)
        self.stride, self.score_relu = stride, score_relu
        self.encoder = ENCODERS[encoder](width)
        hidden = scaled(head, width)
        deepest = self.encoder.channels[32]
        self.fc6 = nn.Conv2d(deepest, hidden, head_kernel, padding=head_kernel // 2)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.dropout = nn.Dropout()
        self.score = nn.Conv2d(hidden, classes, 1)
        skips = [s for s in (16, 8, 4, 2) if s >= stride]
        self.score_skip = nn.ModuleDict(
            {str(s): nn.Conv2d(self.encoder.channels[s], classes, 1) for s in skips}
        )
        he_initialise(self)
        if not score_relu:  # begin at zero, as in the paper; a ReLU would never leave it
            for layer in (self.score, *self.score_skip.values()):
                nn.init.zeros_(layer.weight)
        self.up = nn.ModuleDict({str(s): upsampling(classes, 2) for s in skips})
        self.up_last = upsampling(classes, stride)

    def paths(self) -> list[tuple[int, list[nn.Module]]]:
        found, after = [], [self.up_last]
        for stride in reversed([*self.score_skip]):
            found.append((int(stride), after))
            after = [self.up[stride], *after]
        return [*found, (32, [self.fc6, *after])]

    def logits(self, image: Tensor) -> Tensor:
        maps = self.encoder(image)
        x = self.dropout(self.fc6(maps[32]).relu())
        x = self.dropout(self.fc7(x).relu())
        say = torch.relu if self.score_relu else (lambda scores: scores)
        x = say(self.score(x))
        for stride, score in self.score_skip.items():
            x = self.up[stride](x) + say(score(maps[int(stride)]))
        return self.up_last(x)


class FeatureSumFCN(Segmenter):
    """FCN-8s with sums of feature maps instead of class scores, and its twin without the sums.

    Differs from the paper: a ReLU on the class scores, no activation between the transposed
    convolutions, pool4 and pool3 added as they are (512 and 256 channels). Additions have no
    parameters, so both twins have the same number: 136,514,116 for two classes.

    Examples
    --------
    >>> with torch.device("meta"):  # described and not made
    ...     twins = FeatureSumFCN(), FeatureSumFCN(skips=False)
    >>> [sum(weight.numel() for weight in twin.parameters()) for twin in twins]
    [136514116, 136514116]
    """

    def __init__(
        self, classes: int = 2, skips: bool = True, encoder: str = "vgg16", width: float = 1.0,
        head: int = 4096, head_kernel: int = 7,
    ) -> None:  # fmt: skip
        super().__init__()
        self.skips = skips
        self.encoder = ENCODERS[encoder](width)
        c = self.encoder.channels
        hidden = scaled(head, width)
        self.fc6 = nn.Conv2d(c[32], hidden, head_kernel, padding=head_kernel // 2)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.score = nn.Conv2d(hidden, classes, 1)
        self.up16 = nn.ConvTranspose2d(classes, c[16], 4, stride=2, padding=1)
        self.up8 = nn.ConvTranspose2d(c[16], c[8], 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(c[8], classes, 16, stride=8, padding=4)
        he_initialise(self)

    def paths(self) -> list[tuple[int, list[nn.Module]]]:
        deepest = (32, [self.fc6, self.up16, self.up8, self.up1])
        return [(8, [self.up1]), (16, [self.up8, self.up1]), deepest]

    def logits(self, image: Tensor) -> Tensor:
        maps = self.encoder(image)
        x = self.fc7(self.fc6(maps[32]).relu()).relu()
        x = self.up16(self.score(x).relu())
        x = self.up8(x + maps[16] if self.skips else x)
        return self.up1(x + maps[8] if self.skips else x)


class ConcatFCN(Segmenter):
    """FCN with skips by concatenation, as in U-Net: enlarge, put beside the map, convolve.

    Examples
    --------
    >>> network = ConcatFCN(classes=5, width=1 / 16, head=64, hidden=6)
    >>> tuple(network(torch.rand(1, 3, 50, 70)).shape)
    (1, 5, 50, 70)
    >>> {stride: mix.in_channels for stride, mix in network.mix.items()}  # 6 and those of the map
    {'16': 38, '8': 22}
    """

    def __init__(
        self, classes: int, stride: int = 8, encoder: str = "vgg16", width: float = 1.0,
        head: int = 4096, head_kernel: int = 7, hidden: int = 64,
    ) -> None:  # fmt: skip
        super().__init__()
        self.encoder = ENCODERS[encoder](width)
        c = self.encoder.channels
        head = scaled(head, width)
        self.fc6 = nn.Conv2d(c[32], head, head_kernel, padding=head_kernel // 2)
        self.fc7 = nn.Conv2d(head, head, 1)
        self.dropout = nn.Dropout()
        self.up, self.mix = nn.ModuleDict(), nn.ModuleDict()
        before = head
        for s in (s for s in (16, 8, 4, 2) if s >= stride):
            self.up[str(s)] = nn.ConvTranspose2d(before, hidden, 4, stride=2, padding=1)
            self.mix[str(s)] = nn.Conv2d(hidden + c[s], hidden, 3, padding=1)
            before = hidden
        self.score = nn.Conv2d(before, classes, 1)
        he_initialise(self)
        self.up_last = upsampling(classes, stride)

    def paths(self) -> list[tuple[int, list[nn.Module]]]:
        found, after = [], [self.up_last]
        for stride in reversed([*self.up]):
            after = [self.mix[stride], *after]
            found.append((int(stride), after))
            after = [self.up[stride], *after]
        return [*found, (32, [self.fc6, *after])]

    def logits(self, image: Tensor) -> Tensor:
        maps = self.encoder(image)
        x = self.dropout(self.fc6(maps[32]).relu())
        x = self.dropout(self.fc7(x).relu())
        for stride, up in self.up.items():
            x = self.mix[stride](torch.cat([up(x).relu(), maps[int(stride)]], 1)).relu()
        return self.up_last(self.score(x))


class EightfoldFCN(Segmenter):
    """Scores at stride 8, enlarged in one jump of 8 or in three steps of 2.

    ``steps`` is "one" (kernel 16, stride 8), "three" (kernels of 4, stride 2, with so many
    channels in between that there are no more weights than in the one), or "three with ReLU".

    Examples
    --------
    >>> networks = [EightfoldFCN(3, steps, width=1 / 16) for steps in ("one", "three")]
    >>> [sum(weight.numel() for weight in network.up.parameters()) for network in networks]
    [2304, 2160]
    >>> tuple(networks[1](torch.rand(1, 3, 50, 70)).shape)
    (1, 3, 50, 70)
    """

    def __init__(
        self, classes: int, steps: str = "one", encoder: str = "vgg16", width: float = 1.0,
        head: int = 512,
    ) -> None:  # fmt: skip
        super().__init__()
        if steps not in ("one", "three", "three with ReLU"):
            refuse("steps", repr(steps), "one, three or three with ReLU")
        self.encoder = ENCODERS[encoder](width)
        self.encoder.features = self.encoder.features[: self.encoder.ends[8] + 1]
        head = scaled(head, width)
        self.fc = nn.Conv2d(self.encoder.channels[8], head, 3, padding=1)
        self.score = nn.Conv2d(head, classes, 1)
        if steps == "one":
            layers = [nn.ConvTranspose2d(classes, classes, 16, 8, padding=4, bias=False)]
        else:
            # 16 (2 c m + m²) ≤ 256 c² weights
            between = int((17 * classes**2) ** 0.5 - classes)
            layers = []
            for before, after in pairwise((classes, between, between, classes)):
                if layers and steps == "three with ReLU":
                    layers.append(nn.ReLU())
                layers.append(nn.ConvTranspose2d(before, after, 4, 2, padding=1, bias=False))
        self.up = nn.Sequential(*layers)
        he_initialise(self)

    def paths(self) -> list[tuple[int, list[nn.Module]]]:
        return [(8, [self.fc, *self.up])]

    def logits(self, image: Tensor) -> Tensor:
        return self.up(self.score(self.fc(self.encoder(image)[8]).relu()))
