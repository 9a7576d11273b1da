"""U-Net on held-out slices of ISBI 2012, and on nuclei, at full size: 47 minutes of CPU.

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
from PIL import Image

from upconv import data, results
from upconv.figures.unet import numbered_as
from upconv.files import save_picture
from upconv.inference import probabilities
from upconv.metrics import average_precision, components, rand_and_info_scores, skeletonized
from upconv.torch import UNet
from upconv.training import Settings, train

NETWORK = {"base_channels": 16, "depth": 4, "padded": True, "norm": "batch", "dropout": 0.5}
SETTINGS = {
    "isbi2012": Settings(
        steps=1900, batch=8, crop=128, learning_rate=3e-3, brightness_contrast_jitter=0.1
    ),
    "dsb2018": Settings(
        steps=1200, batch=8, crop=128, learning_rate=3e-3, vertical_flip=True, zoom=(0.7, 1.4),
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
    views = score(network, tta=8)
    shared = {"shared": {"cases": {task: draw_cases(task, network, views)}}} if seed == 0 else {}
    return shared | {
        "parameters": sum(p.numel() for p in network.parameters()),
        "losses": [round(loss, 4) for loss in history.losses[::10]],
        "plain": score(network),
        "views": views,
    }


def draw_cases(task: str, network: UNet, scores: dict[str, Any]) -> dict[str, Any]:
    """Save the best and worst test image by score: image, true objects, objects found.

    An object found has the color of the true one that it covers most of.
    """
    if task == "isbi2012":
        test = slices.chosen(slices.stack(), slices.SPLIT["test"])
    else:
        test = nuclei.sets()["test"]
    found, each = [], []
    for image, truth in zip(test.images, test.instances, strict=True):
        inside = probabilities(network, image[None], tta=8)[0, 1]
        if task == "isbi2012":
            found.append(skeletonized(inside > scores["cell_threshold"]))
            each.append(rand_and_info_scores(truth, found[-1]).v_rand)
        else:
            found.append(components(inside > scores["threshold"], scores["smallest"]))
            each.append(average_precision([truth], [found[-1]], (0.5,))[0.5])
    cases = {"worst": int(np.argmin(each)), "best": int(np.argmax(each))}
    for kind, index in cases.items():
        truth = test.instances[index]
        numbers = (truth, numbered_as(truth, found[index]))
        panels = [np.repeat(test.images[index][..., None], 3, axis=2)]
        panels += [data.colorize_instances(one) for one in numbers]
        picture = Image.fromarray(np.concatenate(panels, axis=1))
        if picture.height > 256:
            picture = picture.resize((picture.width // 2, picture.height // 2))
        save_picture(results.FOLDER / f"unet_best_{task}_{kind}.jpg", picture, quality=85)
    return {
        kind: {"image": index, "score": round(float(each[index]), 4)}
        for kind, index in cases.items()
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
