"""Copy the repository's address from _config.yml to all other files that need it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# In these files, every address of this form is the repository's. The first cell of a chapter
# needs it to install the module, and the README links to the website and to Colab.
PATTERNS = {
    "chapters/*.ipynb": r'(?<=REPOSITORY = \\")[^"\\]+',
    "README.md": (
        r"https://github\.com/[\w-]+/[\w-]+|https://[\w-]+\.github\.io/[\w-]+"
        r"|(?<=colab\.research\.google\.com/github/)[\w-]+/[\w-]+"
    ),
    "CITATION.cff": r'(?<=repository-code: ")[^"]+',
}


def repository() -> str:
    """Read the address in _config.yml."""
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    return re.search(r"^repository:\n  url: (\S+)$", config, flags=re.MULTILINE)[1].rstrip("/")


def stamped(text: str, pattern: str, address: str) -> str:
    """``text`` with the address put in; an error if it has no place for it."""
    owner, name = address.rsplit("/", 2)[-2:]

    def form(found: re.Match) -> str:
        if ".github.io/" in found[0]:
            return f"https://{owner}.github.io/{name}"
        return address if found[0].startswith("https://") else f"{owner}/{name}"

    result, count = re.subn(pattern, form, text)
    if count == 0:
        raise ValueError(f"got a file without a place for the address, expected {pattern!r}")
    return result


def files() -> dict[Path, str]:
    """Return every file that contains the address, with its pattern."""
    return {path: pattern for glob, pattern in PATTERNS.items() for path in sorted(ROOT.glob(glob))}


if __name__ == "__main__":
    for path, pattern in files().items():
        old = path.read_text(encoding="utf-8")
        new = stamped(old, pattern, repository())
        if new != old:
            path.write_text(new, encoding="utf-8")
            print("stamped", path.relative_to(ROOT))
