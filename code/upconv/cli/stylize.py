"""upconv stylize: paint a picture in the style of another."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from upconv.checks import MOST_STEPS
from upconv.cli.options import (
    UsageError,
    add_command,
    add_device,
    add_pixels,
    add_quiet,
    check_out,
    number,
    rename_option,
    same_file,
    say,
    seed,
    side,
    up_to,
)
from upconv.zoo import FEATURES

PICTURES = (".png", ".jpg", ".jpeg", ".webp")  # what stylize writes
# What Gatys et al. (2016) read of VGG-19. Ours reads less by default, and says so.
PAPER = ("conv4_2", ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"))


def add(commands: Any) -> None:
    stylize = add_command(commands, "stylize", run, "paint a picture in the style of another")
    stylize.add_argument("content", type=Path, metavar="CONTENT", help="picture to paint")
    stylize.add_argument("style", type=Path, metavar="STYLE", help="picture with the style")
    stylize.add_argument("-o", "--out", type=Path, required=True, help="output picture")
    stylize.add_argument(
        "--size", type=side, default=512, help="longer side in pixels; never enlarged [512]"
    )
    stylize.add_argument(
        "--weight", type=number, default=10.0, help="weight of the style; the content's is 1 [10]"
    )
    stylize.add_argument(
        "--features", choices=FEATURES, default="vgg19",
        help="network that measures the style: vgg19 (548 MB download), squeezenet (5 MB, faster, "
        "wider swirls), efficientnet_lite0 (weights from a Python package) or random (no "
        "download; colors and grain) [vgg19]",
    )  # fmt: skip
    layers = stylize.add_argument(
        "--style-layers", metavar="NAME,...",
        help=f"style layers, named as in the papers [{','.join(FEATURES['vgg19'][1])}; "
        f"squeezenet {','.join(FEATURES['squeezenet'][1])}; "
        f"efficientnet_lite0 {','.join(FEATURES['efficientnet_lite0'][1])}]",
    )  # fmt: skip
    rename_option(stylize, "--layers", layers)
    stylize.add_argument(
        "--content-layer", metavar="NAME",
        help=f"content layer [{FEATURES['vgg19'][0]}; "
        f"squeezenet {FEATURES['squeezenet'][0]}; "
        f"efficientnet_lite0 {FEATURES['efficientnet_lite0'][0]}; the paper's is conv4_2]",
    )  # fmt: skip
    stylize.add_argument("--steps", type=up_to(MOST_STEPS), default=30, help="L-BFGS steps [30]")
    stylize.add_argument(
        "--scales", type=up_to(16), metavar="N",
        help="paint at N sizes, each twice the one before; more give larger structure [at most 3]",
    )  # fmt: skip
    smooth = stylize.add_argument(
        "--variation-weight", type=number, default=0.0, help="weight of the total variation [0]"
    )
    rename_option(stylize, "--smooth", smooth)
    stylize.add_argument("--preserve-color", action="store_true", help="keep the content's colors")
    stylize.add_argument("--seed", type=seed, help="random seed of --features random [0]")
    stylize.add_argument(
        "--preview", action="store_true", help="write OUT after every step, to watch progress"
    )
    stylize.add_argument("--resume", action="store_true", help="resume an interrupted run")
    stylize.add_argument(
        "--overwrite", action="store_true", help="OUT may be CONTENT or STYLE, which is then lost"
    )
    add_quiet(stylize)
    add_pixels(stylize)
    add_device(stylize)


def run(options: argparse.Namespace) -> None:
    import shutil

    from PIL import Image

    from upconv import zoo
    from upconv.data import read_image
    from upconv.files import exclusive, save_picture
    from upconv.style import StyleSettings, stylize

    out = options.out
    check_out(out, *PICTURES)
    _check_overwriting(options)
    if options.seed is not None and options.features != "random":
        raise UsageError(f"--seed: --features {options.features} does not use it, random does")
    options.seed = options.seed or 0
    content, style = read_image(options.content), read_image(options.style)
    content_layer, layers = FEATURES[options.features]
    if options.content_layer is not None:
        content_layer = options.content_layer
    if options.style_layers is not None:
        layers = tuple(name.strip() for name in options.style_layers.split(",") if name.strip())
    say(options, _reading(options.features, content_layer, layers))
    network = zoo.features(options.features, (content_layer, *layers), options.seed)
    size = min(options.size, max(content.shape[:2]))
    # Up to three scales, or as many as asked for; the coarsest is large enough for every layer.
    shortest = min(size * min(image.shape[:2]) / max(image.shape[:2]) for image in (content, style))
    deepest = max(network.stride(name) for name in (content_layer, *layers))
    most = (size // 64).bit_length(), int(shortest // (2 * deepest)).bit_length()
    scales = min(options.scales or 3, *most)
    settings = StyleSettings(
        content_layers=(content_layer,), style_layers=layers, style_weight=options.weight,
        variation_weight=options.variation_weight, size=size, scales=max(1, scales),
        steps=options.steps, preserve_color=options.preserve_color, seed=options.seed,
    )  # fmt: skip
    folder = out.with_name(f".{out.name}.run")

    def write(image: Any) -> None:
        save_picture(out, Image.fromarray(image), quality=95)

    with exclusive(out, "--out"):
        if folder.exists() and not options.resume:
            say(options, f"{out}: begins anew; --resume would have gone on with an interrupted run")
            shutil.rmtree(folder)
        elif options.resume and not folder.exists():
            say(options, f"--resume: no interrupted run of {out}; this one begins anew")
        options.state = folder
        image, history = stylize(
            network, content, style, settings, checkpoint=folder / "scale.pt",
            resume=options.resume, device=options.device,
            callback=(lambda step, image: write(image)) if options.preview else None,
            progress=not options.quiet,
        )  # fmt: skip
        write(image)
        shutil.rmtree(folder, ignore_errors=True)
    height, width = image.shape[:2]
    print(f"{out}: {width} × {height}, {history.seconds:.0f} s")


def _reading(features: str, content: str, style: tuple[str, ...]) -> str:
    """What is read of which network; and that the paper's default is another, where it is."""
    text = f"{features}: content from {content}, style from {', '.join(style)}"
    if features != "vgg19" or (content, style) == PAPER:
        return text
    options = f"--content-layer {PAPER[0]} --style-layers {','.join(PAPER[1])}"
    return f"{text}; Gatys et al. (2016) read deeper: {options}"


def _check_overwriting(options: argparse.Namespace) -> None:
    """Ask before a picture that is painted, or painted from, is overwritten."""
    out = options.out
    if options.overwrite or not any(same_file(out, p) for p in (options.content, options.style)):
        return
    if sys.stdin and sys.stdin.isatty() and sys.stderr.isatty():
        print(f"{out} is a picture that is read. Overwrite it? [y/N] ", end="", file=sys.stderr)
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
    raise UsageError(f"--out: {out} is a picture that is read; expected another, or --overwrite")
