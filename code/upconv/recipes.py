"""Recipes: the data sets of each network, and its default training settings."""

from __future__ import annotations

from typing import Any, NamedTuple

from upconv.zoo import GENERATORS, STYLIZERS, is_unet

# The first of each is the default.
SETS = ("digit_scenes", "camvid", "road", "membranes", "isbi2012", "dsb2018", "folder")
GENERATOR_SETS = ("digits", "digit_crops", "mnist", "fashion_mnist", "folder")
STYLIZER_SETS = ("photographs", "camvid", "folder")
FETCHED = ("camvid", "isbi2012", "dsb2018", "mnist", "fashion_mnist")
MICROGRAPHS = ("membranes", "isbi2012", "dsb2018")  # without up and down, with instances

# Number of images of each generated set.
GENERATED = {
    "digit_scenes": {"train": 2000, "test": 200},
    "membranes": {"train": 30, "test": 10},
    "digit_crops": {"train": 6000},
}


class Pace(NamedTuple):
    """Images per step, over all processes, and learning rate."""

    batch: int
    learning_rate: float


FCN, UNET, GENERATOR, STYLIZER = Pace(8, 1e-3), Pace(8, 2e-3), Pace(64, 2e-4), Pace(1, 1e-3)


class Augmentation(NamedTuple):
    """Random augmentation of crops; units as in ``upconv.training.Settings``."""

    flip: bool = True
    vertical_flip: bool = False
    rotate: float = 0.0
    elastic_sigma: float = 0.0
    brightness_contrast_jitter: float = 0.15


class Segmented(NamedTuple):
    """Recommended settings for a segmentation data set."""

    augmentation: Augmentation = Augmentation()
    largest_crop: int | None = None  # pixels per side
    border_weight: float | None = None  # for thin borders between instances; None: equal weights
    balance: bool = True  # border weights also compensate for rare classes


PHOTOGRAPH = Segmented()
SCENE = Segmented(
    Augmentation(flip=False, brightness_contrast_jitter=0.0), largest_crop=64
)  # a mirrored 2 is not a 2
MICROGRAPH = Segmented(
    Augmentation(
        vertical_flip=True, rotate=180.0, elastic_sigma=10.0, brightness_contrast_jitter=0.1
    ),
    border_weight=10.0,
)
SUITED = dict.fromkeys(MICROGRAPHS, MICROGRAPH) | {
    "digit_scenes": SCENE,
    # Nuclei cover a small share of their images: balanced, they would be predicted too large.
    "dsb2018": MICROGRAPH._replace(balance=False),
}


def sets_of(network: str) -> tuple[str, ...]:
    """Return the data sets that a network can be trained on, the default first."""
    if network in GENERATORS:
        return GENERATOR_SETS
    return STYLIZER_SETS if network in STYLIZERS else SETS


def suited_to(data: str) -> Segmented:
    """Return the recommended settings for a data set of ``SETS``."""
    return SUITED.get(data, PHOTOGRAPH)


def settings(network: str, data: str, **given: Any) -> dict[str, Any]:
    """Return the arguments of the settings for training a network on a data set.

    They are those of ``Settings``, ``GanSettings`` or ``TransformSettings``, depending on the
    network. Values in ``given`` that are not ``None`` override the recipe; a segmentation crop is
    limited to the data set's largest.
    """
    given = {name: value for name, value in given.items() if value is not None}
    if network in GENERATORS:
        return GENERATOR._asdict() | {"flip": data == "folder"} | given
    if network in STYLIZERS:
        return STYLIZER._asdict() | given
    suited = suited_to(data)
    if suited.largest_crop and "crop" in given:
        given["crop"] = min(given["crop"], suited.largest_crop)
    pace = UNET if is_unet(network) else FCN
    return pace._asdict() | suited.augmentation._asdict() | given
