"""The Colab editions of the chapters: the same code, and nothing that only the website can read."""

import functools
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pybtex.database import parse_file

from upconv import cli

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
SCRIPT = ROOT / "code" / "scripts" / "colab.py"
spec = importlib.util.spec_from_file_location("colab_editions", SCRIPT)
colab = importlib.util.module_from_spec(spec)
spec.loader.exec_module(colab)

each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
# Looked for in what a reader sees, apart from the parser that the script itself asks.
RAW = re.compile(
    r"\{[a-z][\w:+.-]*\}`|^[`:~]{3,}\s*\{|^\(\S+\)=|\$\$[ \t]*\(|\.md\b|\.ipynb\b", re.M
)


@pytest.fixture(scope="module")
def editions(tmp_path_factory):
    """All editions, as the command writes them."""
    folder = tmp_path_factory.mktemp("editions")
    done = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == {path.name for path in CHAPTERS}
    return folder


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A book of one chapter, which the tests replace; the rest is ours."""
    root = tmp_path_factory.mktemp("book")
    for name in ("_config.yml", "_toc.yml", "book/references.bib", "benchmarks/chapters.json"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / "chapters").mkdir()
    return root


@pytest.fixture
def convert(copied):
    """Turn a text, the second cell of a chapter, into what its edition says."""

    def convert(text: str, code: str = "") -> str:
        cells = [new_markdown_cell("# Title"), new_markdown_cell(text, id="the-cell")]
        path = copied / "chapters" / "03_fcn.ipynb"
        nbformat.write(new_notebook(cells=[*cells, new_code_cell(code)]), path)
        notebook = colab.edition(path, colab.Book(copied))
        return next(cell.source for cell in notebook.cells if cell.id == "the-cell")

    return convert


@functools.cache
def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def text_of(notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def links(text: str) -> list[str]:
    parsed = MarkdownIt().use(dollarmath_plugin).parse(text)
    inline = [token for token in parsed if token.type == "inline"]
    found = [t.attrs["href"] for token in inline for t in token.children if t.type == "link_open"]
    return found + re.findall(r'<a href="([^"]+)">', text)


@each_chapter
def test_a_reader_sees_no_myst(editions, path):
    notebook = read(editions / path.name)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not RAW.search(cell.source), cell.source
    # The chapter has some, so this can fail.
    assert RAW.search(text_of(read(path)))


@each_chapter
def test_code_and_outputs_are_the_chapters(editions, path):
    ours, theirs = read(path), read(editions / path.name)
    of_the_chapter = {cell.id for cell in ours.cells}
    code = [cell for cell in ours.cells if cell.cell_type == "code"]
    assert [c for c in theirs.cells if c.cell_type == "code" and c.id in of_the_chapter] == code
    added = {cell.id for cell in theirs.cells} - of_the_chapter
    assert added - {"train-longer"} == {"time-budget", "references"}


@each_chapter
def test_words_stay(editions, path):
    """Whatever is neither a citation nor a number of an equation is there as it was."""
    ours = [cell for cell in read(path).cells if cell.cell_type == "markdown"]
    theirs = {cell.id: words(cell.source) for cell in read(editions / path.name).cells}
    for cell in ours:
        parts = re.split(
            r"\{\w+\}`[^`]+`|\$\$\s*\([\w-]+\)|(?<=\]\()[^)\s]+(?=\))", cell.source.strip()
        )
        rest = theirs[cell.id]
        for part in filter(None, map(words, parts)):
            _, found, rest = rest.partition(part)
            assert found, f"{cell.id}: {part!r} has gone"


@each_chapter
def test_links_lead_to_pages_and_references(editions, path):
    text = text_of(read(editions / path.name))
    site = colab.Book(ROOT).site
    anchors = re.findall(r'<a name="([^"]+)"></a>', text)
    assert len(set(anchors)) == len(anchors) > 0
    found = links(text)
    assert any(link.startswith(site) for link in found)
    for link in found:
        if link.startswith("#"):
            assert link[1:] in anchors
        elif link.startswith(site):
            page = link.removeprefix(site).partition("#")[0].removesuffix(".html")
            assert (ROOT / f"{page}.md").is_file() or (ROOT / f"{page}.ipynb").is_file(), link
        else:
            assert re.fullmatch(r"https?://[\w.-]+/[\w./?=()-]+", link), link
    assert {f"#{name}" for name in anchors} <= set(found), "a reference that nobody cites"
    literature = parse_file(str(ROOT / "book" / "references.bib"))
    # What the bibliography has to open is there to be opened.
    for name in anchors:
        fields = literature.entries[name].fields
        for target in (fields.get("url"), "doi" in fields and f"https://doi.org/{fields['doi']}"):
            assert not target or target in found


def labels_of(path: Path) -> list[str]:
    return re.findall(r"^\$\$ \(([\w-]+)\)$", text_of(read(path)), flags=re.M)


@each_chapter
def test_equations_have_the_numbers_of_the_site(editions, path):
    """The site counts labelled equations: chapter, point, place in the chapter, over its pages."""
    labels = labels_of(path)
    text = text_of(read(editions / path.name))
    pages = [page for page in CHAPTERS if page.stem[:2] == path.stem[:2] and page < path]
    before = sum(len(labels_of(page)) for page in pages)
    numbers = [f"{int(path.stem[:2])}.{before + place + 1}" for place in range(len(labels))]
    assert re.findall(r"\\tag\{(.*?)\}", text) == numbers
    named = dict(zip(labels, numbers, strict=True))
    for cell in read(path).cells:
        for label in re.findall(r"\{eq\}`([\w-]+)`", cell.source):
            same = next(c for c in read(editions / path.name).cells if c.id == cell.id)
            shown = f"({named[label]})" if label in named else f"#equation-{label})"
            assert shown in same.source
    page = ROOT / "_build" / "html" / "chapters" / f"{path.stem}.html"
    if page.is_file() and page.stat().st_mtime > path.stat().st_mtime:
        on_site = re.findall(r'class="eqno">\(([\d.]+)\)', page.read_text(encoding="utf-8"))
        assert on_site == numbers


@each_chapter
def test_the_budget_is_what_was_measured(editions, path):
    measured = json.loads((ROOT / "benchmarks" / "chapters.json").read_text(encoding="utf-8"))
    notebook = read(editions / path.name)
    assert notebook.cells[1].id == "time-budget"
    rows = notebook.cells[1].source.splitlines()
    if path.stem in measured["table"]:  # tests/test_benchmarks.py demands that of all
        seconds = measured["table"][path.stem]["seconds"]
        assert f"| {measured['provenance']['device']}, 1 thread | {seconds:.0f} s |" in rows
    else:
        assert "| CPU | not measured yet |" in rows
    for name in ("T4", "A100", "H100"):
        assert f"| {name} | not measured yet |" in rows


def test_a_budget_that_nobody_measured_is_not_there(copied):
    book = colab.Book(copied)
    book.measured = book.measured | {"table": {}}
    assert "| CPU | not measured yet |" in colab.budget(book, "03_fcn")
    assert not re.search(r"\d s\b", colab.budget(book, "03_fcn"))


def test_longer_training_waits_to_be_asked_for(editions, tmp_path, monkeypatch):
    """Run all does not start it; asked, it trains what the command line knows, and goes on."""
    monkeypatch.chdir(tmp_path)
    found = []
    for path in CHAPTERS:
        notebook = read(editions / path.name)
        for source in (cell.source for cell in notebook.cells if cell.id == "train-longer"):
            assert notebook.metadata.accelerator == "GPU"
            ran = []
            shell = SimpleNamespace(system=ran.append)
            code = TransformerManager().transform_cell(source)
            exec(code, {"get_ipython": lambda shell=shell: shell})
            assert ran == []
            asked = code.replace("train_longer = False", "train_longer = True")
            assert asked != code
            exec(asked, {"get_ipython": lambda shell=shell: shell})
            # IPython fills in {folder} itself.
            (command,) = (line.replace("{folder}", f"runs/{path.stem}") for line in ran)
            program, *arguments = shlex.split(command)
            assert program == "upconv"
            options = cli.make_parser().parse_args(arguments)
            assert options.resume and str(options.out) == f"runs/{path.stem}"
            found.append(path.stem)
    assert found == list(colab.LONGER)


def test_chapters_that_train_ask_for_a_gpu(editions):
    asking = set()
    for path in CHAPTERS:
        metadata = read(editions / path.name).metadata
        assert {k: v for k, v in metadata.items() if k not in colab.GPU} == read(path).metadata
        if "accelerator" in metadata:
            assert metadata.accelerator == "GPU"
            assert metadata.colab == {"gpuType": "T4", "provenance": []}
            asking.add(path.stem[:2])
    assert asking - {"01", "02"} == {"03", "04", "05", "06", "07"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as in {cite}`Long2015`.", "as in ([Long et al., 2015](#Long2015))."),
        (
            "both {cite}`Zeiler2014, Noh2015`",
            "both ([Zeiler and Fergus, 2014](#Zeiler2014); [Noh et al., 2015](#Noh2015))",
        ),
        ("{cite}`Ciresan2012`", "([Cireşan et al., 2012](#Ciresan2012))"),
        (
            "(ISBI 2012, {cite}`Cardona2010`)",
            "(ISBI 2012, [Cardona et al., 2010](#Cardona2010))",
        ),
        (
            "## Further reading\n\n{cite}`Zhang2019` shows it.",
            "## Further reading\n\n[Zhang (2019)](#Zhang2019) shows it.",
        ),
        ("$$\na\n$$ (eq-a)\n\nSee {eq}`eq-a`.", "$$\na \\tag{3.1}\n$$\n\nSee (3.1)."),
        ("$$ b $$", "$$ b $$"),
        ("(here)=\n## Heading", "## Heading"),
        (
            "[it](../book/claims.md#c1)",
            "[it](https://upconv.github.io/upconv/book/claims.html#c1)",
        ),
        ("$f[x](y)$ and `[a](b.md)`", "$f[x](y)$ and `[a](b.md)`"),
        ("`` {cite}`x` ``", "`` {cite}`x` ``"),
        ("```\n{cite}`x`\n```", "```\n{cite}`x`\n```"),
        (r"1 \$ or 2 \$, {cite}`Long2015`", r"1 \$ or 2 \$, ([Long et al., 2015](#Long2015))"),
        (":::{note}\nMind.\n\nAlso.\n:::", "> **Note**\n>\n> Mind.\n>\n> Also."),
        ("```{tip} Mind.\n```", "> **Tip**\n>\n> Mind."),
        (":::{admonition} A title\nMind.\n:::", "> **A title**\n>\n> Mind."),
        (
            ":::{dropdown} More\n{cite}`Long2015`\n:::",
            "<details><summary><b>More</b></summary>\n\n"
            "([Long et al., 2015](#Long2015))\n\n</details>",
        ),
        (
            ":::{note}\n:class: dropdown\nMind.\n:::",
            "<details><summary><b>Note</b></summary>\n\nMind.\n\n</details>",
        ),
        (
            "::::{note}\n:::{admonition} Inner\nMind.\n:::\n::::",
            "> **Note**\n>\n> > **Inner**\n> >\n> > Mind.",
        ),
        (
            ":::{note}\n$$\na\n$$ (eq-in)\n:::\n$$\nb\n$$ (eq-out)\n{eq}`eq-in` {eq}`eq-out`",
            "> **Note**\n>\n> $$\n> a \\tag{3.1}\n> $$\n$$\nb \\tag{3.2}\n$$\n(3.1) (3.2)",
        ),
    ],
)
def test_what_becomes_of(convert, text, expected):
    assert convert(text) == expected


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{cite}`Nobody1900`", "'Nobody1900'"),
        ("{cite}`Long2015,Nobody1900`", "'Nobody1900'"),
        ("{eq}`eq-nowhere`", "'eq-nowhere'"),
        ("{cite:t}`Long2015`", "'cite:t'"),
        ("{ref}`here`", "'ref'"),
        ("{ref}``here``", "'myst_role here'"),
        ("{numref}`here`", "'numref'"),
        ("{doc}`../book/claims`", "'doc'"),
        ("```{figure} a.png\n```", "'figure'"),
        (":::{note}\n{ref}`here`\n:::", "'ref'"),
        (":::{note}\n:name: here\nMind.\n:::", "':name: here'"),
        ("- item\n\n  ```{note}\n  Mind.\n  ```", "fence {note}"),
        ("> :::{note}\n> Mind.\n> :::", "colon_fence"),
        ("text[^1]\n\n[^1]: note", "footnote"),
        ("{{ name }}", "substitution"),
        ("% a comment", "comment"),
        ("term\n: what it is", "dl"),
        ("\\begin{align}a\\end{align}", "amsmath"),
        ("[text]{.red}", "span"),
        ("`x`{.python}", "code_inline"),
        ("[page](../book/nowhere.md)", "'../book/nowhere.md'"),
        ("[file](../README.md)", "'../README.md'"),
        ("[page](nowhere.ipynb)", "'nowhere.ipynb'"),
        ("[here](#here)", "'#here'"),
        ("![picture](picture.png)", "'picture.png'"),
        ("[page][1]\n\n[1]: ../book/claims.md", "'../book/claims.md'"),
        ("<project:../book/claims.md>", "'project:../book/claims.md'"),
        ("for $1\n\nas in {cite}`Long2015` for 2$", "myst_role"),
    ],
)
def test_what_is_unknown_is_refused(convert, text, what):
    with pytest.raises(ValueError, match=r"^03_fcn, cell the-cell: .*") as caught:
        convert(text)
    assert what in str(caught.value)


def test_two_citations_that_read_alike_are_refused(convert):
    with pytest.raises(ValueError, match=r"^03_fcn: .*Ulyanov et al., 2016"):
        convert("{cite}`Ulyanov2016,UlyanovLebedev2016`")


def test_a_role_left_in_is_found(copied, convert, monkeypatch):
    """Were a role not converted, neither the script nor the search above would let it pass."""
    monkeypatch.setattr(colab, "converted", lambda text, book, chapter: text)
    with pytest.raises(ValueError, match=r"cell the-cell: .*myst_role Long2015"):
        convert("as in {cite}`Long2015`.")
    for raw in ("{cite}`Long2015`", "$$\na\n$$ (eq-a)", "(a)=", ":::{note}", "[a](../book/a.md)"):
        assert RAW.search(f"text\n{raw}\ntext")


def test_an_error_leaves_what_was_there(tmp_path, copied):
    """The command ends with the error and writes nothing."""
    for name in ("code/scripts/colab.py", "_toc.yml"):
        (copied / name).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(ROOT / name, copied / name)
    for path, text in (("01_cnn_fourier", "fine"), ("02_upsampling", "{ref}`x`")):
        cells = [new_markdown_cell("# Title"), new_markdown_cell(text, id="the-cell")]
        nbformat.write(new_notebook(cells=cells), copied / "chapters" / f"{path}.ipynb")
    command = [sys.executable, copied / "code/scripts/colab.py", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "02_upsampling, cell the-cell: role: got 'ref'" in done.stderr
    assert not (tmp_path / "out").exists()
