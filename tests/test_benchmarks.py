"""The stored benchmarks: the tables in their README are those of the stored figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


def stored(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["speed", "quality", "endurance", "chapters"])
def test_the_readme_says_what_was_measured(name, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    module, tables = __import__(name), __import__("tables")
    figures = stored(name)
    parts = figures.values() if name == "speed" else [figures]
    assert not any("with changes" in part["provenance"]["commit"] for part in parts)
    text = tables.README.read_text(encoding="utf-8").split(module.MARK)
    assert len(text) == 3
    assert text[1].strip() == module.report(figures)
    sys.modules.pop(name)


@pytest.mark.parametrize("name", ["speed", "quality"])
def test_all_work_was_measured(name, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    module, figures = __import__(name), stored(name)
    parts = figures.values() if name == "speed" else [figures]
    assert all(list(part["table"]) == list(module.WORK) for part in parts)
    sys.modules.pop(name)


def test_ours_is_never_slower_than_the_plain_recipe():
    """On each kind of processor that was measured; where bf16 is emulated, too."""
    for kind, part in stored("speed").items():
        for name, rows in part["table"].items():
            assert all(row["times faster"] >= 1 for row in rows.values()), (kind, name)
            if kind == "AVX2" and name.startswith(("U-Net", "FCN")):
                assert rows["training"]["times faster"] >= 1.3


def test_an_hour_of_training_keeps_its_memory_and_survives_being_killed():
    found = stored("endurance")["table"]
    assert found["minutes"] >= 60
    assert found["kills"] >= 10
    assert found["equal to the bit"]
    drifts = found["drift alone, %"] + found["drift killed, %"]
    assert len(drifts) > 10
    assert max(abs(drift) for drift in drifts) < 2


def test_the_course_is_quick_and_small():
    """All chapters in 12 minutes and 6 GB, the book in 30 s."""
    found = stored("chapters")
    chapters = (FOLDER.parent / "chapters").glob("*.ipynb")
    assert sorted(found["table"]) == sorted(path.stem for path in chapters)
    assert sum(row["seconds"] for row in found["table"].values()) <= 12 * 60
    assert max(row["MiB"] for row in found["table"].values()) <= 6 * 1024
    assert found["book"] <= 30


def test_bf16_scores_as_float32_does(monkeypatch):
    """No difference beyond that of the seeds, at 5 % for all scores together (Bonferroni)."""
    monkeypatch.syspath_prepend(FOLDER)
    from upconv.statistics import paired

    table = stored("quality")["table"]
    for name, scores in table.items():
        assert len(scores["bf16"]) >= 5
        assert paired(scores["bf16"], scores["fp32"]).p > 0.05 / len(table), name
