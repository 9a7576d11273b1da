"""What a run was begun with: data by their contents, networks by what they are."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

ALIKE = 1e-3  # relative: other processors round otherwise where weights are computed


def contents(images: Iterable[np.ndarray]) -> str:
    """How many arrays, and a SHA-256 of all in their order; of files, of their bytes.

    Names do not count: a folder that was moved or renamed has the same contents.
    """
    whole, count = hashlib.sha256(), 0
    paths = getattr(images, "paths", None)
    for each in images if paths is None else paths:
        if isinstance(each, Path):
            with each.open("rb") as file:
                one = hashlib.file_digest(file, "sha256")
        else:
            array = np.ascontiguousarray(each)
            one = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
            one.update(array.data if array.size else b"")
        whole.update(one.digest())
        count += 1
    return f"{count} of SHA-256 {whole.hexdigest()}"


def nature(network: nn.Module) -> dict[str, Any]:
    """What its weights do not show: its class, and how one of ours is set.

    Some of ours have the same weights and differ only in what they do with them.
    """
    kind = type(network)
    found: dict[str, Any] = {"class": kind.__name__}
    if kind.__module__.startswith("upconv."):
        found |= {
            name: value
            for name, value in vars(network).items()
            if not name.startswith("_") and name != "training"
            if isinstance(value, bool | int | float | str)
        }
        found |= {  # such as an activation
            name: repr(child)
            for name, child in network.named_children()
            if not any(True for _ in child.parameters())
        }
    return found


def sketch(network: nn.Module) -> list[float]:
    """A number for each of a network's tensors of weights, to tell it from another."""
    return [float(weight.detach().float().norm()) for weight in network.parameters()]


def difference(saved: Any, now: dict[str, Any]) -> str:
    """In what a run was begun otherwise than it is to go on now, in words; "" if in nothing."""
    if not isinstance(saved, dict):
        return f"got inputs = {type(saved).__name__}, expected names and hashes"
    for name in [*now, *(name for name in saved if name not in now)]:
        got, expected = saved.get(name), now.get(name)
        if isinstance(expected, dict) and isinstance(got, dict):
            # What only one of them has is of another version of this module.
            for key in (key for key in expected if key in got):
                if got[key] != expected[key]:
                    told = f"got {key} = {got[key]}, expected {expected[key]}"
                    return f"weights of another network ({told})"
        elif isinstance(expected, list) and isinstance(got, list):
            if not _close(got, expected):
                return f"got {name} = another network's, expected that now given"
        elif got != expected:
            return f"got {name} = {_short(got)}, expected {_short(expected)} as now given"
    return ""


def _close(got: list[Any], expected: list[float]) -> bool:
    return len(got) == len(expected) and all(
        isinstance(a, float) and math.isclose(a, b, rel_tol=ALIKE, abs_tol=1e-6)
        for a, b in zip(got, expected, strict=True)
    )


def _short(told: Any) -> str:
    """As many digits of a hash as tell two apart."""
    count, word, digits = str(told).rpartition(" ")
    return f"{count}{word}{digits[:12]}" if told is not None else "none"
