"""What each part of U-Net and its training is worth, on half-size slices: 32 minutes of CPU.

All networks see the same 23 slices. The learning rate of each is chosen on validation slices, in
half as many steps. Most are compared with today's usual training (batch norm, AdamW, batches of
four), the others with the paper's (no batch norm, gradient descent with momentum, batches of one).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import slices
import torch
from campaign import Experiment, Key, of_seeds
from torch import nn
from unet_labels import FACTOR, SETTINGS, SIZES, WIDER

from upconv import results
from upconv.torch.variants import UNet
from upconv.training import Diverged, train

RATES = {"adamw": (1e-3, 3e-3, 1e-2), "sgd": (1e-3, 1e-2, 1e-1)}
PAPER = {
    "network": {"norm": "none"},
    "settings": {"optimizer": "sgd", "momentum": 0.99, "batch": 1, "steps": 3 * SETTINGS.steps},
}


def paper(**differing: Any) -> dict[str, Any]:
    """The paper's training but for one thing."""
    settings = PAPER["settings"] | differing.pop("settings", {})
    return PAPER | {"settings": settings} | differing


# Name → changes in the network, in the settings; the weights of the loss (w0), the augmentation,
# and whether layers begin with PyTorch's weights instead of He's.
VARIANTS: dict[str, dict[str, Any]] = {
    "U-Net": {},
    "sums": {"network": {"skips": "add", "base_channels": WIDER}},
    "no skips": {"network": {"skips": "none", "base_channels": WIDER}},
    "switches": {"network": {"skips": "switches"}},
    "resize, then convolve": {"network": {"up": "resize"}},
    "no batch norm": {"network": {"norm": "none"}},
    "no dropout": {"network": {"dropout": 0.0}},
    "PyTorch's weights": {"default_weights": True},
    "classes balanced": {"w0": 0.0},
    "border weights": {"w0": 10.0},
    "no augmentation": {"augmentation": "none"},
    "elastic deformation": {"augmentation": "bent"},
    "as in the paper": paper(),
    "paper, momentum 0.9": paper(settings={"momentum": 0.9}),
    "paper, no momentum": paper(settings={"momentum": 0.0}),
    "paper, no dropout": paper(network={"norm": "none", "dropout": 0.0}),
    "paper, PyTorch's weights": paper(default_weights=True),
}


def build(variant: str) -> UNet:
    differing = VARIANTS[variant]
    network = UNet(**SIZES | differing.get("network", {}))
    if differing.get("default_weights"):
        for layer in network.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                layer.reset_parameters()
    return network


def rates(variant: str) -> tuple[float, ...]:
    return RATES[VARIANTS[variant].get("settings", {}).get("optimizer", "adamw")]


def fit(variant: str, rate: float, seed: int, share: float = 1.0) -> dict[str, Any]:
    """Train a variant, for a share of its steps, and score it."""
    differing = VARIANTS[variant]
    augmentation = differing.get("augmentation", "turned")
    torch.manual_seed(seed)
    network = build(variant)
    training = slices.training_set(slices.SPLIT["train"], augmentation, FACTOR, differing.get("w0"))
    more = {"learning_rate": rate} | differing.get("settings", {})
    more["steps"] = round(share * more.get("steps", SETTINGS.steps))
    settings = slices.varied(SETTINGS, augmentation, seed, **more)
    try:
        history = train(network, training, settings, progress=False)
    except Diverged:  # this rate is too high for it
        worst = {"validation_error": 1.0, "pixel_error": 1.0, "v_rand": 0.0, "v_info": 0.0}
        return {"rate": rate, "diverged": True} | worst
    return {
        "rate": rate,
        "differing": differing,
        "parameters": sum(p.numel() for p in network.parameters()),
        "losses": [round(loss, 4) for loss in history.losses[:: max(1, len(history.losses) // 40)]],
    } | slices.scored(network, FACTOR)


def select(key: Key) -> dict[str, Any]:
    found = fit(key["name"], key["rate"], seed=100, share=0.5)
    return {name: found[name] for name in ("losses", "validation_error") if name in found}


def best_rate(variant: str) -> float:
    runs = [run for run in results.resume("unet_tricks")["selection"] if run["name"] == variant]
    return min(runs, key=lambda run: run["validation_error"])["rate"]


def run(key: Key) -> dict[str, Any]:
    return fit(key["name"], best_rate(key["name"]), key["seed"])


def about() -> dict[str, Any]:
    return {
        "network": SIZES,
        "settings": asdict(SETTINGS),
        "split": slices.SPLIT,
        "limits": slices.limits(FACTOR),
    }


SELECTION_EXPERIMENT = Experiment(
    name="unet_tricks",
    data=slices.WORDS + ", 256 × 256",
    keys=lambda _: [{"name": name, "rate": rate} for name in VARIANTS for rate in rates(name)],
    run=select,
    about=about,
    part="selection",
    show=("validation_error",),
)
EXPERIMENT = Experiment(
    name="unet_tricks",
    data=slices.WORDS + ", 256 × 256",
    keys=of_seeds(name=VARIANTS),
    run=run,
    about=about,
    seeds=5,
    show=("pixel_error", "v_rand"),
)
