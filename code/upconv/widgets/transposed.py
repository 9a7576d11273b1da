"""A transposed convolution in three views."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from upconv.ops import conv_transpose2d
from upconv.widgets._explorer import Explorer, matrix

VIEWS = ("stamps", "zeros", "matrix")


class TransposedConvolutionExplorer(Explorer):
    """One operator as stamps that add up, as inserted zeros, and as a matrix.

    >>> explorer = TransposedConvolutionExplorer(stride=2)
    >>> explorer.output.shape
    (7, 7)

    Traits
    ------
    input
        N × N, N from 1 to 5, as nested lists or an array.
    kernel
        K × K, K from 1 to 5.
    stride, padding, output_padding
        1 to 4, 0 to 4, and 0 to 3 but less than the stride.
    view
        "stamps", "zeros" or "matrix": three ways to the same output.
    """

    name = "transposed"
    state_names = ("input", "kernel", "stride", "padding", "output_padding", "view")

    input = traitlets.Any().tag(sync=True)
    kernel = traitlets.Any().tag(sync=True)
    stride = traitlets.Int(1, min=1, max=4).tag(sync=True)
    padding = traitlets.Int(0, min=0, max=4).tag(sync=True)
    output_padding = traitlets.Int(0, min=0, max=3).tag(sync=True)
    view = traitlets.Enum(VIEWS, "stamps").tag(sync=True)

    @traitlets.default("input")
    def _nine_numbers(self) -> list[list[float]]:
        return np.arange(1.0, 10).reshape(3, 3).tolist()

    @traitlets.default("kernel")
    def _ones(self) -> list[list[float]]:
        return np.ones((3, 3)).tolist()

    @traitlets.validate("input", "kernel")
    def _check_matrix(self, proposal: dict[str, Any]) -> list[list[float]]:
        return matrix(proposal["value"], proposal["trait"].name, 1, 5)

    @property
    def output(self) -> np.ndarray:
        """What the explorer shows on the right, (M, M).

        Raises
        ------
        ValueError
            If the output padding is not less than the stride, or the padding leaves nothing.
        """
        image, kernel = np.array(self.input), np.array(self.kernel)
        return conv_transpose2d(
            image[None, None],
            kernel[None, None],
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
        )[0, 0]
