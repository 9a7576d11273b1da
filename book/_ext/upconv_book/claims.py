"""Claims on the pages, written from the claims' files and from the cells that check them.

``{claim} C1.2`` is one of them as in its chapter, ``{claims}`` all of them in tables, and
``{misconceptions}`` a box for each that does not hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinxcontrib.bibtex.citation_target import CitationTarget
from sphinxcontrib.bibtex.roles import CitationRef

import upconv.claims
from upconv.claims import CITED, Claim, load_claims
from upconv_book import notebooks
from upconv_book.tables import chapter_link, table

logger = logging.getLogger(__name__)


_CITE = re.compile(r'<cite data-key="([^"]+)">[^<]*</cite>')


class claim_box(nodes.General, nodes.Element):
    """One claim; its ``attributes`` are those of the box that a notebook shows."""


class claim_line(nodes.Part, nodes.TextElement):
    """A line of the box, which may be translated as a paragraph is."""


class claim_code(nodes.literal):
    """Code in a claim, as in a notebook: in one piece."""


class claim_source(nodes.inline):
    """Where a claim has been found, in small letters."""


class ClaimDirective(SphinxDirective):
    """What those here have in common: claims, their chapters, and what their pages depend on."""

    def claims(self) -> dict[str, Claim]:
        for file in resources.files(upconv.claims).iterdir():
            self.env.note_dependency(str(file))
        return load_claims()

    def notebook(self, chapter: str) -> Path:
        path = Path(self.env.srcdir, "chapters", f"{chapter}.ipynb")
        self.env.note_dependency(str(path))
        return path

    def box(self, claim: Claim) -> claim_box:
        """One claim as in its chapter, leading there."""
        html = claim._repr_html_()
        shown = BeautifulSoup(html, "html.parser", multi_valued_attributes=None).div
        made = claim_box(attributes=dict(shown.attrs))
        line = self.line(made)
        for part in shown.contents:
            if getattr(part, "name", "") == "br":
                line = self.line(made)
            else:
                line += in_docutils(part)
        line += [nodes.Text(" "), link_to(claim, _there(claim)), nodes.Text(".")]
        if claim.cite:
            made[-1][0] = claim_source("", "", nodes.Text("Source: "), *self.cited(claim))
        for line in made:
            line.rawsource = line.astext()
        self.set_source_info(made)
        return made

    def cited(self, claim: Claim) -> list[nodes.Node]:
        return self.parse_inline(f"{{cite}}`{claim.cite}`")[0]

    def line(self, box: claim_box) -> claim_line:
        made = claim_line()
        self.set_source_info(made)
        box += made
        return made

    def sections(
        self, claims: list[Claim], inside: Callable[[list[Claim]], list[nodes.Node]]
    ) -> Iterator[nodes.section]:
        """A section for each chapter that has some of these claims."""
        for chapter in dict.fromkeys(claim.chapter for claim in claims):
            heading = notebooks.title(self.notebook(chapter))
            section = nodes.section(names=[nodes.fully_normalize_name(heading)])
            section += nodes.title(heading, "", *self.parse_inline(heading)[0])
            self.set_source_info(section)
            self.set_source_info(section[0])
            self.state.document.note_implicit_target(section, section)
            section += inside([claim for claim in claims if claim.chapter == chapter])
            yield section


class OneClaim(ClaimDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        (name,), known = self.arguments, self.claims()
        if name not in known:
            raise self.error(f"claim: got {name!r}, expected one of {', '.join(known)}")
        return [self.box(known[name])]


class Misconceptions(ClaimDirective):
    """What is said and not so: the claims that fail, then those that need a correction."""

    def run(self) -> list[nodes.Node]:
        claims = [one for one in self.claims().values() if one.verdict not in ("holds", CITED)]
        return list(self.sections(claims, self.boxes))

    def boxes(self, claims: list[Claim]) -> list[nodes.Node]:
        claims = sorted(claims, key=lambda claim: claim.verdict != "fails")
        return [self.box(claim) for claim in claims]


class AllClaims(ClaimDirective):
    """All claims, counted, in one table for each chapter."""

    def run(self) -> list[nodes.Node]:
        claims = list(self.claims().values())
        return [tally(claims), *self.sections(claims, self.counted)]

    def counted(self, claims: list[Claim]) -> list[nodes.Node]:
        checked = checked_claims(self.notebook(claims[0].chapter))
        for claim in claims:
            if claim.anchor not in checked:
                place = self.get_location()
                logger.warning("claim %s has no cell that checks it", claim.id, location=place)
        rows = table(
            self,
            ["Claim", "What is said", "Verdict", "What is so"],
            ([*self.cells(claim)] for claim in claims),
        )
        # As sphinx-design's `div`: a container without Bootstrap's class of that name.
        block = nodes.container("", rows, is_div=True, design_component="div")
        block["classes"].append("claims-table")
        return [tally(claims), block]

    def cells(self, claim: Claim) -> Iterator[list[nodes.Node]]:
        kind = "cited" if claim.verdict == CITED else claim.verdict.split(",")[-1].strip()
        source = claim_source("", "", *self.parse_inline(f"({claim.source})")[0])
        yield [link_to(claim, claim.id)]
        yield [*self.parse_inline(claim.statement)[0], nodes.Text(" "), source]
        yield [nodes.inline("", claim.verdict, classes=["verdict", f"verdict-{kind}"])]
        cited = [nodes.Text(" "), *self.cited(claim)] if claim.cite else []
        yield [*self.parse_inline(claim.finding)[0], *cited]


def in_docutils(part: Tag | str) -> nodes.Node:
    """The little HTML that a claim's box is made of."""
    if not isinstance(part, Tag):
        return nodes.Text(str(part))
    kinds = {"strong": nodes.strong, "em": nodes.emphasis, "code": claim_code}
    kinds |= {"small": claim_source, "cite": nodes.inline}
    return kinds[part.name]("", "", *map(in_docutils, part.contents))


def link_to(claim: Claim, text: str) -> chapter_link:
    return chapter_link("", text, page=f"chapters/{claim.chapter}", target=claim.anchor)


def _there(claim: Claim) -> str:
    return "See it in its chapter" if claim.cite else "See it checked"


class CiteSources(SphinxTransform):
    """In a chapter, the box of a claim that has a source instead of a check names its key."""

    default_priority = 410

    def apply(self, **kwargs: object) -> None:
        for box in list(self.document.findall(nodes.raw)):
            if "upconv-claim" not in box.astext():
                continue
            made = []
            for number, part in enumerate(_CITE.split(box.astext())):
                made.append(self.cited(part) if number % 2 else nodes.raw("", part, format="html"))
            if len(made) > 1:
                box.parent.replace(box, made)

    def cited(self, key: str) -> nodes.inline:
        """As the role ``cite`` makes it."""
        page = self.env.docname
        link = pending_xref("", nodes.inline("", key), refdomain="cite", reftype="p", refdoc=page)
        link["reftarget"], link["refwarn"], link["refexplicit"] = key, True, False
        self.document.note_explicit_target(link, link)
        domain = self.env.get_domain("cite")
        target = CitationTarget(key=key, pre="", post="")
        domain.citation_refs.append(CitationRef(link["ids"][0], page, 0, [target]))
        return nodes.inline("", "", link)


def tally(claims: list[Claim]) -> nodes.paragraph:
    counts = [
        f"{sum(claim.verdict == verdict for claim in claims)} {words}"
        for verdict, words in (
            ("holds", "hold"),
            ("holds, corrected", "hold once corrected"),
            ("fails", "fail"),
            (CITED, "not for a cell"),
        )
        if verdict != CITED or any(claim.verdict == CITED for claim in claims)
    ]
    total = nodes.strong("", f"{len(claims)} claims:")
    return nodes.paragraph("", "", total, nodes.Text(f" {', '.join(counts)}."))


def checked_claims(notebook: Path) -> set[str]:
    """The ids whose verdict a chapter's stored outputs show."""
    data = (output.get("data", {}) for output in notebooks.outputs(notebook))
    texts = ("".join(one.get("text/html", "")) for one in data)
    return {name for text in texts for name in re.findall(r'id="(claim-[a-z0-9-]+)"', text)}


def visit_html_box(self, node: claim_box) -> None:
    attributes = node["attributes"].items()
    written = " ".join(f'{name}="{self.attval(value)}"' for name, value in attributes)
    self.body.append(f"<div {written}>")


def depart_html_box(self, node: claim_box) -> None:
    self.body.append("</div>\n")


def depart_html_line(self, node: claim_line) -> None:
    if node is not node.parent[-1]:
        self.body.append("<br />")


def nothing(self, node: nodes.Node) -> None: ...


def _as(tag: str) -> tuple[Callable, Callable]:
    return (
        lambda self, node: self.body.append(f"<{tag}>"),
        lambda self, node: self.body.append(f"</{tag}>"),
    )


def _like(name: str) -> tuple[Callable, Callable]:
    """As another node, in formats that have no look of their own for these."""
    return (
        lambda self, node: getattr(self, f"visit_{name}")(node),
        lambda self, node: getattr(self, f"depart_{name}")(node),
    )


def setup(app: Sphinx) -> None:
    def add(node: type[nodes.Element], html: tuple, name: str) -> None:
        others = (nothing, nothing) if node is claim_box else _like(name)
        app.add_node(node, html=html, latex=others, text=others, man=others, texinfo=others)

    add(claim_box, (visit_html_box, depart_html_box), "")
    add(claim_line, (nothing, depart_html_line), "paragraph")
    add(claim_code, _as("code"), "literal")
    add(claim_source, _as("small"), "inline")
    app.add_transform(CiteSources)
    app.add_directive("claim", OneClaim)
    app.add_directive("claims", AllClaims)
    app.add_directive("misconceptions", Misconceptions)
