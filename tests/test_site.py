"""The built website in a real Chromium: served, and opened from disk."""

from __future__ import annotations

import functools
import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import quote_plus, unquote, urljoin, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import settle
from bs4 import BeautifulSoup
from conftest import SITE, opening
from fontTools.ttLib import TTFont
from test_notebooks import repository

from upconv.claims import load_claims

ROOT = Path(__file__).parents[1]
# Pages that Sphinx adds to those in the contents.
GENERATED = {"search.html", "genindex.html"}
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


def contents() -> list[str]:
    """The pages named in _toc.yml, as paths in the site."""
    names = re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [f"{name}.html" for name in names]


PAGES = contents()
CHAPTERS = [page for page in PAGES if page.startswith("chapters/")]


@functools.cache
def soup(page: str) -> BeautifulSoup:
    path = SITE / page
    assert path.exists(), f"{path} is not there: run `make book`"
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


# How pages are seen: how wide, in which colors, and from where.
SEEN = {
    "light": (DESKTOP, "light", "served"),
    "dark": (DESKTOP, "dark", "served"),
    "phone": (PHONE, "light", "served"),
    "disk": (DESKTOP, "light", "disk"),
}


@pytest.fixture(scope="module")
def opened(request, chromium, served):
    """A page seen in one way, which all tests that only look share: they change nothing in it."""
    page_name, way = request.param
    viewport, scheme, origin = SEEN[way]
    base = served if origin == "served" else SITE.as_uri() + "/"
    with opening(chromium) as open_page:
        page = open_page(base + page_name, viewport, scheme)
        page.base, page.scheme = base, scheme
        yield page


def looking(pages: list[str], *ways: str):
    """A test for each of the pages, seen in each of these ways."""
    seen = [(page_name, way) for page_name in pages for way in ways]
    return pytest.mark.parametrize("opened", seen, indirect=True, ids="-".join, scope="module")


@looking(PAGES + sorted(GENERATED), "light", "disk")
def test_page_is_whole(opened):
    page, base = opened, opened.base
    assert page.complaints == []
    strangers = [url for url in page.asked if not url.startswith((base, "data:", "blob:"))]
    assert strangers == []
    assert page.locator("#main-content h1:visible").count() == 1
    # `script` and `pre` may hold dollars and backslashes; running text may not.
    formulas = page.locator(".formula")
    assert page.locator(".formula math").count() == formulas.count(), "run `make formulas`"
    broken = page.evaluate(
        """() => [...document.images].filter(i => i.offsetParent && i.naturalWidth === 0)
                 .map(i => i.src)"""
    )
    assert broken == []


@looking(CHAPTERS, "light")
def test_mathematics_is_set(opened):
    page = opened
    widths = page.evaluate(
        "() => [...document.querySelectorAll('math')]"
        ".filter(m => m.checkVisibility()).map(m => m.getBoundingClientRect().width)"
    )
    assert len(widths) >= 10 and min(widths) > 0
    fonts = page.evaluate(
        "() => [...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)"
    )
    assert any("STIX Two Math" in family for family in fonts)
    text = page.evaluate(
        """() => {
            const copy = document.querySelector('article').cloneNode(true);
            copy.querySelectorAll('pre, .cell code, script').forEach(n => n.remove());
            return copy.textContent;
        }"""
    )
    assert "$" not in text
    assert not re.search(r"\\(frac|sum|mathrm|begin)", text)
    assert "{cite}" not in text


def test_a_conjugate_has_its_bar(visit, served):
    """Chromium draws no line for <menclose>: the style sheet does, as for Temml's other classes."""
    page = visit(served + "book/notation.html")
    line = page.locator(".tml-overline").first
    assert line.evaluate("node => getComputedStyle(node).borderTopStyle") == "solid"
    formulas = (ROOT / "book/_ext/upconv_book/formulas.json").read_text(encoding="utf-8")
    style = (ROOT / "book/_static/upconv.css").read_text(encoding="utf-8")
    classes = {
        name for text in re.findall(r'class=\\"([^"]*)\\"', formulas) for name in text.split()
    }
    assert classes - {"mathcal", "tml-jot"} <= set(re.findall(r"\.([\w-]+)", style))


def test_the_font_has_every_character_of_the_formulas():
    font = TTFont(ROOT / "book/_static/stix-two-math.woff")
    there = set(map(chr, font.getBestCmap()))
    formulas = (ROOT / "book/_ext/upconv_book/formulas.json").read_text(encoding="utf-8")
    found = "".join(json.loads(formulas).values())
    asked = set(unescape(re.sub(r"<[^>]*>", "", found)))
    asked |= {"√"} if "<msqrt>" in found else set()
    assert "MATH" in font
    assert {sign for sign in asked if sign.isprintable() and not sign.isspace()} <= there


@looking(CHAPTERS, "light")
def test_numbers_of_equations_stand_beside_them(opened):
    for line in opened.locator("div.formula:has(.eqno)").all():
        formula, number = (line.locator(part).bounding_box() for part in ("> div", ".eqno"))
        assert number["x"] >= formula["x"] + formula["width"]
        middle = number["y"] + number["height"] / 2
        assert formula["y"] <= middle <= formula["y"] + formula["height"]


@pytest.mark.parametrize("page_name", PAGES)
def test_every_picture_has_a_text_alternative(page_name):
    for image in soup(page_name).find_all("img"):
        alt = image.get("alt", "")
        assert alt, f"no text alternative: {image}"
        assert not re.search(r"\.(png|jpe?g|svg)$|[0-9a-f]{32}", alt), f"a file's name: {alt}"


@pytest.mark.parametrize("page_name", PAGES + sorted(GENERATED))
def test_every_link_inside_resolves(page_name):
    missing = []
    for tag, attribute in (("a", "href"), ("img", "src"), ("link", "href"), ("script", "src")):
        for node in soup(page_name).find_all(tag, attrs={attribute: True}):
            link = node[attribute]
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = unquote(urlsplit(urljoin(page_name, parts.path)).path) or page_name
            target = page_name if not parts.path else path
            if not (SITE / target).is_file() or (
                parts.fragment
                and target.endswith(".html")
                and soup(target).find(id=unquote(parts.fragment)) is None
            ):
                missing.append(link)
    assert missing == []


@looking(PAGES, "light", "phone")
def test_page_does_not_scroll_sideways(opened):
    width = opened.evaluate("() => document.scrollingElement.scrollWidth")
    assert width <= opened.viewport_size["width"]


@looking(PAGES, "light", "dark", "phone")
def test_axe_finds_nothing(opened):
    assert opened.evaluate("() => document.documentElement.dataset.theme") == opened.scheme
    options = {"resultTypes": ["violations"]}  # what passes is not described
    found = Axe().run(opened, options=options).response["violations"]
    report = [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: "
        + "; ".join(node["html"][:160] for node in rule["nodes"][:3])
        for rule in found
    ]
    assert report == []


def test_keyboard_leads_through_the_book(visit, served):
    page = visit(served + CHAPTERS[0])
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.inner_text() == "Skip to main content"
    # Once it has the focus it slides into view.
    page.wait_for_function("() => document.activeElement.getBoundingClientRect().top >= 0")
    for _ in range(40):
        page.keyboard.press("Tab")
        focus = page.locator(":focus")
        # A chapter's toggle is drawn by a part of it that stands beside its name.
        seen = focus.evaluate(
            "node => [node, ...node.querySelectorAll('*')].some(part => {"
            " const { width, height } = part.getBoundingClientRect(); return width * height > 0; })"
        )
        assert seen, f"nothing to see of {focus.evaluate('node => node.outerHTML')[:200]}"
        marked = focus.evaluate(
            "node => [node, ...node.querySelectorAll('*')].some(part => {"
            " const style = getComputedStyle(part);"
            " return style.outlineStyle !== 'none' || style.boxShadow !== 'none'; })"
        )
        assert marked, f"no sign of the focus on {focus.evaluate('node => node.outerHTML')[:200]}"
        if (focus.get_attribute("href") or "").endswith("02_upsampling.html"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/02_upsampling.html")


@pytest.mark.parametrize("page_name", CHAPTERS)
def test_names_in_code_lead_to_their_documentation(page_name):
    links = soup(page_name).select(".highlight a.upconv-name")
    assert len(links) >= 20
    for link in links:
        target, _, name = link["href"].partition("#")
        described = soup(urljoin(page_name, target)).find(id=name)
        assert described is not None
        assert name.startswith("module-") or link.text.split(".")[-1] == name.split(".")[-1]
        after = link.next_sibling
        assert after is None or after.get_text() != "=", f"{link.text} names an argument here"


@pytest.mark.parametrize("page_name", CHAPTERS)
def test_launch_buttons_open_this_chapter(page_name):
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    repository = re.search(r"  url: https://github\.com/(\S+)", config)[1]
    notebook = page_name.replace(".html", ".ipynb")
    assert (ROOT / notebook).is_file()
    links = [node["href"] for node in soup(page_name).find_all("a", href=True)]
    colab = f"https://colab.research.google.com/github/{repository}/blob/colab/{notebook}"
    assert colab in links
    binder = f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{notebook}"
    assert binder in links


@pytest.mark.parametrize("page_name", CHAPTERS)
def test_solutions_are_folded_until_asked_for(visit, served, page_name):
    page = visit(served + page_name)
    solutions = page.locator(".cell.tag_solution details")
    exercises = len(soup(page_name).select(".cell.tag_exercise"))
    assert solutions.count() == exercises >= 2
    for index in range(solutions.count()):
        code = solutions.nth(index).locator(".cell_input")
        assert not code.is_visible()
        solutions.nth(index).locator("summary").click()
        assert code.is_visible()


@pytest.mark.parametrize("page_name", CHAPTERS)
def test_answers_unfold_by_keyboard(visit, served, page_name):
    page = visit(served + page_name)
    questions = page.locator(".upconv-quiz:not(.upconv-guess)")
    assert questions.count() >= 4
    right = questions.first.locator('details[data-right="true"]')
    reason = right.locator("p")
    assert not reason.is_visible()
    right.locator("summary").focus()
    page.keyboard.press("Enter")
    assert reason.is_visible() and reason.inner_text().startswith("✓ Right.")


@pytest.mark.parametrize("page_name", PAGES)
def test_a_page_says_to_others_what_it_is(page_name):
    page = soup(page_name)
    address = page.find("link", rel="canonical")["href"]
    assert address.endswith(f"/{page_name}")
    site = address.removesuffix(page_name)
    said = {tag.get("property") or tag.get("name"): tag.get("content") for tag in page("meta")}
    assert 40 <= len(said["description"]) <= 200
    assert said["og:title"] and said["og:url"] == address
    assert (SITE / said["og:image"].removeprefix(site)).exists()
    sitemap = (SITE / "sitemap.xml").read_text(encoding="utf-8")
    assert f"<loc>{address}</loc>" in sitemap
    assert f"Sitemap: {site}sitemap.xml" in (SITE / "robots.txt").read_text(encoding="utf-8")


def test_a_lost_reader_finds_the_way_from_any_address():
    page = BeautifulSoup((SITE / "404.html").read_text(encoding="utf-8"), "html.parser")
    assert any(heading.text.startswith("No such page") for heading in page("h1"))
    prefix = "/" + repository().split("/")[-1] + "/"
    for tag, key in (("a", "href"), ("link", "href"), ("script", "src")):
        for address in (found.get(key, "#") for found in page(tag)):
            inside = not address.startswith(("#", "https://"))
            assert not inside or address.startswith(prefix), address
            assert not inside or (SITE / unquote(urlsplit(address).path)[len(prefix) :]).exists()


def test_names_in_the_glossary_say_their_language(visit, served):
    page = visit(served + "book/glossary.html")
    terms = page.locator("dl.glossary dt").count()
    for language, name in (("ko", "합성곱"), ("zh", "卷积"), ("ja", "畳み込み")):
        names = page.locator(f"dl.glossary dd [lang={language}]").all_inner_texts()
        assert len(names) == terms and name in names


def test_misconceptions_are_all_claims_that_do_not_hold(visit, served):
    page = visit(served + "book/misconceptions.html")
    shown = page.locator(".upconv-claim").evaluate_all("all => all.map(box => box.id)")
    right = {"holds", "not for a cell"}
    wrong = {claim.anchor for claim in load_claims().values() if claim.verdict not in right}
    assert set(shown) == wrong and len(shown) == len(wrong)


def test_claims_lead_to_their_cells(visit, served):
    page = visit(served + "book/claims.html")
    links = page.locator(".claims-table td:first-child a")
    assert links.count() > 0
    page.locator(".claims-table td:first-child a").last.click()
    page.wait_for_load_state("load")
    settle(page)
    box = page.locator(".upconv-claim:target")
    assert box.is_visible()
    page.wait_for_function(
        """() => {
            const box = document.querySelector('.upconv-claim:target').getBoundingClientRect();
            return box.bottom > 0 && box.top < innerHeight;
        }"""
    )


def test_reader_can_switch_to_dark(visit, served):
    page = visit(served + CHAPTERS[0])
    paper = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    for _ in range(3):
        page.locator(".theme-switch-button:visible").first.click()
        if page.evaluate("() => document.documentElement.dataset.theme") == "dark":
            break
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") != paper


@pytest.mark.parametrize("origin", ["served", "disk"])
@pytest.mark.parametrize(
    ("term", "where"),
    [
        ("transposed convolution", "02_upsampling"),
        ("체커보드", "glossary"),
        ("转置卷积", "glossary"),
    ],
)
def test_search_finds_a_term(visit, served, origin, term, where):
    base = served if origin == "served" else SITE.as_uri() + "/"
    page = visit(f"{base}search.html?q={quote_plus(term)}")
    page.wait_for_selector("#search-results li a")
    found = page.locator("#search-results li a").evaluate_all("all => all.map(a => a.href)")
    assert any(where in link for link in found)
    if origin == "served":
        # From disk, a browser lets no script read the pages for the lines under each result.
        assert page.complaints == []


@pytest.mark.parametrize("origin", ["served", "disk"])
def test_the_address_of_the_site_opens_the_front_page(chromium, served, origin):
    page = chromium.new_page()
    page.goto((served if origin == "served" else SITE.as_uri() + "/") + "index.html")
    page.wait_for_url("**/book/intro.html")
    assert page.locator("#main-content h1:visible").inner_text().startswith("Upconv")
    page.close()


def test_one_search_box_and_icons_are_drawn(visit, served):
    page = visit(served + CHAPTERS[0])
    assert page.locator("input[type=search]:visible").count() <= 1
    assert page.locator(".search-button__button:visible").count() == 1
    fonts = "() => [...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)"
    page.wait_for_function(f"() => ({fonts})().some(f => f.includes('Font Awesome'))")
