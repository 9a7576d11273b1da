"""Photographs of any size: the same results as at once, in bounded memory, decoded once."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion, gaussian_filter

from upconv import inference
from upconv.data import VOID, SegmentationSet
from upconv.inference import evaluate, evaluate_instances, predict, probabilities
from upconv.metrics import (
    SegmentationScores,
    average_precision,
    best_rand_and_info_scores,
    components,
    rand_and_info_scores,
    skeletonized,
)
from upconv.metrics.segmentation import _rim
from upconv.torch.variants import FCN, UNet

RNG = np.random.default_rng(0)


def unet(**options):
    """A network whose answers differ from place to place."""
    torch.manual_seed(0)
    net = UNet(3, in_channels=3, base_channels=4, depth=2, padded=True, **options).eval()
    with torch.no_grad():
        for weights in net.parameters():
            weights += 0.03 * torch.randn_like(weights)
    return net


def fcn():
    torch.manual_seed(0)
    net = FCN(3, 8, "squeezenet", width_mult=0.1, head=8, head_kernel=3).eval()
    with torch.no_grad():
        for weights in net.parameters():
            weights.copy_(torch.rand_like(weights) / max(1, weights[0].numel()))
    return net


@pytest.fixture
def small_windows(monkeypatch):
    """The threshold lowered, so that images of a few hundred pixels are large."""
    monkeypatch.setattr(inference, "LARGE", 400**2)


NETWORKS = {"unet": unet, "switches": lambda: unet(skips="switches"), "fcn": fcn}


@pytest.mark.parametrize("size", [(704, 736), (683, 749), (97, 1203)])
@pytest.mark.parametrize("kind", NETWORKS)
def test_windows_give_what_the_whole_image_gives(kind, size, monkeypatch):
    """Everywhere, also at the image's border and where its sides are no multiples."""
    net, image = NETWORKS[kind](), RNG.integers(0, 256, (1, *size, 3), dtype=np.uint8)
    whole = probabilities(net, image, precision="fp32")
    labels = predict(net, image, precision="fp32")
    shapes = []
    net.register_forward_pre_hook(lambda _, given: shapes.append(given[0].shape[-2:]))
    monkeypatch.setattr(inference, "LARGE", 300**2)
    found = probabilities(net, image, precision="fp32")
    assert len(shapes) > 1 and max(map(max, shapes)) < max(size)
    spread = np.ptp(whole, axis=(2, 3)).max()
    assert np.abs(found - whole).max() < 1e-4 * spread
    ranked = np.sort(whole, 1)
    sure = ranked[:, -1] - ranked[:, -2] > 1e-3 * spread
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(predict(net, image, precision="fp32")[sure], labels[sure])


def test_a_tile_may_be_chosen_and_changes_nothing(small_windows):
    net, image = unet(), RNG.integers(0, 256, (1, 150, 133, 3), dtype=np.uint8)
    whole = predict(net, image, precision="fp32")
    for tile in (50, 64, 10**6):
        found = predict(net, image, tile=tile, precision="fp32")
        assert (found == whole).mean() > 0.9999
    with pytest.raises(ValueError, match="tile: got 0, expected at least 1"):
        predict(net, image, tile=0)


def test_no_more_pixels_at_once_than_the_limit(monkeypatch):
    net, seen = unet(), []
    net.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape))
    masks = RNG.integers(0, 3, (16, 64, 96)).astype(np.uint8)
    data = SegmentationSet("small", ("a", "b", "c"), masks[..., None].repeat(3, -1) * 80, masks)
    scores = evaluate(net, data)
    assert [shape[0] for shape in seen] == [16]  # as many as ever: stored results are the same
    seen.clear()
    monkeypatch.setattr(inference, "LARGE", 5 * 64 * 96)
    assert evaluate(net, data) == scores
    assert [shape[0] for shape in seen] == [5, 5, 5, 1]
    seen.clear()
    found = predict(net, np.asarray(data.images))
    assert [shape[0] for shape in seen] == [5, 5, 5, 1] and len(found) == 16


class Counted(list):
    """Images made on access, and how many of them there were at once."""

    def __init__(self, *args):
        super().__init__(*args)
        self.alive, self.most = [], 0

    def __getitem__(self, index):
        image = np.full((80, 80, 3), index, np.uint8)
        self.alive.append(weakref.ref(image))
        self.most = max(self.most, sum(ref() is not None for ref in self.alive))
        return image


def test_images_are_read_one_after_another(monkeypatch):
    """A set that reads its files on access is never held as a whole."""
    monkeypatch.setattr(inference, "LARGE", 80 * 80)
    images, masks = Counted(range(12)), np.zeros((12, 80, 80), np.uint8)
    evaluate(unet(), SegmentationSet("many", ("a", "b", "c"), images, masks))
    assert len(images.alive) == 12 and images.most <= 3


@pytest.mark.parametrize("name", ["membrane", "background"])
def test_instances_are_measured_one_image_after_another(name):
    """The scores are the ones of all probabilities at once."""
    torch.manual_seed(0)
    net = UNet(2, in_channels=1, base_channels=4, depth=1, padded=True).eval()
    images = RNG.integers(0, 256, (4, 40, 56), dtype=np.uint8)
    masks = (gaussian_filter(images.astype(float), (0, 3, 3)) > 127).astype(np.uint8)
    numbers = np.stack([components(mask) for mask in masks])
    data = SegmentationSet("cells", (name, "cell"), images, masks, instances=numbers)
    found = evaluate_instances(net, data, precision="fp32")
    inside = [probabilities(net, image[None], precision="fp32")[0, 1] for image in images]
    pairs = list(zip(inside, masks, strict=True))
    errors = [np.mean([((p > t) != (m > 0)).mean() for p, m in pairs])
              for t in np.arange(0.05, 1, 0.05)]  # fmt: skip
    assert found.best_pixel_error == min(errors)
    cut = skeletonized if name == "membrane" else components
    objects = [cut(values > 0.5) for values in inside]
    assert found.average_precision == average_precision(numbers, objects)
    if name == "membrane":
        assert (found.half, found.best) == best_rand_and_info_scores(numbers, inside)
    else:
        each = [rand_and_info_scores(*pair) for pair in zip(numbers, objects, strict=True)]
        assert found.half == tuple(np.mean(each, axis=0))


@pytest.mark.parametrize("distance", [1, 4, 30])
def test_the_rim_is_what_repeated_erosion_leaves(distance):
    region = gaussian_filter(RNG.random((90, 130)), 4) > 0.5
    region[30:70] = True
    eroded = binary_erosion(region, np.ones((3, 3), bool), iterations=distance)
    np.testing.assert_array_equal(_rim(region, distance), region & ~eroded)
    assert _rim(region, distance).any()


def test_pixels_are_counted_in_parts_of_an_image():
    mask, found = RNG.integers(0, 3, (2, 1300, 7)).astype(np.uint8)
    mask[RNG.random(mask.shape) < 0.1] = VOID
    scores = SegmentationScores(3)
    scores.add(found, mask)
    valid = mask != VOID
    expected = np.zeros((3, 3), int)
    np.add.at(expected, (mask[valid], found[valid]), 1)
    np.testing.assert_array_equal(scores.matrix, expected)
    found[1299, 3], mask[1299, 3] = 3, 0
    with pytest.raises(ValueError, match="prediction: got class numbers 0 to 3"):
        scores.add(found, mask)
