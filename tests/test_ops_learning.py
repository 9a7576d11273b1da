"""The quadratic problem of learning a kernel, against the operators and automatic derivatives."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from upconv import ops


def example(seed, shape=(9, 11), kernel=(3, 3)):
    rng = np.random.default_rng(seed)
    return rng.normal(0.5, 1, shape), rng.normal(size=kernel), rng.normal(size=kernel)


def mean_squared_error(image, hidden, kernel):
    error = ops.conv2d(image[None, None], (kernel - hidden)[None, None])
    return (error**2).mean()


@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(1, 4), st.integers(1, 5)))
def test_loss_and_gradient_are_those_of_the_convolution(seed, size):
    image, hidden, kernel = example(seed, kernel=size)
    problem = ops.kernel_learning_problem(image, hidden)
    x, w = image[None, None], kernel[None, None]
    error = ops.conv2d(x, w) - ops.conv2d(x, hidden[None, None])
    assert problem.loss(kernel) == pytest.approx((error**2).mean(), rel=1e-9)
    assert problem.loss(hidden) == pytest.approx(0, abs=1e-9 * problem.constant)
    assert problem.constant == pytest.approx(mean_squared_error(image, hidden, 0 * kernel))
    gradient = ops.conv2d_weight_gradient(2 * error / error.size, x, w.shape)[0, 0]
    np.testing.assert_allclose(problem.gradient(kernel), gradient, atol=1e-10)
    weights = torch.tensor(w, requires_grad=True)
    target = torch.from_numpy(ops.conv2d(x, hidden[None, None]))
    F.mse_loss(F.conv2d(torch.from_numpy(x), weights), target).backward()
    np.testing.assert_allclose(problem.gradient(kernel), weights.grad[0, 0].numpy(), atol=1e-10)


def test_hessian_is_that_of_automatic_differentiation():
    image, hidden, kernel = example(0)
    x, w = torch.from_numpy(image)[None, None], torch.from_numpy(kernel)[None, None]
    target = F.conv2d(x, torch.from_numpy(hidden)[None, None])
    found = torch.autograd.functional.hessian(lambda w: F.mse_loss(F.conv2d(x, w), target), w)
    expected = ops.kernel_learning_problem(image, hidden).hessian
    np.testing.assert_allclose(found.reshape(9, 9).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_steps_are_those_of_an_optimizer(momentum):
    image, hidden, start = example(1)
    x = torch.from_numpy(image)[None, None]
    target = F.conv2d(x, torch.from_numpy(hidden)[None, None])
    weights = torch.tensor(start[None, None], requires_grad=True)
    optimizer = torch.optim.SGD([weights], lr=0.05, momentum=momentum)
    path = [start]
    for _ in range(30):
        optimizer.zero_grad()
        F.mse_loss(F.conv2d(x, weights), target).backward()
        optimizer.step()
        path.append(weights.detach().numpy()[0, 0].copy())
    problem = ops.kernel_learning_problem(image, hidden)
    found = problem.descend(start, rate=0.05, steps=30, momentum=momentum)
    np.testing.assert_allclose(found, path, atol=1e-10)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_descent_converges_below_the_largest_rate_and_diverges_above(momentum):
    image, hidden, start = example(2)
    problem = ops.kernel_learning_problem(image, hidden)
    largest = 2 * (1 + momentum) / np.linalg.eigvalsh(problem.hessian)[-1]
    below = problem.descend(start, 0.98 * largest, 3000, momentum)
    np.testing.assert_allclose(below[-1], hidden, atol=1e-6)
    above = problem.descend(start, 1.02 * largest, 3000, momentum, stop_above=1e9)
    losses = [problem.loss(kernel) for kernel in above]
    assert len(above) < 3001 and losses[-1] > 1e9 >= max(losses[:-1])


def test_noise_makes_a_round_bowl():
    image = np.random.default_rng(3).normal(size=(200, 200))
    curvatures = np.linalg.eigvalsh(ops.kernel_learning_problem(image, np.eye(3)).hessian)
    np.testing.assert_allclose(curvatures, 2, rtol=0.1)
    constant = np.linalg.eigvalsh(ops.kernel_learning_problem(0 * image + 1, np.eye(3)).hessian)
    np.testing.assert_allclose(constant, [0] * 8 + [18], atol=1e-12)  # only the sum is learned


def test_float16_is_summed_in_float32():
    image, hidden, _ = example(4)
    for dtype, kept in ((np.float16, np.float32), (np.float32, np.float32)):
        problem = ops.kernel_learning_problem(image.astype(dtype), hidden.astype(dtype))
        assert problem.hessian.dtype == problem.linear.dtype == kept
        exact = ops.kernel_learning_problem(
            *(a.astype(dtype).astype(np.float64) for a in (image, hidden))
        )
        np.testing.assert_allclose(problem.hessian, exact.hessian, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.descend(np.zeros((2, 2)), 0.1, 3), r"start: got shape \(2, 2\), expected 9"),
        (lambda p: p.descend(np.zeros((3, 3)), 0.0, 3), "rate: got 0.0"),
        (lambda p: p.descend(np.zeros((3, 3)), 0.1, -1), "steps: got -1"),
        (lambda p: p.descend(np.zeros((3, 3)), 0.1, 3, 1.0), "momentum: got 1.0"),
        (lambda p: p.loss(np.zeros(4)), r"kernel: got shape \(4,\), expected 9 weights"),
        (lambda p: p.gradient([[1]]), "kernel: got dtype int64"),
    ],
)
def test_bad_steps_are_refused(call, message):
    problem = ops.kernel_learning_problem(*example(5)[:2])
    with pytest.raises(ValueError, match=message):
        call(problem)
