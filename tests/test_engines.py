"""The site in the three engines that browsers are made of: what one shows, all show.

The other tests of the site are for Chromium. Here are those that go through every page and every
control, in each engine that this machine has.
"""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from browser import how_to_get, missing
from conftest import Quiet, serving
from engines import Firefox, WebKit
from pace import wait_until
from PIL import Image
from playwright.sync_api import expect
from test_landing import CLICK, HEAVY, LONG, RESTS, WHERE, spread, targets
from test_site import CHAPTERS, GENERATED, PAGES, PHONE

ROOT = Path(__file__).parents[1]
EXPLORERS = "book/explorers.html"
OWN = {"Firefox": Firefox, "WebKit": WebKit}
# Not every driver tells what a page complains of: the page itself keeps it. What is drawn at random
# is the same in all: Firefox's driver runs scripts beside the page, where they cannot change that.
TELL = b"""<script>
window.complaints = [];
Math.random = () => 0.4;
addEventListener("error", ({ target, message }) =>
    complaints.push(message ?? `not loaded: ${target.outerHTML ?? target}`), true);
addEventListener("unhandledrejection", ({ reason }) => complaints.push(String(reason)));
console.error = (...words) => complaints.push(words.join(" "));
</script>"""
READY = """() => new Promise((resolve) => {
    const look = () => "laidOut" in document.documentElement.dataset
        || !document.querySelector(".bd-article") ? resolve(true) : setTimeout(look, 20);
    look();
}).then(() => document.fonts.ready).then(() => true)"""


class Telling(Quiet):
    def text(self, path: Path) -> bytes:
        data = super().text(path)
        return data.replace(b"<head>", b"<head>" + TELL, 1) if path.suffix == ".html" else data


@pytest.fixture(scope="module")
def site():
    with serving(Telling) as address:
        yield address


class Chromium:
    """Chromium's page, with what the other engines understand."""

    def __init__(self, browser) -> None:
        self.page = browser.new_page(viewport=PHONE, reduced_motion="reduce")
        self.goto, self.evaluate = self.page.goto, self.page.evaluate
        self.back, self.close = self.page.go_back, self.page.close

    def resize(self, width: int, height: int) -> None:
        self.page.set_viewport_size({"width": width, "height": height})

    def picture(self) -> bytes:
        return self.page.screenshot()


def started(name: str, chromium):
    if name in missing():
        pytest.skip(f"{name} is not there: {how_to_get([name])}")
    engine = Chromium(chromium) if name == "Chromium" else OWN[name]()
    engine.resize(**PHONE)
    return engine


@pytest.fixture(scope="module", params=["Chromium", "Firefox", "WebKit"])
def engine(request, chromium):
    engine = started(request.param, chromium)
    yield engine
    engine.close()


@pytest.fixture(scope="module", params=sorted(OWN))
def other(request, chromium):
    """An engine that test_landing.py does not drive."""
    engine = started(request.param, chromium)
    yield engine
    engine.close()


# ---- every page ------------------------------------------------------------------------------

WHOLE = """() => ({
    page: location.pathname,
    complaints,
    width: document.scrollingElement.scrollWidth,
    headings: [...document.querySelectorAll("#main-content h1")]
        .filter((heading) => heading.offsetHeight).length,
    formulas: [...document.querySelectorAll("math")].filter((m) => m.checkVisibility())
        .filter((m) => m.getBoundingClientRect().width <= 0).length,
})"""


@pytest.mark.parametrize("page_name", PAGES + sorted(GENERATED))
def test_a_page_is_whole_on_a_phone(engine, site, page_name):
    engine.goto(site + page_name)
    engine.evaluate(READY)
    found = engine.evaluate(WHOLE)
    assert found["page"] == "/" + page_name
    assert found["complaints"] == []
    assert found["width"] <= PHONE["width"]
    assert found["headings"] == 1
    assert found["formulas"] == 0  # those without any extent


def test_complaints_are_heard(engine, site):
    engine.goto(site + "book/intro.html")
    engine.evaluate(
        """() => {
            const script = document.createElement("script"); // the page's own, not the driver's
            script.textContent = `console.error("said");
            setTimeout(() => { throw new Error("thrown"); });
            Promise.reject("refused");
            document.body.append(document.createElement("img"));
            document.body.lastChild.src = "lost.png";`;
            document.body.append(script);
            return new Promise((resolve) => {
                const look = () => complaints.length < 4 ? setTimeout(look, 20) : resolve(true);
                look();
            });
        }"""
    )
    heard = " ".join(engine.evaluate("() => complaints"))
    assert all(word in heard for word in ("said", "thrown", "refused", "lost.png"))


# ---- links within a page -----------------------------------------------------------------------


def landed(engine, name: str) -> None:
    engine.evaluate(READY)
    engine.evaluate(RESTS)
    assert -2 <= engine.evaluate(WHERE, name) <= 120, f"#{name} is elsewhere"


def lands(engine, address: str, names: list[str]) -> None:
    """Clicked at once, clicked when all has settled, gone back to, and as part of an address."""
    engine.goto(address)
    for name in (names[-1], names[0], names[len(names) // 2]):
        engine.evaluate(CLICK, name)
        landed(engine, name)
    engine.back()
    landed(engine, names[0])
    engine.goto("about:blank")
    engine.goto(f"{address}#{names[-1]}")
    landed(engine, names[-1])


@pytest.mark.parametrize("page_name", HEAVY)
def test_links_within_a_page_land(other, site, page_name):
    lands(other, site + page_name, spread(targets(page_name), 5))


@pytest.mark.nightly
@pytest.mark.parametrize("page_name", LONG)
def test_every_link_within_a_page_lands(other, site, page_name):
    names = targets(page_name)
    for name in spread(names, 12):
        other.goto("about:blank")
        lands(other, site + page_name, [names[0] if name != names[0] else names[-1], name])


def test_links_land_without_script(chromium, served):
    context = chromium.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    # The fonts come first: one that comes after the page has been scrolled moves the lines above.
    page.goto(served + CHAPTERS[0], wait_until="networkidle")
    for page_name in CHAPTERS:
        for name in spread(targets(page_name), 3)[1:]:
            page.goto(f"{served}{page_name}#{name}")
            target = page.locator(f"[id='{name}']")

            def lies_there(target=target):
                whole = page.locator("html").bounding_box()
                end = whole["y"] + whole["height"] <= PHONE["height"] + 40  # no further down
                return -2 <= target.bounding_box()["y"] <= (PHONE["height"] if end else 120)

            def stays_there():  # it is scrolled to smoothly, and a busy machine may halt on the way
                for _ in range(5):
                    if not lies_there():
                        return False
                    page.wait_for_timeout(50)
                return True

            wait_until(stays_there)
    for page_name in (EXPLORERS, "book/playground.html"):
        page.goto(served + page_name)
        notes = page.locator("[data-explorer] noscript p")
        places = page.locator("[data-explorer]").count()
        assert notes.count() == places >= 4 and notes.first.is_visible()
        assert all("needs JavaScript" in note for note in notes.all_inner_texts())
    context.close()


# ---- explorers -------------------------------------------------------------------------------

# Every slider in some positions, and every list with each of its entries, one after another; what
# the explorer then says, and how high it is.
PLAY = """async (names) => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const boxes = names.map((name) => document.querySelector(`[data-explorer="${name}"]`));
    const seen = [];
    const rests = async (box) => {
        const waits = () => box.querySelector("[aria-busy]") || [...box.querySelectorAll(
            "canvas[aria-label='drawn when it comes into view']")].some((c) => c.checkVisibility());
        do await frame(); while (waits());
    };
    const texts = ".ux-line, .ux-error, figcaption";
    const note = (box, what) => seen.push({
        what,
        said: [...box.querySelectorAll(texts)].map((n) => n.textContent).concat(
            [...box.querySelectorAll("canvas, svg")].map((n) => n.getAttribute("aria-label"))),
        height: Math.round(box.getBoundingClientRect().height),
    });
    for (const box of boxes) {
        const name = box.dataset.explorer;
        box.scrollIntoView();
        await rests(box);
        note(box, `${name} at first`);
        const reset = [...box.querySelectorAll("button")].find((b) => b.textContent === "Reset");
        for (const slider of box.querySelectorAll("input[type=range]")) {
            const [low, high] = [Number(slider.min), Number(slider.max)];
            for (let i = 0; i <= 6; i++) {
                slider.value = Math.round(low + (i / 6) * (high - low));
                slider.dispatchEvent(new Event("input"));
                await rests(box);
                note(box, `${name}, ${slider.getAttribute("aria-label")} = ${slider.value}`);
            }
            reset.click();
            await rests(box);
        }
        for (const list of box.querySelectorAll("select")) {
            for (const value of [...list.options].map((option) => option.value)) {
                list.value = value;
                list.dispatchEvent(new Event("change"));
                await rests(box);
                note(box, `${name}, ${list.getAttribute("aria-label")}: ${value}`);
            }
            reset.click();
            await rests(box);
        }
    }
    return seen;
}"""
NAMES = [
    *("convolution", "learning", "fourier", "pooling", "transposed", "upsampling"),
    *("receptive", "shape"),
    *("latent", "style"),
]


@pytest.fixture(scope="module")
def played(chromium, site):
    """What an engine shows of an explorer, computed once."""
    kept = {}

    def play(engine, name: str, width: int = PHONE["width"]) -> list[dict]:
        key = (type(engine), name, width)
        if key not in kept:
            engine.resize(width, PHONE["height"])
            engine.goto(site + EXPLORERS)
            engine.evaluate(READY)
            kept[key] = engine.evaluate(PLAY, [name])
            engine.resize(**PHONE)
        return kept[key]

    return play


@pytest.fixture(scope="module")
def reference(chromium):
    engine = Chromium(chromium)
    yield engine
    engine.close()


@pytest.mark.parametrize("name", NAMES)
def test_an_explorer_says_the_same(other, reference, played, name):
    ours, theirs = played(reference, name), played(other, name)
    assert len({str(one["said"]) for one in ours}) >= 5  # there is something to compare
    for mine, yours in zip(ours, theirs, strict=True):
        assert yours["what"] == mine["what"]
        found = [pair for pair in zip(yours["said"], mine["said"], strict=True) if len({*pair}) > 1]
        assert found == [], mine["what"]


TRAINED = """async () => {
    const box = document.querySelector("#gan-1");
    box.scrollIntoView();
    do await new Promise(requestAnimationFrame); while (box.querySelector("[aria-busy]"));
    return [...box.querySelectorAll(".ux-line")].map((n) => n.textContent).concat(
        [...box.querySelectorAll("canvas")].map((n) => n.getAttribute("aria-label")));
}"""


@pytest.mark.parametrize("settings", ["", "norm=yes&data=moons&", "loss=minimax&turns=3&seed=7&"])
def test_a_game_is_the_same_to_the_last_digit(other, reference, site, settings):
    """Engines round exp and log differently, and a game makes that grow: it uses neither."""
    said = []
    for engine in (reference, other):
        engine.goto("about:blank")
        engine.goto(f"{site}{EXPLORERS}#gan-1:{settings}steps=300")
        engine.evaluate(READY)
        said.append(engine.evaluate(TRAINED))
    assert said[0] == said[1] and said[0][0].startswith("Step 300: ")


def moves(seen: list[dict]) -> dict[str, set[int]]:
    """The heights while one slider moves, where there is more than one."""
    heights: dict[str, set[int]] = {}
    for one in seen:
        if " = " in one["what"]:
            heights.setdefault(one["what"].split(" = ")[0], set()).add(one["height"])
    assert heights
    return {slider: found for slider, found in heights.items() if len(found) > 1}


@pytest.mark.parametrize("name", NAMES)
def test_an_explorer_keeps_its_height(engine, played, name):
    assert moves(played(engine, name)) == {}


@pytest.mark.nightly
@pytest.mark.parametrize("width", [360, 600, 760, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_an_explorer_keeps_its_height_on_any_screen(engine, played, name, width):
    assert moves(played(engine, name, width)) == {}


DRAWN = """async () => {
    const box = document.querySelector("[data-explorer=fourier]");
    while (!box.textContent.includes("picture, 256 × 256"))
        await new Promise((resolve) => setTimeout(resolve, 20));
}"""
OPEN = """async ([name, data]) => {
    const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
    const box = document.querySelector("[data-explorer=fourier]");
    const input = box.querySelector("input[type=file]");
    const said = () =>
        [...box.querySelectorAll(".ux-error, figcaption")].map((n) => n.textContent).join(" ");
    const files = new DataTransfer();
    files.items.add(new File([bytes], name));
    input.files = files.files;
    input.dispatchEvent(new Event("change"));
    do await new Promise((resolve) => setTimeout(resolve, 20));
    while (box.querySelector("[aria-busy]"));
    return said();
}"""


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "gif"])
def test_a_torn_picture_is_refused(engine, site, kind):
    file = io.BytesIO()
    Image.effect_noise((80, 60), 90).convert("RGB").save(file, kind)
    data = file.getvalue()
    engine.goto(site + EXPLORERS)
    engine.evaluate(READY)
    engine.evaluate("() => document.querySelector('[data-explorer=fourier]').scrollIntoView()")
    engine.evaluate(DRAWN)
    for share in (0.3, 0.97):
        torn = base64.b64encode(data[: round(share * len(data))]).decode()
        said = engine.evaluate(OPEN, [f"{share}.{kind}", torn])
        assert f"{share}.{kind}: not a picture" in said
    for rest in (b"", b"\0" * 100):  # some cameras write more than the picture
        whole = base64.b64encode(data + rest).decode()
        assert "not a picture" not in engine.evaluate(OPEN, ["whole." + kind, whole])
        assert "no: not a picture" in engine.evaluate(OPEN, ["no", ""])


def test_no_picture_is_opened_in_another_way():
    folders = (ROOT / "code/upconv/widgets", ROOT / "book/_playground")
    text = "\n".join(path.read_text("utf-8") for folder in folders for path in folder.glob("*.js"))
    assert text.count("createImageBitmap(") == 1 and text.count("pictureIn(") == 3


# ---- formulas --------------------------------------------------------------------------------

ACCENTS = """() => [...document.querySelectorAll("mover > mo:last-child")].map((accent) =>
    parseFloat(getComputedStyle(accent).fontSize)
        / parseFloat(getComputedStyle(accent.previousElementSibling).fontSize))"""
LINES = """() => [...document.querySelectorAll(".tml-overline")].map((line) => {
    const style = getComputedStyle(line);
    const size = parseFloat(style.fontSize);
    const inner = line.firstElementChild.getBoundingClientRect();
    return [style.borderTopStyle, parseFloat(style.borderTopWidth) / size,
        (inner.top - line.getBoundingClientRect().top) / size];
})"""
# Between the limits of two neighboring sums, in their own size.
GAPS = """() => {
    const limits = "munder, munderover";
    const found = [];
    for (const left of document.querySelectorAll(limits)) {
        const right = left.parentElement.nextElementSibling?.firstElementChild;
        if (left.nextElementSibling || !right?.matches(limits)) continue;
        const [a, b] = [left, right].map((sum) => sum.children[1].getBoundingClientRect());
        found.push((b.left - a.right) / parseFloat(getComputedStyle(left.children[1]).fontSize));
    }
    return found;
}"""


def test_accents_lines_and_limits(engine, site):
    accents, lines, gaps = [], [], []
    engine.resize(1280, 900)
    for page_name in [*CHAPTERS, "book/notation.html"]:
        engine.goto(site + page_name)
        engine.evaluate(READY)
        accents += engine.evaluate(ACCENTS)
        lines += engine.evaluate(LINES)
        gaps += engine.evaluate(GAPS)
    engine.resize(**PHONE)
    assert accents and min(accents) > 0.95
    assert lines
    for style, thick, above in lines:
        assert style == "solid" and 0.03 < thick < 0.12 and 0 < above < 0.4
    assert gaps and min(gaps) > 0.2, gaps


# ---- colors of the reader's own ------------------------------------------------------------------


def test_legends_and_tabs_survive_forced_colors(chromium, served):
    context = chromium.new_context(forced_colors="active", reduced_motion="reduce")
    page = context.new_page()
    page.goto(served + EXPLORERS)
    page.evaluate(READY)
    legend = page.locator("[data-explorer=shape] .ux-legend")
    legend.scroll_into_view_if_needed()
    # Until it is drawn, its keys are those of the page before scripts: they are replaced.
    expect(page.locator("[data-explorer=shape] [aria-busy]")).to_have_count(0)
    keys = legend.locator("span")
    for key in keys.all():
        color = key.evaluate("node => node.style.getPropertyValue('--key')")
        wanted = tuple(int(part, 16) for part in re.findall("[0-9a-f]{2}", color))
        picture = Image.open(io.BytesIO(key.screenshot())).convert("RGB")
        assert wanted in {shown for _, shown in picture.getcolors(1 << 20)}, key.inner_text()
    assert keys.count() >= 4
    lines = []
    for tab in page.locator("[data-explorer=fourier] [role=tab]").all():
        tab.scroll_into_view_if_needed()
        picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
        lines.append(picture.getpixel((picture.width // 2, picture.height - 2)))
    assert len(lines) == 2 and lines[0] != lines[1]
    context.close()
