"""Numbers of pages: the second of chapter 1 is 1b, its sections 1b.1, 1b.2, …

Sphinx would count it as one more section of the first page, and not count what is in it. Equations
it counts by chapter already, over all its pages.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def number_pages(app: Sphinx, env: BuildEnvironment) -> list[str]:
    for page, numbers in env.toc_secnumbers.items():
        if not (found := re.fullmatch(r"chapters/(\d\d)([b-z])_\w+", page)):
            continue
        name = f"{int(found[1])}{found[2]}"
        title = next(env.tocs[page].findall(nodes.list_item))
        give(title, (name,), numbers)
        env.titles[page]["secnumber"] = (name,)
        sections = (part for part in title.children if isinstance(part, nodes.bullet_list))
        items = (item for part in sections for item in part if isinstance(item, nodes.list_item))
        for number, item in enumerate(items, 1):
            give(item, (name, number), numbers)
    return []


def give(item: nodes.list_item, number: tuple[str | int, ...], numbers: dict[str, object]) -> None:
    """A number for an entry of a page's contents, and for the heading it leads to."""
    link = next(item.findall(nodes.reference))
    link["secnumber"] = numbers[link["anchorname"]] = number


def setup(app: Sphinx) -> None:
    app.connect("env-get-updated", number_pages, priority=900)  # once Sphinx has counted
