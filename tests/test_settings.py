"""Settings out of bounds: refused before anything is trained, in every field of every kind."""

import math
from dataclasses import fields

import numpy as np
import pytest

from upconv import data, style, training
from upconv.style import StyleSettings, TransformSettings
from upconv.training import GanSettings, Settings

KINDS = [
    getattr(room, name)
    for room in (training, style)
    for name in room.__all__
    if name.endswith("Settings")
]
FIELDS = [(kind, field.name) for kind in KINDS for field in fields(kind)]
NONSENSE = [math.nan, math.inf, -math.inf, -1, -0.5, "x", b"1", object(), 1 + 0j, [[1]], {"a": 1}]


def test_every_kind_is_looked_at():
    assert {Settings, GanSettings, StyleSettings, TransformSettings} <= set(KINDS)
    assert len(FIELDS) > 50


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_no_field_takes_nonsense(kind, name):
    for value in NONSENSE:
        with pytest.raises(ValueError) as caught:
            kind(**{name: value})
        message = str(caught.value)
        assert message.startswith(f"{name}: got ") and ", expected " in message
        assert "\n" not in message


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_whole_numbers_are_whole_and_countable(kind, name):
    if type(getattr(kind(), name)) is not int:
        return
    for value in (10**30, 2**63, 1.5, True, None):
        with pytest.raises(ValueError, match=f"^{name}: got "):
            kind(**{name: value})


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Settings, {"learning_rate": -1.0}, "learning_rate: got -1.0"),
        (Settings, {"zoom": (2, 1)}, r"zoom: got \(2, 1\), expected two numbers"),
        (Settings, {"zoom": (0, 1)}, "zoom: got"),
        (Settings, {"zoom": (1, math.nan)}, "zoom: got"),
        (Settings, {"zoom": (1, 1e9)}, "zoom: got"),
        (Settings, {"crop": 0}, "crop: got 0"),
        (Settings, {"crop": (8, 0)}, r"crop: got \(8, 0\)"),
        (Settings, {"crop": (8, 10**9)}, "crop: got .* at most 32768 pixels"),
        (Settings, {"batch": 10**12}, "batch: got .* at most 65536"),
        (Settings, {"momentum": 5.0}, "momentum: got 5.0"),
        (Settings, {"momentum": 1.0}, "momentum: got 1.0"),
        (Settings, {"brightness_contrast_jitter": 1.5}, "jitter: got 1.5"),
        (Settings, {"elastic_sigma": 1e300}, r"elastic_sigma: got 1e\+300"),
        (Settings, {"rotate": 1e300}, r"rotate: got 1e\+300"),
        (Settings, {"clip": 0.0}, "clip: got 0.0, expected a finite number above 0"),
        (Settings, {"class_weights": ()}, r"class_weights: got \(\)"),
        (Settings, {"class_weights": (0.0, 0.0)}, "class_weights: got"),
        (Settings, {"class_weights": (1.0, math.nan)}, "class_weights: got"),
        (Settings, {"seed": 2**70}, "seed: got 1180591620717411303424"),
        (GanSettings, {"beta1": 1.0}, "beta1: got 1.0"),
        (StyleSettings, {"style_layers": "conv1_1"}, "style_layers: got 'conv1_1'"),
        (StyleSettings, {"scales": 10**6}, "scales: got 1000000"),
        (TransformSettings, {"content_layers": "conv1_1"}, "content_layers: got 'conv1_1'"),
    ],
)
def test_what_is_out_of_bounds_is_named(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)


def test_numbers_of_numpy_are_numbers():
    settings = Settings(
        steps=np.int64(3), crop=np.int64(16), learning_rate=np.float32(0.1), zoom=[1, 2]
    )
    scenes = data.digit_scenes(2, 32)
    assert training.make_batch(scenes, settings, 0).masks.shape[1:] == (16, 16)


def test_a_weight_for_each_class():
    from upconv.torch import UNet

    scenes = data.digit_scenes(2, 32)
    settings = Settings(steps=1, batch=1, crop=16, class_weights=(1.0, 2.0))
    network = UNet(11, 3, base_channels=2, depth=1, padded=True)
    with pytest.raises(ValueError, match="class_weights: got 2 numbers, expected 11"):
        training.train(network, scenes, settings, progress=False)


@pytest.mark.parametrize(
    "options",
    [{"steps": 0}, {"batch": -1}, {"learning_rate": math.nan}, {"seed": -1}, {"seed": 2**70}],
)
def test_a_classifier_is_trained_within_bounds(options):
    from upconv.torch import SmallClassifier

    (name,) = options
    with pytest.raises(ValueError, match=f"^{name}: got"):
        training.train_classifier(SmallClassifier(), data.digits(), **options)
