"""The game of two networks: its losses, its memory, and the measures of what it draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from torchmetrics.image.fid import FrechetInceptionDistance

from upconv import data
from upconv.inference import generate
from upconv.metrics import (
    checkerboard_energy,
    class_entropy,
    density_and_coverage,
    frechet_distance,
    generative,
    nearest,
)
from upconv.pixels import to_pixels
from upconv.torch import (
    Discriminator,
    Generator,
    SmallClassifier,
    dead_units,
    extract_features,
    variants,
)
from upconv.training import (
    BadCheckpoint,
    Diverged,
    GanHistory,
    GanSettings,
    discriminator_loss,
    generator_loss,
    train_classifier,
    train_gan,
)
from upconv.training.gan import make_images

SETTINGS = GanSettings(steps=8, batch=8, precision="fp32", log_every=1)


@pytest.fixture(scope="module")
def crops():
    return data.digit_crops(40)


def pair(seed: int = 0):
    torch.manual_seed(seed)
    return Generator(32, base_channels=4, latent=10), Discriminator(32, base_channels=4)


def run(crops, settings=SETTINGS, **options):
    networks = pair()
    return networks, train_gan(*networks, crops, settings, progress=False, **options)


def assert_same(first, second) -> None:
    for one, two in zip(first, second, strict=True):
        for name, value in one.state_dict().items():
            assert torch.equal(value, two.state_dict()[name]), name


def test_losses_are_the_papers_formulas():
    real, fake = torch.randn(50, dtype=torch.float64), torch.randn(50, dtype=torch.float64)
    d = lambda logits: logits.sigmoid()  # noqa: E731
    expected = -(d(real).log().mean() + (1 - d(fake)).log().mean())
    assert discriminator_loss(real, fake).item() == pytest.approx(expected.item())
    assert generator_loss(fake).item() == pytest.approx(-d(fake).log().mean().item())
    # Where probabilities would be 0, logits go on.
    far = torch.tensor([-2000.0], requires_grad=True)
    generator_loss(far).backward()
    assert far.grad.item() == pytest.approx(-1)


def test_both_networks_learn_in_turn(crops):
    (generator, discriminator), history = run(crops, replace(SETTINGS, steps=60))
    assert np.mean(history.discriminator_losses[-10:]) < history.discriminator_losses[0]
    assert np.mean(history.real[-10:]) > np.mean(history.fake[-10:]) + 0.2
    before = pair()
    for network, start in zip((generator, discriminator), before, strict=True):
        moved = [
            not torch.equal(a, b)
            for a, b in zip(network.parameters(), start.parameters(), strict=True)
        ]
        assert all(moved)
    assert all(p.requires_grad for p in discriminator.parameters())


@pytest.mark.parametrize("after", [0, 3, 6])
def test_a_game_broken_off_goes_on_to_the_same_end(crops, tmp_path, after):
    whole, history = run(crops)

    class Stop(Exception):
        pass

    def stop(step):
        if step == after:
            raise Stop

    path = tmp_path / "run.pt"
    with pytest.raises(Stop):
        run(crops, checkpoint=path, save_every=1, callback=stop)
    again, resumed = run(crops, checkpoint=path, resume=True)
    assert_same(whole, again)
    assert resumed.generator_losses == history.generator_losses
    other = replace(SETTINGS, learning_rate=1e-3)
    with pytest.raises(BadCheckpoint, match=r"learning_rate = 0\.0002"):
        run(crops, other, checkpoint=path, resume=True)


def test_images_come_once_an_epoch():
    images = np.arange(12, dtype=np.uint8)[:, None, None] + np.zeros((12, 8, 8), np.uint8)
    numbered = data.ImageSet("numbers", images)
    settings = GanSettings(batch=4)
    for epoch in range(2):
        seen = [
            round((float(value) + 1) * 127.5)
            for step in range(3)
            for value in make_images(numbered, settings, 3 * epoch + step)[:, 0, 0, 0]
        ]
        assert sorted(seen) == list(range(12))
    assert make_images(numbered, settings, 0).shape == (4, 1, 8, 8)


def test_mirrored_images_are_mirrored():
    images = np.tile(np.arange(8, dtype=np.uint8), (6, 8, 1))
    flipped = make_images(data.ImageSet("ramps", images), GanSettings(batch=32, flip=True), 0)
    ways = {tuple((row * 127.5 + 127.5).round().int().tolist()) for row in flipped[:, 0, 0]}
    assert ways == {tuple(range(8)), tuple(range(7, -1, -1))}


def test_collapse_and_one_sidedness_are_said():
    steps = list(range(20))
    play = GanHistory(steps, real=[0.6] * 20, fake=[0.4] * 20, spread=[0.9] * 20)
    assert play.verdict == "in play"
    assert replace(play, spread=[0.9] * 15 + [0.01] * 5).verdict == "collapsed"
    assert replace(play, real=[1.0] * 20, fake=[0.0] * 20).verdict == "one-sided"
    constant = GanSettings(steps=3, batch=4, log_every=1)
    networks = pair()
    with torch.no_grad():
        networks[0].up[-1].conv.weight.zero_()
    assert train_gan(*networks, data.digit_crops(8), constant, progress=False).spread[0] < 0.01


def test_a_loss_that_is_no_number_stops_the_game(crops):
    networks = pair()
    with torch.no_grad():
        networks[1].score.weight.fill_(float("nan"))
    with pytest.raises(Diverged, match="step 0"):
        train_gan(*networks, crops, SETTINGS, progress=False)


def test_drawn_images_depend_on_the_noise_alone():
    generator = pair()[0]
    noise = np.random.default_rng(0).standard_normal((5, 10))
    images = generate(generator, noise)
    assert images.shape == (5, 32, 32, 3)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(generate(generator, noise, batch=2), images)
    assert generate(Generator(32, 1, 10, base_channels=4), noise).shape == (5, 32, 32)


# ---- measures -----------------------------------------------------------------------------------


def test_frechet_distance_by_formula():
    rng = np.random.default_rng(0)
    real, drawn = rng.normal(size=(300, 4)), rng.normal(0.5, 2, (200, 4)) @ rng.normal(size=(4, 4))
    cov = [np.cov(part, rowvar=False) for part in (real, drawn)]
    root = sqrtm(cov[0] @ cov[1]).real
    expected = ((real.mean(0) - drawn.mean(0)) ** 2).sum() + np.trace(cov[0] + cov[1] - 2 * root)
    assert frechet_distance(real, drawn) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="drawn: got"):
        frechet_distance(real, drawn[:, :3])


class Same(torch.nn.Module):
    """Hands features on: they have been computed already."""

    num_features = 6

    def forward(self, features):
        return features


def test_frechet_distance_is_torchmetrics():
    rng = np.random.default_rng(1)
    real, drawn = rng.normal(size=(90, 6)), rng.normal(0.3, 1.5, (40, 6))
    metric = FrechetInceptionDistance(feature=Same()).set_dtype(torch.float64)
    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(drawn), real=False)
    assert frechet_distance(real, drawn) == pytest.approx(metric.compute().item(), rel=1e-9)
    # In single precision and far from 0 the covariance would drown in the mean.
    far = [(part + 1000).astype(np.float32) for part in (real, drawn)]
    assert frechet_distance(*far) == pytest.approx(frechet_distance(real, drawn), rel=1e-3)
    assert frechet_distance(real[:, :1], drawn[:, :1]) == pytest.approx(
        (real[:, 0].mean() - drawn[:, 0].mean()) ** 2
        + (real[:, 0].std(ddof=1) - drawn[:, 0].std(ddof=1)) ** 2
    )


MEASURES = {
    "frechet_distance": frechet_distance,
    "neighbourhood": density_and_coverage,
    "nearest": nearest,
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1])
def test_broken_features_are_not_measured(measure, broken, place):
    """The best of all scores must not go to a network that draws NaN."""
    pair = list(np.random.default_rng(0).normal(size=(2, 30, 4)))
    pair[place][3, 2] = broken
    name = ("real", "drawn")[place]
    with pytest.raises(ValueError, match=f"{name}: got 1 of 120 features .* expected finite"):
        MEASURES[measure](*pair)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("real", "drawn", "message"),
    [
        (np.ones((9, 4)), np.ones((9, 3)), "drawn: got 3 features, expected 4"),
        (np.ones((9, 4)), np.ones((0, 4)), r"drawn: got shape \(0, 4\)"),
        (np.ones((0, 4)), np.ones((9, 4)), r"real: got shape \(0, 4\)"),
        (np.ones(9), np.ones((9, 4)), r"real: got shape \(9,\)"),
        (np.ones((9, 4)), np.ones((9, 4), complex), "drawn: got dtype complex128"),
    ],
)
def test_what_are_no_features_is_refused(measure, real, drawn, message):
    with pytest.raises(ValueError, match=message):
        MEASURES[measure](real, drawn)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_broken_probabilities_and_images_are_not_measured(broken):
    with pytest.raises(ValueError, match="probabilities: got 12 of 12 probabilities"):
        class_entropy(np.full((3, 4), broken))
    with pytest.raises(ValueError, match="images: got 64 of 64 values"):
        checkerboard_energy(np.full((1, 8, 8), broken))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("far", [0, 1000])
@pytest.mark.parametrize("large", [1, 20])
def test_density_coverage_and_nearest_hold_far_from_zero(dtype, far, large):
    """Of the same numbers in any dtype: what counts is how far apart they are."""
    rng = np.random.default_rng(0)
    # Sixteen columns: with few, scikit-learn's trees would take differences as well.
    real, drawn = (large * rng.integers(-9, 10, (100, 16)) + far for _ in range(2))
    expected = density_and_coverage(real - far, drawn - far)
    assert density_and_coverage(real.astype(dtype), drawn.astype(dtype)) == expected
    distances, places = nearest(real.astype(dtype), drawn.astype(dtype))
    apart = np.linalg.norm(real - drawn[:, None], axis=2)
    np.testing.assert_allclose(distances, apart.min(1), rtol=1e-12)
    np.testing.assert_allclose(apart[range(100), places], apart.min(1), rtol=1e-12)


def test_distances_are_taken_some_rows_at_a_time(monkeypatch):
    rng = np.random.default_rng(0)
    real, drawn = rng.normal(size=(40, 3)), rng.normal(size=(23, 3))
    whole = density_and_coverage(real, drawn), *nearest(real, drawn)
    seen = []
    monkeypatch.setattr(
        generative, "cdist", lambda a, b: seen.append(len(a) * len(b)) or cdist(a, b)
    )
    monkeypatch.setattr(generative, "_AT_ONCE", 100)
    parts = density_and_coverage(real, drawn), *nearest(real, drawn)
    assert max(seen) <= 100
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


@given(st.integers(0, 2**32 - 1))
def test_density_and_coverage_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    real, drawn, k = rng.normal(size=(12, 2)), rng.normal(size=(7, 2)), 3
    radius = [sorted(np.linalg.norm(real - x, axis=1))[k] for x in real]
    inside = [[np.linalg.norm(x - y) < r for y in drawn] for x, r in zip(real, radius, strict=True)]
    found = density_and_coverage(real, drawn, k)
    assert found.density == pytest.approx(np.sum(inside) / (k * 7))
    assert found.coverage == pytest.approx(np.mean([any(line) for line in inside]))


def test_collapse_shows_as_lost_coverage():
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(place, 0.1, (50, 2)) for place in (0, 5)])
    alike, one = real + rng.normal(0, 0.01, real.shape), rng.normal(0, 0.1, (100, 2))
    assert density_and_coverage(real, alike).coverage > 0.95
    assert density_and_coverage(real, one).coverage < 0.6
    assert density_and_coverage(real, one).density > 0.7


def test_modes_by_hand():
    even = np.eye(4)[[0, 1, 2, 3]]
    assert class_entropy(even) == pytest.approx((np.log(4), 1))
    assert class_entropy(np.eye(4)[[2, 2, 2]]) == pytest.approx((0, 1))
    unsure = np.array([[0.6, 0.4], [0.05, 0.95]])
    assert class_entropy(unsure) == pytest.approx((np.log(2), 0.5))


def test_nearest_is_nearest():
    real, drawn = np.array([[0.0, 0], [3, 4], [10, 0]]), np.array([[3.0, 3], [9, 0]])
    distances, places = nearest(real, drawn)
    assert places.tolist() == [1, 2]
    assert distances.tolist() == [1, 1]


def test_checkerboards_are_measured():
    rows, columns = np.mgrid[:32, :32]
    board = 127 + 100 * (-1.0) ** (rows + columns)
    stripes = 127 + 100 * (-1.0) ** columns
    wave = 127 + 100 * np.sin(2 * np.pi * 2 * rows / 32)
    both = (board + wave) / 2  # of equal amplitude, a board has twice the energy of a wave
    for image, share in ((board, 1), (stripes, 1), (wave, 0), (both, 2 / 3)):
        shown = image.round().astype(np.uint8)[None]
        assert checkerboard_energy(shown) == pytest.approx(share, abs=0.02)
    assert checkerboard_energy(np.stack([board, board]).round()) > 0.99
    noise = np.random.default_rng(0).integers(0, 256, (50, 32, 32)).astype(np.uint8)
    assert checkerboard_energy(noise) == pytest.approx((5 * 5 + 2 * 5 * 5) / 32**2, rel=0.1)


@pytest.mark.parametrize("level", [0, 9, 77, 255])
def test_images_without_contrast_have_no_checkerboard(level):
    """Not the share that rounding has of rounding."""
    assert checkerboard_energy(np.full((3, 7, 9), level, np.uint8)) == 0
    with pytest.raises(ValueError, match=r"images: got shape \(3, 8, 8, 3\)"):
        checkerboard_energy(np.zeros((3, 8, 8, 3), np.uint8))


@pytest.mark.parametrize(("act", "dead"), [("relu", True), ("leaky", False)])
def test_dead_units_are_counted(act, dead):
    network = variants.Discriminator(32, base_channels=4, act=act)
    images = torch.rand(6, 3, 32, 32)
    with torch.no_grad():  # half of the first layer's channels can never fire
        network.down[0].conv.weight[:2] = 0
        network.down[0].conv.bias[:2] = -1
    found = list(dead_units(network, images).values())
    assert len(found) == 3
    assert found[0].silent >= 0.5
    assert found[0].dead == (found[0].silent if dead else 0)
    with pytest.raises(ValueError, match="network: got Linear"):
        dead_units(torch.nn.Linear(2, 2), images)


def test_the_classifier_reads_digits():
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.kron(digits.images, np.ones((1, 3, 3))) * 15
    known = data.ImageSet("digits", images.astype(np.uint8), digits.target)
    torch.manual_seed(0)
    network = SmallClassifier(10, 1, base_channels=8)
    assert train_classifier(network, known, steps=120, batch=64) > 0.9
    features, probabilities = extract_features(network, to_pixels(known.images[:50], 1))
    assert features.shape == (50, 64)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    with pytest.raises(ValueError, match="without labels"):
        train_classifier(network, data.ImageSet("bare", known.images))


# ---- what is stored ------------------------------------------------------------------------------


def test_the_stored_sheet_is_what_the_stored_generator_draws():
    from PIL import Image

    from upconv import results, zoo
    from upconv.widgets.latent import places, strongest_directions

    generator = zoo.restore_generator(results.FOLDER / "dcgan_mnist.safetensors")
    directions = strongest_directions(generator.project.weight.detach().numpy())
    np.testing.assert_allclose(directions @ directions.T, np.eye(3), atol=1e-5)
    drawn = data.montage(generate(generator, places(directions), device="cpu"), 49).astype(float)
    stored = np.asarray(Image.open(results.picture("latent_mnist.jpg")), float)
    assert np.abs(drawn - stored).mean() < 4  # JPEG
    assert stored.std() > 40


def test_noise_is_numbers_of_the_generators_length():
    generator = Generator(32, base_channels=4, latent=8)
    noise = torch.randn(2, 8, requires_grad=True)
    assert np.array_equal(generate(generator, noise), generate(generator, noise.detach().numpy()))
    for wrong in ([[1.0, 2.0], [3.0]], "x", [["a"] * 8], np.zeros(8), np.zeros((2, 7)), noise[0]):
        with pytest.raises(ValueError, match=r"noise: got .*, expected .*\(N, 8\)"):
            generate(generator, wrong)
