"""Depthwise convolution whose gradients on a CPU take a few times the forward pass, not fifty."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class DepthwiseConv2d(nn.Conv2d):
    """``nn.Conv2d`` with one filter a channel, square, without bias and padding; stride 1 or 2.

    On a CPU, oneDNN has no fast path for two gradients: that of the weights in bf16, and that of
    the input at stride 2. Here the first is computed in float32, or for large kernels as another
    depthwise convolution; the second as a convolution at stride 1 of the gradient with zeros in
    between. In bf16 a training step of EfficientNet-Lite0 takes about half the time, in float32
    hardly less. Results are equal but for rounding.

    Examples
    --------
    >>> from upconv.torch.depthwise import DepthwiseConv2d
    >>> layer = DepthwiseConv2d(8, kernel_size=5, stride=2)
    >>> tuple(layer(torch.rand(1, 8, 19, 35)).shape), tuple(layer.weight.shape)
    ((1, 8, 8, 16), (8, 1, 5, 5))
    """

    def __init__(self, channels: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__(channels, channels, kernel_size, stride, groups=channels, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        learns = torch.is_grad_enabled() and self.weight.requires_grad
        if input.device.type != "cpu" or not learns:
            return super().forward(input)
        found: Tensor = _Depthwise.apply(input, self.weight, self.stride[0])
        return found


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        found = F.conv2d(x, weight, stride=stride, groups=len(weight))
        # Autocast has rounded both; of the two, only the input is worth keeping as it was used.
        ctx.save_for_backward(x.to(found.dtype), weight)
        ctx.stride = stride
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        grad_input = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_input = _input_gradient(grad, weight.to(grad.dtype), x.shape, ctx.stride)
        if ctx.needs_input_grad[1]:
            grad_weight = _weight_gradient(grad, x, weight.shape, ctx.stride)
        return grad_input, grad_weight, None


def _input_gradient(grad: Tensor, weight: Tensor, shape: torch.Size, stride: int) -> Tensor:
    """(N, C, h, w) → (N, C, H, W): the transposed convolution, as one at stride 1."""
    side, around = weight.shape[-1], weight.shape[-1] - 1
    height, width = (size - side + 1 for size in shape[-2:])  # of the output at stride 1
    if stride > 1:
        spread = grad.new_zeros((*grad.shape[:2], height, width))
        spread = spread.contiguous(memory_format=torch.channels_last)
        spread[..., ::stride, ::stride] = grad
        grad = spread
    return F.conv2d(grad, weight.flip(2, 3), padding=around, groups=len(weight))


def _weight_gradient(grad: Tensor, x: Tensor, shape: torch.Size, stride: int) -> Tensor:
    """(N, C, h, w) → (C, 1, K, K), in float32."""
    if (side := shape[-1]) <= 3:
        given = {"stride": stride, "groups": shape[0]}
        return torch.nn.grad.conv2d_weight(x.float(), shape, grad.float(), **given)
    # Large kernels have many places: here each image's channel is filtered by its own gradient.
    images, channels = grad.shape[:2]
    each = F.conv2d(
        x.reshape(1, images * channels, *x.shape[-2:]),
        grad.reshape(images * channels, 1, *grad.shape[-2:]),
        groups=images * channels,
        dilation=stride,
    )
    each = each.view(images, channels, *each.shape[-2:])[..., :side, :side]
    return each.float().sum(0)[:, None]
