"""Metrics for segmentations: the four of the FCN paper, and boundary IoU."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from scipy.ndimage import minimum_filter1d

from upconv.checks import refuse
from upconv.data.sets import VOID

ROWS = 512  # of an image that are counted at once


@dataclass
class Scores:
    """Scores from 0 to 1; ``class_iou`` is NaN for a class neither present nor predicted."""

    pixel_accuracy: float
    mean_accuracy: float
    mean_iou: float
    frequency_weighted_iou: float
    boundary_iou: float
    class_iou: list[float]

    @property
    def pixel_error(self) -> float:
        """Share of misclassified pixels."""
        return 1 - self.pixel_accuracy

    @property
    def class_dice(self) -> list[float]:
        """Dice score of each class, ``2 |A ∩ B| / (|A| + |B|)`` = 2 IoU / (1 + IoU)."""
        return [2 * iou / (1 + iou) for iou in self.class_iou]

    def asdict(self) -> dict[str, float | list[float]]:
        return asdict(self)


class SegmentationScores:
    """Accumulate predictions and compute their scores.

    With n_ij the pixels of class i predicted as class j, and t_i = Σ_j n_ij (Long et al. 2015):

    - pixel accuracy Σ n_ii / Σ t_i,
    - mean accuracy: mean over the classes of n_ii / t_i,
    - mean IoU: mean over the classes of n_ii / (t_i + Σ_j n_ji − n_ii),
    - frequency weighted IoU: the same, weighted by t_i.

    Boundary IoU (Cheng et al. 2021) is the mean over the classes of the IoU of the pixels inside
    the class and within ``boundary`` times the image's diagonal of its edge. All scores are
    computed over the pixels of the whole set; means skip classes that never occur.

    Examples
    --------
    >>> measure = SegmentationScores(classes=2)
    >>> measure.add(prediction=np.array([[0, 1, 1, 1]]), mask=np.array([[0, 0, 1, 255]]))
    >>> scores = measure.scores()
    >>> scores.class_iou, round(scores.pixel_accuracy, 3)  # 255 is ignored
    ([0.5, 0.5], 0.667)
    """

    def __init__(self, classes: int, boundary: float = 0.02) -> None:
        if classes > VOID:
            expected = f"at most {VOID}: {VOID} in a mask is not a class"
            refuse("classes", classes, expected)
        self.classes, self.boundary = classes, boundary
        self.matrix = np.zeros((classes, classes), np.int64)  # true class, predicted class
        self.common = np.zeros(classes)
        self.either = np.zeros(classes)

    def add(self, prediction: np.ndarray, mask: np.ndarray) -> None:
        """Add one image's class numbers (H, W); pixels that are ``VOID`` in the mask are ignored.

        Raises
        ------
        ValueError
            If the shapes differ, or a class number is out of range.
        """
        if prediction.shape != mask.shape:
            refuse("prediction", prediction.shape, mask.shape)
        matrix = np.zeros_like(self.matrix)
        for start in range(0, len(mask), ROWS):
            rows = slice(start, start + ROWS)
            matrix += self._count(prediction[rows], mask[rows])
        self.matrix += matrix
        valid = mask != VOID
        distance = max(1, round(self.boundary * math.hypot(*mask.shape)))
        for number in np.flatnonzero(matrix.sum(0) + matrix.sum(1)):
            said, true = ((labels == number) & valid for labels in (prediction, mask))
            said, true = (_rim(region, distance) for region in (said, true))
            self.common[number] += (said & true).sum()
            self.either[number] += (said | true).sum()

    def _count(self, prediction: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Count pixels by true and predicted class, without those that are ``VOID``."""
        valid = mask != VOID
        true, said = mask[valid], prediction[valid]
        for name, numbers in (("prediction", said), ("mask", true)):
            if numbers.size and not 0 <= numbers.min() <= numbers.max() < self.classes:
                got = f"class numbers {numbers.min()} to {numbers.max()}"
                refuse(name, got, f"0 to {self.classes - 1}")
        pairs = self.classes * true.astype(np.int64) + said
        return np.bincount(pairs, minlength=self.classes**2).reshape(self.matrix.shape)

    def scores(self) -> Scores:
        """Return the scores of all images added so far."""
        matrix = self.matrix.astype(float)
        hits, true, said = np.diag(matrix), matrix.sum(1), matrix.sum(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            iou = hits / (true + said - hits)
            accuracy = hits / true
            boundary = self.common / self.either
        return Scores(
            pixel_accuracy=float(hits.sum() / max(true.sum(), 1)),
            mean_accuracy=float(np.nanmean(accuracy)),
            mean_iou=float(np.nanmean(iou)),
            frequency_weighted_iou=float(np.nansum(true * iou) / max(true.sum(), 1)),
            boundary_iou=float(np.nanmean(boundary)),
            class_iou=iou.tolist(),
        )


def _rim(region: np.ndarray, distance: int) -> np.ndarray:
    """Part of a region within a distance of its edge; the image's border is also an edge.

    Equal to ``distance`` erosions with a 3 × 3 square, as in the paper authors' code: one erosion
    with a larger square, row by row and column by column, takes a time that does not grow with it.
    """
    if not region.any():
        return region
    inner = region.view(np.uint8)
    for axis in (0, 1):
        inner = minimum_filter1d(inner, 2 * distance + 1, axis, mode="constant")
    return region & ~inner.view(bool)
