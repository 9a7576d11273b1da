"""Whether weights on thin borders keep touching nuclei (DSB 2018) apart: 15 minutes of CPU."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import nuclei
import torch
from campaign import Experiment, Key, of_seeds

from upconv import data
from upconv.torch import UNet
from upconv.training import Settings, train

NETWORK = {"base_channels": 12, "depth": 4, "padded": True, "norm": "batch", "dropout": 0.5}
SETTINGS = Settings(
    steps=600, batch=4, crop=128, learning_rate=3e-3, vertical_flip=True, zoom=(0.7, 1.4),
    brightness_contrast_jitter=0.2,
)  # fmt: skip
# Name → options of the weights, or None. Both classes balanced, too, as in the paper, or not.
VARIANTS: dict[str, dict[str, Any] | None] = {
    "no weights": None,
    "classes balanced": {"w0": 0.0, "balance": True},
    "borders": {"w0": 10.0, "balance": False},
    "borders and classes": {"w0": 10.0, "balance": True},
}


def run(key: Key) -> dict[str, Any]:
    training = nuclei.sets()["train"]
    options = VARIANTS[key["name"]]
    if options is not None:
        training = data.with_border_weights(training, **options)
    torch.manual_seed(key["seed"])
    network = UNet(**NETWORK)
    history = train(network, training, replace(SETTINGS, seed=key["seed"]), progress=False)
    losses = [round(loss, 4) for loss in history.losses[::4]]
    return {"losses": losses} | nuclei.scored(network)


EXPERIMENT = Experiment(
    name="unet_borders",
    data=nuclei.WORDS,
    keys=of_seeds(name=VARIANTS),
    run=run,
    about=lambda: {"network": NETWORK, "settings": asdict(SETTINGS), "weights": VARIANTS},
    seeds=5,
    show=("average_precision", "merged", "touching"),
)
