"""The whole book as one file: a PDF to print, an EPUB for e-readers."""

from __future__ import annotations

import posixpath
import subprocess
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader
from test_site import PAGES

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
XHTML = "{http://www.w3.org/1999/xhtml}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"


@pytest.fixture(scope="module")
def made() -> Path:
    done = subprocess.run(["make", "download"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return ROOT / "_build"


@pytest.fixture(scope="module")
def pdf(made) -> PdfReader:
    return PdfReader(made / "upconv.pdf")


@pytest.fixture(scope="module")
def epub(made):
    with zipfile.ZipFile(made / "upconv.epub") as book:
        yield book


def entries(outline) -> list:
    """An outline without its levels."""
    parts = (entries(part) if isinstance(part, list) else [part] for part in outline)
    return [one for part in parts for one in part]


def test_pdf_has_every_chapter_in_its_outline(pdf):
    titles = [entry.title for entry in entries(pdf.outline)]
    for number in {int(page.stem[:2]) for page in CHAPTERS}:
        assert any(title.startswith(f"{number}. ") for title in titles)
        assert any(title.startswith(f"{number}.1. ") for title in titles)
    assert "Glossary" in titles and "Claims" in titles


def test_pdf_has_pictures_letters_and_no_empty_page(pdf):
    texts = [page.extract_text() for page in pdf.pages]
    pictures = sum("/XObject" in page["/Resources"] for page in pdf.pages)
    assert len(texts) > 150 and pictures > 80
    # A page with nothing but its number, and no picture, is a page that should not be.
    assert not [
        number
        for number, (text, page) in enumerate(zip(texts, pdf.pages, strict=True), 1)
        if len(text.split()) < 3 and "/XObject" not in page["/Resources"]
    ]
    whole = "\n".join(texts)
    assert "checkerboard" in whole
    fonts = subprocess.run(["fc-list", ":lang=ko"], capture_output=True).stdout
    assert "합성곱" in whole or not fonts, "there is a Korean font, and it was not used"
    assert "{cite}" not in whole and "run `make formulas`" not in whole


def test_links_of_the_pdf_stay_within_it_or_lead_to_the_web(pdf):
    inside, outside = 0, set()
    for page in pdf.pages:
        for note in page.get("/Annots", []):
            action = note.get_object().get("/A", {})
            if "/URI" in action:
                outside.add(action["/URI"])
            else:
                inside += 1
    assert inside > 300
    assert outside and all(address.startswith("https://") for address in outside)


def test_epub_is_laid_out_as_the_standard_says(epub):
    first = epub.infolist()[0]
    assert first.filename == "mimetype" and first.compress_type == zipfile.ZIP_STORED
    assert epub.read("mimetype").strip() == b"application/epub+zip"
    listing = ElementTree.fromstring(epub.read("content.opf"))
    opf = "{http://www.idpf.org/2007/opf}"
    items = {item.get("id"): item for item in listing.iter(f"{opf}item")}
    assert all(item.get("href") in epub.namelist() for item in items.values())
    spine = [items[ref.get("idref")].get("href") for ref in listing.iter(f"{opf}itemref")]
    assert len(spine) == len(set(spine)) and set(spine) >= {
        page.replace(".html", ".xhtml") for page in PAGES
    }
    for item in items.values():
        if item.get("media-type") == "application/xhtml+xml":
            holds = b"<math" in epub.read(item.get("href"))
            assert holds == ("mathml" in item.get("properties", ""))


def test_pages_of_the_epub_are_whole(epub):
    pages = {
        name: ElementTree.fromstring(epub.read(name))
        for name in epub.namelist()
        if name.endswith(".xhtml")
    }
    ids = {name: {node.get("id") for node in page.iter()} for name, page in pages.items()}
    formulas = 0
    for name, page in pages.items():
        assert not list(page.iter(f"{XHTML}script"))
        assert not list(page.iter(f"{XHTML}math")), "a formula outside MathML's name space"
        formulas += len(list(page.iter(f"{MATHML}math")))
        for node in page.iter():
            link = node.get("href") or node.get("src")
            if link is None or urlsplit(link).scheme:
                continue
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), urlsplit(link).path))
            target = name if not urlsplit(link).path else unquote(path)
            assert target in epub.namelist(), f"{name}: {link}"
            if fragment := unquote(urlsplit(link).fragment):
                assert fragment in ids[target], f"{name}: {link}"
    assert formulas > 300
