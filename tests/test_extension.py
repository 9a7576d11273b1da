"""The book's Sphinx extension: on the smallest book that has all it does, and on the whole one."""

from __future__ import annotations

import base64
import inspect
import io
import json
import re
import shutil
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import nbformat
import pydata_sphinx_theme
import pytest
from bs4 import BeautifulSoup
from conftest import SITE
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from upconv.claims import load_claims
from upconv.widgets import MIME_TYPE, TransposedConvolutionExplorer

ROOT = Path(__file__).parents[1]
WIDGET = "application/vnd.jupyter.widget-view+json"
BUILD = """
import sys
from pathlib import Path
from jupyter_book.sphinx import build_sphinx
root, out, builder, jobs, everything = sys.argv[1:]
root = Path(root)
sys.exit(build_sphinx(
    root, Path(out, builder), noconfig=True, path_config=root / "_config.yml", builder=builder,
    confoverrides={"external_toc_path": str(root / "_toc.yml"), "nitpicky": True,
                   "latex_individualpages": False},
    warningiserror=True, keep_going=True, quiet=True, jobs=int(jobs), force_all=everything == "all",
))
"""
PAGES = {
    "intro": """# A small book

```{explorer} style
:weight: 4
```

```{claim} C1.2
```

```{claim} C1.4
```

Take it as {site}`PDF <upconv.pdf>`. Here is $a^2$.

:::{figure} _static/gallery/dusk.jpg
:width: 960px
:alt: A valley
A valley.
:::
""",
    "claims": "# Claims\n\nAll of them.\n\n```{claims}\n```\n",
    "misconceptions": "# Misconceptions\n\nBoxes.\n\n```{misconceptions}\n```\n",
    "explorers": """# Explorers

```{explorer} convolution
:kernel: [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
:padding: 1
```

```{explorer} fourier
```

```{explorer} convolution
```

$$\\sum_n x_n$$ (sum)
""",
    "playground": """# Playground

```{playground} segment
```

```{playground} painter
```

```{playground-networks}
```
""",
    "glossary": """# Glossary

```{glossary}
kernel
  **커널** · 核 · カーネル · What slides, $b$. {cite}`Johnson2016`
```
""",
    "bibliography": "# Bibliography\n\n```{bibliography}\n```\n",
    "api": "# API\n\n```{eval-rst}\n.. autofunction:: upconv.ops.conv2d\n```\n",
}


def notebook(chapter: str, title: str) -> nbformat.NotebookNode:
    """A chapter with its claims' boxes, a picture and an explorer among its outputs."""
    picture = io.BytesIO()
    Image.effect_noise((300, 200), 80).save(picture, "jpeg", quality=95)
    explorer = TransposedConvolutionExplorer(stride=2)
    boxes = [c._repr_html_() for c in load_claims().values() if c.chapter == chapter]
    shown = [
        new_output("display_data", {"text/html": "".join(boxes)}),
        new_output(
            "display_data",
            {"image/jpeg": base64.b64encode(picture.getvalue()).decode()},
            metadata={"image/jpeg": {"alt": f"Noise of {title}", "width": 200}},
        ),
        new_output(
            "display_data",
            {
                WIDGET: {"model_id": chapter, "version_major": 2, "version_minor": 1},
                MIME_TYPE: {"name": "transposed", "state": explorer.state()},
                "text/plain": "an explorer",
            },
        ),
    ]
    code = 'from upconv import ops\ny = ops.conv2d(x, y=1)  # a name\ntext = """of\ntwo lines"""'
    cells = [
        new_markdown_cell(f"# {title}\n\nA chapter with $c_{{{chapter[1]}}}$."),
        new_code_cell(code, outputs=shown),
    ]
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"
    language = {"name": "python", "pygments_lexer": "ipython3"}
    return new_notebook(cells=cells, metadata={"language_info": language})


def contents(chapters: list[str]) -> str:
    """Lines of _toc.yml: the first page of a chapter, and its others below it."""
    lines = []
    for _, pages in groupby(chapters, key=lambda name: name[:2]):
        first, *others = pages
        lines += [f"      - file: chapters/{first}\n"]
        lines += ["        sections:\n"] * bool(others)
        lines += [f"          - file: chapters/{other}\n" for other in others]
    return "".join(lines)


def lay_out(root: Path, more: dict[str, nbformat.NotebookNode] | None = None) -> Path:
    """The smallest book that has all of it, and more pages: too few are read one by one."""
    ignored = shutil.ignore_patterns("*.md", "api", "__pycache__")
    shutil.copytree(ROOT / "book", root / "book", ignore=ignored)
    shutil.copy(ROOT / "_config.yml", root)
    for name, text in PAGES.items():
        (root / "book" / f"{name}.md").write_text(text, encoding="utf-8")
    (root / "chapters").mkdir()
    chapters = list(dict.fromkeys(claim.chapter for claim in load_claims().values()))
    books = {chapter: notebook(chapter, chapter[3:]) for chapter in chapters} | (more or {})
    chapters = sorted(books)
    for chapter in chapters:
        nbformat.write(books[chapter], root / "chapters" / f"{chapter}.ipynb")
    listed = contents(chapters)
    others = "".join(
        f"      - file: book/{name}\n" for name in PAGES if name not in ("intro", "api")
    )
    others += "        sections:\n          - file: book/api\n"
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/intro\nparts:\n"
        f"  - caption: Chapters\n    numbered: 2\n    chapters:\n{listed}"
        f"  - caption: Reference\n    chapters:\n{others}",
        encoding="utf-8",
    )
    return root


def build(root: Path, out: Path, builder="html", jobs=1, everything=False) -> str:
    """Build a book and return what Sphinx says; its exit status must be 0."""
    done = try_to_build(root, out, builder, jobs, everything)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stderr


def try_to_build(root, out, builder="html", jobs=1, everything=False):
    command = [sys.executable, "-c", BUILD, root, out, builder, str(jobs), "all" * everything]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=root)


def files(out: Path) -> dict[str, bytes]:
    """All that readers get, and the formulas noted beside it."""
    found = {
        path.relative_to(out / "html").as_posix(): path.read_bytes()
        for path in (out / "html").rglob("*")
        if path.is_file() and path.name != ".buildinfo"
    }
    return found | {"formulas": (out / "formulas.json").read_bytes()}


def without_traces(found: dict[str, bytes]) -> dict[str, bytes]:
    """Sphinx's search index keeps words that no page has any more, without a page to find; and of
    the index of names it knows only those on pages of the last build."""
    text = found["searchindex.js"].decode().removeprefix("Search.setIndex(").removesuffix(")")
    index = json.loads(text)
    del index["indexentries"]
    for kind in ("terms", "titleterms"):
        index[kind] = {word: pages for word, pages in index[kind].items() if pages != []}
    return found | {"searchindex.js": json.dumps(index).encode()}


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    return lay_out(tmp_path_factory.mktemp("book"))


@pytest.fixture(scope="module")
def built(book, tmp_path_factory) -> Path:
    """What one job makes of the small book."""
    out = tmp_path_factory.mktemp("built")
    build(book, out)
    return out


def page(out: Path, name: str) -> BeautifulSoup:
    text = (out / "html" / name).read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser")


def test_two_jobs_make_the_same_site(book, built, tmp_path):
    build(book, tmp_path, jobs=2)
    assert differing(files(built), files(tmp_path)) == []
    assert {"a^2", "\\sum_n x_n$", "b", "c_{7}"} <= set(json.loads(files(built)["formulas"]))


@pytest.mark.nightly  # the small book has all directives
def test_two_jobs_make_the_same_of_the_whole_book(tmp_path):
    build(ROOT, tmp_path, jobs=2)
    made = {"html": SITE, "formulas.json": SITE.with_name("formulas.json")}
    (tmp_path / "made").mkdir()
    for name, path in made.items():
        (tmp_path / "made" / name).symlink_to(path)
    there = files(tmp_path / "made")
    assert len(there) > 200, "run `make book`"
    assert differing(files(tmp_path), there) == []


def test_a_build_after_a_change_makes_the_site_that_a_fresh_build_makes(book, tmp_path):
    root, again = tmp_path / "root", tmp_path / "again"
    shutil.copytree(book, root)
    build(root, again)
    before = files(again)

    # A page: other formulas, a style and an explorer that no page had.
    path = root / "book" / "explorers.md"
    text = path.read_text(encoding="utf-8").replace("sum_n", "sum_k")
    new = "\n\n:::{warning}\n{bdg-danger}`new`\n:::\n\n```{explorer} shape\n```\n"
    path.write_text(text + new, encoding="utf-8")
    build(root, again)
    build(root, tmp_path / "fresh")
    after = files(again)
    changed = differing(before, after)
    assert {"formulas", "book/explorers.html"} <= set(changed)
    assert any(name.startswith("_static/all-") for name in changed)
    assert differing(without_traces(after), without_traces(files(tmp_path / "fresh"))) == []

    # A chapter, of which other pages speak; all are written, as `make book` does: titles stand
    # beside every page.
    chapter = root / "chapters" / "02_upsampling.ipynb"
    nbformat.write(notebook(chapter.stem, "Another title"), chapter)
    build(root, again, everything=True)
    build(root, tmp_path / "fresh_too")
    assert "Another title" in page(again, "book/claims.html").article.text
    after, fresh = without_traces(files(again)), without_traces(files(tmp_path / "fresh_too"))
    # Sphinx takes no picture away.
    assert set(differing(after, fresh)) == {
        name for name in after.keys() - fresh.keys() if name.startswith("_images/")
    }


def test_directives_make_what_readers_see(built):
    intro, explorers = page(built, "book/intro.html"), page(built, "book/explorers.html")
    (style,) = intro.select(".upconv-explorer")
    state = json.loads(style.script.string)
    assert style["id"] == "style-1" and state["weight"] == 4
    assert [box["id"] for box in explorers.select(".upconv-explorer")] == [
        "convolution-1",
        "fourier-1",
        "convolution-2",
    ]
    assert len(explorers.select('script[src$="_static/explorers.js"]')) == 1
    assert [box["id"] for box in intro.select(".upconv-claim")] == ["claim-c1-2", "claim-c1-4"]
    address = intro.find("link", rel="canonical")["href"].removesuffix("book/intro.html")
    assert intro.find("a", string="PDF")["href"] == f"{address}upconv.pdf"
    links = page(built, "book/claims.html").select(".claims-table td:first-child a")
    assert [link.text for link in links] == list(load_claims())
    for link, claim in zip(links, load_claims().values(), strict=True):
        assert link["href"] == f"../chapters/{claim.chapter}.html#{claim.anchor}"
    playground = page(built, "book/playground.html")
    assert [part["id"] for part in playground.select(".upconv-playground")] == [
        "segment",
        "painter",
    ]
    assert len(playground.select('script[src*="playground/playground.js"]')) == 1
    assert not explorers.select('script[src*="playground/playground.js"]')


def test_a_box_says_what_it_says_in_its_chapter(built):
    intro = page(built, "book/intro.html")
    for name in ("C1.2", "C1.4"):
        claim = load_claims()[name]
        told = BeautifulSoup(claim._repr_html_(), "html.parser").div
        shown = intro.find(id=claim.anchor)
        assert shown.attrs == told.attrs
        text = shown.get_text().replace("’", "'").removesuffix(" See it checked.")
        assert text == told.get_text()
        assert [part.name for part in shown.find_all(True)][:-1] == [
            part.name for part in told.find_all(True)
        ]


def test_outputs_of_a_notebook_become_pictures_and_explorers(built):
    chapter = page(built, "chapters/02_upsampling.html")
    (image,) = chapter.article("img")
    assert image["alt"] == "Noise of upsampling"
    assert (image["width"], image["height"], image["loading"]) == ("200", "133", "eager")
    (explorer,) = chapter.select(".upconv-explorer")
    assert explorer["id"] == "transposed-1"
    state = json.loads(explorer.script.string)
    assert state["stride"] == 2


def test_pictures_of_pages_have_a_second_size(built):
    (image,) = page(built, "book/intro.html").article("img")
    assert image["width"] == "960" and image["fetchpriority"] == "high"
    for source in image["srcset"].split(", "):
        name, wide = source.split()
        with Image.open(built / "html" / "book" / name) as picture:
            assert f"{picture.width}w" == wide


def test_code_has_pygments_marks_and_links(built):
    (code,) = page(built, "chapters/01_cnn_fourier.html").select(".highlight-ipython3 pre")
    assert code.text == (
        'from upconv import ops\ny = ops.conv2d(x, y=1)  # a name\ntext = """of\ntwo lines"""\n'
    )
    (link,) = code("a")
    assert link["href"] == "../book/api.html#upconv.ops.conv2d" and link.text == "ops.conv2d"
    assert [mark.text for mark in code.select(".kn")] == ["from", "import"]
    assert next(mark.text for mark in code.select(".c1, .s2")) == "# a name"
    assert not code.select(".n, .p, .w")


def test_names_of_the_glossary_have_languages(built):
    (definition,) = page(built, "book/glossary.html").select("dl.glossary dd")
    named = {part["lang"]: part.text for part in definition.select("[lang]")}
    assert named == {"ko": "커널", "zh": "核", "ja": "カーネル"}


def test_other_formats_lead_to_the_website(book, tmp_path):
    """What can be played with has no text of its own; claims do, and translators get it."""
    try_to_build(book, tmp_path, "text")  # MyST-NB warns of pictures, which a text cannot have
    intro = (tmp_path / "text" / "book" / "intro.txt").read_text(encoding="utf-8")
    plain = " ".join(intro.split())
    assert "there is something to play with here: the style explorer." in plain
    claim = load_claims()["C1.2"]
    assert "".join(claim.finding.split()) in "".join(plain.split())  # broken at hyphens, too
    assert "See it checked" in plain
    playground = (tmp_path / "text" / "book" / "playground.txt").read_text(encoding="utf-8")
    assert " ".join(playground.split()).count("in the playground") == 2 and "FCN-8s" in playground
    try_to_build(book, tmp_path / "other", "gettext")
    found = "".join(
        path.read_text(encoding="utf-8") for path in (tmp_path / "other").rglob("*.pot")
    )
    messages = re.sub(r'"\n"', "", found)
    assert claim.finding in messages and load_claims()["C7.1"].statement in messages


FAULTS = {
    "```{explorer} rotation\n```": "explorer: got 'rotation', expected one of convolution",
    "```{explorer} shape\n:sighs: 3\n```": "explorer shape: .*sighs",
    "```{explorer} transposed\n:stride: -2\n```": "explorer transposed: .*stride",
    "```{explorer} transposed\n:stride: two\n```": "two",
    "```{claim} C0.0\n```": r"claim: got 'C0\.0', expected one of C1\.1",
    "```{playground} swing\n```": "playground: got 'swing', expected one of segment",
}


def test_what_is_wrong_is_an_error_that_says_so(book, tmp_path):
    """On pages, in notebooks, and in what is changed of the theme's text."""
    root = tmp_path / "root"
    shutil.copytree(book, root)
    path = root / "book" / "explorers.md"
    path.write_text("# Wrong\n\n" + "\n\n".join(FAULTS), encoding="utf-8")
    chapter = root / "chapters" / "01_cnn_fourier.ipynb"
    text = json.loads(chapter.read_text(encoding="utf-8"))
    outputs = text["cells"][1]["outputs"]
    outputs[0]["data"]["text/html"] = "no claim"
    outputs[1]["metadata"] = {}
    del outputs[2]["data"][MIME_TYPE]
    chapter.write_text(json.dumps(text), encoding="utf-8")
    module = root / "book" / "_ext" / "upconv_book" / "site.py"
    text = module.read_text(encoding="utf-8")
    old = '<div class="bd-sidebar-primary bd-sidebar">\': ('
    assert old in text
    module.write_text(text.replace(old, old.replace('bd-sidebar"', 'renamed"')), encoding="utf-8")
    done = try_to_build(root, tmp_path / "out")
    assert done.returncode == 1
    for message in FAULTS.values():
        assert re.search(message, done.stderr), f"{message} not in\n{done.stderr}"
    assert "claim C1.1 has no cell that checks it" in done.stderr
    assert "picture without a text alternative: use figures.show" in done.stderr
    assert "a widget that the page cannot show without a kernel" in done.stderr
    assert re.search("no page has .*renamed", done.stderr)


def test_the_theme_asks_for_what_it_is_kept_from_asking():
    """Else it would lay out the whole page before the reader can use it."""
    home = Path(inspect.getfile(pydata_sphinx_theme)).parent
    theme = next(home.rglob("static/scripts/pydata-sphinx-theme.js")).read_text(encoding="utf-8")
    script = ROOT / "book/_ext/upconv_book/before_theme.js"
    (selector,) = re.findall(r'=== "([^"]+)"', script.read_text(encoding="utf-8"))
    assert theme.count(f'document.querySelectorAll("{selector}")') == 1
