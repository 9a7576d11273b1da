"""Files of weights made by others, or to do harm: converted, or refused in one line."""

from __future__ import annotations

import json
import resource

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from upconv import port, zoo

UNET = {"base_channels": 4, "depth": 1, "in_channels": 1}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A small U-Net's file."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    zoo.save(path, zoo.build("unet", 2, **UNET), "unet", ("a", "b"), **UNET)
    return path


def told(path, network="unet", classes='["a", "b"]', options=UNET):
    """A file of a few numbers that says what it is of."""
    options = options if isinstance(options, str) else json.dumps(options)
    about = {"network": network, "classes": classes, "options": options}
    port.save_weights(path, {"score.weight": np.zeros((2, 4, 1, 1), np.float32)}, about)
    return path


def test_bfloat16_is_converted_exactly(weights, tmp_path):
    found, about = port.read_weights(weights)
    short = {name: torch.from_numpy(value).bfloat16() for name, value in found.items()}
    mixed = short | {"score.bias": torch.from_numpy(found["score.bias"])}
    save_file(mixed, tmp_path / "short.safetensors", about)
    read, said = port.read_weights(tmp_path / "short.safetensors")
    assert said == about and list(read) == list(found)
    for name, value in mixed.items():
        np.testing.assert_array_equal(read[name], value.float().numpy())
    network, classes, name = zoo.restore(tmp_path / "short.safetensors")
    assert (classes, name) == (("a", "b"), "unet")
    assert torch.equal(network.score.weight, short["score.weight"].float())


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e8m0fnu])
def test_other_kinds_of_numbers_are_refused_in_a_line(tmp_path, kind):
    save_file({"score.bias": torch.zeros(2).to(kind)}, tmp_path / "odd.safetensors")
    with pytest.raises(ValueError, match=r"odd\.safetensors: got score\.bias of F8_.*, expected"):
        port.read_weights(tmp_path / "odd.safetensors")


# Network, its options, and what is wrong with them.
HOSTILE = [
    *(
        ("unet", UNET | {"base_channels": value}, "base_channels: got")
        for value in (0, -3, 2**40, 1.5, "8", True)
    ),
    ("unet", {"depth": 1, "width": 0}, "base_channels: got"),  # as the first edition wrote it
    *(("unet", UNET | {"in_channels": value}, "in_channels: got") for value in (0, None, 10**9)),
    *(("unet", UNET | {"depth": value}, "depth: got") for value in (0, 10**6, [2])),
    ("unet", UNET | {"dropout": 7.0}, "unet"),
    ("unet", UNET | {"norm": {}}, "norm: got"),
    ("unet", UNET | {"base_channels": 4096}, "describes"),
    ("unet", UNET | {"x": 1}, "x"),
    ("unet", "[1]", "options: got"),
    ("unet", "{", "Expecting"),
    ("fcn8s", {"width_mult": 0}, "width_mult: got"),
    ("fcn8s", {"width": 0}, "width_mult: got"),
    ("fcn8s", {"width_mult": 1e300}, "width_mult: got"),
    ("fcn8s", '{"width_mult": NaN}', "width_mult: got"),
    ("fcn8s", {"head": 10**12}, "head: got"),
    ("fcn8s", {"head_kernel": 0}, "head_kernel: got"),
    ("fcn8s", {"encoder": "vgg16"}, "describes"),
    ("resnet", {}, "network: got"),
    *(
        ("dcgan", {"size": 32, name: -1}, f"{name}: got")
        for name in ("base_channels", "latent", "dense")
    ),
    ("dcgan", {"size": 32, "channels": 0}, "channels: got"),
    ("dcgan", {"size": 0}, "size: got"),
    ("dcgan", {}, "describes"),
    ("transform", {"base_channels": 0}, "base_channels: got"),
    ("transform", {"blocks": 10**6}, "blocks: got"),
    ("transform", {}, "describes"),
]


def restore(path, network, framework):
    if network in zoo.GENERATORS:
        return zoo.restore_generator(path, framework)
    if network in zoo.STYLIZERS:
        return zoo.restore_stylizer(path, framework)
    return zoo.restore(path, framework)


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_what_no_network_has_is_refused_before_it_is_built(tmp_path, framework):
    pytest.importorskip(framework)
    restore(zoo_file(tmp_path), "unet", framework)  # imports what there is to import
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for network, options, complaint in HOSTILE:
        path = told(tmp_path / "w.safetensors", network, options=options)
        with pytest.raises(ValueError) as caught:
            restore(path, network, framework)
        said = str(caught.value)
        assert str(path) in said and "\n" not in said, (network, options)
        if complaint != "unet":  # PyTorch and Keras say by themselves what a dropout is
            assert complaint in said, (network, options, said)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < 300e6  # the largest described takes gigabytes


def zoo_file(folder):
    small = folder / "small.safetensors"
    zoo.save(small, zoo.build("unet", 2, **UNET), "unet", ("a", "b"), **UNET)
    return small


@pytest.mark.parametrize("classes", ['"ab"', "[1, 2]", "null", "{}", "3", "[]"])
def test_classes_are_names(tmp_path, classes):
    path = told(tmp_path / "w.safetensors", classes=classes)
    with pytest.raises(ValueError, match="classes: got"):
        zoo.restore(path)
