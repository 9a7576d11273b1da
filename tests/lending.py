"""Environments of their own with some of the packages that are installed here, and no others."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def installed() -> dict[str, metadata.Distribution]:
    """All that is installed here, by canonical name."""
    found = metadata.distributions()
    return {canonicalize_name(each.metadata["Name"]): each for each in found}


def closure(names: Iterable[str]) -> set[str]:
    """The packages named and all that they require here, as far as they are installed."""
    here, found = installed(), set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found or name not in here:
            continue
        found.add(name)
        for line in here[name].requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(wanted.name))
    return found


def lend(names: Iterable[str], folder: Path) -> None:
    """Link the packages named, and what they require, into a folder to import from.

    A folder that packages share, such as that of a namespace, holds the files of those lent only.
    """
    here, lent = installed(), closure(names)
    owners: dict[PurePosixPath, set[str]] = {}  # of each path and of all folders above it
    for name, package in here.items():
        for file in package.files or ():
            if file.parts[0] != "..":  # scripts and manuals
                for path in (PurePosixPath(*file.parts), *file.parents):
                    owners.setdefault(path, set()).add(name)
    for name in lent:
        for file in here[name].files or ():
            if file.parts[0] == "..":
                continue
            # The outermost folder that is of lent packages alone.
            path = next(
                PurePosixPath(*file.parts[:depth])
                for depth in range(1, len(file.parts) + 1)
                if owners[PurePosixPath(*file.parts[:depth])] <= lent
            )
            source = Path(here[name].locate_file(str(path)))
            if source.exists() and not (folder / path).exists():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).symlink_to(source)
