"""What loaders raise."""

from __future__ import annotations


class BadData(ValueError):
    """A file that cannot be used; the message names it."""
