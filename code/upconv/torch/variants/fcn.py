"""FCN with a popular mistake, and its relatives, for comparison."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from upconv.checks import check_choice, refuse
from upconv.deprecated import ARGUMENTS, renamed, takes_old_layers
from upconv.options import scaled
from upconv.torch import fcn
from upconv.torch.encoders import ENCODERS, he_initialize
from upconv.torch.fcn import upsampling
from upconv.torch.segmenter import Segmenter


@renamed(**ARGUMENTS["FCN"])
class FCN(fcn.FCN):
    """:class:`upconv.torch.FCN`, with a ReLU on every class score if wanted.

    Parameters
    ----------
    classes, stride, encoder, width_mult, head, head_kernel
        As of :class:`upconv.torch.FCN`.
    score_relu
        A ReLU on every class score, as some reproductions have it by mistake: a score can then
        never speak against a class.

    Raises
    ------
    ValueError
        For an unknown stride or encoder.

    Examples
    --------
    >>> network = variants.FCN(classes=21, width_mult=1 / 16, head=64, score_relu=True)
    >>> logits = network(torch.rand(1, 3, 50, 70))
    >>> tuple(logits.shape), bool((logits >= 0).all())
    ((1, 21, 50, 70), True)
    """

    def __init__(
        self,
        classes: int,
        stride: int = 8,
        encoder: str = "vgg16",
        width_mult: float = 1.0,
        head: int = 4096,
        head_kernel: int = 7,
        *,
        score_relu: bool = False,
    ) -> None:
        self.score_relu = score_relu  # what ``initialize`` asks for
        super().__init__(classes, stride, encoder, width_mult, head, head_kernel)

    def initialize(self) -> None:
        """He's weights; scores begin at zero unless a ReLU follows, which would never leave it."""
        if self.score_relu:
            he_initialize(self)
        else:
            super().initialize()

    def logits(self, image: Tensor) -> Tensor:
        activation = torch.relu if self.score_relu else nn.Identity()
        maps = self.encoder(image)
        x = self.dropout(self.fc6(maps[32]).relu())  # (N, 4096, H/32, W/32)
        x = self.dropout(self.fc7(x).relu())
        x = activation(self.score(x))  # (N, classes, H/32, W/32)
        for stride, score in self.score_skip.items():
            x = self.up[stride](x)  # (N, classes, H/16, W/16), (N, classes, H/8, W/8)
            x = x + activation(score(maps[int(stride)]))
        return self.up_last(x)  # (N, classes, H, W)


@renamed(**ARGUMENTS["FeatureSumFCN"])
class FeatureSumFCN(Segmenter):
    """FCN-8s with sums of feature maps instead of class scores, and its twin without the sums.

    Differs from the paper: a ReLU on the class scores, no activation between the transposed
    convolutions, pool4 and pool3 added as they are (512 and 256 channels). Additions have no
    parameters, so both twins have the same number: 136,514,116 for two classes.

    Raises
    ------
    ValueError
        For an unknown encoder.

    Examples
    --------
    >>> with torch.device("meta"):  # described but not allocated
    ...     twins = variants.FeatureSumFCN(), variants.FeatureSumFCN(skips=False)
    >>> [sum(weight.numel() for weight in twin.parameters()) for twin in twins]
    [136514116, 136514116]
    """

    def __init__(
        self, classes: int = 2, skips: bool = True, encoder: str = "vgg16", width_mult: float = 1.0,
        head: int = 4096, head_kernel: int = 7,
    ) -> None:  # fmt: skip
        super().__init__()
        self.skips = skips
        check_choice("encoder", encoder, ENCODERS)
        self.encoder = ENCODERS[encoder](width_mult)
        c = self.encoder.channels
        hidden = scaled(head, width_mult)
        self.fc6 = nn.Conv2d(c[32], hidden, head_kernel, padding=head_kernel // 2)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.score = nn.Conv2d(hidden, classes, 1)
        self.up16 = nn.ConvTranspose2d(classes, c[16], 4, stride=2, padding=1)
        self.up8 = nn.ConvTranspose2d(c[16], c[8], 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(c[8], classes, 16, stride=8, padding=4)
        he_initialize(self)

    def paths(self) -> list[tuple[int, list[nn.Module]]]:
        deepest = (32, [self.fc6, self.up16, self.up8, self.up1])
        return [(8, [self.up1]), (16, [self.up8, self.up1]), deepest]

    def logits(self, image: Tensor) -> Tensor:
        maps = self.encoder(image)
        x = self.fc7(self.fc6(maps[32]).relu()).relu()  # (N, 4096, H/32, W/32)
        x = self.up16(self.score(x).relu())  # (N, 512, H/16, W/16)
        x = self.up8(x + maps[16] if self.skips else x)  # (N, 256, H/8, W/8)
        return self.up1(x + maps[8] if self.skips else x)  # (N, classes, H, W)


@takes_old_layers
@renamed(**ARGUMENTS["ConcatFCN"])
class ConcatFCN(Segmenter):
    """FCN with skips by concatenation, as in U-Net: upsample, concatenate, convolve.

    Parameters as of :class:`upconv.torch.FCN`; ``hidden`` are the channels of the decoder.

    Raises
    ------
    ValueError
        For an unknown encoder.

    Examples
    --------
    >>> network = variants.ConcatFCN(classes=5, width_mult=1 / 16, head=64, hidden=6)
    >>> tuple(network(torch.rand(1, 3, 50, 70)).shape)
    (1, 5, 50, 70)
    >>> {s: layer.in_channels for s, layer in network.decoder.items()}  # 6 and the encoder's
    {'16': 38, '8': 22}
    """

    join = "concatenation"

    def __init__(
        self, classes: int, stride: int = 8, encoder: str = "vgg16", width_mult: float = 1.0,
        head: int = 4096, head_kernel: int = 7, hidden: int = 64,
    ) -> None:  # fmt: skip
        super().__init__()
        check_choice("encoder", encoder, ENCODERS)
        self.encoder = ENCODERS[encoder](width_mult)
        c = self.encoder.channels
        head = scaled(head, width_mult)
        self.fc6 = nn.Conv2d(c[32], head, head_kernel, padding=head_kernel // 2)
        self.fc7 = nn.Conv2d(head, head, 1)
        self.dropout = nn.Dropout()
        self.up, self.project, self.decoder = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        before = head
        for s in (s for s in (16, 8, 4, 2) if s >= stride):
            self.up[str(s)] = nn.ConvTranspose2d(before, hidden, 4, stride=2, padding=1)
            if self.join == "sum":
                self.project[str(s)] = nn.Conv2d(c[s], hidden, 1)
            joined = hidden + c[s] if self.join == "concatenation" else hidden
            self.decoder[str(s)] = nn.Conv2d(joined, hidden, 3, padding=1)
            before = hidden
        self.score = nn.Conv2d(before, classes, 1)
        he_initialize(self)
        self.up_last = upsampling(classes, stride)

    def paths(self) -> list[tuple[int, list[nn.Module]]]:
        found, after = [], [self.up_last]
        for stride in reversed([*self.up]):
            after = [self.decoder[stride], *after]
            found.append((int(stride), after))
            after = [self.up[stride], *after]
        return [*found, (32, [self.fc6, *after])]

    def logits(self, image: Tensor) -> Tensor:
        maps = self.encoder(image)
        x = self.dropout(self.fc6(maps[32]).relu())  # (N, 4096, H/32, W/32)
        x = self.dropout(self.fc7(x).relu())
        for stride, up in self.up.items():
            x = up(x).relu()  # (N, 64, H/16, W/16), (N, 64, H/8, W/8)
            if self.join == "concatenation":
                x = torch.cat([x, maps[int(stride)]], 1)  # (N, 576, …), (N, 320, …)
            elif self.join == "sum":
                x = x + self.project[stride](maps[int(stride)])  # (N, 64, …)
            x = self.decoder[stride](x).relu()  # (N, 64, …)
        return self.up_last(self.score(x))  # (N, classes, H, W)


class SumFCN(ConcatFCN):
    """:class:`ConcatFCN` whose skips are added: a 1 × 1 convolution gives them ``hidden`` channels.

    Raises
    ------
    ValueError
        For an unknown encoder.

    Examples
    --------
    >>> network = variants.SumFCN(classes=5, width_mult=1 / 16, head=64, hidden=6)
    >>> {s: layer.in_channels for s, layer in network.decoder.items()}
    {'16': 6, '8': 6}
    """

    join = "sum"


class SkiplessFCN(ConcatFCN):
    """:class:`ConcatFCN` without the skips, and all else as it is.

    Raises
    ------
    ValueError
        For an unknown encoder.

    Examples
    --------
    >>> sizes = {"classes": 5, "width_mult": 1 / 16, "head": 64, "hidden": 6}
    >>> networks = variants.SkiplessFCN(**sizes), variants.SumFCN(**sizes)
    >>> counts = [sum(weight.numel() for weight in network.parameters()) for network in networks]
    >>> counts[1] - counts[0]  # the projections: 6 · 32 + 6 and 6 · 16 + 6
    300
    """

    join = "none"


@renamed(**ARGUMENTS["EightfoldFCN"])
class EightfoldFCN(Segmenter):
    """Scores at stride 8, upsampled in one jump of 8 or in three steps of 2.

    ``steps`` is "one" (kernel 16, stride 8), "three" (kernels of 4, stride 2, with channels in
    between so chosen that there are no more weights than in the one), or "three with ReLU".

    Raises
    ------
    ValueError
        For an unknown encoder or number of steps.

    Examples
    --------
    >>> one, three = (variants.EightfoldFCN(3, n, width_mult=1 / 16) for n in ("one", "three"))
    >>> [sum(weight.numel() for weight in network.up.parameters()) for network in (one, three)]
    [2304, 2160]
    >>> tuple(three(torch.rand(1, 3, 50, 70)).shape)
    (1, 3, 50, 70)
    """

    def __init__(
        self, classes: int, steps: str = "one", encoder: str = "vgg16", width_mult: float = 1.0,
        head: int = 512,
    ) -> None:  # fmt: skip
        super().__init__()
        if steps not in ("one", "three", "three with ReLU"):
            refuse("steps", repr(steps), "one, three or three with ReLU")
        check_choice("encoder", encoder, ENCODERS)
        self.encoder = ENCODERS[encoder](width_mult)
        self.encoder.features = self.encoder.features[: self.encoder.ends[8] + 1]
        head = scaled(head, width_mult)
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
        he_initialize(self)

    def paths(self) -> list[tuple[int, list[nn.Module]]]:
        return [(8, [self.fc, *self.up])]

    def logits(self, image: Tensor) -> Tensor:
        x = self.fc(self.encoder(image)[8]).relu()  # (N, head, H/8, W/8)
        return self.up(self.score(x))  # (N, classes, H, W)
