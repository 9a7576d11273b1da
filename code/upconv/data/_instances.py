"""Training targets from numbered instances: masks and weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import distance_transform_edt, find_objects

from upconv.checks import refuse
from upconv.data.sets import SegmentationSet


def split_touching_instances(instances: np.ndarray) -> np.ndarray:
    """Make a mask (H, W), uint8: 1 inside instances, with a line of 0 between touching ones."""
    inside = instances > 0
    touches = np.zeros(instances.shape, bool)
    for axis in (0, 1):
        # Views along the axis, so that one loop handles rows and columns.
        numbers, found = instances.swapaxes(0, axis), touches.swapaxes(0, axis)
        meet = (numbers[1:] != numbers[:-1]) & (numbers[1:] > 0) & (numbers[:-1] > 0)
        found[1:] |= meet
        found[:-1] |= meet
    return (inside & ~touches).astype(np.uint8)


def border_weights(
    instances: np.ndarray, w0: float = 10.0, sigma: float = 5.0, balance: bool = True
) -> np.ndarray:
    """Compute the U-Net weight map w(x) = w_c(x) + w₀ exp(−(d₁ + d₂)² / 2σ²), (H, W), float32.

    Equation 2 of Ronneberger, Fischer & Brox (2015): d₁ and d₂ are a background pixel's distances
    in pixels to the nearest and second nearest instance, and w_c balances the two classes. Thin
    gaps between instances thus count most. Inside instances, and beyond 6σ from the second
    nearest, the weight is w_c.

    Parameters
    ----------
    instances : (H, W) of int
        Instances numbered from 1; 0 is background.
    w0, sigma : float
        Height of the weights, and width in pixels.
    balance : bool
        If true, w_c gives both classes the same total; otherwise it is 1.

    Raises
    ------
    ValueError
        If ``instances`` does not have two axes, w0 is negative or sigma is not positive.
    """
    if np.ndim(instances) != 2:
        refuse("instances", f"{np.ndim(instances)} axes", "(H, W)")
    if w0 < 0 or sigma <= 0:
        refuse("w0, sigma", f"{w0}, {sigma}", "w0 at least 0 and sigma above 0")
    reach = int(np.ceil(6 * sigma))
    near = np.full((2, *instances.shape), np.inf)
    for number, box in enumerate(find_objects(instances), 1):
        if box is None:
            continue
        window = tuple(slice(max(side.start - reach, 0), side.stop + reach) for side in box)
        distance = distance_transform_edt(instances[window] != number)
        first, second = near[0][window], near[1][window]
        np.minimum(second, np.maximum(first, distance), out=second)
        np.minimum(first, distance, out=first)
    background = instances == 0
    weights = np.where(background, w0 * np.exp(-(near.sum(0) ** 2) / (2 * sigma**2)), 0)
    if balance:
        share = background.mean()
        for region, part in ((background, share), (~background, 1 - share)):
            weights[region] += 0.5 / max(part, 1e-9)
    else:
        weights += 1
    return weights.astype(np.float32)


def with_border_weights(
    data: SegmentationSet, w0: float = 10.0, sigma: float = 5.0, balance: bool = True
) -> SegmentationSet:
    """Return the same set with border weights of its instances.

    Raises
    ------
    ValueError
        If the set has no instances.
    """
    if data.instances is None:
        expected = "a set with instances (a folder: masks that number them, read with --instances)"
        refuse("data", f"{data.name} without instances", expected)
    weights = [border_weights(found, w0, sigma, balance) for found in data.instances]
    return replace(data, weights=weights)
