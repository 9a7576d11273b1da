"""Run a part in its own process, for at most its share of the time."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from all_parts import PARTS
from task_rows import ROOT, Row, Task, failed, find_results, in_a_line

PROGRAM = Path(__file__).resolve().parent  # run again for each part


def work(name: str, task: Task, path: Path) -> int:
    """Run a part in this process; write all rows after each new one."""
    from upconv.files import atomic_write

    find_results()
    # Chapters 3 and 4 train like the stored experiments.
    sys.path.append(str(ROOT / "code" / "experiments"))
    rows: list[Row] = []

    def note(row: Row) -> None:
        rows.append(row)
        text = json.dumps(rows)
        atomic_write(path, lambda file: file.write_text(text, encoding="utf-8"))

    began = time.perf_counter()
    try:
        for row in PARTS[name][0](task):
            note({"seed": 0, "seconds": time.perf_counter() - began} | row)
            began = time.perf_counter()
    except Exception as error:
        traceback.print_exc()
        seconds = time.perf_counter() - began
        note({"name": name, "seed": 0, "seconds": seconds, "error": in_a_line(error)})
    return 0


def run_part(name: str, seconds: float, options: argparse.Namespace) -> list[Row]:
    """Run a part in its own process for at most ``seconds``; return its rows."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path, log = Path(folder) / "rows.json", Path(folder) / "log.txt"
        command = [sys.executable, str(PROGRAM), "--part", name, "--write", path]
        command += ["--seconds", str(seconds)] + ["--smallest"] * options.smallest
        # Tests compare CPU results bit for bit.
        threads = {"OMP_NUM_THREADS": "1"} if name == "tests" else {}
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT, env=os.environ | threads
            )
            ended = ""
            try:
                code = process.wait(seconds)
                ended = f"ended with {code}" if code else ""
            except subprocess.TimeoutExpired:
                ended = f"did not end within {seconds:.0f} s"
            finally:
                process.kill()
                process.wait()
        rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        said = log.read_text(encoding="utf-8", errors="replace")
    if ended or not rows:
        spent = time.perf_counter() - began
        error = {"error": ended or "said nothing"}
        rows.append({"name": name, "seed": 0, "seconds": spent} | error)
    rows = [{"part": name} | row | {"seconds": round(row["seconds"], 1)} for row in rows]
    if failed(rows):
        print("\n".join(f"    {line}" for line in said.splitlines()[-30:]), file=sys.stderr)
    return rows
