"""What is done to the site once Sphinx has written it, so that it is light and whole.

1. What no page needs, above all scripts that would load something from elsewhere, is taken out.
2. Pictures become WebP where that is smaller; large ones have a second size for phones.
3. Icons that no page shows are cut out of their font.
4. All style sheets become one, with the rules that some page or script can use; scripts wait
   until the page is there. Nothing but this one sheet holds up the first view.
5. A sitemap tells search engines the pages.
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
import shutil
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import tinycss2
from fontTools import subset
from PIL import Image
from sphinx.application import Sphinx

Pages = dict[Path, str]

logging.getLogger("fontTools").setLevel(logging.WARNING)  # not every table of every font

# What the theme and Jupyter Book put on every page without need: scripts that load from
# elsewhere (Thebe), Font Awesome a second time as 1.5 MB of script (the style sheet is there
# already), font preloads that a browser refuses on pages opened from disk, preloads of scripts
# that nobody waits for, a second viewport, and the same logo a second time, for the dark.
_UNWANTED = re.compile(
    "|".join(
        (
            r'<script[^>]*src="[^"]*sphinx-thebe\.js[^"]*"></script>\s*',
            r"<script>kernelName = .*?</script>\s*",
            r"<script>const THEBE_JS_URL = .*?</script>\s*",
            r'<script[^>]*type="text/x-thebe-config"[^>]*>.*?</script>\s*',
            r"<link[^>]*sphinx-thebe\.css[^>]*>\s*",
            r'<script[^>]*src="[^"]*/fontawesome/[^"]*"></script>\s*',
            r'<link(?=[^>]*rel="preload")[^>]*as="(?:font|script)"[^>]*>\s*',
            r'<meta(?=[^>]*name="viewport")[^>]*initial-scale=1"[^>]*>',
            r'<script>document\.write\(`<img [^`]*"logo__image only-dark"[^`]*`\);</script>',
        )
    ),
    flags=re.DOTALL,
)
# Roles for screen readers that the theme leaves out, or docutils gives where none is allowed.
_BETTER = {
    '<div class="bd-sidebar-primary bd-sidebar">': (
        '<div class="bd-sidebar-primary bd-sidebar" role="region" aria-label="Book">'
    ),
    '<summary><span class="toctree-toggle" role="presentation">': (
        '<summary aria-label="Its pages"><span class="toctree-toggle" role="presentation">'
    ),
    'role="doc-biblioentry"': 'role="listitem"',
    'class="logo__image only-light"': 'class="logo__image dark-light"',
}
_UNWANTED_FILES = ("sphinx-thebe.*", "vendor/fontawesome/*/js", "*webpack-macros.html")


def finish_site(app: Sphinx, error: Exception | None) -> None:
    """Every page is read once, goes through all steps, and is written once."""
    if error is not None or app.builder.name not in ("html", "singlehtml"):
        return
    site = Path(app.outdir)
    for pattern in _UNWANTED_FILES:
        for path in (site / "_static").glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    pages = take_out_unwanted(before)
    if app.builder.name == "html":  # a PDF takes a JPEG as it is, but unpacks a WebP
        pages = lighten_pictures(site, pages)
        pages = {path: fit_pictures(site, text) for path, text in pages.items()}
    slim_icons(site, pages)
    pages = defer_scripts(site, pages)
    pages = join_sheets(site, pages)
    for path, text in pages.items():
        if text != before[path]:
            path.write_text(text, encoding="utf-8")
    write_sitemap(site, app.config.html_baseurl, app.env.found_docs)


def take_out_unwanted(pages: Pages) -> Pages:
    """The pages without what none needs."""
    tidy = {path: _UNWANTED.sub("", text) for path, text in pages.items()}
    for old, new in _BETTER.items():
        tidy = {path: text.replace(old, new) for path, text in tidy.items()}
    return tidy


def lighten_pictures(site: Path, pages: Pages) -> Pages:
    """Pictures of the chapters as WebP, where that is smaller by a tenth or more."""
    pictures = sorted((site / "_images").glob("*.jp*g"))
    with ThreadPoolExecutor() as pool:
        lighter = dict(zip(pictures, pool.map(_lighten, pictures), strict=True))
    names = {path.name: path.stem + ".webp" for path, done in lighter.items() if done}
    if not names:
        return pages
    any_name = re.compile("(?<=_images/)(?:" + "|".join(map(re.escape, names)) + ")")
    return {path: any_name.sub(lambda match: names[match[0]], text) for path, text in pages.items()}


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


_PICTURE = re.compile(
    r'<img (?P<alt>alt="[^"]*") src="(?P<folder>[^"]*_images/)(?P<name>[^"/]+)"'
    r' style="width: (?P<width>\d+)px;" ?/>'
)
_PHONE = 720  # pixels: a phone's width at its usual density


def fit_pictures(site: Path, text: str) -> str:
    """Pictures of a page that is no notebook: their room kept, a smaller size for phones, and only
    the first fetched before the reader comes near."""
    seen = 0

    def fit(match: re.Match) -> str:
        nonlocal seen
        seen += 1
        path = site / "_images" / match["name"]
        with Image.open(path) as image:
            wide, high = image.size
            small = path.with_name(f"{path.stem}-{_PHONE}.webp")
            if wide > _PHONE and not small.exists():
                size = (_PHONE, round(_PHONE * high / wide))
                image.resize(size, Image.Resampling.LANCZOS).save(small, "webp", quality=72)
        width = int(match["width"])
        more = f' width="{width}" height="{round(width * high / wide)}" decoding="async"'
        more += ' fetchpriority="high"' if seen == 1 else ' loading="lazy"'
        folder = match["folder"]
        if wide > _PHONE:
            more += (
                f' srcset="{folder}{small.name} {_PHONE}w, {folder}{path.name} {wide}w"'
                f' sizes="(max-width: 60rem) 92vw, {width}px"'
            )
        return f'<img {match["alt"]} src="{folder}{path.name}"{more}>'

    return _PICTURE.sub(fit, text)


_FONT_AWESOME = "_static/vendor/fontawesome"
_ICON_RULE = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"([^"]*)"\}')


def slim_icons(site: Path, pages: Pages) -> None:
    """Of Font Awesome's 2,000 icons leave those that a page or a script names."""
    used = {name for text in pages.values() for name in re.findall(r"\bfa-[a-z0-9-]+", text)}
    for path in (site / "_static").rglob("*.js"):
        used |= set(re.findall(r"\bfa-[a-z0-9-]+", path.read_text(encoding="utf-8")))
    points: set[int] = set()

    def keep(match: re.Match) -> str:
        if not set(re.findall(r"fa-[a-z0-9-]+", match[1])) & used:
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
        # The names of versions 4 and 5 for the same fonts: the theme uses those of version 6.
        rules = re.sub(
            r'@font-face\{font-display:block;font-family:"?Font ?Awesome(?:\\? 5[^;]*)?;[^}]*\}',
            "",
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


_OPTIONS = re.compile(r'<script src="[^"]*/?documentation_options\.js[^"]*"></script>')
# The theme's scripts, in the head and at the end; explorers are drawn where they stand.
_SCRIPT = re.compile(r"<script(?=[^>]* src=)(?![^>]*(?:defer|async|explorers\.js))")


# The theme asks every box of the page at once whether it scrolls, which lays out the whole page
# before the reader can use it; page.js asks section by section.
_THEME = "_static/scripts/pydata-sphinx-theme.js"
_ASKS_ALL = '"pre, .nboutput > .output_area, .cell_output > .output, .jp-RenderedHTMLCommon"'
_ASKS_NONE = '"#none"'.ljust(len(_ASKS_ALL))  # as long: the source map still fits


def defer_scripts(site: Path, pages: Pages) -> Pages:
    """Scripts run in their order once the page is read; the few options that inline scripts set
    right away stand in the page itself."""
    theme = (site / _THEME).read_text(encoding="utf-8")
    (site / _THEME).write_text(theme.replace(_ASKS_ALL, _ASKS_NONE), encoding="utf-8")
    options = (site / "_static/documentation_options.js").read_text(encoding="utf-8")
    inline = f"<script>{options.strip()}</script>"
    return {
        path: _SCRIPT.sub("<script defer", _OPTIONS.sub(lambda _: inline, text))
        for path, text in pages.items()
    }


_SHEET_LINK = re.compile(
    r'\s*<link(?=[^>]* rel="stylesheet")[^>]* href="(?P<up>(?:\.\./|/\w+/)*)(?P<file>[^"?]*)[^>]*>'
)


def join_sheets(site: Path, pages: Pages) -> Pages:
    """One style sheet in place of a dozen, without the rules that nothing can ever match."""
    words = {name for text in pages.values() for name in _words_of_page(text)}
    for script in site.rglob("*.js"):
        words |= set(re.findall(r"[\w-]+", script.read_text(encoding="utf-8")))
    done: dict[tuple[str, ...], str] = {}

    def join(text: str) -> str:
        links = list(_SHEET_LINK.finditer(text))
        files = tuple(link["file"] for link in links)
        if not files or files[0].startswith("_static/all-"):  # finished in an earlier build
            return text
        if files not in done:
            rules = "".join(_rules(site / file, site / "_static", words) for file in files)
            name = f"_static/all-{hashlib.sha256(rules.encode()).hexdigest()[:12]}.css"
            (site / name).write_text(rules, encoding="utf-8")
            done[files] = name
        link = f'\n  <link rel="stylesheet" href="{links[0]["up"]}{done[files]}" />'
        first = links[0].start()
        return text[:first] + link + _SHEET_LINK.sub("", text[first:])

    joined = {path: join(text) for path, text in pages.items()}
    for sheet in (site / "_static").glob("all-*.css"):
        if not any(sheet.name in text for text in joined.values()):
            sheet.unlink()
    return joined


def _words_of_page(text: str) -> set[str]:
    """Classes and ids of a page, and every word of the scripts in it."""
    found = set()
    for attribute in re.findall(r'\b(?:class|id)="([^"]*)"', text):
        found |= set(attribute.split())
    for script in re.findall(r"<script[^>]*>(.*?)</script>", text, flags=re.DOTALL):
        if len(script) < 5_000:  # not the pictures that explorers hold
            found |= set(re.findall(r"[\w-]+", script))
    return found


def _rules(sheet: Path, home: Path, words: set[str]) -> str:
    """The rules of a sheet that can match, with addresses as seen from another folder."""
    text = sheet.read_text(encoding="utf-8")
    nodes = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    return "\n".join(filter(None, (_rule(node, sheet, home, words) for node in nodes))) + "\n"


def _rule(node, sheet: Path, home: Path, words: set[str]) -> str:
    if node.type == "qualified-rule":
        selectors = [part for part in _split(node.prelude) if _asked_of(part) <= words]
        if not selectors:
            return ""
        head = ",".join(tinycss2.serialize(part).strip() for part in selectors)
        return head + "{" + _body(node.content, sheet, home) + "}"
    if node.type != "at-rule" or node.lower_at_keyword == "charset":
        return ""
    if node.lower_at_keyword == "import":
        address = next(token for token in node.prelude if token.type in ("string", "url"))
        return _rules((sheet.parent / address.value).resolve(), home, words)
    head = f"@{node.at_keyword}{tinycss2.serialize(node.prelude)}".rstrip()
    if node.lower_at_keyword in ("media", "supports"):
        inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
        rules = "".join(_rule(part, sheet, home, words) for part in inner)
        return head + "{" + rules + "}" if rules else ""
    return head + ("{" + _body(node.content, sheet, home) + "}" if node.content else ";")


_ADDRESS = re.compile(r"""url\((["']?)(?!data:|\#|/|https?:)([^)"']+)\1\)""")


def _body(content, sheet: Path, home: Path) -> str:
    """Declarations without the white space between them, addresses as seen from ``home``."""
    text = re.sub(r"\s+", " ", tinycss2.serialize(content)).strip()

    def move(match: re.Match) -> str:
        target = (sheet.parent / match[2]).resolve().relative_to(home.resolve())
        return f"url({target.as_posix()})"

    return _ADDRESS.sub(move, text)


def _split(prelude) -> list[list]:
    """A list of selectors at its commas."""
    parts: list[list] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _asked_of(selector) -> set[str]:
    """Classes and ids that must be there for a selector to match; not those within ``:not()``."""
    names = {token.value for token in selector if token.type == "hash"}
    for dot, name in pairwise(selector):
        if dot.type == "literal" and dot.value == "." and name.type == "ident":
            names.add(name.value)
    return names


def write_sitemap(site: Path, address: str, names: set[str]) -> None:
    """The pages of the book, for search engines."""
    pages = "".join(f"<url><loc>{address}{name}.html</loc></url>\n" for name in sorted(names))
    head = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{pages}</urlset>\n'
    (site / "sitemap.xml").write_text(text, encoding="utf-8")
    robots = f"User-agent: *\nSitemap: {address}sitemap.xml\n"
    (site / "robots.txt").write_text(robots, encoding="utf-8")
