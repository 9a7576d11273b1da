"""The game of a generator and a discriminator of points, in NumPy, as gan.js has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

HIDDEN = 32  # units of each of two hidden layers, in both networks
BATCH = 64
SEEN = 500  # samples that the measures compare
DIRECTIONS = 16
PAIRS = 4  # of real samples, for the floor
CELLS = 12  # of a drawing, per side
WEIGHTS, TRAINING, LOOKING, COMPARING = range(4)  # what streams of random numbers are for


def uniforms(start: int, at: int, count: int) -> np.ndarray:
    """So many random numbers from 0 to 1 of a stream, from a place on: Mulberry32's."""
    mask = np.uint64(0xFFFFFFFF)
    places = np.arange(at + 1, at + 1 + count, dtype=np.uint64)
    t = (np.uint64(start) + places * np.uint64(0x6D2B79F5)) & mask
    t = ((t ^ (t >> np.uint64(15))) * (t | np.uint64(1))) & mask
    t ^= (t + (((t ^ (t >> np.uint64(7))) * (t | np.uint64(61))) & mask)) & mask
    return (t ^ (t >> np.uint64(14))) / 2.0**32


def stream(seed: int, purpose: int) -> int:
    """Where a stream starts."""
    return int(uniforms(seed * 8 + purpose, 0, 1)[0] * 2**32)


def _pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two normal numbers of two uniform ones (Box and Muller, 1958), (N, 2)."""
    length = np.sqrt(-2 * np.log(1 - first))
    return np.stack([length * np.cos(2 * np.pi * second), length * np.sin(2 * np.pi * second)], -1)


@dataclass(frozen=True)
class Mixture:
    """Equal normal distributions of the plane: centers (K, 2) and one deviation."""

    centers: np.ndarray
    deviation: float

    def sample(self, count: int, start: int, at: int) -> np.ndarray:
        """So many points, (N, 2); each uses three numbers of the stream."""
        which, first, second = uniforms(start, at, 3 * count).reshape(count, 3).T
        chosen = self.centers[(which * len(self.centers)).astype(int)]
        return chosen + self.deviation * _pairs(first, second)


def mixture(data: str, drawing: Sequence[Sequence[int]]) -> Mixture:
    """What the real points are drawn from."""

    def circle(turns: np.ndarray) -> np.ndarray:
        return np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], -1)

    if data == "ring":
        return Mixture(0.75 * circle(np.arange(8) / 8), 0.04)
    if data == "grid":
        rows, columns = np.divmod(np.arange(25), 5)
        return Mixture(0.36 * np.stack([columns, rows], -1) - 0.72, 0.03)
    if data == "moons":
        half = circle(np.linspace(0, 0.5, 16))
        shift, size = np.array([0.5, 0.25]), np.array([0.58, 0.7])
        upper, lower = half - shift, shift - half
        return Mixture(np.concatenate([upper, lower]) * size, 0.04)
    if data == "spiral":
        t = np.linspace(0, 1, 24)
        return Mixture((0.15 + 0.65 * t)[:, None] * circle(1.5 * t), 0.035)
    cell = 1.8 / CELLS
    rows, columns = np.array(drawing).T
    places = np.stack([(columns + 0.5) * cell - 0.9, 0.9 - (rows + 0.5) * cell], -1)
    return Mixture(places, 0.3 * cell)


def noise(count: int, start: int, at: int) -> np.ndarray:
    """Points of noise, even in the square from −1 to 1, (N, 2)."""
    return 2 * uniforms(start, at, 2 * count).reshape(count, 2) - 1


@dataclass
class Network:
    """From two numbers by two hidden layers to ``outputs`` numbers, with Adam's state."""

    outputs: int
    slope: float
    norm: bool
    bounded: bool
    parameters: list[np.ndarray] = field(default_factory=list)  # as one writes them, layer by layer
    running: list[np.ndarray] = field(default_factory=list)  # of each norm: mean and variance
    moments: list[np.ndarray] = field(default_factory=list)
    time: int = 0

    def begin(self, start: str, source: int, at: int) -> int:
        """The first weights; returns the place in the stream after them."""
        for inputs, units in ((2, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, self.outputs)):
            drawn = uniforms(source, at, inputs * units)
            at += inputs * units
            deviation = np.sqrt(2 / inputs) if start == "he" else 0.02
            weights = deviation * _pairs(drawn[::2], drawn[1::2]).reshape(units, inputs)
            self.parameters.append(weights)
            if self.norm and len(self.running) < 4:
                self.parameters.append(np.ones(units))
                self.running += [np.zeros(units), np.ones(units)]
            self.parameters.append(np.zeros(units))
        self.moments = [np.zeros_like(one) for one in self.parameters * 2]
        return at

    def forward(self, x: np.ndarray, live: bool = False) -> tuple[np.ndarray, list[Any]]:
        """The outputs, (N, outputs), and what ``backward`` needs."""
        tape, left = [], iter(self.parameters)
        for depth in range(3):
            weights = next(left)
            y, normal, scales, factors = x @ weights.T, None, None, None
            if self.norm and depth < 2:
                mean, variance = self.running[2 * depth : 2 * depth + 2]
                if live:
                    middle, spread = y.mean(0), y.var(0)
                    mean[:] = 0.9 * mean + 0.1 * middle
                    variance[:] = 0.9 * variance + 0.1 * spread * len(y) / (len(y) - 1)
                    mean, variance = middle, spread
                factors, scales = next(left), np.sqrt(variance + 1e-5)
                normal = (y - mean) / scales
                y = factors * normal
            y = y + next(left)
            if depth < 2:
                y = np.where(y > 0, y, self.slope * y)
            elif self.bounded:
                y = np.tanh(y)
            tape.append((x, weights, factors, normal, scales, y))
            x = y
        return x, tape

    def backward(self, tape: list[Any], outward: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """From slopes in the outputs to those in the inputs, and in each of the parameters."""
        slopes: list[np.ndarray] = []
        for depth in (2, 1, 0):
            x, weights, factors, normal, scales, y = tape[depth]
            if depth < 2:
                outward = outward * np.where(y > 0, 1.0, self.slope)
            elif self.bounded:
                outward = outward * (1 - y**2)
            own = [outward.sum(0)]
            if factors is not None:
                own.insert(0, (outward * normal).sum(0))
                along = (outward * normal).mean(0)
                outward = factors / scales * (outward - outward.mean(0) - normal * along)
            slopes = [outward.T @ x, *own, *slopes]
            outward = outward @ weights
        return outward, slopes

    def adam(self, slopes: Sequence[np.ndarray], rate: float, beta: float) -> None:
        """A step of Adam (Kingma and Ba, 2015), with β₂ = 0.999 and ε = 10⁻⁸."""
        self.time += 1
        count = len(self.parameters)
        bias, root = 1 - beta**self.time, np.sqrt(1 - 0.999**self.time)
        for i, (values, slope) in enumerate(zip(self.parameters, slopes, strict=True)):
            first, second = self.moments[i], self.moments[count + i]
            first[:] = beta * first + (1 - beta) * slope
            second[:] = 0.999 * second + 0.001 * slope**2
            values -= rate / bias * first / (np.sqrt(second) / root + 1e-8)

    @property
    def flat(self) -> np.ndarray:
        """All parameters in one row, as gan.js keeps them."""
        return np.concatenate([one.ravel() for one in self.parameters])


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic function, without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp x)."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


class Game:
    """A generator and a discriminator, and their steps; ``settings`` are the explorer's."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.data = mixture(settings["data"], settings["drawing"])
        self.source, self.at, self.step = stream(settings["seed"], TRAINING), 0, 0
        weights, start = stream(settings["seed"], WEIGHTS), settings["start"]
        self.maker = Network(2, 0.0, settings["norm"], True)
        self.judge = Network(1, 0.2 if settings["leaky"] else 0.0, False, False)
        self.judge.begin(start, weights, self.maker.begin(start, weights, 0))
        self.losses: list[tuple[float, float]] = []

    def judged(self, points: np.ndarray, drawn: np.ndarray) -> tuple[float, list[np.ndarray]]:
        """The discriminator's loss on real and on drawn points, and its slopes."""
        target, count = 0.9 if self.settings["smooth"] else 1.0, len(points)
        x, tape = self.judge.forward(np.concatenate([points, drawn]))
        own, other = x[:count], x[count:]
        loss = (target * softplus(-own) + (1 - target) * softplus(own)).mean()
        outward = np.concatenate([sigmoid(own) - target, sigmoid(other)]) / count
        return float(loss + softplus(other).mean()), self.judge.backward(tape, outward)[1]

    def fooled(self, z: np.ndarray) -> tuple[float, list[np.ndarray]]:
        """The generator's loss, and its slopes."""
        points, tape = self.maker.forward(z, live=True)
        x, judged = self.judge.forward(points)
        if self.settings["loss"] == "minimax":
            loss, outward = -softplus(x).mean(), -sigmoid(x)
        else:
            loss, outward = softplus(-x).mean(), sigmoid(x) - 1
        back, _ = self.judge.backward(judged, outward / len(z))
        return float(loss), self.maker.backward(tape, back)[1]

    def advance(self) -> None:
        """One step of the generator, after those of the discriminator."""
        rate, beta = self.settings["rate"], self.settings["beta"]
        loss = 0.0
        for _ in range(self.settings["turns"]):
            points = self.data.sample(BATCH, self.source, self.at)
            z = noise(BATCH, self.source, self.at + 3 * BATCH)
            self.at += 5 * BATCH
            loss, slopes = self.judged(points, self.maker.forward(z, live=True)[0])
            self.judge.adam(slopes, rate * self.settings["ratio"], beta)
        own, slopes = self.fooled(noise(BATCH, self.source, self.at))
        self.at += 2 * BATCH
        self.maker.adam(slopes, rate, beta)
        self.step += 1
        self.losses.append((loss, own))


def projections(points: np.ndarray) -> np.ndarray:
    """Points along each of some directions, in order, (directions, N)."""
    angles = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    return np.sort(np.stack([np.cos(angles), np.sin(angles)], -1) @ points.T, axis=1)


def apart(points: np.ndarray, others: np.ndarray) -> float:
    """The sliced Wasserstein distance of two sets of as many points, (N, 2) each."""
    return float(np.abs(projections(points) - projections(others)).mean())


def real_samples(data: Mixture) -> list[np.ndarray]:
    """Real points to compare with, and those that say how far real ones are from them."""
    start = stream(0, COMPARING)
    return [data.sample(SEEN, start, 3 * SEEN * k) for k in range(PAIRS + 1)]


def seen_noise() -> np.ndarray:
    """The same noise in every game, to see what it draws."""
    return noise(SEEN, stream(0, LOOKING), 0)


def mode_counts(points: np.ndarray, data: Mixture) -> np.ndarray:
    """How many of the points lie near each mode: within three deviations."""
    far = ((points[:, None] - data.centers) ** 2).sum(-1)
    good = far.min(1) <= 9 * data.deviation**2
    return np.bincount(far.argmin(1)[good], minlength=len(data.centers))
