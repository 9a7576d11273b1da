"""Scores by the distance of a pixel from the nearest boundary between two classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

from upconv.checks import refuse
from upconv.data.sets import VOID


def distance_to_boundary(mask: np.ndarray) -> np.ndarray:
    """Compute how far each pixel's center is from the nearest boundary of its class, in pixels.

    A boundary lies halfway between the centers of two pixels of different classes: the pixels
    beside it are at a distance of 0.5. The border of the image is none, and neither is the border
    of an unlabeled region.

    Parameters
    ----------
    mask : (H, W)
        Class numbers, or ``VOID``.

    Returns
    -------
    (H, W), float64
        Infinite where the mask has one class only, and NaN where it is ``VOID``.

    Raises
    ------
    ValueError
        If the mask does not have two axes.

    Examples
    --------
    >>> distance_to_boundary(np.array([[0, 0, 0, 1, 1]])).tolist()
    [[2.5, 1.5, 0.5, 0.5, 1.5]]
    """
    if mask.ndim != 2:
        refuse("mask", f"shape {mask.shape}", "one mask (H, W)")
    labeled = mask != VOID
    distances = np.full(mask.shape, np.nan)
    for number in np.unique(mask[labeled]):
        inside, other = mask == number, (mask != number) & labeled
        far = distance_transform_edt(~other)[inside] - 0.5 if other.any() else np.inf
        distances[inside] = far
    return distances


class ScoresByDistance:
    """Accumulate predictions, and score the pixels of each band of distances separately.

    Gain at boundaries is measured this way by Kohli, Ladický & Torr (2009) and Chen et al. (2015),
    with one band around the boundary (a "trimap") whose width varies. Bands that do not overlap say
    in addition what happens away from it.

    Parameters
    ----------
    classes
        Number of classes.
    edges
        Distances in pixels that separate the bands, increasing. A pixel at an edge belongs to the
        nearer band.

    Attributes
    ----------
    matrix : (bands, classes, classes)
        Pixels by band, true class and predicted class.

    Examples
    --------
    >>> measure = ScoresByDistance(classes=2, edges=(1,))  # beside a boundary, and further away
    >>> measure.add(prediction=np.array([[0, 0, 1, 1, 1]]), mask=np.array([[0, 0, 0, 1, 1]]))
    >>> measure.pixels.tolist(), measure.accuracy.tolist()
    ([2, 3], [0.5, 1.0])
    """

    def __init__(self, classes: int, edges: Sequence[float] = (1, 2, 4, 8, 16, 32)) -> None:
        if not edges or list(edges) != sorted(set(edges)) or edges[0] <= 0:
            refuse("edges", tuple(edges), "increasing distances above 0")
        self.classes, self.edges = classes, tuple(edges)
        self.matrix = np.zeros((len(edges) + 1, classes, classes), np.int64)

    def add(self, prediction: np.ndarray, mask: np.ndarray) -> None:
        """Add one image's class numbers (H, W); pixels that are ``VOID`` in the mask are ignored.

        Raises
        ------
        ValueError
            If the shapes differ, or a class number is out of range.
        """
        if prediction.shape != mask.shape:
            refuse("prediction", prediction.shape, mask.shape)
        valid = mask != VOID
        said, true = prediction[valid].astype(np.int64), mask[valid].astype(np.int64)
        for name, numbers in (("prediction", said), ("mask", true)):
            if numbers.size and not 0 <= numbers.min() <= numbers.max() < self.classes:
                got = f"class numbers {numbers.min()} to {numbers.max()}"
                refuse(name, got, f"0 to {self.classes - 1}")
        band = np.searchsorted(self.edges, distance_to_boundary(mask)[valid])
        cell = (band * self.classes + true) * self.classes + said
        self.matrix += np.bincount(cell, minlength=self.matrix.size).reshape(self.matrix.shape)

    @property
    def pixels(self) -> np.ndarray:
        """Labeled pixels of each band."""
        return self.matrix.sum((1, 2))

    @property
    def accuracy(self) -> np.ndarray:
        """Share of correct pixels of each band; NaN for a band without pixels."""
        with np.errstate(invalid="ignore"):
            return np.trace(self.matrix, axis1=1, axis2=2) / self.pixels

    @property
    def mean_iou(self) -> np.ndarray:
        """Mean over the classes of the IoU within each band; NaN for a band without pixels."""
        hits = np.diagonal(self.matrix, axis1=1, axis2=2)
        either = self.matrix.sum(1) + self.matrix.sum(2) - hits
        present = (either > 0).sum(1)
        iou = np.divide(hits, either, out=np.zeros(hits.shape), where=either > 0).sum(1)
        return np.where(present > 0, iou / np.maximum(present, 1), np.nan)
