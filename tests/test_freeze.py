"""The list of Colab's packages that the tests are run with, and the script that renews it."""

import importlib.util
import re
import sys

import pytest
from freeze import BEFORE, ROOT, TODAY, find_python, versions

SPEC = importlib.util.spec_from_file_location(
    "colab_freeze", ROOT / "code" / "scripts" / "colab_freeze.py"
)
colab_freeze = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(colab_freeze)

PUBLISHED = """# generated; do not modify
en_core_web_sm @ https://github.com/explosion/en_core_web_sm-3.8.0-py3-none-any.whl
Jinja2==3.1.6
lazy_loader==0.4
torchaudio==2.11.0+cu128
cuda-toolkit==12.8.1
""" + "".join(f"{name}==1.0\n" for name in colab_freeze.NEEDED if name != "torch")
PUBLISHED += "torch==2.11.0+cu128\n"


def resolver(more: dict[str, str]):
    """Stands for pip: what is needed, in the versions it is given, and ``more``."""
    return lambda pins: {name: pins[name] for name in colab_freeze.NEEDED} | more


def renewed(more, instead=None, text=PUBLISHED):
    return colab_freeze.freeze(text, "May 2030", "a copy", instead, resolver(more))


def test_the_list_is_what_is_needed_and_published(tmp_path):
    text = renewed({"jinja2": "3.1.6", "lazy-loader": "0.4", "jedi": "0.20", "nvidia-nccl": "2.28"})
    (tmp_path / "list.txt").write_text(text)
    there = versions(tmp_path / "list.txt")
    extra = {"jinja2": "3.1.6", "lazy-loader": "0.4", "nvidia-nccl": "2.28"}
    # Not what Colab has for others, nor what is required and not there.
    assert there == dict.fromkeys(colab_freeze.NEEDED, "1.0") | {"torch": "2.11.0"} | extra
    assert re.findall("^(.+)==.*  # resolved", text, re.MULTILINE) == ["nvidia-nccl"]
    assert "# Date: May 2030\n" in text
    assert f"# Python: {sys.version_info[0]}.{sys.version_info[1]}\n" in text


def test_what_is_known_otherwise_is_named():
    text = renewed({}, {"numpy": "2.1.3"})
    assert "\nnumpy==2.1.3  # the published list has 1.0\n" in text


def test_a_file_without_what_is_needed_is_refused():
    with pytest.raises(ValueError, match="no version of torch, expected Colab's freeze"):
        renewed({}, text=PUBLISHED.replace("torch==", "other=="))


def test_another_version_than_the_published_is_refused():
    with pytest.raises(ValueError, match=r"scipy: got 9.9, expected 1.0 as published"):
        renewed({"scipy": "9.9"})


@pytest.mark.parametrize("file", [TODAY, BEFORE], ids=lambda file: file.stem)
def test_the_lists_have_what_is_needed_and_no_more(file):
    there = versions(file)
    assert set(colab_freeze.NEEDED) <= set(there)
    assert not set(there) & {"torchmetrics", "lightning-fabric", "onnx", "pytest", "upconv"}
    lines = file.read_text().splitlines()
    # Every line that is no header is read.
    assert len(there) == sum(not line.startswith("#") for line in lines)


def test_the_python_found_is_of_that_version():
    assert find_python(f"{sys.version_info[0]}.{sys.version_info[1]}") is not None
    assert find_python("2.99") is None
