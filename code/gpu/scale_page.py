"""The section of book/scale.md that shows the stored results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from task_rows import ROOT, failed

SCALE_PAGE, MARK = ROOT / "book" / "scale.md", "% gpu\n"

NOTHING = """\
No GPU has been measured yet: this book has no figures for an H100 or any other GPU. Tests with
simulated GPUs check that each of these choices is made correctly. The following command produces
the figures in at most 20 minutes on one H100. It needs a Python that has PyTorch, but neither a
network connection nor TensorFlow:

```bash
make gpu PYTHON=python3.12 DATA=/path/to/data
```

It runs the tests that need a GPU, the networks of chapters 3 to 7 at full size, and the benchmark
against the plain recipes, and writes its results to `results/` and into this section."""


def report(stored: Sequence[dict[str, Any]]) -> str:
    """Format stored results as Markdown: a table for each device."""
    return "\n\n".join(map(_report, stored)) if stored else NOTHING


def _report(found: dict[str, Any]) -> str:
    about, rows = found["about"], found["runs"]
    lines = [f"**{found['device']}**, {about['precision']}", ""]
    lines += ["| network | data | steps | images per second | memory, GiB | mean IoU |"]
    lines += ["|---|---|--:|--:|--:|--:|"]
    for row in rows:
        if "images a second" in row:
            score = f"{row['mean_iou']:.3f}" if "mean_iou" in row else ""
            taken = f"{row['MiB'] / 1024:.1f}" if "MiB" in row else ""
            rate, steps = f"{row['images a second']:.0f}", f"{row['steps']:,}"
            lines += [f"| {row['name']} | {row['data']} | {steps} | {rate} | {taken} | {score} |"]
    tables = [row for row in rows if "table" in row]
    if tables:
        lines += ["", "| work | phase | batch | recipe | ours | times faster |"]
        lines += ["|---|---|--:|--:|--:|--:|"]
    for row in tables:
        for kind, each in row["table"].items():
            values = f"{each['recipe']:.1f} | {each['ours']:.1f} | {each['times faster']:.2f}"
            lines += [f"| {row['name']} | {kind} | {row['batch']} | {values} |"]
    lines += [""] if tables else []
    for row in rows:
        if "passed" in row:
            lines += [f"{row['passed']} tests passed, {row['skipped']} were skipped.", ""]
    lines += [f"Failed: {complaint}.\n" for complaint in failed(rows)]
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    lines += [
        "Images per second; for style transfer, gradients per second. The recipes use PyTorch's "
        f"default float32, which is TF32 in convolutions. {versions}; "
        f"commit {found['commit'][:9]}, {found['day']}; `{found['command']}`."
    ]
    return "\n".join(lines)


def stored_results() -> list[dict[str, Any]]:
    paths = sorted((ROOT / "results").glob("gpu_*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def write_page() -> None:
    """Write the stored results between the two marks of the page."""
    from upconv.files import atomic_write

    before, _, after = SCALE_PAGE.read_text(encoding="utf-8").split(MARK)
    text = f"{before}{MARK}\n{report(stored_results())}\n\n{MARK}{after}"
    atomic_write(SCALE_PAGE, lambda file: file.write_text(text, encoding="utf-8"))
