"""The trainings of upconv train: a network that segments, generates or stylizes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from upconv import recipes
from upconv.cli.evaluate import print_scores, scores_of
from upconv.cli.options import UsageError, check_channels, load_data, say_notes
from upconv.deprecated import words
from upconv.zoo import GENERATOR_SCALES, NETWORKS, STYLIZER_SCALES, is_unet


def train_segmenter(options: argparse.Namespace) -> None:
    from upconv import zoo

    _check_data(options)
    check_channels(options)
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
        sizes["in_channels"] = 1 if (first := found.images[0]).ndim == 2 else first.shape[2]
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


def train_generator(options: argparse.Namespace) -> None:
    from upconv import data, zoo

    _check_data(options)
    check_channels(options)
    if options.data == "folder" and options.images is None:
        raise UsageError("--data folder needs --images")
    sizes: dict[str, Any] = GENERATOR_SCALES[options.scale] | _width(options)
    out, checkpoint, distributed = _start(options)
    if options.data == "folder":
        found = data.square_images(options.images, sizes["size"])
        if distributed.first:
            say_notes(found)
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


def train_stylizer(options: argparse.Namespace) -> None:
    from upconv import data, zoo

    _check_data(options)
    check_channels(options)
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
        say_notes(photographs)
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
