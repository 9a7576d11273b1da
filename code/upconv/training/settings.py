"""What the settings of all trainings have in common, and its bounds."""

from __future__ import annotations

from typing import Any

from upconv.checks import check_integer, check_real, check_seed
from upconv.options import one_of
from upconv.training.device import PRECISIONS

LONGEST_SIDE = 2**15  # pixels of a crop or of a picture that is drawn
MOST_STEPS = 10**9
LARGEST_BATCH = 2**16


def check_run(settings: Any) -> None:
    """Refuse steps, batch, learning rate, seed and precision out of bounds, where there are any.

    Raises
    ------
    ValueError
        Naming the field, what came and what was expected.
    """
    for name, most in (("steps", MOST_STEPS), ("batch", LARGEST_BATCH), ("log_every", MOST_STEPS)):
        if hasattr(settings, name):
            check_integer(name, getattr(settings, name), 1, most)
    check_real("learning_rate", settings.learning_rate)
    check_seed("seed", settings.seed)
    one_of("precision", settings.precision, PRECISIONS)
