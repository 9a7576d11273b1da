"""Nuclei of the Data Science Bowl for the studies of chapter 5: a split of its own, and scores.

Nuclei that touch are where border weights can matter: in ISBI's tissue every wall is thin.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from torch import nn

from upconv import data
from upconv.data import SegmentationSet
from upconv.data._dsb2018 import appearance_clusters
from upconv.inference import probabilities
from upconv.metrics import average_precision, components

GROUPS, EVERY = 16, 5  # groups of similar training images; every fifth validates
THRESHOLDS = tuple(np.arange(0.2, 0.85, 0.1).round(1).tolist())
SMALLEST = (10, 30)  # pixels of the smallest nucleus
NEAR = 2  # nuclei touch if at most this many pixels are between them
WORDS = "DSB 2018, 334 images of 256 × 256; groups of like gray values to train, validate and test"


@cache
def sets() -> dict[str, SegmentationSet]:
    raw, training = data.dsb2018(stretched=False), data.dsb2018()
    validates = appearance_clusters(np.asarray(raw.images), GROUPS) % EVERY == EVERY // 2
    parts = {"train": ~validates, "val": validates}
    found = {name: _chosen(training, some) for name, some in parts.items()}
    return found | {"test": data.dsb2018("test")}


def _chosen(whole: SegmentationSet, some: np.ndarray) -> SegmentationSet:
    layers = {name: np.asarray(getattr(whole, name))[some] for name in ("images", "masks")}
    return replace(whole, instances=np.asarray(whole.instances)[some], **layers)


def scored(network: nn.Module, tta: int = 1) -> dict[str, Any]:
    """Scores on test images; threshold and smallest nucleus are chosen on validation images."""
    inside = {}
    for split in ("val", "test"):
        images = sets()[split].images
        parts = [probabilities(network, images[k : k + 16], tta=tta)[:, 1]
                 for k in range(0, len(images), 16)]  # fmt: skip
        inside[split] = np.concatenate(parts)
    choices = {
        (threshold, smallest): precision(inside["val"], sets()["val"], threshold, smallest)
        for threshold in THRESHOLDS
        for smallest in SMALLEST
    }
    threshold, smallest = max(choices, key=choices.get)
    test = sets()["test"]
    found = [components(one > threshold, smallest) for one in inside["test"]]
    merged = np.sum([merges(*pair) for pair in zip(test.instances, found, strict=True)], axis=0)
    half = [components(one > 0.5, 10) for one in inside["test"]]
    at_half = np.sum([merges(*pair) for pair in zip(test.instances, half, strict=True)], axis=0)
    return {
        "validation_precision": choices[threshold, smallest],
        "threshold": threshold,
        "smallest": smallest,
        "average_precision": average_precision(test.instances, found, (0.5,))[0.5],
        "half_average_precision": average_precision(test.instances, half, (0.5,))[0.5],
        "mean_average_precision": float(
            np.mean(list(average_precision(test.instances, found).values()))
        ),
        "pixel_error": float(((inside["test"] > threshold) != (test.masks > 0)).mean()),
        "merged": int(merged[0]),
        "half_merged": int(at_half[0]),
        "touching": int(merged[1]),
    }


def precision(inside: np.ndarray, part: SegmentationSet, threshold: float, smallest: int) -> float:
    found = [components(one > threshold, smallest) for one in inside]
    return float(average_precision(part.instances, found, (0.5,))[0.5])


def merges(truth: np.ndarray, found: np.ndarray) -> tuple[int, int]:
    """How many pairs of touching nuclei are one object in ``found``, and how many pairs touch.

    >>> truth = np.array([[1, 1, 0, 2, 2]])
    >>> merges(truth, np.array([[1, 1, 1, 1, 1]])), merges(truth, np.array([[1, 1, 0, 2, 2]]))
    ((1, 1), (0, 1))
    """
    truth = truth.astype(np.int64)
    pairs = set()
    reach = NEAR + 1
    padded = np.pad(truth, reach)
    height, width = truth.shape
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            moved = padded[reach + down :, reach + right :][:height, :width]
            meet = (truth > 0) & (moved > truth)
            pairs |= set(zip(truth[meet].tolist(), moved[meet].tolist(), strict=True))
    most = {
        number: np.bincount(found[truth == number].ravel()).argmax()
        for number in {one for pair in pairs for one in pair}
    }
    return sum(int(most[a] == most[b] > 0) for a, b in pairs), len(pairs)
