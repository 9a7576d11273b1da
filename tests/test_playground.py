"""The playground: networks that run in the page say what they say in Python."""

from __future__ import annotations

import functools
import http.server
import os
import re
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from conftest import SITE, Quiet, imported
from pace import slowness
from PIL import Image
from playwright.sync_api import expect
from scipy.ndimage import maximum_filter, minimum_filter
from test_cli import call
from test_explorers import choose, drag
from test_site import PHONE, soup

from upconv import results, zoo
from upconv.deprecated import current_arguments, current_layers
from upconv.inference import generate
from upconv.onnx import Network
from upconv.style import TransformSettings

PAGE = "book/playground.html"
FOLDER = results.FOLDER / "playground"
SOURCE = Path(__file__).parents[1] / "book" / "_playground"
RUNS = {run["name"]: run for run in results.load("playground")["runs"]}
SEGMENTERS = [name for name, run in RUNS.items() if run["kind"] == "segmenter"]
PAINTERS = [name for name, run in RUNS.items() if run["kind"] == "painter"]
SIDE = 128


def in_torch(name: str) -> torch.nn.Module:
    """The network in PyTorch, with the weights of its ONNX file.

    There, batch norms have gone into the convolutions before them, and the scales and shifts of
    instance norms are the constants of a product and a sum.
    """
    run, model = RUNS[name], onnx.load(FOLDER / f"{name}.onnx")
    given = {
        tensor.name.removesuffix(".half"): onnx.numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
    }
    if run["kind"] == "painter":
        options = current_arguments("TransformNet", run["network"])
        network = zoo.build_stylizer("transform", **options)
        norms = [key for key, m in network.named_modules() if isinstance(m, torch.nn.GroupNorm)]
        for kind, part in (("Mul", "weight"), ("Add", "bias")):
            constants = [
                given[name]
                for node in model.graph.node
                for name in node.input
                if node.op_type == kind and name in given and given[name].ndim == 3
            ]
            given |= dict(zip([f"{norm}.{part}" for norm in norms], constants, strict=True))
    else:
        options = current_arguments(zoo.NETWORKS[name][0], run["network"])
        network = zoo.build(name, 11, **options)
        if name == "unet":
            for module in network.modules():
                for kind in ("norm1", "norm2"):
                    if hasattr(module, kind):
                        setattr(module, kind, torch.nn.Identity())
    state = network.state_dict()
    given = current_layers(given, state)  # the file may have the first edition's names
    for key, value in state.items():
        found = given[key].astype(np.float32).reshape(value.shape)
        value.copy_(torch.from_numpy(found))
    return network.eval()


def module(page, name: str):
    text = (SOURCE / f"{name}.js").read_text(encoding="utf-8")
    return imported(
        page, text.split("// ---- the page")[0]
    )  # the rest needs what the bundle shares


def start(page, name: str):
    """A part of the page, its networks loaded."""
    part = page.locator(f"#{name}")
    part.scroll_into_view_if_needed()
    part.get_by_role("button", name="Start the networks").click()
    expect(part.locator(".ux-loader")).to_have_count(0)
    return part


def hold_first_drawing(page):
    """Explorers, which draw when they come into view, wait until ``later`` is called."""
    page.add_init_script("""
        window.later = [];
        window.IntersectionObserver = class extends IntersectionObserver {
          constructor(seen, options) {
            const held = options?.rootMargin === "100%"; // an explorer, no part of the theme
            if (held) window.later.push(() => seen([{ isIntersecting: true }]));
            super(held ? () => {} : seen, options);
          }
        };""")


def told(page, name: str, event: str, action, wanted: str = "true") -> dict:
    """What a part tells of its work after an action, once it is as wanted; arrays as lists."""
    page.evaluate(
        """([name, event]) => {
             const plain = (value) => ArrayBuffer.isView(value) ? Array.from(value)
               : value && typeof value === "object" && !Array.isArray(value)
                 ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)])) : value;
             window.told = null;
             const part = document.getElementById(name);
             part.addEventListener(event, ({ detail }) => (window.told = plain(detail)));
           }""",
        [name, event],
    )
    action()
    page.wait_for_function(f"() => window.told && {wanted}")
    return page.evaluate("() => window.told")


@pytest.fixture
def runtime():
    """What runs networks in a page; npm brings it when the book is built."""
    if not (SITE / "_static/playground/ort.wasm.min.js").exists():
        assert "CI" not in os.environ, "continuous integration needs Node.js"
        pytest.skip("needs Node.js")


@pytest.fixture
def page(visit, served, runtime):
    opened = visit(served + PAGE)
    yield opened
    assert opened.complaints == []


def test_every_network_is_small_and_has_been_measured():
    for name, run in RUNS.items():
        size = (FOLDER / f"{name}.onnx").stat().st_size
        assert size == run["bytes"] <= 4_000_000
    for name in SEGMENTERS:
        scores, half = RUNS[name]["scores"], RUNS[name]["scores as float16"]
        assert abs(scores["mean_iou"] - half["mean_iou"]) < 0.005
        assert RUNS[name]["same pixels"] > 0.998
    for name in PAINTERS:
        assert RUNS[name]["mean difference"] < 0.005
        assert RUNS[name]["energies"]["test"]["style"] < 0.1  # of a grey image: 1


def rim_error(found: np.ndarray, truth: np.ndarray) -> float | None:
    """Share of the pixels up to 2 from the outline of the truth that are on the wrong side."""
    rows, columns = np.mgrid[-2:3, -2:3]
    near = rows**2 + columns**2 <= 4
    band = maximum_filter(truth, footprint=near) != minimum_filter(truth, footprint=near)
    return (found != truth)[band].mean() if band.any() else None


def test_boundary_error_is_that_of_numpy(visit, served):
    rng, side = np.random.default_rng(0), 24
    page = visit(served + "book/notation.html")
    functions = module(page, "segment")
    for _ in range(20):
        truth = rng.random((side, side)) < rng.uniform(0, 0.3)
        found = rng.integers(0, 3, (side, side)) * truth.T
        got = functions.evaluate(
            "(m, [f, t, n]) => m.boundaryError(f, t, n)",
            [found.ravel().tolist(), truth.astype(int).ravel().tolist(), side],
        )
        assert got == pytest.approx(rim_error(found > 0, truth))


def test_noise_of_the_page_is_gaussian_and_goes_where_the_sliders_say(visit, served):
    page = visit(served + "book/notation.html")
    random, functions = module(page, "random"), module(page, "latents")
    noise = np.array(random.evaluate("m => [...m.gaussians(5, 20000)]"))
    assert abs(noise.mean()) < 0.03
    assert abs(noise.std() - 1) < 0.03
    assert abs((noise**4).mean() - 3) < 0.3
    assert np.array_equal(noise, random.evaluate("m => [...m.gaussians(5, 20000)]"))
    directions = np.array(RUNS["digits"]["directions"])
    assert np.allclose(directions @ directions.T, np.eye(8), atol=1e-3)
    rest, parts = noise[:100], np.linspace(-3, 3, 8)
    arguments = [rest.tolist(), directions.tolist(), parts.tolist()]
    placed = np.array(functions.evaluate("(m, a) => [...m.placed(...a)]", arguments))
    assert np.allclose(directions @ placed, parts, atol=2e-2)
    a, b = noise[:100], noise[100:200]
    walk = [
        np.array(
            functions.evaluate("(m, [a, b, t]) => m.between(a, b, t)", [*map(list, (a, b)), t])
        )
        for t in (0, 0.5, 1)
    ]
    assert np.allclose(walk[0], a)
    assert np.allclose(walk[2], b)
    assert np.linalg.norm(walk[1]) == pytest.approx(np.linalg.norm(a), rel=0.1)
    assert np.linalg.norm((a + b) / 2) < 0.8 * np.linalg.norm(a)


def test_the_page_says_how_the_networks_were_made():
    (table,) = soup(PAGE).select("table")
    shown = [[cell.get_text() for cell in row.select("td")] for row in table.select("tbody tr")]
    assert len(shown) == len(RUNS) >= 7
    for run, (_, worth, _, _, size) in zip(RUNS.values(), shown, strict=True):
        assert float(size.split()[0]) == pytest.approx(run["bytes"] / 1e6, abs=0.051)
        if run["kind"] == "segmenter":
            assert f"{run['scores']['mean_iou']:.2f}" in worth
        elif run["kind"] == "painter":
            assert f"{run['energies']['test']['style']:.3f}" in worth


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_row_under_the_pointer_is_still_read(visit, served, scheme):
    page = visit(served + PAGE, scheme=scheme)
    row = page.locator("table tbody tr").filter(has=page.locator("a"))
    color = "row => getComputedStyle(row).backgroundColor"
    before = row.evaluate(color)
    row.hover()
    page.wait_for_function(
        f"before => ({color})(document.querySelector('tr:hover')) !== before", arg=before
    )
    results = Axe().run(page, context="table")
    assert results.violations_count == 0, results.generate_report()


def test_unet_traces_finest_and_fcn_8s_confuses_less():
    """As the page says."""
    fcn, unet = RUNS["fcn8s"]["scores"], RUNS["unet"]["scores"]
    assert fcn["mean_iou"] > unet["mean_iou"]
    assert fcn["mean_accuracy"] > unet["mean_accuracy"]
    with Image.open(FOLDER / "scenes.jpg") as sheet, Image.open(FOLDER / "masks.png") as masks:
        pixels, truth = np.asarray(sheet, np.float32) / 255, np.asarray(masks) > 0
    found = {"fcn8s": [], "unet": []}
    for name, errors in found.items():
        network = Network(FOLDER / f"{name}.onnx")
        for left in range(0, truth.shape[1], SIDE):
            scene = pixels[:, left : left + SIDE].transpose(2, 0, 1)[None]
            (logits,) = network.run(np.ascontiguousarray(scene), ["logits"])
            errors.append(rim_error(logits[0].argmax(0) > 0, truth[:, left : left + SIDE]))
    assert max(found["unet"]) < min(found["fcn8s"])


def test_nothing_is_loaded_until_it_is_asked_for(page, served):
    heavy = [url for url in page.asked if url.endswith((".onnx", ".wasm", "worker.js"))]
    assert heavy == []
    start(page, "segment")
    loaded = {url.rsplit("/", 1)[1] for url in page.asked if url.endswith((".onnx", ".wasm"))}
    expected = {f"{name}.onnx" for name in SEGMENTERS} | {"ort-wasm-simd-threaded.wasm"}
    assert loaded <= expected  # a worker's requests are not all seen
    assert all(url.startswith((served, "data:", "blob:")) for url in page.asked)


def test_four_networks_follow_the_pen(page):
    part = start(page, "segment")
    choose(part, "picture", "empty blackboard")
    canvas = part.locator("canvas").first
    stroke = [(0.5, 0.2), (0.5, 0.4), (0.5, 0.6), (0.5, 0.8)]
    whole = f"window.told.truth.lastIndexOf(1) > {98 * SIDE}"  # not of half a stroke
    drawn = told(page, "segment", "segmented", lambda: drag(page, canvas, *stroke), whole)
    pixels = np.array(drawn["pixels"], np.float32).reshape(1, 3, SIDE, SIDE)
    truth = np.array(drawn["truth"]).reshape(SIDE, SIDE)
    rows, columns = np.nonzero(truth)
    assert 20 < rows.min() < 30
    assert 98 < rows.max() < 108
    assert abs(columns.mean() - 64) < 2
    for name in SEGMENTERS:
        found = np.array(drawn["found"][name]["logits"], np.float32).reshape(1, 11, SIDE, SIDE)
        scale = np.abs(found).max()
        (wanted,) = Network(FOLDER / f"{name}.onnx").run(pixels, ["logits"])
        assert np.abs(found - wanted).max() < 1e-3 * scale
        with torch.no_grad():
            ours = in_torch(name)(torch.from_numpy(pixels)).numpy()
        assert np.abs(found - ours).max() < 1e-3 * scale
        mask = np.array(drawn["found"][name]["mask"]).reshape(SIDE, SIDE)
        assert (mask == ours[0].argmax(0)).mean() > 0.999
        assert drawn["found"][name]["milliseconds"] > 0
    # A stroke straight down is a one, to most of them.
    seen = [np.bincount(np.array(drawn["found"][n]["mask"]), minlength=11)[1:] for n in SEGMENTERS]
    assert sum(int(counts.argmax()) == 1 and counts.any() for counts in seen) >= 2


def test_scenes_come_with_their_outlines(page):
    part = start(page, "segment")
    shown = told(
        page, "segment", "segmented", lambda: choose(part, "picture", "scene 2"),
        wanted="window.told.scene === '2'",
    )  # fmt: skip
    with Image.open(FOLDER / "masks.png") as sheet:
        known = np.asarray(sheet)[:, SIDE : 2 * SIDE] > 0
    truth = np.array(shown["truth"]).reshape(SIDE, SIDE) > 0
    assert np.array_equal(truth, known)
    expect(part.get_by_role("status")).to_contain_text("on the wrong side")
    errors = [
        float(figure.get_attribute("data-error"))
        for figure in part.locator(".ux-masks figure").all()
    ]
    assert len(errors) == len(SEGMENTERS)
    for name, error in zip(SEGMENTERS, errors, strict=True):
        found = np.array(shown["found"][name]["mask"]).reshape(SIDE, SIDE) > 0
        assert error == pytest.approx(rim_error(found, truth))
    assert errors[SEGMENTERS.index("unet")] < errors[SEGMENTERS.index("fcn32s")]


def test_the_board_works_by_keyboard(page):
    part = start(page, "segment")
    choose(part, "picture", "empty paper")
    canvas = part.locator("canvas").first
    canvas.focus()
    for key in (
        ("Shift+ArrowDown", "Shift+ArrowRight") * 4 + ("Space",) + ("ArrowRight", "Space") * 5
    ):
        canvas.press(key)
    drawn = told(page, "segment", "segmented", lambda: canvas.press("Space"))
    truth = np.array(drawn["truth"]).reshape(SIDE, SIDE)
    assert truth[32, 32:38].all()
    assert truth.sum() < 300


def test_maps_are_those_of_the_network(page):
    start(page, "segment")
    part = start(page, "maps")
    choose(part, "network", "U-Net")
    layer = RUNS["unet"]["layers"][3]
    found = told(
        page, "maps", "mapped", lambda: part.get_by_label("layer", exact=True).select_option(layer),
        wanted=f"window.told.layer === '{layer}'",
    )  # fmt: skip
    pixels = np.array(found["pixels"], np.float32).reshape(1, 3, SIDE, SIDE)
    maps = np.array(found["data"], np.float32).reshape(found["dims"])
    network, seen = in_torch("unet"), []
    assert layer == "down.1.conv2"
    network.encoder[1].register_forward_hook(lambda _, __, out: seen.append(out.numpy()))
    with torch.no_grad():
        network(torch.from_numpy(pixels))
    assert np.ptp(pixels) > 0.5
    assert np.abs(maps - seen[0]).max() < 1e-3 * seen[0].max()
    shown = part.locator("figcaption").first.inner_text()
    assert shown.startswith(f"{maps.shape[1]} maps of {maps.shape[3]} × {maps.shape[2]}")


def test_the_map_under_the_pointer_is_shown(page):
    part = start(page, "maps")
    canvas, caption = part.locator("canvas").first, part.locator("figcaption").nth(1)
    grids = []
    for layer in RUNS["fcn32s"]["layers"][1:5]:  # the first is shown at first
        found = told(
            page, "maps", "mapped", lambda layer=layer: choose(part, "layer", layer),
            wanted=f"window.told.layer === '{layer}'",
        )  # fmt: skip
        _, count, tall, wide = found["dims"]
        width, height = canvas.evaluate("canvas => [canvas.width, canvas.height]")
        rows, columns = height // tall, width // wide
        assert rows * columns == count
        grids.append((rows, columns))
        box = canvas.bounding_box()
        for which in (0, columns - 1, count // 2 + 1, count - 1):
            row, column = divmod(which, columns)
            page.mouse.move(
                box["x"] + (column + 0.5) * box["width"] / columns,
                box["y"] + (row + 0.5) * box["height"] / rows,
            )
            expect(caption).to_contain_text(f"map {which + 1}, maximum")
    assert any(rows != columns for rows, columns in grids)
    assert all(rows <= columns <= 2 * rows for rows, columns in grids)  # large enough to be seen


def test_the_generator_draws_what_pytorch_draws(page):
    part = start(page, "latents")
    slider = part.get_by_label("direction 1", exact=True)
    drawn = told(page, "latents", "drawn", lambda: slider.fill("20"))
    noise = np.array(drawn["noise"])
    assert RUNS["digits"]["directions"][0] @ noise == pytest.approx(2, abs=0.02)
    generator = zoo.restore_generator(results.FOLDER / "dcgan_mnist.safetensors")
    with torch.no_grad():
        wanted = generator.eval()(torch.tensor(noise, dtype=torch.float32)[None]).numpy().ravel()
    found = np.array(drawn["values"])
    assert np.abs(found - wanted).max() < 0.02  # weights as float16
    ours = generate(Network(FOLDER / "digits.onnx"), noise[None], precision="fp32")[0]
    assert np.abs(np.round((found + 1) * 127.5) - ours.ravel()).max() <= 1
    part.get_by_role("button", name="64 at once").click()
    expect(part.locator(".ux-grid figcaption")).to_contain_text("64 at once, in")
    grid = part.locator(".ux-grid canvas")
    # A click waits until the grid rests. That one slider moves is likely, not certain.
    place = {"x": 0.3 * grid.bounding_box()["width"], "y": 0.3 * grid.bounding_box()["height"]}
    taken = told(page, "latents", "drawn", lambda: grid.click(position=place))
    assert not np.allclose(taken["noise"], noise)
    assert RUNS["digits"]["directions"][0] @ np.array(taken["noise"]) == pytest.approx(
        int(slider.input_value()) / 10, abs=0.06
    )


@pytest.mark.timing
def test_the_generator_draws_twenty_times_a_second(page):
    part = start(page, "latents")
    part.get_by_role("button", name="Keep as A").click()
    told(page, "latents", "drawn", part.get_by_role("button", name="Random").click)
    part.get_by_role("button", name="Keep as B").click()
    page.evaluate(
        """() => {
             window.frames = 0;
             const part = document.getElementById("latents");
             part.addEventListener("drawn", () => (window.frames += 1));
           }"""
    )
    slower = slowness(page)
    part.get_by_role("button", name="Walk from A to B").click()
    page.wait_for_timeout(3000)
    part.get_by_role("button", name="Stop").click()
    assert page.evaluate("() => window.frames") >= 60 / max(slower, slowness(page))


def test_painting_is_pytorchs(page):
    part = start(page, "painter")
    for name in (*PAINTERS[1:], PAINTERS[0]):  # the first is shown at first
        painted = told(
            page, "painter", "painted",
            lambda name=name: part.get_by_label("style", exact=True).select_option(name),
            wanted=f"window.told.style === '{name}'",
        )  # fmt: skip
        size = (1, 3, painted["height"], painted["width"])
        pixels = np.array(painted["pixels"], np.float32).reshape(size)
        found = np.array(painted["values"], np.float32).reshape(size)
        with torch.no_grad():
            ours = in_torch(name)(torch.from_numpy(pixels)).numpy()
        assert np.abs(found - ours).max() < 5e-3
        assert np.abs(found - ours).mean() < 1e-3
    slider = part.get_by_label("added noise", exact=True)
    assert float(slider.input_value()) == 100 * TransformSettings.noise
    clean = told(
        page, "painter", "painted", lambda: slider.fill("0"), wanted="window.told.grain === 0"
    )
    noise = pixels.ravel() - np.array(clean["pixels"])
    assert abs(noise.mean()) < 0.002
    assert abs(noise.std() - TransformSettings.noise) < 0.002
    assert np.abs(clean["values"] - found.ravel()).mean() > 0.01


@pytest.mark.timing
def test_a_picture_is_painted_within_two_seconds(page):
    part = start(page, "painter")
    slower = slowness(page)
    told(page, "painter", "painted", lambda: choose(part, "picture", "rocket"))
    caption = part.locator("figcaption").nth(1)
    expect(caption).to_contain_text("painted in")
    seconds = float(re.search(r"([\d.]+) s", caption.inner_text())[1])
    assert seconds <= 2 * max(slower, slowness(page))


def test_a_picture_of_the_readers_own(page, tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (90, 60, 3)).astype(np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    part = start(page, "painter")
    sent = len(page.asked)
    part.locator("input[type=file]").set_input_files(tmp_path / "a.png")
    expect(part.get_by_role("status")).to_contain_text("171 × 256")
    part.locator("input[type=file]").set_input_files(tmp_path / "b.png")
    expect(part.get_by_role("alert")).to_contain_text("b.png: not a picture")
    asked = [url for url in page.asked[sent:] if not url.startswith(("blob:", "data:"))]
    assert all(url.endswith("favicon.svg") for url in asked)  # nothing leaves the page


def test_what_is_missing_is_said(visit, served, runtime):
    page = visit((SITE / PAGE).as_uri())
    button = page.locator("#segment").get_by_role("button", name="Start the networks")
    expect(button).to_be_disabled()
    expect(page.locator("#segment .ux-loader")).to_contain_text("Run make serve")
    assert page.complaints == []
    page = visit("about:blank")
    page.add_init_script("delete window.WebAssembly")
    page.goto(served + PAGE)
    expect(page.locator("#painter .ux-loader")).to_contain_text("does not support WebAssembly")
    page = visit("about:blank")
    page.route("**/unet.onnx", lambda route: route.fulfill(status=404))
    page.goto(served + PAGE)
    part = page.locator("#segment")
    part.get_by_role("button", name="Start the networks").click()
    expect(part.get_by_role("alert")).to_contain_text("unet.onnx: the server returned 404")
    expect(part.get_by_role("button", name="Start the networks")).to_be_enabled()
    page = visit("about:blank")
    full = "onmessage = ({ data }) => postMessage({ id: data.id, error: 'std::bad_alloc' });"
    page.route(
        "**/worker.js", lambda route: route.fulfill(body=full, content_type="text/javascript")
    )
    page.goto(served + PAGE)
    part = page.locator("#latents")
    part.get_by_role("button", name="Start the networks").click()
    expect(part.get_by_role("alert")).to_contain_text("bad_alloc. Close other tabs and try again.")


def test_what_is_missing_stays_said_when_the_part_is_first_drawn(visit, served, runtime):
    page = visit("about:blank")
    hold_first_drawing(page)
    page.route("**/digits.onnx", lambda route: route.fulfill(status=404))
    page.goto(served + PAGE)
    part = page.locator("#latents")
    part.get_by_role("button", name="Start the networks").click()
    alert = part.get_by_role("alert")
    expect(alert).to_contain_text("digits.onnx: the server returned 404")
    expect(part).not_to_contain_text("not started yet")
    page.evaluate("() => later.forEach((draw) => draw())")
    expect(part).to_contain_text("not started yet")
    expect(alert).to_contain_text("digits.onnx: the server returned 404")
    part.get_by_label("noise seed").or_(part.get_by_label("direction 1")).first.fill("7")
    expect(alert).to_be_empty()  # a change answers it


def test_a_network_that_fails_is_not_silent(visit, served, runtime):
    page = visit("about:blank")
    fails = """onmessage = ({ data: { id, load } }) =>
                 postMessage(load ? { id, answer: {} } : { id, error: "no room" });"""
    page.route(
        "**/worker.js", lambda route: route.fulfill(body=fails, content_type="text/javascript")
    )
    page.goto(served + PAGE)
    for name in ("segment", "maps", "latents", "painter"):
        part = start(page, name)
        expect(part.get_by_role("alert")).to_have_text("The network could not be run: no room.")
    assert page.complaints == []


def test_controls_lead_to_what_explains_them(page):
    for name in ("segment", "maps", "latents", "painter"):
        links = page.locator(f"#{name} .ux-why a")
        assert links.count() >= 3
        for link in links.all():
            target, _, section = link.get_attribute("href").partition("#")
            chapter = "chapters/" + target.rsplit("/", 1)[1]
            assert soup(chapter).find(id=section), f"{chapter}: no section {section}"


def test_it_works_below_another_address(visit, tmp_path, runtime):
    """As on GitHub Pages, where the site is not at the root."""
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "place").symlink_to(SITE, target_is_directory=True)
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = visit(f"http://127.0.0.1:{server.server_port}/some/place/{PAGE}")
        part = start(page, "latents")
        expect(part.locator("figcaption").first).to_contain_text("generated in")
        page.wait_for_load_state("networkidle")
        server.shutdown()
    assert page.complaints == []


def test_the_command_line_takes_the_same_files(tmp_path):
    with Image.open(FOLDER / "scenes.jpg") as sheet:
        sheet.crop((0, 0, SIDE, SIDE)).save(tmp_path / "scene.png")
    for name in ("unet", "wave"):
        done = call(
            tmp_path, "predict", "--onnx", FOLDER / f"{name}.onnx", "--out", ".", "scene.png"
        )
        assert done.returncode == 0, done.stderr
    with (
        Image.open(tmp_path / "scene.png") as scene,
        Image.open(tmp_path / "scene_mask.png") as mask,
    ):
        pixels = np.asarray(scene.convert("RGB"), np.float32).transpose(2, 0, 1)[None] / 255
        (logits,) = Network(FOLDER / "unet.onnx").run(pixels, ["logits"])
        assert (np.asarray(mask) == logits[0].argmax(0)).mean() > 0.99
    with Image.open(tmp_path / "scene_painted.png") as painted:
        assert painted.size == (SIDE, SIDE)


def test_on_a_phone_by_touch(visit, served, runtime):
    page = visit(served + PAGE, viewport=PHONE)
    part = start(page, "segment")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    box = part.locator("canvas").first.bounding_box()
    assert box["width"] > 250
    assert part.locator("canvas").first.evaluate("c => getComputedStyle(c).touchAction") == "none"
