"""Ctrl-C and SIGTERM during a run: the step is finished and saved before the run ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

HINT = b"\nsaving after this step; again stops at once\n"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM ended a run, whose state was saved.

    It carries ``signal``, its number, ``step`` and ``steps``, those done and those of the whole
    run, and ``path``, the checkpoint.
    """

    def __init__(self, signal: int, step: int, steps: int, path: Path) -> None:
        super().__init__(f"interrupted after step {step} of {steps}; saved in {path}")
        self.signal, self.step, self.steps, self.path = signal, step, steps, path


class Stopping:
    """While entered, the first SIGINT or SIGTERM sets ``signal``; the second acts as before.

    Only in the main thread, and only where a signal would have ended Python: a program's own
    handlers stay, and ignored signals stay ignored. A handler with the attribute
    ``ends_process`` counts as one that would.
    """

    def __init__(self) -> None:
        self.signal = 0  # none so far
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                ends = handler in (signal.default_int_handler, signal.SIG_DFL)
                if ends or getattr(handler, "ends_process", False):
                    self._before[number] = signal.signal(number, self._noted)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _noted(self, number: int, frame: FrameType | None) -> None:
        if self.signal:
            self.__exit__(None, None, None)
            signal.raise_signal(number)
            return
        self.signal = number
        with suppress(OSError, ValueError, AttributeError):
            if sys.stderr.isatty():  # a print could meet another in its middle
                os.write(sys.stderr.fileno(), HINT)
