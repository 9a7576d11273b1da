"""Training of feed-forward stylization networks: Johnson, Alahi & Fei-Fei (2016)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from upconv.checks import LONGEST_SIDE, check_integer, check_real, check_seed, check_words, refuse
from upconv.data._scaling import resize
from upconv.deprecated import FIELDS, renamed
from upconv.device import (
    announce,
    autocast,
    described,
    inferring,
    layout,
    loss_scaler,
    pick_device,
    put,
    resolve_precision,
)
from upconv.pixels import to_pixels
from upconv.style.losses import StyleLoss, content_loss_of
from upconv.style.pictures import check_picture, to_tensor
from upconv.torch.encoders import Encoder
from upconv.torch.style import total_variation
from upconv.training.batches import WHOLE, places_of
from upconv.training.optimizers import fuse_channels_last
from upconv.training.origin import contents, nature, sketch
from upconv.training.run import Keeping, Losses, Run
from upconv.training.settings import check_run

# Standard deviation of the noise added to a network's input. Convolutions treat equal positions
# equally: a flat sky would have no brushstrokes. Noise makes its positions differ.
NOISE = 0.1


@dataclass(frozen=True)
class TransformSettings:
    """Training settings. Losses are scaled as in ``StyleSettings``, so weights mean the same.

    One crop per step: on a CPU, more steps are worth more than less noisy ones.
    """

    steps: int = 2000
    batch: int = 1
    crop: int = 128  # side of the square training crops
    learning_rate: float = 1e-3
    content_layers: tuple[str, ...] = ("conv2_2",)
    style_layers: tuple[str, ...] = ("conv1_1", "conv2_1", "conv3_1")
    content_weight: float = 1.0
    style_weight: float = 15.0
    variation_weight: float = 2.0
    style_size: int = 384  # longer side of the painting
    windows: int = 2  # style is measured separately in windows × windows parts of a crop
    noise: float = NOISE  # added to the crops; content is measured without it
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
                refuse(name, "none", "at least one")
        check_integer("windows", self.windows, 1)
        if self.crop // self.windows < 16:
            expected = f"at most {self.crop // 16} for a crop of {self.crop}"
            refuse("windows", self.windows, expected)


@renamed(**FIELDS["History"])
@dataclass
class TransformHistory:
    """Weighted losses at the logged steps."""

    steps: list[int] = field(default_factory=list)
    content: list[float] = field(default_factory=list)
    style: list[float] = field(default_factory=list)
    seconds: float = 0.0
    data_wait: float = 0.0  # seconds spent waiting for batches


@renamed(each_step="callback")
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
    callback: Callable[[int, float], None] | None = None,
) -> TransformHistory:
    """Train a network in place to paint any photograph in one style; return its history.

    Photographs are cropped at random, from the crop size up to their shorter side, and half of
    the crops are mirrored. Deterministic by seed on one machine; an interrupted run resumes bit
    for bit.

    Parameters
    ----------
    network
        Maps images (N, 3, H, W) in [0, 1] to images of the same shape.
    features
        The encoder whose feature maps measure content and style.
    photographs
        Each (H, W, 3), uint8, at least 16 pixels per side.
    style : (H, W, 3), uint8
    checkpoint, resume, save_every, callback
        As in :func:`upconv.training.train`.

    Raises
    ------
    ValueError
        If there are no photographs, or an image is not (H, W, 3), uint8, of at least 16 pixels per
        side.
    Diverged
        If the loss is NaN or infinite.
    Interrupted
        As in :func:`upconv.training.train`.
    BadCheckpoint
        If the checkpoint belongs to another run or cannot be read.
    """
    if not len(photographs):
        refuse("photographs", "none", "at least one")
    check_picture("style", style)
    for image in photographs:
        check_picture("photographs", image)
    work = _Learning(network, features, style, settings, pick_device(device))
    history = TransformHistory()
    hint = "lower learning_rate or style_weight, or set precision to fp32"
    losses = Losses(work.device, "the loss is", hint)
    if progress:
        announce(f"{work.device}: {work.precision}, {described(work.lies)}, cached style features")
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
        # Half a cosine, down to zero.
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
            if callback:
                callback(step, *losses.read())
    network.eval()
    return history


class _Learning:
    """A network that learns one style, with the two halves of a step."""

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
        self.optimizer = fuse_channels_last(
            torch.optim.Adam(network.parameters(), settings.learning_rate, fused=True)
        )
        self.names = list(dict.fromkeys((*settings.content_layers, *settings.style_layers)))
        with autocast(self.precision, device):
            painting = to_tensor(style, settings.style_size).to(device)
            self.style_loss = StyleLoss(self.features, painting, settings.style_layers)
        self.scaler = loss_scaler(self.precision, device)

    def backward(self, images: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Backpropagate a batch; return its total, content and style loss."""
        settings, energy = self.settings, self.style_loss
        images = images.to(self.device, non_blocking=True)
        with autocast(self.precision, self.device):
            with torch.no_grad():
                wanted = self.features.layers(images, settings.content_layers)
            painted = self.network(grainy(images, settings.noise, (settings.seed, step)))
            maps = self.features.layers(painted, self.names)
        content = settings.content_weight * content_loss_of(maps, wanted).mean()
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
        """Take one optimizer step."""
        self.scaler.step(self.optimizer)
        self.scaler.update()


def grainy(images: Tensor, noise: float, seed: int | tuple[int, ...]) -> Tensor:
    """Add Gaussian noise of standard deviation ``noise``, determined by the seed alone."""
    if not noise:
        return images
    grain = np.random.default_rng(seed).standard_normal(images.shape, np.float32)
    return images + noise * torch.from_numpy(grain).to(images.device)


def in_windows(maps: Tensor, count: int) -> Tensor:
    """Split feature maps (N, C, H, W) into count × count windows (N · count², C, H', W').

    A Gram matrix ignores positions: for a whole picture it can match even if all strokes lie on
    one side. Here H' = H // count and W' = W // count; remaining rows and columns are dropped.
    """
    n, channels, height, width = maps.shape
    height, width = height // count, width // count
    tiles = maps[:, :, : count * height, : count * width]
    tiles = tiles.reshape(n, channels, count, height, count, width)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels, height, width)


def cuts(photographs: Sequence[np.ndarray], settings: TransformSettings, step: int) -> Tensor:
    """Return a step's crops, (N, 3, crop, crop) in [0, 1], from the seed and the step alone."""
    rng = np.random.default_rng([settings.seed, step])
    crop, found = settings.crop, []
    for place in places_of(step, settings, len(photographs), stream=2):
        image = photographs[place]
        height, width = image.shape[:2]
        largest = min(height, width)
        # Log-uniform: all scales are equally likely.
        side = math.exp(rng.uniform(math.log(min(crop, largest)), math.log(largest)))
        top, left = rng.uniform(0, height - side), rng.uniform(0, width - side)
        box = (left, top, left + side, top + side)
        if height * width > WHOLE:
            cut = resize(image, (crop, crop), Image.Resampling.BICUBIC, box, 3.0)
        else:
            picture = Image.fromarray(image)
            cut = np.asarray(
                picture.resize((crop, crop), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
            )
        found.append(cut[:, ::-1] if rng.random() < 0.5 else cut)
    return to_pixels(np.stack(found))


def apply_transform_net(
    network: nn.Module,
    image: np.ndarray,
    *,
    noise: float = NOISE,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
) -> np.ndarray:
    """Stylize an image (H, W, 3), uint8, with a network, after adding noise.

    Raises
    ------
    ValueError
        If it is not (H, W, 3), uint8, of at least 16 pixels per side, or the noise is negative.
    """
    check_picture("image", image)
    check_real("noise", noise)
    check_seed("seed", seed)
    with inferring(network, device, precision) as where:
        pixels = to_pixels(np.array(image[None]), device=where)
        painted = network(grainy(pixels, noise, seed))[0].float().clamp(0, 1)
        found: np.ndarray = (painted * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        return found
