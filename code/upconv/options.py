"""What networks may be asked for: one complaint for both frameworks."""

from __future__ import annotations

from numbers import Integral

from upconv.checks import check_choice, refuse

UNET = {
    "norm": ("none", "batch", "group"),
    "up": ("transposed", "resize"),
    "skips": ("concat", "add", "none", "switches"),
    "feed": ("own", "nothing", "neighbour"),
}


# Least and most of what a network is made of: more than any of ours has, and few enough that one
# can be described without filling the memory.
COUNTS = {
    "classes": (1, 2**16),
    "channels": (1, 2**12),
    "width": (1, 2**14),
    "depth": (1, 12),
    "latent": (1, 2**20),
    "dense": (0, 2**20),
    "head": (1, 2**16),
    "head_kernel": (1, 31),
    "hidden": (1, 2**16),
    "blocks": (0, 256),
}


def check_counts(**counts: int) -> None:
    """Refuse numbers of channels, layers and the like that no network has.

    Raises
    ------
    ValueError
        Naming the argument, what came and what was expected.
    """
    for name, value in counts.items():
        least, most = COUNTS[name]
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not (whole and least <= value <= most):
            refuse(name, repr(value), f"a whole number, {least} to {most}")


def check_unet(
    depth: int, padded: bool, *, classes: int, channels: int, width: int, **chosen: str
) -> None:
    """Refuse what is no U-Net.

    Raises
    ------
    ValueError
        For an unknown choice, a number out of range, or what needs padding without it.
    """
    check_counts(classes=classes, channels=channels, width=width, depth=depth)
    for name, value in chosen.items():
        check_choice(name, value, UNET[name])
    for name, value in (("skips", "switches"), ("up", "resize")):
        if not padded and chosen[name] == value:
            refuse("padded", f"False with {name}={value!r}", "True")


def norm_groups(channels: int) -> int:
    """Groups of a group norm: the most, up to 8, that divide the channels."""
    return next(n for n in range(8, 0, -1) if channels % n == 0)


DCGAN = {
    "up": ("transposed", "resize"),
    "down": ("strided", "pool"),
    "act": ("relu", "leaky", "tanh"),
}


def check_dcgan(size: int, kernel: int, counts: dict[str, int], **chosen: str) -> None:
    """Refuse what is no DCGAN.

    Raises
    ------
    ValueError
        For a size or kernel that does not fit, a number out of range, or an unknown choice.
    """
    check_counts(**counts)
    for name, value, known in (("size", size, (32, 64, 128)), ("kernel", kernel, (3, 4, 5))):
        if value not in known:
            refuse(name, value, f"one of {', '.join(map(str, known))}")
    for name, value in chosen.items():
        check_choice(name, value, DCGAN[name])


def check_transform(width: int, blocks: int) -> None:
    """Refuse what is no image transformation network.

    Raises
    ------
    ValueError
        For a number out of range.
    """
    check_counts(width=width, blocks=blocks)
