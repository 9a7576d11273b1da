"""The stored benchmarks: the tables in their README are those of the stored figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("name", ["speed", "quality"])
def test_the_readme_says_what_was_measured(name, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    module, tables = __import__(name), __import__("tables")
    stored = json.loads(module.STORED.read_text(encoding="utf-8"))
    assert "with changes" not in stored["provenance"]["commit"]
    text = tables.README.read_text(encoding="utf-8").split(module.MARK)
    assert len(text) == 3
    assert text[1].strip() == module.report(stored)
    assert list(stored["table"]) == list(module.WORK)
    sys.modules.pop(name)


def test_bf16_scores_as_float32_does(monkeypatch):
    """No difference beyond that of the seeds, at 5 % for all scores together (Bonferroni)."""
    monkeypatch.syspath_prepend(FOLDER)
    from upconv.statistics import paired

    stored = json.loads((FOLDER / "quality.json").read_text(encoding="utf-8"))
    for name, scores in stored["table"].items():
        assert len(scores["bf16"]) >= 5
        assert paired(scores["bf16"], scores["fp32"]).p > 0.05 / len(stored["table"]), name
