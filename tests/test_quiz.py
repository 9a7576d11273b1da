"""The questions of the chapters: one right answer each, and a reason for every answer."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from upconv.quiz import guess, quiz

ROOT = Path(__file__).parents[1]
FILES = ROOT / "code" / "upconv" / "quiz"
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
# What each page calls itself: "1", "1b", "2", …
NAMES = {path.stem.partition("_")[0].lstrip("0"): path for path in CHAPTERS}


def guesses(name: str) -> list[str]:
    rows = tomllib.loads((FILES / f"{NAMES[name].stem}.toml").read_text(encoding="utf-8"))
    return [row["id"] for row in rows.get("guesses", [])]


def test_each_page_has_its_file():
    assert sorted(path.stem for path in FILES.glob("*.toml")) == [p.stem for p in CHAPTERS]


@pytest.mark.parametrize("name", NAMES)
def test_each_question_has_one_right_answer_and_reasons(name):
    questions = quiz(name).questions
    assert len(questions) >= 4
    asked = [*questions, *(guess(one).question for one in guesses(name))]
    assert len({question.ask for question in asked}) == len(asked)
    for question in asked:
        assert question.ask.endswith("?")
        assert sum(option.right for option in question.options) == 1
        assert len({option.text for option in question.options}) == len(question.options) == 3
        assert all(len(option.why) > 10 for option in question.options)


def test_the_right_answer_stands_anywhere():
    places = [
        [option.right for option in question.options].index(True)
        for name in NAMES
        for question in (*quiz(name).questions, *(guess(one).question for one in guesses(name)))
    ]
    assert all(places.count(place) >= len(places) // 5 for place in range(3))


@pytest.mark.parametrize("name", NAMES)
def test_each_page_asks_its_own_questions(name):
    cells = json.loads(NAMES[name].read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert re.findall(r"\bquiz\(\"?(\w+)\"?\)", text) == [name]
    assert re.findall(r"\bguess\(\"([\w.]+)\"\)", text) == guesses(name)
    assert guesses(name) == [f"{name}.{place}" for place in range(1, len(guesses(name)) + 1)]


def test_answers_are_in_the_text_of_a_terminal_too():
    text = repr(quiz(2))
    assert text.startswith("1. Is a transposed convolution the inverse")
    assert text.count("   Right: ") == len(quiz(2).questions)


def test_no_such_chapter_is_refused():
    with pytest.raises(ValueError, match="page: got 0, expected one of 1, "):
        quiz(0)


GUESS = """
[[guesses]]
id = "{}"
ask = "Is a < b?"
options = [
  {{ text = "Yes", right = true, why = "So it is." }},
  {{ text = "No", why = "It is not." }},
]
"""


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setattr("upconv.quiz.resources.files", lambda package: tmp_path)
    (tmp_path / "01_one.toml").write_text(GUESS.format("1.1"), encoding="utf-8")
    (tmp_path / "01b_two.toml").write_text(GUESS.format("1b.1"), encoding="utf-8")
    return tmp_path


def test_a_guess_names_its_answers_and_gives_none_away(shelf):
    found = guess("1b.1")
    assert found.id == "1b.1"
    assert repr(found) == "Guess first. Is a < b?\n   a) Yes\n   b) No"
    page = found._repr_html_()
    assert 'class="upconv-quiz upconv-guess" role="group" aria-label="Guess 1b.1"' in page
    assert "Is a &lt; b?" in page and page.count("<details data-right=") == 2
    assert " open" not in page


def test_no_such_guess_is_refused(shelf):
    with pytest.raises(ValueError, match=r"guess_id: got '1\.9', expected one of 1\.1, 1b\.1"):
        guess("1.9")
    (shelf / "02_three.toml").write_text(GUESS.format("1b.1"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"guess 1b\.1: got it twice"):
        guess("1.1")
