"""What only a GPU can show; skipped where there is none.

With ``UPCONV_TEST_DEVICE=cpu`` a processor stands in for it: so the tests themselves are tested.
They need no other file of this folder: ``pytest --noconftest`` runs them without TensorFlow.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from upconv import data, zoo
from upconv.device import resolve_precision
from upconv.inference import predict, probabilities
from upconv.style import StyleSettings, stylize
from upconv.torch import FCN, Discriminator, Generator, UNet
from upconv.training import GanSettings, Settings, train, train_gan
from upconv.training.batches import Prefetcher, make_batch

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else os.environ.get("UPCONV_TEST_DEVICE", "")
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not DEVICE, reason="no GPU")]
itself = pytest.mark.skipif(not CUDA, reason="no GPU, and nothing can stand in for it")

SCENES = data.digit_scenes(16)
STEPS = 12
SETTINGS = Settings(
    steps=STEPS, batch=4, crop=32, flip=False, log_every=1, optimizer="sgd", learning_rate=0.02,
    precision="fp32",
)  # fmt: skip


@pytest.fixture(autouse=True)
def as_exact_as_a_processor(monkeypatch):
    """In float32, no convolution or product in TF32."""
    monkeypatch.delenv("UPCONV_PRECISION", raising=False)
    places = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = False
    yield
    for place, value in zip(places, before, strict=True):
        place.allow_tf32 = value


def unet() -> UNet:
    return UNet(11, 3, base_channels=4, depth=2, padded=True, norm="batch", dropout=0.0)


def fcn() -> FCN:
    network = FCN(11, 8, encoder="squeezenet", width_mult=0.25, head=32, head_kernel=3)
    for layer in network.modules():
        if isinstance(layer, nn.Dropout | nn.Dropout2d):  # devices draw different numbers
            layer.p = 0.0
    return network


def run(make, device, settings=SETTINGS, **options):
    torch.manual_seed(0)
    network = make()
    return network, train(network, SCENES, settings, device=device, progress=False, **options)


@pytest.mark.parametrize("make", [unet, fcn])
def test_losses_in_float32_are_those_of_a_processor(make):
    _, expected = run(make, "cpu")
    network, found = run(make, DEVICE)
    assert next(network.parameters()).device.type == DEVICE
    assert found.losses == pytest.approx(expected.losses, rel=2e-3)
    assert np.ptp(expected.losses) > 0.02 * expected.losses[0]  # it learns at all


@pytest.mark.parametrize("precision", ["auto", "fp16"])
def test_training_in_16_bits_learns(precision):
    if precision == "fp16" and not CUDA:
        pytest.skip("fp16 needs a GPU")
    quick = Settings(
        steps=60, batch=8, crop=32, flip=False, log_every=1, learning_rate=4e-3, precision=precision
    )
    network, history = run(unet, DEVICE, quick)
    assert np.isfinite(history.losses).all()
    assert np.mean(history.losses[-5:]) < 0.6 * history.losses[0]
    assert all(weight.dtype == torch.float32 for weight in network.parameters())


class Broken(Exception):
    pass


@pytest.mark.parametrize("first", ["cpu", "gpu"])
def test_a_run_goes_on_on_another_device(first, tmp_path):
    devices = ["cpu", DEVICE] if first == "cpu" else [DEVICE, "cpu"]
    # Without its momentum, it would go on slower.
    settings = replace(SETTINGS, schedule="constant", learning_rate=0.05)

    def stop(step, loss):
        if step == 6:
            raise Broken

    _, expected = run(unet, "cpu", settings)
    file = {"checkpoint": tmp_path / "state.pt", "save_every": 3}
    with pytest.raises(Broken):
        run(unet, devices[0], settings, callback=stop, **file)
    assert torch.load(file["checkpoint"], map_location="cpu", weights_only=True)["step"] == 6
    _, found = run(unet, devices[1], settings, resume=True, **file)
    assert found.steps == list(range(STEPS))
    assert found.losses == pytest.approx(expected.losses, rel=3e-3)


def test_predictions_are_those_of_a_processor():
    network, _ = run(unet, "cpu", replace(SETTINGS, steps=40, optimizer="adamw"))
    images = SCENES.images[:4]
    sure = probabilities(network, images, device="cpu", precision="fp32")
    exact = probabilities(network, images, device=DEVICE, precision="fp32")
    np.testing.assert_allclose(exact, sure, atol=1e-4)
    close = probabilities(network, images, device=DEVICE)
    np.testing.assert_allclose(close, sure, atol=0.06)
    said = predict(network, images, device=DEVICE, precision="fp32")
    assert (said == sure.argmax(1)).mean() > 0.999


def test_a_style_is_drawn_as_on_a_processor():
    layers = {"content_layers": ("conv1_2",), "style_layers": ("conv1_1", "conv2_1")}
    pictures = data.photographs()[:2]
    settings = StyleSettings(size=32, steps=4, scales=1, precision="fp32", **layers)
    found = [
        stylize(
            zoo.features("random", sum(layers.values(), ())),
            *pictures,
            settings,
            device=device,
            progress=False,
        )[1].style
        for device in ("cpu", DEVICE)
    ]
    assert found[1][:3] == pytest.approx(found[0][:3], rel=5e-3)
    assert found[1][-1] == pytest.approx(found[0][-1], rel=0.1)
    assert found[1][-1] < 0.5 * found[1][0]


def gan(device, settings=GanSettings(steps=STEPS, batch=8, log_every=100), each=None):  # noqa: B008
    torch.manual_seed(0)
    generator, discriminator = (
        Generator(32, 1, base_channels=4),
        Discriminator(32, 1, base_channels=4),
    )
    if each:
        generator.register_forward_pre_hook(each)
    return train_gan(
        generator, discriminator, data.digits(), settings, device=device, progress=False
    )


def test_a_pair_of_networks_trains():
    history = gan(DEVICE)
    assert history.steps == [0, STEPS - 1]
    assert np.isfinite(history.generator_losses + history.discriminator_losses).all()


def segmenter(device, settings, each):
    torch.manual_seed(0)
    network = unet()
    network.register_forward_pre_hook(each)
    return train(network, SCENES, settings, device=device, progress=False)


def followed(loop: str, steps: int, each, precision: str = "auto") -> None:
    """Train for so many steps; ``each`` is called with the number of a step as it begins."""
    begun = iter(range(steps))

    def note(*_) -> None:
        each(next(begun))

    if loop == "gan":
        gan(DEVICE, GanSettings(steps=steps, batch=8, log_every=1000, precision=precision), note)
    else:
        settings = replace(SETTINGS, steps=steps, log_every=1000, precision=precision)
        segmenter(DEVICE, settings, note)
    assert next(begun, None) is None  # it was called in every step


@pytest.mark.parametrize("loop", ["segmenter", "gan"])
def test_steps_are_followed_to_the_end(loop):
    seen = []
    followed(loop, 5, seen.append)
    assert seen == [0, 1, 2, 3, 4]


@itself
@pytest.mark.parametrize("loop", ["segmenter", "gan"])
@pytest.mark.parametrize("precision", ["auto", "fp16"])
def test_no_step_waits_for_the_gpu(loop, precision):
    """But the first and the last, whose losses are noted."""

    def watch(step: int) -> None:
        torch.cuda.set_sync_debug_mode("error" if 0 < step < STEPS - 1 else "default")

    try:
        followed(loop, STEPS, watch, precision)
        torch.cuda.set_sync_debug_mode("error")
        with pytest.raises(RuntimeError, match="synchroniz"):  # such waiting would be seen
            torch.ones(1, device=DEVICE).item()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@itself
@pytest.mark.parametrize("loop", ["segmenter", "gan"])
def test_memory_does_not_grow(loop):
    taken = []
    followed(loop, 60, lambda step: taken.append(torch.cuda.memory_allocated()))
    # Losses that have not been read are a few bytes each.
    assert max(taken[30:]) - max(taken[5:30]) <= 64 * 1024


@itself
def test_batches_are_fetched_by_the_gpu_itself():
    history = type("History", (), {"data_wait": 0.0})()
    with Prefetcher(
        lambda step: make_batch(SCENES, SETTINGS, step), 2, history, torch.device("cuda")
    ) as batches:
        batch = batches(0)
    assert batch.images.is_pinned() and batch.masks.is_pinned()
    copied = batch.images.to("cuda", non_blocking=True)
    torch.testing.assert_close(copied.cpu(), batch.images)


@itself
def test_what_is_fastest_here_is_chosen():
    capability = torch.cuda.get_device_capability()
    expected = "bf16" if capability >= (8, 0) else "fp16" if capability >= (7, 0) else "fp32"
    assert resolve_precision("auto", torch.device("cuda")) == expected
