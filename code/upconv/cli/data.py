"""upconv data: list data sets, download one, or check one's own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from upconv.cli.check import check
from upconv.cli.options import (
    FOLDER,
    UsageError,
    add_channels,
    add_command,
    add_folder,
    add_pixels,
    add_range,
)
from upconv.recipes import FETCHED


def add(commands: Any) -> None:
    data = add_command(
        commands, "data", run, "list data sets, download one, or check your own images and masks"
    )
    data.add_argument(
        "name", nargs="?", choices=(*FETCHED, "check"), metavar="NAME",
        help=f"data set to download ({', '.join(FETCHED)}), or check: say what is found in your "
        "folders",
    )  # fmt: skip
    add_folder(data, "check: ")
    add_channels(data, "check: ")
    add_range(data)
    data.add_argument("--out", type=Path, help="check: contact sheet to draw, sheet.png")
    add_pixels(data)


def run(options: argparse.Namespace) -> None:
    if options.name == "check":
        return check(options)
    for name in (*FOLDER, "channels", "range", "out"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} requires: upconv data check")
    from upconv import data
    from upconv.data.download import cache_folder, find

    if options.name:
        print(f"{options.name}: {len(getattr(data, options.name)())} training images")
        return
    print("digit_scenes  generated, 11 classes")
    print("membranes     generated, 2 classes, with instances")
    for name, files, what in (
        ("camvid, road", ("camvid_240x180.npz",), "11 or 2 classes"),
        ("isbi2012", ("isbi2012/membrane", "isbi2012.npz"), "2 classes, with instances"),
        ("dsb2018", ("dsb2018_256.npz",), "2 classes, with instances"),
    ):
        places = [place for place in map(find, files) if place]
        fetch = f"not found; download with: upconv data {name.split(',')[0]}"
        print(f"{name:14}{places[0] if places else fetch}, {what}")
    print("digits        included, for generators")
    print("digit_crops   generated, for generators")
    for name in ("mnist", "fashion_mnist"):
        files = (f"{name}/t10k-images-idx3-ubyte.gz", f"{name}-train-images-idx3-ubyte.gz")
        places = [place for place in map(find, files) if place]
        fetch = f"not found; download with: upconv data {name}"
        print(f"{name:14}{places[0] if places else fetch}, for generators")
    print("folder        your own: --images DIR --masks DIR; try first: upconv data check")
    print(f"cache: {cache_folder()}")
