"""Data for the chapters. Imports no framework."""

from upconv.data._camvid import camvid, road
from upconv.data._digit_scenes import digit_scenes
from upconv.data._folder import BadData, folder, read_image, read_mask
from upconv.data.download import DataUnavailable
from upconv.data.photos import PHOTOS, photo
from upconv.data.sets import VOID, SegmentationSet, paint, palette

__all__ = [
    "PHOTOS",
    "VOID",
    "BadData",
    "DataUnavailable",
    "SegmentationSet",
    "camvid",
    "digit_scenes",
    "folder",
    "paint",
    "palette",
    "photo",
    "read_image",
    "read_mask",
    "road",
]
