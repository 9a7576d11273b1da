"""A generative adversarial network of points in the plane, which trains in the page."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from upconv.widgets._explorer import Explorer, table
from upconv.widgets._game import (
    CELLS,
    SEEN,
    Game,
    apart,
    mode_counts,
    real_samples,
    seen_noise,
    sigmoid,
)

MOST = 6000  # steps
RATES = (0.0002, 0.001, 0.002, 0.005)
RATIOS = (0.25, 0.5, 1.0, 2.0, 4.0)
SETTINGS = (
    *("data", "drawing", "loss", "smooth", "norm", "start", "leaky"),
    *("beta", "rate", "ratio", "turns", "seed"),
)


class GanExplorer(Explorer):
    """A generator and a discriminator of points, both of two hidden layers, play their game.

    The page and this class compute the same game: the same seed gives the same weights, points and
    noise. After thousands of steps, the last digits that they round differently may show.

    >>> explorer = GanExplorer(steps=3)
    >>> explorer.generated.shape, explorer.losses.shape
    ((500, 2), (3, 2))
    >>> 0 <= explorer.covered <= len(explorer.modes)
    True

    Traits
    ------
    data
        What is real: "ring" (eight modes), "grid" (25), "moons", "spiral", or the "drawing".
    drawing
        Its cells as rows of row and column, from 0 to 11, at least one.
    loss
        The generator's: "ns", −log D, or "minimax", log(1 − D). Goodfellow et al., "Generative
        adversarial nets" (2014).
    smooth
        Whether the discriminator learns 0.9 for real points instead of 1. Salimans et al.,
        "Improved techniques for training GANs" (2016).
    norm
        Whether the generator has batch norm.
    start
        The first weights: "he", or "small", of deviation 0.02 as in DCGAN.
    leaky
        Whether the discriminator has LeakyReLU of slope 0.2, or ReLU.
    beta
        Adam's β₁: 0.5, as in DCGAN, or 0.9.
    rate
        The generator's learning rate: 0.0002, 0.001, 0.002 or 0.005.
    ratio
        The discriminator's learning rate by the generator's: ¼, ½, 1, 2 or 4.
    turns
        Steps of the discriminator for each of the generator, 1 to 5.
    seed
        0 to 999.
    show
        What the page draws over the field: the generator's "grid", or how its loss would "push"
        samples.
    steps
        0 to 6000.
    """

    name = "gan"
    state_names = (*SETTINGS, "show", "steps")

    data = traitlets.Enum(["ring", "grid", "moons", "spiral", "drawing"], "ring").tag(sync=True)
    drawing = traitlets.Any().tag(sync=True)
    loss = traitlets.Enum(["ns", "minimax"], "ns").tag(sync=True)
    smooth = traitlets.Bool(False).tag(sync=True)
    norm = traitlets.Bool(False).tag(sync=True)
    start = traitlets.Enum(["he", "small"], "he").tag(sync=True)
    leaky = traitlets.Bool(True).tag(sync=True)
    beta = traitlets.Enum([0.5, 0.9], 0.5).tag(sync=True)
    rate = traitlets.Enum(RATES, 0.002).tag(sync=True)
    ratio = traitlets.Enum(RATIOS, 2.0).tag(sync=True)
    turns = traitlets.Int(1, min=1, max=5).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=999).tag(sync=True)
    show = traitlets.Enum(["grid", "push"], "grid").tag(sync=True)
    steps = traitlets.Int(1000, min=0, max=MOST).tag(sync=True)

    @traitlets.default("drawing")
    def _some_drawing(self) -> list[list[int]]:
        bow = [[8, 3], [9, 4], [9, 5], [9, 6], [9, 7], [8, 8]]
        return [[3, 3], [3, 8], *bow]  # a face

    @traitlets.validate("drawing")
    def _check_drawing(self, proposal: dict[str, Any]) -> list[list[int]]:
        last = CELLS - 1
        rows = table(proposal["value"], "drawing", CELLS**2, [(0, last), (0, last)])
        if not rows:
            raise traitlets.TraitError("drawing: got no cell, expected at least one")
        return rows

    @property
    def game(self) -> Game:
        """The game after all steps; kept until a setting changes."""
        settings = {name: getattr(self, name) for name in SETTINGS}
        game: Game | None = getattr(self, "_game", None)
        if game is None or game.settings != settings or game.step > self.steps:
            game = self._game = Game(settings)
        while game.step < self.steps:
            game.advance()
        return game

    @property
    def modes(self) -> np.ndarray:
        """The centers of what the real points are drawn from, (K, 2)."""
        return self.game.data.centers

    @property
    def generated(self) -> np.ndarray:
        """What the generator draws of 500 points of noise, the same in every game, (500, 2)."""
        return self.game.maker.forward(seen_noise())[0]

    def probability(self, points: np.ndarray) -> np.ndarray:
        """How sure the discriminator is that points (N, 2) are real, (N,)."""
        return sigmoid(self.game.judge.forward(np.asarray(points, float))[0][:, 0])

    @property
    def losses(self) -> np.ndarray:
        """The discriminator's and the generator's loss at each step, (steps, 2)."""
        return np.array(self.game.losses).reshape(-1, 2)

    @property
    def counts(self) -> np.ndarray:
        """How many of the 500 generated points lie within three deviations of each mode, (K,)."""
        return mode_counts(self.generated, self.game.data)

    @property
    def covered(self) -> int:
        """Modes that got a quarter of their share or more."""
        return int((self.counts >= SEEN / (4 * len(self.modes))).sum())

    @property
    def near(self) -> float:
        """The share of the generated points that lie near any mode."""
        return float(self.counts.sum() / SEEN)

    @property
    def distance(self) -> float:
        """The sliced Wasserstein distance from the generated points to as many real ones."""
        return apart(self.generated, real_samples(self.game.data)[0])

    @property
    def floor(self) -> float:
        """The distance that real points have from others, mean of four pairs of samples."""
        first, *others = real_samples(self.game.data)
        return float(np.mean([apart(other, first) for other in others]))
