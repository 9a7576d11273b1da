"""The state of a run in a file: written at one stroke, refused if it is another run's."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from upconv.files import write_atomically
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
) -> None:
    """Write the state of networks and optimisers after ``step`` steps: one file for all processes.

    Parameters
    ----------
    parts
        Name → whatever has ``state_dict``; of a scaler of losses that is off, nothing is written.
    settings, history
        Dataclasses of numbers, words, and lists of these.
    """
    team = team or Team()
    if not (team.first or team.sharded):  # what is shared out, all put together
        return
    state = {name: team.state(part) for name, part in parts.items() if not _off(part)}
    if not team.first:
        return
    state |= {"settings": asdict(settings), "history": asdict(history), "step": step}
    # By way of memory: of a full disk Python says what is wrong, PyTorch's own writer does not.
    packed = io.BytesIO()
    torch.save(state, packed)
    write_atomically(path, lambda unfinished: unfinished.write_bytes(packed.getbuffer()))


def load(
    path: Path, parts: dict[str, Any], settings: Any, history: Any, team: Team | None = None
) -> int:
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
        # In another precision, or before there was fp16, the run had no scaler: it starts afresh.
        if _off(part) or (isinstance(part, torch.amp.GradScaler) and name not in state):
            continue
        try:
            (team or Team()).restore(part, state[name])
        except KeyError as error:
            raise BadCheckpoint(f"{path}: has no {name}, expected one") from error
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise BadCheckpoint(f"{path}: weights of another network ({reason})") from error
    for name, value in state["history"].items():
        setattr(history, name, value)
    return state["step"]


def _off(part: Any) -> bool:
    return isinstance(part, torch.amp.GradScaler) and not part.is_enabled()


def steps(
    parts: dict[str, Any],
    settings: Any,
    history: Any,
    *,
    checkpoint: str | Path | None,
    resume: bool,
    save_every: int,
    progress: bool,
    team: Team | None = None,
    before_saving: Callable[[], Any] | None = None,
) -> Iterator[tuple[int, tqdm]]:
    """The steps of a run that are still to do, each with the progress bar.

    Before a step, PyTorch's random numbers are set by the seed and the step, so that dropout and
    noise depend on nothing else. After it, ``history.seconds`` is brought up to date, and the
    state saved if it is time.

    Parameters
    ----------
    parts
        Name → whatever has ``state_dict``.
    settings
        With ``steps`` and ``seed``.
    history
        With ``seconds``.
    checkpoint, resume, save_every, team
        As of :func:`upconv.training.train`.
    before_saving
        Called before the state is saved: what it raises ends the run, and nothing is written.

    Raises
    ------
    BadCheckpoint
        If the checkpoint is of another run or cannot be read.
    """
    team = team or Team()
    path, start = Path(checkpoint) if checkpoint else None, 0
    if resume and path and path.exists():
        start = load(path, parts, settings, history, team)
    began, before = time.perf_counter(), history.seconds
    bar = tqdm(
        range(start, settings.steps),
        initial=start,
        total=settings.steps,
        disable=None if progress and team.first else True,
        file=sys.stderr,
    )
    for step in bar:
        torch.manual_seed(settings.seed * 1_000_003 + step)
        yield step, bar
        history.seconds = before + time.perf_counter() - began
        if path and ((step + 1) % save_every == 0 or step == settings.steps - 1):
            if before_saving:
                before_saving()
            save(path, parts, settings, history, step + 1, team)
