"""upconv evaluate: compute a trained network's scores."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from upconv.cli.options import (
    UsageError,
    add_command,
    add_data,
    add_device,
    add_pixels,
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
    add_pixels(evaluate)
    add_device(evaluate)


def run(options: argparse.Namespace) -> None:
    from upconv import zoo

    network, classes, _ = zoo.restore(existing(options.weights))
    options.data = options.data or SETS[0]
    found = load_data(options, "test", classes, zoo.mask_format(options.weights))
    say_notes(found)
    if len(found.classes) != len(classes):
        got = f"{len(found.classes)} classes"
        raise UsageError(f"--data: got {got}, expected {len(classes)}, as in {options.weights}")
    scores = scores_of(network, found, options.device)
    if options.json:
        print(json.dumps(scores))
    else:
        print_scores(scores, classes)


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
