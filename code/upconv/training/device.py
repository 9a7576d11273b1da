"""Where a network is trained or used, and what makes it fast there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch


def pick_device(name: str = "auto") -> torch.device:
    """The device asked for; "auto": a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device: got {name}, but no GPU is to be had; expected cpu")
    return torch.device(name)


def resolve_precision(name: str, device: torch.device) -> str:
    """ "bf16" or "fp32"."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    capable = torch.backends.cpu.get_cpu_capability()
    fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return "bf16" if fast and "AVX512" in capable else "fp32"


@contextmanager
def casting(precision: str, device: torch.device) -> Iterator[None]:
    """Autocast to bf16, or not."""
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        yield


@cache
def announce(what: str) -> None:
    """Say on standard error how networks are run: once, however often they are."""
    print(what, file=sys.stderr)
