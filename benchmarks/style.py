"""Compare style transfer with the usual recipe: the time to reach the recipe's loss.

    python benchmarks/style.py [--size 256] [--json]

The recipe: Adam with learning rate 0.02, 300 steps, float32, one scale, starting from the content.
Ours: the defaults of ``upconv stylize``, with increasing steps until the loss is as low. Network,
layers, weights and pictures are the same; both results are evaluated as displayed, in float32, with
clipped colors. Uses PyTorch's default number of threads.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch

from upconv import data, zoo
from upconv.data.download import find
from upconv.style import StyleSettings, stylize
from upconv.style.optimization import StyleTransferLoss
from upconv.style.pictures import to_tensor
from upconv.torch import VGG19

RECIPE = {
    "steps": 300, "scales": 1, "optimizer": "adam", "learning_rate": 0.02, "precision": "fp32"
}  # fmt: skip
STEPS = (9, 12, 15, 18, 21, 24, 30, 40, 60)


def features() -> tuple[VGG19, str]:
    """Load VGG-19 with ImageNet weights if available, otherwise with random ones."""
    mirrored = find("vgg19_norm_conv3_1.npz")
    name, weights = ("vgg19", "ImageNet") if mirrored else ("random", "random")
    return zoo.features(name, StyleSettings().style_layers), f"VGG-19, {weights}"


def pictures(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the content, coffee, and the style, a flower: photographs included in the module."""
    found = (data.photo(name, size, gray=False) for name in ("coffee", "flower"))
    return tuple(np.round(image * 255).astype(np.uint8) for image in found)


def worth(network, content, style, settings: StyleSettings, image: np.ndarray) -> float:
    """Compute the loss of an image as displayed."""
    wanted = [to_tensor(picture, settings.size) for picture in (content, style)]
    with torch.no_grad():
        parts = StyleTransferLoss(network, *wanted, settings)(to_tensor(image, settings.size))
    return float(sum(parts))


def timed(network, content, style, settings: StyleSettings) -> tuple[float, float, int]:
    """Return the seconds, the final loss, and the number of gradients."""
    start = time.perf_counter()
    image, history = stylize(network, content, style, settings, progress=False)
    seconds = time.perf_counter() - start
    return seconds, worth(network, content, style, settings, image), len(history.style)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    network, name = features()
    content, style = pictures(arguments.size)
    stylize(network, content, style, StyleSettings(size=32, scales=1, steps=2), progress=False)
    recipe = StyleSettings(size=arguments.size, **RECIPE)
    rows = {"recipe: Adam, 300 steps": timed(network, content, style, recipe)}
    goal = rows["recipe: Adam, 300 steps"][1]
    for steps in STEPS:
        ours = StyleSettings(size=arguments.size, steps=steps)
        rows[f"ours, {steps} steps"] = timed(network, content, style, ours)
        if rows[f"ours, {steps} steps"][1] <= goal:
            break
    seconds = [row[0] for row in rows.values()]
    result = {
        "network": name,
        "size": arguments.size,
        "threads": torch.get_num_threads(),
        "rows": {
            key: dict(zip(("seconds", "energy", "gradients"), row, strict=True))
            for key, row in rows.items()
        },
        "reached": list(rows.values())[-1][1] <= goal,
        "times faster": seconds[0] / seconds[-1],
    }
    if arguments.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{name}, {arguments.size} pixels, {result['threads']} threads")
    for key, (took, energy, gradients) in rows.items():
        print(f"{key:26} {took:7.1f} s  loss {energy:.4f}  {gradients} gradients")
    print(f"{result['times faster']:.1f} times faster" if result["reached"] else "not reached")


if __name__ == "__main__":
    main()
