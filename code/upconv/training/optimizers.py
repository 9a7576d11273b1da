"""Fused optimizers for weights in channels-last memory format."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

AS_IT_LIES = (0, 2, 3, 1)  # from (O, I, H, W) to the memory order of a channels-last weight
BACK = (0, 3, 1, 2)


def fuse_channels_last(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Make an optimizer step see channels-last weights, gradients and moments in memory order.

    PyTorch's fused steps traverse memory linearly. On a CPU they copy every tensor that is not
    contiguous, which takes longer than the step; and if a gradient's layout differs from its
    weight's, they pair the wrong numbers. During the step all are contiguous views.
    """
    flat: list[Tensor] = []

    def before(*_: Any) -> None:
        for group in optimizer.param_groups:
            for weight in group["params"]:
                if weight.grad is not None and _channels_last(weight):
                    flat.append(weight)
                    _permute(optimizer, weight, AS_IT_LIES)

    def after(*_: Any) -> None:
        while flat:
            _permute(optimizer, flat.pop(), BACK)

    optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(after)
    return optimizer


def _channels_last(weight: Tensor) -> bool:
    return (
        weight.ndim == 4
        and not weight.is_contiguous()
        and weight.is_contiguous(memory_format=torch.channels_last)
    )


def _permute(optimizer: torch.optim.Optimizer, weight: Tensor, order: tuple[int, ...]) -> None:
    moments = optimizer.state.get(weight, {})
    gradient, weight.grad = weight.grad, None
    weight.data = weight.data.permute(order)
    weight.grad = None if gradient is None else _permuted(gradient, order)
    for name, value in moments.items():
        if isinstance(value, Tensor) and value.ndim == 4:
            moments[name] = _permuted(value, order)


def _permuted(values: Tensor, order: tuple[int, ...]) -> Tensor:
    # A gradient, or moments from another checkpoint, may have another layout: then this copies.
    return values.permute(order).contiguous() if order == AS_IT_LIES else values.permute(order)
