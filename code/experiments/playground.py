"""The playground's networks, results/playground/*.onnx: an hour and a half on one CPU core.

The digits are MNIST's, over photographs; the paintings are the gallery's, from the data folder.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from campaign import ASIDE, Experiment, Key, of_seeds
from PIL import Image, ImageOps

from upconv import data, onnx, results, zoo
from upconv.data.download import DataUnavailable, find
from upconv.files import atomic_write
from upconv.inference import evaluate, predict
from upconv.style import TransformSettings, apply_transform_net, train_transform
from upconv.style.losses import StyleLoss, content_loss_of
from upconv.style.pictures import to_tensor
from upconv.torch import load_imagenet
from upconv.training import Settings, train
from upconv.widgets.latent import strongest_directions

FOLDER = results.FOLDER / "playground"
SIDE = 128  # pixels of a scene's side
SCENES = {"size": SIDE, "digits": (1, 4), "height": (28.0, 90.0), "source": "mnist"}
TEXTURES = (1.0, 0.6, 0.2, 0.0)  # for a quarter of the scenes each: photographs to flat colors
LIGHT = {"encoder": "squeezenet", "head": 128, "head_kernel": 3}
SEGMENTERS: dict[str, dict[str, Any]] = {
    "fcn32s": LIGHT,
    "fcn16s": LIGHT,
    "fcn8s": LIGHT,
    "unet": {"base_channels": 12, "in_channels": 3},
}
SETTINGS = Settings(
    steps=2000, batch=16, crop=SIDE, learning_rate=1e-3, flip=False, brightness_contrast_jitter=0.1,
    class_weights=(0.4, *[1.0] * 10),
)  # fmt: skip
STYLES = ("starry_night", "wave", "composition_vii")
PAINTER = {"base_channels": 16, "blocks": 5}
PAINTING = TransformSettings(steps=4000)
LANCZOS = Image.Resampling.LANCZOS


def scenes(split: str, each: int) -> data.SegmentationSet:
    """Generate ``each`` scenes of every texture."""
    parts = [
        data.digit_scenes(each, seed=number, split=split, texture=texture, **SCENES)
        for number, texture in enumerate(TEXTURES)
    ]
    images, masks = (np.concatenate([getattr(p, n) for p in parts]) for n in ("images", "masks"))
    return replace(parts[0], images=images, masks=masks)


def segmenter(name: str) -> dict[str, Any]:
    """Train a network on scenes, evaluate and export it."""
    # A pretrained encoder needs fewer and smaller steps than a U-Net from scratch.
    scratch = {"learning_rate": 2e-3, "steps": 3000} if name == "unet" else {}
    settings = replace(SETTINGS, **scratch)
    found, test = scenes("train", 1500), scenes("test", 100)
    torch.manual_seed(settings.seed)
    network = zoo.build(name, len(found.classes), **SEGMENTERS[name])
    if name != "unet":
        load_imagenet(network.encoder, "squeezenet")
    history = train(network, found, settings, checkpoint=ASIDE / f"{name}.pt", resume=True)
    about = {"network": name, "classes": list(found.classes)}
    path = FOLDER / f"{name}.onnx"
    onnx.export(network, path, about=about, half=True, maps=True)
    read = onnx.Network(path)
    same = predict(network, test.images, precision="fp32") == predict(read, test.images)
    return {
        "kind": "segmenter", "network": SEGMENTERS[name], "settings": asdict(settings),
        "scores": evaluate(network, test).asdict(),
        "scores as float16": evaluate(read, test).asdict(),
        "same pixels": float(same.mean()),
        "losses": history.losses[:: max(1, len(history.losses) // 50)],
        "seconds": round(history.seconds, 1), "layers": read.outputs[1:],
    }  # fmt: skip


def painter(name: str) -> dict[str, Any]:
    """Train a network for one painting, evaluate it on unseen photographs, and export it."""
    settings = PAINTING
    place = find(f"style/{name}.jpg")
    if place is None:
        raise DataUnavailable(
            f"style/{name}.jpg: not found in UPCONV_DATA or the cache; put it there"
        )
    painting = data.read_image(place)
    layers = (*settings.content_layers, *settings.style_layers)
    features = zoo.features("vgg19", layers)
    torch.manual_seed(settings.seed)
    network = zoo.build_stylizer("transform", **PAINTER)
    history = train_transform(
        network, features, data.photographs("train"), painting, settings,
        checkpoint=ASIDE / f"{name}.pt", resume=True,
    )  # fmt: skip
    path = FOLDER / f"{name}.onnx"
    onnx.export(network, path, about={"network": "transform", "style": name}, half=True)
    read, apart = onnx.Network(path), []
    energies: dict[str, dict[str, float]] = {}
    wanted = StyleLoss(features, to_tensor(painting, settings.style_size), settings.style_layers)
    for split in ("train", "test"):
        each = []
        for photograph in data.photographs(split):
            shown = ImageOps.contain(Image.fromarray(photograph), (256, 256), LANCZOS)
            shown = np.asarray(shown)
            painted, other = (
                apply_transform_net(n, shown, precision="fp32") for n in (network, read)
            )
            apart.append(np.abs(painted.astype(int) - other).mean() / 255)
            each.append(_energies(features, wanted, settings, shown, painted))
        energies[split] = dict(zip(("content", "style"), np.mean(each, 0).tolist(), strict=True))
    return {
        "kind": "painter", "network": PAINTER, "settings": asdict(settings),
        "energies": energies, "mean difference": float(np.mean(apart)),
        "style": history.style[:: max(1, len(history.style) // 50)],
        "content": history.content[:: max(1, len(history.content) // 50)],
        "seconds": round(history.seconds, 1),
    }  # fmt: skip


@torch.no_grad()
def _energies(features, wanted, settings, before, after) -> tuple[float, float]:
    """Compute the unweighted content and style losses of a stylized photograph."""
    first, second = to_tensor(before, 256), to_tensor(after, 256)
    content = features.layers(first, settings.content_layers)
    maps = features.layers(second, (*settings.content_layers, *settings.style_layers))
    return content_loss_of(maps, content).item(), wanted(maps).item()


def generator(name: str) -> dict[str, Any]:
    """Export the generator of chapter 6, trained by dcgan_mnist."""
    network = zoo.restore_generator(results.FOLDER / "dcgan_mnist.safetensors")
    path = FOLDER / f"{name}.onnx"
    onnx.export(network, path, about={"network": "dcgan"}, half=True)
    directions = strongest_directions(network.project.weight.detach().numpy(), 8)
    return {
        "kind": "generator", "difference": onnx.difference(network, onnx.Network(path)),
        "size": network.size, "directions": directions.round(5).tolist(),
    }  # fmt: skip


def write_scenes() -> None:
    """Write six unseen scenes side by side, and the positions of their digits."""
    test = data.digit_scenes(6, seed=7, split="test", **SCENES | {"digits": (2, 4)})
    for name, stack in (("scenes.jpg", test.images), ("masks.png", 255 * (test.masks > 0))):
        sheet = Image.fromarray(np.hstack(list(stack.astype(np.uint8))))
        options = {"optimize": True} | ({"quality": 90} if name.endswith("jpg") else {})
        atomic_write(FOLDER / name, lambda path, s=sheet, o=options: s.save(path, **o))


WORK = {
    **dict.fromkeys(SEGMENTERS, segmenter),
    "digits": generator,
    **dict.fromkeys(STYLES, painter),
}


def run(key: Key) -> dict[str, Any]:
    outcome = WORK[key["name"]](key["name"])
    return outcome | {"bytes": (FOLDER / f"{key['name']}.onnx").stat().st_size}


def about() -> dict[str, Any]:
    settings = {"scenes": SCENES, "textures": TEXTURES}
    settings |= {"segmenters": asdict(SETTINGS), "painters": asdict(PAINTING)}
    return {"settings": settings}


def finish(result: dict[str, Any]) -> dict[str, Any]:
    write_scenes()
    return {}


EXPERIMENT = Experiment(
    name="playground",
    data="MNIST's digits over photographs; photographs and paintings",
    keys=of_seeds(name=WORK),
    run=run,
    about=about,
    seeds=1,
    show=("bytes",),
    finish=finish,
)
