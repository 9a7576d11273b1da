"""The stylized pictures of chapter 7: results/style_*.jpg, about ten minutes on one core.

Each study varies one thing: the layer, the features, the activation, the normalizer, the
smoothness, the content. Photographs are from scikit-image and scikit-learn; you provide the style.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from campaign import Experiment, Key
from style_sheet import read

from upconv import data, results, zoo
from upconv.files import atomic_write
from upconv.style import StyleSettings, stylize
from upconv.style.pictures import to_tensor
from upconv.torch.encoders import Encoder
from upconv.torch.style import content_loss, style_loss
from upconv.widgets._explorer import encode_jpeg

SIDE, RATIO = 240, 1.5
SETTINGS = StyleSettings(size=SIDE, steps=30)
SEEDS = (0, 1, 2)
PHOTOS = ("temple", "coffee", "cat", "flower", "rocket", "astronaut")
VGG = ("conv1_1", "conv2_1", "conv3_1")
SQUEEZENET = ("conv1", "fire3", "fire5", "fire7", "fire9")
# Weight of smoothness for pictures from noise: an initial stride of 2 determines them less.
SMOOTH = {"vgg19": 0.03, "squeezenet": 1.0}


def photograph(name: str) -> np.ndarray:
    """Return a photograph, center-cropped to the aspect ratio of all pictures here."""
    photo = np.round(data.photo(name, gray=False) * 255).astype(np.uint8)
    height = min(photo.shape[0], int(photo.shape[1] / RATIO))
    width = int(height * RATIO)
    top, left = (photo.shape[0] - height) // 2, (photo.shape[1] - width) // 2
    return photo[top : top + height, left : left + width]


class Study:
    """State shared by all studies: the style, the networks, and the results."""

    def __init__(self, style: np.ndarray) -> None:
        self.style = style
        self.networks: dict[tuple[str, int], Encoder] = {}
        self.runs: list[dict[str, Any]] = []
        self.pictures: list[np.ndarray] = []

    def network(self, name: str, seed: int = 0) -> Encoder:
        """Return a network by name, as deep as any study needs."""
        if (name, seed) not in self.networks:
            layers = SQUEEZENET if name == "squeezenet" else VGG
            self.networks[name, seed] = zoo.features(name, layers, seed)
        return self.networks[name, seed]

    def draw(self, network, content: np.ndarray, settings: StyleSettings, **row: Any) -> np.ndarray:
        """Make a picture and a row of the result; keep the picture if its seed is the first."""
        image, history = stylize(network, content, self.style, settings, progress=False)
        if settings.seed == SEEDS[0]:
            self.pictures.append(image)
        row |= {"seed": settings.seed, "seconds": round(history.seconds, 1)}
        self.runs.append(row)
        return image


@torch.no_grad()
def apart(network, layers, image: np.ndarray, content: np.ndarray) -> dict[str, float]:
    """Content loss between two pictures at each layer, relative to the content's Σ a²."""
    pair = (to_tensor(picture, SIDE) for picture in (image, content))
    ours, theirs = (network.layers(picture, layers) for picture in pair)
    return {
        name: (content_loss(ours[name], theirs[name]) / theirs[name].square().sum()).item()
        for name in layers
    }


@torch.no_grad()
def unlike(network, layers, image: np.ndarray, style: np.ndarray) -> dict[str, float]:
    """Style loss between two pictures at each layer, relative to that of a gray picture."""
    wanted = to_tensor(style, SIDE)
    pictures = (to_tensor(image, SIDE), wanted, torch.full_like(wanted, 0.5))
    ours, theirs, gray = (network.layers(picture, layers) for picture in pictures)
    energies = ((style_loss(maps[name], theirs[name]) for maps in (ours, gray)) for name in layers)
    return {name: (own / most).item() for name, (own, most) in zip(layers, energies, strict=True)}


def off(image: np.ndarray, content: np.ndarray) -> float:
    """Root mean square difference of two pictures, as a fraction of the pixel range."""
    side = max(image.shape)
    return (to_tensor(image, side) - to_tensor(content, side)).square().mean().sqrt().item()


def likeness(image: np.ndarray, content: np.ndarray) -> float:
    """Correlation of two pictures' luminance: 1 if they agree up to contrast and brightness."""
    side = max(image.shape)
    ours, theirs = (to_tensor(picture, side).mean(1).flatten() for picture in (image, content))
    return torch.corrcoef(torch.stack([ours, theirs]))[0, 1].item()


def from_noise(features: str, **chosen: Any) -> StyleSettings:
    """Return settings for starting from noise."""
    noise = replace(SETTINGS, start="noise", steps=60, variation_weight=SMOOTH[features])
    return replace(noise, **chosen)


def reconstructions(study: Study) -> None:
    """C7.1: reconstruct the temple from noise by one layer; measure the loss at all others."""
    temple = photograph("temple")
    for name, layers in (("vgg19", VGG), ("squeezenet", SQUEEZENET)):
        network = study.network(name)
        others = [apart(network, layers, photograph(other), temple) for other in PHOTOS[1:]]
        usual = {layer: np.mean([one[layer] for one in others]) for layer in layers}
        for layer in layers:
            for seed in SEEDS:
                settings = from_noise(name, content_layers=(layer,), style_layers=(), seed=seed)
                image = study.draw(network, temple, settings, features=name, layer=layer)
                found = apart(network, layers, image, temple)
                study.runs[-1]["off"] = off(image, temple)
                study.runs[-1]["apart"] = {key: found[key] / usual[key] for key in layers}


def textures(study: Study) -> None:
    """C7.5, C7.6: the style alone, from noise, by increasing layers of three networks."""
    temple = photograph("temple")
    judges = {"random": study.network("random", 9), "vgg19": study.network("vgg19")}
    judges["squeezenet"] = study.network("squeezenet")
    for name in judges:
        layers = SQUEEZENET if name == "squeezenet" else VGG
        for count in range(1, len(layers) + 1):
            for seed in SEEDS:
                network = study.network(name, seed if name == "random" else 0)
                # The same smoothness for all, to be comparable.
                settings = from_noise(
                    "vgg19", content_layers=(), style_layers=layers[:count], seed=seed
                )
                image = study.draw(
                    network, temple, settings, features=name, layer=layers[count - 1]
                )
                study.runs[-1]["unlike"] = {
                    judge: unlike(
                        seen, SQUEEZENET if judge == "squeezenet" else VGG, image, study.style
                    )
                    for judge, seen in judges.items()
                }


def layers(study: Study) -> None:
    """C7.5: content from one of three layers, style from increasing layers, from noise."""
    temple, network = photograph("temple"), study.network("squeezenet")
    for content in ("fire3", "fire5", "fire9"):
        for count in (1, 2, 3, 5):
            for seed in SEEDS:
                settings = from_noise(
                    "squeezenet",
                    content_layers=(content,),
                    style_layers=SQUEEZENET[:count],
                    seed=seed,
                )
                row = {"layer": content, "style": SQUEEZENET[:count]}
                image = study.draw(network, temple, settings, **row)
                study.runs[-1]["likeness"] = likeness(image, temple)
                found = unlike(network, SQUEEZENET, image, study.style)
                study.runs[-1]["unlike"] = found


def names(study: Study) -> None:
    """W7.1: content from layers with the strides of conv2_2, conv4_2 and conv5_2, from noise."""
    temple, network = photograph("temple"), study.network("squeezenet")
    _, style = zoo.FEATURES["squeezenet"]
    for layer, like in (("relu1", "conv2_2"), ("fire5", "conv4_2"), ("fire9", "conv5_2")):
        for seed in SEEDS:
            settings = from_noise(
                "squeezenet", content_layers=(layer,), style_layers=style, seed=seed
            )
            image = study.draw(network, temple, settings, layer=layer, like=like)
            study.runs[-1]["likeness"] = likeness(image, temple)


def features(study: Study) -> None:
    """C7.6: the same temple as seen by three networks."""
    temple = photograph("temple")
    for name in zoo.FEATURES:
        content, style = zoo.FEATURES[name]
        network = zoo.features(name, (content, *style))
        settings = replace(
            SETTINGS, content_layers=(content,), style_layers=style, style_weight=100.0
        )
        study.draw(network, temple, settings, features=name)


def activations(study: Study) -> None:
    """C7.3: content before and after the ReLU, for five photographs."""
    network = study.network("vgg19")
    for layer in ("conv3_1", "relu3_1"):
        for seed, name in enumerate(PHOTOS[:5]):
            photo = photograph(name)
            settings = from_noise("vgg19", content_layers=(layer,), style_layers=(), seed=seed)
            image = study.draw(network, photo, settings, photo=name, layer=layer)
            study.runs[-1]["off"] = off(image, photo)


def normalisers(study: Study) -> None:
    """W7.2: one formula for all layers, with their own sizes and with incorrect ones."""
    temple, network = photograph("temple"), study.network("vgg19")
    maps = network.layers(to_tensor(temple, SIDE), VGG)
    wanted = network.layers(to_tensor(study.style, SIDE), VGG)
    gray = network.layers(torch.full_like(to_tensor(study.style, SIDE), 0.5), VGG)
    whole = maps[VGG[0]].shape[2] * maps[VGG[0]].shape[3]
    factors = {"as written": [], "3 channels": [], "3 channels, the picture's area": []}
    for name in VGG:
        _, channels, rows, columns = maps[name].shape
        factors["as written"].append(1.0)
        factors["3 channels"].append((channels / 3) ** 2)
        factors["3 channels, the picture's area"].append(
            (channels / 3 * rows * columns / whole) ** 2
        )
    energies = [style_loss(maps[name], wanted[name]).item() for name in VGG]
    worth = [style_loss(gray[name], wanted[name]).item() for name in VGG]
    for name, factor in factors.items():
        shares = np.multiply(energies, factor)
        # The optimization normalizes every layer's loss: undo that.
        weights = tuple(np.multiply(worth, factor).tolist())
        settings = replace(SETTINGS, style_weight=100.0, layer_weights=weights)
        study.draw(network, temple, settings, normaliser=name)
        study.runs[-1]["shares"] = dict(zip(VGG, (shares / shares.sum()).tolist(), strict=True))


def smoothness(study: Study) -> None:
    """C7.6: total variation."""
    temple, network = photograph("temple"), study.network("squeezenet")
    content, style = zoo.FEATURES["squeezenet"]
    for weight in (0.0, 1.0, 5.0, 25.0):
        settings = StyleSettings(
            size=SIDE,
            content_layers=(content,),
            style_layers=style,
            style_weight=100.0,
            variation_weight=weight,
        )
        image = study.draw(network, temple, settings, smooth=weight)
        pixels = image.astype(float) / 255
        variation = np.abs(np.diff(pixels, axis=0)).mean() + np.abs(np.diff(pixels, axis=1)).mean()
        study.runs[-1]["variation"] = variation


def contents(study: Study) -> None:
    """C7.6: one style, six contents."""
    network = study.network("squeezenet")
    content, style = zoo.FEATURES["squeezenet"]
    settings = replace(SETTINGS, content_layers=(content,), style_layers=style, style_weight=100.0)
    for name in PHOTOS:
        study.draw(network, photograph(name), settings, photo=name)


STUDIES: tuple[Callable[[Study], None], ...] = (
    layers,
    names,
    reconstructions,
    textures,
    features,
    activations,
    normalisers,
    smoothness,
    contents,
)


def run(style: Path | None, key: Key) -> list[dict[str, Any]]:
    """Make all pictures of one study, side by side in one file."""
    study = Study(read(style))
    next(one for one in STUDIES if one.__name__ == key["study"])(study)
    sheet = encode_jpeg(data.montage(np.array(study.pictures), 1), 80)
    path = results.FOLDER / f"style_{key['study']}.jpg"
    atomic_write(path, lambda path: path.write_bytes(sheet))
    return study.runs


def experiment(style: Path | None, what: str) -> Experiment:
    return Experiment(
        name="style_studies",
        data=f"scikit-image's and scikit-learn's photographs; {what}",
        keys=lambda seeds: [{"study": study.__name__} for study in STUDIES],
        run=partial(run, style),
        about=lambda: {"settings": asdict(SETTINGS), "seeds": list(SEEDS)},
        seeds=1,
    )
