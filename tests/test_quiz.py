"""The questions of the chapters: one right answer each, and a reason for every answer."""

import json
import re
from pathlib import Path

import pytest

from upconv.quiz import quiz

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))


@pytest.mark.parametrize("number", range(1, len(CHAPTERS) + 1))
def test_each_question_has_one_right_answer_and_reasons(number):
    questions = quiz(number).questions
    assert len(questions) >= 4
    assert len({question.ask for question in questions}) == len(questions)
    for question in questions:
        assert question.ask.endswith("?")
        assert sum(option.right for option in question.options) == 1
        assert len({option.text for option in question.options}) == len(question.options) == 3
        assert all(len(option.why) > 10 for option in question.options)


def test_the_right_answer_stands_anywhere():
    places = [
        [option.right for option in question.options].index(True)
        for number in range(1, len(CHAPTERS) + 1)
        for question in quiz(number).questions
    ]
    assert all(places.count(place) >= len(places) // 5 for place in range(3))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_each_chapter_asks_its_own_questions(chapter):
    cells = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
    asked = re.findall(r"quiz\((\d+)\)", "\n".join("".join(cell["source"]) for cell in cells))
    assert asked == [str(int(chapter.stem[:2]))]


def test_answers_are_in_the_text_of_a_terminal_too():
    text = repr(quiz(2))
    assert text.startswith("1. Is a transposed convolution the inverse")
    assert text.count("   Right: ") == len(quiz(2).questions)


def test_no_such_chapter_is_refused():
    with pytest.raises(ValueError, match="page: got 0, expected one of 1, "):
        quiz(0)
