"""A photograph, its spectrum, a mask, and what the mask leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from upconv.data import photo
from upconv.ops import apply_transfer, frequency_radius, gaussian_lowpass, ideal_lowpass
from upconv.widgets._explorer import Explorer, encode_photo, from_url, one_of, table

SIDE = 256
LENGTH = 128


def some_signals() -> dict[str, list[float]]:
    """Signals of 128 samples, each with something to see in frequency."""
    t = np.arange(LENGTH)
    signals = {
        "square wave": ((t // 32) % 2).astype(float),
        "two tones": 0.5
        + 0.3 * np.sin(2 * np.pi * 3 * t / LENGTH)
        + 0.15 * np.sin(2 * np.pi * 25 * t / LENGTH),
        "one spike": (t == LENGTH // 2).astype(float),
        "row of a photo": photo("camera", LENGTH)[60],
        "noise": np.random.default_rng(0).random(LENGTH),
    }
    return {name: signal.round(3).tolist() for name, signal in signals.items()}


class FourierExplorer(Explorer):
    """Take frequencies out of a photograph, by numbers or by brush.

    >>> explorer = FourierExplorer(kind="low", edge="gaussian", radius=12)
    >>> explorer.output.shape
    (256, 256)

    Traits
    ------
    view
        "picture" or "signal": two dimensions or one.
    picture, signal
        Names out of ``pictures`` (data URLs of square images, the side a power of two) and
        ``signals``.
    kind
        What the mask keeps: "low", "high", "band" or "painted".
    edge
        "ideal" or "gaussian".
    radius, width
        In cycles per picture, 1 to 128 and 1 to 64. A band reaches half its width to both sides
        of the radius; Gaussian edges have these as standard deviations.
    brush, strokes
        Radius of the brush, 0 to 32, and what was painted: rows (down, across, radius, keep), in
        cycles per picture. Each stroke paints its mirror image, too.
    """

    name = "fourier"
    state_names = (
        "pictures",
        "signals",
        "view",
        "picture",
        "signal",
        "kind",
        "edge",
        "radius",
        "width",
        "brush",
        "strokes",
    )

    pictures = traitlets.Dict().tag(sync=True)
    signals = traitlets.Dict().tag(sync=True)
    view = traitlets.Enum(["picture", "signal"], "picture").tag(sync=True)
    picture = traitlets.Unicode("camera").tag(sync=True)
    signal = traitlets.Unicode("square wave").tag(sync=True)
    kind = traitlets.Enum(["low", "high", "band", "painted"], "low").tag(sync=True)
    edge = traitlets.Enum(["ideal", "gaussian"], "ideal").tag(sync=True)
    radius = traitlets.Int(20, min=1, max=128).tag(sync=True)
    width = traitlets.Int(10, min=1, max=64).tag(sync=True)
    brush = traitlets.Int(8, min=0, max=32).tag(sync=True)
    strokes = traitlets.Any([]).tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        pictures = {name: encode_photo(photo(name, SIDE)) for name in ("camera", "cat", "brick")}
        super().__init__(**({"pictures": pictures, "signals": some_signals()} | kwargs))

    @traitlets.validate("picture", "signal")
    def _check_name(self, proposal: dict[str, Any]) -> str:
        trait = proposal["trait"].name
        return one_of(getattr(self, f"{trait}s"), trait, proposal["value"])

    @traitlets.validate("strokes")
    def _check_strokes(self, proposal: dict[str, Any]) -> list[list[int]]:
        ranges = ((-256, 255), (-256, 255), (0, 512), (0, 1))
        return table(proposal["value"], "strokes", 400, ranges)

    @property
    def image(self) -> np.ndarray:
        """What is filtered, a photograph or the signal as one row; (H, W), 0 to 1."""
        if self.view == "signal":
            return np.array(self.signals[self.signal])[None]
        pixels = from_url(self.pictures[self.picture]) / 255
        return pixels if pixels.ndim == 2 else pixels @ [0.2125, 0.7154, 0.0721]

    @property
    def transfer(self) -> np.ndarray:
        """The mask as a transfer function, (H, W), in the layout of ``numpy.fft.fft2``."""
        shape = self.image.shape
        side = shape[1]
        if self.kind == "painted" and self.view == "picture":
            return self._painted(side)
        if self.kind == "band":
            off = frequency_radius(shape) * side - self.radius
            if self.edge == "ideal":
                return (np.abs(off) <= self.width / 2).astype(float)
            return np.exp(-(off**2) / (2 * (self.width / 2) ** 2))
        lowpass = ideal_lowpass if self.edge == "ideal" else gaussian_lowpass
        low = lowpass(shape, self.radius / side)
        return 1 - low if self.kind == "high" else low

    def _painted(self, side: int) -> np.ndarray:
        mask = np.ones((side, side))
        frequency = np.fft.fftfreq(side, 1 / side)
        for down, across, radius, keep in self.strokes:
            disc = np.hypot(*np.ix_(frequency - down, frequency - across)) <= radius
            mirror = np.roll(disc[::-1, ::-1], 1, axis=(0, 1))
            mask[disc | mirror] = keep
        return mask

    @property
    def output(self) -> np.ndarray:
        """The filtered photograph or signal, (H, W)."""
        return apply_transfer(self.image, self.transfer)

    @property
    def kernel(self) -> np.ndarray:
        """The kernel that filters alike by circular convolution, (H, W), its middle at [0, 0]."""
        return np.fft.ifft2(self.transfer).real
