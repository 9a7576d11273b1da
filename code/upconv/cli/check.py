"""upconv data check: what is made of one's own images and masks."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from upconv.cli.options import UsageError, check_out, load_folder


def check(options: argparse.Namespace) -> None:
    """Print what was found in two folders, one fact a line, and draw it."""
    for name in ("images", "masks"):
        if getattr(options, name) is None:
            raise UsageError(f"data check needs --{name}")
    options.out = options.out or Path("contact_sheet.png")
    check_out(options.out, ".png", ".jpg", ".webp", ".pdf")
    found = load_folder(options)
    counted = _counted(found)
    print(f"images: {len(found)} in {options.images}, {_sizes([shape for shape, _ in counted])}")
    for note in found.notes:
        print(note)
    print(f"classes: {len(found.classes)}, {', '.join(found.classes)}")
    _draw(options, found, [pixels for _, pixels in counted])
    print(options.out)


def _counted(found: Any) -> list[tuple[Any, Any]]:
    """Shape and pixels of each class of every mask."""
    from upconv.data._checking import checked
    from upconv.figures.contact_sheet import class_pixels

    def count(index: int) -> tuple[Any, Any]:
        mask = found.masks[index]
        return mask.shape, class_pixels(mask, len(found.classes))

    return checked(count, range(len(found)), "masks", progress=True)


def _sizes(shapes: Sequence[tuple[int, ...]]) -> str:
    """The most frequent size, and the number of others."""
    (((height, width), count),) = Counter(shapes).most_common(1)
    told = f"{width} × {height} pixels"
    others = len(shapes) - count
    return f"{count} of {told}, {others} of other sizes" if others else told


def _draw(options: argparse.Namespace, found: Any, pixels: Sequence[Any]) -> None:
    from upconv.figures.contact_sheet import contact_sheet
    from upconv.files import atomic_write

    figure = contact_sheet(found, pixels, [path.name for path in found.images.paths])
    atomic_write(options.out, lambda path: figure.savefig(path, dpi=150))
