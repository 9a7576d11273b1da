"""What networks on an encoder share: images of any size, padded inside and cropped at the end."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from upconv.options import IMAGENET_MEAN


def pad_to_multiple(image: Tensor, multiple: int) -> tuple[Tensor, tuple[slice, slice]]:
    """The image padded with the mean color, and the window that crops the padding off again.

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
        image = pad_with_mean(image, (left, wide - left, top, tall - top))
    return image, window


def pad_with_mean(image: Tensor, missing: tuple[int, int, int, int]) -> Tensor:
    """Pad images (N, 3, H, W) with the mean color: left, right, top and bottom.

    Examples
    --------
    >>> pad_with_mean(torch.zeros(1, 3, 1, 1), (0, 1, 0, 0))[0, :, 0, 1]
    tensor([0.4850, 0.4560, 0.4060])
    """
    mean = image.new_tensor(IMAGENET_MEAN).view(3, 1, 1)
    return F.pad(image - mean, missing) + mean


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
    centered = True  # what is missing to the multiple is added on both sides

    def paths(self) -> list[tuple[int, list[nn.Module]]]:
        """Stride of a map of the encoder, and the layers from there to the logits."""
        raise NotImplementedError

    @property
    def context_margin(self) -> int:
        """Pixels that a block of the output sees beyond itself, at most, on each side."""
        extent = 0
        for stride, layers in self.paths():
            block = (0, self.multiple - 1)
            before = self.encoder.features[: self.encoder.ends[stride] + 1]
            for layer in reversed([*before, *layers]):
                block = seen_by(layer, block)
            extent = max(extent, -block[0], block[1] - (self.multiple - 1))
        return extent

    def forward(self, image: Tensor) -> Tensor:
        padded, window = pad_to_multiple(image, self.multiple)
        return self.logits(padded)[..., window[0], window[1]]


def seen_by(layer: nn.Module, block: tuple[int, int]) -> tuple[int, int]:
    """First and last place of a layer's input that its outputs from first to last depend on."""
    # Of a Fire, and of an MBConv: what is beside it sees no farther.
    layer = getattr(layer, "expand3x3", getattr(layer, "filter", layer))
    if isinstance(layer, nn.Sequential):
        for part in reversed(layer):
            block = seen_by(part, block)
        return block
    if isinstance(layer, nn.ZeroPad2d):
        return block[0] - layer.padding[0], block[1] - layer.padding[0]
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
