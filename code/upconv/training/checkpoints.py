"""The state of a run in a file: written at one stroke, refused if it is another run's."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from upconv.files import write_atomically


class BadCheckpoint(RuntimeError):
    """A checkpoint that cannot be resumed from; the message says why."""


def save(path: Path, parts: dict[str, Any], settings: Any, history: Any, step: int) -> None:
    """Write the state of networks and optimisers after ``step`` steps.

    Parameters
    ----------
    parts
        Name → whatever has ``state_dict``.
    settings, history
        Dataclasses of numbers, words, and lists of these.
    """
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"settings": asdict(settings), "history": asdict(history), "step": step}
    write_atomically(path, lambda unfinished: torch.save(state, unfinished))


def load(path: Path, parts: dict[str, Any], settings: Any, history: Any) -> int:
    """Put a saved state into networks, optimisers and history; return the steps done.

    Raises
    ------
    BadCheckpoint
        If the file is none, or of a run with other settings or another network.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved = state["settings"]
    except Exception as error:  # torn, of another program, or unsafe
        raise BadCheckpoint(f"{path}: not a checkpoint of a run ({error})") from error
    for name, value in asdict(settings).items():
        if saved.get(name) != value:
            got = f"got {name} = {saved.get(name)}, expected {value} as now asked for"
            raise BadCheckpoint(f"{path}: {got}")
    for name, part in parts.items():
        try:
            part.load_state_dict(state[name])
        except KeyError as error:
            raise BadCheckpoint(f"{path}: has no {name}, expected one") from error
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise BadCheckpoint(f"{path}: weights of another network ({reason})") from error
    for name, value in state["history"].items():
        setattr(history, name, value)
    return state["step"]
