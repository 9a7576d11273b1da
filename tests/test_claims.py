"""Every claim of a finished chapter has one cell, and that cell can fail."""

import ast
import json
import re
from pathlib import Path

import pytest

from upconv.claims import VERDICTS, claim, load_claims

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
CLAIMS = load_claims()


def claim_blocks(source: str) -> list[tuple[str, ast.With]]:
    """Each ``with claim("…"):`` in a cell."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.With):
            continue
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "claim":
                found.append((ast.literal_eval(call.args[0]), node))
    return found


def code_cells(chapter: Path) -> list[dict]:
    cells = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def checks() -> dict[str, list[tuple[Path, dict, ast.With]]]:
    """Claim id → the cells that check it."""
    found: dict[str, list] = {}
    for chapter in CHAPTERS:
        for cell in code_cells(chapter):
            if re.search(r"\bclaim\(", "".join(cell["source"])):
                for claim_id, block in claim_blocks("".join(cell["source"])):
                    found.setdefault(claim_id, []).append((chapter, cell, block))
    return found


CHECKS = checks()


def can_fail(test: ast.expr) -> bool:
    """Whether an asserted expression depends on something computed."""
    names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    return bool(names - {"True", "False", "None"})


def test_each_chapter_has_claims_and_each_claim_a_chapter():
    assert {c.chapter for c in CLAIMS.values()} == {chapter.stem for chapter in CHAPTERS}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
@pytest.mark.parametrize("series", ["C", "W"])
def test_no_number_of_a_series_is_left_out(chapter, series):
    ids = [i for i, c in CLAIMS.items() if c.chapter == chapter.stem and i[0] == series]
    numbers = [int(i.split(".")[1]) for i in ids]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {i.split(".")[0] for i in ids} == {f"{series}{int(chapter.stem[:2])}"}


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_claim_has_one_cell_that_can_fail(claim_id):
    assert len(CHECKS.get(claim_id, [])) == 1, f"cells for {claim_id}: expected exactly one"
    chapter, cell, block = CHECKS[claim_id][0]
    assert chapter.stem == CLAIMS[claim_id].chapter
    asserts = [node for node in ast.walk(block) if isinstance(node, ast.Assert)]
    assert asserts, f"the cell of {claim_id} asserts nothing"
    assert all(can_fail(node.test) for node in asserts), f"{claim_id} asserts a constant"
    tags = set(cell["metadata"].get("tags", []))
    assert not tags & {"nbval-skip", "nbval-ignore-output", "nbval-raises-exception"}
    stored = "".join("".join(o.get("data", {}).get("text/html", "")) for o in cell["outputs"])
    assert f'id="{CLAIMS[claim_id].anchor}"' in stored, "the chapter was not run since"


def test_no_cell_checks_an_unknown_claim():
    assert set(CHECKS) <= set(CLAIMS)


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_claim_says_something(claim_id):
    row = CLAIMS[claim_id]
    assert row.verdict in VERDICTS
    assert len(row.statement) > 20
    assert len(row.finding) > 20
    assert "$" not in row.statement + row.finding, "mathematics is not rendered in a claim's box"


@pytest.mark.parametrize(
    ("source", "works"),
    [("assert total == 3", True), ("assert True", False), ("assert 1 + 1 == 2", False)],
)
def test_constant_assertions_are_seen_through(source, works):
    assert can_fail(ast.parse(source).body[0].test) is works


def test_failing_block_shows_no_verdict(capsys):
    claim_id = next(iter(CLAIMS))
    wrong = 2
    with pytest.raises(AssertionError), claim(claim_id):
        assert wrong == 3
    assert capsys.readouterr().out == ""
    with claim(claim_id):
        assert wrong == 2
    assert f"Claim {claim_id}" in capsys.readouterr().out


def test_unknown_claim_is_refused():
    with (
        pytest.raises(ValueError, match=r"claim_id: got 'C0\.0', expected one of C1\.1"),
        claim("C0.0"),
    ):
        pass
