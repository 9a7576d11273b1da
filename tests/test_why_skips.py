"""The experiment on why skips help: its streams, its gradients, and its probes' fixed targets."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from upconv.data import digit_scenes
from upconv.torch import FCN

FOLDER = Path(__file__).parents[1] / "code" / "experiments"


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(FOLDER)):
            del sys.modules[name]


def network(stride=8):
    torch.manual_seed(0)
    made = FCN(11, stride, width_mult=1 / 16, head=64, head_kernel=3).eval()
    for layer in (made.score, *made.score_skip.values()):
        torch.nn.init.normal_(layer.weight)
        torch.nn.init.normal_(layer.bias)
    return made


@pytest.mark.parametrize("stride", [32, 16, 8])
@torch.no_grad()
def test_streams_are_those_of_the_network_and_add_up(module, stride):
    why, net = module("why_skips"), network(stride)
    image = torch.rand(2, 3, 128, 128)
    scores = why.stream_scores(net, image)
    assert [*scores] == {32: ["p5"], 16: ["p5", "p4"], 8: ["p5", "p4", "p3"]}[stride]
    whole = net(image)
    torch.testing.assert_close(why.decode(net, scores), whole)
    parts = [why.decode(net, why.alone(scores, name)) for name in scores]
    torch.testing.assert_close(sum(parts), whole, atol=1e-4, rtol=1e-4)


def test_gradients_are_split_without_changing_the_network(module):
    why, net = module("why_skips"), network()
    net.train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    gradients = why.Gradients(net)
    gradients(2, 0.5)  # not a step to be measured
    assert not gradients.found
    gradients(1, 0.5)
    found = gradients.found["1"]
    assert found["sum_differs_by"] < 1e-4
    norms = {path: np.array(values) for path, values in found["norms"].items()}
    assert (norms["p4"][-1], *norms["p3"][-2:]) == (0, 0, 0)  # deeper than where they begin
    assert (norms["p5"] > 0).all() and (norms["all"] <= sum(norms.values()) - norms["all"]).all()
    assert net.training and all(weight.grad is None for weight in net.parameters())
    assert all((value == before[name]).all() for name, value in net.state_dict().items())


def test_targets_are_the_same_for_all_maps(module):
    probes = module("why_probes")
    data = digit_scenes(6, size=64)
    targets = probes.blocks(data)
    picture = data.masks.astype(np.float32)[..., None]
    for stride in probes.STRIDES:  # a map that is the mask, pooled: its vectors lie at the blocks
        side = 64 // stride
        pooled = picture.reshape(6, side, stride, side, stride, 1).mean((2, 4))
        x, place = probes.vectors(pooled, stride, targets)
        assert len(x) == len(targets["digit"])
        if stride <= probes.BLOCK:
            assert not place.any() and x.shape[1] == (8 // stride) ** 2
            at = (targets["scene"], targets["row"], targets["column"])
            means = picture.reshape(6, 8, 8, 8, 8).mean((2, 4))[at]
            np.testing.assert_allclose(x.mean(1), means, rtol=1e-5)
        else:
            assert set(place) <= set(range((stride // 8) ** 2)) and x.shape[1] == 1


def test_shuffled_answers_stay_among_the_scenes_to_fit_or_to_choose_by(module, monkeypatch):
    probes = module("why_probes")
    monkeypatch.setattr(probes, "FITTED", 4)
    targets = probes.blocks(digit_scenes(6, size=64))
    mixed = probes.shuffled(targets, 0)
    fit = targets["scene"] < 4
    assert (mixed["digit"] != targets["digit"]).any()
    for part in (fit, ~fit):
        assert sorted(mixed["digit"][part]) == sorted(targets["digit"][part])
        assert mixed["pixels"][part].sum() == targets["pixels"][part].sum()


def test_a_probe_reads_what_is_there_and_nothing_else(module, monkeypatch):
    probes = module("why_probes")
    monkeypatch.setattr(probes, "FITTED", 300)
    rng = np.random.default_rng(0)
    digit = rng.integers(0, 10, 600)
    x = np.eye(10, dtype=np.float32)[digit] + 0.1 * rng.normal(size=(600, 10)).astype(np.float32)
    pixels = np.repeat(digit[:, None] > 4, 64, axis=1).astype(np.float32)
    targets = {"scene": np.arange(400), "digit": digit[:400], "pixels": pixels[:400]}
    told, drawn = probes.probe(x[:400], targets, x[400:])
    assert (told == digit[400:]).mean() > 0.95
    assert np.abs(drawn - pixels[400:]).mean() < 0.2
    told, _ = probes.probe(rng.normal(size=(400, 10)).astype(np.float32), targets, x[400:])
    assert (told == digit[400:]).mean() < 0.5
