"""Zeros between samples, a kernel, and what the kernel leaves of the replicas."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import traitlets

from upconv.data import photo
from upconv.ops import (
    checkerboard_residue,
    insert_zeros,
    phase_sums,
    replica_share,
    upsample,
    upsampling_kernel,
)
from upconv.widgets._explorer import Explorer, encode_photo, from_url, one_of

LENGTH = 24
SIDE = 48
WAVE = "wave"  # the signal whose frequency the reader sets
OWN = "own"
KERNELS = ("nearest", "linear", "cubic", "ideal", OWN)
LARGEST = 8  # of a kernel of the reader's own


def some_signals() -> dict[str, list[float]]:
    """Signals of 24 samples, repeated periodically, each with something to see in frequency."""
    t, rng = np.arange(LENGTH), np.random.default_rng(3)
    waves = [np.cos(2 * np.pi * (k * t / LENGTH + rng.random())) for k in range(1, 6)]
    signals = {
        "step": (t >= LENGTH // 2).astype(float),
        "spike": (t == LENGTH // 2).astype(float),
        "random, band-limited": 0.5 + 0.25 * np.sum(waves, axis=0),
    }
    return {name: signal.round(3).tolist() for name, signal in signals.items()}


@functools.cache
def some_pictures() -> dict[str, str]:
    """Small pictures as data URLs; the zone plate has all frequencies, the gray one has none."""
    middle = np.arange(SIDE) - (SIDE - 1) / 2
    radius = np.hypot(middle[:, None], middle)
    pictures = {
        "camera": photo("camera", SIDE),
        "cat": photo("cat", SIDE),
        "zone plate": 0.5 + 0.5 * np.cos(0.9 * np.pi * radius**2 / SIDE),
        "gray": np.full((SIDE, SIDE), 0.5),
    }
    return {name: encode_photo(picture) for name, picture in pictures.items()}


class UpsamplingExplorer(Explorer):
    """Insert zeros, filter, and see in frequency what the kernel leaves of the replicas.

    >>> explorer = UpsamplingExplorer(kernel="own", weights=[1, 1, 1])
    >>> explorer.output.shape
    (48,)
    >>> explorer.residue.round(3).tolist()  # phase sums 2 and 1: a checkerboard
    [1.0, 0.333]

    Traits
    ------
    view
        "signal" or "picture": one dimension or two.
    signal, picture
        Names: "wave" or one out of ``signals`` (24 samples each), and one out of ``pictures`` (data
        URLs of square images).
    frequency
        Of the wave, 0 to 12 cycles in 24 samples.
    factor
        S, 2 to 5.
    kernel
        "nearest", "linear", "cubic", "ideal" or "own". A picture is filtered along both axes.
    weights
        The kernel of the reader's own, 1 to 8 numbers.
    """

    name = "upsampling"
    state_names = (
        "pictures",
        "signals",
        "view",
        "signal",
        "picture",
        "frequency",
        "factor",
        "kernel",
        "weights",
    )

    pictures = traitlets.Dict().tag(sync=True)
    signals = traitlets.Dict().tag(sync=True)
    view = traitlets.Enum(["signal", "picture"], "signal").tag(sync=True)
    signal = traitlets.Unicode(WAVE).tag(sync=True)
    picture = traitlets.Unicode("camera").tag(sync=True)
    frequency = traitlets.Int(3, min=0, max=LENGTH // 2).tag(sync=True)
    factor = traitlets.Int(2, min=2, max=5).tag(sync=True)
    kernel = traitlets.Enum(KERNELS, "nearest").tag(sync=True)
    weights = traitlets.Any([0.5, 0.8, 0.7]).tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**({"pictures": some_pictures(), "signals": some_signals()} | kwargs))

    @traitlets.validate("signal", "picture")
    def _check_name(self, proposal: dict[str, Any]) -> str:
        trait = proposal["trait"].name
        known = [*[WAVE] * (trait == "signal"), *getattr(self, f"{trait}s")]
        return one_of(known, trait, proposal["value"])

    @traitlets.validate("weights")
    def _check_weights(self, proposal: dict[str, Any]) -> list[float]:
        try:
            weights = [float(weight) for weight in proposal["value"]]
        except (TypeError, ValueError):
            weights = []
        if not 1 <= len(weights) <= LARGEST or not all(map(math.isfinite, weights)):
            expected = f"1 to {LARGEST} finite numbers"
            raise traitlets.TraitError(f"weights: got {proposal['value']!r}, expected {expected}")
        return weights

    @property
    def input(self) -> np.ndarray:
        """The signal, (N,), or picture, (N, N), 0 to 1, that is upsampled."""
        if self.view == "picture":
            pixels = from_url(self.pictures[self.picture]) / 255
            return pixels if pixels.ndim == 2 else pixels @ [0.2125, 0.7154, 0.0721]
        if self.signal == WAVE:
            return np.cos(2 * np.pi * self.frequency * np.arange(LENGTH) / LENGTH)
        return np.array(self.signals[self.signal], dtype=float)

    @property
    def taps(self) -> np.ndarray:
        """The weights of the chosen kernel along one axis, (K,)."""
        if self.kernel == OWN:
            return np.array(self.weights)
        return upsampling_kernel(self.kernel, self.factor, length=len(self.input))

    @property
    def stretched(self) -> np.ndarray:
        """The input with zeros inserted, (S · N,) or (S · N, S · N)."""
        return insert_zeros(self.input, self.factor, axes=self.input.ndim)

    @property
    def output(self) -> np.ndarray:
        """The upsampled signal or picture, repeated periodically; (S · N,) or (S · N, S · N)."""
        taps = self.taps
        kernel = np.outer(taps, taps) if self.view == "picture" else taps
        return upsample(self.input, kernel, self.factor)

    @property
    def sums(self) -> np.ndarray:
        """What each phase of the kernel sums to, (S,)."""
        return phase_sums(self.taps, self.factor)

    @property
    def residue(self) -> np.ndarray:
        """The response at multiples of 1/S by that at 0, (S,).

        Raises
        ------
        ValueError
            If the weights sum to 0.
        """
        return checkerboard_residue(self.taps, self.factor)

    @property
    def share(self) -> float:
        """Share of the output's energy, without the mean, that is left of the replicas."""
        output = self.output
        if output.ndim == 1:
            return float(replica_share(output, self.factor))
        power = np.abs(np.fft.fft2(output)) ** 2
        cycles = np.abs(np.fft.fftfreq(len(output), 1 / len(output))).round()
        inside = 2 * self.factor * cycles <= len(output)
        kept = power[np.ix_(inside, inside)].sum() - power[0, 0]
        energy = power.sum() - power[0, 0]
        return float(1 - kept / energy) if energy > 1e-20 * power[0, 0] else 0.0
