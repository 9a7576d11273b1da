"""A walk in the latent space of a generator, along its strongest directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import traitlets

from upconv.checks import as_array
from upconv.data import montage
from upconv.widgets._explorer import SheetExplorer, encode_jpeg, from_url, to_url

POSITIONS = 7  # of each slider
REACH = 3.0  # deviations from the middle, at a slider's end


class LatentExplorer(SheetExplorer):
    """Sliders along three directions of a latent space, and the image that is drawn there.

    The images of all places of the sliders are drawn beforehand, into one picture, so that the
    page needs no kernel.

    >>> explorer = LatentExplorer()
    >>> explorer.first = 3
    >>> explorer.image.shape
    (32, 32)

    Traits
    ------
    first, second, third
        Place of each slider, −3 to 3.
    sheet
        All images as one picture, a data URL; the third slider changes fastest.
    """

    name = "latent"
    stored = "latent_mnist.jpg"
    expected = f"a picture of {POSITIONS} × {POSITIONS**2} squares as a data URL"
    state_names = ("sheet", "first", "second", "third")

    first = traitlets.Int(0, min=-3, max=3).tag(sync=True)
    second = traitlets.Int(0, min=-3, max=3).tag(sync=True)
    third = traitlets.Int(0, min=-3, max=3).tag(sync=True)

    @staticmethod
    def fits(height: int, width: int) -> bool:
        return not height % POSITIONS and width == height * POSITIONS

    @classmethod
    def of(
        cls,
        draw: Callable[[np.ndarray], np.ndarray],
        directions: np.ndarray,
        middle: np.ndarray | None = None,
        **settings: Any,
    ) -> LatentExplorer:
        """An explorer of a generator.

        Parameters
        ----------
        draw
            Makes images (N, H, H) or (N, H, H, 3), uint8, of noise (N, latent).
        directions : (3, latent)
            Of length 1, at right angles.
        middle : (latent,)
            The rest of the noise, as of ``places``.
        """
        return cls(sheet=to_url(encode_sheet(draw(places(directions, middle)))), **settings)

    @property
    def image(self) -> np.ndarray:
        """The image at the sliders' places, (H, H) or (H, H, 3), uint8."""
        whole = from_url(self.sheet)
        side = len(whole) // POSITIONS
        row, column = cell(self.first, self.second, self.third)
        return whole[row * side :, column * side :][:side, :side]


def strongest_directions(weight: np.ndarray, count: int = 3) -> np.ndarray:
    """Directions of noise that move a generator's first layer most, (count, latent), of length 1.

    The first right singular vectors of its weights (units, latent): Shen & Zhou, "Closed-form
    factorization of latent semantics in GANs" (2021). The largest component is positive, since
    the sign is free.
    """
    found = np.linalg.svd(weight, full_matrices=False)[2][:count]
    largest = np.abs(found).argmax(1)
    return found * np.sign(found[np.arange(len(found)), largest])[:, None]


def places(directions: np.ndarray, middle: np.ndarray | None = None) -> np.ndarray:
    """The noise at all places of the sliders, (343, latent), the third changing fastest.

    Noise of many numbers is never near zero: of 100, its length is about 10. So the sliders set
    three of its components, and ``middle``, (latent,), says what the others are.

    Raises
    ------
    ValueError
        If there are not three directions.
    """
    directions = as_array("directions", directions, float)
    if directions.ndim != 2 or len(directions) != 3:
        raise ValueError(f"directions: got shape {directions.shape}, expected (3, latent)")
    if middle is None:
        middle = np.random.default_rng(0).standard_normal(directions.shape[1])
    steps = np.linspace(-REACH, REACH, POSITIONS)
    mesh = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    rest = middle - (middle @ directions.T) @ directions
    return rest + mesh @ directions


def cell(first: int, second: int, third: int) -> tuple[int, int]:
    """Row and column of an image in the sheet."""
    half = POSITIONS // 2
    return first + half, (second + half) * POSITIONS + third + half


def encode_sheet(images: np.ndarray, quality: int = 82) -> bytes:
    """All images as one JPEG: a row for each place of the first slider."""
    return encode_jpeg(montage(images, POSITIONS**2), quality)
