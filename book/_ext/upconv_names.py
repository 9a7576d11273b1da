"""Code on the pages: names of the module lead to their documentation; marks without a look go."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

from sphinx.application import Sphinx

_NAME = r'<span class="n">(?P<{}>\w+)</span>'
_DOT = r'<span class="o">\.</span>'
# Not the name of an argument: `=` without a space follows it.
_USED = re.compile(
    _NAME.format("module") + _DOT + _NAME.format("member")
    + f"|(?<!{_DOT})" + _NAME.format("alone") + '(?!<span class="o">=</span>)'
)  # fmt: skip
# Names, brackets and spaces look as the text around them does: three marks in five.
_PLAIN = re.compile(r'<span class="(?:n|nn|p|w)">([^<]*)</span>|(?<=<pre>)<span></span>')


def link_names(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Put a link on every name that a notebook imports from ``upconv``, where it is used.

    A page has half as many elements without the marks that change nothing.
    """
    notebook = Path(app.srcdir) / f"{pagename}.ipynb"
    if app.builder.name != "html" or not notebook.exists() or "body" not in context:
        return
    imported = imported_names(notebook)
    known = app.env.get_domain("py").objects

    def address(name: str) -> str | None:
        # What is in both frameworks is described once.
        for full in (name, name.replace("upconv.keras.", "upconv.torch.")):
            if full in known:
                page = app.builder.get_relative_uri(pagename, known[full].docname)
                return f"{page}#{known[full].node_id}"
        return None

    def link(name: str, text: str) -> str:
        there = address(name)
        return f'<a class="upconv-name" href="{there}">{text}</a>' if there else text

    def used(match: re.Match) -> str:
        if match["alone"]:
            return link(imported.get(match["alone"], ""), match[0])
        whole = f"{imported.get(match['module'], '')}.{match['member']}"
        return link(whole, match[0])

    def in_code(match: re.Match) -> str:
        return _PLAIN.sub(r"\1", _USED.sub(used, match[0]))

    context["body"] = re.sub(
        r'<div class="highlight-ipython3.*?</pre>', in_code, context["body"], flags=re.DOTALL
    )


def skip_fields(app: Sphinx, what, name, obj, skip, options) -> bool | None:
    """Fields of named tuples: their class tells of them, "alias for field number 0" does not."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def imported_names(notebook: Path) -> dict[str, str]:
    """Name in the notebook → its full name, of all that it imports from ``upconv``."""
    names = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("upconv"):
                for one in node.names:
                    names[one.asname or one.name] = f"{node.module}.{one.name}"
    return names
