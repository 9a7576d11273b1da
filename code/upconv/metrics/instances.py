"""How good a segmentation is object by object: V_rand, V_info, and average precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.ndimage import label
from skimage.morphology import skeletonize

from upconv.checks import refuse
from upconv.data.sets import Images


def components(mask: np.ndarray, smallest: int = 1) -> np.ndarray:
    """Connected regions of a mask (H, W), 4 neighbours, numbered from 1.

    Regions of fewer than ``smallest`` pixels are left out.

    Examples
    --------
    >>> mask = np.array([[1, 0, 1, 1], [1, 0, 0, 0], [0, 1, 0, 0]])
    >>> components(mask).tolist()
    [[1, 0, 2, 2], [1, 0, 0, 0], [0, 3, 0, 0]]
    >>> components(mask, smallest=2).tolist()
    [[1, 0, 2, 2], [1, 0, 0, 0], [0, 0, 0, 0]]
    """
    numbers, count = label(mask)
    if smallest > 1 and count:
        sizes = np.bincount(numbers.ravel())
        kept = sizes >= smallest
        kept[0] = False
        numbers = np.where(kept, np.cumsum(kept), 0)[numbers]
    return numbers


def thinned(cells: np.ndarray) -> np.ndarray:
    """Cells (H, W), bool, numbered after their borders have been thinned to lines one pixel wide.

    How thick a border is drawn says nothing about which cells it separates.

    Examples
    --------
    >>> cells = np.ones((5, 9), bool)
    >>> cells[:, 3:6] = False  # a thick border
    >>> thinned(cells)[2].tolist()
    [1, 1, 1, 1, 0, 2, 2, 2, 2]
    """
    # A frame of border, or lines would draw back from the image's edge and join what they part.
    border = np.pad(~np.asarray(cells, bool), 1, constant_values=True)
    return components(~skeletonize(border)[1:-1, 1:-1])


class Agreement(NamedTuple):
    """F-scores of two segmentations, 0 to 1: by pairs of pixels, and by information."""

    v_rand: float
    v_info: float


def agreement(truth: np.ndarray, found: np.ndarray) -> Agreement:
    """Foreground-restricted V_rand and V_info of the ISBI 2012 challenge.

    With p_ij the share of the pixels that are in object i of what was found and j of the truth,
    s_i = Σ_j p_ij and t_j = Σ_i p_ij,

        V_rand = Σ p_ij² / (½ Σ s_i² + ½ Σ t_j²),
        V_info = I(S; T) / (½ H(S) + ½ H(T)).

    Only pixels of the truth's objects count. Those in none of the objects found count as an
    object each. Arganda-Carreras et al. (2015), equations 1 to 6, with α = ½.

    Parameters
    ----------
    truth, found : (H, W) of int
        Objects numbered from 1; 0 is border.

    Raises
    ------
    ValueError
        If the shapes differ, or the truth has no object.

    Examples
    --------
    >>> truth = np.array([[1, 1, 0, 2, 2]])
    >>> agreement(truth, np.array([[2, 2, 0, 1, 1]]))  # numbers do not matter
    Agreement(v_rand=1.0, v_info=1.0)
    >>> merged = agreement(truth, np.array([[1, 1, 1, 1, 1]]))
    >>> round(merged.v_rand, 3), round(merged.v_info, 3)
    (0.667, 0.0)
    """
    if truth.shape != found.shape:
        refuse("found", f"shape {found.shape}", f"that of the truth {truth.shape}")
    inside = truth > 0
    if not inside.any():
        refuse("truth", "no object", "at least one")
    true, said = truth[inside].astype(np.int64), found[inside].astype(np.int64)
    lost = np.flatnonzero(said == 0)
    said[lost] = said.max() + 1 + np.arange(len(lost))
    joint = _overlaps(said, true).data / len(true)
    _, sizes_said = np.unique(said, return_counts=True)
    _, sizes_true = np.unique(true, return_counts=True)
    s, t = sizes_said / len(true), sizes_true / len(true)
    rand = (joint**2).sum() / (0.5 * (s**2).sum() + 0.5 * (t**2).sum())
    h_joint, h_s, h_t = (float(-(p * np.log(p)).sum()) for p in (joint, s, t))
    # One object in both: nothing to say, and nothing wrong.
    info = (h_s + h_t - h_joint) / (0.5 * (h_s + h_t)) if h_s + h_t > 0 else 1.0
    return Agreement(float(rand), float(info))


def best_agreement(
    truths: Images,
    probabilities: Images,
    thresholds: Sequence[float] = tuple(np.arange(0.1, 0.95, 0.1).round(1)),
) -> tuple[Agreement, Agreement]:
    """Mean agreement of several images after thinning: at the threshold ½, and at the best.

    The challenge takes the best threshold on the test images themselves, for either score of its
    own; the value at ½ does without that look.

    Parameters
    ----------
    truths
        Numbered objects (H, W) of each image.
    probabilities
        Of being inside of a cell, (H, W).

    Examples
    --------
    >>> truth = np.ones((5, 9), int)
    >>> truth[:, 4], truth[:, 5:] = 0, 2
    >>> inside = np.where(truth > 0, 0.9, 0.6)  # the border is seen, but not at the threshold ½
    >>> half, best = best_agreement([truth], [inside])
    >>> round(half.v_rand, 3), round(best.v_rand, 3)
    (0.667, 1.0)
    """
    table = {
        threshold: np.mean(
            [
                agreement(truth, thinned(values > threshold))
                for truth, values in zip(truths, probabilities, strict=True)
            ],
            axis=0,
        )
        for threshold in {*thresholds, 0.5}
    }
    best = np.max(list(table.values()), axis=0)
    return Agreement(*map(float, table[0.5])), Agreement(*map(float, best))


THRESHOLDS = tuple(np.arange(0.5, 1.0, 0.05).round(2).tolist())


def average_precision(
    truths: Images,
    founds: Images,
    thresholds: Sequence[float] = THRESHOLDS,
) -> dict[float, float]:
    """TP / (TP + FP + FN) of the objects at every threshold of IoU, as in the Data Science Bowl.

    An object found is true if its IoU with an object of the truth is more than the threshold (at
    ½ or more, one of them only can be). Counted in each image, then averaged over the images; an
    image with no object in either is left out.

    Parameters
    ----------
    truths, founds
        Numbered objects (H, W) of each image; 0 is background.

    Raises
    ------
    ValueError
        If a threshold is below ½.

    Examples
    --------
    >>> truth, found = np.array([[1, 1, 0, 2, 2]]), np.array([[1, 1, 0, 0, 0]])
    >>> average_precision([truth], [found], [0.5])  # one of two
    {0.5: 0.5}
    """
    if min(thresholds) < 0.5:
        refuse("thresholds", min(thresholds), "at least 0.5")
    scores: dict[float, list[float]] = {threshold: [] for threshold in thresholds}
    for truth, found in zip(truths, founds, strict=True):
        both = (truth > 0) & (found > 0)
        overlap = _overlaps(found[both], truth[both])
        sizes_found, sizes_true = np.bincount(found.ravel()), np.bincount(truth.ravel())
        count = np.count_nonzero(sizes_found[1:]) + np.count_nonzero(sizes_true[1:])
        if not count:
            continue
        union = sizes_found[overlap.row] + sizes_true[overlap.col] - overlap.data
        iou = overlap.data / union
        for threshold in thresholds:
            hits = int((iou > threshold).sum())
            scores[threshold].append(hits / (count - hits))
    return {threshold: float(np.mean(values)) for threshold, values in scores.items()}


def _overlaps(first: np.ndarray, second: np.ndarray) -> sparse.coo_matrix:
    """Pixels common to object i of the first and j of the second, as a sparse matrix."""
    ones = np.ones(first.size)
    shape = tuple(int(numbers.max(initial=0)) + 1 for numbers in (first, second))
    table = sparse.coo_matrix((ones, (first.ravel(), second.ravel())), shape)
    table.sum_duplicates()
    return table
