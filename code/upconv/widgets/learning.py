"""Gradient descent that finds a hidden kernel, and the bowl that it descends."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import numpy as np
import traitlets

from upconv.data import photo
from upconv.ops import KernelLearningProblem, conv2d, kernel_learning_problem
from upconv.widgets._explorer import Explorer, edge_kernel, matrix

SIDE = 64
INPUTS = ("photograph", "centered", "noisy", "noise")
MOMENTUM = 0.9
FOUND = 1e-3  # of the largest error of a weight
GIVEN_UP = 1e6  # times the first loss


def _packed(values: np.ndarray) -> str:
    """SIDE × SIDE numbers from 0 to 1 as one byte each, in base64."""
    return b64encode(np.round(values * 255).astype(np.uint8).tobytes()).decode()


def _some_inputs() -> dict[str, str]:
    # This seed's first weights are far from the hidden ones along both directions that are drawn.
    noise = np.random.default_rng(4).integers(0, 256, (SIDE, SIDE)) / 255
    return {"photograph": _packed(photo("camera", SIDE)), "noise": _packed(noise)}


class KernelLearningExplorer(Explorer):
    """Find a hidden kernel by gradient descent, from an input and what the kernel makes of it.

    >>> explorer = KernelLearningExplorer(input="noise", rate=0.5, steps=30)
    >>> explorer.found
    True
    >>> explorer.rate = 1.0
    >>> explorer.largest_rate < 1, explorer.found
    (True, False)

    Traits
    ------
    input
        "photograph"; "centered": the photograph without its mean; "noisy": that with noise of
        standard deviation ½; "noise": noise of variance 1.
    kernel
        The hidden kernel, K × K, K from 2 to 5, as nested lists or an array.
    start
        What the search starts from: "random" or "zeros".
    rate
        The learning rate, 0.01 to 2.
    momentum
        Whether a step keeps 0.9 of the one before.
    steps
        0 to 500.
    """

    name = "learning"
    state_names = ("pictures", "input", "kernel", "start", "rate", "momentum", "steps")

    pictures = traitlets.Dict().tag(sync=True)
    input = traitlets.Enum(["photograph", "centered", "noisy", "noise"], "photograph").tag(
        sync=True
    )
    kernel = traitlets.Any().tag(sync=True)
    start = traitlets.Enum(["random", "zeros"], "random").tag(sync=True)
    rate = traitlets.Float(0.25, min=0.01, max=2.0).tag(sync=True)
    momentum = traitlets.Bool(False).tag(sync=True)
    steps = traitlets.Int(40, min=0, max=500).tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**({"pictures": _some_inputs()} | kwargs))

    @traitlets.default("kernel")
    def _edge_kernel(self) -> list[list[float]]:
        return edge_kernel()

    @traitlets.validate("kernel")
    def _check_kernel(self, proposal: dict[str, Any]) -> list[list[float]]:
        return matrix(proposal["value"], "kernel", 2, 5)

    def _unpacked(self, name: str) -> np.ndarray:
        values = np.frombuffer(b64decode(self.pictures[name]), np.uint8) / 255
        return values.reshape(SIDE, SIDE)

    @property
    def _noise(self) -> np.ndarray:
        """Uniform, of mean 0 and variance 1."""
        return (self._unpacked("noise") - 0.5) * np.sqrt(12)

    @property
    def image(self) -> np.ndarray:
        """The input, (64, 64)."""
        if self.input == "noise":
            return self._noise
        image = self._unpacked("photograph")
        if self.input != "photograph":
            image = image - image.mean()
        return image + 0.5 * self._noise if self.input == "noisy" else image

    @property
    def target(self) -> np.ndarray:
        """What the hidden kernel makes of the input, (65 − K, 65 − K)."""
        return conv2d(self.image[None, None], np.array(self.kernel)[None, None])[0, 0]

    @property
    def problem(self) -> KernelLearningProblem:
        """The loss as a quadratic function of the weights."""
        return kernel_learning_problem(self.image, np.array(self.kernel))

    @property
    def path(self) -> np.ndarray:
        """The kernels from the start to the last step, (steps + 1, K, K).

        Fewer if the loss has grown beyond a million times the first: then the search is given up.
        """
        problem, k = self.problem, len(self.kernel)
        first = self._noise[:k, :k] if self.start == "random" else np.zeros((k, k))
        limit = GIVEN_UP * max(problem.loss(first), 1e-300)
        momentum = MOMENTUM if self.momentum else 0.0
        return problem.descend(first, self.rate, self.steps, momentum, limit)

    @property
    def losses(self) -> np.ndarray:
        """The loss of each kernel of the path, (steps + 1,)."""
        problem = self.problem
        return np.array([problem.loss(kernel) for kernel in self.path])

    @property
    def learned(self) -> np.ndarray:
        """The kernel after the last step, (K, K)."""
        return self.path[-1]

    @property
    def found(self) -> bool:
        """Whether every weight is within 0.001 of the hidden one."""
        return bool(np.abs(self.learned - self.kernel).max() < FOUND)

    @property
    def curvatures(self) -> np.ndarray:
        """Eigenvalues of the Hessian, the smallest first, (K²,)."""
        return np.linalg.eigvalsh(self.problem.hessian)

    @property
    def largest_rate(self) -> float:
        """The rate below which gradient descent converges from every start."""
        return 2 * (1 + (MOMENTUM if self.momentum else 0.0)) / float(self.curvatures[-1])
