"""upconv sample: a trained generator draws."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from upconv.cli.options import (
    UsageError,
    add_command,
    add_device,
    add_weights,
    existing,
    network_of,
    positive,
    seed,
)


def add(commands: Any) -> None:
    sample = add_command(commands, "sample", run, "let a trained generator draw")
    add_weights(sample)
    sample.add_argument("--out", type=Path, required=True, help="picture to write, .png")
    sample.add_argument("--count", type=positive, default=64, help="images in the grid [64]")
    sample.add_argument("--seed", type=seed, default=0, help="same seed, same images [0]")
    add_device(sample)


def run(options: argparse.Namespace) -> None:
    import numpy as np
    from PIL import Image

    from upconv import zoo
    from upconv.data import grid
    from upconv.files import check_writable, save_picture
    from upconv.inference import draw

    if options.out.suffix.lower() != ".png":
        raise UsageError(f"--out: got {options.out}, expected a name that ends in .png")
    check_writable(options.out, "--out")
    if options.onnx:
        generator = network_of(options.onnx, "noise")
    else:
        generator = zoo.restore_generator(existing(options.weights))
    noise = np.random.default_rng(options.seed).standard_normal((options.count, generator.latent))
    drawn = grid(draw(generator, noise, device=options.device))
    save_picture(options.out, Image.fromarray(drawn))
    print(options.out)
