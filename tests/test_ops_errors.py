"""Bad input: one ValueError that names the argument, what came and what was expected."""

import numpy as np
import pytest
import torch

from upconv import ops

X, W = np.ones((1, 4, 6, 6)), np.ones((2, 4, 3, 3))
PLANE, KERNEL = np.ones((8, 8)), np.ones((3, 3))
UP = ops.Layer(2, 2, transposed=True)
INDICES = np.zeros((1, 4, 3, 3), np.int64)
HUGE = 2**62
RAGGED = [[1.0], [1.0, 2.0]]
LEARNED = torch.nn.Parameter(torch.ones(2, 4, 3, 3))

# (what is wrong, the call, the argument to be blamed, what came as it must be shown)
CASES = [
    ("rank of the input", lambda: ops.conv2d(X[0], W), "input", "shape (4, 6, 6)"),
    ("rank of the weight", lambda: ops.conv2d(X, W[0]), "weight", "shape (4, 3, 3)"),
    ("rank of the bias", lambda: ops.conv2d(X, W, np.ones((1, 2))), "bias", "shape (1, 2)"),
    ("length of the bias", lambda: ops.conv2d(X, W, np.ones(3)), "bias", "3"),
    ("empty input", lambda: ops.conv2d(X[:0], W), "input", "shape (0, 4, 6, 6)"),
    ("empty weight", lambda: ops.conv2d(X, W[..., :0]), "weight", "shape (2, 4, 3, 0)"),
    ("integers", lambda: ops.conv2d(X.astype(int), W), "input", "int64"),
    ("complex numbers", lambda: ops.conv2d(X.astype(complex), W), "input", "complex128"),
    ("mixed dtypes", lambda: ops.conv2d(X, W.astype(np.float32)), "weight", "float32"),
    ("channels", lambda: ops.conv2d(X[:, :3], W), "input", "3 channels"),
    ("groups that do not divide", lambda: ops.conv2d(X, W[:, :1], groups=4), "groups", "4"),
    ("no groups", lambda: ops.conv2d(X, W, groups=0), "groups", "0"),
    ("kernel too large", lambda: ops.conv2d(X[..., :2, :], W), "weight", "3 × 3"),
    ("dilated kernel too large", lambda: ops.conv2d(X, W, dilation=4), "weight", "9 × 9"),
    ("stride of zero", lambda: ops.conv2d(X, W, stride=0), "stride", "0"),
    ("negative padding", lambda: ops.conv2d(X, W, padding=-1), "padding", "-1"),
    ("half a pixel", lambda: ops.conv2d(X, W, stride=1.5), "stride", "1.5"),
    ("not a number", lambda: ops.conv2d(X, W, padding=float("nan")), "padding", "nan"),
    ("infinite", lambda: ops.conv2d(X, W, dilation=float("inf")), "dilation", "inf"),
    ("a truth value", lambda: ops.conv2d(X, W, stride=True), "stride", "True"),
    ("three numbers", lambda: ops.conv2d(X, W, stride=(1, 1, 1)), "stride", "(1, 1, 1)"),
    ("padding by an unknown name", lambda: ops.conv2d(X, W, padding="full"), "padding", "'full'"),
    ("same with a stride", lambda: ops.conv2d(X, W, stride=2, padding="same"), "stride", "(2, 2)"),
    ("more padding than can be", lambda: ops.conv2d(X, W, padding=HUGE), "padding", str(HUGE)),
    ("resizing to nothing", lambda: ops.resize_matrix(4, 0), "output_size", "0"),
    ("an unknown method", lambda: ops.resize_matrix(4, 8, "bicubic"), "method", "'bicubic'"),
    (
        "unknown coordinates",
        lambda: ops.resize_matrix(4, 8, "linear", "center"),
        "coordinates",
        "'center'",
    ),
    ("an unknown border", lambda: ops.resize_matrix(4, 8, border="zeros"), "border", "'zeros'"),
    ("an unknown rounding", lambda: ops.resize_matrix(4, 8, rounding="even"), "rounding", "'even'"),
    (
        "a slope that is not a number",
        lambda: ops.resize_matrix(4, 8, "cubic", a=float("nan")),
        "a",
        "nan",
    ),
    (
        "smoothing the nearest",
        lambda: ops.resize_matrix(8, 4, "nearest", antialias=True),
        "antialias",
        "True",
    ),
    ("channels of the transpose", lambda: ops.conv_transpose2d(X, W), "input", "4 channels"),
    (
        "output padding",
        lambda: ops.conv_transpose2d(X, W.swapaxes(0, 1), stride=2, output_padding=2),
        "output_padding",
        "2",
    ),
    (
        "nothing left",
        lambda: ops.conv_transpose2d(X, W.swapaxes(0, 1), padding=9),
        "padding",
        "9",
    ),
    (
        "a stride beyond all bounds",
        lambda: ops.conv_transpose2d(X, W.swapaxes(0, 1), stride=HUGE),
        "stride",
        str(HUGE),
    ),
    ("matrix of a 3-D kernel", lambda: ops.convolution_matrix(W[0], (6, 6)), "weight", "3 axes"),
    (
        "matrix of nothing",
        lambda: ops.convolution_matrix(KERNEL, (0, 6)),
        "input_shape",
        "(1, 0, 6)",
    ),
    (
        "gradient of another shape",
        lambda: ops.conv2d_input_gradient(X, W.swapaxes(0, 1), (1, 2, 9, 9)),
        "grad_output",
        "shape (1, 4, 6, 6)",
    ),
    ("size of nothing", lambda: ops.conv2d_output_size(0, 3), "input_size", "0"),
    ("size of a wide kernel", lambda: ops.conv2d_output_size(4, 7), "kernel_size", "7"),
    (
        "transposed size",
        lambda: ops.conv_transpose2d_output_size(3, 3, 1, 0, 1),
        "output_padding",
        "1",
    ),
    ("parameters by halves", lambda: ops.conv2d_parameters(3, 6, 3, groups=2), "in_channels", "3"),
    ("field of nothing", lambda: ops.receptive_field([]), "layers", "none"),
    ("field going up", lambda: ops.receptive_field([UP]), "transposed", "True"),
    ("interval of no unit", lambda: ops.input_interval([UP], -1), "unit", "-1"),
    ("field of a bad layer", lambda: ops.receptive_field([(3, 0)]), "stride", "0"),
    ("pooling too large", lambda: ops.max_pool2d(X, 7), "kernel_size", "7"),
    ("pooling with much padding", lambda: ops.max_pool2d(X, 2, padding=2), "padding", "2"),
    ("unpooling by floats", lambda: ops.max_unpool2d(X, X, 2), "indices", "float64"),
    ("unpooling elsewhere", lambda: ops.max_unpool2d(X, INDICES, 2), "indices", "(1, 4, 3, 3)"),
    (
        "unpooling outside",
        lambda: ops.max_unpool2d(X[..., :3, :3], INDICES + 36, 2),
        "indices",
        "36",
    ),
    ("resampling to nothing", lambda: ops.interpolate(X, 0), "size", "0"),
    ("resampling to two sizes", lambda: ops.interpolate(X, 3, 2.0), "size", "scale_factor 2.0"),
    (
        "resampling by an unknown way",
        lambda: ops.interpolate(X, 3, mode="cubic"),
        "mode",
        "'cubic'",
    ),
    (
        "corners of blocks",
        lambda: ops.interpolate(X, 3, align_corners=True),
        "align_corners",
        "True",
    ),
    ("channels that are not phases", lambda: ops.pixel_shuffle(X, 3), "input", "4 channels"),
    ("phases by halves", lambda: ops.pixel_shuffle(X, 0.5), "factor", "0.5"),
    ("a size without phases", lambda: ops.pixel_unshuffle(X, 4), "input", "size (6, 6)"),
    ("a kernel without channels", lambda: ops.icnr(KERNEL, 2), "weight", "shape (3, 3)"),
    ("zeros by halves", lambda: ops.zero_insert(X, 0.5), "stride", "0.5"),
    (
        "kernel as large as its image",
        lambda: ops.circular_convolve2d(KERNEL, PLANE),
        "kernel",
        "(8, 8)",
    ),
    ("matrix of no waves", lambda: ops.dft_matrix(0), "size", "0"),
    ("more waves than can be", lambda: ops.dft_matrix(HUGE), "size", str(HUGE)),
    ("blur wider than its image", lambda: ops.blur_pool2d(X, 12), "kernel_size", "12"),
    ("blur without a step", lambda: ops.blur_pool2d(X, 3, 0), "stride", "0"),
    ("negative cutoff", lambda: ops.ideal_lowpass((8, 8), -0.1), "cutoff", "-0.1"),
    ("cutoff of zero", lambda: ops.gaussian_lowpass((8, 8), 0.0), "cutoff", "0.0"),
    ("infinite blur", lambda: ops.gaussian_transfer((8, 8), np.inf), "sigma", "inf"),
    ("phases of another size", lambda: ops.swap_phase(PLANE, KERNEL), "phase_from", "(3, 3)"),
    (
        "a spectrum with zeros",
        lambda: ops.inverse_filter(PLANE, np.ones((2, 2)) / 4),
        "kernel",
        "0 at",
    ),
    (
        "a Wiener filter without noise",
        lambda: ops.wiener_filter(PLANE, KERNEL, 0.0),
        "noise_to_signal",
        "0.0",
    ),
    (
        "learning a kernel larger than its image",
        lambda: ops.kernel_learning_problem(KERNEL, PLANE),
        "kernel",
        "(8, 8)",
    ),
    (
        "learning from two types",
        lambda: ops.kernel_learning_problem(PLANE, KERNEL.astype("f4")),
        "kernel",
        "float32",
    ),
    ("rows of unequal length", lambda: ops.max_pool2d(RAGGED, 2), "input", "list"),
    ("indices of unequal length", lambda: ops.max_unpool2d(X, RAGGED, 2), "indices", "list"),
    ("a tensor with a gradient", lambda: ops.conv2d(X, LEARNED), "weight", "Parameter"),
    ("a learned transfer", lambda: ops.apply_transfer(PLANE, LEARNED), "transfer", "Parameter"),
    ("time running backwards", lambda: ops.heat_solution(PLANE, -1.0), "time", "-1.0"),
]


@pytest.mark.parametrize(
    ("call", "argument", "got"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_bad_input_is_named(call, argument, got):
    with pytest.raises(ValueError) as caught:
        call()
    message = str(caught.value)
    name, _, rest = message.partition(": ")
    assert name.split(".")[-1] == argument, message
    came, separator, expected = rest.partition(", expected ")
    assert separator, message
    assert came.startswith("got "), message
    assert got in came, message
    assert len(expected) > 3, message
