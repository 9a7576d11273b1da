"""Diagrams of networks show what they are given."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.patches import Polygon

from upconv.figures.diagram import Map, in_words, network

SMALL = [
    Map("image", 1, 28, kind="input"),
    Map("conv1", 16, 28, "3×3"),
    Map("pool1", 16, 14, "max 2×2", "pooling"),
    Map("up", 16, (28, 56), "2×2", "upsampling"),
    Map("scores", 10, 1, "dense", "dense"),
]


def fronts(figure) -> list[float]:
    """The heights of the boxes' front faces, which stand upright, from left to right."""
    found = []
    for ax in figure.axes:
        faces = [patch.get_xy() for patch in ax.patches if isinstance(patch, Polygon)]
        upright = {tuple(map(tuple, f)) for f in faces if f[0][1] == f[1][1] and f[0][0] == f[3][0]}
        found += [face[2][1] - face[1][1] for face in sorted(upright)]
    return found


def words(figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_every_map_is_there_with_its_shape_and_its_operation():
    said = words(network(SMALL))
    for one in SMALL:
        assert one.name in said
        assert not one.by or one.by in said
    shapes = ["1×28×28", "16×28×28", "16×14×14", "16×28×56", "10"]
    assert [text for text in said if text in shapes] == shapes


def test_larger_maps_are_taller():
    image, conv1, pool1, up, _ = fronts(network(SMALL))
    assert image == conv1 == up
    assert pool1 == pytest.approx(conv1 / 2**0.5)


@pytest.mark.parametrize(("per_row", "rows"), [(5, 1), (4, 2), (3, 2), (2, 3), (1, 5)])
def test_rows_are_broken_where_they_are_full(per_row, rows):
    figure = network(SMALL, per_row=per_row)
    assert len(figure.axes) == rows
    assert len(fronts(figure)) == len(SMALL)


def test_a_skip_goes_from_its_first_map_to_its_last():
    plain, skipped = (network(SMALL, skips) for skips in ({}, {"conv1": "up"}))
    assert not plain.axes[0].lines
    (line,) = skipped.axes[0].lines
    at = [text.get_position()[0] for text in skipped.axes[0].texts]
    places = dict(zip(words(skipped), at, strict=True))
    assert line.get_xdata()[[0, -1]].tolist() == pytest.approx([places["conv1"], places["up"]])


def test_words_follow_the_network():
    text = in_words(SMALL)
    assert text.index("conv1, 16 × 28 × 28") < text.index("max 2×2 to pool1, 16 × 14 × 14")


@pytest.mark.parametrize(
    ("maps", "options", "message"),
    [
        ([], {}, "maps: got none"),
        ([Map("a", 1, 2, kind="magic")], {}, "kind: got 'magic', expected one of input"),
        ([Map("a", 1, 2)] * 2, {}, "maps: got two called a"),
        (SMALL, {"per_row": 0}, "per_row: got 0"),
        (SMALL, {"skips": {"conv1": "b"}}, "skips: got conv1 to b, expected names"),
        (SMALL, {"skips": {"up": "conv1"}}, "skips: got up to conv1, expected an earlier"),
        (SMALL, {"skips": {"conv1": "up"}, "per_row": 3}, "skips: got conv1 to up"),
    ],
)
def test_what_cannot_be_drawn_is_refused(maps, options, message):
    with pytest.raises(ValueError) as caught:
        network(maps, **options)
    assert message.split(", expected")[0].replace("'", "") in str(caught.value).replace("'", "")
