"""What the book needs of Sphinx beyond its configuration.

1. Formulas are set beforehand, as MathML: a page needs no script to show them.
2. Pictures in notebook outputs get the text alternative, size and lazy loading that
   ``upconv.figures.show`` stored beside them; a picture without a text alternative is a warning.
3. The pages of claims and of misconceptions are written from the claims and from the cells that
   check them.

Explorers stand in ``upconv_explorers`` and ``upconv_playground``; what is done to the finished site
in ``upconv_site``; what documents the module without its frameworks in ``upconv_stand_ins``.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from base64 import b64decode
from html import escape
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from upconv_ebook import prepare_ebook, simplify_page
from upconv_explorers import mount_explorers, notebooks_on, place_explorers, write_explorers
from upconv_names import link_names, skip_fields
from upconv_playground import place_parts, write_playground
from upconv_site import finish_site
from upconv_stand_ins import imported, put_stand_ins

from upconv.claims import Claim, load_claims

logger = logging.getLogger(__name__)

_CLAIMS_MARK = "<!-- claims -->"
_MISCONCEPTIONS_MARK = "<!-- misconceptions -->"
_CLAIM_MARK = re.compile(r"<!-- claim (\S+) -->")


FORMULAS = Path(__file__).with_name("formulas.json")


def set_formulas() -> dict[str, str]:
    """TeX → MathML, as `make formulas` has left them; those on a line of their own end in "$"."""
    return json.loads(FORMULAS.read_text(encoding="utf-8"))


def visit_formula(self, node) -> None:
    """A formula in a line, as MathML; as TeX if it has not been set yet."""
    self.body.append(self.starttag(node, "span", "", CLASS="formula"))
    self.body.append(_mathml(self.builder.app, node.astext()) + "</span>")
    raise nodes.SkipNode


def visit_display(self, node) -> None:
    """A formula on a line of its own, with its number."""
    self.body.append(self.starttag(node, "div", CLASS="formula"))
    self.body.append(f"<div>{_mathml(self.builder.app, node.astext() + '$')}</div>")
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def _mathml(app: Sphinx, tex: str) -> str:
    tex = tex.strip()
    app.upconv_formulas.add(tex)
    mathml = app.upconv_set.get(tex)
    return mathml or f"<code>{escape(tex)}</code>"


def note_formulas(app: Sphinx, error: Exception | None) -> None:
    """Write down the formulas of the book, for `make formulas`, and say which are not set yet."""
    if error is not None or app.builder.format != "html":
        return
    found = sorted(app.upconv_formulas)
    (Path(app.outdir).parent / "formulas.json").write_text(json.dumps(found), encoding="utf-8")
    missing = [tex for tex in found if tex not in app.upconv_set]
    if missing:
        logger.info("%d formulas are shown as TeX: run `make formulas`", len(missing))


def note_imports(app: Sphinx, error: Exception | None) -> None:
    """Write down what has been imported, for the tests: the site brings no more packages."""
    if error is None and app.builder.name == "html":
        text = json.dumps(imported())
        (Path(app.outdir).parent / "imported.json").write_text(text, encoding="utf-8")


def notebook_pictures(path: Path) -> dict[str, dict[str, object]]:
    """Every picture a notebook stores: SHA-256 of its bytes → alt, width, height."""
    pictures = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            for kind in ("image/png", "image/jpeg"):
                if kind not in output.get("data", {}):
                    continue
                data = b64decode("".join(output["data"][kind]))
                stored = output.get("metadata", {}).get(kind, {})
                pixels = Image.open(io.BytesIO(data)).size
                width = int(stored.get("width", pixels[0]))
                pictures[hashlib.sha256(data).hexdigest()] = {
                    "alt": stored.get("alt", ""),
                    "width": width,
                    "height": round(width * pixels[1] / pixels[0]),
                }
    return pictures


def complete_pictures(app, pagename, templatename, context, doctree) -> None:
    """Give each picture of a chapter its text alternative, its size and lazy loading."""
    notebooks = notebooks_on(app, pagename)
    if not notebooks or "body" not in context:
        return
    pictures = {}
    for notebook in notebooks:
        pictures |= notebook_pictures(notebook)
    seen = 0

    def complete(match: re.Match) -> str:
        nonlocal seen
        source, digest = match["source"], match["digest"]
        picture = pictures.get(digest)
        if picture is None:
            return match[0]
        if not picture["alt"]:
            logger.warning(
                "picture without a text alternative: use figures.show", location=pagename
            )
        seen += 1
        # The first picture is in view on load: fetching it late would only delay it.
        loading = "eager" if seen == 1 else "lazy"
        return (
            f'<img alt="{escape(str(picture["alt"]))}" src="{source}" width="{picture["width"]}" '
            f'height="{picture["height"]}" loading="{loading}" decoding="async">'
        )

    context["body"] = re.sub(
        r'<img [^>]*src="(?P<source>[^"]*?(?P<digest>[0-9a-f]{64})\.(?:png|jpe?g))"[^>]*>',
        complete,
        context["body"],
    )


def mark_languages(app, pagename, templatename, context, doctree) -> None:
    """Say to browsers and screen readers in which language a glossary's names are."""
    if "body" not in context or 'class="simple glossary"' not in context["body"]:
        return
    context["body"] = re.sub(
        r"<strong>([^<]+)</strong> · ([^·<]+) · ([^·<]+) · ",
        r'<strong lang="ko">\1</strong> · <span lang="zh">\2</span> · '
        r'<span lang="ja">\3</span> · ',
        context["body"],
    )


def name_site(app: Sphinx, docname: str, source: list[str]) -> None:
    """Links to files that lie beside the published site, from wherever this copy is read."""
    source[0] = source[0].replace("(SITE/", f"({app.config.html_baseurl}")


def checked_claims(chapter: Path) -> set[str]:
    """The ids whose verdict a chapter's stored outputs show."""
    found = set()
    for cell in json.loads(chapter.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            text = "".join(output.get("data", {}).get("text/html", ""))
            found |= set(re.findall(r'id="(claim-[a-z0-9-]+)"', text))
    return found


def write_claims(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put claims in place of the marks: all of them in tables, or a single one as a box."""
    if _CLAIMS_MARK in source[0]:
        source[0] = source[0].replace(_CLAIMS_MARK, _all_claims(app, docname))
    if _MISCONCEPTIONS_MARK in source[0]:
        source[0] = source[0].replace(_MISCONCEPTIONS_MARK, _misconceptions(app))
    source[0] = _CLAIM_MARK.sub(lambda match: _box(load_claims()[match[1]]), source[0])


def _all_claims(app: Sphinx, docname: str) -> str:
    claims = list(load_claims().values())
    blocks = [_tally(claims)]
    for chapter in dict.fromkeys(claim.chapter for claim in claims):
        notebook = Path(app.srcdir) / "chapters" / f"{chapter}.ipynb"
        rows = [claim for claim in claims if claim.chapter == chapter]
        shown = checked_claims(notebook)
        for claim in rows:
            if claim.anchor not in shown:
                logger.warning("claim %s has no cell that checks it", claim.id, location=docname)
        blocks.append(f"## {_title(notebook)}\n\n{_tally(rows)}\n\n" + _table(rows))
    return "\n\n".join(blocks)


def _misconceptions(app: Sphinx) -> str:
    """What is said and not so: the claims that fail, then those that need a correction."""
    claims = [claim for claim in load_claims().values() if claim.verdict != "holds"]
    blocks = []
    for chapter in dict.fromkeys(claim.chapter for claim in claims):
        rows = [claim for claim in claims if claim.chapter == chapter]
        rows.sort(key=lambda claim: claim.verdict != "fails")
        title = _title(Path(app.srcdir) / "chapters" / f"{chapter}.ipynb")
        blocks += [f"## {title}", *(_box(claim) for claim in rows)]
    return "\n\n".join(blocks)


def _title(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "".join(cells[0]["source"]).splitlines()[0].lstrip("# ")


def _box(claim: Claim) -> str:
    """One claim as in its chapter, leading there."""
    link = f'<a href="../chapters/{claim.chapter}.html#{claim.anchor}">See it checked</a>'
    return claim._repr_html_().replace("</div>", f" {link}.</div>")


def _tally(claims: list[Claim]) -> str:
    counts = [
        f"{sum(claim.verdict == verdict for claim in claims)} {words}"
        for verdict, words in (
            ("holds", "hold"),
            ("holds, corrected", "hold once corrected"),
            ("fails", "fail"),
        )
    ]
    return f"**{len(claims)} claims:** {counts[0]}, {counts[1]}, {counts[2]}."


def _table(claims: list[Claim]) -> str:
    rows = ["| Claim | What is said | Verdict | What is so |", "|---|---|---|---|"]
    for claim in claims:
        kind = claim.verdict.split(",")[-1].strip()
        cell = f'<a href="../chapters/{claim.chapter}.html#{claim.anchor}">{claim.id}</a>'
        verdict = f'<span class="verdict verdict-{kind}">{claim.verdict}</span>'
        statement = f"{claim.statement} <small>({claim.source})</small>"
        texts = (text.replace("|", r"\|") for text in (cell, statement, verdict, claim.finding))
        rows.append("| " + " | ".join(texts) + " |")
    return ":::{div} claims-table\n" + "\n".join(rows) + "\n:::"


def open_editions(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Lead the button to what is written for Colab: ``make editions``, on a branch of its own."""
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if url := button.get("url"):
                button["url"] = re.sub(r"^(https://colab\..+?/blob)/[^/]+/", r"\1/colab/", url)


def find_address(app: Sphinx, config) -> None:
    """Where GitHub Pages puts the site of the repository that _config.yml names."""
    owner, name = config.html_theme_options["repository_url"].rstrip("/").split("/")[-2:]
    config.html_baseurl = config.ogp_site_url = f"https://{owner}.github.io/{name}/"
    config.notfound_urls_prefix = f"/{name}/"
    config.notfound_context = {
        "title": "No such page",
        "body": "<h1>No such page</h1><p>It may have moved. "
        f'The <a href="/{name}/book/intro.html">front page</a> lists all chapters, and the search '
        "knows every term.</p>",
    }


def setup(app: Sphinx) -> dict[str, object]:
    put_stand_ins()
    app.upconv_formulas, app.upconv_set = set(), set_formulas()
    app.add_html_math_renderer("mathml", (visit_formula, None), (visit_display, None))
    app.connect("config-inited", find_address)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("builder-inited", prepare_ebook)
    app.connect("source-read", write_claims)
    app.connect("source-read", name_site)
    app.connect("source-read", place_explorers)
    app.connect("source-read", place_parts)
    app.connect("html-page-context", open_editions, priority=502)  # after the theme's buttons
    app.connect("html-page-context", complete_pictures, priority=900)
    app.connect("html-page-context", mark_languages, priority=905)
    app.connect("html-page-context", mount_explorers, priority=910)
    app.connect("html-page-context", link_names, priority=915)
    app.connect("html-page-context", simplify_page, priority=920)
    app.connect("build-finished", note_formulas)
    app.connect("build-finished", write_explorers)
    app.connect("build-finished", write_playground)
    app.connect("build-finished", finish_site, priority=900)
    app.connect("build-finished", note_imports, priority=910)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
