"""The outputs and pictures of the page "Your images": ten minutes on one CPU core.

The page's commands run in the page's order, in a folder of their own, on the nuclei of the data
folder. What they print goes to results/your_images.json and into book/your-images.md.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from campaign import ASIDE, Experiment, Key
from PIL import Image, ImageOps

from upconv.data import colorize, montage, palette
from upconv.files import atomic_write, save_picture

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "book" / "your-images.md"
PICTURES = ROOT / "book" / "_static" / "your-images"
# One or more commands and, in a block of its own, what they print.
BLOCK = re.compile(r"^```bash\n(?P<commands>.*?)```\n```text\n(?P<output>.*?)```$", re.M | re.S)
LEFT_OUT = ("cpu:", "cuda:", "step ")
SHOWN = (1, 2, 3)  # numbers of unseen images in the first picture
SIDE, GAP = 256, 8  # pixels


def blocks(text: str) -> list[tuple[list[str], str]]:
    """Return each block of commands of the page, with its output."""
    return [(_lines(block), block["output"]) for block in BLOCK.finditer(text)]


def _lines(block: re.Match[str]) -> list[str]:
    """The commands of a block, each as one line."""
    lines = block["commands"].replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines]


def said(out: str, err: str) -> str:
    """What a reader sees of a command: first what it says of its work, then its result.

    How fast a machine is, and what it computes with, is left out.
    """
    lines = [re.sub(r"  \(\d+ s\)$", "", line.rstrip()) for line in (err + out).splitlines()]
    return "".join(f"{line}\n" for line in lines if not line.startswith(LEFT_OUT))


def run(key: Key) -> list[dict[str, Any]]:
    folder = ASIDE / "your_images"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rows = []
    for commands, _ in blocks(PAGE.read_text(encoding="utf-8")):
        output = ""
        for command in commands:
            words = [sys.executable, "-m", "upconv.cli", *shlex.split(command)[1:]]
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"failed: {command}\n{done.stderr}")
            output += said(done.stdout, done.stderr)
        rows.append({"commands": commands, "output": output})
    draw(folder)
    return rows


def finish(result: dict[str, Any]) -> dict[str, Any]:
    """Put the stored outputs into the page."""
    outputs = {tuple(row["commands"]): row["output"] for row in result["runs"]}
    text = PAGE.read_text(encoding="utf-8")

    def filled(block: re.Match[str]) -> str:
        output = outputs[tuple(_lines(block))]
        return f"```bash\n{block['commands']}```\n```text\n{output}```"

    text = BLOCK.sub(filled, text)
    atomic_write(PAGE, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))
    return {}


def draw(folder: Path) -> None:
    """Make the page's pictures from the files that the commands have written."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    options = {"quality": 88, "optimize": True}
    save_picture(PICTURES / "sheet.jpg", Image.open(folder / "sheet.png").convert("RGB"), **options)
    rows = []
    for number in SHOWN:
        name = f"{number:04d}"
        with Image.open(folder / "unseen" / "images" / f"{name}.png") as image:
            shown = np.asarray(image.convert("RGB"))
        true, found = (
            np.asarray(Image.open(path))
            for path in (
                folder / "unseen" / "masks" / f"{name}.png", folder / "masks" / f"{name}_mask.png",
            )
        )  # fmt: skip
        color = palette(2)[1]
        over = np.where(found[..., None] > 0, (shown + np.array(color)) // 2, shown)
        rows += [shown, colorize(true, palette(2)), over.astype(np.uint8)]
    tiles = [np.asarray(ImageOps.expand(Image.fromarray(row), GAP // 2, "white")) for row in rows]
    save_picture(PICTURES / "steps.jpg", Image.fromarray(montage(np.stack(tiles), 3)), **options)
    with Image.open(folder / "unseen" / "images" / "0001.png") as image:
        save_picture(PICTURES / "nuclei.jpg", image.convert("L"), quality=95)


EXPERIMENT = Experiment(
    "your_images",
    "dsb2018",
    lambda seeds: [{"seed": 0}],
    run,
    lambda: {"settings": {"page": PAGE.name}},
    seeds=1,
    finish=finish,
)
