"""The contact sheet of a set: what it marks, which images it shows, what it writes."""

from __future__ import annotations

import numpy as np
import pytest

from upconv import data
from upconv.figures.contact_sheet import (
    SIDE,
    _chosen,
    _overlaid,
    _pair,
    class_pixels,
    contact_sheet,
)

COLORS = data.palette(3)


def a_set(count: int = 3, **more) -> data.SegmentationSet:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 20, 30, 3), np.uint8)
    masks = np.zeros((count, 20, 30), np.uint8)
    masks[:, 5:10, 5:10] = 1
    masks[0, :2] = data.VOID
    return data.SegmentationSet("own", ("table", "cup", "spoon"), images, masks, **more)


def pixels_of(found: data.SegmentationSet) -> list[np.ndarray]:
    return [class_pixels(mask, len(found.classes)) for mask in found.masks]


def words(figure) -> list[str]:
    return [text.get_text() for part in (figure, *figure.axes) for text in part.texts]


def test_pixels_are_counted_with_void_as_the_last():
    mask = np.array([[0, 1, 1], [data.VOID, 1, 0]], np.uint8)
    assert class_pixels(mask, 3).tolist() == [2, 3, 0, 1]


def test_classes_are_tinted_and_outlined_and_the_background_is_not():
    image = np.full((40, 40, 3), 100, np.uint8)
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 1
    mask[:5] = data.VOID
    shown = _overlaid(image, mask, COLORS)
    assert (shown[mask == 0] == 100).all()
    assert tuple(shown[10, 20]) == COLORS[1]  # the outline, inside the class alone
    inside = shown[20, 20].astype(int)
    assert np.abs(inside - (100 + 0.45 * (np.array(COLORS[1]) - 100))).max() <= 1
    striped = shown[:5][..., 0]
    assert striped.min() > 100 and len(np.unique(striped)) == 2


def test_images_of_any_range_and_number_of_channels_are_shown():
    for shape in ((20, 30), (20, 30, 1), (20, 30, 2), (20, 30, 5)):
        deep = np.full((1, *shape), 1000, np.uint16)
        deep[0, :, 15:] = 3000
        masks = np.zeros((1, 20, 30), np.uint8)
        found = data.SegmentationSet("a", ("x", "y"), deep, masks, value_range=(1000, 3000))
        picture, marked = _pair(found, 0)
        assert picture.shape[1] == SIDE and picture.dtype == np.uint8
        assert picture[:, :200].max() == 0 and picture[:, -200:].min() == 255
        np.testing.assert_array_equal(picture, marked)  # nothing but background


def test_every_class_that_occurs_is_shown():
    pixels = np.zeros((50, 4), int)
    pixels[:, 0], pixels[37, 1], pixels[11, 2] = 100, 1, 5
    chosen = _chosen(pixels, most=4)
    assert {37, 11} <= set(chosen) and len(chosen) == 4 == len(set(chosen))
    assert _chosen(pixels[:2], most=4) == [0, 1]


@pytest.mark.parametrize("count", [1, 2, 3, 20])
def test_a_sheet_has_a_legend_and_names(count):
    found = a_set(count)
    names = [f"{number}.png" for number in range(count)]
    figure = contact_sheet(found, pixels_of(found), names)
    said = words(figure)
    assert said[0] == f"{count} image{'s' if count > 1 else ''}, 3 classes"
    assert {"table", "cup", "spoon", "void", "never seen"} <= set(said)
    assert sum(word.endswith(".png") for word in said) == min(count, 8)
    assert sum(bool(ax.images) for ax in figure.axes) == 2 * min(count, 8)


def test_dollars_in_names_are_no_formulas():
    found = a_set(1)
    found.classes = ("a$b$", "c", "d" * 99)
    figure = contact_sheet(found, pixels_of(found), ["$x$.png"])
    figure.canvas.draw()
    assert "$x$.png" in words(figure) and "a$b$" in words(figure)
