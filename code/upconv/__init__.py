"""Upconv: the module behind the course on convolutional networks that make pictures.

``import upconv`` is cheap: it loads neither PyTorch, TensorFlow nor Matplotlib.
"""

__version__ = "0.1.0"
