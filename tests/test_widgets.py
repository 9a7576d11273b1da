"""Explorers: their arithmetic against upconv.ops, and used as a reader uses them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import traitlets
from playwright.sync_api import expect

from upconv import ops
from upconv.widgets import (
    MIME_TYPE,
    ConvolutionExplorer,
    TransposedConvolutionExplorer,
    source,
)

ROOT = Path(__file__).parents[1]


def module(page, name: str):
    """Load an explorer's module into an empty page, as a notebook does: from memory."""
    return page.evaluate_handle(
        "text => import(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })))",
        source(name),
    )


@pytest.fixture
def page(chromium):
    page = chromium.new_page()
    page.goto("about:blank")
    yield page
    page.close()


def random_settings(count: int):
    rng = np.random.default_rng(0)
    for _ in range(count):
        n, k, s, p, d = rng.integers((2, 1, 1, 0, 1), (12, 8, 5, 5, 4)).tolist()
        yield {
            "image": rng.normal(size=(n, n)).round(3).tolist(),
            "kernel": rng.normal(size=(k, k)).round(3).tolist(),
            "options": {"stride": s, "padding": p, "dilation": d, "flip": bool(rng.integers(2))},
        }


def test_convolution_of_the_page_is_that_of_the_module(page):
    settings = list(random_settings(300))
    results = module(page, "convolution").evaluate(
        "(m, all) => all.map(({ image, kernel, options }) => m.convolve(image, kernel, options))",
        settings,
    )
    impossible = 0
    for setting, result in zip(settings, results, strict=True):
        image, kernel = (np.array(setting[name])[None, None] for name in ("image", "kernel"))
        options = dict(setting["options"])
        if options.pop("flip"):
            kernel = kernel[..., ::-1, ::-1].copy()
        try:
            expected = ops.conv2d(image, kernel, **options)[0, 0]
        except ValueError:
            impossible += 1
            assert result is None
            continue
        np.testing.assert_allclose(result, expected, atol=1e-12)
    assert 20 < impossible < 150


def test_presets_are_what_they_are_called(page):
    presets = module(page, "convolution").evaluate(
        """m => Object.fromEntries(Object.entries(m.PRESETS).map(
            ([name, make]) => [name, [1, 2, 3, 4, 5, 6, 7].map(make)]))"""
    )
    for name, kernels in presets.items():
        for k, kernel in enumerate(kernels, start=1):
            kernel = np.array(kernel)
            assert kernel.shape == (k, k)
            if name in ("identity", "shift"):
                assert sorted(kernel.ravel())[-2:] == ([1] if k == 1 else [0, 1])
            elif name in ("box blur", "Gaussian"):
                assert kernel.min() > 0
                assert kernel.sum() == pytest.approx(1)
            else:
                assert kernel.sum() == pytest.approx(0)
    edges = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
    assert presets["edges"][2] == edges
    assert presets["Sobel, left to right"][2] == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


def transposed_settings(count: int):
    rng = np.random.default_rng(1)
    for _ in range(count):
        n, k, s, p = rng.integers((1, 1, 1, 0), (6, 6, 5, 5)).tolist()
        yield {
            "input": rng.normal(size=(n, n)).round(3).tolist(),
            "kernel": rng.normal(size=(k, k)).round(3).tolist(),
            "options": {"stride": s, "padding": p, "outputPadding": int(rng.integers(s))},
        }


def test_three_views_of_the_transposed_convolution_are_that_of_the_module(page):
    settings = list(transposed_settings(300))
    results = module(page, "transposed").evaluate(
        """(m, all) => all.map(({ input, kernel, options }) => ({
            scatter: m.scatter(input, kernel, options),
            gather: m.gather(input, kernel, options),
            matrix: m.matrix(input.length, kernel, options),
            overlaps: m.overlaps(input.length, kernel.length, options),
        }))""",
        settings,
    )
    impossible = 0
    for setting, result in zip(settings, results, strict=True):
        x, w = (np.array(setting[name])[None, None] for name in ("input", "kernel"))
        options = dict(setting["options"])
        options["output_padding"] = options.pop("outputPadding")
        try:
            expected = ops.conv_transpose2d(x, w, **options)[0, 0]
        except ValueError:
            impossible += 1
            assert result["scatter"] is result["gather"] is None
            continue
        np.testing.assert_allclose(result["scatter"], expected, atol=1e-12)
        np.testing.assert_allclose(result["gather"], expected, atol=1e-12)
        np.testing.assert_allclose(
            np.array(result["matrix"]) @ x.ravel(), expected.ravel(), atol=1e-12
        )
        count = ops.conv_transpose2d(np.ones_like(x), np.ones_like(w), **options)[0, 0]
        np.testing.assert_array_equal(result["overlaps"], count)
    assert 10 < impossible < 150


def test_transposed_explorer_in_python():
    explorer = TransposedConvolutionExplorer(input=[[0, 1], [2, 3]], kernel=[[0, 1], [2, 3]])
    np.testing.assert_array_equal(explorer.output, [[0, 0, 1], [0, 4, 6], [4, 12, 9]])
    explorer.stride = 2
    assert explorer.output.shape == (4, 4)
    explorer.output_padding = 2
    with pytest.raises(ValueError, match="output_padding: got 2"):
        _ = explorer.output


def test_explorer_in_python():
    explorer = ConvolutionExplorer(stride=2)
    assert explorer.output.shape == (7, 7)
    seen = []
    explorer.observe(seen.append, "kernel")
    explorer.kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    assert seen[0]["new"] == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    correlation = explorer.output
    explorer.flip = True
    np.testing.assert_allclose(explorer.output, -correlation, atol=1e-12)
    explorer.dilation = 3
    image = np.array(explorer.pictures[explorer.picture])[None, None]
    kernel = np.array(explorer.kernel)[None, None, ::-1, ::-1].copy()
    expected = ops.conv2d(image, kernel, stride=2, dilation=3)[0, 0]
    np.testing.assert_array_equal(explorer.output, expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kernel", [[1, 2]]),
        ("kernel", np.ones((8, 8))),
        ("kernel", [[np.nan]]),
        ("kernel", "Sobel"),
        ("stride", 0),
        ("padding", 5),
        ("dilation", 4),
        ("picture", "a dog"),
    ],
)
def test_impossible_settings_are_refused_and_nothing_is_lost(name, value):
    explorer = ConvolutionExplorer()
    before = explorer.state()
    with pytest.raises(traitlets.TraitError, match=name):
        setattr(explorer, name, value)
    assert explorer.state() == before


def test_explorer_is_stored_alike_each_time():
    explorer = ConvolutionExplorer()
    data, _ = explorer._repr_mimebundle_()
    assert data[MIME_TYPE]["name"] == "convolution"
    assert json.loads(json.dumps(data[MIME_TYPE]["state"])) == data[MIME_TYPE]["state"]
    assert "0x" not in repr(explorer)
    view = data["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"].startswith("upconv-convolution-")


def chapter_page(request, visit, served, chapter):
    base = served if request.param == "served" else (ROOT / "_build" / "html").as_uri() + "/"
    page = visit(f"{base}chapters/{chapter}.html")
    yield page
    assert page.complaints == []


@pytest.fixture(params=["served", "disk"])
def explorer_page(request, visit, served):
    yield from chapter_page(request, visit, served, "01_cnn_fourier")


@pytest.fixture(params=["served", "disk"])
def transposed_page(request, visit, served):
    yield from chapter_page(request, visit, served, "02_upsampling")


def test_reader_finds_the_checkerboard(transposed_page):
    box = transposed_page.get_by_label("Transposed convolution explorer").first
    expect(box).to_contain_text("2·(3 − 1) + 3 − 2·1 + 0 = 5")
    expect(box).to_contain_text("Expect a checkerboard.")
    slider = box.get_by_label("output pixel")
    slider.fill(str(1 * 5 + 1))
    expect(box).to_contain_text("Output (1, 1) = 1·1 + 1·2 + 1·4 + 1·5 = 12")
    for view in ("zeros", "matrix"):
        box.get_by_label("computed by", exact=True).select_option(view)
        expect(box).to_contain_text("Output (1, 1) = 1·1 + 1·2 + 1·4 + 1·5 = 12")
    box.get_by_label("kernel K").fill("4")
    box.get_by_label("kernel K").press("Enter")
    expect(box).to_contain_text("every pixel is a sum of 4 products")
    box.get_by_label("output padding A").fill("2")
    box.get_by_label("output padding A").press("Enter")
    expect(box.get_by_role("alert")).to_contain_text("must be less than the stride 2")
    box.get_by_role("button", name="Reset").click()
    expect(box.get_by_role("alert")).to_have_text("")
    expect(box).to_contain_text("output, 5 × 5")


def test_reader_turns_the_knobs_without_a_kernel(explorer_page):
    box = explorer_page.get_by_label("Convolution explorer").first
    expect(box).to_contain_text("+ 1 = 16")
    box.get_by_label("stride S").fill("2")
    box.get_by_label("stride S").press("Enter")
    expect(box).to_contain_text("output, 8 × 8")
    box.get_by_label("picture", exact=True).select_option("one bright pixel")
    box.get_by_label("kernel", exact=True).select_option("identity")
    box.get_by_label("stride S").fill("1")
    box.get_by_label("stride S").press("Enter")
    slider = box.get_by_label("position of the window")
    slider.fill(str(8 * 16 + 8))
    expect(box).to_contain_text("Output (8, 8) = 1·1 = 1")
    slider.press("ArrowRight")
    expect(box).to_contain_text("Output (8, 9) = 0 = 0")
    weight = box.get_by_label("weight, row 2, column 1")
    weight.fill("2.5")
    weight.press("Tab")
    expect(box).to_contain_text("Output (8, 9) = 2.5·1 = 2.5")


def test_impossible_setting_is_said_in_place(explorer_page):
    box = explorer_page.get_by_label("Convolution explorer").first
    for label, value in (("size K", "7"), ("dilation D", "3"), ("padding P", "0")):
        box.get_by_label(label).fill(value)
        box.get_by_label(label).press("Enter")
    expect(box.get_by_role("alert")).to_contain_text("covers 19 × 19 pixels")
    box.get_by_label("stride S").fill("9")
    box.get_by_label("stride S").press("Enter")
    expect(box.get_by_role("alert")).to_contain_text("got 9, expected 1 to 4")
    box.get_by_role("button", name="Reset").click()
    expect(box.get_by_role("alert")).to_have_text("")
    expect(box).to_contain_text("+ 1 = 16")


def test_window_moves_by_itself_and_stops(explorer_page):
    box = explorer_page.get_by_label("Convolution explorer").first
    box.get_by_role("button", name="Play").click()
    expect(box).to_contain_text("Output (0, 2)", timeout=5000)
    box.get_by_role("button", name="Stop").click()
    expect(box.get_by_role("button", name="Play")).to_be_visible()


def test_turning_a_knob_takes_less_than_a_frame(explorer_page):
    times = explorer_page.evaluate(
        """() => {
            const slider = document.querySelector('[aria-label="position of the window"]');
            return Array.from({ length: 60 }, (_, i) => {
                const start = performance.now();
                slider.value = i;
                slider.dispatchEvent(new Event("input"));
                return performance.now() - start;
            });
        }"""
    )
    assert np.median(times) < 16
