"""Sizes, receptive fields and parameter counts: arithmetic on integers, without arrays.

Symbols: input size N, kernel size K, stride S, padding P, dilation D, output padding A.
The relations follow Dumoulin & Visin, "A guide to convolution arithmetic for deep
learning" (arXiv:1603.07285, 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, overload

from upconv.checks import check_flag, check_integer, check_pair, is_integer, refuse
from upconv.deprecated import renamed

Size = int | tuple[int, int]


@overload
def conv2d_output_size(
    input_size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int: ...
@overload
def conv2d_output_size(
    input_size: tuple[int, int],
    kernel_size: Size,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> tuple[int, int]: ...
@overload
def conv2d_output_size(
    input_size: Size, kernel_size: Size, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Size: ...
def conv2d_output_size(
    input_size: Size, kernel_size: Size, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Size:
    """Output size of a convolution or pooling: ⌊(N + 2P − D(K−1) − 1) / S⌋ + 1.

    Relationship 6 of Dumoulin & Visin (2016), with dilation as in their relationship 15.

    Parameters
    ----------
    input_size, kernel_size, stride, padding, dilation : int or pair of int
        In pixels, for one axis, or (height, width).

    Returns
    -------
    int or pair of int
        An integer if all arguments are integers, else a pair.

    Raises
    ------
    ValueError
        If a size is not a positive integer (padding may be 0), or if the dilated kernel,
        D(K−1)+1 pixels wide, is larger than the padded input.

    Examples
    --------
    >>> conv2d_output_size(32, 5)  # LeNet-5's first layer
    28
    >>> conv2d_output_size(227, 11, stride=4)  # AlexNet's
    55
    >>> conv2d_output_size((480, 360), 3, stride=2, padding=1)
    (240, 180)
    """
    return _per_axis(
        _conv2d_output_size,
        input_size=(input_size, 1),
        kernel_size=(kernel_size, 1),
        stride=(stride, 1),
        padding=(padding, 0),
        dilation=(dilation, 1),
    )


def _conv2d_output_size(
    input_size: int, kernel_size: int, stride: int, padding: int, dilation: int
) -> int:
    room = input_size + 2 * padding - (dilation * (kernel_size - 1) + 1)
    if room < 0:
        got = f"{kernel_size} ({dilation * (kernel_size - 1) + 1} with dilation {dilation})"
        refuse("kernel_size", got, f"at most the padded input size {input_size + 2 * padding}")
    return room // stride + 1


@overload
def conv_transpose2d_output_size(
    input_size: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> int: ...
@overload
def conv_transpose2d_output_size(
    input_size: tuple[int, int],
    kernel_size: Size,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
) -> tuple[int, int]: ...
@overload
def conv_transpose2d_output_size(
    input_size: Size,
    kernel_size: Size,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
) -> Size: ...
def conv_transpose2d_output_size(
    input_size: Size,
    kernel_size: Size,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
) -> Size:
    """Output size of a transposed convolution: S(N−1) + D(K−1) + 1 − 2P + A.

    Relationship 14 of Dumoulin & Visin (2016), with dilation. A convolution with stride S maps
    S consecutive input sizes to one output size; the output padding A selects which of them
    the transposed convolution returns to.

    Parameters
    ----------
    input_size, kernel_size, stride, padding, output_padding, dilation : int or pair of int
        In pixels, for one axis, or (height, width).

    Returns
    -------
    int or pair of int
        An integer if all arguments are integers, else a pair.

    Raises
    ------
    ValueError
        If a size is not a positive integer (paddings may be 0), if the output padding is not
        smaller than the stride or the dilation (PyTorch's rule: A < max(S, D)), or if the
        padding leaves no output.

    Examples
    --------
    >>> conv_transpose2d_output_size(4, 4, stride=2, padding=1)  # a generator's doubling
    8
    >>> [conv2d_output_size(size, 3, stride=2) for size in (7, 8)]
    [3, 3]
    >>> [conv_transpose2d_output_size(3, 3, stride=2, output_padding=a) for a in (0, 1)]
    [7, 8]
    """
    return _per_axis(
        _conv_transpose2d_output_size,
        input_size=(input_size, 1),
        kernel_size=(kernel_size, 1),
        stride=(stride, 1),
        padding=(padding, 0),
        output_padding=(output_padding, 0),
        dilation=(dilation, 1),
    )


def _conv_transpose2d_output_size(
    input_size: int, kernel_size: int, stride: int, padding: int, output_padding: int, dilation: int
) -> int:
    if output_padding >= max(stride, dilation):
        expected = f"less than the larger of stride {stride} and dilation {dilation}"
        refuse("output_padding", output_padding, expected)
    whole = stride * (input_size - 1) + dilation * (kernel_size - 1) + 1 + output_padding
    if whole - 2 * padding < 1:
        refuse("padding", padding, f"less than half of the unpadded output size {whole}")
    return whole - 2 * padding


def _per_axis(function: Callable[..., int], **arguments: tuple[Any, int]) -> Size:
    """Apply ``function`` to numbers, or to both elements of pairs.

    Each argument is paired with its smallest valid value.
    """
    pairs = {name: check_pair(name, value, low) for name, (value, low) in arguments.items()}
    height, width = (
        function(**{name: pair[axis] for name, pair in pairs.items()}) for axis in (0, 1)
    )
    one_axis = all(is_integer(value) for value, _ in arguments.values())
    return height if one_axis else (height, width)


def conv2d_parameters(
    in_channels: int, out_channels: int, kernel_size: Size, groups: int = 1, bias: bool = True
) -> int:
    """Count weights and biases: C_out · (C_in / G) · K_h · K_w, plus C_out with bias.

    A fully connected layer is the case ``kernel_size=1``, with its units as channels.

    Raises
    ------
    ValueError
        If a count is not a positive integer or ``groups`` does not divide both channel counts.

    Examples
    --------
    >>> conv2d_parameters(3, 64, 3)  # VGG16's first layer
    1792
    >>> conv2d_parameters(512, 4096, 7)  # its first dense layer as a convolution
    102764544
    >>> conv2d_parameters(64, 64, 3, groups=64)  # depthwise
    640
    """
    in_channels = check_integer("in_channels", in_channels, 1)
    out_channels = check_integer("out_channels", out_channels, 1)
    groups = check_integer("groups", groups, 1)
    height, width = check_pair("kernel_size", kernel_size, 1)
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % groups:
            refuse(name, channels, f"a multiple of groups {groups}")
    weights = out_channels * (in_channels // groups) * height * width
    return weights + (out_channels if check_flag("bias", bias) else 0)


class Layer(NamedTuple):
    """Geometry of a convolution or pooling layer along one axis.

    ``transposed`` makes it a transposed convolution.

    Examples
    --------
    >>> Layer(3, padding=1)
    Layer(kernel_size=3, stride=1, padding=1, dilation=1, name='', transposed=False)
    >>> network_shapes([Layer(4, 2, 1, name="up", transposed=True)], 16)
    [('up', 32)]
    """

    kernel_size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    name: str = ""
    transposed: bool = False


@renamed(centre="center")  # codespell:ignore
class ReceptiveField(NamedTuple):
    """Input region that one unit of a layer sees, along one axis, in input pixels.

    ``size`` is the width of the region, ``jump`` the distance between the regions of
    neighboring units, and ``center`` the middle of the first unit's region; the first input
    pixel's center is at 0. Unit i sees the pixels ``center + i * jump ± (size − 1) / 2``; those
    outside the input are padding.

    Examples
    --------
    >>> field = receptive_field([Layer(3), Layer(2, 2, name="pool")])[-1]
    >>> field
    ReceptiveField(name='pool', size=4, jump=2, center=1.5)
    >>> [field.center + unit * field.jump for unit in range(3)]
    [1.5, 3.5, 5.5]
    """

    name: str
    size: int
    jump: int
    center: float


def receptive_field(layers: Iterable[Layer | tuple[Any, ...]]) -> list[ReceptiveField]:
    """Compute the receptive field after each layer, by recursion from the input.

    With jump j and size r before a layer (j = r = 1 at the input), after it::

        r ← r + (K − 1) · D · j
        center ← center + ((K − 1) · D / 2 − P) · j
        j ← j · S

    The recursion is from Araujo, Norris & Sim, "Computing receptive fields of convolutional
    neural networks" (Distill, 2019).

    Parameters
    ----------
    layers : iterable of Layer
        In network order; plain tuples ``(kernel_size, stride, ...)`` are also accepted.

    Returns
    -------
    list of ReceptiveField
        One row per layer; the last is the network's.

    Raises
    ------
    ValueError
        If there are no layers, a size is not a positive integer (padding may be 0), or a layer is
        transposed: then units see regions of different sizes; use :func:`input_interval`.

    Examples
    --------
    >>> [row.size for row in receptive_field([Layer(3), Layer(3), Layer(3)])]  # as one 7 × 7
    [3, 5, 7]
    >>> [row.size for row in receptive_field([Layer(3, dilation=d) for d in (1, 2, 4)])]
    [3, 7, 15]
    >>> receptive_field([Layer(3), Layer(2, stride=2), Layer(3)])[-1]
    ReceptiveField(name='', size=8, jump=2, center=3.5)
    """
    rows = []
    size, jump, center = 1, 1, 0.0
    for position, layer in enumerate(_check_layers(layers)):
        if layer.transposed:
            refuse(f"layers[{position}].transposed", True, "False (use input_interval)")
        reach = (layer.kernel_size - 1) * layer.dilation
        size += reach * jump
        center += (reach / 2 - layer.padding) * jump
        jump *= layer.stride
        rows.append(ReceptiveField(layer.name, size, jump, center))
    return rows


def input_interval(layers: Iterable[Layer | tuple[Any, ...]], unit: int) -> tuple[int, int] | None:
    """First and last input pixel that can influence one unit of the last layer, along one axis.

    Traces back from the unit. For every tap k = 0 … K − 1 of the kernel, unit a of a layer reads
    from the layer before it the unit

        S·a − P + D·k            in a convolution or pooling,
        (a + P − D·k) / S        in a transposed convolution, if that is a whole number.

    Parameters
    ----------
    layers : iterable of Layer
        In network order.
    unit : int
        Index of the unit in the last layer's feature map.

    Returns
    -------
    first, last : int
        Positions outside the input are padding. Padding of the feature maps in between also
        counts as seen; gaps within the interval are not reported.
        None if the unit sees nothing, as between the stamps of a kernel smaller than its stride.

    Raises
    ------
    ValueError
        If there are no layers, a size is not a positive integer (padding may be 0), or the unit
        is not a non-negative integer.

    Examples
    --------
    >>> input_interval([Layer(3), Layer(3)], unit=10)
    (10, 14)
    >>> stamps = Layer(2, stride=3, transposed=True)  # with a gap between them
    >>> [input_interval([stamps], unit) for unit in range(4)]
    [(0, 0), (0, 0), None, (1, 1)]
    """
    units = {check_integer("unit", unit, 0)}
    for layer in reversed(_check_layers(layers)):
        steps = range(0, layer.dilation * layer.kernel_size, layer.dilation)
        if layer.transposed:
            reached = {a + layer.padding - step for a in units for step in steps}
            units = {a // layer.stride for a in reached if a % layer.stride == 0}
        else:
            units = {layer.stride * a - layer.padding + step for a in units for step in steps}
        if not units:
            return None
    return min(units), max(units)


def network_shapes(
    layers: Iterable[Layer | tuple[Any, ...]], input_size: Size
) -> list[tuple[str, Size]]:
    """Output size after each layer, as rows (name, size); the size is a pair if the input's is.

    Raises
    ------
    ValueError
        If there are no layers, if a size is not a positive integer (padding may be 0), or if a
        kernel is larger than its layer's padded input.

    Examples
    --------
    >>> lenet = [Layer(5, name="C1"), Layer(2, 2, name="S2"), Layer(5, name="C3")]
    >>> network_shapes(lenet, 32)
    [('C1', 28), ('S2', 14), ('C3', 10)]
    >>> network_shapes(lenet, (32, 48))[-1]
    ('C3', (10, 18))
    """
    rows = []
    size = input_size
    for position, layer in enumerate(_check_layers(layers)):
        kernel_size, stride, padding, dilation, name, transposed = layer
        options = {"padding": padding, "dilation": dilation}
        result = conv_transpose2d_output_size if transposed else conv2d_output_size
        try:
            size = result(size, kernel_size, stride, **options)
        except ValueError as error:
            raise ValueError(f"layers[{position}].{error}") from error
        rows.append((name, size))
    return rows


def unet_size(output_size: int, depth: int = 4) -> tuple[int, int]:
    """Smallest input of an unpadded U-Net that outputs at least ``output_size`` pixels per side.

    If b pixels per side leave the bottleneck, the input has 2^d (b + 4) + 4 (2^d − 1) and the
    output 2^d b − 4 (2^d − 1); every pooling then sees an even size. For d = 4 and 388
    pixels: 572 and 388, as in Ronneberger, Fischer & Brox (2015).

    Parameters
    ----------
    output_size : int
        Requested pixels per side.
    depth : int
        Number d of poolings.

    Returns
    -------
    input_size, output_size : int

    Raises
    ------
    ValueError
        If an argument is not a positive integer, or the depth is above 32.

    Examples
    --------
    >>> unet_size(388)  # the paper's
    (572, 388)
    >>> unet_size(389)  # one more pixel costs a whole step of the lowest level
    (588, 404)
    """
    wanted = check_integer("output_size", output_size, 1)
    depth = check_integer("depth", depth, 1)
    if depth > 32:
        refuse("depth", depth, "at most 32: no image can be halved more often")
    step = 2**depth
    lost = 4 * (step - 1)
    lowest = -(-(wanted + lost) // step)
    return step * (lowest + 4) + lost, step * lowest - lost


def _check_layers(layers: Iterable[Layer | tuple[Any, ...]]) -> list[Layer]:
    try:
        given = list(layers)
    except TypeError:
        refuse("layers", repr(layers), "an iterable of Layer")
    checked = []
    for position, layer in enumerate(given):
        if not isinstance(layer, tuple) or not 1 <= len(layer) <= len(Layer._fields):
            refuse(f"layers[{position}]", repr(layer), f"a Layer({', '.join(Layer._fields)})")
        layer = Layer(*layer)
        for name, minimum in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            check_integer(f"layers[{position}].{name}", getattr(layer, name), minimum)
        checked.append(layer)
    if not checked:
        refuse("layers", "none", "at least one layer")
    return checked
