"""upconv train: a network learns to segment, draw or paint."""

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
    seed,
)
from upconv.recipes import DRAWN, FCN, GENERATOR, MICROGRAPH, PAINTED, PAINTER, SETS, UNET
from upconv.zoo import FEATURES, GENERATOR_SCALES, GENERATORS, PAINTER_SCALES, PAINTERS, SCALES

RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")  # as launchers name them


def add(commands: Any) -> None:
    train = add_command(commands, "train", run, "train a network to segment, draw or paint")
    add_network(train)
    add_data(train, list(dict.fromkeys((*SETS, *DRAWN, *PAINTED))))
    train.add_argument("--style", type=Path, help="of transform: the painting to learn from")
    train.add_argument("--weight", type=number, help="of the style; the content's is 1 [15]")
    train.add_argument("--out", type=Path, help="folder for weights and checkpoint [runs/NETWORK]")
    train.add_argument(
        "--scale", choices=list(SCALES), default="cpu",
        help="sizes: cpu (SqueezeNet encoder, U-Net of 16 channels), or gpu, as in the papers "
        "(VGG16, 64 channels) [cpu]",
    )  # fmt: skip
    train.add_argument(
        "--width", type=number,
        help="factor on all numbers of channels; of a U-Net: channels of its first level",
    )  # fmt: skip
    train.add_argument(
        "--from-scratch", action="store_true", help="do not begin with ImageNet's weights"
    )
    _add_recipe(train)
    train.add_argument(
        "--features", choices=list(FEATURES), default="vgg19",
        help="of transform: network to measure the style by [vgg19]",
    )  # fmt: skip
    train.add_argument("--seed", type=seed, default=0, help="same seed, same weights [0]")
    train.add_argument("--resume", action="store_true", help="go on where the run broke off")
    train.add_argument(
        "--devices", type=positive, default=1, help="processes on each machine, one a GPU [1]"
    )
    train.add_argument("--nodes", type=positive, default=1, help="machines [1]")
    train.add_argument(
        "--strategy", choices=("ddp", "fsdp"), default="ddp",
        help="ddp: each process holds the network; fsdp: each holds a part of it [ddp]",
    )  # fmt: skip
    add_pixels(train)
    add_device(train)


def _add_recipe(train: argparse.ArgumentParser) -> None:
    """What stands in place of the recipe's numbers."""
    changes = MICROGRAPH.augmentation
    train.add_argument("--steps", type=positive, default=1000, help="steps of training [1000]")
    train.add_argument(
        "--batch", type=positive,
        help=f"images a step, of all processes [{FCN.batch}; dcgan {GENERATOR.batch}; "
        f"transform {PAINTER.batch}]",
    )  # fmt: skip
    train.add_argument("--crop", type=positive, default=128, help="side of random crops [128]")
    train.add_argument(
        "--rate", type=number,
        help=f"learning rate [{FCN.learning_rate}; U-Net {UNET.learning_rate}; "
        f"dcgan {GENERATOR.learning_rate}]",
    )  # fmt: skip
    train.add_argument(
        "--rotate", type=number,
        help=f"largest random rotation, degrees [micrographs {changes.rotate:g}, else 0]",
    )  # fmt: skip
    train.add_argument(
        "--elastic", type=number,
        help=f"elastic deformation, pixels [micrographs {changes.elastic:g}, else 0]",
    )  # fmt: skip
    train.add_argument(
        "--border-weight", type=number,
        help=f"weight of thin borders [micrographs {MICROGRAPH.border_weight:g}, else none]",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    from upconv.files import alone, check_writable

    options.out = options.out or Path("runs") / options.network
    check_writable(options.out, "--out", folder=True)
    train = _train_segmenter
    if options.network in GENERATORS:
        train = _train_generator
    elif options.network in PAINTERS:
        train = _train_painter
    # Of processes that train together, only the first writes.
    first = all(os.environ.get(name, "0") == "0" for name in RANKS)
    with alone(options.out, "--out", folder=True) if first else nullcontext():
        train(options)


def _train_segmenter(options: argparse.Namespace) -> None:
    from upconv import zoo

    _check_data(options)
    unet = zoo.is_unet(options.network)
    sizes = _sizes(options)
    pretrained = not options.from_scratch and not unet and sizes["width"] == 1
    out, checkpoint, team = _start(options)
    found = load_data(options, "train")
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
        sizes["channels"] = 1 if found.images[0].ndim == 2 else 3
    torch.manual_seed(options.seed)
    network = zoo.build(options.network, len(found.classes), **sizes)
    settings = _settings(options, network)
    if pretrained and not (options.resume and checkpoint.exists()):
        load_imagenet(network.encoder, sizes["encoder"])
    start = "ImageNet's weights" if pretrained else "random weights"
    size = f"{sizes['width']} channels" if unet else sizes["encoder"]
    if team.first:
        print(f"{options.network} ({size}, from {start}) on {len(found)} images", file=sys.stderr)
    history = train(
        network, found, settings, checkpoint=checkpoint, resume=options.resume, team=team
    )
    team.close()
    if not team.first:
        return
    keep(out, options.network, network, found.classes, sizes, history)
    if options.data != "folder":
        test = load_data(options, "test")
        print_scores(scores_of(network, test, options.device), test.classes)


def _train_generator(options: argparse.Namespace) -> None:
    from upconv import data, zoo

    _check_data(options)
    if options.data == "folder" and options.images is None:
        raise UsageError("--data folder needs --images")
    sizes: dict[str, Any] = dict(GENERATOR_SCALES[options.scale])
    if options.width is not None:
        sizes["width"] = _channels(options.width)
    out, checkpoint, team = _start(options)
    if options.data == "folder":
        found = data.image_folder(options.images, sizes["size"])
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
    if team.first:
        what = f"{options.network}, {sizes['size']} pixels"
        print(f"{what}, on {len(found)} images", file=sys.stderr)
    history = train_gan(
        generator,
        discriminator,
        found,
        settings,
        checkpoint=checkpoint,
        resume=options.resume,
        team=team,
    )
    team.close()
    if not team.first:
        return
    keep(out, options.network, generator, (), sizes, history, f", {history.verdict}")


def _train_painter(options: argparse.Namespace) -> None:
    from upconv import data, zoo

    _check_data(options)
    if options.style is None:
        raise UsageError(f"train {options.network} needs --style")
    if options.devices * options.nodes > 1:
        raise UsageError(f"--devices: got more than one, expected 1 for {options.network}")
    if options.data == "folder" and options.images is None:
        raise UsageError("--data folder needs --images")
    style = data.read_image(options.style)
    sizes: dict[str, Any] = dict(PAINTER_SCALES[options.scale])
    if options.width is not None:
        sizes["width"] = _channels(options.width)
    if options.data == "folder":
        photographs = data.folder_images(options.images)
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
    network = zoo.build_painter(options.network, **sizes)
    what = f"{options.network} ({sizes['width']} channels)"
    print(f"{what}, on {len(photographs)} photographs", file=sys.stderr)
    history = train_transform(
        network, features, photographs, style, settings,
        checkpoint=checkpoint, resume=options.resume, device=options.device,
    )  # fmt: skip
    keep(out, options.network, network, (), sizes, history)


def _check_data(options: argparse.Namespace) -> None:
    """The data named, or the network's usual; refused if the network cannot take it."""
    known = recipes.sets_of(options.network)
    options.data = options.data or known[0]
    if options.data not in known:
        expected = ", ".join(known)
        raise UsageError(f"--data: got {options.data}, expected for {options.network}: {expected}")


def _sizes(options: argparse.Namespace) -> dict[str, Any]:
    """The network's sizes: of the scale, changed by --width."""
    from upconv import zoo

    sizes = zoo.sizes(options.network, options.scale)
    if options.width is None:
        return sizes
    if zoo.is_unet(options.network):
        return sizes | {"width": _channels(options.width)}
    if not 0 < options.width <= 4:
        raise UsageError(f"--width: got {options.width:g}, expected more than 0, at most 4")
    return sizes | {"width": options.width}


def _channels(width: float) -> int:
    if width != int(width) or not 1 <= width <= 512:
        got = f"--width: got {width:g}"
        raise UsageError(f"{got}, expected channels, a whole number from 1 to 512")
    return int(width)


def _settings(options: argparse.Namespace, network: Any) -> Any:
    """How a network learns to segment, from crops of a size that it takes."""
    from upconv.ops import unet_size
    from upconv.training import Settings

    numbers = _numbers(options, crop=options.crop, rotate=options.rotate, elastic=options.elastic)
    if not getattr(network, "padded", True):
        numbers["crop"] = unet_size(numbers["crop"], network.depth)[0]
    return Settings(**numbers)


def _numbers(options: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """The recipe's numbers, or in their place the options'."""
    return recipes.settings(
        options.network, options.data, steps=options.steps, batch=options.batch,
        learning_rate=options.rate, seed=options.seed, **more,
    )  # fmt: skip


def _start(options: argparse.Namespace) -> tuple[Path, Path, Any]:
    """Folder of a run, its checkpoint, and who trains; a run that is there is not written over."""
    from upconv.training import launch

    out = options.out
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists() and not options.resume:
        raise UsageError(f"{out} holds a run already: go on with --resume, or choose another --out")
    team = launch(options.devices, options.nodes, options.strategy, options.device)
    return out, checkpoint, team


def keep(
    out: Path, name: str, network: Any, classes: Sequence[str], sizes: dict[str, Any],
    history: Any, verdict: str = "",
) -> None:  # fmt: skip
    """Write what a training has brought, and say where."""
    from upconv import zoo
    from upconv.files import write_atomically

    weights = out / "weights.safetensors"
    zoo.save(weights, network, name, tuple(classes), **sizes)
    text = json.dumps(vars(history))
    write_atomically(out / "history.json", lambda path: path.write_text(text, encoding="utf-8"))
    print(f"{weights}  ({history.seconds:.0f} s{verdict})")
