"""upconv data: list data sets, download one, write one as pictures, or check one's own."""

from __future__ import annotations

import argparse
from dataclasses import replace
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
    positive,
)
from upconv.recipes import FETCHED, GENERATED, GENERATOR_SETS, SETS

NAMES = tuple(name for name in dict.fromkeys((*SETS, *GENERATOR_SETS)) if name != "folder")


def add(commands: Any) -> None:
    data = add_command(
        commands, "data", run,
        "list data sets, download one, write one as pictures, or check your own images and masks",
    )  # fmt: skip
    data.add_argument(
        "name", nargs="?", choices=(*NAMES, "check"), metavar="SET",
        help=f"data set ({', '.join(NAMES)}), or check: say what is found in your folders",
    )  # fmt: skip
    data.add_argument(
        "--out", type=Path,
        help="new folder for images/, masks/ and classes.txt; check: contact sheet to draw "
        "[contact_sheet.png]",
    )  # fmt: skip
    data.add_argument("--split", choices=("train", "test"), help="with --out [train]")
    data.add_argument("--count", type=positive, help="with --out: only so many images")
    add_folder(data, "check: ")
    add_channels(data, "check: ")
    add_range(data)
    add_pixels(data)


def run(options: argparse.Namespace) -> None:
    for name in ("split", "count"):
        if getattr(options, name) is not None and not (options.out and options.name != "check"):
            raise UsageError(f"--{name} requires a data set and --out")
    if options.name == "check":
        return check(options)
    for name in FOLDER:
        if getattr(options, name, None) is not None:
            raise UsageError(f"--{name} requires: upconv data check")
    if options.out:
        _write(options)
    elif options.name in FETCHED:
        from upconv import data

        print(f"{options.name}: {len(getattr(data, options.name)())} training images")
    elif options.name:
        how = "generated" if options.name in GENERATED else "included"
        print(f"{options.name}: {how}; to write it as pictures: upconv data {options.name} --out")
    else:
        _list()


def _write(options: argparse.Namespace) -> None:
    """Write a set as a folder, and say what is in it."""
    from upconv.data import write_folder
    from upconv.data._writing import check_empty

    if not options.name:
        raise UsageError("--out needs the name of a data set")
    check_empty(options.out, "--out")
    found = _load(options)
    if (options.count or 0) > len(found):
        raise UsageError(f"--count: got {options.count}, {options.name} has {len(found)} images")
    if options.count:
        found = _first(found, options.count)
    write_folder(found, options.out)
    what = f"{len(found)} images" + (" and masks" if options.name in SETS else "")
    names = f", classes {', '.join(found.classes)}" if options.name in SETS else ""
    print(f"{options.out}: {what} of {options.name}{names}")


def _load(options: argparse.Namespace) -> Any:
    from upconv import data

    load = getattr(data, options.name)
    if options.name in GENERATED:
        split = options.split or "train"
        most = GENERATED[options.name]
        if split not in most:
            raise UsageError(f"--split: {options.name} has no {split} images")
        return load(min(options.count or most[split], most[split]), split=split)
    if options.name == "digits":  # all that there is
        if options.split:
            raise UsageError("--split: digits are not split")
        return load()
    return load(options.split or "train")


def _first(found: Any, count: int) -> Any:
    from upconv.data import SegmentationSet

    if isinstance(found, SegmentationSet):
        return found.subset(slice(count))
    labels = None if found.labels is None else found.labels[:count]
    return replace(found, images=found.images[:count], labels=labels)


def _list() -> None:
    from upconv.data.download import cache_folder, find

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
    print(f"decoded images of more than a megapixel: {_decoded()}")


def _decoded() -> str:
    """Where decoded images are cached, and how large that is."""
    from upconv.data._cache import store_at

    store = store_at()
    if store is None:
        return "not cached, as UPCONV_CACHE_LIMIT=0 says"
    size = f"{store.used() / 1e9:.1f} of at most {store.limit / 1e9:g} GB"
    return f"{store.folder}, {size} (UPCONV_CACHE_LIMIT)"
