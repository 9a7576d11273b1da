"""Training networks that segment, and measuring them."""

from upconv.training.checkpoints import BadCheckpoint
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
    make_batch,
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

__all__ = [
    "Agreement",
    "BadCheckpoint",
    "Diverged",
    "History",
    "ObjectScores",
    "Scores",
    "SegmentationScores",
    "Settings",
    "agreement",
    "average_precision",
    "best_agreement",
    "components",
    "evaluate",
    "evaluate_objects",
    "make_batch",
    "predict",
    "predict_tiles",
    "probabilities",
    "thinned",
    "train",
]
