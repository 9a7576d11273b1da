"""U-Net on real micrographs at full size: held-out slices of ISBI 2012, and nuclei.

Crops keep their pixels: they are mirrored and turned by quarters, not interpolated, since test
images are not interpolated either. Thresholds are chosen on validation images.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import nuclei
import numpy as np
import slices
import torch
from campaign import Experiment, Key, of_seeds

from upconv.torch import UNet
from upconv.training import Settings, train

NETWORK = {"base_channels": 16, "depth": 4, "padded": True, "norm": "batch", "dropout": 0.5}
SETTINGS = {
    "isbi2012": Settings(
        steps=2000, batch=8, crop=128, learning_rate=3e-3, brightness_contrast_jitter=0.1
    ),
    "dsb2018": Settings(
        steps=1500, batch=8, crop=128, learning_rate=3e-3, vertical_flip=True, zoom=(0.7, 1.4),
        rotate=180, brightness_contrast_jitter=0.2,
    ),
}  # fmt: skip


def run(key: Key) -> dict[str, Any]:
    task, seed = key["data"], key["seed"]
    torch.manual_seed(seed)
    network = UNet(**NETWORK)
    if task == "isbi2012":
        training = slices.training_set(slices.SPLIT["train"], "turned")
    else:
        training = nuclei.sets()["train"]
    settings = replace(SETTINGS[task], seed=seed)
    history = train(network, training, settings, progress=False)
    score = slices.scored if task == "isbi2012" else nuclei.scored
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "losses": [round(loss, 4) for loss in history.losses[::10]],
        "plain": score(network),
        "views": score(network, tta=8),
    }


def about() -> dict[str, Any]:
    settings = {task: asdict(found) for task, found in SETTINGS.items()}
    counts = {name: len(part) for name, part in nuclei.sets().items()}
    test = nuclei.sets()["test"]
    floor = {"all background": float(np.mean(test.masks > 0))}
    return {
        "network": NETWORK,
        "settings": settings,
        "split": {"isbi2012": slices.SPLIT, "dsb2018": counts},
        "limits": {"isbi2012": slices.limits(), "dsb2018": floor},
    }


EXPERIMENT = Experiment(
    name="unet_best",
    data=f"{slices.WORDS}, 512 × 512; {nuclei.WORDS}",
    keys=of_seeds(data=SETTINGS),
    run=run,
    about=about,
    seeds=5,
    show=("views.pixel_error",),
)
