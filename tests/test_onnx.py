"""Networks as ONNX: ONNX Runtime computes what PyTorch does."""

from __future__ import annotations

import builtins
import json
import os

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from upconv import cli, zoo
from upconv.inference import generate, predict, predict_tiles
from upconv.onnx import Network, export

# Exporting is much Python of PyTorch's own: measured, it takes twice as long.
pytestmark = pytest.mark.no_cover

SMALL = {"encoder": "vgg16", "width_mult": 0.125, "head": 128, "head_kernel": 3}


def make(name, seed=0):
    """A small network with weights as if trained: no layer at zero, batch norms that have seen."""
    torch.manual_seed(seed)
    if name in zoo.GENERATORS:
        network = zoo.build_generator(name, size=32, base_channels=8, channels=1)
        shape = (16, network.latent)
    elif zoo.is_unet(name):
        network = zoo.build(name, 5, base_channels=4, in_channels=3)
        shape = (4, 3, 188, 188)
    else:
        network = zoo.build(name, 5, **SMALL)
        shape = (4, 3, 64, 64)
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.02 * torch.randn_like(weight)
        network.train()(torch.rand(shape))
    return network.eval()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Network by name, and its file; each is made once."""
    folder, made = tmp_path_factory.mktemp("onnx"), {}

    def of(name, **options):
        key = (name, *sorted(options.items()))
        if key not in made:
            network, path = make(name), folder / f"{len(made)}.onnx"
            classes = [f"class {number}" for number in range(5)]
            export(network, path, about={"network": name, "classes": classes}, **options)
            made[key] = network, path
        return made[key]

    return of


SEGMENTERS = list(zoo.NETWORKS)


@pytest.mark.parametrize("name", SEGMENTERS)
def test_logits_are_pytorchs(files, name):
    network, path = files(name)
    read = Network(path)
    shapes = [(1, 3, 77, 50), (3, 3, 64, 96)] if getattr(network, "padded", True) else []
    for shape in shapes or [(1, 3, 444, 444), (2, 3, 444, 444)]:
        image = torch.rand(shape)
        with torch.no_grad():
            wanted = network(image)
        found = read(image)
        assert found.shape == wanted.shape
        assert (found - wanted).abs().max() < 1e-3 * max(1, wanted.abs().max())


@pytest.mark.parametrize("half", [False, True])
def test_drawn_images_are_pytorchs(files, half):
    network, path = files("dcgan", half=half)
    noise = np.random.default_rng(0).standard_normal((5, network.latent))
    wanted = generate(network, noise, precision="fp32")
    found = generate(Network(path), noise, precision="fp32")
    assert found.shape == wanted.shape == (5, 32, 32)
    assert np.abs(found.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("name", ["fcn8s", "unet"])
def test_half_of_the_size_shows_the_same(files, name):
    """Weights rounded to float16 are the only difference, and it is small."""
    network, path = files(name, half=True)
    assert path.stat().st_size < 0.6 * files(name)[1].stat().st_size
    image = torch.rand(2, 3, 96, 96)
    rounded = make(name)
    with torch.no_grad():
        wanted = network(image).softmax(1)
        assert torch.allclose(Network(path)(image).softmax(1), wanted, atol=0.02)
        for weight in rounded.parameters():
            if weight.ndim > 1 and weight.numel() >= 1024 and name != "unet":
                weight.copy_(weight.half().float())
        if name != "unet":  # there, batch norm goes into the weights before they are rounded
            assert torch.allclose(Network(path)(image), rounded(image), atol=1e-3)


def test_maps_are_those_after_each_relu(files):
    network, path = files("unet", maps=True)
    read = Network(path)
    image = torch.rand(1, 3, 64, 64)
    seen = {}
    for place, block in (("encoder.0", network.encoder[0]), ("bottleneck", network.bottleneck)):
        block.register_forward_hook(lambda _, __, out, place=place: seen.update({place: out}))
    with torch.no_grad():
        network(image)
    assert read.outputs[0] == "logits"
    assert len(read.outputs) == 1 + 18  # two for each of nine blocks
    for place, wanted in seen.items():
        found = read.run(image.numpy(), [f"{place}.conv2"])[0]
        assert np.allclose(found, wanted, atol=1e-4)
        assert found.min() == 0


def test_a_map_of_joined_maps_is_called_after_their_module(tmp_path):
    network = zoo.build("fcn8s", 5, encoder="squeezenet", head=32, head_kernel=3).eval()
    export(network, tmp_path / "light.onnx", maps=True)
    read, image = Network(tmp_path / "light.onnx"), torch.rand(1, 3, 64, 64)
    assert len(read.outputs) == len(set(read.outputs)) == 1 + 1 + 2 * 8 + 2
    seen = []
    network.encoder.features[3].register_forward_hook(lambda _, __, out: seen.append(out))
    with torch.no_grad():
        network(image)
    (found,) = read.run(image.numpy(), ["encoder.features.3"])
    assert found.shape[1] == 128
    assert np.allclose(found, seen[0], atol=1e-4)


def test_blocks_of_efficientnet_go_out(tmp_path):
    """Unequal zeros, channels filtered alone, and the mean color of its own; at any size."""
    torch.manual_seed(0)
    sizes = {"encoder": "efficientnet_lite0", "width_mult": 0.25, "head": 32, "head_kernel": 3}
    network = zoo.build("fcn8s", 5, **sizes)
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.02 * torch.randn_like(weight)
        network.train()(torch.rand(4, 3, 64, 64))
    export(network.eval(), tmp_path / "lite.onnx")
    read = Network(tmp_path / "lite.onnx")
    assert read.context_margin == network.context_margin
    for size in ((64, 64), (45, 131)):
        image = torch.rand(2, 3, *size)
        with torch.no_grad():
            wanted = network(image)
        assert torch.allclose(read(image), wanted, atol=1e-4 * wanted.abs().max().item())


def test_tiles_leave_no_seam(files):
    """A large image tile by tile, by ONNX Runtime, is what PyTorch says tile by tile."""
    image = np.random.default_rng(0).integers(0, 256, (300, 420, 3)).astype(np.uint8)
    for name in ("unet", "unet_valid"):
        network, path = files(name)
        wanted = predict_tiles(network, image, precision="fp32")
        found = predict_tiles(Network(path), image, precision="fp32")
        assert (found == wanted).mean() > 0.9999
    assert np.array_equal(predict(Network(path), image[None], precision="fp32")[0], found)


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 130), st.integers(1, 130), st.integers(1, 3))
def test_any_size_is_taken(files, height, width, count):
    network, path = files("unet")
    image = torch.rand(count, 3, height, width)
    with torch.no_grad():
        assert torch.allclose(Network(path)(image), network(image), atol=1e-3)


def test_a_file_says_what_it_is_of_and_nothing_of_the_machine(files):
    _, path = files("fcn8s", maps=True)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    sizes = [size.dim_param or size.dim_value for size in _sizes(model.graph.input[0])]
    assert sizes == ["batch", 3, "height", "width"]
    read = Network(path)
    assert read.about["classes"][4] == "class 4"
    assert read.input == "image"
    data = path.read_bytes()
    for told in (os.getcwd(), ".py", os.path.expanduser("~")):
        assert told.encode() not in data


def _sizes(value):
    return value.type.tensor_type.shape.dim


def test_the_same_network_gives_the_same_file(files, tmp_path):
    network, path = files("unet")
    about = Network(path).about
    export(network, tmp_path / "again.onnx", about=about)
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()


def test_what_is_no_file_of_ours_is_refused(files, tmp_path):
    _, path = files("unet")
    data = path.read_bytes()
    foreign = onnx.load(path)
    del foreign.metadata_props[:]
    wrong = onnx.load(path)
    wrong.metadata_props[0].value = "{"
    outside = onnx.load(path)
    tensor = outside.graph.initializer[0]  # its numbers are said to lie in another file
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../secret"
    for name, content in {
        "empty": b"",
        "cut": data[: len(data) // 2],
        "text": b"no network",
        "foreign": foreign.SerializeToString(),
        "wrong": wrong.SerializeToString(),
        "outside": outside.SerializeToString(),
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}: got no ONNX file of"):
            Network(tmp_path / name)
    with pytest.raises(OSError, match="none"):
        Network(tmp_path / "none")


TOLD = {"padded": True, "multiple": 16, "context_margin": 92, "depth": 4, "in_channels": 3}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("padded", value) for value in (1, "no", None)),
        *(("multiple", value) for value in (0, -2, 1.5, "16", 10**9)),
        *(("context_margin", value) for value in (-1, float("nan"), True, [92])),
        *(("depth", value) for value in (0, 10**6, "4")),
        *(("in_channels", value) for value in (0, 1, 2, "3", None)),
        *(("latent", value) for value in (100, 0, "x")),
        *(("tile", value) for value in (0, "256", 10**9)),
        *((None, value) for value in ([], "x", 3, {"padded": False}, {"latent": 100})),
    ],
)
def test_what_a_file_says_of_itself_is_looked_at(files, tmp_path, name, value):
    told = value if name is None else TOLD | {name: value}
    path = changed(files("unet")[1], tmp_path / "wrong.onnx", told=told)
    with pytest.raises(ValueError, match=r"wrong\.onnx: got no ONNX file of") as caught:
        Network(path)
    assert "\n" not in str(caught.value) and (name or "expected") in str(caught.value)


def changed(source, path, **said):
    model = onnx.load(source)
    for entry in model.metadata_props:
        if entry.key in said:
            entry.value = json.dumps(said[entry.key])
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    "about",
    [[], None, 3, "x", *({"classes": c} for c in (3, "ab", [1], [], [None], ["a"] * 300, {}))],
)
def test_what_a_file_says_of_classes_is_looked_at(files, tmp_path, monkeypatch, capsys, about):
    monkeypatch.chdir(tmp_path)
    changed(files("unet")[1], tmp_path / "wrong.onnx", about=about)
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save("a.png")
    code = cli.main(["predict", "--onnx", "wrong.onnx", "--out", "out", "a.png"])
    said = capsys.readouterr()
    if isinstance(about, dict):
        assert code == 2 and said.err.count("\n") == 1 and "classes: got" in said.err
        assert not (tmp_path / "out").exists()
    else:  # anything may be said; it names no classes
        assert code == 0 and np.asarray(Image.open("out/a_mask.png")).max() < 5


def test_a_file_of_another_network_is_refused_not_computed(files, tmp_path):
    """What the graph is and what is said of it must agree."""
    noise, image = files("dcgan")[1], files("unet")[1]
    for source, told in ((noise, TOLD), (noise, {"latent": 7}), (image, TOLD | {"in_channels": 1})):
        with pytest.raises(ValueError, match="got no ONNX file of"):
            Network(changed(source, tmp_path / "wrong.onnx", told=told))
    tiled = changed(files("unet_valid")[1], tmp_path / "t.onnx", told=TOLD | {
        "padded": False, "tile": 256, "depth": 3,
    })  # fmt: skip
    with pytest.raises(ValueError, match=r"image: .*INVALID_ARGUMENT") as caught:
        predict(Network(tiled), np.zeros((1, 50, 50, 3), np.uint8))
    assert "\n" not in str(caught.value)


def test_without_the_packages_it_says_which(monkeypatch, tmp_path):
    known = builtins.__import__

    def missing(name, *rest, **more):
        if name.startswith("onnx"):
            raise ImportError(name)
        return known(name, *rest, **more)

    for module in ("onnx", "onnxscript", "onnxruntime"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ValueError, match=r"onnx is not installed.*upconv\[onnx\]"):
        export(make("unet"), tmp_path / "x.onnx")
    with pytest.raises(ValueError, match="onnxruntime is not installed"):
        Network(tmp_path / "x.onnx")
    assert json.dumps([path.name for path in tmp_path.iterdir()]) == "[]"
