"""The command line: upconv train, evaluate, predict, data."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from upconv.zoo import NETWORKS, SCALES

SETS = ("digit_scenes", "camvid", "road", "folder")


class UsageError(Exception):
    """What was asked for cannot be; the message is for the person at the keyboard."""


def main(arguments: list[str] | None = None) -> int:
    """Entry point: 0 if all went well, 2 for wrong usage or data, 130 if interrupted."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except KeyboardInterrupt:
        print("upconv: interrupted; go on with --resume", file=sys.stderr)
        return 130
    except _expected() as error:
        print(f"upconv: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _expected() -> tuple[type[Exception], ...]:
    """Errors that are the data's or the user's; anything else is ours and keeps its traceback."""
    from upconv.data import BadData, DataUnavailable

    found: list[type[Exception]] = [UsageError, BadData, DataUnavailable, ValueError, OSError]
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

    train = _command(commands, "train", _train, "train a network to segment")
    train.add_argument(
        "network", choices=list(NETWORKS), metavar="NETWORK", help=", ".join(NETWORKS)
    )
    _add_data(train)
    train.add_argument("--out", type=Path, help="folder for weights and checkpoint [runs/NETWORK]")
    train.add_argument(
        "--scale", choices=list(SCALES), default="cpu",
        help="cpu: SqueezeNet encoder; gpu: VGG16, as in the paper [cpu]",
    )  # fmt: skip
    train.add_argument("--width", type=float, help="factor on all numbers of channels")
    train.add_argument(
        "--from-scratch", action="store_true", help="do not begin with ImageNet's weights"
    )
    train.add_argument("--steps", type=_positive, default=1000, help="steps of training [1000]")
    train.add_argument("--batch", type=_positive, default=8, help="images a step [8]")
    train.add_argument("--crop", type=_positive, default=128, help="side of random crops [128]")
    train.add_argument("--rate", type=float, default=1e-3, help="learning rate [0.001]")
    train.add_argument("--seed", type=int, default=0, help="same seed, same weights [0]")
    train.add_argument("--resume", action="store_true", help="go on where the run broke off")
    _add_device(train)

    evaluate = _command(commands, "evaluate", _evaluate, "measure a trained network")
    evaluate.add_argument("--weights", type=Path, required=True, help="weights.safetensors")
    _add_data(evaluate)
    evaluate.add_argument("--json", action="store_true", help="print the scores as JSON")
    _add_device(evaluate)

    predict = _command(commands, "predict", _predict, "segment images")
    predict.add_argument("--weights", type=Path, required=True, help="weights.safetensors")
    predict.add_argument("--out", type=Path, required=True, help="folder for masks and overlays")
    predict.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    _add_device(predict)

    data = _command(commands, "data", _data, "list data sets, or fetch one")
    data.add_argument("name", nargs="?", choices=["camvid"], help="fetch this one")
    return parser


def _command(commands: Any, name: str, run: Callable, what: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    command.set_defaults(run=run)
    return command


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", choices=SETS, default="digit_scenes", help="data set [digit_scenes]"
    )
    command.add_argument("--images", type=Path, help="with --data folder: folder of images")
    command.add_argument("--masks", type=Path, help="with --data folder: folder of masks")
    command.add_argument("--classes", type=_positive, help="with --data folder: number of classes")


def _add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="auto, cpu or cuda [auto]")


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected a whole number of at least 1")
    return value


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
    return getattr(data, options.data)(split)


def _train(options: argparse.Namespace) -> None:
    sizes = dict(SCALES[options.scale])
    if options.width is not None:
        if not 0 < options.width <= 4:
            raise UsageError(f"--width: got {options.width}, expected more than 0, at most 4")
        sizes["width"] = options.width
    pretrained = not options.from_scratch and sizes["width"] == 1
    found = _load_data(options, "train")

    import torch

    from upconv import zoo
    from upconv.torch import load_imagenet
    from upconv.training import Settings, evaluate, train

    out = options.out or Path("runs") / options.network
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists() and not options.resume:
        raise UsageError(f"{out} holds a run already: go on with --resume, or choose another --out")
    torch.manual_seed(options.seed)
    network = zoo.build(options.network, len(found.classes), **sizes)
    if pretrained and not (options.resume and checkpoint.exists()):
        load_imagenet(network.encoder, sizes["encoder"])
    digits = options.data == "digit_scenes"
    settings = Settings(
        steps=options.steps,
        batch=options.batch,
        crop=min(options.crop, 64) if digits else options.crop,
        learning_rate=options.rate,
        flip=not digits,  # a mirrored 2 is no 2
        jitter=0.0 if digits else 0.15,
        seed=options.seed,
    )
    start = "ImageNet's weights" if pretrained else "random weights"
    print(
        f"{options.network} ({sizes['encoder']}, from {start}) on {len(found)} images",
        file=sys.stderr,
    )
    history = train(
        network,
        found,
        settings,
        checkpoint=checkpoint,
        resume=options.resume,
        device=options.device,
    )
    zoo.save(out / "weights.safetensors", network, options.network, found.classes, **sizes)
    (out / "history.json").write_text(json.dumps(vars(history)), encoding="utf-8")
    print(f"{out / 'weights.safetensors'}  ({history.seconds:.0f} s)")
    if options.data != "folder":
        test = _load_data(options, "test")
        _print_scores(evaluate(network, test, device=options.device), test.classes)


def _evaluate(options: argparse.Namespace) -> None:
    from upconv import zoo
    from upconv.training import evaluate

    network, classes, _ = zoo.restore(_existing(options.weights))
    found = _load_data(options, "test")
    if len(found.classes) != len(classes):
        got = f"a network of {len(classes)} classes and data of {len(found.classes)}"
        raise UsageError(f"--data: got {got}, expected as many")
    scores = evaluate(network, found, device=options.device)
    if options.json:
        print(json.dumps(scores.asdict()))
    else:
        _print_scores(scores, classes)


def _print_scores(scores: Any, classes: tuple[str, ...]) -> None:
    for name, value in scores.asdict().items():
        if name != "class_iou":
            print(f"{name.replace('_', ' '):24}{value:7.3f}")
    for name, value in zip(classes, scores.class_iou, strict=True):
        print(f"  IoU of {name:16}{value:7.3f}")


def _predict(options: argparse.Namespace) -> None:
    from PIL import Image

    from upconv import zoo
    from upconv.data import paint, palette, read_image
    from upconv.training import predict

    network, classes, _ = zoo.restore(_existing(options.weights))
    colours = palette(len(classes))
    names = [path.stem for path in options.images]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"two images are called {sorted(twice)[0]}: their masks would be one file")
    pictures = [read_image(path) for path in options.images]  # all, before anything is written
    options.out.mkdir(parents=True, exist_ok=True)
    for path, image in zip(options.images, pictures, strict=True):
        mask = predict(network, image[None], device=options.device)[0]
        indexed = Image.fromarray(mask)
        indexed.putpalette([value for colour in colours for value in colour])
        target = options.out / f"{path.stem}_mask.png"
        indexed.save(target)
        painted = paint(mask, colours)
        mixed = (0.5 * image + 0.5 * painted).round().astype("uint8")
        Image.fromarray(mixed).save(options.out / f"{path.stem}_overlay.png")
        print(target)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"--weights: {path} is no file")
    return path


def _data(options: argparse.Namespace) -> None:
    from upconv.data import camvid
    from upconv.data.download import cache_folder, find

    if options.name == "camvid":
        print(f"camvid: {len(camvid())} frames to train")
        return
    place = find("camvid_240x180.npz")
    print("digit_scenes  made on the spot, 11 classes")
    print(f"camvid, road  {place or 'not here; fetch with: upconv data camvid'}, 11 or 2 classes")
    print("folder        your own: --images DIR --masks DIR --classes N")
    print(f"cache: {cache_folder()}")


if __name__ == "__main__":
    raise SystemExit(main())
