"""The page "Your images": its commands run, print what it says, and its messages are the real ones.

Here they run on nuclei that the test makes, and with fewer steps: each ``--steps N`` becomes
``STEPS[N]``. What they print is compared with the page but for its numbers, and the page's numbers
with the stored result, which `python code/experiments your_images` has made of real nuclei.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_cli import forks, surroundings
from test_written_sets import mirror  # noqa: F401

from upconv import data, results
from upconv.cli._training import CROP

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "book" / "your-images.md"
TEXT = PAGE.read_text(encoding="utf-8")
STEPS = {300: 2, 400: 3, 20: 1}
ERROR = re.compile(r"^% error: (?P<name>\w+)\n```text\n(?P<message>.*?)\n```$", re.M | re.S)


@pytest.fixture
def script(import_from):
    return import_from(ROOT / "code" / "experiments")("your_images")


def quickly(command: str) -> list[str]:
    words = shlex.split(command)
    assert words[0] == "upconv"
    if "--steps" in words:
        place = words.index("--steps") + 1
        words[place] = str(STEPS[int(words[place])])
    return words[1:]


def run(folder: Path, words: list[str], mirror: Path | None = None):  # noqa: F811
    environment = surroundings(folder) | ({"UPCONV_DATA": str(mirror)} if mirror else {})
    command = {"arguments": ["-m", "upconv.cli", *words], "folder": folder}
    [done] = forks().run([command | {"environment": environment}])
    return done


def without_numbers(text: str) -> str:
    return re.sub(r"\d[\d,.]*", "#", text)


def test_every_command_runs_and_prints_what_the_page_says(script, mirror, tmp_path):  # noqa: F811
    blocks = script.blocks(TEXT)
    assert len(blocks) == TEXT.count("```bash") >= 7  # none is without its output
    for commands, output in blocks:
        printed = ""
        for command in commands:
            done = run(tmp_path, quickly(command), mirror)
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            printed += script.said(done.stdout, done.stderr)
        assert without_numbers(printed) == without_numbers(output), commands
    script.PICTURES = tmp_path / "pictures"
    script.draw(tmp_path)
    for name in ("sheet", "steps", "nuclei"):
        sizes = [
            Image.open(place / f"{name}.jpg").size
            for place in (tmp_path / "pictures", ROOT / "book/_static/your-images")
        ]
        assert sizes[0] == sizes[1]
    for number in script.SHOWN:  # what it says of masks
        with Image.open(tmp_path / "masks" / f"{number:04d}_mask.png") as mask:
            assert mask.mode == "P" and set(np.unique(np.asarray(mask))) <= {0, 1}


def test_what_the_page_shows_is_the_stored_result(script):
    stored = {tuple(row["commands"]): row["output"] for row in results.load("your_images")["runs"]}
    assert {tuple(commands): output for commands, output in script.blocks(TEXT)} == stored


def test_what_the_text_says_of_numbers_is_so(script):
    printed = {commands[-1].split()[1]: output for commands, output in script.blocks(TEXT)}
    background = re.search(r"background ([\d.]+) %", printed["evaluate"])[1]
    assert "more than nine of ten" in TEXT and float(background) > 90
    assert f"A crop is {CROP} pixels wide" in TEXT
    iou = float(re.search(r"IoU of nucleus\s+([\d.]+)", printed["evaluate"])[1])
    assert 0.7 < iou < 1


def discs(folder: Path) -> tuple[Path, Path]:
    """Four photographs with a disc each, and their masks with 0 and 1."""
    photos, labels = folder / "photos", folder / "labels"
    photos.mkdir()
    labels.mkdir()
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    for number in range(1, 5):
        disc = (rows - 20 - 5 * number) ** 2 + (columns - 30) ** 2 < 200
        image = rng.integers(0, 60, (64, 64, 3)) + 150 * disc[..., None]
        Image.fromarray(image.astype(np.uint8)).save(photos / f"leaf{number}.png")
        Image.fromarray(disc.astype(np.uint8)).save(labels / f"leaf{number}.png")
    return photos, labels


def missing(photos: Path, labels: Path) -> None:
    (labels / "leaf3.png").unlink()


def colors(photos: Path, labels: Path) -> None:
    for path in labels.iterdir():
        mask = data.colorize(np.asarray(Image.open(path)), ((0, 0, 0), (255, 0, 0)))
        Image.fromarray(mask).save(path)


def jpeg(photos: Path, labels: Path) -> None:
    for path in list(labels.iterdir()):
        mask = 255 * np.asarray(Image.open(path))
        Image.fromarray(mask).save(path.with_suffix(".jpg"), quality=80)
        path.unlink()


def size(photos: Path, labels: Path) -> None:
    with Image.open(labels / "leaf2.png") as mask:
        mask.resize((32, 32), Image.Resampling.NEAREST).save(labels / "leaf2.png")


def values(photos: Path, labels: Path) -> None:
    mask = np.asarray(Image.open(labels / "leaf2.png")).copy()
    mask[:3] = 7
    Image.fromarray(mask).save(labels / "leaf2.png")


MISTAKES = {each.__name__: each for each in (missing, colors, jpeg, size, values)}


def test_five_messages_are_the_real_ones(tmp_path):
    shown = {found["name"]: " ".join(found["message"].split()) for found in ERROR.finditer(TEXT)}
    assert shown.keys() == MISTAKES.keys() and "## Five messages" in TEXT
    train = "train unet --data folder --images photos --masks labels --classes 2 --steps 1"
    for name, message in shown.items():
        (folder := tmp_path / name).mkdir()
        MISTAKES[name](*discs(folder))
        done = run(folder, train.split())
        assert (done.returncode, done.stderr) == (2, message + "\n"), name
        assert not (folder / "runs").exists()
