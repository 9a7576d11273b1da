"""What skips are worth on digit scenes of 128 pixels: about 90 minutes on one CPU core.

Eight networks on one encoder, pretrained on ImageNet and frozen as far as stride 8. The learning
rate of each network is chosen on validation scenes, over photographs that occur neither in
training nor in the test; the test scenes are read once a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
from campaign import Experiment, Key, of_seeds
from decoders import ANSWERS, Given, Maps, Upper, answers, counted, fit, limits, maps_of, mean_iou
from decoders import pretrained as encoder
from torch import nn

from upconv import results
from upconv.data import SegmentationSet, digit_scenes
from upconv.torch import FCN
from upconv.torch.variants import ConcatFCN, EightfoldFCN, SkiplessFCN, SumFCN
from upconv.training import Settings

SIZES = {"encoder": "efficientnet_lite0", "head": 256, "head_kernel": 3}
# Channels of the decoder, so that the three ways to join have equally many weights (to 0.2 %).
HIDDEN = {"feature sums": 64, "concatenation": 56, "no skips": 65}
SETTINGS = Settings(
    steps=480,
    batch=8,
    crop=128,
    flip=False,  # a mirrored 2 is not a 2
    class_weights=(0.3,) + (1.0,) * 10,  # nine tenths of the pixels are background
    precision="bf16",
)
RATES = (1e-3, 3e-3, 1e-2)
SELECTION = {"steps": 240, "seed": 100}  # a seed of its own
TRAINING, VALIDATION, TEST = 1600, 120, 80  # scenes: a run, in all, a photograph
SCENES = {"size": 128, "height": (28.0, 60.0)}
VALIDATED = ("camera", "tissue")
TESTED = ("temple", "rocket", "gravel", "coins", "moon")


def eightfold(classes: int, steps: str) -> FCN:
    """FCN-8s with another last step, of He's weights, scaled to gain 1."""
    network = FCN(classes, 8, **SIZES)
    network.up_last = EightfoldFCN(classes, steps, width_mult=1 / 16).up
    set_gain(network.up_last)
    return network


@torch.no_grad()
def set_gain(up: nn.Sequential) -> None:
    """Scale the last layer's weights so that white noise keeps its standard deviation."""
    noise = torch.randn(8, up[0].in_channels, 32, 32, generator=torch.Generator().manual_seed(0))
    up[-1].weight /= up(noise).std()


NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "FCN-32s": lambda classes: FCN(classes, 32, **SIZES),
    "FCN-16s": lambda classes: FCN(classes, 16, **SIZES),
    "FCN-8s": lambda classes: FCN(classes, 8, **SIZES),
    "feature sums": lambda classes: SumFCN(classes, **SIZES, hidden=HIDDEN["feature sums"]),
    "concatenation": lambda classes: ConcatFCN(classes, **SIZES, hidden=HIDDEN["concatenation"]),
    "no skips": lambda classes: SkiplessFCN(classes, **SIZES, hidden=HIDDEN["no skips"]),
    "×8 in one jump": lambda classes: eightfold(classes, "one"),
    "×2×2×2": lambda classes: eightfold(classes, "three"),
}


def build(name: str, classes: int, seed: int, frozen: bool) -> nn.Module:
    """A network whose encoder takes maps: those of stride 8, or all of them if it is frozen."""
    torch.manual_seed(seed)
    network = NETWORKS[name](classes)
    nn.init.zeros_(network.score.weight)  # as FCN has it: all begin with the same loss
    network.encoder = Given() if frozen else Upper(encoder()).requires_grad_(True)
    return network


@lru_cache(maxsize=1)  # one seed at a time
def training(seed: int) -> tuple[Maps, np.ndarray]:
    return _set(digit_scenes(TRAINING, seed=seed, **SCENES))


@cache
def validation() -> tuple[Maps, np.ndarray]:
    return _set(digit_scenes(VALIDATION, seed=99, photographs=VALIDATED, **SCENES))


@cache
def test_sets() -> dict[str, tuple[Maps, np.ndarray]]:
    """The test scenes by photograph: digits that occur nowhere else."""
    return {name: _set(tested(name)) for name in TESTED}


def tested(photograph: str) -> SegmentationSet:
    seed = TESTED.index(photograph)
    return digit_scenes(TEST, seed=seed, split="test", photographs=(photograph,), **SCENES)


def _set(data: SegmentationSet) -> tuple[Maps, np.ndarray]:
    return maps_of(data.images, (8,)), data.masks


def scored(network: nn.Module, sets: Mapping[str, tuple[Maps, np.ndarray]]) -> dict[str, Any]:
    """Scores of all sets together, and what they are computed from, set by set."""
    return summary(
        {name: counted(answers(network, maps), masks, 11) for name, (maps, masks) in sets.items()}
    )


def summary(groups: Mapping[str, dict[str, list[int]]]) -> dict[str, Any]:
    hits, true = (sum(sum(group[name]) for group in groups.values()) for name in ("hits", "true"))
    shared = {"true": {name: group.pop("true") for name, group in groups.items()}}
    whole = [group | {"true": shared["true"][name]} for name, group in groups.items()]
    scores = {"mean_iou": mean_iou(whole), "pixel_accuracy": hits / true}
    return scores | {"groups": dict(groups), "shared": shared}


def select(key: Key) -> dict[str, Any]:
    network = build(key["name"], 11, SELECTION["seed"], frozen=False)
    settings = replace(
        SETTINGS, steps=SELECTION["steps"], seed=SELECTION["seed"], learning_rate=key["rate"]
    )
    maps, masks = training(SELECTION["seed"])
    losses = fit(network, maps, masks, settings)
    maps, masks = validation()
    found = mean_iou([counted(answers(network, maps), masks, 11)])
    return {"losses": losses, "validation_mean_iou": found}


def best_rate(experiment: str, name: str) -> float:
    """The learning rate of a network that did best on validation data."""
    runs = [run for run in results.resume(experiment)["selection"] if run["name"] == name]
    return max(runs, key=lambda run: run["validation_mean_iou"])["rate"]


def run(key: Key) -> dict[str, Any]:
    name, seed = key["name"], key["seed"]
    network = build(name, 11, seed, frozen=False)
    rate = best_rate("skip_ablation", name)
    losses = fit(network, *training(seed), replace(SETTINGS, seed=seed, learning_rate=rate))
    made = {"rate": rate, "parameters": parameters(name, 11), "losses": losses}
    return made | scored(network, test_sets())


def parameters(name: str, classes: int) -> int:
    """Of the whole network, with what is frozen."""
    return sum(weight.numel() for weight in NETWORKS[name](classes).parameters())


def limit(key: Key) -> dict[str, Any]:
    masks = {name: tested(name).masks for name in TESTED}
    whole = limits(np.concatenate([*masks.values()]), 11, key["answer"])
    parts = np.split(whole, len(masks))
    groups = {
        name: counted(part, mask, 11)
        for (name, mask), part in zip(masks.items(), parts, strict=True)
    }
    return summary(groups)


def about() -> dict[str, Any]:
    weights = "EfficientNet-Lite0, ImageNet; frozen as far as stride 8"
    return {
        "network": SIZES | {"hidden": HIDDEN, "weights": weights},
        "settings": asdict(SETTINGS) | {"learning_rate": list(RATES)},
        "selection_settings": SELECTION,
    }


def keys_of_selection(seeds: int) -> list[Key]:
    """One seed, however many the test has."""
    seed = SELECTION["seed"]
    return [{"name": name, "rate": rate, "seed": seed} for name in NETWORKS for rate in RATES]


def keys_of_limits(seeds: int) -> list[Key]:
    return of_seeds(answer=ANSWERS)(1)


EXPERIMENT = Experiment(
    name="skip_ablation",
    data=f"digit_scenes, 128 × 128: {TRAINING} scenes to train (seed of the run), {VALIDATION} on "
    f"{len(VALIDATED)} other photographs to choose the learning rate, {TEST} on each of "
    f"{len(TESTED)} more photographs to test",
    keys=of_seeds(name=NETWORKS),
    run=run,
    about=about,
    seeds=3,
    show=("mean_iou", "rate"),
)
SELECTION_EXPERIMENT = replace(
    EXPERIMENT,
    keys=keys_of_selection,
    run=select,
    part="selection",
    seeds=1,
    show=("validation_mean_iou",),
)
LIMITS_EXPERIMENT = replace(
    EXPERIMENT, keys=keys_of_limits, run=limit, part="limits", seeds=1, show=("mean_iou",)
)
