"""Training of what comes after an encoder's first layers, whose maps are computed once and kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upconv.data import VOID
from upconv.torch import EfficientNetLite0, load_imagenet
from upconv.torch.modes import evaluating
from upconv.training import Settings
from upconv.training.loop import lr_factor

Maps = dict[int, Tensor]  # stride → (N, C, H / stride, W / stride)
STRIDES = (8, 16, 32)  # of the maps that these networks read


class Upper(nn.Module):
    """The layers of an encoder after stride 8: takes ``{8: map}``, returns the deeper ones too."""

    def __init__(self, encoder: EfficientNetLite0) -> None:
        super().__init__()
        cut = encoder.ends[8] + 1
        self.features = encoder.features[cut:]
        self.ends = {encoder.ends[stride] - cut: stride for stride in STRIDES[1:]}

    def forward(self, maps: Maps) -> Maps:
        found, x = dict(maps), maps[8]
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.ends:
                found[self.ends[index]] = x
        return found


class Given(nn.Module):
    """In place of a frozen encoder: its maps have been computed already."""

    def forward(self, maps: Maps) -> Maps:
        return maps


def pretrained() -> EfficientNetLite0:
    encoder = load_imagenet(EfficientNetLite0(), "efficientnet_lite0")
    return encoder.eval().requires_grad_(False)


@torch.no_grad()
def maps_of(images: np.ndarray, strides: Sequence[int] = STRIDES, batch: int = 16) -> Maps:
    """The maps of the pretrained encoder, for images (N, H, W, 3) with sides divisible by 32."""
    encoder = pretrained().to(memory_format=torch.channels_last)
    encoder.features = encoder.features[: encoder.ends[max(strides)] + 1]
    found: dict[int, list[Tensor]] = {stride: [] for stride in strides}
    for start in range(0, len(images), batch):
        pixels = torch.from_numpy(images[start : start + batch]).permute(0, 3, 1, 2) / 255
        for stride, layer in encoder(pixels).items():
            if stride in found:
                found[stride].append(layer)
    return {
        stride: torch.cat(parts).contiguous(memory_format=torch.channels_last)
        for stride, parts in found.items()
    }


def chosen(maps: Maps, places: Tensor) -> Maps:
    return {stride: layer[places] for stride, layer in maps.items()}


def fit(network: nn.Module, maps: Maps, masks: np.ndarray, settings: Settings) -> list[float]:
    """Train in place; return the mean loss of every tenth of the steps' tenths.

    Scenes are drawn anew in every epoch, weights by AdamW, in bf16.
    """
    labels = torch.from_numpy(masks).long()
    weights = settings.class_weights and torch.tensor(settings.class_weights)
    network.to(memory_format=torch.channels_last).train()
    learned = [weight for weight in network.parameters() if weight.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    optimizer = torch.optim.AdamW(learned, lr=rate, weight_decay=decay, fused=True)
    generator = torch.Generator().manual_seed(settings.seed)
    order, losses = torch.empty(0, dtype=torch.long), []
    for step in range(settings.steps):
        if len(order) < settings.batch:
            order = torch.cat([order, torch.randperm(len(labels), generator=generator)])
        places, order = order[: settings.batch], order[settings.batch :]
        for group in optimizer.param_groups:
            group["lr"] = rate * lr_factor(step, settings)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network.logits(chosen(maps, places))
        loss = F.cross_entropy(logits.float(), labels[places], weights, ignore_index=VOID)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(learned, settings.clip)
        optimizer.step()
        losses.append(loss.item())
    parts = np.array_split(losses, min(20, len(losses)))
    return [round(float(part.mean()), 4) for part in parts]


@torch.inference_mode()
def answers(network: nn.Module, maps: Maps, batch: int = 16) -> np.ndarray:
    """Class numbers (N, H, W), in float32."""
    found, count = [], len(next(iter(maps.values())))
    with evaluating(network):
        for places in torch.arange(count).split(batch):
            seen = {stride: layer.float() for stride, layer in chosen(maps, places).items()}
            found.append(network.logits(seen).argmax(1).to(torch.uint8).numpy())
    return np.concatenate(found)


def counted(said: np.ndarray, masks: np.ndarray, classes: int) -> dict[str, list[int]]:
    """Pixels by class: answered rightly, answered, and true; ``VOID`` left out."""
    labeled = masks != VOID
    said, true = said[labeled], masks[labeled]
    return {
        "hits": np.bincount(true[said == true], minlength=classes).tolist(),
        "said": np.bincount(said, minlength=classes).tolist(),
        "true": np.bincount(true, minlength=classes).tolist(),
    }


def mean_iou(groups: Sequence[dict[str, list[int]]]) -> float:
    """Mean IoU over the pixels of several groups of images together."""
    hits, said, true = (
        np.sum([group[name] for group in groups], axis=0) for name in ("hits", "said", "true")
    )
    either = said + true - hits
    return float((hits[either > 0] / either[either > 0]).mean())


def limits(masks: np.ndarray, classes: int, answer: str) -> np.ndarray:
    """What no network says: a constant, a random answer, or true labels that are made coarse.

    "stride 32" averages the true labels over 32 × 32 blocks, enlarges them by bilinear
    interpolation, and takes the most frequent class of each pixel.
    """
    frequency = np.bincount(masks[masks != VOID], minlength=classes).astype(float)
    if answer == "the most frequent class":
        return np.full_like(masks, frequency.argmax())
    if answer == "random, by frequency":
        rng = np.random.default_rng(0)
        return rng.choice(classes, masks.shape, p=frequency / frequency.sum()).astype(np.uint8)
    stride = int(answer.removeprefix("stride "))
    found = []
    for some in np.array_split(masks, max(1, len(masks) // 16)):
        labels = torch.from_numpy(np.where(some == VOID, classes, some)).long()
        shares = F.one_hot(labels, classes + 1)[..., :classes].permute(0, 3, 1, 2).float()
        fine = F.interpolate(
            F.avg_pool2d(shares, stride), scale_factor=stride, mode="bilinear", align_corners=False
        )
        found.append(fine.argmax(1).numpy().astype(np.uint8))
    return np.concatenate(found)


ANSWERS = (
    "the most frequent class",
    "random, by frequency",
    *(f"stride {stride}" for stride in (32, 16, 8, 4, 2)),
)
