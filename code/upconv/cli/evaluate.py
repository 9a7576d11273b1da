"""upconv evaluate: compute a trained network's scores."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from upconv.cli.options import (
    UsageError,
    add_command,
    add_data,
    add_device,
    add_pixels,
    add_range,
    channels_read,
    check_range,
    existing,
    load_data,
    say_notes,
)
from upconv.recipes import SETS


def add(commands: Any) -> None:
    evaluate = add_command(commands, "evaluate", run, "compute a trained network's scores")
    evaluate.add_argument(
        "--weights", type=Path, required=True, help="weights file, weights.safetensors"
    )
    add_data(evaluate, SETS)
    evaluate.add_argument("--json", action="store_true", help="print the scores as JSON")
    add_range(evaluate)
    add_pixels(evaluate)
    add_device(evaluate)


def run(options: argparse.Namespace) -> None:
    from upconv import zoo

    network, classes, _ = zoo.restore(existing(options.weights))
    options.data = options.data or SETS[0]
    found = _load(options, network, classes)
    say_notes(found)
    if len(found.classes) != len(classes):
        got = f"{len(found.classes)} classes"
        raise UsageError(f"--data: got {got}, expected {len(classes)}, as in {options.weights}")
    scores = scores_of(network, found, options.device)
    if options.json:
        print(json.dumps(scores))
    else:
        print_scores(scores, classes)


def _load(options: argparse.Namespace, network: Any, classes: Sequence[str]) -> Any:
    """Load the set; a folder's images are read as the network takes them."""
    from upconv import zoo
    from upconv.checks import BYTE

    options.channels = channels_read(network)
    check_range(options)
    if options.data != "folder":
        if options.range is not None:
            raise UsageError(f"--range requires --data folder, got --data {options.data}")
        return load_data(options, "test")
    trained = getattr(network, "value_range", BYTE)
    if options.range is None and trained != BYTE:
        options.range = trained
    found = load_data(options, "test", classes, zoo.mask_format(options.weights))
    if trained == BYTE != found.value_range and options.range is None:
        got = f"{options.images} has not 8 bits, as the images this network was trained on"
        raise UsageError(f"--images: {got}; --range LOW HIGH says which values are black and white")
    network.value_range = found.value_range
    return found


def scores_of(network: Any, found: Any, device: str) -> dict[str, Any]:
    """Compute pixel scores, and instance scores if the set has instances."""
    from upconv.inference import evaluate, evaluate_instances

    scores = evaluate(network, found, device=device).asdict()
    if found.instances is not None and len(found.classes) == 2:
        objects = evaluate_instances(network, found, device=device).asdict()
        names = ("v_rand", "v_info", "best_v_rand", "best_v_info", "average_precision")
        scores |= {name: objects[name] for name in names}
    return scores


def print_scores(scores: dict[str, Any], classes: tuple[str, ...]) -> None:
    for name, value in scores.items():
        if isinstance(value, float):
            print(f"{name.replace('_', ' '):24}{value:7.3f}")
    for name, value in zip(classes, scores["class_iou"], strict=True):
        print(f"  IoU of {name:16}{value:7.3f}")
    for threshold, value in scores.get("average_precision", {}).items():
        print(f"  precision at IoU {threshold:<6}{value:7.3f}")
