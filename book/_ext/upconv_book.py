"""What the book needs of Sphinx beyond its configuration.

1. Formulas are set beforehand, as MathML: a page needs no script to show them.
2. Pictures in notebook outputs get the text alternative, size and lazy loading that
   ``upconv.figures.show`` stored beside them; a picture without a text alternative is a warning.
3. Explorers run on the page without a kernel: their modules are joined to one plain script,
   since a browser loads no module from disk.
4. The pages of claims and of misconceptions are written from the claims and from the cells that
   check them.
5. Pictures become WebP, and icons that no page shows are left out: pages stay light on a phone.
6. What no page needs, above all scripts that would load something from elsewhere, is taken out.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path

from docutils import nodes
from fontTools import subset
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

from upconv.claims import Claim, load_claims
from upconv.widgets import EXPLORERS, MIME_TYPE, source

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
    notebook = Path(app.srcdir) / f"{pagename}.ipynb"
    if not notebook.exists() or "body" not in context:
        return
    pictures = notebook_pictures(notebook)
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
    if pagename != "book/glossary" or "body" not in context:
        return
    context["body"] = re.sub(
        r"<strong>([^<]+)</strong> · ([^·<]+) · ([^·<]+) · ",
        r'<strong lang="ko">\1</strong> · <span lang="zh">\2</span> · '
        r'<span lang="ja">\3</span> · ',
        context["body"],
    )


def place_explorers(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put an explorer in place of each mark, with the settings that the mark gives."""

    def place(match: re.Match) -> str:
        name, settings = match["name"], json.loads(match["settings"] or "{}")
        return _mount_point(name, EXPLORERS[name](**settings).state())

    source[0] = _EXPLORER_MARK.sub(place, source[0])


def mount_explorers(app, pagename, templatename, context, doctree) -> None:
    """Bring the page's explorers to life; in chapters they stand where a kernel would be needed."""
    if "body" not in context:
        return
    notebook = Path(app.srcdir) / f"{pagename}.ipynb"
    stored = notebook_explorers(notebook) if notebook.exists() else {}

    def mount(match: re.Match) -> str:
        explorer = stored.get(json.loads(match["view"])["model_id"])
        if explorer is None:
            logger.warning("a widget that the page cannot show without a kernel", location=pagename)
            return match[0]
        return _mount_point(explorer["name"], explorer["state"])

    view = r'<script type="application/vnd\.jupyter\.widget-view\+json">(?P<view>.*?)</script>'
    body = re.sub(view, mount, context["body"], flags=re.DOTALL)
    count: dict[str, int] = {}

    def bring_to_life(match: re.Match) -> str:
        name = match["name"]
        count[name] = count.get(name, 0) + 1
        address = f"{name}-{count[name]}"
        # Run at once, not when all is loaded: nothing below the explorer is moved by it.
        code = f'<script src="{context["pathto"](_SCRIPT, resource=True)}"></script>'
        first = code if sum(count.values()) == 1 else ""
        return f'{first}{match["tag"]} id="{address}">{match["rest"]}' + (
            f'<script>upconvMount("{address}");</script>'
        )

    context["body"] = _MOUNT_POINT.sub(bring_to_life, body)


def _mount_point(name: str, state: dict[str, object]) -> str:
    text = json.dumps(state).replace("</", "<\\/")
    return (
        f'<div class="upconv-explorer" data-explorer="{name}">'
        f'<script type="application/json">{text}</script></div>'
    )


_SCRIPT = "_static/explorers.js"
_EXPLORER_MARK = re.compile(r"<!-- explorer (?P<name>\w+) ?(?P<settings>\{.*?\})? -->")
_MOUNT_POINT = re.compile(
    r'(?P<tag><div class="upconv-explorer" data-explorer="(?P<name>\w+)")>'
    r'(?P<rest><script type="application/json">.*?</script></div>)',
    flags=re.DOTALL,
)


def write_explorers(app: Sphinx, error: Exception | None) -> None:
    """One script with all explorers, as a browser loads it from disk too: not a module."""
    if error is not None or app.builder.format != "html":
        return
    parts = []
    for name in EXPLORERS:
        module = re.sub(r"^export default .*$", "", source(name, common=False), flags=re.MULTILINE)
        module = re.sub(r"^export (?=function|const)", "", module, flags=re.MULTILINE)
        parts.append(
            f"upconvExplorers.{name} = (() => {{\n{module}\nreturn {{ STATE, render }};\n}})();"
        )
    host = (Path(__file__).parent / "explorer_host.js").read_text(encoding="utf-8")
    text = "\n".join([source("common", common=False), "const upconvExplorers = {};", *parts, host])
    text = f"window.upconvMount = (() => {{\n{text}\nreturn upconvMount;\n}})();\n"
    (Path(app.outdir) / _SCRIPT).write_text(text, encoding="utf-8")


def notebook_explorers(path: Path) -> dict[str, dict[str, object]]:
    """The explorers a notebook shows: model id → name and state."""
    found = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if MIME_TYPE in data:
                view = data["application/vnd.jupyter.widget-view+json"]
                found[view["model_id"]] = data[MIME_TYPE]
    return found


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


# What the theme and Jupyter Book put on every page without need: scripts that load from
# elsewhere (Thebe), Font Awesome a second time as 1.5 MB of script (the style sheet is there
# already), font preloads that a browser refuses on pages opened from disk, a second viewport.
_UNWANTED = (
    r'<script[^>]*src="[^"]*sphinx-thebe\.js[^"]*"></script>\s*',
    r"<script>kernelName = .*?</script>\s*",
    r"<script>const THEBE_JS_URL = .*?</script>\s*",
    r'<script type="text/x-thebe-config">.*?</script>\s*',
    r'<link rel="stylesheet"[^>]*sphinx-thebe\.css[^>]*>\s*',
    r'<script[^>]*src="[^"]*/fontawesome/[^"]*"></script>\s*',
    r'<link rel="preload"[^>]*as="font"[^>]*>\s*',
    r'(?<=initial-scale=1\.0" />)<meta name="viewport"[^>]*>',
)
# Roles for screen readers that the theme leaves out, or docutils gives where none is allowed.
_ROLES = {
    '<div class="bd-sidebar-primary bd-sidebar">': (
        '<div class="bd-sidebar-primary bd-sidebar" role="region" aria-label="Book">'
    ),
    'role="doc-biblioentry"': 'role="listitem"',
}
_UNWANTED_FILES = ("sphinx-thebe.js", "sphinx-thebe.css", "vendor/fontawesome/*/js")


def tidy_pages(app: Sphinx, error: Exception | None) -> None:
    """Take what no page needs out of the finished site."""
    if error is not None or app.builder.format != "html":
        return
    unwanted = re.compile("|".join(_UNWANTED), flags=re.DOTALL)
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        tidy = unwanted.sub("", text)
        for old, new in _ROLES.items():
            tidy = tidy.replace(old, new)
        if tidy != text:
            page.write_text(tidy, encoding="utf-8")
    for pattern in _UNWANTED_FILES:
        for path in (Path(app.outdir) / "_static").glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


_FONT_AWESOME = "_static/vendor/fontawesome"
_ICON_RULE = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"([^"]*)"\}')


def slim_icons(app: Sphinx, error: Exception | None) -> None:
    """Of Font Awesome's 2,000 icons leave those that a page or a script names."""
    if error is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    texts = [*site.rglob("*.html"), *(site / "_static").rglob("*.js")]
    used = set()
    for path in texts:
        used |= set(re.findall(r"\bfa-[a-z0-9-]+", path.read_text(encoding="utf-8")))
    points: set[int] = set()

    def keep(match: re.Match) -> str:
        names = set(re.findall(r"fa-[a-z0-9-]+", match[1]))
        if not names & used:
            return ""
        content = match[2].removeprefix("\\")
        points.add(int(content, 16) if len(content) > 1 else ord(content))
        return match[0]

    for sheet in (site / _FONT_AWESOME).glob("*/css/all.min.css"):
        rules = _ICON_RULE.sub(keep, sheet.read_text(encoding="utf-8"))
        # Inside the style sheet, a few kB: icons never come later than the text beside them.
        fonts = {path.stem: _subset(path, points) for path in sheet.parents[1].glob("*/*.ttf")}
        rules = re.sub(
            r'url\([^)]*?([\w-]+)\.woff2\) format\("woff2"\),url\([^)]*\) format\("truetype"\)',
            lambda match, fonts=fonts: f'url({fonts[match[1]]}) format("woff")',
            rules,
        )
        sheet.write_text(rules, encoding="utf-8")
        shutil.rmtree(sheet.parents[1] / "webfonts")
        for path in sheet.parent.iterdir():
            if path != sheet:
                path.unlink()


def _subset(path: Path, points: set[int]) -> str:
    """A font with no more than these characters, as a data URL: WOFF needs no compressor."""
    options = subset.Options(flavor="woff", layout_features=[], notdef_outline=True)
    font, smaller = subset.load_font(str(path), options), io.BytesIO()
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=points)
    subsetter.subset(font)
    font.flavor = "woff"
    font.save(smaller)
    return "data:font/woff;base64," + b64encode(smaller.getvalue()).decode()


def lighten_pictures(app: Sphinx, error: Exception | None) -> None:
    """Pictures of the chapters as WebP, where that is smaller by a tenth or more."""
    if error is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    pictures = sorted((site / "_images").glob("*.jp*g"))
    with ThreadPoolExecutor() as pool:
        lighter = dict(zip(pictures, pool.map(_lighten, pictures), strict=True))
    names = {path.name: path.stem + ".webp" for path, done in lighter.items() if done}
    if not names:
        return
    any_name = re.compile("(?<=_images/)(?:" + "|".join(map(re.escape, names)) + ")")
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        shorter = any_name.sub(lambda match: names[match[0]], text)
        if shorter != text:
            page.write_text(shorter, encoding="utf-8")


def _lighten(path: Path) -> bool:
    """Write a picture as WebP in place of the JPEG; whether it was worth it."""
    webp = io.BytesIO()
    with Image.open(path) as image:
        image.save(webp, "webp", quality=78, method=4)
    if webp.tell() > 0.9 * path.stat().st_size:
        return False
    path.with_suffix(".webp").write_bytes(webp.getvalue())
    path.unlink()
    return True


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


def write_sitemap(app: Sphinx, error: Exception | None) -> None:
    """The pages of the book, for search engines."""
    if error is not None or app.builder.format != "html":
        return
    pages = "".join(
        f"<url><loc>{app.config.html_baseurl}{name}.html</loc></url>\n"
        for name in sorted(app.env.found_docs)
    )
    site = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{site}\n{pages}</urlset>\n'
    (Path(app.outdir) / "sitemap.xml").write_text(text, encoding="utf-8")
    robots = f"User-agent: *\nSitemap: {app.config.html_baseurl}sitemap.xml\n"
    (Path(app.outdir) / "robots.txt").write_text(robots, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, object]:
    app.upconv_formulas, app.upconv_set = set(), set_formulas()
    app.add_html_math_renderer("mathml", (visit_formula, None), (visit_display, None))
    app.connect("config-inited", find_address)
    app.connect("source-read", write_claims)
    app.connect("source-read", place_explorers)
    app.connect("html-page-context", complete_pictures, priority=900)
    app.connect("html-page-context", mark_languages, priority=905)
    app.connect("html-page-context", mount_explorers, priority=910)
    app.connect("build-finished", note_formulas)
    app.connect("build-finished", write_explorers)
    app.connect("build-finished", write_sitemap)
    app.connect("build-finished", tidy_pages)
    app.connect("build-finished", slim_icons)
    app.connect("build-finished", lighten_pictures)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
