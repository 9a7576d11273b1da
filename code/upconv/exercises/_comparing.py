"""Whether a reader's answer is the right one, and if not, how far off it is and where.

An answer may be of any kind that holds the same numbers: a list, an array, a sparse matrix of
SciPy, a tensor of PyTorch or TensorFlow. Nothing here raises, whatever is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# How exact a result in a smaller type than float64 is; beside larger numbers, a tenth of them.
PRECISION = {"float32": 1e-5, "complex64": 1e-5, "float16": 1e-2, "bfloat16": 2e-2}
MOST = 300  # characters of an answer that are shown


def difference(got: Any, expected: Any, rtol: float, atol: float) -> str:
    """What is to say of an answer that is not the expected one; nothing if it is."""
    try:
        return _difference(got, expected, rtol, atol)
    except Exception as error:  # an object of the reader's own may do anything
        return _both(got, expected) + f"\n  {type(error).__name__} where it is compared"


def short(value: Any, written: Callable[[Any], str] | None = None) -> str:
    """A value in a line, or as far as it can be shown."""
    try:
        text = (written or _short)(value)
    except Exception as error:
        text = f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"
    return text if len(text) <= MOST else text[:MOST] + " …"


def _difference(got: Any, expected: Any, rtol: float, atol: float) -> str:
    if isinstance(expected, tuple):
        return _of_tuples(got, expected, rtol, atol)
    if isinstance(expected, str):
        same = isinstance(got, str) and got.strip().lower() == expected.strip().lower()
        return "" if same else _both(got, expected)
    numbers, precision = _numbers(got)
    wanted = np.asarray(expected)
    if numbers is None:
        return f"{_both(got, expected)}\n  which is no {'array' if wanted.ndim else 'number'}"
    if numbers.shape != wanted.shape:
        return f"  expected {_shape(wanted)}\n  got      {_shape(numbers)}"
    if wanted.size and precision and wanted.dtype.kind in "fc":
        least = precision / 10 * float(np.abs(wanted).max())
        rtol, atol = max(rtol, precision), max(atol, least)
    wrong = ~np.isclose(numbers, wanted, rtol=rtol, atol=atol)
    if not wrong.any():
        return ""
    return _both(numbers, wanted) + (_largest(numbers, wanted, wrong) if wanted.ndim else "")


def _of_tuples(got: Any, expected: tuple[Any, ...], rtol: float, atol: float) -> str:
    if not isinstance(got, tuple | list):
        numbers, _ = _numbers(got)
        if numbers is None or numbers.ndim == 0:
            return _both(got, expected)
        got = list(numbers)  # an array for a tuple of numbers
    if len(got) != len(expected):
        values = f"  expected {len(expected)} values: {short(expected)}"
        return f"{values}\n  got      {len(got)}: {short(tuple(got))}"
    for place, (one, wanted) in enumerate(zip(got, expected, strict=True), 1):
        if said := difference(one, wanted, rtol, atol):
            many = isinstance(wanted, np.ndarray) and wanted.ndim > 0
            return f"  of value {place}:\n{said}" if many else _both(tuple(got), expected)
    return ""


def _numbers(value: Any) -> tuple[np.ndarray | None, float]:
    """The numbers of whatever holds some, and how exact their type is; None if it holds others."""
    if isinstance(value, list | tuple):
        return _joined([_numbers(one) for one in value])
    for name in ("toarray", "to_dense", "detach", "cpu", "resolve_conj"):
        if callable(method := getattr(value, name, None)):
            value = method()  # sparse matrices of SciPy; tensors of PyTorch, sparse or not
    kind = getattr(value, "dtype", "")
    kind = getattr(kind, "name", str(kind)).removeprefix("torch.")
    if kind == "bfloat16" and callable(getattr(value, "float", None)):
        value = value.float()  # which NumPy does not know
    numbers = np.asarray(value)
    if numbers.dtype.name == "bfloat16":  # TensorFlow's
        numbers = numbers.astype(float)
    return (numbers if numbers.dtype.kind in "biufc" else None), PRECISION.get(kind, 0)


def _joined(parts: list[tuple[np.ndarray | None, float]]) -> tuple[np.ndarray | None, float]:
    arrays = [numbers for numbers, _ in parts if numbers is not None]
    if len(arrays) < len(parts) or len({numbers.shape for numbers in arrays}) > 1:
        return None, 0  # not numbers, or rows of different lengths
    return np.array(arrays, dtype=None if arrays else float), max((p for _, p in parts), default=0)


def _largest(got: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    """The largest difference and its place; numbers that are none come first."""
    with np.errstate(all="ignore"):
        off = np.abs(np.subtract(got, expected, dtype=np.result_type(got, expected, float)))
    off = np.where(wrong, np.where(np.isfinite(off), off, np.inf), -1)
    place = tuple(int(i) for i in np.unravel_index(np.argmax(off), off.shape))
    one, other = short(expected[place].item()), short(got[place].item())
    index = ", ".join(map(str, place))
    count = f"{int(wrong.sum())} of {wrong.size} numbers differ"
    much = f", most by {short(float(off[place]))}" if np.isfinite(off[place]) else ""
    return f"\n  {count}{much}: at [{index}] expected {one}, got {other}"


def _both(got: Any, expected: Any) -> str:
    return f"  expected {short(expected)}\n  got      {short(got)}"


def _shape(numbers: np.ndarray) -> str:
    return f"an array of shape {numbers.shape}" if numbers.ndim else f"a number: {short(numbers)}"


def _short(value: Any) -> str:
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, np.ndarray):
        if value.size <= 16:
            return np.array2string(value, precision=4, separator=", ").replace("\n", "")
        return f"array of shape {value.shape}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(short, value)) + ")"
    if isinstance(getattr(value, "shape", None), tuple):
        return f"{type(value).__name__} {tuple(value.shape)}"
    return repr(value)
