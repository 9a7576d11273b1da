"""The state of a run in a file: written at one stroke, refused if it is another run's."""

from __future__ import annotations

import io
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from upconv.files import write_atomically
from upconv.training.origin import difference
from upconv.training.team import Team


class BadCheckpoint(RuntimeError):
    """A checkpoint that cannot be resumed from; the message says why."""


def save(
    path: Path,
    parts: dict[str, Any],
    settings: Any,
    history: Any,
    step: int,
    team: Team | None = None,
    inputs: dict[str, Any] | None = None,
) -> None:
    """Write the state of networks and optimisers after ``step`` steps: one file for all processes.

    Parameters
    ----------
    parts
        Name → whatever has ``state_dict``; of a scaler of losses that is off, nothing is written.
    settings, history
        Dataclasses of numbers, words, and lists of these.
    inputs
        What the run was begun with, of :mod:`upconv.training.origin`.
    """
    team = team or Team()
    if not (team.first or team.sharded):  # what is shared out, all put together
        return
    state: dict[str, Any] = {
        name: team.state(part) for name, part in parts.items() if not _off(part)
    }
    if not team.first:
        return
    state |= {"settings": asdict(settings), "history": asdict(history), "step": step}
    if inputs is not None:
        state["inputs"] = inputs
    # By way of memory: of a full disk Python says what is wrong, PyTorch's own writer does not.
    packed = io.BytesIO()
    torch.save(state, packed)
    write_atomically(path, lambda unfinished: unfinished.write_bytes(packed.getbuffer()))


def load(
    path: Path,
    parts: dict[str, Any],
    settings: Any,
    history: Any,
    team: Team | None = None,
    inputs: dict[str, Any] | None = None,
) -> int:
    """Put a saved state into networks, optimisers and history; return the steps done.

    A file of before there were ``inputs`` in them is taken, and that is said on standard error.

    Raises
    ------
    BadCheckpoint
        If the file is none, or of a run with other settings, other inputs or another network.
    """
    team = team or Team()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved = state["settings"]
    except Exception as error:  # torn, of another program, or unsafe
        reason = " ".join(str(error).split())
        raise BadCheckpoint(f"{path}: not a checkpoint of a run ({reason})") from error
    if not (isinstance(state, dict) and isinstance(saved, dict)):
        raise BadCheckpoint(f"{path}: not a checkpoint of a run (no settings)")
    for name, value in asdict(settings).items():
        if saved.get(name) != value:
            got = f"got {name} = {saved.get(name)}, expected {value} as now asked for"
            raise BadCheckpoint(f"{path}: {got}")
    if inputs is not None and "inputs" in state:
        if found := difference(state["inputs"], inputs):
            raise BadCheckpoint(f"{path}: {found}")
    elif inputs is not None and team.first:
        print(f"{path}: does not say on what data it was begun: not compared", file=sys.stderr)
    step: Any = state.get("step")
    lists = _history(path, state.get("history"), history)
    if not is_integer(step) or not 0 <= step <= settings.steps:
        expected = f"a whole number from 0 to {settings.steps}"
        raise BadCheckpoint(f"{path}: got step = {step!r}, expected {expected}")
    for name, part in parts.items():
        # In another precision, or before there was fp16, the run had no scaler: it starts afresh.
        if _off(part) or (isinstance(part, torch.amp.GradScaler) and name not in state):
            continue
        if name not in state:
            raise BadCheckpoint(f"{path}: has no {name}, expected one")
        try:
            team.restore(part, _checked(part, state[name]))
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise BadCheckpoint(f"{path}: weights of another network ({reason})") from error
    for name, value in lists.items():
        setattr(history, name, value)
    return int(step)


def _history(path: Path, saved: Any, history: Any) -> dict[str, Any]:
    """The saved history, if it is one: lists of numbers, equally long, and seconds."""
    known = asdict(history)
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
            raise BadCheckpoint(f"{path}: got another kind of history.{name}, expected {expected}")
    if len({len(value) for value in merged.values() if isinstance(value, list)}) > 1:
        raise BadCheckpoint(f"{path}: got a history of unequal lengths, expected equal ones")
    return saved


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# What an optimiser must know of a weight once it knows anything: it looks no further itself.
_MOMENTS = {
    torch.optim.Adam: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.LBFGS: ("func_evals", "n_iter"),
}
_DIRECTIONS = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


def _checked(part: Any, saved: Any) -> Any:
    """The state of a part, as far as PyTorch does not look whether it fits.

    Raises
    ------
    ValueError, TypeError, KeyError, AttributeError
        If it does not.
    """
    if isinstance(part, torch.amp.GradScaler):
        for name, value in part.state_dict().items():
            if not (is_number(saved[name]) and 0 <= saved[name] < math.inf):
                raise ValueError(f"got {name} = {saved[name]}, expected {type(value).__name__}")
        if not saved["scale"]:
            raise ValueError("got scale = 0, expected more")
        return saved
    if not isinstance(part, torch.optim.Optimizer):
        return saved
    groups = []
    for own, group in zip(part.param_groups, saved["param_groups"], strict=True):
        own = {name: value for name, value in own.items() if name != "params"}
        for name, value in own.items():
            if not _same_kind(group.get(name, value), value):
                raise ValueError(f"got {name} = {group[name]!r}, expected such as {value!r}")
        groups.append(own | group)
    weights = [weight for group in part.param_groups for weight in group["params"]]
    total = sum(weight.numel() for weight in weights)
    if [number for group in groups for number in group["params"]] != list(range(len(weights))):
        raise ValueError("got weights of other numbers in param_groups")
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
                raise ValueError(f"{name} of weight {number} is of another shape or kind")
    return saved | {"param_groups": groups}


def _same_kind(saved: Any, own: Any) -> bool:
    """Whether a setting of an optimiser may be such a value."""
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
    return type(saved) is type(own) and saved == own  # words


def _fits(value: Any, shapes: set[tuple[int, ...]]) -> bool:
    if isinstance(value, torch.Tensor):
        return tuple(value.shape) in shapes
    if isinstance(value, list | tuple):
        return all(_fits(each, shapes) for each in value)
    return value is None or is_number(value)


def _off(part: Any) -> bool:
    return isinstance(part, torch.amp.GradScaler) and not part.is_enabled()
