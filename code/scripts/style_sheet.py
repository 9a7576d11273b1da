"""What the StyleExplorer shows: writes results/style_sheet.jpg and results/style_sheet.json.

    python code/scripts/style_sheet.py STYLE "what it is"

Paints scikit-learn's photograph of a temple in the style of a picture of yours, once for each
layer of VGG-19 and each weight. Some minutes on one core.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from upconv import data, results, zoo
from upconv.files import write_atomically
from upconv.training import StyleSettings, stylize
from upconv.widgets.style import LAYERS, RATIO, WEIGHTS, encode_sheet

SIDE = 180
CHOSEN = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")
STRENGTHS = (0.3, 1, 3, 10, 30, 100, 300)


def content() -> np.ndarray:
    """The temple, its middle cut to the ratio of the explorer's pictures."""
    photo = np.round(data.photo("temple", gray=False) * 255).astype(np.uint8)
    height = min(photo.shape[0], int(photo.shape[1] / RATIO))
    width = int(height * RATIO)
    return photo[:height, (photo.shape[1] - width) // 2 :][:, :width]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("style", type=Path, metavar="STYLE")
    parser.add_argument("what", help="title, painter, year")
    arguments = parser.parse_args()
    assert (len(CHOSEN), len(STRENGTHS)) == (LAYERS, WEIGHTS)
    style, photo = data.read_image(arguments.style), content()
    network = zoo.features("vgg19", CHOSEN)
    settings = StyleSettings(size=SIDE, steps=20)
    result = results.provenance(f"scikit-learn's china.jpg; {arguments.what}")
    result |= {"settings": asdict(settings), "seed": settings.seed, "runs": []}
    pictures, start = [], time.perf_counter()
    for layer in CHOSEN:
        for strength in STRENGTHS:
            asked = replace(settings, style_layers=(layer,), style_weight=float(strength))
            picture, history = stylize(network, photo, style, asked, progress=False)
            pictures.append(picture)
            energies = {"content": history.content[-1], "style": history.style[-1] / strength}
            run = {"layer": layer, "weight": strength, "seed": settings.seed}
            run |= {name: round(value, 5) for name, value in energies.items()}
            run |= {"seconds": round(history.seconds, 1), "commit": result["commit"]}
            result["runs"].append(run)
            print(run, flush=True)
    result |= {"weights": [f"{value:g}" for value in STRENGTHS], "layers": list(CHOSEN)}
    sheet = encode_sheet(np.array(pictures))
    write_atomically(results.FOLDER / "style_sheet.jpg", lambda path: path.write_bytes(sheet))
    results.keep("style_sheet", result)
    print(f"{len(sheet) / 1000:.0f} kB, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
