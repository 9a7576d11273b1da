"""Data sets for the chapters, independent of any framework."""

from upconv.data._camvid import camvid, road
from upconv.data._digit_scenes import digit_crops, digit_scenes
from upconv.data._dsb2018 import dsb2018
from upconv.data._folder import segmentation_folder
from upconv.data._format import MaskFormat
from upconv.data._images import digits, image_files, square_images
from upconv.data._instances import border_weights, split_touching_instances, with_border_weights
from upconv.data._isbi2012 import isbi2012
from upconv.data._mask_rules import find_mask_format
from upconv.data._masks import read_mask
from upconv.data._membranes import membranes
from upconv.data._mnist import fashion_mnist, mnist, read_idx
from upconv.data._ranges import read_like, stated_range
from upconv.data._reading import BadData, limit_pixels, read_image, read_raw, to_bytes
from upconv.data._writing import write_folder
from upconv.data.download import DataUnavailable
from upconv.data.photos import PHOTOS, photo, photographs
from upconv.data.sets import (
    VOID,
    ImageSet,
    SegmentationSet,
    colorize,
    colorize_instances,
    montage,
    palette,
)
from upconv.data.strokes import brushwork
from upconv.deprecated import moved

__all__ = [
    "PHOTOS",
    "VOID",
    "BadData",
    "DataUnavailable",
    "ImageSet",
    "MaskFormat",
    "SegmentationSet",
    "border_weights",
    "brushwork",
    "camvid",
    "colorize",
    "colorize_instances",
    "digit_crops",
    "digit_scenes",
    "digits",
    "dsb2018",
    "fashion_mnist",
    "find_mask_format",
    "image_files",
    "isbi2012",
    "limit_pixels",
    "membranes",
    "mnist",
    "montage",
    "palette",
    "photo",
    "photographs",
    "read_idx",
    "read_image",
    "read_like",
    "read_mask",
    "read_raw",
    "road",
    "segmentation_folder",
    "split_touching_instances",
    "square_images",
    "stated_range",
    "to_bytes",
    "with_border_weights",
    "write_folder",
]

__getattr__ = moved(
    "upconv.data",
    {
        "folder": "upconv.data.segmentation_folder",
        "folder_images": "upconv.data.image_files",
        "grid": "upconv.data.montage",
        "image_folder": "upconv.data.square_images",
        "paint": "upconv.data.colorize",
        "paint_objects": "upconv.data.colorize_instances",
        "separate": "upconv.data.split_touching_instances",
    },
)
