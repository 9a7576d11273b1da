"""Explorers: interactive pictures whose parameters the reader turns.

Each is one Python class and one ES module of the same name. In Jupyter and Colab the class is an
anywidget whose traits can be read, set and observed. On the static site the same module runs
without any kernel: a small host hands it the state that the chapter stored.
"""

from upconv.widgets._explorer import MIME_TYPE, Explorer, source
from upconv.widgets.convolution import ConvolutionExplorer
from upconv.widgets.fourier import FourierExplorer
from upconv.widgets.gan import GanExplorer
from upconv.widgets.latent import LatentExplorer
from upconv.widgets.learning import KernelLearningExplorer
from upconv.widgets.pooling import PoolingExplorer
from upconv.widgets.receptive import ReceptiveFieldExplorer
from upconv.widgets.shape import ShapeExplorer
from upconv.widgets.style import StyleExplorer
from upconv.widgets.transposed import TransposedConvolutionExplorer
from upconv.widgets.upsampling import UpsamplingExplorer

EXPLORERS = {
    explorer.name: explorer
    for explorer in (
        ConvolutionExplorer,
        KernelLearningExplorer,
        TransposedConvolutionExplorer,
        UpsamplingExplorer,
        FourierExplorer,
        PoolingExplorer,
        ReceptiveFieldExplorer,
        ShapeExplorer,
        LatentExplorer,
        GanExplorer,
        StyleExplorer,
    )
}

__all__ = [
    "EXPLORERS",
    "MIME_TYPE",
    "ConvolutionExplorer",
    "Explorer",
    "FourierExplorer",
    "GanExplorer",
    "KernelLearningExplorer",
    "LatentExplorer",
    "PoolingExplorer",
    "ReceptiveFieldExplorer",
    "ShapeExplorer",
    "StyleExplorer",
    "TransposedConvolutionExplorer",
    "UpsamplingExplorer",
    "source",
]
