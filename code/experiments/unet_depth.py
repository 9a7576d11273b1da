"""What depth is for, and what skips and bottom carry: drawn cells, two tasks.

One task is local: find the walls. The other needs a look around: which cells have a mark?
Networks of 1 to 4 poolings learn both. In the deepest, skips and bottom are then exchanged for
those of another image, one at a time and together.
"""

from __future__ import annotations

from upconv.training import Settings

DEPTHS = (1, 2, 3, 4)
NETWORK = {"base_channels": 16, "padded": True, "norm": "batch", "dropout": 0.0}
TASKS = ("walls", "marks")
SETTINGS = Settings(steps=400, batch=4, crop=128, learning_rate=4e-3, vertical_flip=True)
