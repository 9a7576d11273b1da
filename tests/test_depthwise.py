"""The depthwise convolution has PyTorch's outputs and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from upconv.torch.depthwise import DepthwiseConv2d, _Depthwise


def gradients(layer, image, seed):
    image = image.clone().requires_grad_()
    output = layer(image)
    output.backward(torch.randn(output.shape, generator=torch.Generator().manual_seed(seed)))
    return output, image.grad, layer.weight.grad


def twins(channels, kernel, stride, dtype=torch.float64):
    torch.manual_seed(0)
    ours = DepthwiseConv2d(channels, kernel, stride).to(dtype)
    theirs = nn.Conv2d(channels, channels, kernel, stride, groups=channels, bias=False).to(dtype)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("more", [(0, 0), (1, 0), (1, 1)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_outputs_and_gradients_are_pytorchs(kernel, stride, more, layout):
    """Whether or not the last window ends at the last pixel."""
    torch.manual_seed(1)
    image = torch.randn(2, 6, 9 + more[0], 12 + more[1]).contiguous(memory_format=layout)
    ours, theirs = twins(6, kernel, stride, torch.float32)
    got, expected = (gradients(layer, image, 2) for layer in (ours, theirs))
    for name, one, other in zip(("output", "input", "weight"), got, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4, msg=name)


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_are_those_of_differences(stride):
    ours, _ = twins(3, 3, stride)
    image = torch.randn(2, 3, 6, 7, dtype=torch.float64, requires_grad=True)
    # Its weights' gradient is computed in float32.
    assert torch.autograd.gradcheck(
        lambda x: _Depthwise.apply(x, ours.weight.detach(), stride), image
    )


def test_in_bf16_the_weights_learn_what_they_learn_in_float32():
    ours, theirs = twins(16, 5, 2, torch.float32)
    image = torch.randn(4, 16, 19, 19)
    with torch.autocast("cpu", torch.bfloat16):
        half = ours(image)
    assert half.dtype == torch.bfloat16
    half.float().square().sum().backward()
    theirs(image).square().sum().backward()
    error = (ours.weight.grad - theirs.weight.grad).norm() / theirs.weight.grad.norm()
    assert ours.weight.grad.dtype == torch.float32 and error < 0.02


def test_what_does_not_learn_is_left_to_pytorch():
    ours, _ = twins(3, 3, 1, torch.float32)
    with torch.no_grad():
        assert ours(torch.rand(1, 3, 5, 5)).grad_fn is None
    ours.requires_grad_(False)
    image = torch.rand(1, 3, 5, 5, requires_grad=True)
    assert "Depthwise" not in type(ours(image).grad_fn).__name__
    assert "Depthwise" in type(twins(3, 3, 1, torch.float32)[0](image).grad_fn).__name__
