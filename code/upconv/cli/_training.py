"""The trainings of upconv train: a network that segments, generates or stylizes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from upconv import recipes
from upconv.cli.evaluate import print_scores, scores_of
from upconv.cli.options import UsageError, load_data, say, say_notes
from upconv.deprecated import words
from upconv.zoo import GENERATOR_SCALES, NETWORKS, STYLIZER_SCALES, is_unet

CROP = 128  # side of random crops, in pixels
WEIGHTS, CHECKPOINT = "weights.safetensors", "checkpoint.pt"  # in the folder of a run


def train_segmenter(options: argparse.Namespace) -> None:
    from upconv import zoo

    unet = zoo.is_unet(options.network)
    sizes = zoo.sizes(options.network, options.scale) | _width(options)
    if options.encoder is not None:
        sizes["encoder"] = options.encoder
    own = options.weights is not None
    pretrained = not (options.from_scratch or own or unet) and sizes["width_mult"] == 1
    out, checkpoint, distributed = _start(options)
    found = load_data(options, "train")
    if distributed.first:
        say_notes(options, found)
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
    start = "ImageNet weights" if pretrained else str(options.weights or "random weights")
    if options.resume and checkpoint.exists():
        start = str(checkpoint)
    elif pretrained:
        load_imagenet(network.encoder, sizes["encoder"])
    elif own:
        _start_from(options, network, sizes, distributed.first)
    size = f"{sizes['base_channels']} channels" if unet else sizes["encoder"]
    if distributed.first:
        say(options, f"{options.network} ({size}, from {start}) on {len(found)} images")
    history = _run(options, distributed, train, network, found, settings)
    if not distributed.first:
        return
    masks = {"masks": found.mask_format.to_json()} if found.mask_format else None
    keep(out, options.network, network, found.classes, sizes, history, about=masks)
    options.trained = out / WEIGHTS
    if options.data != "folder":
        test = load_data(options, "test")
        print_scores(scores_of(network, test, options.device), test.classes)


def train_generator(options: argparse.Namespace) -> None:
    from upconv import data, zoo

    sizes: dict[str, Any] = GENERATOR_SCALES[options.scale] | _width(options)
    out, _, distributed = _start(options)
    if options.data == "folder":
        found = data.square_images(options.images, sizes["size"])
        if distributed.first:
            say_notes(options, found)
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
        say(options, f"{options.network}, {sizes['size']} pixels, on {len(found)} images")
    history = _run(options, distributed, train_gan, generator, discriminator, found, settings)
    if not distributed.first:
        return
    keep(out, options.network, generator, (), sizes, history, f", {history.verdict}")


def train_stylizer(options: argparse.Namespace) -> None:
    from upconv import data, zoo

    if options.style is None:
        raise UsageError(f"train {options.network} needs --style")
    style = data.read_image(options.style)
    sizes: dict[str, Any] = STYLIZER_SCALES[options.scale] | _width(options)
    if options.data == "folder":
        photographs = data.image_files(options.images, options.size)
        say_notes(options, photographs)
    elif options.data == "camvid":
        photographs = list(data.camvid("train").images)
    else:
        photographs = data.photographs("train")
    out, checkpoint, _ = _start(options)

    import torch

    from upconv.style import TransformSettings, train_transform

    numbers = _numbers(options, crop=options.crop or CROP, style_weight=options.weight)
    settings = TransformSettings(**numbers)
    layers = (*settings.content_layers, *settings.style_layers)
    features = zoo.features(options.features or "vgg19", layers, options.seed)
    torch.manual_seed(options.seed)
    network = zoo.build_stylizer(options.network, **sizes)
    if options.weights is not None and not (options.resume and checkpoint.exists()):
        _start_from(options, network, sizes)
    what = f"{options.network} ({sizes['base_channels']} channels)"
    say(options, f"{what}, on {len(photographs)} photographs")
    history = train_transform(
        network, features, photographs, style, settings,
        checkpoint=checkpoint, resume=options.resume, device=options.device,
        progress=not options.quiet,
    )  # fmt: skip
    keep(out, options.network, network, (), sizes, history)


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
        options, crop=options.crop or CROP, rotate=options.rotate,
        elastic_sigma=options.elastic_sigma,
    )  # fmt: skip
    if not getattr(network, "padded", True):
        numbers["crop"] = unet_size(numbers["crop"], network.depth)[0]
    if options.crop not in (None, numbers["crop"]):
        why = f"{options.network} on {options.data}"
        say(options, f"--crop: {numbers['crop']} instead of {options.crop} for {why}")
    return Settings(**numbers)


def _numbers(options: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """Return the recipe's numbers, overridden by the options."""
    return recipes.settings(
        options.network, options.data, steps=options.steps, batch=options.batch,
        learning_rate=options.learning_rate, seed=options.seed, **more,
    )  # fmt: skip


def check_run(options: argparse.Namespace, first: bool = True) -> None:
    """Check that no earlier run would be overwritten, and say whether there is one to resume."""
    out, checkpoint = options.out, options.out / CHECKPOINT
    if checkpoint.exists() and not options.resume:
        raise UsageError(f"--out: {out} already holds a run; use --resume or another --out")
    if (out / WEIGHTS).exists() and not checkpoint.exists():
        kept = f"--out: {out} holds {WEIGHTS} but no {CHECKPOINT} to resume"
        raise UsageError(f"{kept}; use another --out, and --weights to start from them")
    if options.resume and not checkpoint.exists() and first:
        say(options, f"--resume: no earlier run in {out}; this one begins anew")


def _start(options: argparse.Namespace) -> tuple[Path, Path, Any]:
    """Return the run's folder, checkpoint and team."""
    from upconv.training import init_distributed

    options.state = options.out / CHECKPOINT
    strategy = options.strategy or "ddp"
    distributed = init_distributed(options.devices, options.nodes, strategy, options.device)
    return options.out, options.state, distributed


def _run(
    options: argparse.Namespace, distributed: Any, train: Callable[..., Any], *given: Any
) -> Any:
    """Train, and leave the process group, also if interrupted, which all processes are then."""
    from upconv.training import Interrupted

    try:
        history = train(
            *given, checkpoint=options.state, resume=options.resume, distributed=distributed,
            progress=not options.quiet,
        )  # fmt: skip
    except Interrupted:
        distributed.close()
        raise
    distributed.close()
    return history


# Size of a network → the option that sets it.
_SET_BY = {
    "base_channels": "--base-channels",
    "encoder": "--encoder",
    "width_mult": "--width-mult",
}


def _start_from(
    options: argparse.Namespace, network: Any, sizes: dict[str, Any], first: bool = True
) -> None:
    """Load one's own weights of the same network; what depends on other classes starts anew."""
    from upconv import zoo

    name, saved = zoo.described(options.weights)
    if name != options.network:
        got = f"weights of {name or 'an unknown network'}"
        raise UsageError(f"--weights: got {got}, expected {options.network}")
    for size, value in sizes.items():
        if saved.get(size, value) != value:
            got, option = f"{size} = {saved[size]} in {options.weights}", _SET_BY.get(size)
            way = f"add {option} {saved[size]}" if option else "--scale must be as it was"
            if size == "in_channels":
                way = "images need as many channels as those it was trained on"
            raise UsageError(f"--weights: got {got}, expected {value}; {way}")
    anew = zoo.start_from(network, options.weights)
    if anew and first:
        told = f"{options.weights} has other classes: {', '.join(anew)} start anew"
        say(options, f"--weights: {told}")


def keep(
    out: Path, name: str, network: Any, classes: Sequence[str], sizes: dict[str, Any],
    history: Any, verdict: str = "", about: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """Write the results of a training run, and print where they are."""
    from upconv import zoo
    from upconv.files import atomic_write

    weights = out / WEIGHTS
    zoo.save(weights, network, name, tuple(classes), about=about, **sizes)
    text = json.dumps(vars(history))
    atomic_write(out / "history.json", lambda path: path.write_text(text, encoding="utf-8"))
    print(f"{weights}  ({history.seconds:.0f} s{verdict})")
