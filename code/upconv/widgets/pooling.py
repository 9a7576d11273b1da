"""Pooling a small map, and what unpooling gives back."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from upconv.ops import avg_pool2d, avg_unpool2d, max_pool2d, max_unpool2d
from upconv.widgets._explorer import Explorer, matrix


class PoolingExplorer(Explorer):
    """Pool a map of numbers and unpool it again.

    >>> explorer = PoolingExplorer(pooling="average", unpooling="copy")
    >>> explorer.pooled.shape, explorer.restored.shape
    ((3, 3), (6, 6))

    Traits
    ------
    input
        N × N numbers, N from 2 to 10, as nested lists or an array.
    pooling
        "max" or "average".
    kernel_size, stride
        1 to 4.
    unpooling
        "copy": into the whole block; "switches": where the maximum was.
    """

    name = "pooling"
    state_names = ("input", "pooling", "kernel_size", "stride", "unpooling")

    input = traitlets.Any().tag(sync=True)
    pooling = traitlets.Enum(["max", "average"], "max").tag(sync=True)
    kernel_size = traitlets.Int(2, min=1, max=4).tag(sync=True)
    stride = traitlets.Int(2, min=1, max=4).tag(sync=True)
    unpooling = traitlets.Enum(["copy", "switches"], "switches").tag(sync=True)

    @traitlets.default("input")
    def _some_numbers(self) -> list[list[float]]:
        return np.random.default_rng(0).integers(0, 10, (6, 6)).astype(float).tolist()

    @traitlets.validate("input")
    def _check_input(self, proposal: dict[str, Any]) -> list[list[float]]:
        return matrix(proposal["value"], "input", 2, 10)

    @property
    def pooled(self) -> np.ndarray:
        """The map in the middle, (M, M).

        Raises
        ------
        ValueError
            If the window is larger than the map.
        """
        return self._pool()[0]

    def _pool(self) -> tuple[np.ndarray, np.ndarray | None]:
        x = np.array(self.input)[None, None]
        if self.pooling == "average":
            return avg_pool2d(x, self.kernel_size, self.stride)[0, 0], None
        values, indices = max_pool2d(x, self.kernel_size, self.stride, return_indices=True)
        return values[0, 0], indices[0, 0]

    @property
    def restored(self) -> np.ndarray:
        """What stands on the right, (N, N) from switches, else whole blocks.

        Raises
        ------
        ValueError
            If there are no switches, if windows to copy into overlap, or if the window is larger
            than the map.
        """
        values, indices = self._pool()
        if self.unpooling == "copy":
            if self.stride != self.kernel_size:
                expected = f"the kernel size {self.kernel_size}, so that windows lie side by side"
                raise ValueError(f"stride: got {self.stride}, expected {expected}")
            return avg_unpool2d(values[None, None], self.kernel_size)[0, 0]
        if indices is None:
            raise ValueError("unpooling: got 'switches', expected 'copy' after average pooling")
        size = (len(self.input),) * 2
        maps = (values[None, None], indices[None, None], self.kernel_size, self.stride)
        return max_unpool2d(*maps, output_size=size)[0, 0]
