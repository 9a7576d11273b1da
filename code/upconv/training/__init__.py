"""Training networks that segment or draw, and measuring them."""

from upconv.packages import needed

with needed("upconv.training"):
    import torch  # noqa: F401

from upconv.training.batches import make_batch
from upconv.training.checkpoints import BadCheckpoint
from upconv.training.gan import (
    GanHistory,
    GanSettings,
    discriminator_loss,
    draw,
    generator_loss,
    train_gan,
)
from upconv.training.generation import (
    dead_units,
    frechet_distance,
    modes,
    nearest,
    neighbourhood,
    stride_energy,
    train_classifier,
)
from upconv.training.inference import (
    ObjectScores,
    evaluate,
    evaluate_objects,
    predict,
    predict_tiles,
    probabilities,
)
from upconv.training.loop import (
    Diverged,
    History,
    Settings,
    train,
)
from upconv.training.metrics import Scores, SegmentationScores
from upconv.training.objects import (
    Agreement,
    agreement,
    average_precision,
    best_agreement,
    components,
    thinned,
)
from upconv.training.style import (
    StyleHistory,
    StyleSettings,
    stylize,
    with_colours_of,
)
from upconv.training.team import Team, launch
from upconv.training.transform import (
    TransformHistory,
    TransformSettings,
    train_transform,
    transform,
)

__all__ = [
    "Agreement",
    "BadCheckpoint",
    "Diverged",
    "GanHistory",
    "GanSettings",
    "History",
    "ObjectScores",
    "Scores",
    "SegmentationScores",
    "Settings",
    "StyleHistory",
    "StyleSettings",
    "Team",
    "TransformHistory",
    "TransformSettings",
    "agreement",
    "average_precision",
    "best_agreement",
    "components",
    "dead_units",
    "discriminator_loss",
    "draw",
    "evaluate",
    "evaluate_objects",
    "frechet_distance",
    "generator_loss",
    "launch",
    "make_batch",
    "modes",
    "nearest",
    "neighbourhood",
    "predict",
    "predict_tiles",
    "probabilities",
    "stride_energy",
    "stylize",
    "thinned",
    "train",
    "train_classifier",
    "train_gan",
    "train_transform",
    "transform",
    "with_colours_of",
]
