"""Scores of objects: against hand-computed cases, other implementations, and their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label
from skimage.metrics import adapted_rand_error, variation_of_information

from upconv.metrics import (
    average_precision,
    best_rand_and_info_scores,
    components,
    rand_and_info_scores,
    skeletonized,
)

labels = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(0, 5, (2, 7, 9))
)


def test_agreement_by_hand():
    truth = np.array([[1, 1, 2, 2]])
    # All in one: Σp² = 2 · ¼, Σs² = 1, Σt² = ½; no information.
    merged = rand_and_info_scores(truth, np.array([[7, 7, 7, 7]]))
    assert merged.v_rand == pytest.approx(0.5 / (0.5 * 1 + 0.5 * 0.5))
    assert merged.v_info == pytest.approx(0)
    # One pixel lost to the border is an object of its own: p = ¼, ¼, ½; s as p; t = ½, ½.
    lost = rand_and_info_scores(truth, np.array([[1, 0, 2, 2]]))
    assert lost.v_rand == pytest.approx((2 / 16 + 1 / 4) / (0.5 * (3 / 8) + 0.5 * 0.5))
    bits = -(2 * 0.25 * np.log(0.25) + 0.5 * np.log(0.5))
    assert lost.v_info == pytest.approx(np.log(2) / (0.5 * bits + 0.5 * np.log(2)))
    assert rand_and_info_scores(truth, np.array([[5, 5, 3, 3]])) == pytest.approx((1, 1))


@given(labels)
def test_agreement_equals_scikit_image_where_nothing_is_lost(pair):
    truth, found = pair
    found = found + 1
    truth[0, 0] = 1
    error, precision, recall = adapted_rand_error(truth, found, ignore_labels=(0,))
    inside = (truth > 0)[None]
    if precision == 0 and recall == 0:
        return
    counts = np.unique(truth[truth > 0], return_counts=True)[1]
    n = counts.sum()
    ours = rand_and_info_scores(truth, found)
    # Theirs counts pairs of two different pixels, ours of any two: corrected by the n equal ones.
    joint = np.unique(np.stack([truth, found])[:, truth > 0], axis=1, return_counts=True)[1]
    said = np.unique(found[truth > 0], return_counts=True)[1]
    pairs = [(part.astype(float) ** 2).sum() - n for part in (joint, said, counts)]
    assert 1 - error == pytest.approx(2 * pairs[0] / (pairs[1] + pairs[2]))
    assert ours.v_rand == pytest.approx(2 * (pairs[0] + n) / (pairs[1] + pairs[2] + 2 * n))
    split, merge = variation_of_information(truth[inside[0]][None], found[inside[0]][None])
    h_true = -(counts / n * np.log2(counts / n)).sum()
    h_said = -(said / n * np.log2(said / n)).sum()
    if h_true + h_said > 1e-9:
        expected = (h_true + h_said - split - merge) / (h_true + h_said)
        assert ours.v_info == pytest.approx(expected, abs=1e-9)


@given(labels)
def test_agreement_lies_between_0_and_1_and_knows_no_names(pair):
    truth, found = pair
    truth[0, 0] = 1
    one = rand_and_info_scores(truth, found)
    assert 0 <= one.v_rand <= 1 + 1e-12
    assert -1e-12 <= one.v_info <= 1 + 1e-12
    renamed = np.array([0, 4, 9, 2, 77])[found]
    assert rand_and_info_scores(truth, renamed) == pytest.approx(one)


def test_thick_borders_cost_nothing_after_thinning():
    cells = np.ones((60, 80), bool)
    cells[:, 30] = cells[25] = False
    truth = label(cells)[0]
    thick = cells.copy()
    thick[:, 26:35] = thick[21:30] = False
    assert rand_and_info_scores(truth, components(thick)).v_rand < 0.8
    after = rand_and_info_scores(truth, skeletonized(thick))
    assert after.v_rand > 0.98
    assert after.v_info > 0.95
    gap = thick.copy()
    gap[40:43] = True  # two of the four cells run together
    assert rand_and_info_scores(truth, skeletonized(gap)).v_rand < 0.85


def test_thinning_keeps_perfect_cells_perfect():
    from upconv.data import membranes

    made = membranes(3, size=96)
    for mask in made.masks:
        truth = components(mask)
        assert rand_and_info_scores(truth, skeletonized(mask > 0)) == pytest.approx((1, 1))


def test_best_threshold_is_never_worse():
    rng = np.random.default_rng(0)
    cells = np.ones((2, 40, 40))
    cells[:, 20] = cells[:, :, 15] = 0
    truths = [label(one)[0] for one in cells]
    blurred = 0.35 * cells + 0.3 * rng.random(cells.shape)  # cells lie below ½ in places
    half, best = best_rand_and_info_scores(truths, blurred)
    assert best.v_rand >= half.v_rand
    assert best.v_info > half.v_info
    assert best_rand_and_info_scores(truths, cells)[0] == pytest.approx((1, 1))


def test_average_precision_by_hand():
    truth, found = np.zeros((2, 20, 20), int)
    truth[0:10, 0:10] = 1
    truth[12:16, 12:16] = 2
    found[0:10, 0:8] = 3  # IoU 80 / 100
    found[12:16, 0:4] = 1  # nothing there
    scores = average_precision([truth], [found])
    assert scores[0.5] == scores[0.75] == pytest.approx(1 / 3)  # a hit, a false one, a missed one
    assert scores[0.8] == scores[0.95] == 0  # more than the threshold is asked
    perfect = average_precision([truth], [truth * 5])
    assert set(perfect.values()) == {1.0}
    assert len(perfect) == 10


def test_average_precision_is_a_mean_over_images():
    one = np.ones((4, 4), int)
    nothing = np.zeros((4, 4), int)
    assert average_precision([one, one], [one, nothing])[0.5] == 0.5
    assert average_precision([one, nothing], [one, nothing])[0.5] == 1  # an empty one left out
    assert average_precision([one, nothing], [one, one])[0.5] == 0.5


@given(labels)
def test_average_precision_by_brute_force(pair):
    truth, found = pair
    hits = 0
    for i in range(1, 5):
        for j in range(1, 5):
            either = ((truth == i) | (found == j)).sum()
            hits += either and ((truth == i) & (found == j)).sum() / either > 0.5
    count = len(set(truth.ravel()) - {0}) + len(set(found.ravel()) - {0})
    if count:
        assert average_precision([truth], [found])[0.5] == pytest.approx(hits / (count - hits))


def test_small_components_can_be_left_out():
    mask = np.zeros((8, 8), bool)
    mask[0, 0] = mask[4:7, 4:7] = True
    mask[7, 7] = True  # touches at a corner only: of its own
    assert components(mask).max() == 3
    kept = components(mask, smallest=4)
    assert kept.max() == 1
    assert (kept > 0).sum() == 9


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="found: got shape"):
        rand_and_info_scores(np.ones((3, 3), int), np.ones((3, 4), int))
    with pytest.raises(ValueError, match="truth: got no instances"):
        rand_and_info_scores(np.zeros((3, 3), int), np.ones((3, 3), int))
    with pytest.raises(ValueError, match=r"thresholds: got 0\.3"):
        average_precision([np.ones((3, 3), int)], [np.ones((3, 3), int)], (0.3,))
