"""What is installed by `make`: every package by its hash, on every system, from nowhere named."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distributions, requires
from pathlib import Path

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
FILES = (LOCK, ROOT / "requirements.in", ROOT / "requirements-torch.txt", ROOT / "pyproject.toml")
PIN = re.compile(
    r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.M
)
SYSTEMS = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]
PYTHONS = ["3.11.2", "3.12.0", "3.13.0"]


def pins(text: str) -> list[tuple[str, str, str]]:
    """Name, version and marker of every package; nothing else but comments may stand there."""
    rest = "\n".join(line for line in PIN.sub("", text).splitlines() if not line.startswith("#"))
    assert not rest.strip(), f"no pins with hashes: {rest.strip()[:200]}"
    return [match.groups()[:3] for match in PIN.finditer(text)]


def chosen(system: str, machine: str, python: str) -> dict[str, str]:
    """What pip takes from the lock on such a machine."""
    found: dict[str, str] = {}
    for name, version, marker in pins(LOCK.read_text(encoding="utf-8")):
        if marker is None or Marker(marker).evaluate(where(system, machine, python)):
            assert name not in found, f"two versions of {name}"
            found[name] = version
    return found


def where(system: str, machine: str, python: str) -> dict[str, str]:
    return dict(default_environment()) | {
        "sys_platform": system,
        "platform_machine": machine,
        "os_name": "nt" if system == "win32" else "posix",
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[system],
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "extra": "",
    }


def requirements() -> list[Requirement]:
    """All that the module and its groups require, but PyTorch."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = project["optional-dependencies"].values()
    lines = [*project["dependencies"], *(line for group in groups for line in group)]
    return [each for each in map(Requirement, lines) if each.name != "torch"]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system, machine", SYSTEMS)
def test_the_lock_has_all_that_is_required(system, machine, python):
    found = chosen(system, machine, python)
    for wanted in requirements():
        if wanted.marker is None or wanted.marker.evaluate(where(system, machine, python)):
            version = found.get(canonicalize_name(wanted.name))
            assert version is not None, wanted.name
            assert wanted.specifier.contains(version), f"{wanted}, got {version}"


def test_no_package_refuses_a_python_that_the_course_is_for():
    found = chosen("linux", "x86_64", PYTHONS[0])
    for package in distributions():
        if canonicalize_name(package.metadata["Name"]) in found:
            taken = SpecifierSet(package.metadata["Requires-Python"] or "")
            refused = [python for python in PYTHONS if not taken.contains(python)]
            assert refused == [], package.metadata["Name"]


def test_what_pytorch_requires_is_in_the_lock():
    found = chosen("linux", "x86_64", "3.13.0")
    for wanted in map(Requirement, requires("torch")):
        environment = where("darwin", "arm64", "3.13.0")  # elsewhere CUDA is among them
        if wanted.marker is None or wanted.marker.evaluate(environment):
            assert wanted.specifier.contains(found[canonicalize_name(wanted.name)])


def test_pytorch_is_pinned_within_what_the_module_takes():
    text = (ROOT / "requirements-torch.txt").read_text(encoding="utf-8")
    [line] = [line for line in text.splitlines() if not line.startswith("#")]
    assert re.fullmatch(r"torch==[\d.]+", line)
    assert "torch" not in chosen("linux", "x86_64", "3.11.2")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_says_where_packages_come_from(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    words = re.compile(r"file:|https?:|index-url|find-links| @ |/(home|tmp|opt|root)/")
    assert [line for line in lines if words.search(line)] == []


@pytest.mark.parametrize(
    "line", ["numpy==2.4.6", "numpy>=2 \\\n    --hash=sha256:" + 64 * "a", "--index-url x"]
)
def test_a_line_without_version_or_hash_is_refused(line):
    with pytest.raises(AssertionError, match="no pins with hashes"):
        pins(LOCK.read_text(encoding="utf-8") + line + "\n")
