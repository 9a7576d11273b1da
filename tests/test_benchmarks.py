"""The stored benchmarks: the tables in their README are those of the stored figures."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "benchmarks"


def test_the_readme_says_what_was_measured(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import speed as module

    stored = json.loads(module.STORED.read_text(encoding="utf-8"))
    assert "with changes" not in stored["provenance"]["commit"]
    text = module.README.read_text(encoding="utf-8").split(module.MARK)
    assert len(text) == 3
    assert text[1].strip() == module.report(stored)
    assert list(stored["table"]) == list(module.WORK)
