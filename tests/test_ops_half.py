"""float16: every operator sums in float32 at least, and rounds once, at the end."""

import random

import numpy as np
import pytest
from fuzz import OPERATORS, good_call

from upconv import ops


def as_dtype(arguments, dtype, factor):
    """Arguments with all images, maps and weights in a dtype: the same numbers, float16's."""

    def cast(value):
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            return value
        return (factor * value.astype(float)).astype(np.float16).astype(dtype)

    return {name: cast(value) for name, value in arguments.items()}


def called(name, arguments):
    found = getattr(ops, name)(**arguments)
    if name == "convolution_matrix":
        found = found.toarray()
    return found if isinstance(found, np.ndarray) else None


@pytest.mark.parametrize("factor", [1, 60, 1 / 60])
@pytest.mark.parametrize("name", OPERATORS)
def test_of_float16_only_the_result_is_rounded(name, factor):
    for seed in range(5):
        arguments = good_call(name, random.Random(seed))
        exact = called(name, as_dtype(arguments, np.float64, factor))
        found = called(name, as_dtype(arguments, np.float16, factor))
        if found is not None and found.dtype.kind == "c":  # there is no complex32
            assert np.abs(found - exact).max() <= 1e-5 * np.abs(exact).max()
            continue
        if found is None or found.dtype.kind != "f":
            assert exact is None or np.array_equal(exact, found)
            continue
        with np.errstate(over="ignore"):
            expected = exact.astype(found.dtype).astype(float)
        # Half a step of the result's dtype, and float32's rounding of what is summed.
        with np.errstate(invalid="ignore"):  # of what is too large for float16, too
            step = np.spacing(np.abs(expected).astype(found.dtype)).astype(float)
            apart = np.abs(found.astype(float) - expected)
        scale = np.abs(exact[np.isfinite(expected)]).max(initial=0)
        slack = 1e-4 if found.dtype == np.float32 else 1e-5
        same = np.equal(found, expected)
        assert (same | (apart <= step + slack * scale)).all()


@pytest.mark.parametrize("size", [8, 64, 200])
@pytest.mark.parametrize("level", [0.02, 1.0, 30.0])
def test_energies_of_float16_maps_neither_overflow_nor_vanish(size, level):
    """Sums over a whole map are larger than float16 goes, the normaliser smaller."""
    rng = np.random.default_rng(0)
    drawn, other = (
        (level * rng.normal(1, 0.5, (2, 3, size, size))).astype(np.float16) for _ in range(2)
    )
    wide = [maps.astype(np.float64) for maps in (drawn, other)]
    for operator in (ops.content_loss, ops.style_loss, ops.style_gradient):
        found, expected = operator(drawn, other), operator(*wide)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4 * np.abs(expected).max())
    for operator in (ops.gram, ops.total_variation):
        assert operator(drawn).dtype == np.float32
        np.testing.assert_allclose(operator(drawn), operator(wide[0]), rtol=1e-4)


def test_a_bias_is_added_before_the_sum_is_rounded():
    """The products are too much for float16; with the bias, they are not."""
    x, w = np.full((1, 2, 3, 3), 300, np.float16), np.full((2, 2, 1, 1), 150, np.float16)
    bias = np.full(2, -60_000, np.float16)
    with np.errstate(over="raise"):
        for operator in (ops.conv2d, ops.fft_conv2d, ops.conv_transpose2d):
            found = operator(x, w, bias)
            assert found.dtype == np.float16
            np.testing.assert_allclose(found, 30_000, rtol=1e-3)
