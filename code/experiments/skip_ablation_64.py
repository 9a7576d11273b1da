"""The first edition's ablation, on digit scenes of 64 pixels: about 25 minutes on two CPU cores.

All networks use the same data, number of steps and seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from campaign import Experiment, Key, of_seeds

from upconv.data import SegmentationSet, digit_scenes
from upconv.inference import evaluate
from upconv.torch.variants import FCN, ConcatFCN, EightfoldFCN, FeatureSumFCN
from upconv.training import Settings, train

SIZES = {"encoder": "vgg16", "width_mult": 0.25}
HEAD = {"head": 1024, "head_kernel": 3}
SETTINGS = Settings(
    steps=400,
    batch=16,
    crop=64,
    learning_rate=2e-3,
    flip=False,  # a mirrored 2 is not a 2
    class_weights=(0.3,) + (1.0,) * 10,  # nine tenths of the pixels are background
)
TRAINING, TEST = 3000, 400  # scenes

NETWORKS: dict[str, Callable] = {
    "FCN-32s": lambda: FCN(11, 32, **SIZES, **HEAD),
    "FCN-16s": lambda: FCN(11, 16, **SIZES, **HEAD),
    "FCN-8s": lambda: FCN(11, 8, **SIZES, **HEAD),
    "feature sums": lambda: FeatureSumFCN(11, True, **SIZES, **HEAD),
    "no skips": lambda: FeatureSumFCN(11, False, **SIZES, **HEAD),
    "concatenation": lambda: ConcatFCN(11, 8, **SIZES, **HEAD),
    "×8 in one jump": lambda: EightfoldFCN(11, "one", **SIZES),
    "×2×2×2": lambda: EightfoldFCN(11, "three", **SIZES),
    "×2×2×2 with ReLU": lambda: EightfoldFCN(11, "three with ReLU", **SIZES),
    "FCN-8s, ReLU on scores": lambda: FCN(11, 8, score_relu=True, **SIZES, **HEAD),
    "FCN-8s, labels interpolated": lambda: FCN(11, 8, **SIZES, **HEAD),
}
# Where skips might not matter: large, plain digits on a plain background, and the opposite.
SCENES = {
    "flat background": {"texture": 0.0, "noise": 0.0},
    "much noise": {"noise": 0.25},
    "one huge digit": {"digits": (1, 1), "height": (44.0, 60.0)},
    "one huge digit, flat background": {
        "digits": (1, 1),
        "height": (44.0, 60.0),
        "texture": 0.0,
        "noise": 0.0,
    },
}


def interpolated(data: SegmentationSet) -> SegmentationSet:
    """Downsample and upsample the labels with interpolation, which mixes class numbers."""
    from PIL import Image

    size, half = data.masks.shape[1], data.masks.shape[1] // 2
    way = Image.Resampling.BILINEAR
    masks = [
        np.asarray(Image.fromarray(mask).resize((half, half), way).resize((size, size), way))
        for mask in data.masks
    ]
    return SegmentationSet(data.name, data.classes, data.images, np.stack(masks), data.colors)


@lru_cache(maxsize=1)  # one seed at a time
def sets(seed: int, scenes: str | None = None) -> tuple[SegmentationSet, SegmentationSet]:
    options = {} if scenes is None else SCENES[scenes]
    return (
        digit_scenes(TRAINING, seed=seed, **options),
        digit_scenes(TEST, split="test", **options),
    )


def run(key: Key) -> dict[str, Any]:
    name, seed = key["name"], key["seed"]
    data, test = sets(seed, key.get("scenes"))
    torch.manual_seed(seed)
    network = NETWORKS[name]()
    if name.endswith("interpolated"):
        data = interpolated(data)
    history = train(network, data, replace(SETTINGS, seed=seed), progress=False)
    outcome = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(history.seconds, 1),
        "losses": [round(loss, 4) for loss in history.losses[::5]],
    } | evaluate(network, test).asdict()
    if name == "FCN-8s":  # the effect of removing these biases from a trained network
        with torch.no_grad():
            network.fc6.bias.zero_()
            network.fc7.bias.zero_()
        outcome["without_fc_biases"] = evaluate(network, test).mean_iou
    return outcome


def about() -> dict[str, Any]:
    return {"network": SIZES | HEAD | {"weights": "random (He)"}, "settings": asdict(SETTINGS)}


def keys_of_scenes(seeds: int) -> list[Key]:
    return [
        {"scenes": scenes, "name": name, "seed": seed}
        for scenes in SCENES
        for seed in range(seeds)
        for name in ("FCN-32s", "FCN-16s", "FCN-8s")
    ]


EXPERIMENT = Experiment(
    name="skip_ablation_64",
    data=f"digit_scenes, {TRAINING} scenes of 64 × 64 to train (seed of the run), {TEST} to test",
    keys=of_seeds(name=NETWORKS),
    run=run,
    about=about,
    seeds=5,
    show=("mean_iou", "boundary_iou"),
)
SCENES_EXPERIMENT = replace(EXPERIMENT, keys=keys_of_scenes, part="scenes", seeds=3)
