"""Recipes: which data sets a network learns from, and the numbers it learns with unless told."""

from __future__ import annotations

from typing import Any, NamedTuple

from upconv.zoo import GENERATORS, STYLIZERS, is_unet

# The first of each is the one taken where none is named.
SETS = ("digit_scenes", "camvid", "road", "membranes", "isbi2012", "dsb2018", "folder")
GENERATOR_SETS = ("digits", "digit_crops", "mnist", "fashion_mnist", "folder")
STYLIZER_SETS = ("photographs", "camvid", "folder")
FETCHED = ("camvid", "isbi2012", "dsb2018", "mnist", "fashion_mnist")
MICROGRAPHS = ("membranes", "isbi2012", "dsb2018")  # no up and down, and objects to tell apart

# How many images are made of a set that is made on the spot.
GENERATED = {
    "digit_scenes": {"train": 2000, "test": 200},
    "membranes": {"train": 30, "test": 10},
    "digit_crops": {"train": 6000},
}


class Pace(NamedTuple):
    """Images a step, of all processes, and learning rate."""

    batch: int
    learning_rate: float


FCN, UNET, GENERATOR, STYLIZER = Pace(8, 1e-3), Pace(8, 2e-3), Pace(64, 2e-4), Pace(1, 1e-3)


class Augmentation(NamedTuple):
    """How crops are changed at random; the units are those of ``upconv.training.Settings``."""

    flip: bool = True
    vertical_flip: bool = False
    rotate: float = 0.0
    elastic_sigma: float = 0.0
    brightness_contrast_jitter: float = 0.15


class Segmented(NamedTuple):
    """What suits a data set from which one learns to segment."""

    augmentation: Augmentation = Augmentation()
    largest_crop: int | None = None  # pixels a side
    border_weight: float | None = None  # of thin borders between objects; none: all pixels alike
    balance: bool = True  # border weights make up for rare classes, too


PHOTOGRAPH = Segmented()
SCENE = Segmented(
    Augmentation(flip=False, brightness_contrast_jitter=0.0), largest_crop=64
)  # a mirrored 2 is no 2
MICROGRAPH = Segmented(
    Augmentation(
        vertical_flip=True, rotate=180.0, elastic_sigma=10.0, brightness_contrast_jitter=0.1
    ),
    border_weight=10.0,
)
SUITED = dict.fromkeys(MICROGRAPHS, MICROGRAPH) | {
    "digit_scenes": SCENE,
    # Nuclei are a small share of their images: balanced, they would swell.
    "dsb2018": MICROGRAPH._replace(balance=False),
}


def sets_of(network: str) -> tuple[str, ...]:
    """The data sets from which a network of this name learns, the usual one first."""
    if network in GENERATORS:
        return GENERATOR_SETS
    return STYLIZER_SETS if network in STYLIZERS else SETS


def suited_to(data: str) -> Segmented:
    """What suits a data set of ``SETS``."""
    return SUITED.get(data, PHOTOGRAPH)


def settings(network: str, data: str, **given: Any) -> dict[str, Any]:
    """Arguments of the settings with which a network learns from a data set.

    They are of ``Settings``, ``GanSettings`` or ``TransformSettings``, as the network is. What is
    given and not ``None`` stands in place of the recipe's; a crop is at most as large as suits the
    data.
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
