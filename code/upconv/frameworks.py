"""Preparation for loading TensorFlow next to PyTorch."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module


def before_tensorflow() -> None:
    """Load PyTorch first, if installed, and let TensorFlow allocate GPU memory as needed.

    On a GPU, PyTorch finds its CUDA only if TensorFlow's has not been loaded; and Triton, which
    PyTorch loads at an optimizer's first step, crashes the process if TensorFlow's LLVM is loaded.
    By default TensorFlow allocates the whole memory of every GPU and leaves none for PyTorch; an
    existing value of ``TF_FORCE_GPU_ALLOW_GROWTH`` is respected.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    for name in ("torch", "triton"):
        # Missing or broken: TensorFlow works without it, and importing PyTorch reports why.
        with suppress(ImportError, OSError):
            import_module(name)
