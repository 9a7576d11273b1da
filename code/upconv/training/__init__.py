"""Training of segmentation networks and generators: loops, checkpoints, distribution."""

from upconv.packages import needed

with needed("upconv.training"):
    import torch  # noqa: F401

from upconv.deprecated import moved
from upconv.training.batches import make_batch
from upconv.training.checkpoints import BadCheckpoint
from upconv.training.classifier import train_classifier
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
from upconv.training.team import Team, launch

__all__ = [
    "BadCheckpoint",
    "Diverged",
    "GanHistory",
    "GanSettings",
    "History",
    "Settings",
    "Team",
    "discriminator_loss",
    "generator_loss",
    "launch",
    "make_batch",
    "train",
    "train_classifier",
    "train_gan",
]

_MOVED = {
    "inference": (
        "ObjectScores",
        "draw",
        "evaluate",
        "evaluate_objects",
        "predict",
        "predict_tiles",
        "probabilities",
    ),
    "metrics": (
        "Agreement",
        "Scores",
        "SegmentationScores",
        "agreement",
        "average_precision",
        "best_agreement",
        "components",
        "frechet_distance",
        "modes",
        "nearest",
        "neighbourhood",
        "stride_energy",
        "thinned",
    ),
    "style": (
        "StyleHistory",
        "StyleSettings",
        "TransformHistory",
        "TransformSettings",
        "stylize",
        "train_transform",
        "transform",
        "with_colours_of",
    ),
    "torch": ("dead_units",),
}
__getattr__ = moved(
    "upconv.training",
    {name: f"upconv.{room}.{name}" for room, names in _MOVED.items() for name in names},
)
