"""The training loop: the same to the bit, also when it was killed; and how results are measured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pace import PATIENCE
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from upconv import data
from upconv.device import announce
from upconv.inference import evaluate, evaluate_instances, predict, probabilities
from upconv.metrics import SegmentationScores
from upconv.torch import FCN
from upconv.training import BadCheckpoint, Diverged, Settings, train
from upconv.training.batches import make_batch
from upconv.training.loop import lr_factor
from upconv.training.optimizers import fuse_channels_last

SMALL = {"encoder": "squeezenet", "width_mult": 0.25, "head": 32, "head_kernel": 3}
SETTINGS = Settings(steps=12, batch=4, crop=32, learning_rate=2e-3, flip=False, precision="fp32")


@pytest.fixture(scope="module")
def scenes():
    return data.digit_scenes(40)


def network(seed: int = 0) -> FCN:
    torch.manual_seed(seed)
    return FCN(11, 8, **SMALL)


def run(scenes, settings=SETTINGS, **options):
    net = network()
    history = train(net, scenes, settings, progress=False, **options)
    return net, history


def assert_same(first, second) -> None:
    for (name, a), (_, b) in zip(
        first.state_dict().items(), second.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), name


def test_training_learns(scenes):
    net = network()
    settings = replace(SETTINGS, steps=60, batch=8, log_every=1)
    history = train(net, scenes, settings, progress=False)
    assert np.mean(history.losses[-5:]) < 0.6 * np.mean(history.losses[:5])


def test_same_seed_same_weights(scenes):
    (first, one), (second, two) = run(scenes), run(scenes)
    assert_same(first, second)
    assert one.losses == two.losses
    third, _ = run(scenes, replace(SETTINGS, seed=1))
    weights = zip(first.parameters(), third.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in weights)


class Stop(Exception):
    pass


@pytest.mark.parametrize("after", [1, 5, 11])
def test_a_run_broken_off_anywhere_goes_on_to_the_same_end(scenes, tmp_path, after):
    whole, history = run(scenes)

    def stop(step, loss):
        if step == after:
            raise Stop

    path = tmp_path / "run.pt"
    with pytest.raises(Stop):
        run(scenes, checkpoint=path, save_every=2, callback=stop)
    again, resumed = run(scenes, checkpoint=path, resume=True, save_every=2)
    assert_same(whole, again)
    assert resumed.losses == history.losses
    assert list(tmp_path.iterdir()) == [path]


CHILD = """
import sys
sys.path[:0] = {folders!r}
import torch
torch.set_num_threads(1)
from test_training import SETTINGS, network
from dataclasses import replace
from upconv import data
from upconv.training import train
net = network()
train(net, data.digit_scenes(40), replace(SETTINGS, steps=200), checkpoint={path!r}, resume=True,
      save_every=1, progress=False, callback=lambda step, loss: print(step, flush=True))
"""


def test_kill_minus_nine_leaves_a_whole_checkpoint(scenes, tmp_path):
    path = tmp_path / "run.pt"
    here = Path(__file__).parent
    folders = [str(here), str(here.parent / "code" / "support")]
    code = CHILD.format(folders=folders, path=str(path))
    reached = -1
    for pause in (0.05, 0.11, 0.17):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        first = int(child.stdout.readline())
        for _ in range(3):  # a step's checkpoint is written before the next step
            child.stdout.readline()
        assert first >= reached  # it went on, not from the beginning
        time.sleep(pause)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        state = torch.load(path, weights_only=True)
        reached = state["step"]
    assert reached > 3
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = network()
        train(
            whole, scenes, replace(SETTINGS, steps=200), progress=False, callback=halt_at(reached)
        )
    except Stop:
        pass
    finally:
        torch.set_num_threads(threads)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(state["network"][name], value, rtol=0, atol=0)


def halt_at(step_count: int):
    def callback(step, loss):
        if step == step_count - 1:
            raise Stop

    return callback


def test_resuming_from_something_else_is_refused(scenes, tmp_path):
    path = tmp_path / "run.pt"
    run(scenes, checkpoint=path)
    with pytest.raises(BadCheckpoint, match=r"got learning_rate = 0\.002, expected 0\.1"):
        run(scenes, replace(SETTINGS, learning_rate=0.1), checkpoint=path, resume=True)
    with pytest.raises(BadCheckpoint, match="weights of another network"):
        train(FCN(11, 16, **SMALL), scenes, SETTINGS, checkpoint=path, resume=True, progress=False)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BadCheckpoint, match="not a checkpoint"):
        run(scenes, checkpoint=path, resume=True)


def test_divergence_is_said_and_the_checkpoint_kept(scenes, tmp_path):
    path = tmp_path / "run.pt"
    settings = replace(SETTINGS, learning_rate=1e12, schedule="constant", clip=1e30, steps=40)
    with pytest.raises(Diverged, match=r"the loss is .*lower learning_rate"):
        run(scenes, settings, checkpoint=path, save_every=1)
    assert all(np.isfinite(torch.load(path, weights_only=True)["history"]["losses"]))


def test_an_encoder_can_be_kept_fixed(scenes):
    before = network()
    after, _ = run(scenes, replace(SETTINGS, encoder_factor=0.0))
    assert_same(before.encoder, after.encoder)
    assert not torch.equal(before.fc6.weight, after.fc6.weight)


def test_a_frozen_encoders_batch_norms_do_not_move(scenes):
    torch.manual_seed(0)
    net = FCN(11, 8, "efficientnet_lite0", width_mult=0.1, head=8, head_kernel=3)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    train(net, scenes, replace(SETTINGS, encoder_factor=0.0, steps=3), progress=False)
    same = {name for name, value in net.state_dict().items() if torch.equal(value, before[name])}
    encoder = {name for name in before if name.startswith("encoder.")}
    assert encoder and encoder <= same and "score_skip.8.weight" not in same
    train(net.requires_grad_(), scenes, replace(SETTINGS, steps=3), progress=False)
    moved = net.encoder.state_dict()
    assert not torch.equal(
        moved["features.0.2.running_mean"], before["encoder.features.0.2.running_mean"]
    )


def test_half_precision_learns_as_well(scenes):
    settings = replace(SETTINGS, steps=60, batch=8, log_every=1)
    ends = {}
    for precision in ("fp32", "bf16"):
        _, history = run(scenes, replace(settings, precision=precision))
        ends[precision] = np.mean(history.losses[-5:])
    assert ends["bf16"] == pytest.approx(ends["fp32"], rel=0.15)


def test_batches_show_every_image_once_an_epoch():
    images = np.arange(12, dtype=np.uint8)[:, None, None, None] + np.zeros((12, 8, 8, 3), np.uint8)
    numbered = data.SegmentationSet("numbers", ("a", "b"), images, np.zeros((12, 8, 8), np.uint8))
    settings = Settings(steps=6, batch=4, crop=8)
    for epoch in range(2):
        seen = [
            round(float(value) * 255)
            for step in range(3)
            for value in make_batch(numbered, settings, 3 * epoch + step)[0][:, 0, 0, 0]
        ]
        assert sorted(seen) == list(range(12))


def test_crops_flips_and_zooms_keep_image_and_mask_together():
    """The mask is the image's own red channel, so the two must stay equal."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 9, (6, 5, 7), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    images = np.repeat(blocks[..., None], 3, axis=3)
    mirror = data.SegmentationSet("mirror", tuple("abcdefghi"), images, blocks)
    settings = Settings(steps=4, batch=6, crop=(24, 40), zoom=(1.0, 2.5))
    for step in range(4):
        pixels, masks, _ = make_batch(mirror, settings, step)
        assert pixels.shape == (6, 3, 24, 40)
        shown, labels = (pixels[:, 0] * 255).round(), masks
        # Interpolated colours at the blocks' borders aside.
        assert (shown == labels).float().mean() > 0.6
        assert ((shown - labels).abs() <= 8).all()


def test_small_images_are_filled_up_with_void():
    one = data.SegmentationSet(
        "one", ("a", "b"), [np.full((5, 6, 3), 9, np.uint8)], [np.ones((5, 6), np.uint8)]
    )
    pixels, masks, _ = make_batch(one, Settings(batch=2, crop=8), 0)
    assert (masks[:, :5, :6] == 1).all()
    assert (masks == data.VOID).sum() == 2 * (64 - 30)
    assert (pixels[:, :, 5:] == 0).all()


def test_schedule_warms_up_and_ends_near_zero():
    settings = Settings(steps=200)
    rates = [lr_factor(step, settings) for step in range(200)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == 1
    assert rates[-1] < 1e-3
    assert np.all(np.diff(rates[10:]) <= 0)
    assert lr_factor(5, Settings(steps=200, schedule="constant")) == 1


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"steps": 0}, "steps"),
        ({"batch": 0}, "batch"),
        ({"schedule": "linear"}, "schedule"),
        ({"precision": "fp8"}, "precision"),
    ],
)
def test_impossible_settings_are_refused(options, name):
    with pytest.raises(ValueError, match=f"{name}: got"):
        Settings(**options)


def test_prediction_of_any_size(scenes):
    net, _ = run(scenes)
    images = np.random.default_rng(0).integers(0, 256, (2, 45, 70, 3), dtype=np.uint8)
    predicted = predict(net, images)
    assert predicted.shape == (2, 45, 70)
    assert predicted.dtype == np.uint8
    assert predicted.max() < 11
    sizes = data.SegmentationSet(
        "sizes",
        scenes.classes,
        [image[: 20 + 10 * i] for i, image in enumerate(images)],
        [np.zeros((20 + 10 * i, 70), np.uint8) for i in range(2)],
    )
    assert 0 <= evaluate(net, sizes).pixel_accuracy <= 1


# ---- scores ---------------------------------------------------------------------------------


def test_scores_by_hand():
    """Four pixels of class 0 and two of class 1; one of each is mistaken."""
    mask = np.array([[0, 0, 0], [0, 1, 1]], np.uint8)
    said = np.array([[0, 0, 1], [0, 1, 0]], np.uint8)
    scores = SegmentationScores(2)
    scores.add(said, mask)
    found = scores.scores()
    assert found.pixel_accuracy == pytest.approx(4 / 6)
    assert found.mean_accuracy == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found.class_iou == pytest.approx([3 / 5, 1 / 3])
    assert found.mean_iou == pytest.approx((3 / 5 + 1 / 3) / 2)
    assert found.frequency_weighted_iou == pytest.approx((4 * 3 / 5 + 2 * 1 / 3) / 6)


def test_scores_are_torchmetrics_where_it_has_them():
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 5, (6, 20, 30)).astype(np.uint8)
    said = np.where(rng.random(masks.shape) < 0.6, masks, rng.integers(0, 5, masks.shape))
    masks[rng.random(masks.shape) < 0.1] = data.VOID
    scores = SegmentationScores(5)
    for prediction, mask in zip(said, masks, strict=True):
        scores.add(prediction, mask)
    found = scores.scores()
    pair = torch.from_numpy(said.astype(int)), torch.from_numpy(masks.astype(int))
    options = {"num_classes": 5, "ignore_index": data.VOID}
    assert found.mean_iou == pytest.approx(MulticlassJaccardIndex(**options)(*pair).item())
    micro = MulticlassAccuracy(average="micro", **options)(*pair).item()
    assert found.pixel_accuracy == pytest.approx(micro)
    assert found.mean_accuracy == pytest.approx(MulticlassAccuracy(**options)(*pair).item())


@pytest.mark.parametrize(
    ("prediction", "mask", "complaint"),
    [
        ([[0, 2]], [[0, 1]], "prediction: got class numbers 0 to 2, expected 0 to 1"),
        ([[0, 1]], [[0, 77]], "mask: got class numbers 0 to 77, expected 0 to 1"),
        ([[0, -1]], [[0, 1]], "prediction: got class numbers -1 to 0, expected 0 to 1"),
        ([[0], [1]], [[0, 1]], r"prediction: got \(2, 1\), expected \(1, 2\)"),
    ],
)
def test_classes_that_are_not_there_are_refused_and_change_nothing(prediction, mask, complaint):
    scores = SegmentationScores(2)
    scores.add(np.array([[0, 1]]), np.array([[0, 1]]))
    with pytest.raises(ValueError, match=complaint):
        scores.add(np.array(prediction), np.array(mask))
    scores.add(np.array([[7, 1]]), np.array([[data.VOID, 1]]))  # what is void may be anything
    scores.add(np.array([[1]]), np.array([[data.VOID]]))
    assert scores.scores().pixel_accuracy == 1


def test_boundary_iou_by_hand():
    """A square of 20 in 100 pixels, moved by one: rims of width 3 (2 % of the diagonal)."""
    mask, said = np.zeros((100, 100), np.uint8), np.zeros((100, 100), np.uint8)
    mask[40:60, 40:60], said[40:60, 41:61] = 1, 1

    def rim(left, top, right, bottom):
        return {
            (r, c)
            for r in range(top, bottom)
            for c in range(left, right)
            if min(r - top, bottom - 1 - r, c - left, right - 1 - c) < 3
        }

    def outside(left):
        hole = rim(left - 3, 37, left + 23, 63)
        return hole | rim(0, 0, 100, 100)

    inner = [rim(40, 40, 60, 60), rim(41, 40, 61, 60)]
    outer = [outside(40), outside(41)]
    expected = np.mean([len(a & b) / len(a | b) for a, b in (inner, outer)])
    scores = SegmentationScores(2)
    scores.add(said, mask)
    found = scores.scores()
    assert found.boundary_iou == pytest.approx(expected)
    assert found.boundary_iou < found.mean_iou


def test_absent_classes_count_nowhere():
    scores = SegmentationScores(4)
    scores.add(np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint8))
    found = scores.scores()
    assert found.mean_iou == found.boundary_iou == found.mean_accuracy == 1
    assert np.isnan(found.class_iou[1:]).all()


# ---- scores of objects ---------------------------------------------------------------------------


class Perfect(torch.nn.Module):
    """Says what the image says: bright is class 1."""

    in_channels, padded = 1, True

    def forward(self, image):
        return torch.cat([0.5 - image, image - 0.5], 1) * 40


def drawn(classes: tuple[str, str]) -> data.SegmentationSet:
    """Two squares, told apart by a line of class 0."""
    instances = np.zeros((2, 24, 24), np.int32)
    instances[:, :, :11], instances[:, :, 12:] = 1, 2
    masks = (instances > 0).astype(np.uint8)
    return data.SegmentationSet("drawn", classes, 255 * masks, masks, instances=instances)


@pytest.mark.parametrize("classes", [("membrane", "cell"), ("background", "nucleus")])
def test_a_perfect_answer_has_perfect_scores(classes):
    scores = evaluate_instances(Perfect(), drawn(classes), precision="fp32")
    assert scores.pixels.pixel_error == scores.best_pixel_error == 0
    assert scores.half == pytest.approx((1, 1))
    assert scores.best == pytest.approx((1, 1))
    assert set(scores.average_precision.values()) == {1.0}
    assert scores.pixels.class_dice == [1, 1]


def test_a_wrong_threshold_costs_at_one_half_and_not_at_the_best():
    dim = drawn(("membrane", "cell"))
    dim.images = (dim.images * 0.46 + 100).astype(np.uint8)  # the line, too, is a little bright
    network = Perfect()
    shifted = torch.nn.Sequential()
    shifted.in_channels, shifted.padded = 1, True
    shifted.forward = lambda image: network(image + 0.12)
    scores = evaluate_instances(shifted, dim, precision="fp32")
    assert scores.half.v_rand < 0.8
    assert scores.best.v_rand == pytest.approx(1)
    assert scores.best_pixel_error == 0 < scores.pixels.pixel_error


def test_views_are_turned_back():
    """A network whose answer at a pixel depends on that pixel gives the same by any view."""
    images = np.random.default_rng(0).integers(0, 256, (2, 9, 13), dtype=np.uint8)
    one = probabilities(Perfect(), images, precision="fp32")
    for views in (2, 5, 8):
        np.testing.assert_allclose(
            probabilities(Perfect(), images, tta=views, precision="fp32"), one, atol=1e-6
        )

    class Leans(Perfect):
        def forward(self, image):
            slope = torch.arange(image.shape[-1]) / 10
            return super().forward(image) + torch.stack([slope, -slope])[:, None]

    square = images[:, :, :9]
    mean = probabilities(Leans(), square, tta=8, precision="fp32")
    assert not np.allclose(mean, probabilities(Leans(), square, precision="fp32"))
    turned = probabilities(Leans(), np.rot90(square, 1, (1, 2)).copy(), tta=8, precision="fp32")
    np.testing.assert_allclose(np.rot90(turned, -1, (2, 3)), mean, atol=1e-6)
    with pytest.raises(ValueError, match="tta: got 9"):
        probabilities(Perfect(), images, tta=9)


def test_scores_of_objects_ask_for_objects(scenes):
    with pytest.raises(ValueError, match="data: got digit_scenes"):
        evaluate_instances(Perfect(), scenes)


@pytest.mark.parametrize("lies", ["like its weight", "in plain order"])
@pytest.mark.parametrize("kind", ["AdamW", "SGD"])
def test_fused_steps_are_plain_steps_however_the_gradient_lies(kind, lies):
    """Without ``fuse_channels_last``, a gradient in plain order goes to the wrong weights."""
    ends = []
    for fused in (True, False):
        torch.manual_seed(0)
        weight = torch.randn(16, 8, 3, 3).to(memory_format=torch.channels_last).requires_grad_()
        bias = torch.randn(16, requires_grad=True)
        options = {"momentum": 0.9} if kind == "SGD" else {}
        optimizer = getattr(torch.optim, kind)(
            [weight, bias], 1e-2, fused=fused, foreach=False, **options
        )
        if fused:
            fuse_channels_last(optimizer)
        for _ in range(5):
            gradient = torch.randn(16, 8, 3, 3)
            if lies == "like its weight":
                gradient = gradient.to(memory_format=torch.channels_last)
            weight.grad, bias.grad = gradient, torch.randn(16)
            optimizer.step()
            assert weight.shape == weight.grad.shape == (16, 8, 3, 3)
        assert weight.is_contiguous(memory_format=torch.channels_last)
        assert {v.shape for v in optimizer.state[weight].values() if v.ndim} == {weight.shape}
        ends.append((weight.detach(), bias.detach()))
    for fast, plain in zip(*ends, strict=True):
        torch.testing.assert_close(fast, plain, rtol=0, atol=2e-6)


def test_the_next_batch_is_made_while_the_network_works(scenes):
    """The network of a step works until the images of the next one have been asked for."""
    settings = replace(SETTINGS, steps=5)
    asked = threading.Semaphore(0)

    class Counted(data.SegmentationSet):
        def __getitem__(self, index):
            asked.release()
            return super().__getitem__(index)

    def a_batch_was_asked_for():
        return all(asked.acquire(timeout=PATIENCE) for _ in range(settings.batch))

    def work(step, loss):
        if step == 0:  # its own batch, which nothing could make earlier
            ahead.append(a_batch_was_asked_for())
        if step + 1 < settings.steps:
            ahead.append(a_batch_was_asked_for())

    counted = Counted("counted", scenes.classes, scenes.images, scenes.masks)
    ahead, watched, plain = [], network(), network()
    history = train(watched, counted, settings, progress=False, callback=work)
    assert ahead == [True] * settings.steps
    assert not asked.acquire(blocking=False)  # no batch is made twice, and none after the last
    assert 0 < history.data_wait < history.seconds
    train(plain, scenes, settings, progress=False)
    assert_same(watched, plain)


def test_what_is_switched_on_is_said_once(scenes, capsys):
    announce.cache_clear()
    for _ in range(2):
        train(network(), scenes, replace(SETTINGS, steps=2))
    assert capsys.readouterr().err.count("cpu: fp32, channels ") == 1
