"""`upconv data NAME --out`: a data set as a folder of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from test_cli import call, surroundings

from upconv import data
from upconv.cli import main
from upconv.data import _dsb2018 as dsb_module


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder with nuclei as the mirror has them: 40 gray images of 20 appearances."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    rng = np.random.default_rng(0)
    numbers = np.zeros((40, 256, 256), np.uint16)
    images = np.zeros((40, 256, 256), np.uint8)
    for place in range(40):
        images[place] = rng.integers(0, 9 + place % 20, (256, 256)) + 2 * (place % 20)
        for number in range(1, 7):
            row, column = rng.integers(0, 216, 2)
            numbers[place, row : row + 40, column : column + 40] = number
        images[place][numbers[place] > 0] += 60 + 5 * (place % 20)
    colored = np.repeat(images[..., None], 3, axis=3)
    np.savez(folder / "dsb2018_256.npz", x=colored, y=numbers)
    monkeypatch.setenv("UPCONV_DATA", str(folder))
    dsb_module._arrays.cache_clear()
    yield folder
    dsb_module._arrays.cache_clear()


def run(*arguments: object) -> int:
    return main(["data", *map(str, arguments)])


@pytest.mark.parametrize("split", ["train", "test"])
def test_nuclei_are_written_and_read_again(mirror, tmp_path, capsys, split):
    out = tmp_path / "nuclei"
    assert run("dsb2018", "--out", out, "--split", split) == 0
    there = data.dsb2018(split)
    said = f"{out}: {len(there)} images and masks of dsb2018, classes background, nucleus\n"
    assert capsys.readouterr().out == said
    back = data.segmentation_folder(out / "images", out / "masks", there.classes)
    assert len(back) == len(there) > 0
    for (image, mask), (wanted, labels) in zip(back, there, strict=True):
        assert np.array_equal(image if image.ndim == 2 else image[..., 0], wanted)
        assert np.array_equal(mask, labels)
    with (
        Image.open(out / "images" / "0001.png") as image,
        Image.open(out / "masks" / "0001.png") as mask,
    ):
        assert (image.mode, mask.mode) == ("L", "P")
        assert tuple(mask.getpalette()[3:6]) == there.colors[1]  # colors to look at
    assert (out / "classes.txt").read_text() == "background\nnucleus\n"
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]


def test_color_and_void_are_kept(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 20, 30, 3), np.uint8)
    masks = rng.integers(0, 3, (3, 20, 30), np.uint8)
    masks[:, :5] = data.VOID
    found = data.SegmentationSet("streets", ("a", "b", "c"), images, masks)
    data.write_folder(found, tmp_path / "out")
    back = data.segmentation_folder(tmp_path / "out/images", tmp_path / "out/masks", 3)
    assert all(np.array_equal(*pair) for pair in zip(back.images, images, strict=True))
    assert all(np.array_equal(*pair) for pair in zip(back.masks, masks, strict=True))
    with Image.open(tmp_path / "out/masks/0001.png") as mask:
        assert mask.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_sets_for_generators_have_no_masks(tmp_path, capsys):
    assert run("digits", "--out", tmp_path / "digits", "--count", 5) == 0
    assert sorted(path.name for path in (tmp_path / "digits").iterdir()) == ["images"]
    names = sorted(path.name for path in (tmp_path / "digits/images").iterdir())
    assert names == [f"000{number}.png" for number in range(1, 6)]
    assert capsys.readouterr().out.endswith("digits: 5 images of digits\n")


def test_a_generated_set_has_as_many_images_as_asked_for(tmp_path):
    out = tmp_path / "scenes"
    assert run("digit_scenes", "--out", out, "--count", 4, "--split", "test") == 0
    wanted = data.digit_scenes(4, split="test")
    back = data.segmentation_folder(out / "images", out / "masks", wanted.classes)
    assert all(np.array_equal(*pair) for pair in zip(back.masks, wanted.masks, strict=True))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--out", "new"], "--out needs the name of a data set"),
        (["digits", "--count", "5"], "--count requires a data set and --out"),
        (["--split", "test"], "--split requires a data set and --out"),
        (["digits", "--out", "new", "--split", "test"], "--split: digits are not split"),
        (["digit_crops", "--out", "new", "--split", "test"], "digit_crops has no test images"),
        (["digits", "--out", "new", "--count", "9999"], "--count: got 9999, digits has 1797"),
        (["digits", "--out", "full"], "--out: full contains mine.txt, expected a new or empty"),
        (["digits", "--out", "full/mine.txt"], "full/mine.txt is a file, expected a folder"),
    ],
)
def test_what_cannot_be_written_is_refused_first(
    tmp_path, capsys, monkeypatch, arguments, expected
):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep me")
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert expected in said and said.count("\n") == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine.txt"]


def test_what_cannot_be_shown_as_a_picture_is_refused(tmp_path):
    images = np.zeros((1, 4, 4), np.uint16)
    deep = data.SegmentationSet(
        "deep", ("a", "b"), images, np.zeros((1, 4, 4), np.uint8), value_range=(0, 4095)
    )
    for found in (deep, deep.subset([])):
        with pytest.raises(ValueError, match="data: got"):
            data.write_folder(found, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_interrupted_call_leaves_only_whole_files(tmp_path, monkeypatch):
    from PIL.Image import Image as Picture

    saved, save = [], Picture.save

    def breaks(picture, path, **options):
        saved.append(path)
        if len(saved) == 4:
            path.write_bytes(b"half a file")
            raise KeyboardInterrupt
        save(picture, path, **options)

    monkeypatch.setattr(Picture, "save", breaks)
    with pytest.raises(KeyboardInterrupt):
        data.write_folder(data.digit_scenes(3), tmp_path / "out")
    monkeypatch.undo()
    left = sorted(path.name for path in (tmp_path / "out").rglob("*.png"))
    assert left == ["0001.png", "0001.png", "0002.png"]
    for path in (tmp_path / "out").rglob("*.png"):
        with Image.open(path) as picture:
            picture.load()


def test_in_a_process_of_its_own_without_data(tmp_path):
    assert "UPCONV_DATA" not in surroundings(tmp_path)
    done = call(tmp_path, "data", "membranes", "--out", "m", "--count", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "m: 2 images and masks of membranes, classes membrane, cell\n"
    done = call(tmp_path, "data", "membranes", "--out", "m", "--count", "2")
    assert done.returncode == 2 and "contains classes.txt" in done.stderr
