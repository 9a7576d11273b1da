"""With the packages that are declared and no others, all runs that is said to."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from importlib import metadata

import numpy as np
import pytest
from forks import Forks
from freeze import BEFORE, ROOT, TODAY, versions
from lending import closure, install, lend
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}


def names(*groups: str) -> list[str]:
    return [Requirement(line).name for group in groups for line in DECLARED[group]]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """From groups of requirements to how Python is run with these, and the module, alone."""
    made = {}

    def make(*groups: str):
        if groups not in made:
            folder = tmp_path_factory.mktemp("-".join(groups) or "base")
            lend(names(*groups), folder)
            install(folder)
            made[groups] = folder
        variables = {"PYTHONPATH": str(made[groups]), "OMP_NUM_THREADS": "1"}
        variables |= {"UPCONV_CACHE": str(made[groups] / "cache"), "UPCONV_DATA": ""}
        run = Environment((sys.executable, "-S"), os.environ | variables)  # -S: without our own
        opened.append(run)
        return run

    opened = []
    yield make
    for each in opened:
        each.close()


class Environment:
    """Run Python in a folder with some environment variables; or fork it, with PyTorch imported."""

    def __init__(self, python: tuple[str, ...], variables: dict[str, str]) -> None:
        self.python, self.variables, self.forks = python, variables, None

    def __call__(self, place, *arguments):
        command = [*self.python, *map(str, arguments)]
        options = {"capture_output": True, "text": True}
        return subprocess.run(command, env=self.variables, cwd=place, **options)

    def fork(self, place, *arguments):
        self.forks = self.forks or Forks(["torch", "torch._dynamo"], self.python, self.variables)
        command = {"arguments": arguments, "folder": place, "environment": self.variables}
        return self.forks.run([command])[0]

    def close(self) -> None:
        if self.forks:
            self.forks.close()


def test_only_what_is_named_and_what_it_requires_is_lent(tmp_path):
    lend(["tqdm", "jinja2", "sphinxcontrib-jsmath"], tmp_path)
    assert {"tqdm", "jinja2", "markupsafe"} <= closure(["tqdm", "jinja2"])
    there = {path.name for path in tmp_path.iterdir()}
    assert {"tqdm", "jinja2", "markupsafe"} <= there
    assert not there & {"numpy", "torch", "torchmetrics", "upconv", "pytest"}
    # A namespace that packages share is no link: it would bring the others, too.
    assert [path.name for path in (tmp_path / "sphinxcontrib").iterdir()] == ["jsmath"]


ROOMS = (
    "ops, data, claims, exercises, quiz, figures, widgets, results, files, statistics, cli, zoo, "
    "recipes"
)


def test_without_a_framework_all_but_the_networks_is_there(environment, tmp_path):
    python = environment("")
    rooms = ", ".join(f"upconv.{room}" for room in ROOMS.split(", "))
    code = f"import {rooms}; print(upconv.ops.conv2d.__name__, upconv.widgets.ShapeExplorer())"
    done = python(tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    assert "conv2d" in done.stdout
    for package in ("torch", "tensorflow", "torchmetrics", "onnx", "pytest"):
        assert python(tmp_path, "-c", f"import {package}").returncode != 0


def test_with_pytorch_alone_every_command_of_the_readme_runs(environment, tmp_path):
    """All that do not say that they need more: ``export`` does."""
    python = environment("", "torch")
    for package in ("tensorflow", "torchmetrics", "lightning_fabric", "onnx"):
        assert python(tmp_path, "-c", f"import {package}").returncode != 0
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(4):
        image = rng.integers(0, 256, (48, 48, 3)).astype(np.uint8)
        Image.fromarray(image).save(tmp_path / "images" / f"{number}.png")
        mask = np.where(image[..., 0] > 99, 255, 0).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")
    mine = "--data folder --images images --masks masks --classes 2"
    small = "--steps 2 --batch 2"
    weights = {name: f"{name}/weights.safetensors" for name in ("fcn", "unet", "gan")}
    for line in (
        "--help",
        f"train fcn8s {mine} {small} --crop 48 --width-mult 0.25 --out fcn",
        f"train fcn8s {mine} {small} --crop 48 --width-mult 0.25 --out fcn --resume",
        f"evaluate --weights {weights['fcn']} {mine}",
        f"predict --weights {weights['fcn']} --out out images/0.png",
        f"train unet --data membranes {small} --crop 32 --base-channels 2 --out unet",
        f"train dcgan {mine.split(' --masks')[0]} {small} --base-channels 4 --out gan",
        f"sample --weights {weights['gan']} --out drawn.png",
    ):
        done = python.fork(tmp_path, "-m", "upconv.cli", *line.split())
        assert done.returncode == 0, f"{line}: {done.stderr}"
    for made in ("out/0_mask.png", "drawn.png", "unet/weights.safetensors"):
        assert (tmp_path / made).exists()
    export = ["export", "fcn8s", "--weights", weights["fcn"], "--out", "y.onnx"]
    done = python.fork(tmp_path, "-m", "upconv.cli", *export)
    assert done.returncode == 2 and "pip install 'upconv[onnx]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_all_that_the_module_imports_is_declared():
    # TensorFlow brings Keras.
    declared = closure(["tensorflow-cpu", "tensorflow"]) & {"tensorflow-cpu", "tensorflow", "keras"}
    declared |= {canonicalize_name(name) for name in names(*DECLARED)} | {"upconv"}
    providers = metadata.packages_distributions()
    undeclared = set()
    for path in (ROOT / "code" / "upconv").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            # Colab alone has google.colab, which no index offers.
            modules = [module for module in modules if module != "google.colab"]
            for top in {module.split(".")[0] for module in modules} - sys.stdlib_module_names:
                owners = {canonicalize_name(name) for name in providers.get(top, ())}
                if not owners & declared:
                    undeclared.add(f"{path.name}: {top}")
    assert undeclared == set()


@pytest.mark.parametrize("file", [TODAY, BEFORE], ids=lambda file: file.stem)
@pytest.mark.parametrize("line", [line for group in ("", "torch") for line in DECLARED[group]])
def test_colab_has_what_is_asked_for(line, file):
    """So that the first cell of a chapter installs the module and leaves all else as it is."""
    wanted, there = Requirement(line), versions(file)[canonicalize_name(Requirement(line).name)]
    assert wanted.specifier.contains(there), f"{line}: {there}"
