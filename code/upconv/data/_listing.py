"""Which files of a folder are images, and which mask belongs to which image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import overload

import numpy as np

EXTENSIONS = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif"}


class Files(Sequence[np.ndarray]):
    """Sequence that reads each file on access.

    ``about`` tells runs apart that read the same files in different ways.
    """

    def __init__(
        self, paths: list[Path], read: Callable[[Path], np.ndarray], about: str = ""
    ) -> None:
        self.paths, self.read, self.about = paths, read, about

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> Files: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | Files:
        if isinstance(index, slice):
            return Files(self.paths[index], self.read, self.about)
        return self.read(self.paths[index])
