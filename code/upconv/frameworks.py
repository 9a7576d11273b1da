"""What must be done before TensorFlow is loaded; of no effect where there is TensorFlow alone."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module


def before_tensorflow() -> None:
    """Load PyTorch, if it is there, and let TensorFlow take a GPU's memory as it needs it.

    PyTorch, on a GPU, finds its CUDA only if TensorFlow's has not been loaded; and Triton, which
    PyTorch loads at an optimizer's first step, ends the process if TensorFlow's LLVM is there. By
    default TensorFlow takes the whole memory of every GPU, and leaves none to PyTorch. Who sets
    the variable ``TF_FORCE_GPU_ALLOW_GROWTH`` decides otherwise.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    for name in ("torch", "triton"):
        # Missing or broken: TensorFlow works without, and who imports PyTorch is told why.
        with suppress(ImportError, OSError):
            import_module(name)
