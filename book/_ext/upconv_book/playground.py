"""The playground: networks that run in the page, by ONNX Runtime in a thread of their own.

Its parts are explorers whose `update` asks a network; ``{playground} segment`` is the place of one,
and ``{playground-networks}`` the table of how the networks were made. Nothing of it is loaded on
any other page, and networks only when the reader asks for them.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from upconv import results
from upconv.data import palette, photo
from upconv_book.explorers import explorer, joined, mount_point
from upconv_book.tables import Cell, table, text_cells

PARTS = ("segment", "yours", "latents", "maps", "painter")
SHARED = ("random.js", "runtime.js")
HOME = Path("_static") / "playground"
SOURCE = Path(__file__).parents[2] / "_playground"
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


class playground_part(explorer):
    """A part of the playground, by its own name on the page."""

    alive = ("html",)

    def instead(self) -> str:
        return "in the playground"


class Stored(SphinxDirective):
    """A directive that shows something of what the networks' training has stored."""

    def load(self) -> dict:
        self.env.note_dependency(str(results.FOLDER / "playground.json"))
        return results.load("playground")


class Part(Stored):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        (name,) = self.arguments
        if name not in PARTS:
            raise self.error(f"playground: got {name!r}, expected one of {', '.join(PARTS)}")
        state = _states(Path(self.env.srcdir), self.load())[name]
        node = playground_part(name=name, page=self.env.docname, state=state, ids=[name])
        self.set_source_info(node)
        return [node]


class Networks(Stored):
    """How each network was trained and what it is worth, as its stored result says."""

    def run(self) -> list[nodes.Node]:
        head = ["network", "on unseen data", "trained on", "minutes", "file"]
        return [table(self, head, map(self.row, self.load()["runs"]))]

    def row(self, run: dict) -> list[Cell]:
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
            trained, minutes = "MNIST, in chapter 6", ""
            worth = "[chapter 6](../chapters/06_dcgan.ipynb)"
        size = f"{run['bytes'] / 1e6:.1f}\N{NO-BREAK SPACE}MB"
        cells = text_cells([LABELS[run["name"]], worth, trained, minutes, size])
        cells[1] = self.parse_inline(worth)[0]
        return cells


def visit_part(self, node: playground_part) -> None:
    self.body.append(mount_point(node, "playground") + "\n")
    raise nodes.SkipNode


def add_script(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Only where it is needed: that a page has a script of its own is known here alone."""
    if doctree is not None and any(doctree.findall(playground_part)):
        app.add_js_file("playground/playground.js")


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


def _states(root: Path, stored: dict) -> dict[str, dict[str, object]]:
    """What each part starts with."""
    runs = {run["name"]: run for run in stored["runs"]}

    def networks(kind: str) -> dict[str, dict[str, object]]:
        return {
            name: {"file": f"{name}.onnx", "label": LABELS[name], "bytes": run["bytes"]}
            for name, run in runs.items()
            if run["kind"] == kind
        }

    runtime = root / RUNTIME / RUNTIME_FILES[-1]
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
            "colors": [list(color) for color in palette(11)],
            "scene": "1", "tool": "pen", "brush": 9,
        },
        "latents": {
            "networks": generators, "runtime": own, "directions": directions, "seed": 3,
            **{f"d{number}": 0 for number in range(1, 9)}, "walk": 0,
        },
        "yours": {
            "runtime": own, "photographs": ["scene", "nuclei", *PHOTOGRAPHS], "picture": "scene",
            "own": False, "colors": [list(color) for color in palette(256)],
            "longest": "512", "strength": 50,
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


def write_playground(app: Sphinx, env: BuildEnvironment) -> None:
    """The script of the page, the worker, the runtime, networks and photographs, in one folder.

    Before the pages: Sphinx adds to a script's address what tells of its contents.
    """
    if app.builder.name != "html":
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
    wanted.append(SOURCE.parent / "_static" / "your-images" / "nuclei.jpg")
    wanted += [runtime / name for name in RUNTIME_FILES if (runtime / name).exists()]
    for path in wanted:
        shutil.copy2(path, home)
    with Image.open(NETWORKS / "scenes.jpg") as sheet:
        first = sheet.crop((0, 0, sheet.height, sheet.height))
        first.save(home / "scene.jpg", quality=92)
    for name in PHOTOGRAPHS:
        if not (home / f"{name}.jpg").exists():
            picture = Image.fromarray((255 * photo(name, LONG, gray=False)).astype("uint8"))
            picture.save(home / f"{name}.jpg", quality=88)


def setup(app: Sphinx) -> None:
    app.add_node(playground_part, html=(visit_part, None))
    app.add_directive("playground", Part)
    app.add_directive("playground-networks", Networks)
    app.connect("html-page-context", add_script)
    app.connect("env-updated", write_playground)
