"""upconv train: train a network to segment, generate or stylize images."""

from __future__ import annotations

import argparse
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from upconv.checks import LARGEST_BATCH, LONGEST_SIDE, MOST_STEPS
from upconv.cli import _training
from upconv.cli._uses import check_data, check_uses
from upconv.cli.options import (
    add_channels,
    add_command,
    add_data,
    add_device,
    add_network,
    add_pixels,
    add_quiet,
    add_range,
    check_range,
    existing,
    number,
    number_up_to,
    positive,
    rename_option,
    seed,
    side,
    up_to,
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
    ENCODERS,
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
        "--encoder", choices=ENCODERS,
        help=f"FCN: encoder [that of --scale: cpu {SCALES['cpu']['FCN']['encoder']}, "
        f"gpu {SCALES['gpu']['FCN']['encoder']}]",
    )  # fmt: skip
    train.add_argument(
        "--base-channels", type=positive,
        help="U-Net, dcgan, transform: channels of the first level",
    )  # fmt: skip
    train.add_argument("--width-mult", type=number, help="FCN: factor on all channel numbers")
    train.add_argument("--width", type=number, help=argparse.SUPPRESS)  # of the first edition
    train.add_argument(
        "--weights", type=Path,
        help="start from these weights of the same network; for other classes, its last layers "
        "start anew",
    )  # fmt: skip
    train.add_argument(
        "--from-scratch", action="store_true", help="FCN: do not start from ImageNet weights"
    )
    add_channels(train)
    add_range(train)
    _add_recipe(train)
    train.add_argument(
        "--features", choices=list(FEATURES),
        help="transform: network that measures the style [vgg19]",
    )  # fmt: skip
    train.add_argument("--seed", type=seed, default=0, help="random seed [0]")
    train.add_argument(
        "--resume",
        action="store_true",
        help="resume an interrupted run; with more --steps, also a finished one",
    )
    train.add_argument("--devices", type=positive, help="processes per machine, one per GPU [1]")
    train.add_argument("--nodes", type=positive, help="number of machines [1]")
    train.add_argument(
        "--strategy", choices=("ddp", "fsdp"),
        help="ddp: each process holds the network; fsdp: the network is sharded [ddp]",
    )  # fmt: skip
    add_quiet(train)
    add_pixels(train)
    add_device(train)


def _add_recipe(train: argparse.ArgumentParser) -> None:
    """Add the options that override the recipe's numbers."""
    changes = MICROGRAPH.augmentation
    train.add_argument(
        "--steps", type=up_to(MOST_STEPS), default=1000, help="training steps [1000]"
    )
    train.add_argument(
        "--batch", type=up_to(LARGEST_BATCH),
        help=f"images per step, over all processes [{FCN.batch}; dcgan {GENERATOR.batch}; "
        f"transform {STYLIZER.batch}]",
    )  # fmt: skip
    train.add_argument("--crop", type=side, help="side of random crops [128]")
    rate = train.add_argument(
        "--learning-rate", type=number,
        help=f"learning rate [{FCN.learning_rate}; U-Net {UNET.learning_rate}; "
        f"dcgan {GENERATOR.learning_rate}]",
    )  # fmt: skip
    train.add_argument(
        "--rotate", type=number_up_to(360),
        help=f"maximum random rotation in degrees [micrographs {changes.rotate:g}, others 0]",
    )  # fmt: skip
    rename_option(train, "--rate", rate)
    elastic = train.add_argument(
        "--elastic-sigma", type=number_up_to(LONGEST_SIDE),
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
    check_uses(options)
    check_data(options)
    check_range(options)
    options.devices, options.nodes = options.devices or 1, options.nodes or 1
    resumes = options.resume and (options.out / _training.CHECKPOINT).exists()
    if options.weights is not None and not resumes:
        existing(options.weights)
    check_writable(options.out, "--out", folder=True)
    train = _training.train_segmenter
    if options.network in GENERATORS:
        train = _training.train_generator
    elif options.network in STYLIZERS:
        train = _training.train_stylizer
    # In distributed training, only the first process writes.
    first = all(os.environ.get(name, "0") == "0" for name in RANKS)
    with exclusive(options.out, "--out", folder=True) if first else nullcontext():
        _training.check_run(options, first)
        train(options)
