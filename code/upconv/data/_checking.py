"""Reading all files of a folder once, with threads and a bar."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tqdm.auto import tqdm

Item = TypeVar("Item")
Found = TypeVar("Found")

MOST_THREADS = 8  # each holds one decoded file


def checked(
    read: Callable[[Item], Found], items: Sequence[Item], what: str, progress: bool = False
) -> list[Found]:
    """Apply ``read`` to all items in threads, and return what it found, in their order.

    Pillow and NumPy decode in parallel. Of several errors the first in order is raised.

    Parameters
    ----------
    what
        What the bar says that it counts, such as "masks".
    progress
        Show a bar on stderr, if that is a terminal.
    """
    bar = tqdm(
        total=len(items), desc=f"reading {what}", unit="file", file=sys.stderr, leave=False,
        disable=None if progress else True,
    )  # fmt: skip
    found: list[Found] = []
    with bar, ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as threads:
        try:
            for one in threads.map(read, items):
                found.append(one)
                bar.update()
        except BaseException:  # nothing more is begun after an error or Ctrl-C
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return found
