"""upconv predict: segment or stylize images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from upconv.cli.options import (
    UsageError,
    add_command,
    add_device,
    add_pixels,
    add_range,
    add_weights,
    channels_read,
    check_range,
    existing,
    network_of,
    positive,
)
from upconv.zoo import STYLIZERS

LARGE = 1024**2  # pixels above which an image is predicted tile by tile


def add(commands: Any) -> None:
    predict = add_command(commands, "predict", run, "segment or stylize images")
    add_weights(predict)
    predict.add_argument(
        "--out", type=Path, required=True, help="folder for masks and overlays, or stylized images"
    )
    predict.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    predict.add_argument(
        "--tile", type=positive, help="tile side in pixels [512; small images are not tiled]"
    )
    add_range(predict)
    add_pixels(predict)
    add_device(predict)


def run(options: argparse.Namespace) -> None:
    from PIL import Image

    from upconv.checks import BYTE
    from upconv.data import palette, to_bytes
    from upconv.files import check_writable, save_picture
    from upconv.inference import predict, predict_tiles
    from upconv.style import apply_transform_net

    check_writable(options.out, "--out", folder=True)
    network, classes = _network(options)
    colors = palette(len(classes or ()) or 256)  # without names, the maximum number
    read = _reader(options, network, paints=classes is None)
    _check_images(options, read, ("painted",) if classes is None else ("mask", "overlay"))
    for path in options.images:
        image = read(path)
        if classes is None:
            target = options.out / f"{path.stem}_painted.png"
            save_picture(
                target, Image.fromarray(apply_transform_net(network, image, device=options.device))
            )
            print(target)
            continue
        if options.tile or image.shape[0] * image.shape[1] > LARGE:
            mask = predict_tiles(
                network, image, tile=options.tile or 512, device=options.device, progress=True
            )
        else:
            mask = predict(network, image[None], device=options.device)[0]
        shown = to_bytes(image, getattr(network, "value_range", BYTE))
        print(_save_mask(mask, shown, colors, options.out, path.stem))


def _network(options: argparse.Namespace) -> tuple[Any, Sequence[str] | None]:
    """Return the network and its class names: () if it has none, None if it stylizes.

    A network with a fixed input size sets --tile to it.
    """
    from upconv import zoo

    if not options.onnx:
        if zoo.name_of(existing(options.weights)) in STYLIZERS:
            return zoo.restore_stylizer(options.weights), None
        network, classes, _ = zoo.restore(options.weights)
        return network, classes
    network = network_of(options.onnx, "image")
    classes, fixed = network.classes, getattr(network, "tile", None)
    if (gives := network.outputs[0]) not in ("logits", "painting"):
        raise UsageError(f"--onnx: {options.onnx} gives {gives}, expected logits or painting")
    if fixed and options.tile not in (None, fixed):
        raise UsageError(f"--tile: got {options.tile}, expected {fixed} for {options.onnx}")
    options.tile = fixed or options.tile
    return network, None if gives == "painting" else classes or ()


def _reader(options: argparse.Namespace, network: Any, paints: bool) -> Callable[..., Any]:
    """How an image is read for the network; --range replaces the one it was trained with."""
    from upconv.checks import BYTE
    from upconv.data import read_image, read_like, stated_range

    check_range(options)
    if paints:
        if options.range is not None:
            raise UsageError("--range: expected only for a network that segments")
        return lambda path, say=None: read_image(path)
    if options.range is not None:
        network.value_range = stated_range(*options.range)
    return partial(
        read_like,
        channels=channels_read(network),
        value_range=getattr(network, "value_range", BYTE),
    )


def _check_images(
    options: argparse.Namespace, read: Callable[..., Any], endings: Sequence[str]
) -> None:
    """Check all inputs and output names before anything is written."""
    from upconv.files import check_writable

    names = [path.stem for path in options.images]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"two images are called {sorted(twice)[0]}: their outputs would collide")
    for path in options.images:  # one at a time in memory
        read(path, say=partial(print, file=sys.stderr))
    for name in names:
        for ending in endings:
            check_writable(options.out / f"{name}_{ending}.png", "--out")


def _save_mask(mask: Any, image: Any, colors: Any, out: Path, stem: str) -> Path:
    """Write the mask, and an overlay of it on the image; return the mask's path."""
    from PIL import Image

    from upconv.data import colorize
    from upconv.files import save_picture

    indexed = Image.fromarray(mask)
    if mask.dtype == "uint8":  # a palette has 256 colors; more classes become gray values
        indexed.putpalette([value for color in colors for value in color])
    target = out / f"{stem}_mask.png"
    save_picture(target, indexed)
    painted = Image.fromarray(colorize(mask, colors))
    overlay = Image.blend(Image.fromarray(image), painted, 0.5)
    save_picture(out / f"{stem}_overlay.png", overlay)
    return target
