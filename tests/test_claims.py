"""Every claim has one cell, whose check accepts what is right and rejects what is wrong."""

import ast
import json
import re
from pathlib import Path

import numpy as np
import pytest

import upconv.claims as claims_module
from upconv.claims import CITED, VERDICTS, WITHOUT_CONTROLS, claim, load_claims

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
CLAIMS = load_claims()


def code_cells(page: Path) -> list[dict]:
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def claim_calls(source: str) -> list[tuple[str, ast.With | ast.Call]]:
    """Each ``with claim("…"):`` block and each other call of ``claim`` in a cell."""
    tree, found, blocks = ast.parse(source), [], set()
    for node in ast.walk(tree):
        for item in node.items if isinstance(node, ast.With) else ():
            if is_claim(item.context_expr):
                found.append((ast.literal_eval(item.context_expr.args[0]), node))
                blocks.add(item.context_expr)
    calls = (node for node in ast.walk(tree) if is_claim(node) and node not in blocks)
    return found + [(ast.literal_eval(call.args[0]), call) for call in calls]


def is_claim(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "claim"


def checks() -> dict[str, list[tuple[Path, dict, ast.With | ast.Call]]]:
    """Claim id → the cells that check it."""
    found: dict[str, list] = {}
    for page in CHAPTERS:
        for cell in code_cells(page):
            if re.search(r"\bclaim\(", "".join(cell["source"])):
                for claim_id, node in claim_calls("".join(cell["source"])):
                    found.setdefault(claim_id, []).append((page, cell, node))
    return found


CHECKS = checks()


def faults(call: ast.Call, source: str) -> list[str]:
    """What is wrong with ``claim("…", check, right={…}, wrong={…})`` in a cell's source."""
    given = {word.arg: word.value for word in call.keywords}
    given |= dict(zip(("id", "check", "right", "wrong"), call.args, strict=False))
    found = [f"no {name}" for name in ("check", "right", "wrong") if name not in given]
    if found:
        return found
    check = given["check"]
    if isinstance(check, ast.Name):
        defined = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef))
        check = next((one for one in defined if one.name == check.id), None)
    if not isinstance(check, ast.FunctionDef | ast.Lambda):
        return ["its check is not defined in its cell"]
    if not can_reject(check):
        found.append("its check asserts and returns nothing that depends on its candidate")
    values = {}
    for name in ("right", "wrong"):
        value = given[name]
        if not isinstance(value, ast.Dict) or not value.keys:
            found.append(f"{name} is not written out, with a candidate or more")
        elif not all(isinstance(key, ast.Constant | ast.JoinedStr) for key in value.keys):
            found.append(f"{name} does not say what a candidate is")
        else:
            values[name] = {ast.dump(one) for one in value.values}
    if len(values) == 2 and values["right"] & values["wrong"]:
        found.append("a candidate is both right and wrong")
    return found


def can_reject(check: ast.FunctionDef | ast.Lambda) -> bool:
    """Whether what a check asserts or returns depends on the candidate, as names lead to names."""
    known = {argument.arg for argument in (*check.args.args, *check.args.posonlyargs)}
    steps = check.body if isinstance(check, ast.FunctionDef) else [ast.Return(check.body)]
    nodes = [node for step in steps for node in ast.walk(step)]
    for _ in nodes:  # a name that is computed of the candidate is known as well
        for node in nodes:
            if isinstance(node, ast.Assign | ast.For | ast.With) and names(node) & known:
                known |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and is_set(n)}
    asked = [node.test for node in nodes if isinstance(node, ast.Assert)]
    asked += [node.value for node in nodes if isinstance(node, ast.Return) and node.value]
    # np.testing.assert_allclose(…) and what else asserts by its name
    asked += [node for node in nodes if isinstance(node, ast.Call) and "assert" in called(node)]
    return any(names(node) & known for node in asked)


def names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def is_set(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def can_fail(test: ast.expr) -> bool:
    """Whether an asserted expression depends on something computed."""
    names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    return bool(names - {"True", "False", "None"})


def test_each_chapter_has_claims_and_each_claim_a_chapter():
    assert {c.chapter for c in CLAIMS.values()} == {chapter.stem for chapter in CHAPTERS}


@pytest.mark.parametrize("number", sorted({page.stem[:2] for page in CHAPTERS}))
@pytest.mark.parametrize("series", ["C", "W"])
def test_no_number_of_a_series_is_left_out(number, series):
    """A chapter's pages share its numbers."""
    ids = [i for i, c in CLAIMS.items() if c.chapter[:2] == number and i[0] == series]
    numbers = sorted(int(i.split(".")[1]) for i in ids)
    assert numbers == list(range(1, len(numbers) + 1))
    assert {i.split(".")[0] for i in ids} <= {f"{series}{int(number)}"}
    assert ids or series == "W"


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_claim_has_one_cell_that_can_fail(claim_id):
    assert len(CHECKS.get(claim_id, [])) == 1, f"cells for {claim_id}: expected exactly one"
    (chapter, cell, node), row = CHECKS[claim_id][0], CLAIMS[claim_id]
    assert chapter.stem == row.chapter
    if isinstance(node, ast.With):
        assert row.chapter in WITHOUT_CONTROLS, f"{claim_id}: a block, without a wrong candidate"
        asserts = [one for one in ast.walk(node) if isinstance(one, ast.Assert)]
        assert asserts, f"the cell of {claim_id} asserts nothing"
        assert all(can_fail(one.test) for one in asserts), f"{claim_id} asserts a constant"
    elif row.verdict == CITED:
        assert len(node.args) == 1 and not node.keywords, f"{claim_id} is {CITED}"
    else:
        assert faults(node, "".join(cell["source"])) == [], claim_id
    tags = set(cell["metadata"].get("tags", []))
    assert not tags & {"nbval-skip", "nbval-ignore-output", "nbval-raises-exception"}
    stored = "".join("".join(o.get("data", {}).get("text/html", "")) for o in cell["outputs"])
    assert f'id="{row.anchor}"' in stored, "the chapter was not run since"
    if row.verdict != CITED and isinstance(node, ast.Call):
        assert "<small>The check accepts " in stored and "; rejects " in stored


def test_claims_without_a_cell_cite_what_is_in_the_bibliography():
    literature = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    keys = set(re.findall(r"^@\w+\{([^,\s]+),", literature, flags=re.M))
    assert {c.cite for c in CLAIMS.values() if c.cite} <= keys
    assert all(bool(c.cite) == (c.verdict == CITED) for c in CLAIMS.values())


def test_pages_in_the_old_form_are_named_one_by_one():
    stems = {page.stem for page in CHAPTERS}
    assert set(WITHOUT_CONTROLS) <= stems
    for stem in WITHOUT_CONTROLS:
        mine = [node for (page, _, node), *_ in CHECKS.values() if page.stem == stem]
        assert any(isinstance(node, ast.With) for node in mine), f"{stem} has the new form"


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


OF = """
def check(y):
    {}
claim("C1.1", check, right={{"a": one}}, wrong={{"b": two}})"""


@pytest.mark.parametrize(
    "body",
    [
        "assert y == 3",
        "return abs(y - 3) < 1e-6",
        "np.testing.assert_allclose(y, 3)",
        "z = y + 1\n    t = z * 2\n    assert t > 3",
        "for part in y:\n        assert part > 3",
    ],
)
def test_checks_that_can_reject_are_known(body):
    source = OF.format(body)
    ((claim_id, call),) = claim_calls(source)
    assert claim_id == "C1.1" and faults(call, source) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (OF.format("assert True"), "depends on its candidate"),
        (OF.format("assert total == 3"), "depends on its candidate"),
        (OF.format("y = 3\n    x = 1\n    assert x == 1"), "depends on its candidate"),
        (OF.format("print(y)"), "depends on its candidate"),
        ('claim("C1.1", check, right={"a": 1}, wrong={"b": 2})', "not defined in its cell"),
        ('claim("C1.1", lambda y: True, right={"a": 1}, wrong={"b": 2})', "depends on"),
        ('claim("C1.1", lambda y: y == 1, right={"a": 1})', "no wrong"),
        ('claim("C1.1", lambda y: y == 1, wrong={"b": 2})', "no right"),
        ('claim("C1.1")', "no check"),
        ('claim("C1.1", lambda y: y == 1, right={}, wrong={"b": 2})', "right is not written"),
        ('claim("C1.1", lambda y: y == 1, {"a": 1}, wrong=some)', "wrong is not written"),
        ('claim("C1.1", lambda y: y == 1, right={"a": 1}, wrong={key: 2})', "does not say"),
        ('claim("C1.1", lambda y: y == 1, right={"a": 1}, wrong={"b": 1})', "both"),
    ],
)
def test_a_check_that_proves_nothing_is_found(source, fault):
    ((_, call),) = claim_calls(source)
    assert any(fault in one for one in faults(call, source)), faults(call, source)


# ---- what `claim` does ---------------------------------------------------------------------------

ROWS = """
["C9.1"]
source = "a slide"
statement = "Two and one make three, `always`."
verdict = "holds"
finding = "They do, as one can count."

["C9.2"]
source = "a slide"
statement = "Somebody was the first to say so."
verdict = "not for a cell"
cite = "UlyanovLebedev2016"
finding = "It was said earlier by others."
"""


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """The claims are those of files in a folder: ``shelf(text)`` writes one."""

    def write(text: str, name: str = "09_new") -> None:
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")

    write(ROWS)
    monkeypatch.setattr(claims_module.resources, "files", lambda package: tmp_path)
    return write


def is_three(total):
    assert total == 3


def html_of(capsys, monkeypatch, *arguments, **candidates) -> tuple[str, str]:
    """What a notebook and a terminal show."""
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    assert claim(*arguments, **candidates) is None
    (one,) = shown
    return one._repr_html_(), repr(one)


def test_a_verdict_says_what_was_accepted_and_rejected(shelf, capsys, monkeypatch):
    page, text = html_of(
        capsys, monkeypatch, "C9.1", is_three, {"NumPy": 3, "a <tensor>": 3.0}, {"`a` guess": 4}
    )
    said = "The check accepts NumPy, a &lt;tensor&gt;; rejects <code>a</code> guess."
    assert f"<br><small>{said}</small></div>" in page and 'id="claim-c9-1"' in page
    assert text.endswith("The check accepts NumPy, a <tensor>; rejects `a` guess.")


@pytest.mark.parametrize("no", [lambda y: False, lambda y: np.bool_(y == 3), is_three])
def test_a_check_may_assert_or_return(shelf, capsys, no):
    with pytest.raises(AssertionError):
        claim("C9.1", no, right={"a": 4}, wrong={"b": 5})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("accepts_all", [lambda y: None, lambda y: True, lambda y: 1])
def test_a_check_that_accepts_all_is_refused(shelf, capsys, accepts_all):
    with pytest.raises(AssertionError, match=r"^C9\.1: the check cannot fail: it accepted b$"):
        claim("C9.1", accepts_all, right={"a": 3}, wrong={"b": 4})
    assert capsys.readouterr().out == ""


def test_every_candidate_counts(shelf, capsys):
    with pytest.raises(AssertionError, match="cannot fail: it accepted last"):
        claim("C9.1", is_three, right={"a": 3}, wrong={"b": 4, "c": 5, "last": 3})
    with pytest.raises(AssertionError) as caught:
        claim("C9.1", is_three, right={"a": 3, "last": 4}, wrong={"b": 4})
    assert caught.value.__notes__ == ["C9.1, while checking last"]
    assert capsys.readouterr().out == ""


def test_a_check_that_rejects_all_is_refused(shelf, capsys):
    with pytest.raises(AssertionError, match=r"C9\.1: the check returned False for a"):
        claim("C9.1", lambda y: False, right={"a": 3}, wrong={"b": 4})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("wrong", ["four", np.zeros(2)])
def test_another_error_is_no_rejection(shelf, capsys, wrong):
    """A control of the wrong kind would be rejected by any check, and prove nothing."""
    with pytest.raises((TypeError, ValueError)) as caught:
        claim("C9.1", lambda y: abs(y - 3) < 1, right={"a": 3}, wrong={"a word": wrong})
    assert "C9.1, while checking a word" in caught.value.__notes__
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "check: got none for C9.1, expected a function of a candidate"),
        ((3, {"a": 3}, {"b": 4}), "check: got 3 for C9.1, expected a function of a candidate"),
        ((is_three,), "right: got no candidate for C9.1, expected at least one"),
        ((is_three, {"a": 3}), "wrong: got no candidate for C9.1, expected at least one"),
        ((is_three, {}, {"b": 4}), "right: got no candidate for C9.1, expected at least one"),
        ((is_three, {"a": 3}, [4]), "wrong: got a list for C9.1, expected what each candidate is"),
    ],
)
def test_a_control_must_be_there(shelf, arguments, said):
    with pytest.raises(ValueError, match=said):
        claim("C9.1", *arguments)


def test_history_is_cited_and_not_checked(shelf, capsys, monkeypatch):
    page, text = html_of(capsys, monkeypatch, "C9.2")
    cited = '<cite data-key="UlyanovLebedev2016">Ulyanov Lebedev 2016</cite>'
    assert f"<small>Source: {cited}</small></div>" in page and "not for a cell" in page
    assert text.endswith("Source: Ulyanov Lebedev 2016.")
    with pytest.raises(ValueError, match=r"check: got one for C9\.2, expected none: it"):
        claim("C9.2", is_three, right={"a": 3}, wrong={"b": 4})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('verdict = "holds"', 'verdict = "true"', "verdict of claim C9.1: got 'true', expected"),
        ('cite = "UlyanovLebedev2016"', "", "cite of claim C9.2: got '' with the verdict 'not for"),
        ('verdict = "not for a cell"', 'verdict = "fails"', "cite of claim C9.2: got 'Ulyanov"),
    ],
)
def test_a_wrong_row_is_refused(shelf, old, new, said):
    assert old in ROWS
    shelf(ROWS.replace(old, new))
    with pytest.raises(ValueError, match=said):
        load_claims()


def test_an_id_in_two_files_is_refused(shelf):
    shelf(ROWS, "09b_new")
    with pytest.raises(ValueError, match=r"claim C9\.1: got it twice"):
        load_claims()


@pytest.mark.skipif(not WITHOUT_CONTROLS, reason="all pages have the new form")
def test_failing_block_shows_no_verdict(capsys):
    claim_id = next(i for i, c in CLAIMS.items() if c.chapter in WITHOUT_CONTROLS)
    wrong = 2
    with pytest.raises(AssertionError), claim(claim_id):
        assert wrong == 3
    assert capsys.readouterr().out == ""
    with claim(claim_id):
        assert wrong == 2
    assert f"Claim {claim_id}" in capsys.readouterr().out


def test_unknown_claim_is_refused():
    with pytest.raises(ValueError, match=r"claim_id: got 'C0\.0', expected one of C1\.1"):
        claim("C0.0")
