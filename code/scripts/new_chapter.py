"""Create a new chapter: a runnable notebook, claims, questions, an exercise, a _toc.yml entry.

    make new-chapter NAME=diffusion TITLE="Diffusion"

All contents are placeholders; `make notebooks` and `make book` work right away.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[2]

INTRODUCTION = """\
# {title}

What this chapter is about, in three sentences: the idea before any formula.

**After this chapter you can**

- explain what …;
- compute …;
- distinguish … from ….

Reading takes about 60 minutes, running 1 minute. It builds on [chapter 1](01_cnn_fourier.ipynb)."""

IMPORTS = """\
import numpy as np
from upconv import ops
from upconv.claims import claim
from upconv.data import photo
from upconv.exercises import check
from upconv.figures import image_row, show, use_style
from upconv.quiz import guess, quiz
use_style()"""

FIGURE = """\
camera = photo("camera", 128)
blurred = ops.apply_transfer(camera, ops.gaussian_transfer(camera.shape, 2.0))
show(
    image_row([camera, blurred], ["photograph", "blurred"]),
    alt=f"A photograph and its blurred copy; the standard deviation of the grays falls from "
        f"{camera.std():.2f} to {blurred.std():.2f}",
    caption="What the figure shows, with a number from the code.",
)"""

GUESS = """\
guess("{number}.1")"""

RESULT = """\
print(f"{{camera.std():.3f}} before, {{blurred.std():.3f}} after")"""

CLAIM = """\
# @title How C{number}.1 is checked
def grays_are_closer(image):
    assert image.std() < camera.std()

claim(
    "C{number}.1",
    grays_are_closer,
    right={{"a Gaussian blur": blurred}},
    wrong={{"the photograph itself": camera, "a sharpened one": 2 * camera - blurred}},
)"""

TASK = """\
## Exercises

### Exercise {number}.1: a mean

Return the mean.

**Further.** What no checker can grade: which other averages are there?"""

STUB = """\
def mean_of(values):
    raise NotImplementedError  # your code here

check("{number}.1", mean_of)"""

SOLUTION = """\
#@title Solution
def mean_of(values):
    return sum(values) / len(values)

check("{number}.1", mean_of)"""

HINTS = """\
<details><summary>Hint 1</summary>

Which two numbers do you need?

</details>

<details><summary>Hint 2</summary>

The sum, and how many there are: `len(values)`.

</details>"""

SOLVED = {
    "cellView": "form",
    "jupyter": {"source_hidden": True},
    "mystnb": {"code_prompt_hide": "Hide the solution", "code_prompt_show": "Show a solution"},
    "tags": ["hide-cell", "solution"],
}

CLAIMS = """\
["C{number}.1"]
source = "where this is stated"
statement = "Blurring makes the grays of a picture more similar."
verdict = "holds"
finding = "The standard deviation of the grays falls; the cell above says by how much."
"""

QUESTIONS = """\
[[guesses]]
id = "{number}.1"
ask = "A picture is blurred. What becomes of the standard deviation of its grays?"
options = [
  {{ text = "It falls.", right = true, why = "Neighbors become alike." }},
  {{ text = "It stays.", why = "The mean does." }},
  {{ text = "It grows.", why = "Sharpening does that." }},
]

[[questions]]
ask = "What does the chapter ask the reader?"
options = [
  {{ text = "A wrong answer", why = "Why it seems plausible, and why it is wrong." }},
  {{ text = "The right answer", right = true, why = "Why it is right." }},
  {{ text = "Another wrong answer", why = "The confusion behind it." }},
]
"""

EXERCISE = '''\
"""Exercises of chapter {number}, with reference answers that share no code with the chapter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from upconv.exercises import Exercise


def _mean_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng({number}01)
    for count in (1, 2, 5, 20):
        yield {{"values": rng.normal(size=count)}}


EXERCISES = {{
    "{number}.1": Exercise("a mean", lambda values: float(np.mean(values)), _mean_cases),
}}
'''


def new_chapter(root: Path, name: str, title: str) -> Path:
    """Write the files of a chapter below ``root`` and return the path of its notebook.

    Raises
    ------
    ValueError
        If the name is not valid for a file, or already taken. Then nothing is written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise ValueError(f"NAME: got {name!r}, expected lowercase letters, digits and _")
    chapters = sorted((root / "chapters").glob("[0-9][0-9]_*.ipynb"))
    if any(path.stem[3:] == name for path in chapters):
        raise ValueError(f"NAME: got {name!r}, expected an unused name")
    number = int(chapters[-1].stem[:2]) + 1
    stem = f"{number:02}_{name}"
    last = json.loads(chapters[-1].read_text(encoding="utf-8"))
    install = next("".join(c["source"]) for c in last["cells"] if c["cell_type"] == "code")
    cells = [
        new_markdown_cell(INTRODUCTION.format(title=title)),
        new_code_cell(install, metadata={"tags": ["hide-input", "setup"]}),
        new_code_cell(IMPORTS, metadata={"tags": ["hide-input"]}),
        new_markdown_cell("## The idea\n\nIdea, definition, picture, experiment, claim."),
        new_code_cell(FIGURE, metadata={"tags": ["hide-input"]}),
        new_markdown_cell("Why the reader should want to know this."),
        new_code_cell(GUESS.format(number=number), metadata={"tags": ["guess", "hide-input"]}),
        new_code_cell(RESULT.format(), metadata={"tags": ["reveal"]}),
        new_markdown_cell("Why this is so, and why the tempting answer is wrong."),
        new_code_cell(
            CLAIM.format(number=number),
            metadata={"cellView": "form", "tags": ["check", "hide-input"]},
        ),
        new_markdown_cell("## Questions\n\nPick an answer to see the explanation."),
        new_code_cell(f"quiz({number})", metadata={"tags": ["hide-input"]}),
        new_markdown_cell(TASK.format(number=number)),
        new_code_cell(STUB.format(number=number), metadata={"tags": ["exercise"]}),
        new_markdown_cell(HINTS),
        new_code_cell(SOLUTION.format(number=number), metadata=SOLVED),
        new_markdown_cell("## Further reading\n\nThe primary paper, and why it is worth reading."),
    ]
    for index, cell in enumerate(cells):
        cell["id"] = f"ch{number}-{index:03}"
    notebook = new_notebook(cells=cells, metadata=last["metadata"])
    package = root / "code" / "upconv"
    files = {
        package / "claims" / f"{stem}.toml": CLAIMS,
        package / "quiz" / f"{stem}.toml": QUESTIONS,
        package / "exercises" / f"chapter{number:02}.py": EXERCISE,
    }
    contents = root / "_toc.yml"
    listed = contents.read_text(encoding="utf-8")
    line = f"- file: chapters/{chapters[-1].stem}"
    before = re.search(rf"^( +){line}\n(\1 +.*\n)*", listed, re.M)  # with what stands below it
    if not before:
        raise ValueError(f"_toc.yml: got no line {line!r}, expected one to insert after")
    target = root / "chapters" / f"{stem}.ipynb"
    nbformat.write(notebook, target)
    for path, text in files.items():
        path.write_text(text.format(number=number), encoding="utf-8")
    new = f"{before[1]}- file: chapters/{stem}\n"
    contents.write_text(listed[: before.end()] + new + listed[before.end() :], encoding="utf-8")
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="file name, such as diffusion")
    parser.add_argument("title", help="page title, such as Diffusion")
    arguments = parser.parse_args()
    try:
        path = new_chapter(ROOT, arguments.name, arguments.title)
    except ValueError as error:
        parser.error(str(error))
    print(f"Created {path.relative_to(ROOT)}. Next: add a card and a box to book/intro.md,")
    print("make lab to write it, make notebooks, make book, make test.")


if __name__ == "__main__":
    main()
