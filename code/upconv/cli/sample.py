"""upconv sample: generate images with a trained generator."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from upconv.cli.options import (
    add_command,
    add_device,
    add_weights,
    check_device,
    check_out,
    existing,
    network_of,
    positive,
    seed,
)


def add(commands: Any) -> None:
    sample = add_command(commands, "sample", run, "generate images with a trained generator")
    add_weights(sample)
    sample.add_argument("--out", type=Path, required=True, help="output image, .png")
    sample.add_argument("--count", type=positive, default=64, help="number of images [64]")
    sample.add_argument("--seed", type=seed, default=0, help="random seed of the noise [0]")
    add_device(sample)


def run(options: argparse.Namespace) -> None:
    import numpy as np
    from PIL import Image

    from upconv import zoo
    from upconv.data import montage
    from upconv.files import save_picture
    from upconv.inference import generate

    check_out(options.out, ".png")
    check_device(options)
    if options.onnx:
        generator = network_of(options.onnx, "noise")
    else:
        generator = zoo.restore_generator(existing(options.weights))
    noise = np.random.default_rng(options.seed).standard_normal((options.count, generator.latent))
    drawn = montage(generate(generator, noise, device=options.device))
    save_picture(options.out, Image.fromarray(drawn))
    print(options.out)
