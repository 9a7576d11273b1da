"""FCN-32s to FCN-2s on CamVid at 480 × 360, three seeds each: about three hours on a CPU core.

First the settings: every candidate is trained for fewer steps, and the one with the best mean IoU
on the validation frames trains all the others. Then the networks, and FCN-4s with fewer training
frames and with fewer steps. The test frames are read once, by the networks trained at last.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from campaign import ASIDE, Experiment, Key, of_seeds

from upconv import results
from upconv.data import VOID, SegmentationSet, camvid, colorize
from upconv.device import pick_device, resolve_precision
from upconv.files import atomic_write, save_picture
from upconv.inference import predict
from upconv.metrics import SegmentationScores
from upconv.torch import FCN, load_imagenet
from upconv.training import Settings, train

# Name → stride of the finest map that is scored.
VARIANTS = {"FCN-32s": 32, "FCN-16s": 16, "FCN-8s": 8, "FCN-4s": 4, "FCN-2s": 2}
SELECTED = "FCN-4s"  # by which the settings are chosen
SETTINGS = Settings(
    steps=1500,
    batch=8,
    crop=(160, 240),
    learning_rate=1e-3,
    brightness_contrast_jitter=0.15,
    zoom=(0.5, 2.0),
)
NETWORK = {"encoder": "efficientnet_lite0", "head": 256, "head_kernel": 3}
SHORT = 250  # steps of a candidate
CANDIDATES = {
    f"rate {rate}, encoder × {factor:g}, {'weighted' if weighted else 'plain'}": {
        "learning_rate": rate,
        "encoder_factor": factor,
        "class_weights": weighted,
    }
    for rate, factor, weighted in product((5e-4, 2e-3), (0.2, 1.0), (True, False))
}
FRAMES = (45, 91, 183)  # training frames of the learning curve; 367 are all
STEPS = (100, 300, 700)


def class_weights(masks: np.ndarray, classes: int) -> tuple[float, ...]:
    """Return the inverse roots of the class frequencies, scaled to mean 1 over the pixels."""
    counts = np.bincount(masks[masks != VOID], minlength=classes)
    frequency = counts / counts.sum()
    weights = frequency**-0.5
    return tuple((weights / (weights * frequency).sum()).tolist())


def build(stride: int, seed: int) -> FCN:
    """Build an FCN whose encoder is pretrained on ImageNet."""
    torch.manual_seed(seed)
    network = FCN(11, stride, **NETWORK)
    load_imagenet(network.encoder, NETWORK["encoder"])
    return network


@cache
def frames(split: str) -> SegmentationSet:
    return camvid(split, 480)


def settings(differing: dict[str, Any], **more: Any) -> Settings:
    """Return the settings with what a candidate changes."""
    training = frames("train")
    weights = class_weights(training.masks, len(training.classes))
    differing = differing | {"class_weights": weights if differing["class_weights"] else None}
    return replace(SETTINGS, **differing, **more)


def chosen() -> dict[str, Any]:
    """Return what the best candidate changes, by the mean IoU on the validation frames."""
    rows = results.resume("camvid_fcn").get("selection", [])
    if {row["name"] for row in rows} != set(CANDIDATES):
        raise ValueError("camvid_fcn: not all candidates have been trained; no settings are chosen")
    return CANDIDATES[max(rows, key=lambda row: row["val"]["mean_iou"])["name"]]


def about() -> dict[str, Any]:
    weights = "EfficientNet-Lite0, ImageNet"
    return {
        "network": NETWORK | {"weights": weights},
        "settings": asdict(SETTINGS) | {"precision": resolve_precision("auto", pick_device())},
        "classes": frames("train").classes,
    }


def train_one(name: str, now: Settings, data: SegmentationSet) -> tuple[FCN, dict[str, Any]]:
    network = build(VARIANTS[name], now.seed)
    history = train(network, data, now, progress=False)
    return network, {
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(history.seconds, 1),
        "losses": [round(loss, 4) for loss in history.losses[::5]],
    }


def score(maps: np.ndarray, data: SegmentationSet) -> dict[str, Any]:
    """Scores over all frames, the counts behind them, and each frame's own mean IoU."""
    whole, each = SegmentationScores(len(data.classes)), []
    for prediction, mask in zip(maps, data.masks, strict=True):
        one = SegmentationScores(len(data.classes))
        one.add(prediction, mask)
        whole.matrix += one.matrix
        whole.common += one.common
        whole.either += one.either
        each.append(round(one.scores().mean_iou, 4))
    return whole.scores().asdict() | {"confusion": whole.matrix.tolist(), "frame_iou": each}


def predict_all(network: FCN, images: np.ndarray) -> np.ndarray:
    return np.concatenate([predict(network, images[i : i + 16]) for i in range(0, len(images), 16)])


def select(key: Key) -> dict[str, Any]:
    """A candidate: trained for few steps, scored on the validation frames."""
    differing = CANDIDATES[key["name"]]
    now = settings(differing, seed=key["seed"], steps=SHORT)
    network, row = train_one(SELECTED, now, frames("train"))
    found = score(predict_all(network, frames("val").images), frames("val"))
    return row | {"differing": differing, "val": {"mean_iou": found["mean_iou"]}}


def run(key: Key) -> dict[str, Any]:
    """A network: trained with the chosen settings, scored on validation and test frames."""
    name, seed = key["name"], key["seed"]
    now = settings(chosen(), seed=seed)
    network, row = train_one(name, now, frames("train"))
    maps = predict_all(network, frames("test").images)
    if seed == 0:
        ASIDE.mkdir(parents=True, exist_ok=True)
        atomic_write(predicted(name), lambda path: np.savez_compressed(path, maps=maps))
    val = score(predict_all(network, frames("val").images), frames("val"))
    return row | {"differing": chosen(), "val": val, "test": score(maps, frames("test"))}


def curve(key: Key) -> dict[str, Any]:
    """A point of the learning curves: fewer frames, evenly spread, or fewer steps."""
    training = frames("train")
    places = np.linspace(0, len(training) - 1, key["images"]).round().astype(int)
    now = settings(chosen(), seed=key["seed"], steps=key["steps"])
    network, row = train_one(SELECTED, now, training.subset(places.tolist()))
    found = score(predict_all(network, frames("val").images), frames("val"))
    return row | {"name": SELECTED, "val": {"mean_iou": found["mean_iou"]}}


def points(seeds: int) -> list[Key]:
    shapes = [(count, SETTINGS.steps) for count in FRAMES] + [(367, steps) for steps in STEPS]
    return [
        {"images": images, "steps": steps, "seed": seed}
        for seed in range(seeds)
        for images, steps in shapes
    ]


def predicted(name: str) -> Path:
    """Return where a finished run's predictions are stored until all of them exist."""
    return ASIDE / f"camvid_{name}.npz"


def finish(result: dict[str, Any]) -> dict[str, Any]:
    test = frames("test")
    found = result.get("frames", {})
    if all(predicted(name).exists() for name in VARIANTS):
        found = draw_frames(test, {name: np.load(predicted(name))["maps"] for name in VARIANTS})
    elif not found:
        missing = next(path for path in map(predicted, VARIANTS) if not path.exists())
        raise FileNotFoundError(f"{missing}: not found; move results/camvid_fcn.json away")
    return {
        "frames": {
            kind: frame | shift_of_mask(test.masks, frame["frame"]) for kind, frame in found.items()
        }
    }


def draw_frames(data, predictions: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Save the best, median and worst frame of FCN-4s: image, truth, and predictions."""
    from PIL import Image

    each = {name: score(maps, data)["frame_iou"] for name, maps in predictions.items()}
    order = np.argsort(each[SELECTED])
    places = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
    drawn = {}
    for kind, index in places.items():
        panels = [data.images[index], colorize(data.masks[index], data.colors)]
        panels += [colorize(maps[index], data.colors) for maps in predictions.values()]
        picture = Image.fromarray(np.concatenate(panels, axis=1))
        save_picture(results.FOLDER / f"camvid_{kind}.jpg", picture, quality=80)
        drawn[kind] = {"frame": int(index)} | {name: ious[index] for name, ious in each.items()}
    return drawn


def shift_of_mask(masks: np.ndarray, frame: int) -> dict[str, float]:
    """Find the column shift that best aligns a mask with the next frame's, and its score.

    Neighboring frames show nearly the same scene, so this is a few columns, unless the mask
    belongs to another frame.
    """
    other = masks[frame + 1 if frame + 1 < len(masks) else frame - 1]
    half = masks.shape[2] // 2
    agreement = {
        shift: float((np.roll(masks[frame], shift, axis=1) == other).mean())
        for shift in range(-half, half)
    }
    best = max(agreement, key=agreement.get)
    return {
        "columns": best,
        "agreement": round(agreement[0], 3),
        "agreement_rolled": round(agreement[best], 3),
    }


SELECTION = Experiment(
    name="camvid_fcn",
    data="CamVid, 480 × 360, 367 frames to train, 101 to validate, 233 to test, 11 classes",
    keys=of_seeds(name=CANDIDATES),
    run=select,
    about=about,
    seeds=1,
    part="selection",
    show=("val.mean_iou",),
)
EXPERIMENT = replace(
    SELECTION, keys=of_seeds(name=VARIANTS), run=run, seeds=3, part="runs",
    show=("val.mean_iou", "test.mean_iou"), finish=finish,
)  # fmt: skip
CURVE = replace(SELECTION, keys=points, run=curve, seeds=3, part="curve")
EXPERIMENTS = (SELECTION, EXPERIMENT, CURVE)
