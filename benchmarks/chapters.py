"""Measure each chapter's running time and memory, and the time to build the book.

    python benchmarks/chapters.py [--only 03] [--json | --store]

Chapters run one after another, as in the tests: on one thread, with only the data included in the
module. Memory is the kernel's peak, sampled five times a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbclient import NotebookClient
from tables import HERE, origin, store

from upconv import results

ROOT = HERE.parent
STORED, MARK = HERE / "chapters.json", "<!-- chapters -->"


class Peak(threading.Thread):
    """Record the peak memory of this process's children, in MiB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self._done = 0.0, threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.2):
            held = 0
            for child in psutil.Process().children(recursive=True):
                try:
                    held += child.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.most = max(self.most, held / 2**20)

    def stop(self) -> float:
        self._done.set()
        self.join()
        return self.most


def measure(path: Path) -> dict[str, float]:
    """Measure one chapter's seconds and MiB."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": path.parent}})
    peak = Peak()
    start = time.perf_counter()
    peak.start()
    asyncio.run(client.async_execute())
    return {"seconds": time.perf_counter() - start, "MiB": peak.stop()}


def report(stored: dict[str, Any]) -> str:
    """Format the stored figures as Markdown."""
    lines = ["| chapter | seconds | memory, GiB |", "|---|--:|--:|"]
    for name, row in stored["table"].items():
        lines.append(f"| {name} | {row['seconds']:.0f} | {row['MiB'] / 1024:.1f} |")
    rows = stored["table"].values()
    total, most = (fold(row[key] for row in rows) for fold, key in ((sum, "seconds"), (max, "MiB")))
    lines.append(f"| **all** | **{total:.0f}** | **{most / 1024:.1f}** |")
    made = stored["provenance"]
    lines += [
        "",
        f"`make book` in an installed environment: {stored['book']:.0f} s. {made['device']}, "
        f"one thread; {origin(made)}",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="only chapters whose names start with this")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--store", action="store_true", help="write chapters.json and README.md")
    options = parser.parse_args()
    # Read when the kernels start.
    os.environ |= {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "UPCONV_DATA": ""}
    made = results.provenance("what comes with the module")
    table = {}
    for path in sorted((ROOT / "chapters").glob(f"{options.only}*.ipynb")):
        table[path.stem] = measure(path)
        if not options.json:
            print(path.stem, json.dumps(table[path.stem]), flush=True)
    if options.json:
        print(json.dumps(table))
    if options.store:
        start = time.perf_counter()
        subprocess.run(["make", "book"], cwd=ROOT, check=True, stdout=sys.stderr)
        book = time.perf_counter() - start
        stored = {"provenance": made, "table": table, "book": book}
        store(STORED, MARK, stored, report(stored))


if __name__ == "__main__":
    main()
