"""The module as a package: what importing loads, what installing changes."""

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "code" / "upconv"
FRAMEWORKS = {"torch", "tensorflow", "keras"}


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in memory after a statement, in a fresh interpreter."""
    code = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.check_output([sys.executable, "-c", code], text=True).split())


def test_importing_is_cheap():
    heavy = FRAMEWORKS | {"matplotlib", "scipy", "skimage", "sklearn", "IPython"}
    assert not loaded_by("import upconv") & heavy


def test_operators_load_no_framework():
    rooms = ("ops", "data", "cli", "zoo", "recipes", "files", "results")
    names = ", ".join(f"upconv.{room}" for room in rooms)
    assert not loaded_by(f"import {names}") & (FRAMEWORKS | {"matplotlib"})


def own_lines(node: ast.AST, lines: int) -> int:
    """Lines without the docstrings within: shapes, errors and examples take what they need."""
    for part in ast.walk(node):
        if isinstance(part, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            part
        ):
            text = part.body[0]
            lines -= text.end_lineno - text.lineno + 1
    return lines


def too_long(text: str, name: str) -> list[str]:
    """A module of more than 400 lines, and functions of more than 60."""
    tree = ast.parse(text)
    parts = [(name, own_lines(tree, len(text.splitlines())), 400)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            own = own_lines(node, node.end_lineno - node.lineno + 1)
            parts.append((f"{name}, {node.name}", own, 60))
    return [f"{part}: {lines} lines" for part, lines, most in parts if lines > most]


def test_modules_and_functions_stay_short():
    folders = ("code", "benchmarks", "book/_ext")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100 and ROOT / "book/_ext/upconv_book/site.py" in files
    assert [
        found for path in sorted(files) for found in too_long(path.read_text("utf-8"), path.name)
    ] == []


def test_what_is_long_is_found():
    long = "def f():\n" + '    """Told.\n' + "\n" * 70 + '    """\n' + "    f()\n" * 60
    assert too_long(long, "a") == ["a, f: 61 lines"]
    assert too_long(long.replace("    f()\n", "", 1), "a") == []
    assert too_long("x = 1\n" * 401, "a") == ["a: 401 lines"]


def run_without(framework, code, *arguments):
    """Python where a framework is not installed: importing it fails as it does there."""
    block = f"import sys; sys.modules[{framework!r}] = None\n"
    command = [sys.executable, "-c", block + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(
    "framework, part",
    [
        ("torch", "upconv.torch"),
        ("torch", "upconv.training"),
        ("torch", "upconv.onnx"),
        ("tensorflow", "upconv.keras"),
        ("keras", "upconv.keras"),
    ],
)
def test_importing_without_the_framework_says_which_to_install(framework, part):
    done = run_without(framework, f"import {part}")
    called = {"torch": "PyTorch", "tensorflow": "TensorFlow", "keras": "Keras"}[framework]
    group = {"torch": "torch"}.get(framework, "tensorflow")
    expected = f"{part} needs {called}, which is not installed: pip install 'upconv[{group}]'"
    assert done.stderr.splitlines()[-1] == f"upconv.packages.MissingFramework: {expected}"
    assert "During handling" not in done.stderr


def test_a_framework_that_is_there_and_broken_keeps_its_error():
    from upconv.packages import needed

    for name in ("torch.nothing_of_this_name", "nothing_of_this_name"):
        with pytest.raises(ModuleNotFoundError, match=name) as caught, needed("upconv.torch"):
            importlib.import_module(name)
        assert type(caught.value) is ModuleNotFoundError


TRAIN = ["train", "--steps", "1", "--out", "run"]
# Commands that need PyTorch, in each of their forms.
WITH_TORCH = [
    [*TRAIN, "unet"],
    [*TRAIN, "dcgan"],
    [*TRAIN, "transform", "--style", "a.png", "--data", "folder", "--images", "pictures"],
    ["evaluate", "--weights", "unet"],
    ["predict", "--weights", "unet", "--out", "out", "a.png"],
    ["predict", "--weights", "transform", "--out", "out", "a.png"],
    ["predict", "--onnx", "unet", "--out", "out", "a.png"],
    ["sample", "--weights", "dcgan", "--out", "b.png"],
    ["sample", "--onnx", "dcgan", "--out", "b.png"],
    ["export", "unet", "--weights", "unet", "--out", "b.onnx"],
    ["stylize", "a.png", "a.png", "--out", "b.png"],
]
WITHOUT_TORCH = [["versions"], ["data"]]
CALL = "from upconv.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """What the commands above read; the files of weights name their network and hold nothing."""
    from PIL import Image

    from upconv.port import save_weights

    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (32, 32)).save("a.png")
    Path("pictures").mkdir()
    Image.new("RGB", (32, 32)).save("pictures/a.png")
    for name in ("unet", "dcgan", "transform"):
        save_weights(name, {}, {"network": name, "classes": '["a", "b"]', "options": "{}"})


@pytest.mark.parametrize("arguments", WITH_TORCH, ids=" ".join)
def test_commands_without_pytorch_say_so_in_one_line(files, arguments):
    before = sorted(Path().iterdir())
    done = run_without("torch", CALL, *arguments)
    assert done.returncode == 2, done.stderr
    needs = r"upconv: upconv\.\w+ needs PyTorch, which is not installed: "
    assert re.fullmatch(needs + r"pip install 'upconv\[torch\]'\n", done.stderr)
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("arguments", WITHOUT_TORCH, ids=" ".join)
def test_other_commands_do_without_pytorch(files, arguments):
    done = run_without("torch", CALL, *arguments)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_is_tried_without_pytorch():
    from upconv.cli import make_parser

    known = make_parser()._subparsers._group_actions[0].choices
    assert {arguments[0] for arguments in WITH_TORCH + WITHOUT_TORCH} == set(known)


def test_installing_beside_the_frameworks_changes_nothing():
    """As on Colab: whoever has NumPy, PyTorch and TensorFlow keeps them as they are."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-"]
    report = subprocess.check_output(
        [*command, "--no-build-isolation", "--disable-pip-version-check", str(ROOT)], text=True
    )
    installed = [item["metadata"]["name"] for item in json.loads(report)["install"]]
    assert installed == ["upconv"]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no repository")
def test_installing_from_the_repository_brings_all_files(tmp_path):
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--target", str(tmp_path)]
    subprocess.check_call([*command, *options, f"git+file://{ROOT}"])
    code = (
        "import upconv, numpy as np\n"
        "from upconv.claims import load_claims\n"
        "from upconv.exercises import all_exercises\n"
        "from upconv.ops import conv2d\n"
        "from upconv.data import photo\n"
        "from upconv.widgets import EXPLORERS, ConvolutionExplorer, source\n"
        "from upconv import results\n"
        "from importlib.resources import files\n"
        "assert (files('upconv') / 'py.typed').is_file()  # annotations are for its users, too\n"
        "assert len(results.load('camvid_fcn')['runs']) >= 15\n"
        "assert results.picture('camvid_best.jpg').stat().st_size > 1000\n"
        "assert all(len(source(name)) > 5000 for name in EXPLORERS)\n"
        "assert ConvolutionExplorer().output.shape == (14, 14)\n"
        "print(upconv.__file__, len(load_claims()), len(all_exercises()), photo('cat', 8).shape)"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    out = subprocess.check_output(
        [sys.executable, "-c", code], text=True, cwd=tmp_path, env=environment
    )
    assert out.startswith(str(tmp_path))
    claims, exercises = (int(number) for number in out.split()[1:3])
    assert claims > 0
    assert exercises > 0


def test_every_folder_of_the_module_is_installed():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = {path.parent.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("__init__.py")}
    names = {".".join(path.parts) for path in found} | {"upconv.results"}
    assert names == set(project["tool"]["setuptools"]["packages"])


def test_version_is_written_twice_alike():
    import tomllib

    import upconv

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == upconv.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {upconv.__version__}\n" in citation


def test_the_example_in_the_readme_prints_what_it_says():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    example = readme.split("```python\n")[1].split("```")[0]
    expected = [line.removeprefix("# ") for line in example.splitlines() if line.startswith("# ")]
    out = subprocess.check_output([sys.executable, "-c", example], text=True)
    assert out.splitlines() == expected
