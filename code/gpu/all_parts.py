"""The parts, and how they share the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from device_tests import tests
from picture_parts import dcgan, style
from segmentation_parts import fcn, skips, unet
from speed_tables import speed
from task_rows import Row, Task

# Each with its share of the time.
PARTS: dict[str, tuple[Callable[[Task], Iterator[Row]], float]] = {
    "tests": (tests, 0.15),
    "fcn": (fcn, 0.14),
    "skips": (skips, 0.15),
    "unet": (unet, 0.15),
    "dcgan": (dcgan, 0.12),
    "style": (style, 0.07),
    "speed": (speed, 0.22),
}
