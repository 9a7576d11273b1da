"""The parts of chapters 6 and 7: image generation and style transfer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from chapter_settings import DCGAN_SETTINGS, DCGAN_WIDTH, STYLE
from step_budget import TRAINING, begin, memory, small, steps_for, trained
from task_rows import Row, Task, has, thinned


def clothes() -> tuple[Any, str]:
    """Return Fashion-MNIST, or the next best available set."""
    from upconv import data

    if has("fashion_mnist/train-images-idx3-ubyte.gz", "fashion_mnist-train-images-idx3-ubyte.gz"):
        return data.fashion_mnist(), "Fashion-MNIST, 32 × 32"
    if has("mnist/t10k-images-idx3-ubyte.gz", "mnist-t10k-images-idx3-ubyte.gz"):
        return data.mnist(), "MNIST, 32 × 32, for there was no Fashion-MNIST"
    return data.digits(), "scikit-learn's digits, 32 × 32, for there was no Fashion-MNIST"


def dcgan(task: Task) -> Iterator[Row]:
    """Chapter 6: DCGAN."""
    import numpy as np
    import torch

    from upconv.inference import generate
    from upconv.metrics import checkerboard_energy
    from upconv.torch import Discriminator, Generator
    from upconv.training import GanSettings, train_gan

    images, words = clothes()
    settings, most = GanSettings(**DCGAN_SETTINGS), DCGAN_SETTINGS["steps"]
    width = 4 if task.smallest else DCGAN_WIDTH
    sizes = {"size": 32, "channels": images.channels, "base_channels": width}
    begin()

    def run(steps: int) -> Any:
        nonlocal pair
        torch.manual_seed(0)
        pair = Generator(**sizes), Discriminator(**sizes)
        return train_gan(*pair, images, replace(settings, steps=steps), progress=False)

    pair: tuple[Any, Any] = ()
    if task.smallest:
        settings = small(settings)
    else:
        settings = replace(settings, steps=steps_for(run, most, TRAINING * task.seconds))
    history = run(settings.steps)
    drawn = generate(pair[0], np.random.default_rng(1).standard_normal((256, 100)))
    yield {
        "name": "DCGAN", "data": words, "network": sizes,
    } | trained(history, settings, most) | {
        "losses": thinned(history.generator_losses),
        "discriminator losses": thinned(history.discriminator_losses),
        "spread": round(history.spread[-1], 4),
        "verdict": history.verdict,
        "stride energy": checkerboard_energy(drawn),
        "stride energy of real images": checkerboard_energy(images.images[:256]),
    }  # fmt: skip


def style(task: Task) -> Iterator[Row]:
    """Chapter 7: a picture in the style of stained tissue."""
    import numpy as np

    from upconv import data, zoo
    from upconv.data.download import cache_folder
    from upconv.style import StyleSettings, stylize

    settings, most = StyleSettings(**STYLE), STYLE["steps"]
    if task.smallest:
        few = {"content_layers": ("conv2_1",), "style_layers": ("conv1_1", "conv2_1")}
        settings = replace(settings, size=32, steps=2, scales=1, **few)
    given = (cache_folder() / "torchvision" / "vgg19-dcbb9e9d.pth").exists() and not task.smallest
    features = "vgg19" if given else "random"
    layers = (*settings.content_layers, *settings.style_layers)
    network = zoo.features(features, layers)
    pictures = [
        np.round(255 * data.photo(name, gray=False)).astype(np.uint8)
        for name in ("temple", "tissue")
    ]
    begin()

    def run(steps: int) -> Any:
        return stylize(network, *pictures, replace(settings, steps=steps), progress=False)[1]

    steps = settings.steps
    if not task.smallest:
        steps = steps_for(run, most, TRAINING * task.seconds, warm=3, probe=6)
    history = run(steps)
    yield {
        "name": "style transfer",
        "data": "the temple, and stained tissue",
        "features": features,
        "size": settings.size,
        "steps": steps,
        "steps of the chapter": most,
        "images a second": round(len(history.pixels) / history.seconds, 2),
        "training seconds": round(history.seconds, 1),
        "losses": thinned([sum(pair) for pair in zip(history.content, history.style, strict=True)]),
        "style, first and last": [history.style[0], history.style[-1]],
    } | memory()
