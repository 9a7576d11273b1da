"""DCGAN on MNIST, three seeds: about an hour on one core.

The chapter explores the latent space of seed 0's generator, results/dcgan_mnist.safetensors, and
classifies its digits with results/mnist_classifier.safetensors. The generator also produces
results/latent_mnist.jpg, 343 digits along its three strongest directions, which the LatentExplorer
shows without a kernel.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from campaign import Experiment, Key
from dcgan_guidelines import DRAWN, SIZES, measure, prepare
from PIL import Image

from upconv import data, port, results, zoo
from upconv.files import atomic_write, save_picture
from upconv.inference import generate
from upconv.metrics import class_entropy, nearest
from upconv.pixels import to_pixels
from upconv.torch import Discriminator, Generator, extract_features
from upconv.training import GanSettings, train_gan
from upconv.widgets.latent import encode_sheet, places, strongest_directions

# Four times the paper's learning rate: these networks are narrow, and learn more per step.
SETTINGS = GanSettings(steps=15_000, batch=64, learning_rate=8e-4)
TIMELINE = (0, 100, 300, 1000, 3000, 14_999)  # steps after which images are generated


def draw_neighbours(images, drawn: np.ndarray, classifier) -> dict[str, float]:
    """Save generated digits above their nearest real ones; return the distances.

    Compared with the distances between real digits: copies would be much nearer.
    """
    real, made = (
        extract_features(classifier, to_pixels(part, 1))[0].numpy()
        for part in (images.images, drawn)
    )
    half = len(real) // 2
    distances, places = nearest(real[:half], made)
    among, _ = nearest(real[:half], real[half:])
    rows = [data.montage(part, 16) for part in (drawn[:16], images.images[places[:16]])]
    sheet = Image.fromarray(np.concatenate(rows))
    save_picture(results.FOLDER / "dcgan_neighbours.jpg", sheet, quality=90)
    return {
        "drawn_to_real": float(np.median(distances)),
        "real_to_real": float(np.median(among)),
        "nearer_than_any_real": float((distances < among.min()).mean()),
    }


def look_at_middles(generator, classifier, count: int = 3000) -> dict[str, dict[str, float]]:
    """Measure the confidence at midpoints of two kinds of paths, and for any noise."""
    first, second = np.random.default_rng(11).standard_normal((2, count, generator.latent))
    straight = (first + second) / 2
    outward = np.linalg.norm(first, axis=1) + np.linalg.norm(second, axis=1)
    circle = straight * (outward / 2 / np.linalg.norm(straight, axis=1))[:, None]
    found = {}
    for name, noise in (
        ("any", first),
        ("middle of the great circle", circle),
        ("middle of the straight line", straight),
    ):
        _, chances = extract_features(classifier, to_pixels(generate(generator, noise), 1))
        found[name] = {
            "length": float(np.linalg.norm(noise, axis=1).mean()),
            "confident": class_entropy(chances.numpy()).confident,
        }
    return found


def run(key: Key) -> dict[str, Any]:
    images, classifier, _, features = prepare()
    noise = np.random.default_rng(7).standard_normal((DRAWN, 100))
    torch.manual_seed(key["seed"])
    generator, discriminator = Generator(**SIZES), Discriminator(**SIZES)
    rows = []

    def look(step: int) -> None:
        if step in TIMELINE:
            rows.append(data.montage(generate(generator, noise[:16]), 16))

    settings = replace(SETTINGS, seed=key["seed"])
    history = train_gan(generator, discriminator, images, settings, progress=False, callback=look)
    drawn = generate(generator, noise)
    outcome = {
        "seconds": round(history.seconds, 1),
        "verdict": history.verdict,
        "real": [round(value, 3) for value in history.real[::20]],
        "fake": [round(value, 3) for value in history.fake[::20]],
    } | measure(drawn, features, classifier)
    if key["seed"] == 0:
        sheet = Image.fromarray(np.concatenate(rows))
        save_picture(results.FOLDER / "dcgan_timeline.jpg", sheet, quality=88)
        zoo.save(results.FOLDER / "dcgan_mnist.safetensors", generator, "dcgan", (), **SIZES)
        weights = port.weights(classifier)
        port.save_weights(results.FOLDER / "mnist_classifier.safetensors", weights)
        save_latent_sheet(generator)
        outcome["shared"] = {
            "neighbours": draw_neighbours(images, drawn, classifier),  # codespell:ignore
            "middles": look_at_middles(generator, classifier),
        }
    return outcome


def save_latent_sheet(generator: Generator) -> None:
    directions = strongest_directions(generator.project.weight.detach().numpy())
    sheet = encode_sheet(generate(generator, places(directions), device="cpu"))
    atomic_write(results.FOLDER / "latent_mnist.jpg", lambda path: path.write_bytes(sheet))


def about() -> dict[str, Any]:
    _, _, accuracy, _ = prepare()
    return {
        "network": SIZES,
        "settings": asdict(SETTINGS),
        "classifier_accuracy": accuracy,
        "timeline": [step + 1 for step in TIMELINE],
    }


EXPERIMENT = Experiment(
    name="dcgan_mnist",
    data="MNIST, the 10,000 test digits, 32 × 32",
    keys=lambda seeds: [{"seed": seed} for seed in range(seeds)],
    run=run,
    about=about,
    show=("verdict", "frechet", "coverage", "entropy", "confident"),
)
