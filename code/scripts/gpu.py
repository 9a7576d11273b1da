"""All that a GPU shows: its tests, each chapter at full size, the speed beside the plain recipes.

    make gpu PYTHON=/path/to/python DATA=/path/to/data

or, where there is no Make, ``PYTHONPATH=code python code/scripts/gpu.py --data FOLDER``: with a
Python that has PyTorch, NumPy and the module's other needs already. Nothing is installed, nothing
is fetched, TensorFlow is not needed. Within ``--minutes`` (20: for one H100) it writes
results/gpu_DEVICE.json, part by part, and the table in book/scale.md.

Each part runs in a process of its own, for its share of the time and no longer: one that fails
leaves the others as they are. Parts that the file holds, of this commit and as long, are not
repeated. Networks train for as many steps as they can in their time, at most as many as in the
chapter. Data that are not in ``--data`` nor in the cache are replaced by such as are made on the
spot, and the result says so. Without a GPU, ``--smallest`` runs everything in its smallest form.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
SCALE_PAGE, MARK = ROOT / "book" / "scale.md", "% gpu\n"
# Within a part: how much of its time is for training. The rest is for loading and measuring.
TRAINING = 0.6
WARM, PROBE = 10, 30  # steps before the speed is measured, and steps by which it is


def find_results() -> Any:
    """The module ``upconv.results`` of this folder: only where upconv is installed is it found."""
    import upconv

    spec = importlib.util.spec_from_file_location(
        "upconv.results", ROOT / "results" / "__init__.py"
    )
    upconv.results = sys.modules["upconv.results"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(upconv.results)
    return upconv.results


# ---- what a part knows, and what it says --------------------------------------------------------

Row = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """How a part is run: in its smallest form or not, and for how many seconds."""

    smallest: bool
    seconds: float


def thinned(values: Sequence[float], most: int = 60) -> list[float]:
    """At most so many of the values, the last one among them."""
    every = -(-len(values) // most)
    return [round(value, 4) for value in values[::-1][::every][::-1]]


def has(*names: str) -> bool:
    """Whether one of these files lies in the folder that was given, or in the cache."""
    from upconv.data.download import find

    return any(find(name) for name in names)


def begin() -> None:
    """From here on, the most memory that a GPU needs is noted."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def memory() -> dict[str, int]:
    """The most of a GPU's memory that tensors took since :func:`begin`."""
    import torch

    gpu = torch.cuda.is_available()
    return {"MiB": torch.cuda.max_memory_allocated() >> 20} if gpu else {}


def trained(history: Any, settings: Any, steps: int) -> Row:
    """What is stored of any training, of which there were to be so many steps."""
    return {
        "steps": settings.steps,
        "steps of the chapter": steps,
        "batch": settings.batch,
        "images a second": round(settings.batch * settings.steps / history.seconds, 2),
        "waited for batches": round(history.waited / history.seconds, 3),
        "training seconds": round(history.seconds, 1),
    } | memory()


def steps_for(
    run: Callable[[int], Any], most: int, seconds: float, warm: int = WARM, probe: int = PROBE
) -> int:
    """How many steps there is time for, measured by some of them; ``run`` does so many."""
    run(warm)
    each = run(probe).seconds / probe
    return max(probe, min(most, int(seconds / each)))


# ---- the parts ----------------------------------------------------------------------------------


class Outcomes:
    """What pytest is asked to tell: how many tests came out how, and which of them failed."""

    def __init__(self, report: Path) -> None:
        cases = list(ElementTree.parse(report).iter("testcase"))
        bad = [case for case in cases if case.find("failure") is not None or _error(case)]
        self.failed = [f"{case.get('classname')}.{case.get('name')}" for case in bad]
        self.skipped = sum(case.find("skipped") is not None for case in cases)
        self.passed = len(cases) - len(bad) - self.skipped


def _error(case: ElementTree.Element) -> bool:
    return case.find("error") is not None


def tests(task: Task) -> Iterator[Row]:
    """The tests of what depends on the device."""
    if importlib.util.find_spec("pytest") is None:
        yield {"name": "tests", "left out": "pytest is not installed here"}
        return
    import pytest

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # others' plugins have needs of their own
    if task.smallest:
        os.environ.setdefault("UPCONV_TEST_DEVICE", "cpu")  # where there is no GPU
    files = ["test_gpu"] if task.smallest else ["test_gpu", "test_device"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # The settings shared by all tests want browsers and TensorFlow.
        options = ["--noconftest", "-p", "no:cacheprovider", "-q", f"--junitxml={report}"]
        code = pytest.main([*options, *(str(ROOT / "tests" / f"{name}.py") for name in files)])
        found = Outcomes(report) if report.exists() else None
    if found is None:
        raise RuntimeError(f"pytest ended with {code} and no report")
    row = {"name": "tests", "files": files, "passed": found.passed, "skipped": found.skipped}
    if code or found.failed:
        names = ", ".join(found.failed) or "none"
        row |= {"failed": found.failed, "error": f"pytest: {int(code)}; failed: {names}"}
    yield row


def segment(
    name: str, task: Task, make: Callable[[], Any], training: Any, test: Any, settings: Any,
    crop: int, share: float = 1.0, steps: int = 0, **said: Any,
) -> Row:  # fmt: skip
    """Train one network to segment, for its share of the time or so many steps; measure it.

    ``crop`` is that of the smallest form.
    """
    import torch

    from upconv.inference import evaluate
    from upconv.training import train

    most = settings.steps
    begin()

    def run(steps: int) -> Any:
        torch.manual_seed(0)
        return train(make(), training, replace(settings, steps=steps), progress=False)

    if task.smallest:
        settings = small(settings, crop=crop)
    else:
        steps = steps or steps_for(run, most, share * TRAINING * task.seconds)
        settings = replace(settings, steps=steps)
    torch.manual_seed(0)
    network = make()
    history = train(network, training, settings, progress=False)
    row = {"name": name, "parameters": sum(p.numel() for p in network.parameters())} | said
    row |= trained(history, settings, most) | {"losses": thinned(history.losses)}
    scores = evaluate(network, test)
    return row | {"mean_iou": scores.mean_iou, "pixel_error": scores.pixel_error}


def small(settings: Any, **other: Any) -> Any:
    """Settings of a few steps."""
    return replace(settings, steps=4, batch=2, log_every=1, **other)


def street(task: Task) -> tuple[Any, Any, Any, str]:
    """CamVid and how to train on it, or digit scenes of half the size."""
    import skip_ablation
    from camvid_fcn import SETTINGS, class_weights

    from upconv import data

    # VGG16 from the beginning, without ImageNet: slower than SqueezeNet is trained on.
    settings = replace(SETTINGS, steps=6000, batch=16, learning_rate=1e-4)
    if has("camvid_240x180.npz"):
        training, test, words = data.camvid("train"), data.camvid("test"), "CamVid, 240 × 180"
        weights = class_weights(training.masks, len(training.classes))
    else:
        count = (8, 2) if task.smallest else (800, 100)
        training = data.digit_scenes(count[0], 128)
        test = data.digit_scenes(count[1], 128, split="test")
        weights = skip_ablation.SETTINGS.class_weights
        settings = replace(settings, crop=128, flip=False)
        words = "digit scenes, 128 × 128, for there was no CamVid"
    return training, test, replace(settings, class_weights=weights), words


def fcn(task: Task) -> Iterator[Row]:
    """Chapter 3: FCN-8s on VGG16."""
    from upconv import zoo
    from upconv.data.download import cache_folder
    from upconv.torch import load_imagenet

    training, test, settings, words = street(task)
    sizes = zoo.sizes("fcn8s", "gpu")
    known = (cache_folder() / "torchvision" / "vgg16-397923af.pth").exists()
    if task.smallest:
        training, test, known = training.subset(slice(8)), test.subset(slice(2)), False
        sizes |= {"width": 0.03, "head": 64, "head_kernel": 3}

    def make() -> Any:
        network = zoo.build("fcn8s", 11, **sizes)
        if known:
            load_imagenet(network.encoder, "vgg16")
        return network

    begun = "ImageNet's" if known else "from scratch"
    said = {"data": words, "begins with weights": begun, "network": sizes}
    yield segment("FCN-8s, VGG16", task, make, training, test, settings, 32, **said)


def skips(task: Task) -> Iterator[Row]:
    """Chapter 4: the same network with its skips and without, for as many steps."""
    from skip_ablation import SETTINGS

    from upconv import data, zoo

    # A wider network than the stored one: a smaller rate.
    settings = replace(SETTINGS, steps=2000, learning_rate=3e-4)
    sizes = zoo.sizes("feature_sum", "gpu")
    counts = (3000, 400)
    if task.smallest:
        counts = (8, 2)
        sizes |= {"width": 0.03, "head": 64, "head_kernel": 3}
    training, test = data.digit_scenes(counts[0]), data.digit_scenes(counts[1], split="test")
    said = {"data": "digit scenes, 64 × 64", "network": sizes}
    steps = 0
    names = {"feature_sum": "skips", "without_skips": "no skips", "fcn8s": "FCN-8s"}
    for kind, name in names.items():

        def make(kind: str = kind) -> Any:
            return zoo.build(kind, 11, **sizes)

        # The first one says for how many steps there is time, and the others do as many.
        share = 0.8 / len(names)
        row = segment(name, task, make, training, test, settings, 32, share, steps, **said)
        steps = row["steps"]
        yield row


# What chapters 5 to 7 do where there is a GPU; a test compares them with the chapters.
UNET = {"width": 64, "depth": 4}
UNET_SETTINGS = {
    "steps": 4000, "crop": 256, "learning_rate": 1e-3, "elastic": 10, "batch": 8, "rotate": 180,
    "upside_down": True, "jitter": 0.1,
}  # fmt: skip
DCGAN_WIDTH = 64
DCGAN_SETTINGS = {"steps": 12_000, "batch": 128}
STYLE = {
    "content_layers": ("conv4_2",),
    "style_layers": ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
    "size": 768, "steps": 60, "style_weight": 30,
}  # fmt: skip


def unet(task: Task) -> Iterator[Row]:
    """Chapter 5: U-Net on slices of nerve tissue."""
    from upconv import data
    from upconv.torch import UNet
    from upconv.training import Settings

    settings, sizes = Settings(**UNET_SETTINGS), dict(UNET)
    if has("isbi2012/membrane", "isbi2012.npz"):
        training, test, words = data.isbi2012(), data.isbi2012("test"), "ISBI 2012, 512 × 512"
    else:
        size = 128 if task.smallest else 256  # more would take minutes to draw
        training, test = data.membranes(8, size), data.membranes(2, size, split="test")
        words = f"membranes, {size} × {size}, for there was no ISBI 2012"
    if task.smallest:
        training, test = training.subset(slice(2)), test.subset(slice(1))
        sizes = {"width": 2, "depth": 2}
    training = data.with_border_weights(training)

    def make() -> Any:
        return UNet(padded=True, norm="batch", dropout=0.2, **sizes)

    said = {"data": words, "network": sizes}
    yield segment("U-Net", task, make, training, test, settings, 32, **said)


def clothes() -> tuple[Any, str]:
    """Fashion-MNIST, or the next best."""
    from upconv import data

    if has("fashion_mnist/train-images-idx3-ubyte.gz", "fashion_mnist-train-images-idx3-ubyte.gz"):
        return data.fashion_mnist(), "Fashion-MNIST, 32 × 32"
    if has("mnist/t10k-images-idx3-ubyte.gz", "mnist-t10k-images-idx3-ubyte.gz"):
        return data.mnist(), "MNIST, 32 × 32, for there was no Fashion-MNIST"
    return data.digits(), "scikit-learn's digits, 32 × 32, for there was no Fashion-MNIST"


def dcgan(task: Task) -> Iterator[Row]:
    """Chapter 6: DCGAN."""
    import numpy as np
    import torch

    from upconv.inference import draw
    from upconv.metrics import stride_energy
    from upconv.torch import Discriminator, Generator
    from upconv.training import GanSettings, train_gan

    images, words = clothes()
    settings, most = GanSettings(**DCGAN_SETTINGS), DCGAN_SETTINGS["steps"]
    width = 4 if task.smallest else DCGAN_WIDTH
    sizes = {"size": 32, "channels": images.channels, "width": width}
    begin()

    def run(steps: int) -> Any:
        nonlocal pair
        torch.manual_seed(0)
        pair = Generator(**sizes), Discriminator(**sizes)
        return train_gan(*pair, images, replace(settings, steps=steps), progress=False)

    pair: tuple[Any, Any] = ()
    if task.smallest:
        settings = small(settings)
    else:
        settings = replace(settings, steps=steps_for(run, most, TRAINING * task.seconds))
    history = run(settings.steps)
    drawn = draw(pair[0], np.random.default_rng(1).standard_normal((256, 100)))
    yield {
        "name": "DCGAN", "data": words, "network": sizes,
    } | trained(history, settings, most) | {
        "losses": thinned(history.generator_losses),
        "discriminator losses": thinned(history.discriminator_losses),
        "spread": round(history.spread[-1], 4),
        "verdict": history.verdict,
        "stride energy": stride_energy(drawn),
        "stride energy of real images": stride_energy(images.images[:256]),
    }  # fmt: skip


def style(task: Task) -> Iterator[Row]:
    """Chapter 7: a picture in the colours and streaks of stained tissue."""
    import numpy as np

    from upconv import data, zoo
    from upconv.data.download import cache_folder
    from upconv.style import StyleSettings, stylize

    settings, most = StyleSettings(**STYLE), STYLE["steps"]
    if task.smallest:
        few = {"content_layers": ("conv2_1",), "style_layers": ("conv1_1", "conv2_1")}
        settings = replace(settings, size=32, steps=2, scales=1, **few)
    given = (cache_folder() / "torchvision" / "vgg19-dcbb9e9d.pth").exists() and not task.smallest
    features = "vgg19" if given else "random"
    layers = (*settings.content_layers, *settings.style_layers)
    network = zoo.features(features, layers)
    pictures = [
        np.round(255 * data.photo(name, gray=False)).astype(np.uint8)
        for name in ("temple", "tissue")
    ]
    begin()

    def run(steps: int) -> Any:
        return stylize(network, *pictures, replace(settings, steps=steps), progress=False)[1]

    steps = settings.steps
    if not task.smallest:
        steps = steps_for(run, most, TRAINING * task.seconds, warm=3, probe=6)
    history = run(steps)
    yield {
        "name": "style transfer",
        "data": "the temple, and stained tissue",
        "features": features,
        "size": settings.size,
        "steps": steps,
        "steps of the chapter": most,
        "images a second": round(len(history.pixels) / history.seconds, 2),
        "training seconds": round(history.seconds, 1),
        "losses": thinned([sum(pair) for pair in zip(history.content, history.style, strict=True)]),
        "style, first and last": [history.style[0], history.style[-1]],
    } | memory()


# Sizes for the smallest form of benchmarks/speed.py.
TINY = {
    "unet": {"size": 32, "batch": 2, "width": 4},
    "fcn": {"size": 32, "batch": 2, "width": 0.02},
    "dcgan": {"size": 64, "batch": 2, "width": 4},
    "style": {"size": 32, "batch": 1},
}


def speed(task: Task) -> Iterator[Row]:
    """The table of benchmarks/speed.py."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import speed as benchmark

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        benchmark.write_files(folder, 5 if task.smallest else 12)
        for work, (make, *_) in benchmark.WORK.items():
            began, row = time.perf_counter(), {"name": work}
            try:
                if task.smallest:
                    few = {"turns": 1, "steps": 1, "warm": 1} | TINY[make.__name__]
                    row |= {"batch": few["batch"]} | {
                        "table": benchmark.measure(work, folder, **few)
                    }
                else:
                    row |= {"batch": benchmark.sizes(work)[0]}
                    row |= {"table": benchmark.measure(work, folder, turns=5)}
            except Exception as error:  # the others may fit into the memory
                traceback.print_exc()
                row |= {"error": in_a_line(error)}
            yield row | {"seconds": time.perf_counter() - began}
    rates = benchmark.rates(8, 8, 1) if task.smallest else benchmark.rates()
    yield {"name": "one 3 × 3 convolution, 10⁹ operations a second", "rates": rates}


# Each with its share of the time.
PARTS: dict[str, tuple[Callable[[Task], Iterator[Row]], float]] = {
    "tests": (tests, 0.15),
    "fcn": (fcn, 0.14),
    "skips": (skips, 0.15),
    "unet": (unet, 0.15),
    "dcgan": (dcgan, 0.12),
    "style": (style, 0.07),
    "speed": (speed, 0.22),
}


def in_a_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]


def work(name: str, task: Task, path: Path) -> int:
    """Run a part, here; after each row, all rows are written."""
    from upconv.files import write_atomically

    find_results()
    rows: list[Row] = []

    def note(row: Row) -> None:
        rows.append(row)
        text = json.dumps(rows)
        write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))

    began = time.perf_counter()
    try:
        for row in PARTS[name][0](task):
            note({"seed": 0, "seconds": time.perf_counter() - began} | row)
            began = time.perf_counter()
    except Exception as error:
        traceback.print_exc()
        seconds = time.perf_counter() - began
        note({"name": name, "seed": 0, "seconds": seconds, "error": in_a_line(error)})
    return 0


# ---- all parts ----------------------------------------------------------------------------------


def about_device() -> dict[str, Any]:
    """What there is, and in what precision it computes."""
    import torch

    from upconv.device import pick_device, resolve_precision

    where = pick_device()
    found = {
        "kind": "processor",
        "precision": resolve_precision("auto", where),
        "system": platform.system(),
    }
    if where.type == "cuda":
        capability = torch.cuda.get_device_capability()
        about = torch.cuda.get_device_properties(where)
        found |= {
            "kind": torch.cuda.get_device_name(),
            "capability": ".".join(map(str, capability)),
            "GiB": round(about.total_memory / 2**30, 1),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return found


def slug(kind: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", kind.lower()).strip("_")


def run_part(name: str, seconds: float, options: argparse.Namespace) -> list[Row]:
    """The rows of a part that runs in a process of its own, for at most so many seconds."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path, log = Path(folder) / "rows.json", Path(folder) / "log.txt"
        command = [sys.executable, str(Path(__file__).resolve()), "--part", name, "--write", path]
        command += ["--seconds", str(seconds)] + ["--smallest"] * options.smallest
        # Tests compare what processors do to the bit.
        threads = {"OMP_NUM_THREADS": "1"} if name == "tests" else {}
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT, env=os.environ | threads
            )
            ended = ""
            try:
                code = process.wait(seconds)
                ended = f"ended with {code}" if code else ""
            except subprocess.TimeoutExpired:
                ended = f"did not end within {seconds:.0f} s"
            finally:
                process.kill()
                process.wait()
        rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        said = log.read_text(encoding="utf-8", errors="replace")
    if ended or not rows:
        spent = time.perf_counter() - began
        error = {"error": ended or "said nothing"}
        rows.append({"name": name, "seed": 0, "seconds": spent} | error)
    rows = [{"part": name} | row | {"seconds": round(row["seconds"], 1)} for row in rows]
    if failed(rows):
        print("\n".join(f"    {line}" for line in said.splitlines()[-30:]), file=sys.stderr)
    return rows


def failed(rows: Sequence[Row]) -> list[str]:
    """The complaints of those rows that have one."""
    return [f"{row['name']}: {row['error']}" for row in rows if "error" in row]


def in_short(row: Row) -> str:
    """A row in a line."""
    if "error" in row or "left out" in row:
        return row.get("error") or f"left out: {row['left out']}"
    if row["part"] == "tests":
        return f"{row['passed']} passed, {row['skipped']} skipped"
    if "table" in row:
        times = (f"{kind} {found['times faster']:.2f} ×" for kind, found in row["table"].items())
        return ", ".join(times)
    if "rates" in row:
        return ", ".join(f"{name} {rate:.0f}" for name, rate in row["rates"].items())
    said = [f"{row['steps']} steps", f"{row['images a second']:.1f} images/s"]
    said += [f"loss {row['losses'][0]:.3f} → {row['losses'][-1]:.3f}"]
    said += [f"{row['MiB']} MiB"] if "MiB" in row else []
    said += [f"mean IoU {row['mean_iou']:.3f}"] if "mean_iou" in row else []
    return ", ".join(said)


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "minutes": options.minutes,
        "smallest": options.smallest,
        "unet": UNET | UNET_SETTINGS,
        "dcgan": {"width": DCGAN_WIDTH} | DCGAN_SETTINGS,
        "style": {name: list(v) if isinstance(v, tuple) else v for name, v in STYLE.items()},
    }


def resumed(path: Path, made: dict[str, Any], anew: bool) -> list[Row]:
    """The rows that a file holds of the same device."""
    if not path.exists():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = found["runs"]
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"gpu: {path}: not a stored result; move it away ({error})") from error
    same = found["device"] == made["device"] and found["settings"] == made["settings"]
    return rows if same and not anew else []


def measure(options: argparse.Namespace) -> int:
    """Run the parts that are wanted and not there; 0 if all went well, else 1."""
    from upconv.files import write_atomically

    results = find_results()
    device = about_device()
    made = results.provenance("each run names its own")
    if device["kind"] == "processor" and not options.smallest:
        hint = "--smallest runs everything in its smallest form"
        print(f"gpu: PyTorch {made['versions']['torch']} finds no GPU; {hint}", file=sys.stderr)
        return 2
    words = ", ".join(f"{name} {value}" for name, value in device.items() if name != "kind")
    print(f"{made['device']}: {words}; {', '.join(map(' '.join, made['versions'].items()))}")
    made |= {
        "about": device,
        "commit": options.commit or made["commit"] or "unknown",
        "command": command(options),
        "settings": settings_of(options),
    }
    path = options.out
    if path is None:
        folder = ROOT / "build" if options.smallest else ROOT / "results"
        path = folder / f"gpu_{'smallest' if options.smallest else slug(device['kind'])}.json"
    rows, complaints = resumed(path, made, options.anew), []

    def keep() -> None:
        order = list(PARTS)
        result = made | {"runs": sorted(rows, key=lambda row: order.index(row["part"]))}
        text = json.dumps(result, indent=1, ensure_ascii=True) + "\n"
        write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))

    for name in options.only or PARTS:
        old = [row for row in rows if row["part"] == name]
        whole = all(row["commit"] == made["commit"] for row in old) and not failed(old)
        if old and whole and made["commit"] != "unknown" and "with changes" not in made["commit"]:
            print(f"{name}: is there")
            continue
        seconds = 60 * options.minutes * PARTS[name][1]
        new = [row | {"commit": made["commit"]} for row in run_part(name, seconds, options)]
        rows = [row for row in rows if row["part"] != name] + new
        keep()
        for row in new:
            print(f"{name}: {row['name']}: {in_short(row)} ({row['seconds']:.0f} s)", flush=True)
        complaints += failed(new)
    print(path)
    if path.parent == ROOT / "results":
        write_page()
    for complaint in complaints:
        print(f"gpu: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


def command(options: argparse.Namespace) -> str:
    """How to do it again, without where things lie on this machine."""
    words = ["python", "code/scripts/gpu.py"]
    words += ["--data", "FOLDER"] * bool(options.data)
    words += ["--minutes", f"{options.minutes:g}"] + ["--smallest"] * options.smallest
    return shlex.join(words)


# ---- the page -----------------------------------------------------------------------------------

NOTHING = """\
No GPU has been measured yet: this book has no figures of an H100, nor of any other GPU. Tests show
that each of these choices is made as it should be, on GPUs that are faked. This command would make
the figures, in 20 minutes at most, on one H100, with a Python that has PyTorch, and with neither
network nor TensorFlow:

```bash
make gpu PYTHON=python3.12 DATA=/path/to/data
```

It runs the tests that need a GPU, the networks of chapters 3 to 7 at full size, and the benchmark
beside the plain recipes, and writes what it finds to `results/` and into this section."""


def report(stored: Sequence[dict[str, Any]]) -> str:
    """Stored results as Markdown: a table for each device."""
    return "\n\n".join(map(_report, stored)) if stored else NOTHING


def _report(found: dict[str, Any]) -> str:
    about, rows = found["about"], found["runs"]
    lines = [f"**{found['device']}**, {about['precision']}", ""]
    lines += ["| network | data | steps | images a second | memory, GiB | mean IoU |"]
    lines += ["|---|---|--:|--:|--:|--:|"]
    for row in rows:
        if "images a second" in row:
            score = f"{row['mean_iou']:.3f}" if "mean_iou" in row else ""
            taken = f"{row['MiB'] / 1024:.1f}" if "MiB" in row else ""
            rate, steps = f"{row['images a second']:.0f}", f"{row['steps']:,}"
            lines += [f"| {row['name']} | {row['data']} | {steps} | {rate} | {taken} | {score} |"]
    tables = [row for row in rows if "table" in row]
    if tables:
        lines += ["", "| work | | batch | recipe | ours | times faster |"]
        lines += ["|---|---|--:|--:|--:|--:|"]
    for row in tables:
        for kind, each in row["table"].items():
            values = " | ".join(f"{each[key]:.1f}" for key in ("recipe", "ours", "times faster"))
            lines += [f"| {row['name']} | {kind} | {row['batch']} | {values} |"]
    lines += [""] if tables else []
    for row in rows:
        if "passed" in row:
            lines += [f"{row['passed']} tests passed there, {row['skipped']} were skipped.", ""]
    lines += [f"Failed: {complaint}.\n" for complaint in failed(rows)]
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    lines += [
        "Images per second. A style's images are its gradients. The recipes' float32 is PyTorch's "
        f"own, TF32 in convolutions. {versions}; commit {found['commit'][:9]}, {found['day']}; "
        f"`{found['command']}`."
    ]
    return "\n".join(lines)


def stored_results() -> list[dict[str, Any]]:
    paths = sorted((ROOT / "results").glob("gpu_*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def write_page() -> None:
    """Put what is stored between the two marks of the page."""
    from upconv.files import write_atomically

    before, _, after = SCALE_PAGE.read_text(encoding="utf-8").split(MARK)
    text = f"{before}{MARK}\n{report(stored_results())}\n\n{MARK}{after}"
    write_atomically(SCALE_PAGE, lambda file: file.write_text(text, encoding="utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of data, laid out as UPCONV_DATA is")
    parser.add_argument("--minutes", type=float, default=20.0, help="for all parts together [20]")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="these parts alone")
    parser.add_argument("--out", type=Path, help="file to write [results/gpu_DEVICE.json]")
    parser.add_argument("--anew", action="store_true", help="also what the file holds already")
    parser.add_argument("--smallest", action="store_true", help="smallest form, on any device")
    parser.add_argument("--commit", default="", help="of this folder, where it is no clone")
    parser.add_argument("--page", action="store_true", help="only write book/scale.md anew")
    for name, kind in (("--part", str), ("--write", Path), ("--seconds", float)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.minutes <= 0:
        parser.error(f"--minutes: got {options.minutes:g}, expected more than 0")
    if options.data is not None:
        if not options.data.is_dir():
            parser.error(f"--data: got {options.data}, expected a folder")
        os.environ["UPCONV_DATA"] = str(options.data.resolve())
    if "UPCONV_CACHE" not in os.environ and importlib.util.find_spec("pooch") is None:
        os.environ["UPCONV_CACHE"] = str(ROOT / "build" / "cache")  # pooch knows the usual one
    if options.page:
        write_page()
        return 0
    if options.part:
        return work(options.part, Task(options.smallest, options.seconds), options.write)
    return measure(options)


if __name__ == "__main__":
    sys.exit(main())
