"""Figures of the sizes that are restored after a stride, and of those that are not."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from upconv.figures.theme import COLORS, EMPTY


def size_staircase(
    sizes: np.ndarray, pooled: np.ndarray, stride: int, example: int, canonical: int
) -> Figure:
    """Plot input against output sizes of a strided convolution, and the way back.

    Parameters
    ----------
    sizes, pooled
        Input sizes and the convolution's output sizes, both (M,).
    example
        The input size to annotate; ``canonical`` is what the transposed convolution restores.
    """
    figure, ax = plt.subplots(figsize=(7.6, 3.5))
    palette = [COLORS.blue, COLORS.orange, COLORS.green]
    first = {m: sizes[pooled == m].min() for m in np.unique(pooled)}
    start = {m: n for m, n in first.items() if np.sum(pooled == m) == stride}
    for n, m in zip(sizes, pooled, strict=True):
        extra = n - start.get(m, n)
        ax.bar(n, m, color=palette[extra % stride], width=0.82, alpha=0.9 if m in start else 0.35)
        ax.text(n, m + 0.12, str(m), ha="center", fontsize=9.5)
    for extra in range(stride):
        ax.bar(0, 0, color=palette[extra], label=f"output_padding = {extra}")
    m = pooled[sizes == example][0]
    ax.annotate(
        "", xy=(canonical, m + 0.95), xytext=(example, m + 0.95),
        arrowprops={"arrowstyle": "-|>", "color": COLORS.red, "lw": 2, "shrinkA": 0,
                    "shrinkB": 0, "connectionstyle": "arc3,rad=0.9"},
    )  # fmt: skip
    ax.text(
        (example + canonical) / 2 + 0.2, m + 2.3, f"{example} → {m} → {canonical}: not {example}",
        ha="right", va="center", color=COLORS.red, fontsize=11, fontweight="bold",
    )  # fmt: skip
    ax.set_xlim(sizes.min() - 0.6, sizes.max() + 0.6)
    ax.set_xticks(sizes)
    ax.set_xlabel("input size n")
    ax.set_ylabel("output size")
    ax.set_ylim(0, pooled.max() * 1.42)
    ax.legend(loc="upper left", ncols=3, title="restored by", alignment="left", fontsize=9.5)
    return figure


def surviving_sizes(survives: np.ndarray) -> Figure:
    """Show which sizes are restored after p poolings and p doublings.

    Parameters
    ----------
    survives
        Booleans, shape (levels, sizes); column j is size j + 1, row i is i + 1 poolings.
    """
    levels, count = survives.shape
    figure, ax = plt.subplots(figsize=(7.6, 2.15))
    palette = [COLORS.sky, COLORS.blue, COLORS.green, COLORS.orange, COLORS.red]
    for level in range(levels):
        for n in range(1, count + 1):
            face = palette[level] if survives[level, n - 1] else EMPTY
            ax.add_patch(Rectangle((n - 0.5, level - 0.5), 1, 1, fc=face, ec="white", lw=0.8))
        ax.text(count + 1.1, level, f"{survives[level].sum()} of {count}", va="center", fontsize=9)
    ax.set_xlim(0.3, count + 0.7)
    ax.set_ylim(levels - 0.45, -0.55)
    ax.set_xticks([1, *range(8, count + 1, 8)])
    names = [f"{p} pooling{'s' if p > 1 else ''}" for p in range(1, levels + 1)]
    ax.set_yticks(range(levels), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("input size (colored: the size comes back)")
    return figure
