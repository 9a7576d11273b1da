"""The figures of chapter 3 show what they are given, on one scale."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from upconv.figures import fcn

COLORS = [(10 * k, 0, 255 - 10 * k) for k in range(11)]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def words(figure) -> set[str]:
    return {text.get_text() for ax in figure.axes for text in ax.texts}


def test_maps_of_a_layer_have_one_scale_and_flat_ones_are_counted():
    maps = np.random.default_rng(0).normal(size=(5, 4, 6))
    maps[[0, 3]] = [[[7.0]], [[-9.0]]]  # one number everywhere
    dead = np.zeros((2, 3, 3))
    image = np.zeros((8, 8, 3))
    figure = fcn.layer_maps(image, {"truth": image[..., 0]}, {"some": maps, "dead": dead}, count=4)
    assert {"some\n5 × 4 × 6\n2 flat", "dead\n2 × 3 × 3\n2 flat", "truth"} <= words(figure)
    rows = [[ax.images for ax in figure.axes[start : start + 4]] for start in (0, 4, 8)]
    assert [sum(map(bool, row)) for row in rows] == [2, 4, 2]
    scales = {images[0].get_clim() for images in rows[1]}
    assert scales == {(maps.min(), maps.max())}
    ranges = [np.ptp(images[0].get_array()) for images in rows[1]]
    assert ranges == sorted(ranges, reverse=True) and ranges[-1] == 0


def test_a_heat_map_lies_over_its_photograph():
    photos = [np.ones((64, 96, 3)), np.zeros((32, 32, 3))]
    figure = fcn.heat_maps(photos, [np.eye(2, 3), np.ones((1, 1))], ["cup", "cat"])
    titles = [ax.get_title() for ax in figure.axes[:4]]
    assert titles == [
        "64 × 96 pixels",
        "32 × 32 pixels",
        "cup\n2 × 3 answers",
        "cat\n1 × 1 answers",
    ]
    gray, heat = figure.axes[2].images
    assert heat.get_extent() == [0, 96, 64, 0] and heat.get_clim() == (0, 1)
    assert gray.get_array().shape == (64, 96)


def test_squares_are_as_large_as_what_is_seen():
    figure = fcn.fields(np.ones((100, 80, 3)), {"a": 20, "b": 60}, {"a": [3, 5], "b": [3, 9, 60]})
    squares = {(patch.get_xy(), patch.get_width()) for patch in figure.axes[0].patches}
    assert squares == {((30, 40), 20), ((10, 20), 60)}
    assert {"20", "60"} <= words(figure)
    assert [line.get_ydata()[-1] for line in figure.axes[1].lines] == [5, 60]


def test_three_networks_say_what_they_add():
    said = [text.get_text() for text in fcn.three_networks(np.ones((4, 4, 3))).axes[0].texts]
    assert said.count("+ score of pool4") == 2 and said.count("+ score of pool3") == 1
    assert [said.count(f"× {factor}") for factor in (32, 16, 8, 2)] == [1, 1, 1, 3]
    assert {"256 × 28 × 28", "512 × 14 × 14", "4096 × 7 × 7"} <= set(said)


def test_each_digit_has_its_color():
    masks = np.zeros((2, 8, 8), np.uint8)
    images = np.zeros((2, 8, 8, 3), np.uint8)
    figures = (
        fcn.scenes(images, masks, COLORS),
        fcn.memorized([2.0, 1.0], images.repeat(2, 0), {"truth": masks.repeat(2, 0)}, COLORS,
                      {"seen": 2, "new": 2}),
    )  # fmt: skip
    for figure in figures:
        (legend,) = (ax.get_legend() for ax in figure.axes if ax.get_legend())
        assert [text.get_text() for text in legend.get_texts()] == [str(k) for k in range(10)]
        shown = [tuple(np.multiply(p.get_facecolor()[:3], 255)) for p in legend.get_patches()]
        assert np.allclose(shown, COLORS[1:])
    titles = [ax.get_title(loc="left") for ax in figures[1].axes[:4]]
    assert titles == ["seen", "", "new", ""]


def test_multiples_of_the_stride_are_marked():
    figure = fcn.shift_curve(range(9), np.arange(9) / 9, 4)
    marks = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_lw() == 6]
    assert marks == [0, 4, 8]
