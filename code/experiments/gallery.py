"""The pictures of the gallery, in book/_static/gallery/: half an hour on one core.

Each is made by the command that the gallery shows below it, from photographs and paintings whose
sources book/gallery.md lists.
"""

from __future__ import annotations

import os
import shlex
import time
from functools import partial
from pathlib import Path
from typing import Any

from campaign import Experiment, Key
from PIL import Image

from upconv.cli import main as upconv
from upconv.files import save_picture

PICTURES = Path(__file__).parents[2] / "book" / "_static" / "gallery"
COMMANDS = (
    "upconv stylize rainier.jpg the_scream.jpg -o dusk.jpg --size 960 --weight 100",
    "upconv stylize shipwreck.jpg wave.jpg -o storm.jpg --size 960 --weight 30",
    "upconv stylize rainier.jpg composition_vii.jpg -o valley.jpg --size 960 --weight 100",
    "upconv stylize hubble_deep_field.jpg starry_night.jpg -o deep_field.jpg --size 960"
    " --weight 100 --features squeezenet",
    "upconv stylize rainier.jpg starry_night.jpg -o night.jpg --size 960 --weight 100"
    " --features squeezenet",
    "upconv stylize shipwreck.jpg starry_night.jpg -o wreck.jpg --size 960 --weight 100"
    " --features squeezenet --preserve-color",
)


# The next gallery: features that come with a package, large structure from five scales and one
# layer more, a little smoothness against grain. It goes to a folder and a result of its own;
# what is good there replaces COMMANDS, the page's commands and results/gallery.json.
NEXT = tuple(
    f"upconv stylize {photo} {style} -o {out} --size 960 --weight {weight} --scales 5 --steps 50"
    f" --variation-weight 0.5 --features efficientnet_lite0"
    f" --style-layers block1_1,block2_2,block3_2,block4_3,block5_3{more}"
    for photo, style, out, weight, more in (
        ("rainier.jpg", "the_scream.jpg", "dusk.jpg", 60, ""),
        ("shipwreck.jpg", "wave.jpg", "storm.jpg", 40, ""),
        ("rainier.jpg", "composition_vii.jpg", "valley.jpg", 60, ""),
        ("hubble_deep_field.jpg", "starry_night.jpg", "deep_field.jpg", 40, ""),
        ("rainier.jpg", "starry_night.jpg", "night.jpg", 60, ""),
        ("shipwreck.jpg", "starry_night.jpg", "wreck.jpg", 60, " --preserve-color"),
    )
)
ORIGINAL = 480  # longer side of the originals that are shown beside


def target(command: str) -> str:
    """Return the name of the picture that a command writes."""
    words = shlex.split(command)
    return words[words.index("-o") + 1]


def run(pictures: Path, folder: Path | None, key: Key) -> dict[str, Any]:
    if folder is None:
        raise SystemExit("--pictures: got none, expected a folder of the gallery's pictures")
    words = shlex.split(key["command"])[1:]
    pictures.mkdir(parents=True, exist_ok=True)
    out = pictures / target(key["command"])
    if pictures != PICTURES:
        for name in words[1:3]:
            original = Image.open(folder / name).convert("RGB")
            original.thumbnail((ORIGINAL, ORIGINAL), Image.Resampling.LANCZOS)
            save_picture(pictures / f"original_{name}", original, quality=85)
    words[1:3] = [str(folder.resolve() / name) for name in words[1:3]]
    words[words.index("-o") + 1] = str(out)
    start = time.perf_counter()
    if upconv(words):
        raise SystemExit(f"failed: {key['command']}")
    seconds = time.perf_counter() - start
    # Same size in pixels, but a smaller file for the page.
    options = {"quality": 82, "optimize": True, "progressive": True}
    save_picture(out, Image.open(out), **options)
    return {"size": Image.open(out).size, "seconds": round(seconds, 1), "seed": 0}


def experiments(folder: Path | None) -> list[Experiment]:
    """The gallery as it is shown, and the next one."""
    return [
        _experiment("gallery", COMMANDS, PICTURES, folder),
        _experiment("gallery_next", NEXT, PICTURES.with_name("gallery_next"), folder),
    ]


def _experiment(
    name: str, commands: tuple[str, ...], pictures: Path, folder: Path | None
) -> Experiment:
    return Experiment(
        name=name,
        data="paintings in the public domain, and a photograph",
        keys=lambda seeds: [{"command": command} for command in commands],
        run=partial(run, pictures, folder),
        about=lambda: {"settings": {"threads": int(os.environ.get("OMP_NUM_THREADS", 0))}},
        seeds=1,
        show=("size",),
    )
