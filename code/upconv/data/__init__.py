"""Data for the chapters. Imports no framework."""

from upconv.data.photos import PHOTOS, photo

__all__ = ["PHOTOS", "photo"]
