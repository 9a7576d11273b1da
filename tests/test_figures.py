"""How a picture gets onto the page."""

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from upconv.data import photo
from upconv.figures import image_row, number_grid, show
from upconv.figures.theme import encode


def grid():
    figure, ax = plt.subplots(figsize=(2, 2))
    number_grid(ax, np.array([[1.0, -2.5], [np.nan, 4.0]]), "Grid")
    return figure


def test_a_shown_picture_carries_its_words_and_is_closed(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: shown.append((a[0], k)))
    figure = grid()
    show(figure, alt="a grid of three numbers", caption="The sum is **2.5**.")
    (picture, options), (caption, _) = shown
    assert picture["text/plain"] == "a grid of three numbers"
    assert options["metadata"]["image/png"] == {"width": 200, "alt": "a grid of three numbers"}
    assert Image.open(io.BytesIO(base64.b64decode(picture["image/png"]))).size == (360, 360)
    assert caption.data == "The sum is **2.5**."
    assert not plt.fignum_exists(figure.number)


def test_a_picture_without_words_is_refused():
    with pytest.raises(ValueError, match="alt: got an empty text"):
        show(grid(), alt=" ")


def test_drawings_become_png_and_photographs_jpeg():
    assert encode(grid())[0] == "image/png"
    photographs = [photo(name, 256, gray=False) for name in ("coffee", "flower")]
    kind, data = encode(image_row(photographs, ["a", "b"]))
    assert kind == "image/jpeg"
    assert len(data) < 300_000


def test_encoding_is_reproducible():
    assert encode(grid()) == encode(grid())


def test_number_grid_writes_every_finite_number():
    figure = grid()
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert texts == {"1", "-2.5", "4"}
    plt.close(figure)
