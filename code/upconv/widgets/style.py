"""One picture in one style, by the weight of the style and by the layer that judges it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from upconv.data import montage
from upconv.widgets._explorer import SheetExplorer, encode_jpeg, from_url, to_url

WEIGHTS, LAYERS = 7, 5
RATIO = 1.5  # width of a picture over its height


def _names(count: int) -> traitlets.List[str]:
    return traitlets.List(traitlets.Unicode(), minlen=count, maxlen=count).tag(sync=True)


class StyleExplorer(SheetExplorer):
    """Sliders for the weight of the style and for its layer, and the picture they give.

    All pictures are made beforehand, and lie in one sheet, so that the page needs no kernel.

    >>> explorer = StyleExplorer()
    >>> explorer.weight = 6
    >>> explorer.image.shape[1] / explorer.image.shape[0]
    1.5

    Traits
    ------
    weight, layer
        Places of the sliders, from 0.
    weight_names, layer_names
        What the places stand for, as text.
    sheet
        All pictures as one, a data URL: a row for each layer, a column for each weight.
    """

    name = "style"
    stored = "style_sheet.jpg"
    expected = f"{LAYERS} × {WEIGHTS} pictures, {RATIO} times as wide as high, as a data URL"
    state_names = ("sheet", "weight_names", "layer_names", "weight", "layer")

    weight_names = _names(WEIGHTS)
    layer_names = _names(LAYERS)
    weight = traitlets.Int(3, min=0, max=WEIGHTS - 1).tag(sync=True)
    layer = traitlets.Int(LAYERS - 1, min=0, max=LAYERS - 1).tag(sync=True)

    @staticmethod
    def fits(height: int, width: int) -> bool:
        whole = not (height % LAYERS or width % WEIGHTS)
        return whole and width // WEIGHTS == RATIO * (height // LAYERS)

    @traitlets.default("weight_names")
    def _stored_weights(self) -> list[str]:
        from upconv.results import load

        return load("style_sheet")["weights"]

    @traitlets.default("layer_names")
    def _stored_layers(self) -> list[str]:
        from upconv.results import load

        return load("style_sheet")["layers"]

    @classmethod
    def of(
        cls,
        pictures: np.ndarray,
        weights: Sequence[str],
        layers: Sequence[str],
        **settings: Any,
    ) -> StyleExplorer:
        """An explorer of your own pictures.

        Parameters
        ----------
        pictures : (35, H, 3 H / 2, 3), uint8
            For each of five layers, a picture of each of seven weights.
        """
        sheet = to_url(encode_sheet(pictures))
        names = {"weight_names": list(weights), "layer_names": list(layers)}
        return cls(sheet=sheet, **names, **settings)

    @property
    def image(self) -> np.ndarray:
        """The picture at the sliders' places, (H, W, 3), uint8."""
        whole = from_url(self.sheet)
        height, width = whole.shape[0] // LAYERS, whole.shape[1] // WEIGHTS
        return whole[self.layer * height :, self.weight * width :][:height, :width]


def encode_sheet(pictures: np.ndarray, quality: int = 76) -> bytes:
    """All pictures as one JPEG: a row for each layer."""
    return encode_jpeg(montage(pictures, WEIGHTS), quality)
