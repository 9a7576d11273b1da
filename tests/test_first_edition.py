"""What the first edition wrote is read: weights, models, ONNX files, checkpoints, by old names.

The old names stand here once more, written by hand: the table alone cannot vouch for itself.
"""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from upconv import data, onnx, port, results, zoo
from upconv import keras as in_keras
from upconv import torch as in_torch
from upconv.training import BadCheckpoint, Settings, train

# Name in the zoo, its options then and now, and how its weights began then and begin now.
UNET = (("encoder", "down"), ("bottleneck", "bottom"), ("decoder", "mix"))
FILES = [
    (
        "unet",
        {"width": 4, "depth": 2, "channels": 1},
        {"base_channels": 4, "depth": 2, "in_channels": 1},
        UNET,
    ),
    (
        "unet_add",
        {"width": 3, "depth": 1, "channels": 3, "feed": "neighbour"},
        {"base_channels": 3, "depth": 1, "in_channels": 3, "skip_source": "neighbor"},
        UNET,
    ),
    (
        "segnet",
        {"width": 3, "depth": 1, "channels": 3, "feed": "nothing"},
        {"base_channels": 3, "depth": 1, "in_channels": 3, "skip_source": "zeros"},
        UNET,
    ),
    (
        "fcn8s",
        {"encoder": "squeezenet", "width": 0.1, "head": 8, "head_kernel": 3},
        {"encoder": "squeezenet", "width_mult": 0.1, "head": 8, "head_kernel": 3},
        (),
    ),
    (
        "concat",
        {"encoder": "squeezenet", "width": 0.1, "head": 8, "head_kernel": 3},
        {"encoder": "squeezenet", "width_mult": 0.1, "head": 8, "head_kernel": 3},
        (("decoder", "mix"),),
    ),
    ("dcgan", {"size": 32, "width": 4, "latent": 6, "up": "resize"}, None, ()),
    ("transform", {"width": 4, "blocks": 1}, None, ()),
]


def old_names(weights: dict, renamed) -> dict:
    """The weights under their old names."""
    found = {}
    for name, value in weights.items():
        for now, then in renamed:
            if name.startswith(f"{now}."):
                name = then + name.removeprefix(now)
                break
        found[name] = value
    return found


def made(name: str, now: dict | None) -> torch.nn.Module:
    torch.manual_seed(0)
    if name == "dcgan":
        options = {"size": 32, "base_channels": 4, "latent": 6, "up": "resize"}
        network = zoo.build_generator(name, **options)
    elif name == "transform":
        network = zoo.build_stylizer(name, base_channels=4, blocks=1)
    else:
        network = zoo.build(name, 2, **now)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network.eval()


@pytest.mark.parametrize("framework", ["torch", "keras"])
@pytest.mark.parametrize(("name", "then", "now", "renamed"), FILES, ids=[one[0] for one in FILES])
def test_files_of_weights(tmp_path, framework, name, then, now, renamed):
    network = made(name, now)
    old = old_names(port.weights(network), renamed)
    if renamed:
        assert not old.keys() & {key for key in port.weights(network) if key.startswith("decoder")}
    path = tmp_path / "w.safetensors"
    about = {"network": name, "classes": '["a", "b"]', "options": json.dumps(then)}
    save_file({key: np.ascontiguousarray(value) for key, value in old.items()}, path, about)
    restore = {"dcgan": zoo.restore_generator, "transform": zoo.restore_stylizer}.get(
        name, lambda *given: zoo.restore(*given)[0]
    )
    read = restore(path, framework)
    rng = np.random.default_rng(0)
    channels = 1 if now and now.get("in_channels") == 1 else 3
    size = (2, 6) if name == "dcgan" else (2, channels, 32, 32)
    given = rng.random(size, np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(given)).numpy()
    if framework == "keras":
        given = given.transpose(0, 2, 3, 1) if given.ndim == 4 else given
        found = np.asarray(read(given)).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    else:
        with torch.inference_mode():
            np.testing.assert_array_equal(read(torch.from_numpy(given)).numpy(), expected)


@pytest.mark.parametrize("wrapped", [False, True])
def test_state_dicts(wrapped):
    network = made("unet", {"base_channels": 4, "depth": 2, "in_channels": 1})
    old = old_names(network.state_dict(), UNET)
    torch.manual_seed(1)
    other = zoo.build("unet", 2, base_channels=4, depth=2, in_channels=1)
    if wrapped:  # as part of another network
        torch.nn.Sequential(other).load_state_dict({f"0.{key}": old[key] for key in old})
    else:
        other.load_state_dict(old)
    for key, value in network.state_dict().items():
        assert torch.equal(other.state_dict()[key], value)
    del old["bottom.conv1.weight"]
    with pytest.raises(RuntimeError, match=r"bottleneck\.conv1\.weight"):
        other.load_state_dict(old)


def test_stored_weights_are_read():
    generator = zoo.restore_generator(results.FOLDER / "dcgan_mnist.safetensors")
    assert type(generator) is in_torch.Generator
    images = generator(torch.zeros(1, 100))
    assert images.shape == (1, 1, 32, 32) and images.std() > 0.1


def test_stored_onnx_files_are_read():
    pytest.importorskip("onnxruntime")
    network = onnx.Network(results.FOLDER / "playground" / "unet.onnx")
    assert "down.0.conv1" in network.outputs  # the file is as the first edition wrote it
    assert (network.context_margin, network.in_channels, network.multiple) == (94, 3, 16)
    assert not hasattr(network, "rim") and not hasattr(network, "channels")
    assert network(torch.rand(1, 3, 32, 48)).shape == (1, 11, 32, 48)
    generator = onnx.Network(results.FOLDER / "playground" / "digits.onnx")
    assert (generator.channels, generator.latent, generator.size) == (1, 100, 32)


# Layers of Keras: their class and settings now, and as the first edition saved them.
LAYERS = [
    ("Normalize", {}, "Normalise", {}),
    ("CropLike", {"centered": True}, "CropTo", {}),
    ("CropLike", {"centered": False}, "CutTo", {}),
    (
        "PadToMultiple",
        {"multiple": 4, "centered": False, "fill": "zeros"},
        "FillUp",
        {"multiple": 4, "mirror": False},
    ),
    (
        "PadToMultiple",
        {"multiple": 4, "centered": False, "fill": "reflect"},
        "FillUp",
        {"multiple": 4, "mirror": True},
    ),
    (
        "PadToMultiple",
        {"multiple": 32, "centered": True, "fill": "mean"},
        "PadToMultiple",
        {"multiple": 32},
    ),
    ("ReflectionPad", {"padding": 1}, "MirrorRim", {"rim": 1}),
    ("ReflectionPad", {"padding": 4}, "MirrorRim", {"rim": 4}),
    ("SkipSource", {"kind": "own"}, "Feed", {"kind": "own"}),
    ("SkipSource", {"kind": "zeros"}, "Feed", {"kind": "nothing"}),
    ("SkipSource", {"kind": "neighbor"}, "Feed", {"kind": "neighbour"}),
]
MODELS = {
    "U-Net": lambda: in_keras.variants.UNet(2, 3, 2, 2, padded=True, skip_source="neighbor"),
    "U-Net, zeros": lambda: in_keras.variants.UNet(2, 3, 2, 2, padded=True, skip_source="zeros"),
    "transformation": lambda: in_keras.TransformNet(base_channels=2, blocks=1),
    "VGG-19": lambda: in_keras.VGG19(["conv1_2"], 0.05, "reflect"),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_models_that_keras_saved(tmp_path, make):
    import keras

    model, changed = make(), 0
    model.save(tmp_path / "now.keras")
    with zipfile.ZipFile(tmp_path / "now.keras") as now:
        parts = {name: now.read(name) for name in now.namelist()}
    described = json.loads(parts["config.json"])
    for layer in described["config"]["layers"]:
        for kind, settings, old, old_settings in LAYERS:
            own = layer["config"]
            if layer["class_name"] == kind and settings.items() <= own.items():
                layer |= {"class_name": old, "registered_name": f"upconv>{old}"}
                kept = {name: own[name] for name in ("name", "trainable", "dtype")}
                layer["config"] = kept | old_settings
                changed += 1
                break
    assert changed > 0
    text = json.dumps(described)
    assert not any(f'"{kind}"' in text for kind in ("CropLike", "ReflectionPad", "SkipSource"))
    with zipfile.ZipFile(tmp_path / "then.keras", "w") as then:
        for name, part in (parts | {"config.json": text}).items():
            then.writestr(name, part)
    read = keras.saving.load_model(tmp_path / "then.keras")
    given = np.random.default_rng(0).random((2, 37, 50, 3), np.float32)
    for found, expected in zip(
        *(keras.tree.flatten(each(given)) for each in (read, model)), strict=True
    ):
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    assert [type(layer) for layer in read.layers] == [type(layer) for layer in model.layers]
    read.save(tmp_path / "again.keras")
    keras.saving.load_model(tmp_path / "again.keras")


SCENES = data.digit_scenes(4)


def run(path, resume=False, **options) -> torch.nn.Module:
    torch.manual_seed(0)
    sizes = {"base_channels": 4, "depth": 2, "in_channels": 3}
    network = zoo.build("unet_add", 11, **sizes, **options)
    settings = Settings(steps=4, batch=2, crop=32, precision="fp32")
    train(
        network, SCENES, settings, device="cpu", progress=False, checkpoint=path, resume=resume,
    )  # fmt: skip
    return network


def test_checkpoints(tmp_path, monkeypatch):
    """A run that the first edition has begun goes on to the same weights."""
    path = tmp_path / "run.pt"
    finished = run(path)
    state = torch.load(path, weights_only=True)
    # As it was there: old names, of weights as of what the network says of itself.
    state["network"] = old_names(state["network"], UNET)
    nature = state["inputs"]["network"]
    assert nature.pop("skip_source") == "own" and nature.pop("in_channels") == 3
    nature |= {"feed": "own", "channels": 3, "rim": 20}
    settings, history = state["settings"], state["history"]
    settings["elastic"] = settings.pop("elastic_sigma")
    settings["jitter"] = settings.pop("brightness_contrast_jitter")
    settings["upside_down"] = settings.pop("vertical_flip")
    history["waited"] = history.pop("data_wait")
    torch.save(state, path)
    resumed = run(path, resume=True)
    for name, value in finished.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value)
    with pytest.raises(BadCheckpoint, match="got skip_source = own, expected zeros"):
        run(path, resume=True, skip_source="zeros")


def test_a_checkpoint_of_the_papers_network_is_not_a_variants(tmp_path):
    path = tmp_path / "run.pt"
    settings = Settings(steps=2, batch=2, crop=32, precision="fp32")
    sizes = {"base_channels": 4, "depth": 2, "in_channels": 3, "padded": True}
    given = {"device": "cpu", "progress": False, "checkpoint": path}
    train(in_torch.UNet(11, **sizes), SCENES, settings, **given)
    with pytest.raises(BadCheckpoint, match="got skip_source = own, expected zeros"):
        variant = in_torch.variants.UNet(11, **sizes, skip_source="zeros")
        train(variant, SCENES, settings, resume=True, **given)
