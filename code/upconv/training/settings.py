"""Settings of segmentation training, and the checks shared by the settings of all loops."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from upconv.checks import (
    LARGEST_BATCH,
    LONGEST_SIDE,
    MOST_STEPS,
    check_choice,
    check_flag,
    check_integer,
    check_pair,
    check_range,
    check_real,
    check_seed,
    check_share,
    check_weights,
    refuse,
)
from upconv.deprecated import FIELDS, renamed
from upconv.device import PRECISIONS


def check_run(settings: Any) -> None:
    """Check steps, batch and log_every, if present, and learning rate, seed and precision.

    Raises
    ------
    ValueError
        Naming the field, the value and what was expected.
    """
    for name, most in (("steps", MOST_STEPS), ("batch", LARGEST_BATCH), ("log_every", MOST_STEPS)):
        if hasattr(settings, name):
            check_integer(name, getattr(settings, name), 1, most)
    check_real("learning_rate", settings.learning_rate)
    check_seed("seed", settings.seed)
    check_choice("precision", settings.precision, PRECISIONS)


@renamed(**FIELDS["Settings"])
@dataclass(frozen=True)
class Settings:
    """Training settings.

    ``precision`` is "bf16" (autocast), "fp16" (autocast and a scaled loss, on GPUs), "fp32", or
    "auto": bf16 if the device has instructions for it, otherwise fp16 on GPUs that support it. In
    fp16, steps whose gradients overflow are skipped. ``crop`` is the side of random square crops,
    or (height, width). ``schedule`` is "cosine" (after a linear warm-up over 5 % of the steps) or
    "constant". ``optimizer`` is "adamw", or "sgd" with ``momentum`` (0.99 in the U-Net paper).
    """

    steps: int = 1000
    batch: int = 8
    crop: int | tuple[int, int] = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    optimizer: str = "adamw"
    momentum: float = 0.9
    encoder_factor: float = 1.0  # on the learning rate of ``encoder``; 0 freezes it
    clip: float = 1.0  # maximum norm of the gradient
    flip: bool = True  # mirror half of the crops; not for digits
    brightness_contrast_jitter: float = (
        0.0  # random gain and offset of brightness and color, as a fraction of 1
    )
    zoom: tuple[float, float] = (1.0, 1.0)  # range of random magnification before cropping
    vertical_flip: bool = False  # flip half of the crops vertically, for images without up and down
    rotate: float = 0.0  # maximum angle of random rotations, in degrees
    elastic_sigma: float = 0.0  # standard deviation of displacements on a 3 × 3 grid, in pixels
    seed: int = 0
    precision: str = "auto"
    class_weights: tuple[float, ...] | None = None
    log_every: int = 10

    def __post_init__(self) -> None:
        check_run(self)
        check_pair("crop", self.crop, 1)
        if max(np.ravel(self.crop)) > LONGEST_SIDE:
            refuse("crop", repr(self.crop), f"at most {LONGEST_SIDE} pixels per side")
        for name in ("weight_decay", "encoder_factor"):
            check_real(name, getattr(self, name))
        check_real("clip", self.clip, positive=True)
        check_share("momentum", self.momentum)
        check_real(
            "brightness_contrast_jitter", self.brightness_contrast_jitter, most=1
        )  # above 1, a gain may be negative
        check_range("zoom", self.zoom, 1 / 16, 16)
        check_real("rotate", self.rotate, most=360)
        check_real("elastic_sigma", self.elastic_sigma, most=LONGEST_SIDE)
        for name in ("flip", "vertical_flip"):
            check_flag(name, getattr(self, name))
        if self.class_weights is not None:
            check_weights("class_weights", self.class_weights)
        check_choice("schedule", self.schedule, ("cosine", "constant"))
        check_choice("optimizer", self.optimizer, ("adamw", "sgd"))

    @property
    def warps(self) -> bool:
        """Whether crops need more than cropping, horizontal flips and magnification."""
        return bool(self.rotate or self.elastic_sigma or self.vertical_flip)


@renamed(**FIELDS["History"])
@dataclass
class History:
    """Losses of a run, one every ``log_every`` steps, and its duration.

    ``data_wait`` is the part of the ``seconds`` during which the device waited for a batch.
    """

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    data_wait: float = 0.0
