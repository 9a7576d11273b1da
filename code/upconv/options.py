"""What networks may be asked for: one complaint for both frameworks."""

from __future__ import annotations

from collections.abc import Sequence

UNET = {
    "norm": ("none", "batch", "group"),
    "up": ("transposed", "resize"),
    "skips": ("concat", "add", "none", "switches"),
    "feed": ("own", "nothing", "neighbour"),
}


def one_of(name: str, value: str, known: Sequence[str]) -> None:
    """Refuse a value that is none of those known.

    Raises
    ------
    ValueError
        Naming the argument, what came and what was expected.
    """
    if value not in known:
        raise ValueError(f"{name}: got {value!r}, expected one of {', '.join(known)}")


def check_unet(depth: int, padded: bool, **chosen: str) -> None:
    """Refuse what is no U-Net.

    Raises
    ------
    ValueError
        For an unknown choice, no depth, or what needs padding without it.
    """
    if depth < 1:
        raise ValueError(f"depth: got {depth}, expected at least 1")
    for name, value in chosen.items():
        one_of(name, value, UNET[name])
    for name, value in (("skips", "switches"), ("up", "resize")):
        if not padded and chosen[name] == value:
            raise ValueError(f"padded: got False with {name}={value!r}, expected True")


def norm_groups(channels: int) -> int:
    """Groups of a group norm: the most, up to 8, that divide the channels."""
    return next(n for n in range(8, 0, -1) if channels % n == 0)


DCGAN = {
    "up": ("transposed", "resize"),
    "down": ("strided", "pool"),
    "act": ("relu", "leaky", "tanh"),
}


def check_dcgan(size: int, kernel: int, **chosen: str) -> None:
    """Refuse what is no DCGAN.

    Raises
    ------
    ValueError
        For a size or kernel that does not fit, or an unknown choice.
    """
    for name, value, known in (("size", size, (32, 64, 128)), ("kernel", kernel, (3, 4, 5))):
        if value not in known:
            raise ValueError(f"{name}: got {value}, expected one of {', '.join(map(str, known))}")
    for name, value in chosen.items():
        one_of(name, value, DCGAN[name])


def check_transform(width: int, blocks: int) -> None:
    """Refuse what is no image transformation network.

    Raises
    ------
    ValueError
        For no channels, or fewer than no blocks.
    """
    for name, value, least in (("width", width, 1), ("blocks", blocks, 0)):
        if value < least:
            raise ValueError(f"{name}: got {value}, expected at least {least}")
