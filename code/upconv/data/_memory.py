"""How large an image this machine can hold."""

from __future__ import annotations

import os
from pathlib import Path

BYTES = 12  # per pixel, while an image is decoded: Pillow's own, a copy, and the array
USUAL = 2**26  # pixels, 8192 × 8192, that are read in any case


def available_memory() -> int | None:
    """Return the bytes of memory that are free, also of a container; None if it is not known."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable")]
        group = Path("/sys/fs/cgroup")
        most, used = ((group / f"memory.{name}").read_text() for name in ("max", "current"))
        found.append(int(most) - int(used))  # "max" without a limit
    except (OSError, ValueError, IndexError):
        pass
    if not found and hasattr(os, "sysconf"):  # macOS: of all memory, half
        try:
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
        except (OSError, ValueError):
            return None
    return max(0, min(found)) if found else None


def affordable_pixels() -> int:
    """Return how many pixels an image may have to be decoded in half of the free memory."""
    return max(USUAL, (available_memory() or 0) // 2 // BYTES)


def gigabytes(pixels: int) -> str:
    """Say how much memory decoding takes."""
    return f"{pixels * BYTES / 1e9:.2g} GB"
