"""Why skips help FCN on digit scenes: about 20 minutes on one CPU core.

FCN-32s, 16s and 8s on EfficientNet-Lite0 with ImageNet's weights, and 32s and 8s with these weights
frozen. Besides its scores by distance from the boundary, each FCN-8s gives: the scores of its three
streams switched on and off, the gradients by the path they come along, and linear probes of its
encoder. The chapter switches the streams of seed 0 itself: results/why_skips.safetensors has their
class scores on some test scenes, and the decoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from campaign import Experiment, Key, of_seeds
from torch import Tensor, nn
from why_probes import probe_controls, probe_encoders

from upconv import port, results
from upconv.data import SegmentationSet, digit_scenes
from upconv.inference import predict
from upconv.metrics import ScoresByDistance, SegmentationScores
from upconv.torch import FCN, EfficientNetLite0, he_initialize, load_imagenet
from upconv.training import Settings, train

SIZES = {"encoder": "efficientnet_lite0", "head": 256, "head_kernel": 3}
SCENES: dict[str, Any] = {"size": 128, "height": (28.0, 60.0)}
SETTINGS = Settings(
    steps=600,
    batch=8,
    crop=128,
    learning_rate=2e-3,
    encoder_factor=0.3,
    flip=False,  # a mirrored 2 is not a 2
    class_weights=(0.3,) + (1.0,) * 10,  # most pixels are background
    precision="bf16",
)
TRAINING, TEST = 2000, 300  # scenes
FROZEN = ", encoder frozen"
NAMES = ("FCN-32s", "FCN-16s", "FCN-8s", "FCN-32s" + FROZEN, "FCN-8s" + FROZEN)
MEASURED = (1, 20, 100)  # steps after which gradients are measured, and at the end
STREAMS = ("p5", "p4", "p3")  # from stride 32, 16 and 8
EDGES = (1, 2, 4, 8, 16, 32)  # of the bands of distances from the boundary, in pixels
WIDTHS = (1, 2, 4)  # of the band of boundary IoU, in pixels
SHOWN = 24  # test scenes whose class scores are stored


@cache
def test_scenes() -> SegmentationSet:
    return digit_scenes(TEST, split="test", **SCENES)


# ---- streams -------------------------------------------------------------------------------------


def stream_scores(network: FCN, image: Tensor) -> dict[str, Tensor]:
    """The class scores of each stream, at its own stride."""
    maps = network.encoder(image)
    x = network.fc7(network.fc6(maps[32]).relu()).relu()
    found = {"p5": network.score(x)}
    return found | {
        name: network.score_skip[stride](maps[int(stride)])
        for name, stride in (("p4", "16"), ("p3", "8"))
        if stride in network.score_skip
    }


def decode(network: FCN, scores: dict[str, Tensor]) -> Tensor:
    """What FCN does with the scores of its streams."""
    x = scores["p5"]
    for name, up in zip(("p4", "p3"), network.up.values(), strict=False):
        x = up(x) + scores[name]
    return network.up_last(x)


def alone(scores: dict[str, Tensor], *names: str) -> dict[str, Tensor]:
    return {name: s if name in names else torch.zeros_like(s) for name, s in scores.items()}


def batches(data: SegmentationSet, size: int = 25) -> Iterator[tuple[Tensor, np.ndarray]]:
    for start in range(0, len(data.images), size):
        part = slice(start, start + size)
        yield as_tensor(data.images[part]), np.asarray(data.masks[part])


def as_tensor(images: Any) -> Tensor:
    return torch.from_numpy(np.asarray(images)).permute(0, 3, 1, 2).float() / 255


@torch.no_grad()
def switched(network: FCN, data: SegmentationSet) -> dict[str, Any]:
    """Mean IoU with each of the eight combinations of streams, and how exactly they add up."""
    measures = {on: SegmentationScores(11) for on in product((False, True), repeat=3)}
    largest = 0.0
    for image, masks in batches(data):
        scores = stream_scores(network, image)
        parts = [decode(network, alone(scores, name)) for name in STREAMS]
        logits = network(image)
        largest = max(largest, float((sum(parts) - logits).abs().max() / logits.abs().max()))
        for on, measure in measures.items():
            total = sum(part * float(chosen) for part, chosen in zip(parts, on, strict=True))
            for said, mask in zip(total.argmax(1).numpy().astype(np.uint8), masks, strict=True):
                measure.add(said, mask)
    found = {
        "+".join(name for name, chosen in zip(STREAMS, on, strict=True) if chosen) or "none": round(
            measure.scores().mean_iou, 4
        )
        for on, measure in measures.items()
    }
    return {"streams": found, "sum_differs_by": largest}


def keep_streams(network: FCN, data: SegmentationSet) -> None:
    """Store the class scores of some test scenes and the decoder, for the chapter."""
    with torch.no_grad():
        scores = stream_scores(network, as_tensor(data.images[:SHOWN]))
    layers = {"up16": network.up["16"], "up8": network.up["8"], "up_last": network.up_last}
    arrays = scores | {name: layer.weight.detach() for name, layer in layers.items()}
    half = {name: array.numpy().astype(np.float16) for name, array in arrays.items()}
    words = {"what": "class scores of FCN-8s's streams on test scenes, and its decoder"}
    port.save_weights(results.FOLDER / "why_skips.safetensors", half, words)


# ---- gradients -----------------------------------------------------------------------------------


class Gradients:
    """The gradient of each stage of the encoder, split by the stream it comes along.

    The logits are a sum of streams, so the gradient is one, too. A stage has the layers between two
    strides. The network is measured without dropout and with the batch norms' running statistics,
    so that measuring does not change the training.
    """

    def __init__(self, network: FCN) -> None:
        data = digit_scenes(16, seed=1000, **SCENES)
        self.network, self.image = network, as_tensor(data.images)
        self.masks = torch.from_numpy(np.asarray(data.masks)).long()
        self.stages: dict[int, list[nn.Parameter]] = {}
        start = 0
        for stride, end in sorted(network.encoder.ends.items()):
            layers = network.encoder.features[start : end + 1]
            self.stages[stride] = [*layers.parameters()]
            start = end + 1
        self.found: dict[str, Any] = {}

    def __call__(self, step: int, loss: float) -> None:
        if step in MEASURED:
            self.take(str(step))

    def take(self, name: str) -> None:
        was = self.network.training
        self.network.eval()
        parameters = [weight for stage in self.stages.values() for weight in stage]
        by_path = {}
        for path in ("all", *STREAMS[: 1 + len(self.network.score_skip)]):
            scores = self.scores(path)
            loss = F.cross_entropy(
                decode(self.network, scores), self.masks, torch.tensor(SETTINGS.class_weights)
            )
            given = torch.autograd.grad(loss, parameters, allow_unused=True)
            by_path[path] = [
                torch.zeros_like(weight) if part is None else part
                for weight, part in zip(parameters, given, strict=True)
            ]
        self.network.train(was)
        self.found[name] = {"loss": float(loss.detach())} | self.norms(by_path)

    def scores(self, path: str) -> dict[str, Tensor]:
        """All streams' scores; the gradient reaches the encoder along one path only, or all."""
        found = stream_scores(self.network, self.image)
        return {k: s if path in ("all", k) else s.detach() for k, s in found.items()}

    def norms(self, by_path: dict[str, list[Tensor]]) -> dict[str, Any]:
        rows: dict[str, list[float]] = {path: [] for path in by_path}
        place, rest, total = 0, 0.0, 0.0
        for stage in self.stages.values():
            part = slice(place, place + len(stage))
            flat = {
                p: torch.cat([g.flatten() for g in given[part]]) for p, given in by_path.items()
            }
            for path, values in flat.items():
                rows[path].append(float(f"{values.norm():.4g}"))
            summed = sum(values for path, values in flat.items() if path != "all")
            rest += float((summed - flat["all"]).norm() ** 2)
            total += float(flat["all"].norm() ** 2)
            place += len(stage)
        return {"norms": rows, "sum_differs_by": (rest / max(total, 1e-30)) ** 0.5}


# ---- scores --------------------------------------------------------------------------------------


def measured(network: FCN, data: SegmentationSet) -> dict[str, Any]:
    said = predict(network, np.asarray(data.images), precision="fp32")
    bands = ScoresByDistance(11, EDGES)
    diagonal = 2**0.5 * SCENES["size"]
    widths = {width: SegmentationScores(11, width / diagonal) for width in WIDTHS}
    for prediction, mask in zip(said, np.asarray(data.masks), strict=True):
        bands.add(prediction, mask)
        for measure in widths.values():
            measure.add(prediction, mask)
    scores = widths[WIDTHS[0]].scores()
    digits = bands.matrix[:, 1:]  # by band: pixels of digits
    return {
        "mean_iou": scores.mean_iou,
        "pixel_accuracy": scores.pixel_accuracy,
        "class_iou": [round(iou, 4) for iou in scores.class_iou],
        "boundary_iou": {
            str(width): measure.scores().boundary_iou for width, measure in widths.items()
        },
        "confusion": bands.matrix.sum(0).tolist(),
        "bands": {
            "pixels": bands.pixels.tolist(),
            "right": np.trace(bands.matrix, axis1=1, axis2=2).tolist(),
            "digit_pixels": digits.sum((1, 2)).tolist(),
            "digit_right": np.trace(digits[:, :, 1:], axis1=1, axis2=2).tolist(),
            "mean_iou": [round(float(iou), 4) for iou in bands.mean_iou],
        },
    }


def untrained() -> EfficientNetLite0:
    """Random weights whose batch norms know their inputs, as after a few steps of rate 0."""
    encoder = EfficientNetLite0()
    he_initialize(encoder)
    for layer in encoder.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # the mean of all batches
    with torch.no_grad():
        for image, _ in batches(digit_scenes(200, seed=1001, **SCENES), 50):
            encoder.train()(image)
    return encoder.eval()


def pretrained() -> EfficientNetLite0:
    encoder = EfficientNetLite0()
    load_imagenet(encoder, "efficientnet_lite0")
    return encoder.eval()


def run(key: Key) -> dict[str, Any]:
    name, seed = key["name"], key["seed"]
    torch.manual_seed(seed)
    network = FCN(11, int(name.split("-")[1].split("s")[0]), **SIZES)
    load_imagenet(network.encoder, "efficientnet_lite0")
    settings = replace(SETTINGS, seed=seed)
    if frozen := name.endswith(FROZEN):
        settings = replace(settings, encoder_factor=0.0)
    gradients = Gradients(network)
    data = digit_scenes(TRAINING, seed=seed, **SCENES)
    callback = None if frozen else gradients
    history = train(network, data, settings, progress=False, callback=callback)
    outcome = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "losses": [round(loss, 4) for loss in history.losses[::3]],
    } | measured(network, test_scenes())
    if not frozen:
        gradients.take("end")
        outcome["gradients"] = gradients.found
    if name == "FCN-8s":
        outcome |= switched(network, test_scenes())
        torch.manual_seed(1000 + seed)
        encoders = {
            "ImageNet": pretrained(),
            "fine-tuned": network.encoder,
            "untrained": untrained(),
        }
        outcome["probes"] = probe_encoders(encoders, SCENES, seed)
        if seed == 0:
            keep_streams(network, test_scenes())
    return outcome


def about() -> dict[str, Any]:
    return {
        "network": SIZES | {"weights": "ImageNet"},
        "settings": asdict(SETTINGS),
        "frozen": {"encoder_factor": 0.0},
        "scenes": SCENES,
        "edges": list(EDGES),
    }


EXPERIMENT = Experiment(
    name="why_skips",
    data=f"digit_scenes, {TRAINING} scenes of 128 × 128 to train (seed of the run), {TEST} to test",
    keys=of_seeds(name=NAMES),
    run=run,
    about=about,
    seeds=3,
    show=("mean_iou",),
)


def run_controls(key: Key) -> dict[str, Any]:
    return probe_controls(pretrained(), SCENES, key["seed"])


CONTROLS_EXPERIMENT = replace(
    EXPERIMENT,
    keys=of_seeds(name=["ImageNet"]),
    run=run_controls,
    part="controls",
    show=(),
)
