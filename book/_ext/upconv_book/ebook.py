"""What an e-book needs of the pages: plain XHTML without scripts, and addresses within the book."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from bs4 import BeautifulSoup
from sphinx.application import Sphinx

_SHEETS = ("basic.css", "epub.css", "ebook.css", "pygments.css", "file.png")
_MATHML = "http://www.w3.org/1998/Math/MathML"


def prepare_ebook(app: Sphinx) -> None:
    """Leave out the theme, whose buttons cannot be made for a book, and shorten addresses."""
    if app.builder.name != "epub":
        return
    for listeners in app.events.listeners.values():
        listeners[:] = [
            one
            for one in listeners
            if not one.handler.__module__.startswith(("sphinx_book_theme", "pydata_sphinx"))
        ]
    get_toc, build_epub = app.builder.get_toc, app.builder.build_epub

    def toc() -> None:
        # Of the site's scripts, fonts and styles a reader takes a few.
        static = (path.relative_to(app.outdir) for path in Path(app.outdir, "_static").rglob("*"))
        unwanted = [path.as_posix() for path in static if path.name not in _SHEETS]
        app.config.epub_exclude_files = [*app.config.epub_exclude_files, *unwanted]
        # The front page lies in a folder: without this every address were book/../chapters/….
        get_toc()
        for node in app.builder.refnodes:
            node["refuri"] = posixpath.normpath(node["refuri"])

    def package() -> None:
        _declare_formulas(Path(app.outdir))
        build_epub()

    app.builder.get_toc, app.builder.build_epub = toc, package


def _declare_formulas(book: Path) -> None:
    """The list of files says which of them hold MathML, as the standard demands."""
    listed = book / "content.opf"

    def declare(match: re.Match) -> str:
        holds = "<math" in (book / match["file"]).read_text(encoding="utf-8")
        return f'{match[1]} properties="mathml" />' if holds else match[0]

    other = r"(?:(?!properties)[^>])*?"
    entry = rf'(<item {other}href="(?P<file>[^"]+\.xhtml)"{other}) ?/>'
    listed.write_text(re.sub(entry, declare, listed.read_text(encoding="utf-8")), encoding="utf-8")


def simplify_page(app, pagename, templatename, context, doctree) -> None:
    """A page as e-readers want it.

    The body comes from the theme's, MyST-NB's and sphinx-design's visitors and from the HTML that
    notebooks store: no node of ours has a say in it, and the standard allows less than they write.
    """
    if app.builder.name != "epub":
        return
    context["script_files"] = []
    context["css_files"] = [
        sheet for sheet in context["css_files"] if posixpath.basename(sheet.filename) in _SHEETS
    ]
    if "body" not in context:
        return
    page = BeautifulSoup(context["body"], "html.parser")
    for tag in page(["script", "style"]) + page.select(".upconv-map"):
        tag.decompose()
    for math in page("math"):
        math["xmlns"] = _MATHML
        for operator in math("mo", form=True):
            del operator["form"]  # what stands around it says the same
    for summary in page("summary"):
        for paragraph in summary("p"):
            paragraph.name = "span"
    for paragraph in page("p"):
        if paragraph.find(["ul", "ol", "dl"], recursive=False):
            paragraph.unwrap()  # several values returned are a list
    for link in page("a", href=True):
        inside = not link["href"].startswith(("http", "#"))
        link["href"] = link["href"].replace(".html", ".xhtml", 1) if inside else link["href"]
    for entry in page.select('[role="doc-biblioentry"]'):
        entry["role"] = "listitem"
    context["body"] = str(page)


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", prepare_ebook)
    app.connect("html-page-context", simplify_page, priority=920)
