"""upconv predict: segment or stylize images."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from upconv.cli.options import (
    UsageError,
    add_command,
    add_device,
    add_pixels,
    add_quiet,
    add_range,
    add_weights,
    channels_read,
    check_device,
    check_range,
    existing,
    network_of,
    positive,
    same_file,
    say,
)
from upconv.zoo import STYLIZERS


def add(commands: Any) -> None:
    predict = add_command(commands, "predict", run, "segment or stylize images")
    add_weights(predict)
    predict.add_argument(
        "--out", type=Path, required=True, help="folder for masks and overlays, or stylized images"
    )
    predict.add_argument(
        "images", nargs="+", type=Path, metavar="IMAGE", help="image files, or folders of such"
    )
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
    add_range(predict)
    add_quiet(predict)
    add_pixels(predict)
    add_device(predict)


def run(options: argparse.Namespace) -> None:
    from PIL import Image

    from upconv.checks import BYTE
    from upconv.data import palette, to_bytes
    from upconv.data._scaling import scale_image
    from upconv.files import check_writable, save_picture
    from upconv.inference import predict
    from upconv.style import apply_transform_net

    check_writable(options.out, "--out", folder=True)
    check_device(options)
    options.images = _listed(options.images, options.out)
    network, classes = _network(options)
    if classes is None and options.tile:
        raise UsageError("--tile: networks that paint do not use it, those that segment do")
    if options.size is not None:
        network.image_size = options.size
    colors = palette(len(classes or ()) or 256)  # without names, the maximum number
    read = _reader(options, network, paints=classes is None)
    _check_images(options, read, ("painted",) if classes is None else ("mask", "overlay"))
    for path in options.images:
        image = read(path)
        if classes is None:
            target = options.out / f"{path.stem}_painted.png"
            image = scale_image(image, getattr(network, "image_size", None))
            save_picture(
                target, Image.fromarray(apply_transform_net(network, image, device=options.device))
            )
            print(target)
            continue
        mask = predict(
            network, image[None], tile=options.tile, device=options.device,
            progress=not options.quiet,
        )[0]  # fmt: skip
        shown = to_bytes(image, getattr(network, "value_range", BYTE))
        print(_save_mask(mask, shown, colors, options.out, path.stem))


def _listed(paths: Sequence[Path], out: Path) -> list[Path]:
    """Return the image files: those given, and all in folders given."""
    from upconv.data._listing import list_images

    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        if same_file(path, out):
            # The next time, masks and overlays would be taken for images.
            raise UsageError(f"--out: {out} is a folder of images; expected another folder")
        files = list_images(path, everywhere=True).paths
        # Outputs of an earlier call may lie in a folder inside.
        found += [file for file in files if out.resolve() not in file.resolve().parents]
    return found


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
    if gives == "painting":
        return network, None
    options.tile = fixed or options.tile
    return network, classes or ()


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
        read(path, say=partial(say, options))
    for name in names:
        for ending in endings:
            target = options.out / f"{name}_{ending}.png"
            check_writable(target, "--out")
            if any(same_file(target, path) for path in options.images):
                raise UsageError(f"--out: {target} is one of the images; expected another folder")


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
