"""What the command line says, and does, when it is interrupted."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

LAUNCHED = ("WORLD_SIZE", "SLURM_PROCID")  # set by programs that start several processes


class Terminated(KeyboardInterrupt):
    """SIGTERM: whoever sent it wants what Ctrl-C wants."""

    signal = signal.SIGTERM


class _Terminate:
    """A handler of SIGTERM; a run may put it off to the end of its step."""

    ends_process = True

    def __call__(self, *about: object) -> NoReturn:
        raise Terminated


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, unless the program handles or ignores it."""
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _Terminate())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def typed(arguments: list[str] | None) -> list[str]:
    """Return the command as it was typed; none if another program starts all processes."""
    if any(name in os.environ for name in LAUNCHED):
        return []
    if arguments is not None:
        return ["upconv", *arguments]
    if Path(sys.argv[0]).name == "__main__.py":
        return [sys.orig_argv[0], "-m", "upconv.cli", *sys.argv[1:]]
    return ["upconv", *sys.argv[1:]]


def explain(error: KeyboardInterrupt, options: argparse.Namespace) -> str:
    """Return what is left of an interrupted command, and how it goes on."""
    told = "interrupted"
    if steps := getattr(error, "steps", 0):
        told += f" after step {getattr(error, 'step', 0)} of {steps}"
    if weights := getattr(options, "trained", None):
        return f"{told} after the training; its weights are in {weights}"
    if not hasattr(options, "resume"):
        return told
    if not _exists(getattr(options, "state", None)):
        return f"{told}; nothing was saved"
    if not options.typed:
        return f"{told}; go on with the same command and --resume"
    return f"{told}; go on with: {_resuming(options)}"


def _exists(state: Path | None) -> bool:
    """Whether a run has been saved: in a file, or in files of a folder."""
    return bool(state and (state.is_file() or (state.is_dir() and any(state.glob("*.pt")))))


def _resuming(options: argparse.Namespace) -> str:
    words = list(options.typed)
    if not options.resume:
        # Behind "--" it would be a file.
        words.insert(words.index("--") if "--" in words else len(words), "--resume")
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def code_of(error: KeyboardInterrupt) -> int:
    """Return the exit status: as of a process ended by the signal, 130 or 143."""
    number: Any = getattr(error, "signal", signal.SIGINT)
    return 128 + int(number)
