"""What is done to the site once Sphinx has written it, so that it is light and whole.

1. What no page needs, above all scripts that would load something from elsewhere, is taken out.
2. Scripts wait until the page is there, and all style sheets become one (``sheets``). Nothing but
   this one sheet holds up the first view.
3. A sitemap tells search engines the pages.

The text of finished pages is changed for what stands in the templates of the themes, which have no
block or setting for it; to copy whole templates would tie the book to one version of them. What is
no longer found there is a warning, and so an error in `make book`.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

from upconv_book.sheets import JOINED, Pages, join_sheets, slim_icons

logger = logging.getLogger(__name__)

# What the theme and Jupyter Book put on every page without need: scripts that load from
# elsewhere (Thebe), Font Awesome a second time as 1.5 MB of script (the style sheet is there
# already), font preloads that a browser refuses on pages opened from disk, preloads of scripts
# that nobody waits for, a second viewport, and the same logo a second time, for the dark.
_UNWANTED = (
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
    """Every page is read once, goes through all steps, and is written once.

    Each step leaves alone what an earlier build has finished, so a build may write some pages only.
    """
    if error is not None or app.builder.name not in ("html", "singlehtml"):
        return
    site = Path(app.outdir)
    for pattern in _UNWANTED_FILES:
        for path in (site / "_static").glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = {path: path.read_text(encoding="utf-8") for path in sorted(site.rglob("*.html"))}
    if app.builder.name == "html":
        warn_of_missing(before)
    pages = take_out_unwanted(before)
    slim_icons(site, pages)
    pages = defer_scripts(site, pages)
    pages = join_sheets(site, pages, Path(app.doctreedir, f"{app.builder.name}-sheets.json"))
    for path, text in pages.items():
        if text != before[path]:
            path.write_text(text, encoding="utf-8")
    write_sitemap(site, app.config.html_baseurl, app.env.found_docs)


def warn_of_missing(pages: Pages) -> None:
    """Say what no page has of what is to be changed: a theme has changed, and so must this."""
    if any(JOINED in text for text in pages.values()):
        return  # not written anew, all of them
    wanted = [*_UNWANTED, *map(re.escape, _BETTER), _OPTIONS.pattern, _SCRIPT.pattern]
    for pattern in wanted:
        if not any(re.search(pattern, text, flags=re.DOTALL) for text in pages.values()):
            logger.warning("no page has %s", pattern, type="upconv", subtype="theme")


def take_out_unwanted(pages: Pages) -> Pages:
    """The pages without what none needs."""
    unwanted = re.compile("|".join(_UNWANTED), flags=re.DOTALL)
    tidy = {path: unwanted.sub("", text) for path, text in pages.items()}
    for old, new in _BETTER.items():
        tidy = {path: text.replace(old, new) for path, text in tidy.items()}
    return tidy


_OPTIONS = re.compile(r'<script src="[^"]*/?documentation_options\.js[^"]*"></script>')
# The theme's scripts, in the head and at the end; explorers are drawn where they stand.
_SCRIPT = re.compile(r"<script(?=[^>]* src=)(?![^>]*(?:defer|async|explorers\.js))")


def defer_scripts(site: Path, pages: Pages) -> Pages:
    """Scripts run in their order once the page is read; the few options that inline scripts set
    right away stand in the page itself.

    Half of these scripts are added by extensions, half stand in templates; their order must stay.
    """
    options = (site / "_static/documentation_options.js").read_text(encoding="utf-8")
    inline = f"<script>{options.strip()}</script>"
    return {
        path: _SCRIPT.sub("<script defer", _OPTIONS.sub(lambda _: inline, text))
        for path, text in pages.items()
    }


def write_sitemap(site: Path, address: str, names: set[str]) -> None:
    """The pages of the book, for search engines."""
    pages = "".join(f"<url><loc>{address}{name}.html</loc></url>\n" for name in sorted(names))
    head = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{pages}</urlset>\n'
    (site / "sitemap.xml").write_text(text, encoding="utf-8")
    robots = f"User-agent: *\nSitemap: {address}sitemap.xml\n"
    (site / "robots.txt").write_text(robots, encoding="utf-8")


def setup(app: Sphinx) -> None:
    # Before the theme's script, which comes at the end of the page.
    script = Path(__file__).with_name("before_theme.js").read_text(encoding="utf-8")
    app.add_js_file(None, body=script.strip())
    app.connect("build-finished", finish_site, priority=900)
