"""What the chapters promise as files; nbval runs them cell by cell beside this."""

import ast
import json
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

from upconv.exercises import all_exercises, grade

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
MAX_LINES = 20
MIN_COMPARED = 0.9
IDS = [chapter.stem for chapter in CHAPTERS]

sys.path.insert(0, str(ROOT / "code" / "scripts"))
from stamp import files, repository, stamped  # noqa: E402


def cells(chapter: Path, kind: str = "code") -> list[dict]:
    notebook = json.loads(chapter.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def tags(cell: dict) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def test_every_chapter_in_the_contents_is_there():
    """Further pages of a chapter are sections below its first."""
    listed = re.findall(r"^( +)- file: (chapters/\S+)", (ROOT / "_toc.yml").read_text(), re.M)
    assert [page for _, page in listed] == [f"chapters/{chapter.stem}" for chapter in CHAPTERS]
    outer = min(len(indent) for indent, _ in listed)
    for indent, page in listed:
        first = re.fullmatch(r"chapters/\d\d_\w+", page)
        assert first or re.fullmatch(r"chapters/\d\d[b-z]_\w+", page)
        assert (len(indent) == outer) == bool(first), f"{page} is not below its chapter"
    numbers = [page[9:11] for indent, page in listed if len(indent) == outer]
    assert numbers == [f"{number:02}" for number in range(1, len(numbers) + 1)]
    assert {page.stem[:2] for page in CHAPTERS} == set(numbers)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_every_cell_was_run_in_order_without_error(chapter):
    counts = [cell["execution_count"] for cell in cells(chapter) if source(cell).strip()]
    assert counts == list(range(1, len(counts) + 1))
    kinds = {o["output_type"] for cell in cells(chapter) for o in cell["outputs"]}
    assert "error" not in kinds
    streams = {o.get("name") for cell in cells(chapter) for o in cell["outputs"]}
    assert "stderr" not in streams, "a warning was stored"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_every_cell_shows_or_asserts_something(chapter):
    for cell in cells(chapter)[2:]:
        assert cell["outputs"] or "assert" in source(cell), f"says nothing:\n{source(cell)}"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_cells_are_short(chapter):
    for cell in cells(chapter):
        assert len(source(cell).splitlines()) <= MAX_LINES, f"too long:\n{source(cell)}"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_ignoring_outputs_does_not_spread(chapter):
    code = [cell for cell in cells(chapter) if source(cell).strip()]
    ignored = [cell for cell in code if "nbval-ignore-output" in tags(cell)]
    for cell in ignored:
        assert "assert" in source(cell), f"ignored, so must assert a bound:\n{source(cell)}"
    assert not any("nbval-skip" in tags(cell) or "NBVAL" in source(cell) for cell in code)
    share = 1 - len(ignored) / len(code)
    print(f"{chapter.stem}: {share:.1%} of {len(code)} cells compared")
    assert share >= MIN_COMPARED


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_every_picture_has_words_and_a_number(chapter):
    pictures = 0
    for cell in cells(chapter):
        for output in cell["outputs"]:
            data = output.get("data", {})
            kinds = [kind for kind in data if kind in ("image/png", "image/jpeg")]
            if not kinds:
                continue
            pictures += 1
            alt = output["metadata"][kinds[0]].get("alt", "")
            assert len(alt) > 30, f"no text alternative:\n{source(cell)}"
            words = alt + "".join(
                "".join(o.get("data", {}).get("text/markdown", "") or o.get("text", ""))
                for o in cell["outputs"]
            )
            assert re.search(r"\d", words) or "assert" in source(cell), (
                f"nbval cannot see a change of this picture:\n{source(cell)}"
            )
            assert len("".join(data[kinds[0]])) < 400_000, "a picture above 300 kB"
    assert pictures >= 5


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_first_cell_installs_the_module_where_it_is_missing(chapter):
    first = source(cells(chapter)[0])
    assert "find_spec" in first
    assert "git+{REPOSITORY}" in first
    assert repository() in first


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_address_is_the_one_in_the_configuration(path):
    text = path.read_text(encoding="utf-8")
    assert stamped(text, files()[path], repository()) == text, "run: make stamp"


def test_a_fork_stamps_every_kind_of_address():
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    fork = stamped(text, files()[path], "https://github.com/someone/course")
    assert "upconv/upconv" not in fork and "upconv.github.io" not in fork
    assert "(https://someone.github.io/course/)" in fork
    assert "colab.research.google.com/github/someone/course/blob/colab/" in fork
    assert "git clone https://github.com/someone/course " in fork


def exercise_cells() -> list[tuple[str, str, str]]:
    """(number, "stub" or "solution", source) of every exercise cell of the book."""
    found = []
    for chapter in CHAPTERS:
        for cell in cells(chapter):
            kind = {"exercise": "stub", "solution": "solution"}
            for tag in tags(cell) & set(kind):
                number = re.search(r'check\("([\d.]+)"', source(cell))[1]
                found.append((number, kind[tag], source(cell)))
    return found


EXERCISES = exercise_cells()
# Number → the file that has it: chapter01, chapter01b, …
EXERCISES_OF = {
    number: path.stem
    for path in sorted((ROOT / "code/upconv/exercises").glob("chapter*.py"))
    for number in import_module(f"upconv.exercises.{path.stem}").EXERCISES
}


@pytest.mark.parametrize("number", all_exercises())
@pytest.mark.parametrize("kind", ["stub", "solution"])
def test_solutions_pass_and_stubs_do_not(number, kind):
    sources = [text for n, k, text in EXERCISES if (n, k) == (number, kind)]
    assert len(sources) == 1
    tree = ast.parse(sources[0])
    called = [
        node.args[1].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check"
    ]
    assert len(called) == 1
    namespace = chapter_namespace(number)
    exec(compile(tree, f"exercise {number}", "exec"), namespace)
    result = grade(number, namespace[called[0]])
    assert result.passed is (kind == "solution"), result.message


def chapter_namespace(number: str) -> dict:
    """What the import cell of an exercise's page provides to it."""
    asked = f'check("{number}"'
    page = next(c for c in CHAPTERS if any(asked in source(cell) for cell in cells(c)))
    namespace: dict = {}
    exec(source(cells(page)[1]), namespace)
    return namespace


@pytest.mark.parametrize("number", all_exercises())
def test_an_exercise_is_on_the_page_of_its_file(number):
    asked = [c.stem for c in CHAPTERS for cell in cells(c) if f'check("{number}"' in source(cell)]
    name = EXERCISES_OF[number].removeprefix("chapter")
    assert {stem.partition("_")[0] for stem in asked} == {name}


@pytest.mark.parametrize("number", all_exercises())
def test_wrong_answers_are_told_what_is_wrong(number):
    assert not grade(number, lambda **arguments: 0.123456789).passed
    assert not grade(number, lambda **arguments: None).passed

    def broken(**arguments):
        raise RuntimeError("out of chalk")

    result = grade(number, broken)
    assert not result.passed
    assert "out of chalk" in result.message


@pytest.mark.parametrize("number", sorted({chapter.stem[:2] for chapter in CHAPTERS}))
def test_each_chapter_has_four_exercises_or_more(number):
    """In the order of its pages, without a gap."""
    mine = [n for n, kind, _ in EXERCISES if kind == "stub" and int(n.split(".")[0]) == int(number)]
    assert mine == [f"{int(number)}.{place}" for place in range(1, len(mine) + 1)]
    assert 4 <= len(mine) <= 10


def test_unknown_exercise_is_refused():
    with pytest.raises(ValueError, match=r"number: got '9\.9', expected one of 1\.1"):
        grade("9.9", print)
