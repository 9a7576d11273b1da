"""Training of a small classifier, whose features and probabilities score generated images."""

from __future__ import annotations

import sys
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from upconv.checks import LARGEST_BATCH, MOST_STEPS, check_integer, check_real, check_seed, refuse
from upconv.data import ImageSet
from upconv.device import autocast, layout, loss_scaler, pick_device, put, resolve_precision
from upconv.pixels import to_pixels


def train_classifier(
    network: nn.Module,
    data: ImageSet,
    *,
    steps: int = 600,
    batch: int = 128,
    learning_rate: float = 3e-3,
    seed: int = 0,
    device: str = "auto",
    progress: bool = False,
) -> float:
    """Train a classifier on a labeled set, in place; return its accuracy on held-out images.

    The last tenth of the images is held out. Training images are shifted cyclically by up to two
    pixels.

    Raises
    ------
    ValueError
        If the set has no labels, or a number is out of bounds.
    """
    check_integer("steps", steps, 1, MOST_STEPS)
    check_integer("batch", batch, 1, LARGEST_BATCH)
    check_real("learning_rate", learning_rate)
    check_seed("seed", seed)
    if data.labels is None:
        refuse("data", f"{data.name} without labels", "a labeled set")
    channels = cast(int, network.in_channels)
    where = pick_device(device)
    precision = resolve_precision("auto", where)
    put(network, where, layout(network, precision, where)).train()
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate, fused=True)
    scaler = loss_scaler(precision, where)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, steps)
    rng = np.random.default_rng(seed)
    held_out = max(1, len(data) // 10)
    known = len(data) - held_out
    bar = tqdm(range(steps), disable=None if progress else True, file=sys.stderr)
    for _ in bar:
        places = rng.integers(known, size=batch)
        pixels = to_pixels(data.images[places], channels)
        pixels = torch.roll(pixels, tuple(rng.integers(-2, 3, 2).tolist()), (2, 3))
        with autocast(precision, where):
            logits = network(pixels.to(where))
        loss = F.cross_entropy(logits.float(), torch.as_tensor(data.labels[places], device=where))
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
    network.eval()
    with torch.inference_mode():
        right = 0
        for start in range(known, len(data), 500):
            pixels = to_pixels(data.images[start : start + 500], channels, device=where)
            said = network(pixels).argmax(1).cpu().numpy()
            right += (said == data.labels[start : start + 500]).sum()
    return float(right / held_out)
