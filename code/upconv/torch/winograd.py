"""3 × 3 convolutions with fewer multiplications, for processors that are short of them.

Winograd's F(2 × 2, 3 × 3) computes a 2 × 2 tile of the output from a 4 × 4 tile of the input with
16 multiplications in place of 36 (Lavin & Gray 2016, https://arxiv.org/abs/1509.09308). All else
is additions, and one matrix product for each of the 16 places in a tile. Libraries for processors
without AVX-512 have it for no direction of training; ``benchmarks/winograd.py`` measures both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from upconv.checks import refuse

TILES = 1024  # transformed at a time, about: what a processor's caches hold


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, padding: int = 0) -> Tensor:
    """The convolution ``F.conv2d(x, weight, bias, padding=padding)``, up to rounding.

    Parameters
    ----------
    x
        (N, C, H, W).
    weight
        (O, C, 3, 3).
    bias
        (O,).
    padding
        Zeros on each side: 0, 1 or 2.

    Returns
    -------
    Tensor
        (N, O, H + 2 · padding - 2, W + 2 · padding - 2), channels first in memory.

    Raises
    ------
    ValueError
        For other sizes of kernel or padding, and images smaller than the kernel.
    """
    if weight.shape[1:] != (x.shape[1], 3, 3):
        expected = f"(O, {x.shape[1]}, 3, 3)"
        refuse("weight", f"shape {tuple(weight.shape)}", expected)
    if padding not in (0, 1, 2):
        refuse("padding", padding, "0, 1 or 2")
    if min(x.shape[2:]) + 2 * padding < 3:
        got = f"{tuple(x.shape[2:])} with padding {padding}"
        refuse("x", got, "at least 3 × 3")
    out = _Convolution.apply(x, weight, padding)
    return out if bias is None else out + bias[:, None, None]


class Convolutions(TorchFunctionMode):
    """Within it, ``F.conv2d`` takes the faster way for each 3 × 3 convolution of stride 1.

    That is :func:`conv2d` where :func:`pays`, else the library's with channels first. All other
    functions are as they were, and so is what is computed, up to rounding.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        arguments: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> Any:
        named = named or {}
        return (_faster if function is torch.conv2d else function)(*arguments, **named)


def dense(weight: Tensor, stride: Any = 1, dilation: Any = 1, groups: int = 1) -> bool:
    """Whether a convolution goes by 3 × 3 pixels in steps of one."""
    plain = all(step in (1, (1, 1), [1, 1]) for step in (stride, dilation))
    return weight.shape[2:] == (3, 3) and plain and groups == 1


def pays(x: Tensor, weight: Tensor) -> bool:
    """Whether :func:`conv2d` is faster than the library's, on a processor with AVX2 alone.

    The tiles must be many enough for the matrix products, and the channels enough for what the
    products save to exceed the additions (``benchmarks/winograd.py``).
    """
    tiles = len(x) * ((x.shape[2] + 1) // 2) * ((x.shape[3] + 1) // 2)
    single = x.dtype == weight.dtype == torch.float32
    return single and min(weight.shape[:2]) >= 128 and tiles >= 196


def _faster(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    if not dense(weight, stride, dilation, groups):
        return torch.conv2d(x, weight, bias, stride, padding, dilation, groups)
    same = {0: 0, (0, 0): 0, 1: 1, (1, 1): 1, 2: 2, (2, 2): 2, "valid": 0, "same": 1}
    known = same.get(tuple(padding) if isinstance(padding, list) else padding)
    if known is None or x.ndim != 4 or not pays(x, weight):
        return torch.conv2d(x.contiguous(), weight, bias, stride, padding, dilation, groups)
    return conv2d(x, weight, bias, known)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, padding: int) -> Tensor:
        return _convolve(x, weight, padding)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int], output: Tensor) -> None:
        x, weight, ctx.padding = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:  # the convolution with the kernel turned round
            of_x = _convolve(gradient, weight.flip(2, 3).transpose(0, 1), 2 - ctx.padding)
        if ctx.needs_input_grad[1]:
            of_weight = _weight_gradient(x, gradient, ctx.padding)
        return of_x, of_weight, None


def _convolve(x: Tensor, weight: Tensor, padding: int) -> Tensor:
    size = [side + 2 * padding - 2 for side in x.shape[2:]]
    out = x.new_empty(len(x), len(weight), *size)
    kernels = _kernels(weight)
    for part in _parts(len(x), size):
        _gather(torch.bmm(kernels, _tiles(x[part], padding)), out[part])
    return out


def _weight_gradient(x: Tensor, gradient: Tensor, padding: int) -> Tensor:
    total = x.new_zeros(16, gradient.shape[1], x.shape[1])
    for part in _parts(len(x), gradient.shape[2:]):
        total.baddbmm_(_spread(gradient[part]), _tiles(x[part], padding).transpose(1, 2))
    # Gᵀ · total · G: from the 4 × 4 places of a tile to the 3 × 3 of the kernel.
    rows = _from_four(*total.unflatten(0, (4, 4)))
    columns = [_from_four(*row) for row in rows]
    return torch.stack([torch.stack(row, -1) for row in columns], -2)


def _parts(images: int, size: Any) -> list[slice]:
    """So many images at a time that about ``TILES`` tiles are transformed at once."""
    height, width = size
    step = max(1, TILES // max(1, -(-height // 2) * (-(-width // 2))))
    return [slice(first, first + step) for first in range(0, images, step)]


def _kernels(weight: Tensor) -> Tensor:
    """G · g · Gᵀ of each kernel: (16, O, C)."""
    rows = _to_four(*weight.unbind(-2))
    return torch.stack([part for row in rows for part in _to_four(*row.unbind(-1))])


def _to_four(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    """G = [[1, 0, 0], [½, ½, ½], [½, -½, ½], [0, 0, 1]]."""
    outer = a + c
    return a, (outer + b) / 2, (outer - b) / 2, c


def _from_four(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> tuple[Tensor, ...]:
    """Gᵀ."""
    half = (b + c) / 2
    return a + half, (b - c) / 2, half + d


def _tiles(x: Tensor, padding: int) -> Tensor:
    """Bᵀ · d · B of the 4 × 4 tiles d, two apart, of the padded images: (16, C, N · tiles)."""
    images, channels, height, width = x.shape
    high, wide = ((side + 2 * padding - 1) // 2 for side in (height, width))
    # Even and odd columns of the padded image, each one lying together.
    halves = x.new_zeros(2, channels, images, 2 * high + 2, wide + 1)
    plain = x.transpose(0, 1)
    for parity in range(2):
        first = (parity - padding) % 2
        start = (first + padding) // 2
        columns = plain[..., first::2]
        halves[parity, ..., padding : padding + height, start : start + columns.shape[-1]] = columns
    even, odd = halves
    a, b, c, d = even[..., :-1], odd[..., :-1], even[..., 1:], odd[..., 1:]
    out = x.new_empty(4, 4, channels, images, high, wide)
    for column, part in enumerate((a - c, b + c, c - b, b - d)):
        top, bottom = part.unflatten(-2, (high + 1, 2)).unbind(-2)
        a_, b_, c_, d_ = top[..., :-1, :], bottom[..., :-1, :], top[..., 1:, :], bottom[..., 1:, :]
        torch.sub(a_, c_, out=out[0, column])
        torch.add(b_, c_, out=out[1, column])
        torch.sub(c_, b_, out=out[2, column])
        torch.sub(b_, d_, out=out[3, column])
    return out.reshape(16, channels, -1)


def _gather(products: Tensor, out: Tensor) -> None:
    """Aᵀ · m · A of all tiles m, (16, O, N · tiles), put together into ``out`` (N, O, H, W)."""
    images, channels, height, width = out.shape
    high, wide = -(-height // 2), -(-width // 2)
    parts = products.view(4, 4, channels, images, high, wide)
    plain = out.transpose(0, 1)
    # Rows first: both sums of four, for all four columns at once.
    both = parts[1] + parts[2], parts[1] - parts[2]
    for row, (a, b, c, d) in enumerate((both[0].add_(parts[0]), both[1].sub_(parts[3]))):
        for column, sums in enumerate((b + c, b - c)):
            sums = sums.sub_(d) if column else sums.add_(a)
            place = plain[..., row::2, column::2]
            place.copy_(sums[..., : place.shape[-2], : place.shape[-1]])


def _spread(gradient: Tensor) -> Tensor:
    """A · g · Aᵀ of the 2 × 2 tiles g: (16, O, N · tiles). The adjoint of ``_gather``."""
    images, channels, height, width = gradient.shape
    high, wide = -(-height // 2), -(-width // 2)
    corners = gradient.new_zeros(2, 2, channels, images, high, wide)
    plain = gradient.transpose(0, 1)
    for row in range(2):
        for column in range(2):
            part = plain[..., row::2, column::2]
            corners[row, column, ..., : part.shape[-2], : part.shape[-1]] = part
    out = gradient.new_empty(4, 4, channels, images, high, wide)
    first, second = corners
    # A = [[1, 0], [1, 1], [1, -1], [0, -1]], on rows and then on columns.
    for row, (left, right) in enumerate((first, first + second, first - second, -second)):
        out[row, 0] = left
        torch.add(left, right, out=out[row, 1])
        torch.sub(left, right, out=out[row, 2])
        torch.neg(right, out=out[row, 3])
    return out.reshape(16, channels, -1)
