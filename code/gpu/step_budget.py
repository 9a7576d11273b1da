"""The number of training steps that fit in a part's time, and the stored results of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from task_rows import Row

# Share of a part's time for training. The rest is for loading and measuring.
TRAINING = 0.6
WARM, PROBE = 10, 30  # warm-up steps, and steps that measure the speed


def begin() -> None:
    """Start recording the peak GPU memory."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def memory() -> dict[str, int]:
    """Return the peak GPU memory of tensors since :func:`begin`."""
    import torch

    gpu = torch.cuda.is_available()
    return {"MiB": torch.cuda.max_memory_allocated() >> 20} if gpu else {}


def trained(history: Any, settings: Any, steps: int) -> Row:
    """Return what is stored of a training; ``steps`` is the chapter's number of steps."""
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
    """Estimate how many steps fit in the time, by timing some; ``run`` runs a number of steps."""
    run(warm)
    each = run(probe).seconds / probe
    return max(probe, min(most, int(seconds / each)))


def small(settings: Any, **other: Any) -> Any:
    """Reduce settings to a few steps."""
    return replace(settings, steps=4, batch=2, log_every=1, **other)
