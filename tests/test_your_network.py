"""The playground: the reader's own network, in a real browser, says what it says in Python."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from conftest import SITE
from PIL import Image
from playwright.sync_api import expect
from test_explorers import choose
from test_playground import FOLDER, PAGE, hold_first_drawing, module, runtime, told  # noqa: F401
from test_site import PHONE

from upconv import zoo
from upconv.data import palette
from upconv.inference import mirrored, predict, predict_tiles
from upconv.onnx import Network, export
from upconv.pixels import to_pixels

CLASSES = ["background", "nucleus", "Zellkern (groß) 核"]
NAMES = [f"kind {number}" for number in range(256)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Networks as if trained, by what is special about each, and their files."""
    folder = tmp_path_factory.mktemp("networks")

    def make(name, kind, classes, **options):
        torch.manual_seed(0)
        network = zoo.build(kind, len(classes), base_channels=4, **options)
        with torch.no_grad():
            network.train()(torch.rand(2, network.in_channels, 188, 188))
        path = folder / f"{name}.onnx"
        export(network.eval(), path, about={"network": kind, "classes": classes})
        return network, path

    return {
        "gray": make("gray", "unet", CLASSES, in_channels=1),
        "tiled": make("tiled", "unet_valid", CLASSES[:2], in_channels=3, depth=2),
        "many": make("many", "unet", NAMES, in_channels=3, depth=1),
    }


@pytest.fixture
def page(visit, served, runtime):  # noqa: F811
    opened = visit(served + PAGE)
    yield opened
    assert opened.complaints == []


@pytest.fixture
def photo(tmp_path):
    """Writes pictures of noise in large patches, with some structure at every scale."""

    def write(name, height, width, channels=3, bits=8):
        rng = np.random.default_rng(height)
        small = rng.integers(0, 256, (-(-height // 8), -(-width // 8), channels), np.uint8)
        image = np.kron(small, np.ones((8, 8, 1), np.uint8))[:height, :width]
        image = image // 2 + rng.integers(0, 128, image.shape, np.uint8)
        if bits == 16:
            image = image.astype(np.uint16) * 256 + rng.integers(0, 256, image.shape, np.uint16)
        image = image[..., 0] if channels == 1 else image
        Image.fromarray(image).save(tmp_path / name)
        return tmp_path / name, image

    return write


def opened(page, path: Path | dict, wanted="true") -> dict:
    """What the part tells of its work after a network is opened."""
    part = page.locator("#yours")
    part.scroll_into_view_if_needed()
    field = part.locator("input[accept='.onnx']")
    return told(page, "yours", "masked", lambda: field.set_input_files(path), wanted)


def shown(page, path: Path, wanted="true") -> dict:
    """And after a picture is."""
    field = page.locator("#yours input[accept='image/*']")
    expect(page.locator("#yours")).not_to_have_attribute("aria-busy", "true")
    return told(page, "yours", "masked", lambda: field.set_input_files(path), wanted)


def mask_of(found: dict) -> np.ndarray:
    return np.array(found["mask"]).reshape(found["height"], found["width"])


def refused(page, path: Path | dict) -> str:
    """What the part complains of when something is opened as a network."""
    part = page.locator("#yours")
    part.get_by_role("alert").evaluate("alert => alert.replaceChildren()")  # of the file before
    part.locator("input[accept='.onnx']").set_input_files(path)
    expect(part.get_by_role("alert")).not_to_be_empty()
    return part.get_by_role("alert").inner_text()


def file(name: str, data: bytes) -> dict:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


# ---- what a file says ----------------------------------------------------------------------------


def read_in(page, data: bytes) -> dict | str:
    return module(page, "yours").evaluate(
        """(m, text) => {
             const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
             try { return m.networkIn(bytes); } catch (error) { return error.message; }
           }""",
        base64.b64encode(data).decode(),
    )


def test_the_page_reads_of_a_file_what_python_reads(visit, served, made):
    page = visit(served + "book/notation.html")
    for network, path in made.values():
        read, found = Network(path), read_in(page, path.read_bytes())
        assert found["classes"] == read.classes
        assert found["channels"] == network.in_channels
        assert found["name"] == read.about["network"]
        assert found["range"] == [0, 255]
        assert (found["tiles"] is None) == network.padded
    tiles = read_in(page, made["tiled"][1].read_bytes())["tiles"]
    assert tiles["seen"] == read_size(made["tiled"][1])
    assert tiles["given"] == made["tiled"][0](torch.rand(1, 3, *[tiles["seen"]] * 2)).shape[-1]
    assert tiles["side"] % 4 == 0 and tiles["given"] - tiles["side"] < 4


def read_size(path: Path) -> int:
    return Network(path).session.get_inputs()[0].shape[-1]


def test_no_torn_file_is_taken_for_a_network(visit, served, made):
    """Wherever it is cut, and whatever else it is."""
    page = visit(served + "book/notation.html")
    data, rng = made["gray"][1].read_bytes(), np.random.default_rng(0)
    ends = [0, 1, 2, len(data) // 2, len(data) - 1, *rng.integers(3, len(data), 20)]
    for end in ends:
        assert isinstance(read_in(page, data[:end]), str), end
    for size in (1, 10, 1000, 100_000):
        assert read_in(page, rng.bytes(size)).startswith("not an ONNX file")
    for other in (b"{}", json.dumps({"told": {}}).encode(), b"\x89PNG\r\n\x1a\n" + bytes(50)):
        assert read_in(page, other).startswith("not an ONNX file")
    for _ in range(200):  # bytes that differ here and there: read or refused, never anything else
        hurt = bytearray(data)
        for place in rng.integers(0, len(data), 5):
            hurt[place] = rng.integers(256)
        found = read_in(page, bytes(hurt))
        assert isinstance(found, str) or len(found["classes"]) == 3


def altered(path: Path, told=None, about=None, change=lambda model: None) -> bytes:
    """A file whose metadata, or graph, say something else."""
    model = onnx.load(path)
    props = {each.key: json.loads(each.value) for each in model.metadata_props}
    props["told"] = props["told"] | told if told is not None else props["told"]
    props["about"] = props["about"] | about if about is not None else props["about"]
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in props.items()})
    change(model)
    return model.SerializeToString()


def test_what_does_not_fit_is_refused_in_one_line(page, made):
    gray, tiled = made["gray"][1], made["tiled"][1]

    def of_another_program(model):
        del model.metadata_props[:]

    def of_four_channels(model):
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4

    def of_300_classes(model):
        model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 300

    def words(model):
        model.metadata_props[0].value = "[]"

    cases = {
        b"": "a.onnx: not an ONNX file, or not a whole one.",
        b"{}": "a.onnx: not an ONNX file, or not a whole one.",
        gray.read_bytes()[:5000]: "a.onnx: not an ONNX file, or not a whole one.",
        altered(gray, change=of_another_program): "an ONNX file of another program, expected one "
        "that upconv export has written",
        altered(gray, change=words): "an ONNX file of another program",
        (FOLDER / "digits.onnx").read_bytes(): "a generator, expected a network that segments",
        (FOLDER / "wave.onnx").read_bytes(): "a network that stylizes, expected one that segments",
        altered(gray, change=of_four_channels): "4 channels, and pictures here have 1 or 3",
        altered(gray, change=of_300_classes): "300 classes, expected at most 256",
        altered(gray, about={"classes": ["a"]}): "its metadata do not name its 3 classes",
        altered(gray, about={"classes": [1, 2, 3]}): "its metadata do not name its 3 classes",
        altered(gray, told={"value_range": [5, 5]}): "value_range is [5,5], expected two numbers",
        altered(gray, told={"image_size": "large"}): 'image_size is "large", expected a whole',
        altered(tiled, told={"depth": 9}): "does not say how to join them",
    }
    for data, expected in cases.items():
        said = refused(page, file("a.onnx", data))
        assert expected in said, said
        assert said.startswith("a.onnx: ") and "\n" not in said and len(said) < 200
    assert page.locator("#yours").get_by_role("button", name="Save the mask").is_disabled()


def test_an_operator_that_the_runtime_lacks_is_named(page, made):
    def strange(model):
        next(node for node in model.graph.node if node.op_type == "Relu").op_type = "Swing"

    def future(model):
        model.opset_import[0].version = 999

    for change, expected in ((strange, "Swing"), (future, "999")):
        said = refused(page, file("b.onnx", altered(made["gray"][1], change=change)))
        assert said.startswith("b.onnx: has an operator that cannot be computed here (")
        assert expected in said
    opened(page, made["gray"][1])  # and the next file runs
    expect(page.locator("#yours").get_by_role("alert")).to_be_empty()


# ---- what it computes ----------------------------------------------------------------------------


def test_arithmetic_is_that_of_python(visit, served):
    page, rng = visit(served + "book/notation.html"), np.random.default_rng(0)
    functions = module(page, "yours")
    for size in (1, 2, 5, 9):
        got = functions.evaluate(
            "(m, n) => Array.from({ length: 61 }, (_, i) => m.mirrored(i - 30, n))", size
        )
        assert got == mirrored(-30, 31, size).tolist()
    image = rng.integers(0, 256, (6, 7, 3), np.uint8)
    pixels = (image.transpose(2, 0, 1) / 255).ravel().tolist()
    for channels in (1, 3):
        for scale, deep in (((0, 255), False), ((0, 4095), True), ((-100.5, 90), False)):
            given = image.astype(np.uint16) * 257 if deep else image.astype(np.int32)
            given = image if scale == (0, 255) else given
            wanted = to_pixels(given[None], channels, scale)[0].numpy()
            got = functions.evaluate(
                "(m, [p, c, r, d]) => [...m.inputOf(p, c, r, d)]", [pixels, channels, scale, deep]
            )
            assert np.abs(np.array(got).reshape(wanted.shape) - wanted).max() < 1e-6
    said = functions.evaluate("m => [1, 0.9996, 0.5, 0.001, 1e-6].map(m.percent)")
    assert said == ["100.0 %", "> 99.9 %", "50.0 %", "0.1 %", "< 0.1 %"]


def test_a_gray_network_of_three_classes_sees_what_pytorch_sees(page, made, photo, tmp_path):
    network, path = made["gray"]
    opened(page, path)
    picture, image = photo("slide.png", 131, 203)
    found = shown(page, picture, "window.told.file === 'slide.png'")
    wanted = predict(network, image[None], precision="fp32")[0]
    assert len(np.unique(wanted)) == 3
    mask = mask_of(found)
    assert mask.shape == wanted.shape == (131, 203)
    assert (mask == wanted).mean() > 0.999
    part = page.locator("#yours")
    expect(part.get_by_role("status")).to_have_text(
        "gray.onnx, 3 classes, 3 of them in this picture."
    )
    expect(part.locator(".ux-notes")).to_have_text(
        "slide.png: 203 × 131 pixels, in shades of gray."
    )
    shares = np.bincount(mask.ravel(), minlength=3) / mask.size
    order = np.argsort(-shares)
    keys = part.locator(".ux-legend span")
    said = [f"{CLASSES[number]} {100 * shares[number]:.1f} %" for number in order]
    assert keys.all_inner_texts() == said
    colors = keys.evaluate_all("all => all.map((key) => key.style.getPropertyValue('--key'))")
    assert colors == [f"rgb({' '.join(map(str, palette(3)[number]))})" for number in order]
    with page.expect_download() as download:
        part.get_by_role("button", name="Save the mask (PNG)").click()
    assert download.value.suggested_filename == "slide_mask.png"
    download.value.save_as(tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as saved:
        assert saved.mode == "P"
        assert np.array_equal(np.asarray(saved), mask)
        assert saved.getpalette()[:9] == [value for color in palette(3) for value in color]
    with Image.open(tmp_path / "mask.png") as saved:
        saved.verify()
    # What is drawn: the mask's colors, and half of them over the picture.
    drawn = part.locator("canvas").evaluate_all(
        "all => all.map((c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data])"
    )
    first, second, third = (np.array(d).reshape(131, 203, 4)[..., :3] for d in drawn)
    assert np.array_equal(first, image)
    assert np.array_equal(second, np.array(palette(3))[mask])
    assert np.abs(third - (first + second) / 2).max() <= 1


def test_a_network_without_padding_sees_tiles(page, made, photo):
    network, path = made["tiled"]
    opened(page, path)
    for size in ((400, 300), (20, 30)):
        picture, image = photo(f"{size[0]}.png", *size)
        found = shown(page, picture, f"window.told.file === '{size[0]}.png'")
        wanted = predict_tiles(network, image, precision="fp32")
        assert len(np.unique(wanted)) == 2
        assert (mask_of(found) == wanted).mean() > 0.999
    expect(page.locator("#yours .ux-notes")).to_contain_text(", seen in tiles of 256 × 256.")


def test_256_classes(page, made, photo):
    network, path = made["many"]
    opened(page, path)
    picture, image = photo("many.png", 64, 64)
    found = shown(page, picture, "window.told.file === 'many.png'")
    wanted = predict(network, image[None], precision="fp32")[0]
    assert wanted.max() > 127
    assert (mask_of(found) == wanted).mean() > 0.99
    legend = page.locator("#yours .ux-legend")
    count = len(np.unique(mask_of(found)))
    assert legend.locator("span").count() == count + 12
    expect(legend).to_contain_text(f"and {256 - 12 - count} more")


def test_a_large_picture_is_reduced_and_that_is_said(page, made, photo):
    opened(page, made["gray"][1])
    picture, _ = photo("large.png", 500, 1501)
    found = shown(page, picture, "window.told.file === 'large.png'")
    assert (found["width"], found["height"]) == (512, 171)
    notes = page.locator("#yours .ux-notes")
    expect(notes).to_contain_text("large.png: 1501 × 500 pixels, reduced to 512 × 171,")
    part = page.locator("#yours")
    found = told(page, "yours", "masked", lambda: choose(part, "longer side", "at most 256 pixels"))
    assert (found["width"], found["height"]) == (256, 85)
    network, pixels = made["gray"][0], np.array(found["values"], np.float32)
    with torch.no_grad():
        logits = network(torch.from_numpy(pixels.reshape(1, 1, 85, 256)))
    assert (mask_of(found) == logits[0].argmax(0).numpy()).mean() > 0.999


def test_a_network_of_small_images_sees_small_ones(page, made, photo):
    data = altered(made["gray"][1], told={"image_size": 100})
    picture, _ = photo("wide.png", 60, 150)
    opened(page, made["gray"][1])
    found = shown(page, picture, "window.told.file === 'wide.png'")
    assert (found["width"], found["height"]) == (150, 60)
    found = opened(page, file("small.onnx", data), "window.told.network.file === 'small.onnx'")
    assert (found["width"], found["height"]) == (100, 40)
    expect(page.locator("#yours .ux-notes")).to_contain_text("reduced to 100 × 40 as in training,")
    found = opened(page, made["gray"][1], "window.told.network.file === 'gray.onnx'")
    assert (found["width"], found["height"]) == (150, 60)


def test_a_range_of_values_is_used_and_said(page, made, photo):
    network, path = made["gray"]
    data = altered(path, told={"value_range": [1000, 40000]})
    opened(page, file("deep.onnx", data))
    picture, image = photo("deep.png", 80, 90, channels=1, bits=16)
    found = shown(page, picture, "window.told.file === 'deep.png'")
    exact = np.clip((image.astype(float) - 1000) / 39000, 0, 1)
    values = np.array(found["values"]).reshape(80, 90)
    assert np.abs(values - exact).max() <= 257 / 39000  # what 8 of 16 bits tell
    with torch.no_grad():
        logits = network(torch.tensor(values, dtype=torch.float32)[None, None])
    assert (mask_of(found) == logits[0].argmax(0).numpy()).mean() > 0.999
    notes = page.locator("#yours .ux-notes")
    expect(notes).to_contain_text(
        "The network takes values from 1000 to 40000. Browsers decode pictures to 8 bits: of this "
        "16-bit file, each value is taken as 257 times its upper 8 bits."
    )
    plain, image = photo("plain.png", 80, 90, channels=1)
    found = shown(page, plain, "window.told.file === 'plain.png'")
    assert np.abs(np.array(found["values"])).max() == 0  # 255 is less than 1000, as in Python
    expect(notes).to_contain_text("the values of this file are taken as they are, 0 to 255.")


# ---- how it is used ------------------------------------------------------------------------------


def test_a_wrong_file_leaves_what_was_there(page, made):
    opened(page, made["gray"][1])
    status = page.locator("#yours").get_by_role("status")
    said = refused(page, file("wrong.onnx", b"no network"))
    assert said == "wrong.onnx: not an ONNX file, or not a whole one."
    expect(status).to_contain_text("gray.onnx, 3 classes")
    tiff = page.locator("#yours input[accept='image/*']")
    tiff.set_input_files(file("cells.tif", b"II*\0" + bytes(100)))
    expect(page.locator("#yours").get_by_role("alert")).to_have_text(
        "cells.tif: not a picture that this browser can read. Most browsers cannot read TIFF: "
        "save it as PNG."
    )
    opened(page, made["many"][1], "window.told.network.file === 'many.onnx'")
    expect(status).to_contain_text("many.onnx, 256 classes")
    expect(page.locator("#yours").get_by_role("alert")).to_be_empty()


def test_nothing_leaves_the_page(page, made, photo):
    before = len(page.asked)
    opened(page, made["gray"][1])
    picture, _ = photo("mine.png", 40, 40)
    shown(page, picture, "window.told.file === 'mine.png'")
    files = {"worker.js", "ort.wasm.min.js", "ort-wasm-simd-threaded.wasm", "favicon.svg"}
    files |= {"ort-wasm-simd-threaded.mjs", "scene.jpg"}
    for address in page.asked[before:]:
        assert address.startswith(("blob:", "data:")) or address.rsplit("/", 1)[1] in files


def test_it_is_used_by_keyboard_and_by_dropping(page, made, photo):
    part = page.locator("#yours")
    button = part.get_by_role("button", name="Open your own network")
    button.focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    told(page, "yours", "masked", lambda: chooser.value.set_files(made["gray"][1]))
    picture, _ = photo("dropped.png", 50, 60)
    drop = """([name, text]) => {
        const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
        const carried = new DataTransfer();
        carried.items.add(new File([bytes], name));
        const event = { dataTransfer: carried, bubbles: true, cancelable: true };
        document.querySelector("#yours canvas").dispatchEvent(new DragEvent("drop", event));
    }"""
    for path in (picture, made["tiled"][1]):
        text = base64.b64encode(path.read_bytes()).decode()
        wanted = f"[window.told.file, window.told.network.file].includes('{path.name}')"
        told(
            page, "yours", "masked",
            lambda text=text, path=path: page.evaluate(drop, [path.name, text]), wanted,
        )  # fmt: skip
    expect(part.get_by_role("status")).to_contain_text("tiled.onnx, 2 classes")


def test_the_courses_own_network_is_at_hand(page):
    part = page.locator("#yours")
    found = told(page, "yours", "masked", part.get_by_role("button", name="Take the U-Net").click)
    assert found["network"]["classes"][1] == "digit 0"
    with Image.open(SITE / "_static/playground/scene.jpg") as scene:
        pixels = np.asarray(scene, np.float32).transpose(2, 0, 1)[None] / 255
    (logits,) = Network(FOLDER / "unet.onnx").run(pixels, ["logits"])
    assert (mask_of(found) == logits[0].argmax(0)).mean() > 0.99  # JPEG decoders differ by a bit
    assert len(np.unique(mask_of(found))) >= 3  # digits are found


def test_what_fails_is_said_and_the_next_try_begins_anew(visit, served, runtime, made):  # noqa: F811
    page = visit("about:blank")
    full = """onmessage = ({ data: { id, load } }) => postMessage(load
        ? { id, answer: {} } : { id, error: "failed to allocate a buffer of size 4294967296" });"""
    page.route(
        "**/worker.js", lambda route: route.fulfill(body=full, content_type="text/javascript")
    )
    page.goto(served + PAGE)
    said = refused(page, made["gray"][1])
    assert said == (
        "gray.onnx: out of memory at 128 × 128 pixels. Choose a smaller longer side, or close "
        "other tabs."
    )
    page.unroute("**/worker.js")
    opened(page, made["gray"][1])
    expect(page.locator("#yours").get_by_role("alert")).to_be_empty()
    page = visit((SITE / PAGE).as_uri())
    part = page.locator("#yours")
    expect(part.get_by_role("button", name="Open your own network")).to_be_disabled()
    expect(part.locator(".ux-loader")).to_contain_text("Run make serve")


def test_a_complaint_stays_when_the_part_is_first_drawn(visit, served, runtime):  # noqa: F811
    page = visit("about:blank")
    hold_first_drawing(page)
    page.goto(served + PAGE)
    said = refused(page, file("early.onnx", b"no network"))
    page.evaluate("() => later.forEach((draw) => draw())")
    part = page.locator("#yours")
    expect(part.locator("figcaption").nth(1)).to_have_text("not started yet")
    expect(part.get_by_role("alert")).to_have_text(said)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_it(visit, served, runtime, made, scheme):  # noqa: F811
    for viewport in (None, PHONE):
        page = visit(served + PAGE, viewport=viewport, scheme=scheme)
        opened(page, made["gray"][1])
        results = Axe().run(page, context="#yours")
        assert results.violations_count == 0, results.generate_report()
        wide = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1]
        assert page.complaints == []
