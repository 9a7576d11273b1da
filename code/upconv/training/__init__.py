"""Training of segmentation networks and generators: loops, checkpoints, distribution."""

from upconv.packages import needed

with needed("upconv.training"):
    import torch  # noqa: F401

from upconv.deprecated import moved
from upconv.training.batches import make_batch
from upconv.training.checkpoints import BadCheckpoint
from upconv.training.classifier import train_classifier
from upconv.training.distributed import DistributedContext, init_distributed
from upconv.training.gan import (
    GanHistory,
    GanSettings,
    discriminator_loss,
    generator_loss,
    train_gan,
)
from upconv.training.loop import train
from upconv.training.run import Diverged
from upconv.training.settings import History, Settings
from upconv.training.stopping import Interrupted

__all__ = [
    "BadCheckpoint",
    "DistributedContext",
    "Diverged",
    "GanHistory",
    "GanSettings",
    "History",
    "Interrupted",
    "Settings",
    "discriminator_loss",
    "generator_loss",
    "init_distributed",
    "make_batch",
    "train",
    "train_classifier",
    "train_gan",
]

_MOVED = {
    "inference": {
        "ObjectScores": "InstanceScores",
        "draw": "generate",
        "evaluate": "evaluate",
        "evaluate_objects": "evaluate_instances",
        "predict": "predict",
        "predict_tiles": "predict_tiles",
        "probabilities": "probabilities",
    },
    "metrics": {
        "Agreement": "RandAndInfo",
        "Scores": "Scores",
        "SegmentationScores": "SegmentationScores",
        "agreement": "rand_and_info_scores",
        "average_precision": "average_precision",
        "best_agreement": "best_rand_and_info_scores",
        "components": "components",
        "frechet_distance": "frechet_distance",
        "modes": "class_entropy",
        "nearest": "nearest",
        "neighbourhood": "density_and_coverage",
        "stride_energy": "checkerboard_energy",
        "thinned": "skeletonized",
    },
    "style": {
        "StyleHistory": "StyleHistory",
        "StyleSettings": "StyleSettings",
        "TransformHistory": "TransformHistory",
        "TransformSettings": "TransformSettings",
        "stylize": "stylize",
        "train_transform": "train_transform",
        "transform": "apply_transform_net",
        "with_colours_of": "with_colors_of",
    },
    "torch": {"dead_units": "dead_units"},
    "training": {"Team": "DistributedContext", "launch": "init_distributed"},
}
__getattr__ = moved(
    "upconv.training",
    {old: f"upconv.{room}.{new}" for room, names in _MOVED.items() for old, new in names.items()},
)
