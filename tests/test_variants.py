"""The networks of the ablations: by default the papers', with the same weights and outputs."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from upconv import keras as in_keras
from upconv import port, zoo
from upconv import torch as in_torch

UNET = {"base_channels": 4, "depth": 2}
FCN = {"classes": 3, "width_mult": 0.05, "head": 40}
LIGHT = {"classes": 3, "encoder": "squeezenet", "width_mult": 0.25, "head": 16, "head_kernel": 3}
GAN = {"size": 32, "channels": 1, "base_channels": 4}
# Name, the paper's arguments, shape of the input.
PAPERS = [
    ("UNet", UNET, (2, 1, 60, 76)),
    ("UNet", UNET | {"padded": True, "norm": "batch"}, (2, 1, 37, 50)),
    ("UNet", UNET | {"padded": True, "norm": "group", "in_channels": 3}, (2, 3, 37, 50)),
    ("FCN", FCN | {"stride": 32}, (1, 3, 45, 70)),
    ("FCN", FCN | {"stride": 8}, (1, 3, 45, 70)),
    ("FCN", LIGHT | {"stride": 2}, (1, 3, 64, 64)),
    ("Generator", GAN | {"latent": 7}, (3, 7)),
    ("Generator", GAN | {"kernel": 5}, (3, 100)),
    ("Discriminator", GAN, (3, 1, 32, 32)),
    ("Discriminator", GAN | {"kernel": 3}, (3, 1, 32, 32)),
]
# What only the variant takes, and what of it is not the paper's.
OWN = {
    "UNet": [{"up": "resize"}, {"skips": "add"}, {"skip_source": "zeros"}],
    "FCN": [{"score_relu": True}],
    "Generator": [{"up": "resize"}, {"norm": False}, {"dense": 5}, {"act": "tanh"}],
    "Discriminator": [{"down": "pool"}, {"norm": False}, {"dense": 5}, {"act": "relu"}],
}


def pair(name: str, options: dict) -> list[torch.nn.Module]:
    """The paper's network and the variant, each made from the same seed."""
    made = []
    for room in (in_torch, in_torch.variants):
        torch.manual_seed(0)
        made.append(getattr(room, name)(**options).eval())
    return made


def shaken(network: torch.nn.Module) -> torch.nn.Module:
    """With weights of which none is zero, as scores are at first."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network


@pytest.mark.parametrize(("name", "options", "size"), PAPERS)
def test_by_default_a_variant_is_the_papers_network(name, options, size):
    paper, variant = pair(name, options)
    states = [network.state_dict() for network in (paper, variant)]
    assert list(states[0]) == list(states[1])  # optimizers number weights by their order
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert getattr(paper, "context_margin", 0) == getattr(variant, "context_margin", 0)
    given = torch.rand(size)
    with torch.inference_mode():
        for first, second in ((paper, variant), (variant, paper)):
            second.load_state_dict(shaken(first).state_dict())
            out = first(given)
            assert torch.equal(second(given), out) and out.abs().max() > 0


@pytest.mark.parametrize(("name", "options", "size"), PAPERS)
def test_by_default_a_variant_is_the_papers_network_in_keras(name, options, size):
    paper = getattr(in_keras, name)(**options)
    variant = getattr(in_keras.variants, name)(**options)
    source = shaken(getattr(in_torch, name)(**options))
    for network in (paper, variant):
        port.load_weights(network, port.weights(source))
    given = np.random.default_rng(0).random(size, np.float32)
    given = given.transpose(0, 2, 3, 1) if given.ndim == 4 else given
    out = np.asarray(paper(given))
    np.testing.assert_array_equal(np.asarray(variant(given)), out)
    assert np.abs(out).max() > 0


@pytest.mark.parametrize("room", [in_torch, in_keras])
@pytest.mark.parametrize("name", OWN)
def test_a_variant_takes_what_the_papers_network_takes_and_more(room, name):
    paper, variant = (
        list(inspect.signature(getattr(place, name)).parameters.values())
        for place in (room, room.variants)
    )
    assert [str(one) for one in variant[: len(paper)]] == [str(one) for one in paper]
    more = variant[len(paper) :]
    assert {one.name for one in more} >= {key for options in OWN[name] for key in options}
    assert all(one.kind is one.KEYWORD_ONLY for one in more)


@pytest.mark.parametrize(
    ("name", "own"), [(name, options) for name in OWN for options in OWN[name]], ids=str
)
def test_each_argument_of_a_variant_changes_it(name, own):
    options = {"UNet": UNET | {"padded": True}, "FCN": FCN | {"stride": 16}}.get(name, GAN)
    size = {"UNet": (2, 1, 32, 32), "FCN": (1, 3, 64, 64), "Generator": (3, 100)}
    given = torch.rand(size.get(name, (3, 1, 32, 32)))
    paper, _ = pair(name, options)
    torch.manual_seed(0)
    variant = getattr(in_torch.variants, name)(**options, **own).eval()
    state = paper.state_dict()
    same = state.keys() == variant.state_dict().keys() and all(
        value.shape == state[key].shape for key, value in variant.state_dict().items()
    )
    if same:
        variant.load_state_dict(shaken(paper).state_dict())
        with torch.inference_mode():
            assert not torch.allclose(paper(given), variant(given), rtol=1e-3)
    for room in (in_torch, in_keras):
        where = rf"{next(iter(own))} is for upconv\.\w+\.variants\.{name} now"
        with pytest.raises(TypeError, match=where):
            getattr(room, name)(**options, **own)


def test_the_zoo_builds_the_papers_network_where_it_can():
    small = {"base_channels": 4, "depth": 1}
    assert type(zoo.build("unet", 2, **small)) is in_torch.UNet
    assert type(zoo.build("segnet", 2, **small)) is in_torch.variants.UNet
    assert type(zoo.build("unet", 2, **small, up="resize")) is in_torch.variants.UNet
    assert type(zoo.build_generator("dcgan", size=32)) is in_torch.Generator
    with_layer = zoo.build_generator("dcgan", size=32, base_channels=4, dense=3)
    assert type(with_layer) is in_torch.variants.Generator
    for name, options in (("unet", {"levels": 1}), ("transform", {"sizes": 1})):
        make = zoo.build_stylizer if name == "transform" else lambda *a, **k: zoo.build(*a, 2, **k)
        with pytest.raises(TypeError, match=next(iter(options))):
            make(name, **options)
