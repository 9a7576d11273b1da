"""Page 4: checkers that refuse the usual mistakes, and an experiment that keeps its promises."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from upconv.data import digit_scenes
from upconv.exercises import grade

FOLDER = Path(__file__).parents[1] / "code" / "experiments"


def real(quantile, ddof=1, paired=True):
    """Whether a difference is real, by a way of one's own."""

    def differs(first, second):
        apart, count = np.mean(first - second), len(first)
        error = np.std(first - second, ddof=ddof) / np.sqrt(count)
        if not paired:
            error = np.sqrt((np.var(first, ddof=1) + np.var(second, ddof=1)) / count)
        return abs(apart) > quantile(count) * error

    return differs


def student(count):
    return stats.t.ppf(0.975, count - 1)


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        (real(student), True),  # a NumPy boolean
        (lambda first, second: bool(real(student)(first, second)), True),
        (lambda first, second: stats.ttest_rel(first, second).pvalue < 0.05, True),
        (real(lambda count: 1.96), False),
        (real(student, ddof=0), False),
        (real(student, paired=False), False),
        (real(lambda count: 2.776), False),  # of five runs, whatever their number
        (lambda first, second: abs(np.mean(first - second)) > 0.0099, False),
        (lambda first, second: np.True_, False),
        (lambda first, second: np.mean(first) > np.mean(second), False),
    ],
)
def test_only_students_interval_of_the_differences_passes(answer, passes):
    found = grade("4.4", answer)
    assert found.passed == passes, found.message
    if not passes:
        assert "expected True" in found.message or "expected False" in found.message
        assert "bool (" not in found.message


def table(correct):
    def ablation_table(scores, baseline):
        others = [name for name in scores if name != baseline]
        p = np.array([stats.ttest_rel(scores[n], scores[baseline]).pvalue for n in others])
        means = np.array([scores[name].mean() for name in others])
        return np.column_stack([means, means - scores[baseline].mean(), correct(p)])

    return ablation_table


def without_order(p):
    """Holm's factors, but a smaller p-value may end above a larger one."""
    found = np.empty_like(p)
    found[np.argsort(p)] = np.minimum(np.sort(p) * np.arange(len(p), 0, -1), 1)
    return found


@pytest.mark.parametrize(
    "correct",
    [
        lambda p: p,
        lambda p: np.minimum(p * len(p), 1),
        stats.false_discovery_control,
        without_order,
    ],
)
def test_another_correction_is_refused(correct):
    assert not grade("4.5", table(correct)).passed


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("4.1", lambda values: 1.96 * np.std(values, ddof=1) / len(values) ** 0.5),
        ("4.1", lambda values: student(len(values)) * np.std(values) / len(values) ** 0.5),
        ("4.2", lambda x, skip, weight: np.tile(x, (1, 2, 2)) + np.tensordot(weight, skip, 1)),
        ("4.2", lambda x, skip, weight: x.repeat(2, 1).repeat(2, 2)),
        ("4.3", lambda budget, channels: int((budget / 9 - channels) ** 0.5) if budget > 9 else 0),
    ],
)
def test_usual_mistakes_are_refused(number, answer):
    assert "not yet" in grade(number, answer).message


def test_a_photograph_can_be_chosen_and_the_splits_stay_as_they_were():
    options = {"count": 3, "size": 32, "split": "test"}
    moon, coins = (digit_scenes(**options, photographs=(name,)) for name in ("moon", "coins"))
    assert np.array_equal(moon.masks, coins.masks) and not np.array_equal(moon.images, coins.images)
    named = digit_scenes(**options, photographs=("temple", "rocket", "gravel", "coins"))
    assert np.array_equal(named.images, digit_scenes(**options).images)
    with pytest.raises(ValueError, match="photographs: got none"):
        digit_scenes(**options, photographs=())
    with pytest.raises(ValueError, match="name: got 'sun'"):
        digit_scenes(**options, photographs=("sun",))


@pytest.fixture
def experiment(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(FOLDER)):
            del sys.modules[name]


def test_three_ways_to_join_have_equally_many_weights(experiment):
    ablation = experiment("skip_ablation")
    weights = [ablation.parameters(name, 11) for name in ablation.HIDDEN]
    assert max(weights) / min(weights) < 1.002


def test_one_jump_and_three_steps_begin_with_equal_gain(experiment):
    ablation = experiment("skip_ablation")
    import torch

    noise = torch.randn(4, 11, 24, 24, generator=torch.Generator().manual_seed(1))
    for steps in ("one", "three"):
        torch.manual_seed(0)
        up = ablation.eightfold(11, steps).up_last
        assert abs(up(noise).std().item() - 1) < 0.06


def test_no_photograph_is_in_two_of_training_validation_and_test(experiment):
    from upconv.data._digit_scenes import _SPLITS

    ablation = experiment("skip_ablation")
    used = [*_SPLITS["train"][1], *ablation.VALIDATED, *ablation.TESTED]
    assert len(set(used)) == len(used)


def test_what_no_network_says_is_counted_rightly(experiment):
    decoders = experiment("decoders")
    masks = np.zeros((2, 64, 64), np.uint8)
    masks[:, 32:, :32], masks[1, :8] = 1, 255  # a whole block of stride 32; some without a label
    scores = {
        answer: decoders.mean_iou([decoders.counted(decoders.limits(masks, 2, answer), masks, 2)])
        for answer in decoders.ANSWERS
    }
    ground = (masks == 0).sum()
    assert scores["the most frequent class"] == pytest.approx(
        ground / (ground + (masks == 1).sum()) / 2
    )
    assert scores["stride 2"] > 0.98 and scores["stride 32"] > 0.8
    assert scores["random, by frequency"] < 0.5


def test_a_loss_curve_falls_and_scores_are_those_of_the_metric(experiment):
    decoders, ablation = experiment("decoders"), experiment("skip_ablation")
    from dataclasses import replace

    from upconv.metrics import SegmentationScores

    data = digit_scenes(8, **ablation.SCENES)
    maps = decoders.maps_of(data.images, (8,))
    network = ablation.build("FCN-8s", 11, 0, frozen=False)
    settings = replace(ablation.SETTINGS, steps=12, batch=4, learning_rate=3e-3)
    losses = decoders.fit(network, maps, data.masks, settings)
    assert losses[-1] < 0.8 * losses[0]
    said, measure = decoders.answers(network, maps), SegmentationScores(11)
    for answer, mask in zip(said, data.masks, strict=True):
        measure.add(answer, mask)
    ours = decoders.mean_iou([decoders.counted(said, data.masks, 11)])
    assert ours == pytest.approx(measure.scores().mean_iou)
