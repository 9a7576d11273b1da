"""Find where Winograd convolutions pay off: milliseconds for layers of the course's networks.

    python benchmarks/winograd.py [--store]

Forward alone, and forward and backward, by the library with channels first and last and by
``upconv.torch.winograd``; the best of interleaved runs, in float32, with PyTorch's default number
of threads. ``pays`` in that module is the rule derived from this table.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch
import torch.nn.functional as F
from tables import HERE, origin, store

from upconv import results
from upconv.device import keep_memory
from upconv.torch.winograd import conv2d, pays

STORED, MARK = HERE / "winograd.json", "<!-- winograd -->"
# Images, input and output channels, side: U-Net at 256, and VGG at 224 and 512.
LAYERS = (
    (4, 64, 64, 256),
    (4, 64, 128, 128),
    (4, 128, 128, 128),
    (4, 256, 128, 128),
    (4, 128, 256, 64),
    (4, 256, 256, 64),
    (4, 512, 256, 64),
    (4, 512, 512, 32),
    (4, 1024, 512, 32),
    (4, 1024, 1024, 16),
    (2, 256, 256, 56),
    (2, 512, 512, 28),
    (2, 512, 512, 14),
    (1, 512, 512, 32),
)
WAYS = {
    "first": (F.conv2d, torch.contiguous_format),
    "last": (F.conv2d, torch.channels_last),
    "Winograd": (conv2d, torch.contiguous_format),
}


def once(layer: tuple[int, ...], way: str, training: bool) -> float:
    """Time one run of a layer, in milliseconds."""
    images, into, out, side = layer
    convolve, layout = WAYS[way]
    x, gradient = torch.randn(images, into, side, side), torch.randn(images, out, side, side)
    x, weight, gradient = (
        part.to(memory_format=layout) for part in (x, torch.randn(out, into, 3, 3), gradient)
    )
    x.requires_grad_(training)
    weight.requires_grad_(training)
    start = time.perf_counter()
    found = convolve(x, weight, None, padding=1)
    if training:
        found.backward(gradient)
    return 1000 * (time.perf_counter() - start)


def measure(turns: int) -> list[dict[str, Any]]:
    rows = []
    for layer in LAYERS:
        images, into, out, side = layer
        row: dict[str, Any] = {"layer": layer}
        shapes = torch.empty(images, into, side, side), torch.empty(out, into, 3, 3)
        row["pays"] = pays(*shapes)
        for kind in ("forward", "training"):
            found = [[once(layer, way, kind == "training") for way in WAYS] for _ in range(turns)]
            row[kind] = dict(zip(WAYS, map(min, zip(*found, strict=True)), strict=True))
        rows.append(row)
        print(row, flush=True)
    return rows


def report(stored: dict[str, Any]) -> str:
    """Format the stored figures as Markdown."""
    names = [f"{kind}, {way}" for kind in ("forward", "training") for way in WAYS]
    lines = [f"| layer | {' | '.join(names)} | taken |", f"|---|{len(names) * '--:|'}---|"]
    for row in stored["table"]:
        images, into, out, side = row["layer"]
        times = [f"{row[kind][way]:.0f}" for kind in ("forward", "training") for way in WAYS]
        name = f"{images} × {into} → {out}, {side} × {side}"
        lines.append(f"| {name} | {' | '.join(times)} | {'Winograd' if row['pays'] else 'first'} |")
    made = stored["provenance"]
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    return "\n".join(
        [*lines, "", f"Milliseconds. {made['device']}, {made['threads']} threads; {versions}; "]
    ) + origin(made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--store", action="store_true", help="write winograd.json and README.md")
    options = parser.parse_args()
    keep_memory()
    made = results.provenance("random numbers")
    stored = {"provenance": made, "table": measure(options.turns)}
    if options.store:
        store(STORED, MARK, stored, report(stored))


if __name__ == "__main__":
    main()
