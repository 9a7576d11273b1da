"""The networks in both frameworks: sizes as published, outputs equal with ported weights."""

from __future__ import annotations

from operator import attrgetter, itemgetter

import numpy as np
import pytest
import torch

from upconv import keras as in_keras
from upconv import ops, port
from upconv import torch as in_torch
from upconv.torch.weights import squeezenet_from_caffe

# One small configuration of every network: name, arguments, input size, classes.
SMALL = {"encoder": "vgg16", "width_mult": 0.05, "head": 200, "head_kernel": 7}
UNET = {"base_channels": 6, "depth": 3, "classes": 4}
PADDED = UNET | {"in_channels": 3, "padded": True}
WITH_RELU = {"classes": 3, "steps": "three with ReLU", "width_mult": 0.05}
LIGHT = {"encoder": "squeezenet", "width_mult": 0.25, "head": 32, "head_kernel": 3}
LITE = {"encoder": "efficientnet_lite0", "width_mult": 0.2, "head": 32, "head_kernel": 3}
NETWORKS = [
    ("FCN", {"classes": 5, "stride": 32} | SMALL, (45, 70)),
    ("FCN", {"classes": 5, "stride": 16} | SMALL, (64, 33)),
    ("FCN", {"classes": 5, "stride": 8} | SMALL, (45, 70)),
    ("FCN", {"classes": 3, "stride": 8} | LIGHT, (50, 97)),
    ("FCN", {"classes": 3, "stride": 2} | LIGHT, (64, 64)),
    *(("FCN", {"classes": 3, "stride": stride} | LITE, (50, 97)) for stride in (32, 16, 8, 4, 2)),
    ("variants.FCN", {"classes": 5, "score_relu": True} | SMALL, (45, 70)),
    ("variants.FeatureSumFCN", {"classes": 2, "skips": True} | SMALL, (45, 70)),
    ("variants.FeatureSumFCN", {"classes": 2, "skips": False} | LIGHT, (45, 70)),
    ("variants.ConcatFCN", {"classes": 4} | SMALL, (45, 70)),
    ("variants.SumFCN", {"classes": 4} | SMALL, (45, 70)),
    ("variants.SkiplessFCN", {"classes": 4, "stride": 4} | LITE, (31, 64)),
    ("variants.ConcatFCN", {"classes": 4, "stride": 4} | LIGHT, (31, 64)),
    ("variants.FeatureSumFCN", {"classes": 2, "skips": True} | LITE, (45, 70)),
    ("variants.ConcatFCN", {"classes": 4, "stride": 4} | LITE, (31, 64)),
    ("variants.EightfoldFCN", {"classes": 3, "width_mult": 0.05}, (45, 70)),
    ("variants.EightfoldFCN", {"classes": 3, "steps": "three", "width_mult": 0.05}, (45, 70)),
    (
        "variants.EightfoldFCN",
        {"classes": 3, "steps": "three with ReLU", "width_mult": 0.05},
        (45, 70),
    ),
    ("ConvAutoencoder", {"hidden": 6, "latent": 3}, (48, 64)),
    ("WindowClassifier", {"classes": 4, "hidden": 5}, (40, 37)),
    ("VGG16Classifier", {"classes": 7, "width_mult": 0.02}, (224, 224)),
    ("EfficientNetLite0Classifier", {"classes": 7, "width_mult": 0.2}, (64, 96)),
    ("UNet", {"in_channels": 3, "base_channels": 4}, (188, 204)),
    ("UNet", {"in_channels": 3, "base_channels": 4, "depth": 2, "classes": 3}, (44, 60)),
    ("UNet", PADDED, (37, 50)),
    (
        "variants.UNet",
        PADDED | {"norm": "batch", "skips": "add"},
        (40, 33),
    ),
    (
        "variants.UNet",
        PADDED | {"norm": "group", "up": "resize"},
        (37, 50),
    ),
    ("variants.UNet", PADDED | {"skips": "none"}, (37, 50)),
    ("variants.UNet", PADDED | {"skips": "switches"}, (37, 50)),
    (
        "variants.UNet",
        PADDED | {"skip_source": "neighbor"},
        (37, 50),
    ),
    ("variants.UNet", PADDED | {"skip_source": "zeros"}, (37, 50)),
    ("TransformNet", {"base_channels": 4, "blocks": 2}, (37, 50)),
    ("TransformNet", {"base_channels": 3, "blocks": 0}, (16, 41)),
]
IDS = [f"{name}-{i}" for i, (name, *_) in enumerate(NETWORKS)]


def room(framework, name: str):
    """A network by its name in upconv.torch or upconv.keras: "UNet", or "variants.UNet"."""
    return attrgetter(name)(framework)


def both(name: str, options: dict):
    """The network in PyTorch with weights that leave nothing zero, and in Keras."""
    torch.manual_seed(0)
    first = room(in_torch, name)(**options).eval()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
        for name_, buffer in first.named_buffers():  # of batch norm, as if it had been trained
            if name_.endswith("running_mean"):
                buffer += 0.1 * torch.randn_like(buffer)
            elif name_.endswith("running_var"):
                buffer *= 0.5 + torch.rand_like(buffer)
    return first, room(in_keras, name)(**options)


def outputs(first, second, size) -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(0).random((2, *size, 3), dtype=np.float32)
    with torch.inference_mode():
        ours = first(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
    theirs = np.asarray(second(images, training=False))
    return (ours, theirs) if theirs.ndim == 2 else (ours, theirs.transpose(0, 3, 1, 2))


def assert_equal(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(ours).max()
    assert np.abs(ours).max() > 0


@pytest.mark.parametrize(("name", "options", "size"), NETWORKS, ids=IDS)
def test_both_frameworks_compute_the_same(name, options, size):
    first, second = both(name, options)
    port.load_weights(second, port.weights(first))
    assert_equal(*outputs(first, second, size))
    # And back, into a network that knows nothing of the first.
    torch.manual_seed(1)
    third = room(in_torch, name)(**options).eval()
    port.load_weights(third, port.weights(second))
    assert_equal(*outputs(third, second, size))
    moments = [b for n, b in first.named_buffers() if n.endswith(("_mean", "_var"))]
    assert second.count_params() == sum(p.numel() for p in (*first.parameters(), *moments))


@pytest.mark.parametrize(("name", "options", "size"), NETWORKS, ids=IDS)
def test_logits_have_the_size_of_the_image(name, options, size):
    network = room(in_torch, name)(**options).eval()
    out = network(torch.rand(1, 3, *size))
    expected = {
        "ConvAutoencoder": (1, 3, *size),
        "TransformNet": (1, 3, *size),
        "WindowClassifier": (1, 4, size[0] - 28, size[1] - 28),
        "VGG16Classifier": (1, 7),
        "EfficientNetLite0Classifier": (1, 7),
        "UNet": (1, options.get("classes", 2), *unet_output(options, size)),
    }.get(name.removeprefix("variants."), (1, options.get("classes"), *size))
    assert out.shape == expected


def unet_output(options: dict, size: tuple[int, int]) -> tuple[int, int]:
    if options.get("padded"):
        return size
    depth = options.get("depth", 4)
    return tuple(side - {4: 184, 2: 40}[depth] for side in size)


@pytest.mark.parametrize("name", ["FCN", "variants.FeatureSumFCN", "variants.ConcatFCN"])
@pytest.mark.parametrize("encoder", [SMALL, LIGHT, LITE], ids=itemgetter("encoder"))
def test_a_step_of_training_lowers_the_loss(name, encoder):
    torch.manual_seed(0)
    network = room(in_torch, name)(classes=2, **encoder)
    images = torch.rand(2, 3, 64, 64)
    images[:, 0, :, 32:] = 0
    masks = (images[:, 0] == 0).long()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(12):
        torch.manual_seed(0)
        loss = torch.nn.functional.cross_entropy(network(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(p.grad is not None for p in network.parameters())


def test_feature_sum_network_row_by_row():
    """Parameters of every layer at full size, without making its half a gigabyte."""
    with torch.device("meta"):
        network = in_torch.variants.FeatureSumFCN()
    rows = [
        sum(p.numel() for p in layer.parameters())
        for layer in network.modules()
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d)
    ]
    expected = [1792, 36928, 73856, 147584, 295168, 590080, 590080, 1180160]
    expected += [2359808] * 5 + [102764544, 16781312, 8194, 16896, 2097408, 131074]
    assert rows == expected
    assert sum(rows) == 136_514_116
    with torch.device("meta"):
        twin = in_torch.variants.FeatureSumFCN(skips=False)
    assert sum(p.numel() for p in twin.parameters()) == 136_514_116


def test_class_score_network_is_smaller():
    """Long et al. score pool4 and pool3 by 1 × 1 convolutions; 21 classes for VOC."""
    with torch.device("meta"):
        network = in_torch.FCN(21)
    skips = [p.numel() for layer in network.score_skip.values() for p in layer.parameters()]
    assert sum(skips) == 512 * 21 + 21 + 256 * 21 + 21
    assert sum(p.numel() for p in network.up.parameters()) == 2 * 21 * 21 * 16


def test_upsampling_begins_as_bilinear_interpolation():
    layer = in_torch.upsampling(3, 4)
    scores = torch.rand(1, 3, 6, 7)
    ours = layer(scores).detach().numpy()
    expected = ops.interpolate(scores.numpy(), scale_factor=4, mode="bilinear")
    inside = (..., slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(ours[inside], expected[inside], atol=1e-6)


@pytest.mark.parametrize("encoder", ["vgg16", "squeezenet", "efficientnet_lite0"])
def test_maps_have_the_strides_they_are_called_by(encoder):
    network = in_torch.ENCODERS[encoder](width_mult=0.1)
    maps = network(torch.rand(1, 3, 96, 64))
    for stride, found in maps.items():
        assert found.shape == (1, network.channels[stride], 96 // stride, 64 // stride)


def test_names_are_torchvisions():
    """Of the published checkpoints, as far as an encoder goes."""
    vgg = {name for name, _ in in_torch.VGG16Classifier(width_mult=0.02).named_parameters()}
    places = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    expected = {f"features.{i}.{kind}" for i in places for kind in ("weight", "bias")}
    expected |= {f"classifier.{i}.{kind}" for i in (0, 3, 6) for kind in ("weight", "bias")}
    assert vgg == expected
    squeeze = {name for name, _ in in_torch.SqueezeNet(0.1).named_parameters()}
    parts = ("squeeze", "expand1x1", "expand3x3")
    expected = {"features.0.weight", "features.0.bias"}
    for i in (3, 4, 6, 7, 9, 10, 11, 12):
        expected |= {f"features.{i}.{part}.{kind}" for part in parts for kind in ("weight", "bias")}
    assert squeeze == expected


def test_padding_is_cropped_off_again():
    image = torch.rand(1, 3, 45, 70)
    padded, window = in_torch.pad_to_multiple(image, 32)
    assert padded.shape == (1, 3, 64, 96)
    assert torch.equal(padded[..., window[0], window[1]], image) or torch.allclose(
        padded[..., window[0], window[1]], image, atol=1e-6
    )
    corner = padded[0, :, 0, 0]
    torch.testing.assert_close(corner, torch.tensor((0.485, 0.456, 0.406)))
    same, _ = in_torch.pad_to_multiple(padded, 32)
    assert same is padded


@pytest.mark.parametrize(
    ("options", "name"),
    [({"stride": 12}, "stride"), ({"encoder": "resnet"}, "encoder")],
)
@pytest.mark.parametrize("room", [in_torch, in_keras])
def test_impossible_networks_are_refused(room, options, name):
    with pytest.raises(ValueError, match=f"{name}: got"):
        room.FCN(3, **options)


def test_kerass_own_vgg16_computes_the_same_in_ours():
    """Its weights are for BGR from 0 to 255; ours takes RGB from 0 to 1. Random weights will do."""
    import keras

    keras.utils.set_random_seed(0)
    theirs = keras.applications.VGG16(include_top=False, weights=None, input_shape=(64, 64, 3))
    image = keras.Input((64, 64, 3))
    maps = in_keras.vgg16(image, prefix="encoder.")
    ours = keras.Model(image, [maps[stride] for stride in (2, 8, 32)])
    in_keras.load_imagenet(ours, theirs)
    pixels = np.random.default_rng(0).random((1, 64, 64, 3), dtype=np.float32)
    prepared = keras.applications.vgg16.preprocess_input(255 * pixels)
    names = ("block1_pool", "block3_pool", "block5_pool")
    expected = keras.Model(theirs.input, [theirs.get_layer(name).output for name in names])
    for got, wanted in zip(ours(pixels), expected(prepared), strict=True):
        rim = 2 if got.shape[1] > 8 else 0  # zeros at the border stand for another colour there
        inside = slice(rim, got.shape[1] - rim)
        got, wanted = (np.asarray(maps)[:, inside, inside] for maps in (got, wanted))
        assert np.abs(got - wanted).max() < 0.02 * np.abs(wanted).max()
    with pytest.raises(ValueError, match="network: got"):
        in_keras.load_imagenet(in_keras.FCN(2, width_mult=0.1), theirs)


def test_caffes_squeezenet_computes_the_same_in_ours(tmp_path):
    """The first layers by hand, on BGR from 0 to 255 minus the mean."""
    rng = np.random.default_rng(0)
    arrays = {"conv1_w": rng.normal(size=(64, 3, 3, 3)), "conv1_b": rng.normal(size=64)}
    places = [layer for layer in in_torch.SqueezeNet().features if hasattr(layer, "squeeze")]
    for number, fire in enumerate(places, start=2):
        for part, name in (("squeeze", "squeeze1x1"), ("expand1x1",) * 2, ("expand3x3",) * 2):
            layer = getattr(fire, part)
            arrays[f"fire{number}.{name}_w"] = rng.normal(size=layer.weight.shape)
            arrays[f"fire{number}.{name}_b"] = rng.normal(size=layer.bias.shape)
    np.savez(tmp_path / "weights.npz", **arrays)
    state = squeezenet_from_caffe(tmp_path / "weights.npz")
    network = in_torch.SqueezeNet()
    network.load_state_dict(state)
    rgb = rng.random((1, 3, 20, 24))
    bgr = 255 * rgb[:, ::-1] - np.array([103.939, 116.779, 123.68])[:, None, None]
    with torch.inference_mode():
        got = network.double()(torch.from_numpy(rgb))[2].numpy()
    # Ours is padded; its units away from the border are theirs.
    kernel, bias = arrays["conv1_w"], arrays["conv1_b"]
    expected = ops.conv2d(bgr[..., 1:, 1:].copy(), kernel, bias, stride=2).clip(0)
    inner = (..., slice(0, 8), slice(0, 10))
    np.testing.assert_allclose(got[..., 1:, 1:][inner], expected[inner], rtol=1e-4, atol=1e-3)


# ---- U-Net ---------------------------------------------------------------------------------------


def test_unet_is_the_papers():
    """Ronneberger et al. (2015): 572 to 388, 23 convolutional layers, every level's sizes."""
    with torch.device("meta"):
        network = in_torch.UNet()
    kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    layers = [layer for layer in network.modules() if isinstance(layer, kinds)]
    assert len(layers) == 23
    assert sum(p.numel() for p in network.parameters()) == 31_030_658
    sizes = []
    for layer in layers:
        layer.register_forward_hook(lambda _, __, out: sizes.append((out.shape[1], out.shape[2])))
    assert network(torch.empty(1, 1, 572, 572, device="meta")).shape == (1, 2, 388, 388)
    down = [(64, 570), (64, 568), (128, 282), (128, 280), (256, 138), (256, 136)]
    down += [(512, 66), (512, 64), (1024, 30), (1024, 28)]
    up = [(512, 56), (512, 54), (512, 52), (256, 104), (256, 102), (256, 100)]
    up += [(128, 200), (128, 198), (128, 196), (64, 392), (64, 390), (64, 388), (2, 388)]
    assert sizes == down + up


def test_unet_without_padding_takes_its_own_sizes_only():
    network = in_torch.UNet(base_channels=1, depth=3)
    good = [size for size in range(60, 140) if takes(network, size)]
    assert good == [size for size in range(60, 140) if size >= 92 and (size - 92) % 8 == 0]
    assert ops.unet_size(1, 3)[0] == 92
    with pytest.raises(ValueError, match="image: got 91 × 92 pixels, expected 92 or more"):
        network(torch.rand(1, 1, 91, 92))


def takes(network, size: int) -> bool:
    """By walking the sizes: every pooling must meet an even one, and something must be left."""
    side, levels = size, []
    for _ in range(network.depth):
        side -= 4
        if side <= 0 or side % 2:
            return False
        levels.append(side)
        side //= 2
    side -= 4
    for level in reversed(levels):
        if side <= 0:
            return False
        side = 2 * side - 4
        assert level >= side
    return side > 0


def test_unet_skips_hand_over_what_they_are_told_to():
    torch.manual_seed(0)
    network = in_torch.variants.UNet(base_channels=4, depth=2, padded=True).eval()
    images = torch.rand(3, 1, 16, 16)
    own = network(images)
    network.skip_source = "neighbor"
    assert not torch.allclose(network(images), own)
    same = images[:1].repeat(3, 1, 1, 1)  # a neighbour like oneself changes nothing
    shuffled = network(same)
    network.skip_source = "own"
    torch.testing.assert_close(shuffled, network(same))
    network.skip_source = "zeros"
    # Without skips, what is drawn depends on the image through the bottleneck alone.
    network.bottleneck.register_forward_hook(lambda _, __, out: torch.zeros_like(out))
    first, second = network(images), network(1 - images)
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize(
    "options", [{"skips": "switches"}, {"norm": "batch"}, {"up": "resize"}, {}]
)
def test_unet_learns(options):
    torch.manual_seed(0)
    network = in_torch.variants.UNet(base_channels=4, depth=2, padded=True, dropout=0, **options)
    images = torch.rand(4, 1, 32, 32)
    masks = (torch.nn.functional.avg_pool2d(images, 5, 1, 2)[:, 0] > 0.5).long()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(25):
        loss = torch.nn.functional.cross_entropy(network(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"depth": 0}, "depth"),
        ({"norm": "layer"}, "norm"),
        ({"skips": "some"}, "skips"),
        ({"skip_source": "all"}, "skip_source"),
        ({"up": "bicubic"}, "up"),
        ({"skips": "switches"}, "padded"),
        ({"up": "resize"}, "padded"),
    ],
)
@pytest.mark.parametrize("room", [in_torch, in_keras])
def test_what_is_no_unet_is_refused(room, options, name):
    with pytest.raises(ValueError, match=f"{name}: got"):
        room.variants.UNet(**options)


@pytest.mark.parametrize("room", [in_torch, in_keras])
@pytest.mark.parametrize("options", [{"base_channels": 0}, {"blocks": -1}])
def test_what_is_no_transformation_is_refused(room, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}: got"):
        room.TransformNet(**options)


def test_transformation_network_is_the_papers():
    """Convolutions as in the paper's supplement; each has a norm of two numbers a channel."""
    network = in_torch.TransformNet()
    convolutions = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    shapes = [(layer.in_channels, layer.out_channels, *layer.kernel_size) for layer in convolutions]
    down = [(3, 32, 9, 9), (32, 64, 3, 3), (64, 128, 3, 3)]
    up = [(128, 64, 3, 3), (64, 32, 3, 3), (32, 3, 9, 9)]
    assert shapes == [*down, *[(128, 128, 3, 3)] * 10, *up]
    assert sum(weight.numel() for weight in network.parameters()) == 1_679_235


def test_weights_that_do_not_fit_change_nothing():
    network = in_torch.ConvAutoencoder(hidden=4)
    before = port.weights(network)
    with pytest.raises(ValueError, match=r"down1\.bias of shape"):
        port.load_weights(network, port.weights(in_torch.ConvAutoencoder(hidden=5)))
    lacking = {name: value for name, value in before.items() if name != "up1.bias"}
    with pytest.raises(ValueError, match=r"up1\.bias"):
        port.load_weights(network, lacking)
    for name, value in port.weights(network).items():
        np.testing.assert_array_equal(value, before[name])


def test_weights_in_a_file(tmp_path):
    network = in_torch.ConvAutoencoder(hidden=4)
    path = tmp_path / "weights.safetensors"
    port.save_weights(path, port.weights(network), {"network": "autoencoder"})
    found, about = port.read_weights(path)
    assert about == {"network": "autoencoder"}
    for name, value in port.weights(network).items():
        np.testing.assert_array_equal(found[name], value)
    assert list(tmp_path.iterdir()) == [path]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="not a file of weights"):
        port.read_weights(path)
