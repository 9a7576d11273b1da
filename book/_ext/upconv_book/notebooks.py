"""What a notebook's outputs hold beyond what MyST-NB makes nodes of: text alternatives, explorers.

MyST-NB asks plugins for the MIME types it does not know, but finds them by the entry points of an
installed package alone, which this extension is not. So a notebook's outputs are read once more.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from upconv.widgets import MIME_TYPE
from upconv_book.explorers import explorer

WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURES = ("image/png", "image/jpeg")


def cells(notebook: Path) -> list[dict]:
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def outputs(notebook: Path) -> list[dict]:
    return [output for cell in cells(notebook) for output in cell.get("outputs", [])]


def title(notebook: Path) -> str:
    """The heading that its first cell begins with."""
    return "".join(cells(notebook)[0]["source"]).splitlines()[0].lstrip("# ")


def alternatives(notebook: Path) -> dict[str, str]:
    """Every picture a notebook stores: SHA-256 of its bytes → its text alternative."""
    found = {}
    for output in outputs(notebook):
        for kind in PICTURES:
            if kind in output.get("data", {}):
                data = b64decode("".join(output["data"][kind]))
                stored = output.get("metadata", {}).get(kind, {})
                found[hashlib.sha256(data).hexdigest()] = stored.get("alt", "")
    return found


def explorers(notebook: Path) -> dict[str, dict[str, object]]:
    """The explorers a notebook shows: model id → name and state."""
    return {
        output["data"][WIDGET]["model_id"]: output["data"][MIME_TYPE]
        for output in outputs(notebook)
        if MIME_TYPE in output.get("data", {})
    }


class ReadOutputs(SphinxTransform):
    """Pictures get their text alternatives; widgets become the explorers stored beside them."""

    default_priority = 400

    def apply(self, **kwargs: object) -> None:
        notebook = Path(self.env.doc2path(self.env.docname))
        if notebook.suffix != ".ipynb":
            return
        texts, stored = alternatives(notebook), explorers(notebook)
        for image in self.document.findall(nodes.image):
            text = texts.get(Path(image["uri"]).stem)
            if text is not None:
                image["alt"], image["stored"] = text, True
        for place in self.document.findall(nodes.container):
            if place.get("mime_type") == WIDGET:
                (view,) = place.children
                found = stored.get(_model(view.astext()))
                if found:  # else ExplorersStart says that one is missing
                    node = explorer(page=self.env.docname, **found)
                    node.source, node.line = view.source, view.line
                    place.replace(view, node)


def _model(script: str) -> str:
    """The id in the script element that MyST-NB makes of a widget."""
    return json.loads(script.partition(">")[2].rpartition("</")[0])["model_id"]


def setup(app: Sphinx) -> None:
    app.add_transform(ReadOutputs)
