"""What commands write: whole or not at all, by one process at a time, and asked for in time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from upconv import cli, zoo
from upconv.files import InUse, atomic_write, check_writable, exclusive

UNET = {"base_channels": 4, "depth": 1, "in_channels": 3}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A picture, and files of weights of each kind of network."""
    folder = tmp_path_factory.mktemp("outputs")
    torch.manual_seed(0)
    noise = np.random.default_rng(0).integers(0, 255, (96, 96, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "a.png")
    zoo.save(folder / "unet.st", zoo.build("unet", 2, **UNET), "unet", ("a", "b"), **UNET)
    sizes = {"size": 32, "base_channels": 4}
    zoo.save(folder / "dcgan.st", zoo.build_generator("dcgan", **sizes), "dcgan", (), **sizes)
    sizes = {"base_channels": 4, "blocks": 0}
    network = zoo.build_stylizer("transform", **sizes)
    zoo.save(folder / "transform.st", network, "transform", (), **sizes)
    return folder


# Command, and what it writes.
WRITERS = {
    "masks": ("predict --weights unet.st --out OUT a.png", "a_mask.png"),
    "overlays": ("predict --weights unet.st --out OUT a.png", "a_overlay.png"),
    "paintings": ("predict --weights transform.st --out OUT a.png", "a_painted.png"),
    "samples": ("sample --weights dcgan.st --out OUT/drawn.png", "drawn.png"),
    "styles": (
        "stylize a.png a.png -o OUT/s.png --features random --steps 1 --size 96",
        "s.png",
    ),
    "histories": ("history", "history.json"),
    "exports": ("export unet --weights unet.st --out OUT/unet.onnx", "unet.onnx"),
}


def write(command, out, monkeypatch):
    if command != "history":
        return cli.main(command.replace("OUT", str(out)).split())
    from types import SimpleNamespace

    monkeypatch.setattr(zoo, "save", lambda *arguments, **options: None)
    history = SimpleNamespace(seconds=1.0, losses=[0.1] * 99)
    options = SimpleNamespace(run=lambda _: cli._training.keep(out, "unet", None, (), {}, history))
    parser = SimpleNamespace(parse_args=lambda _: options)
    monkeypatch.setattr(cli, "make_parser", lambda: parser)
    return cli.main([])


@pytest.mark.skipif(os.name == "nt", reason="no limit on the size of files")
@pytest.mark.parametrize("kind", list(WRITERS))
def test_on_a_full_disk_the_old_file_stays_whole(place, tmp_path, monkeypatch, capsys, kind):
    import resource

    monkeypatch.chdir(place)
    command, name = WRITERS[kind]
    out = tmp_path / "out"
    out.mkdir()
    assert write(command, out, monkeypatch) == 0
    made = {path.name for path in out.iterdir()}
    assert name in made
    size = (out / name).stat().st_size
    (out / name).write_bytes(b"old and whole")
    limit = max(1, size // 2)
    if kind == "overlays":  # the mask before it is smaller, and fits
        assert (out / "a_mask.png").stat().st_size < limit
    capsys.readouterr()
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write fails, as on a full disk
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        code = write(command, out, monkeypatch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    said = capsys.readouterr().err.splitlines()[-1:]
    assert code == 2 and said[0].startswith("upconv: ")
    assert (out / name).read_bytes() == b"old and whole"
    left = {path.name for path in out.iterdir()} - made
    assert left <= {".s.png.run"}, "only a run to go on with may be left"


# ---- one writer ----------------------------------------------------------------------------------

HOLDER = """
import sys
from upconv.files import exclusive
with exclusive(sys.argv[1], folder=sys.argv[2] == "folder"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path, kind):
    command = [sys.executable, "-c", HOLDER, str(path), kind]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "held\n"
    return child


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_lock_keeps_others_out_and_goes_with_its_process(tmp_path, kind):
    path, folder = tmp_path / "deep" / "out", kind == "folder"
    for ending in ("kill", "end"):
        child = holder(path, kind)
        complaint = r"--out: another process is writing .*out"
        with pytest.raises(InUse, match=complaint), exclusive(path, "--out", folder=folder):
            pass
        if ending == "kill":
            child.send_signal(signal.SIGKILL)
            child.wait()
            assert list((path if folder else path.parent).iterdir())  # its file, and no lock
        else:
            child.communicate()
        with exclusive(path, folder=folder):
            pass
        assert not [left for left in tmp_path.rglob("*") if left.is_file()]
    with exclusive(tmp_path / "new" / "deep", folder=folder):
        assert (tmp_path / "new").exists()
    assert not (tmp_path / "new").exists()  # nothing was written there


def test_a_lock_that_is_deleted_by_its_holder_keeps_the_next_out(tmp_path):
    """Who has opened the file just before it was deleted must not think that it holds it."""
    from upconv import files

    lock, seen = tmp_path / ".lock", []
    plain = files._lock

    def late(file):
        if not seen:
            seen.append(file)
            lock.unlink()
        plain(file)

    files._lock = late
    try:
        with exclusive(tmp_path, folder=True):
            assert lock.exists()
            with pytest.raises(InUse), exclusive(tmp_path, folder=True):
                pass
    finally:
        files._lock = plain


@pytest.mark.parametrize(
    "command",
    [
        "train unet --data membranes --steps 1 --base-channels 4 --out OUT",
        "train dcgan --data digits --steps 1 --base-channels 4 --out OUT",
        "train transform --style a.png --steps 1 --out OUT",
        "stylize a.png a.png -o OUT/x.png --features random",
    ],
)
def test_a_second_process_is_refused_in_one_line(place, tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(place)
    out = tmp_path / "out"
    child = holder(out / "x.png" if "stylize" in command else out,
                   "file" if "stylize" in command else "folder")  # fmt: skip
    try:
        before = {path.name for path in out.iterdir()}
        assert cli.main(command.replace("OUT", str(out)).split()) == 2
        said = capsys.readouterr().err.splitlines()
        assert said[-1].startswith("upconv: --out: another process is writing ")
        assert {path.name for path in out.iterdir()} == before
    finally:
        child.communicate()


def test_where_there_are_no_locks_it_goes_without(tmp_path, monkeypatch):
    import errno

    from upconv import files

    def refuse(file):
        raise OSError(errno.ENOTSUP, "no locks here")

    monkeypatch.setattr(files, "_lock", refuse)
    with exclusive(tmp_path, folder=True), exclusive(tmp_path, folder=True):
        pass


def test_threads_that_write_one_file_do_not_disturb_each_other(tmp_path):
    path, errors = tmp_path / "x.json", []
    meet = threading.Barrier(2, timeout=60)

    def run(number):
        def write(unfinished: Path):
            meet.wait()  # both have begun
            unfinished.write_text(json.dumps([number] * 1000))
            meet.wait()  # both have written

        try:
            atomic_write(path, write)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert json.loads(path.read_text()) in ([0] * 1000, [1] * 1000)
    assert os.listdir(tmp_path) == ["x.json"]


# ---- asked for in time ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "out"),
    [
        ("train unet --data membranes --out OUT", "file"),
        ("train unet --data membranes --out OUT", "file/below"),
        ("train dcgan --out OUT", "file"),
        ("predict --weights unet.st --out OUT a.png", "file"),
        ("predict --weights unet.st --out OUT a.png", "full"),
        ("sample --weights dcgan.st --out OUT", "folder.png"),
        ("sample --weights dcgan.st --out OUT", "file/x.png"),
        ("stylize a.png a.png -o OUT --features random", "folder.png"),
        ("export unet --weights unet.st --out OUT", "folder.onnx"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_work(
    place, tmp_path, monkeypatch, capsys, command, out
):
    monkeypatch.chdir(place)
    (tmp_path / "file").touch()
    for name in ("folder.png", "folder.onnx", "full/a_overlay.png"):
        (tmp_path / name).mkdir(parents=True)

    def work(*arguments, **options):
        raise AssertionError("work was begun")

    for name in (
        *("training.train", "training.train_gan", "style.stylize"),
        *("inference.predict", "inference.predict_tiles", "inference.generate"),
    ):
        monkeypatch.setattr(f"upconv.{name}", work)
    monkeypatch.setattr("upconv.onnx.export", work)
    monkeypatch.setattr("upconv.data.membranes", work)
    monkeypatch.setattr("upconv.data.digits", work)
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(command.replace("OUT", str(tmp_path / out)).split()) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("upconv: --out: ")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OSError, match=r"--out: .* is not writable"):
        check_writable(tmp_path / "new" / "x.png", "--out")


@pytest.mark.parametrize(("command", "resumes"), [("predict", False), ("train", True)])
def test_who_interrupts_is_told_of_resume_where_there_is_one(monkeypatch, capsys, command, resumes):
    def stop(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"upconv.cli.{command}.run", stop)
    rest = {"predict": ["--weights", "w", "--out", "o", "a.png"], "train": ["unet"]}[command]
    assert cli.main([command, *rest]) == 130
    assert capsys.readouterr().err == (
        "upconv: interrupted" + "; resume with --resume" * resumes + "\n"
    )
