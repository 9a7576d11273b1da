"""Guesses, folded checks, tabs and hints: a page that has them all, in every engine."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from test_extension import WIDGET, build, lay_out

from upconv.claims import CITED, Checked, load_claims
from upconv.quiz import Guess, Option, Question
from upconv.widgets import MIME_TYPE, TransposedConvolutionExplorer

PAGE = "chapters/01z_cells"
GUESS = Question(
    "What comes out?", (Option("One", "No."), Option("Two", "Yes.", True), Option("Six", "No."))
)
HINTS = """<details><summary>Hint 1</summary>

Count the *places* of the kernel, $n - k + 1$ of them.

</details>

<details><summary>Hint 2</summary>

- Write the loop.
- Then sum.

</details>"""


def html(text: str) -> nbformat.NotebookNode:
    return new_output("display_data", {"text/html": text})


def picture() -> nbformat.NotebookNode:
    data = io.BytesIO()
    Image.effect_noise((760, 300), 80).save(data, "png")
    return new_output(
        "display_data",
        {"image/png": base64.b64encode(data.getvalue()).decode()},
        metadata={"image/png": {"alt": "Noise behind a fold", "width": 760}},
    )


def explorer(name: str) -> nbformat.NotebookNode:
    state = TransposedConvolutionExplorer(stride=2).state()
    view = {"model_id": name, "version_major": 2, "version_minor": 1}
    return new_output(
        "display_data", {WIDGET: view, MIME_TYPE: {"name": "transposed", "state": state}}
    )


def code(source: str, *tags: str, outputs=()) -> nbformat.NotebookNode:
    return new_code_cell(source, metadata={"tags": list(tags)}, outputs=list(outputs))


def pair(number: int, lines: int) -> list[nbformat.NotebookNode]:
    said = [new_output("stream", text=f"{name} {number}\n") for name in ("torch", "keras")]
    return [
        code(f"y = torch_layer({number})", "torch", outputs=said[:1]),
        code(f"y = keras_layer({number})\n" * lines, "tensorflow", outputs=said[1:]),
    ]


def all_kinds() -> nbformat.NotebookNode:
    """A page with every kind of cell."""
    text = "Some words, as long as a line of a page is, and then some more of them. " * 12
    claim = Checked(load_claims()["C1.1"], ("NumPy", "PyTorch"), ("a *random* kernel",))
    claim = claim._repr_html_().replace("claim-c1-1", "claim-z")
    history = replace(load_claims()["C1.2"], id="C1.99", verdict=CITED, cite="Johnson2016")
    cells = [
        new_markdown_cell(
            '# Cells\n\n<a href="#claim-z">The claim</a>, <a href="#inside">the result</a> '
            "and [more](#far)."
        ),
        new_markdown_cell(f"## A guess\n\n{text}"),
        code(
            'guess("1.1")', "guess", "hide-input", outputs=[html(Guess("1.1", GUESS)._repr_html_())]
        ),
        code(
            "run()",
            "reveal",
            outputs=[html('<p id="inside">Two.</p>'), picture(), explorer("a")],
        ),
        new_markdown_cell(f"Not one, because of the rim.\n\n## Frameworks\n\n{text}"),
        *pair(1, 12),
        new_markdown_cell(f"Both do the same.\n\n{text}"),
        *pair(2, 1),
        new_markdown_cell("Equal again.\n\n(far)=\n## A check"),
        code(
            "# @title How C1.1 is checked\ndef check(candidate):\n    assert candidate",
            "check",
            "hide-input",
            outputs=[html(claim)],
        ),
        new_markdown_cell("That was so."),
        code('claim("C1.99")', "hide-input", outputs=[html(history._repr_html_())]),
        new_markdown_cell(f"## Exercises\n\nDo it.\n\n**Further.** And more.\n\n{text}"),
        code("raise NotImplementedError", "exercise"),
        new_markdown_cell(HINTS),
        code("#@title Solution\ny = 1", "hide-cell", "solution"),
        new_markdown_cell(f"Done.\n\n{text}\n\n{text}\n\n{text}"),
    ]
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"
    language = {"name": "python", "pygments_lexer": "ipython3"}
    return new_notebook(cells=cells, metadata={"language_info": language})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("book"), {"01z_cells": all_kinds()})


@pytest.fixture(scope="module")
def built(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("built")
    build(root, out)
    return out / "html"


def test_cells_on_the_page(built):
    page = BeautifulSoup((built / f"{PAGE}.html").read_text("utf-8"), "html.parser").article
    (guess,) = page.select(".tag_guess")
    assert guess.select(".upconv-guess") and not guess.select(".cell_input, .hide")
    (result,) = page.select("details.upconv-reveal")
    assert not result.has_attr("open") and result.summary.text == "Show the result"
    assert result.find(id="inside") and result.img and result.select(".upconv-explorer")
    assert "run()" not in result.text and "run()" in result.find_parent(class_="cell").text
    (check,) = page.select("details.upconv-check")
    assert check.summary.text == "How C1.1 is checked"
    assert check.pre.text.startswith("def check(candidate):") and "@title" not in check.text
    assert check.find_previous_sibling(class_="cell_output").find(id="claim-z")
    said = page.find(id="claim-z").small
    assert said.text == "The check accepts NumPy, PyTorch; rejects a random kernel."
    (link,) = page.find(id="claim-c1-99").small("a")
    assert link.text == "Johnson et al., 2016"
    target, _, name = link["href"].partition("#")
    there = BeautifulSoup((built / "chapters" / target).read_text("utf-8"), "html.parser")
    assert target.endswith("bibliography.html") and "Perceptual" in there.find(id=name).text
    assert [box.text for box in page.select(".upconv-framework")] == ["PyTorch", "TensorFlow"] * 2
    for box in page.select(".upconv-tabs"):
        panels = box.select("[role=tabpanel]")
        assert [panel["id"] for panel in panels] == [
            tab["aria-controls"] for tab in box.select("[role=tab]")
        ]
        assert [panel["aria-labelledby"] for panel in panels] == [
            tab["id"] for tab in box.select("[role=tab]")
        ]
        assert "torch_layer" in panels[0].pre.text and "keras_layer" in panels[1].pre.text
    hints = page.select("section > details")
    assert [hint.summary.text for hint in hints] == ["Hint 1", "Hint 2"]
    assert hints[0].em.text == "places" and hints[0].select(".formula") and len(hints[1]("li")) == 2
