"""How many steps a network trains in its time, and what is stored of its training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from task_rows import Row

# Within a part: how much of its time is for training. The rest is for loading and measuring.
TRAINING = 0.6
WARM, PROBE = 10, 30  # steps before the speed is measured, and steps by which it is


def begin() -> None:
    """From here on, the most memory that a GPU needs is noted."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def memory() -> dict[str, int]:
    """The most of a GPU's memory that tensors took since :func:`begin`."""
    import torch

    gpu = torch.cuda.is_available()
    return {"MiB": torch.cuda.max_memory_allocated() >> 20} if gpu else {}


def trained(history: Any, settings: Any, steps: int) -> Row:
    """What is stored of any training, of which there were to be so many steps."""
    return {
        "steps": settings.steps,
        "steps of the chapter": steps,
        "batch": settings.batch,
        "images a second": round(settings.batch * settings.steps / history.seconds, 2),
        "waited for batches": round(history.data_wait / history.seconds, 3),
        "training seconds": round(history.seconds, 1),
    } | memory()


def steps_for(
    run: Callable[[int], Any], most: int, seconds: float, warm: int = WARM, probe: int = PROBE
) -> int:
    """How many steps there is time for, measured by some of them; ``run`` does so many."""
    run(warm)
    each = run(probe).seconds / probe
    return max(probe, min(most, int(seconds / each)))


def small(settings: Any, **other: Any) -> Any:
    """Settings of a few steps."""
    return replace(settings, steps=4, batch=2, log_every=1, **other)
