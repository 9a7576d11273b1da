"""The playground: networks that run in the page, by ONNX Runtime in a thread of their own.

The page's parts are explorers whose `update` asks a network. Nothing of it is loaded on any other
page, and networks only when the reader asks for them.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from PIL import Image
from sphinx.application import Sphinx
from upconv_explorers import joined, mount_point

from upconv import results
from upconv.data import palette, photo

PARTS = ("segment", "latents", "maps", "painter")
SHARED = ("random.js", "runtime.js")
HOME = Path("_static") / "playground"
SOURCE = Path(__file__).parents[1] / "_playground"
NETWORKS = results.FOLDER / "playground"
# What `make book` has fetched by npm, if there is npm.
RUNTIME = Path("build/playground/node_modules/onnxruntime-web/dist")
RUNTIME_FILES = (
    "ort.wasm.min.js",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
PHOTOGRAPHS = ("temple", "rocket", "cat", "coffee", "astronaut")  # the first two: never seen
LONG = 256  # pixels
LABELS = {
    "fcn32s": "FCN-32s",
    "fcn16s": "FCN-16s",
    "fcn8s": "FCN-8s",
    "unet": "U-Net",
    "digits": "DCGAN",
    "starry_night": "The Starry Night",
    "wave": "The Great Wave",
    "composition_vii": "Composition VII",
}
_MARK = re.compile(r"<!-- playground (?P<name>\w+) -->")
_TABLE = "<!-- how the networks were made -->"


def place_parts(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put a part of the playground in place of each mark."""
    if not _MARK.search(source[0]):
        return
    stored = results.load("playground")
    states = _states(app, stored)

    def place(match: re.Match) -> str:
        name = match["name"]
        if app.builder.name != "html":  # on paper and on e-readers: the way to it
            link = f"[in the playground]({app.config.html_baseurl}{docname}.html#{name})"
            return f"On the website there is something to play with here: {link}."
        return mount_point(name, states[name], "playground", f' id="{name}"')

    source[0] = _MARK.sub(place, source[0]).replace(_TABLE, _made(stored["runs"]))


def _made(runs: list[dict]) -> str:
    """How each network was trained and what it is worth, as its stored result says."""
    rows = [
        "| network | on unseen data | trained on | minutes | file |",
        "|---|---|---|---|---|",
    ]
    for run in runs:
        settings, minutes = run.get("settings", {}), f"{run.get('seconds', 0) / 60:.0f}"
        if run["kind"] == "segmenter":
            trained = f"{settings['steps']:,} steps of {settings['batch']} scenes"
            scores = run["scores"]
            whole, edge = scores["mean_iou"], scores["boundary_iou"]
            worth = f"mean IoU {whole:.2f}, at the boundary {edge:.2f}"
        elif run["kind"] == "painter":
            trained = f"{settings['steps']:,} crops of five photographs"
            energies = run["energies"]["test"]
            worth = f"style {energies['style']:.3f}, content {energies['content']:.2f}"
        else:
            trained, minutes, worth = (
                "MNIST, in chapter 6",
                "",
                "[chapter 6](../chapters/06_dcgan.ipynb)",
            )
        size = f"{run['bytes'] / 1e6:.1f}&nbsp;MB"
        rows.append(f"| {LABELS[run['name']]} | {worth} | {trained} | {minutes} | {size} |")
    return "\n".join(rows)


def _called(layers: list[str]) -> dict[str, str]:
    """What the chapters call the layers of SqueezeNet and of U-Net."""
    fires = dict.fromkeys(re.findall(r"features\.([1-9]\d*)", "\n".join(layers)))
    names = {f"encoder.features.{place}": f"fire{n}" for n, place in enumerate(fires, 2)}
    names |= {"encoder.features.0": "conv1", "bottom": "bottom", "bottleneck": "bottom"}
    names |= {
        f"{part}.{n}": f"{name} {n + 1}"
        for n in range(9)
        for part, name in (("down", "down"), ("encoder", "down"), ("mix", "up"), ("decoder", "up"))
    }
    called = {}
    for layer in layers:
        place, _, last = layer.rpartition(".")
        if last.startswith("conv") or last == "squeeze":
            called[layer] = f"{names[place]}, {last}"
        else:
            called[layer] = names.get(layer, layer)
    return called


def _states(app: Sphinx, stored: dict) -> dict[str, dict[str, object]]:
    """What each part starts with."""
    runs = {run["name"]: run for run in stored["runs"]}

    def networks(kind: str) -> dict[str, dict[str, object]]:
        return {
            name: {"file": f"{name}.onnx", "label": LABELS[name], "bytes": run["bytes"]}
            for name, run in runs.items()
            if run["kind"] == kind
        }

    runtime = Path(app.srcdir) / RUNTIME / RUNTIME_FILES[-1]
    own = runtime.stat().st_size if runtime.exists() else 0
    segmenters = networks("segmenter")
    layers = {name: _called(runs[name]["layers"]) for name in segmenters}
    generators, painters = networks("generator"), networks("painter")
    for name, network in generators.items():
        network["side"] = runs[name]["size"]
    (directions,) = (runs[name]["directions"] for name in generators)
    first = next(iter(segmenters))
    with Image.open(NETWORKS / "scenes.jpg") as sheet:
        count = sheet.width // sheet.height
    return {
        "segment": {
            "networks": segmenters, "runtime": own, "scenes": count, "own": False,
            "classes": ["background", *(f"digit {d}" for d in range(10))],
            "colours": [list(color) for color in palette(11)],
            "scene": "1", "tool": "pen", "brush": 9,
        },
        "latents": {
            "networks": generators, "runtime": own, "directions": directions, "seed": 3,
            **{f"d{number}": 0 for number in range(1, 9)}, "walk": 0,
        },
        "maps": {
            "networks": segmenters, "runtime": own, "layers": layers,
            "network": first, "layer": next(iter(layers[first])), "map": 1,
        },
        "painter": {
            "networks": painters, "runtime": own, "photographs": list(PHOTOGRAPHS),
            "picture": PHOTOGRAPHS[0], "style": next(iter(painters)), "own": False,
            "grain": round(100 * stored["settings"]["painters"]["noise"]), "noise": 1,
        },
    }  # fmt: skip


def write_playground(app: Sphinx, error: Exception | None) -> None:
    """The script of the page, the worker, the runtime, networks and photographs, in one folder."""
    if error is not None or app.builder.name != "html":
        return
    home = Path(app.outdir) / HOME
    home.mkdir(parents=True, exist_ok=True)
    read = {name: (SOURCE / f"{name}.js").read_text(encoding="utf-8") for name in PARTS}
    shared = "\n".join((SOURCE / name).read_text(encoding="utf-8") for name in SHARED)
    begin = "for (const el of document.querySelectorAll('.upconv-playground')) upconvMount(el.id);"
    text = f"(() => {{\n{joined(read, shared)}\n{begin}\n}})();\n"
    (home / "playground.js").write_text(text, encoding="utf-8")
    runtime = Path(app.srcdir) / RUNTIME
    wanted = [SOURCE / "worker.js", *sorted(NETWORKS.glob("[!.]*"))]
    wanted += [runtime / name for name in RUNTIME_FILES if (runtime / name).exists()]
    for path in wanted:
        shutil.copy2(path, home)
    for name in PHOTOGRAPHS:
        if not (home / f"{name}.jpg").exists():
            picture = Image.fromarray((255 * photo(name, LONG, gray=False)).astype("uint8"))
            picture.save(home / f"{name}.jpg", quality=88)
