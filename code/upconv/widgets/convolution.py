"""A kernel sliding over a small picture."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import traitlets

from upconv.data import photo
from upconv.ops import conv2d
from upconv.widgets._explorer import Explorer, edge_kernel, matrix, one_of

SIDE = 16
DRAWING = "your drawing"


def small_pictures() -> dict[str, list[list[float]]]:
    """Pictures of 16 × 16 pixels: crops of photographs, digits, and two that one can predict."""
    from sklearn.datasets import load_digits

    crops = {
        "cat's eye": photo("cat")[105:169, 150:214],
        "coin": photo("coins")[20:76, 20:76],
        "temple": photo("temple")[60:220, 60:220],
    }
    pictures = {}
    for name, crop in crops.items():
        step = len(crop) / SIDE
        edges = np.round(np.arange(SIDE + 1) * step).astype(int)
        pairs = list(pairwise(edges))
        blocks = [[float(crop[a:b, c:d].mean()) for c, d in pairs] for a, b in pairs]
        low, high = np.min(blocks), np.max(blocks)
        pictures[name] = np.round((np.array(blocks) - low) / (high - low), 2).tolist()
    digits = load_digits()
    for digit in (3, 8):  # the first of each, every pixel doubled
        image = digits.images[np.flatnonzero(digits.target == digit)[0]] / 16
        pictures[f"a {digit}"] = np.kron(image, np.ones((2, 2))).round(2).tolist()
    edge = np.zeros((SIDE, SIDE))
    edge[:, SIDE // 2 :] = 1
    spot = np.zeros((SIDE, SIDE))
    spot[SIDE // 2, SIDE // 2] = 1
    return pictures | {"an edge": edge.tolist(), "one bright pixel": spot.tolist()}


class ConvolutionExplorer(Explorer):
    """Slide a kernel over a picture; every parameter can be set, read and observed.

    >>> explorer = ConvolutionExplorer(stride=2)
    >>> explorer.kernel = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    >>> explorer.output.shape
    (7, 7)

    Traits
    ------
    picture
        Name of one of ``pictures``, or "your drawing".
    drawing
        16 × 16, what the reader has drawn.
    kernel
        K × K, K from 1 to 7, as nested lists or an array.
    stride, padding, dilation
        1 to 4, 0 to 4 and 1 to 3.
    flip
        Turn the kernel by 180°: convolution instead of cross-correlation.
    """

    name = "convolution"
    state_names = (
        "pictures",
        "picture",
        "drawing",
        "kernel",
        "stride",
        "padding",
        "dilation",
        "flip",
    )

    pictures = traitlets.Dict().tag(sync=True)
    picture = traitlets.Unicode("cat's eye").tag(sync=True)
    drawing = traitlets.Any().tag(sync=True)
    kernel = traitlets.Any().tag(sync=True)
    stride = traitlets.Int(1, min=1, max=4).tag(sync=True)
    padding = traitlets.Int(0, min=0, max=4).tag(sync=True)
    dilation = traitlets.Int(1, min=1, max=3).tag(sync=True)
    flip = traitlets.Bool(False).tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**({"pictures": small_pictures()} | kwargs))

    @traitlets.default("drawing")
    def _blank(self) -> list[list[float]]:
        return np.zeros((SIDE, SIDE)).tolist()

    @traitlets.validate("drawing")
    def _check_drawing(self, proposal: dict[str, Any]) -> list[list[float]]:
        return matrix(proposal["value"], "drawing", SIDE, SIDE)

    @traitlets.default("kernel")
    def _edge_kernel(self) -> list[list[float]]:
        return edge_kernel()

    @traitlets.validate("kernel")
    def _check_kernel(self, proposal: dict[str, Any]) -> list[list[float]]:
        return matrix(proposal["value"], "kernel", 1, 7)

    @traitlets.validate("picture")
    def _check_picture(self, proposal: dict[str, Any]) -> str:
        return one_of([*self.pictures, DRAWING], "picture", proposal["value"])

    @property
    def image(self) -> np.ndarray:
        """The picture that the kernel slides over, (16, 16)."""
        return np.array(self.drawing if self.picture == DRAWING else self.pictures[self.picture])

    @property
    def output(self) -> np.ndarray:
        """What the explorer shows on the right, (H_out, W_out).

        Raises
        ------
        ValueError
            If the dilated kernel is larger than the padded picture.
        """
        kernel = np.array(self.kernel)
        if self.flip:
            kernel = kernel[::-1, ::-1].copy()
        return conv2d(
            self.image[None, None],
            kernel[None, None],
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )[0, 0]
