"""Style transfer: energies equal in NumPy and both frameworks, gradients as derived by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import torch
from hypothesis import given
from hypothesis import strategies as st

from upconv import keras as in_keras
from upconv import ops, port, zoo
from upconv import torch as in_torch
from upconv.data import photo
from upconv.keras import style as keras_style
from upconv.style import StyleSettings, stylize, with_colors_of
from upconv.torch import style as torch_style
from upconv.torch.weights import vgg19_normalized

SEEDS = st.integers(0, 2**32 - 1)
sides = st.tuples(st.integers(2, 5), st.integers(2, 5))


def maps(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def channels_last(array: np.ndarray) -> tf.Tensor:
    return tf.constant(np.moveaxis(array, 1, -1))


@given(SEEDS, st.integers(1, 4), sides, sides)
def test_energies_are_equal_in_all_three(seed, channels, size, other):
    drawn, style = maps(seed, 2, channels, *size), maps(seed + 1, 2, channels, *other)
    content = maps(seed + 2, *drawn.shape)
    for name, second in (("content_loss", content), ("style_loss", style)):
        expected = getattr(ops, name)(drawn, second)
        found = getattr(torch_style, name)(*map(torch.tensor, (drawn, second)))
        np.testing.assert_allclose(found, expected, rtol=1e-10)
        found = getattr(keras_style, name)(*map(channels_last, (drawn, second)))
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    for name in ("gram", "total_variation"):
        expected = getattr(ops, name)(drawn)
        np.testing.assert_allclose(getattr(torch_style, name)(torch.tensor(drawn)), expected)
        np.testing.assert_allclose(getattr(keras_style, name)(channels_last(drawn)), expected)


def test_style_energy_by_the_written_formula():
    drawn, style = maps(0, 1, 3, 4, 5), maps(1, 1, 3, 4, 5)
    total = 0.0
    for k in range(3):
        for other in range(3):
            f = [sum(a[0, k, i, j] * a[0, other, i, j] for i in range(4) for j in range(5))
                 for a in (drawn, style)]  # fmt: skip
            total += (f[0] - f[1]) ** 2
    assert ops.style_loss(drawn, style)[0] == pytest.approx(total / (2 * 4 * 5 * 3) ** 2)


@given(SEEDS, st.integers(1, 4), sides, sides)
def test_the_gradient_by_hand_is_autograds(seed, channels, size, other):
    drawn, style = maps(seed, 2, channels, *size), maps(seed + 1, 2, channels, *other)
    asked = torch.tensor(drawn, requires_grad=True)
    torch_style.style_loss(asked, torch.tensor(style)).sum().backward()
    np.testing.assert_allclose(ops.style_gradient(drawn, style), asked.grad, atol=1e-8, rtol=1e-8)
    variable = tf.Variable(channels_last(drawn))
    with tf.GradientTape() as tape:
        energy = tf.reduce_sum(keras_style.style_loss(variable, channels_last(style)))
    found = np.moveaxis(tape.gradient(energy, variable).numpy(), -1, 1)
    np.testing.assert_allclose(ops.style_gradient(drawn, style), found, atol=1e-8, rtol=1e-8)


@given(SEEDS)
def test_style_does_not_know_places_and_content_does(seed):
    drawn, style = maps(seed, 1, 3, 4, 4), maps(seed + 1, 1, 3, 4, 4)
    order = np.random.default_rng(seed).permutation(16)
    moved = drawn.reshape(1, 3, 16)[..., order].reshape(drawn.shape)
    np.testing.assert_allclose(ops.gram(moved), ops.gram(drawn), atol=1e-12)
    assert ops.style_loss(moved, style) == pytest.approx(ops.style_loss(drawn, style))
    tiled = np.tile(drawn, (1, 1, 2, 3))  # the same texture, six times as large
    assert ops.style_loss(tiled, style) == pytest.approx(ops.style_loss(drawn, style))
    assert ops.content_loss(moved, drawn)[0] > 0 or np.array_equal(moved, drawn)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: ops.gram(a[0]), "maps: got 3 axes"),
        (lambda a: ops.gram(a.astype(int)), "maps: got dtype int64"),
        (lambda a: ops.content_loss(a, a[..., :2]), r"content: got shape \(1, 2, 3, 2\)"),
        (lambda a: ops.style_loss(a, a[:, :1]), r"style: got shape \(1, 1, 3, 4\)"),
        (lambda a: ops.style_gradient(a, a.astype(np.float32)), "style: got dtype float32"),
        (lambda a: ops.total_variation(a[:, :, :1]), "image: got shape"),
    ],
)
def test_bad_maps_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.zeros((1, 2, 3, 4)))


# ---- the network --------------------------------------------------------------------------------


def test_layers_have_the_papers_names():
    """Simonyan & Zisserman, configuration E; the places are those of torchvision's vgg19."""
    with torch.device("meta"):
        network = in_torch.VGG19()
    convolutions = [tag for tag in network.tags if tag.startswith("conv")]
    counts = [sum(tag.startswith(f"conv{block}_") for tag in convolutions) for block in range(1, 6)]
    assert counts == [2, 2, 4, 4, 4]
    assert network.tags["conv2_2"] == 7
    assert network.tags["conv4_2"] == 21
    assert network.tags["conv5_1"] == 28
    assert sum(p.numel() for p in network.parameters()) == 20_024_384  # torchvision's features
    shapes = network.layers(torch.empty(1, 3, 64, 96, device="meta"), ["relu5_1", "conv2_2"])
    assert list(shapes) == ["relu5_1", "conv2_2"]
    assert shapes["conv2_2"].shape == (1, 128, 32, 48)
    assert shapes["relu5_1"].shape == (1, 512, 4, 6)
    with pytest.raises(ValueError, match="names: got 'conv4'"):
        network.layers(torch.empty(1, 3, 64, 64, device="meta"), ["conv4"])
    with pytest.raises(ValueError, match="last: got 'pool1'"):
        in_torch.VGG19(0.1, last="pool1")


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
def test_vgg19_computes_the_same_in_both(padding):
    torch.manual_seed(0)
    names = ["conv1_1", "relu2_2", "conv4_2", "relu5_1"]
    first = in_torch.VGG19(0.1, padding=padding)
    second = in_keras.VGG19(names, 0.1, padding)
    carried = {k: v for k, v in port.weights(first).items() if int(k.split(".")[1]) <= 28}
    port.load_weights(second, carried)
    image = np.random.default_rng(0).random((2, 40, 48, 3), dtype=np.float32)
    with torch.inference_mode():
        ours = first.layers(torch.from_numpy(image).permute(0, 3, 1, 2), names)
    theirs = second(image)
    for name in names:
        found = np.moveaxis(theirs[name].numpy(), -1, 1)
        assert np.abs(found - ours[name].numpy()).max() < 1e-4 * ours[name].abs().max()
    assert (ours["conv1_1"] < 0).any()
    assert not (ours["relu2_2"] < 0).any()


def test_mirrored_style_weights_keep_what_they_compute(tmp_path):
    """BGR minus a mean, as the file has it, against RGB normalised, as ours."""
    rng = np.random.default_rng(0)
    sizes = [
        ("1_1", 3, 64),
        ("1_2", 64, 64),
        ("2_1", 64, 128),
        ("2_2", 128, 128),
        ("3_1", 128, 256),
    ]
    arrays = {"pre_w": rng.normal(size=(3, 3, 1, 1)), "pre_b": rng.normal(size=3)}
    for name, before, after in sizes:
        arrays[f"conv{name}_w"] = rng.normal(size=(after, before, 3, 3)) / np.sqrt(9 * before)
        arrays[f"conv{name}_b"] = rng.normal(size=after)
    arrays = {name: value.astype(np.float32) for name, value in arrays.items()}
    np.savez(tmp_path / "weights.npz", **arrays)
    network = in_torch.VGG19(last="conv3_1", padding="reflect")
    network.load_state_dict(vgg19_normalized(tmp_path / "weights.npz"))
    image = torch.rand(1, 3, 20, 24)
    x = torch.nn.functional.conv2d(image, *(torch.tensor(arrays[f"pre_{k}"]) for k in "wb"))
    with torch.inference_mode():
        found = network.layers(image, ["conv1_1", "conv3_1"])
        for name, *_ in sizes:
            x = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
            weight, bias = (torch.tensor(arrays[f"conv{name}_{k}"]) for k in "wb")
            x = torch.nn.functional.conv2d(x, weight, bias)
            if name == "1_1":
                torch.testing.assert_close(found["conv1_1"], x, atol=1e-4, rtol=1e-4)
            if name == "3_1":
                torch.testing.assert_close(found["conv3_1"], x, atol=1e-3, rtol=1e-3)
            x = x.relu()
            if name in ("1_2", "2_2"):
                x = torch.nn.functional.max_pool2d(x, 2)


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
def test_standardized_activations_have_mean_zero_and_variance_one(padding):
    torch.manual_seed(0)
    network = in_torch.VGG19(0.1, "conv3_1", padding)
    in_torch.he_initialize(network)
    with torch.no_grad():
        network.features[0].weight[2] = 0  # never changes
    image = torch.rand(2, 3, 32, 40)
    names = [tag for tag in network.tags if tag.startswith("conv")]
    in_torch.standardize_activations(network, image)
    with torch.no_grad():
        for name, maps in network.layers(image, names).items():
            assert maps.mean((0, 2, 3)).abs().max() < 1e-4
            deviations = maps.std((0, 2, 3), correction=0)
            wanted = torch.ones_like(deviations)
            if name == "conv1_1":
                wanted[2] = 0
            torch.testing.assert_close(deviations, wanted, rtol=1e-3, atol=1e-5)


def test_strides_are_those_of_the_maps():
    image = torch.rand(1, 3, 64, 96)
    for network in (in_torch.VGG19(0.05), in_torch.SqueezeNet(0.1)):
        for name, maps in network.layers(image, network.tags).items():
            stride = network.stride(name)
            assert maps.shape[2:] == (64 // stride, 96 // stride)


def test_random_features_are_scaled_and_seeded():
    network = zoo.features("random", ["relu2_1", "conv1_2"], seed=1)
    assert list(network.tags)[-1] == "relu2_1"  # no deeper than asked for
    seen = torch.tensor(photo("astronaut", 128, gray=False), dtype=torch.float32)
    with torch.no_grad():
        found = network.layers(seen.permute(2, 0, 1)[None], ["conv1_1", "conv2_1"])
    for maps in found.values():
        assert maps.mean((0, 2, 3)).abs().max() < 1e-3
        assert (maps.std((0, 2, 3)) - 1).abs().max() < 1e-2
    again, other = (zoo.features("random", ["conv1_1"], seed=seed) for seed in (1, 2))
    assert torch.equal(again.features[0].weight, network.features[0].weight)
    assert not torch.equal(other.features[0].weight, network.features[0].weight)
    with pytest.raises(ValueError, match="features: got 'vgg16'"):
        zoo.features("vgg16", ["conv1_1"])
    with pytest.raises(ValueError, match="layers: got 'fire2'"):
        zoo.features("vgg19", ["fire2"])


# ---- drawing ------------------------------------------------------------------------------------

QUICK = StyleSettings(size=48, steps=5, scales=2, precision="fp32")


@pytest.fixture(scope="module")
def random_vgg():
    torch.manual_seed(0)
    network = in_torch.VGG19(0.1, "conv3_1", "reflect")
    in_torch.he_initialize(network)
    return network


@pytest.fixture(scope="module")
def pictures():
    content = (photo("camera", 60, gray=False) * 255).astype(np.uint8)[:40]
    style = (photo("brick", 50, gray=False) * 255).astype(np.uint8)
    return content, style


def draw(network, pictures, settings=QUICK, **options):
    return stylize(network, *pictures, settings, progress=False, **options)


def test_both_energies_make_the_picture(random_vgg, pictures):
    image, history = draw(random_vgg, pictures, replace(QUICK, steps=12))
    assert image.shape == (32, 48, 3)
    assert history.style[-1] < 0.3 * history.style[0]
    assert history.seconds > 0
    assert set(history.pixels) == {16 * 24, 32 * 48}
    kept, _ = draw(random_vgg, pictures, replace(QUICK, style_weight=0.0))
    content = np.asarray(
        torch.nn.functional.interpolate(
            torch.tensor(pictures[0]).permute(2, 0, 1)[None] / 255,
            (32, 48), mode="bicubic", antialias=True,
        )[0].permute(1, 2, 0)
    )  # fmt: skip
    assert np.abs(kept / 255 - content).mean() < 0.1 < np.abs(image / 255 - content).mean()


def test_weights_of_layers_say_which_count(random_vgg, pictures):
    both = replace(QUICK, style_layers=("conv1_1", "conv2_1"))
    alike, _ = draw(random_vgg, pictures, both)
    np.testing.assert_array_equal(
        draw(random_vgg, pictures, replace(both, layer_weights=(3.0, 3.0)))[0], alike
    )
    lower, _ = draw(random_vgg, pictures, replace(both, style_layers=("conv1_1",)))
    first, _ = draw(random_vgg, pictures, replace(both, layer_weights=(1.0, 0.0)))
    np.testing.assert_array_equal(first, lower)
    assert np.abs(lower.astype(int) - alike).mean() > 1


def test_the_same_seed_draws_the_same(random_vgg, pictures):
    noise = replace(QUICK, start="noise", seed=3)
    first, second = (draw(random_vgg, pictures, noise)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other, _ = draw(random_vgg, pictures, replace(noise, seed=4))
    assert np.abs(other.astype(int) - first).mean() > 1


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("after", [0, 3])
def test_a_drawing_broken_off_goes_on_to_the_same_end(
    random_vgg, pictures, tmp_path, optimizer, after
):
    settings = replace(
        QUICK, optimizer=optimizer, learning_rate=1 if optimizer == "lbfgs" else 0.05
    )
    whole, history = draw(random_vgg, pictures, settings)

    class Stop(Exception):
        pass

    def stop(step, image):
        assert image.dtype == np.uint8
        if step == after:
            raise Stop

    path = tmp_path / "run.pt"
    with pytest.raises(Stop):
        draw(random_vgg, pictures, settings, checkpoint=path, save_every=1, callback=stop)
    again, resumed = draw(random_vgg, pictures, settings, checkpoint=path, resume=True)
    np.testing.assert_array_equal(whole, again)
    assert resumed.style == history.style


def test_colours_are_kept(random_vgg, pictures):
    content = pictures[0] // 2 + np.array([100, 40, 0], np.uint8)
    image, _ = draw(random_vgg, (content, pictures[1]), replace(QUICK, preserve_color=True))
    red_minus_blue = image[..., 0].astype(int) - image[..., 2]
    assert np.median(red_minus_blue) == pytest.approx(100, abs=12)
    same = with_colors_of(content, content)
    assert np.abs(same.astype(int) - content).max() <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 8}, "size: got 8"),
        ({"size": 40, "scales": 3}, "scales: got 3 for 40 pixels"),
        ({"style_weight": -1.0}, "style_weight: got -1.0"),
        ({"content_weight": float("nan")}, "content_weight: got nan"),
        ({"layer_weights": (1.0,)}, "layer_weights: got .*one for each of conv1_1, conv2_1"),
        ({"layer_weights": (0.0, 0.0, 0.0)}, "layer_weights: got .*at least one above 0"),
        ({"layer_weights": (1.0, -1.0, 1.0)}, "layer_weights: got .*at least 0"),
        ({"optimizer": "sgd"}, "optimizer: got 'sgd'"),
        ({"content_layers": (), "style_layers": ()}, "style_layers: got none"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        StyleSettings(**options)


def test_bad_pictures_are_refused(random_vgg, pictures):
    content, style = pictures
    with pytest.raises(ValueError, match=r"content: got shape \(40, 60\)"):
        draw(random_vgg, (content[..., 0], style))
    with pytest.raises(ValueError, match=r"style: got \(50, 9\) pixels"):
        draw(random_vgg, (content, style[:, :9]))
    with pytest.raises(ValueError, match="name: got 'conv4_2'"):
        draw(random_vgg, pictures, replace(QUICK, content_layers=("conv4_2",)))
    with pytest.raises(ValueError, match=r"coarsest image has 16 pixels .* at least 32 for fire9"):
        draw(
            in_torch.SqueezeNet(0.1),
            pictures,
            replace(QUICK, style_layers=("fire3", "fire9"), content_layers=()),
        )
