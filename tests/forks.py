"""Commands of Python in processes of their own, for which other packages are imported once.

A server imports packages, none of ours, and forks one process for each command: it begins as a new
one does that finds these packages imported already.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from pace import PATIENCE

# Read by the libraries when they are imported: one thread, so that nothing runs at a fork.
QUIET = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
# Run by the server's Python, which may lack all but what it is to import.
SERVER = """
import importlib, json, os, sys, traceback
for name in sys.argv[1:]:
    importlib.import_module(name)
threads = "/proc/self/task"  # a fork has none of them, and may wait for one forever
assert not os.path.exists(threads) or len(os.listdir(threads)) == 1, "a package starts threads"
ours = os.fdopen(os.dup(0), "rb", 0)  # a fork must not read ahead what the server is told
def tell(word):
    os.write(1, f"{word}\\n".encode())
def begin(command):
    child = os.fork()
    if child:
        return child
    nothing = os.open(os.devnull, os.O_RDONLY)
    out, err = (os.open(command[name], os.O_WRONLY | os.O_CREAT) for name in ("out", "err"))
    for file, number in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(file, number)
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    return 0
tell("ready")
while line := ours.readline():
    if not line.endswith(b"\\n"):
        raise SystemExit
    children = []
    for command in json.loads(line):
        children.append(begin(command))
        if not children[-1]:
            break
    else:
        tell(json.dumps([os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in children]))
        continue
    ours.close()
    import runpy
    first, *rest = command["arguments"]
    if first == "-m":
        sys.path[0] = ""
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(first)
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")
    break
"""


class Forks:
    """The server, until it is closed."""

    def __init__(
        self,
        packages: Iterable[str],
        python: Iterable[str] = (sys.executable,),
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.server = subprocess.Popen(
            [*python, "-c", SERVER, *packages], env={**environment, **QUIET},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert self._told(PATIENCE) == "ready"

    def run(
        self, commands: Iterable[dict], timeout: float = 4 * PATIENCE
    ) -> list[subprocess.CompletedProcess]:
        """Run commands at the same time; each has ``arguments``, ``folder``, ``environment``."""
        with tempfile.TemporaryDirectory() as scratch:
            orders = []
            for number, command in enumerate(commands):
                files = {name: str(Path(scratch, f"{name}{number}")) for name in ("out", "err")}
                arguments = [str(argument) for argument in command["arguments"]]
                place = {"arguments": arguments, "folder": str(command["folder"])}
                orders.append({**place, "environment": command["environment"], **files})
            self.server.stdin.write(json.dumps(orders).encode() + b"\n")
            self.server.stdin.flush()
            return [
                subprocess.CompletedProcess(
                    order["arguments"], code, *(Path(order[name]).read_text() for name in files)
                )
                for order, code in zip(orders, json.loads(self._told(timeout)), strict=True)
            ]

    def _told(self, timeout: float) -> str:
        if not select.select([self.server.stdout], [], [], timeout)[0]:
            self.close()
            raise AssertionError(f"not done within {timeout} seconds")
        line = self.server.stdout.readline().decode()
        assert line, "the server has gone"
        return line.strip()

    def close(self) -> None:
        """End the server and all that it has started."""
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()
        self.server.stdin.close()
        self.server.stdout.close()
