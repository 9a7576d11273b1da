"""Argument checks. Every error reads ``name: got X, expected Y``.

Operators, settings and metrics call these first, which keeps their own code short.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NoReturn, TypeGuard

if TYPE_CHECKING:  # the command line uses checks before it needs NumPy
    import numpy as np

LARGEST = 2**63 - 1  # of int64
LONGEST_SIDE = 2**15  # pixels of a crop or of a generated picture
MOST_STEPS = 10**9
LARGEST_BATCH = 2**16
BYTE = (0.0, 255.0)  # range of the values of 8-bit images
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue; ITU-R BT.601, as in Pillow


def refuse(name: str, got: object, expected: object) -> NoReturn:
    """Raise a ``ValueError`` in the package's standard form."""
    raise ValueError(f"{name}: got {got}, expected {expected}")


def check_choice(name: str, value: str, known: Iterable[str]) -> None:
    """Check that a value is one of the known ones."""
    if not isinstance(value, str) or value not in known:
        refuse(name, repr(value), f"one of {', '.join(known)}")


def is_integer(value: object) -> TypeGuard[int]:
    """Whether a value is a Python or NumPy integer; ``True`` is not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_integer(name: str, value: Any, minimum: int, maximum: int = LARGEST) -> int:
    """Check an integer, at least ``minimum`` and at most ``maximum``."""
    if not is_integer(value) or value < minimum:
        refuse(name, repr(value), f"an integer of at least {minimum}")
    value = _countable(name, value)
    if value > maximum:
        refuse(name, repr(value), f"an integer of at most {maximum}")
    return value


def is_list(value: Any) -> bool:
    """Whether a value is a sequence or an array with axes; strings do not count."""
    if _is_numpy(value, "ndarray"):
        return bool(value.ndim)
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_numpy(value: object, kind: str) -> bool:
    """Whether a value is an instance of a NumPy class; False if NumPy is not loaded."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, getattr(numpy, kind))


def _is_flag(value: object) -> bool:
    return isinstance(value, bool) or _is_numpy(value, "bool_")


def check_flag(name: str, value: Any) -> bool:
    """Check that a value is True or False."""
    if not _is_flag(value):
        refuse(name, repr(value), "True or False")
    return bool(value)


def check_pair(name: str, value: Any, minimum: int) -> tuple[int, int]:
    """Check an integer, meant for both axes, or a pair (height, width) of integers."""
    both = (value, value) if is_integer(value) else value
    if not is_list(both) or len(both) != 2 or not all(is_integer(v) and v >= minimum for v in both):
        refuse(name, repr(value), f"an integer of at least {minimum} or a pair of them")
    return _countable(name, both[0]), _countable(name, both[1])


def _countable(name: str, value: Any) -> int:
    if value > LARGEST:
        refuse(name, value, "a number that fits in int64")
    return int(value)


def check_shape(name: str, value: Any, axes: str) -> tuple[int, ...]:
    """Check a sequence of positive integers, one per axis in ``axes``, e.g. ``"N, C, H, W"``."""
    count = axes.count(",") + 1
    if (
        not is_list(value)
        or len(value) != count
        or not all(is_integer(v) and v >= 1 for v in value)
    ):
        refuse(name, repr(value), f"{count} positive integers ({axes})")
    return tuple(int(v) for v in value)


def check_number(name: str, value: Any) -> float:
    """Check a finite real number of either sign."""
    if _is_flag(value) or not isinstance(value, Real) or not math.isfinite(value):
        refuse(name, repr(value), "a finite number")
    return float(value)


def check_real(name: str, value: Any, *, positive: bool = False, most: float = math.inf) -> float:
    """Check a finite real number, at least 0, or above 0 if ``positive``, and at most ``most``."""
    bad = _is_flag(value) or not isinstance(value, Real)
    if bad or not math.isfinite(value) or value < 0 or (positive and value == 0):
        refuse(name, repr(value), f"a finite number {'above' if positive else 'of at least'} 0")
    if value > most:
        refuse(name, repr(value), f"a number of at most {most:g}")
    return float(value)


def check_share(name: str, value: Any) -> float:
    """Check a real number from 0 to less than 1, such as the momentum of a running mean."""
    if check_real(name, value) >= 1:
        refuse(name, repr(value), "a number from 0 to less than 1")
    return float(value)


def check_range(name: str, value: Any, low: float, high: float) -> tuple[float, float]:
    """Check a pair of real numbers in ascending order, both within bounds."""
    expected = f"two numbers from {low:g} to {high:g}, the smaller one first"
    if not is_list(value) or len(value) != 2:
        refuse(name, repr(value), expected)
    if any(_is_flag(part) or not isinstance(part, Real) for part in value):
        refuse(name, repr(value), expected)
    if not low <= value[0] <= value[1] <= high:  # False for NaN
        refuse(name, repr(value), expected)
    return float(value[0]), float(value[1])


def check_value_range(value: Any) -> tuple[float, float]:
    """Check the values that become 0 and 1: two finite numbers, the smaller one first.

    Raises
    ------
    ValueError
        If they are not.
    """
    low, high = check_range("value_range", value, -LARGEST, LARGEST)
    if not low < high:
        refuse("value_range", repr(value), "two different numbers")
    return low, high


def check_weights(name: str, value: Any) -> tuple[float, ...]:
    """Check finite non-negative numbers, at least one of them positive."""
    expected = "finite numbers of at least 0, at least one above 0"
    if not is_list(value) or any(_is_flag(part) for part in value):
        refuse(name, repr(value), expected)
    if not all(
        isinstance(part, Real) and math.isfinite(part) and float(part) >= 0 for part in value
    ):
        refuse(name, repr(value), expected)
    if not any(value):
        refuse(name, repr(value), expected)
    return tuple(map(float, value))


def check_words(name: str, value: Any) -> tuple[str, ...]:
    """Check a sequence of strings; a single string is rejected."""
    if not is_list(value) or not all(isinstance(part, str) for part in value):
        refuse(name, repr(value), "a sequence of names")
    return tuple(value)


def check_seed(name: str, value: Any) -> int:
    """Check a seed that both NumPy and PyTorch accept: an integer from 0 to 2⁶³ − 1."""
    if not is_integer(value) or not 0 <= value <= LARGEST:
        refuse(name, repr(value), "an integer from 0 to 2**63 - 1")
    return int(value)


def as_array(
    name: str, value: Any, dtype: type | None = None, expected: str = "an array of numbers"
) -> np.ndarray:
    """Convert a value to an array; failures, such as rows of unequal length, name the argument."""
    import numpy as np

    try:
        return np.asarray(value, dtype)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        # A tensor with a gradient, or on a GPU, explains in its error how to convert it.
        got, reason = type(value).__name__, str(error).rstrip(".")
        raise ValueError(f"{name}: got a {got}, expected {expected} ({reason})") from error


def check_array(name: str, value: Any, axes: str | None = None) -> np.ndarray:
    """Check a non-empty array of a real floating dtype, with the given ``axes`` if any."""
    array = as_array(name, value)
    if array.dtype.kind != "f":
        refuse(name, f"dtype {array.dtype}", "a real floating dtype such as float32 or float64")
    if axes is not None and array.ndim != axes.count(",") + 1:
        got = f"{array.ndim} axes, shape {array.shape}"
        refuse(name, got, f"{axes.count(',') + 1} axes ({axes})")
    if array.size == 0:
        refuse(name, f"an empty array of shape {array.shape}", "at least one element")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def check_same_dtype(name: str, array: np.ndarray, other_name: str, other: np.ndarray) -> None:
    """Check that two operands have the same dtype: as in PyTorch, nothing is promoted silently."""
    if array.dtype != other.dtype:
        refuse(name, f"dtype {array.dtype}", f"{other.dtype}, the dtype of {other_name}")


def check_volume(name: str, got: object, shape: Sequence[int], itemsize: int = 8) -> None:
    """Check that the size in bytes of an array of this shape fits in int64."""
    if math.prod(shape) * itemsize > LARGEST:
        refuse(name, got, f"an array whose size in bytes fits in int64, not shape {tuple(shape)}")


def widen(array: np.ndarray) -> np.ndarray:
    """Convert float16 to float32, for accumulation; keep any other dtype."""
    import numpy as np

    return array.astype(np.result_type(array.dtype, np.float32), copy=False)


def check_features(name: str, value: Any, what: str = "features") -> np.ndarray:
    """Check finite real numbers (N, D), non-empty, one row per image; return them as float64."""
    import numpy as np

    array = as_array(name, value)
    if array.dtype.kind not in "fiub":
        refuse(name, f"dtype {array.dtype}", "real numbers")
    if array.ndim != 2 or array.size == 0:
        refuse(name, f"shape {array.shape}", "(N, D), at least one row and one column")
    return check_finite(name, array.astype(np.float64, copy=False), what)


def check_finite(name: str, array: np.ndarray, what: str) -> np.ndarray:
    """Check for NaN and infinity: a metric of these could be any number, even the best."""
    import numpy as np

    if broken := np.count_nonzero(~np.isfinite(array)):
        got = f"{broken} of {array.size} {what} that are infinite or NaN"
        refuse(name, got, f"finite {what}")
    return array
