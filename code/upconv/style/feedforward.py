"""Training a network that paints in one pass: Johnson, Alahi & Fei-Fei (2016)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from upconv.checks import check_integer, check_real, check_seed, check_words, refuse
from upconv.device import (
    announce,
    casting,
    described,
    inferring,
    layout,
    loss_scaler,
    pick_device,
    put,
    resolve_precision,
)
from upconv.pixels import to_pixels
from upconv.style.energies import StyleEnergy, content_energy_of
from upconv.style.pictures import check_picture, to_tensor
from upconv.torch.encoders import Encoder
from upconv.torch.style import total_variation
from upconv.training.batches import places_of
from upconv.training.optimizers import lay_flat
from upconv.training.origin import contents, nature, sketch
from upconv.training.run import Keeping, Losses, Run
from upconv.training.settings import LONGEST_SIDE, check_run

# Standard deviation of the noise that a network paints over. Convolutions paint equal places
# equally: a flat sky would have no strokes. Noise tells its places apart.
NOISE = 0.1


@dataclass(frozen=True)
class TransformSettings:
    """How to train. Energies are as for ``StyleSettings``: weights mean the same.

    One cut a step: on a processor, more steps are worth more than smoother ones.
    """

    steps: int = 2000
    batch: int = 1
    crop: int = 128  # side of the square cuts it learns from
    learning_rate: float = 1e-3
    content_layers: tuple[str, ...] = ("conv2_2",)
    style_layers: tuple[str, ...] = ("conv1_1", "conv2_1", "conv3_1")
    content_weight: float = 1.0
    style_weight: float = 15.0
    variation_weight: float = 2.0
    style_size: int = 384  # longer side of the painting
    windows: int = 2  # style is measured in so many by so many parts of a cut, each for itself
    noise: float = NOISE  # laid over the cuts; content is that of the cuts without it
    seed: int = 0
    precision: str = "auto"
    log_every: int = 10

    def __post_init__(self) -> None:
        check_run(self)
        for name in ("crop", "style_size"):
            check_integer(name, getattr(self, name), 16, LONGEST_SIDE)
        for name in ("noise", "content_weight", "style_weight", "variation_weight"):
            check_real(name, getattr(self, name))
        for name in ("content_layers", "style_layers"):
            if not check_words(name, getattr(self, name)):
                refuse(name, "none", "one or more")
        check_integer("windows", self.windows, 1)
        if self.crop // self.windows < 16:
            expected = f"at most {self.crop // 16} for a crop of {self.crop}"
            refuse("windows", self.windows, expected)


@dataclass
class TransformHistory:
    """The energies, weighted as in the sum, at the logged steps."""

    steps: list[int] = field(default_factory=list)
    content: list[float] = field(default_factory=list)
    style: list[float] = field(default_factory=list)
    seconds: float = 0.0
    waited: float = 0.0  # seconds for batches


def train_transform(
    network: nn.Module,
    features: Encoder,
    photographs: Sequence[np.ndarray],
    style: np.ndarray,
    settings: TransformSettings,
    *,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    save_every: int = 100,
    device: str = "auto",
    progress: bool = True,
    each_step: Callable[[int, float], None] | None = None,
) -> TransformHistory:
    """Train a network in place to paint any photograph in one style; returns its history.

    Each photograph is cut at random, from the size of the crop up to all of it, and mirrored or
    not. Deterministic by seed on one machine; a run that was broken off goes on as if it had not
    been.

    Parameters
    ----------
    network
        From images (N, 3, H, W) in [0, 1] to as many, as large.
    features
        The encoder by whose maps content and style are measured.
    photographs
        Each (H, W, 3), uint8, of any size from 16 pixels a side.
    style : (H, W, 3), uint8
    checkpoint, resume, save_every, each_step
        As of ``upconv.training.train``.

    Raises
    ------
    ValueError
        If there is no photograph, or an image is not (H, W, 3) uint8 of 16 pixels a side or more.
    Diverged
        If the energy is no number any more.
    BadCheckpoint
        If the checkpoint is of another run or cannot be read.
    """
    if not len(photographs):
        refuse("photographs", "none", "one or more")
    check_picture("style", style)
    for image in photographs:
        check_picture("photographs", image)
    work = _Learning(network, features, style, settings, pick_device(device))
    history = TransformHistory()
    hint = "lower learning_rate or style_weight, or set precision to fp32"
    losses = Losses(work.device, "the energy is", hint)
    if progress:
        announce(f"{work.device}: {work.precision}, {described(work.lies)}, the style seen once")
    with Run(
        {"network": work.network, "optimizer": work.optimizer, "scaler": work.scaler},
        settings, history, work.device, Keeping(checkpoint, resume, save_every, progress),
        inputs=lambda: {
            "network": nature(network),
            "features": sketch(features),
            "photographs": contents(photographs),
            "style": contents([style]),
        },
        make=lambda step: cuts(photographs, settings, step),
        # Half a cosine, down to nothing.
        rate=lambda step: (1 + math.cos(math.pi * step / settings.steps)) / 2,
        losses=losses,
    ) as run:  # fmt: skip
        for step, images in run:
            total, content, painted_style = work.backward(images, step)
            losses.add(step, total)
            work.update()
            if run.due(step):
                losses.read()
                history.steps.append(step)
                history.content.append(content.item())
                history.style.append(painted_style.item())
                run.show(content=history.content[-1], style=history.style[-1])
            if each_step:
                each_step(step, *losses.read())
    network.eval()
    return history


class _Learning:
    """A network that learns one style: the two halves of a step."""

    def __init__(
        self,
        network: nn.Module,
        features: Encoder,
        style: np.ndarray,
        settings: TransformSettings,
        device: torch.device,
    ) -> None:
        self.device, self.settings = device, settings
        self.precision = resolve_precision(settings.precision, device)
        self.lies = layout(network, self.precision, device)
        self.network = put(network, device, self.lies).train()
        self.features = put(features, device, self.lies).eval().requires_grad_(False)
        self.optimizer = lay_flat(
            torch.optim.Adam(network.parameters(), settings.learning_rate, fused=True)
        )
        self.names = list(dict.fromkeys((*settings.content_layers, *settings.style_layers)))
        with casting(self.precision, device):
            painting = to_tensor(style, settings.style_size).to(device)
            self.style_energy = StyleEnergy(self.features, painting, settings.style_layers)
        self.scaler = loss_scaler(self.precision, device)

    def backward(self, images: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Energy of a batch, then its content's and its style's; gradients lie with the weights."""
        settings, energy = self.settings, self.style_energy
        images = images.to(self.device, non_blocking=True)
        with casting(self.precision, self.device):
            with torch.no_grad():
                wanted = self.features.layers(images, settings.content_layers)
            painted = self.network(grainy(images, settings.noise, (settings.seed, step)))
            maps = self.features.layers(painted, self.names)
        content = settings.content_weight * content_energy_of(maps, wanted).mean()
        parts = {name: in_windows(maps[name], settings.windows) for name in energy.wanted}
        painted_style = settings.style_weight * energy(parts).mean()
        total = content + painted_style
        if settings.variation_weight:
            variation = total_variation(painted.float()).mean()
            total = total + settings.variation_weight * variation
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(total).backward()
        return total, content, painted_style

    def update(self) -> None:
        """One step of the optimizer."""
        self.scaler.step(self.optimizer)
        self.scaler.update()


def grainy(images: Tensor, noise: float, seed: int | tuple[int, ...]) -> Tensor:
    """Images with Gaussian noise of a standard deviation on them, which the seed alone decides."""
    if not noise:
        return images
    grain = np.random.default_rng(seed).standard_normal(images.shape, np.float32)
    return images + noise * torch.from_numpy(grain).to(images.device)


def in_windows(maps: Tensor, count: int) -> Tensor:
    """Maps (N, C, H, W) in count × count windows, (N · count², C, H // count, W // count).

    A Gram matrix forgets where things are: of a whole picture it is right, too, if all strokes lie
    on one side. What does not fill a window at the right and below is left out.
    """
    n, channels, height, width = maps.shape
    height, width = height // count, width // count
    tiles = maps[:, :, : count * height, : count * width]
    tiles = tiles.reshape(n, channels, count, height, count, width)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels, height, width)


def cuts(photographs: Sequence[np.ndarray], settings: TransformSettings, step: int) -> Tensor:
    """The cuts of a step, (N, 3, crop, crop) in [0, 1]: they depend on the seed and the step."""
    rng = np.random.default_rng([settings.seed, step])
    crop, found = settings.crop, []
    for place in places_of(step, settings, len(photographs), stream=2):
        image = photographs[place]
        height, width = image.shape[:2]
        largest = min(height, width)
        # All sizes of a thing are as likely.
        side = math.exp(rng.uniform(math.log(min(crop, largest)), math.log(largest)))
        top, left = rng.uniform(0, height - side), rng.uniform(0, width - side)
        cut = Image.fromarray(image).resize(
            (crop, crop),
            Image.Resampling.BICUBIC,
            box=(left, top, left + side, top + side),
            reducing_gap=3.0,
        )
        cut = np.asarray(cut)
        found.append(cut[:, ::-1] if rng.random() < 0.5 else cut)
    return to_pixels(np.stack(found))


def transform(
    network: nn.Module,
    image: np.ndarray,
    *,
    noise: float = NOISE,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
) -> np.ndarray:
    """The image (H, W, 3), uint8, as the network paints it over noise.

    Raises
    ------
    ValueError
        If it is not (H, W, 3) uint8 of 16 pixels a side or more, or the noise is negative.
    """
    check_picture("image", image)
    check_real("noise", noise)
    check_seed("seed", seed)
    with inferring(network, device, precision) as where:
        pixels = to_pixels(np.array(image[None])).to(where)
        painted = network(grainy(pixels, noise, seed))[0].float().clamp(0, 1)
        found: np.ndarray = (painted * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        return found
