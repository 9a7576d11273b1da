"""The photographs."""

import numpy as np
import pytest

from upconv.data import PHOTOS, photo


@pytest.mark.parametrize("name", PHOTOS)
def test_photographs_are_real_and_in_range(name):
    grey, color = photo(name), photo(name, gray=False)
    assert color.shape == (*grey.shape, 3)
    for image in (grey, color):
        assert image.dtype == np.float64
        assert image.min() >= 0.0
        assert image.max() <= 1.0
        assert image.std() > 0.05


def test_square_crop_is_centred_and_resized_without_aliasing():
    cat = photo("cat", 300)
    assert cat.shape == (300, 300)
    rows, columns = photo("cat").shape
    left = (columns - rows) // 2
    np.testing.assert_allclose(cat, photo("cat")[:, left : left + rows], atol=1e-12)
    # Halving with a low-pass keeps the mean; skipping every other pixel of bricks would not
    # keep the variance down.
    small, skipped = photo("gravel", 128), photo("gravel")[::4, ::4]
    assert abs(small.mean() - photo("gravel").mean()) < 1e-2
    assert small.std() < 0.8 * skipped.std()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"name: got 'dog', expected one of astronaut"):
        photo("dog")
    with pytest.raises(ValueError, match=r"size: got 0, expected at least 1 pixel"):
        photo("cat", 0)


def test_a_grid_shows_all_images_row_by_row():
    import numpy as np

    from upconv.data import montage

    images = np.arange(5)[:, None, None] + np.zeros((5, 2, 3), int)
    shown = montage(images)
    assert shown.shape == (4, 9)
    assert shown[::2, ::3].tolist() == [[0, 1, 2], [3, 4, 0]]
    assert montage(images, columns=5).shape == (2, 15)


def test_objects_are_painted_apart_and_nothing_black():
    import numpy as np

    from upconv.data import colorize_instances

    painted = colorize_instances(np.array([[0, 1, 2], [3, 40, 60]]))
    assert (painted[0, 0] == 0).all()
    rest = painted.reshape(-1, 3)[1:]
    assert len({tuple(color) for color in rest.tolist()}) == 5
    assert (rest.max(1) > 30).all()
