"""Choices that depend on the device, each on a device that is faked where this machine has none."""

import importlib.util
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Says how a module was loaded: with TensorFlow before it, or not.
FAKE_TRITON = "import sys; print('triton', 'after' if 'tensorflow' in sys.modules else 'before')"
ORDER = "all = list(sys.modules); print(all.index('torch') < all.index('tensorflow'))"
STEP = (
    "import torch; w = torch.ones(2, requires_grad=True); w.sum().backward();"
    "torch.optim.AdamW([w]).step(); print('stepped')"
)


def said(code: str, **variables: str) -> list[str]:
    """The words that a fresh interpreter prints."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | variables
    return subprocess.check_output(
        [sys.executable, "-c", f"import os, sys; {code}"], text=True, env=environment
    ).split()


def test_pytorch_and_triton_are_loaded_before_tensorflow(tmp_path):
    """Else a step of AdamW ends the process; on a GPU, PyTorch finds TensorFlow's CUDA."""
    (tmp_path / "triton.py").write_text(FAKE_TRITON)
    words = said(f"import upconv.keras; {ORDER}", PYTHONPATH=str(tmp_path))
    assert words == ["triton", "before", "True"]
    assert said(f"import upconv.keras; {STEP}") == ["stepped"]  # with Triton where it is installed


@pytest.mark.parametrize("missing", ["ImportError", "OSError"])
def test_tensorflow_alone_is_enough(missing, tmp_path):
    """Also beside a PyTorch that cannot be loaded, as where a library of CUDA is missing."""
    (tmp_path / "torch.py").write_text(f"raise {missing}('libcudart.so.12: cannot open')")
    words = said(
        "import upconv.keras as k; print(k.UNet(2, 3, width=2).name, 'torch' in sys.modules)",
        PYTHONPATH=str(tmp_path),
    )
    assert words[-1] == "False"


def test_pytorch_alone_is_enough(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('tensorflow')")
    (tmp_path / "keras.py").write_text("raise ImportError('keras')")
    assert said("import upconv.torch, upconv.training; print('fine')", PYTHONPATH=str(tmp_path))


def test_tensorflow_takes_of_a_gpus_memory_what_it_needs():
    show = "import upconv.keras; print(os.environ['TF_FORCE_GPU_ALLOW_GROWTH'])"
    assert said(f"os.environ.pop('TF_FORCE_GPU_ALLOW_GROWTH', None); {show}") == ["true"]
    assert said(show, TF_FORCE_GPU_ALLOW_GROWTH="false") == ["false"]  # the user's own choice
    # It is the name that TensorFlow reads.
    folder = Path(importlib.util.find_spec("tensorflow").origin).parent
    assert any(
        reads(path, b"TF_FORCE_GPU_ALLOW_GROWTH") for path in folder.glob("libtensorflow*.so.2")
    )


def reads(path: Path, text: bytes) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text) >= 0
