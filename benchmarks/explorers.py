"""Measure the explorers' response times in Chromium, with its Performance API.

    python benchmarks/explorers.py [--json]

Needs the built site (``make book``). Each control is moved 40 times; the script prints the median
time from the event to the end of all computing and drawing calls, in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "code" / "support"))

from browser import require_browser
from pace import slowness

# Controls to move: explorer, label of the range control.
CONTROLS = {
    "convolution": ("convolution-1", "position of the window"),
    "transposed": ("transposed-1", "output pixel"),
    "upsampling": ("upsampling-1", "frequency"),
    "pooling": ("pooling-1", "pooled value"),
    "receptive": ("receptive-1", "layer"),
    "shape": ("shape-1", "input size"),
    "fourier": ("fourier-1", "radius"),
    "learning": ("learning-1", "learning rate"),
    "learning, another step": ("learning-1", "steps"),
}
MOVE = """([id, label]) => {
    const slider = document.querySelector(`#${id} input[type=range][aria-label="${label}"]`);
    const times = Array.from({ length: 40 }, (_, i) => {
        slider.value = Number(slider.min) + (i * 7) % (slider.max - slider.min + 1);
        const start = performance.now();
        slider.dispatchEvent(new Event("input"));
        return performance.now() - start;
    });
    return times.sort((a, b) => a - b)[20];
}"""


def measure(page: Page) -> dict[str, float]:
    """Measure the median response of every explorer on the opened page, in milliseconds."""
    # Explorers far below the viewport would not be drawn and take no time.
    page.evaluate("() => dispatchEvent(new Event('upconv:whole'))")
    page.wait_for_function("() => !document.querySelector('[data-explorer] [aria-busy]')")
    page.wait_for_load_state("networkidle")
    times = {name: page.evaluate(MOVE, list(control)) for name, control in CONTROLS.items()}
    # Editing a kernel recomputes the whole output, at the largest available size.
    page.evaluate(
        "kernel => { location.hash = `convolution-1:padding=4&kernel=${kernel}`; }",
        ";".join([",".join(["0.1"] * 7)] * 7),
    )
    page.wait_for_timeout(300)
    times["convolution, kernel of 7 × 7 edited"] = page.evaluate(
        """() => {
            const weight = document.querySelector("#convolution-1 .ux-kernel input");
            const times = Array.from({ length: 40 }, (_, i) => {
                weight.value = i % 5;
                const start = performance.now();
                weight.dispatchEvent(new Event("change"));
                return performance.now() - start;
            });
            return times.sort((a, b) => a - b)[20];
        }"""
    )
    # A picture filtered by the longest kernel, to the largest size.
    page.evaluate("() => { location.hash = 'upsampling-1:view=picture&kernel=ideal&factor=5'; }")
    page.get_by_text("= output, 240 × 240").wait_for()
    times["upsampling, picture to 240 × 240"] = page.evaluate(
        """() => {
            const list = document.querySelector("#upsampling-1 select[aria-label=kernel]");
            const times = Array.from({ length: 40 }, (_, i) => {
                list.value = i % 2 ? "ideal" : "cubic";
                const start = performance.now();
                list.dispatchEvent(new Event("change"));
                return performance.now() - start;
            });
            return times.sort((a, b) => a - b)[30]; // the median with the longer, ideal kernel
        }"""
    )
    times |= game(page)
    page.evaluate(
        """async () => {
            const canvas = new OffscreenCanvas(512, 512);
            const context = canvas.getContext("2d");
            for (let i = 0; i < 300; i++) context.fillRect((i * 97) % 512, (i * 53) % 512, 40, 9);
            const input = document.querySelector("#fourier-1 input[type=file]");
            const files = new DataTransfer();
            files.items.add(new File([await canvas.convertToBlob()], "bars.png"));
            input.files = files.files;
            input.dispatchEvent(new Event("change"));
        }"""
    )
    page.get_by_text("picture, 512 × 512").wait_for()
    times["fourier, picture of 512 × 512"] = page.evaluate(MOVE, list(CONTROLS["fourier"]))
    return times


def game(page: Page) -> dict[str, float]:
    """A game that begins anew with another setting, and the frames of one that runs."""
    page.locator("#gan-1").scroll_into_view_if_needed()
    found = page.evaluate(
        """async () => {
            const median = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
            const list = document.querySelector("#gan-1 select[aria-label='loss of G']");
            const changed = Array.from({ length: 40 }, (_, i) => {
                list.value = i % 2 ? "ns" : "minimax";
                const start = performance.now();
                list.dispatchEvent(new Event("change"));
                return performance.now() - start;
            });
            const [frames, ask] = [[], window.requestAnimationFrame];
            window.requestAnimationFrame = (work) => ask((time) => {
                const start = performance.now();
                work(time);
                frames.push(performance.now() - start);
            });
            const run = [...document.querySelectorAll("#gan-1 button")].find(
                (button) => button.textContent === "Run");
            run.click();
            while (frames.length < 60) await new Promise((done) => setTimeout(done, 20));
            run.click();
            window.requestAnimationFrame = ask;
            return [median(changed), median(frames)];
        }"""
    )
    return dict(zip(("gan, another setting", "gan, a frame of its run"), found, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the medians as JSON")
    arguments = parser.parse_args()
    site = ROOT / "_build" / "html" / "book" / "explorers.html"
    if not site.exists():
        raise SystemExit(f"{site} does not exist: run `make book`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=require_browser(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(site.as_uri())
        page.wait_for_timeout(1000)
        before = slowness(page)
        times = measure(page)
        slower = max(before, slowness(page))
        browser.close()
    if arguments.json:
        print(json.dumps({"times": times, "slowness": slower}))
        return
    print(f"This machine is {slower:.2f} times slower than the reference for the limits.")
    for name, time in times.items():
        print(f"{name:40} {time:6.1f} ms")


if __name__ == "__main__":
    main()
