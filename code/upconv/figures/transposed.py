"""Pictures of transposed convolution: stamps, matrices, stretched grids, overlaps."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from upconv.figures.theme import COLOURS, INK, number_grid, show_image

_GRID = "#c9d1db"
_EMPTY = "#f4f6f9"
# One colour for each of a kernel's nine weights, light to dark in reading order.
_WEIGHTS = mpl.colormaps["viridis"]


def stamps(inputs: np.ndarray, kernel: np.ndarray, contributions: Sequence[np.ndarray]) -> Figure:
    """One stamp of the kernel per input pixel, and their sum.

    Parameters
    ----------
    inputs
        Shape (N, N), N² at most 4.
    kernel
        Shape (K, K).
    contributions
        One (M, M) array per input pixel in reading order, NaN where the stamp does not reach.
    """
    total = np.nansum(contributions, axis=0)
    count = len(contributions)
    size = total.shape[0]
    high = total.max()
    figure = plt.figure(figsize=(7.6, 3.55), layout="none")
    unit = 1 / (5 * size + 4.3)  # of the figure's width: one cell
    cell = unit * 0.98
    aspect = 7.6 / 3.55

    def place(left: float, bottom: float, cells: int, scale: float = 1.0) -> Axes:
        side = cell * cells * scale
        return figure.add_axes((left, bottom, side, side * aspect))

    palette = [COLOURS.blue, COLOURS.orange, COLOURS.green, COLOURS.purple][:count]
    bottom = 0.08
    left = 0.01
    covered = np.sum([np.isfinite(c) for c in contributions], axis=0)
    for j, (contribution, colour) in enumerate(zip(contributions, palette, strict=True)):
        row, column = divmod(j, inputs.shape[1])
        ax = place(left, bottom, size)
        fade = mpl.colors.LinearSegmentedColormap.from_list("", ["white", colour])
        number_grid(ax, contribution, cmap=fade, fontsize=13, vmin=-high * 0.25, vmax=high * 1.5)
        stamped = [tuple(c) for c in np.argwhere(np.isfinite(contribution))]
        first, last = stamped[0], stamped[-1]
        ax.add_patch(
            plt.Rectangle(
                (first[1] - 0.5, first[0] - 0.5), last[1] - first[1] + 1, last[0] - first[0] + 1,
                fill=False, ec=colour, lw=2.8, zorder=4,
            )
        )  # fmt: skip
        side = cell * size
        figure.text(
            left + side / 2, bottom + side * aspect + 0.075,
            f"{inputs[row, column]:g} × kernel", ha="center", va="center", fontsize=11,
            color=INK, fontweight="bold",
        )  # fmt: skip
        sign = "=" if j == count - 1 else "+"
        figure.text(
            left + side + unit * 0.38, bottom + side * aspect / 2, sign,
            ha="center", va="center", fontsize=17,
        )  # fmt: skip
        left += side + unit * 0.78
    ax = place(left, bottom, size)
    number_grid(ax, total, cmap="Greys", fontsize=13, vmin=-high * 0.2, vmax=high * 1.6)
    for row, column in np.argwhere(covered > 1):
        ax.text(
            column + 0.42, row - 0.42, f"{covered[row, column]}", ha="right", va="top",
            fontsize=8, color=COLOURS.red, fontweight="bold",
        )  # fmt: skip
    figure.text(
        left + cell * size / 2, bottom + cell * size * aspect + 0.075, "sum", ha="center",
        va="center", fontsize=11, fontweight="bold",
    )  # fmt: skip
    # The two inputs of the operation, above.
    top = 0.6
    scale = 1.05
    side = cell * 2 * scale
    middle = 0.5
    ax = place(middle - side - 0.07, top, inputs.shape[0], scale)
    number_grid(ax, inputs, cmap=None, fontsize=13)
    for j, colour in enumerate(palette):
        row, column = divmod(j, inputs.shape[1])
        ax.add_patch(
            plt.Rectangle(
                (column - 0.46, row - 0.46), 0.92, 0.92, fc=colour, alpha=0.55, ec=colour, lw=2
            )
        )
    figure.text(middle - side - 0.085, top + side * aspect / 2, "input", ha="right", fontsize=11,
                va="center", fontweight="bold")  # fmt: skip
    ax = place(middle + 0.07, top, kernel.shape[0], scale)
    number_grid(ax, kernel, cmap="Greys", fontsize=13, vmin=-high * 0.2, vmax=high * 1.6)
    figure.text(middle + 0.085 + side, top + side * aspect / 2, "kernel", fontsize=11,
                va="center", fontweight="bold")  # fmt: skip
    return figure


def convolution_as_matrix(matrix: np.ndarray, kernel: np.ndarray, side: int) -> Figure:
    """The matrix of a convolution, its transpose, and each of its rows folded into a picture.

    Parameters
    ----------
    matrix
        Shape (number of outputs, side²): row r holds the kernel where it lies for output r.
    kernel
        Shape (K, K), its weights numbered 1, 2, … in reading order.
    side
        Height and width of the input.
    """
    rows, columns = matrix.shape
    figure, ax = plt.subplots(figsize=(7.6, 5.9))
    _cells(ax, matrix, 0, 0, kernel.size)
    for c in range(columns):
        ax.text(c, -0.75, f"$x_{{{c // side}{c % side}}}$", ha="center", va="bottom", fontsize=8.5)
    out_side = int(np.sqrt(rows))
    for r in range(rows):
        ax.text(
            -0.75, r, f"$y_{{{r // out_side}{r % out_side}}}$", ha="right", va="center", fontsize=9
        )
    ax.text(columns / 2 - 0.5, -1.95, "C   (4 × 16):  y = C x", ha="center", fontsize=11,
            fontweight="bold")  # fmt: skip
    right = columns + 2.2
    _cells(ax, matrix.T, right, 0, kernel.size)
    ax.text(right + rows / 2 - 0.5, -1.95, "Cᵀ   (16 × 4)", ha="center", fontsize=11,
            fontweight="bold")  # fmt: skip
    for r in range(rows):
        ax.text(
            right + r, -0.75, f"$y_{{{r // out_side}{r % out_side}}}$", ha="center", va="bottom",
            fontsize=8.5,
        )  # fmt: skip
    for c in range(columns):
        ax.text(
            right - 0.7, c, f"$x_{{{c // side}{c % side}}}$", ha="right", va="center", fontsize=8.5
        )
    # Rows folded to side × side: the kernel in each of its places.
    ax.text(columns / 2 - 0.5, rows + 1.55, "each row of C, folded to the input's 4 × 4:",
            ha="center", fontsize=10.5, fontweight="bold")  # fmt: skip
    scale = 0.86
    for r in range(rows):
        left = r * (columns + 0.35) / rows
        _cells(ax, matrix[r].reshape(side, side), left, rows + 2.6, kernel.size, scale)
        ax.text(
            left + scale * (side - 1) / 2, rows + 2.6 + scale * side + 0.25,
            f"$y_{{{r // out_side}{r % out_side}}}$", ha="center", va="center", fontsize=10,
        )  # fmt: skip
    top = rows + 8.0
    ax.text(columns / 2 - 3.4, top + 1.9, "kernel:", ha="right", va="center", fontsize=10.5,
            fontweight="bold")  # fmt: skip
    _cells(ax, kernel, columns / 2 - 2.6, top + 0.4, kernel.size, 1.5, fontsize=12)
    ax.set_xlim(-2.2, right + rows)
    ax.set_ylim(max(columns, top + 5) - 0.2, -2.7)
    ax.set_aspect("equal")
    ax.axis("off")
    return figure


def _cells(
    ax: Axes, values: np.ndarray, left: float, top: float, weights: int, scale=1.0, fontsize=8.5
) -> None:
    """A block of cells coloured by weight number; 0 is an empty cell."""
    for (row, column), value in np.ndenumerate(values):
        face = _EMPTY if value == 0 else _WEIGHTS(0.06 + 0.9 * (value - 1) / (weights - 1))
        ax.add_patch(
            plt.Rectangle(
                (left + scale * (column - 0.5), top + scale * (row - 0.5)), scale, scale,
                fc=face, ec="white", lw=1,
            )
        )  # fmt: skip
        luminance = np.dot(mpl.colors.to_rgb(face), (0.299, 0.587, 0.114))
        ink = "#a9b3bf" if value == 0 else (INK if luminance > 0.5 else "white")
        ax.text(
            left + scale * column, top + scale * row, f"{value:g}", ha="center", va="center",
            fontsize=fontsize, color=ink,
        )  # fmt: skip


def pad_and_convolve(
    small: np.ndarray, padded: np.ndarray, kernel: np.ndarray, result: np.ndarray
) -> Figure:
    """A small map, padded; the turned kernel lying on its first and another place; the result."""
    figure, axes = plt.subplots(
        1, 4, figsize=(7.6, 2.75), width_ratios=[2, 6, 3, 4], gridspec_kw={"wspace": 0.08}
    )
    number_grid(axes[0], small, "2 × 2", fontsize=11, cmap="Blues")
    shown = np.where(padded == 0, np.nan, padded)
    number_grid(axes[1], shown, "padded to 6 × 6", fontsize=11, cmap="Blues", vmin=small.min(),
                vmax=small.max())  # fmt: skip
    for (row, column), value in np.ndenumerate(padded):
        if value == 0:
            axes[1].text(column, row, "0", ha="center", va="center", fontsize=9, color="#a9b3bf")
    for (row, column), colour in (((0, 0), COLOURS.red), ((2, 3), COLOURS.purple)):
        for ax, extent in ((axes[1], 3), (axes[3], 1)):
            ax.add_patch(
                plt.Rectangle(
                    (column - 0.46, row - 0.46), extent - 0.08, extent - 0.08, fill=False,
                    ec=colour, lw=2.6, zorder=4,
                )
            )  # fmt: skip
    number_grid(axes[2], kernel, "kernel, turned\nby 180°", fontsize=11, cmap="Oranges")
    number_grid(axes[3], result, "4 × 4", fontsize=11, cmap="Greens")
    return figure


def two_operators(
    full: np.ndarray, fractional: np.ndarray, input_side: int, kernel_size: int
) -> Figure:
    """Two ways from 3 × 3 to 5 × 5: what is convolved, and the matrices of both.

    Parameters
    ----------
    full, fractional
        Matrices of shape (25, 9), entries numbered by weight (0 is no weight).
    """
    figure, axes = plt.subplots(
        2, 2, figsize=(7.6, 8.3), height_ratios=[1, 1.9], gridspec_kw={"hspace": 0.06}
    )
    names = (
        "full convolution\nstride 1, two rings of zeros",
        "fractional stride ½\nzeros between, one ring",
    )
    for ax, gap, ring, name in zip(axes[0], (1, 2), (2, 1), names, strict=True):
        size = gap * (input_side - 1) + 1 + 2 * ring
        for row in range(size):
            for column in range(size):
                inside = (row - ring) % gap == 0 and (column - ring) % gap == 0
                inside &= ring <= row < size - ring and ring <= column < size - ring
                ax.add_patch(
                    plt.Rectangle(
                        (column - 0.5, row - 0.5), 1, 1, fc=COLOURS.blue if inside else _EMPTY,
                        ec="white", lw=1.5,
                    )
                )  # fmt: skip
                if inside:
                    number = (row - ring) // gap * input_side + (column - ring) // gap
                    ax.text(column, row, f"$x_{{{number // 3}{number % 3}}}$", color="white",
                            ha="center", va="center", fontsize=11)  # fmt: skip
                else:
                    ax.text(column, row, "0", color="#a9b3bf", ha="center", va="center", fontsize=9)
        ax.add_patch(
            plt.Rectangle((-0.5, -0.5), kernel_size, kernel_size, fill=False, ec=COLOURS.red, lw=3)
        )
        ax.set_xlim(-0.7, size - 0.3)
        ax.set_ylim(size - 0.3, -0.7)
        ax.set_aspect("equal")
        ax.axis("off")
        ax.set_title(name, fontsize=11)
    for ax, matrix in zip(axes[1], (full, fractional), strict=True):
        _cells(ax, matrix, 0, 0, kernel_size**2, fontsize=7.5)
        ax.set_xlim(-2.6, matrix.shape[1] - 0.3)
        ax.set_ylim(matrix.shape[0] - 0.3, -1.4)
        for c in range(matrix.shape[1]):
            ax.text(c, -0.7, f"$x_{{{c // 3}{c % 3}}}$", ha="center", va="bottom", fontsize=8)
        for r in range(matrix.shape[0]):
            if r % 5 == 0:
                ax.text(-0.8, r + 2, f"row {r // 5}", ha="right", va="center", fontsize=8.5)
                if r:
                    ax.axhline(r - 0.5, color=COLOURS.grey, lw=0.8, xmin=0.2)
        ax.set_aspect("auto")
        ax.axis("off")
    return figure


def stretch_input_or_kernel(factors: Sequence[int] = (1, 2, 3)) -> Figure:
    """Stride spreads the input, dilation spreads the kernel; who owns which output then."""
    inputs = kernel = 3
    figure, axes = plt.subplots(
        2, len(factors) + 1, figsize=(7.6, 4.35), width_ratios=[1] * len(factors) + [1.35]
    )
    palette = [mpl.colormaps["turbo"](v) for v in np.linspace(0.06, 0.94, inputs**2)]
    for row, spread_input in enumerate((True, False)):
        for ax, factor in zip(axes[row], factors, strict=False):
            stride, dilation = (factor, 1) if spread_input else (1, factor)
            size = stride * (inputs - 1) + dilation * (kernel - 1) + 1
            _lattice(ax, size)
            for i in range(inputs):
                for j in range(inputs):
                    at = dilation * (kernel - 1) / 2
                    centre = (j * stride + at, i * stride + at)
                    ax.plot(*centre, "o", color=COLOURS.blue, ms=7 - factor)
                    ax.plot(j * dilation, i * dilation, "s", mfc="none", mec=COLOURS.red, mew=1.8,
                            ms=11 - 2.4 * factor)  # fmt: skip
            letter = "S" if spread_input else "D"
            ax.set_title(f"{letter} = {factor}:  {size} × {size}", fontsize=10)
        ax = axes[row, -1]
        factor = factors[-1]
        stride, dilation = (factor, 1) if spread_input else (1, factor)
        size = stride * (inputs - 1) + dilation * (kernel - 1) + 1
        for number in range(inputs**2):
            i, j = divmod(number, inputs)
            for k in range(kernel):
                for m in range(kernel):
                    centre = (j * stride + m * dilation, i * stride + k * dilation)
                    ax.add_patch(
                        plt.Rectangle((centre[0] - 0.5, centre[1] - 0.5), 1, 1,
                                      fc=palette[number], ec="white", lw=1)
                    )  # fmt: skip
        ax.set_xlim(-0.6, size - 0.4)
        ax.set_ylim(size - 0.4, -0.6)
        ax.set_aspect("equal")
        ax.axis("off")
        ax.set_title("one colour per input", fontsize=10)
    names = ("stride\nstretches the input", "dilation\nstretches the kernel")
    for ax, name in zip(axes[:, 0], names, strict=True):
        ax.text(-0.16, 0.5, name, transform=ax.transAxes, rotation=90, ha="right", va="center",
                fontsize=10.5, fontweight="bold", multialignment="center")  # fmt: skip
    return figure


def _lattice(ax: Axes, size: int) -> None:
    """An empty grid of cells, the outputs."""
    for k in range(size + 1):
        ax.plot([-0.5, size - 0.5], [k - 0.5] * 2, color=_GRID, lw=0.7)
        ax.plot([k - 0.5] * 2, [-0.5, size - 0.5], color=_GRID, lw=0.7)
    ax.set_xlim(-0.6, size - 0.4)
    ax.set_ylim(size - 0.4, -0.6)
    ax.set_aspect("equal")
    ax.axis("off")


def size_staircase(
    sizes: np.ndarray, pooled: np.ndarray, stride: int, example: int, canonical: int
) -> Figure:
    """Input sizes against output sizes of a strided convolution, and the way back.

    Parameters
    ----------
    sizes, pooled
        Input sizes and the convolution's output sizes, both (M,).
    example
        The input size to point at; ``canonical`` is what the transposed one makes of it.
    """
    figure, ax = plt.subplots(figsize=(7.6, 3.5))
    palette = [COLOURS.blue, COLOURS.orange, COLOURS.green]
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
        arrowprops={"arrowstyle": "-|>", "color": COLOURS.red, "lw": 2, "shrinkA": 0,
                    "shrinkB": 0, "connectionstyle": "arc3,rad=0.9"},
    )  # fmt: skip
    ax.text(
        (example + canonical) / 2 + 0.2, m + 2.3, f"{example} → {m} → {canonical}: not {example}",
        ha="right", va="center", color=COLOURS.red, fontsize=11, fontweight="bold",
    )  # fmt: skip
    ax.set_xlim(sizes.min() - 0.6, sizes.max() + 0.6)
    ax.set_xticks(sizes)
    ax.set_xlabel("input size n")
    ax.set_ylabel("output size")
    ax.set_ylim(0, pooled.max() * 1.42)
    ax.legend(loc="upper left", ncols=3, title="restored by", alignment="left", fontsize=9.5)
    return figure


def surviving_sizes(survives: np.ndarray) -> Figure:
    """Which sizes come back after p poolings and p doublings.

    Parameters
    ----------
    survives
        Booleans, shape (levels, sizes); column j is size j + 1, row i is i + 1 poolings.
    """
    levels, count = survives.shape
    figure, ax = plt.subplots(figsize=(7.6, 2.15))
    palette = [COLOURS.sky, COLOURS.blue, COLOURS.green, COLOURS.orange, COLOURS.red]
    for level in range(levels):
        for n in range(1, count + 1):
            face = palette[level] if survives[level, n - 1] else _EMPTY
            ax.add_patch(plt.Rectangle((n - 0.5, level - 0.5), 1, 1, fc=face, ec="white", lw=0.8))
        ax.text(count + 1.1, level, f"{survives[level].sum()} of {count}", va="center", fontsize=9)
    ax.set_xlim(0.3, count + 0.7)
    ax.set_ylim(levels - 0.45, -0.55)
    ax.set_xticks([1, *range(8, count + 1, 8)])
    names = [f"{p} pooling{'s' if p > 1 else ''}" for p in range(1, levels + 1)]
    ax.set_yticks(range(levels), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("input size (coloured: the size comes back)")
    return figure


def size_cures(
    position: np.ndarray, curves: Sequence[tuple[str, np.ndarray]], ylabel: str
) -> Figure:
    """One curve of misplacement per way of getting an odd size back."""
    figure, ax = plt.subplots(figsize=(7.6, 2.9))
    styles = [(COLOURS.blue, "-"), (COLOURS.green, "-"), (COLOURS.orange, "-"), (COLOURS.red, "-")]
    for (name, values), (colour, dash) in zip(curves, styles, strict=False):
        ax.plot(position, values, color=colour, ls=dash, label=name, lw=2)
    ax.axhline(0, color=INK, lw=0.8)
    ax.set_xlabel("true position (pixel)")
    ax.set_ylabel(ylabel)
    ax.legend(fontsize=9.5)
    ax.set_xlim(position.min(), position.max())
    return figure


def overlap_bars(panels: Sequence[tuple[str, int, int, int]]) -> Figure:
    """Stamps on a line, and how many lie on each output.

    Parameters
    ----------
    panels
        One (title, number of inputs, kernel size, stride) each.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7.6, 2.7))
    for ax, (title, inputs, kernel, stride) in zip(axes, panels, strict=True):
        size = stride * (inputs - 1) + kernel
        count = np.zeros(size, dtype=int)
        for i in range(inputs):
            count[i * stride : i * stride + kernel] += 1
        lanes = -(-kernel // stride)
        for i in range(inputs):
            colour = (COLOURS.blue, COLOURS.orange, COLOURS.green, COLOURS.purple)[i % 4]
            y = 3.3 + 0.62 * (i % lanes)
            ax.add_patch(
                plt.Rectangle((i * stride - 0.45, y), kernel - 0.1, 0.5, fc=colour, ec="none")
            )
        inner = count[kernel - 1 : size - kernel + 1]
        uneven = inner.size and inner.min() != inner.max()
        for position, height in enumerate(count):
            heavy = uneven and height == inner.max()
            ax.bar(position, height, color=COLOURS.red if heavy else COLOURS.grey, width=0.84)
            ax.text(position, height + 0.08, str(height), ha="center", fontsize=9)
        ax.set_xlim(-0.8, size - 0.2)
        ax.set_ylim(0, 3.3 + 0.62 * lanes + 0.1)
        ax.set_yticks([])
        ax.set_xticks([])
        ax.spines["left"].set_visible(False)
        ax.set_title(title, fontsize=10.5)
        ax.set_xlabel("output position", fontsize=9.5)
    axes[0].text(-0.7, 2.75, "stamps lying on each output:", fontsize=8.5, va="center")
    return figure


def phases(kernels: Sequence[np.ndarray], titles: Sequence[str], stride: int) -> Figure:
    """Kernels whose weights are coloured by the output phase they serve, and the phases apart.

    Parameters
    ----------
    kernels
        Each of shape (K, K).
    """
    colours = [COLOURS.blue, COLOURS.orange, COLOURS.green, COLOURS.purple]
    figure, axes = plt.subplots(
        len(kernels), 3, figsize=(7.6, 2.35 * len(kernels)), width_ratios=[1, 1.25, 1.25]
    )
    for (ax, apart, out), kernel, title in zip(axes, kernels, titles, strict=True):
        size = kernel.shape[0]
        for row in range(size):
            for column in range(size):
                phase = row % stride * stride + column % stride
                _tile(ax, column, row, colours[phase], f"$w_{{{row}{column}}}$")
        _frame(ax, -0.6, size - 0.4, title)
        gap = -(-size // stride) + 0.7
        for phase in range(stride**2):
            r, c = divmod(phase, stride)
            part = kernel[r::stride, c::stride]
            for row in range(part.shape[0]):
                for column in range(part.shape[1]):
                    name = f"$w_{{{r + row * stride}{c + column * stride}}}$"
                    _tile(apart, c * gap + column, r * gap + row, colours[phase], name)
        _frame(apart, -0.6, 2 * gap - 1.0, "four small kernels")
        side = 8
        for row in range(side):
            for column in range(side):
                phase = row % stride * stride + column % stride
                r, c = divmod(phase, stride)
                _tile(out, column, row, colours[phase], str(kernel[r::stride, c::stride].size))
        _frame(out, -0.6, side - 0.4, "weights per output")
    return figure


def _tile(ax: Axes, x: float, y: float, colour: str, text: str) -> None:
    ax.add_patch(plt.Rectangle((x - 0.5, y - 0.5), 1, 1, fc=colour, ec="white", lw=1.5))
    ink = INK if colour in (COLOURS.orange, COLOURS.purple) else "white"
    ax.text(x, y, text, ha="center", va="center", fontsize=9.5, color=ink)


def _frame(ax: Axes, low: float, high: float, title: str) -> None:
    ax.set_xlim(low, high)
    ax.set_ylim(high, low)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.set_title(title, fontsize=10.5)


def overlap_maps(rows: Sequence[Sequence[np.ndarray]], names: Sequence[str]) -> Figure:
    """Response to a constant image after one, two, three layers; one row per operator.

    Parameters
    ----------
    rows
        For each operator its maps, layer after layer, each scaled to mean 1.
    """
    depth = len(rows[0])
    figure, axes = plt.subplots(len(rows), depth, figsize=(7.6, 2.2 * len(rows) + 0.3))
    axes = np.atleast_2d(axes)
    for row, (maps, name) in enumerate(zip(rows, names, strict=True)):
        line = axes[row]
        for layer, (ax, values) in enumerate(zip(line, maps, strict=True), start=1):
            image = ax.imshow(values, cmap="viridis", vmin=0, vmax=2.4)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(False)
            if row == 0:
                ax.set_title(f"{layer} layer{'s' if layer > 1 else ''}")
        line[0].set_ylabel(name, fontsize=10.5, fontweight="bold")
    figure.colorbar(image, ax=axes, fraction=0.025, pad=0.02, label="response / mean")
    return figure


def checkerboard_spectra(
    pictures: Sequence[np.ndarray], spectra: Sequence[np.ndarray], names: Sequence[str], zoom: slice
) -> Figure:
    """Pictures, a magnified part of each, and their spectra with the stride's frequencies marked.

    Parameters
    ----------
    pictures, spectra
        Shape (N, N) each; spectra are centred and logarithmic.
    zoom
        Rows and columns of the magnified part.
    """
    figure, axes = plt.subplots(3, len(pictures), figsize=(7.6, 7.7))
    low = min(np.quantile(s, 0.02) for s in spectra)
    high = max(np.quantile(s, 0.9999) for s in spectra)
    for column, (picture, spectrum, name) in enumerate(zip(pictures, spectra, names, strict=True)):
        span = np.quantile(picture, (0.005, 0.995))
        show_image(axes[0, column], picture, name, vmin=span[0], vmax=span[1])
        start, length = zoom.start, zoom.stop - zoom.start
        axes[0, column].add_patch(
            plt.Rectangle((start, start), length, length, fill=False, ec=COLOURS.yellow, lw=1.8)
        )
        show_image(axes[1, column], picture[zoom, zoom], vmin=span[0], vmax=span[1])
        ax = axes[2, column]
        show_image(ax, spectrum, vmin=low, vmax=high, cmap="magma")
        size = spectrum.shape[0]
        half = size // 2
        for row in (0, half, size):
            for col in (0, half, size):
                if (row, col) != (half, half):
                    ax.plot(col, row, "o", mfc="none", mec=COLOURS.sky, mew=1.6, ms=15,
                            clip_on=False)  # fmt: skip
        ax.set_xlim(-0.5, size - 0.5)
        ax.set_ylim(size - 0.5, -0.5)
    for ax, name in zip(axes[:, 0], ("output", "magnified", "spectrum"), strict=True):
        ax.set_ylabel(name, fontweight="bold")
    return figure
