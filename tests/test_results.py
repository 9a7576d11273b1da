"""Stored results: found again as they were kept, and each says how it was made."""

import json
import re
import runpy
from pathlib import Path

import pytest
from PIL import Image

from upconv import results

STORED = sorted(path.stem for path in results.FOLDER.glob("*.json"))


def test_a_result_is_resumed_as_it_was_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert results.resume("trial") == {"runs": []}
    results.keep("trial", {"runs": [{"seed": 0, "score": 0.5}]})
    assert results.resume("trial") == results.load("trial") == {"runs": [{"seed": 0, "score": 0.5}]}
    assert [path.name for path in tmp_path.iterdir()] == ["trial.json"]
    with pytest.raises(ValueError, match="name: got 'other', expected one of trial"):
        results.load("other")


def test_a_command_names_what_kept_the_processor_from_its_best(monkeypatch):
    monkeypatch.setattr("sys.argv", [str(results.FOLDER.parent / "benchmarks/speed.py"), "--store"])
    for name in ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "UPCONV_PRECISION"):
        monkeypatch.delenv(name, raising=False)
    assert results.provenance("x")["command"] == "python benchmarks/speed.py --store"
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    command = "ATEN_CPU_CAPABILITY=avx2 python benchmarks/speed.py --store"
    assert results.provenance("x")["command"] == command


@pytest.mark.parametrize("name", STORED)
def test_a_stored_result_says_how_it_was_made(name):
    stored = results.load(name)
    for key in ("data", "device", "versions", "command", "day", "settings"):
        assert stored[key], key
    assert re.match(r"python code/(scripts/\w+\.py|experiments|gpu)", stored["command"])
    assert len(stored["runs"]) >= 3
    for run in stored["runs"]:
        assert {"seed", "seconds"} <= run.keys()
        assert re.fullmatch(r"[0-9a-f]{40}( with changes)?", run["commit"]), json.dumps(run)[:200]


def test_the_gallery_shows_every_picture_above_its_command(monkeypatch):
    root = Path(__file__).parents[1]
    monkeypatch.syspath_prepend(str(root / "code/experiments"))
    script = runpy.run_path(str(root / "code/experiments/gallery.py"))
    runs = {run["command"]: run for run in results.load("gallery")["runs"]}
    assert set(runs) == set(script["COMMANDS"]) and len(runs) >= 6
    page = (root / "book/gallery.md").read_text(encoding="utf-8")
    shown = re.findall(r":::\{figure\} (\S+)\n.*?```\n(.*?)\n```", page, flags=re.DOTALL)
    assert [command for _, command in shown] == list(script["COMMANDS"])
    for picture, command in shown:
        assert Path(picture).name == script["target"](command)
        with Image.open(root / "book" / picture) as image:
            assert list(image.size) == runs[command]["size"] and max(image.size) >= 768
