"""Ctrl-C and SIGTERM lose nothing: a run stopped after any step goes on as if it had not been."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from pace import PATIENCE
from PIL import Image
from test_cli import forks, surroundings
from test_resume import draw, paint, play, segment

from upconv import cli
from upconv.data import SegmentationSet
from upconv.port import read_weights
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
    with pytest.raises(BadCheckpoint, match="got steps = 8, 8 done, expected 4: a run can only"):
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


# ---- the command line ----------------------------------------------------------------------------

SCRIPT = Path(__file__).with_name("interrupted_run.py")
STEPS_OF = {"unet": "5", "dcgan": "5", "transform": "5", "stylize": "4"}
COMMANDS = {
    "unet": "train unet --images images --masks masks --classes 2 --base-channels 2 --crop 32 "
    "--batch 2",
    "dcgan": "train dcgan --images images --base-channels 4 --batch 2",
    "transform": "train transform --style images/0.png --images images --features random "
    "--base-channels 4 --crop 32",
    "stylize": "stylize images/0.png images/1.png --features random --size 32",
}
MADE = {"stylize": "{}.png"}


def started(place, *arguments):
    """In a process of its own, in a folder."""
    command = {"arguments": list(map(str, arguments)), "folder": place}
    [done] = forks().run([command | {"environment": surroundings(place)}])
    return done


def command_of(kind, out):
    made = MADE.get(kind, "{}").format(out)
    return [*COMMANDS[kind].split(), "--steps", STEPS_OF[kind], "--out", made]


def result_of(place, kind, out):
    made = place / MADE.get(kind, "{}").format(out)
    if made.is_file():
        return made.read_bytes()
    # The order of the words about the weights is not always the same.
    weights, about = read_weights(made / "weights.safetensors")
    return about, {name: value.tobytes() for name, value in weights.items()}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Images and masks, and the folder of all runs."""
    found = tmp_path_factory.mktemp("interrupts")
    rng = np.random.default_rng(0)
    for name in ("images", "masks", "others"):
        (found / name).mkdir()
    for number in range(4):
        image = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(image).save(found / "images" / f"{number}.png")
        Image.fromarray(255 - image).save(found / "others" / f"{number}.png")
        mask = (image[..., 0] > 127).astype(np.uint8)
        Image.fromarray(mask).save(found / "masks" / f"{number}.png")
    return found


@pytest.mark.parametrize("kind", list(COMMANDS))
def test_the_command_told_goes_on_to_what_would_have_been(place, kind):
    done = started(place, "-m", "upconv.cli", *command_of(kind, f"{kind}-whole"))
    assert done.returncode == 0, done.stderr
    for number, code in (("SIGINT", 130), ("SIGTERM", 143)):
        command = command_of(kind, f"{kind}-{code}")
        stopped = started(place, SCRIPT, number, 3, *command)
        assert stopped.returncode == code, stopped.stderr
        told = stopped.stderr.splitlines()[-1]
        begin = f"upconv: interrupted after step 3 of {STEPS_OF[kind]}; go on with: upconv "
        assert told.startswith(begin) and "Traceback" not in stopped.stderr
        again = shlex.split(told.removeprefix(begin))
        assert again == [*command, "--resume"]
        # Interrupted again, it says the same: nothing is added twice.
        stopped = started(place, SCRIPT, number, 1, *again)
        assert stopped.returncode == code
        assert stopped.stderr.splitlines()[-1] == told.replace("step 3", "step 4")
        resumed = started(place, "-m", "upconv.cli", *again)
        assert resumed.returncode == 0, resumed.stderr
        assert result_of(place, kind, f"{kind}-{code}") == result_of(place, kind, f"{kind}-whole")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_killed_from_outside_is_saved(place, number):
    """By a signal of another process, at whatever step it is."""
    out = place / f"killed-{number}"
    steps = ["--steps", "1000000", "--out", out]
    command = [sys.executable, "-m", "upconv.cli", *COMMANDS["unet"].split(), *steps]
    process = subprocess.Popen(
        list(map(str, command)), cwd=place, stderr=subprocess.PIPE, text=True,
        env=surroundings(place) | {"UPCONV_PRECISION": "fp32"},
    )  # fmt: skip
    while not (told := process.stderr.readline()).startswith("cpu: "):  # then the steps begin
        assert told, process.wait(PATIENCE)
    while not (out / "checkpoint.pt").exists():  # after 200 steps
        assert process.poll() is None
    process.send_signal(number)
    rest = process.stderr.read().splitlines()
    assert process.wait(PATIENCE) == 128 + number
    found = re.match(r"upconv: interrupted after step (\d+) of 1000000; go on with: (.+)", rest[-1])
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    assert state["step"] == int(found[1]) >= 200
    assert shlex.split(found[2]) == [*map(str, command), "--resume"]


@pytest.mark.parametrize(("strategy", "rank"), [("ddp", "1"), ("fsdp", "0")])
def test_of_several_processes_all_stop_after_the_same_step(place, strategy, rank):
    """Whichever of them gets the signal; nobody waits for another, and the file is whole."""
    command = [*command_of("unet", strategy), "--devices", "2", "--strategy", strategy]
    command += ["--device", "cpu"]
    environment = surroundings(place) | {"INTERRUPTED": rank}
    for name in ("LOCAL_RANK", "WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"):
        environment.pop(name, None)
    stopped = subprocess.run(
        [sys.executable, SCRIPT, "SIGINT", "3", *command], cwd=place, env=environment,
        capture_output=True, text=True, timeout=4 * PATIENCE,
    )  # fmt: skip
    assert stopped.returncode == 130, stopped.stderr
    told = "upconv: interrupted after step 3 of 5; go on with: upconv "
    assert stopped.stderr.splitlines()[-1] == told + shlex.join([*command, "--resume"])
    assert stopped.stderr.count("interrupted") == 1 and "Traceback" not in stopped.stderr
    state = torch.load(place / strategy / "checkpoint.pt", weights_only=True)
    assert state["step"] == 3
    alone = [*command_of("unet", strategy), "--device", "cpu", "--resume"]
    resumed = started(place, "-m", "upconv.cli", *alone)
    assert resumed.returncode == 0, resumed.stderr


def signal_at(monkeypatch, where, number=signal.SIGINT):
    """Get a signal when something is called."""

    def interrupted(*arguments, **options):
        signal.raise_signal(number)
        raise AssertionError("not reached")

    monkeypatch.setattr(where, interrupted)


def said(capsys):
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("unet", "upconv.data.segmentation_folder"),
        ("unet", "upconv.training.train"),
        ("dcgan", "upconv.data.square_images"),
        ("transform", "upconv.zoo.features"),
        ("stylize", "upconv.style.stylize"),
    ],
)
def test_before_the_first_step_nothing_is_saved_and_resume_not_told(
    place, tmp_path, monkeypatch, capsys, kind, where, number, code
):
    monkeypatch.chdir(place)
    signal_at(monkeypatch, where, number)
    before = signal.getsignal(number)
    assert cli.main(command_of(kind, tmp_path / "run")) == code
    assert said(capsys) == "upconv: interrupted; nothing was saved"
    assert list(tmp_path.iterdir()) == [] and signal.getsignal(number) == before


def test_an_earlier_run_is_not_forgotten_when_its_resuming_is_interrupted(
    place, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(place)
    command = command_of("unet", tmp_path / "run")
    assert cli.main(command) == 0
    signal_at(monkeypatch, "upconv.data.segmentation_folder")
    assert cli.main([*command, "--resume"]) == 130
    assert said(capsys).endswith("go on with: upconv " + shlex.join([*command, "--resume"]))


def test_after_the_training_the_weights_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    signal_at(monkeypatch, "upconv.inference.evaluate")
    train = "train unet --data membranes --base-channels 2 --crop 32 --batch 1 --steps 1 --out run"
    assert cli.main(train.split()) == 130
    told = "upconv: interrupted after the training; its weights are in run/weights.safetensors"
    assert said(capsys) == told and Path("run/weights.safetensors").exists()


def test_commands_without_resume_do_not_speak_of_it(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    signal_at(monkeypatch, "upconv.zoo.name_of", signal.SIGTERM)
    Path("w").touch()
    assert cli.main(["predict", "--weights", "w", "--out", "o", "images/0.png"]) == 143
    assert said(capsys) == "upconv: interrupted"


def test_resume_stands_before_two_dashes_and_programs_that_start_many_are_not_imitated(monkeypatch):
    from types import SimpleNamespace

    from upconv.cli._interrupts import explain, typed

    options = SimpleNamespace(resume=False, state=Path(__file__))
    options.typed = ["upconv", "x", "--", "a b"]
    told = "interrupted; go on with: upconv x --resume -- 'a b'"
    assert explain(KeyboardInterrupt(), options) == told
    monkeypatch.setenv("WORLD_SIZE", "2")
    options.typed = typed(["train"])
    told = "interrupted; go on with the same command and --resume"
    assert explain(KeyboardInterrupt(), options) == told


# ---- where runs are ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(place):
    """A run of five steps."""
    done = started(place, "-m", "upconv.cli", *command_of("unet", "finished"))
    assert done.returncode == 0, done.stderr
    return place


def last_line(place, *arguments, code=2):
    done = started(place, "-m", "upconv.cli", *arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()


def changed_command(**options):
    """The finished run's command with other options."""
    command = [*command_of("unet", "finished"), "--resume"]
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if option in command:
            command[command.index(option) + 1] = value
        else:
            command += [option, value]
    return command


def test_a_finished_run_says_so_and_how_to_go_on(finished, tmp_path):
    shutil.copytree(finished / "finished", tmp_path / "run")
    command = changed_command(out=str(tmp_path / "run"))
    lines = last_line(finished, *command, code=0)
    path = tmp_path / "run" / "checkpoint.pt"
    assert f"{path}: finished, 5 of 5 steps; with more steps it goes on" in lines
    command[command.index("--steps") + 1] = "8"
    lines = last_line(finished, *command, code=0)
    told = "goes on from step 5 to 8 instead of 5, at the learning rates of a run of 8 steps"
    assert f"{path}: {told}" in lines
    assert torch.load(path, weights_only=True)["step"] == 8


OTHERS = {
    "other numbers": ({"learning_rate": "0.5"}, "got learning_rate = 0.002, expected 0.5"),
    "fewer steps": ({"steps": "2"}, "got steps = 5, 5 done, expected 2"),
    "other data": ({"images": "others"}, "got images = 4 of SHA-256"),
    "another width": ({"base_channels": "4"}, "weights of another network"),
    "a file": ({"out": "images/0.png"}, "--out: images/0.png is a file, expected a folder"),
}


@pytest.mark.parametrize("what", list(OTHERS))
def test_what_differs_from_the_run_is_said(finished, what):
    options, told = OTHERS[what]
    assert told in last_line(finished, *changed_command(**options))[-1]


def test_the_run_of_another_network_is_named_as_such(finished):
    for kind in ("dcgan", "transform"):
        command = [*command_of(kind, "finished"), "--resume"]
        told = last_line(finished, *command)[-1]
        assert told.startswith("upconv: finished/checkpoint.pt: ")
        assert "weights of another network" in told


def test_resume_without_an_earlier_run_begins_anew_and_says_so(place, tmp_path):
    for kind in ("unet", "stylize"):
        lines = last_line(place, *command_of(kind, tmp_path / kind), "--resume", code=0)
        assert re.match(
            r"--resume: no (earlier|interrupted) run .*; this one begins anew", lines[0]
        )


def test_weights_without_a_run_are_not_overwritten(place, tmp_path):
    (tmp_path / "weights.safetensors").write_text("mine")
    for more in ([], ["--resume"]):
        told = last_line(place, *command_of("unet", tmp_path), *more)[-1]
        assert "holds weights.safetensors but no checkpoint.pt" in told and "--weights" in told
    assert (tmp_path / "weights.safetensors").read_text() == "mine"


# ---- one's own weights ---------------------------------------------------------------------------


def test_training_starts_from_ones_own_weights(finished, tmp_path):
    weights = ["--weights", "finished/weights.safetensors"]
    # At a learning rate of 0 they stay what they were.
    still = ["--learning-rate", "0", *weights]
    lines = last_line(finished, *command_of("unet", tmp_path / "same"), *still, code=0)
    assert "unet (2 channels, from finished/weights.safetensors) on 4 images" in lines
    before, _ = read_weights(finished / "finished" / "weights.safetensors")
    after, _ = read_weights(tmp_path / "same" / "weights.safetensors")
    learned = [name for name in before if "running" not in name]
    assert all(np.array_equal(before[name], after[name]) for name in learned)
    more = command_of("unet", tmp_path / "more")
    more[more.index("--classes") + 1] = "3"
    lines = last_line(finished, *more, *still, code=0)
    assert (
        "--weights: finished/weights.safetensors has other classes: "
        "score.weight, score.bias start anew" in lines
    )
    after, _ = read_weights(tmp_path / "more" / "weights.safetensors")
    anew = {"score.weight", "score.bias"}
    assert all(np.array_equal(before[name], after[name]) for name in learned if name not in anew)
    assert len(after["score.bias"]) == 3


def test_a_resumed_run_does_not_need_the_weights_it_started_from(finished, tmp_path):
    shutil.copy(finished / "finished" / "weights.safetensors", tmp_path / "w.st")
    command = [*command_of("unet", tmp_path / "run"), "--weights", str(tmp_path / "w.st")]
    assert started(finished, "-m", "upconv.cli", *command).returncode == 0
    (tmp_path / "w.st").unlink()
    assert started(finished, "-m", "upconv.cli", *command, "--resume").returncode == 0
    told = last_line(finished, *command_of("unet", tmp_path / "b"), "--weights", tmp_path / "w.st")
    assert "--weights: " in told[-1] and "is not a file" in told[-1]


OTHER_WEIGHTS = {
    "another network": ("unet_add", [], "got weights of unet, expected unet_add"),
    "another width": ("unet", ["--base-channels", "4"], "add --base-channels 2"),
    "another kind": ("fcn8s", [], "got weights of unet, expected fcn8s"),
    "both": ("fcn8s", ["--from-scratch"], "--weights: not together with --from-scratch"),
}


@pytest.mark.parametrize("what", list(OTHER_WEIGHTS))
def test_weights_of_another_network_are_refused_in_one_line(finished, tmp_path, what):
    network, more, told = OTHER_WEIGHTS[what]
    train = [
        "train", network, "--images", "images", "--masks", "masks", "--classes", "2",
        "--weights", "finished/weights.safetensors", "--out", tmp_path / "run",
    ]  # fmt: skip
    if network != "fcn8s" and not more:
        more = ["--base-channels", "2"]
    assert told in last_line(finished, *train, *more)[-1]
    assert list(tmp_path.iterdir()) == []
