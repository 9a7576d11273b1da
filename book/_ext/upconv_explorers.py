"""Explorers on the page, without a kernel.

Their modules are joined to one plain script, since a browser loads no module from disk. Each stands
where a notebook shows it, or where a page has a mark, with the settings stored there.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

from upconv.widgets import EXPLORERS, MIME_TYPE, source

logger = logging.getLogger(__name__)

NOSCRIPT = "Here is something to play with. It needs JavaScript, which this browser does not run."
_PICTURE = re.compile(r'"data:image/jpeg;base64,(?P<data>[^"]+)"')
_SCRIPT = "_static/explorers.js"
_EXPLORER_MARK = re.compile(r"<!-- explorer (?P<name>\w+) ?(?P<settings>\{.*?\})? -->")
_MOUNT_POINT = re.compile(
    r'(?P<tag><div class="upconv-explorer" data-explorer="(?P<name>\w+)")>'
    r'(?P<rest><script type="application/json">.*?</script>.*?</div>)',
    flags=re.DOTALL,
)


def notebooks_on(app: Sphinx, pagename: str) -> list[Path]:
    """The notebooks that a page shows: its own, or all of them where all pages are one."""
    names = sorted(app.env.found_docs) if app.builder.name == "singlehtml" else [pagename]
    paths = (Path(app.srcdir) / f"{name}.ipynb" for name in names)
    return [path for path in paths if path.exists()]


def place_explorers(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put an explorer in place of each mark, with the settings that the mark gives."""

    def place(match: re.Match) -> str:
        name, settings = match["name"], json.loads(match["settings"] or "{}")
        return mount_point(name, EXPLORERS[name](**settings).state())

    source[0] = _EXPLORER_MARK.sub(place, source[0])


def mount_explorers(app, pagename, templatename, context, doctree) -> None:
    """Bring the page's explorers to life; in chapters they stand where a kernel would be needed."""
    if "body" not in context:
        return
    stored: dict[str, list] = {}  # an id may come again in another chapter
    for notebook in notebooks_on(app, pagename):
        for model, explorer in notebook_explorers(notebook).items():
            stored.setdefault(model, []).append(explorer)

    def mount(match: re.Match) -> str:
        explorers = stored.get(json.loads(match["view"])["model_id"])
        if not explorers:
            logger.warning("a widget that the page cannot show without a kernel", location=pagename)
            return match[0]
        explorer = explorers.pop(0) if len(explorers) > 1 else explorers[0]
        return mount_point(explorer["name"], explorer["state"])

    view = r'<script type="application/vnd\.jupyter\.widget-view\+json">(?P<view>.*?)</script>'
    body = re.sub(view, mount, context["body"], flags=re.DOTALL)
    count: dict[str, int] = {}

    def bring_to_life(match: re.Match) -> str:
        name = match["name"]
        count[name] = count.get(name, 0) + 1
        address = f"{name}-{count[name]}"
        # Run at once, not when all is loaded: nothing below the explorer is moved by it.
        code = f'<script src="{context["pathto"](_SCRIPT, resource=True)}"></script>'
        first = code if sum(count.values()) == 1 else ""
        rest = _PICTURE.sub(
            lambda data: _as_file(app, context["pathto"], data, as_script=name == "fourier"),
            match["rest"],
        )
        return f'{first}{match["tag"]} id="{address}">{rest}' + (
            f'<script>upconvMount("{address}");</script>'
        )

    if app.builder.name == "epub":
        context["body"] = body
        return
    context["body"] = _MOUNT_POINT.sub(bring_to_life, body)


def _as_file(app: Sphinx, pathto, match: re.Match, as_script: bool) -> str:
    """A picture of an explorer in a file of its own: the text of the page need not wait for it.

    One that the explorer computes with is in a script: `dataOf` in common.js says why.
    """
    data = b64decode(match["data"])
    name = f"_static/picture-{hashlib.sha256(data).hexdigest()[:12]}"
    name, data = (
        (f"{name}.js", f"document.currentScript.picture = {match[0]};\n".encode())
        if as_script
        else (f"{name}.jpg", data)
    )
    (Path(app.outdir) / "_static").mkdir(parents=True, exist_ok=True)
    (Path(app.outdir) / name).write_bytes(data)
    return f'"{pathto(name, resource=True)}"'


def mount_point(
    name: str, state: dict[str, object], kind: str = "explorer", attributes: str = ""
) -> str:
    """Where something comes to life, and what it starts with."""
    text = json.dumps(state).replace("</", "<\\/")
    return (
        f'<div class="upconv-{kind}" data-explorer="{name}"{attributes}>'
        f'<script type="application/json">{text}</script>'
        f"<noscript><p>{NOSCRIPT}</p></noscript></div>"
    )


def write_explorers(app: Sphinx, error: Exception | None) -> None:
    """One script with all explorers, as a browser loads it from disk too: not a module."""
    if error is not None or app.builder.name not in ("html", "singlehtml"):
        return
    modules = {name: source(name, common=False) for name in EXPLORERS}
    text = f"window.upconvMount = (() => {{\n{joined(modules)}\nreturn upconvMount;\n}})();\n"
    (Path(app.outdir) / _SCRIPT).write_text(text, encoding="utf-8")


def joined(modules: dict[str, str], shared: str = "") -> str:
    """What explorers have in common, what else they share, their modules, and their host."""
    parts = [source("common", common=False), _plain(shared), "const upconvExplorers = {};"]
    for name, text in modules.items():
        body = f"{_plain(text)}\nreturn {{ STATE, render }};"
        parts.append(f"upconvExplorers.{name} = (() => {{\n{body}\n}})();")
    host = (Path(__file__).parent / "explorer_host.js").read_text(encoding="utf-8")
    return "\n".join([*parts, host])


def _plain(module: str) -> str:
    """A module's text as that of a script, which exports nothing."""
    module = re.sub(r"^export default .*$", "", module, flags=re.MULTILINE)
    return re.sub(r"^export (?=function|const)", "", module, flags=re.MULTILINE)


def notebook_explorers(path: Path) -> dict[str, dict[str, object]]:
    """The explorers a notebook shows: model id → name and state."""
    found = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if MIME_TYPE in data:
                view = data["application/vnd.jupyter.widget-view+json"]
                found[view["model_id"]] = data[MIME_TYPE]
    return found
