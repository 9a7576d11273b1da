"""Measure a GPU: its tests, each chapter at full size, the speed compared with plain recipes.

    make gpu PYTHON=/path/to/python DATA=/path/to/data

or, without Make, ``PYTHONPATH=code python code/gpu --data FOLDER``, with a Python that has PyTorch,
NumPy and the module's other requirements. Nothing is installed or downloaded, and TensorFlow is not
needed. Within ``--minutes`` (20 for one H100) it writes results/gpu_DEVICE.json, part by part, and
the table in book/scale.md.

Each part runs in its own process, for at most its share of the time: a failing part does not affect
the others. Parts already stored for this commit and duration are not repeated. Networks train for
as many steps as fit in their time, at most as many as in the chapter. Data found neither in
``--data`` nor in the cache are replaced by generated data, and the result says so. Without a GPU,
``--smallest`` runs everything in its smallest form.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path

from all_parts import PARTS
from device_report import measure
from part_process import work
from scale_page import write_page
from task_rows import ROOT, Task


def main() -> int:
    parser = argparse.ArgumentParser(prog="python code/gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="data folder, laid out like UPCONV_DATA")
    parser.add_argument("--minutes", type=float, default=20.0, help="for all parts together [20]")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="run only these parts")
    parser.add_argument("--out", type=Path, help="output file [results/gpu_DEVICE.json]")
    parser.add_argument("--anew", action="store_true", help="repeat stored parts")
    parser.add_argument("--smallest", action="store_true", help="smallest form, on any device")
    parser.add_argument("--commit", default="", help="commit of this folder, if it is not a clone")
    parser.add_argument("--page", action="store_true", help="only rewrite book/scale.md")
    for name, kind in (("--part", str), ("--write", Path), ("--seconds", float)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.minutes <= 0:
        parser.error(f"--minutes: got {options.minutes:g}, expected a number above 0")
    if options.data is not None:
        if not options.data.is_dir():
            parser.error(f"--data: got {options.data}, expected a folder")
        os.environ["UPCONV_DATA"] = str(options.data.resolve())
    if "UPCONV_CACHE" not in os.environ and importlib.util.find_spec("pooch") is None:
        os.environ["UPCONV_CACHE"] = str(ROOT / "build" / "cache")  # the default one requires pooch
    if options.page:
        write_page()
        return 0
    if options.part:
        return work(options.part, Task(options.smallest, options.seconds), options.write)
    return measure(options)


if __name__ == "__main__":
    sys.exit(main())
