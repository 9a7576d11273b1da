"""Style transfer by optimizing an image: Gatys, Ecker & Bethge (2016), from coarse to fine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upconv.checks import (
    check_choice,
    check_flag,
    check_integer,
    check_real,
    check_weights,
    check_words,
    refuse,
)
from upconv.deprecated import FIELDS, renamed
from upconv.device import (
    announce,
    autocast,
    described,
    layout,
    loss_scaler,
    pick_device,
    put,
    resolve_precision,
)
from upconv.style.losses import StyleLoss, content_loss_of
from upconv.style.pictures import check_picture, size_within, to_image, to_tensor, with_colors_of
from upconv.torch.encoders import Encoder
from upconv.torch.style import total_variation
from upconv.training.origin import contents, sketch
from upconv.training.run import Diverged, Keeping, Run
from upconv.training.settings import LONGEST_SIDE, check_run


@renamed(**FIELDS["StyleSettings"])
@dataclass(frozen=True)
class StyleSettings:
    """Settings of style transfer. Layer names are those of the papers.

    The losses are those of ``upconv.ops``, normalized: the content loss by the content's Σ a², the
    style loss of each layer by that of a gray image. So the weights mean the same for every
    network, layer and size.
    """

    content_layers: tuple[str, ...] = ("conv3_1",)
    style_layers: tuple[str, ...] = ("conv1_1", "conv2_1", "conv3_1")
    layer_weights: tuple[float, ...] = ()  # relative weights of style_layers; equal if empty
    content_weight: float = 1.0
    style_weight: float = 10.0
    variation_weight: float = 0.0
    size: int = 384  # longer side, in pixels
    steps: int = 30  # over all scales; an L-BFGS step takes about six gradients
    scales: int = 3  # the coarsest image is 2^(scales − 1) times smaller
    start: str = "content"
    optimizer: str = "lbfgs"
    learning_rate: float = 1.0
    preserve_color: bool = False
    seed: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        check_run(self)
        check_integer("size", self.size, 16, LONGEST_SIDE)
        check_integer("scales", self.scales, 1, 16)
        if self.size / 2 ** (self.scales - 1) < 16:
            got = f"{self.scales} for {self.size} pixels"
            refuse("scales", got, "at least 16 pixels at the coarsest scale")
        for name in ("content_weight", "style_weight", "variation_weight"):
            check_real(name, getattr(self, name))
        check_flag("preserve_color", self.preserve_color)
        for name in ("content_layers", "style_layers"):
            check_words(name, getattr(self, name))
        if self.layer_weights:
            check_weights("layer_weights", self.layer_weights)
            if len(self.layer_weights) != len(self.style_layers):
                expected = f"one for each of {', '.join(self.style_layers)}"
                refuse("layer_weights", self.layer_weights, expected)
        if not (self.content_layers or self.style_layers):
            refuse("style_layers", "none and no content_layers", "at least one")
        check_choice("start", self.start, ("content", "noise"))
        check_choice("optimizer", self.optimizer, ("lbfgs", "adam"))

    def sides(self) -> list[int]:
        """Return the longer side at each scale, coarse to fine."""
        return [round(self.size / 2**level) for level in reversed(range(self.scales))]

    def shares(self) -> list[int]:
        """Return the steps at each scale: half of them at the coarsest, where they cost least."""
        left, found = self.steps, []
        for _ in range(self.scales - 1):
            found.append(max(1, (left + 1) // 2))
            left = max(1, left - found[-1])
        return [*found, left]


@dataclass
class StyleHistory:
    """Weighted losses at each gradient evaluation, and the duration.

    ``pixels`` is the image's size at each evaluation: their sum measures the work done.
    """

    content: list[float] = field(default_factory=list)
    style: list[float] = field(default_factory=list)
    pixels: list[int] = field(default_factory=list)
    seconds: float = 0.0


class Canvas(nn.Module):
    """The optimized image, (1, 3, H, W); may leave [0, 1], callers clamp it."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.image = nn.Parameter(image.clone())


class StyleTransferLoss:
    """Loss E(G) = E_content(G, C) + E_style(G, S) + E_variation(G) of an image G, in three terms.

    Parameters
    ----------
    network
        Encoder whose ``layers`` return the feature maps.
    content, style : (1, 3, H, W)
        In [0, 1]; sizes may differ.
    """

    def __init__(
        self, network: Encoder, content: Tensor, style: Tensor, settings: StyleSettings
    ) -> None:
        self.network, self.settings = network, settings
        self.names = list(dict.fromkeys((*settings.content_layers, *settings.style_layers)))
        with torch.no_grad():
            maps = network.layers(content, settings.content_layers)
        self.content = {name: maps[name] for name in settings.content_layers}
        self.style = None
        if settings.style_layers:
            layers, weights = settings.style_layers, settings.layer_weights
            self.style = StyleLoss(network, style, layers, weights)

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the weighted content, style and variation losses, whose sum is minimized."""
        maps = self.network.layers(image, self.names)
        settings = self.settings
        zero = image.new_zeros(())
        content = content_loss_of(maps, self.content).sum() if self.content else zero
        style = self.style(maps).sum() if self.style else zero
        variation = total_variation(image).sum() if settings.variation_weight else zero
        return (
            settings.content_weight * content,
            settings.style_weight * style,
            settings.variation_weight * variation,
        )


@renamed(each_step="callback")
def stylize(
    network: Encoder,
    content: np.ndarray,
    style: np.ndarray,
    settings: StyleSettings,
    *,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    save_every: int = 5,
    device: str = "auto",
    progress: bool = True,
    callback: Callable[[int, np.ndarray], None] | None = None,
) -> tuple[np.ndarray, StyleHistory]:
    """Paint the content in the style; return an image (H, W, 3), uint8, and its history.

    Deterministic by seed on one machine; an interrupted run resumes from its checkpoint (one file
    per scale: its number is inserted before the extension).

    Parameters
    ----------
    network
        An encoder with ``layers``. Its weights are not changed, but it is frozen and moved to the
        device.
    content, style : (H, W, 3), uint8
    callback
        Called after each step with its number and the current image.

    Raises
    ------
    ValueError
        If an image is not (H, W, 3), uint8, has fewer than 16 pixels per side, or is too small
        for the layers at the coarsest scale.
    Diverged
        If the loss is NaN or infinite.
    BadCheckpoint
        If a checkpoint belongs to another run or cannot be read.

    Examples
    --------
    >>> from upconv.torch import VGG19
    >>> network = VGG19(width_mult=1 / 8, last="conv1_1")
    >>> content, style = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    >>> only = {"content_layers": ("conv1_1",), "style_layers": ("conv1_1",)}
    >>> settings = StyleSettings(**only, size=32, scales=1, steps=3)
    >>> image, history = stylize(network, content // 2, style, settings, progress=False)
    >>> image.shape, history.style[-1] < history.style[0]
    ((32, 32, 3), True)
    """
    check_picture("content", content)
    check_picture("style", style)
    _check_scales(network, content, style, settings)
    where = pick_device(device)
    precision = resolve_precision(settings.precision, where)
    lies = layout(network, precision, where)
    put(network, where, lies).eval().requires_grad_(False)
    if progress:
        announce(f"{where}: {precision}, {described(lies)}, cached style features")
    whole, canvas, before, done = StyleHistory(), None, None, 0
    for level, (side, share) in enumerate(zip(settings.sides(), settings.shares(), strict=True)):
        small, model = to_tensor(content, side).to(where), to_tensor(style, side).to(where)
        canvas = _begun(canvas, before, small, settings)
        with autocast(precision, where):
            energy = StyleTransferLoss(network, small, model, settings)
        drawn = Canvas(canvas.clamp(0, 1).contiguous())
        # More steps would have been divided among the scales in another way.
        path = _numbered(checkpoint, level)
        keeping = Keeping(path, resume, save_every, progress, longer=False)
        history = _optimize(
            drawn, energy, replace(settings, steps=share), precision, keeping,
            inputs=partial(_inputs, network, content, style),
            begun=done, callback=callback,
        )  # fmt: skip
        done += share
        canvas, before = drawn.image.detach().clamp(0, 1), small
        for name, values in asdict(history).items():
            setattr(whole, name, getattr(whole, name) + values)
    image = to_image(drawn.image)
    if settings.preserve_color:
        image = with_colors_of(to_image(to_tensor(content, settings.size)), image)
    return image, whole


def _check_scales(
    network: Encoder, content: np.ndarray, style: np.ndarray, settings: StyleSettings
) -> None:
    """Check that the images are large enough for every layer at the coarsest scale."""
    coarsest = min(min(size_within(image, settings.sides()[0])) for image in (content, style))
    for name in (*settings.content_layers, *settings.style_layers):
        if coarsest < 2 * (stride := network.stride(name)):
            got = f"{settings.scales}, where the coarsest image has {coarsest} pixels per side"
            refuse("scales", got, f"at least {2 * stride} for {name}")


def _begun(
    canvas: Tensor | None, before: Tensor | None, content: Tensor, settings: StyleSettings
) -> Tensor:
    """Return a scale's initial image: content or noise, later the previous scale's result.

    ``canvas`` and ``before`` are the image and the content of the previous scale.
    """
    if canvas is None or before is None:
        if settings.start == "content":
            return content
        dice = torch.Generator().manual_seed(settings.seed)
        return torch.rand(content.shape, generator=dice).to(content.device)
    if settings.start == "content":
        # The change is upsampled, not the image: the content keeps its detail.
        return content + F.interpolate(canvas - before, content.shape[2:], mode="bicubic")
    return F.interpolate(canvas, content.shape[2:], mode="bicubic")


def _numbered(checkpoint: str | Path | None, level: int) -> Path | None:
    path = Path(checkpoint) if checkpoint else None
    return path and path.with_name(f"{path.stem}-{level}{path.suffix}")


def _inputs(network: Encoder, content: np.ndarray, style: np.ndarray) -> dict[str, Any]:
    named = {"content": contents([content]), "style": contents([style])}
    return {"features": sketch(network)} | named


def _optimize(
    drawn: Canvas,
    energy: StyleTransferLoss,
    settings: StyleSettings,
    precision: str,
    keeping: Keeping,
    *,
    inputs: Callable[[], dict[str, Any]],
    begun: int,
    callback: Callable[[int, np.ndarray], None] | None,
) -> StyleHistory:
    """Run all steps at one scale, after ``begun`` steps at coarser ones."""
    where, history = drawn.image.device, StyleHistory()
    optimizer, scaler = _optimizer(drawn, settings), loss_scaler(precision, where)
    parts = {"canvas": drawn, "optimizer": optimizer, "scaler": scaler}
    with Run[None](parts, settings, history, where, keeping, inputs=inputs) as run:
        for step, _ in run:
            _step(drawn, energy, optimizer, scaler, precision, history)
            last = history.content[-1], history.style[-1]
            if not all(map(math.isfinite, last)):
                hint = "lower learning_rate or style_weight, or set precision to fp32"
                raise Diverged(f"step {begun + step}: the losses are {last}; {hint}")
            run.show(content=last[0], style=last[1])
            if callback:
                callback(begun + step, to_image(drawn.image))
    return history


def _optimizer(drawn: Canvas, settings: StyleSettings) -> torch.optim.Optimizer:
    if settings.optimizer == "adam":
        return torch.optim.Adam(drawn.parameters(), settings.learning_rate)
    # Without line search, the first steps at a finer scale overshoot.
    return torch.optim.LBFGS(
        drawn.parameters(),
        settings.learning_rate,
        max_iter=5,
        max_eval=7,
        history_size=20,
        line_search_fn="strong_wolfe",
    )


def _step(
    drawn: Canvas,
    energy: StyleTransferLoss,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    precision: str,
    history: StyleHistory,
) -> None:
    def closure() -> float:
        optimizer.zero_grad(set_to_none=True)
        with autocast(precision, drawn.image.device):
            # Values outside [0, 1] must not lower the loss: they are clipped in the end.
            content, style, variation = energy(drawn.image.clamp(0, 1))
        total = content + style + variation
        _backward(total, drawn.image, optimizer, scaler)
        history.content.append(content.item())
        history.style.append(style.item())
        history.pixels.append(drawn.image.shape[2] * drawn.image.shape[3])
        return float(total.detach())

    optimizer.step(closure)


def _backward(
    total: Tensor, image: Tensor, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> None:
    """Compute the image's unscaled gradient.

    A line search needs it at every evaluation, so steps that overflow in fp16 cannot be skipped:
    the scale is halved until they do not.
    """
    while True:
        scaler.scale(total).backward(retain_graph=scaler.is_enabled())
        if not scaler.is_enabled():
            return
        scaler.unscale_(optimizer)
        scaler.update()
        done = image.grad is None or image.grad.isfinite().all()
        if done or not total.isfinite() or scaler.get_scale() < 1:
            return  # it will never be finite: the next losses show it
        image.grad = None
