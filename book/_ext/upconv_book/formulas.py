"""Formulas are set beforehand, as MathML: a page needs no script to show them.

Which formulas the book has is found while it is read, page by page, and kept in the environment:
whatever process writes the pages, and however few of them.
"""

from __future__ import annotations

import functools
import hashlib
import json
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors import EnvironmentCollector
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

FORMULAS = Path(__file__).with_name("formulas.json")


@functools.cache
def set_formulas() -> dict[str, str]:
    """TeX → MathML, as `make formulas` has left them; those on a line of their own end in "$"."""
    return json.loads(FORMULAS.read_text(encoding="utf-8"))


def key(node: nodes.math | nodes.math_block) -> str:
    """What a formula is called in the file."""
    own_line = isinstance(node, nodes.math_block)
    return (node.astext() + "$" * own_line).strip()


class FormulaCollector(EnvironmentCollector):
    """The formulas of each page."""

    def clear_doc(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        noted(env).pop(docname, None)

    def merge_other(
        self, app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment
    ) -> None:
        noted(env).update({name: noted(other)[name] for name in docnames if name in noted(other)})

    def process_doc(self, app: Sphinx, doctree: nodes.document) -> None:
        found = doctree.findall(lambda node: isinstance(node, nodes.math | nodes.math_block))
        noted(app.env)[app.env.docname] = set(map(key, found))


def noted(env: BuildEnvironment) -> dict[str, set[str]]:
    """Page → its formulas."""
    if not hasattr(env, "upconv_formulas"):
        env.upconv_formulas = {}
    return env.upconv_formulas


def visit_formula(self, node: nodes.math) -> None:
    """A formula in a line, as MathML; as TeX if it has not been set yet."""
    self.body.append(self.starttag(node, "span", "", CLASS="formula"))
    self.body.append(_mathml(node) + "</span>")
    raise nodes.SkipNode


def visit_display(self, node: nodes.math_block) -> None:
    """A formula on a line of its own, with its number."""
    self.body.append(self.starttag(node, "div", CLASS="formula"))
    self.body.append(f"<div>{_mathml(node)}</div>")
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def _mathml(node: nodes.math | nodes.math_block) -> str:
    return set_formulas().get(key(node)) or f"<code>{escape(key(node))}</code>"


def note_formulas(app: Sphinx, error: Exception | None) -> None:
    """Write down the formulas of the book, for `make formulas`, and say which are not set yet."""
    if error is not None or app.builder.format != "html":
        return
    found = sorted(set().union(*noted(app.env).values()))
    Path(app.outdir).with_name("formulas.json").write_text(json.dumps(found), encoding="utf-8")
    missing = [tex for tex in found if tex not in set_formulas()]
    if missing:
        logger.info("%d formulas are shown as TeX: run `make formulas`", len(missing))


def setup(app: Sphinx) -> None:
    # Other formulas, and every page is written anew.
    digest = hashlib.sha256(FORMULAS.read_bytes()).hexdigest()
    app.add_config_value("upconv_formulas", digest, "html", types=str)
    app.add_html_math_renderer("mathml", (visit_formula, None), (visit_display, None))
    app.add_env_collector(FormulaCollector)
    app.connect("build-finished", note_formulas)
