"""Compare our operators with PyTorch, TensorFlow and SciPy, each on one thread.

    python benchmarks/ops.py

Times are in milliseconds: the best of several interleaved runs, so that a busy machine affects all
equally. The ratio is our time to that of the fastest other.
"""

from __future__ import annotations

import os

# The libraries read thread counts when they load.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3"}

import sys
import time
from collections.abc import Callable

import numpy as np
import scipy.signal
import torch
import torch.nn.functional as F

from upconv import ops

Case = dict[str, Callable[[], object]]


def best_times(case: Case, repeats: int) -> dict[str, float]:
    """Return each candidate's milliseconds: best of ``repeats`` rounds, after a warm-up."""
    best = dict.fromkeys(case, float("inf"))
    for round_number in range(repeats + 1):
        for name, run in case.items():
            start = time.perf_counter()
            run()
            if round_number:
                best[name] = min(best[name], 1000 * (time.perf_counter() - start))
    return best


def convolution_case(size: int = 128, channels: int = 64, kernel: int = 3) -> Case:
    """A convolution typical of networks, in float32."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, channels, size, size)).astype(np.float32)
    w = rng.normal(size=(channels, channels, kernel, kernel)).astype(np.float32)
    x_t, w_t = torch.from_numpy(x), torch.from_numpy(w)
    padding = kernel // 2
    return {
        "upconv": lambda: ops.conv2d(x, w, padding=padding),
        "PyTorch": lambda: F.conv2d(x_t, w_t, padding=padding),
    }


def fft_case(size: int = 512, kernel: int = 31) -> Case:
    """A large kernel on one image, in float64."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(size, size)), rng.normal(size=(kernel, kernel))
    turned = w[::-1, ::-1].copy()  # SciPy flips kernels, layers do not
    return {
        "upconv": lambda: ops.fft_conv2d(x[None, None], w[None, None]),
        "SciPy": lambda: scipy.signal.fftconvolve(x, turned, mode="valid"),
    }


def all_cases() -> dict[str, Case]:
    """Return all rows of the table."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 64, 64, 64)).astype(np.float32)
    w = rng.normal(size=(64, 64, 4, 4)).astype(np.float32)
    x_t, w_t = torch.from_numpy(x), torch.from_numpy(w)
    x_tf, w_tf = tf.constant(x.transpose(0, 2, 3, 1)), tf.constant(w.transpose(2, 3, 1, 0))
    big = tf.constant(rng.normal(size=(1, 128, 128, 64)).astype(np.float32))
    three = tf.constant(rng.normal(size=(3, 3, 64, 64)).astype(np.float32))
    convolution = convolution_case()
    convolution["TensorFlow"] = lambda: tf.nn.conv2d(big, three, 1, "SAME")
    return {
        "conv2d 3×3, 64→64, 128²": convolution,
        "conv2d 7×7, 16→16, 128²": convolution_case(128, 16, 7),
        "conv_transpose2d 4×4, stride 2, 64→64, 64²": {
            "upconv": lambda: ops.conv_transpose2d(x, w, stride=2, padding=1),
            "PyTorch": lambda: F.conv_transpose2d(x_t, w_t, stride=2, padding=1),
            "TensorFlow": lambda: tf.nn.conv2d_transpose(x_tf, w_tf, (1, 128, 128, 64), 2, "SAME"),
        },
        "max_pool2d 2×2 with switches, 64 × 64²": {
            "upconv": lambda: ops.max_pool2d(x, 2, return_indices=True),
            "PyTorch": lambda: F.max_pool2d(x_t, 2, return_indices=True),
        },
        "interpolate ×2 bilinear, 64 × 64²": {
            "upconv": lambda: ops.interpolate(x, scale_factor=2, mode="bilinear"),
            "PyTorch": lambda: F.interpolate(x_t, scale_factor=2, mode="bilinear"),
            "TensorFlow": lambda: tf.image.resize(x_tf, (128, 128)),
        },
        "fft_conv2d 31×31, 512²": fft_case(),
        "fft_conv2d 64×64, 1024²": fft_case(1024, 64),
    }


def main(repeats: int) -> None:
    torch.set_num_threads(1)
    others = ("PyTorch", "TensorFlow", "SciPy")
    print(f"{'':44s}{'upconv':>9s}" + "".join(f"{name:>12s}" for name in others) + f"{'ratio':>8s}")
    for title, case in all_cases().items():
        times = best_times(case, repeats)
        cells = "".join(f"{times[n]:12.2f}" if n in times else f"{'–':>12s}" for n in others)
        fastest = min(value for name, value in times.items() if name != "upconv")
        print(f"{title:44s}{times['upconv']:9.2f}{cells}{times['upconv'] / fastest:8.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
