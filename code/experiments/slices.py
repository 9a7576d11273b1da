"""Slices of ISBI 2012 for the studies of chapter 5: splits matched in sharpness, and their scores.

Slices 0 to 14 have a fourth of the high frequencies of slices 15 to 29. So both halves are in
training, validation and test. Test slices do not touch training slices but at one place, where a
validation slice lies between.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.ndimage import label
from torch import nn

from upconv import data
from upconv.data import SegmentationSet
from upconv.inference import probabilities
from upconv.metrics import rand_and_info_scores, skeletonized
from upconv.training import Settings

SPLIT = {"val": (12, 15, 27), "test": (13, 14, 28, 29)}
SPLIT["train"] = tuple(n for n in range(30) if n not in SPLIT["val"] + SPLIT["test"])
THRESHOLDS = tuple(np.arange(0.05, 0.96, 0.05).round(2).tolist())
COARSE = tuple(np.arange(0.1, 0.95, 0.1).round(1).tolist())  # thinning takes longer
WORDS = "ISBI 2012, 23 slices of both halves of the stack to train, 3 to validate, 4 to test"

# How the training images are varied. Quarter turns and mirroring move pixels and change none.
AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "none": {"flip": False},
    "turned": {"flip": True, "brightness_contrast_jitter": 0.1},
    "bent": {"flip": True, "brightness_contrast_jitter": 0.1, "elastic_sigma": 5.0},
}


@cache
def stack(factor: int = 1) -> SegmentationSet:
    """All 30 slices, shrunk by the means of ``factor`` × ``factor`` pixels."""
    parts = data.isbi2012(), data.isbi2012("test")
    images = np.concatenate([part.images for part in parts])
    masks = np.concatenate([part.masks for part in parts])
    if factor > 1:
        side = images.shape[1] // factor
        blocks = (len(images), side, factor, side, factor)
        images = images.reshape(blocks).mean((2, 4)).round().astype(np.uint8)
        # Any wall in a block is wall: otherwise thin ones would break.
        masks = masks.reshape(blocks).min((2, 4))
    instances = np.stack([label(mask)[0] for mask in masks]).astype(np.int32)
    name = "isbi2012" + (f", 1 / {factor}" if factor > 1 else "")
    return SegmentationSet(name, parts[0].classes, images, masks, parts[0].colors, instances)


def chosen(slices: SegmentationSet, numbers: tuple[int, ...]) -> SegmentationSet:
    """Only some slices of a set."""
    some = list(numbers)
    layers = {"images": slices.images[some], "masks": slices.masks[some]}
    layers["instances"] = slices.instances[some]
    return replace(slices, **layers)


def labeled(count: int, seed: int) -> tuple[int, ...]:
    """The training slices that are labeled in a run: of fewer labels, a part of those of more."""
    order = np.random.default_rng(seed).permutation(SPLIT["train"])
    return tuple(int(n) for n in order[:count])


def training_set(
    numbers: tuple[int, ...], augmentation: str, factor: int = 1, w0: float | None = None
) -> SegmentationSet:
    """Training slices, with all quarter turns if they are varied, and weights if wanted."""
    found = chosen(stack(factor), numbers)
    if w0 is not None:  # distances of the paper are in its own pixels
        found = data.with_border_weights(found, w0=w0, sigma=5.0 / factor)
    if augmentation == "none":
        return found
    layers = {name: getattr(found, name) for name in ("images", "masks", "instances", "weights")}
    turned = {
        name: np.concatenate([np.rot90(np.stack(layer), k, (1, 2)) for k in range(4)])
        for name, layer in layers.items()
        if layer is not None
    }
    return replace(found, **{name: np.ascontiguousarray(layer) for name, layer in turned.items()})


def varied(settings: Settings, augmentation: str, seed: int, **differing: Any) -> Settings:
    return replace(settings, seed=seed, **AUGMENTATIONS[augmentation] | differing)


def scored(network: nn.Module, factor: int = 1, tta: int = 1) -> dict[str, Any]:
    """Scores on test slices at ½ and at thresholds chosen on validation slices.

    Each score has a threshold of its own, as in the challenge, but chosen on other slices.
    """
    slices = {split: chosen(stack(factor), SPLIT[split]) for split in ("val", "test")}
    inside = {
        split: np.concatenate([probabilities(network, image[None], tta=tta)[:, 1]
                               for image in part.images])
        for split, part in slices.items()
    }  # fmt: skip
    errors = {t: pixel_error(inside["val"], slices["val"], t) for t in THRESHOLDS}
    rands = {t: rand_scores(inside["val"], slices["val"], t)[0] for t in COARSE}
    for_pixels, for_cells = min(errors, key=errors.get), max(rands, key=rands.get)
    v_rand, v_info = rand_scores(inside["test"], slices["test"], for_cells)
    return {
        "validation_error": errors[for_pixels],
        "threshold": for_pixels,
        "pixel_error": pixel_error(inside["test"], slices["test"], for_pixels),
        "half_pixel_error": pixel_error(inside["test"], slices["test"], 0.5),
        "cell_threshold": for_cells,
        "v_rand": v_rand,
        "v_info": v_info,
        "half_v_rand": rand_scores(inside["test"], slices["test"], 0.5)[0],
        "each": [
            pixel_error(inside["test"][[k]], chosen(slices["test"], (k,)), for_pixels)
            for k in range(len(SPLIT["test"]))
        ],
    }


def pixel_error(inside: np.ndarray, slices: SegmentationSet, threshold: float) -> float:
    return float(((inside > threshold) != (slices.masks > 0)).mean())


def rand_scores(
    inside: np.ndarray, slices: SegmentationSet, threshold: float
) -> tuple[float, float]:
    each = [
        rand_and_info_scores(truth, skeletonized(one > threshold))
        for one, truth in zip(inside, slices.instances, strict=True)
    ]
    v_rand, v_info = np.mean(each, axis=0)
    return float(v_rand), float(v_info)


def limits(factor: int = 1, stride: int = 8) -> dict[str, float]:
    """What needs no network: all cell, and the truth known only to cells of a coarse grid."""
    test = chosen(stack(factor), SPLIT["test"])
    share = float((test.masks == 0).mean())
    masks = torch.from_numpy(test.masks).float()[:, None]
    coarse = nn.functional.avg_pool2d(masks, stride)
    again = nn.functional.interpolate(coarse, scale_factor=stride, mode="bilinear")[:, 0].numpy()
    known = min(pixel_error(again, test, threshold) for threshold in THRESHOLDS)
    return {"all cell": share, f"truth at stride {stride}": known}
