"""Warped crops: image, mask and weights move together, and where they should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from upconv import data
from upconv.pixels import to_pixels
from upconv.training import Settings, augment
from upconv.training.batches import make_batch
from upconv.training.loop import pixel_loss


def test_without_any_warp_it_is_a_crop():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    where = augment.sample_transform(np.random.default_rng(1), (20, 30), (8, 12)).coordinates(
        (8, 12)
    )
    top, left = where[:, 0, 0].round().astype(int)
    cut = augment.resample(image, where)
    np.testing.assert_array_equal(cut, image[top : top + 8, left : left + 12])


@pytest.mark.parametrize("nearest", [False, True])
def test_sampling_equals_scipys(nearest):
    rng = np.random.default_rng(0)
    image = rng.random((21, 34)).astype(np.float32)
    where = rng.uniform((-9, -9), (28, 41), (11, 13, 2)).transpose(2, 0, 1)
    ours = augment.resample(image, where, nearest)
    theirs = map_coordinates(image, where, order=0 if nearest else 1, mode="mirror")
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_rotation_turns_about_the_middle():
    class Quarter:
        """Draws the largest angle and the first place."""

        uniform = staticmethod(lambda low, high: high)
        integers = staticmethod(lambda count: 0)

    image = np.arange(49, dtype=np.uint8).reshape(7, 7)
    where = augment.sample_transform(Quarter(), (7, 7), (7, 7), rotate=90).coordinates((7, 7))
    turned = augment.resample(image, where, nearest=True)
    assert any(np.array_equal(turned, np.rot90(image, k)) for k in (1, 3))


def test_displacements_have_the_deviation_asked_for():
    rng = np.random.default_rng(0)
    flat = augment.GeometricTransform((16, 16), 0, (1, 1)).coordinates((33, 33))
    bent = [augment.sample_transform(rng, (33, 33), (33, 33), elastic_sigma=10) for _ in range(400)]
    many = np.stack([warp.coordinates((33, 33)) for warp in bent]) - flat
    at_grid = many[:, :, ::16, ::16]  # the coarse points are kept by the interpolation
    assert at_grid.std() == pytest.approx(10, rel=0.03)
    assert abs(at_grid.mean()) < 0.5
    steps = np.abs(np.diff(many, axis=2))
    assert steps.max() < 8  # smooth
    assert augment.sample_transform(rng, (33, 33), (33, 33)).coarse is None


def test_image_mask_and_weights_move_together():
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 9, (4, 6, 6), dtype=np.uint8).repeat(12, 1).repeat(12, 2)
    whole = data.SegmentationSet(
        "mirror", tuple("abcdefghi"), blocks, blocks, weights=blocks.astype(np.float32)
    )
    settings = Settings(
        batch=6, crop=40, rotate=180, elastic_sigma=4, vertical_flip=True, zoom=(0.8, 1.5)
    )
    for step in range(4):
        batch = make_batch(whole, settings, step, channels=1)
        shown = (batch.images[:, 0] * 255).round()
        assert (shown == batch.masks).float().mean() > 0.7  # elsewhere: between two blocks
        torch.testing.assert_close(shown, batch.weights, atol=0.51, rtol=0)
    again = make_batch(whole, settings, 3, channels=1)
    assert torch.equal(again.images, batch.images)
    other = make_batch(whole, replace(settings, seed=1), 3, channels=1)
    assert not torch.equal(other.images, batch.images)


def test_grey_and_colour_meet():
    grey = np.random.default_rng(0).integers(0, 256, (2, 5, 6), dtype=np.uint8)
    three = to_pixels(grey, 3)
    assert three.shape == (2, 3, 5, 6)
    assert three.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(
        to_pixels(np.stack([grey] * 3, -1), 1), to_pixels(grey, 1), atol=1e-6
    )
    with pytest.raises(ValueError, match="images: got 4 channels, expected 3"):
        to_pixels(np.zeros((1, 4, 4, 4), np.uint8))


def test_loss_counts_pixels_by_their_weights():
    logits = torch.randn(2, 3, 4, 4)
    masks = torch.randint(0, 3, (2, 4, 4))
    masks[0, 0, 0] = data.VOID
    each = torch.nn.functional.cross_entropy(
        logits, masks, ignore_index=data.VOID, reduction="none"
    )
    weights = torch.rand(2, 4, 4)
    known = masks != data.VOID
    expected = (each * weights)[known].sum() / weights[known].sum()
    images = torch.zeros(2, 1, 4, 4)
    assert pixel_loss(logits, (images, masks, weights)) == pytest.approx(expected.item(), rel=1e-5)
    plain = pixel_loss(logits, (images, masks, None))
    assert pixel_loss(logits, (images, masks, torch.ones_like(weights))) == pytest.approx(
        plain.item(), rel=1e-5
    )
    # Logits of a network without padding are compared with the middle.
    wide = torch.full((2, 8, 8), data.VOID)
    wide[:, 2:6, 2:6] = masks
    assert pixel_loss(logits, (images, wide, None)) == pytest.approx(plain.item())


@pytest.mark.parametrize("name", ["rotate", "elastic_sigma", "brightness_contrast_jitter"])
def test_negative_amounts_are_refused(name):
    with pytest.raises(ValueError, match=f"{name}: got -1"):
        Settings(**{name: -1})


def test_images_of_files_are_resampled_without_a_warning(recwarn):
    image = np.arange(48, dtype=np.uint8).reshape(6, 8)
    image.flags.writeable = False  # as Pillow gives it
    torch.set_warn_always(True)
    try:
        found = augment.resample(image, np.indices(image.shape).astype(float))
    finally:
        torch.set_warn_always(False)
    assert np.array_equal(found, image)
    assert [str(warning.message) for warning in recwarn] == []
