"""Where runs are kept: on Drive on Colab, in a folder elsewhere."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from upconv import files
from upconv.files import keep


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder, and a place for Drive that is not /content."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "DRIVE", tmp_path / "content" / "drive")
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, None)  # not to be imported
    return tmp_path


@pytest.fixture
def on_colab(here, monkeypatch):
    """Colab's module, with a way to mount Drive."""

    def on_colab(mount):
        module = ModuleType("google.colab")
        module.drive = SimpleNamespace(mount=mount)
        monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
        monkeypatch.setitem(sys.modules, "google.colab", module)

    return on_colab


def test_elsewhere_it_is_a_local_folder(here, capsys):
    assert keep("unet") == keep("unet") == Path("runs/unet")
    assert (here / "runs" / "unet").is_dir()
    assert capsys.readouterr().out == ""


def test_on_colab_drive_is_mounted_first(here, on_colab, capsys):
    mounted = []

    def mount(place):
        assert not files.DRIVE.exists()  # Colab refuses a place that has files
        mounted.append(place)

    on_colab(mount)
    assert keep("unet") == here / "content" / "drive" / "MyDrive" / "upconv" / "unet"
    assert mounted == [str(here / "content" / "drive")]
    assert keep.__module__ == "upconv.files" and (files.DRIVE / "MyDrive/upconv/unet").is_dir()
    assert not (here / "runs").exists() and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "error", [ValueError("mount failed"), RuntimeError("refused\nby hand"), OSError()]
)
def test_a_refused_drive_is_said_in_a_line(here, on_colab, capsys, error):
    def mount(place):
        raise error

    on_colab(mount)
    assert keep("unet") == Path("runs/unet") and (here / "runs" / "unet").is_dir()
    said = capsys.readouterr().out
    assert (
        said.count("\n") == 1
        and " ".join(str(error).split()) in said
        and "runs" in said
        and "lost" in said
    )


def test_a_drive_that_cannot_be_written_is_as_good_as_none(here, on_colab, capsys):
    def mount(place):
        Path(place).parent.mkdir()
        Path(place).write_text("not a folder")

    on_colab(mount)
    assert keep("unet") == Path("runs/unet")
    assert capsys.readouterr().out.startswith("No Drive")


def test_stopping_by_hand_stops(here, on_colab):
    def mount(place):
        raise KeyboardInterrupt

    on_colab(mount)
    with pytest.raises(KeyboardInterrupt):
        keep("unet")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "/tmp"])
def test_a_name_that_leaves_the_folder_is_refused(here, name):
    with pytest.raises(ValueError, match=r"name: got .*, expected letters"):
        keep(name)
    assert list(here.iterdir()) == []
