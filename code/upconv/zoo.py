"""Networks by name: what the command line builds, and what a file of weights says it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upconv.checks import BYTE, check_choice, check_integer, check_value_range, refuse
from upconv.deprecated import current_arguments
from upconv.options import COUNTS, check_counts
from upconv.packages import needed

if TYPE_CHECKING:
    from upconv.data import MaskFormat

# Name → class in upconv.torch (and upconv.keras) or its variants, and the arguments that make it
# what it is.
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "fcn32s": ("FCN", {"stride": 32}),
    "fcn16s": ("FCN", {"stride": 16}),
    "fcn8s": ("FCN", {"stride": 8}),
    "fcn4s": ("FCN", {"stride": 4}),
    "fcn2s": ("FCN", {"stride": 2}),
    "feature_sum": ("FeatureSumFCN", {"skips": True}),
    "without_skips": ("FeatureSumFCN", {"skips": False}),
    "concat": ("ConcatFCN", {"stride": 8}),
    "unet": ("UNet", {"padded": True, "norm": "batch"}),
    "unet_valid": ("UNet", {}),
    "unet_add": ("UNet", {"padded": True, "norm": "batch", "skips": "add"}),
    "unet_without_skips": ("UNet", {"padded": True, "norm": "batch", "skips": "none"}),
    "segnet": ("UNet", {"padded": True, "norm": "batch", "skips": "switches"}),
}

# Encoders of the FCNs, by the names that both frameworks know them by.
ENCODERS = ("squeezenet", "efficientnet_lite0", "vgg16")

# Generators: name → class, and side of the image for each kind of machine.
GENERATORS: dict[str, str] = {"dcgan": "Generator"}
GENERATOR_SCALES: dict[str, dict[str, int]] = {
    "cpu": {"size": 32, "base_channels": 32},
    "gpu": {"size": 64, "base_channels": 128},
}

# Networks that paint in one style: name → class, and sizes for each kind of machine.
STYLIZERS: dict[str, str] = {"transform": "TransformNet"}
STYLIZER_SCALES: dict[str, dict[str, int]] = {
    "cpu": {"base_channels": 16, "blocks": 5},
    "gpu": {"base_channels": 32, "blocks": 5},
}

# What a style is measured by: name → content layer and style layers, called as in the papers.
FEATURES: dict[str, tuple[str, tuple[str, ...]]] = {
    "vgg19": ("conv3_1", ("conv1_1", "conv2_1", "conv3_1")),
    "squeezenet": ("fire5", ("conv1", "fire2", "fire3", "fire5")),
    "efficientnet_lite0": ("block3_2", ("block1_1", "block2_2", "block3_2", "block4_3")),
    "random": ("conv3_1", ("conv1_1", "conv2_1", "conv3_1")),
}

# One set of sizes for each kind of machine; nothing else differs between them.
SCALES: dict[str, dict[str, dict[str, Any]]] = {
    "cpu": {
        "FCN": {"encoder": "squeezenet", "width_mult": 1.0, "head": 256, "head_kernel": 3},
        "UNet": {"base_channels": 16},
    },
    "gpu": {
        "FCN": {"encoder": "vgg16", "width_mult": 1.0, "head": 4096, "head_kernel": 7},
        "UNet": {"base_channels": 64},
    },
}


def is_unet(name: str) -> bool:
    """Whether a network of this name is a U-Net: any number of image channels, no encoder."""
    return NETWORKS[name][0] == "UNet"


def sizes(name: str, scale: str) -> dict[str, Any]:
    """The sizes of a network on a kind of machine."""
    return dict(SCALES[scale]["UNet" if is_unet(name) else "FCN"])


def build(name: str, classes: int, framework: str = "torch", **options: Any) -> Any:
    """A network by its name.

    Raises
    ------
    ValueError
        For an unknown name or framework.
    """
    check_choice("network", name, list(NETWORKS))
    kind, fixed = NETWORKS[name]
    return _class(framework, kind, {**fixed, **options})(classes=classes, **fixed, **options)


def build_generator(name: str, framework: str = "torch", **options: Any) -> Any:
    """A generator by its name.

    Raises
    ------
    ValueError
        For an unknown name or framework.
    """
    check_choice("network", name, list(GENERATORS))
    return _class(framework, GENERATORS[name], options)(**options)


def build_stylizer(name: str, framework: str = "torch", **options: Any) -> Any:
    """A network that paints, by its name.

    Raises
    ------
    ValueError
        For an unknown name or framework.
    """
    check_choice("network", name, list(STYLIZERS))
    return _class(framework, STYLIZERS[name], options)(**options)


def features(name: str, layers: Collection[str], seed: int = 0) -> Any:
    """The encoder by whose maps a style is measured, in PyTorch, as deep as the layers ask for.

    Parameters
    ----------
    name
        "vgg19", "squeezenet" and "efficientnet_lite0" have ImageNet's weights; the last come with
        a Python package. "random" is a VGG-19 with He's weights
        of this seed, every channel scaled to mean 0 and variance 1: nothing is fetched.
    layers
        The papers' names: "conv1_1" to "relu5_4" of VGG-19; "conv1", "fire2" to "fire9" of
        SqueezeNet; "block1_1" to "block7_1" of EfficientNet-Lite0.

    Raises
    ------
    ValueError
        For a name or a layer that is not known.
    DataUnavailable
        If the weights are not here and cannot be fetched.
    """
    check_choice("features", name, list(FEATURES))
    with needed("upconv.zoo"):
        import torch

    from upconv import data
    from upconv import torch as room

    if name in ("squeezenet", "efficientnet_lite0"):
        network = room.SqueezeNet() if name == "squeezenet" else room.EfficientNetLite0().eval()
        for layer in layers:
            check_choice("layers", layer, list(network.tags))
        return room.load_imagenet(network, name)
    with torch.device("meta"):
        tags = list(room.VGG19().tags)
    for layer in layers:
        check_choice("layers", layer, tags)
    last = max(layers, key=tags.index, default="conv1_1").replace("relu", "conv")
    if name == "vgg19":
        return room.load_style_weights(room.VGG19(last=last, padding="reflect"))
    torch.manual_seed(seed)
    network = room.VGG19(last=last, padding="reflect")
    room.he_initialize(network)
    seen = torch.tensor(data.photo("astronaut", 128, gray=False), dtype=torch.float32)
    return room.standardize_activations(network, seen.permute(2, 0, 1)[None])


def _room(framework: str) -> Any:
    check_choice("framework", framework, ("torch", "keras"))
    if framework == "torch":
        from upconv import torch

        return torch
    from upconv import keras

    return keras


def _class(framework: str, kind: str, options: Mapping[str, Any]) -> Any:
    """The paper's network of this class where it takes these options, else the variant."""
    room = _room(framework)
    paper = vars(room).get(kind)
    options = current_arguments(kind, options)  # of old names the network itself warns
    if paper is not None and options.keys() <= signature(paper).parameters.keys():
        return paper
    return getattr(room.variants, kind, paper)


def save(
    path: str | Path,
    network: Any,
    name: str,
    classes: tuple[str, ...],
    *,
    about: Mapping[str, str] | None = None,
    **options: Any,
) -> None:
    """Write a network's weights, with all that is needed to build it again.

    ``about`` are more words to keep, such as the format of the masks it learned from.
    """
    from upconv.port import save_weights, weights

    about = {**(about or {}), "network": name, "classes": json.dumps(classes)}
    about["options"] = json.dumps(options)
    if (scale := getattr(network, "value_range", BYTE)) != BYTE:
        about["value_range"] = json.dumps(scale)
    if (size := getattr(network, "image_size", None)) is not None:
        about["size"] = json.dumps(size)
    save_weights(path, weights(network), about)


def restore(path: str | Path, framework: str = "torch") -> tuple[Any, tuple[str, ...], str]:
    """The network of a file of weights, in evaluation mode, its classes' names, and its own.

    Raises
    ------
    ValueError
        If the file is none, or does not say what network it is of.
    """
    from upconv.port import load_weights, read_weights

    found, about = read_weights(path)
    with _described(path, "network that segments"):
        name, classes = about["network"], json.loads(about["classes"])
        if not (isinstance(classes, list) and all(isinstance(each, str) for each in classes)):
            refuse("classes", about["classes"], "a list of names")
        options = _options(about, {kind: NETWORKS[kind][0] for kind in NETWORKS})
        check_counts(classes=len(classes))
        network = _made(lambda: build(name, len(classes), framework, **options), found, framework)
        if "value_range" in about:
            network.value_range = check_value_range(json.loads(about["value_range"]))
        if "size" in about:
            network.image_size = check_integer("size", json.loads(about["size"]), 1)
    return load_weights(network, found), tuple(classes), name


@contextmanager
def _described(path: str | Path, kind: str) -> Iterator[None]:
    """Whatever is wrong with what a file says of its network, in one line."""
    try:
        yield
    except (LookupError, TypeError, RuntimeError, ArithmeticError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: does not say what {kind} it is of ({reason})") from error
    except ValueError as error:
        raise ValueError(f"{path}: not the weights of a {kind} ({error})") from error


def _options(about: dict[str, str], known: Mapping[str, str]) -> dict[str, Any]:
    """The options of a file, checked before anything is built of them.

    ``known`` has the class of each network. A file of the first edition has old names.
    """
    check_choice("network", about["network"], list(known))
    options = json.loads(about["options"])
    if not isinstance(options, dict):
        refuse("options", about["options"], "names and values")
    options = current_arguments(known[about["network"]], options)
    for name, value in options.items():
        if name == "width_mult":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and 0 < value <= 4):
                refuse(name, value, "more than 0, at most 4")
        elif name in COUNTS:
            check_counts(**{name: value})
        elif not isinstance(value, bool | int | float | str):
            refuse(name, value, "a number or a word")
    return options


def _made(make: Callable[[], Any], found: dict[str, Any], framework: str) -> Any:
    """The network that a file describes, to be used; one larger than the file holds is refused
    before memory is taken."""
    if framework == "torch":
        with needed("upconv.zoo"):
            import torch

        with torch.device("meta"):
            described = sum(part.numel() for part in make().parameters())
    else:
        from upconv.keras.weights import count_described

        described = count_described(make)
    held = sum(value.size for value in found.values())
    if described > held:
        raise ValueError(f"describes {described:,} weights, but holds {held:,}")
    return make().eval() if framework == "torch" else make()


def restore_generator(path: str | Path, framework: str = "torch") -> Any:
    """The generator of a file of weights.

    Raises
    ------
    ValueError
        If the file is none, or not of a generator.
    """
    return _restored(path, framework, build_generator, "generator")


def restore_stylizer(path: str | Path, framework: str = "torch") -> Any:
    """The network that paints, of a file of weights.

    Raises
    ------
    ValueError
        If the file is none, or not of such a network.
    """
    return _restored(path, framework, build_stylizer, "network that paints")


def described(path: str | Path) -> tuple[str, dict[str, Any]]:
    """The name of the network that a file of weights is of, "" if it does not say, and its sizes.

    Raises
    ------
    ValueError
        If the file is none of weights, or what it says of its network is not valid.
    """
    from upconv.port import read_about

    about = read_about(path)
    if "network" not in about:
        return "", {}
    with _described(path, "network"):
        kinds = {kind: NETWORKS[kind][0] for kind in NETWORKS} | GENERATORS | STYLIZERS
        return about["network"], _options(about, kinds)


def start_from(network: Any, path: str | Path) -> list[str]:
    """Put a file's weights into a network of the same name and sizes, to be trained on.

    Its classes may be others: weights whose shape depends on their number stay as they are in the
    network. Their names are returned.

    Raises
    ------
    ValueError
        If the file is none of weights, or of another network.
    """
    from upconv.port import load_weights, weights

    own = weights(network)
    stylizes = name_of(path) in STYLIZERS
    found = weights(restore_stylizer(path) if stylizes else restore(path)[0])
    if found.keys() != own.keys():
        raise ValueError(f"{path}: weights of another network")
    anew = [name for name, value in found.items() if value.shape != own[name].shape]
    load_weights(network, found | {name: own[name] for name in anew})
    return anew


def name_of(path: str | Path) -> str:
    """What a file of weights says that it is of; "" if it does not say.

    Raises
    ------
    ValueError
        If the file is none of weights.
    """
    from upconv.port import read_about

    return read_about(path).get("network", "")


def mask_format(path: str | Path) -> MaskFormat | None:
    """What the masks meant that the network of a file learned from; None if it does not say.

    Raises
    ------
    ValueError
        If the file is none of weights, or says something else.
    """
    from upconv.data import MaskFormat
    from upconv.port import read_about

    told = read_about(path).get("masks")
    with _described(path, "network that segments"):
        return None if told is None else MaskFormat.from_json(told)


def _restored(path: Any, framework: str, make: Callable[..., Any], kind: str) -> Any:
    from upconv.port import load_weights, read_weights

    found, about = read_weights(path)
    with _described(path, kind):
        options = _options(about, GENERATORS if make is build_generator else STYLIZERS)
        network = _made(lambda: make(about["network"], framework, **options), found, framework)
    return load_weights(network, found)
