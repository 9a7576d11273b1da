"""FCN-32s, 16s, 8s, 4s and 2s on CamVid at 480 × 360, three seeds each: three hours on one core.

First ``camvid_selection``: short runs of FCN-8s choose the settings by their score on the
validation split. ``camvid_fcn`` reads the choice; the test split takes no part in it. With seed 0
the best, median and worst test frame of FCN-8s are stored, too.
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
from PIL import Image
from scipy.ndimage import distance_transform_cdt, label

from upconv import results
from upconv.data import VOID, SegmentationSet, camvid, colorize
from upconv.files import atomic_write, save_picture
from upconv.inference import evaluate, predict
from upconv.metrics import SegmentationScores
from upconv.torch import FCN, load_imagenet
from upconv.training import Settings, train

# Name → stride of the finest skip, and changes to the settings.
VARIANTS: dict[str, tuple[int, dict[str, Any]]] = {
    "FCN-32s": (32, {}),
    "FCN-16s": (16, {}),
    "FCN-8s": (8, {}),
    "FCN-4s": (4, {}),
    "FCN-2s": (2, {}),
    "FCN-8s, encoder fixed": (8, {"encoder_factor": 0.0}),
}
# Predictions shown beside a frame, with seed 0.
DRAWN = ("FCN-32s", "FCN-16s", "FCN-8s", "FCN-4s", "FCN-2s")
SETTINGS = Settings(
    steps=1500,
    batch=8,
    crop=(160, 240),
    brightness_contrast_jitter=0.4,  # one of the test sequences was taken at dusk
    zoom=(0.5, 2.0),
)
SHORT = 300  # steps of a run that only helps to choose
TRIED = {
    "learning_rate": (1e-3, 2e-3),
    "encoder_factor": (0.2, 0.5),
    "weights": ("inverse root", "none"),
}
LOOKS = (50, 100, 200, 400, 800)  # steps after which seed 0 is scored on some validation frames
EVERY = 4  # of them
DISTANCES = (1, 2, 4, 8, 16, 32)  # pixels from a border, upper ends of the bins
NETWORK = {"encoder": "efficientnet_lite0", "head": 256, "head_kernel": 3}


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
    load_imagenet(network.encoder, "efficientnet_lite0")
    return network


@cache
def sets() -> dict[str, SegmentationSet]:
    return {split: camvid(split, width=480) for split in ("train", "val", "test")}


def weights_of(kind: str) -> tuple[float, ...] | None:
    """Return the class weights of the training split: "inverse root" of the frequency, or none."""
    training = sets()["train"]
    return class_weights(training.masks, len(training.classes)) if kind != "none" else None


def with_choice(choice: dict[str, Any]) -> Settings:
    """Return the settings with one of the choices that were tried."""
    return replace(
        SETTINGS,
        learning_rate=choice["learning_rate"],
        encoder_factor=choice["encoder_factor"],
        class_weights=weights_of(choice["weights"]),
    )


def about_network() -> dict[str, Any]:
    return {
        "network": NETWORK | {"weights": "EfficientNet-Lite0, ImageNet"},
        "classes": sets()["test"].classes,
    }


def keys_of_selection(seeds: int) -> list[Key]:
    return [
        dict(zip(TRIED, values, strict=True)) | {"seed": seed}
        for seed in range(seeds)
        for values in product(*TRIED.values())
    ]


def select(key: Key) -> dict[str, Any]:
    """Train FCN-8s briefly with one choice of settings, and score it on the validation split."""
    network = build(8, key["seed"])
    now = replace(with_choice(key), steps=SHORT, seed=key["seed"])
    history = train(network, sets()["train"], now, progress=False)
    return {
        "losses": [round(loss, 4) for loss in history.losses],
        "val": evaluate(network, sets()["val"]).asdict(),
    }


def about_selection() -> dict[str, Any]:
    shared = asdict(replace(SETTINGS, steps=SHORT))
    for name in ("learning_rate", "encoder_factor", "class_weights", "seed"):
        del shared[name]
    return about_network() | {"settings": shared, "tried": TRIED}


def chosen() -> dict[str, Any]:
    """Return the choice with the best mean IoU on the validation split."""
    tried = results.load("camvid_selection")["runs"]
    best = max(tried, key=lambda found: found["val"]["mean_iou"])
    return {name: best[name] for name in TRIED}


def about() -> dict[str, Any]:
    return about_network() | {"settings": asdict(with_choice(chosen())), "chosen": chosen()}


def run(key: Key) -> dict[str, Any]:
    name, seed = key["name"], key["seed"]
    stride, differing = VARIANTS[name]
    network = build(stride, seed)
    some = sets()["val"].subset(slice(None, None, EVERY))
    curve: dict[int, float] = {}

    def look(step: int, loss: float) -> None:
        if step + 1 in LOOKS:
            curve[step + 1] = round(evaluate(network, some).mean_iou, 4)

    now = replace(with_choice(chosen()), seed=seed, **differing)
    history = train(network, sets()["train"], now, progress=False, callback=None if seed else look)
    maps = {split: predict_all(network, sets()[split].images) for split in ("val", "test")}
    if seed == 0 and name in DRAWN:
        ASIDE.mkdir(parents=True, exist_ok=True)
        atomic_write(predicted(name), lambda path: np.savez_compressed(path, maps=maps["test"]))
    found = {split: measured(maps[split], sets()[split]) for split in maps}
    if not seed:
        curve[now.steps] = round(measured(maps["val"][::EVERY], some).scores().mean_iou, 4)
    return {
        "differing": differing,
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(history.seconds, 1),
        "losses": [round(loss, 4) for loss in history.losses],
        "curve": curve,
        "val": found["val"].scores().asdict(),
        "test": found["test"].scores().asdict() | {"matrix": found["test"].matrix.tolist()},
    } | details(maps["test"], sets()["test"].masks)


def predict_all(network: FCN, images: np.ndarray) -> np.ndarray:
    return np.concatenate([predict(network, images[i : i + 4]) for i in range(0, len(images), 4)])


def measured(maps: np.ndarray, data: SegmentationSet) -> SegmentationScores:
    """Compare predictions with the masks of a set."""
    scores = SegmentationScores(len(data.classes))
    for prediction, mask in zip(maps, data.masks, strict=True):
        scores.add(prediction, mask)
    return scores


def details(maps: np.ndarray, masks: np.ndarray) -> dict[str, Any]:
    """Count errors by distance from the nearest border of true labels, and pixels in holes.

    A hole is a part of an object that is enclosed by what was rightly named and has another name.
    """
    pixels, errors = np.zeros(len(DISTANCES) + 1, int), np.zeros(len(DISTANCES) + 1, int)
    holes = []
    for found, mask in zip(maps, masks, strict=True):
        labeled, wrong = mask != VOID, (mask != VOID) & (found != mask)
        bins = np.digitize(distance_from_border(mask), DISTANCES, right=True)
        pixels += np.bincount(bins[labeled], minlength=len(pixels))
        errors += np.bincount(bins[wrong], minlength=len(pixels))
        enclosed = [enclosed_by(found == c) & (mask == c) for c in np.unique(mask[labeled])]
        holes.append(int(np.sum(enclosed)))
    return {
        "distances": DISTANCES,
        "pixels": pixels.tolist(),
        "errors": errors.tolist(),
        "holes": sum(holes),
        "largest_holes": {"pixels": max(holes), "frame": int(np.argmax(holes))},
    }


def distance_from_border(mask: np.ndarray) -> np.ndarray:
    """Return how many pixels each lies from the nearest with another label: 1 beside it."""
    beside = np.zeros(mask.shape, bool)
    for axis in (0, 1):
        first, second = np.moveaxis(mask, axis, 0)[:-1], np.moveaxis(mask, axis, 0)[1:]
        seen = np.moveaxis(beside, axis, 0)
        seen[:-1] |= first != second
        seen[1:] |= first != second
    return 1 + distance_transform_cdt(~beside)


def enclosed_by(region: np.ndarray) -> np.ndarray:
    """Return what a region encloses: the rest that does not touch the image's border."""
    parts, _ = label(~region)
    outside = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    return ~np.isin(parts, outside) & ~region


def predicted(name: str) -> Path:
    """Return where a finished run's predictions are stored until all of them exist."""
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


def draw_frames(data: SegmentationSet, maps: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Save the best, median and worst frame of FCN-8s side by side with its truth and predictions.

    The median frame with the predictions of all networks, the others with that of FCN-8s.
    """
    each = {
        name: [
            measured(found[i : i + 1], data.subset(slice(i, i + 1))).scores().mean_iou
            for i in range(len(found))
        ]
        for name, found in maps.items()
    }
    order = np.argsort(each["FCN-8s"])
    picked = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
    frames = {}
    for kind, index in picked.items():
        shown = maps if kind == "median" else {"FCN-8s": maps["FCN-8s"]}
        panels = [data.images[index], colorize(data.masks[index], data.colors)]
        panels += [colorize(found[index], data.colors) for found in shown.values()]
        picture = Image.fromarray(np.concatenate(panels, axis=1))
        save_picture(results.FOLDER / f"camvid_{kind}.jpg", picture, quality=88)
        frames[kind] = {"frame": int(index), "panels": ["image", "truth", *shown]} | {
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


DATA = "CamVid, 480 × 360, 367 frames to train, 101 to validate, 233 to test, 11 classes, no void"
SELECTION = Experiment(
    name="camvid_selection",
    data=DATA,
    keys=keys_of_selection,
    run=select,
    about=about_selection,
    seeds=1,
    show=("val.mean_iou",),
)
EXPERIMENT = Experiment(
    name="camvid_fcn",
    data=DATA,
    keys=of_seeds(name=VARIANTS),
    run=run,
    about=about,
    show=("val.mean_iou", "test.mean_iou"),
    finish=finish,
)
