"""What happens on the way: killed processes, full disks, stalled and torn downloads."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from pace import PATIENCE
from PIL import Image

from upconv import cli, data, results
from upconv.data import download as downloads
from upconv.files import atomic_write

KILLS = 100
CONTENT = np.random.default_rng(0).bytes(100_000)
RIGHT = hashlib.sha256(CONTENT).hexdigest()


# ---- killed while writing ------------------------------------------------------------------------

# Forks its writers, so that a framework is imported once and not a hundred times. Writer number n
# writes versions n.0, n.1, …, until it is killed at a random moment.
KILLER = """
import os, random, signal, sys, time
from pathlib import Path
{setup}
rng = random.Random(0)
for number in range({kills}):
    child = os.fork()
    if child == 0:
        version = 0
        while True:
            write(number, version)
            version += 1
    time.sleep(rng.uniform(0.001, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    check(number)
print("survived", len(os.listdir(Path({path!r}).parent)))
"""

RESULTS = """
import json
from upconv import results
results.FOLDER = Path({path!r}).parent
def write(number, version):
    results.keep("kept", {{"number": number, "version": version, "runs": list(range(2000))}})
def check(number):
    if Path({path!r}).exists():
        found = results.load("kept")
        assert found["runs"] == list(range(2000)) and found["number"] <= number
"""

CHECKPOINT = """
import torch
torch.set_num_threads(1)
from upconv.training import History, Settings, checkpoints
line = torch.nn.Linear(64, 64)
def write(number, version):
    with torch.no_grad():
        line.weight.fill_(number)
        line.bias.fill_(number)
    checkpoints.save(Path({path!r}), {{"network": line}}, Settings(), History(), number)
def check(number):
    if Path({path!r}).exists():
        step = checkpoints.load(Path({path!r}), {{"network": line}}, Settings(), History())
        assert (line.weight == step).all() and (line.bias == step).all() and step <= number
"""


@pytest.mark.parametrize(
    ("name", "setup"),
    [("kept.json", RESULTS), ("run.pt", CHECKPOINT)],
    ids=["results", "checkpoint"],
)
def test_a_hundred_kills_tear_no_file_and_leave_no_rubbish(tmp_path, name, setup):
    path = str(tmp_path / name)
    code = KILLER.format(setup=setup.format(path=path), kills=KILLS, path=path)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # The file, and at most what the last of the killed had begun.
    assert done.stdout.split()[0] == "survived" and int(done.stdout.split()[1]) <= 2
    atomic_write(path, lambda unfinished: unfinished.write_bytes(b"whole"))
    assert os.listdir(tmp_path) == [name]


def test_another_writer_that_lives_keeps_its_unfinished_file(tmp_path):
    path = tmp_path / "file.txt"

    def write(unfinished: Path) -> None:
        unfinished.write_text("mine")
        code = (
            "from upconv.files import atomic_write;"
            f"atomic_write({str(path)!r}, lambda part: part.write_text('theirs'))"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
        assert path.read_text() == "theirs" and unfinished.read_text() == "mine"

    atomic_write(path, write)
    assert path.read_text() == "mine" and os.listdir(tmp_path) == ["file.txt"]


# ---- disk and memory -----------------------------------------------------------------------------

FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write fails, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from upconv import cli
sys.exit(cli.main(sys.argv[1:]))
"""


def test_a_full_disk_is_said_in_one_line_and_the_old_run_is_whole(tmp_path):
    for kind, name in (("images", "a.png"), ("masks", "a.png")):
        (tmp_path / kind).mkdir()
        Image.fromarray(np.eye(40, dtype=np.uint8)).save(tmp_path / kind / name)
    train = [
        "train",
        "unet",
        "--data",
        "folder",
        "--classes",
        "2",
        "--base-channels",
        "4",
        "--crop",
        "32",
        "--batch",
        "1",
    ]
    train += ["--images", str(tmp_path / "images"), "--masks", str(tmp_path / "masks")]
    train += ["--out", str(tmp_path / "run")]
    assert cli.main([*train, "--steps", "1"]) == 0
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    path = tmp_path / "run" / "checkpoint.pt"
    assert path.stat().st_size > 20_000  # does not fit on what is left
    done = subprocess.run(
        [sys.executable, "-c", FULL, *train[:-1], str(tmp_path / "other"), "--steps", "1"],
        capture_output=True, text=True,
        # On a full disk coverage has no place for what it measured.
        env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("upconv: ") and "Traceback" not in done.stderr
    assert not list((tmp_path / "other").glob("*"))
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        pytest.param(None, id="as PyTorch says it on this machine"),
    ],
)
def test_too_little_memory_names_the_settings_to_lower(monkeypatch, capsys, tmp_path, error):
    def train(*arguments, **options):
        if error is None:
            torch.empty(2**50, dtype=torch.float64)
        raise error

    monkeypatch.setattr("upconv.training.train", train)
    out = str(tmp_path / "run")
    assert cli.main(["train", "unet", "--base-channels", "4", "--out", out]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert (
        said == "upconv: out of memory; lower --batch or --crop or --base-channels or --width-mult"
    )


def test_other_errors_of_ours_keep_their_traceback(monkeypatch, tmp_path):
    def train(*arguments, **options):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("upconv.training.train", train)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        cli.main(["train", "unet", "--base-channels", "4", "--out", str(tmp_path / "run")])


# ---- downloads -----------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UPCONV_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("UPCONV_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def server():
    """Serves CONTENT; ``answers`` says what comes first: whole, torn, wrong, slow, stalled."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            kind = running.answers.pop(0) if running.answers else "whole"
            running.requests += 1
            if kind == "stalled":
                running.stop.wait()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            if kind == "slow":
                time.sleep(0.7)
            body = {"torn": CONTENT[:50_000], "wrong": CONTENT[::-1]}.get(kind, CONTENT)
            self.wfile.write(body)

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.answers, running.requests, running.stop = [], 0, threading.Event()
    running.address = f"http://127.0.0.1:{running.server_port}/file.bin"
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.stop.set()
    running.shutdown()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def fetch(server) -> Path:
    return downloads.download(server.address, "file.bin", RIGHT, progress=False)


def test_a_wrong_file_is_fetched_once_more(server, cache):
    server.answers = ["wrong"]
    assert fetch(server).read_bytes() == CONTENT
    assert server.requests == 2 and files(cache) == ["file.bin"]


def test_a_file_that_stays_wrong_is_refused_and_not_kept(server, cache):
    server.answers = ["wrong"] * 9
    with pytest.raises(
        data.DataUnavailable, match=r"file\.bin: .* did not return the expected file"
    ):
        fetch(server)
    assert server.requests == 2 and files(cache) == []


def test_a_spoilt_file_in_the_cache_is_fetched_anew(server, cache):
    fetch(server).write_bytes(b"spoilt")
    assert fetch(server).read_bytes() == CONTENT


def test_a_server_that_stalls_is_given_up(server, cache, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.5)
    server.answers = ["stalled"] * 9
    with pytest.raises(data.DataUnavailable, match="timed out") as caught:
        fetch(server)
    assert server.requests < 9 and not server.stop.is_set()  # the server stalls still
    assert str(cache / "file.bin") in str(caught.value) and files(cache) == []


def test_two_processes_download_once(server, cache):
    server.answers = ["slow"]
    code = (
        "import sys; from upconv.data.download import download;"
        "print(download(sys.argv[1], 'file.bin', sys.argv[2], progress=False))"
    )
    command = [sys.executable, "-c", code, server.address, RIGHT]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert {child.communicate(timeout=PATIENCE)[0].strip() for child in both} == {
        str(cache / "file.bin")
    }
    assert server.requests == 1 and (cache / "file.bin").read_bytes() == CONTENT


def test_downloads_killed_anywhere_leave_nothing_torn(server, cache):
    code = (
        "import sys; from upconv.data.download import download; print('go', flush=True);"
        "download(sys.argv[1], 'file.bin', sys.argv[2], progress=False)"
    )
    rng = random.Random(0)
    for _ in range(5):
        server.answers = ["slow"]
        child = subprocess.Popen(
            [sys.executable, "-c", code, server.address, RIGHT], stdout=subprocess.PIPE, text=True
        )
        child.stdout.readline()
        time.sleep(rng.uniform(0, 0.8))
        child.send_signal(signal.SIGKILL)
        child.wait()
        found = cache / "file.bin"
        assert not found.exists() or found.read_bytes() == CONTENT
        found.unlink(missing_ok=True)
    server.answers = []
    assert fetch(server).read_bytes() == CONTENT  # no lock of the killed is in the way


def test_a_cache_that_cannot_be_written_says_what_to_set(server, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("UPCONV_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.delenv("UPCONV_DATA", raising=False)
    with pytest.raises(data.DataUnavailable, match=r"cannot be stored in .* Set UPCONV_CACHE"):
        fetch(server)
    assert server.requests == 0


def test_what_is_in_a_read_only_cache_is_used(server, cache, monkeypatch):
    fetch(server)

    def refuse(*arguments, **options):
        raise PermissionError("read-only file system")

    monkeypatch.setattr(downloads, "FileLock", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert fetch(server) == cache / "file.bin" and server.requests == 1


def test_a_broken_result_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    results.keep("mine", {"runs": [1, 2]})
    text = (tmp_path / "mine.json").read_text()
    for cut in range(0, len(text) - 2, 3):
        (tmp_path / "mine.json").write_text(text[:cut])
        with pytest.raises(ValueError, match=r"mine\.json: not a stored result"):
            results.load("mine")
    (tmp_path / "mine.json").write_text(json.dumps({"runs": []}))
    assert results.resume("mine") == {"runs": []}
