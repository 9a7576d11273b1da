"""What is installed by `make`: every package by its hash, on every system, from nowhere named."""

from __future__ import annotations

import platform
import re
import sys
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
SITE_LOCK = ROOT / "requirements-site.lock"
FILES = (
    LOCK,
    SITE_LOCK,
    ROOT / "requirements.in",
    ROOT / "requirements-torch.txt",
    ROOT / "pyproject.toml",
)
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


def chosen(system: str, machine: str, python: str, lock: Path = LOCK) -> dict[str, str]:
    """What pip takes from a lock on such a machine."""
    found: dict[str, str] = {}
    for name, version, marker in pins(lock.read_text(encoding="utf-8")):
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


def groups() -> dict[str, list[Requirement]]:
    """What the module requires, under "", and each of its groups, but PyTorch."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = {"": project["dependencies"], **project["optional-dependencies"]}
    found = {name: list(map(Requirement, group)) for name, group in lines.items()}
    return {name: [one for one in group if one.name != "torch"] for name, group in found.items()}


def unused() -> set[str]:
    """What the website's packages require and the book never asks for."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.search(r"^UNUSED := (.+)$", text, re.M)[1].split())


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system, machine", SYSTEMS)
@pytest.mark.parametrize("lock", [LOCK, SITE_LOCK], ids=lambda path: path.stem)
def test_the_lock_has_all_that_is_required(lock, system, machine, python):
    found = chosen(system, machine, python, lock)
    all_of = groups()
    left_out = unused() if lock == SITE_LOCK else set()
    names = ("", "site") if lock == SITE_LOCK else all_of
    for wanted in (one for name in names for one in all_of[name] if one.name not in left_out):
        if wanted.marker is None or wanted.marker.evaluate(where(system, machine, python)):
            version = found.get(canonicalize_name(wanted.name))
            assert version is not None, wanted.name
            assert wanted.specifier.contains(version), f"{wanted}, got {version}"


def hashes(lock: Path) -> dict[tuple[str, str], set[str]]:
    """What each version of a package may be."""
    found = PIN.finditer(lock.read_text(encoding="utf-8"))
    return {(one[1], one[2]): set(re.findall("[0-9a-f]{64}", one[4])) for one in found}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system, machine", SYSTEMS)
def test_what_builds_the_website_is_part_of_the_lock(system, machine, python):
    whole, part = (chosen(system, machine, python, lock) for lock in (LOCK, SITE_LOCK))
    assert part.items() < whole.items()
    assert not unused() & part.keys()
    assert unused() <= whole.keys()


def test_both_locks_have_the_same_hashes():
    whole, part = hashes(LOCK), hashes(SITE_LOCK)
    assert part == {name: whole[name] for name in part}


@pytest.mark.skipif(sys.platform != "linux", reason="packages differ in size by system")
def test_what_builds_the_website_is_small():
    """Half a gigabyte with pip, which comes with Python, and with what Python compiles."""
    here = {canonicalize_name(each.metadata["Name"]): each for each in distributions()}
    names = chosen(sys.platform, platform.machine(), PYTHONS[0], SITE_LOCK)
    assert sum(file.size or 0 for name in names for file in here[name].files) < 440e6


def test_no_package_refuses_a_python_that_the_course_is_for():
    found = chosen("linux", "x86_64", PYTHONS[0])
    for package in distributions():
        if canonicalize_name(package.metadata["Name"]) in found:
            taken = SpecifierSet(package.metadata.get("Requires-Python", ""))
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
