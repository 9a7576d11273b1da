"""What the units of a network do: which never answer."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from upconv.checks import refuse
from upconv.torch.modes import evaluating


class Units(NamedTuple):
    """Shares of a layer's units: ``silent``, below zero for every image, and ``dead``, so that no
    image's gradient passes. A LeakyReLU's units may be silent, and are never dead.

    Examples
    --------
    >>> units = dead_units(Generator(32, channels=1, base_channels=4), torch.randn(4, 100))
    >>> sorted(units)
    ['layer 1', 'layer 2', 'layer 3']
    >>> units["layer 1"].silent == units["layer 1"].dead  # a ReLU's silent units are dead
    True
    """

    silent: float
    dead: float


def dead_units(network: nn.Module, images: torch.Tensor) -> dict[str, Units]:
    """Silent and dead units before each ReLU, LeakyReLU or tanh of a network, over some images.

    A unit is a channel at a place. The network's activation is its attribute ``act``.

    Raises
    ------
    ValueError
        If the network has none.

    Examples
    --------
    >>> black = torch.zeros(2, 1, 32, 32)
    >>> dead_units(Discriminator(32, channels=1, base_channels=4), black)["layer 2"]
    Units(silent=1.0, dead=0.0)
    >>> with_relu = variants.Discriminator(32, channels=1, base_channels=4, act="relu")
    >>> dead_units(with_relu, black)["layer 2"]
    Units(silent=1.0, dead=1.0)
    """
    act = getattr(network, "act", None)
    if act is None:
        refuse("network", type(network).__name__, "one with an act")
    found: dict[str, Units] = {}

    def look(layer: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        values = inputs[0]
        silent = (values <= 0).flatten(1).all(0).float().mean().item()
        dead = silent if isinstance(layer, nn.ReLU) else 0.0
        found[f"layer {len(found) + 1}"] = Units(silent, dead)

    hook = act.register_forward_pre_hook(look)
    try:
        with evaluating(network), torch.inference_mode():
            network(images)
    finally:
        hook.remove()
    return found
