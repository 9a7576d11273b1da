"""One style sheet for the site, and only the icons that it shows.

Both can be known only once all pages are written: what no page and no script names is left out.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import shutil
from base64 import b64encode
from itertools import pairwise
from pathlib import Path

import tinycss2
from fontTools import subset

Pages = dict[Path, str]

logging.getLogger("fontTools").setLevel(logging.WARNING)  # not every table of every font

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


JOINED = "_static/all-"
_SHEET_LINK = re.compile(
    r'\s*<link(?=[^>]* rel="stylesheet")[^>]* href="(?P<up>(?:\.\./|/\w+/)*)(?P<file>[^"?]*)[^>]*>'
)


def join_sheets(site: Path, pages: Pages, memory: Path) -> Pages:
    """One style sheet in place of a dozen, without the rules that nothing can ever match.

    ``memory`` is a file that keeps what each has been joined from, for pages finished earlier.
    """
    words = {name for text in pages.values() for name in _words_of_page(text)}
    for script in site.rglob("*.js"):
        words |= set(re.findall(r"[\w-]+", script.read_text(encoding="utf-8")))
    known = json.loads(memory.read_text(encoding="utf-8")) if memory.exists() else {}
    done: dict[tuple[str, ...], str] = {}

    def join(text: str) -> str:
        links = list(_SHEET_LINK.finditer(text))
        files = tuple(link["file"] for link in links)
        files = tuple(known.get(files[0], files)) if files else ()
        if not files or files[0].startswith(JOINED):  # of a page that is no longer in the book
            return text
        if files not in done:
            rules = "".join(_rules(site / file, site / "_static", words) for file in files)
            name = f"{JOINED}{hashlib.sha256(rules.encode()).hexdigest()[:12]}.css"
            (site / name).write_text(rules, encoding="utf-8")
            done[files] = name
        link = f'\n  <link rel="stylesheet" href="{links[0]["up"]}{done[files]}" />'
        first = links[0].start()
        return text[:first] + link + _SHEET_LINK.sub("", text[first:])

    joined = {path: join(text) for path, text in pages.items()}
    for sheet in site.glob(f"{JOINED}*.css"):
        if not any(sheet.name in text for text in joined.values()):
            sheet.unlink()
    memory.write_text(json.dumps({name: files for files, name in done.items()}), encoding="utf-8")
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
