"""U-Net on real micrographs, three seeds each, and pictures: an hour and a half on one core."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from campaign import Experiment, Key, of_seeds
from PIL import Image

from upconv import data, results
from upconv.files import save_picture
from upconv.inference import evaluate_instances, probabilities
from upconv.metrics import average_precision, components, rand_and_info_scores, skeletonized
from upconv.torch import UNet
from upconv.training import Settings, train

NETWORK = {"base_channels": 16, "depth": 4, "padded": True, "norm": "batch", "dropout": 0.5}
COMMON = Settings(
    steps=3000, batch=8, crop=128, learning_rate=2e-3, elastic_sigma=10.0, rotate=180,
    vertical_flip=True, brightness_contrast_jitter=0.1,
)  # fmt: skip
# Set → training settings, and whether the two classes are balanced.
TASKS: dict[str, dict[str, Any]] = {
    "isbi2012": {"settings": COMMON, "balance": True, "smallest": 1},
    "isbi2012, only mirrored": {
        "settings": replace(COMMON, elastic_sigma=0.0, rotate=0.0),
        "balance": True,
        "smallest": 1,
    },
    "dsb2018": {
        "settings": replace(
            COMMON, steps=1500, elastic_sigma=5.0, zoom=(0.7, 1.4), brightness_contrast_jitter=0.2
        ),
        "balance": False,
        "smallest": 10,
    },
}
SETS = {"isbi2012": data.isbi2012, "dsb2018": data.dsb2018}
STRIP = (0, 30, 100, 300, 1000, 2999)  # steps after which a slice is predicted
CORNER = (slice(150, 406), slice(200, 456))  # the part of it that is shown


def run(key: Key) -> dict[str, Any]:
    task, seed = key["data"], key["seed"]
    how = TASKS[task]
    load = SETS[task.split(",")[0]]
    training, test = load(), load("test")
    training = data.with_border_weights(training, balance=how["balance"])
    torch.manual_seed(seed)
    network = UNet(**NETWORK)
    settings = replace(how["settings"], seed=seed)
    frames = []

    def look(step: int, loss: float) -> None:
        if step in STRIP:
            frames.append(probabilities(network, test.images[:1])[0, 1][CORNER])

    follow = look if task == "isbi2012" and seed == 0 else None
    history = train(network, training, settings, progress=False, callback=follow)
    if frames:
        draw_strip(test.images[0][CORNER], test.masks[0][CORNER], frames)
    options = {"smallest": how["smallest"]}
    outcome = {
        "steps": settings.steps,
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(history.seconds, 1),
        "losses": [round(loss, 4) for loss in history.losses[::10]],
        "plain": evaluate_instances(network, test, **options).asdict(),
        "views": evaluate_instances(network, test, tta=8, **options).asdict(),
    }
    if seed == 0 and task in SETS:
        outcome["shared"] = {"cases": {task: draw_cases(task, network, how["smallest"])}}
    return outcome


def draw_strip(image: np.ndarray, mask: np.ndarray, frames: list[np.ndarray]) -> None:
    """Save one slice, and the network's predictions of it during training."""
    panels = [image, *[(255 * frame).round().astype(np.uint8) for frame in frames], 255 * mask]
    strip = Image.fromarray(np.concatenate(panels, axis=1))
    save_picture(results.FOLDER / "unet_training.jpg", strip, quality=85)


def draw_cases(task: str, network: UNet, smallest: int) -> dict[str, Any]:
    """Save the best, median and worst test image by score: image, truth, prediction."""
    test = SETS[task]("test")
    found, scores = [], []
    for image, truth in zip(test.images, test.instances, strict=True):
        inside = probabilities(network, image[None], tta=8)[0, 1] > 0.5
        if task == "isbi2012":
            found.append(skeletonized(inside))
            scores.append(rand_and_info_scores(truth, found[-1]).v_rand)
        else:
            found.append(components(inside, smallest))
            scores.append(average_precision([truth], [found[-1]], (0.5,))[0.5])
    order = np.argsort(scores)
    cases = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
    for kind, index in cases.items():
        image = test.images[index]
        panels = [np.repeat(image[..., None], 3, axis=2)]
        panels += [
            data.colorize_instances(numbers) for numbers in (test.instances[index], found[index])
        ]
        picture = Image.fromarray(np.concatenate(panels, axis=1))
        if picture.height > 256:
            picture = picture.resize((picture.width // 2, picture.height // 2))
        save_picture(results.FOLDER / f"{task}_{kind}.jpg", picture, quality=85)
    return {
        kind: {"image": int(index), "score": round(float(scores[index]), 4)}
        for kind, index in cases.items()
    }


def about() -> dict[str, Any]:
    settings = {task: asdict(how["settings"]) for task, how in TASKS.items()}
    return {"network": NETWORK, "settings": settings}


EXPERIMENT = Experiment(
    name="unet_micrographs",
    data="ISBI 2012, slices 0 to 24 to train, 25 to 29 to test; "
    "DSB 2018, 260 images of 256 × 256 to train, 74 of other plates to test",
    keys=of_seeds(data=TASKS),
    run=run,
    about=about,
    show=("views.pixel_error", "views.mean_iou", "views.v_rand"),
)
