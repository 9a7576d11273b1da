"""The stored benchmarks: the tables in their README are those of the stored figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def module(import_from):
    """A benchmark, or the tables, by name."""
    return import_from(FOLDER)


def stored(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["speed", "winograd", "quality", "endurance", "chapters"])
def test_the_readme_says_what_was_measured(name, module):
    benchmark, tables = module(name), module("tables")
    figures = stored(name)
    parts = figures.values() if name == "speed" else [figures]
    assert not any("with changes" in part["provenance"]["commit"] for part in parts)
    text = tables.README.read_text(encoding="utf-8").split(benchmark.MARK)
    assert len(text) == 3
    assert text[1].strip() == benchmark.report(figures)


@pytest.mark.parametrize("name", ["speed", "quality"])
def test_all_work_was_measured(name, module):
    benchmark, figures = module(name), stored(name)
    parts = figures.values() if name == "speed" else [figures]
    assert all(list(part["table"]) == list(benchmark.WORK) for part in parts)


def test_ours_is_never_slower_than_the_plain_recipe():
    """On each kind of processor that was measured; where bf16 is emulated, too."""
    for kind, part in stored("speed").items():
        for name, rows in part["table"].items():
            assert all(row["times faster"] >= 1 for row in rows.values()), (kind, name)
            if kind == "AVX2" and name.startswith(("U-Net", "FCN")):
                assert rows["training"]["times faster"] >= 1.3


def test_an_hour_of_training_keeps_its_memory_and_survives_being_killed():
    found = stored("endurance")["table"]
    assert found["minutes"] >= 60
    assert found["kills"] >= 10
    assert found["equal to the bit"]
    drifts = found["drift alone, %"] + found["drift killed, %"]
    assert len(drifts) > 10
    assert max(abs(drift) for drift in drifts) < 2


def test_the_course_is_quick_and_small():
    """All chapters in 12 minutes and 6 GB, the book in 30 s."""
    found = stored("chapters")
    chapters = (FOLDER.parent / "chapters").glob("*.ipynb")
    assert sorted(found["table"]) == sorted(path.stem for path in chapters)
    assert sum(row["seconds"] for row in found["table"].values()) <= 12 * 60
    assert max(row["MiB"] for row in found["table"].values()) <= 6 * 1024
    assert found["book"] <= 30


def test_bf16_scores_as_float32_does():
    """No difference beyond that of the seeds, at 5 % for all scores together (Bonferroni)."""
    from upconv.statistics import paired

    table = stored("quality")["table"]
    for name, scores in table.items():
        assert len(scores["bf16"]) >= 5
        assert paired(scores["bf16"], scores["fp32"]).p > 0.05 / len(table), name


class Clock:
    """A GPU that is faked: its time is how often it was told to note it, squared."""

    def __init__(self, monkeypatch):
        self.now, self.waits, clock = 0, 0, self

        class Event:
            def __init__(self, enable_timing):
                assert enable_timing

            def record(self):
                clock.now += 1
                self.time = 1000.0 * clock.now**2  # in milliseconds

            def elapsed_time(self, other):
                assert clock.waits  # what has not been waited for has no time yet
                return other.time - self.time

        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "synchronize", self.wait)

    def wait(self):
        self.waits += 1


def test_on_a_gpu_a_turn_is_timed_as_a_whole(module, monkeypatch):
    """And the loop is not looked at: then it would wait for each loss."""
    speed, clock, layer = module("speed"), Clock(monkeypatch), torch.nn.Identity()
    given = []

    def run(count, mark):
        given.append((count, mark))
        layer(torch.ones(1))  # what goes through it before the first step, as targets do
        for _ in range(count):
            layer(torch.ones(1))

    timed = speed.between(run, layer, torch.device("cuda"))
    (seconds,) = timed(3, 4)
    # Noted 9 times: from the beginning of the fourth step to that of the eighth.
    assert given == [(8, None)]
    assert seconds == (9**2 - 5**2) / 4
    assert clock.waits == 1
    layer(torch.ones(1))
    assert clock.now == 9  # the hook is gone
    calls = []
    (seconds,) = speed.each(lambda: calls.append(clock.waits), torch.device("cuda"))(2, 5)
    # Two before the first look at the clock; nothing in between is waited for.
    assert calls == [1] * 2 + [2] * 5 and clock.waits == 3
    assert seconds >= 0


def test_on_a_processor_each_step_is_timed(module):
    speed, seen = module("speed"), []

    def run(count, mark):
        for step in range(count):
            seen.append(step)
            mark(step)

    assert len(speed.between(run, torch.nn.Identity(), torch.device("cpu"))(3, 4)) == 4
    assert len(seen) == 8
    assert len(speed.each(lambda: seen.append(0))(3, 4)) == 4
    assert len(seen) == 8 + 7


def test_the_recipes_compute_where_their_networks_are(module):
    """Shown by the meta device, on which a tensor of the processor's is refused."""
    recipes = module("recipes")
    meta = torch.device("meta")
    images, masks = torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)
    seen = []
    network = recipes.PlainUNet(2).to(meta)
    network.register_forward_pre_hook(lambda _, given: seen.append(given[0].device.type))
    step = recipes.segmenter_step(
        network, torch.optim.SGD(network.parameters(), 0.1, foreach=False), iter([(images, masks)])
    )
    with pytest.raises(Exception, match="meta"):  # its loss has no value to read
        step()
    pair = recipes.plain_generator(2).to(meta), recipes.plain_discriminator(2).to(meta)
    for one in pair:
        one.register_forward_pre_hook(lambda _, given: seen.append(given[0].device.type))
    with pytest.raises(Exception, match="meta"):
        recipes.gan_step(*pair, iter([torch.rand(2, 3, 64, 64)]))()
    assert len(seen) >= 4 and set(seen) == {"meta"}


def test_speed_is_printed_and_stored_under_its_kind_of_processor(
    module, monkeypatch, tmp_path, capsys
):
    speed, tables = module("speed"), module("tables")
    before = stored("speed")
    rows = next(iter(before.values()))["table"]
    (tmp_path / "speed.json").write_text(json.dumps(before), encoding="utf-8")
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(readme, encoding="utf-8")
    monkeypatch.setattr(speed, "STORED", tmp_path / "speed.json")
    monkeypatch.setattr(tables, "README", tmp_path / "README.md")
    monkeypatch.setattr(speed, "measure", lambda name, *_: rows[name])
    monkeypatch.setattr(speed, "rates", lambda: {"float32": 1.0, "ours": 2.0})
    monkeypatch.setattr(speed, "kind", lambda: "a processor of 2030")
    monkeypatch.setattr(sys, "argv", ["speed.py", "--store"])
    speed.main()
    after = json.loads((tmp_path / "speed.json").read_text(encoding="utf-8"))
    assert after.pop("a processor of 2030")["table"] == rows and after == before
    assert "**a processor of 2030**" in (tmp_path / "README.md").read_text(encoding="utf-8")
    printed = capsys.readouterr().out
    assert all(f"{row['ours']:.2f}" in printed for parts in rows.values() for row in parts.values())


def test_a_processor_that_is_told_to_do_without_avx512_is_a_kind_of_its_own(module, monkeypatch):
    speed = module("speed")
    monkeypatch.setattr(speed, "pick_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(speed, "resolve_precision", lambda *_: "fp32")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    kinds = []
    for has in (False, True):
        monkeypatch.setattr(torch.cpu, "_is_avx512_supported", lambda has=has: has)
        kinds.append(speed.kind())
    assert kinds == ["AVX2", "AVX2 of a processor with AVX-512"]


def test_figures_of_a_gpu_name_their_batches(module):
    speed = module("speed")
    part = dict(next(iter(stored("speed").values())))
    assert "Images per step" not in speed.report({"a processor": part})
    batches = {name: speed.ON_GPU[make.__name__][0] for name, (make, *_) in speed.WORK.items()}
    text = speed.report({"NVIDIA H100": part | {"batches": batches}})
    assert "Images per step: U-Net, 64 channels, 256 × 256 16" in text and "TF32" in text
