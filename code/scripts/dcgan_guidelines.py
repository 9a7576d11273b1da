"""DCGAN's guidelines, each switched off in turn, on MNIST: writes results/dcgan_guidelines.json.

    python code/scripts/dcgan_guidelines.py

About an hour and a half on one core. Every variant has the same images, steps and seeds; runs that
the file holds already are not repeated. Also draws the same noise by every variant of seed 0.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from upconv import data, results
from upconv.files import save_picture
from upconv.torch import Discriminator, Generator, SmallClassifier, describe, he_initialise
from upconv.training import (
    GanSettings,
    dead_units,
    draw,
    frechet_distance,
    modes,
    nearest,
    neighbourhood,
    stride_energy,
    train_classifier,
    train_gan,
)
from upconv.training.batches import to_pixels

SETTINGS = GanSettings(steps=2500, batch=64, learning_rate=2e-4)
SIZES = {"size": 32, "channels": 1, "width": 32}
DRAWN, COMPARED = 5000, 2000

# Name → what differs in the generator and in the discriminator.
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "DCGAN": ({}, {}),
    "1: pooling, copied pixels": ({"up": "resize"}, {"down": "pool"}),
    "2: no batch norm in G": ({"norm": False}, {}),
    "2: no batch norm in D": ({}, {"norm": False}),
    "3: hidden dense layers": ({"dense": 256}, {"dense": 256}),
    "4: tanh within G": ({"act": "tanh"}, {}),
    "5: ReLU in D": ({}, {"act": "relu"}),
    "resize, then convolve": ({"up": "resize"}, {}),
    "kernel 3": ({"kernel": 3}, {"kernel": 3}),
    # DCGAN's small weights presume batch norm. Is it missing, or are they too small without it?
    "2: no batch norm in G, He": ({"norm": False, "weights": "he"}, {}),
    "2: no batch norm in D, He": ({}, {"norm": False, "weights": "he"}),
    "3: hidden dense layers, He": (
        {"dense": 256, "weights": "he"},
        {"dense": 256, "weights": "he"},
    ),
}


def build(kind: type[nn.Module], options: dict[str, Any]) -> nn.Module:
    """A network, its first weights as in the paper, or He's."""
    network = kind(**SIZES, **{name: options[name] for name in options if name != "weights"})
    if options.get("weights") == "he":
        he_initialise(network)
    return network


def prepare() -> tuple[data.ImageSet, SmallClassifier, float, np.ndarray]:
    """The digits, a classifier trained on them, its accuracy, and their features, shuffled."""
    images = data.mnist("test")
    torch.manual_seed(0)
    classifier = SmallClassifier()
    accuracy = train_classifier(classifier, images, steps=800)
    features, _ = describe(classifier, to_pixels(images.images, 1))
    return images, classifier, accuracy, features.numpy()[order_of(images)]


def order_of(images: data.ImageSet) -> np.ndarray:
    """An order to compare them in: in MNIST's own, the first half is the easier one."""
    return np.random.default_rng(0).permutation(len(images))


def measure(drawn: np.ndarray, real: np.ndarray, classifier: SmallClassifier) -> dict[str, float]:
    """All measures of drawn images (N, H, W) against the features (M, D) of real ones."""
    features, probabilities = (part.numpy() for part in describe(classifier, to_pixels(drawn, 1)))
    near = neighbourhood(real[:COMPARED], features[:COMPARED])
    read = modes(probabilities)
    distances, _ = nearest(real, features[:COMPARED])
    return {
        "frechet": frechet_distance(real, features),
        "density": near.density,
        "coverage": near.coverage,
        "entropy": read.entropy,
        "confident": read.confident,
        "nearest": float(np.median(distances)),
        "stride_energy": stride_energy(drawn),
    }


def run(name: str, seed: int, images, features, classifier, noise) -> tuple[dict, np.ndarray]:
    differing = VARIANTS[name]
    torch.manual_seed(seed)
    generator, discriminator = map(build, (Generator, Discriminator), differing)
    settings = replace(SETTINGS, seed=seed)
    history = train_gan(generator, discriminator, images, settings, progress=False)
    drawn = draw(generator, noise)
    some = 2 * to_pixels(images.images[:500], 1) - 1
    units = list(dead_units(discriminator, some).values())
    outcome = {
        "name": name,
        "seed": seed,
        "differing": {"generator": differing[0], "discriminator": differing[1]},
        "parameters": [
            sum(p.numel() for p in network.parameters()) for network in (generator, discriminator)
        ],
        "seconds": round(history.seconds, 1),
        "verdict": history.verdict,
        "silent": [round(unit.silent, 4) for unit in units],
        "dead": [round(unit.dead, 4) for unit in units],
        "real": [round(value, 3) for value in history.real[::10]],
        "fake": [round(value, 3) for value in history.fake[::10]],
    }
    return outcome | measure(drawn, features, classifier), drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    images, classifier, accuracy, features = prepare()
    noise = np.random.default_rng(7).standard_normal((DRAWN, 100))
    result = results.resume("dcgan_guidelines")
    done = {(found["name"], found["seed"]) for found in result["runs"]}
    missing = [(n, s) for s in range(arguments.seeds) for n in VARIANTS if (n, s) not in done]
    if missing:
        result |= results.provenance("MNIST, the 10,000 test digits, 32 × 32")
        half = len(images) // 2
        others = images.images[order_of(images)][half:]
        result |= {
            "network": SIZES,
            "settings": asdict(SETTINGS),
            "classifier_accuracy": accuracy,
            "real_images": measure(others, features[:half], classifier),
        }
    for name, seed in missing:
        outcome, drawn = run(name, seed, images, features, classifier, noise)
        result["runs"].append(outcome | {"commit": result["commit"]})
        results.keep("dcgan_guidelines", result)
        if seed == 0:
            place = list(VARIANTS).index(name)
            sheet = Image.fromarray(data.grid(drawn[:16], 16))
            save_picture(results.FOLDER / f"dcgan_{place}.jpg", sheet, quality=88)
        print(
            f"{name:26} {seed} {outcome['seconds']:.0f} s {outcome['verdict']:10}"
            f" Fréchet {outcome['frechet']:.2f} coverage {outcome['coverage']:.2f}"
            f" entropy {outcome['entropy']:.3f} confident {outcome['confident']:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
