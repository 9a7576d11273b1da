"""Data set types: images, alone or with masks, and class names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from upconv.checks import BYTE, refuse
from upconv.data._format import MaskFormat
from upconv.deprecated import renamed

VOID = 255  # in masks: unlabeled, ignored everywhere
DIGITS = tuple(str(digit) for digit in range(10))


@dataclass
class ImageSet:
    """Gray images (N, H, W) or color images (N, H, W, 3), uint8, of one size.

    ``labels`` are class numbers (N,), or None. ``notes`` are lines that say how files were read.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.images.ndim not in (3, 4) or self.images.dtype != np.uint8:
            got = f"{self.images.ndim} axes of {self.images.dtype}"
            refuse("images", got, "(N, H, W) or (N, H, W, 3), uint8")
        if self.labels is not None and len(self.labels) != len(self.images):
            got = f"{len(self.images)} images and {len(self.labels)} labels"
            refuse("labels", got, "one label per image")
        if self.labels is not None and self.classes and len(self.labels):
            low, high, most = min(self.labels), max(self.labels), len(self.classes) - 1
            if not 0 <= low <= high <= most:
                wrong = low if low < 0 else high
                refuse("labels", wrong, f"0 to {most}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        """1 for gray images, 3 for color."""
        return 1 if self.images.ndim == 3 else self.images.shape[3]


# Of one size, or of several.
Images = Sequence[np.ndarray] | np.ndarray


@renamed(colours="colors")  # codespell:ignore
@dataclass
class SegmentationSet:
    """Images (H, W, C), or (H, W) if gray, and masks (H, W), uint8.

    Images have another dtype if ``value_range`` says which of their values mean 0 and 1. A mask
    contains class numbers, or ``VOID``. Fields are arrays with one more axis, or sequences if sizes
    differ.

    Some sets also have ``instances``, (H, W) integers that number the instances (0: background),
    and ``weights``, (H, W) floats that weight each pixel's loss. A set from a folder has the
    ``mask_format`` of its files, and ``notes``: lines that say what was found in them.
    """

    name: str
    classes: tuple[str, ...]
    images: Images
    masks: Images
    colors: tuple[tuple[int, int, int], ...] = field(default=())
    instances: Images | None = None
    weights: Images | None = None
    value_range: tuple[float, float] = BYTE
    mask_format: MaskFormat | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("masks", "instances", "weights"):
            given = getattr(self, name)
            if given is not None and len(given) != len(self.images):
                got = f"{len(self.images)} images and {len(given)} {name}"
                refuse(name, got, "one per image")
        if isinstance(self.masks, np.ndarray) and self.masks.size:
            wrong = (self.masks < 0) | (self.masks >= len(self.classes))
            wrong &= self.masks != VOID
            if wrong.any():
                expected = f"0 to {len(self.classes) - 1}, or {VOID} for void"
                refuse("masks", f"label {self.masks[wrong][0]}", expected)
        if len(self.classes) > VOID:
            got, expected = len(self.classes), f"at most {VOID}: {VOID} in a mask is not a class"
            refuse("classes", got, expected)
        if not self.colors:
            self.colors = palette(len(self.classes))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.images[index], self.masks[index]

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return (self[place] for place in range(len(self)))

    def subset(self, indices: Sequence[int] | slice) -> SegmentationSet:
        """Return the same set with only some of its images."""
        chosen = range(len(self))[indices] if isinstance(indices, slice) else indices

        def some(part: Images | None) -> Images | None:
            if part is None:
                return None
            return part[list(chosen)] if isinstance(part, np.ndarray) else [part[i] for i in chosen]

        parts: dict[str, Any] = {name: some(getattr(self, name)) for name in _PER_IMAGE}
        return replace(self, **parts)


_PER_IMAGE = ("images", "masks", "instances", "weights")


# A dark color, seven of Okabe & Ito's that color-blind readers can distinguish, and four more.
_BASE = (
    (40, 44, 52),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (153, 153, 153),
    (255, 255, 255),
    (128, 64, 0),
    (120, 94, 240),
)


def palette(count: int) -> tuple[tuple[int, int, int], ...]:
    """Return a color for each class, (red, green, blue) from 0 to 255, dark for the first."""
    rng = np.random.default_rng(7)
    more = [(int(r), int(g), int(b)) for r, g, b in rng.integers(40, 255, (count, 3))]
    return (*_BASE, *more)[:count]


def colorize(mask: np.ndarray, colors: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Color a mask (H, W) as a picture (H, W, 3), uint8; unlabeled pixels are black."""
    table = np.zeros((max(256, len(colors)), 3), np.uint8)
    table[: len(colors)] = colors
    return table[mask]


def colorize_instances(instances: np.ndarray) -> np.ndarray:
    """Color numbered instances (H, W) as a picture (H, W, 3), uint8; background is black."""
    rng = np.random.default_rng(0)
    colors = np.array(palette(49)[1:], np.uint8)
    colors = colors[rng.permutation(len(colors))]
    painted = colors[instances % len(colors)]
    painted[instances == 0] = 0
    return painted


def montage(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Arrange images (N, H, W) or (N, H, W, 3) row by row in one picture, by default nearly square.

    Unused cells are black.
    """
    columns = columns or int(np.ceil(np.sqrt(len(images))))
    rows = -(-len(images) // columns)
    missing = np.zeros((rows * columns - len(images), *images.shape[1:]), images.dtype)
    cells = np.concatenate([images, missing]).reshape(rows, columns, *images.shape[1:])
    lines = [np.concatenate(list(line), axis=1) for line in cells]
    return np.concatenate(lines, axis=0)
