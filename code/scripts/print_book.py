"""Print the book, built as one page, to _build/upconv.pdf, with links, outline and page numbers.

`make download` builds that page first.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "code" / "support"))

from browser import require_browser, settle  # noqa: E402

NUMBER = (
    '<div style="width: 100%; text-align: center; font: 8pt sans-serif; color: #5a6472">'
    '<span class="pageNumber"></span></div>'
)
# Redirect links: pages of the book are parts of this one, others are on the website.
INWARD = """site => document.querySelectorAll("article a[href]").forEach(link => {
    const [path, hash] = link.getAttribute("href").split("#");
    if (/^\\w+:/.test(path)) return;
    const file = path.replace(/^(\\.\\.\\/)+/, "");
    const part = `document-${file.replace(/\\.html$/, "")}`;
    const inside = [hash, part].find(id => id && document.getElementById(decodeURIComponent(id)));
    link.setAttribute("href", inside ? `#${inside}` : new URL(file, site));
})"""


def main() -> None:
    built, target = ROOT / "_build/singlehtml/book/intro.html", ROOT / "_build/upconv.pdf"
    if not built.exists():
        raise SystemExit(f"{built} does not exist: run `make download`")
    # Sphinx writes its addresses as if the page were at the top level.
    source = ROOT / "_build/singlehtml/upconv.html"
    source.write_bytes(built.read_bytes())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=require_browser(), args=["--no-sandbox"]
        )
        page = browser.new_page(color_scheme="light", viewport={"width": 900, "height": 1200})
        page.goto(source.as_uri())
        page.emulate_media(media="print")
        page.evaluate(INWARD, page.locator("link[rel=canonical]").get_attribute("href") + "/../..")
        page.evaluate("() => document.querySelectorAll('details').forEach(one => one.open = true)")
        page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
        settle(page)
        page.pdf(
            path=target,
            prefer_css_page_size=True,
            print_background=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=NUMBER,
            outline=True,
            tagged=True,
        )
        browser.close()
    source.unlink()
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
