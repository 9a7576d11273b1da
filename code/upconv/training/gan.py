"""The alternating game of DCGAN: a discriminator learns to tell, a generator to fool it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upconv.checks import check_flag, check_share
from upconv.data import ImageSet
from upconv.device import casting, loss_scaler, resolve_precision
from upconv.pixels import to_pixels
from upconv.training.batches import places_of
from upconv.training.optimizers import lay_flat
from upconv.training.origin import contents, nature
from upconv.training.run import Keeping, Losses, Run
from upconv.training.settings import check_run
from upconv.training.team import Team


@dataclass(frozen=True)
class GanSettings:
    """How to train; the defaults are the paper's (Radford, Metz & Chintala 2016, section 4)."""

    steps: int = 1000
    batch: int = 128
    learning_rate: float = 2e-4
    beta1: float = 0.5
    flip: bool = False  # mirror half of the images; never for digits
    seed: int = 0
    precision: str = "auto"
    log_every: int = 10

    def __post_init__(self) -> None:
        check_run(self)
        check_share("beta1", self.beta1)
        check_flag("flip", self.flip)


@dataclass
class GanHistory:
    """One entry every ``log_every`` steps, and how long it took.

    ``real`` and ``fake`` are the discriminator's mean probabilities of being real, for real
    images and for drawn ones. ``spread`` is how much drawn images of a batch differ, as a share
    of how much real ones do: near 0, the generator draws one image only. ``waited``: for how many
    of the seconds the device had no images to work on.
    """

    steps: list[int] = field(default_factory=list)
    discriminator_losses: list[float] = field(default_factory=list)
    generator_losses: list[float] = field(default_factory=list)
    real: list[float] = field(default_factory=list)
    fake: list[float] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)
    seconds: float = 0.0
    waited: float = 0.0

    @property
    def verdict(self) -> str:
        """ "collapsed", "one-sided" (the discriminator always knows), or "in play"."""
        if not self.spread:
            return "in play"
        last = max(1, len(self.steps) // 10)
        if np.mean(self.spread[-last:]) < 0.2:
            return "collapsed"
        if np.mean(self.real[-last:]) > 0.98 and np.mean(self.fake[-last:]) < 0.02:
            return "one-sided"
        return "in play"


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """−log D(x) − log(1 − D(G(z))), from logits, which neither overflow nor saturate."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """−log D(G(z)): the non-saturating loss of Goodfellow et al. (2014), from logits."""
    return F.softplus(-fake).mean()


def make_images(
    data: ImageSet, settings: GanSettings, step: int, share: slice = slice(None)
) -> Tensor:
    """The real images of a step, (batch, channels, H, W) in [−1, 1]: they depend on the seed and
    the step alone, and every image comes once an epoch. With ``share``, only these of them."""
    images = data.images[places_of(step, settings, len(data), stream=2)[share]]
    if settings.flip:
        mirrored = np.random.default_rng([settings.seed, step]).random(settings.batch) < 0.5
        mirrored = mirrored[share]
        images = np.where(
            mirrored.reshape(-1, *[1] * (images.ndim - 1)), images[:, :, ::-1], images
        )
    return 2 * to_pixels(images, data.channels) - 1


def train_gan(
    generator: nn.Module,
    discriminator: nn.Module,
    data: ImageSet,
    settings: GanSettings,
    *,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    save_every: int = 500,
    device: str = "auto",
    team: Team | None = None,
    progress: bool = True,
    each_step: Callable[[int], None] | None = None,
) -> GanHistory:
    """Train both networks, in place: one step of each in turn, Adam for both.

    In the end they are in evaluation mode.

    The same seed gives the same weights to the bit on one machine with one number of threads,
    also when the run was broken off anywhere and resumed. A ``team`` shares each batch, as of
    :func:`upconv.training.train`; what the history notes besides losses is of its first process.

    Raises
    ------
    Diverged
        If a loss is no number any more.
    BadCheckpoint
        If the checkpoint is of another run or cannot be read.
    """
    team = team or Team(device)
    share = team.share(settings.batch)
    game = _Game(generator, discriminator, settings, team)
    history, latent = GanHistory(), cast(int, generator.latent)
    losses = Losses(team.device, "the losses are", "lower learning_rate, or set precision to fp32")
    if progress:
        team.announce(generator, game.precision)
    with Run(
        game.parts, settings, history, team.device,
        Keeping(checkpoint, resume, save_every, progress),
        inputs=lambda: {
            "generator": nature(generator),
            "discriminator": nature(discriminator),
            "images": contents(data.images),
        },
        make=lambda step: make_images(data, settings, step, share),
        losses=losses, team=team,
    ) as run:  # fmt: skip
        for step, real in run:
            noise = torch.randn((settings.batch, latent), device=team.device)[share]
            seen = game.step(real.to(team.device, non_blocking=True), noise)
            losses.add(step, *map(team.mean, seen.losses))
            if run.due(step):
                values = losses.read()
                _note(history, step, values, seen)
                run.show(D=values[0], G=values[1])
            if each_step:
                each_step(step)
    for trained, network in ((game.generator, generator), (game.discriminator, discriminator)):
        team.leave(trained, network)
        network.eval()
    return history


class _Seen(NamedTuple):
    """What a step has shown: images (N, C, H, W), their logits, and both losses."""

    real: Tensor
    fake: Tensor
    real_logits: Tensor
    fake_logits: Tensor
    losses: tuple[Tensor, Tensor]


class _Game:
    """Both networks in training, each with its Adam."""

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, settings: GanSettings, team: Team
    ) -> None:
        self.device = team.device
        self.precision = resolve_precision(settings.precision, team.device)
        self.generator, self._generate = team.join(generator, self.precision)
        self.discriminator, self._judge = team.join(discriminator, self.precision)
        self.scaler = loss_scaler(self.precision, team.device)
        self._adam_g, self._adam_d = (
            lay_flat(
                torch.optim.Adam(
                    network.train().parameters(),
                    settings.learning_rate,
                    (settings.beta1, 0.999),
                    fused=True,
                )
            )
            for network in (self.generator, self.discriminator)
        )
        self.parts = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "adam_generator": self._adam_g,
            "adam_discriminator": self._adam_d,
            "scaler": self.scaler,
        }

    def step(self, real: Tensor, noise: Tensor) -> _Seen:
        """The discriminator's turn, then the generator's."""
        with casting(self.precision, self.device):
            fake = self._generate(noise)
            # Real and drawn images apart: batch norm must not average over both.
            real_logits, fake_logits = self._judge(real), self._judge(fake.detach())
        loss_d = discriminator_loss(real_logits.float(), fake_logits.float())
        self._update(self._adam_d, loss_d)
        # The generator is judged by the discriminator as it is now, whose own gradient is not used.
        self.discriminator.requires_grad_(False)
        with casting(self.precision, self.device):
            judged = self.discriminator(fake)
        loss_g = generator_loss(judged.float())
        self._update(self._adam_g, loss_g)
        self.scaler.update()
        self.discriminator.requires_grad_(True)
        return _Seen(real, fake, real_logits, fake_logits, (loss_d, loss_g))

    def _update(self, adam: torch.optim.Optimizer, loss: Tensor) -> None:
        adam.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(adam)


def _note(history: GanHistory, step: int, losses: list[float], seen: _Seen) -> None:
    history.steps.append(step)
    history.discriminator_losses.append(losses[0])
    history.generator_losses.append(losses[1])
    history.real.append(seen.real_logits.detach().float().sigmoid().mean().item())
    history.fake.append(seen.fake_logits.detach().float().sigmoid().mean().item())
    spreads = [images.detach().float().std(0).mean().item() for images in (seen.fake, seen.real)]
    history.spread.append(spreads[0] / max(spreads[1], 1e-9))
