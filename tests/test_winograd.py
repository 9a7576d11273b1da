"""Winograd's convolutions against PyTorch's, and when they are taken."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from upconv import data
from upconv.device import autocast, layout
from upconv.inference import predict
from upconv.torch import Discriminator, Generator, UNet
from upconv.torch import winograd as module
from upconv.torch.winograd import Convolutions, conv2d, pays
from upconv.training import Settings, train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def scenes():
    return data.digit_scenes(8)


@pytest.fixture
def capability(monkeypatch):
    """Say of which kind the processor is."""

    def say(name: str) -> None:
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: name)

    return say


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_values_and_gradients_are_those_of_the_library(data):
    draw = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    padding, images, into, out = draw(0, 2), draw(1, 3), draw(1, 3), draw(1, 3)
    height, width = (draw(3 - min(2, 2 * padding), 11) for _ in range(2))
    lies = data.draw(st.sampled_from([torch.contiguous_format, torch.channels_last]))
    biased = data.draw(st.booleans())
    torch.manual_seed(draw(0, 1000))
    shapes = (images, into, height, width), (out, into, 3, 3), (out,)
    given = [torch.randn(shape, dtype=torch.double) for shape in shapes]
    given[0] = given[0].contiguous(memory_format=lies)
    given = [part.requires_grad_() for part in given[: 2 + biased]]
    expected = F.conv2d(*given, padding=padding)
    found = conv2d(*given, **({} if biased else {"bias": None}), padding=padding)
    torch.testing.assert_close(found, expected)
    direction = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, given, direction),
        torch.autograd.grad(expected, given, direction),
    )


@pytest.mark.parametrize("tiles", [1, 7, 10**6])
def test_the_number_of_images_at_a_time_changes_nothing(tiles, monkeypatch):
    x, weight = torch.randn(5, 3, 7, 9, dtype=torch.double), torch.randn(4, 3, 3, 3).double()
    weight.requires_grad_()
    monkeypatch.setattr(module, "TILES", tiles)
    found, expected = conv2d(x, weight, padding=1), F.conv2d(x, weight, padding=1)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(out.square().sum(), weight)[0] for out in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_its_rounding_errors_are_those_of_the_library():
    """Against double precision, at 256 channels: at most as large again."""
    torch.manual_seed(0)
    x, weight = torch.randn(2, 256, 28, 28).relu(), torch.randn(256, 256, 3, 3) / 48
    weight.requires_grad_()
    exact_weight = weight.detach().double().requires_grad_()
    exact = F.conv2d(x.double(), exact_weight, padding=1)
    direction = torch.randn_like(exact)
    slope = torch.autograd.grad(exact, exact_weight, direction)[0]
    errors = []
    for convolve in (conv2d, F.conv2d):
        out = convolve(x, weight, None, padding=1)
        found = torch.autograd.grad(out, weight, direction.float())[0]
        pairs = (out, exact), (found, slope)
        errors.append([((a - b).abs().max() / b.abs().max()).item() for a, b in pairs])
    for winograd, library in zip(*errors, strict=True):
        assert 0 < winograd < 2 * library + 1e-6


@pytest.mark.parametrize(
    ("x", "weight", "padding", "message"),
    [
        ((1, 2, 5, 5), (3, 2, 5, 5), 0, r"weight: got shape \(3, 2, 5, 5\), expected \(O, 2, 3, 3"),
        ((1, 2, 5, 5), (3, 1, 3, 3), 0, r"weight: got shape \(3, 1, 3, 3\), expected \(O, 2, 3, 3"),
        ((1, 2, 5, 5), (3, 2, 3, 3), 3, "padding: got 3, expected 0, 1 or 2"),
        ((1, 2, 2, 5), (3, 2, 3, 3), 0, r"x: got \(2, 5\) with padding 0, expected at least 3 × 3"),
    ],
)
def test_errors(x, weight, padding, message):
    with pytest.raises(ValueError, match=message):
        conv2d(torch.zeros(x), torch.zeros(weight), padding=padding)


OPTIONS = [
    {"padding": 1},
    {"padding": (1, 1)},
    {"padding": "same"},
    {"padding": "valid"},
    {"padding": (1, 0)},
    {"padding": 3},
    {"padding": 1, "stride": 2},
    {"padding": 1, "stride": (1, 2)},
    {"padding": 1, "dilation": 2},
    {"padding": 1, "groups": 128},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("given", ["float32", "float64", "without a batch", "channels last"])
def test_within_the_mode_every_convolution_is_what_it_is(options, given):
    x = torch.randn(1, 128, 28, 28)
    weight = torch.randn(128, 128 // options.get("groups", 1), 3, 3) / 34
    if given == "float64":
        x, weight = x.double(), weight.double()
    x = x[0] if given == "without a batch" else x
    x = x.to(memory_format=torch.channels_last) if given == "channels last" else x
    bias = torch.randn(128, dtype=x.dtype)
    expected = F.conv2d(x, weight, bias, **options)
    with Convolutions():
        found = F.conv2d(x, weight, bias=bias, **options)
        assert found.shape == expected.shape
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        narrow = nn.Conv2d(3, 5, 1).to(x.dtype)
        assert narrow(torch.zeros(1, 3, 4, 4, dtype=x.dtype)).shape == (1, 5, 4, 4)


def counted(monkeypatch, work) -> int:
    """How many convolutions went by Winograd's algorithm."""
    calls = []
    original = module.conv2d
    monkeypatch.setattr(module, "conv2d", lambda *a: calls.append(a) or original(*a))
    work()
    monkeypatch.undo()
    return len(calls)


@pytest.mark.parametrize(
    ("kind", "precision", "taken"),
    [("AVX2", "fp32", 1), ("AVX2", "bf16", 0), ("AVX512", "fp32", 0), ("DEFAULT", "fp32", 0)],
)
def test_it_is_taken_in_float32_on_processors_with_avx2_alone(
    kind, precision, taken, capability, monkeypatch
):
    capability(kind)
    layer = nn.Conv2d(128, 128, 3, padding=1)

    def work() -> None:
        with autocast(precision, CPU):
            layer(torch.zeros(1, 128, 28, 28))
        layer(torch.zeros(1, 128, 28, 28))  # outside, never

    with monkeypatch.context() as own:
        assert counted(own, work) == taken
    first = layout(layer, precision, CPU) == torch.contiguous_format
    assert first == bool(taken)


def test_it_pays_with_many_channels_and_tiles_only():
    wide = torch.empty(128, 128, 3, 3)
    assert pays(torch.empty(1, 128, 28, 28), wide)
    assert not pays(torch.empty(1, 128, 14, 14), wide)
    assert pays(torch.empty(4, 128, 14, 14), wide)
    assert not pays(torch.empty(1, 3, 224, 224), torch.empty(128, 3, 3, 3))
    assert not pays(torch.empty(1, 128, 28, 28, dtype=torch.double), wide.double())


def test_networks_of_strided_kernels_keep_their_channels_last(capability):
    capability("AVX2")
    for network in (Generator(64, 3, base_channels=8), Discriminator(64, 3, base_channels=8)):
        assert layout(network, "fp32", CPU) == torch.channels_last
    assert layout(UNet(2, 3, base_channels=8), "fp32", CPU) == torch.contiguous_format
    assert layout(UNet(2, 3, base_channels=8), "bf16", CPU) == torch.channels_last
    assert layout(UNet(2, 3, base_channels=8), "fp32", torch.device("cuda")) == torch.channels_last


class Wide(nn.Module):
    """A network whose middle layer goes by Winograd's algorithm on 32 × 32 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 128, 3, padding=1), nn.ReLU(),
            nn.Conv2d(128, 128, 3, padding=1), nn.ReLU(), nn.Conv2d(128, 11, 1),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x)


def trained(
    scenes, kind: str, capability, steps: int = 6, **options
) -> tuple[nn.Module, list[float]]:
    """A network trained on a processor of that kind, and its losses."""
    capability(kind)
    torch.manual_seed(0)
    network, losses = Wide(), []
    chosen = Settings(steps=6, batch=2, crop=32, precision="fp32", flip=False)

    def mark(step: int, loss: float) -> None:
        losses.append(loss)
        if step + 1 == steps < chosen.steps:
            raise KeyboardInterrupt

    train(network, scenes, chosen, progress=False, callback=mark, **options)
    return network, losses


def test_a_training_goes_the_faster_way_and_learns_the_same(capability, monkeypatch, scenes):
    """The losses are those without it, up to rounding."""
    with monkeypatch.context() as own:
        assert counted(own, lambda: trained(scenes, "AVX2", capability)) == 6
    network, fast = trained(scenes, "AVX2", capability)
    other, plain = trained(scenes, "AVX512", capability)
    weights = zip(network.parameters(), other.parameters(), strict=True)
    assert not all(torch.equal(mine, yours) for mine, yours in weights)
    assert fast == pytest.approx(plain, rel=1e-3)
    capability("AVX2")
    with monkeypatch.context() as own:
        assert counted(own, lambda: predict(network, scenes.images[:2], precision="fp32")) >= 1


def test_a_training_broken_off_goes_on_to_the_bit(capability, scenes, tmp_path):
    whole, _ = trained(scenes, "AVX2", capability)
    options = {"checkpoint": tmp_path / "run.pt", "save_every": 2}
    with pytest.raises(KeyboardInterrupt):
        trained(scenes, "AVX2", capability, steps=4, **options)
    resumed, losses = trained(scenes, "AVX2", capability, resume=True, **options)
    assert 0 < len(losses) < 6
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
