"""How a page of the second edition is made: it teaches in what it shows, and folds what it proves.

Every page keeps these rules but for those in ``EXCEPTIONS``. The rules are attacked with small
pages that break one each.
"""

from __future__ import annotations

import ast
import json
import re

import pytest
from test_claims import CHAPTERS, CLAIMS, called, claim_calls
from test_claims import faults as faults_of_check
from test_quiz import NAMES

from upconv.claims import CITED, WITHOUT_CONTROLS
from upconv.quiz import quiz

# Pages still in the first edition's form, and why.
EXCEPTIONS = {
    "03_fcn": "has its turn with the segmentation chapters",
    "04_skip_ablation": "has its turn with the segmentation chapters",
    "05_unet": "has its turn with the segmentation chapters",
    "06_dcgan": "has its turn with the chapters on images made",
}
GUESSES, QUESTIONS, EXERCISES = 3, 5, 6  # at least: a page, a page, a chapter
UNSEEN = {"check", "exercise", "solution", "guess", "setup"}
HINTS = re.compile(
    r"\s*<details><summary>Hint 1</summary>\n\n(?P<first>.+?)\n\n</details>"
    r"\s*<details><summary>Hint 2</summary>\n\n(?P<second>.+?)\n\n</details>\s*",
    re.DOTALL,
)

PAGES = {page.stem: json.loads(page.read_text(encoding="utf-8"))["cells"] for page in CHAPTERS}
MADE = [stem for stem in PAGES if stem not in EXCEPTIONS]
NUMBERS = [
    number
    for number in sorted({stem[:2] for stem in PAGES})
    if not any(stem.startswith(number) for stem in EXCEPTIONS)
]


# ---- the rules -----------------------------------------------------------------------------------


def source(cell: dict) -> str:
    return "".join(cell["source"])


def tags(cell: dict) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def is_code(cell: dict) -> bool:
    return cell["cell_type"] == "code" and bool(source(cell).strip())


def is_seen(cell: dict) -> bool:
    """Whether a reader sees a cell as code that teaches; a box that cites a source is none."""
    return is_code(cell) and not tags(cell) & UNSEEN and not cites(cell)


def cites(cell: dict) -> bool:
    return bool(re.fullmatch(r'claim\("[CW][\d.]+"\)', source(cell).strip()))


def assertions(text: str) -> int:
    """Assertions of a cell, in whatever form."""
    nodes = list(ast.walk(ast.parse(text)))
    calls = (node for node in nodes if isinstance(node, ast.Call))
    found = sum(isinstance(node, ast.Assert) for node in nodes)
    return found + sum(bool(re.match("assert|claim$", called(call))) for call in calls)


def after(cells: list[dict], index: int, step: int = 1) -> dict:
    place = index + step
    nothing = {"cell_type": "", "source": "", "metadata": {}}
    return cells[place] if 0 <= place < len(cells) else nothing


def cells_that_teach(cells: list[dict]) -> list[str]:
    """At most one assertion in what is seen, and words between what is seen."""
    found, last = [], None
    for cell in cells:
        if cell["cell_type"] == "markdown" and source(cell).strip():
            last = None
        if not is_seen(cell):
            continue
        count = assertions(source(cell))
        if count > 1:
            found.append(f"{count} assertions in a visible cell:\n{source(cell)}")
        pair = last is not None and "torch" in tags(last) and "tensorflow" in tags(cell)
        if last is not None and not pair:
            found.append(f"no words before a visible cell:\n{source(cell)}")
        last = cell
    return found


def frameworks(cells: list[dict]) -> list[str]:
    """One of each, one right after the other."""
    found = []
    for index, cell in enumerate(cells):
        for tag, step, other in (("torch", 1, "tensorflow"), ("tensorflow", -1, "torch")):
            if tag in tags(cell) and other not in tags(after(cells, index, step)):
                found.append(f"{tag} without {other} beside it:\n{source(cell)}")
        if {"torch", "tensorflow"} <= tags(cell):
            found.append(f"both frameworks in one cell:\n{source(cell)}")
    return found


def checks(cells: list[dict]) -> list[str]:
    """Folded under a title, on the page and in Colab; with a claim that a control can refute."""
    found = []
    for cell in filter(is_code, cells):
        text = source(cell)
        calls = claim_calls(text)
        if calls and not cites(cell) and "check" not in tags(cell):
            found.append(f"a claim outside of a check:\n{text}")
        if "check" not in tags(cell) or cites(cell):
            continue
        if "hide-input" not in tags(cell) or cell["metadata"].get("cellView") != "form":
            found.append(f"a check that is not folded:\n{text}")
        title = text.splitlines()[0]
        if calls:
            if [f"# @title How {claim_id} is checked" for claim_id, _ in calls] != [title]:
                found.append(f"{title!r} is not the title of this check:\n{text}")
        elif not re.match(r"# @title Check: \w", title) or not assertions(text):
            found.append(f"neither a claim nor a proof with the title `Check: …`:\n{text}")
    return found


def claims(cells: list[dict], verdicts: dict[str, str]) -> list[str]:
    """Every claim of the page once, in the new form or cited."""
    calls = [
        (claim_id, call, source(cell))
        for cell in filter(is_code, cells)
        for claim_id, call in claim_calls(source(cell))
    ]
    found = []
    if sorted(claim_id for claim_id, _, _ in calls) != sorted(verdicts):
        found.append(f"claims: got {[c for c, _, _ in calls]}, expected {list(verdicts)}")
    for claim_id, call, text in calls:
        if isinstance(call, ast.With):
            found.append(f"{claim_id} is checked in a block, without a control")
        elif verdicts.get(claim_id) == CITED:
            if len(call.args) + len(call.keywords) != 1:
                found.append(f"{claim_id} is {CITED} and has a check")
        else:
            found += [f"{claim_id}: {fault}" for fault in faults_of_check(call, text)]
    return found


def guesses(cells: list[dict]) -> list[str]:
    """A question, its result, and words on it."""
    found, count = [], 0
    for index, cell in enumerate(cells):
        if "guess" in tags(cell) or re.search(r"\bguess\(", source(cell) * is_code(cell)):
            if re.fullmatch(r'guess\("\w+\.\d+"\)', source(cell).strip()):
                count += 1
                if not {"guess", "hide-input"} <= tags(cell):
                    found.append(f"a guess without its tags: {source(cell)}")
                if "reveal" not in tags(after(cells, index)):
                    found.append(f"no result to reveal after {source(cell)}")
                if after(cells, index, 2)["cell_type"] != "markdown":
                    found.append(f"no words on the result of {source(cell)}")
            elif "guess" in tags(cell):
                found.append(f"a guess with other code:\n{source(cell)}")
        if "reveal" in tags(cell) and "guess" not in tags(after(cells, index, -1)):
            found.append(f"a result that nobody guesses:\n{source(cell)}")
    return found + [f"{count} guesses, expected {GUESSES} or more"] * (count < GUESSES)


def exercises(cells: list[dict]) -> list[str]:
    """A task with an open last part, a stub, two hints, a solution."""
    found = []
    for index, cell in enumerate(cells):
        if "exercise" not in tags(cell):
            continue
        asked = re.search(r'check\("[\d.]+"', source(cell))
        name = asked[0] if asked else source(cell)
        task = source(after(cells, index, -1))
        paragraphs = re.split(r"\n\s*\n", task.strip())
        if after(cells, index, -1)["cell_type"] != "markdown":
            found.append(f"no task before {name}")
        elif not re.match(r"\*\*Further\.\*\* \S", paragraphs[-1]):
            found.append(f"the task of {name} does not end with a paragraph **Further.** …")
        hints = HINTS.fullmatch(source(after(cells, index)))
        if not hints or after(cells, index)["cell_type"] != "markdown":
            found.append(f"no two hints, and nothing else, after {name}")
        elif any("<details" in part for part in hints.groups()):
            found.append(f"more than two hints after {name}")
        if "solution" not in tags(after(cells, index, 2)):
            found.append(f"no solution after the hints of {name}")
    return found


def page_faults(cells: list[dict], verdicts: dict[str, str], questions: int) -> list[str]:
    rules = (cells_that_teach, frameworks, checks, guesses, exercises)
    found = [fault for rule in rules for fault in rule(cells)] + claims(cells, verdicts)
    few = f"{questions} questions, expected {QUESTIONS} or more"
    return found + [few] * (questions < QUESTIONS)


def chapter_faults(pages: list[list[dict]], questions: int) -> list[str]:
    count = sum("exercise" in tags(cell) for cells in pages for cell in cells)
    few = f"{count} exercises, expected {EXERCISES} or more"
    asked = f"{questions} questions, expected {2 * QUESTIONS} or more"
    return [few] * (count < EXERCISES) + [asked] * (questions < 2 * QUESTIONS)


# ---- the pages -----------------------------------------------------------------------------------


def faults(stem: str) -> list[str]:
    verdicts = {name: row.verdict for name, row in CLAIMS.items() if row.chapter == stem}
    return page_faults(PAGES[stem], verdicts, asked(stem))


def asked(stem: str) -> int:
    return len(quiz(next(name for name, path in NAMES.items() if path.stem == stem)).questions)


@pytest.mark.parametrize("stem", MADE)
def test_a_page_keeps_the_rules(stem):
    found = faults(stem)
    assert found == [], "\n\n".join(found)
    assert stem not in WITHOUT_CONTROLS


@pytest.mark.parametrize("number", NUMBERS)
def test_a_chapter_has_enough_to_do(number):
    stems = [stem for stem in PAGES if stem.startswith(number)]
    assert chapter_faults([PAGES[stem] for stem in stems], sum(map(asked, stems))) == []


def test_exceptions_are_pages_that_need_one():
    assert set(EXCEPTIONS) <= set(PAGES)
    assert [stem for stem in EXCEPTIONS if not faults(stem)] == [], "these keep the rules by now"
    assert all(len(why) > 10 for why in EXCEPTIONS.values())


# ---- the rules are attacked ----------------------------------------------------------------------


def cell(kind: str, text: str, *tagged: str, **metadata: str) -> dict:
    return {"cell_type": kind, "source": text, "metadata": {"tags": list(tagged), **metadata}}


CHECK = """# @title How C1.1 is checked
def is_three(y):
    assert y == 3
claim("C1.1", is_three, right={"NumPy": y}, wrong={"zero": 0})"""
TWO_HINTS = "\n\n".join(
    f"<details><summary>Hint {n}</summary>\n\nCount {n}.\n\n</details>" for n in (1, 2)
)
VERDICTS = {"C1.1": "holds", "C1.2": CITED}


def page() -> dict[str, dict]:
    """A page that keeps all rules, its cells by name."""
    cells = {
        "setup": cell("code", "import sys", "setup", "hide-input"),
        "imports": cell("code", "import numpy as np", "hide-input"),
        "words": cell("markdown", "The idea."),
        "torch": cell("code", "y = torch.add(1, 2)", "torch"),
        "tensorflow": cell("code", "y = tf.add(1, 2)", "tensorflow"),
        "check": cell("code", CHECK, "check", "hide-input", cellView="form"),
        "proof": cell(
            "code",
            "# @title Check: both are equal\nassert a == b\nassert b == c",
            *("check", "hide-input"),
            cellView="form",
        ),
        "history": cell("code", 'claim("C1.2")'),
    }
    for number in range(1, 4):
        cells |= {
            f"ask {number}": cell("markdown", "What will come out?"),
            f"guess {number}": cell("code", f'guess("1.{number}")', "guess", "hide-input"),
            f"reveal {number}": cell("code", "print(y)", "reveal"),
            f"why {number}": cell("markdown", "Because of the rim."),
        }
    cells |= {
        "task": cell("markdown", "### Exercise 1.1\n\nAdd.\n\n**Further.** And\nmore?"),
        "stub": cell("code", 'check("1.1", add)', "exercise"),
        "hints": cell("markdown", TWO_HINTS),
        "solution": cell("code", "#@title Solution\nassert 1\nassert 2", "solution", "hide-cell"),
    }
    return cells


def test_a_page_that_keeps_the_rules_is_let_through():
    assert page_faults(list(page().values()), VERDICTS, QUESTIONS) == []
    assert chapter_faults([list(page().values())] * EXERCISES, 2 * QUESTIONS) == []


def rewritten(name: str, old: str, new: str):
    def change(cells: dict[str, dict]) -> None:
        assert old in cells[name]["source"]
        cells[name]["source"] = cells[name]["source"].replace(old, new)

    return change


def tagged(name: str, *tags: str):
    return lambda cells: cells[name]["metadata"].update(tags=list(tags))


def without(*names: str):
    return lambda cells: [cells.pop(name) for name in names]


def unfolded(cells: dict[str, dict]) -> None:
    del cells["check"]["metadata"]["cellView"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (rewritten("torch", "y =", "assert a\nassert b\ny ="), "2 assertions in a visible cell"),
        (
            rewritten("torch", "y =", "np.testing.assert_allclose(a, b)\nassert a\ny ="),
            "2 assertions in a visible cell",
        ),
        (tagged("proof"), "2 assertions in a visible cell"),
        (without("words"), "no words before a visible cell"),
        (rewritten("words", "The idea.", " \n"), "no words before a visible cell"),
        (without("ask 1"), "no words before a visible cell"),
        (without("tensorflow"), "torch without tensorflow"),
        (without("torch"), "tensorflow without torch"),
        (tagged("torch", "torch", "tensorflow"), "both frameworks in one cell"),
        (tagged("torch"), "no words before a visible cell"),
        (tagged("check"), "a claim outside of a check"),
        (tagged("check", "check"), "a check that is not folded"),
        (unfolded, "a check that is not folded"),
        (rewritten("check", "How C1.1", "How C1.3"), "is not the title of this check"),
        (rewritten("check", "# @title How C1.1 is checked\n", ""), "is not the title of this"),
        (rewritten("proof", "Check: ", ""), "neither a claim nor a proof"),
        (rewritten("proof", "assert ", ""), "neither a claim nor a proof"),
        (rewritten("check", ', wrong={"zero": 0}', ""), "C1.1: no wrong"),
        (rewritten("check", '{"zero": 0}', "{}"), "C1.1: wrong is not written out"),
        (rewritten("check", "y == 3", "True"), "C1.1: its check asserts"),
        (
            rewritten("check", CHECK[CHECK.index("def") :], 'with claim("C1.1"):\n    assert y'),
            "C1.1 is checked in a block",
        ),
        (without("check"), "claims: got"),
        (without("history"), "claims: got"),
        (rewritten("history", '"C1.2"', '"C1.3"'), "claims: got"),
        (
            rewritten("history", '"C1.2"', '"C1.2", f, right={"a": 1}, wrong={"b": 2}'),
            "C1.2 is not for a cell and has a check",
        ),
        (tagged("guess 2", "hide-input"), "a guess without its tags"),
        (tagged("reveal 2"), "no result to reveal"),
        (without("why 2", "ask 3"), "no words on the result"),
        (without("guess 2"), "a result that nobody guesses"),
        (without("guess 2", "reveal 2"), "2 guesses, expected 3"),
        (rewritten("guess 2", "guess(", "print(y); guess("), "a guess with other code"),
        (rewritten("task", "**Further.**", "Further."), "does not end with a paragraph"),
        (rewritten("task", "more?", "more?\n\nHand it in."), "does not end with a paragraph"),
        (without("task"), "does not end with a paragraph"),
        (without("hints"), "no two hints"),
        (rewritten("hints", "Hint 2", "Hint 3"), "no two hints"),
        (rewritten("hints", TWO_HINTS, TWO_HINTS + "\n\nAnd now solve it."), "no two hints"),
        (rewritten("hints", TWO_HINTS, TWO_HINTS[: TWO_HINTS.index("\n\n<det")]), "no two hints"),
        (
            rewritten("hints", "Count 2.", "Count.\n\n</details>\n\n<details><b>Hint 3</b>"),
            "more than two hints",
        ),
        (without("solution"), "no solution after the hints"),
    ],
)
def test_a_page_that_breaks_a_rule_is_found(change, said):
    cells = page()
    change(cells)
    found = page_faults(list(cells.values()), VERDICTS, QUESTIONS)
    assert any(said in fault for fault in found), found


def test_too_little_is_found():
    cells = list(page().values())
    assert page_faults(cells, VERDICTS, QUESTIONS - 1) == ["4 questions, expected 5 or more"]
    found = chapter_faults([cells] * (EXERCISES - 1), 2 * QUESTIONS - 1)
    assert found == ["5 exercises, expected 6 or more", "9 questions, expected 10 or more"]
