"""Instance-level metrics for segmentations: V_rand, V_info and average precision."""

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
    """Label the 4-connected regions of a mask (H, W), numbered from 1.

    Regions with fewer than ``smallest`` pixels are removed.

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


def skeletonized(cells: np.ndarray) -> np.ndarray:
    """Label cells (H, W), bool, after thinning their borders to lines one pixel wide.

    The thickness of a border is irrelevant to which cells it separates.

    Examples
    --------
    >>> cells = np.ones((5, 9), bool)
    >>> cells[:, 3:6] = False  # a thick border
    >>> skeletonized(cells)[2].tolist()
    [1, 1, 1, 1, 0, 2, 2, 2, 2]
    """
    # A frame of border: otherwise lines would recede from the image's edge and merge cells.
    border = np.pad(~np.asarray(cells, bool), 1, constant_values=True)
    return components(~skeletonize(border)[1:-1, 1:-1])


class RandAndInfo(NamedTuple):
    """F-scores of two segmentations, 0 to 1: over pairs of pixels, and over information."""

    v_rand: float
    v_info: float


def rand_and_info_scores(truth: np.ndarray, found: np.ndarray) -> RandAndInfo:
    """Compute the foreground-restricted V_rand and V_info of the ISBI 2012 challenge.

    With p_ij the share of pixels in instance i of the prediction and instance j of the truth,
    s_i = Σ_j p_ij and t_j = Σ_i p_ij,

        V_rand = Σ p_ij² / (½ Σ s_i² + ½ Σ t_j²),
        V_info = I(S; T) / (½ H(S) + ½ H(T)).

    Only pixels in the truth's instances count. Each of them outside every predicted instance
    counts as its own instance. Arganda-Carreras et al. (2015), equations 1 to 6, with α = ½.

    Parameters
    ----------
    truth, found : (H, W) of int
        Instances numbered from 1; 0 is border.

    Raises
    ------
    ValueError
        If the shapes differ, or the truth has no instances.

    Examples
    --------
    >>> truth = np.array([[1, 1, 0, 2, 2]])
    >>> rand_and_info_scores(truth, np.array([[2, 2, 0, 1, 1]]))  # numbers do not matter
    RandAndInfo(v_rand=1.0, v_info=1.0)
    >>> merged = rand_and_info_scores(truth, np.array([[1, 1, 1, 1, 1]]))
    >>> round(merged.v_rand, 3), round(merged.v_info, 3)
    (0.667, 0.0)
    """
    if truth.shape != found.shape:
        refuse("found", f"shape {found.shape}", f"the truth's shape {truth.shape}")
    inside = truth > 0
    if not inside.any():
        refuse("truth", "no instances", "at least one")
    true, said = truth[inside].astype(np.int64), found[inside].astype(np.int64)
    lost = np.flatnonzero(said == 0)
    said[lost] = said.max() + 1 + np.arange(len(lost))
    joint = _overlaps(said, true).data / len(true)
    _, sizes_said = np.unique(said, return_counts=True)
    _, sizes_true = np.unique(true, return_counts=True)
    s, t = sizes_said / len(true), sizes_true / len(true)
    rand = (joint**2).sum() / (0.5 * (s**2).sum() + 0.5 * (t**2).sum())
    h_joint, h_s, h_t = (float(-(p * np.log(p)).sum()) for p in (joint, s, t))
    # One instance in both: no information, and nothing wrong.
    info = (h_s + h_t - h_joint) / (0.5 * (h_s + h_t)) if h_s + h_t > 0 else 1.0
    return RandAndInfo(float(rand), float(info))


TENTHS = tuple(np.arange(0.1, 0.95, 0.1).round(1))


def best_rand_and_info_scores(
    truths: Images,
    probabilities: Images,
    thresholds: Sequence[float] = TENTHS,
) -> tuple[RandAndInfo, RandAndInfo]:
    """Average the agreement over images after thinning: at threshold ½, and at the best one.

    The challenge selects the best threshold on the test images themselves, separately for each
    score; the value at ½ involves no such selection.

    Parameters
    ----------
    truths
        Numbered instances (H, W) of each image.
    probabilities
        Probability (H, W) of being inside a cell.

    Examples
    --------
    >>> truth = np.ones((5, 9), int)
    >>> truth[:, 4], truth[:, 5:] = 0, 2
    >>> inside = np.where(truth > 0, 0.9, 0.6)  # the border is seen, but not at the threshold ½
    >>> half, best = best_rand_and_info_scores([truth], [inside])
    >>> round(half.v_rand, 3), round(best.v_rand, 3)
    (0.667, 1.0)
    """
    pairs = zip(truths, probabilities, strict=True)
    return half_and_best([by_threshold(*pair, thresholds) for pair in pairs])


def by_threshold(
    truth: np.ndarray, probability: np.ndarray, thresholds: Sequence[float] = TENTHS
) -> dict[float, RandAndInfo]:
    """Compute one image's agreement at each threshold and at ½; see the function above."""
    return {
        threshold: rand_and_info_scores(truth, skeletonized(probability > threshold))
        for threshold in {*thresholds, 0.5}
    }


def half_and_best(tables: list[dict[float, RandAndInfo]]) -> tuple[RandAndInfo, RandAndInfo]:
    """Average the images' tables of :func:`by_threshold`: at threshold ½, and at the best one."""
    means = {
        threshold: np.mean([table[threshold] for table in tables], axis=0)
        for threshold in tables[0]
    }
    best = np.max(list(means.values()), axis=0)
    return RandAndInfo(*map(float, means[0.5])), RandAndInfo(*map(float, best))


THRESHOLDS = tuple(np.arange(0.5, 1.0, 0.05).round(2).tolist())


def average_precision(
    truths: Images,
    founds: Images,
    thresholds: Sequence[float] = THRESHOLDS,
) -> dict[float, float]:
    """Compute TP / (TP + FP + FN) of instances at each IoU threshold, as in the Data Science Bowl.

    A predicted instance is a true positive if its IoU with a true instance exceeds the threshold
    (at ½ or more, at most one can match). Counted per image, then averaged over the images;
    images without instances in both are skipped.

    Parameters
    ----------
    truths, founds
        Numbered instances (H, W) of each image; 0 is background.

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
    pairs = zip(truths, founds, strict=True)
    return mean_precision([precision_of(*pair, thresholds) for pair in pairs], thresholds)


def precision_of(
    truth: np.ndarray, found: np.ndarray, thresholds: Sequence[float] = THRESHOLDS
) -> list[float]:
    """Compute one image's TP / (TP + FP + FN) at each threshold; [] without any instances."""
    both = (truth > 0) & (found > 0)
    overlap = _overlaps(found[both], truth[both])
    sizes_found, sizes_true = np.bincount(found.ravel()), np.bincount(truth.ravel())
    count = np.count_nonzero(sizes_found[1:]) + np.count_nonzero(sizes_true[1:])
    if not count:
        return []
    union = sizes_found[overlap.row] + sizes_true[overlap.col] - overlap.data
    iou = overlap.data / union
    hits = [int((iou > threshold).sum()) for threshold in thresholds]
    return [hit / (count - hit) for hit in hits]


def mean_precision(
    scores: list[list[float]], thresholds: Sequence[float] = THRESHOLDS
) -> dict[float, float]:
    """Average the images' results of :func:`precision_of`, without those that have no instances."""
    columns = list(zip(*filter(None, scores), strict=True)) or [()] * len(thresholds)
    means = (float(np.mean(column)) for column in columns)
    return dict(zip(thresholds, means, strict=True))


def _overlaps(first: np.ndarray, second: np.ndarray) -> sparse.coo_matrix:
    """Count pixels shared by instance i of the first and j of the second, as a sparse matrix."""
    ones = np.ones(first.size)
    shape = tuple(int(numbers.max(initial=0)) + 1 for numbers in (first, second))
    table = sparse.coo_matrix((ones, (first.ravel(), second.ravel())), shape)
    table.sum_duplicates()
    return table
