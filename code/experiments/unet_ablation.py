"""The contribution of each part of U-Net and its training: 12 minutes and an hour on one core.

All networks use the same images, number of steps and seeds, and have nearly the same number of
parameters.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from campaign import Experiment, Key, of_seeds

from upconv import data
from upconv.inference import evaluate_instances, predict
from upconv.torch.variants import UNet
from upconv.training import Settings, train

# Per set: the network, the settings, and the base channels with which a decoder that gets no maps
# concatenated has as many parameters.
SCALES: dict[str, dict[str, Any]] = {
    "membranes": {
        "network": {"base_channels": 8, "depth": 3, "dropout": 0.2},
        "settings": Settings(
            steps=800, batch=8, crop=64, learning_rate=4e-3, elastic_sigma=4.0,
            rotate=180, vertical_flip=True, brightness_contrast_jitter=0.1,
        ),
        "wider": 9,
        "seeds": 5,
        "words": "membranes, 4 images of 128 × 128 to train (seed of the run), 20 to test",
    },
    "isbi2012": {
        "network": {"base_channels": 16, "depth": 4, "dropout": 0.5},
        "settings": Settings(
            steps=500, batch=8, crop=128, learning_rate=2e-3, elastic_sigma=10.0,
            rotate=180, vertical_flip=True, brightness_contrast_jitter=0.1,
        ),
        "wider": 17,
        "seeds": 3,
        "words": "ISBI 2012, slices 0 to 24 to train, 25 to 29 to test, 512 × 512",
    },
}  # fmt: skip

# Name → changes in the network, in the settings, in the weights of the loss.
VARIANTS: dict[str, dict[str, Any]] = {
    "U-Net": {},
    "sums": {"network": {"skips": "add"}},
    "no skips": {"network": {"skips": "none"}},
    "switches": {"network": {"skips": "switches"}},
    "resize, then convolve": {"network": {"up": "resize"}},
    "no batch norm": {"network": {"norm": "none"}},
    "no weights": {"weights": None},
    "classes balanced only": {"weights": 0.0},
    "no elastic deformation": {"settings": {"elastic_sigma": 0.0}},
    "no augmentation": {
        "settings": {
            "elastic_sigma": 0.0, "rotate": 0.0, "flip": False, "vertical_flip": False,
            "brightness_contrast_jitter": 0.0,
        }
    },
}  # fmt: skip

# What the skips of a trained network carry → what the stored results call it.
SOURCES = {"own": "own", "neighbor": "neighbour", "zeros": "nothing"}  # codespell:ignore


def sets(name: str, seed: int) -> tuple[data.SegmentationSet, data.SegmentationSet]:
    if name == "membranes":
        return data.membranes(4, seed=seed), data.membranes(20, split="test")
    return data.isbi2012(), data.isbi2012("test")


def build(name: str, variant: str) -> UNet:
    scale, differing = SCALES[name], VARIANTS[variant].get("network", {})
    options = scale["network"] | {"padded": True, "norm": "batch"} | differing
    if options.get("skips") in ("add", "none"):
        options["base_channels"] = scale["wider"]
    return UNet(**options)


def run(name: str, key: Key) -> dict[str, Any]:
    variant, seed = key["name"], key["seed"]
    scale, differing = SCALES[name], VARIANTS[variant]
    training, test = sets(name, seed)
    height = differing.get("weights", 10.0)
    if height is not None:
        training = data.with_border_weights(training, w0=height)
    torch.manual_seed(seed)
    network = build(name, variant)
    settings = replace(scale["settings"], seed=seed, **differing.get("settings", {}))
    history = train(network, training, settings, progress=False)
    outcome = {
        "differing": differing,
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(history.seconds, 1),
        "losses": [round(loss, 4) for loss in history.losses[::3]],
    } | evaluate_instances(network, test).asdict()
    if variant == "U-Net":  # the trained network with other skips
        outcome["fed"] = {}
        for source, name in SOURCES.items():
            network.skip_source = source
            said = predict(network, test.images)
            outcome["fed"][name] = float(np.mean(said == test.masks))
    return outcome


def about(name: str) -> dict[str, Any]:
    return {"network": SCALES[name]["network"], "settings": asdict(SCALES[name]["settings"])}


EXPERIMENTS = [
    Experiment(
        name=f"unet_{name}",
        data=scale["words"],
        keys=of_seeds(name=VARIANTS),
        run=partial(run, name),
        about=partial(about, name),
        seeds=scale["seeds"],
        show=("pixel_error", "v_rand", "best_v_rand"),
    )
    for name, scale in SCALES.items()
]
