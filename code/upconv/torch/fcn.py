"""Fully convolutional networks: Long, Shelhamer & Darrell (2015).

They take images in [0, 1], (N, 3, H, W) of any size, and return logits (N, classes, H, W). Inside,
the image is padded with ImageNet's mean color (after normalization: zeros, or nearly so in
EfficientNet-Lite0) to multiples of 32, half on each side, and the logits are cropped back. For
ablations and relatives: ``upconv.torch.variants``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upconv.checks import check_choice, refuse
from upconv.deprecated import ARGUMENTS, renamed
from upconv.ops import bilinear_kernel
from upconv.options import scaled
from upconv.torch.encoders import ENCODERS, he_initialize
from upconv.torch.segmenter import Segmenter


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


@renamed(**ARGUMENTS["FCN"])
class FCN(Segmenter):
    """FCN-32s, 16s, 8s as in the paper, down to FCN-2s: summed class scores of feature maps.

    Departures from the paper: padding of 3 in fc6 and to a multiple of 32 outside, instead of 100
    pixels on each side; the finest upsampling is learned too.

    Parameters
    ----------
    classes
        Number of output channels.
    stride
        Of the finest feature map that is scored: 32, 16, 8, 4 or 2. The last step upsamples by it.
    encoder
        "vgg16" as in the paper, "squeezenet" or "efficientnet_lite0".
    width_mult
        Factor on all numbers of channels of the encoder and head.
    head
        Channels of the layers that were VGG16's dense ones, fc6 and fc7, before ``width_mult``.
    head_kernel
        Kernel of fc6: 7 as in VGG16.

    Raises
    ------
    ValueError
        For an unknown stride or encoder.

    Examples
    --------
    >>> network = FCN(classes=21, stride=8, width_mult=1 / 16, head=64)
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
        width_mult: float = 1.0,
        head: int = 4096,
        head_kernel: int = 7,
    ) -> None:
        super().__init__()
        if stride not in (2, 4, 8, 16, 32):
            refuse("stride", stride, "32, 16, 8, 4 or 2")
        check_choice("encoder", encoder, ENCODERS)
        self.stride = stride
        self.encoder = ENCODERS[encoder](width_mult)
        channels, hidden = self.encoder.channels, scaled(head, width_mult)
        self.fc6 = nn.Conv2d(channels[32], hidden, head_kernel, padding=head_kernel // 2)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.dropout = nn.Dropout()
        self.score = nn.Conv2d(hidden, classes, 1)
        skips = [s for s in (16, 8, 4, 2) if s >= stride]
        self.score_skip = nn.ModuleDict({str(s): nn.Conv2d(channels[s], classes, 1) for s in skips})
        self.initialize()
        self.up = nn.ModuleDict({str(s): upsampling(classes, 2) for s in skips})
        self.up_last = upsampling(classes, stride)

    def initialize(self) -> None:
        """He's weights, but scores begin at zero, as in the paper."""
        he_initialize(self)
        for layer in (self.score, *self.score_skip.values()):
            nn.init.zeros_(layer.weight)

    # The comments have the channels of VGG16 and FCN-8s.
    def logits(self, image: Tensor) -> Tensor:
        maps = self.encoder(image)  # 8: (N, 256, H/8, W/8), … 32: (N, 512, H/32, W/32)
        x = self.dropout(self.fc6(maps[32]).relu())  # (N, 4096, H/32, W/32)
        x = self.dropout(self.fc7(x).relu())
        x = self.score(x)  # (N, classes, H/32, W/32)
        for stride, score in self.score_skip.items():
            x = self.up[stride](x)  # (N, classes, H/16, W/16), (N, classes, H/8, W/8)
            x = x + score(maps[int(stride)])
        return self.up_last(x)  # (N, classes, H, W)

    def paths(self) -> list[tuple[int, list[nn.Module]]]:
        found, after = [], [self.up_last]
        for stride in reversed([*self.score_skip]):
            found.append((int(stride), after))
            after = [self.up[stride], *after]
        return [*found, (32, [self.fc6, *after])]
