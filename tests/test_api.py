"""The module's documentation, built without the frameworks, says what the module is with them."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import SITE
from packaging.utils import canonicalize_name
from sphinx.util.inspect import stringify_signature
from test_lock import SITE_LOCK, groups, pins, unused

from upconv.packages import FRAMEWORKS

ROOT = Path(__file__).parents[1]
MODULE = ROOT / "code" / "upconv"
PAGES = sorted((ROOT / "book" / "api").glob("*.md"))
# The extension that describes pages to other sites tries whether Matplotlib is there, and these
# come with it.
TRIED = {"contourpy", "cycler", "kiwisolver", "mpl_toolkits", "pyparsing"}


def documented(page: Path) -> list[str]:
    """The modules whose members a page documents."""
    return re.findall(r"automodule:: (\S+)", page.read_text(encoding="utf-8"))


def entries(html: str) -> dict[str, tuple[str, str]]:
    """Full name of what a page documents → its signature, and how its text begins."""
    found = {}
    for head in BeautifulSoup(html, "html.parser").select("dt.sig[id]"):
        inside = ", ".join(part.get_text() for part in head.select(".sig-param"))
        called = f"({inside})" if head.select(".sig-paren") else ""
        text = head.find_next_sibling("dd").find("p")
        found[head["id"]] = (called, words(text.get_text() if text else ""))
    return found


def words(text: str) -> str:
    """Letters and numbers alone: neither marks nor typographers' signs."""
    return " ".join(re.findall(r"\w+", text))


def begins(member: object) -> str:
    """The first paragraph of a docstring."""
    return words(re.sub(r":\w+:", "", inspect.getdoc(member).partition("\n\n")[0]))


def expected(module: str) -> dict[str, tuple[str, str]]:
    """The same of a module as it is imported here, with its frameworks."""
    home, found = importlib.import_module(module), {}
    own = [name for name, one in vars(home).items() if getattr(one, "__module__", "") == module]
    for name in getattr(home, "__all__", [name for name in own if not name.startswith("_")]):
        member = getattr(home, name)
        if not callable(member) or not member.__doc__:
            continue
        found[f"{module}.{name}"] = (signature(member), begins(member))
        if inspect.isclass(member):
            for inner, own in vars(member).items():
                if inner.startswith("_") or not getattr(own, "__doc__", None):
                    continue
                if inspect.isfunction(own) or isinstance(own, property | classmethod):
                    said = (
                        "" if isinstance(own, property) else signature(getattr(member, inner), own)
                    )
                    found[f"{module}.{name}.{inner}"] = (said, begins(own))
    return found


def signature(member: object, method: object = None) -> str:
    """As Sphinx writes it: of a class, that of ``__new__`` first, then its own ``__init__``; none
    where nothing is taken. A framework's ``__new__`` is not there when the pages are built."""
    made = inspect.isclass(member) and inspect.isfunction(member.__new__)
    made = made and member.__new__.__module__.partition(".")[0] not in FRAMEWORKS
    own = inspect.isclass(member) and inspect.isfunction(vars(member).get("__init__")) and not made
    try:
        told = inspect.signature(
            member.__init__ if own else member.__new__ if made else member,
        )
    except ValueError:  # an exception, which takes what exceptions take
        return ""
    if own or made or inspect.isfunction(method):  # without the class, the instance
        told = told.replace(parameters=list(told.parameters.values())[1:])
    if inspect.isclass(member) and not told.parameters:
        return ""
    return stringify_signature(told, show_annotation=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_documentation_is_that_of_the_module(page):
    html = (SITE / "book" / "api" / f"{page.stem}.html").read_text(encoding="utf-8")
    told = {}
    for module in documented(page):
        told |= expected(module)
    assert faults(html, told) == []


def faults(html: str, told: dict[str, tuple[str, str]]) -> list[str]:
    """Where a page differs from what it should tell."""
    shown = entries(html)
    names = sorted(shown.keys() | told.keys())
    return [
        f"{name}: {shown.get(name)}, expected {told.get(name)}"
        for name in names
        if shown.get(name) != told.get(name)
    ]


MUTATIONS = {
    "another default": ('<span class="pre">200</span>', '<span class="pre">100</span>'),
    "a mock's signature": ('<span class="pre">network</span>', '<span class="pre">args</span>'),
    "a mock's docstring": ("<p>Train a network that maps", "<p>Created by a mock"),
    "a function swallowed": ('id="upconv.training.train"', 'id="upconv.training.other"'),
}


@pytest.mark.parametrize("old, new", MUTATIONS.values(), ids=MUTATIONS)
def test_what_drifts_is_found(old, new):
    html = (SITE / "book" / "api" / "training.html").read_text(encoding="utf-8")
    start = html.index('<dt class="sig sig-object py" id="upconv.training.train">')
    assert old in html[start:]
    broken = html[:start] + html[start:].replace(old, new, 1)
    assert any(
        fault.startswith("upconv.training.")
        for fault in faults(broken, expected("upconv.training"))
    )


def test_the_site_imports_no_more_than_it_installs():
    """Where everything is installed, too."""
    own = {name for name, *_ in pins(SITE_LOCK.read_text(encoding="utf-8"))}
    others = {canonicalize_name(one.name) for group in groups().values() for one in group}
    others = (others | unused() | {"torch", "keras"}) - own
    owners = packages_distributions().items()
    strangers = {name for name, of in owners if others & set(map(canonicalize_name, of))} - TRIED
    assert {"torch", "keras", "tensorflow", "matplotlib", "jedi"} <= strangers
    imported = json.loads((SITE.parent / "imported.json").read_text(encoding="utf-8"))
    assert {"numpy", "sphinx", "upconv"} <= set(imported)
    assert strangers & set(imported) == set()


def test_stand_ins_take_the_place_of_frameworks_that_are_there():
    """Classes to derive from, decorators, names; what they cannot do they refuse."""
    code = """
import sys
sys.path.insert(0, "book/_ext")
import matplotlib
from upconv_book import stand_ins
stand_ins.put_stand_ins()
import torch
import torch.nn.functional as F
from torch import Tensor, nn
import matplotlib.pyplot as plt
import inspect

class Net(nn.Module):
    "Own words."
    def __init__(self, classes, width=1.0):
        pass

class Bare(nn.Module):
    pass

def f(x, dtype=torch.float32):
    "Own words, too."

assert str(inspect.signature(Net)) == "(classes, width=1.0)"
assert str(inspect.signature(Bare)) == "(*args, **kwargs) -> 'None'"
assert Net.__doc__ == "Own words." and Net.__mro__[1] is torch.nn.Module and Bare.__doc__ is None
assert torch.no_grad()(f) is f and torch.inference_mode(f) is f
assert torch.autograd.function.once_differentiable(f) is f and nn.init.x(Net) is Net
assert str(inspect.signature(f)) == "(x, dtype=torch.float32)"
assert Tensor is torch.Tensor and F is nn.functional and isinstance(Tensor | None, object)
assert not hasattr(torch, "__version__")
for call in (lambda: torch.zeros(3), lambda: plt.subplots(2, 2)):
    try:
        call()
    except TypeError as error:
        assert "computes nothing" in str(error)
    else:
        raise AssertionError("computes")
import upconv.torch, upconv.keras, upconv.training, upconv.figures
assert not {"torch", "keras", "tensorflow", "matplotlib"} & set(stand_ins.imported())
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_without_stand_ins_the_frameworks_are_found_among_what_is_imported():
    code = "import upconv.torch; from upconv_book import stand_ins; print(*stand_ins.imported())"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "book" / "_ext")}
    out = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    assert "torch" in out.split()


def strangers(text: str) -> list[str]:
    """What the docstrings of a module list as parameters and their functions do not take."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        _, header, rest = (ast.get_docstring(node) or "").partition("Parameters\n----------\n")
        within = [part for part in node.body if isinstance(part, ast.FunctionDef)]
        calls = [part for part in within if part.name == "__init__"]
        calls = [node] if isinstance(node, ast.FunctionDef) else calls
        if not (header and calls):
            continue
        known = {one.arg for one in ast.walk(calls[0].args) if isinstance(one, ast.arg)}
        section = re.split(r"\n\n(?=\w+\n-{3,}\n)", rest)[0]
        for line in (line for line in section.splitlines() if line and line[0] != " "):
            names = {name.strip(" *") for name in line.split(" : ")[0].split(",")}
            found += [f"{node.name}: {name}" for name in sorted(names - known)]
    return found


def test_parameters_are_those_that_are_taken():
    texts = [path.read_text(encoding="utf-8") for path in MODULE.rglob("*.py")]
    assert sum("Parameters\n" in text for text in texts) > 20
    assert [name for text in texts for name in strangers(text)] == []


def test_a_sentence_among_the_parameters_is_found():
    text = '''
def f(a, b):
    """F.

    Parameters
    ----------
    a, b
        Numbers.
    c : int
        Forgotten.

    Unlike others: this.

    Raises
    ------
    ValueError
    """
'''
    assert strangers(text) == ["f: c", "f: Unlike others: this."]
