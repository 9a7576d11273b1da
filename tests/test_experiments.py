"""Stored experiments: broken off and begun again, they end as if nothing had been."""

import importlib.util
import json
import sys
import time
from dataclasses import replace
from functools import partial
from operator import itemgetter
from pathlib import Path

import numpy as np
import pytest

from upconv import results
from upconv.data import SegmentationSet

FOLDER = Path(__file__).parents[1] / "code" / "experiments"


@pytest.fixture
def module(monkeypatch, tmp_path):
    """Modules of the experiments, which write below a folder of the test's."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(results, "provenance", lambda data: {"data": data, **MADE})
    campaign = importlib.import_module("campaign")
    monkeypatch.setattr(campaign, "ASIDE", tmp_path / "aside")
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(FOLDER)):
            del sys.modules[name]


MADE = {"commit": "0" * 40, "command": "python code/experiments trial"}


class Trial:
    """Two names and a number of seeds; what has been run is noted."""

    def __init__(self, campaign, **changed):
        self.ran, self.finished, self.breaks_at = [], [], None
        options = {
            "name": "trial",
            "data": "nothing",
            "keys": campaign.of_seeds(name=("a", "b")),
            "run": self.run,
            "about": lambda: {"settings": {"steps": 3, "zoom": (1.0, 1.0)}},
            "finish": self.finish,
        }
        self.experiment = campaign.Experiment(**options | changed)

    def run(self, key):
        if self.breaks_at == len(self.ran):
            raise KeyboardInterrupt
        self.ran.append((key["name"], key["seed"]))
        return {"score": 10 * key["seed"] + ord(key["name"]), "shared": {"seen": {key["name"]: 1}}}

    def finish(self, result):
        self.finished.append(len(result["runs"]))
        return {"frames": {"best": max(run["score"] for run in result["runs"])}}


def test_a_campaign_that_was_broken_off_goes_on_where_it_was(module):
    campaign = module("campaign")
    whole = Trial(campaign)
    whole.experiment.complete()
    expected = results.load("trial")
    assert [(run["name"], run["seed"]) for run in expected["runs"]] == [
        (name, seed) for seed in range(3) for name in "ab"
    ]
    assert expected["frames"] == {"best": 118} and expected["seen"] == {"a": 1, "b": 1}
    assert all(run["commit"] == MADE["commit"] for run in expected["runs"])

    (results.FOLDER / "trial.json").unlink()
    broken = Trial(campaign)
    broken.breaks_at = 3
    with pytest.raises(KeyboardInterrupt):
        broken.experiment.complete()
    assert len(results.load("trial")["runs"]) == 3 and not broken.finished
    broken.breaks_at = None
    broken.experiment.complete()
    assert broken.ran == whole.ran and broken.finished == [6]
    found = results.load("trial")
    for run in (*found["runs"], *expected["runs"]):
        del run["seconds"]
    assert found == expected

    broken.experiment.complete()  # nothing is left to do
    assert len(broken.ran) == 6 and not broken.experiment.missing()
    assert len(broken.experiment.missing(5)) == 4


def test_several_runs_at_a_time_store_what_one_after_the_other_does(module):
    campaign = module("campaign")
    # Found by name in the processes that run it: a key is its own outcome.
    trial = Trial(campaign, run=dict, finish=None)
    trial.experiment.complete(2, jobs=2)
    rows = [(run["name"], run["seed"]) for run in results.load("trial")["runs"]]
    assert sorted(rows) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert not trial.experiment.missing(2)
    failing = Trial(campaign, run=itemgetter("what no key has"), finish=None)
    with pytest.raises(KeyError, match="what no key has"):
        failing.experiment.complete(3, jobs=2)
    assert len(results.load("trial")["runs"]) == 4


def fails_at_the_first(folder: Path, key: dict) -> dict:
    """In a process of its own: leaves a file, and takes a while."""
    (folder / f"{key['name']}{key['seed']}").touch()
    if (key["name"], key["seed"]) == ("a", 0):
        raise OSError("the first run failed")
    time.sleep(0.5)
    return {}


def test_after_a_failure_no_further_run_begins(module, tmp_path):
    folder = tmp_path / "begun"
    folder.mkdir()
    trial = Trial(module("campaign"), run=partial(fails_at_the_first, folder), finish=None)
    with pytest.raises(OSError, match="the first run failed"):
        trial.experiment.complete(20, jobs=2)
    assert 1 <= len([*folder.iterdir()]) < 40


def test_what_another_process_has_stored_meanwhile_is_kept(module):
    trial = Trial(module("campaign"))

    def run(key):
        if not trial.ran:
            other = results.resume("trial")
            other["runs"].append({"name": "other", "seed": 0})
            results.keep("trial", other)
        return trial.run(key)

    replace(trial.experiment, run=run, finish=None).complete(1)
    assert [run["name"] for run in results.load("trial")["runs"]] == ["other", "a", "b"]


def test_runs_of_other_settings_are_not_mixed(module):
    campaign = module("campaign")
    Trial(campaign).experiment.complete(1)
    other = Trial(campaign, about=lambda: {"settings": {"steps": 4, "zoom": (1, 1), "new": 0}})
    stored = (results.FOLDER / "trial.json").read_bytes()
    with pytest.raises(ValueError, match=r"trial\.json: got .* \(settings.steps: 3 stored, 4 now"):
        other.experiment.complete(2)
    assert not other.ran and (results.FOLDER / "trial.json").read_bytes() == stored


def test_a_run_may_find_several_rows(module):
    campaign = module("campaign")
    trial = Trial(campaign, run=lambda key: [{"row": i} for i in range(3)], finish=None)
    trial.experiment.complete(1)
    rows = [(run["name"], run["row"]) for run in results.load("trial")["runs"]]
    assert rows == [(name, i) for name in "ab" for i in range(3)]
    assert not trial.experiment.missing(1)


def test_camvid_broken_off_after_three_runs_still_draws_its_frames(module, monkeypatch):
    """The predictions of the runs before had been lost, and with them the frames."""
    camvid = module("camvid_fcn")
    monkeypatch.setattr(camvid, "ASIDE", results.FOLDER / "aside")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 64, 96, 3), dtype=np.uint8)
    masks = rng.integers(0, 11, (5, 64, 96), dtype=np.uint8)
    colors = tuple((20 * number, 10, 10) for number in range(11))
    tiny = SegmentationSet("tiny", tuple("abcdefghijk"), images, masks, colors)
    monkeypatch.setattr(camvid, "sets", lambda: dict.fromkeys(("train", "val", "test"), tiny))
    monkeypatch.setattr(camvid, "SETTINGS", replace(camvid.SETTINGS, steps=1, batch=2, crop=32))
    monkeypatch.setattr(camvid, "load_imagenet", lambda encoder, name: None)
    monkeypatch.setattr(camvid, "NETWORK", camvid.NETWORK | {"head": 8, "width_mult": 0.25})
    monkeypatch.setattr(camvid, "LOOKS", (1,))
    monkeypatch.setattr(
        camvid, "TRIED", {"learning_rate": (1e-3,), "encoder_factor": (1.0,), "weights": ("none",)}
    )
    camvid.SELECTION.complete()  # with what it chooses, the others run
    calls, train = [], camvid.train

    def until(count):
        def some(*arguments, **options):
            if len(calls) == count:
                raise KeyboardInterrupt
            calls.append(count)
            return train(*arguments, **options)

        return some

    monkeypatch.setattr(camvid, "train", until(3))
    with pytest.raises(KeyboardInterrupt):
        camvid.EXPERIMENT.complete(1)
    monkeypatch.setattr(camvid, "train", until(99))
    camvid.EXPERIMENT.complete(1)
    assert len(calls) == len(camvid.VARIANTS)
    assert not camvid.SELECTION.missing() and camvid.chosen()["weights"] == "none"
    stored = results.load("camvid_fcn")
    assert set(stored["frames"]) == {"worst", "median", "best"}
    for kind, frame in stored["frames"].items():
        assert set(camvid.DRAWN) < set(frame) and frame["columns"] is not None
        assert (results.FOLDER / f"camvid_{kind}.jpg").exists()
    order = [stored["frames"][kind]["FCN-8s"] for kind in ("worst", "median", "best")]
    assert order == sorted(order)


def test_errors_are_counted_by_distance_and_in_holes(module):
    camvid = module("camvid_fcn")
    mask = np.zeros((9, 80), np.uint8)
    mask[:, 40:] = 3
    assert camvid.distance_from_border(mask)[0].tolist() == [*range(40, 0, -1), *range(1, 41)]
    found = mask.copy()
    found[4, 60] = 0  # enclosed by what was rightly named, 21 pixels from the border
    found[0, 70] = 0  # at the image's border: a notch, and not a hole
    found[4, 40] = 0  # beside the border, and joined with what lies beyond
    got = camvid.details(found[None], mask[None])
    assert got["distances"] == (1, 2, 4, 8, 16, 32)
    assert got["pixels"] == [18, 18, 36, 72, 144, 288, 144]
    assert got["errors"] == [1, 0, 0, 0, 0, 2, 0]
    assert got["holes"] == 1 and got["largest_holes"] == {"pixels": 1, "frame": 0}
    mask[4, 60] = 255  # void counts nowhere
    got = camvid.details(found[None], mask[None])
    assert sum(got["pixels"]) == 9 * 80 - 1 and got["holes"] == 0


def test_a_mask_that_was_rolled_is_found(module):
    camvid = module("camvid_fcn")
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 11, (6, 40), dtype=np.uint8)
    found = camvid.shift_of_mask(np.stack([np.roll(mask, -7, axis=1), mask]), 0)
    assert found["columns"] == 7 and found["agreement_rolled"] == 1 > found["agreement"]
    images = rng.integers(0, 256, (6, 40, 3), dtype=np.uint8)
    images = np.stack([images, np.roll(images, -3, axis=1), images])
    shift = module("camvid_ceilings").shift_of_photograph
    assert [shift(images, frame) for frame in range(3)] == [-3, 3, -3]


def test_coarse_labels_are_averages_and_fitted_ones_are_better(module):
    ceilings = module("camvid_ceilings")
    mask = np.zeros((64, 96), np.uint8)
    mask[:, 48:] = 1
    mask[0, 0] = 255
    coarse = ceilings.averaged(mask, 2, 32)
    assert coarse.shape == (1, 2, 2, 3)
    assert coarse[0, 1].tolist() == [[0, 0.5, 1]] * 2
    assert coarse[0, 0, 0, 0] == 1023 / 1024  # void is nothing
    assert ceilings.averaged(mask[:40, :50], 2, 32).shape == (1, 2, 2, 2)  # padded as by an FCN
    found = ceilings._labels(ceilings.averaged(mask[:40, :50], 2, 32), 32, (40, 50))
    assert found.shape == (40, 50)
    thin = np.zeros((64, 64), np.uint8)
    thin[:, 20:27] = 1
    plain = ceilings._labels(ceilings.averaged(thin, 2, 16), 16, thin.shape)
    better = ceilings.fitted(thin, 2, 16)
    assert (plain != thin).sum() > (better != thin).sum()


def test_nothing_that_the_book_shows_is_missing(module, monkeypatch):
    campaign = module("campaign")
    monkeypatch.setattr(results, "FOLDER", Path(results.__file__).parent)
    spec = importlib.util.spec_from_file_location("experiments", FOLDER / "__main__.py")
    main = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(main)
    known = main.experiments(None, "", None)
    stored = {path.stem for path in results.FOLDER.glob("*.json")}
    stored = {name for name in stored if not name.startswith("gpu_")}  # `make gpu` writes these
    assert stored == {study.name for study in known}
    for study in known:
        assert not study.missing(), study.name
        assert len(study.missing(study.seeds + 1)) > 0 or study.seeds == 1
        # Nor have settings changed since the runs; those that need data are asked when it is there.
        if study.name not in ("camvid_selection", "camvid_fcn", "dcgan_guidelines", "dcgan_mnist"):
            stored = results.load(study.name)
            campaign._compare(study.name, stored, json.loads(json.dumps(study.about())))
