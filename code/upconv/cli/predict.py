"""upconv predict: segment or stylize images."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from upconv.cli.options import (
    UsageError,
    add_command,
    add_device,
    add_pixels,
    add_weights,
    existing,
    network_of,
    positive,
)
from upconv.zoo import STYLIZERS


def add(commands: Any) -> None:
    predict = add_command(commands, "predict", run, "segment or stylize images")
    add_weights(predict)
    predict.add_argument(
        "--out", type=Path, required=True, help="folder for masks and overlays, or stylized images"
    )
    predict.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    predict.add_argument(
        "--tile",
        type=positive,
        help="tile side in pixels [as memory allows; small images are not tiled]",
    )
    predict.add_argument(
        "--size",
        type=positive,
        help="scale larger images down to this longer side, in pixels [as in training]; "
        "masks have the size of their image",
    )
    add_pixels(predict)
    add_device(predict)


def run(options: argparse.Namespace) -> None:
    from PIL import Image

    from upconv.data import palette, read_image
    from upconv.data._scaling import scale_image
    from upconv.files import check_writable, save_picture
    from upconv.inference import predict
    from upconv.style import apply_transform_net

    check_writable(options.out, "--out", folder=True)
    network, classes = _network(options)
    if options.size is not None:
        network.image_size = options.size
    colors = palette(len(classes or ()) or 256)  # without names, the maximum number
    _check_images(options, ("painted",) if classes is None else ("mask", "overlay"))
    for path in options.images:
        image = read_image(path)
        if classes is None:
            target = options.out / f"{path.stem}_painted.png"
            image = scale_image(image, getattr(network, "image_size", None))
            save_picture(
                target, Image.fromarray(apply_transform_net(network, image, device=options.device))
            )
            print(target)
            continue
        mask = predict(
            network, image[None], tile=options.tile, device=options.device, progress=True
        )[0]
        print(_save_mask(mask, image, colors, options.out, path.stem))


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


def _check_images(options: argparse.Namespace, endings: Sequence[str]) -> None:
    """Check all inputs and output names before anything is written."""
    from upconv.data import read_image
    from upconv.files import check_writable

    names = [path.stem for path in options.images]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"two images are called {sorted(twice)[0]}: their outputs would collide")
    for path in options.images:  # one at a time in memory
        read_image(path)
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
