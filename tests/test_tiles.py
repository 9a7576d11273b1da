"""Overlap-tile: the same as the whole image at once, of any size, in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from upconv.inference import evaluate, mirrored, predict, predict_tiles, probabilities
from upconv.ops import unet_size
from upconv.pixels import to_pixels
from upconv.torch.variants import FCN, ConcatFCN, EightfoldFCN, FeatureSumFCN, UNet


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (150, 133), dtype=np.uint8)


def network(**options):
    torch.manual_seed(0)
    net = UNet(base_channels=4, **options).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.03 * torch.randn_like(parameter)
    return net


@pytest.mark.parametrize(("depth", "tile"), [(2, 4), (2, 30), (3, 64), (4, 100)])
def test_a_network_without_padding_leaves_no_seam(image, depth, tile):
    """Equal everywhere to the mirrored image seen as a whole."""
    net = network(depth=depth)
    seen, _ = unet_size(max(image.shape), depth)
    places = [mirrored(-net.context_margin, seen - net.context_margin, n) for n in image.shape]
    with torch.inference_mode():
        whole = net(to_pixels(image[np.ix_(*places)][None], 1)).softmax(1)[0].numpy()
    expected = whole[:, : image.shape[0], : image.shape[1]]
    assert expected.std() > 0.01
    found = predict_tiles(net, image, tile=tile, softmax=True, precision="fp32")
    np.testing.assert_allclose(found, expected, atol=5e-5)
    classes = predict_tiles(net, image, tile=tile, precision="fp32")
    assert classes.dtype == np.uint8
    assert (classes == expected.argmax(0)).mean() > 0.999
    np.testing.assert_array_equal(predict(net, image[None], precision="fp32")[0], classes)


@pytest.mark.parametrize("options", [{}, {"up": "resize"}, {"skips": "switches"}])
def test_a_padded_network_agrees_away_from_the_border(image, options):
    net = network(depth=2, padded=True, **options)
    whole = probabilities(net, image[None], precision="fp32")[0]
    inside = (slice(None), slice(36, -36), slice(36, -36))
    for tile in (16, 50, 128):
        found = predict_tiles(net, image, tile=tile, softmax=True, precision="fp32")
        np.testing.assert_allclose(found[inside], whole[inside], atol=5e-5)
    seams = [
        np.abs(
            predict_tiles(net, image, tile=32, margin=margin, softmax=True, precision="fp32")
            - whole
        )[inside].max()
        for margin in (0, 8, 32)
    ]
    assert seams[0] > 0.02  # without a margin there are seams
    assert seams[0] > seams[1] > seams[2]


def test_images_smaller_than_a_tile_and_a_margin():
    net = network(depth=2)
    tiny = np.random.default_rng(1).integers(0, 256, (1, 3), dtype=np.uint8)
    assert predict_tiles(net, tiny).shape == (1, 3)
    assert predict(net, tiny[None]).shape == (1, 1, 3)


def test_colours_and_other_networks_go_by_tiles(image):
    colors = np.stack([image] * 3, -1)
    torch.manual_seed(1)
    net = FCN(3, 8, "squeezenet", width_mult=0.25, head=16, head_kernel=3).eval()
    with torch.no_grad():
        net.score.weight.normal_()
        net.score_skip["8"].weight.normal_()
    found = predict_tiles(net, colors, tile=64)
    assert found.shape == image.shape
    assert len(np.unique(found)) > 1


def test_mirroring_repeats_as_often_as_needed():
    np.testing.assert_array_equal(mirrored(-3, 6, 3), [1, 2, 1, 0, 1, 2, 1, 0, 1])
    line = np.arange(5)
    np.testing.assert_array_equal(line[mirrored(-4, 9, 5)], np.pad(line, 4, mode="reflect"))
    assert (mirrored(-2, 4, 1) == 0).all()


@pytest.mark.parametrize(
    ("options", "name"),
    [({"tile": 0}, "tile"), ({"margin": -1}, "margin"), ({"margin": 8}, "margin")],
)
def test_impossible_tiles_are_refused(image, options, name):
    with pytest.raises(ValueError, match=f"{name}: got"):
        predict_tiles(network(depth=2), image, **options)


def test_a_network_without_padding_is_trained_and_measured():
    from upconv.data import membranes, with_border_weights
    from upconv.training import Settings, train

    cells = with_border_weights(membranes(6, size=64))
    torch.manual_seed(0)
    net = UNet(base_channels=6, depth=2, dropout=0)
    settings = Settings(
        40, batch=4, crop=76, learning_rate=5e-3, rotate=180, elastic_sigma=4, vertical_flip=True,
        optimizer="adamw", log_every=1,
    )  # fmt: skip
    history = train(net, cells, settings, progress=False)
    assert np.mean(history.losses[-5:]) < 0.85 * np.mean(history.losses[:5])
    assert evaluate(net, membranes(2, size=64, split="test")).pixel_accuracy > 0.6


def fully_convolutional(kind, encoder, **options):
    """With weights that hand everything on: none is negative, so that no ReLU hides anything."""
    torch.manual_seed(0)
    net = kind(3, encoder=encoder, width_mult=0.03, head=8, **options).eval()
    with torch.no_grad():
        for weights in net.parameters():
            weights.copy_(torch.rand_like(weights) / max(1, weights[0].numel()))
    return net


FULLY = [
    (FCN, "vgg16", {"stride": 32}),
    (FCN, "vgg16", {"stride": 8}),
    (FCN, "squeezenet", {"stride": 2, "head_kernel": 3}),
    (FCN, "efficientnet_lite0", {"head_kernel": 3}),
    (ConcatFCN, "vgg16", {}),
    (FeatureSumFCN, "vgg16", {}),
    (EightfoldFCN, "vgg16", {"steps": "three"}),
]


@pytest.mark.parametrize(("kind", "encoder", "options"), FULLY)
def test_the_rim_is_what_a_block_sees(kind, encoder, options):
    """By the gradient: the outermost pixels that a block of outputs depends on."""
    net = fully_convolutional(kind, encoder, **options)
    start = 320 if net.context_margin <= 320 - 32 else 544  # no padding is seen from there
    image = torch.rand(1, 3, 2 * start, 2 * start, requires_grad=True)
    net(image)[..., start : start + 32, start : start + 32].sum().backward()
    seen = (image.grad[0] != 0).any(0)
    for places in (seen.any(0).nonzero().ravel(), seen.any(1).nonzero().ravel()):
        reach = max(start - int(places[0]), int(places[-1]) - start - 31)
        assert net.context_margin - 3 <= reach <= net.context_margin


@pytest.mark.parametrize("size", [(576, 544), (571, 549)])
@pytest.mark.parametrize(("kind", "encoder", "options"), FULLY[1:2])
def test_tiles_of_a_fully_convolutional_network_leave_no_seam(kind, encoder, options, size):
    """Also where the image is no multiple of 32, and the whole would be padded on both sides."""
    net = fully_convolutional(kind, encoder, **options)
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)

    def difference(**chosen):  # tiles meet at 288, in the middle
        found = predict_tiles(net, picture, tile=288, softmax=True, precision="fp32", **chosen)
        return np.abs(found - whole)[:, 250:-250, 250:-250].max() / spread

    whole = probabilities(net, picture[None], precision="fp32")[0]
    spread = np.ptp(whole[:, 250:-250, 250:-250], axis=(1, 2)).max()
    assert difference() < 1e-4  # float32, of a spread of a thousandth
    assert difference(margin=64) > 3e-4 and difference(margin=0) > 0.1


@pytest.mark.parametrize("options", [{"depth": 2}, {"depth": 2, "padded": True}])
def test_a_tile_is_no_larger_than_the_image(image, options, monkeypatch):
    from upconv import inference

    seen = []
    logits = inference._logits
    monkeypatch.setattr(
        inference, "_logits", lambda net, views, where: seen.append(views.shape)
        or logits(net, views, where),
    )  # fmt: skip
    net = network(**options)
    found = predict_tiles(net, image, tile=10**9, precision="fp32")
    assert max(seen[0][1:3]) <= max(image.shape) + 2 * net.context_margin + 2 * net.multiple
    np.testing.assert_array_equal(found, predict_tiles(net, image, tile=160, precision="fp32"))


@pytest.mark.parametrize(
    ("classes", "dtype"), [(256, np.uint8), (257, np.uint16), (300, np.uint16)]
)
def test_many_classes_keep_their_numbers(image, classes, dtype):
    net = UNet(classes, base_channels=2, depth=1, padded=True).eval()
    with torch.no_grad():
        net.score.weight.zero_()
        net.score.bias.copy_(torch.arange(classes))
    for found in (predict(net, image[None])[0], predict_tiles(net, image, tile=64)):
        assert found.dtype == dtype and (found == classes - 1).all()


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0, 3)])
def test_an_image_without_pixels_is_refused(shape):
    with pytest.raises(ValueError, match=r"image: got shape \(.*\), expected at least one pixel"):
        predict_tiles(network(depth=1, padded=True), np.zeros(shape, np.uint8))


@pytest.mark.parametrize("batch", [0, -1])
def test_no_tiles_at_once_are_refused(image, batch):
    with pytest.raises(ValueError, match=f"batch: got {batch}, expected an integer of at least 1"):
        predict_tiles(network(depth=1, padded=True), image, batch=batch)
