"""The command line: upconv train, evaluate, predict, sample, stylize, export, versions, data."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from upconv.zoo import (
    FEATURES,
    GENERATOR_SCALES,
    GENERATORS,
    NETWORKS,
    PAINTER_SCALES,
    PAINTERS,
    SCALES,
)

SETS = ("digit_scenes", "camvid", "road", "membranes", "isbi2012", "dsb2018", "folder")
DRAWN = ("digits", "digit_crops", "mnist", "fashion_mnist", "folder")  # what generators learn from
PAINTED = ("photographs", "camvid", "folder")  # what networks that paint learn from
FETCHED = ("camvid", "isbi2012", "dsb2018", "mnist", "fashion_mnist")
MICROGRAPHS = ("membranes", "isbi2012", "dsb2018")  # no up and down, and objects to tell apart
PICTURES = (".png", ".jpg", ".jpeg", ".webp")  # what stylize writes
RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")  # as launchers name them
LARGE = 1024**2  # pixels from which an image is predicted tile by tile


class UsageError(Exception):
    """What was asked for cannot be; the message is for the person at the keyboard."""


def main(arguments: list[str] | None = None) -> int:
    """Entry point: 0 if all went well, 2 for wrong usage or data, 130 if interrupted."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    try:
        if getattr(options, "max_pixels", None):
            from upconv.data import limit_pixels

            limit_pixels(options.max_pixels)
        options.run(options)
    except KeyboardInterrupt:
        hint = "; go on with --resume" if hasattr(options, "resume") else ""
        print(f"{_name()}: interrupted{hint}", file=sys.stderr)
        return 130
    except _expected() as error:
        print(f"{_name()}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except Exception as error:
        if not _out_of_memory(error):
            raise
        sizes = ("batch", "crop", "tile", "size", "width", "count")
        lower = [f"--{name}" for name in sizes if hasattr(options, name)]
        hint = f"lower {' or '.join(lower)}" if lower else "close other programs"
        print(f"{_name()}: out of memory; {hint}", file=sys.stderr)
        return 2
    return 0


def _name() -> str:
    """Who speaks: the first process of a machine is just ``upconv``."""
    number = os.environ.get("LOCAL_RANK", "0")
    return "upconv" if number == "0" else f"upconv, process {number}"


def _out_of_memory(error: Exception) -> bool:
    """Whether the machine was too small: Python, NumPy and PyTorch each say it in their own way."""
    words = ("out of memory", "can't allocate memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(part in str(error) for part in words)
    )


def _expected() -> tuple[type[Exception], ...]:
    """Errors that are the data's or the user's; anything else is ours and keeps its traceback."""
    from upconv.data import BadData, DataUnavailable
    from upconv.packages import MissingFramework

    found: list[type[Exception]] = [UsageError, BadData, DataUnavailable, ValueError, OSError]
    found.append(MissingFramework)
    if "upconv.training" in sys.modules:
        from upconv.training import BadCheckpoint, Diverged

        found += [BadCheckpoint, Diverged]
    return tuple(found)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="upconv",
        description="Train, measure and use the course's networks.",
        epilog="Example: upconv train fcn8s --data digit_scenes --out runs/fcn8s",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = _command(commands, "train", _train, "train a network to segment, draw or paint")
    names = [*NETWORKS, *GENERATORS, *PAINTERS]
    train.add_argument("network", choices=names, metavar="NETWORK", help=", ".join(names))
    _add_data(train, list(dict.fromkeys((*SETS, *DRAWN, *PAINTED))))
    train.add_argument("--style", type=Path, help="of transform: the painting to learn from")
    train.add_argument("--weight", type=_number, help="of the style; the content's is 1 [15]")
    train.add_argument("--out", type=Path, help="folder for weights and checkpoint [runs/NETWORK]")
    train.add_argument(
        "--scale", choices=list(SCALES), default="cpu",
        help="sizes: cpu (SqueezeNet encoder, U-Net of 16 channels), or gpu, as in the papers "
        "(VGG16, 64 channels) [cpu]",
    )  # fmt: skip
    train.add_argument(
        "--width", type=_number,
        help="factor on all numbers of channels; of a U-Net: channels of its first level",
    )  # fmt: skip
    train.add_argument(
        "--from-scratch", action="store_true", help="do not begin with ImageNet's weights"
    )
    train.add_argument("--steps", type=_positive, default=1000, help="steps of training [1000]")
    train.add_argument(
        "--batch", type=_positive, help="images a step, of all processes [8; dcgan 64; transform 1]"
    )
    train.add_argument("--crop", type=_positive, default=128, help="side of random crops [128]")
    train.add_argument(
        "--rate", type=_number, help="learning rate [0.001; U-Net 0.002; dcgan 0.0002]"
    )
    train.add_argument(
        "--rotate", type=_number, help="largest random rotation, degrees [micrographs 180, else 0]"
    )
    train.add_argument(
        "--elastic", type=_number, help="elastic deformation, pixels [micrographs 10, else 0]"
    )
    train.add_argument(
        "--border-weight", type=_number, help="weight of thin borders [micrographs 10, else none]"
    )
    train.add_argument(
        "--features", choices=list(FEATURES), default="vgg19",
        help="of transform: network to measure the style by [vgg19]",
    )  # fmt: skip
    train.add_argument("--seed", type=_seed, default=0, help="same seed, same weights [0]")
    train.add_argument("--resume", action="store_true", help="go on where the run broke off")
    train.add_argument(
        "--devices", type=_positive, default=1, help="processes on each machine, one a GPU [1]"
    )
    train.add_argument("--nodes", type=_positive, default=1, help="machines [1]")
    train.add_argument(
        "--strategy", choices=("ddp", "fsdp"), default="ddp",
        help="ddp: each process holds the network; fsdp: each holds a part of it [ddp]",
    )  # fmt: skip
    _add_pixels(train)
    _add_device(train)

    evaluate = _command(commands, "evaluate", _evaluate, "measure a trained network")
    evaluate.add_argument("--weights", type=Path, required=True, help="weights.safetensors")
    _add_data(evaluate, SETS)
    evaluate.add_argument("--json", action="store_true", help="print the scores as JSON")
    _add_pixels(evaluate)
    _add_device(evaluate)

    predict = _command(commands, "predict", _predict, "segment images, or paint them")
    _add_weights(predict)
    predict.add_argument(
        "--out", type=Path, required=True, help="folder for masks and overlays, or paintings"
    )
    predict.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    predict.add_argument(
        "--tile", type=_positive, help="side of tiles [512; small images are seen as a whole]"
    )
    _add_pixels(predict)
    _add_device(predict)

    sample = _command(commands, "sample", _sample, "let a trained generator draw")
    _add_weights(sample)
    sample.add_argument("--out", type=Path, required=True, help="picture to write, .png")
    sample.add_argument("--count", type=_positive, default=64, help="images in the grid [64]")
    sample.add_argument("--seed", type=_seed, default=0, help="same seed, same images [0]")
    _add_device(sample)

    export = _command(commands, "export", _export, "write a network as ONNX, for other programs")
    export.add_argument("network", choices=names, metavar="NETWORK", help=", ".join(names))
    export.add_argument("--weights", type=Path, required=True, help="weights.safetensors")
    export.add_argument("--out", type=Path, required=True, help="file to write, .onnx")
    export.add_argument("--half", action="store_true", help="weights as float16: half the size")
    export.add_argument(
        "--maps", action="store_true", help="give the map after every ReLU too, as outputs"
    )

    stylize = _command(commands, "stylize", _stylize, "paint a picture in the style of another")
    stylize.add_argument("content", type=Path, metavar="CONTENT", help="what to paint")
    stylize.add_argument("style", type=Path, metavar="STYLE", help="how to paint it")
    stylize.add_argument("-o", "--out", type=Path, required=True, help="picture to write")
    stylize.add_argument(
        "--size", type=_positive, default=512, help="longer side, pixels; never enlarged [512]"
    )
    stylize.add_argument(
        "--weight", type=_number, default=10.0, help="of the style; the content's is 1 [10]"
    )
    stylize.add_argument(
        "--features", choices=FEATURES, default="vgg19",
        help="what the style is measured by: vgg19 (548 MB to fetch), squeezenet (5 MB, wider "
        "swirls, faster) or random (nothing to fetch; colours and grain) [vgg19]",
    )  # fmt: skip
    stylize.add_argument(
        "--layers", metavar="NAME,...",
        help=f"layers of the style, by the papers' names [{','.join(FEATURES['vgg19'][1])}; "
        f"squeezenet {','.join(FEATURES['squeezenet'][1])}]",
    )  # fmt: skip
    stylize.add_argument(
        "--content-layer", metavar="NAME",
        help=f"layer of the content [{FEATURES['vgg19'][0]}; "
        f"squeezenet {FEATURES['squeezenet'][0]}]",
    )  # fmt: skip
    stylize.add_argument("--steps", type=_positive, default=30, help="steps of L-BFGS [30]")
    stylize.add_argument("--smooth", type=_number, default=0.0, help="weight of smoothness [0]")
    stylize.add_argument(
        "--preserve-color", action="store_true", help="the style's strokes, the content's colours"
    )
    stylize.add_argument("--seed", type=_seed, default=0, help="of random weights [0]")
    stylize.add_argument(
        "--preview", action="store_true", help="write OUT after every step, to look at meanwhile"
    )
    stylize.add_argument("--resume", action="store_true", help="go on where the run broke off")
    _add_pixels(stylize)
    _add_device(stylize)

    _command(commands, "versions", _versions, "say what is installed, for a report of a fault")

    data = _command(commands, "data", _data, "list data sets, or fetch one")
    data.add_argument("name", nargs="?", choices=FETCHED, help="fetch this one")
    return parser


def _command(commands: Any, name: str, run: Callable, what: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    command.set_defaults(run=run)
    return command


def _add_weights(command: argparse.ArgumentParser) -> None:
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", type=Path, help="weights.safetensors")
    source.add_argument("--onnx", type=Path, help="a file of upconv export, instead")


def _add_data(command: argparse.ArgumentParser, sets: Sequence[str]) -> None:
    command.add_argument(
        "--data", choices=sets, metavar="SET",
        help=f"{', '.join(sets)} [digit_scenes; dcgan: digits; transform: photographs]",
    )  # fmt: skip
    command.add_argument("--images", type=Path, help="with --data folder: folder of images")
    command.add_argument("--masks", type=Path, help="with --data folder: folder of masks")
    command.add_argument("--classes", type=_positive, help="with --data folder: number of classes")


def _add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="auto, cpu or cuda [auto]")


def _add_pixels(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--max-pixels", type=_positive, help="pixels of the largest picture to read [67108864]"
    )


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected a whole number of at least 1")
    return value


def _number(text: str) -> float:
    from upconv.checks import check_real

    return _read(text, float, check_real, "a number")


def _seed(text: str) -> int:
    from upconv.checks import check_seed

    return _read(text, int, check_seed, "a whole number")


def _read(text: str, convert: Callable, check: Callable, expected: str) -> Any:
    """What stands there, by the checks of the module; argparse names the option."""
    try:
        value = convert(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text}, expected {expected}") from None
    try:
        return check("", value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix(": ")) from None


def _load_data(options: argparse.Namespace, split: str) -> Any:
    from upconv import data

    if options.data == "folder":
        for name in ("images", "masks", "classes"):
            if getattr(options, name) is None:
                raise UsageError(f"--data folder needs --{name}")
        return data.folder(options.images, options.masks, options.classes)
    for name in ("images", "masks", "classes"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} is for --data folder, not for --data {options.data}")
    if options.data == "digit_scenes":
        return data.digit_scenes(2000 if split == "train" else 200, split=split)
    if options.data == "membranes":
        return data.membranes(30 if split == "train" else 10, split=split)
    return getattr(data, options.data)(split)


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


def _check_data(options: argparse.Namespace, known: Sequence[str]) -> None:
    """The data named, or the first that is known; refused if the network cannot take it."""
    options.data = options.data or known[0]
    if options.data not in known:
        expected = ", ".join(known)
        raise UsageError(f"--data: got {options.data}, expected for {options.network}: {expected}")


def _settings(options: argparse.Namespace, network: Any) -> Any:
    """How to train, from the options and what suits the data."""
    from upconv.ops import unet_size
    from upconv.training import Settings

    digits, micrographs = options.data == "digit_scenes", options.data in MICROGRAPHS
    crop = min(options.crop, 64) if digits else options.crop
    if not getattr(network, "padded", True):
        crop = unet_size(crop, network.depth)[0]
    unet = hasattr(network, "depth")
    return Settings(
        steps=options.steps,
        batch=options.batch or 8,
        crop=crop,
        learning_rate=options.rate if options.rate is not None else 2e-3 if unet else 1e-3,
        flip=not digits,  # a mirrored 2 is no 2
        upside_down=micrographs,
        rotate=options.rotate if options.rotate is not None else 180.0 * micrographs,
        elastic=options.elastic if options.elastic is not None else 10.0 * micrographs,
        jitter=0.0 if digits else 0.1 if micrographs else 0.15,
        seed=options.seed,
    )


def _train(options: argparse.Namespace) -> None:
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

    _check_data(options, SETS)
    unet = zoo.is_unet(options.network)
    sizes = _sizes(options)
    pretrained = not options.from_scratch and not unet and sizes["width"] == 1
    out, checkpoint, team = _start(options)
    found = _load_data(options, "train")
    height = options.border_weight
    if height is None and options.data in MICROGRAPHS:
        height = 10.0
    if height is not None:
        from upconv.data import with_border_weights

        # Nuclei are a small share of their images: balanced, they would swell.
        found = with_border_weights(found, height, balance=options.data != "dsb2018")

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
    _keep(out, options.network, network, found.classes, sizes, history)
    if options.data != "folder":
        test = _load_data(options, "test")
        _print_scores(_scores(network, test, options.device), test.classes)


def _start(options: argparse.Namespace) -> tuple[Path, Path, Any]:
    """Folder of a run, its checkpoint, and who trains; a run that is there is not written over."""
    from upconv.training import launch

    out = options.out
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists() and not options.resume:
        raise UsageError(f"{out} holds a run already: go on with --resume, or choose another --out")
    team = launch(options.devices, options.nodes, options.strategy, options.device)
    return out, checkpoint, team


def _keep(
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


def _train_generator(options: argparse.Namespace) -> None:
    from upconv import data, zoo

    _check_data(options, DRAWN)
    if options.data == "folder" and options.images is None:
        raise UsageError("--data folder needs --images")
    sizes = dict(GENERATOR_SCALES[options.scale])
    if options.width is not None:
        sizes["width"] = _channels(options.width)
    out, checkpoint, team = _start(options)
    if options.data == "folder":
        found = data.image_folder(options.images, sizes["size"])
    elif options.data == "digit_crops":
        found = data.digit_crops(6000, sizes["size"])
    else:
        found = getattr(data, options.data)(size=sizes["size"])

    import torch

    from upconv.torch import Discriminator
    from upconv.training import GanSettings, train_gan

    sizes["channels"] = found.channels
    torch.manual_seed(options.seed)
    generator = zoo.build_generator(options.network, **sizes)
    discriminator = Discriminator(**sizes)
    settings = GanSettings(
        steps=options.steps,
        batch=options.batch or 64,
        learning_rate=options.rate if options.rate is not None else 2e-4,
        flip=options.data == "folder",
        seed=options.seed,
    )
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
    _keep(out, options.network, generator, (), sizes, history, f", {history.verdict}")


def _train_painter(options: argparse.Namespace) -> None:
    from upconv import data, zoo

    _check_data(options, PAINTED)
    if options.style is None:
        raise UsageError(f"train {options.network} needs --style")
    if options.devices * options.nodes > 1:
        raise UsageError(f"--devices: got more than one, expected 1 for {options.network}")
    if options.data == "folder" and options.images is None:
        raise UsageError("--data folder needs --images")
    style, sizes = data.read_image(options.style), dict(PAINTER_SCALES[options.scale])
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

    given = {
        "batch": options.batch, "learning_rate": options.rate, "style_weight": options.weight,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    settings = TransformSettings(steps=options.steps, crop=options.crop, seed=options.seed, **given)
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
    _keep(out, options.network, network, (), sizes, history)


def _sample(options: argparse.Namespace) -> None:
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
        generator = _network_of(options.onnx, "noise")
    else:
        generator = zoo.restore_generator(_existing(options.weights))
    noise = np.random.default_rng(options.seed).standard_normal((options.count, generator.latent))
    drawn = grid(draw(generator, noise, device=options.device))
    save_picture(options.out, Image.fromarray(drawn))
    print(options.out)


def _versions(options: argparse.Namespace) -> None:
    import platform
    from importlib import metadata

    print(f"python {platform.python_version()}, {platform.platform()}")
    for name in ("upconv", "numpy", "torch", "tensorflow-cpu", "tensorflow", "keras", "anywidget"):
        try:
            print(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            continue


def _stylize(options: argparse.Namespace) -> None:
    import shutil

    from PIL import Image

    from upconv import zoo
    from upconv.data import read_image
    from upconv.files import alone, check_writable, save_picture
    from upconv.style import StyleSettings, stylize

    out = options.out
    if out.suffix.lower() not in PICTURES:
        raise UsageError(f"--out: got {out}, expected a name that ends in {', '.join(PICTURES)}")
    check_writable(out, "--out")
    content, style = read_image(options.content), read_image(options.style)
    content_layer, layers = FEATURES[options.features]
    if options.content_layer is not None:
        content_layer = options.content_layer
    if options.layers is not None:
        layers = tuple(name.strip() for name in options.layers.split(",") if name.strip())
    network = zoo.features(options.features, (content_layer, *layers), options.seed)
    size = min(options.size, max(content.shape[:2]))
    # Up to three scales, as long as the coarsest still shows something, to every layer.
    shortest = min(size * min(image.shape[:2]) / max(image.shape[:2]) for image in (content, style))
    deepest = max(network.stride(name) for name in (content_layer, *layers))
    scales = min(3, (size // 64).bit_length(), int(shortest // (2 * deepest)).bit_length())
    settings = StyleSettings(
        content_layers=(content_layer,),
        style_layers=layers,
        style_weight=options.weight,
        variation_weight=options.smooth,
        size=size,
        scales=max(1, scales),
        steps=options.steps,
        preserve_colour=options.preserve_color,
        seed=options.seed,
    )
    folder = out.with_name(f".{out.name}.run")

    def write(image: Any) -> None:
        save_picture(out, Image.fromarray(image), quality=95)

    with alone(out, "--out"):
        if folder.exists() and not options.resume:
            shutil.rmtree(folder)
        image, history = stylize(
            network, content, style, settings, checkpoint=folder / "scale.pt",
            resume=options.resume, device=options.device,
            each_step=(lambda step, image: write(image)) if options.preview else None,
        )  # fmt: skip
        write(image)
        shutil.rmtree(folder, ignore_errors=True)
    height, width = image.shape[:2]
    print(f"{out}: {width} × {height}, {history.seconds:.0f} s")


def _scores(network: Any, found: Any, device: str) -> dict[str, Any]:
    """Of the pixels, and of the objects where the set has them."""
    from upconv.inference import evaluate, evaluate_objects

    scores = evaluate(network, found, device=device).asdict()
    if found.instances is not None and len(found.classes) == 2:
        objects = evaluate_objects(network, found, device=device).asdict()
        names = ("v_rand", "v_info", "best_v_rand", "best_v_info", "average_precision")
        scores |= {name: objects[name] for name in names}
    return scores


def _evaluate(options: argparse.Namespace) -> None:
    from upconv import zoo

    network, classes, _ = zoo.restore(_existing(options.weights))
    options.data = options.data or "digit_scenes"
    found = _load_data(options, "test")
    if len(found.classes) != len(classes):
        got = f"a network of {len(classes)} classes and data of {len(found.classes)}"
        raise UsageError(f"--data: got {got}, expected as many")
    scores = _scores(network, found, options.device)
    if options.json:
        print(json.dumps(scores))
    else:
        _print_scores(scores, classes)


def _print_scores(scores: dict[str, Any], classes: tuple[str, ...]) -> None:
    for name, value in scores.items():
        if isinstance(value, float):
            print(f"{name.replace('_', ' '):24}{value:7.3f}")
    for name, value in zip(classes, scores["class_iou"], strict=True):
        print(f"  IoU of {name:16}{value:7.3f}")
    for threshold, value in scores.get("average_precision", {}).items():
        print(f"  objects at IoU {threshold:<8}{value:7.3f}")


def _predict(options: argparse.Namespace) -> None:
    from PIL import Image

    from upconv import zoo
    from upconv.data import paint, palette, read_image
    from upconv.files import check_writable, save_picture
    from upconv.inference import predict, predict_tiles
    from upconv.style import transform

    check_writable(options.out, "--out", folder=True)
    classes: Sequence[str] | None = None  # none: it paints
    if options.onnx:
        network = _network_of(options.onnx, "image")
        classes, fixed = network.classes, getattr(network, "tile", None)
        if (gives := network.outputs[0]) not in ("logits", "painting"):
            raise UsageError(f"--onnx: {options.onnx} gives {gives}, expected logits or painting")
        classes = None if gives == "painting" else classes or ()
        if fixed and options.tile not in (None, fixed):
            raise UsageError(f"--tile: got {options.tile}, expected {fixed} for {options.onnx}")
        options.tile = fixed or options.tile
    elif zoo.name_of(_existing(options.weights)) in PAINTERS:
        network = zoo.restore_painter(options.weights)
    else:
        network, classes, _ = zoo.restore(options.weights)
    colours = palette(len(classes or ()) or 256)  # of no names, as many as there may be
    names = [path.stem for path in options.images]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"two images are called {sorted(twice)[0]}: their masks would be one file")
    for path in options.images:  # all, before anything is written; one at a time in memory
        read_image(path)
    endings = ("painted",) if classes is None else ("mask", "overlay")
    for name in names:
        for ending in endings:
            check_writable(options.out / f"{name}_{ending}.png", "--out")
    for path in options.images:
        image = read_image(path)
        if classes is None:
            target = options.out / f"{path.stem}_painted.png"
            save_picture(target, Image.fromarray(transform(network, image, device=options.device)))
            print(target)
            continue
        if options.tile or image.shape[0] * image.shape[1] > LARGE:
            mask = predict_tiles(
                network, image, tile=options.tile or 512, device=options.device, progress=True
            )
        else:
            mask = predict(network, image[None], device=options.device)[0]
        indexed = Image.fromarray(mask)
        if mask.dtype == "uint8":  # a palette has 256 colours; more classes are grey values
            indexed.putpalette([value for colour in colours for value in colour])
        target = options.out / f"{path.stem}_mask.png"
        save_picture(target, indexed)
        painted = Image.fromarray(paint(mask, colours))
        overlay = Image.blend(Image.fromarray(image), painted, 0.5)
        save_picture(options.out / f"{path.stem}_overlay.png", overlay)
        print(target)


def _existing(path: Path, option: str = "--weights") -> Path:
    if not path.is_file():
        raise UsageError(f"{option}: {path} is no file")
    return path


def _network_of(path: Path, takes: str) -> Any:
    """The network of an ONNX file that takes images, or noise."""
    from upconv.onnx import Network

    network = Network(_existing(path, "--onnx"))
    if network.input != takes:
        raise UsageError(f"--onnx: {path} takes {network.input}, expected one that takes {takes}")
    return network


def _export(options: argparse.Namespace) -> None:
    from upconv import onnx, zoo
    from upconv.files import check_writable

    weights, out = _existing(options.weights), options.out
    if out.suffix.lower() != ".onnx":
        raise UsageError(f"--out: got {out}, expected a name that ends in .onnx")
    check_writable(out, "--out")
    name = zoo.name_of(weights)
    if name and name != options.network:
        raise UsageError(f"--weights: {weights} is of {name}, expected {options.network}")
    about: dict[str, Any] = {"network": options.network}
    if options.network in GENERATORS:
        network = zoo.restore_generator(weights)
    elif options.network in PAINTERS:
        network = zoo.restore_painter(weights)
    else:
        network, about["classes"], _ = zoo.restore(weights)
    onnx.export(network, out, about=about, half=options.half, maps=options.maps)
    apart = onnx.difference(network, onnx.Network(out))
    print(f"{out}  ({out.stat().st_size / 1e6:.1f} MB, at most {apart:.1g} from PyTorch)")


def _data(options: argparse.Namespace) -> None:
    from upconv import data
    from upconv.data.download import cache_folder, find

    if options.name:
        print(f"{options.name}: {len(getattr(data, options.name)())} images to train")
        return
    print("digit_scenes  made on the spot, 11 classes")
    print("membranes     made on the spot, 2 classes, with instances")
    for name, files, what in (
        ("camvid, road", ("camvid_240x180.npz",), "11 or 2 classes"),
        ("isbi2012", ("isbi2012/membrane", "isbi2012.npz"), "2 classes, with instances"),
        ("dsb2018", ("dsb2018_256.npz",), "2 classes, with instances"),
    ):
        places = [place for place in map(find, files) if place]
        fetch = f"not here; fetch with: upconv data {name.split(',')[0]}"
        print(f"{name:14}{places[0] if places else fetch}, {what}")
    print("digits        with the module, to draw after")
    print("digit_crops   made on the spot, to draw after")
    for name in ("mnist", "fashion_mnist"):
        files = (f"{name}/t10k-images-idx3-ubyte.gz", f"{name}-train-images-idx3-ubyte.gz")
        places = [place for place in map(find, files) if place]
        fetch = f"not here; fetch with: upconv data {name}"
        print(f"{name:14}{places[0] if places else fetch}, to draw after")
    print("folder        your own: --images DIR --masks DIR --classes N")
    print(f"cache: {cache_folder()}")


if __name__ == "__main__":
    raise SystemExit(main())
