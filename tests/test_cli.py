"""The command line as a person uses it: in a process of its own.

Where a new Python is not what is tested, the process is forked from one that has imported PyTorch
and other packages, but nothing of ours.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import platform
import re
import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from forks import Forks
from pace import python_slowness
from PIL import Image

from upconv.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six small pictures with discs to find, and a trained network in ``run``."""
    place = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (place / name).mkdir()
    rows, columns = np.mgrid[:48, :64]
    for number in range(6):
        r, c = rng.integers(14, 34), rng.integers(14, 50)
        disc = (rows - r) ** 2 + (columns - c) ** 2 < 196
        image = rng.integers(0, 60, (48, 64, 3)) + np.where(disc, 180, 0)[..., None]
        Image.fromarray(image.astype(np.uint8)).save(place / "images" / f"{number}.png")
        Image.fromarray((255 * disc).astype(np.uint8)).save(place / "masks" / f"{number}.png")
    result = call_anew(place, *train_arguments(), "--out", "run", "--steps", "40")
    assert result.returncode == 0, result.stderr
    return place


def train_arguments(network="fcn8s"):
    data = ["--data", "folder", "--images", "images", "--masks", "masks", "--classes", "2"]
    return ["train", network, *data, "--width-mult", "0.25", "--batch", "4", "--crop", "48"]


PACKAGES = "torch torch._dynamo scipy.ndimage skimage.transform sklearn.neighbors"


@functools.cache
def forks() -> Forks:
    """One for each worker."""
    made = Forks(PACKAGES.split())
    atexit.register(made.close)
    return made


def surroundings(place) -> dict[str, str]:
    environment = os.environ | {"UPCONV_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    environment.pop("UPCONV_DATA", None)
    return environment


def call(place, *arguments):
    command = {"arguments": ["-m", "upconv.cli", *arguments], "folder": place}
    [done] = forks().run([command | {"environment": surroundings(place)}])
    return done


def call_anew(place, *arguments):
    """In a new Python."""
    command = [sys.executable, "-m", "upconv.cli", *map(str, arguments)]
    options = {"capture_output": True, "text": True, "cwd": place, "env": surroundings(place)}
    return subprocess.run(command, **options)


def test_trains_evaluates_and_predicts(folder):
    weights = folder / "run" / "weights.safetensors"
    assert weights.exists()
    data = ["--data", "folder", "--images", "images", "--masks", "masks", "--classes", "2"]
    result = call(folder, "evaluate", "--weights", weights, *data, "--json")
    assert result.returncode == 0, result.stderr
    scores = json.loads(result.stdout)
    assert scores["class_iou"][1] > 0.4  # with background alone it is 0, at random below 0.2
    result = call(folder, "predict", "--weights", weights, "--out", "out", "images/0.png")
    assert result.returncode == 0, result.stderr
    mask = Image.open(folder / "out" / "0_mask.png")
    assert mask.mode == "P"
    assert mask.size == (64, 48)
    assert Image.open(folder / "out" / "0_overlay.png").size == (64, 48)
    assert set(np.unique(np.asarray(mask))) <= {0, 1}


def test_a_run_goes_on_with_resume_and_not_without(folder):
    again = call(folder, *train_arguments(), "--out", "run", "--steps", "40")
    assert again.returncode == 2
    assert "--resume" in again.stderr
    resumed = call(folder, *train_arguments(), "--out", "run", "--steps", "40", "--resume")
    assert resumed.returncode == 0, resumed.stderr


def test_a_unet_is_trained_on_made_micrographs_and_sees_large_images(tmp_path):
    train = ["train", "unet", "--data", "membranes", "--steps", "6", "--base-channels", "2"]
    result = call(tmp_path, *train, "--crop", "32", "--batch", "2", "--out", "run")
    assert result.returncode == 0, result.stderr
    assert "v rand" in result.stdout
    assert "precision at IoU 0.5" in result.stdout
    image = np.random.default_rng(0).integers(0, 256, (1100, 1000), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "large.png")
    weights = tmp_path / "run" / "weights.safetensors"
    masks = []
    for tile in ([], ["--tile", "300"]):
        result = call(tmp_path, "predict", "--weights", weights, "--out", "out", *tile, "large.png")
        assert result.returncode == 0, result.stderr
        masks.append(np.asarray(Image.open(tmp_path / "out" / "large_mask.png")))
    assert masks[0].shape == (1100, 1000)
    assert (masks[0] == masks[1]).mean() > 0.99  # no matter how it is cut
    assert Image.open(tmp_path / "out" / "large_overlay.png").size == (1000, 1100)


def test_memory_does_not_grow_with_the_image(tmp_path):
    """Above what one with a few tiles takes: the picture and its mask a few times, and no more."""
    import torch

    from upconv import zoo
    from upconv.torch import UNet

    options = {"base_channels": 2, "depth": 2, "in_channels": 1}
    torch.manual_seed(0)
    network = UNet(2, padded=True, norm="batch", **options)
    zoo.save(tmp_path / "w.safetensors", network, "unet", ("membrane", "cell"), **options)
    peaks = {}
    for side in (1100, 4096):
        Image.fromarray(np.zeros((side, side), np.uint8)).save(tmp_path / f"{side}.png")
        arguments = ["predict", "--weights", "w.safetensors", "--out", "out", f"{side}.png"]
        code = (
            "import resource; from upconv.cli import main; "
            f"assert main({arguments!r}) == 0; "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
        )
        assert result.returncode == 0, result.stderr
        peaks[side] = int(result.stdout.split()[-1]) * 1024
    assert peaks[4096] - peaks[1100] < 20 * 4096**2  # bytes; float32 maps would take 50 times that


def test_a_generator_is_trained_resumed_and_draws(folder, tmp_path):
    train = [
        "train",
        "dcgan",
        "--data",
        "folder",
        "--images",
        folder / "images",
        "--base-channels",
        "4",
    ]
    train += ["--batch", "4", "--out", "run", "--steps"]
    result = call(tmp_path, *train, "4")
    assert result.returncode == 0, result.stderr
    assert "run" in result.stdout
    again = call(tmp_path, *train, "4", "--resume")
    assert again.returncode == 0, again.stderr
    weights = ["--weights", "run/weights.safetensors"]
    exported = call(tmp_path, "export", "dcgan", *weights, "--half", "--out", "run/drawn.onnx")
    assert exported.returncode == 0, exported.stderr
    result = call(tmp_path, "sample", "--onnx", "run/drawn.onnx", "--count", "5", "--out", "d.png")
    assert result.returncode == 0, result.stderr
    draw = ["sample", *weights, "--count", "5", "--out"]
    for name, seed in (("a.png", "3"), ("b.png", "3"), ("c.png", "4")):
        result = call(tmp_path, *draw, name, "--seed", seed)
        assert result.returncode == 0, result.stderr
    a, b, c = (np.asarray(Image.open(tmp_path / name)) for name in ("a.png", "b.png", "c.png"))
    assert a.shape == (2 * 32, 3 * 32, 3)
    assert (a[32:, 64:] == 0).all()  # five images in a grid of six
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
    result = call(tmp_path, *draw, "e.png")
    d, e = (np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("d.png", "e.png"))
    assert np.abs(d - e).max() <= 8  # of 255: half precision of the one, bf16 of the other


def test_a_network_goes_out_as_onnx_and_sees_the_same(folder, tmp_path):
    import torch

    from upconv import zoo

    network, sizes = tmp_path / "weights.safetensors", {"base_channels": 8, "in_channels": 3}
    torch.manual_seed(0)
    zoo.save(network, zoo.build("unet", 3, **sizes), "unet", ("a", "b", "c"), **sizes)
    result = call(tmp_path, "export", "unet", "--weights", network, "--out", "deep/unet.onnx")
    assert result.returncode == 0, result.stderr
    apart = float(re.search(r"within (\S+) of PyTorch", result.stdout)[1])
    assert apart < 1e-3
    image = folder / "images" / "1.png"
    for source in (["--weights", network], ["--onnx", "deep/unet.onnx"]):
        result = call(tmp_path, "predict", *source, "--out", source[0].strip("-"), image)
        assert result.returncode == 0, result.stderr
    masks = [np.asarray(Image.open(tmp_path / name / "1_mask.png")) for name in ("weights", "onnx")]
    assert len(np.unique(masks[1])) == 3
    assert (masks[0] == masks[1]).mean() > 0.95  # one is computed in bf16 where that is faster
    wrong = call(tmp_path, "sample", "--onnx", "deep/unet.onnx", "--out", "x.png")
    assert wrong.returncode == 2
    assert "deep/unet.onnx takes image, expected one that takes noise" in wrong.stderr


def test_pictures_of_every_kind_are_painted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 255, (40, 60)).astype(np.uint8)
    color = np.stack([grey, grey // 2, 255 - grey], -1)
    Image.fromarray(color).save(tmp_path / "style.png")
    alpha = np.dstack([color, np.full((40, 60), 128, np.uint8)])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    kinds = {
        "alpha.png": Image.fromarray(alpha),
        "sixteen.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "ink.jpg": Image.fromarray(color).convert("CMYK"),
        "turned.jpg": Image.fromarray(color),
    }
    for name, image in kinds.items():
        image.save(tmp_path / name, exif=exif if name == "turned.jpg" else Image.Exif())
    random = ["--features", "random"]
    for name in kinds:
        paint = ["stylize", name, "style.png", "-o", f"out-{name}", "--steps", "2", *random]
        assert (
            main([*paint, "--style-layers", "conv1_1,relu2_1", "--content-layer", "conv2_1"]) == 0
        )
        size = (40, 60) if name == "turned.jpg" else (60, 40)
        assert Image.open(tmp_path / f"out-{name}").size == size
        assert f"out-{name}: {size[0]} × {size[1]}" in capsys.readouterr().out
    # A layer so deep that only one scale is left of such small pictures.
    assert main(["stylize", "turned.jpg", "style.png", "-o", "deep.png", "--steps", "2",
                 "--content-layer", "relu5_1", *random]) == 0  # fmt: skip
    (tmp_path / "deep.png").unlink()
    assert {path.name for path in tmp_path.iterdir()} == {
        "style.png", *kinds, *(f"out-{name}" for name in kinds)
    }  # fmt: skip


def test_a_painting_can_be_watched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from upconv import files

    seen, write = [], files.atomic_write

    def watched(path, how):
        write(path, how)
        if Path(path).name == "out.png":
            seen.append(np.asarray(Image.open(path)).astype(int))

    monkeypatch.setattr(files, "atomic_write", watched)
    for name, seed in (("a.png", 0), ("b.png", 1)):
        pixels = np.random.default_rng(seed).integers(0, 255, (40, 40, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(name)
    paint = ["stylize", "a.png", "b.png", "-o", "out.png", "--features", "random", "--steps", "3"]
    assert main([*paint, "--preview"]) == 0
    assert len(seen) == 4  # after each step, and at the end
    assert np.abs(seen[1] - seen[0]).max() > 0
    np.testing.assert_array_equal(seen[-1], seen[-2])


def test_versions_are_those_installed(capsys):
    assert main(["versions"]) == 0
    lines = dict(line.split(" ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["torch"] == metadata.version("torch")
    assert lines["python"].startswith(platform.python_version())


BAD = {
    "a painting of no kind": ("stylize images/0.png images/1.png -o o.gif", "--out: got o.gif"),
    "nothing to paint": ("stylize no.png images/1.png -o o.png", "no.png: not a readable image"),
    "no such layer": (
        "stylize images/0.png images/1.png -o o.png --style-layers conv1_1,conv9_1",
        "layers: got 'conv9_1'",
    ),
    "a layer of another network": (
        "stylize images/0.png images/1.png -o o.png --features squeezenet --content-layer conv3_1",
        "layers: got 'conv3_1', expected one of conv1, relu1, fire2",
    ),
    "less than no style": (
        "stylize images/0.png images/1.png -o o.png --weight -1",
        "--weight: got -1",
    ),
    "a tiny painting": (
        "stylize images/0.png images/1.png -o o.png --size 8 --features random",
        "size: got 8",
    ),
    "a generator of a segmenter": (
        "sample WEIGHTS --out o.png",
        "not the weights of a generator",
    ),
    "a picture of no kind": ("sample WEIGHTS --out o.txt", "--out: got o.txt"),
    "a drawing on scenes": (
        "train dcgan --data camvid",
        "--data: got camvid, expected one of digits",
    ),
    "a segmentation of crops": ("train unet --data digit_crops", "--data: got digit_crops"),
    "a folder of nothing to draw": ("train dcgan --data folder", "needs --images"),
    "no such weights": ("predict --weights no.st --out o images/0.png", "no.st"),
    "weights that are none": (
        "predict --weights images/0.png --out o images/0.png",
        "not a file of weights",
    ),
    "no such image": ("predict WEIGHTS --out o none.png", "none.png: not a readable image"),
    "not an image": (
        "predict WEIGHTS --out o run/history.json",
        "history.json: not a readable image",
    ),
    "two of one name": (
        "predict WEIGHTS --out o images/0.png masks/0.png",
        "two images are called 0",
    ),
    "no folder": (
        "train fcn8s --data folder --images nowhere --masks masks --classes 2",
        "nowhere: not a folder",
    ),
    "folder without masks": ("train fcn8s --data folder --images images", "--masks"),
    "too few classes": (
        "train fcn8s --data folder --images images --masks masks --classes 1",
        "classes: got 1",
    ),
    "folder of nothing": (
        "train fcn8s --data folder --images empty --masks masks --classes 2",
        "contains no images",
    ),
    "wrong number of classes": (
        "evaluate WEIGHTS --data digit_scenes",
        "got 11 classes, expected 2",
    ),
    "no GPU": (
        "evaluate WEIGHTS --data folder --images images --masks masks --classes 2 --device cuda",
        "device: got cuda",
    ),
    "unknown network": ("train resnet", "invalid choice: 'resnet'"),
    "no steps": ("train fcn8s --steps 0", "got 0, expected an integer"),
    "an export of another": ("export unet WEIGHTS --out o.onnx", "--weights: got weights of fcn8s"),
    "an export of no kind": ("export fcn8s WEIGHTS --out o.pt", "--out: got o.pt"),
    "a network that is none": (
        "predict --onnx images/0.png --out o images/0.png",
        "0.png: got no ONNX file of",
    ),
    "no such network": ("predict --onnx no.onnx --out o images/0.png", "--onnx: no.onnx is no"),
    "two networks": ("predict WEIGHTS --onnx a --out o images/0.png", "not allowed with"),
    "no command": ("", "required: COMMAND"),
    "another encoder": (
        "train fcn8s --images images --masks masks --classes 2 --encoder vgg16 --width-mult 0.25 "
        "WEIGHTS",
        "expected vgg16; add --encoder squeezenet",
    ),
    "an unknown encoder": ("train fcn8s --encoder resnet", "--encoder: invalid choice: 'resnet'"),
    "an encoder of a U-Net": (
        "train unet --encoder squeezenet",
        "--encoder: unet does not use it, only FCNs do",
    ),
    "huge width": ("train fcn8s --width-mult 9", "--width-mult: got 9"),
    "part of a channel": (
        "train unet --width 3.5",
        "--base-channels: got 3.5, expected a number of channels",
    ),
    "no tile": ("predict WEIGHTS --out o --tile 0 images/0.png", "got 0, expected an integer"),
    "border weights without objects": (
        "train unet --data folder --images images --masks masks --classes 2 --border-weight 10",
        "without instances",
    ),
    "negative elastic": ("train unet --data membranes --elastic-sigma -3", "sigma: got -3"),
    "a rate uphill": ("train unet --learning-rate -1", "--learning-rate: got -1"),
    "no rate": ("train dcgan --learning-rate nan", "--learning-rate: got nan"),
    "endless turns": ("train unet --rotate inf", "--rotate: got inf"),
    "too many turns": ("train unet --rotate 1e300", "rotate: got 1e+300"),
    "a width of nothing": ("train fcn8s --width-mult nan", "--width-mult: got nan"),
    "an endless width": ("train unet --base-channels inf", "--base-channels: got inf"),
    "an endless border": ("train unet --data membranes --border-weight inf", "weight: got inf"),
    "a smoothness that is none": (
        "stylize images/0.png images/1.png -o o.png --variation-weight nan",
        "--variation-weight: got nan",
    ),
    "a seed too large": (f"train unet --seed {2**70}", f"--seed: got {2**70}"),
    "a seed below nothing": ("sample WEIGHTS --out o.png --seed -1", "--seed: got -1"),
    "a seed of a painting": (
        f"stylize images/0.png images/1.png -o o.png --seed {2**63}",
        f"--seed: got {2**63}",
    ),
    "a picture too large": (
        "predict WEIGHTS --out o images/0.png --max-pixels 100",
        "0.png: got 64 × 48 pixels, expected at most 100 in all",
    ),
    "no pixels": ("stylize images/0.png images/1.png -o o.png --max-pixels 0", "pixels: got 0"),
    "a seed that is no number": ("train unet --seed x", "--seed: got x, expected an integer"),
    "options of another set": (
        "train fcn8s --data camvid --images images",
        "--images requires --data folder",
    ),
}


@pytest.mark.parametrize("kind", list(BAD))
def test_bad_input_gets_one_line_and_leaves_nothing(folder, kind):
    import torch

    if kind == "no GPU" and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    (folder / "empty").mkdir(exist_ok=True)
    arguments, message = BAD[kind]
    before = {path.relative_to(folder) for path in folder.rglob("*")}
    result = call(
        folder, *arguments.replace("WEIGHTS", "--weights run/weights.safetensors").split()
    )
    assert result.returncode == 2
    assert message in result.stderr
    lines = [line for line in result.stderr.splitlines() if "Error" in line or "upconv: " in line]
    assert len(lines) <= 1
    assert "Traceback" not in result.stderr
    assert {path.relative_to(folder) for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    "command",
    [[], ["train"], ["evaluate"], ["predict"], ["sample"], ["stylize"], ["export"], ["data"]],
)
def test_help_says_what_there_is(capsys, command):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert len(text) > 150
    assert not re.search(r"\bNone\b", text)


def test_data_lists_what_there_is(folder):
    result = call_anew(folder, "data")
    assert result.returncode == 0
    for name in ("digit_scenes", "camvid", "isbi2012", "dsb2018", "membranes", "folder"):
        assert name in result.stdout


@pytest.mark.timing
def test_help_is_quick(tmp_path):
    def spent() -> float:  # by processes of ours that have ended, whatever else there was to do
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    call_anew(tmp_path, "--help")
    before = spent()
    assert call_anew(tmp_path, "--help").returncode == 0
    assert spent() - before < 0.6 * python_slowness()
