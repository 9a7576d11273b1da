"""``make gpu`` in its smallest form, on a processor: without network, TensorFlow and browsers."""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from pace import PATIENCE

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "code" / "gpu"
PARTS = ["tests", "fcn", "skips", "unet", "dcgan", "style", "speed"]
COMMIT = 40 * "0"
# What a machine that has PyTorch may lack.
MISSING = [
    "tensorflow", "keras", "pooch", "IPython", "traitlets", "anywidget", "playwright",
    "torchvision", "lightning_fabric", "onnx", "onnxruntime", "torchmetrics",
]  # fmt: skip
GUARD = """
import os, socket, sys

def note(what):
    with open(os.environ["GUARD"], "a") as file:
        file.write(what + "\\n")

note("process")
for name in {missing}:
    sys.modules[name] = None  # importing it fails, as where it is not installed

def refuse(*asked, **options):
    note(f"network {{asked}}")
    raise OSError(101, "Network is unreachable")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


class Machine:
    """Where the script runs: a folder of data, and a note of what is asked of the network."""

    def __init__(self, folder: Path) -> None:
        self.data, self.out, self.noted = folder / "data", folder / "gpu.json", folder / "noted"
        self.data.mkdir()
        guard = folder / "guard"
        guard.mkdir()
        (guard / "sitecustomize.py").write_text(GUARD.format(missing=MISSING))
        gone = ("UPCONV_DATA", "UPCONV_PRECISION", "UPCONV_TEST_DEVICE")
        self.environment = {name: v for name, v in os.environ.items() if name not in gone} | {
            "PYTHONPATH": os.pathsep.join([str(guard), str(ROOT / "code")]),
            "GUARD": str(self.noted), "UPCONV_CACHE": str(folder / "cache"),
            "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
        }  # fmt: skip

    def call(self, *arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, str(PROGRAM), "--data", str(self.data), *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=self.data, capture_output=True, text=True,
            timeout=4 * PATIENCE,
        )  # fmt: skip

    def measure(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.call("--smallest", "--out", str(self.out), "--commit", COMMIT, *arguments)

    def stored(self) -> dict:
        return json.loads(self.out.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    return Machine(tmp_path_factory.mktemp("machine"))


@pytest.fixture(scope="module")
def broken(machine):
    """All parts, with a file of data that is broken: what was said, and what is stored."""
    (machine.data / "camvid_480x360.npz").write_bytes(b"no archive")
    done = machine.measure()
    return done, machine.stored()


@pytest.fixture(scope="module")
def whole(machine, broken):
    """The same again without the broken file."""
    (machine.data / "camvid_480x360.npz").unlink()
    done = machine.measure()
    return done, machine.stored()


def rows(stored: dict, part: str) -> list[dict]:
    return [row for row in stored["runs"] if row["part"] == part]


def test_a_part_that_fails_is_reported_and_the_others_are_kept(broken):
    done, stored = broken
    assert done.returncode == 1, done.stderr
    assert list(dict.fromkeys(row["part"] for row in stored["runs"])) == PARTS
    bad = [row for row in stored["runs"] if "error" in row]
    assert [row["part"] for row in bad] == ["fcn"], done.stderr
    complaint = done.stderr.splitlines()[-1]
    assert complaint == f"gpu: fcn: {bad[0]['error']}"
    assert "Traceback" in done.stderr  # of what it was, above


def test_what_is_there_is_not_repeated(broken, whole):
    done, stored = whole
    assert done.returncode == 0, done.stderr
    there = re.findall(r"^(\w+): already stored$", done.stdout, flags=re.MULTILINE)
    assert there == [name for name in PARTS if name != "fcn"]
    for part in there:
        assert rows(stored, part) == rows(broken[1], part)
    assert not any("error" in row for row in stored["runs"])


def test_each_part_stores_plausible_figures(whole):
    stored = whole[1]
    for key in ("data", "device", "versions", "command", "day", "settings", "about"):
        assert stored[key], key
    assert stored["commit"] == COMMIT and stored["about"]["precision"] in ("fp32", "bf16")
    assert stored["command"].startswith("python code/gpu --data FOLDER")
    for row in stored["runs"]:
        assert row["commit"] == COMMIT and row["seed"] == 0 and row["seconds"] >= 0
    (tests,) = rows(stored, "tests")
    assert tests["passed"] >= 10 and tests["skipped"] >= 8
    networks = [row for part in PARTS[1:6] for row in rows(stored, part)]
    assert len(networks) == 1 + 3 + 1 + 1 + 1
    for row in networks:
        assert row["data"] and row["images a second"] > 0 and row["training seconds"] >= 0
        assert row["steps"] < row["steps of the chapter"]
        assert len(row["losses"]) >= 2 and all(map(math.isfinite, row["losses"]))
    for row in (row for row in networks if row["part"] in ("fcn", "skips", "unet")):
        assert 0 < row["mean_iou"] < 1 and 0 < row["pixel_error"] < 1
    table = {row["name"]: row.get("table") for row in rows(stored, "speed")}
    (rates,) = (row["rates"] for row in rows(stored, "speed") if "rates" in row)
    assert len(table) == 5 and len(rates) == 2 and all(rate > 0 for rate in rates.values())
    kinds = [kind for found in table.values() if found for kind in found]
    assert sorted(kinds) == ["inference"] * 3 + ["training"] * 4
    for found in filter(None, table.values()):
        for row in found.values():
            assert row["times faster"] == pytest.approx(row["ours"] / row["recipe"])
            assert 0 < row["times faster"] < math.inf


def test_neither_network_nor_tensorflow_is_needed(machine, whole):
    noted = machine.noted.read_text().splitlines()
    # Both runs, and a process for each part and for that which was repeated, were under guard.
    assert noted.count("process") >= 2 + len(PARTS) + 1
    assert set(noted) == {"process"}
    # The guard does what it is there for.
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    for attempt, word in ((code, "unreachable"), ("import tensorflow", "ModuleNotFoundError")):
        environment = machine.environment | {"GUARD": os.devnull}
        found = subprocess.run(
            [sys.executable, "-c", attempt], env=environment, capture_output=True, text=True
        )
        assert found.returncode == 1 and word in found.stderr


def test_without_a_gpu_it_says_so_in_one_line(machine):
    done = machine.call("--out", str(machine.data / "none.json"))
    assert (done.returncode, done.stdout) == (2, "")
    version = re.escape(metadata.version("torch"))  # a CUDA build adds to torch.__version__
    expected = rf"gpu: PyTorch {version} finds no GPU; --smallest runs everything .*\n"
    assert re.fullmatch(expected, done.stderr)
    assert not (machine.data / "none.json").exists()


def test_what_cannot_be_is_refused(machine, tmp_path):
    broken = tmp_path / "gpu.json"
    broken.write_text("{")
    done = machine.call("--smallest", "--out", str(broken), "--only", "dcgan")
    assert done.returncode == 1 and "not a stored result" in done.stderr.splitlines()[-1]
    assert broken.read_text() == "{"
    done = machine.call("--data", str(tmp_path / "nowhere"))
    assert done.returncode == 2 and "--data: got" in done.stderr.splitlines()[-1]


# ---- in this process ----------------------------------------------------------------------------


@pytest.fixture
def module(import_from):
    """The program's modules, by name."""
    return import_from(PROGRAM)


def test_a_part_that_does_not_end_is_stopped_and_its_rows_are_kept(module, monkeypatch, tmp_path):
    """As is one that dies without a word."""
    endless = tmp_path / "endless.py"
    endless.write_text(
        "import json, pathlib, signal, sys\n"
        "path = pathlib.Path(sys.argv[sys.argv.index('--write') + 1])\n"
        "path.write_text(json.dumps([{'name': 'first', 'seed': 0, 'seconds': 1}]))\n"
        "sys.exit(3) if 'unet' in sys.argv else signal.pause()\n"
    )
    process, options = module("part_process"), argparse.Namespace(smallest=True)
    monkeypatch.setattr(process, "PROGRAM", endless)
    stopped, died = (process.run_part(name, 3, options) for name in ("fcn", "unet"))
    for found, error in ((stopped, "did not end within 3 s"), (died, "ended with 3")):
        assert len(found) == 2 and found[0]["name"] == "first"
        assert "error" not in found[0] and found[1]["error"] == error


def test_all_parts_together_have_the_time_that_is_given(module):
    parts = module("all_parts").PARTS
    assert list(parts) == PARTS
    assert sum(share for _, share in parts.values()) == pytest.approx(1)


@pytest.mark.parametrize(("each", "steps"), [(0.01, 1000), (0.1, 200), (9.0, 30)])
def test_steps_are_as_many_as_there_is_time_for(module, each, steps):
    asked = []

    def run(count):
        asked.append(count)
        return type("History", (), {"seconds": count * each})

    budget = module("step_budget")
    assert budget.steps_for(run, 1000, 20.0) == steps
    assert asked == [budget.WARM, budget.PROBE]


def test_losses_are_thinned_to_the_last(module):
    thinned = module("task_rows").thinned
    assert thinned([0.123456, 1.0]) == [0.1235, 1.0]
    found = thinned(list(map(float, range(1001))))
    assert len(found) <= 60 and found[-1] == 1000 and found == sorted(found)


def test_failures_of_tests_are_told(module, tmp_path):
    report = tmp_path / "report.xml"
    cases = [
        '<testcase classname="a" name="good"/>',
        '<testcase classname="a" name="bad"><failure/></testcase>',
        '<testcase classname="a" name="broken"><error/></testcase>',
        '<testcase classname="a" name="left"><skipped/></testcase>',
    ]
    report.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    found = module("device_tests").Outcomes(report)
    assert (found.passed, found.skipped, found.failed) == (1, 1, ["a.bad", "a.broken"])


def test_without_pytest_its_part_says_so(module, monkeypatch):
    part, rows = module("device_tests"), module("task_rows")
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "pytest" else real(n))
    (row,) = part.tests(rows.Task(True, 1.0))
    assert row["left out"] == "pytest is not installed here"
    assert rows.failed([row]) == []


def cell(chapter: str, words: str) -> str:
    path = next((ROOT / "chapters").glob(f"{chapter}_*.ipynb"))
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (found,) = (text for cell in cells if words in (text := "".join(cell["source"])))
    return found


def test_chapters_do_the_same_on_a_gpu(module, monkeypatch):
    """Their own cells, on a GPU that is faked, with data that are made."""
    from dataclasses import dataclass

    from upconv import data
    from upconv.style import StyleSettings
    from upconv.training import GanSettings, Settings

    chosen = module("chapter_settings")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(data, "isbi2012", lambda split="train": data.membranes(1, split=split))
    monkeypatch.setattr(data, "fashion_mnist", data.digits)
    names = {
        "torch": torch, "np": np, "data": data, "dataclass": dataclass, "Settings": Settings,
        "GanSettings": GanSettings, "StyleSettings": StyleSettings, "__name__": "__main__",
    }  # fmt: skip
    exec(cell("05", "class Scale"), names)
    assert names["scale"].settings == Settings(**chosen.UNET_SETTINGS)
    assert names["scale"].network == chosen.UNET
    exec(cell("06", "class Scale"), names)
    assert names["scale"].settings == GanSettings(**chosen.DCGAN_SETTINGS)
    assert names["scale"].width == chosen.DCGAN_WIDTH
    names["paper"] = list(chosen.STYLE["style_layers"])
    exec(cell("07", 'features, content, size, steps = "vgg19"').split("photo =")[0], names)
    assert names["settings"] == StyleSettings(**chosen.STYLE)


def test_the_page_says_what_is_stored(module):
    page = module("scale_page")
    text = (ROOT / "book" / "scale.md").read_text(encoding="utf-8").split(page.MARK)
    assert len(text) == 3
    assert text[1].strip() == page.report(page.stored_results())
    for stored in page.stored_results():
        assert "with changes" not in stored["commit"] and not stored["settings"]["smallest"]


def test_tables_of_what_is_stored(module, whole):
    page = module("scale_page")
    text = page.report([whole[1]])
    assert "| U-Net | membranes, 128 × 128" in text
    assert text.count("| training |") == 4 and text.count("| inference |") == 3
    assert f"commit {COMMIT[:9]}" in text
    assert page.report([]) == page.NOTHING


def test_make_runs_it_with_the_python_that_is_named(tmp_path):
    if shutil.which("make") is None:
        pytest.skip("no Make")
    target = ["make", "--dry-run", "gpu", "PYTHON=/opt/own/python", "DATA=/some/data"]
    said = subprocess.check_output(target, cwd=ROOT, text=True)
    assert "PYTHONPATH=code /opt/own/python code/gpu " in said
    assert '--data "/some/data"' in said
    assert "pip" not in said and "venv" not in said
