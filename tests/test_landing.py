"""Links within a page lead to their place: at once after loading, and when all is laid out."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from test_site import CHAPTERS, DESKTOP, PAGES, PHONE, soup

from upconv.widgets import EXPLORERS

# Once nothing moves any more: position and height of the page are the same for 20 frames.
RESTS = """() => new Promise((resolve) => {
    let [before, calm] = ["", 0];
    const look = () => {
        const now = `${scrollY} ${document.documentElement.scrollHeight}`;
        calm = now === before ? calm + 1 : 0;
        before = now;
        if (calm >= 20) resolve(true);
        else requestAnimationFrame(look);
    };
    look();
})"""
# How far below the top of the window the target is; 0 if the page ends before it could get there.
# The header covers the top, and the theme keeps a place free of it (scroll-padding).
WHERE = """(name) => {
    const top = document.getElementById(name).getBoundingClientRect().top;
    const page = document.documentElement;
    const end = page.scrollHeight - innerHeight - scrollY < 40;
    return end && top > 0 && top < innerHeight ? 0 : top;
}"""
CLICK = """(name) => [...document.querySelectorAll("a[href]")]
    .find((link) => link.getAttribute("href") === "#" + name).click()"""


def targets(page_name: str) -> list[str]:
    """The places that a page's own links name, in the order in which they stand."""
    page = soup(page_name)
    names = [link["href"][1:] for link in page.select("article a[href^='#'], .bd-toc-nav a")]
    # A folded or hidden place has no position.
    there = [name for name in names if name and page.find(id=name) is not None]
    order = [node["id"] for node in page.find_all(id=True)]
    return sorted(set(there), key=order.index)


def spread(names: list[str], most: int) -> list[str]:
    """So many of the names, the first and the last among them."""
    if len(names) <= most:
        return names
    return [names[round(i * (len(names) - 1) / (most - 1))] for i in range(most)]


LONG = [page for page in PAGES if len(targets(page)) >= 4]
# These have what takes its height late: sections without layout, explorers, and pictures.
HEAVY = [page for page in LONG if page.startswith("chapters/") or page == "book/explorers.html"]


def landed(page, name: str) -> None:
    page.wait_for_function("() => 'laidOut' in document.documentElement.dataset")
    page.evaluate(RESTS)
    assert -2 <= page.evaluate(WHERE, name) <= 120, f"{page.url}: #{name} is elsewhere"


@pytest.fixture
def fresh(chromium):
    """Opens a page that nobody has waited for."""
    contexts = []

    def load(address: str, viewport=DESKTOP, motion="no-preference"):
        contexts.append(chromium.new_context(viewport=viewport, reduced_motion=motion))
        page = contexts[-1].new_page()
        page.goto(address, wait_until="load")
        return page

    yield load
    for context in contexts:
        context.close()


def test_there_are_pages_to_jump_in():
    assert len(LONG) >= 10 and len(HEAVY) == len(CHAPTERS) + 1


@pytest.mark.parametrize(
    ("page_name", "viewport"),
    [(page, DESKTOP) for page in LONG] + [(page, PHONE) for page in HEAVY],
)
def test_a_link_clicked_at_once_lands(fresh, served, page_name, viewport):
    for name in spread(targets(page_name), 3)[1 if page_name in HEAVY else 2 :]:
        page = fresh(served + page_name, viewport)
        page.evaluate(CLICK, name)
        landed(page, name)


@pytest.mark.parametrize("page_name", HEAVY)
def test_links_clicked_one_after_another_land(fresh, served, page_name):
    page = fresh(served + page_name, motion="reduce")
    names = spread(targets(page_name), 4)
    for name in [*names, *names[::-1]]:
        page.evaluate(CLICK, name)
        landed(page, name)
    page.go_back()
    landed(page, names[1])


@pytest.mark.parametrize("page_name", HEAVY)
def test_an_address_with_a_place_lands(fresh, served, page_name):
    for name in spread(targets(page_name), 3)[1:]:
        landed(fresh(f"{served}{page_name}#{name}"), name)


# An observer that says nothing until `release` is called: no explorer is seen.
UNSEEN = """
  const Native = IntersectionObserver;
  const held = [];
  let open = false;
  window.IntersectionObserver = class extends Native {
    constructor(callback, options) {
      const waiting = [];
      super((seen, me) => (open ? callback(seen, me) : waiting.push(seen)), options);
      held.push(() => waiting.forEach((seen) => callback(seen, this)));
    }
  };
  window.release = () => { open = true; held.forEach((one) => one()); };
"""
HEIGHTS = """() => [...document.querySelectorAll("[data-explorer]")]
    .map((box) => [box.dataset.explorer, box.getBoundingClientRect().height])"""


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_explorer_has_its_height_before_it_is_drawn(chromium, served, viewport):
    page = chromium.new_page(viewport=viewport)
    page.add_init_script(UNSEEN)
    page.goto(served + "book/explorers.html")
    page.wait_for_function("() => 'laidOut' in document.documentElement.dataset")
    before = page.evaluate(HEIGHTS)
    busy = page.locator("[data-explorer] [aria-busy]")
    assert busy.count() == len(before) == len(EXPLORERS)
    page.evaluate("() => release()")
    for box in page.locator("[data-explorer]").all():
        box.scroll_into_view_if_needed()
    expect(busy).to_have_count(0)
    page.wait_for_load_state("networkidle")
    page.evaluate(RESTS)
    for (name, was), (_, height) in zip(before, page.evaluate(HEIGHTS), strict=True):
        assert abs(height - was) < 60, name
    page.close()
