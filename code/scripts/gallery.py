"""The pictures of the gallery: writes book/_static/gallery/ and results/gallery.json.

    python code/scripts/gallery.py FOLDER

FOLDER holds the photographs and paintings by the names below, which book/gallery.md says where to
find. Each picture is made by the command
that the gallery shows under it; those that are there already are not made again.
"""

from __future__ import annotations

import argparse
import os
import shlex
import time
from pathlib import Path

from PIL import Image

from upconv import results
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
    """The name of the picture that a command writes."""
    words = shlex.split(command)
    return words[words.index("-o") + 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    result = results.resume("gallery")
    done = {run["command"] for run in result["runs"]}
    missing = [command for command in COMMANDS if command not in done]
    result["runs"] = [run for run in result["runs"] if run["command"] in COMMANDS]
    if missing:
        result |= results.provenance("paintings in the public domain, and a photograph")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for command in missing:
        words = shlex.split(command)[1:]
        out = PICTURES / target(command)
        words[1:3] = [str(folder / name) for name in words[1:3]]
        words[words.index("-o") + 1] = str(out)
        start = time.perf_counter()
        if upconv(words):
            raise SystemExit(f"failed: {command}")
        seconds = time.perf_counter() - start
        # As large, but as small a file as a page needs.
        options = {"quality": 82, "optimize": True, "progressive": True}
        save_picture(out, Image.open(out), **options)
        size = Image.open(out).size
        run = {"command": command, "size": size, "seconds": round(seconds, 1), "seed": 0}
        result["runs"].append(run | {"commit": result["commit"]})
        result["settings"] = {"threads": int(os.environ.get("OMP_NUM_THREADS", 0))}
        results.keep("gallery", result)
        print(run, f"{out.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
