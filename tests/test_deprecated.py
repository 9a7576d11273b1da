"""Names that have moved are found under their old ones, and that is said once.

Where another test asks for an old name, it fails: pyproject.toml makes the warning an error.
"""

import inspect
import subprocess
import sys
import warnings
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import pytest

from upconv import keras as in_keras
from upconv import torch as in_torch
from upconv import training
from upconv.cli import _training as train_command
from upconv.cli import make_parser
from upconv.cli.options import UsageError
from upconv.deprecated import ARGUMENTS, moved, renamed

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
    assert find.said == set(find.homes)
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


def test_what_is_set_in_a_network_by_its_old_name_is_set():
    network = in_torch.variants.UNet(base_channels=2, depth=1, in_channels=3)
    with pytest.warns(DeprecationWarning, match=r"UNet\.feed is .*UNet\.skip_source now"):
        network.feed = "neighbour"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert network.feed == network.skip_source == "neighbor"  # said before
    assert not hasattr(network, "width")  # was never kept


def test_an_old_argument_beside_the_new_is_refused():
    with pytest.raises(TypeError, match="bend: got both elastic_sigma and elastic, its old name"):
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
        "the next version removes the old name" in line for line in lines
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
    said = f"{name} is {other} now; the next version removes the old name\n"
    assert capsys.readouterr().err == f"upconv {command.split()[0]}: {said}"
    with pytest.raises(SystemExit):
        parser.parse_args([command.split()[0], "--help"])
    shown = capsys.readouterr().out
    assert other in shown and f"{name} " not in shown


# In both frameworks, or in one of them; as the first edition had them.
VARIANTS = ("FeatureSumFCN", "ConcatFCN", "EightfoldFCN")
MOVED = [
    *((room, name, f"variants.{name}") for name in VARIANTS for room in (in_torch, in_keras)),
    (in_torch, "describe", "extract_features"),
    (in_torch, "he_initialise", "he_initialize"),
    (in_torch, "standardise_activations", "standardize_activations"),
    (in_keras, "CropTo", "CropLike"),
    (in_keras, "Normalise", "Normalize"),
]


@pytest.mark.parametrize(("room", "old", "new"), MOVED, ids=lambda one: str(one).split("'")[-1])
def test_old_names_of_networks_lead_to_the_new(room, old, new):
    room.__getattr__.said.clear()
    with pytest.warns(
        DeprecationWarning, match=f"{old} is upconv.*{new} now; the next version removes"
    ):
        assert getattr(room, old) is attrgetter(new)(room)
    assert old not in room.__all__


# Network, arguments as the first edition had them, and as they are now.
SMALL = {"encoder": "squeezenet", "width": 0.1}
NOW = {"encoder": "squeezenet", "width_mult": 0.1}
ONCE = [
    ("UNet", {"width": 3, "channels": 2}, {"base_channels": 3, "in_channels": 2}),
    (
        "variants.UNet",
        {"width": 3, "channels": 2, "feed": "neighbour"},
        {"base_channels": 3, "in_channels": 2, "skip_source": "neighbor"},
    ),
    ("Generator", {"width": 3}, {"base_channels": 3}),
    ("Discriminator", {"width": 3}, {"base_channels": 3}),
    ("variants.Generator", {"width": 3}, {"base_channels": 3}),
    ("variants.Discriminator", {"width": 3}, {"base_channels": 3}),
    ("TransformNet", {"width": 3}, {"base_channels": 3}),
    ("FCN", {"classes": 2} | SMALL, {"classes": 2} | NOW),
    ("variants.FCN", {"classes": 2} | SMALL, {"classes": 2} | NOW),
    ("variants.FeatureSumFCN", SMALL, NOW),
    ("variants.ConcatFCN", {"classes": 2} | SMALL, {"classes": 2} | NOW),
    ("variants.EightfoldFCN", {"classes": 2} | SMALL, {"classes": 2} | NOW),
    ("VGG16Classifier", {"width": 0.02}, {"width_mult": 0.02}),
    ("VGG19", {"width": 0.02}, {"width_mult": 0.02}),
    ("ConvAutoencoder", {"channels": 2}, {"in_channels": 2}),
]
TORCH_ALONE = [
    ("SmallClassifier", {"channels": 2, "width": 3}, {"in_channels": 2, "base_channels": 3}),
    ("VGG16", {"width": 0.02}, {"width_mult": 0.02}),
    ("SqueezeNet", {"width": 0.02}, {"width_mult": 0.02}),
]


@pytest.mark.parametrize(
    ("room", "name", "then", "now"),
    [(in_torch, *one) for one in ONCE + TORCH_ALONE] + [(in_keras, *one) for one in ONCE],
)
def test_old_arguments_of_networks_are_taken(room, name, then, now):
    make = attrgetter(name)(room)
    (make.__init__ if isinstance(make, type) else make).said.clear()
    old = then.keys() - now.keys()
    with pytest.warns(DeprecationWarning, match="the next version removes") as caught:
        found = make(**then)
    ours = [one for one in caught if "the next version removes" in str(one.message)]
    assert {str(one.message).split(": ")[1].split(" is ")[0] for one in ours} == old
    assert all(one.filename == __file__ for one in ours)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module=r"keras\.")  # NumPy's, of how Keras reads tensors
        assert sizes(make(**then)) == sizes(found) == sizes(make(**now))  # it was said
        if isinstance(make, type) and "feed" in then:
            assert found.skip_source == now["skip_source"]
    name = next(iter(old))
    table = ARGUMENTS[make.__name__]
    with pytest.raises(TypeError, match=f"got both {table[name]} and {name}, its old name"):
        make(**now, **{name: then[name]})


def sizes(network):
    weights = network.weights if hasattr(network, "weights") else network.parameters()
    return [tuple(weight.shape) for weight in weights]


def test_every_network_with_an_old_name_is_tried():
    tried = {name.removeprefix("variants.") for name, *_ in ONCE + TORCH_ALONE}
    assert tried == set(ARGUMENTS)


def test_renamed_leaves_a_function_what_it_is():
    @renamed(old="new")
    def shown(new: int, other: int = 2) -> tuple[int, int]:
        """Words."""
        return new, other

    assert (shown.__name__, shown.__doc__) == ("shown", "Words.")
    assert str(inspect.signature(shown)) == "(new: int, other: int = 2) -> tuple[int, int]"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert shown(1, other=3) == shown(new=1, other=3) == (1, 3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'older'"):
        shown(older=1)


@pytest.mark.parametrize(
    "network, value, option",
    [
        ("unet", "4", "--base-channels"),
        ("dcgan", "4", "--base-channels"),
        ("fcn8s", "0.5", "--width-mult"),
    ],
)
def test_width_is_the_option_of_its_network(network, value, option, capsys):
    parse = make_parser().parse_args
    wanted = train_command._width(parse(["train", network, option, value]))
    assert wanted == {option[2:].replace("-", "_"): float(value)}
    assert capsys.readouterr().err == ""
    assert train_command._width(parse(["train", network, "--width", value])) == wanted
    assert f"--width is {option} now; the next version removes" in capsys.readouterr().err
    other = ({"--base-channels", "--width-mult"} - {option}).pop()
    with pytest.raises(UsageError, match=f"{other}: got 2, expected {option} for {network}"):
        train_command._width(parse(["train", network, other, "2"]))
