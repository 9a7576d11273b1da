"""Questions at the end of a chapter, each with three answers and a reason for every one.

Chapter ``NN_name.ipynb`` has a file ``NN_name.toml`` here. The answers unfold where they stand: on
the website without a kernel, and in any notebook.
"""

from __future__ import annotations

import html
import tomllib
from dataclasses import dataclass
from importlib import resources


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
            f'<div class="upconv-quiz" role="group" aria-label="Question {number}">'
            f"<p><strong>{number}.</strong> {html.escape(question.ask)}</p>"
            + "".join(_fold(option) for option in question.options)
            + "</div>"
            for number, question in enumerate(self.questions, 1)
        )

    def __repr__(self) -> str:
        lines = []
        for number, question in enumerate(self.questions, 1):
            lines += [f"{number}. {question.ask}"]
            for letter, option in zip("abcd", question.options, strict=False):
                lines += [f"   {letter}) {option.text}"]
                if option.right:
                    answer = f"   Right: {letter}. {option.why}"
            lines += [answer]
        return "\n".join(lines)


def _fold(option: Option) -> str:
    verdict = "✓ Right." if option.right else "✗ No."
    return (
        f'<details data-right="{str(option.right).lower()}" style="margin:.3em 0">'
        f'<summary style="cursor:pointer">{html.escape(option.text)}</summary>'
        f'<p style="margin:.2em 0 .6em 1.2em"><strong>{verdict}</strong> '
        f"{html.escape(option.why)}</p></details>"
    )


def quiz(chapter: int) -> Quiz:
    """The questions of a chapter, shown where it is a cell's last line.

    Raises
    ------
    ValueError
        If there is no such chapter.
    """
    found = resources.files("upconv.quiz").iterdir()
    files = sorted((file for file in found if file.name.endswith(".toml")), key=lambda f: f.name)
    if not 1 <= chapter <= len(files):
        raise ValueError(f"chapter: got {chapter}, expected 1 to {len(files)}")
    rows = tomllib.loads(files[chapter - 1].read_text(encoding="utf-8"))["questions"]
    return Quiz(
        tuple(
            Question(row["ask"], tuple(Option(**option) for option in row["options"]))
            for row in rows
        ),
    )
