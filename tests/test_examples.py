"""The examples in the docstrings: all that is public has one, and each says what comes out."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = Path(__file__).parents[1] / "code" / "upconv"
# Rooms whose every public function and class shows what it does.
SHOWN = {
    "upconv.ops": 15,  # more than
    "upconv.torch": 15,
    "upconv.torch.variants": 6,
    "upconv.keras": 15,
    "upconv.keras.variants": 6,
}
# What a reader has imported besides the names of the room itself.
GIVEN = {
    "upconv.torch": "import torch",
    "upconv.keras": "import keras",
    "upconv.training": "import torch",
    "upconv.inference": "import torch",
    "upconv.port": "import torch",
}
# They fetch weights, so that their examples are shown and not run.
DOWNLOADS = {
    "upconv.keras.load_imagenet",
    "upconv.torch.load_imagenet",
    "upconv.torch.load_style_weights",
}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def prompts(path: Path) -> int:
    """Examples in a module's text, wherever they stand."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return sum(line.lstrip().startswith(">>> ") for line in lines)


WITH_EXAMPLES = {module_name(path): prompts(path) for path in PACKAGE.rglob("*.py")}
WITH_EXAMPLES = {name: count for name, count in sorted(WITH_EXAMPLES.items()) if count}


def names_of_the_reader(module: str) -> dict:
    """What is known after ``from ROOM import *``, NumPy and the framework: nothing private."""
    room = ".".join(module.split(".")[:2])
    home, names = importlib.import_module(room), {}
    exec(f"import numpy as np\n{GIVEN.get(room, '')}", names)
    own = [name for name, one in vars(home).items() if getattr(one, "__module__", "") == room]
    return names | {name: getattr(home, name) for name in getattr(home, "__all__", own)}


def found_in(module: ModuleType) -> list[doctest.DocTest]:
    """The examples of a module, of its own functions and classes and of their methods."""
    names = names_of_the_reader(module.__name__)
    outer = doctest.DocTestFinder(recurse=False).find(module, globs=names)
    # One by one: the finder takes a function that is decorated for another module's.
    members = {
        name: member
        for name, member in vars(module).items()
        if getattr(member, "__module__", None) == module.__name__
        and (inspect.isclass(member) or inspect.isroutine(member))
    }
    finder = doctest.DocTestFinder()
    inner = [
        found
        for name, member in members.items()
        for found in finder.find(member, f"{module.__name__}.{name}", module=False, globs=names)
    ]
    return [test for test in (*outer, *inner) if test.examples]


def complaints(tests: list[doctest.DocTest]) -> list[str]:
    """What comes out otherwise than is said."""
    runner, told = doctest.DocTestRunner(verbose=False), []
    for test in tests:
        runner.run(test, out=told.append)
    return told


def skipped(example: doctest.Example) -> bool:
    return example.options.get(doctest.SKIP, False)


def examples(member: object) -> list[doctest.Example]:
    """Of a function or class itself: ``inspect.getdoc`` would give a base class's."""
    return doctest.DocTestParser().get_examples(inspect.cleandoc(member.__doc__ or ""))


def public(room: str) -> Iterator[tuple[str, object]]:
    """Functions and classes that a room offers; constants need no example."""
    home = importlib.import_module(room)
    for name in home.__all__:
        if callable(member := getattr(home, name)):
            yield f"{room}.{name}", member


def shows(name: str, example: doctest.Example) -> bool:
    """Whether it says what comes out, and is run; of what downloads, whether it is there."""
    return name in DOWNLOADS or bool(example.want and not skipped(example))


def without_example(members: Iterable[tuple[str, object]]) -> list[str]:
    return [name for name, one in members if not any(shows(name, each) for each in examples(one))]


@pytest.mark.parametrize("room", SHOWN)
def test_all_that_is_public_has_an_example(room):
    members = dict(public(room))
    assert len(members) > SHOWN[room]
    assert without_example(members.items()) == []


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_do_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tests = found_in(importlib.import_module(name))
    # None stands where the finder does not look.
    assert sum(len(test.examples) for test in tests) == WITH_EXAMPLES[name]
    assert complaints(tests) == []
    assert os.listdir(tmp_path) == []


def test_only_what_downloads_is_skipped():
    left_out = {
        test.name
        for name in WITH_EXAMPLES
        for test in found_in(importlib.import_module(name))
        if any(map(skipped, test.examples))
    }
    homes = {name: importlib.import_module(name.rpartition(".")[0]) for name in DOWNLOADS}
    members = [getattr(home, name.rpartition(".")[2]) for name, home in homes.items()]
    assert left_out == {f"{member.__module__}.{member.__name__}" for member in members}


def made_up(text: str) -> object:
    """A function with that docstring."""

    def shown():
        pass

    shown.__doc__ = textwrap.dedent(text)
    return shown


def run(text: str) -> list[str]:
    names = names_of_the_reader("upconv.ops")
    return complaints(doctest.DocTestFinder().find(made_up(text), "made_up", globs=names))


def test_a_right_example_passes():
    assert run(">>> overlap_count(2, 3, 2).tolist()\n[1, 1, 2, 1, 1]") == []


@pytest.mark.parametrize(
    "text",
    [
        ">>> overlap_count(2, 3, 2).tolist()\n[1, 1, 2, 1, 2]",
        ">>> overlap_count(2, 3, 2).tolist()",
        ">>> overlap_count(2, 3, 0).tolist()\n[1, 1, 2, 1, 1]",
        ">>> check_integer('n', 1, 1)\n1",  # known to the module, and not to the reader
        ">>> x = 1\n>>> x\n2",
    ],
    ids=["wrong", "nothing said", "an error", "a private name", "the second line"],
)
def test_a_wrong_example_is_found(text):
    assert len(run(text)) == 1


@pytest.mark.parametrize(
    "text",
    ["No example.", "", ">>> 1 + 1  # doctest: +SKIP\n3", ">>> two = 1 + 1"],
    ids=["none", "no docstring", "skipped", "nothing comes out"],
)
def test_a_missing_example_is_found(text):
    members = [("upconv.ops.shown", made_up(text))]
    assert without_example(members) == ["upconv.ops.shown"]


def test_a_base_class_gives_no_example():
    class Base:
        """
        >>> 1 + 1
        2
        """

    class Silent(Base):
        pass

    members = [("upconv.torch.Base", Base), ("upconv.torch.Silent", Silent)]
    assert without_example(members) == ["upconv.torch.Silent"]


def test_a_skipped_example_counts_for_what_downloads():
    name = "upconv.torch.load_imagenet"
    skipped_one = made_up(">>> 1 + 1  # doctest: +SKIP\n3")
    assert without_example([(name, skipped_one)]) == []
    assert without_example([(name, made_up("No example."))]) == [name]


def test_examples_of_methods_and_decorated_functions_are_found(tmp_path, monkeypatch):
    """And what no finder sees is counted all the same."""
    (tmp_path / "upconv_made_up.py").write_text(
        textwrap.dedent(
            '''
            from torch import no_grad

            class Thing:
                """
                >>> 1
                1
                """

                def method(self):
                    """
                    >>> 2
                    2
                    """

            @no_grad()
            def decorated():
                """
                >>> 3
                3
                """
                def inner():
                    """
                    >>> 4
                    5
                    """
            '''
        ),
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    tests = found_in(importlib.import_module("upconv_made_up"))
    assert sorted(test.name.partition(".")[2] for test in tests) == [
        "Thing",
        "Thing.method",
        "decorated",
    ]
    assert complaints(tests) == []
    assert prompts(tmp_path / "upconv_made_up.py") == 4
