"""The parts that train the segmentation networks of chapters 3 to 5."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from chapter_settings import UNET, UNET_SETTINGS
from step_budget import TRAINING, begin, small, steps_for, trained
from task_rows import Row, Task, has, thinned


def segment(
    name: str, task: Task, make: Callable[[], Any], training: Any, test: Any, settings: Any,
    crop: int, share: float = 1.0, steps: int = 0, **said: Any,
) -> Row:  # fmt: skip
    """Train one network to segment, for its share of the time or a number of steps; evaluate it.

    ``crop`` is that of the smallest form.
    """
    import torch

    from upconv.inference import evaluate
    from upconv.training import train

    most = settings.steps
    begin()

    def run(steps: int) -> Any:
        torch.manual_seed(0)
        return train(make(), training, replace(settings, steps=steps), progress=False)

    if task.smallest:
        settings = small(settings, crop=crop)
    else:
        steps = steps or steps_for(run, most, share * TRAINING * task.seconds)
        settings = replace(settings, steps=steps)
    torch.manual_seed(0)
    network = make()
    history = train(network, training, settings, progress=False)
    row = {"name": name, "parameters": sum(p.numel() for p in network.parameters())} | said
    row |= trained(history, settings, most) | {"losses": thinned(history.losses)}
    scores = evaluate(network, test)
    return row | {"mean_iou": scores.mean_iou, "pixel_error": scores.pixel_error}


def street(task: Task) -> tuple[Any, Any, Any, str]:
    """Return CamVid and its training settings, or digit scenes of half the size."""
    import skip_ablation_64
    from camvid_fcn import SETTINGS, class_weights

    from upconv import data

    # VGG16 from scratch, without ImageNet: slower than fine-tuning a small encoder.
    settings = replace(SETTINGS, steps=6000, batch=16, crop=(320, 448), learning_rate=1e-4)
    if has("camvid_480x360.npz"):
        training, test = data.camvid("train", width=480), data.camvid("test", width=480)
        words = "CamVid, 480 × 360"
        weights = class_weights(training.masks, len(training.classes))
    else:
        count = (8, 2) if task.smallest else (800, 100)
        training = data.digit_scenes(count[0], 128)
        test = data.digit_scenes(count[1], 128, split="test")
        weights = skip_ablation_64.SETTINGS.class_weights
        settings = replace(settings, crop=128, flip=False)
        words = "digit scenes, 128 × 128, for there was no CamVid"
    return training, test, replace(settings, class_weights=weights), words


def fcn(task: Task) -> Iterator[Row]:
    """Chapter 3: FCN-8s on VGG16."""
    from upconv import zoo
    from upconv.data.download import cache_folder
    from upconv.torch import load_imagenet

    training, test, settings, words = street(task)
    sizes = zoo.sizes("fcn8s", "gpu")
    known = (cache_folder() / "torchvision" / "vgg16-397923af.pth").exists()
    if task.smallest:
        training, test, known = training.subset(slice(8)), test.subset(slice(2)), False
        sizes |= {"width_mult": 0.03, "head": 64, "head_kernel": 3}

    def make() -> Any:
        network = zoo.build("fcn8s", 11, **sizes)
        if known:
            load_imagenet(network.encoder, "vgg16")
        return network

    begun = "ImageNet's" if known else "from scratch"
    said = {"data": words, "begins with weights": begun, "network": sizes}
    yield segment("FCN-8s, VGG16", task, make, training, test, settings, 32, **said)


def skips(task: Task) -> Iterator[Row]:
    """Chapter 4: the same network with and without skips, for the same number of steps."""
    from skip_ablation_64 import SETTINGS

    from upconv import data, zoo

    # The network is wider than the stored one, so the learning rate is smaller.
    settings = replace(SETTINGS, steps=2000, learning_rate=3e-4)
    sizes = zoo.sizes("feature_sum", "gpu")
    counts = (3000, 400)
    if task.smallest:
        counts = (8, 2)
        sizes |= {"width_mult": 0.03, "head": 64, "head_kernel": 3}
    training, test = data.digit_scenes(counts[0]), data.digit_scenes(counts[1], split="test")
    said = {"data": "digit scenes, 64 × 64", "network": sizes}
    steps = 0
    names = {"feature_sum": "skips", "without_skips": "no skips", "fcn8s": "FCN-8s"}
    for kind, name in names.items():

        def make(kind: str = kind) -> Any:
            return zoo.build(kind, 11, **sizes)

        # The first one determines the number of steps, and the others run as many.
        share = 0.8 / len(names)
        row = segment(name, task, make, training, test, settings, 32, share, steps, **said)
        steps = row["steps"]
        yield row


def unet(task: Task) -> Iterator[Row]:
    """Chapter 5: U-Net on slices of nerve tissue."""
    from upconv import data
    from upconv.torch import UNet
    from upconv.training import Settings

    settings, sizes = Settings(**UNET_SETTINGS), dict(UNET)
    if has("isbi2012/membrane", "isbi2012.npz"):
        training, test, words = data.isbi2012(), data.isbi2012("test"), "ISBI 2012, 512 × 512"
    else:
        size = 128 if task.smallest else 256  # larger ones would take minutes to generate
        training, test = data.membranes(8, size), data.membranes(2, size, split="test")
        words = f"membranes, {size} × {size}, for there was no ISBI 2012"
    if task.smallest:
        training, test = training.subset(slice(2)), test.subset(slice(1))
        sizes = {"base_channels": 2, "depth": 2}
    training = data.with_border_weights(training)

    def make() -> Any:
        return UNet(padded=True, norm="batch", dropout=0.2, **sizes)

    said = {"data": words, "network": sizes}
    yield segment("U-Net", task, make, training, test, settings, 32, **said)
