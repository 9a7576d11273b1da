"""Style transfer by optimising an image: Gatys, Ecker & Bethge (2016), from coarse to fine."""

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
from upconv.device import (
    announce,
    casting,
    described,
    layout,
    loss_scaler,
    pick_device,
    put,
    resolve_precision,
)
from upconv.style.energies import StyleEnergy, content_energy_of
from upconv.style.pictures import check_picture, size_within, to_image, to_tensor, with_colours_of
from upconv.torch.encoders import Encoder
from upconv.torch.style import total_variation
from upconv.training.origin import contents, sketch
from upconv.training.run import Diverged, Keeping, Run
from upconv.training.settings import LONGEST_SIDE, check_run


@dataclass(frozen=True)
class StyleSettings:
    """What to draw. Layers are called as in the papers.

    The energies are those of ``upconv.ops``, each over its own worth: the content energy over the
    content's Σ a², the style energy of each layer over that of the style against a grey image. So
    the weights mean the same for every network, layer and size.
    """

    content_layers: tuple[str, ...] = ("conv3_1",)
    style_layers: tuple[str, ...] = ("conv1_1", "conv2_1", "conv3_1")
    layer_weights: tuple[float, ...] = ()  # of style_layers among each other; none: all alike
    content_weight: float = 1.0
    style_weight: float = 10.0
    variation_weight: float = 0.0
    size: int = 384  # longer side, in pixels
    steps: int = 30  # of all scales together; one of L-BFGS takes about six gradients
    scales: int = 3  # the coarsest image is 2^(scales − 1) times smaller
    start: str = "content"
    optimizer: str = "lbfgs"
    learning_rate: float = 1.0
    preserve_colour: bool = False
    seed: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        check_run(self)
        check_integer("size", self.size, 16, LONGEST_SIDE)
        check_integer("scales", self.scales, 1, 16)
        if self.size / 2 ** (self.scales - 1) < 16:
            got = f"{self.scales} for {self.size} pixels"
            refuse("scales", got, "at least 16 pixels at the coarsest")
        for name in ("content_weight", "style_weight", "variation_weight"):
            check_real(name, getattr(self, name))
        check_flag("preserve_colour", self.preserve_colour)
        for name in ("content_layers", "style_layers"):
            check_words(name, getattr(self, name))
        if self.layer_weights:
            check_weights("layer_weights", self.layer_weights)
            if len(self.layer_weights) != len(self.style_layers):
                expected = f"one for each of {', '.join(self.style_layers)}"
                refuse("layer_weights", self.layer_weights, expected)
        if not (self.content_layers or self.style_layers):
            refuse("style_layers", "none and no content_layers", "one or more")
        check_choice("start", self.start, ("content", "noise"))
        check_choice("optimizer", self.optimizer, ("lbfgs", "adam"))

    def sides(self) -> list[int]:
        """Longer side at each scale, coarse to fine."""
        return [round(self.size / 2**level) for level in reversed(range(self.scales))]

    def shares(self) -> list[int]:
        """Steps at each scale: half of them at the coarsest, where they cost least."""
        left, found = self.steps, []
        for _ in range(self.scales - 1):
            found.append(max(1, (left + 1) // 2))
            left = max(1, left - found[-1])
        return [*found, left]


@dataclass
class StyleHistory:
    """The energies at each gradient, weighted as in the sum, and how long it all took.

    ``pixels`` is the size of the image at that gradient: their sum is the work done.
    """

    content: list[float] = field(default_factory=list)
    style: list[float] = field(default_factory=list)
    pixels: list[int] = field(default_factory=list)
    seconds: float = 0.0


class Canvas(nn.Module):
    """The image that is optimised, (1, 3, H, W), values from 0 to 1 after training."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.image = nn.Parameter(image.clone())


class Energy:
    """E(G) = E_content(G, C) + E_style(G, S), as a function of the image G.

    Parameters
    ----------
    network
        Whose ``layers`` give the maps.
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
            self.style = StyleEnergy(network, style, layers, weights)

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Content, style and variation, weighted: three numbers whose sum is to fall."""
        maps = self.network.layers(image, self.names)
        settings = self.settings
        zero = image.new_zeros(())
        content = content_energy_of(maps, self.content).sum() if self.content else zero
        style = self.style(maps).sum() if self.style else zero
        variation = total_variation(image).sum() if settings.variation_weight else zero
        return (
            settings.content_weight * content,
            settings.style_weight * style,
            settings.variation_weight * variation,
        )


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
    each_step: Callable[[int, np.ndarray], None] | None = None,
) -> tuple[np.ndarray, StyleHistory]:
    """The content in the style: an image (H, W, 3), uint8, and its history.

    Deterministic by seed on one machine; a run that was broken off goes on from its checkpoint
    (one file for each scale: its number is put before the name's extension).

    Parameters
    ----------
    network
        An encoder with ``layers``; it is not changed.
    content, style : (H, W, 3), uint8
    each_step
        Called after each step with its number and the image so far.

    Raises
    ------
    ValueError
        If an image is not (H, W, 3) uint8, below 16 pixels on a side, or too small at its
        coarsest for the layers.
    Diverged
        If the energy is no number any more.
    BadCheckpoint
        If a checkpoint is of another run or cannot be read.

    Examples
    --------
    >>> from upconv.torch import VGG19
    >>> network = VGG19(width=1 / 8, last="conv1_1")
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
        announce(f"{where}: {precision}, {described(lies)}, the style seen once")
    whole, canvas, before, done = StyleHistory(), None, None, 0
    for level, (side, share) in enumerate(zip(settings.sides(), settings.shares(), strict=True)):
        small, model = to_tensor(content, side).to(where), to_tensor(style, side).to(where)
        canvas = _begun(canvas, before, small, settings)
        with casting(precision, where):
            energy = Energy(network, small, model, settings)
        drawn = Canvas(canvas.clamp(0, 1).contiguous())
        keeping = Keeping(_numbered(checkpoint, level), resume, save_every, progress)
        history = _optimize(
            drawn, energy, replace(settings, steps=share), precision, keeping,
            inputs=partial(_inputs, network, content, style),
            begun=done, each_step=each_step,
        )  # fmt: skip
        done += share
        canvas, before = drawn.image.detach().clamp(0, 1), small
        for name, values in asdict(history).items():
            setattr(whole, name, getattr(whole, name) + values)
    image = to_image(drawn.image)
    if settings.preserve_colour:
        image = with_colours_of(to_image(to_tensor(content, settings.size)), image)
    return image, whole


def _check_scales(
    network: Encoder, content: np.ndarray, style: np.ndarray, settings: StyleSettings
) -> None:
    """Refuse images that at their coarsest show a layer nothing."""
    coarsest = min(min(size_within(image, settings.sides()[0])) for image in (content, style))
    for name in (*settings.content_layers, *settings.style_layers):
        if coarsest < 2 * (stride := network.stride(name)):
            got = f"{settings.scales}, so that the coarsest image has {coarsest} pixels on a side"
            refuse("scales", got, f"at least {2 * stride} for {name}")


def _begun(
    canvas: Tensor | None, before: Tensor | None, content: Tensor, settings: StyleSettings
) -> Tensor:
    """What a scale begins with: content or noise, then what the scale before has made of it.

    ``canvas`` and ``before`` are the image and the content of the scale before.
    """
    if canvas is None or before is None:
        if settings.start == "content":
            return content
        dice = torch.Generator().manual_seed(settings.seed)
        return torch.rand(content.shape, generator=dice).to(content.device)
    if settings.start == "content":
        # What has changed is enlarged, not the image: the content's own detail stays.
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
    energy: Energy,
    settings: StyleSettings,
    precision: str,
    keeping: Keeping,
    *,
    inputs: Callable[[], dict[str, Any]],
    begun: int,
    each_step: Callable[[int, np.ndarray], None] | None,
) -> StyleHistory:
    """All steps at one scale, after those ``begun`` at coarser ones."""
    where, history = drawn.image.device, StyleHistory()
    optimizer, scaler = _optimizer(drawn, settings), loss_scaler(precision, where)
    parts = {"canvas": drawn, "optimizer": optimizer, "scaler": scaler}
    with Run[None](parts, settings, history, where, keeping, inputs=inputs) as run:
        for step, _ in run:
            _step(drawn, energy, optimizer, scaler, precision, history)
            last = history.content[-1], history.style[-1]
            if not all(map(math.isfinite, last)):
                hint = "lower learning_rate or style_weight, or set precision to fp32"
                raise Diverged(f"step {begun + step}: the energies are {last}; {hint}")
            run.show(content=last[0], style=last[1])
            if each_step:
                each_step(begun + step, to_image(drawn.image))
    return history


def _optimizer(drawn: Canvas, settings: StyleSettings) -> torch.optim.Optimizer:
    if settings.optimizer == "adam":
        return torch.optim.Adam(drawn.parameters(), settings.learning_rate)
    # Without the line search, the first steps at a finer scale leap far off and come back.
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
    energy: Energy,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    precision: str,
    history: StyleHistory,
) -> None:
    def closure() -> float:
        optimizer.zero_grad(set_to_none=True)
        with casting(precision, drawn.image.device):
            # A pixel beyond black or white gains nothing: it would only be cut off in the end.
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
    """The gradient of the image, as large as without a scaler.

    A line search needs it each time it asks: no step can be left out where fp16 overflows. So the
    scale is halved until it does not.
    """
    while True:
        scaler.scale(total).backward(retain_graph=scaler.is_enabled())
        if not scaler.is_enabled():
            return
        scaler.unscale_(optimizer)
        scaler.update()
        done = image.grad is None or image.grad.isfinite().all()
        if done or not total.isfinite() or scaler.get_scale() < 1:
            return  # what is not finite now never will be: the next energies say so
        image.grad = None
