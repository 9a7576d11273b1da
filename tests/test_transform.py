"""Networks that paint in one pass: training, resuming, what is refused, and the command line."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from test_cli import call

from upconv import data, zoo
from upconv.onnx import Network, export
from upconv.port import weights
from upconv.style import TransformSettings, apply_transform_net, train_transform
from upconv.style.feedforward import cuts, in_windows
from upconv.style.losses import StyleLoss
from upconv.style.pictures import to_tensor

FAST = TransformSettings(
    steps=100, batch=2, crop=48, style_size=64, windows=1, variation_weight=0.0,
    content_layers=("conv1_2",),
    style_layers=("conv1_1", "conv2_1"), style_weight=100.0, learning_rate=5e-3,
    precision="fp32",
)  # fmt: skip


@pytest.fixture(scope="module")
def features():
    return zoo.features("random", (*FAST.content_layers, *FAST.style_layers))


@pytest.fixture(scope="module")
def style():
    """Diagonal stripes of red and blue."""
    rows, columns = np.mgrid[:80, :96]
    red = ((rows + columns) // 6 % 2)[..., None]
    return np.where(red, (220, 30, 40), (30, 40, 200)).astype(np.uint8)


def train(features, style, settings=FAST, **options):
    torch.manual_seed(0)
    network = zoo.build_stylizer("transform", base_channels=4, blocks=1)
    history = train_transform(
        network, features, data.photographs(), style, settings, progress=False, **options
    )
    return network, history


@pytest.fixture(scope="module")
def trained(features, style):
    return train(features, style)


def test_it_learns_the_style(trained, features, style):
    """On a photograph it has not seen: nearer to the style than the photograph is."""
    network, history = trained
    assert history.style[-1] < 0.3 * history.style[0]
    unseen = data.photographs("test")[0]
    painted = apply_transform_net(network, unseen)
    assert painted.shape == unseen.shape

    def difference(image):  # of mean colours: stripes have no green
        return np.abs(image.mean((0, 1)) - style.mean((0, 1))).sum()

    assert difference(painted) < 0.75 * difference(unseen)


def test_a_broken_run_goes_on_as_if_it_had_not_been(features, style, tmp_path):
    short = replace(FAST, steps=12)

    class Stop(Exception):
        pass

    def stop(step, value):
        if step == 7:
            raise Stop

    options = {"checkpoint": tmp_path / "run.pt", "save_every": 3}
    with pytest.raises(Stop):
        train(features, style, short, callback=stop, **options)
    network, history = train(features, style, short, resume=True, **options)
    whole, expected = train(features, style, short)
    assert history.style == expected.style
    for name, value in weights(whole).items():
        assert np.array_equal(value, weights(network)[name]), name


def test_cuts_depend_on_seed_and_step_alone():
    photographs = data.photographs()
    first, again = (cuts(photographs, FAST, 3) for _ in range(2))
    assert first.shape == (2, 3, 48, 48)
    assert torch.equal(first, again)
    assert not torch.equal(first, cuts(photographs, FAST, 4))
    assert not torch.equal(first, cuts(photographs, replace(FAST, seed=1), 3))
    small = [np.full((20, 300, 3), 90, np.uint8)]  # smaller than the crop: enlarged
    assert cuts(small, FAST, 0).shape == (2, 3, 48, 48)


def test_windows_are_parts_of_the_maps():
    maps = torch.arange(2 * 3 * 7 * 9.0).reshape(2, 3, 7, 9)
    parts = in_windows(maps, 3)
    assert parts.shape == (18, 3, 2, 3)
    for number, (image, row, column) in enumerate(np.ndindex(2, 3, 3)):
        wanted = maps[image, :, 2 * row : 2 * row + 2, 3 * column : 3 * column + 3]
        assert torch.equal(parts[number], wanted)
    assert torch.equal(in_windows(maps, 1), maps)


def test_in_windows_every_part_must_have_the_style(features, style):
    """What windows add to the energy is how much parts differ: most, with stripes on one side."""
    names = FAST.style_layers
    energy = StyleLoss(features, to_tensor(style, 64), names)
    stripes = to_tensor(style, 64)[..., :48, :48]
    one_sided = stripes.clone()
    one_sided[..., 24:] = 0.5
    added = []
    for image in (stripes, one_sided):
        maps = features.layers(image, names)
        parts = energy({name: in_windows(maps[name], 2) for name in names})
        added.append((parts.mean() - energy(maps).mean()).item())
    assert added[1] > 5 * added[0] > 0


def test_what_is_equal_is_painted_equally_but_for_noise(trained):
    flat = np.full((40, 60, 3), (90, 140, 200), np.uint8)
    assert np.ptp(apply_transform_net(trained[0], flat, noise=0).reshape(-1, 3), axis=0).max() <= 1
    painted = apply_transform_net(trained[0], flat)
    assert np.ptp(painted.reshape(-1, 3), axis=0).max() > 20
    assert np.array_equal(painted, apply_transform_net(trained[0], flat))
    assert not np.array_equal(painted, apply_transform_net(trained[0], flat, seed=1))
    with pytest.raises(ValueError, match="noise: got -1"):
        apply_transform_net(trained[0], flat, noise=-1)


def test_onnx_paints_the_same(trained, tmp_path):
    network, path = trained[0], tmp_path / "stripes.onnx"
    export(network, path)
    read = Network(path)
    for size in ((64, 64), (37, 50), (16, 131)):
        image = torch.rand(1, 3, *size)
        with torch.no_grad():
            assert torch.allclose(read(image), network(image), atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps: got 0"),
        ({"crop": 8}, "crop: got 8"),
        ({"style_weight": float("nan")}, "style_weight: got nan"),
        ({"style_layers": ()}, "style_layers: got none"),
        ({"windows": 0}, "windows: got 0"),
        ({"windows": 4}, "windows: got 4, expected at most 3 for a crop of 48"),
        ({"precision": "fp8"}, "precision: got 'fp8'"),
    ],
)
def test_impossible_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(FAST, **change)


def test_what_is_no_picture_is_refused(features, style, trained):
    grey, tiny = np.zeros((40, 40), np.uint8), np.zeros((9, 40, 3), np.uint8)
    for photographs, painting, message in (
        ([], style, "photographs: got none"),
        ([grey], style, "photographs: got shape (40, 40)"),
        ([style, tiny], style, "photographs: got (9, 40) pixels"),
        ([style], style / 255, "style: got shape (80, 96, 3) of float64"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            train_transform(trained[0], features, photographs, painting, FAST, progress=False)
    with pytest.raises(ValueError, match=re.escape("image: got (9, 40) pixels")):
        apply_transform_net(trained[0], tiny)


def test_from_the_command_line(style, tmp_path):
    Image.fromarray(style).save(tmp_path / "stripes.png")
    Image.fromarray(data.photographs("test")[1]).save(tmp_path / "temple.png")
    order = ["train", "transform", "--style", "stripes.png", "--features", "random"]
    order += ["--base-channels", "4", "--steps", "3", "--crop", "32", "--out", "run"]
    result = call(tmp_path, *order)
    assert result.returncode == 0, result.stderr
    source = ["--weights", "run/weights.safetensors"]
    exported = call(tmp_path, "export", "transform", *source, "--half", "--out", "stripes.onnx")
    assert exported.returncode == 0, exported.stderr
    pictures = []
    for number, given in enumerate((source, ["--onnx", "stripes.onnx"])):
        result = call(tmp_path, "predict", *given, "--out", f"out{number}", "temple.png")
        assert result.returncode == 0, result.stderr
        with Image.open(tmp_path / f"out{number}" / "temple_painted.png") as picture:
            pictures.append(np.asarray(picture).astype(int))
    assert pictures[0].shape == (427, 640, 3)
    assert np.abs(pictures[0] - pictures[1]).mean() < 3  # of 255: half precision and bf16
    for wrong, message in (
        (["train", "transform"], "needs --style"),
        (["train", "transform", "--style", "none.png"], "none.png: not a readable image"),
        (["train", "transform", "--style", "stripes.png", "--data", "mnist"], "--data: got mnist"),
        (["export", "unet", *source, "--out", "x.onnx"], "got weights of transform, expected unet"),
        (["sample", *source, "--out", "x.png"], "not the weights of a generator"),
    ):
        result = call(tmp_path, *wrong)
        assert result.returncode == 2
        assert message in result.stderr
        assert "Traceback" not in result.stderr
