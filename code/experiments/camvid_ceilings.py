"""What coarse scores can say at most, on CamVid at 480 × 360: ten minutes on one core, no training.

For every stride the *true* labels are averaged over blocks and enlarged as a network's scores are.
That is no strict bound: a few frames' coarse scores are fitted to the labels, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from campaign import Experiment, Key
from camvid_fcn import DATA, details, sets, shift_of_mask
from torch import Tensor

from upconv.data import VOID
from upconv.metrics import SegmentationScores

STRIDES = (32, 16, 8, 4, 2)
EVERY = 16  # the frame whose coarse scores are fitted, too
STEPS, RATE = 100, 0.3  # of Adam, for the fit
SMALLER = 4  # masks are compared with their neighbors' at this fraction of the size


def averaged(mask: np.ndarray, classes: int, stride: int) -> Tensor:
    """Return the shares of the classes in blocks, (1, classes, rows, columns).

    Padded as an FCN pads: to multiples of 32, half on each side.
    """
    labels = torch.from_numpy(mask.astype(np.int64))
    one_hot = F.one_hot(torch.where(labels == VOID, classes, labels), classes + 1)
    one_hot = one_hot[..., :classes].permute(2, 0, 1)[None].float()
    top, left = ((-side % 32) // 2 for side in mask.shape)
    bottom, right = -mask.shape[0] % 32 - top, -mask.shape[1] % 32 - left
    return F.avg_pool2d(F.pad(one_hot, (left, right, top, bottom)), stride)


def enlarged(coarse: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """Interpolate scores bilinearly, and cut off the padding."""
    fine = F.interpolate(coarse, scale_factor=stride, mode="bilinear")
    top, left = ((n - m) // 2 for n, m in zip(fine.shape[-2:], size, strict=True))
    return fine[..., top : top + size[0], left : left + size[1]]


def fitted(mask: np.ndarray, classes: int, stride: int) -> np.ndarray:
    """Return the labels that coarse scores fitted to this mask give after enlarging, (H, W)."""
    truth = torch.from_numpy(mask.astype(np.int64))[None]
    scores = (averaged(mask, classes, stride) + 1e-3).log().requires_grad_()
    optimizer = torch.optim.Adam([scores], lr=RATE)
    for _ in range(STEPS):
        loss = F.cross_entropy(enlarged(scores, stride, mask.shape), truth, ignore_index=VOID)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return _labels(scores, stride, mask.shape)


def _labels(coarse: Tensor, stride: int, size: tuple[int, int]) -> np.ndarray:
    return enlarged(coarse.detach(), stride, size).argmax(1)[0].numpy().astype(np.uint8)


def run(key: Key) -> dict[str, Any]:
    data = sets()["test"]
    kind, stride, classes = key["kind"], key.get("stride", 0), len(data.classes)
    rng = np.random.default_rng(key["seed"])
    common = int(np.bincount(sets()["train"].masks.ravel(), minlength=classes)[:classes].argmax())
    everything, some = SegmentationScores(classes), SegmentationScores(classes)
    maps = []
    for number, mask in enumerate(data.masks):
        chosen = number % EVERY == 0
        if kind == "averaged":
            found = _labels(averaged(mask, classes, stride), stride, mask.shape)
        elif kind == "fitted":
            if not chosen:
                continue
            found = fitted(mask, classes, stride)
        elif kind == "constant":
            found = np.full(mask.shape, common, np.uint8)
        else:
            found = rng.integers(0, classes, mask.shape, dtype=np.uint8)
        everything.add(found, mask)
        maps.append(found)
        if chosen:
            some.add(found, mask)
    result: dict[str, Any] = {"some": some.scores().mean_iou}
    if kind != "fitted":
        result |= {"test": everything.scores().asdict()} | details(np.stack(maps), data.masks)
    return result


def keys(seeds: int) -> list[Key]:
    varied = [("averaged", stride) for stride in STRIDES]
    varied += [("constant", 0), ("random", 0)] + [("fitted", stride) for stride in STRIDES]
    return [
        {"kind": kind, "stride": stride, "seed": seed}
        for seed in range(seeds)
        for kind, stride in varied
    ]


def finish(result: dict[str, Any]) -> dict[str, Any]:
    """List the frames whose mask fits its neighbor's much better if it is rolled sideways.

    With the shift that fits their photographs: in a turn, photograph and mask move alike.
    """
    test = sets()["test"]
    masks, images = (layer[:, ::SMALLER, ::SMALLER] for layer in (test.masks, test.images))
    rolled = {}
    for number in range(len(masks)):
        found = shift_of_mask(masks, number)
        if found["agreement_rolled"] > found["agreement"] + 0.2:
            rolled[str(number)] = found | {
                "columns": SMALLER * found["columns"],
                "photograph_columns": SMALLER * shift_of_photograph(images, number),
            }
    return {"rolled": rolled}


def shift_of_photograph(images: np.ndarray, frame: int) -> int:
    """Find the column shift that best aligns a photograph with the next one."""
    other = images[frame + 1 if frame + 1 < len(images) else frame - 1].mean(-1)
    own, half = images[frame].mean(-1), images.shape[2] // 2
    apart = [np.abs(np.roll(own, shift, axis=1) - other).mean() for shift in range(-half, half)]
    return int(np.argmin(apart)) - half


def about() -> dict[str, Any]:
    return {"every": EVERY, "settings": {"steps": STEPS, "learning_rate": RATE}}


EXPERIMENT = Experiment(
    name="camvid_ceilings",
    data=DATA,
    keys=keys,
    run=run,
    about=about,
    seeds=1,
    show=("some",),
    finish=finish,
)
