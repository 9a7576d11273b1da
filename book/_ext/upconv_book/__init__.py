"""What the book needs of Sphinx beyond its configuration, one matter to a module.

- ``explorers``, ``playground``: directives for what the reader plays with, and their scripts
- ``claims``: directives for the claims and misconceptions
- ``notebooks``, ``cells``: what MyST-NB leaves in outputs; folds, tabs
- ``pictures``, ``formulas``, ``glossary``, ``names``: what the reader's browser gets of them
- ``addresses``: where the site is, and the links that need to know it
- ``ebook``, ``site``, ``sheets``: the finished EPUB and the finished site
- ``stand_ins``: documents the module without its frameworks
- ``tables``: what directives lay out

All that a page needs is in its doctree or in the environment once it is read, and what depends on
the format is decided by post-transforms, which run in the main process. So pages may be read and
written in several processes, and a page that has not changed need not be read again. Nodes have
small letters, as those of docutils have.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from sphinx.application import Sphinx

from upconv_book import (
    addresses,
    cells,
    claims,
    ebook,
    explorers,
    formulas,
    glossary,
    names,
    notebooks,
    pictures,
    playground,
    site,
    stand_ins,
    tables,
)

PARTS = (
    *(stand_ins, addresses, tables, explorers, playground, claims, notebooks, cells),
    *(glossary, formulas, pictures, names, ebook, site),
)


def digest() -> int:
    """Other after every change of this package: then what earlier builds have kept is not used."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return int(hashlib.sha256(b"".join(map(Path.read_bytes, files))).hexdigest()[:8], 16)


def allow_parallel_reading(app: Sphinx) -> None:
    """Of what Jupyter Book loads, two do not say whether they are safe, and Sphinx would warn and
    read page by page. They are: one counts sections once all pages are read, the other is for PDF
    by LaTeX and keeps nothing of what it reads."""
    for name in ("sphinx_multitoc_numbering", "sphinx_jupyterbook_latex"):
        app.setup_extension(name)
        app.extensions[name].parallel_read_safe = True


def setup(app: Sphinx) -> dict[str, object]:
    allow_parallel_reading(app)
    for part in PARTS:
        part.setup(app)
    return {
        "version": "2",
        "env_version": digest(),
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
