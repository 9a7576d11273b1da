"""Data sets: made, downloaded, from folders; and what happens when they are broken."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pace import PATIENCE, python_slowness
from PIL import Image

from upconv import data
from upconv.data import _camvid as camvid_module
from upconv.data import _dsb2018 as dsb_module
from upconv.data import _isbi2012 as isbi_module
from upconv.data import _mnist as mnist_module
from upconv.data.download import cache_folder, download

MIRROR = os.environ.get("UPCONV_DATA")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UPCONV_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("UPCONV_DATA", raising=False)
    camvid_module._arrays.cache_clear()
    camvid_module._full.cache_clear()


# ---- digit scenes --------------------------------------------------------------------------


def test_digit_scenes_depend_on_the_seed_alone():
    first, again = data.digit_scenes(20, seed=3), data.digit_scenes(20, seed=3)
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.masks, again.masks)
    assert (first.images != data.digit_scenes(20, seed=4).images).any()


def test_digit_scenes_show_every_class_and_label_what_they_show():
    scenes = data.digit_scenes(300, noise=0)
    assert scenes.images.shape == (300, 64, 64, 3)
    assert scenes.images.dtype == scenes.masks.dtype == np.uint8
    assert set(np.unique(scenes.masks)) == set(range(11))
    # The same seed without any digit's ink: what differs is what is labelled, but for soft edges.
    share = (scenes.masks > 0).mean()
    assert 0.05 < share < 0.2


def test_digits_of_scenes_can_be_read():
    """A nearest-neighbour classifier of scikit-learn's digits reads the labelled shapes."""
    from sklearn.datasets import load_digits
    from sklearn.neighbors import KNeighborsClassifier

    digits = load_digits()
    known = KNeighborsClassifier(3).fit(digits.images.reshape(-1, 64) > 7, digits.target)
    scenes = data.digit_scenes(60, digits=(1, 1), height=(30, 30), size=64)
    right = []
    for mask in scenes.masks:
        rows, columns = np.nonzero(mask)
        if not len(rows):
            continue
        shape = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] > 0
        wide = max(shape.shape[1], round(shape.shape[0] * 0.75))
        canvas = np.zeros((shape.shape[0], wide))
        left = (wide - shape.shape[1]) // 2
        canvas[:, left : left + shape.shape[1]] = shape
        small = np.asarray(Image.fromarray(canvas.astype(np.float32)).resize((8, 8))) > 0.4
        right.append(known.predict(small.reshape(1, -1))[0] + 1 == mask.max())
    assert np.mean(right) > 0.5  # by chance 0.1; turned by up to 25 degrees


def test_splits_share_neither_digit_nor_photograph():
    (first, names), (second, others) = splits()
    assert not set(range(1797)[first]) & set(range(1797)[second])
    assert not set(names) & set(others)


def splits():
    from upconv.data._digit_scenes import _SPLITS

    return _SPLITS["train"], _SPLITS["test"]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"count": 0}, "count"),
        ({"count": 1, "size": 0}, "size"),
        ({"count": 1, "split": "dev"}, "split"),
        ({"count": 1, "digits": (3, 2)}, "digits"),
        ({"count": 1, "height": (0, 9)}, "height"),
    ],
)
def test_impossible_scenes_are_refused(options, name):
    with pytest.raises(ValueError, match=f"{name}: got"):
        data.digit_scenes(**options)


@pytest.mark.timing
def test_hundreds_of_scenes_a_second():
    data.digit_scenes(10)
    start = time.process_time()
    data.digit_scenes(400)
    assert time.process_time() - start < 2 * python_slowness()


# ---- downloads, from a server of the test ---------------------------------------------------


@pytest.fixture
def server(tmp_path):
    """A folder and the address it is served at; ``server.torn`` cuts answers in half."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            running.requests += 1
            super().do_GET()

        def copyfile(self, source, target):
            content = source.read()
            target.write(content[: len(content) // 2] if running.torn else content)

    running = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    )
    running.torn, running.folder, running.requests = False, folder, 0
    running.address = f"http://127.0.0.1:{running.server_port}/"
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()


def test_download_is_checked_and_kept(server):
    content = np.random.default_rng(0).bytes(200_000)
    (server.folder / "file.bin").write_bytes(content)
    right = hashlib.sha256(content).hexdigest()
    path = download(server.address + "file.bin", "file.bin", right)
    assert path.read_bytes() == content
    (server.folder / "file.bin").unlink()
    assert download(server.address + "file.bin", "file.bin", right) == path  # from the cache


@pytest.mark.parametrize("torn", [False, True])
def test_wrong_or_torn_download_leaves_nothing(server, torn):
    content = np.random.default_rng(0).bytes(200_000)
    (server.folder / "file.bin").write_bytes(content)
    server.torn = torn
    expected = hashlib.sha256(content if torn else b"something else").hexdigest()
    with pytest.raises(data.DataUnavailable, match=r"file\.bin"):
        download(server.address + "file.bin", "file.bin", expected)
    assert [path.name for path in cache_folder().glob("*") if path.suffix != ".lock"] == []
    server.torn = False
    right = hashlib.sha256(content).hexdigest()
    assert download(server.address + "file.bin", "file.bin", right).read_bytes() == content


def test_offline_says_which_file_goes_where(server):
    server.shutdown()
    server.server_close()
    with pytest.raises(data.DataUnavailable) as caught:
        download(server.address + "file.bin", "file.bin", "0" * 64)
    assert str(cache_folder() / "file.bin") in str(caught.value)
    assert "UPCONV_DATA" in str(caught.value)


def test_mirror_must_be_a_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("UPCONV_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(data.DataUnavailable, match="UPCONV_DATA: got"):
        data.camvid()


# ---- CamVid, in the source's layout, made small ------------------------------------------------


def write_camvid(folder, counts) -> dict[str, np.ndarray]:
    """Frames and masks as the source has them; returns what the loader should make of them."""
    rng = np.random.default_rng(0)
    expected = {}
    for split, count in counts.items():
        for kind in (split, f"{split}annot"):
            (folder / kind).mkdir(parents=True)
        images, masks = [], []
        for number in range(count):
            blocks = rng.integers(0, 256, (180, 240, 3), dtype=np.uint8)
            labels = rng.integers(0, 12, (180, 240), dtype=np.uint8)
            name = f"frame_{number:03d}.png"
            for array, kind in ((blocks, split), (labels, f"{split}annot")):
                # Blocks of 2 × 2 equal pixels: their mean and their nearest are known.
                Image.fromarray(enlarged(array[None])[0]).save(folder / kind / name)
            images.append(blocks)
            masks.append(labels)
        expected |= {f"{split}_x": np.stack(images), f"{split}_y": np.stack(masks)}
    return expected


def enlarged(images: np.ndarray) -> np.ndarray:
    return images.repeat(2, 1).repeat(2, 2)


def sums(arrays) -> dict[str, str]:
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


@pytest.fixture
def small_archive(tmp_path, server, monkeypatch):
    """A served archive of a small CamVid; returns its arrays."""
    arrays = write_camvid(tmp_path / "raw" / "SegNet" / "CamVid", {"train": 3, "val": 1, "test": 2})
    with zipfile.ZipFile(server.folder / "archive.zip", "w") as archive:
        for path in sorted((tmp_path / "raw").rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path / "raw"))
    monkeypatch.setattr(camvid_module, "_ARCHIVE", server.address + "archive.zip")
    monkeypatch.setattr(camvid_module, "_SHA256", sums(arrays))
    return arrays


def test_camvid_is_fetched_resized_checked_and_kept(small_archive, server):
    train = data.camvid("train")
    np.testing.assert_array_equal(train.images, small_archive["train_x"])
    labels = small_archive["train_y"]
    np.testing.assert_array_equal(train.masks, np.where(labels == 11, data.VOID, labels))
    assert len(data.camvid("val")) == 1
    assert len(train.classes) == 11
    server.shutdown()  # from now on from the cache
    camvid_module._arrays.cache_clear()
    assert len(data.camvid("test")) == 2


def test_camvid_at_its_own_size_is_fetched_checked_and_kept(small_archive, server, monkeypatch):
    large = {name: enlarged(array) for name, array in small_archive.items()}
    hashes = {split: sums(large)[f"{split}_y"] for split in ("train", "val", "test")}
    monkeypatch.setattr(camvid_module, "_FULL_SHA256", hashes | {"val": "0" * 64})
    with pytest.raises(data.DataUnavailable, match="val has SHA-256"):
        data.camvid("train", 480)
    monkeypatch.setattr(camvid_module, "_FULL_SHA256", hashes)
    train = data.camvid("train", 480)
    np.testing.assert_array_equal(train.images, large["train_x"])
    labels = large["train_y"]
    np.testing.assert_array_equal(train.masks, np.where(labels == 11, data.VOID, labels))
    server.shutdown()  # from now on from the cache
    camvid_module._full.cache_clear()
    assert data.camvid("test", 480).images.shape == (2, 360, 480, 3)
    with pytest.raises(ValueError, match="width: got 360, expected 240 or 480"):
        data.camvid("train", 360)


@pytest.mark.parametrize("name", ["train_x", "val_y"])
def test_changed_frames_of_their_own_size_are_refused(small_archive, monkeypatch, name):
    large = {name: enlarged(array) for name, array in small_archive.items()}
    hashes = {split: sums(large)[f"{split}_y"] for split in ("train", "val", "test")}
    monkeypatch.setattr(camvid_module, "_FULL_SHA256", hashes)
    monkeypatch.setattr(camvid_module, "_SHA256", sums(small_archive) | {name: "0" * 64})
    with pytest.raises(data.DataUnavailable, match=f"{name} has SHA-256"):
        data.camvid("train", 480)
    assert not (cache_folder() / "camvid_480x360.npz").exists()


def test_the_mirror_has_the_same_frames_at_both_sizes(monkeypatch):
    if MIRROR is None or not (Path(MIRROR) / "camvid_480x360.npz").exists():
        pytest.skip("needs CamVid")
    monkeypatch.setenv("UPCONV_DATA", MIRROR)
    small, large = data.camvid("val"), data.camvid("val", 480)
    np.testing.assert_array_equal(small.masks, large.masks[:, 1::2, 1::2])
    means = large.images.reshape(-1, 180, 2, 240, 2, 3).mean((2, 4))
    assert np.abs(means - small.images).mean() < 2  # JPEG; another frame differs by 20 and more
    assert np.abs(means[1:] - small.images[:-1]).mean() > 10


def test_camvid_as_road_and_rest(small_archive):
    whole, two = data.camvid("test"), data.road("test")
    road = whole.classes.index("road")
    np.testing.assert_array_equal(two.masks == 1, whole.masks == road)
    np.testing.assert_array_equal(two.masks == data.VOID, whole.masks == data.VOID)


def test_changed_camvid_is_refused_and_not_kept(small_archive, monkeypatch):
    wrong = sums(small_archive) | {"val_y": "0" * 64}
    monkeypatch.setattr(camvid_module, "_SHA256", wrong)
    with pytest.raises(data.DataUnavailable, match="val_y has SHA-256"):
        data.camvid()
    assert not (cache_folder() / "camvid_240x180.npz").exists()


PREPARER = """
import sys
from upconv.data import _camvid
_camvid._ARCHIVE, _camvid._SHA256 = sys.argv[1], eval(sys.argv[2])
from upconv import data
print(len(data.camvid("train")))
"""


def test_processes_prepare_once_and_keep_the_arrays_alone(small_archive, server):
    command = [
        sys.executable,
        "-c",
        PREPARER,
        server.address + "archive.zip",
        str(sums(small_archive)),
    ]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    (cache_folder() / ".camvid_240x180.unpacked" / "SegNet").mkdir(parents=True)  # of one killed
    (cache_folder() / "camvid_240x180" / "other" / "CamVid").mkdir(parents=True)  # a stray one
    children = [subprocess.Popen(command, **options) for _ in range(3)]
    for child in children:
        out, err = child.communicate(timeout=4 * PATIENCE)
        assert (child.returncode, out) == (0, "3\n"), err
    kept = [path.name for path in cache_folder().iterdir() if path.suffix != ".lock"]
    assert sorted(kept) == ["camvid_240x180", "camvid_240x180.npz"]
    assert server.requests == 1


@pytest.mark.parametrize("kind", ["text", "cut", "empty", "flipped", "lacking", "label", "shape"])
def test_a_broken_file_in_the_cache_is_named(small_archive, kind):
    data.camvid()
    path = cache_folder() / "camvid_240x180.npz"
    whole, arrays = path.read_bytes(), dict(small_archive)
    if kind in ("text", "cut", "empty", "flipped"):
        half = len(whole) // 2
        flipped = whole[:half] + bytes(255 - byte for byte in whole[half : half + 99])
        flipped += whole[half + 99 :]
        path.write_bytes(
            {"text": b"no arrays", "cut": whole[:half], "empty": b"", "flipped": flipped}[kind]
        )
    else:
        if kind == "lacking":
            del arrays["val_x"]
        elif kind == "label":
            arrays["train_y"] = np.full_like(arrays["train_y"], 77)
        else:
            arrays["train_y"] = arrays["train_y"][:, :9]
        np.savez(path, **arrays)
    camvid_module._arrays.cache_clear()
    with pytest.raises(data.DataUnavailable, match=r"camvid_240x180\.npz: ") as caught:
        data.camvid()
    assert "\n" not in str(caught.value)


def test_an_archive_of_something_else_is_deleted(small_archive, server):
    with zipfile.ZipFile(server.folder / "archive.zip", "w") as archive:
        archive.writestr("SegNet/CamVid/train/a.png", b"no picture")
        archive.writestr("SegNet/CamVid/trainannot/a.png", b"no picture")
    with pytest.raises(data.DataUnavailable, match=r"camvid_240x180\.zip: unexpected contents"):
        data.camvid()
    assert [path for path in cache_folder().iterdir() if path.suffix != ".lock"] == []


def test_labels_that_are_no_class_are_refused_in_any_set():
    images, masks = np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8), np.uint8)
    masks[1, 2] = data.VOID
    assert len(data.SegmentationSet("a", ("x", "y"), images, masks)) == 2
    for label in (77, -1):
        wrong = masks.astype(int)
        wrong[0, 0, 0] = label
        with pytest.raises(ValueError, match=f"masks: got label {label}, expected 0 to 1"):
            data.SegmentationSet("a", ("x", "y"), images, wrong)
        with pytest.raises(ValueError, match=f"labels: got {label}, expected 0 to 1"):
            data.ImageSet("a", images, np.array([0, label]), ("x", "y"))


def test_camvid_from_a_mirror(small_archive, tmp_path, monkeypatch, server):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    np.savez(mirror / "camvid_240x180.npz", **small_archive)
    monkeypatch.setenv("UPCONV_DATA", str(mirror))
    server.shutdown()
    assert len(data.camvid("train")) == 3


@pytest.mark.parametrize("lost", ["train/frame_001.png", "trainannot/frame_001.png"])
def test_raw_camvid_without_a_file(tmp_path, lost):
    write_camvid(tmp_path, {"train": 2})
    (tmp_path / lost).unlink()
    if lost.startswith("trainannot"):
        with pytest.raises(data.DataUnavailable, match=r"frame_001\.png"):
            camvid_module.read_raw(tmp_path, "train")
    else:
        assert len(camvid_module.read_raw(tmp_path, "train")[0]) == 1
    with pytest.raises(data.DataUnavailable, match=r"no \.png"):
        camvid_module.read_raw(tmp_path, "test")


# ---- membranes, made -----------------------------------------------------------------------------


def test_membranes_depend_on_the_seed_alone():
    first, again = data.membranes(3, seed=3), data.membranes(3, seed=3)
    for name in ("images", "masks", "instances"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    # An image does not depend on how many are made.
    np.testing.assert_array_equal(data.membranes(5, seed=3).images[:3], first.images)
    assert (first.images != data.membranes(3, seed=4).images).any()
    assert (first.images != data.membranes(3, seed=3, split="test").images).any()


def test_membranes_separate_every_cell():
    made = data.membranes(6)
    np.testing.assert_array_equal(made.masks, made.instances > 0)
    for instances in made.instances:
        # No pixel of one cell is next to a pixel of another.
        for a, b in ((instances[1:], instances[:-1]), (instances[:, 1:], instances[:, :-1])):
            assert not ((a > 0) & (b > 0) & (a != b)).any()
    assert 0.1 < (made.masks == 0).mean() < 0.4


def test_a_grey_value_does_not_tell_a_membrane():
    """The best threshold is far from right, or there would be nothing to learn."""
    made = data.membranes(8)
    best = max(((made.images > t) == made.masks).mean() for t in range(40, 220, 5))
    assert (made.masks == 1).mean() + 0.02 < best < 0.9


@pytest.mark.parametrize(
    ("options", "name"),
    [({"count": 0}, "count"), ({"split": "val"}, "split"), ({"fading": 2}, "fading")],
)
def test_impossible_membranes_are_refused(options, name):
    with pytest.raises(ValueError, match=f"{name}: got"):
        data.membranes(**{"count": 1} | options)


# ---- objects: masks and weights ------------------------------------------------------------------


def test_touching_objects_are_separated():
    instances = np.array([[1, 1, 2, 2, 0], [1, 1, 2, 2, 0], [0, 0, 0, 3, 3]])
    expected = np.array([[1, 0, 0, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]])
    np.testing.assert_array_equal(data.split_touching_instances(instances), expected)


def test_border_weights_by_brute_force():
    rng = np.random.default_rng(0)
    instances = np.zeros((40, 50), int)
    for number, (r, c) in enumerate([(5, 5), (5, 20), (20, 9), (30, 40), (12, 33)], 1):
        height, width = rng.integers(4, 9, 2)
        instances[r : r + height, c : c + width] = number
    instances[instances == 4] = 9  # numbers may have gaps
    found = data.border_weights(instances, w0=10, sigma=5, balance=False)
    places = {number: np.argwhere(instances == number) for number in np.unique(instances)[1:]}
    for r, c in rng.integers(0, (40, 50), (150, 2)):
        near = sorted(np.hypot(*(p - (r, c)).T).min() for p in places.values())
        border = 10 * np.exp(-((near[0] + near[1]) ** 2) / 50) if instances[r, c] == 0 else 0
        assert found[r, c] == pytest.approx(1 + border, abs=1e-5)
    balanced = data.border_weights(instances, w0=0)
    background = instances == 0
    assert balanced[background].sum() == pytest.approx(balanced[~background].sum(), rel=1e-4)


def test_border_weights_refuse_nonsense():
    with pytest.raises(ValueError, match="instances: got 3 axes"):
        data.border_weights(np.zeros((2, 3, 4), int))
    with pytest.raises(ValueError, match="sigma: got"):
        data.border_weights(np.zeros((3, 4), int), sigma=0)
    with pytest.raises(ValueError, match="without instances"):
        data.with_border_weights(data.digit_scenes(1))
    assert (data.border_weights(np.zeros((5, 6), int)) == 0.5).all()  # no object, no border


# ---- ISBI 2012 and the Data Science Bowl, in the sources' layouts --------------------------------


@pytest.fixture
def slices(tmp_path):
    """30 slices as the source has them, in a folder."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "raw" / "unet" / "data" / "membrane"
    for kind in ("image", "label"):
        (folder / "train" / kind).mkdir(parents=True)
    for number in range(30):
        image = rng.integers(0, 256, (512, 512), dtype=np.uint8)
        mask = np.full((512, 512), 255, np.uint8)
        mask[:, 100 + number : 104 + number] = 0
        mask[200:203] = 0
        Image.fromarray(image).save(folder / "train" / "image" / f"{number}.png", compress_level=1)
        Image.fromarray(mask).save(folder / "train" / "label" / f"{number}.png")
    return folder


def test_isbi2012_is_fetched_checked_split_and_kept(slices, server, monkeypatch, tmp_path):
    with zipfile.ZipFile(server.folder / "unet.zip", "w") as archive:
        for path in sorted((tmp_path / "raw").rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path / "raw"))
    arrays = isbi_module.read_raw(slices)
    monkeypatch.setattr(isbi_module, "_ARCHIVE", server.address + "unet.zip")
    monkeypatch.setattr(isbi_module, "_SHA256", sums(arrays) | {"masks": "0" * 64})
    isbi_module._arrays.cache_clear()
    with pytest.raises(data.DataUnavailable, match="masks has SHA-256"):
        data.isbi2012()
    monkeypatch.setattr(isbi_module, "_SHA256", sums(arrays))
    train, test = data.isbi2012(), data.isbi2012("test")
    server.shutdown()
    assert (len(train), len(test)) == (25, 5)
    np.testing.assert_array_equal(np.concatenate([train.images, test.images]), arrays["images"])
    assert set(np.unique(train.masks)) == {0, 1}
    assert test.instances.max() == 4  # a cross of membranes leaves four cells
    isbi_module._arrays.cache_clear()


def test_isbi2012_without_a_slice(slices):
    (slices / "train" / "label" / "17.png").unlink()
    with pytest.raises(data.DataUnavailable, match=r"17\.png: not found"):
        isbi_module.read_raw(slices)


@pytest.fixture
def plates(tmp_path):
    """40 images of nuclei from ten plates, each with grey values of its own, in a folder."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "raw" / "fixes" / "stage1_train"
    for number in range(40):
        place = folder / f"{number:02d}"
        for kind in ("images", "masks"):
            (place / kind).mkdir(parents=True)
        size = 256 if number else 128  # the first is of another size
        image = np.full((size, size, 4), 5 + 20 * (number % 10), np.uint8)
        image[..., 3] = 255
        for nucleus in range(3):
            mask = np.zeros((size, size), np.uint8)
            r, c = rng.integers(0, size - 30, 2)
            mask[r : r + 25, c : c + 25] = 255
            image[mask > 0, :3] += 30
            Image.fromarray(mask).save(place / "masks" / f"{nucleus}.png")
        Image.fromarray(image).save(place / "images" / f"{number:02d}.png")
    return folder


def test_dsb2018_is_fetched_and_split_by_appearance(plates, server, monkeypatch, tmp_path):
    with zipfile.ZipFile(server.folder / "bowl.zip", "w") as archive:
        for path in sorted((tmp_path / "raw").rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path / "raw"))
    arrays = dsb_module.read_raw(plates)
    assert arrays["x"].shape == (39, 256, 256, 3)
    assert arrays["y"].max() == 3
    monkeypatch.setattr(dsb_module, "_ARCHIVE", server.address + "bowl.zip")
    monkeypatch.setattr(dsb_module, "_SHA256", sums(arrays))
    monkeypatch.setattr(dsb_module.appearance_clusters, "__defaults__", (10,))
    dsb_module._arrays.cache_clear()
    train, test = (data.dsb2018(split, stretched=False) for split in ("train", "test"))
    assert (data.dsb2018("test").images.max((1, 2)) == 255).all()
    dsb_module._arrays.cache_clear()
    assert len(train) + len(test) == 39
    # Whole plates: none is on both sides.
    background = [set(np.median(part.images, (1, 2))) for part in (train, test)]
    assert not background[0] & background[1]
    assert len(background[1]) == 2
    assert (train.masks <= (train.instances > 0)).all()


def test_dsb2018_without_images(tmp_path):
    with pytest.raises(data.DataUnavailable, match="got no ID/images"):
        dsb_module.read_raw(tmp_path)


def test_splits_of_microscopy_are_named(tmp_path):
    for load in (data.isbi2012, data.dsb2018):
        with pytest.raises(ValueError, match="split: got 'val'"):
            load("val")


# ---- images to be drawn after -----------------------------------------------------------------


def write_idx(path, array: np.ndarray) -> None:
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(head + array.tobytes()))


@pytest.fixture
def digits(server, monkeypatch):
    """A server with a small MNIST; returns its arrays."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (7, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, 7, dtype=np.uint8)
    names = {"images": "idx3", "labels": "idx1"}
    sums = {}
    for (part, kind), array in zip(names.items(), (images, labels), strict=True):
        path = server.folder / f"t10k-{part}-{kind}-ubyte.gz"
        write_idx(path, array)
        sums[f"t10k-{part}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(mnist_module, "_MNIST", server.address)
    monkeypatch.setitem(mnist_module._SHA256, "mnist", sums)
    mnist_module._idx.cache_clear()
    return images, labels


def test_mnist_is_fetched_checked_and_padded(digits, server):
    images, labels = digits
    found = data.mnist("test")
    assert found.images.shape == (7, 32, 32)
    np.testing.assert_array_equal(found.images[:, 2:30, 2:30], images)
    assert found.images[:, :2].max() == 0
    np.testing.assert_array_equal(found.labels, labels)
    server.shutdown()
    mnist_module._idx.cache_clear()
    assert data.mnist("test", size=28).images.shape == (7, 28, 28)  # from the cache


def test_changed_mnist_is_refused(digits, monkeypatch):
    wrong = mnist_module._SHA256["mnist"] | {"t10k-labels": "0" * 64}
    monkeypatch.setitem(mnist_module._SHA256, "mnist", wrong)
    with pytest.raises(data.DataUnavailable, match="t10k-labels"):
        data.mnist("test")


def test_mnist_from_a_mirror(tmp_path, monkeypatch):
    for part, array in (("images-idx3", np.zeros((3, 28, 28))), ("labels-idx1", np.arange(3))):
        write_idx(tmp_path / "mnist" / f"t10k-{part}-ubyte.gz", array.astype(np.uint8))
    monkeypatch.setenv("UPCONV_DATA", str(tmp_path))
    mnist_module._idx.cache_clear()
    assert data.mnist().labels.tolist() == [0, 1, 2]
    mnist_module._idx.cache_clear()


@pytest.mark.parametrize(
    "broken", [b"", b"no idx", bytes([0, 0, 8, 1, 0, 0, 0, 9, 1]), b"\x1f\x8bx"]
)
def test_broken_idx_files_are_named(tmp_path, broken):
    (tmp_path / "file.gz").write_bytes(broken)
    with pytest.raises(data.DataUnavailable, match=r"file\.gz: not an IDX file"):
        data.read_idx(tmp_path / "file.gz")


def test_digit_crops_hold_a_digit_each():
    crops = data.digit_crops(60, seed=1)
    assert crops.images.shape == (60, 32, 32, 3)
    assert crops.channels == 3
    assert set(crops.labels) == set(range(10))
    again = data.digit_crops(60, seed=1)
    np.testing.assert_array_equal(crops.images, again.images)


def test_scanned_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    found, small = data.digits(size=36), load_digits()
    assert found.images.shape == (1797, 36, 36)
    np.testing.assert_array_equal(found.labels, small.target)
    # The means of blocks are the small pixels again, nearly: smoothing moves little across.
    inner = found.images[:, 2:-2, 2:-2].reshape(-1, 8, 4, 8, 4).mean((2, 4)) / 255
    assert np.corrcoef(inner.ravel(), small.images.ravel())[0, 1] > 0.99
    with pytest.raises(ValueError, match="size: got 7"):
        data.digits(7)


def test_a_folder_of_pictures_becomes_squares(tmp_path):
    (tmp_path / "more").mkdir()
    wide = np.zeros((40, 100, 3), np.uint8)
    wide[:, 30:70] = (200, 100, 50)  # the middle square
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(wide[..., 0]).save(tmp_path / "more" / "grey.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    found = data.square_images(tmp_path, size=16)
    assert found.images.shape == (2, 16, 16, 3)
    np.testing.assert_array_equal(found.images[1], np.broadcast_to((200, 100, 50), (16, 16, 3)))
    with pytest.raises(data.BadData, match="not a folder"):
        data.square_images(tmp_path / "nowhere")
    (tmp_path / "broken.png").write_bytes(b"broken")
    with pytest.raises(data.BadData, match=r"broken\.png"):
        data.square_images(tmp_path)


def test_nonsense_image_sets_are_refused():
    with pytest.raises(ValueError, match="split: got 'all'"):
        data.mnist("all")
    with pytest.raises(ValueError, match="size: got 20"):
        data.mnist("test", size=20)
    with pytest.raises(ValueError, match="images: got 2 axes"):
        data.ImageSet("flat", np.zeros((3, 4), np.uint8))
    with pytest.raises(ValueError, match="labels: got 3 images and 2 labels"):
        data.ImageSet("few", np.zeros((3, 4, 4), np.uint8), np.zeros(2))


# ---- your own folder ----------------------------------------------------------------------------


@pytest.fixture
def pairs(tmp_path):
    """Three images of different sizes with their masks; returns both folders."""
    rng = np.random.default_rng(1)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number, size in enumerate([(20, 30), (17, 9), (40, 40)]):
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / "images" / f"{number}.png")
        mask = Image.fromarray(rng.integers(0, 3, size, dtype=np.uint8))
        if number == 1:  # a palette is as good as grey
            mask.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        mask.save(tmp_path / "masks" / f"{number}.png")
    return tmp_path / "images", tmp_path / "masks"


def test_folder_pairs_by_name(pairs):
    found = data.segmentation_folder(*pairs, classes=3)
    assert [image.shape for image, _ in found] == [(20, 30, 3), (17, 9, 3), (40, 40, 3)]
    assert all(image.shape[:2] == mask.shape for image, mask in found)
    assert {int(m) for _, mask in found for m in np.unique(mask)} == {0, 1, 2}
    assert data.segmentation_folder(*pairs, classes=("a", "b", "c")).classes == ("a", "b", "c")
    # As of any sequence, a part of the files is one, too.
    assert len(found.images[1:]) == len(found) - 1
    np.testing.assert_array_equal(found.images[1:][0], found.images[1])


def test_black_and_white_masks_are_two_classes(tmp_path):
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(data.read_mask(tmp_path / "mask.png", 2), [[0, 1]])
    np.testing.assert_array_equal(data.read_mask(tmp_path / "mask.png", 3), [[0, data.VOID]])


def break_pair(kind, images, masks):
    if kind == "lonely image":
        (masks / "1.png").unlink()
    elif kind == "lonely mask":
        (images / "1.png").unlink()
    elif kind == "torn image":
        (images / "1.png").write_bytes((images / "1.png").read_bytes()[:60])
    elif kind == "text for a mask":
        (masks / "1.png").write_text("no picture")
    elif kind == "colours for a mask":
        Image.new("RGB", (9, 17), "red").save(masks / "1.png")
    elif kind == "label out of range":
        Image.fromarray(np.full((17, 9), 7, np.uint8)).save(masks / "1.png")
    elif kind == "sizes differ":
        Image.fromarray(np.zeros((9, 17), np.uint8)).save(masks / "1.png")
    elif kind == "two of one name":
        Image.new("RGB", (9, 17)).save(images / "1.jpg")
    elif kind == "no images":
        for path in images.iterdir():
            path.unlink()


BROKEN = {
    "lonely image": r"1\.png: expected 1\.\* in .*masks",
    "lonely mask": r"1\.png: expected 1\.\* in .*images",
    "torn image": r"images.1\.png: not a readable image",
    "text for a mask": r"masks.1\.png: not a readable mask",
    "colours for a mask": "got a mask with colors.*--colors",
    "label out of range": r"masks.1\.png: got label 7, expected 0 to 2",
    "sizes differ": "got 17 × 9 pixels, expected 9 × 17",
    "two of one name": "another file has the same name",
    "no images": "contains no images",
}


@pytest.mark.parametrize("kind", list(BROKEN))
def test_a_broken_folder_is_refused_by_the_file(pairs, kind):
    break_pair(kind, *pairs)
    with pytest.raises(data.BadData, match=BROKEN[kind]) as caught:
        data.segmentation_folder(*pairs, classes=3)
    assert "\n" not in str(caught.value)


def test_pictures_of_all_kinds_are_read(tmp_path):
    base = np.random.default_rng(2).integers(0, 256, (6, 4, 3), dtype=np.uint8)
    turned = Image.fromarray(base)
    exif = turned.getexif()
    exif[0x0112] = 6  # lay on its side
    turned.save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(data.read_image(tmp_path / "turned.png"), np.rot90(base, -1))
    deep = (base[..., 0].astype(np.uint16) << 8) | base[..., 0]
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert (
        np.abs(data.read_image(tmp_path / "deep.png")[..., 0].astype(int) - base[..., 0]).max() <= 1
    )
    glass = np.dstack([base, np.zeros((6, 4), np.uint8)])
    Image.fromarray(glass, "RGBA").save(tmp_path / "glass.png")
    assert (data.read_image(tmp_path / "glass.png") == 255).all()
    Image.fromarray(base).convert("CMYK").save(tmp_path / "print.tif")
    assert data.read_image(tmp_path / "print.tif").shape == (6, 4, 3)
    Image.fromarray(base[..., 0]).save(tmp_path / "grey.png")
    assert data.read_image(tmp_path / "grey.png").shape == (6, 4, 3)


def test_paint_gives_every_class_its_colour():
    mask = np.array([[0, 1], [2, data.VOID]], np.uint8)
    colors = data.palette(3)
    painted = data.colorize(mask, colors)
    assert [tuple(painted[i]) for i in ((0, 0), (0, 1), (1, 0))] == list(colors)
    assert tuple(painted[1, 1]) == (0, 0, 0)
    assert len(set(data.palette(40))) == 40


def test_floats_from_0_to_1_are_scaled(tmp_path):
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    for top in (1, 255, 65535):
        Image.fromarray(ramp * np.float32(top)).save(tmp_path / f"{top}.tif")
        found = data.read_image(tmp_path / f"{top}.tif")
        assert np.abs(found[..., 0] - 255.0 * ramp).max() <= 1, top
    Image.fromarray(ramp / 2).save(tmp_path / "dark.tif")
    assert data.read_image(tmp_path / "dark.tif").max() == 127
    Image.fromarray(ramp * np.float32(np.nan)).save(tmp_path / "broken.tif")
    with pytest.raises(data.BadData, match=r"broken\.tif: got infinite or NaN values"):
        data.read_image(tmp_path / "broken.tif")


def test_a_small_file_of_many_pixels_is_refused_unread(tmp_path, monkeypatch):
    from upconv.data import _reading

    monkeypatch.setattr(_reading, "_most_pixels", 2**26)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    path = tmp_path / "large.png"
    Image.new("L", (9000, 9000)).save(path)
    assert path.stat().st_size < 200_000
    read = []
    monkeypatch.setattr(_reading.np, "asarray", lambda *a, **b: read.append(a))
    for reader in (data.read_image, lambda path: data.read_mask(path, 2)):
        with pytest.raises(data.BadData, match=r"large\.png: got 9000 × 9000 pixels.*--max-pixels"):
            reader(path)
    assert not read
    monkeypatch.undo()


def test_the_limit_of_pixels_can_be_raised(tmp_path, monkeypatch):
    from upconv.data import _reading

    monkeypatch.setattr(_reading, "_most_pixels", 100)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = tmp_path / "large.png"
    Image.new("L", (20, 15)).save(path)
    with pytest.raises(data.BadData, match=r"large\.png"):
        data.read_image(path)
    data.limit_pixels(300)
    assert data.read_image(path).shape == (15, 20, 3)
    for wrong in (0, -1, 1.5, None):
        with pytest.raises(ValueError, match="most: got"):
            data.limit_pixels(wrong)


def test_no_set_has_more_classes_than_a_mask_tells_apart():
    from upconv.metrics import SegmentationScores

    images, masks = np.zeros((1, 4, 4, 3), np.uint8), np.zeros((1, 4, 4), np.uint8)
    names = tuple(f"class {number}" for number in range(256))
    data.SegmentationSet("most", names[:255], images, masks)
    with pytest.raises(ValueError, match="classes: got 256, expected at most 255"):
        data.SegmentationSet("more", names, images, masks)
    with pytest.raises(ValueError, match="classes: got 256, expected at most 255"):
        SegmentationScores(256)
    assert data.colorize(np.array([[259]], np.uint16), data.palette(260)).any()
