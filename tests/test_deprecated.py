"""Names that have moved are found under their old ones, and that is said once.

Where another test asks for an old name, it fails: pyproject.toml makes the warning an error.
"""

import subprocess
import sys
import warnings
from importlib import import_module

import pytest

from upconv import training
from upconv.deprecated import moved


@pytest.mark.parametrize("room", training._MOVED)
def test_old_names_lead_to_the_new(room):
    home = import_module(f"upconv.{room}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name in training._MOVED[room]:
            assert getattr(training, name) is getattr(home, name)
            assert name not in training.__all__
    training.__getattr__.said.clear()


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
