"""What a unit of a stack of layers sees of a photograph."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from upconv.data import photo
from upconv.ops import Layer, conv2d_output_size, conv_transpose2d_output_size, input_interval
from upconv.widgets._explorer import Explorer, encode_photo, table

_RANGES = ((1, 15), (1, 8), (1, 16), (0, 32), (0, 1))


class ReceptiveFieldExplorer(Explorer):
    """Stack layers and see how far a unit sees.

    >>> explorer = ReceptiveFieldExplorer(layers=[[3, 1, 1, 1, 0], [2, 2, 1, 0, 0]], layer=2)
    >>> explorer.fields
    [3, 4]

    Traits
    ------
    layers
        Up to 40 rows (kernel, stride, dilation, padding, transposed), the last 0 or 1. VGG16 up
        to pool5 if not given.
    layer
        Which one the unit belongs to, counted from 1.
    size
        Side of the input, 8 to 600 pixels.
    """

    name = "receptive"
    state_names = ("pictures", "layers", "layer", "size")

    pictures = traitlets.Dict().tag(sync=True)
    layers = traitlets.Any().tag(sync=True)
    layer = traitlets.Int(18, min=1, max=40).tag(sync=True)
    size = traitlets.Int(224, min=8, max=600).tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        pictures = {"cat": encode_photo(photo("cat", 256, gray=False))}
        super().__init__(**({"pictures": pictures} | kwargs))

    @traitlets.default("layers")
    def _vgg16(self) -> list[list[int]]:
        conv, pool = [3, 1, 1, 1, 0], [2, 2, 1, 0, 0]
        return [row for count in (2, 2, 3, 3, 3) for row in [conv] * count + [pool]]

    @traitlets.validate("layers")
    def _check_layers(self, proposal: dict[str, Any]) -> list[list[int]]:
        value = proposal["value"]
        if isinstance(value, list | tuple | np.ndarray) and len(value) == 0:
            raise traitlets.TraitError("layers: got none, expected at least one")
        return table(value, "layers", 40, _RANGES)

    def _stack(self, depth: int) -> list[Layer]:
        return [
            Layer(k, s, padding, dilation, transposed=bool(transposed))
            for k, s, dilation, padding, transposed in self.layers[:depth]
        ]

    @property
    def map_sizes(self) -> list[int]:
        """Side of the map after each layer; 0 from where a kernel no longer fits."""
        sizes: list[int] = []
        size = self.size
        for layer in self._stack(len(self.layers)):
            geometry = layer[:2]
            try:
                if layer.transposed:
                    size = conv_transpose2d_output_size(
                        size, *geometry, padding=layer.padding, dilation=layer.dilation
                    )
                else:
                    size = conv2d_output_size(size, *geometry, layer.padding, layer.dilation)
            except ValueError:
                return sizes + [0] * (len(self.layers) - len(sizes))
            sizes.append(size)
        return sizes

    @property
    def fields(self) -> list[int]:
        """How far the middle unit of each layer sees, in input pixels; 0 is nothing."""
        widths = []
        for depth, size in enumerate(self.map_sizes, start=1):
            interval = input_interval(self._stack(depth), max((size - 1) // 2, 0))
            widths.append(interval[1] - interval[0] + 1 if interval else 0)
        return widths
