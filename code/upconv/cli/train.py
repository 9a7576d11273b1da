"""upconv train: train a network to segment, generate or stylize images."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from upconv import recipes
from upconv.cli.evaluate import print_scores, scores_of
from upconv.cli.options import (
    UsageError,
    add_command,
    add_data,
    add_device,
    add_network,
    add_pixels,
    load_data,
    number,
    positive,
    rename_option,
    say_notes,
    seed,
)
from upconv.deprecated import words
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
    GENERATOR_SCALES,
    GENERATORS,
    NETWORKS,
    SCALES,
    STYLIZER_SCALES,
    STYLIZERS,
    is_unet,
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
    train = _train_segmenter
    if options.network in GENERATORS:
        train = _train_generator
    elif options.network in STYLIZERS:
        train = _train_stylizer
    # In distributed training, only the first process writes.
    first = all(os.environ.get(name, "0") == "0" for name in RANKS)
    with exclusive(options.out, "--out", folder=True) if first else nullcontext():
        train(options)


def _train_segmenter(options: argparse.Namespace) -> None:
    from upconv import zoo

    _check_data(options)
    unet = zoo.is_unet(options.network)
    sizes = zoo.sizes(options.network, options.scale) | _width(options)
    pretrained = not options.from_scratch and not unet and sizes["width_mult"] == 1
    out, checkpoint, distributed = _start(options)
    found = load_data(options, "train")
    if distributed.first:
        say_notes(found)
    suited, height = recipes.suited_to(options.data), options.border_weight
    if height is None:
        height = suited.border_weight
    if height is not None:
        from upconv.data import with_border_weights

        found = with_border_weights(found, height, balance=suited.balance)

    import torch

    from upconv.torch import load_imagenet
    from upconv.training import train

    if unet:
        sizes["in_channels"] = 1 if found.images[0].ndim == 2 else 3
    torch.manual_seed(options.seed)
    network = zoo.build(options.network, len(found.classes), **sizes)
    settings = _settings(options, network)
    if pretrained and not (options.resume and checkpoint.exists()):
        load_imagenet(network.encoder, sizes["encoder"])
    start = "ImageNet weights" if pretrained else "random weights"
    size = f"{sizes['base_channels']} channels" if unet else sizes["encoder"]
    if distributed.first:
        print(f"{options.network} ({size}, from {start}) on {len(found)} images", file=sys.stderr)
    history = train(
        network,
        found,
        settings,
        checkpoint=checkpoint,
        resume=options.resume,
        distributed=distributed,
    )
    distributed.close()
    if not distributed.first:
        return
    masks = {"masks": found.mask_format.to_json()} if found.mask_format else None
    keep(out, options.network, network, found.classes, sizes, history, about=masks)
    if options.data != "folder":
        test = load_data(options, "test")
        print_scores(scores_of(network, test, options.device), test.classes)


def _train_generator(options: argparse.Namespace) -> None:
    from upconv import data, zoo

    _check_data(options)
    if options.data == "folder" and options.images is None:
        raise UsageError("--data folder needs --images")
    sizes: dict[str, Any] = GENERATOR_SCALES[options.scale] | _width(options)
    out, checkpoint, distributed = _start(options)
    if options.data == "folder":
        found = data.square_images(options.images, sizes["size"])
    elif options.data == "digit_crops":
        found = data.digit_crops(recipes.GENERATED[options.data]["train"], sizes["size"])
    else:
        found = getattr(data, options.data)(size=sizes["size"])

    import torch

    from upconv.torch import Discriminator
    from upconv.training import GanSettings, train_gan

    sizes["channels"] = found.channels
    torch.manual_seed(options.seed)
    generator = zoo.build_generator(options.network, **sizes)
    discriminator = Discriminator(**sizes)
    settings = GanSettings(**_numbers(options))
    if distributed.first:
        what = f"{options.network}, {sizes['size']} pixels"
        print(f"{what}, on {len(found)} images", file=sys.stderr)
    history = train_gan(
        generator,
        discriminator,
        found,
        settings,
        checkpoint=checkpoint,
        resume=options.resume,
        distributed=distributed,
    )
    distributed.close()
    if not distributed.first:
        return
    keep(out, options.network, generator, (), sizes, history, f", {history.verdict}")


def _train_stylizer(options: argparse.Namespace) -> None:
    from upconv import data, zoo

    _check_data(options)
    if options.style is None:
        raise UsageError(f"train {options.network} needs --style")
    if options.devices * options.nodes > 1:
        raise UsageError(f"--devices: got several processes, expected 1 for {options.network}")
    if options.data == "folder" and options.images is None:
        raise UsageError("--data folder needs --images")
    style = data.read_image(options.style)
    sizes: dict[str, Any] = STYLIZER_SCALES[options.scale] | _width(options)
    if options.data == "folder":
        photographs = data.image_files(options.images)
    elif options.data == "camvid":
        photographs = list(data.camvid("train").images)
    else:
        photographs = data.photographs("train")
    out, checkpoint, _ = _start(options)

    import torch

    from upconv.style import TransformSettings, train_transform

    numbers = _numbers(options, crop=options.crop, style_weight=options.weight)
    settings = TransformSettings(**numbers)
    layers = (*settings.content_layers, *settings.style_layers)
    features = zoo.features(options.features, layers, options.seed)
    torch.manual_seed(options.seed)
    network = zoo.build_stylizer(options.network, **sizes)
    what = f"{options.network} ({sizes['base_channels']} channels)"
    print(f"{what}, on {len(photographs)} photographs", file=sys.stderr)
    history = train_transform(
        network, features, photographs, style, settings,
        checkpoint=checkpoint, resume=options.resume, device=options.device,
    )  # fmt: skip
    keep(out, options.network, network, (), sizes, history)


def _check_data(options: argparse.Namespace) -> None:
    """Set --data to the network's default if missing; check that the network can use it."""
    known = recipes.sets_of(options.network)
    options.data = options.data or known[0]
    if options.data not in known:
        expected = f"one of {', '.join(known)} for {options.network}"
        raise UsageError(f"--data: got {options.data}, expected {expected}")


def _width(options: argparse.Namespace) -> dict[str, Any]:
    """Read the size named by --base-channels or --width-mult, or by --width, their old name."""
    fcn = options.network in NETWORKS and not is_unet(options.network)
    name, other = "base_channels", "width_mult"
    if fcn:
        name, other = other, name
    option = f"--{name.replace('_', '-')}"
    if getattr(options, other) is not None:
        got = f"--{other.replace('_', '-')}: got {getattr(options, other):g}"
        raise UsageError(f"{got}, expected {option} for {options.network}")
    value = getattr(options, name)
    if options.width is not None:
        print(f"upconv train: {words('--width', option)}", file=sys.stderr)
        value = options.width if value is None else value
    if value is None:
        return {}
    if fcn and not 0 < value <= 4:
        raise UsageError(f"{option}: got {value:g}, expected a factor above 0 and at most 4")
    if not fcn and (value != value // 1 or not 1 <= value <= 512):
        expected = "a number of channels, an integer from 1 to 512"
        raise UsageError(f"{option}: got {value:g}, expected {expected}")
    return {name: value if fcn else int(value)}


def _settings(options: argparse.Namespace, network: Any) -> Any:
    """Build the segmentation settings, with a crop size that the network accepts."""
    from upconv.ops import unet_size
    from upconv.training import Settings

    numbers = _numbers(
        options, crop=options.crop, rotate=options.rotate, elastic_sigma=options.elastic_sigma
    )
    if not getattr(network, "padded", True):
        numbers["crop"] = unet_size(numbers["crop"], network.depth)[0]
    return Settings(**numbers)


def _numbers(options: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """Return the recipe's numbers, overridden by the options."""
    return recipes.settings(
        options.network, options.data, steps=options.steps, batch=options.batch,
        learning_rate=options.learning_rate, seed=options.seed, **more,
    )  # fmt: skip


def _start(options: argparse.Namespace) -> tuple[Path, Path, Any]:
    """Return the run's folder, checkpoint and team; an existing run is not overwritten."""
    from upconv.training import init_distributed

    out = options.out
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists() and not options.resume:
        raise UsageError(f"--out: {out} already holds a run; use --resume or another --out")
    distributed = init_distributed(options.devices, options.nodes, options.strategy, options.device)
    return out, checkpoint, distributed


def keep(
    out: Path, name: str, network: Any, classes: Sequence[str], sizes: dict[str, Any],
    history: Any, verdict: str = "", about: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """Write the results of a training run, and print where they are."""
    from upconv import zoo
    from upconv.files import atomic_write

    weights = out / "weights.safetensors"
    zoo.save(weights, network, name, tuple(classes), about=about, **sizes)
    text = json.dumps(vars(history))
    atomic_write(out / "history.json", lambda path: path.write_text(text, encoding="utf-8"))
    print(f"{weights}  ({history.seconds:.0f} s{verdict})")
