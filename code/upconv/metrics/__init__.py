"""Metrics for segmentations, for single instances and for generated images."""

from upconv.metrics.generative import (
    Modes,
    Neighbourhood,
    frechet_distance,
    modes,
    nearest,
    neighbourhood,
    stride_energy,
)
from upconv.metrics.instances import (
    Agreement,
    agreement,
    average_precision,
    best_agreement,
    components,
    thinned,
)
from upconv.metrics.segmentation import Scores, SegmentationScores

__all__ = [
    "Agreement",
    "Modes",
    "Neighbourhood",
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
]
