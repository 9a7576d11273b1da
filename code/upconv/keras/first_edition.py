"""Layers under the names they had in the first edition, so that its ``.keras`` files load.

For one version. What is loaded has the layers of today, and is saved with their names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from upconv.deprecated import VALUES
from upconv.keras.layers import CropLike, Normalize, PadToMultiple, ReflectionPad
from upconv.keras.variants.unet import SkipSource

Config = dict[str, Any]


def _pad(config: Config) -> Config:
    fill = "reflect" if config.pop("mirror") else "zeros"
    return config | {"centered": False, "fill": fill}


# Old name → layer, and its settings of those that were.
OLD: dict[str, tuple[Any, Callable[[Config], Config]]] = {
    "Normalise": (Normalize, dict),  # codespell:ignore
    "CropTo": (CropLike, dict),
    "CutTo": (CropLike, lambda config: config | {"centered": False}),
    "FillUp": (PadToMultiple, _pad),
    "MirrorRim": (ReflectionPad, lambda config: config | {"padding": config.pop("rim")}),
    "Feed": (SkipSource, lambda config: config | {"kind": VALUES.get(config["kind"], "own")}),
}


def _named(name: str, layer: Any, now: Callable[[Config], Config]) -> type:
    def from_config(cls: type, config: Config) -> Any:
        return layer.from_config(now(dict(config)))

    return type(name, (layer,), {"from_config": classmethod(from_config)})


for _name, _layer_and_now in OLD.items():
    keras.saving.register_keras_serializable("upconv", _name)(_named(_name, *_layer_and_now))
