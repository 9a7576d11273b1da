"""Figures of transposed convolution: stamps, matrices, sizes."""

from upconv.figures._matrices import convolution_as_matrix, pad_and_convolve, two_operators
from upconv.figures._sizes import size_staircase, surviving_sizes
from upconv.figures._stamps import stamps

__all__ = [
    "convolution_as_matrix",
    "pad_and_convolve",
    "size_staircase",
    "stamps",
    "surviving_sizes",
    "two_operators",
]
