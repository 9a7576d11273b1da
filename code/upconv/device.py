"""Choice of device, precision and memory layout for training and inference."""

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

# Bytes: keep blocks of less than a GiB, and as much unused memory as possible.
KEPT = (2**30, 2**31 - 1)
PRECISIONS = ("auto", "bf16", "fp16", "fp32")
Placed = TypeVar("Placed", bound=nn.Module)
HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device(name: str = "auto") -> torch.device:
    """Return a device: "cpu", "cuda", "cuda:N", "mps", or "auto", CUDA's GPU if there is one.

    On a CPU, freed memory is retained.

    Raises
    ------
    ValueError
        For any other name, and for a device that this machine lacks.
    """
    kind, colon, number = str(name).partition(":")
    numbered = kind == "cuda" and number.isdecimal() and number.isascii()
    if kind not in ("auto", "cpu", "cuda", "mps") or bool(colon) != numbered:
        refuse("device", repr(name), "auto, cpu, cuda, cuda:N or mps")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device: got {name}, but no GPU is available; expected cpu")
    if numbered and int(number) >= (count := torch.cuda.device_count()):
        refuse("device", name, f"cuda:0 to cuda:{count - 1}" if count > 1 else "cuda:0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device: got mps, but PyTorch has none here; expected cpu")
    if name == "cpu":
        keep_memory()
    return torch.device(name)


@cache
def keep_memory() -> bool:
    """Let this process retain the memory of freed tensors, if its C library is glibc.

    By default glibc returns large blocks to the system, which zeroes them page by page when the
    next layer allocates them again: up to a third of a network's time.
    """
    return limit_kept(*KEPT)


def limit_kept(largest: int, unused: int) -> bool:
    """Set glibc's M_MMAP_THRESHOLD and M_TRIM_THRESHOLD in bytes; return whether it succeeded.

    Larger blocks, and unused memory beyond the second limit, are returned to the system.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt and mallopt(-3, largest) and mallopt(-1, unused))


def resolve_precision(name: str, device: torch.device) -> str:
    """Return "bf16", "fp16" or "fp32"; "auto" means the environment variable ``UPCONV_PRECISION``
    or, without it, the fastest precision of the device.

    GPUs have instructions for bf16 from compute capability 8 (A100), and for fp16 from 7 (V100,
    T4). PyTorch also reports bf16 as supported on older ones, but emulates it, slower than
    float32.

    Raises
    ------
    ValueError
        If the name or variable is not a precision, or the device has no instructions for it. CPUs
        run bf16 without them: slowly, but with the same rounding.
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
    if device.type != "cpu":
        return "fp32"
    capable = torch.backends.cpu.get_cpu_capability()
    fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return "bf16" if fast and "AVX512" in capable else "fp32"


def short_of_multiplications(precision: str, device: torch.device) -> bool:
    """Whether 3 × 3 convolutions run faster by :mod:`upconv.torch.winograd`, channels first.

    This is the case in float32 on CPUs limited to AVX2: PyTorch's convolutions run forward at the
    speed of its matrix products, but backward with channels last at half of it, and never use an
    algorithm with fewer multiplications.
    """
    alone = torch.backends.cpu.get_cpu_capability() == "AVX2"
    return alone and precision == "fp32" and device.type == "cpu"


def layout(network: nn.Module, precision: str, device: torch.device) -> torch.memory_format:
    """Return a network's fastest memory format: channels last, except for networks with dense
    3 × 3 convolutions on CPUs that are :func:`short_of_multiplications`."""
    found = (layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    if short_of_multiplications(precision, device) and any(
        dense(layer.weight, layer.stride, layer.dilation, layer.groups) for layer in found
    ):
        return torch.contiguous_format
    return torch.channels_last


def described(layout: torch.memory_format) -> str:
    """Describe a memory format in words."""
    return "channels last" if layout == torch.channels_last else "channels first"


def put(network: Placed, device: torch.device, lies: torch.memory_format) -> Placed:
    """Move a network to a device, its weights in a layout."""
    return network.to(device, memory_format=lies)  # type: ignore[call-overload,no-any-return]


@contextmanager
def autocast(precision: str, device: torch.device) -> Iterator[None]:
    """Autocast to bf16 or fp16, or not at all; use the fastest convolutions."""
    faster = Convolutions() if short_of_multiplications(precision, device) else nullcontext()
    half = HALF.get(precision, torch.bfloat16)
    with torch.autocast(device.type, half, enabled=precision in HALF), faster:
        yield


@contextmanager
def wide_range(device: torch.device) -> Iterator[None]:
    """Disable fp16 autocast: for sums that overflow, such as those over all image positions."""
    kind = device.type
    fp16 = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) == torch.float16
    with torch.autocast(kind, enabled=False) if fp16 else nullcontext():
        yield


def loss_scaler(precision: str, device: torch.device) -> torch.amp.GradScaler:
    """Return a gradient scaler against underflow in fp16; disabled in other precisions.

    The loss is multiplied by a scale, and the gradients divided by it before the step. If they
    overflow, the step is skipped and the scale halved.
    """
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")


@contextmanager
def inferring(
    network: nn.Module, device: str = "auto", precision: str = "auto"
) -> Iterator[torch.device]:
    """Prepare a network for inference on a device, without gradients; restore its mode on exit.

    Tensors created in PyTorch's inference mode can never be trained, so the network is moved to
    its device and layout outside that mode, even if the caller is inside. Tensors created in the
    block are inference tensors and must leave it as arrays or copies.
    """
    where = pick_device(device)
    resolved = resolve_precision(precision, where)
    with torch.inference_mode(False):
        put(network, where, layout(network, resolved, where))
    casts = autocast(resolved, where)
    with evaluating(network), torch.inference_mode(), casts:
        yield where


@cache
def announce(what: str) -> None:
    """Print on standard error how networks run, once per message."""
    print(what, file=sys.stderr)
