"""DCGAN: sizes as published, the same in both frameworks, every guideline a switch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from upconv import keras as in_keras
from upconv import port
from upconv import torch as in_torch

SMALL = {"size": 32, "base_channels": 4, "channels": 2}
SWITCHES = [
    {},
    {"kernel": 5},
    {"kernel": 3},
    {"norm": False},
    {"dense": 20},
    {"act": "tanh"},
    {"act": "leaky"},
    {"size": 64},
]


def room(framework, options: dict):
    """Where a network with these options is: the paper's, or its variant."""
    return framework if options.keys() <= {"kernel", "size", "latent"} else framework.variants


def both(name: str, options: dict):
    torch.manual_seed(0)
    first = getattr(room(in_torch, options), name)(**SMALL | options).eval()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
        for kind, buffer in first.named_buffers():
            if kind.endswith("running_var"):
                buffer *= 0.5 + torch.rand_like(buffer)
    second = getattr(room(in_keras, options), name)(**SMALL | options)
    return first, port.load_weights(second, port.weights(first))


@pytest.mark.parametrize("options", [*SWITCHES, {"up": "resize"}, {"latent": 7}], ids=str)
def test_generators_of_both_frameworks_draw_the_same(options):
    first, second = both("Generator", options)
    noise = torch.randn(3, options.get("latent", 100))
    with torch.inference_mode():
        ours = first(noise).permute(0, 2, 3, 1).numpy()
    side = options.get("size", 32)
    assert ours.shape == (3, side, side, 2)
    assert ours.std() > 0.05
    assert np.abs(ours).max() <= 1
    np.testing.assert_allclose(np.asarray(second(noise.numpy())), ours, atol=1e-5)
    back = room(in_torch, options).Generator(**SMALL | options).eval()
    port.load_weights(back, port.weights(second))
    with torch.inference_mode():
        np.testing.assert_allclose(back(noise).permute(0, 2, 3, 1).numpy(), ours, atol=1e-6)


@pytest.mark.parametrize("options", [*SWITCHES, {"down": "pool"}], ids=str)
def test_discriminators_of_both_frameworks_judge_the_same(options):
    first, second = both("Discriminator", options)
    side = options.get("size", 32)
    images = 2 * torch.rand(4, 2, side, side) - 1
    with torch.inference_mode():
        ours = first(images).numpy()
    assert ours.shape == (4,)
    assert ours.std() > 0
    theirs = np.asarray(second(images.permute(0, 2, 3, 1).numpy()))
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)


def test_generator_is_the_papers():
    """100 → 4 × 4 × 1024 → 8 × 8 × 512 → 16 × 16 × 256 → 32 × 32 × 128 → 64 × 64 × 3."""
    network = in_torch.Generator()
    shapes = []
    for layer in (network.project, *network.up):
        layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    assert network(torch.randn(2, 100)).shape == (2, 3, 64, 64)
    assert shapes == [(16384,), (512, 8, 8), (256, 16, 16), (128, 32, 32), (3, 64, 64)]
    weights = sum(p.numel() for p in network.parameters())
    kernels = 16 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3)
    norms = 2 * (1024 + 512 + 256 + 128)
    assert weights == 100 * 16384 + kernels + norms + 3


def test_discriminator_is_the_mirror_without_pooling():
    network = in_torch.Discriminator()
    shapes = []
    for layer in network.down:
        layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    network(torch.rand(2, 3, 64, 64))
    assert shapes == [(128, 32, 32), (256, 16, 16), (512, 8, 8), (1024, 4, 4)]
    kinds = {type(layer).__name__ for layer in network.modules()}
    assert not any("Pool" in kind for kind in kinds)
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules()) == 3


def test_weights_begin_as_in_the_paper():
    for network in (in_torch.Generator(), in_torch.Discriminator()):
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d | torch.nn.Linear):
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
                assert abs(layer.weight.mean().item()) < 0.002
    kernel = in_keras.Generator(32, base_channels=64).get_layer("up.0.conv").kernel.numpy()
    assert kernel.std() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("framework", [in_torch, in_keras])
@pytest.mark.parametrize(
    ("network", "options", "name"),
    [
        ("Generator", {"size": 48}, "size"),
        ("Generator", {"kernel": 6}, "kernel"),
        ("Generator", {"up": "pixels"}, "up"),
        ("Discriminator", {"down": "average"}, "down"),
        ("Discriminator", {"act": "gelu"}, "act"),
    ],
)
def test_what_is_no_dcgan_is_refused(framework, network, options, name):
    with pytest.raises(ValueError, match=f"{name}: got"):
        getattr(room(framework, options), network)(**options)
