"""Each library's resize, read off as a matrix, against ``ops.resize_matrix``.

OpenCV is not among the project's packages: its tests run where it is installed.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx
import onnxruntime
import pytest
import scipy.ndimage
import tensorflow as tf
import torch
import torch.nn.functional as F
from onnx import helper
from PIL import Image

from upconv import ops

SIZES = [(5, 8), (6, 9), (7, 20), (8, 8), (9, 4), (13, 5), (1, 3), (3, 1)]
NAMES = {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic"}
SHARP = {"a": -0.75, "border": "replicate"}
SOFT = {"a": -0.5, "border": "renormalize"}
SMOOTH = SOFT | {"antialias": True}
FLOOR = {"coordinates": "asymmetric", "rounding": "floor"}
# TensorFlow takes the cubic kernel from a table of 1024 places.
TABLE = 1e-3


def in_torch(eye, m, method, mode=None, **options):
    x = torch.from_numpy(eye)[None, None]
    return F.interpolate(x, (m, len(eye)), mode=mode or NAMES[method], **options)[0, 0].numpy()


def in_tensorflow(eye, m, method, **options):
    x = eye[None, ..., None]
    return tf.image.resize(x, (m, len(eye)), NAMES[method], **options)[0, ..., 0].numpy()


def in_keras(eye, m, method):
    import keras

    x = eye[None, ..., None]
    return np.asarray(keras.ops.image.resize(x, (m, len(eye)), NAMES[method]))[0, ..., 0]


def in_pillow(eye, m, method):
    resample = getattr(Image.Resampling, NAMES[method].upper())
    return np.asarray(Image.fromarray(eye).resize((len(eye), m), resample))


def in_scipy(eye, m, method):
    return scipy.ndimage.zoom(eye.astype(float), (m / len(eye), 1), order=1)


def in_onnx(eye, m, method, **attributes):
    n = len(eye)
    sizes = helper.make_tensor("sizes", onnx.TensorProto.INT64, [4], [1, 1, m, n])
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode=method, **attributes)
    given, made = (
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1, rows, n])
        for name, rows in (("x", n), ("y", m))
    )
    graph = helper.make_graph([node], "resize", [given], [made], [sizes])
    opset = [helper.make_opsetid("", 19)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": eye[None, None]})[0][0, 0]


def in_opencv(eye, m, method, flag=None):
    cv2 = pytest.importorskip("cv2")
    flags = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
    flag = flags[method] if flag is None else getattr(cv2, flag)
    return cv2.resize(eye, (len(eye), m), interpolation=flag).reshape(m, len(eye))


aligned = {"coordinates": "align-corners"}
# (library, method, the rule that it follows, the largest difference)
RULES = {
    "torch nearest": (in_torch, "nearest", FLOOR, 0),
    "torch nearest-exact": (partial(in_torch, mode="nearest-exact"), "nearest", {}, 0),
    "torch linear": (in_torch, "linear", {}, 1e-6),
    "torch linear aligned": (partial(in_torch, align_corners=True), "linear", aligned, 1e-6),
    "torch linear smoothed": (partial(in_torch, antialias=True), "linear", SMOOTH, 1e-6),
    "torch cubic": (in_torch, "cubic", SHARP, 1e-5),
    "torch cubic aligned": (partial(in_torch, align_corners=True), "cubic", SHARP | aligned, 1e-5),
    "torch cubic smoothed": (partial(in_torch, antialias=True), "cubic", SMOOTH, 1e-6),
    "tensorflow nearest": (in_tensorflow, "nearest", {}, 0),
    "tensorflow linear": (in_tensorflow, "linear", {}, 1e-6),
    "tensorflow linear smoothed": (
        partial(in_tensorflow, antialias=True), "linear", SMOOTH, 1e-6,
    ),
    "tensorflow cubic": (in_tensorflow, "cubic", SOFT, TABLE),
    "tensorflow cubic smoothed": (partial(in_tensorflow, antialias=True), "cubic", SMOOTH, 1e-6),
    "keras nearest": (in_keras, "nearest", {}, 0),
    "keras linear": (in_keras, "linear", {}, 1e-6),
    "keras cubic": (in_keras, "cubic", SOFT, TABLE),
    "pillow linear": (in_pillow, "linear", SMOOTH, 1e-6),
    "pillow cubic": (in_pillow, "cubic", SMOOTH, 1e-6),
    "scipy linear": (in_scipy, "linear", aligned, 1e-12),
    "onnx nearest": (in_onnx, "nearest", {"rounding": "down"}, 0),
    "onnx linear": (in_onnx, "linear", {}, 1e-6),
    "onnx cubic": (in_onnx, "cubic", SHARP, 1e-5),
    "onnx cubic, another a": (
        partial(in_onnx, cubic_coeff_a=-0.5), "cubic", SHARP | {"a": -0.5}, 1e-5,
    ),
    "onnx linear aligned": (
        partial(in_onnx, coordinate_transformation_mode="align_corners"), "linear", aligned, 1e-6,
    ),
    "onnx linear asymmetric": (
        partial(in_onnx, coordinate_transformation_mode="asymmetric"),
        "linear", {"coordinates": "asymmetric"}, 1e-6,
    ),
    "opencv nearest": (in_opencv, "nearest", FLOOR, 0),
    "opencv linear": (in_opencv, "linear", {}, 1e-6),
    "opencv cubic": (in_opencv, "cubic", SHARP, 1e-5),
}  # fmt: skip


@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("name", RULES)
def test_library_follows_its_rule(name, n, m):
    read, method, rule, most = RULES[name]
    theirs = read(np.eye(n, dtype=np.float32), m, method)
    assert np.abs(theirs - ops.resize_matrix(n, m, method, **rule)).max() <= most


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("torch nearest", {}),
        ("torch linear", aligned),
        ("torch linear", {"coordinates": "asymmetric"}),
        ("torch cubic", SOFT),
        ("torch cubic smoothed", SHARP),
        ("tensorflow cubic", SHARP),
        ("tensorflow cubic", SOFT | {"border": "replicate"}),
        ("pillow cubic", SHARP),
        ("onnx cubic", SOFT),
        ("opencv cubic", SOFT),
        ("opencv nearest", {}),
    ],
)
def test_another_rule_is_told_apart(name, other):
    read, method, _, most = RULES[name]
    theirs = read(np.eye(5, dtype=np.float32), 8, method)
    assert np.abs(theirs - ops.resize_matrix(5, 8, method, **other)).max() > max(10 * most, 1e-3)


@pytest.mark.parametrize("name", ["pillow linear", "torch linear smoothed"])
def test_shrinking_smooths_or_not(name):
    read, method, rule, _ = RULES[name]
    theirs = read(np.eye(9, dtype=np.float32), 4, method)
    unsmoothed = ops.resize_matrix(9, 4, method, **(rule | {"antialias": False}))
    assert np.abs(theirs - unsmoothed).max() > 0.1


@pytest.mark.parametrize(
    ("border", "mode"),
    [
        ("BORDER_REFLECT_101", "reflect"),
        ("BORDER_DEFAULT", "reflect"),
        ("BORDER_REFLECT", "symmetric"),
        ("BORDER_REPLICATE", "edge"),
        ("BORDER_WRAP", "wrap"),
    ],
)
def test_borders_of_opencv(border, mode):
    cv2 = pytest.importorskip("cv2")
    line = np.arange(1.0, 5)[None]
    theirs = cv2.copyMakeBorder(line, 0, 0, 2, 2, getattr(cv2, border))
    np.testing.assert_array_equal(theirs[0], np.pad(line[0], 2, mode=mode))


@pytest.mark.parametrize("method", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize(("n", "m"), SIZES)
def test_flat_stays_flat_and_mirrors_commute(method, n, m):
    matrix = ops.resize_matrix(n, m, method)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-12)
    if method != "nearest":  # a tie goes to one side
        np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-12)
