"""The losses of style transfer, and the gradient of the style loss derived by hand.

Gatys, Ecker & Bethge (2016) in the form of the lecture notes: sums of squares over pre-activations
``a`` (N, K, I, J), per image, with the layer's own sizes I, J and K in the normalizer.

Sums over whole feature maps overflow float16, whose largest number is 65,504, and the normalizer
underflows: results for float16 feature maps are float32; other dtypes are kept.
"""

from __future__ import annotations

import numpy as np

from upconv.checks import check_array, check_same_dtype, refuse, widen


def gram(maps: np.ndarray) -> np.ndarray:
    """Gram matrices F_kk' = Σ_ij a_ijk a_ijk': which channels fire together, at any position.

    Parameters
    ----------
    maps : (N, K, I, J)

    Returns
    -------
    (N, K, K), at least float32

    Raises
    ------
    ValueError
        If ``maps`` does not have four axes or a floating dtype.

    Examples
    --------
    >>> maps = np.array([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # two channels, two positions
    >>> gram(maps).tolist()
    [[[5.0, 11.0], [11.0, 25.0]]]
    """
    maps = widen(check_array("maps", maps, "N, K, I, J"))
    return np.einsum("nkij,nlij->nkl", maps, maps)


def content_loss(drawn: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Content loss Σ_ijk (a_ijk(G) − a_ijk(C))² of each image, (N,), at least float32.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> maps = np.array([[[[3.0, 4.0]]]])
    >>> content_loss(maps, maps[..., ::-1]).tolist()  # positions matter here, not for style
    [2.0]
    """
    drawn, content = _alike(drawn, "content", content)
    return ((drawn - content) ** 2).sum((1, 2, 3))


def style_loss(drawn: np.ndarray, style: np.ndarray) -> np.ndarray:
    """Style loss 1 / (2IJK)² Σ_kk' (F_kk'(G) − F_kk'(S))² of each image, (N,), at least float32.

    I, J and K are the layer's sizes. ``style`` may have other I and J than ``drawn``: its Gram
    matrix is scaled to the area of ``drawn``, so that the target does not depend on its size.

    Raises
    ------
    ValueError
        If the numbers of images or of channels differ.

    Examples
    --------
    >>> maps = np.array([[[[3.0, 4.0]]]])
    >>> style_loss(maps, maps[..., ::-1]).tolist()  # the same values at other positions
    [0.0]
    >>> style_loss(maps, 2 * maps).tolist()  # (25 − 100)² / 4²
    [351.5625]
    """
    drawn, style = _alike(drawn, "style", style, places=False)
    _, channels, rows, columns = drawn.shape
    scale = (2 * rows * columns * channels) ** 2
    return ((gram(drawn) - _scaled_gram(style, rows * columns)) ** 2).sum((1, 2)) / scale


def style_gradient(drawn: np.ndarray, style: np.ndarray) -> np.ndarray:
    """Gradient of :func:`style_loss` with respect to ``drawn``, (N, K, I, J), at least float32.

    F is a product of ``a`` with itself, and F(G) − F(S) is symmetric, so the derivative with
    respect to a_ijk is 4 / (2IJK)² Σ_k' (F_kk'(G) − F_kk'(S)) a_ijk'.

    Examples
    --------
    >>> maps = np.array([[[[3.0, 4.0]]]])
    >>> style_gradient(maps, 0 * maps).tolist()  # 4 / 4² · 25 a
    [[[[18.75, 25.0]]]]
    >>> style_gradient(maps, maps).tolist()
    [[[[0.0, 0.0]]]]
    """
    drawn, style = _alike(drawn, "style", style, places=False)
    _, channels, rows, columns = drawn.shape
    scale = (2 * rows * columns * channels) ** 2
    difference = gram(drawn) - _scaled_gram(style, rows * columns)
    return 4 / scale * np.einsum("nkl,nlij->nkij", difference, drawn)


def total_variation(image: np.ndarray) -> np.ndarray:
    """Mean absolute difference of neighbors, vertical plus horizontal, of each image.

    (N, C, H, W) → (N,), at least float32. Rudin, Osher & Fatemi (1992).

    Examples
    --------
    >>> stripes, board = [[0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]
    >>> total_variation(np.array([[stripes], [board]])).tolist()
    [1.0, 2.0]
    """
    image = widen(check_array("image", image, "N, C, H, W"))
    if min(image.shape[2:]) < 2:
        refuse("image", f"shape {image.shape}", "at least two rows and two columns")
    down, across = (np.abs(np.diff(image, axis=axis)).mean((1, 2, 3)) for axis in (2, 3))
    return down + across


def _scaled_gram(style: np.ndarray, area: int) -> np.ndarray:
    return gram(style) * widen(style).dtype.type(area / (style.shape[2] * style.shape[3]))


def _alike(
    drawn: np.ndarray, name: str, other: np.ndarray, places: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    drawn = check_array("drawn", drawn, "N, K, I, J")
    other = check_array(name, other, "N, K, I, J")
    check_same_dtype(name, other, "drawn", drawn)
    axes = 4 if places else 2
    if drawn.shape[:axes] != other.shape[:axes]:
        refuse(name, f"shape {other.shape}", f"the leading axes {drawn.shape[:axes]} of drawn")
    return widen(drawn), widen(other)
