"""What depth is for, and what skips and bottom carry, on drawn cells: 14 minutes of CPU.

One task is local: find the walls. The other needs a look around: which cells have a mark?
Networks of 1 to 4 poolings learn both. In the deepest, skips and bottom are then exchanged for
those of another image, one at a time and together.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from campaign import Experiment, Key

from upconv import data
from upconv.data import SegmentationSet
from upconv.inference import predict
from upconv.torch.variants import UNet
from upconv.training import Settings, train

DEPTHS = (1, 2, 3, 4)
NETWORK = {"base_channels": 12, "padded": True, "norm": "batch", "dropout": 0.0}
TASKS = ("walls", "marks")
SETTINGS = Settings(steps=400, batch=4, crop=128, learning_rate=4e-3, vertical_flip=True)
IMAGES = {"train": 60, "test": 20}


def cells(split: str, task: str, seed: int = 0) -> SegmentationSet:
    found = data.marked_cells(IMAGES[split], seed=seed, split=split)
    if task == "marks":
        return found
    return replace(found, masks=(found.masks > 0).astype(np.uint8), classes=("wall", "cell"))


def run(key: Key) -> dict[str, Any]:
    task, depth, seed = key["task"], key["depth"], key["seed"]
    training, test = cells("train", task, seed), cells("test", task)
    torch.manual_seed(seed)
    network = UNet(len(training.classes), depth=depth, **NETWORK)
    history = train(network, training, replace(SETTINGS, seed=seed), progress=False)
    outcome = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "losses": [round(loss, 4) for loss in history.losses[::4]],
        "sees": network.context_margin,
    } | scores(predict(network, test.images), test.masks)
    if task == "marks" and depth == max(DEPTHS):
        outcome["exchanged"] = exchanged(network, test)
    return outcome


def scores(said: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Which walls are found, and which class is right among the true cells' pixels."""
    walls = (said == 0) & (truth == 0)
    inside = truth > 0
    return {
        "wall_iou": float(walls.sum() / ((said == 0) | (truth == 0)).sum()),
        "right_inside": float((said == truth)[inside].mean()),
    }


def exchanged(network: UNet, test: SegmentationSet) -> dict[str, dict[str, float]]:
    """Skips or bottom of the image before: whose walls, and whose classes, are then drawn?"""
    own, other = test.masks, np.roll(test.masks, 1, axis=0)
    both = (own > 0) & (other > 0) & (own != other)  # cells in both, of different classes
    found = {}
    for skips in ("own", "neighbor"):
        for bottom in ("own", "neighbor"):
            hook = network.bottleneck.register_forward_hook(
                lambda _, __, out, turn=bottom == "neighbor": out.roll(1, 0) if turn else out
            )
            network.skip_source = skips
            said = predict(network, test.images)
            hook.remove()
            found[f"skips {skips}, bottom {bottom}"] = {
                "own_walls": scores(said, own)["wall_iou"],
                "neighbor_walls": scores(said, other)["wall_iou"],
                "own_class": float((said == own)[both].mean()),
                "neighbor_class": float((said == other)[both].mean()),
            }
    network.skip_source = "own"
    return found


def keys(seeds: int) -> list[Key]:
    return [
        {"task": task, "depth": depth, "seed": seed}
        for seed in range(seeds)
        for task in TASKS
        for depth in DEPTHS
    ]


EXPERIMENT = Experiment(
    name="unet_depth",
    data="marked cells, 60 images of 128 × 128 to train (seed of the run), 20 to test",
    keys=keys,
    run=run,
    about=lambda: {"network": NETWORK, "settings": asdict(SETTINGS)},
    seeds=5,
    show=("wall_iou", "right_inside"),
)
