"""Hostile input, made from a seed: what the tests and `make fuzz` throw at the module.

A case is a call that begins as a good one and is then spoiled. It may work, or be refused with a
documented exception whose message names the argument. Anything else is a finding.

    python tests/fuzz.py 10000 [SEED]
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import random
import re
import shutil
import struct
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from upconv import ops

SLOW = 10.0  # seconds: no case is large


class Finding(AssertionError):
    """What must not happen; the message says how to do it again."""


def outcome_of(call: Callable[[], Any], refusal: type[Exception], what: str) -> str:
    """Whether a call worked or was refused by the documented exception; else a finding."""
    try:
        call()
        return "worked"
    except refusal:
        return "refused"
    except Exception as error:
        raise Finding(f"{what}: {error!r}") from error


# ---- operators -------------------------------------------------------------------------------


def _array(rng: random.Random, *shape: int) -> np.ndarray:
    values = np.random.default_rng(rng.randrange(2**32))
    return values.normal(size=shape).astype(rng.choice([np.float32, np.float64]))


def _maps(rng: random.Random) -> np.ndarray:
    return _array(rng, rng.randint(1, 2), 4, rng.randint(4, 9), rng.randint(4, 9))


def _plane(rng: random.Random) -> np.ndarray:
    return _array(rng, rng.randint(4, 9), rng.randint(4, 9))


def _like(array: np.ndarray, *shape: int) -> np.ndarray:
    return np.ones(shape or array.shape, array.dtype)


def _layers(rng: random.Random) -> list[ops.Layer]:
    return [
        ops.Layer(rng.randint(1, 4), rng.randint(1, 2), rng.randint(0, 1), name="a")
        for _ in range(rng.randint(1, 4))
    ]


def good_call(name: str, rng: random.Random) -> dict[str, Any]:
    """Keyword arguments that an operator takes: none is refused."""
    x, plane = _maps(rng), _plane(rng)
    w = _like(x, 2, 4, 3, 3)
    n, *_, h, width = x.shape
    pooled, where = ops.max_pool2d(x, 2, return_indices=True)
    kernel = _like(plane, 3, 3)
    kernel[0, 0] = 12  # more than all others: its spectrum is nowhere near zero
    grad = _like(x, n, 2, h - 2, width - 2)
    calls: dict[str, Callable[[], dict[str, Any]]] = {
        "apply_transfer": lambda: {"image": plane, "transfer": _like(plane)},
        "avg_pool2d": lambda: {"input": x, "kernel_size": 2, "stride": 2, "padding": 1},
        "avg_unpool2d": lambda: {"input": x, "kernel_size": 2},
        "bilinear_kernel": lambda: {"factor": rng.randint(1, 8)},
        "blur_pool2d": lambda: {"input": x, "kernel_size": 3, "stride": 2},
        "checkerboard_residue": lambda: {"kernel": kernel, "factor": 2},
        "circular_convolve2d": lambda: {"image": plane, "kernel": kernel},
        "content_loss": lambda: {"drawn": x, "content": _like(x)},
        "conv2d": lambda: {
            "input": x, "weight": w, "bias": _like(x, 2), "stride": 1, "padding": 1, "dilation": 1,
            "groups": 1,
        },
        "conv2d_input_gradient": lambda: {
            "grad_output": grad, "weight": w, "input_shape": x.shape, "stride": 1, "padding": 0,
        },
        "conv2d_output_size": lambda: {"input_size": 9, "kernel_size": 3, "stride": 2},
        "conv2d_parameters": lambda: {"in_channels": 4, "out_channels": 8, "kernel_size": 3},
        "conv2d_weight_gradient": lambda: {
            "grad_output": grad, "input": x, "weight_shape": w.shape, "stride": 1, "padding": 0,
        },
        "conv_transpose2d": lambda: {
            "input": x, "weight": _like(x, 4, 2, 3, 3), "bias": _like(x, 2), "stride": 2,
            "padding": 1, "output_padding": 1, "groups": 1, "dilation": 1,
        },
        "conv_transpose2d_output_size": lambda: {"input_size": 5, "kernel_size": 3, "stride": 2},
        "convolution_matrix": lambda: {"weight": kernel, "input_shape": (6, 7), "stride": 1},
        "dft_matrix": lambda: {"size": 7},
        "fft_conv2d": lambda: {"input": x, "weight": w, "bias": None, "padding": 1},
        "frequency_radius": lambda: {"shape": (6, 7)},
        "frequency_response": lambda: {"kernel": kernel[0], "length": 8},
        "gaussian_lowpass": lambda: {"shape": (6, 7), "cutoff": 0.2},
        "gaussian_transfer": lambda: {"shape": (6, 7), "sigma": 1.5},
        "gram": lambda: {"maps": x},
        "heat_solution": lambda: {"initial": plane, "time": 1.0, "diffusivity": 0.5},
        "icnr": lambda: {"weight": w, "factor": 2},
        "ideal_lowpass": lambda: {"shape": (6, 7), "cutoff": 0.2},
        "input_interval": lambda: {"layers": _layers(rng), "unit": 1},
        "insert_zeros": lambda: {"x": plane, "factor": 2, "axes": rng.randint(1, 2)},
        "interpolate": lambda: {
            "input": x, "scale_factor": 2.0, "mode": rng.choice(["nearest", "bilinear"]),
        },
        "inverse_filter": lambda: {"image": plane, "kernel": kernel},
        "kernel_learning_problem": lambda: {"image": plane, "kernel": kernel},
        "log_spectrum": lambda: {"image": plane},
        "max_pool2d": lambda: {"input": x, "kernel_size": 2, "stride": 2, "padding": 0},
        "max_unpool2d": lambda: {
            "input": pooled, "indices": where, "kernel_size": 2, "stride": 2,
            "output_size": x.shape[2:],
        },
        "network_shapes": lambda: {"layers": _layers(rng), "input_size": 32},
        "overlap_count": lambda: {"input_size": 5, "kernel_size": 3, "stride": 2, "padding": 0},
        "pixel_shuffle": lambda: {"input": _like(x, 2, 8, 3, 5), "factor": 2},
        "pixel_unshuffle": lambda: {"input": _like(x, 2, 3, 6, 4), "factor": 2},
        "phase_sums": lambda: {"kernel": kernel, "factor": 2},
        "receptive_field": lambda: {"layers": _layers(rng)},
        "replica_share": lambda: {"x": plane, "factor": 2},
        "resize_matrix": lambda: {
            "input_size": rng.randint(1, 9), "output_size": rng.randint(1, 9), "method": "cubic",
            "coordinates": "half-pixel", "a": -0.5, "border": "replicate", "antialias": True,
            "rounding": "up",
        },
        "spectral_derivative": lambda: {"values": plane[0], "length": 1.0, "order": 1},
        "style_loss": lambda: {"drawn": x, "style": _like(x)},
        "style_gradient": lambda: {"drawn": x, "style": _like(x)},
        "swap_phase": lambda: {"magnitude_from": plane, "phase_from": plane.T.reshape(plane.shape)},
        "total_variation": lambda: {"image": x},
        "unet_size": lambda: {"output_size": 100, "depth": 3},
        "upsample": lambda: {"x": plane, "kernel": kernel, "factor": 2},
        "upsampling_kernel": lambda: {
            "name": rng.choice(["nearest", "linear", "cubic", "ideal"]), "factor": 3, "length": 5,
        },
        "wiener_filter": lambda: {"image": plane, "kernel": kernel, "noise_to_signal": 0.01},
        "zero_insert": lambda: {"input": x, "stride": 2},
        "zero_pad_spectrum": lambda: {"image": plane, "factor": 2},
    }  # fmt: skip
    return calls[name]()


# What holds data or records them is no operator.
OPERATORS = sorted(set(ops.__all__) - {"KernelLearningProblem", "Layer", "ReceptiveField"})


def spoil(value: Any, rng: random.Random) -> Any:
    """Something else in the place of an argument."""
    if isinstance(value, np.ndarray) and rng.random() < 0.7:
        flat = value.copy()
        if flat.size and flat.dtype.kind == "f":
            flat.flat[rng.randrange(flat.size)] = rng.choice([np.nan, np.inf, -np.inf, 1e30])
        return rng.choice(
            [
                flat,
                value[..., :0],
                value[0],
                value[None],
                value.T,
                value[..., ::-1],
                value.astype(
                    rng.choice(["float16", ">f8", "int64", "complex128", "bool", "object"])
                ),
                value.astype(str),
                value.tolist(),
                np.float64(3.0),
                value[..., : rng.randint(0, 3)],
                np.broadcast_to(value, (3, *value.shape)),
            ]
        )
    return rng.choice(
        [
            *(-1, 0, 1, 2, 3, 7, 2**62, -(2**63), 10**30),
            *(0.5, -0.0, 1e308, float("nan"), float("inf"), True, None, 3 + 0j),
            *("", "same", "valid", "x\0", b"3", object(), len, {"a": 1}, {2, 3}),
            *((), (1,), (2, 1), (1, 2, 3), [2, 2], (2, -1), (2.0, 2), ("2", "2"), [[1], [2]]),
            *(np.int32(2), np.float32(2), np.array([2, 2]), np.array(2), range(2), iter([2, 2])),
        ]
    )


def operator_case(rng: random.Random) -> str:
    """Call one operator with one to three arguments spoiled; what came of it."""
    name = rng.choice(OPERATORS)
    function = getattr(ops, name)
    arguments = good_call(name, rng)
    signature = inspect.signature(function)
    for argument in rng.sample(
        sorted(signature.parameters), min(rng.randint(1, 3), len(arguments))
    ):
        arguments[argument] = spoil(arguments.get(argument), rng)
    kept = {key: value.copy() for key, value in arguments.items() if isinstance(value, np.ndarray)}
    try:
        function(**arguments)
        outcome = "worked"
    except ValueError as error:
        named = "|".join(signature.parameters)
        if not re.match(rf"({named})(\[\d+\](\.\w+)?)?: got .*, expected ", str(error), re.DOTALL):
            raise Finding(f"{name}({arguments}): {error!r} names no argument") from error
        outcome = "refused"
    except TypeError as error:
        if "argument" not in str(error) or "missing" not in str(error):
            raise Finding(f"{name}({arguments}): {error!r}") from error
        outcome = "refused"
    except MemoryError:
        outcome = "too large for this machine"
    except Exception as error:
        raise Finding(f"{name}({arguments}): {error!r}") from error
    for key, value in kept.items():
        if arguments[key].dtype.kind != "O":
            np.testing.assert_array_equal(arguments[key], value, err_msg=f"{name} changed {key}")
    return outcome


# ---- files -----------------------------------------------------------------------------------


def png_that_claims(width: int, height: int) -> bytes:
    """A few bytes that say they are an enormous picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


def hostile_bytes(rng: random.Random, good: bytes) -> bytes:
    """A file that is cut, torn, turned or none at all."""
    kind = rng.randrange(7)
    if kind == 0:
        return good[: rng.randrange(len(good))]
    if kind == 1:
        torn = bytearray(good)
        for _ in range(rng.randint(1, 20)):
            torn[rng.randrange(len(torn))] = rng.randrange(256)
        return bytes(torn)
    if kind == 2:
        start = rng.randrange(len(good))
        return good[:start] + rng.randbytes(rng.randint(1, 200)) + good[start:]
    if kind == 3:
        return rng.randbytes(rng.randint(0, 500))
    if kind == 4:
        return png_that_claims(rng.choice([0, 60_000, 2**31 - 1]), rng.choice([1, 60_000]))
    if kind == 5:
        return b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"
    return good[::-1]


def some_picture(rng: random.Random) -> tuple[bytes, str]:
    """A small picture of any format and mode, and the format's extension."""
    kind, mode = rng.choice(
        [
            *(("png", mode) for mode in ("RGB", "L", "P", "RGBA", "I;16")),
            *(("jpeg", mode) for mode in ("RGB", "CMYK")),
            *(("tiff", mode) for mode in ("F", "L")),
            *(("gif", "P"), ("bmp", "RGB"), ("webp", "RGB")),
        ]
    )
    size = rng.randint(1, 20), rng.randint(1, 20)
    file = io.BytesIO()
    Image.new(mode, size, rng.choice([0, 1])).save(file, kind)
    return file.getvalue(), kind


def image_case(rng: random.Random, folder: Path) -> str:
    from upconv.data import BadData, read_image, read_mask

    good, kind = some_picture(rng)
    path = folder / f"picture.{rng.choice([kind, 'png', 'jpg', 'txt'])}"
    data = hostile_bytes(rng, good) if rng.random() < 0.85 else good
    path.write_bytes(data)
    read = rng.choice([read_image, lambda path: read_mask(path, 5)])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own, of tags it does not know
            found = read(path)
    except BadData as error:
        if not str(error).startswith(str(path)):
            raise Finding(f"{error!r} does not name the file") from error
        return "refused"
    except Exception as error:
        raise Finding(f"{path.name} of {data!r}: {error!r}") from error
    if found.dtype != np.uint8 or found.ndim not in (2, 3):
        raise Finding(f"{path.name} of {data!r} became {found.dtype} {found.shape}")
    return "worked"


def idx_case(rng: random.Random, folder: Path) -> str:
    import gzip

    from upconv.data import DataUnavailable, read_idx

    good = struct.pack(">HBBIII", 0, 8, 3, 2, 3, 4) + bytes(range(24))
    good = gzip.compress(good) if rng.random() < 0.5 else good
    path = folder / "file-ubyte"
    data = hostile_bytes(rng, good)
    path.write_bytes(data)
    return outcome_of(lambda: read_idx(path), DataUnavailable, f"IDX {data!r}")


# ---- weights, checkpoints, results -----------------------------------------------------------

_SMALL: dict[str, bytes] = {}


def small_files() -> dict[str, bytes]:
    """A file of weights, a checkpoint and a pickle that would run a command, made once."""
    if _SMALL:
        return _SMALL
    import pickle

    import torch

    from upconv import zoo
    from upconv.training import History, Settings, checkpoints

    class Runs:
        def __reduce__(self):
            return (Path.touch, (Path(tempfile.gettempdir()) / "upconv-was-here",))

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        network = zoo.build("unet", 2, base_channels=4, depth=1)
        zoo.save(folder / "w.safetensors", network, "unet", ("a", "b"), base_channels=4, depth=1)
        line = torch.nn.Linear(2, 2)
        checkpoints.save(folder / "c.pt", {"network": line}, Settings(steps=3), History(), 1)
        torch.save({"settings": Runs()}, folder / "evil.pt")
        _SMALL["weights"] = (folder / "w.safetensors").read_bytes()
        _SMALL["checkpoint"] = (folder / "c.pt").read_bytes()
        _SMALL["torch pickle"] = (folder / "evil.pt").read_bytes()
        _SMALL["pickle"] = pickle.dumps(Runs())
    return _SMALL


def weights_case(rng: random.Random, folder: Path) -> str:
    from upconv import zoo

    files = small_files()
    path = folder / "file.safetensors"
    choice = rng.random()
    data = files["pickle"] if choice < 0.1 else hostile_bytes(rng, files["weights"])
    if choice > 0.8:  # a header that lies
        about = {
            "network": rng.choice(["unet", "fcn8s", "x", "dcgan"]),
            "classes": rng.choice(["[]", "3", "null", '["a"]', "{"]),
            "options": rng.choice(
                ["{}", '{"width": -1}', '{"base_channels": 9999}', '{"x": 1}', "[1]"]
            ),
        }
        text = json.dumps({"__metadata__": about}).encode()
        data = struct.pack("<Q", len(text)) + text
    path.write_bytes(data)
    restore = rng.choice([zoo.restore, zoo.restore_generator])
    try:
        what = f"{restore.__name__} of {data[:300]!r}…"
        return outcome_of(lambda: restore(path), ValueError, what)
    finally:
        _nothing_ran()


def checkpoint_case(rng: random.Random, folder: Path) -> str:
    import torch

    from upconv.training import BadCheckpoint, History, Settings, checkpoints

    files = small_files()
    path = folder / "checkpoint.pt"
    kind = rng.choice(["pickle", "torch pickle", "checkpoint", "checkpoint", "checkpoint"])
    data = files[kind] if kind != "checkpoint" else hostile_bytes(rng, files[kind])
    path.write_bytes(data)
    parts = {"network": torch.nn.Linear(2, 2)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return outcome_of(
                lambda: checkpoints.load(path, parts, Settings(steps=3), History()),
                BadCheckpoint,
                f"checkpoint of {len(data)} bytes ({kind})",
            )
    finally:
        _nothing_ran()


def _nothing_ran() -> None:
    mark = Path(tempfile.gettempdir()) / "upconv-was-here"
    if mark.exists():
        mark.unlink()
        raise Finding("a pickle was executed")


# ---- the command line ------------------------------------------------------------------------


COMMANDS = """
    train predict evaluate sample stylize data versions unet fcn8s dcgan folder digits gpu --data
    --out --weights --steps --crop --learning-rate
    --seed --base-channels --width-mult --encoder efficientnet_lite0
    --classes --images --masks --scale --style-layers
    --help --tile conv1_1 -1 0 nan inf 1e999 ../..
"""


def command_case(rng: random.Random, folder: Path) -> str:
    from upconv import cli

    words = [*COMMANDS.split(), "", "\0", str(folder), str(folder / "none")]
    arguments = rng.sample(words, rng.randint(0, 5))
    if arguments[:1] == ["train"]:
        arguments += ["--data", "folder"]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(arguments)
        except SystemExit as error:
            code = error.code
        except Exception as error:
            raise Finding(f"upconv {arguments}: {error!r}") from error
    if code not in (0, 2):
        raise Finding(f"upconv {arguments}: exit status {code}")
    if code == 2 and "upconv" not in err.getvalue():
        raise Finding(f"upconv {arguments}: says nothing about what is wrong")
    return "worked" if code == 0 else "refused"


KINDS: dict[str, tuple[int, Callable[..., str]]] = {
    "operators": (12, operator_case),
    "images": (5, image_case),
    "idx": (2, idx_case),
    "weights": (1, weights_case),
    "checkpoints": (2, checkpoint_case),
    "commands": (2, command_case),
}


def cases(count: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Run so many cases: the kind of each, and whether it worked or was refused.

    Raises
    ------
    Finding
        With the number of the case and the seed, which make it again.
    """
    kinds = [kind for kind, (weight, _) in KINDS.items() for _ in range(weight)]
    for number in range(count):
        rng = random.Random(f"{seed}-{number}")
        kind = kinds[number % len(kinds)]
        folder = Path(tempfile.mkdtemp(prefix="upconv-fuzz-"))
        start = time.perf_counter()
        try:
            case = KINDS[kind][1]
            outcome = case(rng) if kind == "operators" else case(rng, folder)
        except Finding as finding:
            raise Finding(f"case {number} of seed {seed}, {kind}: {finding}") from finding.__cause__
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        took = time.perf_counter() - start
        if took > SLOW and number > 100:  # the first cases import a framework
            raise Finding(f"case {number} of seed {seed}, {kind}: took {took:.0f} s")
        yield kind, outcome


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    table = Counter(cases(count, seed))
    for (kind, outcome), number in sorted(table.items()):
        print(f"{kind:12} {outcome:28} {number:6}")


if __name__ == "__main__":
    main()
