"""Metrics for segmentations, for single instances and for generated images."""

from upconv.deprecated import moved
from upconv.metrics.boundaries import ScoresByDistance, distance_to_boundary
from upconv.metrics.generative import (
    ClassEntropy,
    DensityAndCoverage,
    checkerboard_energy,
    class_entropy,
    density_and_coverage,
    frechet_distance,
    nearest,
)
from upconv.metrics.instances import (
    RandAndInfo,
    average_precision,
    best_rand_and_info_scores,
    components,
    rand_and_info_scores,
    skeletonized,
)
from upconv.metrics.segmentation import Scores, SegmentationScores

__all__ = [
    "ClassEntropy",
    "DensityAndCoverage",
    "RandAndInfo",
    "Scores",
    "ScoresByDistance",
    "SegmentationScores",
    "average_precision",
    "best_rand_and_info_scores",
    "checkerboard_energy",
    "class_entropy",
    "components",
    "density_and_coverage",
    "distance_to_boundary",
    "frechet_distance",
    "nearest",
    "rand_and_info_scores",
    "skeletonized",
]

__getattr__ = moved(
    "upconv.metrics",
    {
        "Agreement": "upconv.metrics.RandAndInfo",
        "Modes": "upconv.metrics.ClassEntropy",
        "Neighbourhood": "upconv.metrics.DensityAndCoverage",
        "agreement": "upconv.metrics.rand_and_info_scores",
        "best_agreement": "upconv.metrics.best_rand_and_info_scores",
        "modes": "upconv.metrics.class_entropy",
        "neighbourhood": "upconv.metrics.density_and_coverage",
        "stride_energy": "upconv.metrics.checkerboard_energy",
        "thinned": "upconv.metrics.skeletonized",
    },
)
