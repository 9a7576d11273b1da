"""Images of the StyleExplorer: a photograph in the style of one painting, minutes on one core.

scikit-learn's photograph of a temple, once for each layer of VGG-19 and each weight.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from campaign import ASIDE, Experiment, Key
from PIL import Image

from upconv import data, results, zoo
from upconv.files import atomic_write, save_picture
from upconv.style import StyleSettings, stylize
from upconv.torch.encoders import Encoder
from upconv.widgets.style import LAYERS, RATIO, WEIGHTS, encode_sheet

SIDE = 180
CHOSEN = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")
STRENGTHS = (0.3, 1, 3, 10, 30, 100, 300)
SETTINGS = StyleSettings(size=SIDE, steps=20)
assert (len(CHOSEN), len(STRENGTHS)) == (LAYERS, WEIGHTS)


def content() -> np.ndarray:
    """Return the temple, center-cropped to the aspect ratio of the explorer's pictures."""
    photo = np.round(data.photo("temple", gray=False) * 255).astype(np.uint8)
    height = min(photo.shape[0], int(photo.shape[1] / RATIO))
    width = int(height * RATIO)
    return photo[:height, (photo.shape[1] - width) // 2 :][:, :width]


@cache
def network() -> Encoder:
    return zoo.features("vgg19", CHOSEN)


def keys(seeds: int) -> list[Key]:
    return [{"layer": layer, "weight": weight} for layer in CHOSEN for weight in STRENGTHS]


def painted(key: Key) -> Path:
    """Return where a picture is stored until all exist."""
    return ASIDE / f"style_{key['layer']}_{key['weight']:g}.png"


def run(style: Path | None, key: Key) -> dict[str, Any]:
    layer, weight = key["layer"], key["weight"]
    asked = replace(SETTINGS, style_layers=(layer,), style_weight=float(weight))
    picture, history = stylize(network(), content(), read(style), asked, progress=False)
    ASIDE.mkdir(parents=True, exist_ok=True)
    save_picture(painted(key), Image.fromarray(picture))
    energies = {"content": history.content[-1], "style": history.style[-1] / weight}
    return {
        "seed": SETTINGS.seed,
        "seconds": round(history.seconds, 1),
    } | {name: round(value, 5) for name, value in energies.items()}


def read(style: Path | None) -> np.ndarray:
    if style is None:
        raise SystemExit("--style: got none, expected a painting and its description")
    return data.read_image(style)


def finish(result: dict[str, Any]) -> dict[str, Any]:
    if all(painted(key).exists() for key in keys(1)):
        sheet = encode_sheet(np.array([data.read_image(painted(key)) for key in keys(1)]))
        atomic_write(results.FOLDER / "style_sheet.jpg", lambda path: path.write_bytes(sheet))
    return {}


def about() -> dict[str, Any]:
    return {
        "settings": asdict(SETTINGS),
        "weights": [f"{value:g}" for value in STRENGTHS],
        "layers": list(CHOSEN),
    }


def experiment(style: Path | None, what: str) -> Experiment:
    return Experiment(
        name="style_sheet",
        data=f"scikit-learn's china.jpg; {what}",
        keys=keys,
        run=partial(run, style),
        about=about,
        seeds=1,
        show=("content", "style"),
        finish=finish,
    )
