"""The networks of ``skip_ablation`` on CamVid, with the encoder frozen: about 40 minutes.

The maps of all frames and of their mirror images are computed once. All networks then get equal
features, and what differs is the decoder's. The learning rate of each network is chosen on the
validation frames; the test frames are read once a run.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from campaign import Experiment, Key, of_seeds
from camvid_fcn import class_weights
from decoders import ANSWERS, Maps, answers, counted, fit, limits, maps_of, mean_iou
from skip_ablation import HIDDEN, NETWORKS, RATES, SIZES, best_rate, build, parameters, summary

from upconv.data import VOID, camvid
from upconv.options import IMAGENET_MEAN
from upconv.training import Settings

SETTINGS = Settings(steps=480, batch=4, crop=(192, 256), precision="bf16")
SELECTION = {"steps": 240, "seed": 100}
BLOCKS = 10  # of consecutive test frames, to be drawn anew: neighbors show nearly the same


def framed(images: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pad 180 × 240 to 192 × 256 as the networks do: with ImageNet's mean color, without labels."""
    height, width = masks.shape[1:]
    top, left = (192 - height) // 2, (256 - width) // 2
    inside = (slice(None), slice(top, top + height), slice(left, left + width))
    wide = np.empty((len(masks), 192, 256, 3), np.uint8)
    wide[:] = np.round(255 * np.array(IMAGENET_MEAN))
    wide[inside] = images
    labels = np.full(wide.shape[:3], VOID, np.uint8)
    labels[inside] = masks
    return wide, labels


@cache
def frames(split: str) -> tuple[Maps, np.ndarray]:
    """Maps and masks; of the training frames also those of their mirror images."""
    data = camvid(split)
    images, masks = framed(data.images, data.masks)
    if split == "train":
        images = np.concatenate([images, images[:, :, ::-1]])
        masks = np.concatenate([masks, masks[:, :, ::-1]])
    maps = maps_of(images)
    return {stride: layer.to(torch.bfloat16) for stride, layer in maps.items()}, masks


@cache
def settings() -> Settings:
    return replace(SETTINGS, class_weights=class_weights(camvid("train").masks, 11))


def trained(name: str, **differing: Any) -> tuple[torch.nn.Module, list[float]]:
    now = replace(settings(), **differing)
    network = build(name, 11, now.seed, frozen=True)
    return network, fit(network, *frames("train"), now)


def select(key: Key) -> dict[str, Any]:
    network, losses = trained(key["name"], learning_rate=key["rate"], **SELECTION)
    maps, masks = frames("val")
    found = mean_iou([counted(answers(network, maps), masks, 11)])
    return {"losses": losses, "validation_mean_iou": found}


def run(key: Key) -> dict[str, Any]:
    name, seed = key["name"], key["seed"]
    rate = best_rate("skip_ablation_camvid", name)
    network, losses = trained(name, learning_rate=rate, seed=seed)
    maps, masks = frames("test")
    made = {"rate": rate, "parameters": parameters(name, 11), "losses": losses}
    return made | blocks(answers(network, maps), masks)


def blocks(said: np.ndarray, masks: np.ndarray) -> dict[str, Any]:
    parts = zip(np.array_split(said, BLOCKS), np.array_split(masks, BLOCKS), strict=True)
    return summary({str(place): counted(*part, 11) for place, part in enumerate(parts)})


def limit(key: Key) -> dict[str, Any]:
    data = camvid("test")
    _, masks = framed(data.images, data.masks)
    return blocks(limits(masks, 11, key["answer"]), masks)


def about() -> dict[str, Any]:
    words = "inverse roots of the class frequencies, scaled to mean 1 over the pixels"
    return {
        "network": SIZES
        | {"hidden": HIDDEN, "weights": "EfficientNet-Lite0, ImageNet; all of it frozen"},
        "settings": asdict(SETTINGS) | {"learning_rate": list(RATES), "class_weights": words},
        "selection_settings": SELECTION,
    }


def keys_of_selection(seeds: int) -> list[Key]:
    """One seed, however many the test has."""
    seed = SELECTION["seed"]
    return [{"name": name, "rate": rate, "seed": seed} for name in NETWORKS for rate in RATES]


def keys_of_limits(seeds: int) -> list[Key]:
    return of_seeds(answer=ANSWERS)(1)


EXPERIMENT = Experiment(
    name="skip_ablation_camvid",
    data="CamVid, 240 × 180: 367 frames and their mirror images to train, 101 to choose the "
    f"learning rate, 233 to test, in {BLOCKS} blocks of consecutive frames",
    keys=of_seeds(name=NETWORKS),
    run=run,
    about=about,
    seeds=5,
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
