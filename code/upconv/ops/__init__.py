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
from upconv.ops.pooling import avg_pool2d, avg_unpool2d, blur_pool2d, max_pool2d, max_unpool2d
from upconv.ops.resample import bilinear_kernel, interpolate, overlap_count, zero_insert
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

__all__ = [
    "Layer",
    "ReceptiveField",
    "apply_transfer",
    "avg_pool2d",
    "avg_unpool2d",
    "bilinear_kernel",
    "blur_pool2d",
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
    "gaussian_lowpass",
    "gaussian_transfer",
    "gram",
    "heat_solution",
    "ideal_lowpass",
    "input_interval",
    "interpolate",
    "inverse_filter",
    "log_spectrum",
    "max_pool2d",
    "max_unpool2d",
    "network_shapes",
    "overlap_count",
    "receptive_field",
    "spectral_derivative",
    "style_gradient",
    "style_loss",
    "swap_phase",
    "total_variation",
    "unet_size",
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
