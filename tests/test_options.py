"""No option is ignored: each is used, or refused in its own name, and so is every number."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from test_cli import forks, surroundings

from upconv import cli
from upconv.cli import _uses
from upconv.cli.options import UsageError
from upconv.device import pick_device, resolve_precision
from upconv.files import atomic_write

# Of each kind, one network.
NETWORKS = {
    _uses.FCN: "fcn8s",
    _uses.UNET: "unet",
    _uses.GENERATOR: "dcgan",
    _uses.STYLIZER: "transform",
}
# A valid value of each option of upconv train; none: it is a flag.
VALUES = {
    "data": ["folder"], "images": ["images"], "out": ["run"], "resume": [], "scale": ["cpu"],
    "seed": ["1"], "steps": ["1"], "batch": ["1"], "learning_rate": ["0.1"], "device": ["cpu"],
    "quiet": [], "max_pixels": ["67108864"], "masks": ["masks"], "classes": ["2"], "rotate": ["1"],
    "elastic_sigma": ["1"], "border_weight": ["1"], "devices": ["2"], "nodes": ["1"],
    "strategy": ["ddp"], "style": ["s.png"], "weight": ["1"], "features": ["vgg19"],
    "weights": ["w"], "crop": ["32"], "from_scratch": [], "width_mult": ["1"],
    "base_channels": ["2"], "encoder": ["vgg16"], "width": ["1"], "colors": ["000000,ff0000"],
    "threshold": ["9"], "instances": [], "channels": ["3"], "range": ["0", "9"], "size": ["64"],
}  # fmt: skip


def actions(command):
    parser = cli.make_parser()._subparsers._group_actions[0].choices[command]
    return [action for action in parser._actions if action.dest != "help"]


def train_options():
    return {action.dest for action in actions("train") if action.option_strings}


def test_every_option_of_train_has_its_networks_and_is_tried():
    assert train_options() <= _uses.USES.keys()
    assert train_options() == VALUES.keys()


@pytest.mark.parametrize("name", list(VALUES))
@pytest.mark.parametrize("kind", list(NETWORKS))
def test_an_option_is_used_or_refused_in_its_own_name(kind, name, monkeypatch, capsys):
    def reached(*arguments):
        raise UsageError("reached")

    monkeypatch.setattr(_uses, "resolve_data", reached)
    network, option = NETWORKS[kind], f"--{name.replace('_', '-')}"
    command = ["train", network, option, *VALUES[name]]
    if name == "strategy":
        command += ["--devices", "2"] if kind != _uses.STYLIZER else []
    assert cli.main(command) == 2
    told = capsys.readouterr().err
    if kind in _uses.USES[name] or name in ("width_mult", "base_channels"):
        assert told == "upconv: reached\n"
    else:
        kinds = " and ".join(_uses.USES[name])
        assert told == f"upconv: {option}: {network} does not use it, only {kinds} do\n"


@pytest.mark.parametrize("network", NETWORKS.values())
def test_without_options_nothing_is_refused(network, monkeypatch):
    seen = []
    monkeypatch.setattr("upconv.cli._training.check_run", lambda *rest: seen.append(rest))
    for kind in ("segmenter", "generator", "stylizer"):
        monkeypatch.setattr(f"upconv.cli._training.train_{kind}", lambda options: None)
    assert cli.main(["train", network]) == 0 and len(seen) == 1


def test_a_strategy_of_one_process_is_refused(capsys):
    assert cli.main(["train", "unet", "--strategy", "fsdp"]) == 2
    assert "--strategy: got 1 process, expected" in capsys.readouterr().err


# ---- one's own images ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Images with masks, in folders, and a trained network of each kind."""
    found = tmp_path_factory.mktemp("options")
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (found / name).mkdir()
    for number in range(3):
        image = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(image).save(found / "images" / f"{number}.png")
        mask = (image[..., 0] > 127).astype(np.uint8)
        Image.fromarray(mask).save(found / "masks" / f"{number}.png")
    from upconv import onnx, zoo

    networks = {
        "unet": zoo.build("unet", 2, base_channels=2, depth=2, in_channels=3),
        "dcgan": zoo.build_generator("dcgan", size=32, base_channels=2, channels=1, latent=4),
        "transform": zoo.build_stylizer("transform", base_channels=2, blocks=1),
    }
    sizes = {
        "unet": {"base_channels": 2, "depth": 2, "in_channels": 3},
        "dcgan": {"size": 32, "base_channels": 2, "channels": 1, "latent": 4},
        "transform": {"base_channels": 2, "blocks": 1},
    }
    for name, network in networks.items():
        classes = ("a", "b") if name == "unet" else ()
        zoo.save(found / f"{name}.st", network.eval(), name, classes, **sizes[name])
        about = {"network": name} | ({"classes": classes} if classes else {})
        onnx.export(network, found / f"{name}.onnx", about=about)
    return found


def call(place, *arguments):
    command = {"arguments": ["-m", "upconv.cli", *map(str, arguments)], "folder": place}
    [done] = forks().run([command | {"environment": surroundings(place)}])
    return done


def test_images_are_ones_own_for_every_network(place, tmp_path):
    small = ["--steps", "1", "--batch", "1", "--images", "images"]
    masks = ["--masks", "masks", "--classes", "2", "--crop", "32"]
    for network, more in {
        "unet": [*masks, "--base-channels", "2"],
        "dcgan": ["--base-channels", "2"],
        "transform": ["--style", "images/0.png", "--features", "random", "--base-channels", "2"],
    }.items():
        done = call(place, "train", network, *small, *more, "--out", tmp_path / network)
        assert done.returncode == 0, done.stderr
        assert re.search(r"on 3 (images|photographs)\n", done.stderr)


@pytest.mark.parametrize(
    "command",
    [
        "train fcn8s --data camvid --images images",
        "train unet --data membranes --masks masks",
        "train unet --data membranes --classes 2",
        "train dcgan --data digits --images images",
        "train transform --data photographs --images images",
        "evaluate --weights w --data membranes --images images",
    ],
)
def test_data_of_two_kinds_are_refused(command, capsys):
    assert cli.main(command.split()) == 2
    option = command.split()[-2]
    assert f"upconv: {option} requires --data folder, got --data " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train unet --masks m", "evaluate --weights w --classes 2"])
def test_masks_need_images(command, capsys):
    assert cli.main(command.split()) == 2
    assert capsys.readouterr().err == "upconv: --data folder needs --images\n"


def test_a_limit_of_pixels_needs_pictures_to_read(capsys):
    assert cli.main(["train", "unet", "--data", "membranes", "--max-pixels", "9"]) == 2
    assert "--max-pixels requires --images" in capsys.readouterr().err


def test_a_crop_that_is_changed_is_said(place, tmp_path):
    small = ["--steps", "1", "--batch", "1", "--images", "images", "--masks", "masks"]
    train = ["train", "unet_valid", *small, "--classes", "2", "--base-channels", "2"]
    done = call(place, *train, "--crop", "4", "--out", tmp_path / "a")
    assert done.returncode == 0, done.stderr
    assert re.search(r"--crop: \d+ instead of 4 for unet_valid on folder\n", done.stderr)
    done = call(place, *train, "--out", tmp_path / "b")
    assert "--crop" not in done.stderr


# ---- numbers and devices -------------------------------------------------------------------------

COMMANDS = ["train", "evaluate", "predict", "sample", "export", "stylize"]
BAD = ("nan", "-1", "inf", "x", "", "²")


def numbers(command):
    return [
        action.option_strings[-1]
        for action in actions(command)
        if action.option_strings and action.type and action.nargs is None
        if action.type.__name__ not in ("Path", "device")
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_number_is_checked_in_its_options_own_name(command, capsys):
    for option in numbers(command):
        for value in BAD:
            with pytest.raises(SystemExit) as stopped:
                cli.main([command, f"{option}={value}"])
            assert stopped.value.code == 2
            told = capsys.readouterr().err.splitlines()[-1]
            assert re.search(rf"argument (-\w/)?{option}(/\S+)?: got {re.escape(value)}", told)


def test_numbers_were_found():
    assert {"--rotate", "--learning-rate", "--steps", "--crop", "--weight"} <= set(numbers("train"))
    assert "--tile" in numbers("predict") and "--count" in numbers("sample")


@pytest.mark.parametrize(
    "options",
    ["--rotate 361", "--crop 32769", "--steps 1000000001", "--batch 65537",
     "--elastic-sigma 32769"],
)  # fmt: skip
def test_numbers_too_large_are_refused_in_their_options_own_name(options, capsys):
    option, value = options.split()
    with pytest.raises(SystemExit):
        cli.main(["train", "unet", option, value])
    assert f"argument {option}: got {value}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["tpu", "cuda:", "cuda:x", "cuda:-1", "", "mps:0", "CPU", "meta"])
@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "sample", "stylize"])
def test_an_unknown_device_is_refused_in_one_line(name, command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, f"--device={name}"])
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.endswith(f"argument --device: got {name}, expected auto, cpu, cuda, cuda:N or mps")
    with pytest.raises(ValueError, match="expected auto, cpu, cuda, cuda:N or mps"):
        pick_device(name)


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for name in ("cuda", "cuda:9"):
        with pytest.raises(ValueError, match=f"got {name}, but no GPU is available; expected cpu"):
            pick_device(name)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    for count, expected in ((1, "cuda:0"), (4, "cuda:0 to cuda:3")):
        monkeypatch.setattr("torch.cuda.device_count", lambda count=count: count)
        with pytest.raises(ValueError, match=f"got cuda:9, expected {expected}$"):
            pick_device("cuda:9")
        assert pick_device("cuda:0") == torch.device("cuda:0")
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(ValueError, match="got mps, but PyTorch has none here; expected cpu"):
        pick_device("mps")


def test_mps_is_used_where_pytorch_has_it(monkeypatch):
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert pick_device("mps") == torch.device("mps")
    monkeypatch.delenv("UPCONV_PRECISION", raising=False)
    assert resolve_precision("auto", torch.device("mps")) == "fp32"


# ---- the other commands --------------------------------------------------------------------------

IGNORED = {
    "tiles of a painting": (
        "predict --weights transform.st --tile 64 --out o images/0.png",
        "--tile: networks that paint do not use it",
    ),
    "tiles of a painting in ONNX": (
        "predict --onnx transform.onnx --tile 64 --out o images/0.png",
        "--tile: networks that paint do not use it",
    ),
    "a device for ONNX": (
        "predict --onnx unet.onnx --device mps --out o images/0.png",
        "--device: got mps, expected cpu",
    ),
    "a device for drawings by ONNX": (
        "sample --onnx dcgan.onnx --device cuda --out o.png",
        "--device: got cuda, expected cpu",
    ),
    "a seed that decides nothing": (
        "stylize images/0.png images/1.png -o o.png --seed 3",
        "--seed: --features vgg19 does not use it",
    ),
    "images over images": (
        "predict --weights unet.st --out images images",
        "--out: images is a folder of images",
    ),
    "weights over weights": (
        "export unet --weights w.onnx --out w.onnx",
        "--out: w.onnx is the file of weights",
    ),
}


@pytest.mark.parametrize("what", list(IGNORED))
def test_options_without_effect_are_refused(place, what, monkeypatch, capsys):
    monkeypatch.chdir(place)
    (place / "w.onnx").write_bytes((place / "unet.st").read_bytes())
    before = sorted(place.rglob("*"))
    command, told = IGNORED[what]
    assert cli.main(command.split()) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"upconv: {told}")
    assert sorted(place.rglob("*")) == before


def test_predict_takes_a_folder(place, tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png"):
        (tmp_path / "in" / name).write_bytes((place / "images" / "0.png").read_bytes())
    (tmp_path / "in" / "notes.txt").write_text("no image")
    predict = ["predict", "--weights", place / "unet.st", "in"]
    for out in ("out", "in/out"):
        for _ in range(2):  # what it wrote is no image of the second call
            done = call(tmp_path, *predict, "--out", out)
            assert done.returncode == 0, done.stderr
            made = sorted(path.name for path in (tmp_path / out).iterdir())
            assert made == ["a_mask.png", "a_overlay.png", "b_mask.png", "b_overlay.png"]


def test_predict_does_not_write_over_its_images(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "a_mask.png"):
        (tmp_path / name).write_bytes((place / "images" / "0.png").read_bytes())
    weights = str(place / "unet.st")
    assert cli.main(["predict", "--weights", weights, "--out", ".", "a.png", "a_mask.png"]) == 2
    assert "--out: a_mask.png is one of the images" in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "painted"), [("y\n", True), ("\n", False), (None, False)])
@pytest.mark.parametrize("which", [0, 1])
def test_a_picture_that_is_read_is_not_painted_over_unasked(
    place, tmp_path, monkeypatch, capsys, answer, painted, which
):
    monkeypatch.chdir(tmp_path)
    names = ["a.png", "b.png"]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes((place / "images" / f"{number}.png").read_bytes())
    terminal = answer is not None
    lines = SimpleNamespace(isatty=lambda: terminal, readline=lambda: answer)
    monkeypatch.setattr("sys.stdin", lines)
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(
        "upconv.style.stylize",
        lambda *rest, **more: (np.zeros((32, 32, 3), np.uint8), SimpleNamespace(seconds=0)),
    )
    before = (tmp_path / names[which]).read_bytes()
    paint = ["stylize", *names, "--features", "random", "-o", f"./{names[which]}"]
    assert cli.main(paint) == (0 if painted else 2)
    told = capsys.readouterr().err
    assert ("Overwrite it? [y/N]" in told) == terminal
    assert ("expected another, or --overwrite" in told) == (not painted)
    assert ((tmp_path / names[which]).read_bytes() != before) == painted
    assert cli.main([*paint, "--overwrite"]) == 0


# ---- what is printed -----------------------------------------------------------------------------


def test_the_version_is_printed(capsys):
    from importlib.metadata import version

    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"upconv {version('upconv')}\n"


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when they are told to."""
    from upconv.training import progress

    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def test_a_log_has_lines_and_no_bars(clock, capsys):
    from upconv.training.progress import Progress

    progress = Progress(100, 300, shown=True)
    for step in progress:
        clock.seconds += 0.5 if step < 200 else 100
        progress.show(loss=0.4123)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "step 160/300, loss 0.412, 2.0 steps/s, 1 min left"
    assert lines[1].startswith("step 201/300, loss 0.412, ")
    assert lines[-1].startswith("step 300/300, loss 0.412, ") and "left" not in lines[-1]
    assert not any("\r" in line or "%" in line for line in lines)


def test_on_a_terminal_there_is_a_bar_and_in_silence_nothing(clock, monkeypatch, capsys):
    from upconv.training.progress import Progress

    for _ in Progress(0, 3, shown=False):
        clock.seconds += 100
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    for _ in Progress(0, 3, shown=True):
        clock.seconds += 100
    told = capsys.readouterr().err
    assert "3/3" in told and "step 3/3" not in told


# Lines that our commands print on standard error, but for errors.
OURS = (
    r"\S+ \(.*\) on \d+ (images|photographs)", r"dcgan, \d+ pixels, on \d+ images",
    r"transform \(.*\), on \d+ photographs", r"cpu: (bf16|fp32), .*", r"step \d+/\d+, .*",
    r"masks: .*",
)  # fmt: skip
TRAIN = "--steps 2 --batch 1 --images images"
EVERY = {
    "train unet": f"train unet {TRAIN} --masks masks --classes 2 --base-channels 2 --crop 32",
    "train fcn": f"train fcn32s {TRAIN} --masks masks --classes 2 --width-mult 0.1 --crop 32",
    "train dcgan": f"train dcgan {TRAIN} --base-channels 2",
    "train transform": f"train transform {TRAIN} --style images/0.png --features random "
    "--base-channels 2 --crop 32",
    "evaluate": "evaluate --weights unet.st --images images --masks masks --classes 2",
    "predict": "predict --weights unet.st --tile 64 images --out OUT",
    "predict by ONNX": "predict --onnx unet.onnx images --out OUT",
    "paint": "predict --weights transform.st images/0.png --out OUT",
    "sample": "sample --weights dcgan.st --out OUT.png",
    "sample by ONNX": "sample --onnx dcgan.onnx --out OUT.png",
    "export": "export unet --weights unet.st --out OUT.onnx",
    "export of drawings": "export dcgan --weights dcgan.st --out OUT.onnx --half",
    "export of paintings": "export transform --weights transform.st --out OUT.onnx --maps",
    "stylize": "stylize images/0.png images/1.png -o OUT.png --features random --steps 2",
    "versions": "versions",
    "data": "data",
}


@pytest.mark.parametrize("what", list(EVERY))
def test_only_lines_of_ours_are_printed_and_none_in_silence(place, tmp_path, what):
    """Also with the warnings of libraries that Python shows by default."""
    command = EVERY[what].replace("OUT", str(tmp_path / "out")).split()
    if command[0] == "train":
        command += ["--out", tmp_path / "run"]
    done = call(place, *command)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert [line for line in lines if not any(re.fullmatch(own, line) for own in OURS)] == []
    if "--quiet" not in {option for each in actions(command[0]) for option in each.option_strings}:
        assert lines == []  # nothing to silence
        return
    if command[0] == "train":
        command[-1] = tmp_path / "again"
    done = call(place, *command, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_names_the_file(tmp_path):
    """Which the system does not when a write fails."""
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from upconv.files import atomic_write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n"
        "    atomic_write('run.pt', lambda path: path.write_bytes(bytes(1000)))\n"
        "except OSError as error:\n"
        "    sys.exit(str(error))\n"
    )
    if os.name == "nt":
        pytest.skip("no limit on the size of files")
    environment = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert done.stderr == "[Errno 27] File too large: 'run.pt'\n"
    assert list(tmp_path.iterdir()) == []


def test_errors_that_name_another_file_keep_it(tmp_path):
    def write(unfinished):
        (tmp_path / "none" / "x").read_bytes()

    with pytest.raises(FileNotFoundError) as caught:
        atomic_write(tmp_path / "run.pt", write)
    assert caught.value.filename == str(tmp_path / "none" / "x")
