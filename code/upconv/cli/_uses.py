"""Which options of upconv train are used by which networks, and by which data."""

from __future__ import annotations

import argparse
from typing import Any

from upconv.cli.options import FOLDER, UsageError
from upconv.recipes import sets_of
from upconv.zoo import GENERATORS, STYLIZERS, is_unet

FCN, UNET, GENERATOR, STYLIZER = "FCNs", "U-Nets", "dcgan", "transform"
SEGMENTERS = (FCN, UNET)
EVERY = (FCN, UNET, GENERATOR, STYLIZER)

# Option → the networks that use it. Every option of upconv train has a place here.
USES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("data", "images", "out", "resume", "scale", "seed"), EVERY),
    **dict.fromkeys(("steps", "batch", "learning_rate", "device", "quiet", "max_pixels"), EVERY),
    **dict.fromkeys(("masks", "classes", "colors", "threshold", "instances"), SEGMENTERS),
    **dict.fromkeys(("range",), SEGMENTERS),
    **dict.fromkeys(("rotate", "elastic_sigma", "border_weight"), SEGMENTERS),
    **dict.fromkeys(("devices", "nodes", "strategy"), (FCN, UNET, GENERATOR)),
    **dict.fromkeys(("style", "weight", "features"), (STYLIZER,)),
    "weights": (FCN, UNET, STYLIZER),
    "crop": (FCN, UNET, STYLIZER),
    "size": (FCN, UNET, STYLIZER),
    "channels": (UNET,),
    "encoder": (FCN,),
    "from_scratch": (FCN,),
    "width_mult": (FCN,),
    "base_channels": (UNET, GENERATOR, STYLIZER),
    "width": EVERY,  # the old name of both
}


def kind_of(network: str) -> str:
    """Return the kind of a network, as in ``USES``."""
    if network in GENERATORS:
        return GENERATOR
    if network in STYLIZERS:
        return STYLIZER
    return UNET if is_unet(network) else FCN


def given(options: argparse.Namespace, name: str) -> bool:
    """Whether an option was given: without, it is None, or False."""
    value: Any = getattr(options, name, None)
    return value is not None and value is not False


def option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def check_uses(options: argparse.Namespace) -> None:
    """Refuse an option that the network would ignore."""
    kind = kind_of(options.network)
    for name, kinds in USES.items():
        if name in ("width_mult", "base_channels"):
            continue  # each is told what to give instead, where the width is read
        if given(options, name) and kind not in kinds:
            using = f"only {' and '.join(kinds)} do"
            raise UsageError(f"{option(name)}: {options.network} does not use it, {using}")
    if given(options, "strategy") and (options.devices or 1) * (options.nodes or 1) == 1:
        raise UsageError("--strategy: got 1 process, expected --devices or --nodes of at least 2")
    if given(options, "weights") and options.from_scratch:
        raise UsageError("--weights: not together with --from-scratch")


def resolve_data(options: argparse.Namespace, known: tuple[str, ...]) -> None:
    """Set --data: one's own folder if options are about it, or else the default, the first."""
    about = [name for name in FOLDER if given(options, name)]
    options.data = options.data or ("folder" if about else known[0])
    if about and options.data != "folder":
        raise UsageError(f"{option(about[0])} requires --data folder, got --data {options.data}")
    if options.data == "folder" and options.images is None:
        raise UsageError("--data folder needs --images")
    reads = options.data == "folder" or given(options, "style")
    if given(options, "max_pixels") and not reads:
        raise UsageError(f"--max-pixels requires --images, got --data {options.data}")


def check_data(options: argparse.Namespace) -> None:
    """Set --data, and check that the network can use it."""
    known = sets_of(options.network)
    if options.data and options.data not in known:
        expected = f"one of {', '.join(known)} for {options.network}"
        raise UsageError(f"--data: got {options.data}, expected {expected}")
    resolve_data(options, known)
