"""Scores by the distance of a pixel from the nearest boundary."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from upconv.data.sets import VOID
from upconv.metrics import ScoresByDistance, SegmentationScores, distance_to_boundary


def by_hand(mask):
    """Every pixel against every labeled pixel of another class."""
    places = np.argwhere(mask != VOID)
    classes = mask[tuple(places.T)]
    far = cdist(places, places)
    far[classes[:, None] == classes[None]] = np.inf
    found = np.full(mask.shape, np.nan)
    found[tuple(places.T)] = far.min(1) - 0.5
    return found


def drawn(seed, void=True):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 4, rng.integers(1, 5, 2))
    mask = coarse.repeat(4, 0).repeat(5, 1).astype(np.uint8)
    if void:
        mask[rng.random(mask.shape) < 0.1] = VOID
    return mask


@pytest.mark.parametrize("seed", range(12))
def test_distances_are_those_found_by_comparing_all_pixels(seed):
    mask = drawn(seed)
    np.testing.assert_allclose(distance_to_boundary(mask), by_hand(mask))


def test_without_a_boundary_there_is_no_distance():
    assert np.isinf(distance_to_boundary(np.full((3, 4), 7))).all()
    assert np.isnan(distance_to_boundary(np.full((3, 4), VOID))).all()
    with pytest.raises(ValueError, match=r"mask: got shape \(2, 3, 4\), expected one mask"):
        distance_to_boundary(np.zeros((2, 3, 4), int))


@pytest.mark.parametrize("seed", range(4))
def test_the_bands_together_are_the_whole(seed):
    rng = np.random.default_rng(seed)
    bands, whole = ScoresByDistance(4, (1, 2, 4)), SegmentationScores(4)
    for number in range(3):
        mask = drawn(10 * seed + number)
        said = np.where(rng.random(mask.shape) < 0.3, rng.integers(0, 4, mask.shape), mask)
        said[mask == VOID] = 3  # ignored
        bands.add(said.astype(np.uint8), mask)
        whole.add(said.astype(np.uint8), mask)
    assert (bands.matrix.sum(0) == whole.matrix).all()
    right = np.nansum(bands.accuracy * bands.pixels) / bands.pixels.sum()
    assert right == pytest.approx(whole.scores().pixel_accuracy)


def test_a_band_is_scored_by_itself():
    mask = np.array([[0] * 5 + [1] * 5])
    said = np.array([[0] * 5 + [0, 1, 1, 1, 1]])
    bands = ScoresByDistance(2, (1, 3))
    bands.add(said, mask)
    assert bands.pixels.tolist() == [2, 4, 4]
    assert bands.accuracy.tolist() == [0.5, 1, 1]
    assert bands.mean_iou.tolist() == [0.25, 1, 1]  # of class 0 a half, of class 1 nothing
    empty = ScoresByDistance(2).mean_iou
    assert np.isnan(empty).all() and len(empty) == 7


def test_errors_name_what_is_wrong():
    for edges in ((), (2, 1), (0, 1), (1, 1)):
        with pytest.raises(ValueError, match=r"edges: got .* expected increasing distances"):
            ScoresByDistance(2, edges)
    measure = ScoresByDistance(2)
    with pytest.raises(ValueError, match="prediction: got"):
        measure.add(np.zeros((2, 2), int), np.zeros((2, 3), int))
    with pytest.raises(ValueError, match="mask: got class numbers 0 to 2, expected 0 to 1"):
        measure.add(np.zeros((1, 2), int), np.array([[0, 2]]))
    with pytest.raises(ValueError, match="prediction: got class numbers -1 to 0"):
        measure.add(np.array([[0, -1]]), np.zeros((1, 2), int))
