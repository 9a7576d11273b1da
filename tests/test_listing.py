"""Which files of a folder are images: what systems, phones and programs add is skipped and said."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from upconv import data
from upconv.data import BadData
from upconv.data._listing import check_layout, list_images, stem_of


def picture(path, color="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (8, 6), color)
    image.putpixel((0, 0), (1, 2, 3))
    image.save(path)


def names(listing):
    return [path.relative_to(listing.folder).as_posix() for path in listing.paths]


def test_images_of_every_extension_are_listed(tmp_path):
    known = ["a.png", "b.JPG", "c.Jpeg", "d.tif", "e.TIFF", "f.bmp", "g.webp", "h.gif", "i.jfif"]
    for name in known:
        picture(tmp_path / name)
    found = list_images(tmp_path)
    assert names(found) == known and found.notes == () and not found.nested


SKIPPED = {
    ".DS_Store": "1 hidden",
    "._a.png": "1 hidden",
    ".hidden.jpg": "1 hidden",
    "~$a.png": "1 hidden",
    ".IMG_1.HEIC.icloud": "1 not downloaded (.icloud)",
    "Thumbs.db": "1 of the system",
    "desktop.ini": "1 of the system",
    "__MACOSX/a.png": "1 of the system",
    "IMG_1.HEIC": "1 .heic (convert it to JPEG or PNG)",
    "IMG_1.dng": "1 .dng (convert it to JPEG, PNG or TIFF)",
    "IMG_1.CR2": "1 .cr2 (convert it to JPEG, PNG or TIFF)",
    "IMG_1.NEF": "1 .nef (convert it to JPEG, PNG or TIFF)",
    "scan.jp2": "1 .jp2 (convert it to JPEG, PNG or TIFF)",
    "drawing.svg": "1 .svg (convert it to JPEG or PNG)",
    "scan.pdf": "1 .pdf (convert it to JPEG or PNG)",
    "cells.npy": "1 .npy (convert it to TIFF)",
    "cells.mat": "1 .mat (convert it to TIFF)",
    "brain.nii": "1 .nii (convert it to TIFF)",
    "brain.nii.gz": "1 .nii.gz (convert it to TIFF)",
    "cells.czi": "1 .czi (convert it to TIFF)",
    "cells.nd2": "1 .nd2 (convert it to TIFF)",
    "cells.lif": "1 .lif (convert it to TIFF)",
    "slice.dcm": "1 .dcm (convert it to TIFF)",
    "IMG_1.AAE": "1 .aae",
    "IMG_1.xmp": "1 .xmp",
    "b.png.crdownload": "1 .crdownload",
    "classes.txt": "1 .txt",
    "README": "1 without extension",
}


@pytest.mark.parametrize("name", list(SKIPPED))
@pytest.mark.parametrize("everywhere", [False, True])
def test_what_is_skipped_is_said(tmp_path, name, everywhere):
    picture(tmp_path / "a.png")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"x")
    found = list_images(tmp_path, everywhere=everywhere)
    assert names(found) == ["a.png"]
    assert found.notes == (f"{tmp_path}: 1 skipped: {SKIPPED[name]}",)


def test_what_is_skipped_is_one_line(tmp_path):
    picture(tmp_path / "a.png")
    for name in ("1.heic", "2.HEIC", "._a.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    [note] = list_images(tmp_path).notes
    assert note == (
        f"{tmp_path}: 4 skipped: 2 .heic (convert them to JPEG or PNG), 1 .txt, 1 hidden"
    )


def test_a_folder_without_images_says_what_it_has(tmp_path):
    with pytest.raises(BadData, match=r"contains no images \(.*\.png.*\)$"):
        list_images(tmp_path)
    (tmp_path / "1.heic").write_bytes(b"x")
    for load in (list_images, data.image_files, data.square_images):
        with pytest.raises(
            BadData, match=r"contains no images .*; 1 skipped: 1 .heic \(convert it"
        ):
            load(tmp_path)
    with pytest.raises(BadData, match="not a folder, expected masks"):
        list_images(tmp_path / "1.heic", "masks")


@pytest.mark.parametrize("everywhere", [False, True])
def test_empty_files_and_dead_links_are_refused_by_name(tmp_path, everywhere):
    picture(tmp_path / "a.png")
    (tmp_path / "b.jpg").touch()
    with pytest.raises(BadData, match=r"b\.jpg: got an empty file, .* copy it again or delete it"):
        list_images(tmp_path, everywhere=everywhere)
    (tmp_path / "b.jpg").unlink()
    (tmp_path / "c.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(BadData, match=r"c\.png: a link to a file that is missing"):
        list_images(tmp_path, everywhere=everywhere)


def test_images_in_subfolders_are_followed_or_said(tmp_path):
    picture(tmp_path / "one" / "a.png")
    picture(tmp_path / "two" / "deep" / "a.jpg")
    (tmp_path / "two" / "._a.jpg").write_bytes(b"x")
    found = list_images(tmp_path)
    assert names(found) == ["one/a.png", "two/deep/a.jpg"] and found.nested
    assert [found.key(path) for path in found.paths] == ["one/a", "two/deep/a"]
    assert found.notes == (f"{tmp_path}: 1 skipped: 1 hidden",)
    picture(tmp_path / "b.png")  # now the folder has images of its own
    found = list_images(tmp_path)
    assert names(found) == ["b.png"] and not found.nested
    assert found.notes == (f"{tmp_path}: 2 skipped: 2 images in a subfolder",)
    assert names(list_images(tmp_path, everywhere=True)) == ["b.png", "one/a.png", "two/deep/a.jpg"]


def test_links_back_end(tmp_path):
    picture(tmp_path / "one" / "a.png")
    (tmp_path / "one" / "back").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "two").symlink_to(tmp_path / "one", target_is_directory=True)
    found = list_images(tmp_path)
    assert len(found.paths) == 1
    assert "2 links to a folder seen before" in found.notes[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_pipes_are_refused(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(BadData, match="not a file, expected an image"):
        data.image_files(tmp_path)[0]


def test_images_and_masks_lie_alike(tmp_path):
    for name in ("a", "b"):
        picture(tmp_path / "images" / name / "x.png")
        for folder in ("nested", "flat"):
            mask = np.zeros((6, 8), np.uint8)
            mask[2:4] = 1
            place = tmp_path / folder / (f"{name}/x.png" if folder == "nested" else f"{name}.png")
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(place)
    found = data.segmentation_folder(tmp_path / "images", tmp_path / "nested", 2)
    assert len(found) == 2
    with pytest.raises(BadData, match=r"files in subfolders, but those of .*flat are in none"):
        data.segmentation_folder(tmp_path / "images", tmp_path / "flat", 2)
    images, flat = list_images(tmp_path / "images"), list_images(tmp_path / "flat")
    with pytest.raises(BadData, match="the same subfolders in both: move the files"):
        check_layout(flat, images)


def test_notes_of_both_folders_are_kept(tmp_path):
    for folder in ("images", "masks"):
        picture(tmp_path / folder / "a.png")
        (tmp_path / folder / "Thumbs.db").write_bytes(b"x")
    Image.fromarray(np.eye(6, 8, dtype=np.uint8)).save(tmp_path / "masks" / "a.png")
    found = data.segmentation_folder(tmp_path / "images", tmp_path / "masks", 2)
    assert [note.rpartition("/")[2] for note in found.notes] == [
        "images: 1 skipped: 1 of the system",
        "masks: 1 skipped: 1 of the system",
    ]
    assert data.square_images(tmp_path / "images", 8).notes == found.notes[:1]


def test_extensions_of_two_parts_are_one(tmp_path):
    assert stem_of(tmp_path / "cell.ome.tif") == stem_of(tmp_path / "cell.OME.TIFF") == "cell"
    assert stem_of(tmp_path / "cell.1.png") == "cell.1" and stem_of(tmp_path / ".ome.tif") == ".ome"
