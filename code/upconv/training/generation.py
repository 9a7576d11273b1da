"""How good drawn images are: Fréchet distance, density, coverage, and what modes they show.

All compare features of drawn images with features of real ones. Whose features these are decides
what the numbers mean: here those of a small classifier trained in this repository, so no number is
comparable with an FID, which takes Inception's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.linalg import eigvals
from scipy.spatial.distance import cdist
from torch import nn
from tqdm.auto import tqdm

from upconv.checks import (
    as_array,
    check_features,
    check_finite,
    check_integer,
    check_real,
    check_seed,
    refuse,
)
from upconv.data import ImageSet
from upconv.torch.modes import evaluating
from upconv.training.batches import to_pixels
from upconv.training.device import casting, layout, loss_scaler, pick_device, resolve_precision
from upconv.training.settings import LARGEST_BATCH, MOST_STEPS

_AT_ONCE = 2**23  # distances held in memory, 64 MiB


def train_classifier(
    network: nn.Module,
    data: ImageSet,
    *,
    steps: int = 600,
    batch: int = 128,
    learning_rate: float = 3e-3,
    seed: int = 0,
    device: str = "auto",
    progress: bool = False,
) -> float:
    """Train a classifier on a labelled set, in place; returns its accuracy on the last tenth.

    The last tenth of the images is held out. Crops are moved by up to two pixels.

    Raises
    ------
    ValueError
        If the set has no labels, or a number is out of bounds.
    """
    check_integer("steps", steps, 1, MOST_STEPS)
    check_integer("batch", batch, 1, LARGEST_BATCH)
    check_real("learning_rate", learning_rate)
    check_seed("seed", seed)
    if data.labels is None:
        raise ValueError(f"data: got {data.name} without labels, expected a labelled set")
    where = pick_device(device)
    precision = resolve_precision("auto", where)
    network = network.to(where, memory_format=layout(network, precision, where)).train()
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate, fused=True)
    scaler = loss_scaler(precision, where)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, steps)
    rng = np.random.default_rng(seed)
    held_out = max(1, len(data) // 10)
    known = len(data) - held_out
    bar = tqdm(range(steps), disable=None if progress else True, file=sys.stderr)
    for _ in bar:
        places = rng.integers(known, size=batch)
        pixels = to_pixels(data.images[places], network.channels)
        pixels = torch.roll(pixels, tuple(rng.integers(-2, 3, 2).tolist()), (2, 3))
        with casting(precision, where):
            logits = network(pixels.to(where))
        loss = F.cross_entropy(logits.float(), torch.as_tensor(data.labels[places], device=where))
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
    network.eval()
    with torch.inference_mode():
        right = 0
        for start in range(known, len(data), 500):
            pixels = to_pixels(data.images[start : start + 500], network.channels).to(where)
            said = network(pixels).argmax(1).cpu().numpy()
            right += (said == data.labels[start : start + 500]).sum()
    return float(right / held_out)


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
    """Of two sets of features, by balls around the real ones that reach their k-th neighbour.

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
        Which neighbour a ball reaches.

    Raises
    ------
    ValueError
        If there are not more than k real ones, or none drawn, D differs, or a feature is
        infinite or NaN.
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

    These are where upsampling by stride 2 leaves its pattern. Each is taken with its neighbours
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


class Units(NamedTuple):
    """Shares of a layer's units: ``silent``, below zero for every image, and ``dead``, so that no
    image's gradient passes. A LeakyReLU's units may be silent, and are never dead."""

    silent: float
    dead: float


def dead_units(network: nn.Module, images: torch.Tensor) -> dict[str, Units]:
    """Silent and dead units before each ReLU, LeakyReLU or tanh of a network, over some images.

    A unit is a channel at a place. The network's activation is its attribute ``act``.

    Raises
    ------
    ValueError
        If the network has none.
    """
    act = getattr(network, "act", None)
    if act is None:
        raise ValueError(f"network: got {type(network).__name__}, expected one with an act")
    found: dict[str, Units] = {}

    def look(layer: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        values = inputs[0]
        silent = (values <= 0).flatten(1).all(0).float().mean().item()
        dead = silent if isinstance(layer, nn.ReLU) else 0.0
        found[f"layer {len(found) + 1}"] = Units(silent, dead)

    hook = act.register_forward_pre_hook(look)
    try:
        with evaluating(network), torch.inference_mode():
            network(images)
    finally:
        hook.remove()
    return found
