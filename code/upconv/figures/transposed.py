"""Figures of transposed convolution: stamps, matrices, sizes, overlaps."""

from upconv.figures._matrices import convolution_as_matrix, pad_and_convolve, two_operators
from upconv.figures._overlaps import checkerboard_spectra, overlap_bars, overlap_maps, phases
from upconv.figures._sizes import size_staircase, surviving_sizes
from upconv.figures._stamps import stamps

__all__ = [
    "checkerboard_spectra",
    "convolution_as_matrix",
    "overlap_bars",
    "overlap_maps",
    "pad_and_convolve",
    "phases",
    "size_staircase",
    "stamps",
    "surviving_sizes",
    "two_operators",
]
