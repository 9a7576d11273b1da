"""The glossary's names say to browsers and screen readers in which language they are."""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

BETWEEN = " · "


class MarkLanguages(SphinxTransform):
    """A definition begins with a term's names: **Korean** · Chinese · Japanese · …"""

    default_priority = 400

    def apply(self, **kwargs: object) -> None:
        for glossary in self.document.findall(addnodes.glossary):
            for definition in glossary.findall(nodes.definition):
                mark(definition[0])


def mark(paragraph: nodes.Element) -> None:
    """docutils makes a language of a class that names one."""
    if not paragraph[0].astext():  # MyST leaves an empty text in front
        del paragraph[0]
    match paragraph.children[:2]:
        case [nodes.strong() as korean, nodes.Text() as others] if others.count(BETWEEN) >= 3:
            _, chinese, japanese, rest = others.split(BETWEEN, 3)
            korean["classes"].append("language-ko")
            paragraph[1:2] = [
                nodes.Text(BETWEEN),
                nodes.inline("", chinese, classes=["language-zh"]),
                nodes.Text(BETWEEN),
                nodes.inline("", japanese, classes=["language-ja"]),
                nodes.Text(BETWEEN + rest),
            ]


def setup(app: Sphinx) -> None:
    app.add_transform(MarkLanguages)
