"""DCGAN on MNIST, three seeds: writes results/dcgan_mnist.json and the generator of seed 0.

    python code/scripts/dcgan_mnist.py

About 40 minutes on one core. Runs that the file holds already are not repeated. The weights,
results/dcgan_mnist.safetensors, are what the chapter walks in.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace

import numpy as np
import torch
from dcgan_guidelines import DRAWN, SIZES, measure, prepare
from PIL import Image

from upconv import data, results, zoo
from upconv.torch import Discriminator, Generator, describe
from upconv.training import GanSettings, draw, nearest, train_gan
from upconv.training.loop import to_pixels

SETTINGS = GanSettings(steps=10_000, batch=64)
TIMELINE = (0, 100, 300, 1000, 3000, 9999)  # steps after which the same noise is drawn


def draw_neighbours(images, drawn: np.ndarray, classifier) -> dict[str, float]:
    """Save drawn digits above the real ones nearest to them; say how near they are.

    Compared with how near real digits are to each other: were drawings copies, they would be
    much nearer.
    """
    real, made = (
        describe(classifier, to_pixels(part, 1))[0].numpy() for part in (images.images, drawn)
    )
    half = len(real) // 2
    distances, places = nearest(real[:half], made)
    among, _ = nearest(real[:half], real[half:])
    rows = [data.grid(part, 16) for part in (drawn[:16], images.images[places[:16]])]
    Image.fromarray(np.concatenate(rows)).save(results.FOLDER / "dcgan_neighbours.jpg", quality=90)
    return {
        "drawn_to_real": float(np.median(distances)),
        "real_to_real": float(np.median(among)),
        "nearer_than_any_real": float((distances < among.min()).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    images, classifier, accuracy, features = prepare()
    noise = np.random.default_rng(7).standard_normal((DRAWN, 100))
    result = results.resume("dcgan_mnist")
    missing = sorted(set(range(arguments.seeds)) - {run["seed"] for run in result["runs"]})
    if missing:
        result |= results.provenance("MNIST, the 10,000 test digits, 32 × 32")
        result |= {
            "network": SIZES,
            "settings": asdict(SETTINGS),
            "classifier_accuracy": accuracy,
        }
    for seed in missing:
        torch.manual_seed(seed)
        generator, discriminator = Generator(**SIZES), Discriminator(**SIZES)
        rows = []

        def look(step: int, generator=generator, rows=rows) -> None:
            if step in TIMELINE:
                rows.append(data.grid(draw(generator, noise[:16]), 16))
                generator.train()

        settings = replace(SETTINGS, seed=seed)
        history = train_gan(
            generator, discriminator, images, settings, progress=False, each_step=look
        )
        drawn = draw(generator, noise)
        outcome = {
            "seed": seed,
            "seconds": round(history.seconds, 1),
            "verdict": history.verdict,
            "real": [round(value, 3) for value in history.real[::20]],
            "fake": [round(value, 3) for value in history.fake[::20]],
            "commit": result["commit"],
        } | measure(drawn, features, classifier)
        result["runs"].append(outcome)
        if seed == 0:
            Image.fromarray(np.concatenate(rows)).save(
                results.FOLDER / "dcgan_timeline.jpg", quality=88
            )
            result["neighbours"] = draw_neighbours(images, drawn, classifier)
            zoo.save(results.FOLDER / "dcgan_mnist.safetensors", generator, "dcgan", (), **SIZES)
        results.keep("dcgan_mnist", result)
        print({key: value for key, value in outcome.items() if key not in ("real", "fake")})


if __name__ == "__main__":
    main()
