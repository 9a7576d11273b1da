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


def target(command: str) -> str:
    """Return the name of the picture that a command writes."""
    words = shlex.split(command)
    return words[words.index("-o") + 1]


def run(folder: Path | None, key: Key) -> dict[str, Any]:
    if folder is None:
        raise SystemExit("--pictures: got none, expected a folder of the gallery's pictures")
    words = shlex.split(key["command"])[1:]
    PICTURES.mkdir(parents=True, exist_ok=True)
    out = PICTURES / target(key["command"])
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


def experiment(folder: Path | None) -> Experiment:
    return Experiment(
        name="gallery",
        data="paintings in the public domain, and a photograph",
        keys=lambda seeds: [{"command": command} for command in COMMANDS],
        run=partial(run, folder),
        about=lambda: {"settings": {"threads": int(os.environ.get("OMP_NUM_THREADS", 0))}},
        seeds=1,
        show=("size",),
    )
