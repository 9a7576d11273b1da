"""Networks as rows of boxes: which input sizes fit, and what mends the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import traitlets

from upconv.ops import conv2d_output_size, conv_transpose2d_output_size
from upconv.widgets._explorer import Explorer, one_of

LARGEST = 600


def _step(op: str, name: str, channels: int = 0, **options: int | str) -> dict[str, Any]:
    return {"op": op, "name": name, "channels": channels, **options}


def _conv(
    name: str, channels: int, kernel: int = 3, padding: int = 1, repeat: int = 1
) -> dict[str, Any]:
    geometry = {"kernel": kernel, "stride": 1, "padding": padding, "repeat": repeat}
    return _step("conv", name, channels, **geometry)


def _pool(name: str, channels: int) -> dict[str, Any]:
    return _step("pool", name, channels, kernel=2, stride=2, padding=0)


def _up(name: str, channels: int, kernel: int, stride: int, padding: int = 0) -> dict[str, Any]:
    return _step("up", name, channels, kernel=kernel, stride=stride, padding=padding)


def _fcn(stride: int) -> list[dict[str, Any]]:
    """FCN-32s, 16s or 8s on VGG16, every convolution padded to keep its size.

    Long, Shelhamer & Darrell, "Fully convolutional networks for semantic segmentation" (2015).
    """
    steps = []
    for block, (channels, repeat) in enumerate(
        [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)], 1
    ):
        steps += [_conv(f"conv{block}", channels, repeat=repeat), _pool(f"pool{block}", channels)]
    steps += [_conv("fc6, fc7", 4096, kernel=7, padding=3), _conv("score", 21, kernel=1, padding=0)]
    for skip in ("pool4", "pool3")[: {32: 0, 16: 1, 8: 2}[stride]]:
        steps += [_up("up ×2", 21, 4, 2, 1), _step("add", f"+ {skip}", 21, source=skip)]
    return [*steps, _up(f"up ×{stride}", 21, 2 * stride, stride, stride // 2)]


def _unet(padding: int) -> list[dict[str, Any]]:
    """U-Net: Ronneberger, Fischer & Brox (2015); with padding 1, the variant that keeps sizes."""
    steps = []
    for level, channels in enumerate((64, 128, 256, 512), 1):
        block = _conv(f"down {level}", channels, padding=padding, repeat=2)
        steps += [block, _pool(f"pool {level}", channels)]
    steps.append(_conv("bottom", 1024, padding=padding, repeat=2))
    for level, channels in ((4, 512), (3, 256), (2, 128), (1, 64)):
        join = _step("concat", f"& down {level}", 2 * channels, source=f"down {level}")
        steps += [_up("up ×2", channels, 2, 2), join | {"crop": int(padding == 0)}]
        steps.append(_conv(f"up {level}", channels, padding=padding, repeat=2))
    return [*steps, _conv("classes", 2, kernel=1, padding=0)]


def _dcgan() -> list[dict[str, Any]]:
    """Generator of Radford, Metz & Chintala (2015), 64 × 64 for a latent of 1 × 1."""
    channels = (1024, 512, 256, 128, 3)
    ups = [_up("×4", channels[0], 4, 1)]
    return ups + [_up(f"×2, {i}", c, 4, 2, 1) for i, c in enumerate(channels[1:], 2)]


def some_networks() -> dict[str, dict[str, Any]]:
    """Steps of each network, its usual input size, and whether its output should be as large."""
    return {
        "FCN-32s": {"steps": _fcn(32), "size": 500, "same": True},
        "FCN-16s": {"steps": _fcn(16), "size": 500, "same": True},
        "FCN-8s": {"steps": _fcn(8), "size": 500, "same": True},
        "U-Net, valid": {"steps": _unet(0), "size": 572, "same": False},
        "U-Net, same": {"steps": _unet(1), "size": 256, "same": True},
        "DCGAN generator": {"steps": _dcgan(), "size": 1, "same": False},
    }


class Box(NamedTuple):
    """One map of a network: its side in pixels (0: none) and what is wrong with it, or ""."""

    name: str
    size: int
    trouble: str


def boxes(network: dict[str, Any], size: int) -> list[Box]:
    """Every map of a network for a square input, with the places where sizes stop matching."""
    row = [Box("input", size, "")]
    sizes = {"input": size}
    for step in network["steps"]:
        size, trouble = _apply(step, row[-1].size, sizes)
        sizes[step["name"]] = size
        row.append(Box(step["name"], size, trouble))
    last = row[-1]
    if network["same"] and last.size and last.size != row[0].size:
        row[-1] = last._replace(trouble=f"{last.size}, but the input is {row[0].size}")
    return row


def _apply(step: dict[str, Any], size: int, sizes: dict[str, int]) -> tuple[int, str]:
    if not size:
        return 0, ""
    if step["op"] in ("add", "concat"):
        other = sizes[step["source"]]
        fits = other == size or (step.get("crop") and other > size and (other - size) % 2 == 0)
        return size, "" if fits else f"{size} does not match {other}"
    geometry = step["kernel"], step["stride"], step["padding"]
    try:
        if step["op"] == "up":
            return conv_transpose2d_output_size(size, *geometry), ""
        output = size
        for _ in range(step.get("repeat", 1)):
            output = conv2d_output_size(output, *geometry)
    except ValueError:
        return 0, f"{size} is too small"
    drops = step["op"] == "pool" and size % step["stride"]
    return output, f"odd: the last row of {size} is dropped" if drops else ""


class ShapeExplorer(Explorer):
    """Send an image of any size through a network and see where the sizes stop matching.

    >>> explorer = ShapeExplorer(network="FCN-8s", size=500)
    >>> [box.name for box in explorer.boxes if box.trouble]
    ['pool3', 'pool5', '+ pool4', '+ pool3', 'up ×8']
    >>> explorer.fitting_size
    512

    Traits
    ------
    network
        Name of one of ``networks``.
    size
        Side of the input, 1 to 600 pixels.
    mend
        Pad the input to the next size that fits.
    """

    name = "shape"
    state_names = ("networks", "network", "size", "mend")

    networks = traitlets.Dict().tag(sync=True)
    network = traitlets.Unicode("FCN-8s").tag(sync=True)
    size = traitlets.Int(500, min=1, max=LARGEST).tag(sync=True)
    mend = traitlets.Bool(False).tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**({"networks": some_networks()} | kwargs))

    @traitlets.validate("network")
    def _check_network(self, proposal: dict[str, Any]) -> str:
        return one_of(self.networks, "network", proposal["value"])

    @property
    def fitting_size(self) -> int | None:
        """The smallest size from ``size`` on that goes through without trouble."""
        network = self.networks[self.network]
        for size in range(self.size, 2 * LARGEST + 1):
            if not any(box.trouble for box in boxes(network, size)):
                return size
        return None

    @property
    def boxes(self) -> list[Box]:
        """All maps in order, beginning with the input (padded if ``mend``)."""
        size = self.fitting_size if self.mend else self.size
        return boxes(self.networks[self.network], size or self.size)
