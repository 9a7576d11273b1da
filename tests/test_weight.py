"""What a page weighs on the wire: text gzipped, as GitHub Pages sends it, pictures as they are."""

import gzip
from urllib.parse import urlsplit

import pytest
from test_site import CHAPTERS, DESKTOP

FIRST, WHOLE = 600_000, 2_500_000  # bytes: before the reader scrolls, and to the end
TEXT = (".html", ".css", ".js", ".svg")


@pytest.mark.parametrize("page_name", CHAPTERS)
def test_a_chapter_is_light(chrome, served, page_name):
    # Without windows, pictures are fetched long before they are scrolled to.
    page, weights = chrome.new_page(viewport=DESKTOP), {}

    def weigh(response) -> None:
        body = response.body()
        text = urlsplit(response.url).path.endswith(TEXT)
        weights[response.url] = len(gzip.compress(body, 6)) if text else len(body)

    page.on("requestfinished", lambda request: weigh(request.response()))
    page.goto(served + page_name)
    page.wait_for_load_state("networkidle")
    first = sum(weights.values())
    for _ in range(100):
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(30)
    page.wait_for_load_state("networkidle")
    page.close()
    print(f"{page_name}: {first / 1000:.0f} kB, {sum(weights.values()) / 1000:.0f} kB in all")
    assert first <= FIRST
    assert sum(weights.values()) <= WHOLE
