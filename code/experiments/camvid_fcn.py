"""FCN-32s, 16s, 8s and 2s on CamVid, three seeds each: about 25 minutes on two CPU cores.

Also stores the best, median and worst test frame of FCN-8s, seed 0, by score.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from campaign import ASIDE, Experiment, Key, of_seeds

from upconv import results
from upconv.data import VOID, SegmentationSet, camvid, colorize
from upconv.files import atomic_write, save_picture
from upconv.inference import evaluate, predict
from upconv.metrics import SegmentationScores
from upconv.torch import FCN, load_imagenet
from upconv.training import Settings, train

# Name → stride of the finest skip, and changes to SETTINGS.
VARIANTS = {
    "FCN-32s": (32, {}),
    "FCN-16s": (16, {}),
    "FCN-8s": (8, {}),
    "FCN-2s": (2, {}),
    "FCN-8s, encoder fixed": (8, {"encoder_factor": 0.0}),
}
DRAWN = ("FCN-32s", "FCN-16s", "FCN-8s")  # predictions shown beside a frame, with seed 0
SETTINGS = Settings(
    steps=1500,
    batch=8,
    crop=(128, 192),
    learning_rate=1e-3,
    brightness_contrast_jitter=0.15,
    zoom=(0.8, 1.6),
)
NETWORK = {"encoder": "squeezenet", "head": 256, "head_kernel": 3}


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
    load_imagenet(network.encoder, "squeezenet")
    return network


@cache
def sets() -> dict[str, SegmentationSet]:
    return {split: camvid(split) for split in ("train", "val", "test")}


def settings() -> Settings:
    training = sets()["train"]
    return replace(SETTINGS, class_weights=class_weights(training.masks, len(training.classes)))


def about() -> dict[str, Any]:
    return {
        "network": NETWORK | {"weights": "SqueezeNet 1.1, ImageNet"},
        "settings": asdict(settings()),
        "classes": sets()["test"].classes,
    }


def run(key: Key) -> dict[str, Any]:
    name, seed = key["name"], key["seed"]
    stride, differing = VARIANTS[name]
    network = build(stride, seed)
    now = replace(settings(), seed=seed, **differing)
    history = train(network, sets()["train"], now, progress=False)
    if seed == 0 and name in DRAWN:
        ASIDE.mkdir(parents=True, exist_ok=True)
        maps = predict_all(network, sets()["test"].images)
        atomic_write(predicted(name), lambda path: np.savez_compressed(path, maps=maps))
    return {
        "differing": differing,
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(history.seconds, 1),
        "losses": [round(loss, 4) for loss in history.losses[::10]],
    } | {split: evaluate(network, sets()[split]).asdict() for split in ("val", "test")}


def predicted(name: str) -> Path:
    """Return where a finished run's predictions are stored until all three exist."""
    return ASIDE / f"camvid_{name}.npz"


def finish(result: dict[str, Any]) -> dict[str, Any]:
    test = sets()["test"]
    frames = result.get("frames", {})
    if all(predicted(name).exists() for name in DRAWN):
        frames = draw_frames(test, {name: np.load(predicted(name))["maps"] for name in DRAWN})
    elif not frames:
        missing = next(path for path in map(predicted, DRAWN) if not path.exists())
        raise FileNotFoundError(f"{missing}: not found; move results/camvid_fcn.json away")
    return {
        "frames": {
            kind: found | shift_of_mask(test.masks, found["frame"])
            for kind, found in frames.items()
        }
    }


def predict_all(network, images: np.ndarray) -> np.ndarray:
    return np.concatenate([predict(network, images[i : i + 16]) for i in range(0, len(images), 16)])


def draw_frames(data, predictions: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Save the best, median and worst frame of FCN-8s: image, truth, and predictions."""
    from PIL import Image

    def score(prediction: np.ndarray, mask: np.ndarray) -> float:
        scores = SegmentationScores(len(data.classes))
        scores.add(prediction, mask)
        return scores.scores().mean_iou

    each = {
        name: [score(p, m) for p, m in zip(maps, data.masks, strict=True)]
        for name, maps in predictions.items()
    }
    order = np.argsort(each["FCN-8s"])
    chosen = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
    frames = {}
    for kind, index in chosen.items():
        panels = [data.images[index], colorize(data.masks[index], data.colors)]
        panels += [colorize(maps[index], data.colors) for maps in predictions.values()]
        picture = Image.fromarray(np.concatenate(panels, axis=1))
        save_picture(results.FOLDER / f"camvid_{kind}.jpg", picture, quality=88)
        frames[kind] = {"frame": int(index)} | {
            name: round(values[index], 4) for name, values in each.items()
        }
    return frames


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


EXPERIMENT = Experiment(
    name="camvid_fcn",
    data="CamVid, 240 × 180, 367 frames to train, 233 to test, 11 classes, void left out",
    keys=of_seeds(name=VARIANTS),
    run=run,
    about=about,
    show=("test.mean_iou",),
    finish=finish,
)
