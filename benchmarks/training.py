"""Measure what each speed measure gains in a training step, side by side in one process.

    python benchmarks/training.py [--json]

The measures are enabled one after another. Times are medians of interleaved steps, in milliseconds,
with PyTorch's default number of threads.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from upconv.torch import FCN

# Name → channels_last, bf16, fused optimizer.
MEASURES = {
    "plain (float32, NCHW)": (False, False, False),
    "+ channels_last": (True, False, False),
    "+ bf16": (True, True, False),
    "+ fused AdamW": (True, True, True),
}
NETWORKS: dict[str, tuple[Callable, tuple[int, ...]]] = {
    "FCN-8s, SqueezeNet, 8 × 128 × 192": (
        lambda: FCN(11, 8, "squeezenet", head=256, head_kernel=3),
        (8, 3, 128, 192),
    ),
    "FCN-8s, VGG16 (quarter), 16 × 64 × 64": (
        lambda: FCN(11, 8, "vgg16", width_mult=0.25, head=1024, head_kernel=3),
        (16, 3, 64, 64),
    ),
}


def stepper(
    make: Callable, shape: tuple[int, ...], last: bool, half: bool, fused: bool
) -> Callable:
    """Return a function that runs one training step."""
    torch.manual_seed(0)
    network = make().train()
    images = torch.rand(shape)
    if last:
        network = network.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    masks = torch.randint(0, 11, (shape[0], *shape[2:]))
    optimizer = torch.optim.AdamW(
        network.parameters(), 1e-4, fused=fused, foreach=False if not fused else None
    )

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = network(images)
        loss = F.cross_entropy(logits.float(), masks)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    return step


def measure(rounds: int = 9) -> dict[str, dict[str, float]]:
    """Measure milliseconds per step, by network and measure."""
    table = {}
    for name, (make, shape) in NETWORKS.items():
        steps = {measure: stepper(make, shape, *flags) for measure, flags in MEASURES.items()}
        times: dict[str, list[float]] = {measure: [] for measure in steps}
        for _ in range(rounds + 2):
            for measure, step in steps.items():
                start = time.perf_counter()
                step()
                times[measure].append(1000 * (time.perf_counter() - start))
        table[name] = {m: statistics.median(values[2:]) for m, values in times.items()}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the medians as JSON")
    table = measure()
    if parser.parse_args().json:
        print(json.dumps(table))
        return
    for name, times in table.items():
        print(name)
        plain = next(iter(times.values()))
        for measure_, value in times.items():
            print(f"  {measure_:26}{value:8.1f} ms  {plain / value:4.2f}×")


if __name__ == "__main__":
    main()
