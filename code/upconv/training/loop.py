"""One loop that trains a network to segment: seeded, resumable to the bit, as fast as it goes."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from upconv.data.sets import VOID, SegmentationSet
from upconv.files import write_atomically
from upconv.training.metrics import Scores, SegmentationScores


class Diverged(RuntimeError):
    """The loss is no number any more."""


class BadCheckpoint(RuntimeError):
    """A checkpoint that cannot be resumed from; the message says why."""


@dataclass(frozen=True)
class Settings:
    """How to train.

    ``precision`` is "bf16" (autocast), "fp32", or "auto": bf16 where the processor has
    instructions for it. ``crop`` is the side of the random square crops, or (height, width).
    ``schedule`` is "cosine" (after a linear warm-up over 5 % of the steps) or "constant".
    """

    steps: int = 1000
    batch: int = 8
    crop: int | tuple[int, int] = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    encoder_factor: float = 1.0  # on the learning rate of ``encoder``; 0 freezes it
    clip: float = 1.0  # largest norm of the gradient
    flip: bool = True  # mirror half of the crops; never for digits
    jitter: float = 0.0  # random gain and offset of brightness and colours, as a share of 1
    zoom: tuple[float, float] = (1.0, 1.0)  # range of random enlargements before cropping
    seed: int = 0
    precision: str = "auto"
    class_weights: tuple[float, ...] | None = None
    log_every: int = 10

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        for name, allowed in (
            ("schedule", ("cosine", "constant")),
            ("precision", ("auto", "bf16", "fp32")),
        ):
            if getattr(self, name) not in allowed:
                got = f"got {getattr(self, name)!r}, expected one of {', '.join(allowed)}"
                raise ValueError(f"{name}: {got}")


@dataclass
class History:
    """The losses of a run, one every ``log_every`` steps, and how long it took."""

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0


def pick_device(name: str = "auto") -> torch.device:
    """The device asked for; "auto": a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device: got {name}, but no GPU is to be had; expected cpu")
    return torch.device(name)


def resolve_precision(name: str, device: torch.device) -> str:
    """ "bf16" or "fp32"."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    capable = torch.backends.cpu.get_cpu_capability()
    fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return "bf16" if fast and "AVX512" in capable else "fp32"


@contextmanager
def casting(precision: str, device: torch.device) -> Iterator[None]:
    """Autocast to bf16, or not."""
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        yield


def rate_at(step: int, settings: Settings) -> float:
    """Factor on the learning rate, from 0 to 1."""
    if settings.schedule == "constant":
        return 1.0
    warm = max(1, settings.steps // 20)
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, settings.steps - warm)
    return 0.5 * (1 + math.cos(math.pi * done))


def make_batch(data: SegmentationSet, settings: Settings, step: int) -> tuple[Tensor, Tensor]:
    """The batch of a step: it depends on the seed and the step alone, so a run can go on anywhere.

    Returns
    -------
    images : (batch, 3, h, w), float32 in [0, 1]
    masks : (batch, h, w), int64, ``VOID`` where an image is smaller than the crop
    """
    rng = np.random.default_rng([settings.seed, step])
    crop = settings.crop
    height, width = (crop, crop) if isinstance(crop, int) else crop
    images = np.zeros((settings.batch, height, width, 3), np.uint8)
    masks = np.full((settings.batch, height, width), VOID, np.uint8)
    # Every image once an epoch, in an order of that epoch's own.
    for place in range(settings.batch):
        epoch, position = divmod(step * settings.batch + place, len(data))
        index = np.random.default_rng([settings.seed, epoch, 1]).permutation(len(data))[position]
        image, mask = data[int(index)]
        low, high = settings.zoom
        factor = math.exp(rng.uniform(math.log(low), math.log(high))) if high > low else low
        if factor != 1:
            image, mask = _enlarge(image, mask, factor)
        top, left = (
            int(rng.integers(max(n - m, 0) + 1))
            for n, m in zip(mask.shape, (height, width), strict=True)
        )
        image = image[top : top + height, left : left + width]
        mask = mask[top : top + height, left : left + width]
        if settings.flip and rng.random() < 0.5:
            image, mask = image[:, ::-1], mask[:, ::-1]
        images[place, : image.shape[0], : image.shape[1]] = image
        masks[place, : mask.shape[0], : mask.shape[1]] = mask
    # NCHW in shape, NHWC in memory: that is what channels_last means.
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    if settings.jitter:
        gain = rng.uniform(1 - settings.jitter, 1 + settings.jitter, (settings.batch, 3, 1, 1))
        offset = rng.uniform(-settings.jitter, settings.jitter, (settings.batch, 1, 1, 1)) / 2
        pixels = (pixels * torch.from_numpy(gain).float() + torch.from_numpy(offset).float()).clamp(
            0, 1
        )
    return pixels, torch.from_numpy(masks.astype(np.int64))


def _enlarge(image: np.ndarray, mask: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    from PIL import Image

    size = tuple(max(1, round(n * factor)) for n in mask.shape[::-1])
    resized = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    # Nearest: a mean of class numbers is another class.
    labels = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)
    return np.asarray(resized), np.asarray(labels)


def train(
    network: nn.Module,
    data: SegmentationSet,
    settings: Settings,
    *,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    save_every: int = 200,
    device: str = "auto",
    progress: bool = True,
    each_step: Callable[[int, float], None] | None = None,
) -> History:
    """Train a network that maps images (N, 3, H, W) to logits (N, classes, H, W), in place.

    Cross-entropy on all labelled pixels, AdamW, gradient clipping. On one machine with one
    number of threads the same seed gives the same weights to the bit, also when the run was
    broken off anywhere and resumed.

    Parameters
    ----------
    checkpoint
        File to keep the state of the run in, every ``save_every`` steps and at the end.
    resume
        Go on from ``checkpoint`` if it is there.
    each_step
        Called with the step and its loss.

    Raises
    ------
    Diverged
        If the loss is no number any more.
    BadCheckpoint
        If the checkpoint is of another run or cannot be read.
    """
    where = pick_device(device)
    precision = resolve_precision(settings.precision, where)
    network = network.to(where, memory_format=torch.channels_last).train()
    optimizer, base_rates = _optimizer(network, settings)
    history, start = History(), 0
    path = Path(checkpoint) if checkpoint else None
    if resume and path and path.exists():
        start = _load(path, network, optimizer, settings, history)
    weight = None
    if settings.class_weights is not None:
        weight = torch.tensor(settings.class_weights, device=where)
    began, before = time.perf_counter(), history.seconds
    bar = tqdm(
        range(start, settings.steps),
        initial=start,
        total=settings.steps,
        disable=None if progress else True,
        file=sys.stderr,
    )
    for step in bar:
        torch.manual_seed(
            settings.seed * 1_000_003 + step
        )  # dropout, too, depends on the step alone
        images, masks = make_batch(data, settings, step)
        images = images.to(where, non_blocking=True)
        for group, rate in zip(optimizer.param_groups, base_rates, strict=True):
            group["lr"] = rate * rate_at(step, settings)
        with casting(precision, where):
            logits = network(images)
        loss = F.cross_entropy(logits.float(), masks.to(where), weight, ignore_index=VOID)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        value = loss.item()
        if not math.isfinite(value):
            hint = "lower learning_rate, or set precision to fp32"
            raise Diverged(f"step {step}: the loss is {value}; {hint}")
        optimizer.step()
        if step % settings.log_every == 0 or step == settings.steps - 1:
            history.steps.append(step)
            history.losses.append(value)
            bar.set_postfix(loss=f"{value:.3f}")
        if each_step:
            each_step(step, value)
        history.seconds = before + time.perf_counter() - began
        if path and ((step + 1) % save_every == 0 or step == settings.steps - 1):
            _save(path, network, optimizer, settings, history, step + 1)
    return history


def _optimizer(network: nn.Module, settings: Settings) -> tuple[torch.optim.Optimizer, list[float]]:
    encoder, rest = [], []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        (encoder if name.startswith("encoder.") else rest).append(parameter)
    rates = [settings.learning_rate, settings.learning_rate * settings.encoder_factor]
    groups = [{"params": rest, "lr": rates[0]}]
    if encoder and settings.encoder_factor == 0:
        for parameter in encoder:
            parameter.requires_grad_(False)
        encoder = []
    if encoder:
        groups.append({"params": encoder, "lr": rates[1]})
    optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
    return optimizer, rates[: len(groups)]


def _save(path, network, optimizer, settings, history, step) -> None:
    state = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "settings": asdict(settings),
        "history": asdict(history),
        "step": step,
    }
    write_atomically(path, lambda unfinished: torch.save(state, unfinished))


def _load(path, network, optimizer, settings, history) -> int:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved = state["settings"]
    except Exception as error:  # torn, of another program, or unsafe
        raise BadCheckpoint(f"{path}: not a checkpoint of a run ({error})") from error
    wanted = asdict(settings)
    for name, value in wanted.items():
        if saved.get(name) != value:
            got = f"got {name} = {saved.get(name)}, expected {value} as now asked for"
            raise BadCheckpoint(f"{path}: {got}")
    try:
        network.load_state_dict(state["network"])
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise BadCheckpoint(f"{path}: weights of another network ({reason})") from error
    optimizer.load_state_dict(state["optimizer"])
    for name, value in state["history"].items():
        setattr(history, name, value)
    return state["step"]


@torch.inference_mode()
def predict(
    network: nn.Module, images: np.ndarray, *, device: str = "auto", precision: str = "auto"
) -> np.ndarray:
    """Class numbers (N, H, W), uint8, of images (N, H, W, 3), uint8."""
    where = pick_device(device)
    network = network.to(where, memory_format=torch.channels_last).eval()
    pixels = torch.from_numpy(np.array(images)).to(where).permute(0, 3, 1, 2) / 255
    with casting(resolve_precision(precision, where), where):
        return network(pixels).argmax(1).to(torch.uint8).cpu().numpy()


def evaluate(
    network: nn.Module,
    data: SegmentationSet,
    *,
    batch: int = 16,
    device: str = "auto",
    precision: str = "auto",
) -> Scores:
    """Scores of a network on a set; images of equal size are predicted together."""
    scores = SegmentationScores(len(data.classes))
    for start in range(0, len(data), batch):
        pairs = [data[i] for i in range(start, min(start + batch, len(data)))]
        alike = len({image.shape for image, _ in pairs}) == 1
        groups = [pairs] if alike else [[pair] for pair in pairs]
        for group in groups:
            images = np.stack([image for image, _ in group])
            predicted = predict(network, images, device=device, precision=precision)
            for prediction, (_, mask) in zip(predicted, group, strict=True):
                scores.add(prediction, mask)
    return scores.scores()
