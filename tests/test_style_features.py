"""What a style is read with, without a download: a painting by code, and features of a package."""

import numpy as np
import pytest
import torch
from PIL import Image

from upconv import zoo
from upconv.cli import main
from upconv.cli.stylize import PAPER, _reading
from upconv.data import brushwork


def test_a_painting_depends_on_its_seed_alone():
    painting = brushwork(48, 64, seed=3)
    assert painting.shape == (48, 64, 3) and painting.dtype == np.uint8
    np.testing.assert_array_equal(painting, brushwork(48, 64, seed=3))
    assert np.abs(painting - brushwork(48, 64, seed=4).astype(float)).mean() > 10


def test_a_painting_has_its_palette_from_deep_blue_to_yellow():
    red, _, blue = np.moveaxis(brushwork(160, 240).astype(float), -1, 0)
    assert (blue > red + 40).mean() > 0.5  # mostly blue
    assert (red > blue + 60).mean() > 0.01  # and some yellow


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((15, 64), "height: got 15"), ((64, 3), "width: got 3"), ((64, 64, -1), "seed: got -1")],
)
def test_a_wrong_size_or_seed_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        brushwork(*arguments)


def test_strides_of_blocks_are_those_of_their_maps():
    network = zoo.features("efficientnet_lite0", ())
    names = list(network.tags)
    maps = network.layers(torch.rand(1, 3, 64, 64), names)
    assert {name: 64 // maps[name].shape[2] for name in names} == {
        name: network.stride(name) for name in names
    }
    assert not network.training
    with pytest.raises(ValueError, match="block9_1"):
        network.stride("block9_1")


def test_what_is_read_is_said_and_the_papers_choice_with_it():
    ours = _reading("vgg19", "conv3_1", ("conv1_1", "conv2_1", "conv3_1"))
    assert "content from conv3_1, style from conv1_1, conv2_1, conv3_1" in ours
    assert "--content-layer conv4_2 --style-layers conv1_1,conv2_1,conv3_1,conv4_1,conv5_1" in ours
    assert "Gatys" not in _reading("vgg19", *PAPER)
    assert "Gatys" not in _reading("efficientnet_lite0", "block3_2", ("block1_1",))


def test_stylize_paints_with_the_packages_features_in_as_many_scales_as_asked_for(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for name, image in (("a.png", brushwork(96, 128)), ("b.png", brushwork(96, 128, seed=1))):
        Image.fromarray(image).save(name)
    paint = ["stylize", "a.png", "b.png", "-o", "out.png", "--steps", "2", "--device", "cpu"]
    paint += ["--features", "efficientnet_lite0", "--style-layers", "block1_1,block2_2"]
    assert main([*paint, "--scales", "1"]) == 0
    said = capsys.readouterr().err
    assert "efficientnet_lite0: content from block3_2, style from block1_1, block2_2" in said
    assert Image.open("out.png").size == (128, 96)
    one = np.asarray(Image.open("out.png")).astype(float)
    assert main([*paint, "--scales", "2", "--quiet"]) == 0
    assert "content from" not in capsys.readouterr().err
    assert np.abs(np.asarray(Image.open("out.png")) - one).mean() > 0.5
