"""Learning a kernel from a pair of input and output, as the quadratic problem that it is.

The output of a convolution is linear in its kernel w, so the mean squared error is a quadratic
bowl. Its Hessian is the input's autocorrelation: the statistics of the input alone decide how fast
gradient descent can be, whatever the kernel that is to be found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from upconv.checks import (
    check_array,
    check_integer,
    check_real,
    check_same_dtype,
    check_share,
    refuse,
    widen,
)


class KernelLearningProblem(NamedTuple):
    """The loss L(w) = ½ wᵀHw − bᵀw + c of a kernel w, (K_h, K_w), its weights taken row by row.

    ``hessian`` is H, (n, n) for n = K_h · K_w, symmetric and without negative eigenvalues;
    ``linear`` is b, (n,); ``constant`` is c, the loss of a kernel of zeros.

    Examples
    --------
    >>> problem = KernelLearningProblem(np.diag([2.0, 8.0]), np.array([2.0, 8.0]), 5.0)
    >>> problem.loss(np.array([[1.0, 1.0]])), problem.gradient(np.zeros((1, 2))).tolist()
    (0.0, [[-2.0, -8.0]])
    """

    hessian: np.ndarray
    linear: np.ndarray
    constant: float

    def loss(self, kernel: np.ndarray) -> float:
        """Compute L(w), which rounding does not make negative."""
        w = self._weights("kernel", kernel)
        return max(float(w @ self.hessian @ w / 2 - self.linear @ w) + self.constant, 0.0)

    def gradient(self, kernel: np.ndarray) -> np.ndarray:
        """Compute Hw − b, in the shape of the kernel."""
        w = self._weights("kernel", kernel)
        return (self.hessian @ w - self.linear).reshape(np.shape(kernel))

    def descend(
        self,
        start: np.ndarray,
        rate: float,
        steps: int,
        momentum: float = 0.0,
        stop_above: float = np.inf,
    ) -> np.ndarray:
        """Take steps of gradient descent with momentum: v ← βv − η ∂L/∂w, w ← w + v.

        Without momentum it converges from every start if the rate η is below 2 / λ, λ being the
        largest eigenvalue of the Hessian; with momentum β, below 2 (1 + β) / λ.

        Parameters
        ----------
        start : (K_h, K_w)
        rate : float
            η, above 0.
        steps : int
            At least 0.
        momentum : float
            β, from 0 to less than 1.
        stop_above : float
            Stop after the first step whose loss is larger: before numbers overflow.

        Returns
        -------
        (steps + 1, K_h, K_w), the start first; fewer if it has stopped.

        Raises
        ------
        ValueError
            If the start has another size, or a number is out of its range.
        """
        w = self._weights("start", start)
        rate, steps = check_real("rate", rate, positive=True), check_integer("steps", steps, 0)
        momentum = check_share("momentum", momentum)
        velocity, path = np.zeros_like(w), [w]
        for _ in range(steps):
            velocity = momentum * velocity - rate * (self.hessian @ w - self.linear)
            w = w + velocity
            path.append(w)
            if self.loss(w) > stop_above:
                break
        return np.array(path).reshape(-1, *np.shape(start))

    def _weights(self, name: str, kernel: np.ndarray) -> np.ndarray:
        kernel = check_array(name, kernel)
        if kernel.size != len(self.linear):
            refuse(name, f"shape {kernel.shape}", f"{len(self.linear)} weights")
        return kernel.ravel()


def kernel_learning_problem(image: np.ndarray, kernel: np.ndarray) -> KernelLearningProblem:
    """Set up the search for a hidden kernel, given an image and what the kernel makes of it.

    The loss of a kernel w is the mean over all output pixels of (image ⋆ w − image ⋆ kernel)²,
    where ⋆ is the cross-correlation of :func:`conv2d`, without padding. Its Hessian at the weights
    (i, j) and (k, l) is twice the mean of image[p + i, q + j] · image[p + k, q + l].

    Parameters
    ----------
    image : (H, W)
        Any real floating dtype.
    kernel : (K_h, K_w)
        The hidden kernel, of the same dtype and not larger than the image.

    Returns
    -------
    KernelLearningProblem
        Hessian, linear part and constant, at least float32.

    Raises
    ------
    ValueError
        If an array is empty or has another rank or dtype, or the kernel does not fit.

    Examples
    --------
    >>> image = np.array([[1.0, -1.0, 1.0, -1.0]])  # neighbors are opposite: only their
    >>> problem = kernel_learning_problem(image, np.array([[3.0, 1.0]]))  # difference is seen
    >>> problem.hessian.tolist()
    [[2.0, -2.0], [-2.0, 2.0]]
    >>> problem.descend(np.zeros((1, 2)), rate=0.25, steps=9)[-1].tolist()
    [[1.0, -1.0]]
    """
    image, kernel = check_array("image", image, "H, W"), check_array("kernel", kernel, "K_h, K_w")
    check_same_dtype("kernel", kernel, "image", image)
    if kernel.shape[0] > image.shape[0] or kernel.shape[1] > image.shape[1]:
        refuse("kernel", f"shape {kernel.shape}", f"at most the shape {image.shape} of the image")
    weights = widen(kernel).ravel()
    windows = np.lib.stride_tricks.sliding_window_view(widen(image), kernel.shape)
    columns = windows.reshape(-1, kernel.size)
    hessian = 2 * (columns.T @ columns) / len(columns)
    linear = hessian @ weights
    return KernelLearningProblem(hessian, linear, float(weights @ linear / 2))
