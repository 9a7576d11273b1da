"""upconv train: train a network to segment, generate or stylize images."""

from __future__ import annotations

import argparse
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from upconv.cli import _training
from upconv.cli.options import (
    add_channels,
    add_command,
    add_data,
    add_device,
    add_network,
    add_pixels,
    add_range,
    number,
    positive,
    rename_option,
    seed,
)
from upconv.recipes import (
    FCN,
    GENERATOR,
    GENERATOR_SETS,
    MICROGRAPH,
    SETS,
    STYLIZER,
    STYLIZER_SETS,
    UNET,
)
from upconv.zoo import (
    FEATURES,
    GENERATORS,
    SCALES,
    STYLIZERS,
)

RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")  # set by launchers


def add(commands: Any) -> None:
    train = add_command(commands, "train", run, "train a network to segment, generate or stylize")
    add_network(train)
    add_data(train, list(dict.fromkeys((*SETS, *GENERATOR_SETS, *STYLIZER_SETS))))
    train.add_argument("--style", type=Path, help="transform: the painting to learn from")
    train.add_argument(
        "--weight", type=number, help="transform: weight of the style; the content's is 1 [15]"
    )
    train.add_argument("--out", type=Path, help="folder for weights and checkpoint [runs/NETWORK]")
    train.add_argument(
        "--scale", choices=list(SCALES), default="cpu",
        help="network size: cpu (SqueezeNet encoder, U-Net with 16 channels), or gpu, as in the "
        "papers (VGG16, 64 channels) [cpu]",
    )  # fmt: skip
    train.add_argument(
        "--base-channels", type=positive,
        help="U-Net, dcgan, transform: channels of the first level",
    )  # fmt: skip
    train.add_argument("--width-mult", type=number, help="FCN: factor on all channel numbers")
    train.add_argument("--width", type=number, help=argparse.SUPPRESS)  # of the first edition
    train.add_argument(
        "--from-scratch", action="store_true", help="do not start from ImageNet weights"
    )
    add_channels(train)
    add_range(train)
    _add_recipe(train)
    train.add_argument(
        "--features", choices=list(FEATURES), default="vgg19",
        help="transform: network that measures the style [vgg19]",
    )  # fmt: skip
    train.add_argument("--seed", type=seed, default=0, help="random seed [0]")
    train.add_argument("--resume", action="store_true", help="resume an interrupted run")
    train.add_argument(
        "--devices", type=positive, default=1, help="processes per machine, one per GPU [1]"
    )
    train.add_argument("--nodes", type=positive, default=1, help="number of machines [1]")
    train.add_argument(
        "--strategy", choices=("ddp", "fsdp"), default="ddp",
        help="ddp: each process holds the network; fsdp: the network is sharded [ddp]",
    )  # fmt: skip
    add_pixels(train)
    add_device(train)


def _add_recipe(train: argparse.ArgumentParser) -> None:
    """Add the options that override the recipe's numbers."""
    changes = MICROGRAPH.augmentation
    train.add_argument("--steps", type=positive, default=1000, help="training steps [1000]")
    train.add_argument(
        "--batch", type=positive,
        help=f"images per step, over all processes [{FCN.batch}; dcgan {GENERATOR.batch}; "
        f"transform {STYLIZER.batch}]",
    )  # fmt: skip
    train.add_argument("--crop", type=positive, default=128, help="side of random crops [128]")
    rate = train.add_argument(
        "--learning-rate", type=number,
        help=f"learning rate [{FCN.learning_rate}; U-Net {UNET.learning_rate}; "
        f"dcgan {GENERATOR.learning_rate}]",
    )  # fmt: skip
    train.add_argument(
        "--rotate", type=number,
        help=f"maximum random rotation in degrees [micrographs {changes.rotate:g}, others 0]",
    )  # fmt: skip
    rename_option(train, "--rate", rate)
    elastic = train.add_argument(
        "--elastic-sigma", type=number,
        help="elastic deformation: standard deviation in pixels "
        f"[micrographs {changes.elastic_sigma:g}, others 0]",
    )  # fmt: skip
    rename_option(train, "--elastic", elastic)
    train.add_argument(
        "--border-weight", type=number,
        help=f"weight of thin borders [micrographs {MICROGRAPH.border_weight:g}, others none]",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    from upconv.files import check_writable, exclusive

    options.out = options.out or Path("runs") / options.network
    check_writable(options.out, "--out", folder=True)
    train = _training.train_segmenter
    if options.network in GENERATORS:
        train = _training.train_generator
    elif options.network in STYLIZERS:
        train = _training.train_stylizer
    # In distributed training, only the first process writes.
    first = all(os.environ.get(name, "0") == "0" for name in RANKS)
    with exclusive(options.out, "--out", folder=True) if first else nullcontext():
        train(options)
