"""Metrics for generated images: Fréchet distance, density, coverage and mode coverage.

All compare features of generated images with features of real ones. The numbers depend on the
feature extractor: here it is a small classifier trained in this repository, so they are not
comparable with an FID, which uses Inception's features.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigvals
from scipy.spatial.distance import cdist

from upconv.checks import (
    as_array,
    check_features,
    check_finite,
    check_integer,
    refuse,
)

_AT_ONCE = 2**23  # distances held in memory, 64 MiB


def frechet_distance(real: np.ndarray, drawn: np.ndarray) -> float:
    """Distance between the Gaussians that have the means and covariances of two feature sets.

    ``|μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)``: Fréchet (1957), for images Heusel et al. (2017).

    Parameters
    ----------
    real, drawn : (N, D), (M, D)

    Raises
    ------
    ValueError
        If either has fewer than two rows, D differs, or a feature is infinite or NaN.

    Examples
    --------
    >>> real = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> round(frechet_distance(real, real + [3, 4]), 6)  # only shifted: the squared distance
    25.0
    """
    real, drawn = _pair(real, drawn)
    if min(len(real), len(drawn)) < 2:
        refuse("drawn", f"{real.shape} and {drawn.shape}", "at least two each")
    means = [features.mean(0) for features in (real, drawn)]
    covariances = [np.atleast_2d(np.cov(features, rowvar=False)) for features in (real, drawn)]
    # The trace of a root is the sum of the roots of the eigenvalues. Those of a product of two
    # covariances are real and non-negative, up to rounding.
    root = np.sqrt(eigvals(covariances[0] @ covariances[1]).astype(complex)).real.sum()
    apart = ((means[0] - means[1]) ** 2).sum()
    # For equal sets it is zero up to rounding, and may come out negative.
    return max(0.0, float(apart + sum(map(np.trace, covariances)) - 2 * root))


class DensityAndCoverage(NamedTuple):
    """Density and coverage, from balls around real features that reach their k-th neighbor.

    ``density``: mean number of balls that contain a generated image, divided by k; 1 for equal
    distributions. ``coverage``: share of balls that contain a generated image. Naeem et al. (2020).
    """

    density: float
    coverage: float


def density_and_coverage(real: np.ndarray, drawn: np.ndarray, k: int = 5) -> DensityAndCoverage:
    """Compute density (fidelity) and coverage (variety) of generated images.

    Parameters
    ----------
    real, drawn : (N, D), (M, D)
        Features; distances are computed in float64, whatever their dtype.
    k
        Each ball reaches its center's k-th nearest neighbor.

    Raises
    ------
    ValueError
        If ``real`` has at most k rows, ``drawn`` is empty, D differs, or a feature is infinite or
        NaN.

    Examples
    --------
    >>> real = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> density_and_coverage(real, real[[0, 0, 0]], k=1)  # realistic, but always the same
    DensityAndCoverage(density=1.0, coverage=0.25)
    """
    real, drawn = _pair(real, drawn)
    check_integer("k", k, 1)
    if len(real) <= k:
        refuse("real", f"{len(real)} rows", f"more than {k}")
    # The first is the distance to itself, 0.
    radii = np.concatenate([np.partition(block, k)[:, k] for block in _distances(real, real)])
    balls = np.zeros(len(real), bool)
    hits = 0
    for block in _distances(drawn, real):
        inside = block < radii
        hits += np.count_nonzero(inside)
        balls |= inside.any(0)
    return DensityAndCoverage(float(hits / (k * len(drawn))), float(balls.mean()))


class ClassEntropy(NamedTuple):
    """A classifier's view of generated images: ``entropy`` of the predicted classes, in nats
    (ln 10 = 2.303 for ten equally frequent ones), and the share it is ``confident`` about."""

    entropy: float
    confident: float


def class_entropy(probabilities: np.ndarray, sure: float = 0.9) -> ClassEntropy:
    """Compute the entropy of the predicted classes and the share with probability >= ``sure``.

    Parameters
    ----------
    probabilities : (N, classes)

    Raises
    ------
    ValueError
        If the array is empty, or a probability is infinite or NaN.

    Examples
    --------
    >>> found = class_entropy(np.array([[0.95, 0.05], [0.4, 0.6]]))
    >>> round(found.entropy, 3), found.confident  # ln 2: both classes occur
    (0.693, 0.5)
    """
    probabilities = check_features("probabilities", probabilities, "probabilities")
    counts = np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])
    shares = counts[counts > 0] / counts.sum()
    entropy = float(-(shares * np.log(shares)).sum())
    return ClassEntropy(entropy, float((probabilities.max(1) >= sure).mean()))


def nearest(real: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find each generated image's nearest real one: distances (M,) and indices (M,).

    Raises
    ------
    ValueError
        If an array is empty, D differs, or a feature is infinite or NaN.

    Examples
    --------
    >>> real = np.array([[0.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    >>> distances, places = nearest(real, np.array([[0.0, 4.0]]))
    >>> distances.tolist(), places.tolist()
    ([3.0], [1])
    """
    real, drawn = _pair(real, drawn)
    places = np.concatenate([block.argmin(1) for block in _distances(drawn, real)])
    return np.sqrt(((drawn - real[places]) ** 2).sum(1)), places


def _pair(real: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check that two sets of features can be compared; return them in float64."""
    real, drawn = check_features("real", real), check_features("drawn", drawn)
    if real.shape[1] != drawn.shape[1]:
        refuse("drawn", f"{drawn.shape[1]} features", f"{real.shape[1]}, as many as real has")
    return real, drawn


def _distances(rows: np.ndarray, columns: np.ndarray) -> Iterator[np.ndarray]:
    """Yield Euclidean distances of each row to all columns, some rows at a time.

    Computed from differences: |a|² + |b|² − 2ab is faster, but far from 0 only rounding is left.
    """
    some = max(1, _AT_ONCE // len(columns))
    for start in range(0, len(rows), some):
        yield cdist(rows[start : start + some], columns)


def checkerboard_energy(images: np.ndarray) -> float:
    """Share of the energy at checkerboard frequencies: ½ horizontally, vertically, or both.

    Upsampling with stride 2 leaves its pattern there. Each includes its neighbors within
    1 / 16 cycles per pixel, relative to the energy without the mean.

    Parameters
    ----------
    images : (N, H, W), uint8

    Returns
    -------
    float
        From 0 to 1; 0 if all images are constant.

    Raises
    ------
    ValueError
        If the array is empty or has other axes, or a value is infinite or NaN.

    Examples
    --------
    >>> board = (np.indices((1, 16, 16)).sum(0) % 2 * 255).astype(np.uint8)
    >>> round(checkerboard_energy(board), 3)
    1.0
    >>> round(checkerboard_energy(board.repeat(4, 1).repeat(4, 2)), 3)  # squares of 4 × 4 pixels
    0.0
    """
    images = as_array("images", images)
    if images.ndim != 3 or images.size == 0:
        refuse("images", f"shape {images.shape}", "(N, H, W), at least one image")
    scaled = check_finite("images", images / np.float64(255), "values")
    # Minus one of its pixels, a constant image is exactly zero; minus its mean, it is rounding.
    power = (np.abs(np.fft.fft2(scaled - scaled[:, :1, :1])) ** 2).mean(0)
    power[0, 0] = 0
    if not power.any():
        return 0.0
    sides = [np.abs(np.fft.fftfreq(length)) for length in power.shape]
    high, low = ([side >= 1 / 2 - 1 / 16 for side in sides], [side <= 1 / 16 for side in sides])
    board = np.outer(*high) | np.outer(high[0], low[1]) | np.outer(low[0], high[1])
    return float(power[board].sum() / power.sum())
