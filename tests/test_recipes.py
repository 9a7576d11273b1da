"""Recipes: every network has numbers for every data set it learns from; what is given wins."""

import dataclasses

import pytest

from upconv import cli, data, recipes, zoo
from upconv.style import TransformSettings
from upconv.training import GanSettings, Settings

PAIRS = [
    (network, name)
    for network in (*zoo.NETWORKS, *zoo.GENERATORS, *zoo.STYLIZERS)
    for name in recipes.sets_of(network)
]
GIVEN = {"steps": 3, "batch": 2, "learning_rate": 0.5, "seed": 7}


def settings_of(network):
    if network in zoo.GENERATORS:
        return GanSettings
    return TransformSettings if network in zoo.STYLIZERS else Settings


@pytest.mark.parametrize(("network", "name"), PAIRS)
def test_every_pair_has_numbers_that_its_training_takes(network, name):
    numbers = recipes.settings(network, name)
    assert {"batch", "learning_rate"} <= set(numbers)
    settings_of(network)(**numbers)


@pytest.mark.parametrize(("network", "name"), PAIRS)
def test_what_is_given_goes_before_the_recipe_and_none_is_not_given(network, name):
    assert recipes.settings(network, name, **GIVEN).items() >= GIVEN.items()
    nothing = dict.fromkeys(GIVEN)
    assert recipes.settings(network, name, **nothing) == recipes.settings(network, name)


@pytest.mark.parametrize("given", [{"rotate": 0.0}, {"elastic_sigma": 0.0}, {"learning_rate": 0.0}])
def test_zero_is_given(given):
    assert recipes.settings("unet", "membranes", **given).items() >= given.items()


def test_a_painter_learns_as_its_settings_say():
    usual = dataclasses.asdict(TransformSettings())
    assert recipes.STYLIZER._asdict().items() <= usual.items()


def test_digits_are_not_mirrored_and_micrographs_have_no_up():
    for name in recipes.SETS:
        numbers = recipes.settings("unet", name, crop=100)
        assert numbers["flip"] == (name != "digit_scenes")
        assert numbers["vertical_flip"] == (name in recipes.MICROGRAPHS)
        assert bool(numbers["rotate"]) == (name in recipes.MICROGRAPHS)
        weighted = recipes.suited_to(name).border_weight is not None
        assert weighted == (name in recipes.MICROGRAPHS)
    for name in recipes.GENERATOR_SETS:
        assert recipes.settings("dcgan", name)["flip"] == (name == "folder")


def test_crops_are_at_most_as_large_as_the_images():
    side = min(data.digit_scenes(1).images.shape[1:3])
    assert recipes.settings("unet", "digit_scenes", crop=1000)["crop"] == side
    assert recipes.settings("unet", "digit_scenes", crop=side - 1)["crop"] == side - 1
    assert recipes.settings("unet", "camvid", crop=1000)["crop"] == 1000


def test_help_names_the_numbers_of_the_recipes(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert "learning rate [0.001; U-Net 0.002; dcgan 0.0002]" in words
    assert "all processes [8; dcgan 64; transform 1]" in words
    for network, batch in (("fcn8s", 8), ("unet", 8), ("dcgan", 64), ("transform", 1)):
        name = recipes.sets_of(network)[0]
        assert recipes.settings(network, name)["batch"] == batch
