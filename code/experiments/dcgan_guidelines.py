"""DCGAN's guidelines, each disabled in turn, on MNIST: an hour and a half on one core.

All variants use the same images, steps and seeds. Also generates images from the same noise with
every variant of seed 0.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from campaign import Experiment, Key, of_seeds
from PIL import Image
from torch import nn

from upconv import data, results
from upconv.files import save_picture
from upconv.inference import generate
from upconv.metrics import (
    checkerboard_energy,
    class_entropy,
    density_and_coverage,
    frechet_distance,
    nearest,
)
from upconv.pixels import to_pixels
from upconv.torch import SmallClassifier, dead_units, extract_features, he_initialize
from upconv.torch.variants import Discriminator, Generator
from upconv.training import GanSettings, train_classifier, train_gan

SETTINGS = GanSettings(steps=2500, batch=64, learning_rate=2e-4)
SIZES = {"size": 32, "channels": 1, "base_channels": 32}
DRAWN, COMPARED = 5000, 2000

# Name → changes in the generator and in the discriminator.
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
    # DCGAN's small weights assume batch norm. Does it fail without, or are they then too small?
    "2: no batch norm in G, He": ({"norm": False, "weights": "he"}, {}),
    "2: no batch norm in D, He": ({}, {"norm": False, "weights": "he"}),
    "3: hidden dense layers, He": (
        {"dense": 256, "weights": "he"},
        {"dense": 256, "weights": "he"},
    ),
}


def build(kind: type[nn.Module], options: dict[str, Any]) -> nn.Module:
    """Build a network with initial weights from the paper, or He's."""
    network = kind(**SIZES, **{name: options[name] for name in options if name != "weights"})
    if options.get("weights") == "he":
        he_initialize(network)
    return network


@cache
def prepare() -> tuple[data.ImageSet, SmallClassifier, float, np.ndarray]:
    """Return the digits, a trained classifier, its accuracy, and their features, shuffled."""
    images = data.mnist("test")
    torch.manual_seed(0)
    classifier = SmallClassifier()
    accuracy = train_classifier(classifier, images, steps=800)
    features, _ = extract_features(classifier, to_pixels(images.images, 1))
    return images, classifier, accuracy, features.numpy()[order_of(images)]


def order_of(images: data.ImageSet) -> np.ndarray:
    """Return a random order for comparisons: MNIST's own has the easier half first."""
    return np.random.default_rng(0).permutation(len(images))


def measure(drawn: np.ndarray, real: np.ndarray, classifier: SmallClassifier) -> dict[str, float]:
    """All measures of drawn images (N, H, W) against the features (M, D) of real ones."""
    found = extract_features(classifier, to_pixels(drawn, 1))
    features, probabilities = (part.numpy() for part in found)
    near = density_and_coverage(real[:COMPARED], features[:COMPARED])
    read = class_entropy(probabilities)
    distances, _ = nearest(real, features[:COMPARED])
    return {
        "frechet": frechet_distance(real, features),
        "density": near.density,
        "coverage": near.coverage,
        "entropy": read.entropy,
        "confident": read.confident,
        "nearest": float(np.median(distances)),
        "stride_energy": checkerboard_energy(drawn),
    }


def run(key: Key) -> dict[str, Any]:
    name, seed = key["name"], key["seed"]
    images, classifier, _, features = prepare()
    noise = np.random.default_rng(7).standard_normal((DRAWN, 100))
    differing = VARIANTS[name]
    torch.manual_seed(seed)
    generator, discriminator = map(build, (Generator, Discriminator), differing)
    settings = replace(SETTINGS, seed=seed)
    history = train_gan(generator, discriminator, images, settings, progress=False)
    drawn = generate(generator, noise)
    some = 2 * to_pixels(images.images[:500], 1) - 1
    units = list(dead_units(discriminator, some).values())
    if seed == 0:
        sheet = Image.fromarray(data.montage(drawn[:16], 16))
        picture = results.FOLDER / f"dcgan_{list(VARIANTS).index(name)}.jpg"
        save_picture(picture, sheet, quality=88)
    return {
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
    } | measure(drawn, features, classifier)


def about() -> dict[str, Any]:
    images, classifier, accuracy, features = prepare()
    half = len(images) // 2
    others = images.images[order_of(images)][half:]
    return {
        "network": SIZES,
        "settings": asdict(SETTINGS),
        "classifier_accuracy": accuracy,
        "real_images": measure(others, features[:half], classifier),
    }


EXPERIMENT = Experiment(
    name="dcgan_guidelines",
    data="MNIST, the 10,000 test digits, 32 × 32",
    keys=of_seeds(name=VARIANTS),
    run=run,
    about=about,
    show=("verdict", "frechet", "coverage", "entropy", "confident"),
)
