"""Which values of a folder's images are black and white: one range for all, found from the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from upconv.checks import BYTE, check_value_range
from upconv.data._errors import BadData
from upconv.data._reading import has_alpha, is_shallow, read_raw

Range = tuple[float, float]

# Of values that are not 8 bits but end at 255: a network knows 8-bit images by their range.
_ENDING_AT_255 = (0.0, math.nextafter(255, math.inf))
_SAMPLE = 4096  # values of each image, by which shares of all values are estimated
_DARK = 31  # an 8-bit folder whose brightest value is at most this is nearly black
_FAR = 4  # hot pixels are so many times as bright as 99.9 % of all values
BYTES = "8 bits"
KINDS = {"u1": BYTES, "u2": "16 bits", "i2": "16 bits", "i4": "32 bits", "f4": "floats"}
_WIDTHS = {BYTES: 8, "16 bits": 32, "32 bits": 32, "floats": 0}  # kinds that go together


def kind_of(values: np.ndarray) -> str:
    """What an image's values are: 8, 16 or 32 bits, or floats."""
    return KINDS[values.dtype.str[1:]]


def shown(value: float) -> str:
    return f"{round(value):,}" if value == round(value) or abs(value) >= 1000 else f"{value:.4g}"


def spelled(value_range: Range) -> str:
    return " to ".join(shown(round(value, 9)) for value in value_range)


class Facts(NamedTuple):
    """What one image contributes to a survey of its folder."""

    path: Path
    kind: str
    low: float
    high: float
    flat: bool
    transparent: bool
    sample: np.ndarray  # some of its values


def facts_of(path: str | Path, image: np.ndarray, channels: int = 3) -> Facts:
    """Look at one image, read with these channels; threads may do so in parallel."""
    path, kind = Path(path), kind_of(image)
    low, high = float(image.min()), float(image.max())
    flat = low == high and image.shape[0] * image.shape[1] > 1
    transparent = kind == BYTES and channels < 4 and has_alpha(path)
    return Facts(path, kind, low, high, flat, transparent, sample(image))


class Survey:
    """What a folder's images have in common: their range, and what is to be said of it.

    Parameters
    ----------
    value_range
        A range that overrides the one found.
    name
        What the images are called in what is said.
    """

    def __init__(self, value_range: Range | None = None, name: str = "images") -> None:
        self.given = None if value_range is None else check_value_range(value_range)
        self.name, self.count = name, 0
        self.low, self.high = math.inf, -math.inf
        self._first: dict[str, Path] = {}  # of each kind, an image
        self._flat: list[Facts] = []
        self._samples: list[np.ndarray] = []
        self._transparent = 0

    def add(self, facts: Facts) -> None:
        """Take one image into account.

        Raises
        ------
        BadData
            If it is of another kind than the others, or its values cannot be of the given range.
        """
        self._first.setdefault(facts.kind, facts.path)
        if len({_WIDTHS[kind] for kind in self._first}) > 1:
            (one, first), (other, second) = list(self._first.items())[:: len(self._first) - 1]
            way = "save all in one of these kinds"
            raise BadData(f"{second}: got {other}, expected {one} as in {first}: {way}")
        if self.given is not None:
            check_kind(facts, self.given if facts.kind == BYTES else _apart(self.given))
        self.low, self.high = min(self.low, facts.low), max(self.high, facts.high)
        if facts.flat:
            self._flat.append(facts)
        if facts.kind != BYTES or self.given is not None:
            self._samples.append(facts.sample)
        self._transparent += facts.transparent
        self.count += 1

    @property
    def kind(self) -> str:
        return next(iter(self._first), BYTES)

    @property
    def value_range(self) -> Range:
        """The values that become 0 and 1."""
        if self.kind == BYTES:
            return self.given or BYTE
        if self.given is not None:
            return _apart(self.given)
        if self.kind == "floats" and 0 <= self.low <= self.high <= 1 and self.high > 0.1:
            return 0.0, 1.0
        return _apart((self.low, self.high if self.high > self.low else self.low + 1))

    def check_flat(self) -> None:
        """Refuse images that have one value everywhere.

        Raises
        ------
        BadData
            Naming the first.
        """
        if self._flat:
            first = self._flat[0]
            more = f", like {len(self._flat) - 1} more" if len(self._flat) > 1 else ""
            got = f"{shown(first.low)} in every pixel{more}"
            raise BadData(
                f"{first.path}: got {got}, expected an image: remove it, or save it again"
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said, one line each."""
        lines = []
        found, used = (self.low, self.high), self.value_range
        if self.kind != BYTES or self.given is not None:
            same = used == found or used == _apart(found)
            values = f"{spelled(found)} become 0 to 1" if same else spelled(found)
            more = "" if same else f"; {spelled(used)} become 0 to 1"
            lines.append(f"{self.name}: {self.kind}, values {values}{more}")
            lines += self._beyond(used)
        elif self.high <= _DARK and self.count:
            way = f"if that is their white, use --range 0 {shown(self.high)}"
            got = f"the brightest value is {shown(self.high)} of 255"
            lines.append(f"{self.name}: 8 bits, but {got}; {way}")
        if self._transparent:
            what = f"{self._transparent} of {self.count} have transparency, put on white"
            lines.append(f"{self.name}: {what}; to use it as a channel: --channels 4")
        return tuple(lines)

    def _beyond(self, used: Range) -> list[str]:
        """What is said of values that a range leaves out, and of few that stretch it."""
        if not self._samples:
            return []
        values = np.concatenate(self._samples)
        if self.given is not None:
            share = float(((values < used[0]) | (values > used[1])).mean())
            if self.low >= used[0] and self.high <= used[1]:
                return []
            about = "fewer than 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"
            return [f"{self.name}: {about} of the values lie beyond the range and are clipped"]
        most = float(np.quantile(values, 0.999))
        if self.kind == "floats" and used == (0.0, 1.0):
            return []
        if self.high - used[0] <= _FAR * max(most - used[0], 1e-30) or most <= used[0]:
            return []
        got = f"999 of 1,000 values are at most {shown(most)}, the brightest is {shown(self.high)}"
        plain = f"{used[0]:.6g} {most:.6g}"
        return [f"{self.name}: {got}; if few bright pixels are errors: --range {plain}"]


def sample(image: np.ndarray) -> np.ndarray:
    """Some thousand values of an image, evenly spread."""
    rows = image.reshape(-1) if image.flags.c_contiguous else image.ravel()
    step = max(1, rows.size // _SAMPLE) | 1  # odd: of every channel
    return rows[::step].astype(np.float32)


def _apart(value_range: Range) -> Range:
    """A range of values that are not 8 bits."""
    return _ENDING_AT_255 if value_range == BYTE else value_range


def stated_range(low: float, high: float) -> Range:
    """A range that a user has named, of images of any kind."""
    return _apart(check_value_range((low, high)))


def check_kind(facts: Facts, value_range: Range) -> None:
    """Check that an image's values can be of a range: a network's, or one that was given.

    Raises
    ------
    BadData
        If they cannot; the message says what to do.
    """
    path, kind, lowest, highest, *_ = facts
    low, high = value_range
    if value_range == BYTE:
        wrong, expected = kind != BYTES, BYTES
    else:
        expected = f"values of the range {spelled(value_range)}"
        wrong = kind == BYTES and (low < 0 or high > 255.5)
        wrong |= kind != "floats" and -1 <= low < high <= 1
        wrong |= kind == "floats" and high > 2 and 0 <= lowest <= highest <= 1
    if wrong:
        got = f"{kind}, values {spelled((lowest, highest))}"
        way = "--range LOW HIGH says which values are black and white"
        raise BadData(f"{path}: got {got}, expected {expected}: {way}")


def find_range(
    paths: Sequence[Path], channels: int = 3, value_range: Range | None = None, name: str = "images"
) -> Survey:
    """Survey image files without keeping them. If all have 8 bits, only their headers are read.

    Raises
    ------
    BadData
        If a file cannot be read, or their kinds differ.
    """
    survey = Survey(value_range, name)
    if value_range is None and all(map(is_shallow, paths)):
        return survey
    for path in paths:
        survey.add(facts_of(path, read_raw(path, channels), channels))
    return survey


def read_like(
    path: str | Path,
    channels: int = 3,
    value_range: Range = BYTE,
    *,
    say: Callable[[str], object] | None = None,
) -> np.ndarray:
    """Read an image for a network with these channels and this range, as :func:`read_raw` does.

    ``say`` is called with each line that is to be said: that the image has one value everywhere,
    or values beyond the range.

    Raises
    ------
    BadData
        If it cannot be read or is of another kind than the range, such as 16 bits for 0 to 255;
        the message says what to do.
    """
    image = read_raw(path, channels)
    facts = facts_of(path, image, channels)
    check_kind(facts, value_range)
    if say is not None:
        for line in _remarks(facts, value_range):
            say(line)
    return image


def _remarks(facts: Facts, value_range: Range) -> list[str]:
    (low, high), path = value_range, facts.path
    if facts.flat:
        return [f"{path}: {shown(facts.low)} in every pixel"]
    if value_range == BYTE or low <= facts.low <= facts.high <= high:
        return []
    share = float(((facts.sample < low) | (facts.sample > high)).mean())
    if share < 0.01:
        return []
    beyond = f"{100 * share:.0f} % of the values lie beyond {spelled(value_range)}"
    return [f"{path}: {beyond}, the range the network was trained on, and are clipped"]
