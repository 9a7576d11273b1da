"""What directives of several modules lay out: tables, and links into chapters."""

from __future__ import annotations

from collections.abc import Iterable

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

Cell = list[nodes.Node]


def text_cells(texts: Iterable[str]) -> list[Cell]:
    return [[nodes.Text(text)] for text in texts]


def table(place: SphinxDirective, head: Iterable[str], rows: Iterable[list[Cell]]) -> nodes.table:
    """A table as MyST makes them of Markdown; its cells may be translated as other text is."""
    head = list(head)
    made = nodes.table(classes=["colwidths-auto"])
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=100 // len(head)) for _ in head]
    group += nodes.thead("", _row(text_cells(head)))
    group += nodes.tbody("", *map(_row, rows))
    made += group
    for text in made.findall(nodes.paragraph):
        text.rawsource = text.astext()
        place.set_source_info(text)
    return made


def _row(cells: Iterable[Cell]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *cell)) for cell in cells))


class chapter_link(nodes.Inline, nodes.TextElement):
    """A link to what a cell's output shows, which Sphinx knows no target of."""


class ResolveChapterLinks(SphinxPostTransform):
    """Its address depends on the format."""

    default_priority = 9  # before Sphinx's own, as for its own kind of links

    def run(self, **kwargs: object) -> None:
        for node in list(self.document.findall(chapter_link)):
            text = nodes.inline("", "", *node.children)
            page, target = node["page"], node["target"]
            link = make_refnode(self.app.builder, self.env.docname, page, target, text)
            link[:] = node.children
            node.replace_self(link)


def setup(app: Sphinx) -> None:
    app.add_node(chapter_link)
    app.add_post_transform(ResolveChapterLinks)
