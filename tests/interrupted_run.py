"""The command line, which gets a signal after a step of a training: what tests of it start.

python interrupted_run.py SIGNAL STEP COMMAND …

Of several processes, only that of the rank INTERRUPTED gets it.
"""

from __future__ import annotations

import os
import signal
import sys

from upconv.cli import main
from upconv.training import run

number, step, *command = sys.argv[1:]
follow, done = run.Run._follow_schedules, 0


def followed(self, first):
    global done
    follow(self, first)
    done += 1
    rank = os.environ.get("LOCAL_RANK", "0")
    if done == int(step) and rank == os.environ.get("INTERRUPTED", "0"):
        os.kill(os.getpid(), getattr(signal, number))


run.Run._follow_schedules = followed
raise SystemExit(main(command))
