"""Code on the pages: names of the module lead to their documentation; marks without a look go."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path

from docutils import nodes
from pygments.token import STANDARD_TYPES, Token
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

LANGUAGE = "ipython3"
# Names, brackets and spaces look as the text around them does: three marks in five.
PLAIN = {"n", "nn", "p", "w", ""}


class linked_code(nodes.literal_block):
    """The code of a cell: what its page has ``imported``, and the ``addresses`` of the module."""


class LinkNames(SphinxPostTransform):
    """Find where every name that a notebook imports from ``upconv`` is described."""

    default_priority = 300
    builders = ("html",)

    def run(self, **kwargs: object) -> None:
        page = self.env.docname
        if Path(self.env.doc2path(page)).suffix != ".ipynb":
            return
        blocks = [
            node
            for node in self.document.findall(nodes.literal_block)
            if node.get("language") == LANGUAGE
        ]
        imported = imported_names(node.astext() for node in blocks)
        addresses = {
            name: f"{self.app.builder.get_relative_uri(page, one.docname)}#{one.node_id}"
            for name, one in self.env.get_domain("py").objects.items()
        }
        for node in blocks:
            code = linked_code(node.rawsource, node.astext(), **node.attributes)
            code.source, code.line = node.source, node.line
            code["imported"], code["addresses"] = imported, addresses
            node.replace_self(code)


def imported_names(sources: Iterator[str]) -> dict[str, str]:
    """Name in the notebook → its full name, of all that it imports from ``upconv``."""
    names = {}
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("upconv"):
                for one in node.names:
                    names[one.asname or one.name] = f"{node.module}.{one.name}"
    return names


def visit_linked_code(self, node: linked_code) -> None:
    """As Sphinx's own for a literal block, with the links among the marks."""
    lexer = self.highlighter.get_lexer(node.astext(), LANGUAGE, location=node)
    tokens = list(lexer.get_tokens(node.astext()))
    text = highlighted(tokens, links(tokens, node["imported"], node["addresses"]))
    start = self.starttag(node, "div", suffix="", CLASS=f"highlight-{LANGUAGE} notranslate")
    self.body.append(f'{start}<div class="highlight"><pre>{text}</pre></div>\n</div>\n')
    raise nodes.SkipNode


def links(
    tokens: list[tuple], imported: dict[str, str], addresses: dict[str, str]
) -> dict[int, tuple[int, str]]:
    """First token of each link → how many it has, and where it leads."""
    found, index = {}, 0
    while index < len(tokens):
        count, name = _called(tokens, index, imported)
        # What is in both frameworks is described once.
        there = addresses.get(name) or addresses.get(name.replace("upconv.keras.", "upconv.torch."))
        if there:
            found[index] = count, there
        index += count
    return found


def _called(tokens: list[tuple], index: int, imported: dict[str, str]) -> tuple[int, str]:
    """How many tokens from here on name something, and its full name, if it is ``upconv``'s."""
    kinds = [kind for kind, _ in tokens[index : index + 3]]
    texts = [text for _, text in tokens[index : index + 3]]
    if kinds[0] is not Token.Name:
        return 1, ""
    if kinds[2:] == [Token.Name] and texts[1] == ".":
        return 3, f"{imported.get(texts[0], '')}.{texts[2]}"
    after_dot = index > 0 and tokens[index - 1][1] == "."
    an_argument = texts[1:2] == ["="]
    return 1, "" if after_dot or an_argument else imported.get(texts[0], "")


def highlighted(tokens: list[tuple], links: dict[int, tuple[int, str]]) -> str:
    """Tokens with the marks that Pygments gives them, less those without a look, and links."""
    out, index = [], 0
    while index < len(tokens):
        if index in links:
            count, there = links[index]
            text = _marked(tokens[index : index + count])
            out.append(f'<a class="upconv-name" href="{there}">{text}</a>')
        else:
            count = next((n for n in range(index, len(tokens)) if n in links), len(tokens)) - index
            out.append(_marked(tokens[index : index + count]))
        index += count
    return "".join(out)


def _marked(tokens: list[tuple]) -> str:
    """Neighbors of one class are one mark, which ends with its line."""
    pieces = (
        (_class(kind), part) for kind, text in tokens for part in re.split(r"(\n)", text) if part
    )
    return "".join(
        _mark(name, "".join(text for _, text in group))
        for (name, _), group in groupby(pieces, key=lambda piece: (piece[0], piece[1] == "\n"))
    )


def _mark(name: str, text: str) -> str:
    plain = name in PLAIN or text.strip("\n") == ""
    text = escape(text).replace("&#x27;", "&#39;")  # as Pygments writes it
    return text if plain else f'<span class="{name}">{text}</span>'


def _class(kind) -> str:
    """The short name that style sheets know a kind of token by."""
    while kind not in STANDARD_TYPES:
        kind = kind.parent
    return STANDARD_TYPES[kind]


def skip_fields(app: Sphinx, what, name, obj, skip, options) -> bool | None:
    """Fields of named tuples: their class tells of them, "alias for field number 0" does not."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> None:
    app.add_node(linked_code, html=(visit_linked_code, None))
    app.add_post_transform(LinkNames)
    app.connect("autodoc-skip-member", skip_fields)
