"""The alternating training of a DCGAN: a discriminator against a generator."""

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
from upconv.deprecated import FIELDS, renamed
from upconv.device import autocast, loss_scaler, resolve_precision
from upconv.pixels import to_pixels
from upconv.training.batches import places_of
from upconv.training.distributed import DistributedContext
from upconv.training.optimizers import fuse_channels_last
from upconv.training.origin import contents, nature
from upconv.training.run import Keeping, Losses, Run
from upconv.training.settings import check_run


@dataclass(frozen=True)
class GanSettings:
    """Training settings; the defaults follow Radford, Metz & Chintala (2016), section 4."""

    steps: int = 1000
    batch: int = 128
    learning_rate: float = 2e-4
    beta1: float = 0.5
    flip: bool = False  # mirror half of the images; not for digits
    seed: int = 0
    precision: str = "auto"
    log_every: int = 10

    def __post_init__(self) -> None:
        check_run(self)
        check_share("beta1", self.beta1)
        check_flag("flip", self.flip)


@renamed(**FIELDS["History"])
@dataclass
class GanHistory:
    """Measurements every ``log_every`` steps, and the duration.

    ``real`` and ``fake`` are the discriminator's mean probabilities of being real, for real and
    for generated images. ``spread`` is the variation among a batch's generated images relative to
    that among real ones: near 0, the generator produces a single image. ``data_wait`` is the part
    of the ``seconds`` during which the device waited for images.
    """

    steps: list[int] = field(default_factory=list)
    discriminator_losses: list[float] = field(default_factory=list)
    generator_losses: list[float] = field(default_factory=list)
    real: list[float] = field(default_factory=list)
    fake: list[float] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)
    seconds: float = 0.0
    data_wait: float = 0.0

    @property
    def verdict(self) -> str:
        """ "collapsed", "one-sided" (the discriminator is always right), or "in play"."""
        if not self.spread:
            return "in play"
        last = max(1, len(self.steps) // 10)
        if np.mean(self.spread[-last:]) < 0.2:
            return "collapsed"
        if np.mean(self.real[-last:]) > 0.98 and np.mean(self.fake[-last:]) < 0.02:
            return "one-sided"
        return "in play"


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """−log D(x) − log(1 − D(G(z))), computed from logits without overflow or saturation."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """−log D(G(z)), from logits: the non-saturating loss of Goodfellow et al. (2014)."""
    return F.softplus(-fake).mean()


def make_images(
    data: ImageSet, settings: GanSettings, step: int, shard: slice = slice(None)
) -> Tensor:
    """Return a step's real images, (batch, channels, H, W) in [−1, 1]: they depend on the seed and
    the step alone, each image once per epoch. With ``shard``, return only these of the batch."""
    images = data.images[places_of(step, settings, len(data), stream=2)[shard]]
    if settings.flip:
        mirrored = np.random.default_rng([settings.seed, step]).random(settings.batch) < 0.5
        mirrored = mirrored[shard]
        images = np.where(
            mirrored.reshape(-1, *[1] * (images.ndim - 1)), images[:, :, ::-1], images
        )
    return 2 * to_pixels(images, data.channels) - 1


@renamed(each_step="callback", team="distributed")
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
    distributed: DistributedContext | None = None,
    progress: bool = True,
    callback: Callable[[int], None] | None = None,
) -> GanHistory:
    """Train both networks in place with Adam, one step of each in turn.

    Both end in evaluation mode.

    On one machine with a fixed number of threads, the same seed gives bit-identical weights, also
    if the run is interrupted at any point and resumed. With ``distributed``, processes share each
    batch, as in
    :func:`upconv.training.train`; apart from losses, the history records its first process only.

    Raises
    ------
    Diverged
        If a loss is NaN or infinite.
    Interrupted
        As in :func:`upconv.training.train`.
    BadCheckpoint
        If the checkpoint belongs to another run or cannot be read.
    """
    distributed = distributed or DistributedContext(device)
    shard = distributed.shard(settings.batch)
    game = _Game(generator, discriminator, settings, distributed)
    history, latent = GanHistory(), cast(int, generator.latent)
    losses = Losses(
        distributed.device, "the losses are", "lower learning_rate, or set precision to fp32"
    )
    if progress:
        distributed.announce(generator, game.precision)
    with Run(
        game.parts, settings, history, distributed.device,
        Keeping(checkpoint, resume, save_every, progress),
        inputs=lambda: {
            "generator": nature(generator),
            "discriminator": nature(discriminator),
            "images": contents(data.images),
        },
        make=lambda step: make_images(data, settings, step, shard),
        losses=losses, distributed=distributed,
    ) as run:  # fmt: skip
        for step, real in run:
            noise = torch.randn((settings.batch, latent), device=distributed.device)[shard]
            seen = game.step(real.to(distributed.device, non_blocking=True), noise)
            losses.add(step, *map(distributed.mean, seen.losses))
            if run.due(step):
                values = losses.read()
                _note(history, step, values, seen)
                run.show(D=values[0], G=values[1])
            if callback:
                callback(step)
    for trained, network in ((game.generator, generator), (game.discriminator, discriminator)):
        distributed.unwrap(trained, network)
        network.eval()
    return history


class _Seen(NamedTuple):
    """Results of a step: images (N, C, H, W), their logits, and both losses."""

    real: Tensor
    fake: Tensor
    real_logits: Tensor
    fake_logits: Tensor
    losses: tuple[Tensor, Tensor]


class _Game:
    """Both networks in training, each with its own Adam optimizer."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        settings: GanSettings,
        distributed: DistributedContext,
    ) -> None:
        self.device = distributed.device
        self.precision = resolve_precision(settings.precision, distributed.device)
        self.generator, self._generate = distributed.wrap(generator, self.precision)
        self.discriminator, self._judge = distributed.wrap(discriminator, self.precision)
        self.scaler = loss_scaler(self.precision, distributed.device)
        self._adam_g, self._adam_d = (
            fuse_channels_last(
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
        """Update the discriminator, then the generator."""
        with autocast(self.precision, self.device):
            fake = self._generate(noise)
            # Real and generated images separately: batch norm must not average over both.
            real_logits, fake_logits = self._judge(real), self._judge(fake.detach())
        loss_d = discriminator_loss(real_logits.float(), fake_logits.float())
        self._update(self._adam_d, loss_d)
        # The updated discriminator judges the generator; its own gradient is not needed.
        self.discriminator.requires_grad_(False)
        with autocast(self.precision, self.device):
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
    if len(seen.real) == 1:  # which shows no variation: taken for that of real images
        history.spread.append(1.0)
        return
    spreads = [images.detach().float().std(0).mean().item() for images in (seen.fake, seen.real)]
    history.spread.append(spreads[0] / max(spreads[1], 1e-9))
