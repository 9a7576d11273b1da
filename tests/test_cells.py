"""Guesses, folded checks, tabs and hints: a page that has them all, in every engine."""

from __future__ import annotations

import base64
import gzip
import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from conftest import serving
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pace import wait_until
from PIL import Image
from test_engines import READY, Telling, started
from test_extension import WIDGET, build, lay_out
from test_site import DESKTOP, PHONE

from upconv.claims import CITED, Checked, load_claims
from upconv.quiz import Guess, Option, Question
from upconv.widgets import MIME_TYPE, TransposedConvolutionExplorer

ROOT = Path(__file__).parents[1]
PAGE = "chapters/01z_cells"
GUESS = Question(
    "What comes out?", (Option("One", "No."), Option("Two", "Yes.", True), Option("Six", "No."))
)
HINTS = """<details><summary>Hint 1</summary>

Count the *places* of the kernel, $n - k + 1$ of them.

</details>

<details><summary>Hint 2</summary>

- Write the loop.
- Then sum.

</details>"""


def html(text: str) -> nbformat.NotebookNode:
    return new_output("display_data", {"text/html": text})


def picture() -> nbformat.NotebookNode:
    data = io.BytesIO()
    Image.effect_noise((760, 300), 80).save(data, "png")
    return new_output(
        "display_data",
        {"image/png": base64.b64encode(data.getvalue()).decode()},
        metadata={"image/png": {"alt": "Noise behind a fold", "width": 760}},
    )


def explorer(name: str) -> nbformat.NotebookNode:
    state = TransposedConvolutionExplorer(stride=2).state()
    view = {"model_id": name, "version_major": 2, "version_minor": 1}
    return new_output(
        "display_data", {WIDGET: view, MIME_TYPE: {"name": "transposed", "state": state}}
    )


def code(source: str, *tags: str, outputs=()) -> nbformat.NotebookNode:
    return new_code_cell(source, metadata={"tags": list(tags)}, outputs=list(outputs))


def pair(number: int, lines: int) -> list[nbformat.NotebookNode]:
    said = [new_output("stream", text=f"{name} {number}\n") for name in ("torch", "keras")]
    return [
        code(f"y = torch_layer({number})", "torch", outputs=said[:1]),
        code(f"y = keras_layer({number})\n" * lines, "tensorflow", outputs=said[1:]),
    ]


def all_kinds() -> nbformat.NotebookNode:
    """A page with every kind of cell."""
    text = "Some words, as long as a line of a page is, and then some more of them. " * 12
    claim = Checked(load_claims()["C1.1"], ("NumPy", "PyTorch"), ("a *random* kernel",))
    claim = claim._repr_html_().replace("claim-c1-1", "claim-z")
    history = replace(load_claims()["C1.2"], id="C1.99", verdict=CITED, cite="Johnson2016")
    cells = [
        new_markdown_cell(
            '# Cells\n\n<a href="#claim-z">The claim</a>, <a href="#inside">the result</a> '
            "and [more](#far)."
        ),
        new_markdown_cell(f"## A guess\n\n{text}"),
        code(
            'guess("1.1")', "guess", "hide-input", outputs=[html(Guess("1.1", GUESS)._repr_html_())]
        ),
        code(
            "run()",
            "reveal",
            outputs=[html('<p id="inside">Two.</p>'), picture(), explorer("a")],
        ),
        new_markdown_cell(f"Not one, because of the rim.\n\n## Frameworks\n\n{text}"),
        *pair(1, 12),
        new_markdown_cell(f"Both do the same.\n\n{text}"),
        *pair(2, 1),
        new_markdown_cell("Equal again.\n\n(far)=\n## A check"),
        code(
            "# @title How C1.1 is checked\ndef check(candidate):\n    assert candidate",
            "check",
            "hide-input",
            outputs=[html(claim)],
        ),
        new_markdown_cell("That was so."),
        code('claim("C1.99")', "hide-input", outputs=[html(history._repr_html_())]),
        new_markdown_cell(f"## Exercises\n\nDo it.\n\n**Further.** And more.\n\n{text}"),
        code("raise NotImplementedError", "exercise"),
        new_markdown_cell(HINTS),
        code("#@title Solution\ny = 1", "hide-cell", "solution"),
        new_markdown_cell(f"Done.\n\n{text}\n\n{text}\n\n{text}"),
    ]
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"
    language = {"name": "python", "pygments_lexer": "ipython3"}
    return new_notebook(cells=cells, metadata={"language_info": language})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("book"), {"01z_cells": all_kinds()})


@pytest.fixture(scope="module")
def built(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("built")
    build(root, out)
    return out / "html"


def test_cells_on_the_page(built):
    page = BeautifulSoup((built / f"{PAGE}.html").read_text("utf-8"), "html.parser").article
    (guess,) = page.select(".tag_guess")
    assert guess.select(".upconv-guess") and not guess.select(".cell_input, .hide")
    (result,) = page.select("details.upconv-reveal")
    assert not result.has_attr("open") and result.summary.text == "Show the result"
    assert result.find(id="inside") and result.img and result.select(".upconv-explorer")
    assert "run()" not in result.text and "run()" in result.find_parent(class_="cell").text
    (check,) = page.select("details.upconv-check")
    assert check.summary.text == "How C1.1 is checked"
    assert check.pre.text.startswith("def check(candidate):") and "@title" not in check.text
    assert check.find_previous_sibling(class_="cell_output").find(id="claim-z")
    said = page.find(id="claim-z").small
    assert said.text == "The check accepts NumPy, PyTorch; rejects a random kernel."
    (link,) = page.find(id="claim-c1-99").small("a")
    assert link.text == "Johnson et al., 2016"
    target, _, name = link["href"].partition("#")
    there = BeautifulSoup((built / "chapters" / target).read_text("utf-8"), "html.parser")
    assert target.endswith("bibliography.html") and "Perceptual" in there.find(id=name).text
    assert [box.text for box in page.select(".upconv-framework")] == ["PyTorch", "TensorFlow"] * 2
    for box in page.select(".upconv-tabs"):
        panels = box.select("[role=tabpanel]")
        assert [panel["id"] for panel in panels] == [
            tab["aria-controls"] for tab in box.select("[role=tab]")
        ]
        assert [panel["aria-labelledby"] for panel in panels] == [
            tab["id"] for tab in box.select("[role=tab]")
        ]
        assert "torch_layer" in panels[0].pre.text and "keras_layer" in panels[1].pre.text
    hints = page.select("section > details")
    assert [hint.summary.text for hint in hints] == ["Hint 1", "Hint 2"]
    assert hints[0].em.text == "places" and hints[0].select(".formula") and len(hints[1]("li")) == 2


# ---- in browsers ---------------------------------------------------------------------------------

SHOWN = """() => [...document.querySelectorAll(".upconv-tab")]
    .filter((tab) => tab.checkVisibility()).map((tab) => tab.querySelector("p").textContent)"""
STATE = """() => [...document.querySelectorAll(".upconv-tabs [role=tab]")]
    .map((tab) => [tab.textContent, tab.getAttribute("aria-selected"), tab.tabIndex])"""
IS_OPEN = "() => document.querySelector('.upconv-reveal').open"
# Where a tab is before it is chosen and once all has settled.
CHOOSE = """async ([number, name]) => {
    const tab = document.querySelectorAll(`.upconv-tabs [data-for=${name}]`)[number];
    tab.scrollIntoView({ block: "center", behavior: "instant" });
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    for (let i = 0; i < 3; i++) await frame();
    const before = tab.getBoundingClientRect().top;
    tab.click();
    for (let i = 0; i < 3; i++) await frame();
    return [before, tab.getBoundingClientRect().top, document.activeElement === tab];
}"""
PRESS = """([number, key]) => {
    const tab = document.querySelectorAll(".upconv-tabs [role=tab][tabindex='0'], "
        + ".upconv-tabs [role=tab]:not([tabindex])")[number];
    tab.focus();
    const how = { key, bubbles: true, cancelable: true };
    return tab.dispatchEvent(new KeyboardEvent("keydown", how));
}"""
TORCH = [["PyTorch", "true", 0], ["TensorFlow", "false", -1]] * 2
TENSORFLOW = [["PyTorch", "false", -1], ["TensorFlow", "true", 0]] * 2


@pytest.fixture(scope="module")
def address(built):
    with serving(Telling, built) as address:
        yield f"{address}{PAGE}.html"


@pytest.fixture(scope="module", params=["Chromium", "Firefox", "WebKit"])
def engine(request, chromium):
    engine = started(request.param, chromium)
    yield engine
    engine.close()


@pytest.fixture
def opened(engine, address):
    """The page as a new reader finds it."""

    def go(place: str = "") -> None:
        engine.goto("about:blank")
        engine.goto(address + place)
        engine.evaluate(READY)

    go()
    engine.evaluate("() => localStorage.clear()")
    go()
    engine.go = go
    yield engine
    assert engine.evaluate("() => complaints") == []


def test_an_answer_reveals_the_result(opened):
    assert opened.evaluate(IS_OPEN) is False
    # An answer to another question does not.
    opened.evaluate("() => document.querySelectorAll('section > details > summary')[0].click()")
    assert opened.evaluate(IS_OPEN) is False
    opened.evaluate("() => document.querySelectorAll('.upconv-guess summary')[2].click()")
    wait_until(lambda: opened.evaluate(IS_OPEN))
    # What is inside comes to life when it is seen.
    opened.evaluate("() => document.querySelector('.upconv-explorer').scrollIntoView()")
    drawn = """() => !document.querySelector(".upconv-explorer [aria-busy]")
        && document.querySelectorAll(".upconv-explorer canvas, .upconv-explorer svg").length > 0"""
    wait_until(lambda: opened.evaluate(drawn))
    opened.evaluate("() => document.querySelector('.upconv-reveal img').scrollIntoView()")
    wait_until(
        lambda: opened.evaluate("() => document.querySelector('.upconv-reveal img').naturalWidth")
    )


def test_a_tab_is_chosen_for_all(opened):
    assert opened.evaluate(SHOWN) == ["PyTorch", "PyTorch"]
    assert opened.evaluate(STATE) == TORCH
    # The second pair: the first, above it, becomes eleven lines higher.
    before, now, focused = opened.evaluate(CHOOSE, [1, "tensorflow"])
    assert abs(now - before) < 2 and focused
    assert opened.evaluate(SHOWN) == ["TensorFlow", "TensorFlow"]
    assert opened.evaluate(STATE) == TENSORFLOW
    opened.go()
    assert opened.evaluate(SHOWN) == ["TensorFlow", "TensorFlow"]
    assert opened.evaluate(STATE) == TENSORFLOW
    before, now, _ = opened.evaluate(CHOOSE, [1, "torch"])
    assert abs(now - before) < 2
    assert opened.evaluate(SHOWN) == ["PyTorch", "PyTorch"]


def test_arrows_choose_a_tab(opened):
    for key, state in (
        ("ArrowRight", TENSORFLOW),
        ("ArrowRight", TORCH),
        ("ArrowLeft", TENSORFLOW),
        ("Home", TORCH),
        ("Home", TORCH),
        ("End", TENSORFLOW),
    ):
        assert opened.evaluate(PRESS, [1, key]) is False, "the page scrolls, too"
        assert opened.evaluate(STATE) == state
        focus = opened.evaluate("() => document.activeElement.getAttribute('aria-selected')")
        assert focus == "true"
    assert opened.evaluate(PRESS, [0, "ArrowDown"]) is True


def test_a_choice_that_is_none_is_passed_over(opened):
    opened.evaluate("() => localStorage.setItem('upconv-framework', 'theano')")
    opened.go()
    assert opened.evaluate(SHOWN) == ["PyTorch", "PyTorch"]
    assert opened.evaluate(STATE) == TORCH


@pytest.mark.parametrize("how", ["address", "click"])
@pytest.mark.parametrize("name", ["inside", "claim-z", "frameworks-2-tensorflow-code"])
def test_a_link_leads_into_what_is_folded(opened, name, how):
    if how == "address":
        opened.go(f"#{name}")
    else:
        opened.evaluate(
            """(name) => {
                const link = document.querySelector("article a[href='#far']");
                link.href = "#" + name;
                link.click();
            }""",
            name,
        )
    there = f"""() => {{
        const box = document.getElementById("{name}");
        const {{ top, bottom }} = box.getBoundingClientRect();
        return box.checkVisibility() && top >= -2 && top < innerHeight;
    }}"""
    wait_until(lambda: opened.evaluate(there))
    assert opened.evaluate(IS_OPEN) is (name == "inside")


def test_the_keyboard_is_enough(chromium, address):
    page = chromium.new_page()
    page.goto(address)
    page.locator(".upconv-guess summary").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(IS_OPEN)
    page.locator("#frameworks-1-torch").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.activeElement.id") == "frameworks-1-tensorflow"
    assert page.locator("#frameworks-2-tensorflow-code").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("() => !document.activeElement.closest('[role=tablist]')")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("() => document.activeElement.id") == "frameworks-1-tensorflow"
    page.locator(".upconv-check summary").focus()
    page.keyboard.press("Enter")
    assert page.locator(".upconv-check pre").is_visible()
    page.close()


def test_without_scripts_all_is_there(chromium, address):
    context = chromium.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(address)
    for name in ("torch", "tensorflow"):
        panel = page.locator(f"#frameworks-1-{name}-code")
        assert panel.is_visible() and panel.locator(".upconv-framework").is_visible()
    assert page.locator("[role=tablist]:visible").count() == 0
    assert page.locator("#claim-z").is_visible()
    for kind, inside in (("reveal", "#inside"), ("check", ".upconv-check pre")):
        assert not page.locator(inside).is_visible()
        page.locator(f".upconv-{kind} > summary").click()
        assert page.locator(inside).is_visible()
    context.close()


def test_paper_has_all_of_it(chrome, address):
    page = chrome.new_page()
    page.goto(address)
    page.evaluate(READY)
    page.emulate_media(media="print")
    assert page.locator(".upconv-framework:visible").count() == 4
    assert page.locator("[role=tablist]:visible").count() == 0
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#inside").is_visible()
    assert not page.locator(".upconv-reveal > summary").is_visible()
    assert page.locator(".upconv-guess summary").first.is_visible()
    page.close()


def test_paper_has_results_without_scripts(chrome, address):
    context = chrome.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.emulate_media(media="print")
    assert page.locator("#inside").bounding_box()["height"] > 0
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(chromium, address, scheme, viewport):
    page = chromium.new_page(viewport=viewport, color_scheme=scheme)
    page.goto(address)
    page.evaluate(READY)
    for unfolded in (False, True):
        if unfolded:
            page.evaluate("() => document.querySelectorAll('details').forEach((d) => d.open = 1)")
            page.locator("#frameworks-1-tensorflow").click()
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [(rule["id"], [n["html"][:120] for n in rule["nodes"]]) for rule in found] == []
        assert page.evaluate("() => document.scrollingElement.scrollWidth") <= viewport["width"]
    page.close()


def test_scripts_and_styles_for_it_are_small():
    """Both parts are found by their comments: 3 kB for a page that has all of it."""
    static = ROOT / "book/_static"
    style = static.joinpath("upconv.css").read_text("utf-8")
    style = style[style.index("/* Checks, results") : style.index("/* The map of the")]
    script = static.joinpath("page.js").read_text("utf-8")
    script = script[script.index("  // One choice of") : script.index("  // A place in the page")]
    early = ROOT.joinpath("book/_ext/upconv_book/before_theme.js").read_text("utf-8")
    early = early[early.index("// The framework") :]
    assert style and script and early
    assert len(gzip.compress((style + script + early).encode())) <= 3_000


# ---- as a book to download -----------------------------------------------------------------------


def test_an_e_book_has_all_of_it_open(root, tmp_path):
    build(root, tmp_path, "epub")
    text = (tmp_path / "epub" / f"{PAGE}.xhtml").read_text("utf-8")
    ElementTree.fromstring(text)  # well-formed
    page = BeautifulSoup(text, "html.parser")
    assert not page.select(
        "button, [role=tab], [role=tablist], [role=tabpanel], details.upconv-fold"
    )
    assert [p.text for p in page.select(".upconv-framework")] == ["PyTorch", "TensorFlow"] * 2
    assert page.find(id="inside") and page.find(string="How C1.1 is checked")
    assert [box.summary.text for box in page.select("section > details")] == ["Hint 1", "Hint 2"]
