"""The part that compares the speed with the plain recipes."""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from task_rows import ROOT, Row, Task, in_a_line

# Sizes for the smallest form of benchmarks/speed.py.
TINY = {
    "unet": {"size": 32, "batch": 2, "width": 4},
    "fcn": {"size": 32, "batch": 2, "width": 0.02},
    "dcgan": {"size": 64, "batch": 2, "width": 4},
    "style": {"size": 32, "batch": 1},
}


def speed(task: Task) -> Iterator[Row]:
    """Measure the table of benchmarks/speed.py."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import speed as benchmark

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        benchmark.write_files(folder, 5 if task.smallest else 12)
        for work, (make, *_) in benchmark.WORK.items():
            began, row = time.perf_counter(), {"name": work}
            try:
                if task.smallest:
                    few = {"turns": 1, "steps": 1, "warm": 1} | TINY[make.__name__]
                    row |= {"batch": few["batch"]} | {
                        "table": benchmark.measure(work, folder, **few)
                    }
                else:
                    row |= {"batch": benchmark.sizes(work)[0]}
                    row |= {"table": benchmark.measure(work, folder, turns=5)}
            except Exception as error:  # the others may fit in memory
                traceback.print_exc()
                row |= {"error": in_a_line(error)}
            yield row | {"seconds": time.perf_counter() - began}
    rates = benchmark.rates(8, 8, 1) if task.smallest else benchmark.rates()
    yield {"name": "one 3 × 3 convolution, 10⁹ operations a second", "rates": rates}
