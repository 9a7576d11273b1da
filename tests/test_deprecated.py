"""Names that have moved are found under their old ones, and that is said once.

Where another test asks for an old name, it fails: pyproject.toml makes the warning an error.
"""

import inspect
import subprocess
import sys
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from upconv import training
from upconv.cli import make_parser
from upconv.deprecated import moved, renamed

ROOMS = ("data", "figures", "inference", "metrics", "ops", "style", "training")


@pytest.mark.parametrize("room", ROOMS)
def test_old_names_lead_to_the_new(room):
    module = import_module(f"upconv.{room}")
    find = module.__getattr__
    find.said.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for old, new in find.homes.items():
            home, _, name = new.rpartition(".")
            assert getattr(module, old) is vars(import_module(home))[name]
            assert old not in module.__all__
    assert find.said == {f"upconv.{room}.{old}" for old in find.homes}
    find.said.clear()


@renamed(elastic="elastic_sigma", team="distributed")
def bend(image, *, elastic_sigma=0.0, distributed=None):
    return image, elastic_sigma, distributed


@renamed(colours="colors")
@dataclass(frozen=True)
class Palette:
    colors: int = 1


@renamed(centre="center")
class Field(NamedTuple):
    center: float


def test_an_old_argument_is_the_new_one_and_that_is_said_once():
    with pytest.warns(DeprecationWarning, match=r"bend: elastic is elastic_sigma now") as caught:
        assert bend(1, elastic=2.0) == (1, 2.0, None)
    assert [Path(one.filename).name for one in caught] == ["test_deprecated.py"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bend(1, elastic=3.0) == (1, 3.0, None)  # said before
        assert bend(1, elastic_sigma=4.0, distributed=5) == (1, 4.0, 5)
    assert list(inspect.signature(bend).parameters) == ["image", "elastic_sigma", "distributed"]


def test_of_a_class_the_old_attribute_too():
    with pytest.warns(DeprecationWarning, match=r"Palette: colours is colors now"):
        palette = Palette(colours=7)
    with pytest.warns(
        DeprecationWarning, match=r"Palette\.colours is .*Palette\.colors now"
    ) as caught:
        assert palette.colors == palette.colours == 7
    assert [Path(one.filename).name for one in caught] == ["test_deprecated.py"]
    assert palette == Palette(7) != Palette()
    with pytest.warns(DeprecationWarning, match=r"Field\.centre"):
        assert Field(1.5).centre == Field(1.5).center == 1.5


def test_an_old_argument_beside_the_new_is_refused():
    with pytest.raises(TypeError, match=r"bend\(\) got elastic_sigma and its old name elastic"):
        bend(1, elastic=1.0, elastic_sigma=1.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'elastik'"):
        bend(1, elastik=1.0)


def test_settings_of_the_first_edition_still_work():
    code = (
        "from upconv.training import Settings\n"
        "settings = Settings(jitter=0.5, elastic=3.0, upside_down=True)\n"
        "print(settings == Settings(brightness_contrast_jitter=0.5, elastic_sigma=3.0, "
        "vertical_flip=True), settings.jitter)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.stdout.split() == ["True", "0.5"]
    lines = [line for line in told.stderr.splitlines() if "DeprecationWarning" in line]
    assert len(lines) == 4 and all(
        "the old name goes in the next version" in line for line in lines
    )


def test_it_is_said_once_and_of_the_line_that_asks():
    code = (
        "from upconv.training import predict\n"
        "from upconv import training\n"
        "training.predict, training.evaluate, training.predict\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    lines = [line for line in told.stderr.splitlines() if "DeprecationWarning" in line]
    assert [line.partition(" is ")[0].split(": ")[-1] for line in lines] == [
        "upconv.training.predict",
        "upconv.training.evaluate",
    ]
    assert "<string>:1: " in lines[0] and "upconv.inference.predict now" in lines[0]
    assert "<string>:3: " in lines[1]


def test_a_name_that_never_was_is_missing_as_ever():
    find = moved("upconv.trial", {"old": "upconv.inference.predict"})
    with pytest.raises(AttributeError, match=r"module 'upconv\.trial' has no attribute 'new'"):
        find("new")
    assert not hasattr(training, "no_such_name")
    with pytest.raises(ImportError, match="no_such_name"):
        exec("from upconv.training import no_such_name")


@pytest.mark.parametrize(
    "command, old, new",
    [
        ("train unet", "--rate 0.5", "--learning-rate 0.5"),
        ("train unet", "--elastic 3", "--elastic-sigma 3"),
        ("stylize a.png b.png -o c.png", "--layers conv1_1", "--style-layers conv1_1"),
        ("stylize a.png b.png -o c.png", "--smooth 2", "--variation-weight 2"),
    ],
)
def test_an_old_option_is_the_new_one_and_says_so(command, old, new, capsys):
    parser = make_parser()
    wanted = vars(parser.parse_args([*command.split(), *new.split()]))
    assert capsys.readouterr().err == ""
    assert vars(parser.parse_args([*command.split(), *old.split()])) == wanted
    assert wanted != vars(parser.parse_args(command.split()))
    name, other = old.split()[0], new.split()[0]
    said = f"{name} is {other} now; the old name goes in the next version\n"
    assert capsys.readouterr().err == f"upconv {command.split()[0]}: {said}"
    with pytest.raises(SystemExit):
        parser.parse_args([command.split()[0], "--help"])
    shown = capsys.readouterr().out
    assert other in shown and f"{name} " not in shown
