"""FCN-32s, 16s, 8s and 2s on CamVid, three seeds each: writes results/camvid_fcn.json.

    python code/scripts/camvid_fcn.py

About 25 minutes on two CPU cores. Runs that the file holds already are not repeated, so it can
be broken off and started again. Also draws the best, the median and the worst test frame of
FCN-8s, seed 0, chosen by score.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace

import numpy as np
import torch

from upconv import results
from upconv.data import VOID, camvid, paint
from upconv.files import save_picture
from upconv.torch import FCN, load_imagenet
from upconv.training import SegmentationScores, Settings, evaluate, predict, train

# Name → stride of the finest skip, and what differs from SETTINGS.
VARIANTS = {
    "FCN-32s": (32, {}),
    "FCN-16s": (16, {}),
    "FCN-8s": (8, {}),
    "FCN-2s": (2, {}),
    "FCN-8s, encoder fixed": (8, {"encoder_factor": 0.0}),
}
SETTINGS = Settings(
    steps=1500,
    batch=8,
    crop=(128, 192),
    learning_rate=1e-3,
    jitter=0.15,
    zoom=(0.8, 1.6),
)
NETWORK = {"encoder": "squeezenet", "head": 256, "head_kernel": 3}


def class_weights(masks: np.ndarray, classes: int) -> tuple[float, ...]:
    """One over the root of each class's frequency, of mean 1 over the pixels."""
    counts = np.bincount(masks[masks != VOID], minlength=classes)
    frequency = counts / counts.sum()
    weights = frequency**-0.5
    return tuple((weights / (weights * frequency).sum()).tolist())


def build(stride: int, seed: int) -> FCN:
    """An FCN whose encoder knows ImageNet."""
    torch.manual_seed(seed)
    network = FCN(11, stride, **NETWORK)
    load_imagenet(network.encoder, "squeezenet")
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    sets = {split: camvid(split) for split in ("train", "val", "test")}
    settings = replace(
        SETTINGS, class_weights=class_weights(sets["train"].masks, len(sets["train"].classes))
    )
    result = results.resume("camvid_fcn")
    data = "CamVid, 240 × 180, 367 frames to train, 233 to test, 11 classes, void left out"
    wanted = {(name, seed) for name in VARIANTS for seed in range(arguments.seeds)}
    if wanted - {(run["name"], run["seed"]) for run in result["runs"]}:
        result |= results.provenance(data)
    result |= {
        "network": NETWORK | {"weights": "SqueezeNet 1.1, ImageNet"},
        "settings": asdict(settings),
        "classes": sets["test"].classes,
    }
    for seed in range(arguments.seeds):
        for name, (stride, differing) in VARIANTS.items():
            if any(run["name"] == name and run["seed"] == seed for run in result["runs"]):
                continue
            network = build(stride, seed)
            now = replace(settings, seed=seed, **differing)
            history = train(network, sets["train"], now, progress=False)
            scores = {split: evaluate(network, sets[split]).asdict() for split in ("val", "test")}
            result["runs"].append(
                {
                    "name": name,
                    "seed": seed,
                    "commit": result["commit"],
                    "differing": differing,
                    "parameters": sum(p.numel() for p in network.parameters()),
                    "seconds": round(history.seconds, 1),
                    "losses": [round(loss, 4) for loss in history.losses[::10]],
                }
                | scores
            )
            results.keep("camvid_fcn", result)
            print(
                name,
                seed,
                f"{history.seconds:.0f} s",
                round(scores["test"]["mean_iou"], 3),
                flush=True,
            )
            if seed == 0 and stride in (32, 16, 8) and not differing:
                predictions[name] = predict_all(network, sets["test"].images)
    if predictions:
        result["frames"] = draw_frames(sets["test"], predictions)
    for found in result["frames"].values():
        found |= shift_of_mask(sets["test"].masks, found["frame"])
    results.keep("camvid_fcn", result)


predictions: dict[str, np.ndarray] = {}


def predict_all(network, images: np.ndarray) -> np.ndarray:
    return np.concatenate([predict(network, images[i : i + 16]) for i in range(0, len(images), 16)])


def draw_frames(data, predictions: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Save best, median and worst frame of FCN-8s: image, truth, and the predictions."""
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
        panels = [data.images[index], paint(data.masks[index], data.colours)]
        panels += [paint(maps[index], data.colours) for maps in predictions.values()]
        picture = Image.fromarray(np.concatenate(panels, axis=1))
        save_picture(results.FOLDER / f"camvid_{kind}.jpg", picture, quality=88)
        frames[kind] = {"frame": int(index)} | {
            name: round(values[index], 4) for name, values in each.items()
        }
    return frames


def shift_of_mask(masks: np.ndarray, frame: int) -> dict[str, float]:
    """By how many columns a mask must be rolled to fit the next frame's best, and how well it does.

    Neighbouring frames show nearly the same scene, so this is a few columns, unless the mask does
    not belong where it lies.
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


if __name__ == "__main__":
    main()
