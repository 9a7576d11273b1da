"""How good drawn images are: Fréchet distance, density, coverage, and what modes they show.

All compare features of drawn images with features of real ones. Whose features these are decides
what the numbers mean: here those of a small classifier trained in this repository, so no number is
comparable with an FID, which takes Inception's.
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
    """Distance of two Gaussians with the means and covariances of two sets of features.

    ``|μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)``: Fréchet (1957), for images Heusel et al. (2017).

    Parameters
    ----------
    real, drawn : (N, D), (M, D)

    Raises
    ------
    ValueError
        If there are fewer than two of either, D differs, or a feature is infinite or NaN.

    Examples
    --------
    >>> real = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> round(frechet_distance(real, real + [3, 4]), 6)  # only moved: the squared distance
    25.0
    """
    real, drawn = _pair(real, drawn)
    if min(len(real), len(drawn)) < 2:
        refuse("drawn", f"{real.shape} and {drawn.shape}", "at least two each")
    means = [features.mean(0) for features in (real, drawn)]
    covariances = [np.atleast_2d(np.cov(features, rowvar=False)) for features in (real, drawn)]
    # The trace of a root is the sum of the roots of the eigenvalues. Those of a product of two
    # covariances are real and not negative, but for rounding.
    root = np.sqrt(eigvals(covariances[0] @ covariances[1]).astype(complex)).real.sum()
    apart = ((means[0] - means[1]) ** 2).sum()
    # Of equal sets it is zero up to rounding, and may come out below.
    return max(0.0, float(apart + sum(map(np.trace, covariances)) - 2 * root))


class Neighbourhood(NamedTuple):
    """Of two sets of features, by balls around the real ones that reach their k-th neighbor.

    ``density``: in how many balls a drawn image lies on average, over k; 1 where they are alike.
    ``coverage``: share of the balls that hold a drawn image. Naeem et al. (2020).
    """

    density: float
    coverage: float


def neighbourhood(real: np.ndarray, drawn: np.ndarray, k: int = 5) -> Neighbourhood:
    """Density (fidelity) and coverage (variety) of drawn images.

    Parameters
    ----------
    real, drawn : (N, D), (M, D)
        Features; distances are taken in float64, whatever their dtype.
    k
        Which neighbor a ball reaches.

    Raises
    ------
    ValueError
        If there are not more than k real ones, or none drawn, D differs, or a feature is
        infinite or NaN.

    Examples
    --------
    >>> real = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> neighbourhood(real, real[[0, 0, 0]], k=1)  # well drawn, and always the same
    Neighbourhood(density=1.0, coverage=0.25)
    """
    real, drawn = _pair(real, drawn)
    check_integer("k", k, 1)
    if len(real) <= k:
        refuse("real", f"{len(real)} rows", f"more than {k}")
    # Its own distance, 0, is the first.
    radii = np.concatenate([np.partition(block, k)[:, k] for block in _distances(real, real)])
    balls = np.zeros(len(real), bool)
    hits = 0
    for block in _distances(drawn, real):
        inside = block < radii
        hits += np.count_nonzero(inside)
        balls |= inside.any(0)
    return Neighbourhood(float(hits / (k * len(drawn))), float(balls.mean()))


class Modes(NamedTuple):
    """What a classifier reads: ``entropy`` of the classes drawn, in nats (ln 10 = 2.303 for ten
    equally often), and the share of images it is ``confident`` about."""

    entropy: float
    confident: float


def modes(probabilities: np.ndarray, sure: float = 0.9) -> Modes:
    """Entropy of the most likely classes, and the share with a probability of at least ``sure``.

    Parameters
    ----------
    probabilities : (N, classes)

    Raises
    ------
    ValueError
        If there are none, or one is infinite or NaN.

    Examples
    --------
    >>> found = modes(np.array([[0.95, 0.05], [0.4, 0.6]]))
    >>> round(found.entropy, 3), found.confident  # ln 2: both classes are drawn
    (0.693, 0.5)
    """
    probabilities = check_features("probabilities", probabilities, "probabilities")
    counts = np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])
    shares = counts[counts > 0] / counts.sum()
    entropy = float(-(shares * np.log(shares)).sum())
    return Modes(entropy, float((probabilities.max(1) >= sure).mean()))


def nearest(real: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each drawn image the nearest real one, by features: distances (M,) and places (M,).

    Raises
    ------
    ValueError
        If there are none, their features differ in number, or one is infinite or NaN.

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
    """Two sets of features that can be compared, in float64."""
    real, drawn = check_features("real", real), check_features("drawn", drawn)
    if real.shape[1] != drawn.shape[1]:
        refuse("drawn", f"{drawn.shape[1]} features", f"{real.shape[1]}, as many as real has")
    return real, drawn


def _distances(rows: np.ndarray, columns: np.ndarray) -> Iterator[np.ndarray]:
    """Euclidean distances of each row to all columns, some rows at a time.

    From differences: |a|² + |b|² − 2ab is faster, and far from 0 it leaves only rounding.
    """
    some = max(1, _AT_ONCE // len(columns))
    for start in range(0, len(rows), some):
        yield cdist(rows[start : start + some], columns)


def stride_energy(images: np.ndarray) -> float:
    """Share of the energy at the frequencies of a checkerboard: ½ across, down, or both.

    These are where upsampling by stride 2 leaves its pattern. Each is taken with its neighbors
    within 1 / 16 cycles a pixel, relative to the energy of all but the mean.

    Parameters
    ----------
    images : (N, H, W), uint8

    Returns
    -------
    float
        From 0 to 1; 0 if no image has any contrast.

    Raises
    ------
    ValueError
        If there are none, they have other axes, or a value is infinite or NaN.

    Examples
    --------
    >>> board = (np.indices((1, 16, 16)).sum(0) % 2 * 255).astype(np.uint8)
    >>> round(stride_energy(board), 3)
    1.0
    >>> round(stride_energy(board.repeat(4, 1).repeat(4, 2)), 3)  # squares of 4 × 4 pixels
    0.0
    """
    images = as_array("images", images)
    if images.ndim != 3 or images.size == 0:
        refuse("images", f"shape {images.shape}", "(N, H, W), at least one image")
    scaled = check_finite("images", images / np.float64(255), "values")
    # Less one of its pixels an image without contrast is zero exactly; less its mean, rounding.
    power = (np.abs(np.fft.fft2(scaled - scaled[:, :1, :1])) ** 2).mean(0)
    power[0, 0] = 0
    if not power.any():
        return 0.0
    sides = [np.abs(np.fft.fftfreq(length)) for length in power.shape]
    high, low = ([side >= 1 / 2 - 1 / 16 for side in sides], [side <= 1 / 16 for side in sides])
    board = np.outer(*high) | np.outer(high[0], low[1]) | np.outer(low[0], high[1])
    return float(power[board].sum() / power.sum())
