"""A short run of training, alone or with others: what the tests of scaling start.

python scale_run.py KIND DEVICES STRATEGY OUT HALT anew|resume
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch

from upconv import data
from upconv.torch import UNet, variants
from upconv.training import GanSettings, Settings, init_distributed, train, train_gan

kind, devices, strategy, out, halt, resume = sys.argv[1:]
STEPS = 12
distributed = init_distributed(int(devices), strategy=strategy, device="cpu")
torch.manual_seed(0)
options = {
    "checkpoint": out + ".pt",
    "resume": resume == "resume",
    "save_every": 5,
    "distributed": distributed,
    "progress": False,
    # As if the power went, in all processes at once.
    "callback": lambda step, *loss: os._exit(0) if step == int(halt) else None,
}
if kind == "gan":
    sizes = {"size": 32, "channels": 1, "base_channels": 4, "norm": False}
    networks = [variants.Generator(latent=8, **sizes), variants.Discriminator(**sizes)]
    settings = GanSettings(steps=STEPS, batch=8, precision="fp32", log_every=1, learning_rate=2e-3)
    history = train_gan(*networks, data.digits(), settings, **options)
else:
    found = data.digit_scenes(11)
    if kind == "weighted":
        found = data.with_border_weights(data.membranes(5, size=48), 10.0)
    count, channels = len(found.classes), found.images[0].ndim
    networks = [
        UNet(count, 1 if channels == 2 else 3, 4, 2, padded=True, norm="group", dropout=0.0)
    ]
    # Crops larger than many images: the processes have different numbers of labelled pixels.
    settings = Settings(
        steps=STEPS,
        batch=4,
        crop=72,
        precision="fp32",
        log_every=1,
        flip=False,
        # Adam divides by the gradient's size: where that is nearly 0, rounding decides.
        optimizer="adamw" if kind == "adamw" else "sgd",
        learning_rate=1e-4 if kind == "adamw" else 5e-4,
        brightness_contrast_jitter=0.1,
        zoom=(0.6, 1.4),
        class_weights=(0.3, *[1.0] * (count - 1)) if kind == "classes" else None,
    )
    history = train(networks[0], found, settings, **options)
if distributed.first:
    torch.save([network.state_dict() for network in networks], out + ".weights")
    Path(out + ".json").write_text(json.dumps(vars(history)))
