"""Looking at what a network says changes nothing: it trains afterwards as if nobody had looked."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from upconv import data, onnx, results, zoo
from upconv import torch as in_torch
from upconv.device import inferring, resolve_precision
from upconv.inference import (
    evaluate,
    evaluate_instances,
    generate,
    predict,
    predict_tiles,
    probabilities,
)
from upconv.style import TransformSettings, apply_transform_net, train_transform
from upconv.torch import dead_units
from upconv.torch.modes import evaluating
from upconv.training import GanSettings, Settings, train, train_gan

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (2, 48, 48, 3)).astype(np.uint8)
MASKS = RNG.integers(0, 2, (2, 48, 48)).astype(np.uint8)
PAIRS = data.SegmentationSet("random", ("ground", "thing"), PICTURES, MASKS)
THINGS = data.SegmentationSet(
    "random", ("ground", "thing"), PICTURES, MASKS, instances=MASKS.astype(np.int32)
)
NOISE = RNG.standard_normal((3, 100))
DIGITS = data.ImageSet("random", RNG.integers(0, 256, (8, 32, 32)).astype(np.uint8))


def unet():
    # Batch norm and dropout: what a network would do otherwise in the other mode.
    return in_torch.UNet(base_channels=4, depth=2, in_channels=3, norm="batch", dropout=0.5)


def generator():
    return in_torch.Generator(32, 1, base_channels=4)


def discriminator():
    return in_torch.Discriminator(32, 1, base_channels=4)


def painter():
    return in_torch.TransformNet(base_channels=4, blocks=1)


def classifier():
    return in_torch.SmallClassifier(base_channels=2)


def step(network, given, generation=None):
    """One step on what the network says of an input."""
    network.train()
    if generation is not None:
        torch.manual_seed(generation)
    network(given).square().mean().backward()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter -= 0.1 * parameter.grad


IMAGES = torch.from_numpy(PICTURES).permute(0, 3, 1, 2) / 255
LOOKS = {
    "predict": (unet, IMAGES, lambda n, **o: predict(n, PICTURES, **o)),
    "probabilities": (unet, IMAGES, lambda n, **o: probabilities(n, PICTURES, tta=2, **o)),
    "predict_tiles": (unet, IMAGES, lambda n, **o: predict_tiles(n, PICTURES[0], tile=32, **o)),
    "evaluate": (unet, IMAGES, lambda n, **o: evaluate(n, PAIRS, **o)),
    "evaluate_objects": (unet, IMAGES, lambda n, **o: evaluate_instances(n, THINGS, **o)),
    "draw": (generator, torch.from_numpy(NOISE).float(), lambda n, **o: generate(n, NOISE, **o)),
    "transform": (painter, IMAGES, lambda n, **o: apply_transform_net(n, PICTURES[0], **o)),
    "dead_units": (
        discriminator,
        IMAGES[:, :1, :32, :32],
        lambda n, **_: dead_units(n, IMAGES[:, :1, :32, :32]),
    ),
    "extract_features": (
        classifier,
        IMAGES[:, :1, :32, :32],
        lambda n, **_: in_torch.extract_features(n, IMAGES[:, :1, :32, :32]),
    ),
    "difference": (
        lambda: in_torch.FCN(2, 8, "squeezenet", width_mult=0.25, head=8, head_kernel=3),
        IMAGES,
        lambda n, **_: onnx.difference(n, n),
    ),
}


@pytest.mark.parametrize("inside", [False, True], ids=["plainly", "in inference mode"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", LOOKS)
def test_a_network_trains_as_if_nobody_had_looked(name, precision, inside):
    make, given, look = LOOKS[name]
    torch.manual_seed(0)
    seen = make()
    unseen = copy.deepcopy(seen)
    with torch.inference_mode(inside):
        look(seen, precision=precision)
    assert all(module.training for module in seen.modules())
    assert not any(p.is_inference() or p.grad is not None for p in seen.parameters())
    for generation in (1, 2):
        step(seen, given, generation)
        look(seen, precision=precision)
        step(unseen, given, generation)
    for (key, ours), (_, theirs) in zip(
        seen.state_dict().items(), unseen.state_dict().items(), strict=True
    ):
        # Channels first and last sum in another order.
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4, msg=key)


def test_the_mode_is_restored_part_by_part():
    network = unet()
    parts = list(network.modules())
    for place, part in enumerate(parts):
        part.training = place % 3 > 0
    before = [part.training for part in parts]
    with evaluating(network):
        assert not any(part.training for part in parts)
    assert [part.training for part in parts] == before
    with pytest.raises(RuntimeError, match="stop"), evaluating(network):
        raise RuntimeError("stop")
    assert [part.training for part in parts] == before


class Noted(nn.Module):
    """A network that notes how it is called."""

    in_channels, padded = 3, True

    def __init__(self):
        super().__init__()
        self.score = nn.Conv2d(3, 2, 1)
        self.seen = []

    def forward(self, image):
        modes = self.training, torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        self.seen.append(modes)
        return self.score(image)


def test_what_predicts_does_so_in_evaluation_mode_and_without_gradients():
    network = Noted()
    for look in (predict, probabilities):
        look(network, PICTURES)
    assert network.seen == [(False, False, True)] * 2
    with inferring(network):
        assert torch.is_inference_mode_enabled()
    assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()


def test_features_can_be_learned_from():
    """Tensors made in inference mode could not."""
    features, chances = in_torch.extract_features(classifier(), IMAGES[:, :1, :32, :32])
    probe = nn.Linear(64, 2)
    probe(features).sum().backward()
    assert not (features.is_inference() or chances.is_inference())
    assert probe.weight.grad.abs().sum() > 0


SEGMENT = Settings(steps=4, batch=2, crop=48, flip=False, log_every=1)
LOOPS = {
    "train": lambda net, look: train(net, PAIRS, SEGMENT, progress=False, callback=look),
    "train_gan": lambda net, look: train_gan(
        net,
        discriminator(),
        DIGITS,
        GanSettings(steps=4, batch=4, log_every=1),
        progress=False,
        callback=look,
    ),
    "train_transform": lambda net, look: train_transform(
        net,
        in_torch.VGG19(width_mult=0.1, last="conv3_1"),
        list(PICTURES),
        PICTURES[0],
        TransformSettings(steps=4, crop=32, style_size=48, log_every=1),
        progress=False,
        callback=look,
    ),
}
WATCHED = {"train": (unet, "predict"), "train_gan": (generator, "draw")}
WATCHED["train_transform"] = painter, "transform"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("loop", LOOPS)
def test_a_training_that_is_watched_goes_on_as_one_that_is_not(loop, precision, monkeypatch):
    monkeypatch.setenv("UPCONV_PRECISION", precision)
    make, name = WATCHED[loop]
    ends = []
    for watched in (True, False):
        torch.manual_seed(0)
        network = make()
        look = LOOKS[name][2] if watched else lambda network: None
        LOOPS[loop](network, lambda *_, network=network, look=look: look(network))
        ends.append(network.state_dict())
        assert not any(module.training for module in network.modules())
    for key in ends[0]:
        assert torch.equal(ends[0][key], ends[1][key]), key


def test_a_network_of_a_file_is_ready_to_be_used():
    generator = zoo.restore_generator(results.FOLDER / "dcgan_mnist.safetensors")
    assert not any(module.training for module in generator.modules())
    noise = np.random.default_rng(0).standard_normal((2, 100))
    with torch.no_grad():
        plain = generator(torch.from_numpy(noise).float())[:, 0].numpy()
    drawn = generate(generator, noise, precision="fp32")
    assert np.abs(np.round((plain + 1) * 127.5) - drawn).max() <= 1


def test_the_environment_decides_what_precision_auto_is(monkeypatch):
    cpu = torch.device("cpu")
    for name in ("fp32", "bf16"):
        monkeypatch.setenv("UPCONV_PRECISION", name)
        assert resolve_precision("auto", cpu) == name
        assert resolve_precision("fp32", cpu) == "fp32"
        assert resolve_precision("bf16", cpu) == "bf16"
    monkeypatch.setenv("UPCONV_PRECISION", "half")
    with pytest.raises(ValueError, match="UPCONV_PRECISION: got 'half', expected one"):
        resolve_precision("auto", cpu)
    monkeypatch.delenv("UPCONV_PRECISION")
    assert resolve_precision("auto", cpu) in ("fp32", "bf16")
