"""Questions, each with three answers and a reason for every one.

Page ``NN_name.ipynb`` has a file ``NN_name.toml`` here: ``[[questions]]`` at the page's end, and
``[[guesses]]``, each with an ``id``, before a result is shown. The answers unfold where they stand:
on the website without a kernel, and in any notebook.
"""

from __future__ import annotations

import html
import tomllib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any


@dataclass(frozen=True)
class Option:
    """A possible answer, and why it is right or not."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """What is asked, and the answers to choose from."""

    ask: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Quiz:
    """The questions of a chapter."""

    questions: tuple[Question, ...]

    def _repr_html_(self) -> str:
        return "".join(
            _box(question, f"Question {number}", f"{number}.")
            for number, question in enumerate(self.questions, 1)
        )

    def __repr__(self) -> str:
        lines = []
        for number, question in enumerate(self.questions, 1):
            lines += _lines(question, f"{number}.")
            lines += [
                f"   Right: {letter}. {option.why}"
                for letter, option in zip("abcd", question.options, strict=False)
                if option.right
            ]
        return "\n".join(lines)


def _lines(question: Question, begin: str) -> list[str]:
    options = zip("abcd", question.options, strict=False)
    return [f"{begin} {question.ask}", *(f"   {letter}) {one.text}" for letter, one in options)]


def _box(question: Question, label: str, begin: str, more: str = "") -> str:
    return (
        f'<div class="upconv-quiz{more}" role="group" aria-label="{label}">'
        f"<p><strong>{begin}</strong> {html.escape(question.ask)}</p>"
        + "".join(map(_fold, question.options))
        + "</div>"
    )


def _fold(option: Option) -> str:
    verdict = "✓ Right." if option.right else "✗ No."
    return (
        f'<details data-right="{str(option.right).lower()}" style="margin:.3em 0">'
        f'<summary style="cursor:pointer">{html.escape(option.text)}</summary>'
        f'<p style="margin:.2em 0 .6em 1.2em"><strong>{verdict}</strong> '
        f"{html.escape(option.why)}</p></details>"
    )


def _files() -> dict[str, Traversable]:
    """The file of each page: "1", "1b", … → its file, in the order of the book."""
    found = (file for file in resources.files(__package__).iterdir() if file.name[:1].isdigit())
    return {
        file.name.partition("_")[0].lstrip("0"): file
        for file in sorted(found, key=lambda f: f.name)
    }


def _question(row: dict[str, Any]) -> Question:
    return Question(row["ask"], tuple(Option(**option) for option in row["options"]))


def quiz(page: int | str) -> Quiz:
    """The questions of a page, shown where it is a cell's last line.

    Parameters
    ----------
    page
        A chapter's number, or its number and the letter of a further page: ``1`` or ``"1b"``.

    Raises
    ------
    ValueError
        If there is no such page.
    """
    files = _files()
    if str(page) not in files:
        raise ValueError(f"page: got {page!r}, expected one of {', '.join(files)}")
    rows = tomllib.loads(files[str(page)].read_text(encoding="utf-8"))["questions"]
    return Quiz(tuple(map(_question, rows)))


@dataclass(frozen=True)
class Guess:
    """A question before a result; the cell after it, tagged ``reveal``, shows the result."""

    id: str
    question: Question

    def _repr_html_(self) -> str:
        return _box(self.question, f"Guess {self.id}", "Guess first.", " upconv-guess")

    def __repr__(self) -> str:
        return "\n".join(_lines(self.question, "Guess first."))


def guess(guess_id: str) -> Guess:
    """A question to answer before its result is shown, such as ``guess("1.2")``.

    Raises
    ------
    ValueError
        If no guess has this id, or two have it.
    """
    rows: dict[str, Guess] = {}
    for file in _files().values():
        for row in tomllib.loads(file.read_text(encoding="utf-8")).get("guesses", []):
            if row["id"] in rows:
                raise ValueError(f"guess {row['id']}: got it twice, expected an id to be unique")
            rows[row["id"]] = Guess(row["id"], _question(row))
    if guess_id not in rows:
        raise ValueError(f"guess_id: got {guess_id!r}, expected one of {', '.join(rows)}")
    return rows[guess_id]
