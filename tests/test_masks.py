"""What a mask is: decided once for a folder, said, and kept with the weights."""

from __future__ import annotations

import json
import shutil
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from pace import python_slowness
from PIL import Image

from upconv import data

VOC = ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
SIZE = (12, 16)  # height and width


def blocks(*values: int, dtype: type = np.uint8, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A mask with a vertical stripe of each value."""
    return np.broadcast_to(np.repeat(values, -(-size[1] // len(values)))[: size[1]], size).astype(
        dtype
    )


def in_palette(numbers: np.ndarray, colors) -> Image.Image:
    """A palette picture: these numbers, and from 0 on these colors; a dict has other numbers."""
    picture = Image.fromarray(numbers).convert("L")
    picture = Image.frombytes("P", picture.size, picture.tobytes())
    table = np.zeros((256, 3), np.uint8)
    for number, color in dict(colors if isinstance(colors, dict) else enumerate(colors)).items():
        table[number] = color
    picture.putpalette(table.ravel().tolist())
    return picture


def painted(numbers: np.ndarray, colors=VOC) -> np.ndarray:
    """The same in RGB."""
    return np.array(colors, np.uint8)[numbers]


@pytest.fixture
def folder(tmp_path):
    """A function that writes masks, and images of their size, and returns both folders."""

    def write(*masks, ending: str = "png", names=None, images=None, mode="{}", **options):
        for kind in ("images", "masks"):
            shutil.rmtree(tmp_path / kind, ignore_errors=True)
            (tmp_path / kind).mkdir()
        for number, mask in enumerate(masks):
            mask = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
            name = (names or [mode.format(n) for n in range(len(masks))])[number]
            mask.save(tmp_path / "masks" / f"{name}.{ending}", **options)
            height, width = mask.size[1], mask.size[0]
            image = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
            name = (images or [str(n) for n in range(len(masks))])[number]
            Image.fromarray(image).save(tmp_path / "images" / f"{name}.png")
        return tmp_path / "images", tmp_path / "masks"

    return write


def read(places, classes=None, **options):
    return data.segmentation_folder(*places, classes, **options)


def refused(places, *words: str, classes=None, **options) -> str:
    """The one line by which a folder is refused; it has all the words."""
    with pytest.raises(ValueError) as caught:
        read(places, classes, **options)
    said = str(caught.value)
    assert "\n" not in said
    for word in words:
        assert word in said, said
    return said


def same(found, *expected) -> None:
    assert len(found) == len(expected)
    for mask, wanted in zip(found.masks, expected, strict=True):
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, wanted)


# ---- values ------------------------------------------------------------------------------------


def test_gray_values_are_the_classes_and_255_is_void(folder):
    masks = blocks(0, 1, 2), blocks(0, 255), blocks(2)
    found = read(folder(*masks), 3)
    same(found, *masks)
    assert found.classes == ("class 0", "class 1", "class 2")
    (note,) = found.notes
    assert note.startswith("masks: class 0 ") and "void 16.7 %" in note and "read as" not in note


@pytest.mark.parametrize("classes", [None, 2, ("background", "cell")])
def test_255_is_class_1_if_the_whole_folder_is_black_and_white(folder, classes):
    found = read(folder(blocks(0, 255), blocks(0), blocks(255)), classes)
    same(found, blocks(0, 1), blocks(0), blocks(1))
    assert f"255 was read as {found.classes[1]}" in found.notes[0]


def test_255_is_void_in_every_file_if_class_1_is_in_one(folder):
    """Before, a file without class 1 had 255 read as class 1, the next one as void."""
    found = read(folder(blocks(0, 255), blocks(0, 1), blocks(0, 1, 255)), 2)
    same(found, blocks(0, 255), blocks(0, 1), blocks(0, 1, 255))


def test_masks_of_two_kinds_in_one_folder_are_refused(folder):
    """Some have class 1 as 1, others as 255; or 255 is void: both can be said."""
    places = folder(blocks(0, 255), blocks(0, 1))
    for classes in (None, 2):
        refused(places, "0.png", "--threshold 1", "void=ffffff", classes=classes)
    same(read(places, threshold=1), blocks(0, 1), blocks(0, 1))
    same(read(places, colors="000000,010101,void=ffffff"), blocks(0, 255), blocks(0, 1))


def test_a_trimap_is_not_taken_for_two_classes(folder):
    places = folder(blocks(0, 128, 255))
    refused(places, "0, 128 and 255", "--classes 3", "--threshold", classes=2)
    same(read(places, 3), blocks(0, 1, 2))


def test_black_and_white_for_more_classes_is_refused(folder):
    """Before, all objects became void without a word."""
    refused(folder(blocks(0, 255), blocks(0)), "only 0 and 255", "--classes 2", classes=3)


def test_black_and_white_palettes_have_objects(folder):
    """Before, every object of these was void: accuracy 0.993, IoU 0.000."""
    colors = {0: (0, 0, 0), 255: (224, 224, 192)}
    same(read(folder(in_palette(blocks(0, 255), colors)), 2), blocks(0, 1))


def test_values_with_gaps_are_classes_in_ascending_order(folder):
    found = read(folder(blocks(26, 0), blocks(0, 7, 255)), 3)
    same(found, blocks(2, 0), blocks(0, 1, 255))
    assert "values 0, 7 and 26 were read as classes 0 to 2" in found.notes[0]
    same(read(folder(blocks(0, 127, 255), blocks(0)), 3), blocks(0, 1, 2), blocks(0))
    same(read(folder(blocks(1, 2), blocks(3, 1)), 3), blocks(0, 1), blocks(2, 0))


def test_values_with_gaps_and_another_number_of_classes_are_refused(folder):
    places = folder(blocks(0, 7), blocks(0, 26))
    said = refused(places, "0.png: got label 7, expected 0 to 1", "--classes 3", classes=2)
    assert "values 0, 7 and 26" in said
    refused(places, "--classes 3")  # nor is their number guessed


def test_the_number_of_classes_is_found_where_there_is_no_doubt(folder):
    found = read(folder(blocks(0, 1, 2, 3), blocks(3, 2, 255)))
    assert len(found.classes) == 4
    for doubtful in ([blocks(1, 2), blocks(3)], [blocks(0)], [blocks(0, 2)]):
        places = folder(*doubtful, *[blocks(int(doubtful[0][0, 0]))] * (2 - len(doubtful)))
        refused(places, "--classes")


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_deep_masks_are_read(folder, dtype):
    masks = [blocks(0, 1, 255, dtype=dtype), blocks(2, dtype=dtype)]
    same(read(folder(*masks, ending="tif"), 3), blocks(0, 1, 255), blocks(2))


def test_numbers_of_64_bits_are_named(folder):
    """As NumPy's default integers are saved by Napari and scikit-image."""
    tifffile = pytest.importorskip("tifffile")
    images, masks = folder(blocks(0, 1), ending="tif")
    tifffile.imwrite(masks / "0.tif", blocks(0, 1, dtype=np.int64))
    refused((images, masks), "0.tif: not a readable mask", "uint16", classes=2)


def test_white_of_16_bits_is_class_1(folder):
    same(read(folder(blocks(0, 65535, dtype=np.uint16))), blocks(0, 1))


def test_numbers_that_are_no_classes_are_refused(folder):
    half = blocks(0, 1, dtype=np.float32) / 2
    refused(folder(half, ending="tif"), "0.tif: got value 0.5", "whole numbers", classes=2)
    half[0, 0] = np.nan
    refused(folder(half, ending="tif"), "0.tif: got value", classes=2)
    negative = blocks(0, 1, dtype=np.int32) - 1
    refused(folder(negative, ending="tif"), "0.tif: got label -1", "255", classes=2)


@pytest.mark.parametrize("other", [(0, 1), (0, 255)])
def test_bits_are_0_and_1_beside_either(folder, other):
    bits = Image.fromarray(blocks(0, 255)).convert("1")
    found = read(folder(bits, blocks(*other)), 2)
    same(found, blocks(0, 1), blocks(0, 1))


def small_gray_png(values: np.ndarray, depth: int) -> bytes:
    """A gray PNG with 2 or 4 bits per pixel."""
    rows = np.zeros((values.shape[0], values.shape[1] * depth // 8), np.uint8)
    for place in range(8 // depth):
        rows |= values[:, place :: 8 // depth] << (8 - depth * (place + 1))
    raw = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*part) for part in ((b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    )


@pytest.mark.parametrize("depth", [2, 4])
def test_gray_values_of_few_bits_are_not_stretched(folder, depth):
    """Pillow multiplies them by 85 or 17: 3 of 2 bits became 255, which is void."""
    images, masks = folder(blocks(0))
    values = blocks(0, 1, 3)  # of four classes: with gaps they would be counted
    (masks / "0.png").write_bytes(small_gray_png(values, depth))
    same(read((images, masks), 4), values)


def test_masks_without_any_label_are_refused(folder):
    places = folder(blocks(255), blocks(255))
    for classes in (None, 2, 3):
        refused(places, "no pixel has a label", classes=classes)
    form = data.MaskFormat(classes=((0, 0), (1, 1)), void=255)
    refused(places, "without any label", mask_format=form)


def test_a_class_that_never_occurs_is_said(folder):
    assert "never seen: class 1, class 3" in read(folder(blocks(0, 2)), 4).notes[0]


def test_shares_are_of_all_pixels(folder):
    found = read(folder(blocks(0, 0, 0, 1), blocks(0)), ("background", "cell"))
    assert found.notes == ("masks: background 87.5 %, cell 12.5 %",)
    rare = np.zeros((100, 100), np.uint8)
    rare[0, 0] = 1
    assert "class 1 <0.1 %" in read(folder(rare, np.zeros((100, 100), np.uint8))).notes[0]


# ---- colors ------------------------------------------------------------------------------------


def test_equal_channels_are_gray(folder):
    gray = [np.dstack([blocks(0, 1, 2)] * 3), np.dstack([blocks(2, 255)] * 3)]
    same(read(folder(*gray), 3), blocks(0, 1, 2), blocks(2, 255))


def test_opaque_alpha_is_dropped(folder):
    masks = blocks(0, 1), np.dstack([blocks(0, 1)] * 3), blocks(1, 0)
    opaque = np.full(SIZE, 255, np.uint8)
    both = np.dstack([masks[0], opaque]), np.dstack([masks[1], opaque])
    same(read(folder(*both, masks[2]), 2), blocks(0, 1), blocks(0, 1), masks[2])


def test_transparency_is_refused(folder):
    alpha = blocks(0, 255)
    pasted = np.dstack([blocks(0, 200), blocks(0, 0), blocks(0, 0), alpha])
    refused(folder(pasted), "0.png: got a mask with transparency", "alpha channel", classes=2)
    two = np.dstack([painted(blocks(1, 2)), blocks(0, 255, 255, 255)])
    refused(folder(two), "flatten", classes=2)


def test_colors_are_read_in_the_order_given(folder):
    masks = painted(blocks(0, 1, 2)), painted(blocks(2, 3))
    listing = "000000,008000,800000,void=808000"
    found = read(folder(*masks), 3, colors=listing)
    same(found, blocks(0, 2, 1), blocks(1, 255))
    assert len(read(folder(*masks), colors=listing).classes) == 3
    named = read(folder(*masks), colors="background=000000,leaf=008000,stem=800000,void=#808000")
    assert named.classes == ("background", "leaf", "stem")
    as_numbers = [(0, 0, 0), (0, 128, 0), (128, 0, 0), (128, 128, 0)]
    same(read(folder(*masks), colors=as_numbers), blocks(0, 2, 1), blocks(1, 3))


@pytest.mark.parametrize(
    "lines",
    [
        "0 0 0 background\n0 128 0\tleaf\n128 0 0 stem\n128 128 0 Void\n",  # CamVid
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nleaf:0,128,0::\n"
        "stem:128,0,0::\nvoid:128,128,0::\n",  # CVAT
        "#000000 background\n#008000 leaf\n#800000 stem\n#808000 void\n",
    ],
)
def test_colors_are_read_from_a_file(folder, tmp_path, lines):
    listing = tmp_path / "colors.txt"
    listing.write_text(lines)
    found = read(folder(painted(blocks(0, 1, 2)), painted(blocks(2, 3))), colors=listing)
    assert found.classes == ("background", "leaf", "stem")
    same(found, blocks(0, 2, 1), blocks(1, 255))


def test_colors_without_a_list_are_refused_with_one(folder):
    places = folder(painted(blocks(0, 0, 0, 1)), painted(blocks(0, 0, 0, 2)))
    said = refused(places, "0.png: got a mask with colors", "000000 75.0 %", classes=3)
    assert "800000 12.5 %, 008000 12.5 %" in said or "008000 12.5 %, 800000 12.5 %" in said
    listing = said.split('--colors "')[1].split('"')[0]  # as it stands in the message
    assert listing.startswith("000000,") and len(read(places, colors=listing).classes) == 3


def test_a_color_that_is_not_listed_is_refused_by_the_file(folder):
    places = folder(painted(blocks(0, 1)), painted(blocks(0, 2)))
    refused(places, "1.png: got color 008000", "000000,800000", colors="000000,800000")


@pytest.mark.parametrize("colors", ["000000", "000000,00000", "000000,000000", "a,b", "0,0,0", ""])
def test_nonsense_lists_of_colors_are_refused(folder, colors):
    refused(folder(painted(blocks(0, 1))), "colors: got", colors=colors)


def test_as_many_colors_as_classes_are_expected(folder):
    three = "000000,800000,008000"
    refused(folder(painted(blocks(0, 1))), "colors: got 3 colors", colors=three, classes=2)


# ---- palettes ----------------------------------------------------------------------------------


def test_numbers_count_where_palettes_agree(folder):
    masks = blocks(0, 1, 2), blocks(2, 255)
    found = read(folder(*(in_palette(mask, VOC) for mask in masks)), 3)
    same(found, *masks)


def test_palettes_that_differ_count_by_their_colors(folder):
    """Before, classes were swapped from file to file without a word."""
    swapped = (VOC[1], VOC[0])
    places = folder(in_palette(blocks(0, 1), VOC), in_palette(blocks(1, 0), swapped))
    refused(places, "palettes that differ", '--colors "000000,800000"', classes=2)
    same(read(places, colors="000000,800000"), blocks(0, 1), blocks(0, 1))


def test_gray_palettes_that_differ_count_by_their_gray_values(folder):
    grays = [(value,) * 3 for value in range(4)]
    places = folder(in_palette(blocks(0, 1), grays), in_palette(blocks(1, 0), [grays[2], grays[0]]))
    same(read(places, 3), blocks(0, 1), blocks(0, 2))


def test_black_and_white_palettes_count_by_their_colors(folder):
    black, white = (0, 0, 0), (255, 255, 255)
    one, other = in_palette(blocks(0, 1), [black, white]), in_palette(blocks(1, 0), [white, black])
    same(read(folder(one, other), 2), blocks(0, 1), blocks(0, 1))
    same(read(folder(other, other), 2), blocks(0, 1), blocks(0, 1))  # white is number 0 in both
    same(read(folder(one, blocks(0, 255)), 2), blocks(0, 1), blocks(0, 1))
    same(read(folder(one, blocks(0, 1)), 2), blocks(0, 1), blocks(0, 1))


def test_a_palette_beside_colors_counts_by_its_colors(folder):
    places = folder(in_palette(blocks(1, 0), (VOC[1], VOC[0])), painted(blocks(0, 1)), blocks(0))
    same(read(places, colors="000000,800000"), blocks(0, 1), blocks(0, 1), blocks(0))


# ---- smoothed, compressed, numbered ------------------------------------------------------------


def disk(size: int = 48, radius: float = 15, smooth: bool = True) -> np.ndarray:
    """A white disk on black, antialiased."""
    y, x = np.mgrid[:size, :size] - size / 2
    edge = radius - np.hypot(x, y)
    return (255 * np.clip(edge if smooth else edge > 0, 0, 1)).astype(np.uint8)


def test_smoothed_masks_are_named_and_read_with_a_threshold(folder):
    places = folder(disk(), disk(radius=10))
    for classes in (None, 2):
        refused(places, "smoothed", "--threshold 128", classes=classes)
    found = read(places, threshold=128)
    same(found, disk() >= 128, disk(radius=10) >= 128)
    assert "values from 128 on were read as object" in found.notes[0]
    said = refused(places, "smoothed", "nearest neighbor", classes=5)
    assert "--threshold" not in said


def test_jpeg_masks_are_named_and_read_with_a_threshold(folder):
    places = folder(disk(smooth=False), disk(radius=9, smooth=False), ending="jpg", quality=75)
    for classes in (None, 2):
        refused(places, "JPEG", "--threshold 128", classes=classes)
    found = read(places, 2, threshold=128)
    assert (found.masks[0] != (disk(smooth=False) > 0)).mean() < 0.01


def test_jpeg_masks_of_few_values_are_refused_too(folder):
    """Between 0 and 2 a JPEG invents 1, which looks like a class."""
    places = folder(2 * (disk(smooth=False) // 255), ending="jpg", quality=75)
    for classes in (3, 9):
        assert "--threshold" not in refused(places, "JPEG", "PNG", classes=classes)


def test_a_jpeg_in_colors_is_named(folder):
    colors = painted(disk(smooth=False) // 255, [(0, 0, 0), (255, 0, 0)])
    refused(folder(colors, ending="jpg"), "JPEG", "PNG", classes=2)


def test_a_threshold_that_divides_nothing_is_refused(folder):
    refused(folder(blocks(0, 1)), "values from 0 to 1", "--threshold", threshold=128)
    refused(folder(painted(blocks(0, 1))), "with colors", threshold=128)
    refused(folder(blocks(0, 255)), "classes: got 3", threshold=128, classes=3)
    refused(folder(blocks(0, 255)), "--colors and --threshold", threshold=1, colors="000000,ffffff")


def test_photographs_for_masks_are_named(folder):
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    refused(folder(noise), "--images and --masks swapped", classes=2)


def numbered(*centers, size: int = 40, first: int = 1, dtype=np.uint16) -> np.ndarray:
    """Numbered disks, as Napari, ImageJ and Cellpose save them."""
    y, x = np.mgrid[:size, :size]
    mask = np.zeros((size, size), dtype)
    for number, (row, column) in enumerate(centers, first):
        mask[np.hypot(y - row, x - column) < 6] = number
    return mask


MANY = numbered((8, 8), (8, 30), (30, 8), (30, 30)), numbered((8, 8), (20, 20), (33, 33))


@pytest.mark.parametrize("classes", [None, 2])
def test_numbered_objects_are_named(folder, classes):
    refused(folder(*MANY, ending="tif"), "--instances", classes=classes)


def test_a_few_numbered_objects_are_not_taken_for_classes(folder):
    places = folder(numbered((8, 8), (30, 30)), numbered((8, 8)), numbered((20, 20)), ending="tif")
    refused(places, "--instances", "--classes 3")
    assert len(read(places, 3).classes) == 3


def test_classes_of_several_regions_are_not_taken_for_objects(folder):
    masks = blocks(0, 1, 0, 1, 2, 0, 2, 0), blocks(0, 1, 0, 1)
    assert len(read(folder(*masks)).classes) == 3


def test_numbered_objects_are_read_as_instances(folder):
    touching = np.zeros((40, 40), np.uint16)
    touching[5:15, 5:15], touching[5:15, 15:25] = 300, 7
    found = read(folder(*MANY, touching, ending="tif"), instances=True)
    assert found.classes == ("background", "object")
    for mask, instances, file in zip(found.masks, found.instances, [*MANY, touching], strict=True):
        assert instances.max() == len(np.unique(file)) - 1
        np.testing.assert_array_equal(instances > 0, file > 0)
        np.testing.assert_array_equal(mask, data.split_touching_instances(file))
    assert (found.masks[2][5:15, 14:16] == 0).all() and found.masks[2][10, 10] == 1
    weighted = data.with_border_weights(found)
    assert weighted.weights[2][10, 2] > 0
    assert "read as an instance, up to 4 in a file" in found.notes[0]
    said = read(folder(*MANY, ending="tif"), 5).notes[0]
    assert "use --instances" in said  # many classes are believed, and the doubt is said


def test_instances_of_palettes_and_of_colors(folder):
    palette = in_palette(blocks(0, 1, 2, 255), VOC)
    found = read(folder(palette), instances=True)  # Pascal VOC
    np.testing.assert_array_equal(found.masks[0] == 255, blocks(0, 1, 2, 255) == 255)
    np.testing.assert_array_equal(found.instances[0], blocks(0, 1, 2, 0))
    found = read(folder(painted(blocks(0, 1, 2, 0))), instances=True)
    assert set(np.unique(found.instances[0])) == {0, 1, 2}
    assert (found.instances[0][:, :4] == 0).all()
    eight = read(folder(numbered((8, 8), (30, 30), first=254, dtype=np.uint8)), instances=True)
    assert eight.instances[0].max() == 2 and 255 not in eight.masks[0]  # 255 is the second


def test_masks_without_numbers_are_no_instances(folder):
    refused(folder(blocks(0, 255), blocks(0)), "leave out --instances", instances=True)
    refused(folder(*MANY, ending="tif"), "classes: got 3", instances=True, classes=3)


# ---- files -------------------------------------------------------------------------------------


def test_a_stack_is_refused(folder):
    first, second = Image.fromarray(blocks(0, 1)), Image.fromarray(blocks(1, 0))
    images, masks = folder(blocks(0, 1), ending="tif")
    first.save(masks / "0.tif", save_all=True, append_images=[second])
    refused((images, masks), "0.tif: got a stack of 2 masks", classes=2)


def test_modes_that_are_no_masks_are_refused(folder):
    for mode in ("CMYK", "LAB"):
        mask = Image.new(mode, SIZE[::-1])
        refused(folder(mask, ending="tif"), f"0.tif: got a mask in mode {mode}", classes=2)


def deep_png(values: np.ndarray) -> bytes:
    """RGB of 16 bits per channel."""
    raw = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in values)
    whole = small_gray_png(np.zeros((1, 8), np.uint8), 2)
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return whole[:8] + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in parts
    )


def test_colors_of_16_bits_are_refused(folder):
    """Pillow keeps the upper halves: all classes became 0."""
    images, masks = folder(blocks(0, 1))
    (masks / "0.png").write_bytes(deep_png(blocks(0, 1)))
    refused((images, masks), "0.png: got colors of 16 bits", classes=2)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("0.json", json.dumps({"shapes": [], "imagePath": "0.png"}), "labelme_export_json"),
        ("all.json", json.dumps({"images": [], "annotations": []}), "annToMask"),
        ("all.json", "{", "polygons"),
        ("0.npy", "", "PIL.Image.fromarray"),
        ("0.mat", "", "imwrite"),
        ("0.xml", "", "polygons"),
        ("0.txt", "0 0.5 0.5", "boxes or polygons"),
        ("RoiSet.zip", "", "Create Mask"),
        ("0.nii.gz", "", "unpack"),
    ],
)
def test_annotations_that_are_no_masks_are_named(folder, name, text, words):
    images, masks = folder(blocks(0, 1))
    (masks / "0.png").unlink()
    (masks / name).write_text(text)
    refused((images, masks), "contains no masks", f"1 .{name.split('.')[-1]}", words, classes=2)


# ---- pairs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (("a", "b"), ("a_mask", "b_mask")),
        (("a", "b"), ("a-labels", "b-labels")),
        (("a", "b"), ("mask_a", "mask_b")),
        (("img_001", "img_002"), ("mask_001", "mask_002")),
        (("0001TP_1", "0001TP_2"), ("0001TP_1_L", "0001TP_2_L")),  # CamVid
        (("x_1_leftImg8bit", "x_2_leftImg8bit"), ("x_1_gtFine_labelIds", "x_2_gtFine_labelIds")),
        (("21_training", "22_training"), ("21_manual1", "22_manual1")),  # DRIVE
        (("a", "b"), ("a_cp_masks", "b_cp_masks")),  # Cellpose
        (("a_image", "b_image"), ("a", "b")),
        (("only",), ("only_mask",)),
        (("a", "b"), ("a.jpg", "b.jpg")),  # Supervisely
        (("Zo\u00eb_1", "Zo\u00eb_2"), ("Zoe\u0308_1_mask", "Zoe\u0308_2_mask")),  # macOS
    ],
)
def test_masks_are_paired_where_their_names_add_the_same(folder, images, masks):
    values = [blocks(0, 1), blocks(1, 0, 1, 0)][: len(images)]
    found = read(folder(*values, names=masks, images=images), 2)
    same(found, *values)
    assert f"{images[0]}.png with {masks[0]}.png" in found.notes[0]


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (("img_001", "img_002"), ("mask_011", "mask_012")),  # other numbers
        (("cat_1", "cat_2"), ("dog_1", "dog_2")),  # nothing says that dogs are masks
        (("photo",), ("label",)),
    ],
)
def test_masks_that_may_be_of_other_images_are_not_paired(folder, images, masks):
    values = [blocks(0, 1), blocks(1, 0)][: len(images)]
    places = folder(*values, names=masks, images=images)
    first = sorted(set(images) - set(masks))[0]
    refused(places, f"{first}.png: expected {first}.*", "without an image", "x_mask", classes=2)


def test_a_file_without_a_partner_is_named_where_all_masks_add_the_same(folder):
    values = blocks(0, 1), blocks(1, 0)
    places = folder(*values, names=("a1_mask", "a12_mask"), images=("a1", "a11"))
    refused(places, "a11.png: expected its mask in", "such as a1_mask.png", classes=2)
    (places[0] / "a11.png").unlink()
    said = refused(places, classes=2)
    assert "a1.png: expected" in said or "a12_mask.png: expected its image" in said


def test_accents_are_the_same_however_they_are_written(folder):
    values = blocks(0, 1), blocks(1, 0)
    composed, apart = ("Zo\u00eb", "b"), ("Zoe\u0308", "b")
    found = read(folder(*values, names=apart, images=composed), 2)
    assert sorted(mask.sum() for mask in found.masks) == sorted(v.sum() for v in values)


def test_several_masks_of_an_image_are_refused(folder):
    names = ("a_color_mask", "a_label_mask", "b_color_mask", "b_label_mask")
    images, masks = folder(*[blocks(0, 1)] * 4, names=names, images=("a", "b", "a", "b"))
    refused((images, masks), "keep one mask for each image", classes=2)


def test_images_and_masks_of_one_folder(folder):
    images, masks = folder(blocks(0, 1), blocks(1, 0), images=("a", "b"))
    for number, name in enumerate("ab"):
        (masks / f"{number}.png").rename(images / f"{name}_mask.png")
    found = read((images, images), 2)
    same(found, blocks(0, 1), blocks(1, 0))
    for path in images.glob("*_mask.png"):
        path.unlink()
    refused((images, images), "one folder for images and masks", "x_mask", classes=2)


def test_overlays_of_predict_are_left_out(folder):
    values = blocks(0, 1), blocks(1, 0)
    images, masks = folder(*values, mode="{}_mask")
    for number in range(2):
        Image.fromarray(painted(values[number])).save(masks / f"{number}_overlay.png")
    found = read((images, masks), 2)
    same(found, *values)
    assert found.notes[0] == "masks: 2 overlays of upconv predict left out"


# ---- EXIF --------------------------------------------------------------------------------------


def save_turned(path: Path, array: np.ndarray, orientation: int = 6) -> None:
    """Save an array as a phone does: on its side, with a note how to turn it."""
    picture = Image.fromarray(array)
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(path, exif=exif)


def test_masks_are_turned_by_exif_as_images_are(folder):
    images, masks = folder(blocks(0, 1, 2))
    photo = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    save_turned(images / "0.png", photo)
    save_turned(masks / "0.png", blocks(0, 1, 2))
    found = read((images, masks), 3)
    same(found, np.rot90(blocks(0, 1, 2), -1))
    np.testing.assert_array_equal(found.images[0], np.rot90(photo, -1))
    Image.fromarray(np.ascontiguousarray(np.rot90(blocks(0, 1, 2), -1))).save(masks / "0.png")
    found = read((images, masks), 3)
    same(found, np.rot90(blocks(0, 1, 2), -1))
    assert len(found.notes) == 1  # upright: its size proves it


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_exif_is_named_where_sizes_differ(folder, kind):
    images, masks = folder(blocks(0, 1, 2))
    place = {"images": images, "masks": masks}[kind] / "0.png"
    save_turned(place, np.asarray(Image.open(place)))
    said = refused((images, masks), "0.png: got ", classes=3)
    assert f"the {kind[:-1]} is turned by its EXIF orientation" in said


def test_a_doubt_about_exif_is_said(folder):
    images, masks = folder(blocks(0, 1, size=(8, 8)), blocks(0, 1))
    shades = np.arange(192, dtype=np.uint8)
    save_turned(images / "0.png", shades.reshape(8, 8, 3))
    save_turned(images / "1.png", np.resize(shades, (*SIZE, 3)), 3)  # upside down
    assert any("images: 2 are turned by EXIF" in note for note in read((images, masks), 2).notes)


# ---- a format --------------------------------------------------------------------------------


def test_a_format_reads_other_folders(folder, tmp_path):
    """A folder in which a value is missing is read as the training's folder was."""
    form = read(folder(blocks(0, 7, 26)), 3).mask_format
    form = data.MaskFormat.from_json(form.to_json())
    same(read(folder(blocks(26, 0)), mask_format=form), blocks(2, 0))
    refused(folder(blocks(8, 0)), "0.png: got label 8, expected 0, 7, 26", mask_format=form)
    refused(folder(blocks(0, 7)), "classes: got 2, expected 3", classes=2, mask_format=form)


def test_a_format_of_0_and_1_does_not_take_255_for_void(folder):
    form = read(folder(blocks(0, 1)), 2).mask_format
    refused(folder(blocks(0, 255)), "only 0 and 255", mask_format=form)
    form = read(folder(blocks(0, 255)), 2).mask_format
    refused(folder(blocks(0, 1)), "0.png: got label 1, expected 0 or 255", mask_format=form)


def test_a_format_knows_its_palette(folder):
    form = read(folder(in_palette(blocks(0, 1), VOC)), 2).mask_format
    other = in_palette(blocks(1, 0), (VOC[1], VOC[0]))
    refused(folder(other), "0.png: its palette", mask_format=form)
    refused(folder(painted(blocks(0, 1))), "0.png: got a mask with colors", mask_format=form)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "shapes"}, {"classes": [[0, 0], [1, 255]]}, {"classes": 3}, {"void": "255"},
        {"classes": [[0]]}, {"instances": 1}, {"palette": [[0.5, 1]]}, {"more": 1},
    ],
)  # fmt: skip
def test_nonsense_formats_are_refused(change):
    good = json.loads(data.MaskFormat(classes=((0, 0), (1, 1))).to_json())
    assert data.MaskFormat.from_json(json.dumps(good)).classes == ((0, 0), (1, 1))
    with pytest.raises(ValueError, match="masks"):
        data.MaskFormat.from_json(json.dumps(good | change))


def test_one_mask_stands_for_itself(tmp_path):
    in_palette(blocks(0, 255), {0: (0, 0, 0), 255: (9, 9, 9)}).save(tmp_path / "a.png")
    np.testing.assert_array_equal(data.read_mask(tmp_path / "a.png", 2), blocks(0, 1))
    np.testing.assert_array_equal(data.read_mask(tmp_path / "a.png", 3), blocks(0, 255))


def test_runs_that_read_masks_in_another_way_have_other_contents(folder):
    contents = pytest.importorskip("upconv.training.origin").contents
    places = folder(disk(), disk(radius=10))
    low, high = (read(places, threshold=value).masks for value in (100, 128))
    assert contents(low) != contents(high)
    plain = read(folder(blocks(0, 255)), 2).masks
    assert contents(plain) == contents(type(plain)(plain.paths, plain.read))


# ---- the command line ----------------------------------------------------------------------------


def call(capsys, *arguments) -> tuple[int, str, str]:
    """Exit status, output and errors of the command line in this process."""
    from upconv.cli import main

    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def own(places) -> list:
    return ["--images", places[0], "--masks", places[1]]


def test_check_says_one_fact_a_line_and_draws_a_sheet(folder, tmp_path, capsys):
    places = folder(blocks(0, 1), blocks(0, 1, 255), mode="{}_mask")
    sheet = tmp_path / "sheet.png"
    arguments = ["--classes", "table,cup", "--out", sheet]
    status, out, _ = call(capsys, "data", "check", *own(places), *arguments)
    lines = out.splitlines()
    assert status == 0 and lines[0] == f"images: 2 in {places[0]}, 16 × 12 pixels"
    assert lines[1].startswith("masks: paired by name")
    assert lines[2] == "masks: table 43.8 %, cup 43.8 %, void 12.5 %"
    assert lines[3] == "classes: 2, table, cup" and lines[4] == str(sheet)
    with Image.open(sheet) as picture:
        assert picture.width == 1500 and picture.height > 300


def test_check_draws_a_sheet_unasked(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, out, _ = call(capsys, "data", "check", *own(folder(blocks(0, 1), blocks(0, 1))))
    assert status == 0 and out.splitlines()[-1] == "contact_sheet.png"
    with Image.open(tmp_path / "contact_sheet.png") as picture:
        assert picture.width == 1500


def test_check_refuses_as_training_does(folder, capsys):
    places = folder(painted(blocks(0, 1)))
    for command in (["data", "check"], ["train", "unet", "--data", "folder"]):
        status, out, error = call(capsys, *command, *own(places))
        assert (status, out) == (2, "") and "--colors" in error and len(error.splitlines()) == 1
    status, _, error = call(capsys, "data", "check", "--images", places[0])
    assert status == 2 and "data check needs --masks" in error
    status, _, error = call(capsys, "data", "--masks", places[1])
    assert status == 2 and "--masks requires: upconv data check" in error
    status, _, error = call(capsys, "data", "check", *own(places), "--out", "sheet.txt")
    assert status == 2 and "--out: got sheet.txt" in error


@pytest.mark.parametrize("command", ["train", "evaluate", "data"])
def test_help_says_what_a_mask_is(command, capsys):
    with pytest.raises(SystemExit):
        call(capsys, command, "--help")
    said = " ".join(capsys.readouterr().out.split())
    for words in ("A mask is a picture", "255 is void", "x_mask", "--colors", "--threshold"):
        assert words in said


@pytest.mark.parametrize("text", ["1.5", "a", "a,", "a,a", "0", "-2"])
def test_nonsense_classes_are_refused(text, capsys):
    with pytest.raises(SystemExit):
        call(capsys, "data", "check", "--classes", text)
    assert f"argument --classes: got {text}, expected" in capsys.readouterr().err


@pytest.fixture
def small(tmp_path):
    """Saves a network for two classes with what is told about it; it marks the bright pixels."""
    torch = pytest.importorskip("torch")
    from upconv import zoo

    def save(form: data.MaskFormat | None):
        torch.manual_seed(0)
        network = zoo.build("unet", 2, base_channels=2, depth=1, in_channels=3)
        path = tmp_path / "weights.safetensors"
        about = {"masks": form.to_json()} if form else None
        sizes = {"base_channels": 2, "depth": 1, "in_channels": 3}
        zoo.save(path, network, "unet", ("table", "cup"), about=about, **sizes)
        return path

    return save


def test_weights_keep_what_masks_mean(folder, small, capsys):
    from upconv import zoo

    form = read(folder(blocks(7, 26)), 2).mask_format
    weights = small(form)
    assert zoo.mask_format(weights) == form and zoo.mask_format(small(None)) is None
    places = folder(blocks(26, 26), blocks(26))  # alone it would be anything
    evaluate = ["evaluate", "--weights", small(form), "--data", "folder", *own(places)]
    status, out, error = call(capsys, *evaluate, "--json")
    assert status == 0 and "masks: cup 100.0 %; never seen: table" in error
    scores = json.loads(out)
    assert call(capsys, *evaluate, "--classes", "2")[0] == 0
    old = ["evaluate", "--weights", small(None), "--data", "folder", *own(folder(blocks(0, 1)))]
    assert call(capsys, *old)[0] == 0  # decided by the folder
    places = folder(blocks(1), blocks(1))  # the same pixels, told in another way
    one = data.MaskFormat(classes=((0, 0), (1, 1)), void=255)
    evaluate = ["evaluate", "--weights", small(one), "--data", "folder", *own(places), "--json"]
    assert json.loads(call(capsys, *evaluate)[1]) == scores
    places = folder(blocks(8))
    evaluate = ["evaluate", "--weights", small(form), "--data", "folder", *own(places)]
    status, _, error = call(capsys, *evaluate)
    assert status == 2 and "0.png: got label 8, expected 7 or 26" in error


def test_options_replace_what_weights_say(folder, small, capsys):
    form = data.MaskFormat(classes=((0, 0), (1, 1)), void=255)
    evaluate = ["evaluate", "--weights", small(form), "--data", "folder"]
    places = folder(disk(), disk(radius=8))
    status, _, error = call(capsys, *evaluate, *own(places))
    assert status == 2 and "got label" in error
    status, _, error = call(capsys, *evaluate, *own(places), "--threshold", "128")
    assert status == 0 and "values from 128 on were read as cup" in error


def test_weights_that_say_nonsense_of_masks_are_refused(folder, small, capsys):
    weights = small(data.MaskFormat("shapes"))
    evaluate = ["evaluate", "--weights", weights, "--data", "folder", *own(folder(blocks(0, 1)))]
    status, _, error = call(capsys, *evaluate)
    assert status == 2 and "weights.safetensors" in error and len(error.splitlines()) == 1


def test_training_needs_no_number_of_classes_and_keeps_the_format(folder, tmp_path, capsys):
    pytest.importorskip("torch")
    from upconv import zoo

    places = folder(*[blocks(0, 255, size=(32, 32))] * 2)
    out = tmp_path / "run"
    numbers = ["--steps", 1, "--batch", 1, "--crop", 32, "--base-channels", 2, "--device", "cpu"]
    train = ["train", "unet", "--data", "folder", *own(places), *numbers, "--out", out]
    status, _, error = call(capsys, *train)
    assert status == 0 and "255 was read as object" in error, error
    weights = out / "weights.safetensors"
    assert zoo.restore(weights)[1] == ("background", "object")
    assert zoo.mask_format(weights).classes == ((0, 0), (255, 1))


def test_training_weights_the_borders_of_numbered_masks(folder, tmp_path, capsys):
    pytest.importorskip("torch")
    places = folder(*MANY, ending="tif")
    numbers = ["--steps", 1, "--batch", 1, "--crop", 32, "--base-channels", 2, "--device", "cpu"]
    train = ["train", "unet", "--data", "folder", *own(places), *numbers, "--out", tmp_path / "r"]
    status, _, error = call(capsys, *train, "--instances", "--border-weight", 10)
    assert status == 0 and "read as an instance" in error, error


def test_what_predict_writes_is_read_as_masks(folder, small, tmp_path, capsys):
    places = folder(blocks(0, 1), blocks(1, 0))
    out, weights = tmp_path / "out", small(None)
    images = sorted(places[0].iterdir())
    assert call(capsys, "predict", "--weights", weights, "--out", out, *images)[0] == 0
    found = read((places[0], out), 2)
    assert "2 overlays" in found.notes[0] and "0.png with 0_mask.png" in found.notes[1]
    for mask, number in zip(found.masks, range(2), strict=True):
        np.testing.assert_array_equal(mask, np.asarray(Image.open(out / f"{number}_mask.png")))
    # Its numbers are classes, also where the training's masks were black and white.
    trained = data.MaskFormat(classes=((0, 0), (255, 1)), void=None, gray_palette=True)
    same(read((places[0], out), 2, mask_format=trained), *found.masks)
    mask = found.masks[0]
    for path in out.glob("*_mask.png"):
        indexed = Image.fromarray(mask)
        indexed.putpalette([9, 9, 9, 8, 8, 8])  # of another program
        indexed.save(path)
    refused((places[0], out), "_mask.png", mask_format=trained)


@pytest.mark.timing
def test_a_hundred_masks_a_second(folder):
    """A thousand of 512 × 512 are read and checked in ten seconds on two cores: 20 of both."""
    mask = np.zeros((512, 512), np.uint8)
    mask[100:200, 100:300], mask[300:400, 50:150] = 1, 2
    for masks in ([mask] * 50, [painted(mask)] * 50):
        paths = sorted(folder(*masks)[1].iterdir())
        colors = None if masks[0].ndim == 2 else "000000,800000,008000"
        start = time.process_time()
        data.find_mask_format(paths, 3, colors=colors)
        assert time.process_time() - start < 50 * 20 / 1000 * python_slowness()


# ---- reading with threads ------------------------------------------------------------------------


def test_files_are_read_in_their_order_and_the_first_error_in_it_is_raised():
    from upconv.data._checking import checked

    assert checked(lambda n: n * n, range(100), "numbers") == [n * n for n in range(100)]

    def late(number: int) -> int:
        if number in (3, 60):
            time.sleep(0.05 if number == 3 else 0)  # the second error comes first
            raise ValueError(f"number {number}")
        return number

    with pytest.raises(ValueError, match="number 3"):
        checked(late, range(61), "numbers")


def test_nothing_more_is_read_after_ctrl_c():
    from upconv.data._checking import checked

    read = []

    def stop(number: int) -> None:
        read.append(number)
        if number == 5:
            raise KeyboardInterrupt
        time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        checked(stop, range(2000), "numbers")
    assert len(read) < 1000


@pytest.mark.parametrize(("terminal", "progress"), [(True, True), (True, False), (False, True)])
def test_a_bar_is_shown_in_terminals_alone(monkeypatch, terminal, progress):
    import io
    import sys

    from upconv.data._checking import checked

    shown = io.StringIO()
    shown.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", shown)
    checked(abs, range(10), "masks", progress)
    assert ("reading masks" in shown.getvalue()) == (terminal and progress)
