"""Settings of chapters 5 to 7 on a GPU; a test compares them with the chapters."""

from __future__ import annotations

UNET = {"base_channels": 64, "depth": 4}
UNET_SETTINGS = {
    "steps": 4000, "crop": 256, "learning_rate": 1e-3, "elastic_sigma": 10, "batch": 8,
    "rotate": 180, "vertical_flip": True, "brightness_contrast_jitter": 0.1,
}  # fmt: skip
DCGAN_WIDTH = 64
DCGAN_SETTINGS = {"steps": 12_000, "batch": 128}
STYLE = {
    "content_layers": ("conv4_2",),
    "style_layers": ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
    "size": 768, "steps": 60, "style_weight": 30,
}  # fmt: skip
