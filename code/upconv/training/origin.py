"""Fingerprints of a run's inputs: hashes of the data, configuration of the networks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from upconv.deprecated import current_arguments
from upconv.torch import variants

ALIKE = 1e-3  # relative: computed weights are rounded differently on other CPUs


def contents(images: Iterable[np.ndarray]) -> str:
    """Return the number of arrays and a SHA-256 of all in order; for files, of their bytes.

    Names are ignored: a moved or renamed folder has the same contents. The same files read in
    another way have others.
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
    whole.update(getattr(images, "about", "").encode())
    return f"{count} of SHA-256 {whole.hexdigest()}"


def nature(network: nn.Module) -> dict[str, Any]:
    """Return what weights do not show: the class and, for this module's networks, the settings.

    Some of them have the same weights and differ only in their use.
    """
    kind = type(network)
    found: dict[str, Any] = {"class": kind.__name__}
    if kind.__module__.startswith("upconv."):
        variant = getattr(variants, kind.__name__, kind)
        if not issubclass(kind, variant):  # the paper's network is the variant as it is by default
            found |= {
                name: parameter.default
                for name, parameter in signature(variant).parameters.items()
                if parameter.kind is parameter.KEYWORD_ONLY
            }
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
    """Return the norm of each weight tensor, to tell a network from another."""
    return [float(weight.detach().float().norm()) for weight in network.parameters()]


def difference(saved: Any, now: dict[str, Any]) -> str:
    """Describe how saved inputs differ from the current ones; "" if they do not."""
    if not isinstance(saved, dict):
        return f"got inputs = {type(saved).__name__}, expected names and hashes"
    for name in [*now, *(name for name in saved if name not in now)]:
        got, expected = saved.get(name), now.get(name)
        if isinstance(expected, dict) and isinstance(got, dict):
            got = current_arguments(expected.get("class", ""), got)
            # Keys that only one of them has stem from another version of this module.
            for key in (key for key in expected if key in got):
                if got[key] != expected[key]:
                    told = f"got {key} = {got[key]}, expected {expected[key]}"
                    return f"weights of another network ({told})"
        elif isinstance(expected, list) and isinstance(got, list):
            if not _close(got, expected):
                return f"got another network's {name}, expected the current one's"
        elif got != expected:
            return f"got {name} = {_short(got)}, expected {_short(expected)} as in the current run"
    return ""


def _close(got: list[Any], expected: list[float]) -> bool:
    return len(got) == len(expected) and all(
        isinstance(a, float) and math.isclose(a, b, rel_tol=ALIKE, abs_tol=1e-6)
        for a, b in zip(got, expected, strict=True)
    )


def _short(told: Any) -> str:
    """Shorten a hash to enough digits to tell two apart."""
    count, word, digits = str(told).rpartition(" ")
    return f"{count}{word}{digits[:12]}" if told is not None else "none"
