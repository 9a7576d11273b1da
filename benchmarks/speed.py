"""Compare ours with the baseline recipe: images per second in training and inference.

    python benchmarks/speed.py [--only NAME] [--json | --store]

Both do the same work in one process, in alternating turns of equally many steps of the recipe
(``recipes.py``) and of ours; the figures are medians without the first steps of each turn. Ours is
what ``upconv train``, ``predict``, ``sample`` and ``stylize`` run. Uses PyTorch's default number of
threads; on a GPU, if there is one, with suitable batches. There a turn is timed as a whole, because
timing each step would synchronize.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import recipes
import torch
from PIL import Image
from tables import HERE, origin, store
from torch import nn

from upconv import data, results, zoo
from upconv.device import (
    KEPT,
    autocast,
    described,
    layout,
    limit_kept,
    pick_device,
    resolve_precision,
)
from upconv.inference import generate, predict
from upconv.style import StyleSettings, stylize
from upconv.style.pictures import to_tensor
from upconv.torch import FCN, Discriminator, Generator, UNet
from upconv.training import GanSettings, Settings, train, train_gan

STORED, MARK = HERE / "speed.json", "<!-- speed -->"
# (Warm-up steps, timed steps) → seconds per step.
Timed = Callable[[int, int], list[float]]
CPU = torch.device("cpu")
# The system zeroes new pages until memory freed by one step is reused by the next.
WARM = 3


def kept(memory: bool) -> None:
    """Switch between our retention of memory and glibc's default once it is warm."""
    if limit_kept(*(KEPT if memory else (32 * 2**20, 64 * 2**20))):
        ctypes.CDLL(None).malloc_trim(0)


def write_files(folder: Path, count: int = 12) -> None:
    """Write 512 × 512 photographs with masks of bright pixels, and 178 × 218 ones for DCGAN."""
    for name in ("images", "masks", "faces"):
        (folder / name).mkdir()
    for number in range(count):
        name = sorted(data.PHOTOS)[number % len(data.PHOTOS)]
        image = np.round(255 * data.photo(name, 512, gray=False)).astype(np.uint8)
        bright = image.mean(-1) > np.median(image)
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
        Image.fromarray(255 * bright.astype(np.uint8)).save(folder / "masks" / f"{number}.png")
        Image.fromarray(image[:218, :178]).save(folder / "faces" / f"{number}.jpg")


def each(step: Callable[[], Any], where: torch.device = CPU) -> Timed:
    """Time the calls of a function."""

    def timed(warm: int, count: int) -> list[float]:
        times = []
        for _ in range(warm):
            step()
        if where.type == "cuda":
            torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(count):
                step()
            torch.cuda.synchronize()
            return [(time.perf_counter() - start) / count]
        for _ in range(count):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        return times

    return timed


def between(
    run: Callable[[int, Callable[..., None] | None], Any], layer: nn.Module, where: torch.device
) -> Timed:
    """Time the steps of a loop that takes their number and a callback.

    On a GPU there is no callback, as it would synchronize: events record when the GPU reaches
    ``layer``, which each step runs once.
    """

    def timed(warm: int, count: int) -> list[float]:
        marks: list[Any] = []
        if where.type != "cuda":
            run(warm + count + 1, lambda *step: marks.append(time.perf_counter()))
            return np.diff(marks)[warm:].tolist()

        def note(*_: Any) -> None:
            marks.append(torch.cuda.Event(enable_timing=True))
            marks[-1].record()

        hook = layer.register_forward_pre_hook(note)
        run(warm + count + 1, None)
        hook.remove()
        torch.cuda.synchronize()
        return [marks[-1 - count].elapsed_time(marks[-1]) / 1000 / count]

    return timed


def segmenting(
    folder: Path, plain: nn.Module, ours: nn.Module, size: int, batch: int,
    optimizer: torch.optim.Optimizer,
) -> dict[str, tuple[Timed, Timed]]:  # fmt: skip
    files = [sorted((folder / name).iterdir()) for name in ("images", "masks")]
    where = next(plain.parameters()).device
    step = recipes.segmenter_step(plain.train(), optimizer, recipes.crops(*files, batch, size))
    found = data.segmentation_folder(folder / "images", folder / "masks", 2)

    def fast(count: int, mark: Callable[..., None] | None) -> None:
        settings = Settings(steps=count, batch=batch, crop=size)
        train(ours, found, settings, progress=False, callback=mark)

    images = np.stack([found[i % len(found)][0][:size, :size] for i in range(batch)])
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2) / 255).float()

    def plainly() -> np.ndarray:
        plain.eval()
        with torch.no_grad():
            return (torch.sigmoid(plain(pixels.to(where))) > 0.5).cpu().numpy()

    def trained() -> list[float]:
        plain.train()
        return step()

    return {
        "training": (each(trained, where), between(fast, ours, where)),
        "inference": (each(plainly, where), each(lambda: predict(ours, images), where)),
    }


def unet(
    folder: Path, size: int = 256, batch: int = 4, width: int = 64
) -> dict[str, tuple[Timed, Timed]]:
    plain = recipes.PlainUNet(width).to(pick_device())
    optimizer = torch.optim.RMSprop(plain.parameters(), 1e-5, momentum=0.9, foreach=False)
    ours = UNet(2, 3, base_channels=width, padded=True, norm="batch", dropout=0.0)
    return segmenting(folder, plain, ours, size, batch, optimizer)


def fcn(
    folder: Path, size: int = 224, batch: int = 2, width: float = 1.0
) -> dict[str, tuple[Timed, Timed]]:
    plain = recipes.PlainFCN8s(width).to(pick_device())
    optimizer = torch.optim.Adam(plain.parameters(), 1e-4, foreach=False)
    return segmenting(folder, plain, FCN(2, 8, width_mult=width), size, batch, optimizer)


def dcgan(
    folder: Path, size: int = 64, batch: int = 64, width: int = 64
) -> dict[str, tuple[Timed, Timed]]:
    where = pick_device()
    files = sorted((folder / "faces").iterdir())
    generator = recipes.plain_generator(width).to(where)
    discriminator = recipes.plain_discriminator(width).to(where)
    step = recipes.gan_step(generator, discriminator, recipes.pictures(files, batch, size))
    found = data.square_images(folder / "faces", size)
    sizes = {"size": size, "channels": 3, "base_channels": width}
    ours = Generator(**sizes), Discriminator(**sizes)

    def fast(count: int, mark: Callable[..., None] | None) -> None:
        settings = GanSettings(steps=count, batch=batch, flip=True)
        train_gan(*ours, found, settings, progress=False, callback=mark)

    noise = np.random.default_rng(0).standard_normal((batch, 100), np.float32)

    def plainly() -> np.ndarray:
        generator.eval()
        with torch.no_grad():
            given = torch.from_numpy(noise)[..., None, None]
            return generator(given.to(where)).cpu().numpy()

    def trained() -> float:
        generator.train()
        return step()

    return {
        "training": (each(trained, where), between(fast, ours[0], where)),
        "inference": (each(plainly, where), each(lambda: generate(ours[0], noise), where)),
    }


def style(folder: Path, size: int = 256, batch: int = 1) -> dict[str, tuple[Timed, Timed]]:
    settings = {
        "content_layers": ("conv4_2",),
        "style_layers": tuple(f"conv{block}_1" for block in range(1, 6)),
    }
    names = [*settings["content_layers"], *settings["style_layers"]]
    where = pick_device()
    network = zoo.features("random", names).requires_grad_(False).to(where)
    images = [np.asarray(Image.open(folder / "images" / f"{n}.png")) for n in (4, 0)]
    tensors = [to_tensor(image, size).to(where) for image in images]
    step = recipes.style_step(
        recipes.plain_copy(network), *tensors, names[0], settings["style_layers"]
    )

    def fast(count: int, mark: Callable[..., None] | None) -> None:
        chosen = StyleSettings(
            size=size, steps=count, scales=1, optimizer="adam", learning_rate=0.02, **settings
        )
        stylize(network, *images, chosen, progress=False, callback=mark)

    return {"training": (each(step, where), between(fast, network.features[0], where))}


# Name → the work, images per step, and steps per turn.
WORK: dict[str, tuple[Callable[[Path], dict[str, tuple[Timed, Timed]]], int, int]] = {
    "U-Net, 64 channels, 256 × 256": (unet, 4, 1),
    "FCN-8s, VGG16, 224 × 224": (fcn, 2, 2),
    "DCGAN, 64 × 64": (dcgan, 64, 4),
    "style, VGG-19 to conv5_1, 256 × 256": (style, 1, 2),
}


# On a GPU: the function → images per step, and steps per turn.
ON_GPU = {"unet": (16, 20), "fcn": (16, 20), "dcgan": (128, 60), "style": (1, 20)}


def sizes(name: str) -> tuple[int, int]:
    """Return images per step and steps per turn for the current device."""
    make, batch, steps = WORK[name]
    return ON_GPU[make.__name__] if pick_device().type == "cuda" else (batch, steps)


def measure(
    name: str, folder: Path, turns: int, steps: int = 0, warm: int = WARM, **other: float
) -> dict[str, dict[str, float]]:
    """Measure images per second of both, and our speedup, optionally with ``other`` sizes."""
    make, (batch, usual) = WORK[name][0], sizes(name)
    other = {"batch": batch} | other
    batch, steps = other["batch"], steps or usual
    torch.manual_seed(0)
    table = {}
    for kind, pair in make(folder, **other).items():
        times: list[list[float]] = [[], []]
        for _ in range(turns):
            for ours, (timed, found) in enumerate(zip(pair, times, strict=True)):
                kept(memory=bool(ours))
                found += timed(warm, steps)
        recipe, ours = (batch / statistics.median(found) for found in times)
        table[kind] = {"recipe": recipe, "ours": ours, "times faster": ours / recipe}
    return table


def kind() -> str:
    """Describe the kind of device, which determines the fastest way of computing."""
    where = pick_device()
    if where.type == "cuda":
        return torch.cuda.get_device_name()
    uses, bf16 = torch.backends.cpu.get_cpu_capability(), resolve_precision("auto", where) == "bf16"
    more = uses == "AVX2" and torch.cpu._is_avx512_supported()
    return uses + (" with bf16" if bf16 else "") + (" of a processor with AVX-512" if more else "")


def rates(size: int = 64, channels: int = 256, batch: int = 0) -> dict[str, float]:
    """Measure a 3 × 3 convolution in billions of operations per second, for the recipe and ours.

    This is the machine's limit: no network of such layers can gain more than the ratio.
    """
    where = pick_device()
    batch = batch or (256 if where.type == "cuda" else 4)
    precision = resolve_precision("auto", where)
    image = torch.rand(batch, channels, size, size, device=where)
    layer = nn.Conv2d(channels, channels, 3, padding=1).to(where)
    lies = layout(layer, precision, where)
    ways = {
        "float32, channels first": (torch.contiguous_format, nullcontext()),
        f"ours ({precision}, {described(lies)})": (lies, autocast(precision, where)),
    }
    found = {}
    for name, (format, way) in ways.items():
        given, network = (part.to(memory_format=format) for part in (image, layer))

        def once(given: torch.Tensor = given, network: nn.Module = network) -> None:
            network(given).sum().item()

        with torch.no_grad(), way:
            operations = 2 * 9 * channels**2 * batch * size**2
            found[name] = operations / min(each(once, where)(3, 9)) / 1e9
    return found


def found(made: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """Return what is stored for one kind of device."""
    gpu = pick_device().type == "cuda"
    batches = {"batches": {name: sizes(name)[0] for name in table}} if gpu else {}
    return {"provenance": made, "rates": rates(), "table": table} | batches


def report(stored: dict[str, Any]) -> str:
    """Format the stored figures as Markdown: a table for each kind of processor."""
    return "\n\n".join(f"**{kind}**\n\n{_report(part)}" for kind, part in stored.items())


def _report(stored: dict[str, Any]) -> str:
    lines = ["| work | | recipe | ours | times faster |", "|---|---|--:|--:|--:|"]
    for name, kinds in stored["table"].items():
        for kind, row in kinds.items():
            recipe, ours = (f"{row[key]:.2f}" for key in ("recipe", "ours"))
            lines.append(f"| {name} | {kind} | {recipe} | {ours} | {row['times faster']:.2f} |")
    made = stored["provenance"]
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    rates = {name: f"{rate:.0f}" for name, rate in stored["rates"].items()}
    said = "; ".join(f"{rate} in {name}" for name, rate in rates.items())
    recipe, ours = stored["rates"].values()
    batches = ", ".join(f"{name} {count}" for name, count in stored.get("batches", {}).items())
    if batches:
        said += f" (on a GPU, PyTorch's default float32: TF32). Images per step: {batches}"
    lines += [
        "",
        f"Images per second. {made['device']}, {made['threads']} threads; {versions}; "
        + origin(made),
        "",
        f"Throughput of one 3 × 3 convolution with 256 channels, in billions of operations per "
        f"second: {said}. "
        f"So on this machine the convolutions alone run {ours / recipe:.1f} times as fast.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=[make.__name__ for make, *_ in WORK.values()])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    parser.add_argument("--store", action="store_true", help="write speed.json and README.md")
    options = parser.parse_args()
    made = results.provenance("photographs that come with the module")
    table = {}
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder))
        for name, (make, *_) in WORK.items():
            if options.only in (None, make.__name__):
                table[name] = measure(name, Path(folder), options.turns)
                if not options.json:
                    for work, row in table[name].items():
                        values = "".join(f"{key} {value:8.2f}   " for key, value in row.items())
                        print(f"{name:38}{work:11}{values}", flush=True)
    if options.json:
        print(json.dumps(table))
    if options.store:
        stored = json.loads(STORED.read_text(encoding="utf-8"))
        stored[kind()] = found(made, table)
        store(STORED, MARK, stored, report(stored))


if __name__ == "__main__":
    main()
