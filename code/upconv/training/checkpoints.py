"""Checkpoints of a run: written atomically, rejected if they belong to another run."""

from __future__ import annotations

import io
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from upconv.deprecated import current_fields, current_layers
from upconv.files import atomic_write
from upconv.training.distributed import DistributedContext
from upconv.training.origin import difference


class BadCheckpoint(RuntimeError):
    """A checkpoint cannot be resumed from; the message says why."""


def save(
    path: Path,
    parts: dict[str, Any],
    settings: Any,
    history: Any,
    step: int,
    distributed: DistributedContext | None = None,
    inputs: dict[str, Any] | None = None,
) -> None:
    """Write the state of networks and optimizers after ``step`` steps: one file for all processes.

    Parameters
    ----------
    parts
        Name → any object with ``state_dict``; a disabled loss scaler is skipped.
    settings, history
        Dataclasses of numbers, strings, and lists of these.
    inputs
        Fingerprints of the run's inputs, from :mod:`upconv.training.origin`.
    """
    distributed = distributed or DistributedContext()
    if not (
        distributed.first or distributed.sharded
    ):  # sharded state needs all processes to be gathered
        return
    state: dict[str, Any] = {
        name: distributed.state(part) for name, part in parts.items() if not _off(part)
    }
    if not distributed.first:
        return
    state |= {"settings": asdict(settings), "history": asdict(history), "step": step}
    if inputs is not None:
        state["inputs"] = inputs
    # Through memory: on a full disk Python reports the cause, PyTorch's own writer does not.
    packed = io.BytesIO()
    torch.save(state, packed)
    atomic_write(path, lambda unfinished: unfinished.write_bytes(packed.getbuffer()))


def load(
    path: Path,
    parts: dict[str, Any],
    settings: Any,
    history: Any,
    distributed: DistributedContext | None = None,
    inputs: dict[str, Any] | None = None,
    longer: bool = True,
) -> int:
    """Restore a saved state into networks, optimizers and history; return the steps done.

    An older file without ``inputs`` is accepted, with a note on standard error. So is one of a run
    with fewer steps, if ``longer``: then the schedule is that of all steps.

    Raises
    ------
    BadCheckpoint
        If the file is not a checkpoint, or belongs to other settings, inputs or another network.
    """
    distributed = distributed or DistributedContext()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved = state["settings"]
    except Exception as error:  # truncated, from another program, or unsafe
        reason = " ".join(str(error).split())
        raise BadCheckpoint(f"{path}: not a checkpoint of a run ({reason})") from error
    if not (isinstance(state, dict) and isinstance(saved, dict)):
        raise BadCheckpoint(f"{path}: not a checkpoint of a run (no settings)")
    saved = current_fields(saved)
    known = inputs is not None and "inputs" in state
    if inputs is not None and known and (found := difference(state["inputs"], inputs)):
        raise BadCheckpoint(f"{path}: {found}; {_WAY_OUT}")
    if found := _other_settings(saved, settings, state.get("step"), longer):
        raise BadCheckpoint(f"{path}: {found}")
    if inputs is not None and not known and distributed.first:
        print(f"{path}: does not record its training data: not compared", file=sys.stderr)
    step: Any = state.get("step")
    lists = _history(path, state.get("history"), history)
    if not is_integer(step) or not 0 <= step <= settings.steps:
        expected = f"an integer from 0 to {settings.steps}"
        raise BadCheckpoint(f"{path}: got step = {step!r}, expected {expected}")
    for name, part in parts.items():
        # In another precision or an older version the run had no scaler: it starts fresh.
        if _off(part) or (isinstance(part, torch.amp.GradScaler) and name not in state):
            continue
        if name not in state:
            raise BadCheckpoint(f"{path}: got no {name}, expected one")
        try:
            distributed.restore(part, _checked(part, state[name]))
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise BadCheckpoint(f"{path}: weights of another network ({reason})") from error
    for name, value in lists.items():
        setattr(history, name, value)
    return int(step)


_WAY_OUT = "resume with what the run was begun with, or begin another run elsewhere"


def _other_settings(saved: dict[str, Any], settings: Any, done: Any, longer: bool) -> str:
    """Describe how a run's settings differ from the current ones; "" if it can resume."""
    for name, value in asdict(settings).items():
        before = saved.get(name)
        if before == value:
            continue
        if name != "steps" or not longer or not is_integer(before):
            got = f"got {name} = {before}, expected {value} as in the current settings"
            return f"{got}; {_WAY_OUT}"
        if value < before:
            did = f", {done} done" if is_integer(done) else ""
            return f"got steps = {before}{did}, expected {value}: a run can only become longer"
    return ""


def _history(path: Path, saved: Any, history: Any) -> dict[str, Any]:
    """Validate the saved history: lists of numbers of equal length, and seconds."""
    known = asdict(history)
    saved = current_fields(saved) if isinstance(saved, dict) else saved
    if not isinstance(saved, dict) or not saved.keys() <= known.keys():
        raise BadCheckpoint(f"{path}: got no history, expected {', '.join(known)}")
    merged = known | saved
    for name, value in merged.items():
        if isinstance(known[name], list):
            good = isinstance(value, list) and all(map(is_number, value))
            expected = "a list of numbers"
        else:
            good, expected = is_number(value) and 0 <= value < math.inf, "seconds"
        if not good:
            raise BadCheckpoint(f"{path}: got an invalid history.{name}, expected {expected}")
    if len({len(value) for value in merged.values() if isinstance(value, list)}) > 1:
        raise BadCheckpoint(f"{path}: got a history of unequal lengths, expected equal lengths")
    return saved


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# State that an optimizer needs for each weight that has any; it does not check this itself.
_MOMENTS = {
    torch.optim.Adam: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.LBFGS: ("func_evals", "n_iter"),
}
_DIRECTIONS = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


def _checked(part: Any, saved: Any) -> Any:
    """Validate what PyTorch does not check in the state of a part; return that state.

    Raises
    ------
    ValueError, TypeError, KeyError, AttributeError
        If the state does not fit.
    """
    if isinstance(part, torch.amp.GradScaler):
        for name, value in part.state_dict().items():
            if not (is_number(saved[name]) and 0 <= saved[name] < math.inf):
                raise ValueError(f"got {name} = {saved[name]}, expected {type(value).__name__}")
        if not saved["scale"]:
            raise ValueError("got scale = 0, expected a positive number")
        return saved
    if isinstance(part, torch.nn.Module):
        return current_layers(saved, part.state_dict())
    if not isinstance(part, torch.optim.Optimizer):
        return saved
    groups = []
    for own, group in zip(part.param_groups, saved["param_groups"], strict=True):
        own = {name: value for name, value in own.items() if name != "params"}
        for name, value in own.items():
            if not _same_kind(group.get(name, value), value):
                raise ValueError(f"got {name} = {group[name]!r}, expected a value like {value!r}")
        groups.append(own | group)
    weights = [weight for group in part.param_groups for weight in group["params"]]
    total = sum(weight.numel() for weight in weights)
    if [number for group in groups for number in group["params"]] != list(range(len(weights))):
        raise ValueError("got other weight numbers in param_groups")
    for number, moments in saved["state"].items():
        if not (is_integer(number) and 0 <= number < len(weights)):
            raise ValueError(f"got moments of weight {number}, expected one of {len(weights)}")
        required = _MOMENTS.get(type(part), ())
        if isinstance(part, torch.optim.LBFGS) and moments["n_iter"]:
            required += _DIRECTIONS
        for name in required:
            if name not in moments:
                raise ValueError(f"{name} of weight {number} is missing")
        like = tuple(weights[number].shape)
        for name, value in moments.items():
            alike = name.startswith(("exp_avg", "momentum"))
            if not _fits(value, {like} if alike else {(), (1,), like, (total,)}):
                raise ValueError(f"{name} of weight {number} has another shape or type")
    return saved | {"param_groups": groups}


def _same_kind(saved: Any, own: Any) -> bool:
    """Whether a saved value is valid for an optimizer's setting."""
    if isinstance(own, bool) or own is None or saved is None:
        return saved is None or isinstance(saved, bool)
    if is_number(own):
        return is_number(saved) and math.isfinite(saved)
    if isinstance(own, list | tuple):
        return (
            isinstance(saved, list | tuple)
            and len(saved) == len(own)
            and all(map(_same_kind, saved, own))
        )
    return type(saved) is type(own) and saved == own  # strings


def _fits(value: Any, shapes: set[tuple[int, ...]]) -> bool:
    if isinstance(value, torch.Tensor):
        return tuple(value.shape) in shapes
    if isinstance(value, list | tuple):
        return all(_fits(each, shapes) for each in value)
    return value is None or is_number(value)


def _off(part: Any) -> bool:
    return isinstance(part, torch.amp.GradScaler) and not part.is_enabled()
