"""Explorers on the page, without a kernel.

Each stands where a notebook shows it, or where a page has the directive ``explorer``::

    ```{explorer} convolution
    :padding: 1
    ```

Its settings are those of its Python class, in JSON. The modules of all explorers are joined to one
plain script, since a browser loads no module from disk.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from base64 import b64decode
from collections import Counter
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

from upconv.widgets import EXPLORERS, source

logger = logging.getLogger(__name__)

NOSCRIPT = "Here is something to play with. It needs JavaScript, which this browser does not run."
_PICTURE = "data:image/jpeg;base64,"
_SCRIPT = "_static/explorers.js"
_COMPUTING = ("fourier", "upsampling")  # with the pixels of their pictures


class explorer(nodes.General, nodes.Element):
    """Something to play with: its ``name``, its ``page``, and the ``state`` that it starts with."""

    alive = ("html", "singlehtml")  # the builders that can show it

    def instead(self) -> str:
        """What the way to it is called, where it cannot be shown."""
        return f"the {self['name']} explorer"


class AnySetting(dict):
    """The options of a directive that takes whatever the explorer of its argument takes."""

    def __bool__(self) -> bool:
        return True

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> object:
        return json.loads


class ExplorerDirective(SphinxDirective):
    """An explorer with the settings that the options give."""

    required_arguments = 1
    option_spec: ClassVar = AnySetting()

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in EXPLORERS:
            raise self.error(f"explorer: got {name!r}, expected one of {', '.join(EXPLORERS)}")
        if unknown := self.options.keys() - EXPLORERS[name].class_traits(sync=True):
            raise self.error(f"explorer {name}: got {', '.join(sorted(unknown))}, no setting of it")
        try:
            state = EXPLORERS[name](**self.options).state()
        except Exception as error:  # whatever traitlets or the explorer itself complains about
            raise self.error(f"explorer {name}: {error}") from error
        self.env.note_dependency(inspect.getfile(EXPLORERS[name]))
        node = explorer(name=name, page=self.env.docname, state=state)
        self.set_source_info(node)
        return [node]


class ExplorersStart(SphinxPostTransform):
    """Number the explorers of a page; their pictures go into files of their own.

    In the main process, when it is known what the page shows: a builder's writers may be others.
    """

    default_priority = 300

    def run(self, **kwargs: object) -> None:
        builder, page = self.app.builder, self.env.docname
        for view in self.document.findall(nodes.raw):
            if "widget-view+json" in view.astext()[:60]:
                logger.warning("a widget that the page cannot show without a kernel", location=view)
        count: Counter[str] = Counter()
        for node in list(self.document.findall(explorer)):
            name = node["name"]
            if type(node) is explorer:
                count[name] += 1
                node["ids"] = [f"{name}-{count[name]}"]
            if builder.name not in node.alive:
                node.replace_self(self.way_to(node))
            elif type(node) is explorer:
                if count.total() == 1:
                    node["script"] = address(builder, page, _SCRIPT)
                node["state"] = with_files(builder, page, node["state"], name in _COMPUTING)

    def way_to(self, node: explorer) -> nodes.paragraph:
        """For paper and e-readers: a link to the page on the website."""
        page = f"{self.config.html_baseurl}{node['page']}.html#{node['ids'][0]}"
        link = nodes.reference("", node.instead(), refuri=page, internal=False)
        text = "On the website there is something to play with here: "
        return nodes.paragraph("", text, link, nodes.Text("."), classes=["upconv-online"])


def address(builder: Builder, page: str, file: str) -> str:
    """A file of the site as seen from a page."""
    return relative_uri(builder.get_target_uri(page).partition("#")[0], file)


def with_files(builder: Builder, page: str, state: object, as_script: bool) -> object:
    """A state whose pictures are in files: the text of the page need not wait for them.

    One that the explorer computes with is in a script: `dataOf` in common.js says why.
    """
    if isinstance(state, dict):
        return {name: with_files(builder, page, one, as_script) for name, one in state.items()}
    if isinstance(state, list | tuple):
        return [with_files(builder, page, one, as_script) for one in state]
    if not isinstance(state, str) or not state.startswith(_PICTURE):
        return state
    data = b64decode(state.removeprefix(_PICTURE))
    name = f"_static/picture-{hashlib.sha256(data).hexdigest()[:12]}"
    if as_script:
        name, data = f"{name}.js", f'document.currentScript.picture = "{state}";\n'.encode()
    else:
        name = f"{name}.jpg"
    path = Path(builder.outdir, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return address(builder, page, name)


def visit_explorer(self, node: explorer) -> None:
    """Its script runs at once, not when all is loaded: nothing below it is moved by it."""
    if "script" in node:
        self.body.append(f'<script src="{node["script"]}"></script>')
    self.body.append(mount_point(node, "explorer"))
    self.body.append(f'<script>upconvMount("{node["ids"][0]}");</script>\n')
    raise nodes.SkipNode


def mount_point(node: explorer, kind: str) -> str:
    """Where something comes to life, and what it starts with."""
    text = json.dumps(node["state"]).replace("</", "<\\/")
    return (
        f'<div class="upconv-{kind}" data-explorer="{node["name"]}" id="{node["ids"][0]}">'
        f'<script type="application/json">{text}</script>'
        f"<noscript><p>{NOSCRIPT}</p></noscript></div>"
    )


def write_explorers(app: Sphinx, error: Exception | None) -> None:
    """One script with all explorers, as a browser loads it from disk too: not a module."""
    if error is not None or app.builder.name not in explorer.alive:
        return
    modules = {name: source(name, common=False) for name in EXPLORERS}
    text = f"window.upconvMount = (() => {{\n{joined(modules)}\nreturn upconvMount;\n}})();\n"
    Path(app.outdir, _SCRIPT).write_text(text, encoding="utf-8")


def joined(modules: dict[str, str], shared: str = "") -> str:
    """What explorers have in common, what else they share, their modules, and their host."""
    parts = [source("common", common=False), _plain(shared), "const upconvExplorers = {};"]
    for name, text in modules.items():
        body = f"{_plain(text)}\nreturn {{ STATE, render }};"
        parts.append(f"upconvExplorers.{name} = (() => {{\n{body}\n}})();")
    host = Path(__file__).with_name("explorer_host.js").read_text(encoding="utf-8")
    return "\n".join([*parts, host])


def _plain(module: str) -> str:
    """A module's text as that of a script, which exports nothing."""
    module = re.sub(r"^export default .*$", "", module, flags=re.MULTILINE)
    return re.sub(r"^export (?=function|const)", "", module, flags=re.MULTILINE)


def setup(app: Sphinx) -> None:
    app.add_node(explorer, html=(visit_explorer, None))
    app.add_directive("explorer", ExplorerDirective)
    app.add_post_transform(ExplorersStart)
    app.connect("build-finished", write_explorers)
