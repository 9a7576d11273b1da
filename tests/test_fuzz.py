"""Some of the hostile input of tests/fuzz.py; `make fuzz` throws ten thousand and more."""

import os
import random
import warnings
import zipfile
from collections import Counter

import numpy as np
import pytest
from fuzz import KINDS, OPERATORS, cases, good_call

from upconv import ops
from upconv.data import BadData, DataUnavailable, segmentation_folder
from upconv.data import download as downloads


def test_hostile_input_works_or_is_refused_with_a_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # sums of NaN and infinity are meant
        found = Counter(cases(900, seed=1))
    assert {kind for kind, _ in found} == set(KINDS)
    for kind in KINDS:  # a refusal of everything would pass as well
        assert found[kind, "refused"] > 0
    assert found["operators", "worked"] > 20 and found["images", "worked"] > 5


def test_every_operator_is_thrown_at():
    assert len(OPERATORS) == len(ops.__all__) - 3


@pytest.mark.parametrize("name", OPERATORS)
def test_good_calls_work(name):
    """What is spoiled must be good before, or every refusal is of something else."""
    for seed in range(10):
        getattr(ops, name)(**good_call(name, random.Random(seed)))


@pytest.mark.parametrize(
    "name", ["../outside.txt", "/tmp/upconv-outside.txt", "a/../../outside.txt"]
)
def test_an_archive_writes_nothing_outside_its_folder(tmp_path, monkeypatch, name):
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("UPCONV_CACHE", str(cache))
    archive = cache / "evil.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr(name, "got out")
    monkeypatch.setattr(downloads, "download", lambda *arguments: archive)
    with pytest.raises(DataUnavailable):
        downloads.prepare(
            "evil.npz", "https://example.org/evil.zip", lambda member: True,
            lambda place: {"x": np.zeros(1)}, {"x": "0" * 64},
        )  # fmt: skip
    outside = {path for path in tmp_path.rglob("*") if path.is_file() and cache not in path.parents}
    assert outside == set() and not os.path.exists("/tmp/upconv-outside.txt")
    assert not (cache / "evil.npz").exists()


def test_a_folder_of_loops_pipes_and_links_is_refused_at_once(tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    for place in (images, masks):
        place.mkdir()
    (images / "loop.png").symlink_to(images / "loop.png")
    (masks / "loop.png").write_bytes(b"")
    with pytest.raises(BadData, match=r"loop\.png"):
        segmentation_folder(images, masks, 2)
    (images / "loop.png").unlink()
    os.mkfifo(images / "loop.png")  # opening a pipe that nobody fills waits for ever
    with pytest.raises(BadData, match=r"loop\.png"):
        segmentation_folder(images, masks, 2)
