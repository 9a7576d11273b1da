"""Data sets for the chapters, independent of any framework."""

from upconv.data._camvid import camvid, road
from upconv.data._digit_scenes import digit_crops, digit_scenes
from upconv.data._dsb2018 import dsb2018
from upconv.data._folder import BadData, folder, limit_pixels, read_image, read_mask
from upconv.data._images import digits, folder_images, image_folder
from upconv.data._instances import border_weights, separate, with_border_weights
from upconv.data._isbi2012 import isbi2012
from upconv.data._membranes import membranes
from upconv.data._mnist import fashion_mnist, mnist, read_idx
from upconv.data.download import DataUnavailable
from upconv.data.photos import PHOTOS, photo, photographs
from upconv.data.sets import VOID, ImageSet, SegmentationSet, grid, paint, paint_objects, palette

__all__ = [
    "PHOTOS",
    "VOID",
    "BadData",
    "DataUnavailable",
    "ImageSet",
    "SegmentationSet",
    "border_weights",
    "camvid",
    "digit_crops",
    "digit_scenes",
    "digits",
    "dsb2018",
    "fashion_mnist",
    "folder",
    "folder_images",
    "grid",
    "image_folder",
    "isbi2012",
    "limit_pixels",
    "membranes",
    "mnist",
    "paint",
    "paint_objects",
    "palette",
    "photo",
    "photographs",
    "read_idx",
    "read_image",
    "read_mask",
    "road",
    "separate",
    "with_border_weights",
]
