"""The course's operators, implemented in NumPy from their definitions.

Arrays are laid out (N, C, H, W) and keep their floating dtype; names and parameters follow
``torch.nn.functional``. Invalid arguments raise ``ValueError("name: got X, expected Y")``.

The examples assume ``import numpy as np`` and ``from upconv.ops import *``.
"""

from upconv.deprecated import moved
from upconv.ops.convolution import (
    conv2d,
    conv2d_input_gradient,
    conv2d_weight_gradient,
    conv_transpose2d,
    convolution_matrix,
)
from upconv.ops.derivatives import heat_solution, spectral_derivative
from upconv.ops.fourier import (
    apply_transfer,
    dft_matrix,
    frequency_radius,
    gaussian_lowpass,
    gaussian_transfer,
    ideal_lowpass,
    log_spectrum,
    swap_phase,
    zero_pad_spectrum,
)
from upconv.ops.fourier_convolution import (
    circular_convolve2d,
    fft_conv2d,
    inverse_filter,
    wiener_filter,
)
from upconv.ops.learning import KernelLearningProblem, kernel_learning_problem
from upconv.ops.pooling import avg_pool2d, avg_unpool2d, blur_pool2d, max_pool2d, max_unpool2d
from upconv.ops.resample import bilinear_kernel, interpolate, overlap_count, zero_insert
from upconv.ops.resize import resize_matrix
from upconv.ops.shapes import (
    Layer,
    ReceptiveField,
    conv2d_output_size,
    conv2d_parameters,
    conv_transpose2d_output_size,
    input_interval,
    network_shapes,
    receptive_field,
    unet_size,
)
from upconv.ops.style import (
    content_loss,
    gram,
    style_gradient,
    style_loss,
    total_variation,
)
from upconv.ops.subpixel import icnr, pixel_shuffle, pixel_unshuffle
from upconv.ops.upsampling import (
    checkerboard_residue,
    frequency_response,
    insert_zeros,
    phase_sums,
    replica_share,
    upsample,
    upsampling_kernel,
)

__all__ = [
    "KernelLearningProblem",
    "Layer",
    "ReceptiveField",
    "apply_transfer",
    "avg_pool2d",
    "avg_unpool2d",
    "bilinear_kernel",
    "blur_pool2d",
    "checkerboard_residue",
    "circular_convolve2d",
    "content_loss",
    "conv2d",
    "conv2d_input_gradient",
    "conv2d_output_size",
    "conv2d_parameters",
    "conv2d_weight_gradient",
    "conv_transpose2d",
    "conv_transpose2d_output_size",
    "convolution_matrix",
    "dft_matrix",
    "fft_conv2d",
    "frequency_radius",
    "frequency_response",
    "gaussian_lowpass",
    "gaussian_transfer",
    "gram",
    "heat_solution",
    "icnr",
    "ideal_lowpass",
    "input_interval",
    "insert_zeros",
    "interpolate",
    "inverse_filter",
    "kernel_learning_problem",
    "log_spectrum",
    "max_pool2d",
    "max_unpool2d",
    "network_shapes",
    "overlap_count",
    "phase_sums",
    "pixel_shuffle",
    "pixel_unshuffle",
    "receptive_field",
    "replica_share",
    "resize_matrix",
    "spectral_derivative",
    "style_gradient",
    "style_loss",
    "swap_phase",
    "total_variation",
    "unet_size",
    "upsample",
    "upsampling_kernel",
    "wiener_filter",
    "zero_insert",
    "zero_pad_spectrum",
]

__getattr__ = moved(
    "upconv.ops",
    {
        "content_energy": "upconv.ops.content_loss",
        "style_energy": "upconv.ops.style_loss",
    },
)
