"""Where a network is trained or used, and what makes it fast there."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TypeVar

import torch
from torch import nn

from upconv.checks import check_choice, refuse
from upconv.torch.modes import evaluating
from upconv.torch.winograd import Convolutions, dense

# Bytes: blocks of less than a GiB are kept, and of what is unused as much as can be.
KEPT = (2**30, 2**31 - 1)
PRECISIONS = ("auto", "bf16", "fp16", "fp32")
Placed = TypeVar("Placed", bound=nn.Module)
HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device(name: str = "auto") -> torch.device:
    """The device asked for; "auto": a GPU where there is one. On a processor, memory is kept."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device: got {name}, but no GPU is to be had; expected cpu")
    if name == "cpu":
        keep_memory()
    return torch.device(name)


@cache
def keep_memory() -> bool:
    """Let this process keep the memory of freed tensors, if its C library is glibc.

    By default glibc hands large blocks back to the system, which fills them with zeros, page by
    page, when the next layer asks for them again: up to a third of a network's time.
    """
    return limit_kept(*KEPT)


def limit_kept(largest: int, unused: int) -> bool:
    """Set from what size, and beyond how much unused, glibc gives memory back; whether it did.

    Both in bytes: its M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt and mallopt(-3, largest) and mallopt(-1, unused))


def resolve_precision(name: str, device: torch.device) -> str:
    """ "bf16", "fp16" or "fp32"; for "auto" what the environment variable ``UPCONV_PRECISION``
    says, or else what is fast on the device.

    GPUs have instructions for bf16 from compute capability 8 on (A100), and for fp16 from 7 on
    (V100, T4). PyTorch counts bf16 as supported on older ones, too: it emulates it there, slower
    than float32.

    Raises
    ------
    ValueError
        If the variable names no precision, or the device has no instructions for it. Processors
        do bf16 without: then it is slow, but rounds as it does elsewhere.
    """
    asked = "precision"
    if name == "auto":
        asked, name = "UPCONV_PRECISION", os.environ.get("UPCONV_PRECISION", "auto")
    check_choice(asked, name, PRECISIONS)
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if name == "bf16" and capability < (8, 0):
            got = f"'bf16' on a GPU of compute capability {'.'.join(map(str, capability))}"
            refuse(asked, got, "auto, fp16 or fp32")
        fastest = "bf16" if capability >= (8, 0) else "fp16" if capability >= (7, 0) else "fp32"
        return fastest if name == "auto" else name
    if name == "fp16":
        expected = "auto, bf16 or fp32: fp16 needs a GPU"
        refuse(asked, f"'fp16' on {device.type}", expected)
    if name != "auto":
        return name
    capable = torch.backends.cpu.get_cpu_capability()
    fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return "bf16" if fast and "AVX512" in capable else "fp32"


def short_of_multiplications(precision: str, device: torch.device) -> bool:
    """Whether 3 × 3 convolutions go faster by :mod:`upconv.torch.winograd`, channels first.

    So it is in float32 on processors with AVX2 alone: there, PyTorch's convolutions run forward at
    the rate of its matrix products, but backward with channels last at half of it, and they know
    no way with fewer multiplications.
    """
    alone = torch.backends.cpu.get_cpu_capability() == "AVX2"
    return alone and precision == "fp32" and device.type == "cpu"


def layout(network: nn.Module, precision: str, device: torch.device) -> torch.memory_format:
    """How a network's weights lie in memory where it is fastest: channels last, but for such as
    consist of 3 × 3 convolutions on processors that are :func:`short_of_multiplications`."""
    found = (layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    if short_of_multiplications(precision, device) and any(
        dense(layer.weight, layer.stride, layer.dilation, layer.groups) for layer in found
    ):
        return torch.contiguous_format
    return torch.channels_last


def described(layout: torch.memory_format) -> str:
    """A layout in words."""
    return "channels last" if layout == torch.channels_last else "channels first"


def put(network: Placed, device: torch.device, lies: torch.memory_format) -> Placed:
    """Move a network to a device, its weights in a layout."""
    return network.to(device, memory_format=lies)  # type: ignore[call-overload,no-any-return]


@contextmanager
def casting(precision: str, device: torch.device) -> Iterator[None]:
    """Autocast to bf16, to fp16, or not; convolutions the way that is fastest."""
    faster = Convolutions() if short_of_multiplications(precision, device) else nullcontext()
    half = HALF.get(precision, torch.bfloat16)
    with torch.autocast(device.type, half, enabled=precision in HALF), faster:
        yield


@contextmanager
def wide_range(device: torch.device) -> Iterator[None]:
    """Within fp16, float32: for what overflows, such as sums over all places of an image."""
    kind = device.type
    fp16 = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) == torch.float16
    with torch.autocast(kind, enabled=False) if fp16 else nullcontext():
        yield


def loss_scaler(precision: str, device: torch.device) -> torch.amp.GradScaler:
    """What keeps small gradients from becoming 0 in fp16; in other precisions it does nothing.

    The loss is multiplied by a scale, the gradients divided by it before the step. Where they
    overflow, the step is left out and the scale halved.
    """
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")


@contextmanager
def inferring(
    network: nn.Module, device: str = "auto", precision: str = "auto"
) -> Iterator[torch.device]:
    """The network ready to predict on a device, without gradients; afterwards in the mode it was.

    What is made within PyTorch's inference mode can never be trained: so a network moves to its
    device and layout outside of it, also where the caller is inside. Tensors made in the block are
    such ones, and must leave it as arrays or as copies.
    """
    where = pick_device(device)
    resolved = resolve_precision(precision, where)
    with torch.inference_mode(False):
        put(network, where, layout(network, resolved, where))
    autocast = casting(resolved, where)
    with evaluating(network), torch.inference_mode(), autocast:
        yield where


@cache
def announce(what: str) -> None:
    """Say on standard error how networks are run: once, however often they are."""
    print(what, file=sys.stderr)
