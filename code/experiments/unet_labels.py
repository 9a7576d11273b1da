"""How many labeled slices are needed, and by whom: ISBI 2012 at half resolution, 45 minutes of CPU.

U-Net, the same without skips, and FCN-8s, trained on 1, 3, 10 and 23 slices, with and without
augmentation, each with its own learning rate, chosen on validation slices. Which slices are labeled
is drawn anew with each seed.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import slices
import torch
from campaign import Experiment, Key
from torch import nn

from upconv import results
from upconv.torch import FCN, load_imagenet
from upconv.torch.variants import UNet
from upconv.training import Settings, train

FACTOR = 2
SIZES = {"base_channels": 16, "depth": 3, "padded": True, "norm": "batch", "dropout": 0.5}
WIDER = 17  # channels without skips, for as many parameters
SETTINGS = Settings(steps=320, batch=4, crop=96, learning_rate=3e-3)
RATES = (1e-3, 3e-3, 1e-2)
LABELS = (1, 3, 10, 23)
SELECTION = {"labels": 10, "seed": 100, "augmentation": "turned"}
NETWORKS = {
    "U-Net": ("none", "turned", "bent"),
    "no skips": ("none", "turned"),
    "FCN-8s": ("none", "turned"),
}  # with their augmentations


def build(name: str) -> nn.Module:
    if name == "FCN-8s":  # as in its paper, its encoder has learned from ImageNet
        network = FCN(2, 8, encoder="efficientnet_lite0", head=256, head_kernel=3)
        load_imagenet(network.encoder, "efficientnet_lite0")
        return network
    differing = {"skips": "none", "base_channels": WIDER} if name == "no skips" else {}
    return UNet(**SIZES | differing)


def fit(name: str, labels: int, augmentation: str, rate: float, seed: int) -> dict[str, Any]:
    torch.manual_seed(seed)
    network = build(name)
    training = slices.training_set(slices.labeled(labels, seed), augmentation, FACTOR)
    settings = slices.varied(SETTINGS, augmentation, seed, learning_rate=rate)
    history = train(network, training, settings, progress=False)
    return {
        "rate": rate,
        "parameters": sum(p.numel() for p in network.parameters()),
        "losses": [round(loss, 4) for loss in history.losses[::4]],
    } | slices.scored(network, FACTOR)


def select(key: Key) -> dict[str, Any]:
    found = fit(key["name"], rate=key["rate"], **SELECTION)
    return {name: found[name] for name in ("losses", "validation_error", "parameters")}


def best_rate(name: str) -> float:
    runs = [run for run in results.resume("unet_labels")["selection"] if run["name"] == name]
    return min(runs, key=lambda run: run["validation_error"])["rate"]


def run(key: Key) -> dict[str, Any]:
    rate = best_rate(key["name"])
    return fit(key["name"], key["labels"], key["augmentation"], rate, key["seed"])


def keys(seeds: int) -> list[Key]:
    return [
        {"name": name, "augmentation": augmentation, "labels": labels, "seed": seed}
        for seed in range(seeds)
        for name, augmentations in NETWORKS.items()
        for augmentation in augmentations
        for labels in LABELS
    ]


def about() -> dict[str, Any]:
    return {
        "network": SIZES,
        "settings": asdict(SETTINGS),
        "augmentations": slices.AUGMENTATIONS,
        "split": slices.SPLIT,
        "limits": slices.limits(FACTOR),
    }


SELECTION_EXPERIMENT = Experiment(
    name="unet_labels",
    data=slices.WORDS + ", 256 × 256",
    keys=lambda _: [{"name": name, "rate": rate} for name in NETWORKS for rate in RATES],
    run=select,
    about=about,
    part="selection",
    show=("validation_error",),
)
EXPERIMENT = Experiment(
    name="unet_labels",
    data=slices.WORDS + ", 256 × 256",
    keys=keys,
    run=run,
    about=about,
    seeds=5,
    show=("pixel_error", "v_rand"),
)
