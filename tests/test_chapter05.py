"""Chapter 5: cells with marks, figures of its studies, splits, and tempting wrong answers."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from upconv.data import marked_cells
from upconv.exercises import grade
from upconv.figures import micrographs

FOLDER = Path(__file__).parents[1] / "code" / "experiments"


def test_marked_cells_are_of_one_class_each_and_have_a_mark():
    cells = marked_cells(6, size=96)
    assert set(np.unique(cells.masks)) == {0, 1, 2}
    for image, mask, numbers in zip(cells.images, cells.masks, cells.instances, strict=True):
        assert np.array_equal(mask == 0, numbers == 0)
        for number in range(1, numbers.max() + 1):
            inside = numbers == number
            [kind] = np.unique(mask[inside])
            # Away from walls only a mark is dark.
            assert (kind == 2) == bool((image[inside & _deep(inside)] < 130).sum() > 1)


def _deep(inside):
    from scipy.ndimage import binary_erosion

    return binary_erosion(inside, iterations=3, border_value=1)


def test_marked_cells_repeat_and_differ_by_seed_and_split():
    first, again = marked_cells(2, size=64), marked_cells(2, size=64)
    assert np.array_equal(first.images, again.images)
    for other in (marked_cells(2, size=64, seed=1), marked_cells(2, size=64, split="test")):
        assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"count": 0}, "count"), ({"split": "val"}, "split"), ({"spacing": 0.5}, "spacing")],
)
def test_marked_cells_refuse_what_makes_no_sense(arguments, said):
    with pytest.raises(ValueError, match=said):
        marked_cells(**{"count": 1, "size": 32} | arguments)


@pytest.fixture
def experiment(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(FOLDER)):
            del sys.modules[name]


def test_the_split_of_slices_keeps_test_slices_apart_and_mixes_both_halves(experiment):
    slices = experiment("slices")
    parts = {name: set(numbers) for name, numbers in slices.SPLIT.items()}
    assert set.union(*parts.values()) == set(range(30)) and sum(map(len, parts.values())) == 30
    for numbers in parts.values():
        assert min(numbers) < 15 <= max(numbers)
    assert not any({n - 1, n + 1} & parts["train"] for n in parts["test"])
    assert set(slices.labeled(3, 0)) < set(slices.labeled(10, 0)) <= parts["train"]


def test_nuclei_that_touch_are_counted(experiment):
    merges = experiment("nuclei").merges
    truth = np.zeros((6, 12), int)
    truth[1:5, 1:4], truth[1:5, 6:8], truth[1:5, 11:] = 1, 2, 3  # gaps of two and of three pixels
    assert merges(truth, truth) == (0, 1)
    assert merges(truth, (truth > 0).astype(int)) == (1, 1)
    assert merges(truth, np.zeros_like(truth)) == (0, 1)  # lost, but not merged


def test_curves_and_differences_show_every_name():
    lines = {"U-Net": {1: [0.2, 0.3], 10: [0.1, 0.12]}, "no skips": {1: [0.3], 10: [0.2]}}
    figure = micrographs.curves({"a": lines, "b": lines}, ("labels", "error"), {"floor": 0.5})
    words = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert words == ["U-Net", "no skips", "floor"]
    figure = micrographs.differences({"one": (0.1, 0.02), "two": (-0.1, 0.02)}, "difference")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["one", "two"]


def level_reversed(x, skip, up, conv1, conv2):
    """The concatenation the other way around."""
    from upconv import ops

    x = ops.conv_transpose2d(x, *up, stride=2)
    top, left = ((a - b) // 2 for a, b in zip(skip.shape[2:], x.shape[2:], strict=True))
    x = np.concatenate([x, skip[..., top : top + x.shape[2], left : left + x.shape[3]]], 1)
    for weight, bias in (conv1, conv2):
        x = np.maximum(ops.conv2d(x, weight, bias), 0)
    return x


def best_on_the_test(validation, validation_masks, test, test_masks, thresholds):
    return min(float(((test > t) != (test_masks == 1)).mean()) for t in thresholds)


def clockwise(image):
    return np.stack([np.rot90(one, -k) for one in (image, image[:, ::-1]) for k in range(4)])


@pytest.mark.parametrize(
    ("number", "wrong"),
    [("5.6", level_reversed), ("5.7", best_on_the_test), ("5.8", clockwise)],
)
def test_tempting_answers_are_found_out(number, wrong):
    assert not grade(number, wrong).passed
