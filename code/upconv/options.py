"""What networks of both frameworks share: their arguments, and ImageNet's colors and names."""

from __future__ import annotations

from numbers import Integral

from upconv.checks import check_choice, refuse

# Least and most of what a network is made of: more than any of ours has, and few enough that one
# can be described without filling the memory.
COUNTS = {
    "classes": (1, 2**16),
    "in_channels": (1, 2**12),
    "channels": (1, 2**12),
    "base_channels": (1, 2**14),
    "depth": (1, 12),
    "latent": (1, 2**20),
    "dense": (0, 2**20),
    "head": (1, 2**16),
    "head_kernel": (1, 31),
    "hidden": (1, 2**16),
    "blocks": (0, 256),
}

# Of images in [0, 1], red, green and blue.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# Of the 1000 classes of Russakovsky et al. (2015), by number, those that the photographs of this
# course are taken for; of several names the first.
IMAGENET_NAMES = {
    281: "tabby",
    282: "tiger cat",
    285: "Egyptian cat",
    287: "lynx",
    309: "bee",
    442: "bell cote",
    450: "bobsled",
    504: "coffee mug",
    540: "drilling platform",
    560: "football helmet",
    657: "missile",
    663: "monastery",
    698: "palace",
    744: "projectile",
    812: "space shuttle",
    872: "tripod",
    947: "mushroom",
    967: "espresso",
    968: "cup",
    985: "daisy",
}


def scaled(channels: int, width_mult: float) -> int:
    """A number of channels, scaled, at least 1."""
    return max(1, round(channels * width_mult))


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


def check_unet(classes: int, in_channels: int, base_channels: int, depth: int, norm: str) -> None:
    """Refuse arguments that do not describe a U-Net.

    Raises
    ------
    ValueError
        For a number out of range, or an unknown norm.
    """
    check_counts(classes=classes, in_channels=in_channels, base_channels=base_channels, depth=depth)
    check_choice("norm", norm, ("none", "batch", "group"))


UNET_VARIANTS = {
    "up": ("transposed", "resize"),
    "skips": ("concat", "add", "none", "switches"),
    "skip_source": ("own", "zeros", "neighbor"),
}


def check_unet_variant(padded: bool, **chosen: str) -> None:
    """Refuse choices that no variant of U-Net has.

    Raises
    ------
    ValueError
        For an unknown choice, or one that needs padding without it.
    """
    for name, value in chosen.items():
        check_choice(name, value, UNET_VARIANTS[name])
    for name, value in (("skips", "switches"), ("up", "resize")):
        if not padded and chosen[name] == value:
            refuse("padded", f"False with {name}={value!r}", "True")


def norm_groups(channels: int) -> int:
    """Groups of a group norm: the most, up to 8, that divide the channels."""
    return next(n for n in range(8, 0, -1) if channels % n == 0)


def check_dcgan(size: int, kernel: int, **counts: int) -> None:
    """Refuse arguments that do not describe a DCGAN.

    Raises
    ------
    ValueError
        For a size or kernel that does not fit, or a number out of range.
    """
    check_counts(**counts)
    for name, value, known in (("size", size, (32, 64, 128)), ("kernel", kernel, (3, 4, 5))):
        if value not in known:
            refuse(name, value, f"one of {', '.join(map(str, known))}")


DCGAN_VARIANTS = {
    "up": ("transposed", "resize"),
    "down": ("strided", "pool"),
    "act": ("relu", "leaky", "tanh"),
}


def check_dcgan_variant(dense: int, **chosen: str) -> None:
    """Refuse choices that no variant of DCGAN has.

    Raises
    ------
    ValueError
        For a number of units out of range, or an unknown choice.
    """
    check_counts(dense=dense)
    for name, value in chosen.items():
        check_choice(name, value, DCGAN_VARIANTS[name])


def check_transform(base_channels: int, blocks: int) -> None:
    """Refuse arguments that do not describe an image transformation network.

    Raises
    ------
    ValueError
        For a number out of range.
    """
    check_counts(base_channels=base_channels, blocks=blocks)
