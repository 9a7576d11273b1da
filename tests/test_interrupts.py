"""Ctrl-C and SIGTERM lose nothing: a run stopped after any step goes on as if it had not been."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest
import torch
from test_resume import draw, paint, play, segment

from upconv.data import SegmentationSet
from upconv.training import BadCheckpoint, Interrupted, Settings, train
from upconv.training import stopping as stopping_module
from upconv.training.stopping import Stopping

STEPS = 4  # of each of the four trainings
LOOPS = (segment, play, paint, draw)


def raiser(step, number=signal.SIGINT):
    """A callback that sends this process a signal at a step."""

    def callback(now, *rest):
        if now == step:
            signal.raise_signal(number)

    return callback


@pytest.fixture
def weights(monkeypatch):
    """What a training changed: the state of all its networks when it was last saved."""
    from upconv.training import checkpoints

    seen = {}
    whole = checkpoints.save

    def save(path, parts, *rest):
        for name, part in parts.items():
            if isinstance(part, torch.nn.Module):
                seen[name] = {key: value.clone() for key, value in part.state_dict().items()}
        whole(path, parts, *rest)

    monkeypatch.setattr(checkpoints, "save", save)
    return seen


def copied(weights):
    return {name: dict(state) for name, state in weights.items()}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("step", range(STEPS))
def test_a_run_stopped_after_any_step_ends_like_one_that_was_not(loop, step, tmp_path, weights):
    whole = loop(checkpoint=tmp_path / "whole.pt")
    expected = copied(weights)
    number = (signal.SIGINT, signal.SIGTERM)[step % 2]
    with pytest.raises(Interrupted) as stopped:
        loop(checkpoint=tmp_path / "run.pt", callback=raiser(step, number))
    assert (stopped.value.signal, stopped.value.step) == (number, step + 1)
    assert stopped.value.path.exists()
    resumed = loop(checkpoint=tmp_path / "run.pt", resume=True)
    assert weights.keys() == expected.keys()
    for name, state in expected.items():
        for key, value in state.items():
            assert torch.equal(weights[name][key], value), (name, key)
    if loop is draw:
        np.testing.assert_array_equal(resumed[0], whole[0])
        whole, resumed = whole[1], resumed[1]
    for name, values in vars(whole).items():
        if isinstance(values, list):
            assert getattr(resumed, name) == values


@pytest.mark.parametrize("loop", LOOPS)
def test_handlers_are_as_before_after_a_run_however_it_ends(loop, tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    loop(checkpoint=tmp_path / "run.pt")
    with pytest.raises(Interrupted):
        loop(checkpoint=tmp_path / "other.pt", callback=raiser(0))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_without_a_checkpoint_ctrl_c_stops_at_once_as_in_any_program():
    done = []

    def callback(step, loss):
        signal.raise_signal(signal.SIGINT)
        done.append(step)

    with pytest.raises(KeyboardInterrupt) as stopped:
        segment(callback=callback)
    assert not isinstance(stopped.value, Interrupted) and done == []


def test_the_second_signal_stops_at_once(tmp_path):
    done = []

    def callback(step, loss):
        signal.raise_signal(signal.SIGINT)
        done.append(step)
        signal.raise_signal(signal.SIGINT)
        done.append(step)

    with pytest.raises(KeyboardInterrupt) as stopped:
        segment(checkpoint=tmp_path / "run.pt", callback=callback)
    assert not isinstance(stopped.value, Interrupted) and done == [0]
    assert list(tmp_path.iterdir()) == []


def test_a_programs_own_handlers_and_ignored_signals_stay():
    heard = []
    before = [
        signal.signal(signal.SIGINT, lambda *about: heard.append(about[0])),
        signal.signal(signal.SIGTERM, signal.SIG_IGN),
    ]
    try:
        with Stopping() as stopping:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.raise_signal(number)
        assert heard == [signal.SIGINT] and stopping.signal == 0
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)


def test_in_another_thread_a_run_trains_and_is_saved(tmp_path):
    ended = []
    path = tmp_path / "run.pt"
    thread = threading.Thread(target=lambda: ended.append(segment(checkpoint=path)))
    thread.start()
    thread.join()
    assert len(ended) == 1 and path.exists()


def test_on_a_terminal_it_is_said_that_the_step_is_finished(monkeypatch):
    said = []
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.fileno", lambda: 2, raising=False)
    monkeypatch.setattr(os, "write", lambda file, text: said.append(text))
    with Stopping() as stopping:
        signal.raise_signal(signal.SIGINT)
        assert stopping.signal == signal.SIGINT
    assert said == [stopping_module.HINT]


# ---- longer, and other runs ----------------------------------------------------------------------


def longer(loop, monkeypatch):
    """The same training with twice the steps."""
    import test_resume

    for name in ("Settings", "GanSettings", "TransformSettings", "StyleSettings"):
        kind = getattr(test_resume, name)

        def more(*, kind=kind, **given):
            return kind(**given | {"steps": 2 * STEPS})

        monkeypatch.setattr(test_resume, name, more)
    return loop


@pytest.mark.parametrize("loop", [segment, play, paint])
def test_a_finished_run_can_become_longer(loop, tmp_path, monkeypatch, weights):
    first = loop(checkpoint=tmp_path / "run.pt")
    history = longer(loop, monkeypatch)(checkpoint=tmp_path / "run.pt", resume=True)
    assert first.steps == [0, STEPS - 1] and history.steps == [0, STEPS - 1, 2 * STEPS - 1]
    if loop is play:  # its learning rate is constant: the same as if it had been this long
        resumed = copied(weights)
        longer(loop, monkeypatch)(checkpoint=tmp_path / "other.pt")
        assert all(
            torch.equal(value, resumed[name][key])
            for name, state in weights.items()
            for key, value in state.items()
        )


@pytest.mark.parametrize("loop", [segment, paint])
def test_a_longer_run_follows_the_schedule_of_all_its_steps(loop, tmp_path, monkeypatch):
    """Its learning rate is that of its step in a run of this length."""
    from upconv.training import run as run_module

    loop(checkpoint=tmp_path / "run.pt")
    rates = {}
    follow = run_module.Run._follow_schedules

    def watched(self, first):
        group = self._schedules[0].optimizer.param_groups[0]
        rates.setdefault(which, []).append(group["lr"])
        follow(self, first)

    monkeypatch.setattr(run_module.Run, "_follow_schedules", watched)
    longer(loop, monkeypatch)
    which = "resumed"
    loop(checkpoint=tmp_path / "run.pt", resume=True)
    which = "whole"
    loop(checkpoint=tmp_path / "whole.pt")
    assert len(rates["whole"]) == 2 * STEPS and rates["resumed"] == rates["whole"][STEPS:]


def test_a_painting_by_optimization_cannot_become_longer(tmp_path, monkeypatch):
    draw(checkpoint=tmp_path / "run.pt")
    with pytest.raises(BadCheckpoint, match="got steps = 4, expected 8"):
        longer(draw, monkeypatch)(checkpoint=tmp_path / "run.pt", resume=True)


def test_a_run_cannot_become_shorter(tmp_path, monkeypatch):
    longer(segment, monkeypatch)(checkpoint=tmp_path / "run.pt")
    monkeypatch.undo()
    with pytest.raises(
        BadCheckpoint, match=r"got steps = 8, 8 done, expected 4: .* only become lo"
    ):
        segment(checkpoint=tmp_path / "run.pt", resume=True)


# ---- batches without labels ----------------------------------------------------------------------


def sparse(labeled, count=4, side=16):
    """Images of noise, of which only some have labels."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, side, side, 3), np.uint8)
    masks = np.full((count, side, side), 255, np.uint8)
    for place in labeled:
        masks[place] = images[place, ..., 0] > 127
    return SegmentationSet("sparse", ("dark", "red"), images, masks)


def norm():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
                               torch.nn.Conv2d(4, 2, 1))  # fmt: skip


def settings(**changes):
    return Settings(**{"steps": 8, "batch": 1, "crop": 16, "log_every": 1, "precision": "fp32"}
                    | changes)  # fmt: skip


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_batch_without_labels_counts_0_and_changes_nothing(optimizer):
    network, states = norm(), []

    def callback(step, loss):
        states.append({name: value.clone() for name, value in network.state_dict().items()})

    history = train(
        network, sparse([0, 1]), settings(optimizer=optimizer), device="cpu", progress=False,
        callback=callback,
    )  # fmt: skip
    empty = [step for step, loss in enumerate(history.losses) if loss == 0]
    assert len(empty) == 4 and all(np.isfinite(history.losses))  # two epochs, half without labels
    for step, loss in enumerate(history.losses):
        same = step and all(torch.equal(states[step][k], states[step - 1][k]) for k in states[step])
        assert step == 0 or same == (loss == 0)


@pytest.mark.parametrize("what", ["weights", "class weights"])
def test_labels_that_count_nothing_are_as_good_as_none(what):
    found, chosen = sparse(range(4)), settings()
    if what == "weights":
        found.weights = np.ones(found.masks.shape, np.float32)
        found.weights[1:] = 0
    else:
        found.masks[1:] = 0
        found.masks[0] = 1
        chosen = settings(class_weights=(0.0, 1.0))
    history = train(norm(), found, chosen, device="cpu", progress=False)
    assert sum(loss == 0 for loss in history.losses) == 6
    assert all(np.isfinite(history.losses))


def test_labels_at_the_rim_are_none_for_a_network_without_padding():
    from upconv import zoo

    torch.manual_seed(0)
    network = zoo.build("unet_valid", 2, base_channels=2, depth=1, in_channels=3)
    side = 28
    found = sparse([0], side=side)
    found.masks[1:, 0] = 1
    history = train(network, found, settings(crop=side), device="cpu", progress=False)
    assert sum(loss == 0 for loss in history.losses) == 6
    assert all(np.isfinite(history.losses))


def test_a_set_without_any_label_is_refused_at_once():
    network = norm()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ValueError, match="masks: got 4 without a label, expected one labeled"):
        train(network, sparse([]), settings(), device="cpu", progress=False)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())
