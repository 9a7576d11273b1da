"""Check that faster training is as good: final scores in bf16 and float32, seed by seed.

    python benchmarks/quality.py [--seeds 5] [--only NAME] [--json | --store]

Of all our speed measures, only bf16 changes results by more than rounding in the last place. Each
network is trained twice from each seed, on small data; scores are those of the test set. All data
are generated or included in scikit-learn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from tables import HERE, origin, store

from upconv import data, results, zoo
from upconv.inference import evaluate, generate
from upconv.metrics import frechet_distance
from upconv.pixels import to_pixels
from upconv.statistics import paired
from upconv.style import StyleSettings, stylize
from upconv.style.optimization import StyleTransferLoss
from upconv.style.pictures import to_tensor
from upconv.torch import FCN, Discriminator, Generator, SmallClassifier, UNet, extract_features
from upconv.training import GanSettings, Settings, train, train_classifier, train_gan

STORED, MARK = HERE / "quality.json", "<!-- quality -->"


def unet(seed: int, precision: str) -> float:
    """Mean IoU on test membranes."""
    network = UNet(2, 1, base_channels=8, depth=3, padded=True, norm="batch")
    settings = Settings(
        steps=300, batch=8, crop=64, learning_rate=4e-3, rotate=180, elastic_sigma=4,
        vertical_flip=True, seed=seed, precision=precision,
    )  # fmt: skip
    train(network, data.membranes(12), settings, progress=False)
    test = data.membranes(10, split="test")
    return evaluate(network, test, precision=precision).mean_iou


def fcn(seed: int, precision: str) -> float:
    """Mean IoU on test membranes."""
    network = FCN(2, 8, "squeezenet", width_mult=0.5, head=64, head_kernel=3)
    settings = Settings(
        steps=300, batch=8, crop=64, learning_rate=2e-3, vertical_flip=True, seed=seed,
        precision=precision,
    )  # fmt: skip
    train(network, data.membranes(12), settings, progress=False)
    return evaluate(network, data.membranes(10, split="test"), precision=precision).mean_iou


@cache
def judge() -> tuple[SmallClassifier, np.ndarray]:
    """Return a digit classifier, and its features of the real digits."""
    torch.manual_seed(0)
    classifier = SmallClassifier()
    train_classifier(classifier, data.digits())
    return classifier, extract_features(classifier, to_pixels(data.digits().images, 1))[0].numpy()


def dcgan(seed: int, precision: str) -> float:
    """Fréchet distance of generated digits to real ones."""
    sizes = {"size": 32, "channels": 1, "base_channels": 16}
    generator, discriminator = Generator(**sizes), Discriminator(**sizes)
    settings = GanSettings(steps=400, batch=64, learning_rate=8e-4, seed=seed, precision=precision)
    train_gan(generator, discriminator, data.digits(), settings, progress=False)
    noise = np.random.default_rng(0).standard_normal((1000, generator.latent))
    classifier, real = judge()
    drawn = to_pixels(generate(generator, noise, precision=precision), 1)
    return frechet_distance(real, extract_features(classifier, drawn)[0].numpy())


def style(seed: int, precision: str) -> float:
    """Final loss, evaluated in float32; the seed determines the network's random weights."""
    content, style = (
        np.round(255 * data.photo(name, 128, gray=False)).astype(np.uint8)
        for name in ("coffee", "flower")
    )
    settings = StyleSettings(size=128, scales=2, steps=20, precision=precision)
    network = zoo.features("random", settings.style_layers, seed)
    image, _ = stylize(network, content, style, settings, progress=False)
    with torch.no_grad():
        energy = StyleTransferLoss(
            network, to_tensor(content, 128), to_tensor(style, 128), settings
        )
        return float(sum(energy(to_tensor(image, 128))))


WORK: dict[str, Callable[[int, str], float]] = {
    "U-Net, mean IoU on membranes": unet,
    "FCN-8s, mean IoU on membranes": fcn,
    "DCGAN, Fréchet distance on digits": dcgan,
    "style, energy": style,
}


def report(stored: dict[str, Any]) -> str:
    """Format the stored figures as Markdown."""
    lines = ["| score | float32 | bf16 | difference, 95 % | p |", "|---|--:|--:|--:|--:|"]
    for name, row in stored["table"].items():
        gap = paired(row["bf16"], row["fp32"])
        means = (f"{np.mean(row[precision]):.3f}" for precision in ("fp32", "bf16"))
        by = f"{gap.difference:+.3f} ± {gap.half:.3f}"
        lines.append(f"| {name} | {' | '.join(means)} | {by} | {gap.p:.2f} |")
    made = stored["provenance"]
    count = len(next(iter(stored["table"].values()))["bf16"])
    return "\n".join([*lines, "", f"{count} seeds. {made['device']}, {origin(made)}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=[run.__name__ for run in WORK.values()])
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    parser.add_argument("--store", action="store_true", help="write quality.json and README.md")
    options = parser.parse_args()
    made = results.provenance("digits of scikit-learn; membranes made on the spot; photographs")
    table: dict[str, dict[str, list[float]]] = {}
    for name, run in WORK.items():
        if options.only not in (None, run.__name__):
            continue
        table[name] = {"fp32": [], "bf16": []}
        for seed in range(options.seeds):
            for precision, scores in table[name].items():
                torch.manual_seed(seed)
                scores.append(run(seed, precision))
        if not options.json:
            print(name, json.dumps(table[name]), flush=True)
    if options.json:
        print(json.dumps(table))
    if options.store:
        stored = {"provenance": made, "table": table}
        store(STORED, MARK, stored, report(stored))


if __name__ == "__main__":
    main()
