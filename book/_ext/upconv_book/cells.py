"""Cells with a part of their own on the page: checks, results to guess, one code per framework.

- ``guess``: the question alone
- ``check``: what it shows, above all a claim's verdict, and its code folded below
- ``reveal``: what it shows is folded; ``page.js`` unfolds it once the reader has guessed
- ``torch`` and ``tensorflow``, one right after the other: tabs, of which the style sheet shows one

Without scripts both tabs show, one below the other, and so they do on paper and in an e-book, where
nothing is folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

FRAMEWORKS = {"torch": "PyTorch", "tensorflow": "TensorFlow"}
_TITLE = re.compile(r"# ?@title (.*)\n+")


class fold(nodes.General, nodes.Element):
    """Something folded under its ``title``; ``kind`` is a class of it."""


class tabs(nodes.General, nodes.Element):
    """Two cells that do the same; ``name`` begins their ids."""


class tab(nodes.General, nodes.Element):
    """One of them; ``framework`` says which."""


def cells(part: nodes.Element, tag: str) -> Iterator[nodes.container]:
    for node in list(part.findall(nodes.container)):
        if f"tag_{tag}" in node["classes"] and node.get("nb_element") == "cell_code":
            yield node


def parts(cell: nodes.container) -> dict[str, nodes.container]:
    return {part["nb_element"].removeprefix("cell_code_"): part for part in cell.children}


class TakeTitles(SphinxTransform):
    """The first line of a check is its title, not code."""

    default_priority = 400

    def apply(self, **kwargs: object) -> None:
        for cell in cells(self.document, "check"):
            for code in cell.findall(nodes.literal_block):
                if found := _TITLE.match(code.astext()):
                    cell["title"], text = found[1].strip(), code.astext()[found.end() :]
                    code.rawsource, code[:] = text, [nodes.Text(text)]


class FoldCells(SphinxPostTransform):
    """Before MyST-NB folds what is tagged ``hide-input``."""

    default_priority = 198
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        for cell in cells(self.document, "check"):
            there = parts(cell)
            if "source" in there:
                folded = fold(
                    "", there.pop("source"), kind="check", title=cell.get("title", "Check")
                )
                cell[:] = [*there.values(), folded]
                cell.attributes.pop("hide_mode", None)
        for cell in cells(self.document, "guess"):
            if len(there := parts(cell)) == 2:  # its code only names the question
                cell[:] = [there["output"]]
        for cell in cells(self.document, "reveal"):
            if result := parts(cell).get("output"):
                folded = fold("", kind="reveal", title="Show the result")
                cell.replace(result, folded)
                folded += result
        for number, (one, other) in enumerate(self.pairs(), 1):
            made = tabs(name=f"frameworks-{number}")
            one.parent.replace(one, made)
            other.parent.remove(other)
            for name, cell in zip(FRAMEWORKS, (one, other), strict=True):
                made += tab("", cell, framework=name)

    def pairs(self) -> Iterator[tuple[nodes.container, nodes.container]]:
        others = set(cells(self.document, "tensorflow"))
        for cell in cells(self.document, "torch"):
            after = cell.next_node(descend=False, siblings=True)
            if after in others:
                yield cell, after


def visit_fold(self, node: fold) -> None:
    title = self.encode(node["title"])
    if self.builder.name == "epub":
        shown = f"<p><strong>{title}</strong></p>\n" if node["kind"] == "check" else ""
        self.body.append(f'<div class="upconv-{node["kind"]}">{shown}')
    else:
        summary = f"<summary>{title}</summary>\n"
        self.body.append(f'<details class="upconv-fold upconv-{node["kind"]}">{summary}')


def depart_fold(self, node: fold) -> None:
    self.body.append("</div>\n" if self.builder.name == "epub" else "</details>\n")


def visit_tabs(self, node: tabs) -> None:
    self.body.append('<div class="upconv-tabs">\n')
    if self.builder.name == "epub":
        return
    self.body.append('<div role="tablist" aria-label="Framework">')
    for one in node:
        name, here = one["framework"], node["name"]
        state = 'true"' if one is node[0] else 'false" tabindex="-1"'
        self.body.append(
            f'<button type="button" role="tab" id="{here}-{name}" data-for="{name}" '
            f'aria-controls="{here}-{name}-code" aria-selected="{state}>{FRAMEWORKS[name]}</button>'
        )
    self.body.append("</div>\n")


def visit_tab(self, node: tab) -> None:
    name, here = node["framework"], node.parent["name"]
    panel = f'id="{here}-{name}-code" role="tabpanel" aria-labelledby="{here}-{name}" '
    panel = "" if self.builder.name == "epub" else panel
    label = f'<p class="upconv-framework">{FRAMEWORKS[name]}</p>'
    self.body.append(f'<div {panel}class="upconv-tab upconv-{name}">{label}\n')


def close(self, node: nodes.Element) -> None:
    self.body.append("</div>\n")


def setup(app: Sphinx) -> None:
    app.add_node(fold, html=(visit_fold, depart_fold))
    app.add_node(tabs, html=(visit_tabs, close))
    app.add_node(tab, html=(visit_tab, close))
    app.add_transform(TakeTitles)
    app.add_post_transform(FoldCells)
