"""Several processes do what one does: the same losses and weights, from the same checkpoint."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from forks import Forks
from hypothesis import given, settings
from hypothesis import strategies as st
from pace import PATIENCE
from safetensors.numpy import load_file
from test_cli import PACKAGES

from upconv import data
from upconv.training import DistributedContext, GanSettings, Settings, init_distributed, make_batch
from upconv.training.batches import places_of
from upconv.training.gan import make_images

STEPS = 12  # of the script
SCRIPT = Path(__file__).with_name("scale_run.py")


@pytest.fixture(scope="module")
def forks():
    made = Forks([*PACKAGES.split(), "lightning_fabric"])
    yield made
    made.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory, forks):
    """Train in so many processes; the history and the weights, or nothing if halted."""
    folder = tmp_path_factory.mktemp("scale")
    done = {}

    def run(kind, devices, strategy="ddp", out="", halt=-1, resume=False):
        key = (kind, devices, strategy, out, halt, resume)
        if key not in done:
            out = str(folder / (out or f"{kind}-{devices}-{strategy}"))
            options = [kind, devices, strategy, out, halt, "resume" if resume else "anew"]
            # Started as by torchrun; how others are started is tested below.
            several = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "NODE_RANK": "0"}
            several["WORLD_SIZE"] = str(devices)
            commands = [
                {
                    "arguments": [SCRIPT, *options],
                    "folder": folder,
                    "environment": surroundings(folder)
                    | (several | {"LOCAL_RANK": str(rank)} if devices > 1 else {}),
                }
                for rank in range(devices)
            ]
            for ended in forks.run(commands):
                assert ended.returncode == 0, ended.stderr
            if halt >= 0:
                return None
            states = torch.load(out + ".weights")
            weights = [weight for state in states for weight in state.values()]
            done[key] = json.loads(Path(out + ".json").read_text()), weights
        return done[key]

    return run


def call(folder, *arguments, fails=False):
    process = begin(folder, *arguments, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=4 * PATIENCE)
    result = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    assert (result.returncode != 0) == fails, result.stderr
    return result


def begin(folder, *arguments, stderr=None, **meeting) -> subprocess.Popen:
    """A process of ours, which meets others where it is told, if it is."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)], cwd=folder, env=surroundings(folder) | meeting,
        stdout=subprocess.PIPE, stderr=stderr, text=True,
    )  # fmt: skip


def surroundings(folder) -> dict[str, str]:
    """The environment of a process that nobody has told to meet others."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "UPCONV_CACHE": str(folder / "cache")}
    for name in ("LOCAL_RANK", "WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"):
        environment.pop(name, None)
    return environment


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def assert_same(first, second, weights=2e-5) -> None:
    names = [name for name in first[0] if name.endswith("losses")]
    assert names
    for name in names:
        assert len(first[0][name]) == STEPS
        np.testing.assert_allclose(first[0][name], second[0][name], rtol=0, atol=1e-5)
    for ours, theirs in zip(first[1], second[1], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=weights)


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [
        ("plain", "ddp"),
        ("adamw", "ddp"),
        ("classes", "ddp"),
        ("weighted", "ddp"),
        ("gan", "ddp"),
        ("plain", "fsdp"),
        ("adamw", "fsdp"),
        ("gan", "fsdp"),
    ],
)
def test_two_processes_do_what_one_does(run, kind, strategy):
    alone = run(kind, 1)
    # Adam's steps have one length: where the gradient is nothing but rounding, they go astray.
    assert_same(alone, run(kind, 2, strategy), weights=2e-3 if kind == "adamw" else 2e-5)
    losses = alone[0].get("losses") or alone[0]["discriminator_losses"]
    assert np.ptp(losses) > 0.01  # it learns at all


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_run_goes_on_with_another_number_of_processes(run, before, after, strategy):
    out = f"moved-{before}-{after}-{strategy}"
    run("plain", before, strategy, out, halt=7)
    assert_same(run("plain", 1), run("plain", after, strategy, out, resume=True))


@settings(max_examples=25, deadline=None)
@given(
    processes=st.sampled_from([1, 2, 3, 4]),
    own=st.integers(1, 3),
    step=st.integers(0, 50),
    warps=st.booleans(),
)
def test_shares_together_are_the_batch(processes, own, step, warps):
    scenes = data.digit_scenes(9)
    options = {"rotate": 90, "elastic_sigma": 4} if warps else {"zoom": (0.7, 1.5)}
    chosen = Settings(
        batch=processes * own, crop=40, brightness_contrast_jitter=0.2, seed=3, **options
    )
    whole = make_batch(scenes, chosen, step)
    shares = [make_batch(scenes, chosen, step, shard=share) for share in split(processes, chosen)]
    for layer in ("images", "masks"):
        parts = torch.cat([getattr(batch, layer) for batch in shares])
        assert torch.equal(parts, getattr(whole, layer))
    game = GanSettings(batch=processes * own, flip=True, seed=3)
    parts = [make_images(data.digits(), game, step, share) for share in split(processes, game)]
    assert torch.equal(torch.cat(parts), make_images(data.digits(), game, step))


def split(processes, chosen) -> list[slice]:
    """The share of every process."""
    found = []
    for rank in range(processes):
        distributed = DistributedContext("cpu")
        distributed.rank, distributed.size = rank, processes
        found.append(distributed.shard(chosen.batch))
    return found


def test_no_image_comes_twice_in_an_epoch():
    chosen, count = Settings(batch=6, seed=1), 30
    seen = Counter()
    for step in range(2 * count // chosen.batch):
        places = places_of(step, chosen, count, stream=1)
        shares = [places[share] for share in split(3, chosen)]
        assert len({len(share) for share in shares}) == 1
        for share in shares:
            seen.update(share)
    assert seen == {index: 2 for index in range(count)}


def test_what_cannot_be_is_refused(monkeypatch):
    distributed = DistributedContext("cpu")
    distributed.size = 3
    with pytest.raises(
        ValueError, match="batch: got 8, expected a multiple of 3, the number of processes"
    ):
        distributed.shard(8)
    with pytest.raises(ValueError, match="strategy"):
        init_distributed(2, strategy="deepspeed", device="cpu")
    monkeypatch.setenv("WORLD_SIZE", "8")
    with pytest.raises(ValueError, match=r"devices: got 1 on 1 machines, expected .* 8 processes"):
        init_distributed(device="cpu")
    monkeypatch.delenv("WORLD_SIZE")
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(ValueError, match=r"devices: .*upconv\[scale\]"):
        init_distributed(2, device="cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="devices: got 2, expected at most the 1 GPUs"):
        init_distributed(2, device="cuda")


def test_the_command_line_writes_once_and_goes_on_alone(tmp_path):
    train = ["-m", "upconv.cli", "train", "unet", "--data", "membranes", "--base-channels", "2"]
    train += ["--crop", "32", "--steps", "4", "--device", "cpu", "--out", "run"]
    result = call(tmp_path, *train, "--batch", "4", "--devices", "2")
    assert result.stdout.count("weights.safetensors") == 1
    assert result.stdout.count("pixel accuracy") == 1
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert history["steps"] == [0, 3]
    first = load_file(tmp_path / "run" / "weights.safetensors")
    (tmp_path / "run" / "weights.safetensors").unlink()
    call(tmp_path, *train, "--batch", "4", "--resume")  # nothing left to do
    second = load_file(tmp_path / "run" / "weights.safetensors")
    assert all(np.array_equal(first[name], second[name]) for name in first)
    refused = call(tmp_path, *train[:-1], "other", "--batch", "3", "--devices", "2", fails=True)
    assert "upconv: batch: got 3" in refused.stderr
    assert not (tmp_path / "other" / "weights.safetensors").exists()


def test_processes_started_by_others(tmp_path):
    """By torchrun, and machine by machine; two here are one."""
    train = ["train", "unet", "--data", "membranes", "--base-channels", "2", "--crop", "32"]
    train += ["--steps", "2", "--batch", "4", "--device", "cpu"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    by_torchrun = [*torchrun, "-m", "upconv.cli", *train, "--devices", "2", "--out", "first"]
    result = call(tmp_path, *by_torchrun)
    assert result.stdout.count("weights.safetensors") == 1
    command = ["-m", "upconv.cli", *train, "--nodes", "2", "--out", "second"]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    machines = [begin(tmp_path, *command, NODE_RANK=str(number), **meeting) for number in range(2)]
    said = [machine.communicate(timeout=4 * PATIENCE)[0] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0]
    assert "".join(said).count("weights.safetensors") == 1
    weights = [load_file(tmp_path / out / "weights.safetensors") for out in ("first", "second")]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
