"""A checkpoint belongs to what its run was begun with, and is looked at before it is used."""

from __future__ import annotations

import copy
import functools
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from upconv import cli, data, zoo
from upconv.style import StyleSettings, TransformSettings, stylize, train_transform
from upconv.torch import Discriminator, variants
from upconv.training import (
    BadCheckpoint,
    GanSettings,
    History,
    Settings,
    checkpoints,
    train,
    train_gan,
)
from upconv.training.origin import contents

LAYERS = {"content_layers": ("conv1_2",), "style_layers": ("conv1_1", "conv2_1")}
PICTURES = [photo[:48, :48] for photo in data.photographs()[:3]]
SCENES = data.digit_scenes(4)
CROPS = data.digit_crops(8)


@functools.cache
def features(seed=0):
    return zoo.features("random", ("conv1_1", "conv1_2", "conv2_1"), seed)


def segment(found=SCENES, network="unet", **options):
    torch.manual_seed(0)
    built = zoo.build(network, 11, base_channels=4, depth=2, in_channels=3)
    settings = Settings(steps=4, batch=2, crop=32, precision="fp32")
    return train(built, found, settings, device="cpu", progress=False, **options)


def play(found=CROPS, act="relu", **options):
    torch.manual_seed(0)
    networks = (
        variants.Generator(32, base_channels=4, latent=8, act=act),
        Discriminator(32, base_channels=4),
    )
    settings = GanSettings(steps=4, batch=4, precision="fp32")
    return train_gan(*networks, found, settings, device="cpu", progress=False, **options)


def paint(photographs=PICTURES[:2], style=PICTURES[0], seed=0, **options):
    torch.manual_seed(0)
    network = zoo.build_stylizer("transform", base_channels=4, blocks=1)
    settings = TransformSettings(
        steps=4, crop=32, style_size=32, windows=1, precision="fp32", **LAYERS
    )
    options |= {"device": "cpu", "progress": False}
    return train_transform(network, features(seed), photographs, style, settings, **options)


def draw(content=PICTURES[0], style=PICTURES[1], seed=0, **options):
    settings = StyleSettings(size=32, steps=4, scales=1, precision="fp32", **LAYERS)
    options |= {"device": "cpu", "progress": False}
    return stylize(features(seed), content, style, settings, **options)


def changed(images):
    """The same, but for a pixel of the last."""
    images = np.array(images)
    images[-1, 3, 3] ^= 1
    return images


CHANGES = {
    "images": (segment, {"found": replace(SCENES, images=changed(SCENES.images))}, "images = 4 of"),
    "masks": (
        segment,
        {"found": replace(SCENES, masks=np.where(SCENES.masks, 1, 0).astype(np.uint8))},
        "masks = 4 of",
    ),
    "weights": (
        segment,
        {"found": replace(SCENES, weights=np.ones(SCENES.masks.shape, np.float32))},
        "weights = none, expected 4 of",
    ),
    "more images": (segment, {"found": data.digit_scenes(5)}, "expected 5 of"),
    "skips": (segment, {"network": "unet_add"}, "got skips = concat, expected add"),
    "drawn images": (play, {"found": replace(CROPS, images=changed(CROPS.images))}, "= 8 of"),
    "activation": (play, {"act": "tanh"}, r"got act = ReLU\(\), expected Tanh\(\)"),
    "photographs": (paint, {"photographs": PICTURES[1:]}, "photographs = 2 of"),
    "painting": (paint, {"style": PICTURES[2]}, "style = 1 of"),
    "features": (paint, {"seed": 1}, "got another network's features"),
    "content": (draw, {"content": PICTURES[2]}, "content = 1 of"),
    "style": (draw, {"style": PICTURES[2]}, "style = 1 of"),
    "features of a style": (draw, {"seed": 1}, "got another network's features"),
}  # fmt: skip


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The folder of a run's checkpoint; each is made once."""
    made = {}

    def of(loop):
        if loop not in made:
            made[loop] = tmp_path_factory.mktemp(loop.__name__)
            loop(checkpoint=made[loop] / "run.pt")
        return made[loop]

    return of


@pytest.mark.parametrize("what", list(CHANGES))
def test_a_run_of_other_inputs_is_refused_in_a_line_that_says_which(begun, what):
    loop, options, complaint = CHANGES[what]
    path = begun(loop) / "run.pt"
    before = [(file, file.read_bytes()) for file in sorted(path.parent.iterdir())]
    with pytest.raises(BadCheckpoint, match=complaint) as caught:
        loop(checkpoint=path, resume=True, **options)
    assert "\n" not in str(caught.value) and str(path.parent) in str(caught.value)
    assert [(file, file.read_bytes()) for file in sorted(path.parent.iterdir())] == before


@pytest.mark.parametrize("loop", [segment, play, paint, draw])
def test_equal_inputs_go_on_and_an_old_file_is_taken_with_a_word(begun, loop, tmp_path, capsys):
    folder = shutil.copytree(begun(loop), tmp_path / "run")
    loop(checkpoint=folder / "run.pt", resume=True)
    assert "begun" not in capsys.readouterr().err
    (path,) = folder.iterdir()
    state = torch.load(path, weights_only=True)
    del state["inputs"]
    torch.save(state, path)
    loop(checkpoint=folder / "run.pt", resume=True)
    said = capsys.readouterr().err
    assert said.count("does not record its training data") == said.count("\n") == 1


def discs(place, seed=0):
    rng = np.random.default_rng(seed)
    for number in range(3):
        image, mask = rng.integers(0, 255, (40, 40, 3)), rng.integers(0, 2, (40, 40))
        for kind, values in (("images", image), ("masks", mask)):
            (place / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values.astype(np.uint8)).save(place / kind / f"{number}.png")
    return place


def test_a_folder_that_was_renamed_is_the_same_and_another_is_not(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    discs(tmp_path / "here"), discs(tmp_path / "other", seed=1)
    train = (
        "train unet --data folder --classes 2 --base-channels 4 --crop 32 --batch 2 --steps 2"
        " --out run"
    )

    def call(images, masks, *more):
        return cli.main([*train.split(), "--images", images, "--masks", masks, *more])

    assert call("here/images", "here/masks") == 0
    (tmp_path / "here").rename(tmp_path / "moved")
    assert call("moved/images", "moved/masks", "--resume") == 0
    capsys.readouterr()
    for images, masks, what in (("other", "moved", "images"), ("moved", "other", "masks")):
        assert call(f"{images}/images", f"{masks}/masks", "--resume") == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith(f"upconv: run/checkpoint.pt: got {what} = 3 of SHA-256 ")


def test_a_picture_does_not_go_on_with_anothers_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    import upconv.training

    whole = upconv.style.stylize

    def broken(*arguments, **options):
        def stop(step, image):
            if step == 6:
                raise KeyboardInterrupt

        return whole(*arguments, **options | {"callback": stop})

    for number, picture in enumerate(PICTURES):
        Image.fromarray(picture).save(f"{number}.png")
    paint = ["--features", "random", "--steps", "8", "--size", "32"]
    monkeypatch.setattr(upconv.style, "stylize", broken)
    assert cli.main(["stylize", "0.png", "1.png", "-o", "x.png", *paint]) == 130
    monkeypatch.setattr(upconv.style, "stylize", whole)
    # Another picture may have the same name but for its ending, and a run of its own.
    assert cli.main(["stylize", "2.png", "1.png", "-o", "x.jpg", *paint, "--resume"]) == 0
    capsys.readouterr()
    assert cli.main(["stylize", "2.png", "1.png", "-o", "x.png", *paint, "--resume"]) == 2
    assert "got content = 1 of SHA-256 " in capsys.readouterr().err.splitlines()[-1]
    assert cli.main(["stylize", "0.png", "1.png", "-o", "x.png", *paint, "--resume"]) == 0


# ---- what a file may hold ------------------------------------------------------------------------


def spoilt(state):
    """A checkpoint in many wrong ways: name → state."""
    made = {"nothing": {}, "a list": [], "only settings": {"settings": state["settings"]}}

    def add(name, change):
        made[name] = copy.deepcopy(state)
        change(made[name])

    for key in state:
        if key not in ("inputs", "scaler"):
            add(f"no {key}", lambda s, key=key: s.pop(key))
        for value in (5, "x", None, [], {"x": 1}):
            if key == "step" and value == 5:
                value = 5.5
            add(f"{key} = {value}", lambda s, key=key, value=value: s.update({key: value}))
    for step in ("many", -7, math.nan, 10**9, True, 1.0):
        add(f"step {step}", lambda s, step=step: s.update(step=step))
    for name in state["history"]:
        for value in ("x", None, [None], ["x"], [1.0] * 99, math.inf, -1):
            add(f"history.{name} = {value}", lambda s, n=name, v=value: s["history"].update({n: v}))
    add("more history", lambda s: s["history"].update(verdict=1))
    for key in state:
        if not isinstance(state[key], dict) or "param_groups" not in state[key]:
            continue
        for name in state[key]["param_groups"][0]:
            for value in ("x", math.nan, {}):
                add(
                    f"{key}: {name} = {value}",
                    lambda s, k=key, n=name, v=value: s[k]["param_groups"][0].update({n: v}),
                )
        for number, moments in list(state[key]["state"].items())[:1]:
            for name in moments:
                if name not in ("al", "d", "old_dirs", "prev_loss"):
                    add(
                        f"{key}: no {name}",
                        lambda s, k=key, i=number, n=name: s[k]["state"][i].pop(n),
                    )
                for value in ("x", torch.zeros(3, 3)):
                    add(
                        f"{key}: moment {name} = {value}",
                        lambda s, k=key, i=number, n=name, v=value: s[k]["state"][i].update({n: v}),
                    )
    return made  # fmt: skip


@pytest.mark.parametrize("loop", [segment, play, paint, draw])
def test_a_spoilt_checkpoint_is_refused_in_one_line(begun, loop, tmp_path):
    folder = shutil.copytree(begun(loop), tmp_path / "run")
    (path,) = folder.iterdir()
    good = torch.load(path, weights_only=True)
    good["step"] = 2  # there is work left: what is wrong would be met
    for name, state in spoilt(good).items():
        torch.save(state, path)
        try:
            loop(checkpoint=folder / "run.pt", resume=True)
        except BadCheckpoint as error:
            assert "\n" not in str(error), name
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error
        else:
            raise AssertionError(f"{name}: taken")


def test_a_scale_of_losses_is_a_number(tmp_path):
    scaler, settings = torch.amp.GradScaler("cpu"), Settings(steps=2)
    path = tmp_path / "run.pt"
    checkpoints.save(path, {"scaler": scaler}, settings, History(), 1)
    assert checkpoints.load(path, {"scaler": scaler}, settings, History()) == 1
    state = torch.load(path, weights_only=True)
    for scale in ("x", math.nan, 0.0, None):
        state["scaler"]["scale"] = scale
        torch.save(state, path)
        with pytest.raises(BadCheckpoint, match="scale"):
            checkpoints.load(path, {"scaler": scaler}, settings, History())


def test_arrays_are_hashed_by_their_values():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert contents(images) == contents(list(images)) == contents(images.copy(order="F"))
    assert contents(images) != contents(images[::-1])
    assert contents(images) != contents(images.reshape(2, 4, 3))
    assert contents(images) != contents(images.astype(np.int8))
