"""A training run: its steps and checkpoints, with prefetched batches."""

from __future__ import annotations

import math
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, cast

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from upconv.training import checkpoints
from upconv.training.batches import Made, Prefetcher
from upconv.training.distributed import DistributedContext
from upconv.training.progress import Progress
from upconv.training.stopping import Interrupted, Stopping


class Diverged(RuntimeError):
    """The loss is NaN or infinite."""


# Device types from which a number can be read without waiting for other work.
AT_ONCE = ("cpu",)


class Losses:
    """Losses of the steps, read from a GPU only on request.

    Reading one synchronizes: it waits for all of the GPU's work, and then leaves the GPU idle.

    Parameters
    ----------
    device
        Where the losses are computed. On a CPU, each is read immediately.
    what, hint
        Beginning and end of the error message if one is NaN or infinite.
    """

    def __init__(self, device: torch.device, what: str, hint: str) -> None:
        self._at_once, self._what, self._hint = device.type in AT_ONCE, what, hint
        self._unread: dict[int, Tensor] = {}
        self._last: list[float] = []

    def add(self, step: int, *losses: Tensor) -> None:
        """Store the losses of a step."""
        self._unread[step] = torch.stack([loss.detach() for loss in losses])
        if self._at_once:
            self.read()

    def read(self) -> list[float]:
        """Return the last step's losses, after checking all that have not been read.

        Raises
        ------
        Diverged
            If one is NaN or infinite.
        """
        if self._unread:
            found = torch.stack([*self._unread.values()]).tolist()
            for step, values in zip(self._unread, found, strict=True):
                if not all(map(math.isfinite, values)):
                    got = values[0] if len(values) == 1 else tuple(values)
                    raise Diverged(f"step {step}: {self._what} {got}; {self._hint}")
            self._last = values
            self._unread.clear()
        return self._last


@dataclass(frozen=True)
class Keeping:
    """Where and how often a run saves its state, and whether it resumes from there."""

    path: str | Path | None = None
    resume: bool = False
    every: int = 200  # steps
    progress: bool = True  # whether to show how far the run is
    longer: bool = True  # whether a run may resume with more steps than it was begun with


class Run(Generic[Made]):
    """Iterate over the remaining steps of a training run, each with its batch.

    ::

        with Run({"network": network, "optimizer": optimizer}, settings, history, device, …) as run:
            for step, batch in run:
                …

    Before each step, PyTorch is seeded from the seed and the step, so that dropout and noise
    depend on nothing else. After it, learning rates follow their schedule, ``history.seconds``
    is updated, and the state is saved if due. On Ctrl-C or SIGTERM, the step is finished, the state
    saved and :class:`Interrupted` raised; a second signal, or the first if there is no checkpoint,
    acts at once.

    Parameters
    ----------
    parts
        Name → any object with ``state_dict``: networks, optimizers, scalers.
    settings
        With ``steps`` and ``seed``.
    history
        With ``seconds``, and ``data_wait`` if ``make`` is given.
    device
        Target of the batches.
    keeping
        Where to save and resume; see :func:`upconv.training.train`.
    distributed
        As in :func:`upconv.training.train`.
    inputs
        Returns fingerprints of the run's inputs; called only if a checkpoint is used.
    make
        Maps a step to its batch. Without it, batches are None.
    rate
        Maps a step to a factor on all optimizers' learning rates. Without it, they stay constant.
    losses
        Read before the state is saved: if one is NaN or infinite, the run ends without saving.

    Raises
    ------
    BadCheckpoint
        On entering, if the checkpoint belongs to another run or cannot be read.
    Interrupted
        After Ctrl-C or SIGTERM, once the state is saved.
    """

    def __init__(
        self,
        parts: dict[str, Any],
        settings: Any,
        history: Any,
        device: torch.device,
        keeping: Keeping,
        *,
        inputs: Callable[[], dict[str, Any]],
        make: Callable[[int], Made] | None = None,
        rate: Callable[[int], float] | None = None,
        losses: Losses | None = None,
        distributed: DistributedContext | None = None,
    ) -> None:
        self._parts, self._settings, self._history = parts, settings, history
        self._keeping, self._inputs, self._rate = keeping, inputs, rate
        self._losses, self._distributed = losses, distributed or DistributedContext("cpu")
        self._path = Path(keeping.path) if keeping.path else None
        self._ahead = Prefetcher(make, settings.steps, history, device) if make else None

    def __enter__(self) -> Run[Made]:
        path = self._path
        left = path if self._keeping.resume and path and path.exists() else None
        self._told = self._inputs() if path and (self._distributed.first or left) else None
        optimizers = [p for p in self._parts.values() if isinstance(p, torch.optim.Optimizer)]
        bases = [[group["lr"] for group in one.param_groups] for one in optimizers]
        if self._rate:  # before loading, so that the file's own values are checked
            _set_initial_rates(optimizers, bases)
        self.start = 0
        if left:
            state = (self._parts, self._settings, self._history, self._distributed, self._told)
            self.start = checkpoints.load(left, *state, longer=self._keeping.longer)
        self._schedules = []
        if self._rate:
            _set_initial_rates(optimizers, bases)  # the requested rates, whatever the file says
            last = self.start - 1
            self._schedules = [LambdaLR(one, self._rate, last_epoch=last) for one in optimizers]
        with ExitStack() as opened:
            if self._ahead:
                opened.enter_context(self._ahead)
            # Without a file to save to, an interruption acts at once.
            self._stopping = opened.enter_context(Stopping()) if path else Stopping()
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._opened.__exit__(*error)

    def __iter__(self) -> Iterator[tuple[int, Made]]:
        settings, history, keeping = self._settings, self._history, self._keeping
        began, before = time.perf_counter(), history.seconds
        shown = keeping.progress and self._distributed.first
        self._progress = Progress(self.start, settings.steps, shown)
        for step in self._progress:
            torch.manual_seed(settings.seed * 1_000_003 + step)
            yield step, self._ahead(step) if self._ahead else cast(Made, None)
            self._follow_schedules(first=step == self.start)
            history.seconds = before + time.perf_counter() - began
            if self._path:
                self._end_step(self._path, step + 1)

    def _end_step(self, path: Path, done: int) -> None:
        """Save the state if it is due, or if the run is to stop here, which all processes do."""
        stop, steps = self._distributed.any(bool(self._stopping.signal)), self._settings.steps
        if stop or done % self._keeping.every == 0 or done == steps:
            self._save(path, done)
        if stop:
            self._distributed.barrier()  # nobody leaves before the file is written
            raise Interrupted(self._stopping.signal or signal.SIGINT, done, steps, path)

    def due(self, step: int) -> bool:
        """Whether the history records this step: every ``log_every``-th and the last."""
        return bool(step % self._settings.log_every == 0 or step == self._settings.steps - 1)

    def show(self, **numbers: float) -> None:
        """Show numbers next to the progress."""
        self._progress.show(**numbers)

    def _follow_schedules(self, first: bool) -> None:
        # In fp16 the first step is skipped if it overflows, and PyTorch warns. Later it does not
        # check; and changing the filters would make all warnings appear once more.
        with warnings.catch_warnings() if first else nullcontext():
            if first:
                warnings.filterwarnings("ignore", "Detected call of `lr_scheduler", UserWarning)
            for schedule in self._schedules:
                schedule.step()

    def _save(self, path: Path, done: int) -> None:
        if self._losses:
            self._losses.read()
        state = (self._parts, self._settings, self._history, done, self._distributed, self._told)
        checkpoints.save(path, *state)


def _set_initial_rates(optimizers: list[torch.optim.Optimizer], rates: list[list[float]]) -> None:
    for one, own in zip(optimizers, rates, strict=True):
        for group, rate in zip(one.param_groups, own, strict=True):
            group["initial_lr"] = rate
