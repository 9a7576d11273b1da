"""Training networks that segment, and measuring them."""

from upconv.training.loop import (
    BadCheckpoint,
    Diverged,
    History,
    Settings,
    evaluate,
    predict,
    train,
)
from upconv.training.metrics import Scores, SegmentationScores

__all__ = [
    "BadCheckpoint",
    "Diverged",
    "History",
    "Scores",
    "SegmentationScores",
    "Settings",
    "evaluate",
    "predict",
    "train",
]
