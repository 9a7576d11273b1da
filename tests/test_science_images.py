"""Images of science: any depth, any number of channels, one range of values for a folder."""

from __future__ import annotations

import re
import struct
import zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from upconv import data, zoo
from upconv.cli import main
from upconv.data import BadData, read_like, read_raw, segmentation_folder
from upconv.data._scaling import resize
from upconv.inference import evaluate, predict
from upconv.pixels import to_pixels
from upconv.torch import UNet
from upconv.training import Settings, train
from upconv.training.augment import GeometricTransform, resample

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 4096, (20, 30), np.uint16)
COLOR = RNG.integers(0, 65536, (20, 30, 3), np.uint16)
FIVE = RNG.integers(0, 65536, (20, 30, 5), np.uint16)


# ---- a folder trains as well as its 8-bit version -----------------------------------------------


def discs(count, seed):
    """Images (H, W) in [0, 1] of discs on a ground, and their masks."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:40, :40]
    images, masks = [], []
    for _ in range(count):
        row, column = rng.integers(10, 30, 2)
        mask = (rows - row) ** 2 + (columns - column) ** 2 < rng.integers(36, 82)
        image = 0.25 + 0.35 * mask + rng.normal(0, 0.04, mask.shape)
        images.append(image.clip(0, 1))
        masks.append(mask.astype(np.uint8))
    return images, masks


# How an instrument may store what an 8-bit camera stores as 0 to 255.
STORED = {
    "8 bits": lambda image, place: (255 * image).astype(np.uint8),
    "12 bits in 16": lambda image, place: (4095 * image).astype(np.uint16),
    "offset by a camera": lambda image, place: (30000 + 500 * image).astype(np.uint16),
    "two exposures": lambda image, place: ((330, 500)[place % 2] * image).astype(np.uint16),
    "signed": lambda image, place: (3000 * (image - 1)).astype(np.int16),
    "floats from 0 to 1": lambda image, place: image.astype(np.float32),
    "small floats": lambda image, place: (1e-3 * image).astype(np.float32),
    "negative floats": lambda image, place: (image - 1).astype(np.float64),
    "32 bits": lambda image, place: (10**6 * image).astype(np.int32),
}


def as_before(values):
    """What was made of such files until now, file by file."""
    floats = values.dtype.kind == "f"
    values = values.astype(np.float32)
    top = 65535.0 if values.max() > 255 else 255.0
    if floats and values.min() >= 0 and values.max() <= 1:
        top = 1.0
    return np.clip(values * (255 / top), 0, 255).astype(np.uint8)


def learned(found):
    """IoU of the discs after a short training."""
    torch.manual_seed(0)
    channels = 1 if found.images[0].ndim == 2 else found.images[0].shape[2]
    network = UNet(2, channels, base_channels=8, depth=2, padded=True, norm="batch")
    settings = Settings(steps=40, batch=4, crop=32, learning_rate=5e-3, precision="fp32")
    train(network, found, settings, device="cpu", progress=False)
    return evaluate(network, found, device="cpu").class_iou[1]


@pytest.fixture(scope="module")
def of_8_bits(tmp_path_factory):
    return learned(folder_of(tmp_path_factory.mktemp("bytes"), "8 bits"))


def folder_of(place, kind):
    images, masks = discs(8, seed=1)
    for name in ("images", "masks"):
        (place / name).mkdir()
    for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
        tifffile.imwrite(place / "images" / f"{number}.tif", STORED[kind](image, number))
        Image.fromarray(mask).save(place / "masks" / f"{number}.png")
    return segmentation_folder(place / "images", place / "masks", 2, channels=1)


def of_images(found):
    """What was said of a folder's images."""
    return tuple(note for note in found.notes if not note.startswith("masks: "))


@pytest.mark.parametrize("kind", ["12 bits in 16", "two exposures", "signed", "small floats"])
def test_a_folder_of_any_depth_trains_as_of_8_bits(tmp_path, of_8_bits, kind):
    found = folder_of(tmp_path, kind)
    assert of_8_bits > 0.8
    assert learned(found) > 0.9 * of_8_bits
    before = np.stack([as_before(image) for image in found.images])
    masks = np.stack(list(found.masks))
    assert learned(data.SegmentationSet("before", found.classes, before, masks)) < 0.6 * of_8_bits


@pytest.mark.parametrize("kind", list(STORED)[1:])
def test_what_a_network_sees_of_any_depth_is_the_picture(tmp_path, kind):
    found = folder_of(tmp_path, kind)
    assert found.images[0].dtype != np.uint8
    assert len(of_images(found)) == 1, found.notes
    assert of_images(found)[0].endswith("become 0 to 1")
    images, _ = discs(8, seed=1)
    seen = to_pixels(np.stack(list(found.images)), 1, found.value_range).numpy()
    assert seen.max() - seen.min() > 0.5
    for picture, image in zip(seen, images, strict=True):
        assert np.corrcoef(picture.ravel(), image.ravel())[0, 1] > 0.999
    before = np.stack([as_before(image) for image in found.images]) / 255
    if kind != "floats from 0 to 1":  # were read well
        assert before.std() < 0.05 or kind == "two exposures"


# ---- what microscopes, scanners and programs write ----------------------------------------------


def write_png(path, values):
    """A PNG of 16 bits, which Pillow cannot write in color."""
    height, width, count = (*values.shape, 1)[:3]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    size = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    parts = ((b"IHDR", size), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, part in parts:
            sum_of = struct.pack(">I", zlib.crc32(name + part))
            file.write(struct.pack(">I", len(part)) + name + part + sum_of)


def pages(values):
    return np.ascontiguousarray(values.transpose(2, 0, 1))


SEPARATE = {"photometric": "minisblack", "planarconfig": "separate"}
RGB = {"photometric": "rgb"}
BYTES = FIVE.astype(np.uint8)
CONTIGUOUS = {"photometric": "minisblack", "planarconfig": "contig"}
CHANNELS = {"metadata": {"axes": "CYX"}}
# What is stored, what is read of it, and how it is stored.
WRITTEN = {
    "gray": (GRAY, GRAY, {}),
    "gray, big-endian": (GRAY, GRAY, {"byteorder": ">"}),
    "gray, white is 0": (GRAY, 65535 - GRAY, {"photometric": "miniswhite"}),
    "ImageJ": (GRAY, GRAY, {"imagej": True}),
    "signed": (GRAY.astype(np.int16) - 99, GRAY.astype(np.int16) - 99, {}),
    "signed bytes": (BYTES[..., 0].view(np.int8), BYTES[..., 0].view(np.int8).astype(np.int16), {}),
    "unsigned 32 bits": (GRAY.astype(np.uint32), GRAY.astype(np.int32), {}),
    "doubles": (GRAY / 7, (GRAY / 7).astype(np.float32), {}),
    "half floats": (GRAY.astype(np.float16), GRAY.astype(np.float16).astype(np.float32), {}),
    "color": (COLOR, COLOR, RGB),
    "color, deflate": (COLOR, COLOR, {"compression": "zlib", **RGB}),
    "color, BigTIFF": (COLOR, COLOR, {"bigtiff": True, **RGB}),
    "color, in planes": (pages(COLOR), COLOR, {"planarconfig": "separate", **RGB}),
    "five in planes": (pages(FIVE), FIVE, SEPARATE),
    "five interleaved": (FIVE, FIVE, CONTIGUOUS),
    "five pages": (pages(FIVE), FIVE, {}),
    "ImageJ, five channels": (pages(FIVE), FIVE, {"imagej": True, **CHANNELS}),
    "OME, five channels": (pages(FIVE), FIVE, {"ome": True, **CHANNELS}),
    "ImageJ, two of bytes": (pages(BYTES)[:2], BYTES[..., :2], {"imagej": True, **CHANNELS}),
    "a fourth of bytes": (BYTES[..., :4], BYTES[..., :4], {"extrasamples": [0], **RGB}),
}


@pytest.mark.parametrize("kind", list(WRITTEN))
def test_tiff_files_are_read_as_they_were_written(tmp_path, kind):
    stored, expected, options = WRITTEN[kind]
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, stored, **options)
    channels = 1 if expected.ndim == 2 else expected.shape[2]
    found = read_raw(path, channels)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    if channels == 1:
        np.testing.assert_array_equal(read_raw(path)[..., 2], expected)  # gray in three
    elif channels > 3:
        with pytest.raises(BadData, match=f"--channels {channels}"):
            read_raw(path)


def test_gray_pages_are_read_with_every_compression(tmp_path):
    path, frames = tmp_path / "image.tif", [Image.fromarray(each) for each in pages(FIVE)]
    frames[0].save(path, compression="tiff_lzw")
    np.testing.assert_array_equal(read_raw(path, 1), FIVE[..., 0])
    frames[0].save(path, compression="tiff_lzw", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_raw(path, 5), FIVE)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_png_files_of_16_bits_keep_them(tmp_path, count):
    values = RNG.integers(0, 65536, (9, 7, count), np.uint16)
    values = values[..., 0] if count == 1 else values
    write_png(tmp_path / "image.png", values)
    np.testing.assert_array_equal(read_raw(tmp_path / "image.png", count), values)
    if count == 4:  # transparency is put on white
        values[..., 3] = (0, 65535, 0, 65535, 0, 0, 0)
        write_png(tmp_path / "image.png", values)
        found = read_raw(tmp_path / "image.png")
        assert (found[:, [0, 2, 4]] == 65535).all()
        np.testing.assert_array_equal(found[:, [1, 3]], values[:, [1, 3], :3])


def animation(path):
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue", "green")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def two_images(path):
    with tifffile.TiffWriter(path) as file:
        file.write(COLOR, **RGB)
        file.write(GRAY)


STACKS = {
    "slices.tif": (
        lambda p: tifffile.imwrite(p, pages(FIVE), imagej=True, metadata={"axes": "ZYX"}),
        "got a stack of 5 slices .Z., expected one image: save each as a file",
    ),
    "times.tif": (
        lambda p: tifffile.imwrite(p, pages(FIVE), ome=True, metadata={"axes": "TYX"}),
        "got a stack of 5 times .T., expected one image",
    ),
    "pages.tif": (
        lambda p: tifffile.imwrite(p, pages(FIVE)),
        "got a stack of 5 pages.*or, if they are channels, use --channels 5",
    ),
    "scan.tif": (animation, "got a stack of 3 pages, expected one image: save each as a file$"),
    "series.tif": (two_images, "got 2 images in one file"),
    "moving.gif": (animation, "got an animation of 3 images"),
    "moving.png": (animation, "got an animation of 3 images"),
    "moving.webp": (animation, "got an animation of 3 images"),
}


@pytest.mark.parametrize("name", list(STACKS))
def test_the_first_of_several_images_is_not_taken_for_all(tmp_path, name):
    write, message = STACKS[name]
    write(tmp_path / name)
    with pytest.raises(BadData, match=message) as caught:
        read_raw(tmp_path / name)
    assert "\n" not in str(caught.value)


def with_thumbnail(path):
    with tifffile.TiffWriter(path) as file:
        file.write(COLOR, **RGB)
        file.write(COLOR[::4, ::4], subfiletype=1, **RGB)


def pyramid(path):
    with tifffile.TiffWriter(path) as file:
        file.write(COLOR, subifds=1, **RGB)
        file.write(COLOR[::2, ::2], subfiletype=1, **RGB)


@pytest.mark.parametrize("write", [with_thumbnail, pyramid])
def test_smaller_copies_of_an_image_make_no_stack(tmp_path, write):
    write(tmp_path / "image.tif")
    np.testing.assert_array_equal(read_raw(tmp_path / "image.tif"), COLOR)


def test_a_photograph_with_a_depth_map_is_a_photograph(tmp_path):
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    first.save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=[second])
    found = read_raw(tmp_path / "phone.jpg")
    assert found.shape == (8, 8, 3) and (found[..., 0] > 200).all() and (found[..., 2] < 50).all()


def test_a_part_of_a_set_of_files_is_read_alone(tmp_path):
    """OME-TIFF files name each other; others' pixels are not this image's."""
    planes = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{z}.ome.tif">urn:uuid:{z}</UUID></TiffData>'
        for z in (0, 1)
    )
    whole = tifffile.OmeXml()
    whole.addimage("uint16", (2, 20, 30), (2, 1, 1, 20, 30, 1), axes="ZYX")
    start, _, rest = whole.tostring().partition("<TiffData")
    for number, values in enumerate((GRAY, GRAY[::-1])):
        xml = start + planes + rest[rest.index("</Pixels>") :]
        xml = re.sub(r'UUID="[^"]+"', f'UUID="urn:uuid:{number}"', xml, count=1)
        tifffile.imwrite(tmp_path / f"{number}.ome.tif", values, description=xml, metadata=None)
    with tifffile.TiffFile(tmp_path / "1.ome.tif") as file:
        assert file.series[0].shape == (2, 20, 30)  # that of the whole set
    np.testing.assert_array_equal(read_raw(tmp_path / "1.ome.tif", 1), GRAY[::-1])


def test_values_that_are_no_numbers_are_counted(tmp_path):
    values = GRAY.astype(np.float32)
    values[2, 3:6] = np.nan, np.inf, -np.inf
    tifffile.imwrite(tmp_path / "image.tif", values)
    with pytest.raises(
        BadData, match=r"image\.tif: got infinite or NaN values \(3 of 600\).*nan_to"
    ):
        read_raw(tmp_path / "image.tif")
    tifffile.imwrite(tmp_path / "image.tif", GRAY.astype(np.complex64))
    with pytest.raises(BadData, match=r"image\.tif: got values of complex64"):
        read_raw(tmp_path / "image.tif")
    tifffile.imwrite(tmp_path / "image.tif", GRAY.astype(np.uint32) + 2**31)
    with pytest.raises(BadData, match=r"image\.tif: got values from 2,147,.*save it as float32"):
        read_raw(tmp_path / "image.tif")


def test_what_tifffile_cannot_decode_is_not_read_with_fewer_bits(tmp_path, monkeypatch):
    """Pillow opens such a file, and would keep 8 of 16 bits."""
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, COLOR, **RGB)

    def refuse(*args, **options):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", refuse)
    with pytest.raises(BadData, match=r"3 channels of 16 bits.*without compression, or: pip"):
        read_raw(path)
    monkeypatch.setattr(tifffile, "TiffFile", refuse)
    with pytest.raises(BadData, match="neither Pillow nor tifffile"):
        read_raw(path)


def test_pictures_of_8_bits_are_what_they_were(tmp_path):
    """Bit by bit what Pillow makes of them, from every format, for three channels and for one."""
    base = RNG.integers(0, 256, (20, 30, 4), np.uint8)
    glass = Image.fromarray(base, "RGBA")
    plain = glass.convert("RGB")
    pictures = {
        "a.png": plain, "b.jpg": plain, "c.tif": plain, "d.webp": plain, "e.bmp": plain,
        "f.gif": plain, "g.png": plain.convert("L"), "h.png": plain.convert("1"),
        "i.png": plain.convert("P"), "j.jpg": plain.convert("CMYK"), "k.tif": plain.convert("CMYK"),
        "l.tif": plain.convert("P"), "m.tif": plain.convert("1"), "n.tif": plain.convert("L"),
        "o.jpg": plain.convert("L"),
    }  # fmt: skip
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
        with Image.open(tmp_path / name) as file:
            expected = file.convert("RGB")
        np.testing.assert_array_equal(read_raw(tmp_path / name), np.asarray(expected), name)
        np.testing.assert_array_equal(data.read_image(tmp_path / name), np.asarray(expected))
        gray = np.asarray(expected.convert("L"))
        np.testing.assert_array_equal(read_raw(tmp_path / name, 1), gray, name)
    white = Image.alpha_composite(Image.new("RGBA", glass.size, "white"), glass).convert("RGB")
    for name in ("glass.png", "glass.tif"):
        glass.save(tmp_path / name)
        np.testing.assert_array_equal(read_raw(tmp_path / name), np.asarray(white))
        np.testing.assert_array_equal(read_raw(tmp_path / name, 4), base)
    plain.convert("P").save(tmp_path / "p.png", transparency=0)
    assert read_raw(tmp_path / "p.png").shape == (20, 30, 3)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp", "deep.tif", "deep.png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_upright(tmp_path, ending, orientation):
    """The eight orientations of EXIF: what is stored, and how it is seen."""
    stored = np.zeros((32, 48, 3), np.uint8)
    stored[:16, :24], stored[16:, 24:] = (255, 255, 0), (0, 0, 255)
    path = tmp_path / f"image.{ending}"
    exif = Image.Exif()
    exif[274] = orientation
    if ending == "deep.tif":
        turned = [(274, "H", 1, orientation, True)]
        tifffile.imwrite(path, stored.astype(np.uint16) * 257, extratags=turned, **RGB)
    elif ending == "deep.png":
        write_png(path, stored.astype(np.uint16) * 257)
        text = path.read_bytes()
        block = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
        block = struct.pack(">I", len(block) - 4) + block + struct.pack(">I", zlib.crc32(block))
        path.write_bytes(text[:33] + block + text[33:])
    else:
        lossless = {"quality": 95, "subsampling": 0} if ending == "jpg" else {"lossless": True}
        Image.fromarray(stored).save(path, exif=exif, **(lossless if ending != "tif" else {}))
    seen = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1],
        5: stored.swapaxes(0, 1), 6: np.rot90(stored, -1),
        7: np.rot90(stored, 2).swapaxes(0, 1), 8: np.rot90(stored),
    }[orientation]  # fmt: skip
    found = read_raw(path)
    assert found.shape == seen.shape
    assert np.abs(found / (1 if found.dtype == np.uint8 else 257) - seen).max() < 30


# ---- one range for a folder ---------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Write images, by name, with masks; return how to load them."""

    def write(images, **options):
        for name in ("images", "masks"):
            (tmp_path / name).mkdir(exist_ok=True)
        for name, image in images.items():
            if isinstance(image, Image.Image):
                image.save(tmp_path / "images" / name)
                size = image.size[::-1]
            else:
                tifffile.imwrite(
                    tmp_path / "images" / name, image, **(RGB if image.ndim == 3 else {})
                )
                size = image.shape[:2]
            mask = np.arange(size[0] * size[1], dtype=np.uint8).reshape(size) % 2
            Image.fromarray(mask).save(tmp_path / "masks" / f"{name.partition('.')[0]}.png")
        return segmentation_folder(tmp_path / "images", tmp_path / "masks", 2, **options)

    return write


def test_the_range_is_one_for_the_folder(folder):
    found = folder({"a.tif": GRAY // 20 + 12, "b.tif": GRAY + 12})
    low, high = int((GRAY // 20 + 12).min()), int(GRAY.max()) + 12
    assert found.value_range == (low, high)
    assert of_images(found) == (f"images: 16 bits, values {low:,} to {high:,} become 0 to 1",)
    # Without checking files, the range is found, too.
    assert folder({}, check=False).value_range == (low, high)


def test_a_range_can_be_given(folder):
    found = folder({"a.tif": GRAY}, value_range=(0, 1000))
    assert found.value_range == (0, 1000)
    share = 100 * (GRAY > 1000).mean()
    assert "0 to 1,000 become 0 to 1" in found.notes[0]
    assert f"{share:.1f} % of the values lie beyond" in found.notes[1]
    with pytest.raises(ValueError, match="value_range"):
        folder({}, value_range=(5, 5))


def test_16_bits_that_end_at_255_are_used(folder):
    values = (GRAY // 16).astype(np.uint16)
    values[0, :2] = 0, 255
    found = folder({"a.tif": values})
    network = UNet(2, 1, base_channels=4, depth=1, padded=True)
    train(network, found, Settings(steps=1, batch=1, crop=16), device="cpu", progress=False)
    assert "0 to 255 become 0 to 1" in found.notes[0]
    for value_range in (None, (0, 255)):
        assert predict(network, folder({}, value_range=value_range).images[0][None]).shape


def test_hot_pixels_are_said_and_not_clipped(folder):
    hot = GRAY // 40
    hot = np.tile(hot, (10, 10))
    hot[5, 5] = 65535
    found = folder({"a.tif": hot})
    assert found.value_range == (0, 65535)
    assert "the brightest is 65,535" in found.notes[1] and "--range 0 1" in found.notes[1]
    assert len(of_images(folder({"a.tif": np.tile(GRAY, (10, 10))}))) == 1


def test_nearly_black_folders_of_8_bits_are_said(folder):
    dark = (GRAY // 256).astype(np.uint8)
    found = folder({"a.tif": dark})
    assert found.value_range == (0, 255)
    assert of_images(found) == (
        "images: 8 bits, but the brightest value is 15 of 255; if that is their white, "
        "use --range 0 15",
    )
    assert folder({"a.tif": dark}, value_range=(0, 15)).value_range == (0, 15)
    assert of_images(folder({"a.tif": (GRAY // 16).astype(np.uint8)})) == ()


MIXED = {
    "16 bits, expected 8 bits": ((GRAY // 16).astype(np.uint8), GRAY),
    "floats, expected 16 bits": (GRAY, GRAY.astype(np.float32)),
    "floats, expected 8 bits": ((GRAY // 16).astype(np.uint8), GRAY / 4096),
}


@pytest.mark.parametrize("kind", list(MIXED))
def test_kinds_are_not_mixed(folder, kind):
    first, second = MIXED[kind]
    for check in (True, False):
        with pytest.raises(
            BadData, match=rf"b\.tif: got {kind} as in .*a\.tif: save all"
        ) as caught:
            folder({"a.tif": first, "b.tif": second}, check=check)
        assert "\n" not in str(caught.value)
    assert folder({"a.tif": GRAY, "b.tif": GRAY.astype(np.int32)}).value_range == (0, GRAY.max())


@pytest.mark.parametrize("value", [0, 255])
def test_flat_images_are_refused_by_name(folder, value):
    flat = Image.new("L", (30, 20), value)
    with pytest.raises(BadData, match=rf"b\.png: got {value} in every pixel, like 1 more"):
        folder({"a.png": Image.fromarray(COLOR.astype(np.uint8)), "b.png": flat, "c.png": flat})


def test_transparency_is_said(folder):
    glass = Image.fromarray(RNG.integers(0, 256, (20, 30, 4), np.uint8), "RGBA")
    plain = Image.fromarray(COLOR.astype(np.uint8))
    found = folder({"a.png": glass, "b.png": plain})
    assert of_images(found) == (
        "images: 1 of 2 have transparency, put on white; to use it as a channel: --channels 4",
    )
    with pytest.raises(
        BadData, match=r"b\.png: got 3 channels, expected 4: train with --channels 3"
    ):
        folder({}, channels=4)


def test_generators_and_painters_see_deep_images(tmp_path):
    for number, values in enumerate((GRAY, GRAY // 8)):
        tifffile.imwrite(tmp_path / f"{number}.tif", values)
    files, squares = data.image_files(tmp_path), data.square_images(tmp_path, 16)
    assert files[0].dtype == np.uint8 and files[0].shape == (20, 30, 3)
    assert files[0].max() == 255 and 20 < files[1].max() < 40
    assert squares.images.shape == (2, 16, 16, 3) and squares.images[0].max() > 150
    expected = ("images: 16 bits, values 0 to 4,0",)
    assert files.notes[0].startswith(expected) and squares.notes == files.notes
    Image.fromarray(COLOR.astype(np.uint8)).save(tmp_path / "2.png")
    with pytest.raises(BadData, match=r"2\.png: got 8 bits, expected 16 bits"):
        data.square_images(tmp_path, 16)


# ---- trained networks and what they are given ----------------------------------------------------


def test_a_file_of_another_kind_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "deep.tif", GRAY)
    tifffile.imwrite(tmp_path / "bytes.tif", (GRAY // 16).astype(np.uint8))
    tifffile.imwrite(tmp_path / "floats.tif", GRAY / np.float32(4095))
    wide, ones, byte = (12.0, 4095.0), (0.0, 1.0), (0.0, 255.0)
    right = {"deep.tif": wide, "bytes.tif": byte, "floats.tif": ones}
    for name in right:
        for value_range in (wide, ones, byte):
            if right[name] == value_range:
                assert read_like(tmp_path / name, 1, value_range).shape == GRAY.shape
                continue
            with pytest.raises(BadData, match=rf"{name}: got .*--range LOW HIGH says"):
                read_like(tmp_path / name, 1, value_range)
    said = []
    read_like(tmp_path / "deep.tif", 1, (0.0, 1000.0), say=said.append)
    assert len(said) == 1 and "% of the values lie beyond 0 to 1,000" in said[0]
    tifffile.imwrite(tmp_path / "flat.tif", np.full((9, 9), 7, np.uint16))
    read_like(tmp_path / "flat.tif", 1, wide, say=said.append)
    assert said[1].endswith("flat.tif: 7 in every pixel")


def test_weights_and_onnx_keep_range_and_channels(tmp_path):
    pytest.importorskip("onnxruntime")
    from upconv import onnx

    torch.manual_seed(0)
    sizes = {"in_channels": 5, "base_channels": 4, "depth": 1}
    network = zoo.build("unet", 2, **sizes).eval()
    network.value_range = (12.0, 65000.0)
    zoo.save(tmp_path / "weights.safetensors", network, "unet", ("a", "b"), **sizes)
    restored, _, _ = zoo.restore(tmp_path / "weights.safetensors")
    onnx.export(restored, tmp_path / "network.onnx", about={})
    exported = onnx.Network(tmp_path / "network.onnx")
    assert exported.value_range == restored.value_range == (12.0, 65000.0)
    assert exported.in_channels == 5
    expected = predict(network, FIVE[None], device="cpu", precision="fp32")
    for other in (restored, exported):
        found = predict(other, FIVE[None], device="cpu", precision="fp32")
        assert (found == expected).mean() > 0.99
    with pytest.raises(ValueError, match="value_range"):
        onnx._check_told({"value_range": [3, 3]})
    del network.value_range
    onnx.export(network, tmp_path / "network.onnx", about={})
    assert not hasattr(onnx.Network(tmp_path / "network.onnx"), "value_range")


# ---- augmentation of any values -----------------------------------------------------------------

EVERY = [np.uint8, np.uint16, np.int16, np.int32, np.float32]


def _resized(image, size):
    return resize(image, size[::-1], Image.Resampling.BILINEAR, gap=2.0)


@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize("shape", [(12, 16), (12, 16, 3), (12, 16, 4), (12, 16, 5), (12, 16, 2)])
def test_images_of_any_values_are_zoomed_and_warped(dtype, shape):
    low, high = (0, 1) if dtype == np.float32 else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    extremes = np.where(RNG.random(shape) < 0.5, low, high).astype(dtype)
    ramp = np.linspace(low, high, 16).astype(dtype)
    smooth = np.broadcast_to(ramp.reshape(1, 16, *[1] * (len(shape) - 2)), shape)
    turn = GeometricTransform((5.5, 7.5), 0.3, (1, -1))
    tolerance = 0.03 * (high - low)
    for image in (extremes, smooth):
        for found in (_resized(image, (23, 17)), resample(image, turn.coordinates((17, 23)))):
            assert found.dtype == dtype and found.shape == (17, 23, *shape[2:])
            rounding = 1e-6 if dtype == np.float32 else 0
            assert found.min() >= image.min() - rounding
            assert found.max() <= image.max() + rounding
    wide = _resized(smooth, (31, 12)).astype(np.float64)
    expected = np.interp(
        (np.arange(31) + 0.5) * 16 / 31 - 0.5, np.arange(16), ramp.astype(np.float64)
    )
    seen = wide.reshape(12, 31, -1)[3]
    assert np.abs(seen - expected[:, None]).max() < tolerance


def test_channels_of_a_zoomed_image_do_not_mix():
    """As opacity, a channel of zeros would make the others black."""
    image = RNG.integers(0, 256, (12, 16, 4), np.uint8)
    image[..., 3] = 0
    alone = _resized(np.ascontiguousarray(image[..., :3]), (23, 17))
    np.testing.assert_array_equal(_resized(image, (23, 17))[..., :3], alone)


# ---- the command line ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spectral(tmp_path_factory):
    """A folder of five-channel images and a U-Net trained on it."""
    place = tmp_path_factory.mktemp("spectral")
    images, masks = discs(4, seed=2)
    for name in ("images", "masks"):
        (place / name).mkdir()
    for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
        values = np.stack([(4095 * image).astype(np.uint16)] * 5)
        tifffile.imwrite(place / "images" / f"{number}.tif", values, **SEPARATE)
        Image.fromarray(mask).save(place / "masks" / f"{number}.png")
    small = ["--base-channels", "4", "--steps", "2", "--batch", "2", "--crop", "32"]
    main(["train", "unet", *of(place), *small, "--channels", "5", "--out", str(place / "run")])
    return place


def of(place, images="images"):
    return [
        "--data", "folder", "--images", str(place / images), "--masks", str(place / "masks"),
        "--classes", "2", "--device", "cpu",
    ]  # fmt: skip


def test_five_channels_train_evaluate_and_predict(spectral, capsys):
    weights = ["--weights", str(spectral / "run" / "weights.safetensors")]
    main(["evaluate", *weights, *of(spectral)])
    found = capsys.readouterr()
    assert "mean iou" in found.out and found.err.count("images: 16 bits, values") == 1
    main(["predict", *weights, "--out", str(spectral / "out"), str(spectral / "images" / "0.tif")])
    overlay = np.asarray(Image.open(spectral / "out" / "0_overlay.png"))
    assert overlay.shape == (40, 40, 3) and overlay.std() > 5


def failed(capsys, *arguments):
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as error:  # of argparse
        code = error.code
    assert code
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "Traceback" not in message
    return message


def test_what_does_not_fit_is_said_in_one_line(spectral, tmp_path, capsys):
    weights = ("--weights", spectral / "run" / "weights.safetensors")
    out = ("--out", tmp_path / "out")
    image = spectral / "images" / "0.tif"
    message = failed(capsys, "train", "unet", *of(spectral), *out)
    assert "got 5 channels, expected 3: train with --channels 5" in message
    message = failed(capsys, "train", "fcn8s", *of(spectral), *out, "--channels", 5)
    assert "--channels: fcn8s does not use it, only U-Nets do" in message
    message = failed(capsys, "train", "unet", "--data", "membranes", *out, "--channels", 1)
    assert "--channels requires --data folder" in message
    message = failed(capsys, "train", "unet", *of(spectral), *out, "--range", 9, 3)
    assert "--range: got 9 3, expected LOW below HIGH" in message
    message = failed(capsys, "train", "unet", *of(spectral), *out, "--range", "nan", 3)
    assert "--range: got nan, expected a finite number" in message
    tifffile.imwrite(tmp_path / "gray.tif", GRAY)
    message = failed(capsys, "predict", *weights, *out, tmp_path / "gray.tif")
    assert "gray.tif: got 1 channel, expected 5" in message
    tifffile.imwrite(tmp_path / "bytes.tif", BYTES, **CONTIGUOUS)
    message = failed(capsys, "predict", *weights, *out, tmp_path / "bytes.tif")
    assert "bytes.tif: got 8 bits" in message and "--range LOW HIGH" in message
    main(
        ["predict", *map(str, (*weights, *out)), "--range", "0", "255", str(tmp_path / "bytes.tif")]
    )
    assert (tmp_path / "out" / "bytes_mask.png").exists()
    assert not (tmp_path / "out" / "gray_mask.png").exists()
    assert image.exists()
