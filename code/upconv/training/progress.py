"""Progress of a run: a bar on a terminal, lines in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from tqdm.auto import tqdm

LINES_APART = 30.0  # seconds between the lines of a log file


class Progress:
    """Iterate over the steps of a run, and show how far it is on standard error.

    On a terminal this is a bar. Elsewhere, but for notebooks, it is a line every 30 seconds and
    after the last step: ``step 200/1000, loss 0.412, 3.1 steps/s, 4 min left``.

    Parameters
    ----------
    start, steps
        First step, and number of all steps.
    shown
        Whether anything is shown.
    """

    def __init__(self, start: int, steps: int, shown: bool) -> None:
        self._start, self._steps = start, steps
        self._bar = tqdm(
            range(start, steps),
            initial=start,
            total=steps,
            disable=None if shown else True,
            file=sys.stderr,
        )
        # In a notebook, lines of progress would be kept with the results.
        self._lines = shown and self._bar.disable and "ipykernel" not in sys.modules
        self._numbers: dict[str, float] = {}

    def __iter__(self) -> Iterator[int]:
        began = said = time.monotonic()
        for step in self._bar:
            yield step
            now, done = time.monotonic(), step + 1
            if self._lines and (now - said >= LINES_APART or done == self._steps):
                print(self._line(done, now - began), file=sys.stderr, flush=True)
                said = now

    def show(self, **numbers: float) -> None:
        """Show numbers next to the progress."""
        self._numbers = numbers
        self._bar.set_postfix({name: f"{number:.3f}" for name, number in numbers.items()})

    def _line(self, done: int, seconds: float) -> str:
        told = [f"step {done}/{self._steps}"]
        told += [f"{name} {number:.3f}" for name, number in self._numbers.items()]
        pace = (done - self._start) / max(seconds, 1e-9)
        told.append(f"{pace:.1f} steps/s" if pace >= 1 else f"{1 / pace:.1f} s/step")
        if done < self._steps:
            told.append(f"{_duration((self._steps - done) / pace)} left")
        return ", ".join(told)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
