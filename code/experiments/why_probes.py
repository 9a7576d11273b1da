"""Linear probes of an encoder's maps, all with the same targets: blocks of 8 × 8 pixels.

Of each block that has some digit: which digit is it, and which of its pixels are digit? A map of
stride 8 has one vector for a block. A finer map has several, and the probe gets all of them. Of a
coarser map, 4 or 16 blocks share one vector, and each place within its cell gets a probe of its
own, as a transposed convolution has a kernel for each of its phases.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from upconv.data import SegmentationSet, digit_scenes
from upconv.torch import Encoder

BLOCK = 8  # side of a target, in pixels
LEAST = 8  # pixels of digit in a block that is asked about
STRIDES = (1, 2, 4, 8, 16, 32)  # 1: the image itself
FITTED, CHOOSING, TESTED = 600, 150, 300  # scenes: to fit, to choose the penalty, to test
PENALTIES = 10.0 ** np.arange(-4, 3)  # relative to the inputs, which have variance 1


def probe_encoders(
    encoders: dict[str, Encoder], scenes: dict[str, Any], seed: int
) -> dict[str, Any]:
    """By encoder: share of digits told and of their pixels' variance explained, by stride."""
    training = digit_scenes(FITTED + CHOOSING, seed=900 + seed, **scenes)
    test = digit_scenes(TESTED, seed=900 + seed, split="test", **scenes)
    targets, wanted = blocks(training), blocks(test)
    counts = np.bincount(targets["digit"], minlength=10)
    found: dict[str, Any] = {
        "strides": list(STRIDES),
        "blocks": [len(targets["digit"]), len(wanted["digit"])],
        "most frequent": float(np.mean(wanted["digit"] == counts.argmax())),
    }
    for name, encoder in encoders.items():
        x, y = maps(encoder, training), maps(encoder, test)
        found[name] = scores(x, y, targets, wanted)
        if name == "fine-tuned":  # the same, with answers that belong to other blocks
            found["shuffled"] = scores(x, y, shuffled(targets, seed), wanted)
    return found


def probe_controls(encoder: Encoder, scenes: dict[str, Any], seed: int) -> dict[str, Any]:
    """Share of digits told from stride 16 and 32, when neither has more blocks to learn from.

    Stride 32 has four times as many probes as stride 16, so each is fitted to a quarter of the
    blocks. "as few blocks": the probes of stride 16 get a quarter of the scenes. "one probe for all
    places": both strides have one, fitted to all blocks.
    """
    training = digit_scenes(FITTED + CHOOSING, seed=900 + seed, **scenes)
    test = digit_scenes(TESTED, seed=900 + seed, split="test", **scenes)
    targets, wanted = blocks(training), blocks(test)
    x, y = maps(encoder, training), maps(encoder, test)
    quarter = targets["scene"] % FITTED < np.where(targets["scene"] < FITTED, FITTED, CHOOSING) // 4
    few = {name: part[quarter] for name, part in targets.items()}
    found: dict[str, Any] = {"as few blocks": {}, "one probe for all places": {}}
    for stride in (16, 32):
        for name, some in (
            ("as few blocks", few if stride == 16 else targets),
            ("one probe for all places", targets),
        ):
            inputs, place = vectors(x[stride], stride, some)
            inputs_test, place_test = vectors(y[stride], stride, wanted)
            if name != "as few blocks":
                place, place_test = place * 0, place_test * 0
            digits, _ = answers(inputs, place, some, inputs_test, place_test)
            found[name][str(stride)] = round(float(np.mean(digits == wanted["digit"])), 4)
    return found


def blocks(data: SegmentationSet) -> dict[str, np.ndarray]:
    """The blocks with some digit: their place, scene, digit and pixels."""
    masks = np.asarray(data.masks)
    n, side = len(masks), masks.shape[1] // BLOCK
    cut = masks.reshape(n, side, BLOCK, side, BLOCK).swapaxes(2, 3).reshape(n, side, side, -1)
    scene, row, column = np.nonzero((cut > 0).sum(-1) >= LEAST)
    pixels = cut[scene, row, column]
    digit = np.array([np.bincount(block[block > 0]).argmax() - 1 for block in pixels])
    return {
        "scene": scene, "row": row, "column": column, "digit": digit,
        "pixels": (pixels > 0).astype(np.float32),
    }  # fmt: skip


def shuffled(targets: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    order = np.random.default_rng(seed).permutation(len(targets["digit"]))
    # Within the scenes to fit and those to choose by, so that their numbers stay.
    order = order[np.argsort(targets["scene"][order] >= FITTED, kind="stable")]
    order = order[np.argsort(np.argsort(targets["scene"] >= FITTED, kind="stable"))]
    return targets | {name: targets[name][order] for name in ("digit", "pixels")}


@torch.inference_mode()
def maps(encoder: Encoder, data: SegmentationSet, batch: int = 25) -> dict[int, np.ndarray]:
    """The image and the maps, (N, H, W, C), float32, by stride."""
    parts: dict[int, list[np.ndarray]] = {stride: [] for stride in STRIDES}
    images = np.asarray(data.images)
    for start in range(0, len(images), batch):
        image = torch.from_numpy(images[start : start + batch]).permute(0, 3, 1, 2).float() / 255
        for stride, found in ({1: image} | encoder(image)).items():
            parts[stride].append(found.permute(0, 2, 3, 1).numpy())
    return {stride: np.concatenate(found) for stride, found in parts.items()}


def vectors(
    found: np.ndarray, stride: int, targets: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """What a map has about each block, (blocks, numbers), and the block's place in its cell."""
    scene, row, column = (targets[name] for name in ("scene", "row", "column"))
    if stride >= BLOCK:
        ratio = stride // BLOCK
        place = row % ratio * ratio + column % ratio
        return found[scene, row // ratio, column // ratio], place
    ratio = BLOCK // stride
    n, side, _, channels = found.shape
    cut = found.reshape(n, side // ratio, ratio, side // ratio, ratio, channels).swapaxes(2, 3)
    cut = cut.reshape(n, side // ratio, side // ratio, -1)
    return cut[scene, row, column], np.zeros(len(scene), int)


def scores(
    training: dict[int, np.ndarray],
    test: dict[int, np.ndarray],
    targets: dict[str, np.ndarray],
    wanted: dict[str, np.ndarray],
) -> dict[str, list[float]]:
    what, where = [], []
    mean = targets["pixels"][targets["scene"] < FITTED].mean(0)
    for stride in STRIDES:
        x, place = vectors(training[stride], stride, targets)
        x_test, place_test = vectors(test[stride], stride, wanted)
        digits, pixels = answers(x, place, targets, x_test, place_test)
        what.append(float(np.mean(digits == wanted["digit"])))
        rest = ((wanted["pixels"] - pixels) ** 2).sum()
        where.append(float(1 - rest / ((wanted["pixels"] - mean) ** 2).sum()))
    return {"what": [round(v, 4) for v in what], "where": [round(v, 4) for v in where]}


def answers(
    x: np.ndarray,
    place: np.ndarray,
    targets: dict[str, np.ndarray],
    x_test: np.ndarray,
    place_test: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Digits and pixels of the blocks of a test set, by a probe for each place."""
    digits, pixels = np.zeros(len(x_test)), np.zeros((len(x_test), BLOCK**2))
    for one in range(place.max() + 1):
        mine, ask = place == one, place_test == one
        digits[ask], pixels[ask] = probe(
            x[mine], {name: part[mine] for name, part in targets.items()}, x_test[ask]
        )
    return digits, pixels


def probe(
    x: np.ndarray, targets: dict[str, np.ndarray], x_test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit ridge regressions; return the digits and the pixels that they find in a test set.

    The penalty is chosen, for each of the two questions, on scenes that were not fitted.
    """
    fit = targets["scene"] < FITTED
    shift, scale = x[fit].mean(0), x[fit].std(0) + 1e-6
    x, x_test = (x - shift) / scale, (x_test - shift) / scale
    one_hot = np.eye(10, dtype=np.float32)[targets["digit"]]
    wanted = np.concatenate([one_hot, targets["pixels"]], axis=1)
    mean = wanted[fit].mean(0)
    values, basis = np.linalg.eigh((x[fit].T @ x[fit] / fit.sum()).astype(np.float64))
    turned = basis.T @ (x[fit].T @ (wanted[fit] - mean) / fit.sum())
    weights = [basis @ (turned / (values[:, None] + penalty)) for penalty in PENALTIES]
    rest = [mean + x[~fit] @ weight for weight in weights]
    told = [np.mean(y[:, :10].argmax(1) == targets["digit"][~fit]) for y in rest]
    error = [((y[:, 10:] - targets["pixels"][~fit]) ** 2).sum() for y in rest]
    digits = (mean + x_test @ weights[int(np.argmax(told))])[:, :10].argmax(1)
    pixels = (mean + x_test @ weights[int(np.argmin(error))])[:, 10:]
    return digits, pixels
