"""Write the chapters' Colab editions to _build/colab/.

    .venv/bin/python code/scripts/colab.py [FOLDER]

Colab renders Markdown, but the chapters are written in MyST. Citations, equation numbers, links and
admonitions are converted to Markdown; code and stored outputs stay as they are. Unknown syntax is
an error, so that readers never see a role or directive.
"""

from __future__ import annotations

import argparse
import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import yaml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from pybtex.database import Entry, parse_file
from pybtex.plugin import find_plugin
from pybtex.richtext import Text

from upconv.files import atomic_write

ROOT = Path(__file__).parents[2]
ADMONITIONS = ("attention", "caution", "danger", "error", "hint", "important", "note", "seealso")
ADMONITIONS += ("tip", "warning")
GPU = {"accelerator": "GPU", "colab": {"gpuType": "T4", "provenance": []}}
# Networks that readers may want to train for longer than the chapter does.
LONGER = {"03_fcn": "fcn8s", "04_skip_ablation": "concat", "05_unet": "unet", "06_dcgan": "dcgan"}
TRAIN = """\
#@title Train longer, and resume after a disconnect
train_longer = False  #@param {{type: "boolean"}}
if train_longer:  # resumes an existing run, and keeps results on your Drive
    from upconv.files import keep

    folder = keep("{network}")
    !upconv train {network} --out "{{folder}}" --resume"""
NOT_MEASURED = ("T4", "A100", "H100")

# Syntax that may need conversion, and syntax to skip so that its contents are not converted.
SYNTAX = re.compile(
    r"""
    ^(?P<fence>`{3,}|:{3,}|~{3,})(?P<directive>\{[^}\n]+\})?(?P<argument>[^\n]*)\n
        (?P<body>.*?)^(?P=fence)[ \t]*$
    | \{(?P<role>[a-zA-Z][\w:+.-]*)\}`(?P<content>[^`]+)`
    | \$\$(?P<tex>.+?)\$\$(?:[ \t]*\((?P<equation>[^()\s]+)\))?
    | \\. | (?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`) | \$[^$]+\$
    | ^\((?P<label>[^()\s]+)\)=[ \t]*(?:\n|$)
    | \]\((?P<target>[^()\s]+)\)
    """,
    flags=re.VERBOSE | re.MULTILINE | re.DOTALL,
)
MARKDOWN = re.compile(
    "text|(soft|hard)break|inline|code_(inline|block)|fence|em|strong|heading|paragraph|link|image|"
    "(bullet|ordered)_list|list_item|blockquote|hr|table|thead|tbody|tr|th|td|"
    "html_(inline|block)|math_inline(_double)?|math_block"
)
ATTRIBUTES = {"href", "title", "src", "alt", "start", "style"}


class Book:
    """The targets of references in chapters: pages, literature and equations."""

    def __init__(self, root: Path) -> None:
        self.root = root
        config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
        owner, name = config["repository"]["url"].rstrip("/").split("/")[-2:]
        self.site = f"https://{owner}.github.io/{name}/"
        self.literature = parse_file(str(root / config["bibtex_bibfiles"][0]))
        self.chapters = sorted((root / "chapters").glob("*.ipynb"))
        options = MdParserConfig(
            enable_extensions=set(config["parse"]["myst_enable_extensions"]),
            dmath_double_inline=config["parse"]["myst_dmath_double_inline"],
        )
        contents = (root / "_toc.yml").read_text(encoding="utf-8")
        self.pages = set(re.findall(r"\b(?:file|root): (\S+)", contents))
        self.parser = create_md_parser(options, RendererHTML)
        measured = (root / "benchmarks" / "chapters.json").read_text(encoding="utf-8")
        self.measured = json.loads(measured)

    @cached_property
    def equations(self) -> dict[str, tuple[str, str]]:
        """Map each labeled equation to its chapter and its number on the site."""
        found: dict[str, tuple[str, str]] = {}
        numbers: Counter[int] = Counter()  # of a chapter, over all its pages
        for path in self.chapters:
            chapter = int(path.stem[:2])
            for cell in markdown_cells(nbformat.read(path, as_version=4)):
                for match in syntax(cell.source):
                    if label := match["equation"]:
                        numbers[chapter] += 1
                        found[label] = path.stem, f"{chapter}.{numbers[chapter]}"
        return found

    def entry(self, key: str) -> Entry:
        if key not in self.literature.entries:
            raise ValueError(f"citation: got {key!r}, expected a key of the bibliography")
        return self.literature.entries[key]

    def cited(self, key: str) -> tuple[str, str]:
        """Return authors and year, as in “Long et al.” and “2015”."""
        entry = self.entry(key)
        names = [
            str(Text.from_latex(" ".join(person.prelast_names + person.last_names)))
            for person in entry.persons["author"]
        ]
        authors = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
        return authors, entry.fields["year"]

    def page(self, target: str) -> str:
        """Return the website address of a page that a chapter links to relatively."""
        path, _, part = target.partition("#")
        page, kind = posixpath.splitext(posixpath.normpath(f"chapters/{path}"))
        if kind not in {".md", ".ipynb"} or page not in self.pages:
            raise ValueError(f"link: got {target!r}, expected an address or a page of the book")
        return f"{self.site}{page}.html" + (f"#{part}" if part else "")


def markdown_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def syntax(text: str) -> Iterator[re.Match]:
    """Yield the matches in a text in order, including those inside directives."""
    for match in SYNTAX.finditer(text):
        yield match
        if match["directive"]:
            yield from syntax(match["argument"])
            yield from syntax(match["body"])


def keys(content: str) -> list[str]:
    """Split the keys of a citation."""
    return [key.strip() for key in content.split(",")]


def converted(text: str, book: Book, chapter: str) -> str:
    """Convert MyST to Markdown."""

    def change(match: re.Match) -> str:
        if match["directive"]:
            name, title = match["directive"][1:-1], match["argument"].strip()
            return directive(name, title, match["body"], book, chapter)
        if match["role"]:
            return role(match, book, chapter)
        if label := match["equation"]:
            number = book.equations[label][1]
            return f"$${match['tex'].rstrip()} \\tag{{{number}}}\n$$"
        if match["label"]:
            return ""
        if (target := match["target"]) and not urlsplit(target).scheme:
            return f"]({book.page(target)})"
        return match[0]

    return SYNTAX.sub(change, text)


def role(match: re.Match, book: Book, chapter: str) -> str:
    name, content = match["role"], match["content"]
    if name == "cite":
        return citation(match, book)
    if name == "eq":
        if content not in book.equations:
            raise ValueError(f"eq: got {content!r}, expected the label of an equation")
        where, number = book.equations[content]
        if where == chapter:
            return f"({number})"
        return f"[({number})]({book.site}chapters/{where}.html#equation-{content})"
    raise ValueError(f"role: got {name!r}, expected cite or eq")


def citation(match: re.Match, book: Book) -> str:
    """Format “(Long et al., 2015)”, with a link to the reference at the end of the notebook."""
    found = [(key, *book.cited(key)) for key in keys(match["content"])]
    # There, citations are the subjects of sentences.
    if match.string.startswith("## Further reading"):
        return ", ".join(f"[{authors} ({year})](#{key})" for key, authors, year in found)
    text = "; ".join(f"[{authors}, {year}](#{key})" for key, authors, year in found)
    within = match.string.startswith(")", match.end())
    return text if within else f"({text})"


def directive(name: str, title: str, body: str, book: Book, chapter: str) -> str:
    if name not in {*ADMONITIONS, "admonition", "dropdown"}:
        raise ValueError(f"directive: got {name!r}, expected an admonition or a dropdown")
    options, body = re.match(r"((?:[ \t]*:[\w-]+:[^\n]*\n)*)(.*)", body, flags=re.DOTALL).groups()
    folded = name == "dropdown"
    for option in options.split("\n")[:-1]:
        if option.split() != [":class:", "dropdown"]:
            raise ValueError(f"directive: got {option.strip()!r}, expected :class: dropdown")
        folded = True
    # Named admonitions start their text on the line of the name.
    if name in ADMONITIONS:
        body, title = f"{title}\n{body}", name.replace("seealso", "see also").capitalize()
    title, body = (converted(part.strip(), book, chapter) for part in (title, body))
    if folded:
        return f"<details><summary><b>{title}</b></summary>\n\n{body}\n\n</details>"
    lines = [f"**{title}**", "", *body.split("\n")]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def tokens(parsed: list[Token]) -> Iterator[Token]:
    for token in parsed:
        yield token
        yield from tokens(token.children or [])


def require_markdown(text: str, book: Book) -> None:
    """Raise an error if the site's own parser finds more than Markdown and formulas."""
    for token in tokens(book.parser.parse(text)):
        name = token.type.removesuffix("_open").removesuffix("_close")
        unknown = not MARKDOWN.fullmatch(name) or (name == "fence" and token.info.startswith("{"))
        if unknown or set(token.attrs) - ATTRIBUTES:
            what = f"{name} {token.attrs or ''} {token.info or token.content}"
            raise ValueError(f"syntax: got {' '.join(what.split())!r}, expected Markdown")
        target = str(token.attrs.get("href") or token.attrs.get("src") or "#")
        if not target.startswith("#") and urlsplit(target).scheme not in {"http", "https"}:
            raise ValueError(f"link: got {target!r}, expected one to outside the notebook")


def shown(cell: NotebookNode) -> Iterator[str]:
    """Yield the Markdown of a cell, including its code's output."""
    if cell.cell_type == "markdown":
        yield cell.source
    for output in cell.get("outputs", []):
        yield output.get("data", {}).get("text/markdown", "")


def trains(notebook: NotebookNode) -> bool:
    """Whether the chapter runs the course's training loops, which use a GPU if there is one.

    Other chapters do not benefit from a GPU.
    """
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return any(f"from upconv.{room} import" in code for room in ("training", "style"))


def budget(book: Book, chapter: str) -> str:
    """Format a table of the chapter's measured running times."""
    made = book.measured["provenance"]
    threads = f"{made['threads']} thread" + "s" * (made["threads"] != 1)
    lines = ["| machine | running this notebook takes |", "|---|---|"]
    if chapter in book.measured["table"]:
        seconds = book.measured["table"][chapter]["seconds"]
        lines.append(f"| {made['device']}, {threads} | {seconds:.0f} s |")
    else:
        lines.append("| CPU | not measured yet |")
    lines += [f"| {name} | not measured yet |" for name in NOT_MEASURED]
    page = f"{book.site}chapters/{chapter}.html"
    return "\n".join([*lines, "", f"This chapter is also [a page of the website]({page})."])


def references(book: Book, chapter: str, keys: list[str]) -> str:
    """Format the cited references in alphabetical order; raise an error on ambiguous citations."""
    alike = {book.cited(key): key for key in keys}
    for key in keys:
        if (other := alike[book.cited(key)]) != key:
            both = f"{key} and {other}, both {', '.join(book.cited(key))!r}"
            raise ValueError(f"{chapter}: citations: got {both}, expected different names or years")
    style = find_plugin("pybtex.style.formatting", "plain")()
    html = find_plugin("pybtex.backends", "html")()
    lines = ["## References"]
    for entry in style.format_bibliography(book.literature, keys):
        text = entry.text.render(html).replace("\n", " ")
        lines.append(f'<p><a name="{entry.key}"></a>{text}</p>')
    return "\n\n".join(lines)


def edition(path: Path, book: Book) -> NotebookNode:
    """Make the Colab edition of a chapter.

    Raises
    ------
    ValueError
        If a cell cannot be converted to Markdown; names chapter and cell.
    """
    chapter = path.stem
    notebook = nbformat.read(path, as_version=4)
    cited = []
    for cell in notebook.cells:
        try:
            if cell.cell_type == "markdown":
                for match in syntax(cell.source):
                    if match["role"] == "cite":
                        cited += keys(match["content"])
                cell.source = converted(cell.source, book, chapter)
            for text in shown(cell):
                require_markdown(text, book)
        except ValueError as error:
            raise ValueError(f"{chapter}, cell {cell.id}: {error}") from error
    notebook.cells.insert(1, new_markdown_cell(budget(book, chapter), id="time-budget"))
    if network := LONGER.get(chapter):
        source = TRAIN.format(network=network)
        notebook.cells.append(new_code_cell(source, id="train-longer"))
    if cited:
        text = references(book, chapter, list(dict.fromkeys(cited)))
        notebook.cells.append(new_markdown_cell(text, id="references"))
    if network or trains(notebook):
        notebook.metadata |= GPU
    return notebook


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "_build" / "colab")
    folder = parser.parse_args().folder
    book = Book(ROOT)
    # Convert all before writing: an error must not leave a mixture of old and new editions.
    editions = {path.name: edition(path, book) for path in book.chapters}
    for name, notebook in editions.items():
        text = nbformat.writes(notebook) + "\n"
        atomic_write(folder / name, lambda path, text=text: path.write_text(text, "utf-8"))
    print(f"{len(editions)} notebooks for Colab in {folder}")


if __name__ == "__main__":
    main()
