"""Photographs of any size: the same results as at once, in bounded memory, decoded once."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import weakref
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from pace import PATIENCE
from PIL import Image
from scipy.ndimage import binary_erosion, gaussian_filter

from upconv import data as rooms
from upconv import inference, tiles, zoo
from upconv.cli import main
from upconv.data import (
    VOID,
    BadData,
    SegmentationSet,
    _folder,
    _memory,
    _reading,
    segmentation_folder,
)
from upconv.data import _cache as caching
from upconv.data._memory import affordable_pixels
from upconv.data._scaling import scale_image, scale_mask
from upconv.inference import evaluate, evaluate_instances, predict, probabilities
from upconv.metrics import (
    SegmentationScores,
    average_precision,
    best_rand_and_info_scores,
    components,
    rand_and_info_scores,
    skeletonized,
)
from upconv.metrics.segmentation import _rim
from upconv.torch.variants import FCN, UNet
from upconv.training import Settings, augment, batches, train
from upconv.training.batches import make_batch
from upconv.training.origin import contents

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def same_numbers():
    """Whichever tests have run before."""
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state


def unet(**options):
    """A network whose answers differ from place to place."""
    torch.manual_seed(0)
    net = UNet(3, in_channels=3, base_channels=4, depth=2, padded=True, **options).eval()
    with torch.no_grad():
        for weights in net.parameters():
            weights += 0.03 * torch.randn_like(weights)
    return net


def fcn():
    torch.manual_seed(0)
    net = FCN(3, 8, "squeezenet", width_mult=0.1, head=8, head_kernel=3).eval()
    with torch.no_grad():
        for weights in net.parameters():
            weights.copy_(torch.rand_like(weights) / max(1, weights[0].numel()))
    return net


@pytest.fixture
def small_windows(monkeypatch):
    """The threshold lowered, so that images of a few hundred pixels are large."""
    monkeypatch.setattr(inference, "LARGE", 400**2)


NETWORKS = {"unet": unet, "switches": lambda: unet(skips="switches"), "fcn": fcn}


@pytest.mark.parametrize("more", [(0, 1), (-3, 5), (-607, 800)])
@pytest.mark.parametrize("kind", NETWORKS)
def test_windows_give_what_the_whole_image_gives(kind, more, monkeypatch):
    """Everywhere, also at the image's border and where its sides are no multiples."""
    height, width = (704, 735) if kind == "fcn" else (448, 415)
    size = max(97, height + more[0]), width + more[1]
    net, image = NETWORKS[kind](), RNG.integers(0, 256, (1, *size, 3), dtype=np.uint8)
    whole = probabilities(net, image, precision="fp32")
    labels = predict(net, image, precision="fp32")
    shapes = []
    net.register_forward_pre_hook(lambda _, given: shapes.append(given[0].shape[-2:]))
    monkeypatch.setattr(inference, "LARGE", 300**2)
    found = probabilities(net, image, precision="fp32")
    assert len(shapes) > 1 and max(map(max, shapes)) < max(size)
    spread = np.ptp(whole, axis=(2, 3)).max()
    assert np.abs(found - whole).max() < 1e-4 * spread
    ranked = np.sort(whole, 1)
    sure = ranked[:, -1] - ranked[:, -2] > 1e-3 * spread
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(predict(net, image, precision="fp32")[sure], labels[sure])


def test_a_tile_may_be_chosen_and_changes_nothing(small_windows):
    net, image = unet(), RNG.integers(0, 256, (1, 150, 133, 3), dtype=np.uint8)
    whole = predict(net, image, precision="fp32")
    for tile in (50, 64, 10**6):
        found = predict(net, image, tile=tile, precision="fp32")
        assert (found == whole).mean() > 0.9999
    with pytest.raises(ValueError, match="tile: got 0, expected at least 1"):
        predict(net, image, tile=0)


def test_no_more_pixels_at_once_than_the_limit(monkeypatch):
    net, seen = unet(), []
    net.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape))
    masks = RNG.integers(0, 3, (16, 64, 96)).astype(np.uint8)
    data = SegmentationSet("small", ("a", "b", "c"), masks[..., None].repeat(3, -1) * 80, masks)
    scores = evaluate(net, data)
    assert [shape[0] for shape in seen] == [16]  # as many as ever: stored results are the same
    seen.clear()
    monkeypatch.setattr(inference, "LARGE", 5 * 64 * 96)
    assert evaluate(net, data) == scores
    assert [shape[0] for shape in seen] == [5, 5, 5, 1]
    seen.clear()
    found = predict(net, np.asarray(data.images))
    assert [shape[0] for shape in seen] == [5, 5, 5, 1] and len(found) == 16


class Counted(list):
    """Images made on access, and how many of them there were at once."""

    def __init__(self, *args):
        super().__init__(*args)
        self.alive, self.most = [], 0

    def __getitem__(self, index):
        image = np.full((80, 80, 3), index, np.uint8)
        self.alive.append(weakref.ref(image))
        self.most = max(self.most, sum(ref() is not None for ref in self.alive))
        return image


def test_images_are_read_one_after_another(monkeypatch):
    """A set that reads its files on access is never held as a whole."""
    monkeypatch.setattr(inference, "LARGE", 80 * 80)
    images, masks = Counted(range(12)), np.zeros((12, 80, 80), np.uint8)
    evaluate(unet(), SegmentationSet("many", ("a", "b", "c"), images, masks))
    assert len(images.alive) == 12 and images.most <= 3


@pytest.mark.parametrize("name", ["membrane", "background"])
def test_instances_are_measured_one_image_after_another(name):
    """The scores are the ones of all probabilities at once."""
    torch.manual_seed(0)
    net = UNet(2, in_channels=1, base_channels=4, depth=1, padded=True).eval()
    images = RNG.integers(0, 256, (4, 40, 56), dtype=np.uint8)
    masks = (gaussian_filter(images.astype(float), (0, 3, 3)) > 127).astype(np.uint8)
    numbers = np.stack([components(mask) for mask in masks])
    data = SegmentationSet("cells", (name, "cell"), images, masks, instances=numbers)
    found = evaluate_instances(net, data, precision="fp32")
    inside = [probabilities(net, image[None], precision="fp32")[0, 1] for image in images]
    pairs = list(zip(inside, masks, strict=True))
    errors = [np.mean([((p > t) != (m > 0)).mean() for p, m in pairs])
              for t in np.arange(0.05, 1, 0.05)]  # fmt: skip
    assert found.best_pixel_error == min(errors)
    cut = skeletonized if name == "membrane" else components
    objects = [cut(values > 0.5) for values in inside]
    assert found.average_precision == average_precision(numbers, objects)
    if name == "membrane":
        assert (found.half, found.best) == best_rand_and_info_scores(numbers, inside)
    else:
        each = [rand_and_info_scores(*pair) for pair in zip(numbers, objects, strict=True)]
        assert found.half == tuple(np.mean(each, axis=0))


@pytest.mark.parametrize("distance", [1, 4, 30])
def test_the_rim_is_what_repeated_erosion_leaves(distance):
    region = gaussian_filter(RNG.random((90, 130)), 4) > 0.5
    region[30:70] = True
    eroded = binary_erosion(region, np.ones((3, 3), bool), iterations=distance)
    np.testing.assert_array_equal(_rim(region, distance), region & ~eroded)
    assert _rim(region, distance).any()


def test_pixels_are_counted_in_parts_of_an_image():
    mask, found = RNG.integers(0, 3, (2, 1300, 7)).astype(np.uint8)
    mask[RNG.random(mask.shape) < 0.1] = VOID
    scores = SegmentationScores(3)
    scores.add(found, mask)
    valid = mask != VOID
    expected = np.zeros((3, 3), int)
    np.add.at(expected, (mask[valid], found[valid]), 1)
    np.testing.assert_array_equal(scores.matrix, expected)
    found[1299, 3], mask[1299, 3] = 3, 0
    with pytest.raises(ValueError, match="prediction: got class numbers 0 to 3"):
        scores.add(found, mask)


class Touched:
    """An image that notes how many of its pixels are asked for."""

    def __init__(self, image):
        self.image, self.pixels = image, 0
        self.shape, self.dtype, self.ndim, self.size = (
            image.shape, image.dtype, image.ndim, image.size,
        )  # fmt: skip

    def __getitem__(self, place):
        found = self.image[place]
        self.pixels += found.shape[0] * found.shape[1]
        return found

    def __array__(self, *args, **options):
        raise AssertionError("the whole image is converted")


def resampled_whole(layer, where, nearest=False):
    """As before crops were cut out first."""
    height, width = layer.shape[:2]
    values = torch.from_numpy(np.ascontiguousarray(layer)).float()
    values = values.reshape(height, width, -1).permute(2, 0, 1)[None]
    last = np.array([max(height - 1, 1), max(width - 1, 1)])[:, None, None]
    grid = torch.from_numpy(2 * where / last - 1).float().flip(0).permute(1, 2, 0)[None]
    found = torch.nn.functional.grid_sample(
        values, grid, mode="nearest" if nearest else "bilinear", padding_mode="reflection",
        align_corners=True,
    )  # fmt: skip
    found = found[0].permute(1, 2, 0).reshape(*where.shape[1:], *layer.shape[2:]).numpy()
    if np.issubdtype(layer.dtype, np.integer):
        found = found.round()
    return found.astype(layer.dtype)


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("shape", [(300, 410, 3), (97, 1203), (40, 30, 3), (1, 50), (3, 2, 1)])
def test_a_warped_crop_is_the_same_bit_for_bit(shape, nearest):
    layers = [RNG.integers(0, 256, shape, dtype=np.uint8), RNG.random(shape, np.float32)]
    for number in range(6):
        rng = np.random.default_rng(number)
        where = augment.sample_transform(
            rng, shape[:2], (33, 48), zoom=rng.uniform(0.5, 2), rotate=180, elastic_sigma=10,
            mirror=True, vertical_flip=True,
        ).coordinates((33, 48))  # fmt: skip
        for layer in layers:
            found = augment.resample(layer, where, nearest)
            np.testing.assert_array_equal(found, resampled_whole(layer, where, nearest))


WARPS = {
    "crop": {},
    "zoom": {"zoom": (0.7, 1.5)},
    "rotation": {"rotate": 180},
    "deformation": {"elastic_sigma": 10, "vertical_flip": True},
}


@pytest.mark.parametrize("kind", WARPS)
def test_a_crop_touches_only_its_surroundings(kind):
    """Of a photograph of twelve megapixels, decoded or not: a few times what it shows."""
    image = Touched(np.broadcast_to(np.uint8(7), (3000, 4000, 3)))
    mask = Touched(np.broadcast_to(np.uint8(1), (3000, 4000)))
    settings = Settings(batch=2, crop=128, **WARPS[kind])
    data = SegmentationSet("large", ("a", "b"), [image], [mask])
    for step in range(3):
        batch = make_batch(data, settings, step)
        assert (batch.images == 7 / 255).all() and (batch.masks == 1).all()
    crops = 3 * settings.batch
    assert mask.pixels <= image.pixels <= crops * 8 * 128**2


@pytest.mark.parametrize("zoom", [0.3, 0.77, 1.6])
def test_magnified_crops_of_large_images_are_those_of_the_whole(zoom, monkeypatch):
    image = RNG.integers(0, 256, (260, 300, 3), dtype=np.uint8)
    mask = RNG.integers(0, 5, (260, 300)).astype(np.uint8)
    data = SegmentationSet(
        "large", tuple("abcde"), [image], [mask], weights=[image[..., 0].astype(np.float32)]
    )
    settings = Settings(batch=8, crop=96, zoom=(zoom, zoom))
    small = make_batch(data, settings, 0)
    monkeypatch.setattr(batches, "WHOLE", 1)
    monkeypatch.setattr(batches, "_enlarge", None)
    large = make_batch(data, settings, 0)
    torch.testing.assert_close(small.images, large.images, atol=2.01 / 255, rtol=0)
    assert (small.images == large.images).float().mean() > 0.98
    assert torch.equal(small.masks, large.masks)
    torch.testing.assert_close(small.weights, large.weights, atol=0.02, rtol=0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three photographs that count as large, their masks, and a cache of their own."""
    monkeypatch.setenv("UPCONV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(caching, "SMALL", 100 * 100)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in range(3):
        shape = (150 + 10 * number, 110)
        image = RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / "images" / f"{number}.png")
        mask = RNG.integers(0, 3, shape).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")
    return tmp_path


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files that are decoded."""
    names = []
    for name in ("read_raw", "read_mask"):
        read = getattr(_folder, name)
        monkeypatch.setattr(
            _folder, name,
            lambda path, read=read, **options: names.append(path) or read(path, **options),
        )  # fmt: skip
    return names


def load(folder, **options):
    return segmentation_folder(folder / "images", folder / "masks", 3, **options)


def kept(folder):
    return sorted((folder / "cache" / "decoded").rglob("*.npy"))


def test_each_file_is_decoded_once(folder, decoded):
    """By the check; then by nothing, not even in another process."""
    data = load(folder)
    assert len(decoded) == len(set(decoded)) == 6
    expected = [np.asarray(Image.open(path)) for path in data.images.paths]
    for _ in range(2):
        for image, wanted in zip(data.images, expected, strict=True):
            np.testing.assert_array_equal(image, wanted)
    settings = Settings(batch=4, crop=64, rotate=90)
    for step in range(3):
        make_batch(data, settings, step)
    evaluate(unet(), load(folder, check=False))
    contents(data.images)
    assert len(decoded) == 6
    plain = load(folder, cache=False)
    assert len(decoded) == 12
    for step in range(3):
        for one, other in zip(
            make_batch(data, settings, step)[:2], make_batch(plain, settings, step)[:2], strict=True
        ):
            assert torch.equal(one, other)
    assert contents(data.masks) == contents(plain.masks)


def test_the_shape_of_a_file_that_was_read_is_known(folder, decoded):
    data = load(folder, cache=False)
    decoded.clear()
    settings = Settings(batch=6, crop=32)
    whole = make_batch(data, settings, 0)
    assert len(decoded) == 12
    decoded.clear()
    shard = make_batch(data, settings, 0, shard=slice(2, 3))
    assert len(decoded) == 2  # of the others, only the shape counts
    assert torch.equal(shard.images, whole.images[2:3])


def test_only_what_a_crop_needs_is_read(folder):
    data = load(folder)
    for part in (data.images, data.masks):
        found = part[1]
        while isinstance(found.base, np.ndarray):
            found = found.base
        assert isinstance(found, np.memmap)


def test_small_files_are_not_cached(folder, monkeypatch, decoded):
    monkeypatch.setattr(caching, "SMALL", 170 * 110)
    load(folder)
    assert len(kept(folder)) == 2  # the largest image and its mask
    load(folder)
    # The smaller masks were counted only, not read.
    assert len(decoded) == 4 + 2


def test_changed_files_and_other_options_are_decoded_anew(folder, decoded):
    load(folder)
    decoded.clear()
    path = folder / "images" / "1.png"
    other = np.zeros((160, 110, 3), np.uint8)
    other[80, 50] = 200
    Image.fromarray(other).save(path)
    np.testing.assert_array_equal(load(folder).images[1], other)
    assert decoded == [path]
    os.utime(path, ns=(1, 1))  # another file of the same length
    load(folder)
    assert decoded == [path] * 2
    load(folder, size=100)
    assert len(decoded) == 2 + 6
    segmentation_folder(folder / "images", folder / "masks", 4)
    assert len(decoded) == 2 + 6 + 3  # of other classes, masks may mean something else


def test_a_damaged_array_is_written_anew(folder, decoded):
    expected = [np.array(image) for image in load(folder).images]
    for path in kept(folder):
        path.write_bytes(path.read_bytes()[:50_00])
    found = load(folder)
    assert len(decoded) == 12
    for image, wanted in zip(found.images, expected, strict=True):
        np.testing.assert_array_equal(image, wanted)


def test_what_was_not_used_for_longest_makes_room(folder, monkeypatch):
    size = 160 * 110 * 4
    monkeypatch.setenv("UPCONV_CACHE_LIMIT", str(5 * size / 1e9))
    strangers = []
    for number in range(5):
        path = folder / "cache" / "decoded" / "00" / f"{number}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size - 20_000))
        os.utime(path, (1000 + number, 1000 + number))
        strangers.append(path)
    load(folder)
    left = kept(folder)
    assert not strangers[0].exists() and strangers[4].exists()
    assert sum(path.stat().st_size for path in left) <= 5.1 * size
    assert len([path for path in left if path not in strangers]) == 6


@pytest.mark.parametrize("kind", ["full", "no folder", "limit", "off", "nearly full"])
def test_without_room_it_goes_on_and_says_so_once(folder, kind, monkeypatch, capsys, decoded):
    caching.complain.cache_clear()
    if kind == "full":

        def full(path, write):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(caching, "atomic_write", full)
    elif kind == "no folder":
        (folder / "cache").write_text("a file")
    elif kind == "nearly full":
        monkeypatch.setattr(caching, "SPARE", 2**60)
    else:
        monkeypatch.setenv("UPCONV_CACHE_LIMIT", "1e-6" if kind == "limit" else "0")
    data = load(folder)
    assert data.images[2].shape == (170, 110, 3)
    told = capsys.readouterr().err
    assert len(decoded) == 7
    if kind == "off":
        assert not told
    else:
        assert told.count("\n") == 1 and "decoded images are not cached" in told
        assert {
            "full": "No space left", "no folder": "", "limit": "UPCONV_CACHE_LIMIT raises",
            "nearly full": "on a disk that is nearly full",
        }[kind] in told  # fmt: skip


@pytest.mark.parametrize("wrong", ["many", "-1", "nan", "inf"])
def test_an_impossible_limit_is_refused(folder, wrong, monkeypatch):
    monkeypatch.setenv("UPCONV_CACHE_LIMIT", wrong)
    with pytest.raises(ValueError, match=r"UPCONV_CACHE_LIMIT: got '.*', expected gigabytes"):
        load(folder)


def test_threads_decode_a_file_once_and_not_too_many_at_a_time(folder, monkeypatch):
    monkeypatch.setattr(caching, "AT_ONCE", 2 * 170 * 110)
    monkeypatch.setattr(caching, "_free", 2 * 170 * 110)
    lock, now, most, count = threading.Lock(), [0], [0], [0]
    met = threading.Barrier(2)

    def read(path):
        with lock:
            now[0] += 1
            count[0] += 1
            most[0] = max(most[0], now[0])
        if count[0] <= 2:
            met.wait(PATIENCE)  # two at a time are allowed
        with lock:
            now[0] -= 1
        return np.asarray(Image.open(path))

    files = caching.cached(sorted((folder / "images").iterdir()), read)
    with ThreadPoolExecutor(9) as threads:
        found = list(threads.map(lambda place: files[place % 3], range(90)))
    assert count == [3] and most == [2]
    for place, image in enumerate(found):
        assert image.shape == (150 + 10 * (place % 3), 110, 3)


def test_the_first_wrong_file_is_named(folder):
    for number in (1, 2):
        (folder / "images" / f"{number}.png").write_bytes(b"torn")
    for _ in range(3):
        with pytest.raises(BadData, match=r"1\.png: not a readable image"):
            load(folder)


@pytest.mark.parametrize("shape", [(300, 400, 3), (400, 300), (137, 500, 5), (20, 30, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_images_are_scaled_to_their_mean_and_never_enlarged(shape, dtype):
    """Whatever their dtype and channels: a checkerboard of pixels becomes gray, and no moiré."""
    image = np.zeros(shape, dtype)
    image[::2, ::2] = image[1::2, 1::2] = 200
    found = scale_image(image, 40)
    if max(shape[:2]) <= 40:
        assert found is image
        return
    assert found.dtype == dtype and max(found.shape[:2]) == 40
    assert found.shape[2:] == image.shape[2:]
    assert abs(found.shape[0] / found.shape[1] - shape[0] / shape[1]) < 0.06
    assert np.abs(found[2:-2, 2:-2].astype(float) - 100).max() <= 2
    mask = (np.arange(shape[0] * shape[1]).reshape(shape[:2]) % 7).astype(np.uint8)
    small = scale_mask(mask, 40)
    assert small.shape == found.shape[:2] and set(np.unique(small)) <= set(range(7))


def test_a_mask_is_scaled_in_place_with_its_image():
    """Halves of an image stay halves of its mask."""
    image = np.zeros((301, 403, 3), np.uint8)
    image[:150, :200] = 255
    mask = (image[..., 0] > 0).astype(np.uint8)
    small, labels = scale_image(image, 100), scale_mask(mask, 100)
    assert ((small[..., 0] > 127) == labels).mean() > 0.985


@pytest.mark.parametrize("size", [None, 10])
def test_sizes_of_pairs_are_compared_before_they_are_scaled(folder, size):
    """Images lie as their EXIF says."""
    image = Image.fromarray(RNG.integers(0, 256, (110, 160, 3), dtype=np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(folder / "images" / "1.png", exif=exif)
    assert load(folder, size=size).images[1].shape[:2] == ((160, 110) if size is None else (10, 7))
    Image.fromarray(np.zeros((161, 110), np.uint8)).save(folder / "masks" / "1.png")
    for _ in range(2):  # also if both are in the cache
        with pytest.raises(BadData, match=r"1\.png: got 110 × 161 pixels, expected 110 × 160"):
            load(folder, size=size)


def test_the_size_of_training_is_stored_and_used(folder, tmp_path, monkeypatch):
    data = load(folder, size=80)
    assert [image.shape[:2] for image in data.images] == [(80, 59), (80, 55), (80, 52)]
    assert [mask.shape for mask in data.masks] == [(80, 59), (80, 55), (80, 52)]
    net = unet(norm="batch")
    train(net, data, Settings(steps=1, batch=2, crop=32), progress=False)
    options = {"base_channels": 4, "depth": 2, "in_channels": 3}
    zoo.save(tmp_path / "w.safetensors", net, "unet", data.classes, **options)
    read = zoo.restore(tmp_path / "w.safetensors")[0]
    assert read.image_size == 80
    image = load(folder).images[0]
    seen = []
    read.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[-2:]))
    found = predict(read, image[None], precision="fp32")
    assert seen == [(80, 59)] and found.shape == (1, 150, 110)
    small = probabilities(read, data.images[0][None], precision="fp32")
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(small), image.shape[:2], mode="bilinear", align_corners=False
    )
    whole = probabilities(read, image[None], precision="fp32")
    np.testing.assert_allclose(whole, wanted, atol=1e-5)
    assert (found[0] == wanted[0].argmax(0).numpy()).mean() > 0.999
    monkeypatch.setattr(tiles, "VALUES", 2**12)  # by strips of a few rows
    parts = probabilities(read, image[None], precision="fp32")
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    evaluate(read, data)
    assert seen[-1] == (80, 52)
    assert contents(data.images) != contents(load(folder).images)  # another run
    with pytest.raises(ValueError, match="size: got 0, expected an integer of at least 1"):
        load(folder, size=0)


def segmenter(path, channels=4):
    """A file of weights of a small U-Net for color images and three classes."""
    options = {"base_channels": channels, "depth": 2, "in_channels": 3}
    torch.manual_seed(0)
    zoo.save(path, UNet(3, padded=True, norm="batch", **options), "unet", tuple("abc"), **options)
    return path


def claiming(path, side):
    """A PNG of a few bytes whose header says that it has side × side pixels."""

    def chunk(kind, content):
        whole = kind + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(100)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b""))


@pytest.fixture
def limits(monkeypatch):
    """A machine that can hold 40,000 pixels, where more than 10,000 are unusual."""
    for module in (_memory, _reading):
        monkeypatch.setattr(module, "USUAL", 10_000)
    monkeypatch.setattr(_reading, "_most_pixels", 10_000)
    monkeypatch.setattr(_memory, "available_memory", lambda: 2 * 40_000 * _memory.BYTES)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    _reading._tell.cache_clear()


@pytest.mark.filterwarnings("error")
def test_a_named_image_may_be_as_large_as_memory_holds(tmp_path, limits, capsys):
    """What it takes is said, and neither Pillow's limit nor its warning is met."""
    weights, out = segmenter(tmp_path / "w.safetensors"), tmp_path / "out"
    for height in (40, 150, 250):
        image = RNG.integers(0, 256, (height, 200, 3), dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / f"{height}.png")

    def run(name, *more):
        path = str(tmp_path / name)
        code = main(["predict", "--weights", str(weights), "--out", str(out), path, *more])
        return code, capsys.readouterr().err

    assert run("40.png") == (0, "")
    code, told = run("150.png")
    assert code == 0 and told.count("\n") == 1
    assert "150.png: 200 × 150 pixels, about 0.00036 GB of memory" in told
    code, told = run("250.png")
    assert code == 2 and told.count("\n") == 1
    assert "250.png: got 200 × 250 pixels" in told and "at most 40000 in all" in told
    assert "--max-pixels" in told
    assert run("250.png", "--max-pixels", "50000")[0] == 0
    assert Image.MAX_IMAGE_PIXELS == 1000


@pytest.mark.filterwarnings("error")
def test_a_bomb_stays_refused(tmp_path, monkeypatch, capsys):
    """Some bytes that claim ten gigapixels, on a machine of 64 GB."""
    monkeypatch.setattr(_reading, "_most_pixels", 2**26)
    monkeypatch.setattr(_memory, "available_memory", lambda: 64 * 10**9)
    claiming(tmp_path / "bomb.png", 100_000)
    assert (tmp_path / "bomb.png").stat().st_size < 200
    weights = segmenter(tmp_path / "w.safetensors")
    arguments = ["predict", "--weights", str(weights), "--out", str(tmp_path / "out")]
    assert main([*arguments, str(tmp_path / "bomb.png")]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "bomb.png: got 100000 × 100000 pixels" in told
    assert "1.2e+02 GB" in told


def test_memory_is_what_the_machine_says():
    assert affordable_pixels() >= 2**26
    found = _memory.available_memory()
    assert found is None or 2**20 < found < 2**50


def test_evaluating_a_photograph_takes_little_more_than_a_small_image(tmp_path):
    """Twelve megapixels, of which a network of this size would take gigabytes at once."""
    segmenter(tmp_path / "w.safetensors")
    peaks = {}
    for name, shape in (("small", (1000, 1040)), ("large", (3000, 4000))):
        for kind in ("images", "masks"):
            (tmp_path / name / kind).mkdir(parents=True)
        image = RNG.integers(0, 256, (*(n // 20 for n in shape), 3), dtype=np.uint8)
        Image.fromarray(image).resize(shape[::-1]).save(tmp_path / name / "images" / "1.jpg")
        Image.new("L", shape[::-1], 1).save(tmp_path / name / "masks" / "1.png")
        arguments = [
            "evaluate", "--weights", "w.safetensors", "--data", "folder", "--classes", "3",
            "--images", f"{name}/images", "--masks", f"{name}/masks",
        ]  # fmt: skip
        code = (
            "import resource; from upconv.cli import main; "
            f"assert main({arguments!r}) == 0; "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path,
            env=os.environ | {"UPCONV_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        assert len(result.stderr.splitlines()) == 1  # what was found, and no bar in a log
        peaks[name] = int(result.stdout.split()[-1]) / 1024  # MiB
    assert peaks["large"] < peaks["small"] + 400, peaks


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_shown_on_a_terminal_while_files_are_read(folder, monkeypatch):
    for stderr, progress, shown in (
        (Terminal(), True, True), (Terminal(), False, False), (io.StringIO(), True, False),
    ):  # fmt: skip
        monkeypatch.setattr(sys, "stderr", stderr)
        load(folder, progress=progress)
        assert ("reading" in stderr.getvalue()) == shown


def test_the_commands_scale_as_in_training(folder, monkeypatch, capsys):
    """Unless another size is asked for; masks have the photograph's own size."""
    monkeypatch.setattr(_reading, "_most_pixels", 2**26)  # the command line sets it
    monkeypatch.chdir(folder)
    weights = str(segmenter(folder / "w.safetensors"))
    net, classes, name = zoo.restore(weights)
    net.image_size = 80
    zoo.save(weights, net, name, classes, base_channels=4, depth=2, in_channels=3)
    sizes = []
    monkeypatch.setattr(
        rooms, "segmentation_folder",
        lambda *a, size=None, **b: sizes.append(size) or segmentation_folder(*a, size=size, **b),
    )  # fmt: skip
    mine = ["--data", "folder", "--images", "images", "--masks", "masks", "--classes", "3"]
    for more, size in (([], 80), (["--size", "60"], 60)):
        assert main(["evaluate", "--weights", weights, *mine, *more]) == 0
        assert sizes.pop() == size
    assert main(["predict", "--weights", weights, "--out", "out", "images/1.png"]) == 0
    assert Image.open("out/1_mask.png").size == Image.open("out/1_overlay.png").size == (110, 160)
    assert main(["evaluate", "--weights", weights, "--data", "digit_scenes", "--size", "9"]) == 2
    assert main(["train", "dcgan", "--data", "folder", "--images", "images", "--size", "9"]) == 2
    told = capsys.readouterr().err
    assert "--size requires --data folder" in told and "--size: dcgan does not use it" in told
    assert main(["data"]) == 0
    shown = capsys.readouterr().out
    assert str(folder / "cache" / "decoded") in shown and "of at most 20 GB" in shown
