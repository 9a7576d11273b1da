"""Choices that depend on the device, each on a device that is faked where this machine has none."""

import argparse
import importlib.util
import json
import mmap
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from pace import PATIENCE

from upconv import data, zoo
from upconv.device import autocast, loss_scaler, resolve_precision
from upconv.style import StyleSettings, TransformSettings, stylize, train_transform
from upconv.style.losses import StyleLoss
from upconv.style.optimization import Canvas
from upconv.style.pictures import to_tensor
from upconv.torch import FCN, Discriminator, Generator, SmallClassifier
from upconv.training import Diverged, GanSettings, Settings, train, train_classifier, train_gan
from upconv.training.batches import MAX_WORKERS, Batch, Prefetcher, worker_count
from upconv.training.run import Losses

CHAPTERS = sorted((Path(__file__).parents[1] / "chapters").glob("*.ipynb"))
CPU, GPU = torch.device("cpu"), torch.device("cuda")
beside_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="no TensorFlow"
)

# Says how a module was loaded: with TensorFlow before it, or not.
FAKE_TRITON = "import sys; print('triton', 'after' if 'tensorflow' in sys.modules else 'before')"
ORDER = "all = list(sys.modules); print(all.index('torch') < all.index('tensorflow'))"
STEP = (
    "import torch; w = torch.ones(2, requires_grad=True); w.sum().backward();"
    "torch.optim.AdamW([w]).step(); print('stepped')"
)


def said(code: str, **variables: str) -> list[str]:
    """The words that a fresh interpreter prints."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | variables
    # Where the module is not installed, it is found by this path.
    paths = [variables.get("PYTHONPATH"), os.environ.get("PYTHONPATH")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return subprocess.check_output(
        [sys.executable, "-c", f"import os, sys; {code}"], text=True, env=environment
    ).split()


@beside_tensorflow
def test_pytorch_and_triton_are_loaded_before_tensorflow(tmp_path):
    """Else a step of AdamW ends the process; on a GPU, PyTorch finds TensorFlow's CUDA."""
    (tmp_path / "triton.py").write_text(FAKE_TRITON)
    words = said(f"import upconv.keras; {ORDER}", PYTHONPATH=str(tmp_path))
    assert words == ["triton", "before", "True"]
    assert said(f"import upconv.keras; {STEP}") == ["stepped"]  # with Triton where it is installed


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_begins_with_pytorch(chapter, tmp_path):
    """Its first cell, which may not load TensorFlow itself, loads both and leaves memory."""
    for name in ("torch", "triton"):
        (tmp_path / f"{name}.py").write_text(FAKE_TRITON.replace("'triton'", f"'{name}'"))
    cells = json.loads(chapter.read_text("utf-8"))["cells"]
    code = "".join(next(cell for cell in cells if cell["cell_type"] == "code")["source"])
    code += "\nimport os; print(os.environ['TF_FORCE_GPU_ALLOW_GROWTH'])"
    code = f"import os; os.environ.pop('TF_FORCE_GPU_ALLOW_GROWTH', None)\n{code}"
    words = subprocess.check_output(
        [sys.executable, "-c", code], text=True, env=os.environ | {"PYTHONPATH": str(tmp_path)}
    )
    assert words.split() == ["torch", "before", "triton", "before", "true"]


@beside_tensorflow
@pytest.mark.parametrize("missing", ["ImportError", "OSError"])
def test_tensorflow_alone_is_enough(missing, tmp_path):
    """Also beside a PyTorch that cannot be loaded, as where a library of CUDA is missing."""
    (tmp_path / "torch.py").write_text(f"raise {missing}('libcudart.so.12: cannot open')")
    words = said(
        "import upconv.keras as k; print(k.UNet(2, 3, 2).name, 'torch' in sys.modules)",
        PYTHONPATH=str(tmp_path),
    )
    assert words[-1] == "False"


def test_pytorch_alone_is_enough(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('tensorflow')")
    (tmp_path / "keras.py").write_text("raise ImportError('keras')")
    assert said("import upconv.torch, upconv.training; print('fine')", PYTHONPATH=str(tmp_path))


@beside_tensorflow
def test_tensorflow_takes_of_a_gpus_memory_what_it_needs():
    show = "import upconv.keras; print(os.environ['TF_FORCE_GPU_ALLOW_GROWTH'])"
    assert said(f"os.environ.pop('TF_FORCE_GPU_ALLOW_GROWTH', None); {show}") == ["true"]
    assert said(show, TF_FORCE_GPU_ALLOW_GROWTH="false") == ["false"]  # the user's own choice
    # It is the name that TensorFlow reads.
    folder = Path(importlib.util.find_spec("tensorflow").origin).parent
    assert any(
        holds(path, b"TF_FORCE_GPU_ALLOW_GROWTH") for path in folder.glob("libtensorflow*.so.2")
    )


def holds(path: Path, text: bytes) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text) >= 0


# ---- precision ----------------------------------------------------------------------------------


@pytest.fixture
def gpu(monkeypatch):
    """A GPU of a compute capability, with PyTorch's own answers: it counts emulation as support."""
    monkeypatch.delenv("UPCONV_PRECISION", raising=False)

    def of(*capability: int) -> torch.device:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **options: True)
        return GPU

    return of


@pytest.mark.parametrize(
    ("capability", "fastest"),
    [
        ((6, 1), "fp32"),  # GTX 1080: no fast numbers of 16 bits
        ((7, 0), "fp16"),  # V100
        ((7, 5), "fp16"),  # T4
        ((8, 0), "bf16"),  # A100
        ((8, 9), "bf16"),  # L4
        ((9, 0), "bf16"),  # H100
        ((12, 0), "bf16"),
    ],
)
def test_a_gpu_computes_in_what_it_has_instructions_for(capability, fastest, gpu):
    assert resolve_precision("auto", gpu(*capability)) == fastest


def test_what_is_asked_for_is_taken_where_the_gpu_has_it(gpu, monkeypatch):
    for precision in ("bf16", "fp16", "fp32"):
        assert resolve_precision(precision, gpu(8, 0)) == precision
        monkeypatch.setenv("UPCONV_PRECISION", precision)
        assert resolve_precision("auto", gpu(8, 0)) == precision
        monkeypatch.delenv("UPCONV_PRECISION")
    for precision in ("fp16", "fp32"):
        assert resolve_precision(precision, gpu(7, 5)) == precision


def test_emulation_and_fp16_on_processors_are_refused(gpu, monkeypatch):
    emulated = "got 'bf16' on a GPU of compute capability 7.5, expected auto, fp16 or fp32"
    with pytest.raises(ValueError, match=f"^precision: {emulated}"):
        resolve_precision("bf16", gpu(7, 5))
    unknown = "^precision: got 'half', expected one of auto, bf16, fp16, fp32"
    for device in (CPU, GPU):
        with pytest.raises(ValueError, match=unknown):
            resolve_precision("half", device)
    slow = "got 'fp16' on cpu, expected auto, bf16 or fp32"
    with pytest.raises(ValueError, match=f"^precision: {slow}"):
        resolve_precision("fp16", CPU)
    with pytest.raises(ValueError, match=f"^precision: {slow}"):
        run("loop", "fp16")
    monkeypatch.setenv("UPCONV_PRECISION", "fp16")
    with pytest.raises(ValueError, match=f"^UPCONV_PRECISION: {slow}"):
        resolve_precision("auto", CPU)
    monkeypatch.setenv("UPCONV_PRECISION", "bf16")
    with pytest.raises(ValueError, match=f"^UPCONV_PRECISION: {emulated}"):
        resolve_precision("auto", gpu(7, 5))


def test_a_processor_computes_in_what_it_did(monkeypatch):
    monkeypatch.delenv("UPCONV_PRECISION", raising=False)
    for level, fast, wanted in (
        ("AVX512", True, "bf16"), ("AVX512", False, "fp32"), ("AVX2", True, "fp32"),
    ):  # fmt: skip
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda level=level: level)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda fast=fast: fast)
        assert resolve_precision("auto", CPU) == wanted
    assert resolve_precision("bf16", CPU) == "bf16"  # slow, but right


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_only_fp16_scales_the_loss(precision):
    assert loss_scaler(precision, CPU).is_enabled() == (precision == "fp16")
    with autocast(precision, CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    kinds = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    assert product.dtype == kinds[precision]


# ---- fp16, on a processor that computes as a GPU does, only slower ------------------------------

PICTURES = data.photographs()[:2]
LAYERS = {"content_layers": ("conv1_2",), "style_layers": ("conv1_1", "conv2_1")}
STEPS = 6


def features():
    return zoo.features("random", (*LAYERS["content_layers"], *LAYERS["style_layers"]))


def segmenter():
    return [FCN(11, 8, encoder="squeezenet", width_mult=0.25, head=32, head_kernel=3)]


def train_segmenter(networks, precision, **options):
    settings = Settings(
        steps=STEPS, batch=2, crop=32, flip=False, log_every=1, optimizer="sgd",
        learning_rate=0.01, precision=precision,
    )  # fmt: skip
    return train(*networks, data.digit_scenes(8), settings, **options).losses


def pair():
    return [Generator(32, base_channels=4, latent=10), Discriminator(32, base_channels=4)]


def train_pair(networks, precision, **options):
    settings = GanSettings(steps=STEPS, batch=4, log_every=1, precision=precision)
    history = train_gan(*networks, data.digit_crops(8), settings, **options)
    return history.generator_losses


def painter():
    return [zoo.build_stylizer("transform", base_channels=4, blocks=1)]


def train_painter(networks, precision, **options):
    settings = TransformSettings(
        steps=STEPS, batch=1, crop=32, style_size=32, windows=1, log_every=1, precision=precision,
        **LAYERS,
    )  # fmt: skip
    history = train_transform(*networks, features(), PICTURES, PICTURES[0], settings, **options)
    return history.style


def canvas():
    return [Canvas(to_tensor(PICTURES[0], 32))]


def draw(networks, precision, **options):
    settings = StyleSettings(size=32, steps=STEPS, scales=1, precision=precision, **LAYERS)
    image, history = stylize(features(), *PICTURES, settings, **options)
    networks[0].image.data = to_tensor(image, 32)
    return history.style


MODULES = {
    "loop": "upconv.training.loop",
    "gan": "upconv.training.gan",
    "classifier": "upconv.training.classifier",
    "transform": "upconv.style.feedforward",
    "style": "upconv.style.optimization",
}
LOOPS = {
    "loop": (segmenter, train_segmenter),
    "gan": (pair, train_pair),
    "transform": (painter, train_painter),
    "style": (canvas, draw),
}


def fresh(loop):
    torch.manual_seed(0)
    return LOOPS[loop][0]()


def run(loop, precision="auto", **options):
    """The networks of a loop, trained, and the losses on the way."""
    networks = fresh(loop)
    options = {"device": "cpu", "progress": False, "save_every": 3} | options
    return networks, LOOPS[loop][1](networks, precision, **options)


@pytest.fixture
def half(monkeypatch):
    """Let "auto" be fp16 in a loop on this processor, with a scale to begin with."""

    def of(loop: str, scale: float) -> None:
        module = importlib.import_module(MODULES[loop])
        monkeypatch.setattr(module, "resolve_precision", lambda name, device: "fp16")

        def begun(precision, device):
            scaler = loss_scaler(precision, device)
            assert scaler.get_scale() == 2.0**16
            return type(scaler)("cpu", init_scale=scale, enabled=scaler.is_enabled())

        monkeypatch.setattr(module, "loss_scaler", begun)

    return of


class Broken(Exception):
    pass


def broken_off(loop, path: Path) -> dict:
    """The state of a run that is broken off in its fifth step, saved after its third."""

    def stop(step, *_):
        if step == 4:
            raise Broken

    with pytest.raises(Broken):
        run(loop, checkpoint=path, callback=stop)
    return torch.load(next(path.parent.glob(f"{path.stem}*")), weights_only=True)


def weights(networks) -> list[torch.Tensor]:
    return [weight.detach() for network in networks for weight in network.parameters()]


def distance(first, second) -> float:
    pairs = zip(weights(first), weights(second), strict=True)
    return float(sum((a.double() - b.double()).square().sum() for a, b in pairs)) ** 0.5


@pytest.mark.parametrize("loop", LOOPS)
def test_fp16_goes_where_float32_goes(loop, half):
    full, losses = run(loop, "fp32")
    half(loop, 2.0**8)  # low enough for no step to be left out
    networks, found = run(loop)
    first = len(losses) // 3  # rounding grows on the way
    assert found[:first] == pytest.approx(losses[:first], rel=0.1)
    assert found[-1] == pytest.approx(losses[-1], rel=0.1)
    assert 0 < distance(networks, full) < 0.25 * distance(full, fresh(loop))


@pytest.mark.parametrize("loop", ["loop", "gan", "transform"])
def test_a_step_whose_gradients_overflow_is_left_out(loop, half, tmp_path):
    half(loop, 2.0**60)
    networks, losses = run(loop, checkpoint=tmp_path / "state.pt")
    assert np.isfinite(losses).all()
    for before, after in zip(weights(fresh(loop)), weights(networks), strict=True):
        assert torch.equal(before, after)
    scaler = torch.load(tmp_path / "state.pt", weights_only=True)["scaler"]
    assert scaler["scale"] == 2.0 ** (60 - STEPS)


def test_a_gradient_that_overflows_is_computed_again(half, tmp_path):
    """L-BFGS searches along a line: it needs each."""
    half("style", 2.0**8)
    drawn, losses = run("style")
    half("style", 2.0**40)
    again, found = run("style", checkpoint=tmp_path / "state.pt")
    assert found[:3] == pytest.approx(losses[:3], rel=0.01)
    assert distance(drawn, again) < 0.25 * distance(drawn, fresh("style"))
    scaler = torch.load(tmp_path / "state-0.pt", weights_only=True)["scaler"]
    assert 1 < scaler["scale"] < 2.0**36


def test_what_is_no_number_stops_a_style(half):
    """However small the scale gets."""
    half("style", 2.0**8)
    settings = StyleSettings(size=32, steps=2, scales=1, style_weight=1e38, **LAYERS)
    with pytest.raises(Diverged):
        stylize(features(), *PICTURES, settings, device="cpu", progress=False)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_run_in_fp16_goes_on_to_the_bit(loop, half, tmp_path):
    """Broken off while the scale still falls: the state of the scaler counts."""
    half(loop, 2.0**30)
    whole, losses = run(loop, checkpoint=tmp_path / "whole.pt")
    scaler = broken_off(loop, tmp_path / "state.pt")["scaler"]
    assert scaler["scale"] < 2.0**30
    again, resumed = run(loop, checkpoint=tmp_path / "state.pt", resume=True)
    assert resumed == losses
    ends = [next(tmp_path.glob(f"{name}*")) for name in ("whole", "state")]
    ends = [torch.load(path, weights_only=True)["scaler"] for path in ends]
    assert ends[0] == ends[1]
    for a, b in zip(weights(again), weights(whole), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_run_goes_on_in_another_precision(loop, half, tmp_path, monkeypatch):
    """Also from a checkpoint of before there was fp16: both have no scaler."""
    monkeypatch.setenv("UPCONV_PRECISION", "fp32")
    full = broken_off(loop, tmp_path / "full.pt")
    assert "scaler" not in full
    half(loop, 2.0**8)
    _, losses = run(loop, checkpoint=tmp_path / "full.pt", resume=True)
    assert np.isfinite(losses).all()
    assert "scaler" in broken_off(loop, tmp_path / "half.pt")
    monkeypatch.undo()
    monkeypatch.setenv("UPCONV_PRECISION", "fp32")
    _, losses = run(loop, checkpoint=tmp_path / "half.pt", resume=True)
    assert np.isfinite(losses).all()


def test_a_classifier_is_trained_in_fp16_as_in_float32(half):
    crops = data.digit_crops(40)

    def learnt(data=crops):
        torch.manual_seed(0)
        network = SmallClassifier(in_channels=3, base_channels=4)
        if data:
            train_classifier(network, data, steps=4, batch=8, device="cpu")
        return [network]

    begun, full = learnt(None), learnt()
    half("classifier", 2.0**8)
    assert 0 < distance(learnt(), full) < 0.25 * distance(full, begun)
    half("classifier", 2.0**60)  # no gradient that does not overflow
    assert distance(learnt(), begun) == 0


# ---- no waiting ---------------------------------------------------------------------------------

LAZY = ["loop", "gan", "transform"]


@pytest.fixture
def reads(monkeypatch):
    """Read losses as on a GPU, here, too; to this list goes for how many steps each time."""
    counts, plain = [], Losses.read

    def read(self):
        if self._unread:
            counts.append(len(self._unread))
        return plain(self)

    monkeypatch.setattr("upconv.training.run.AT_ONCE", ())
    monkeypatch.setattr(Losses, "read", read)
    return counts


def test_losses_are_read_where_they_are_asked_for(reads):
    losses = Losses(GPU, "the loss is", "wait")
    for step in range(5):
        losses.add(step, torch.tensor(float(step)), torch.tensor(0.5))
    assert reads == []
    assert losses.read() == losses.read() == [4, 0.5]
    losses.add(5, torch.tensor(7.0))
    assert losses.read() == [7]
    assert reads == [5, 1]
    losses.add(6, torch.tensor(1.0))
    losses.add(7, torch.tensor(float("nan")))
    losses.add(8, torch.tensor(1.0))
    with pytest.raises(Diverged, match=r"^step 7: the loss is nan; wait"):
        losses.read()


def test_a_processor_reads_each_loss_at_once():
    losses = Losses(CPU, "the losses are", "wait")
    with pytest.raises(Diverged, match=r"^step 0: the losses are \(1.0, inf\); wait"):
        losses.add(0, torch.tensor(1.0), torch.tensor(float("inf")))


def seldom(loop, monkeypatch, **options):
    """A run that notes its losses in the first and last step only."""
    kinds = {"loop": "Settings", "gan": "GanSettings", "transform": "TransformSettings"}
    plain = globals()[kinds[loop]]
    monkeypatch.setitem(globals(), kinds[loop], lambda **chosen: plain(**chosen | {"log_every": 9}))
    found = run(loop, "fp32", **options)
    monkeypatch.setitem(globals(), kinds[loop], plain)
    return found


@pytest.mark.parametrize("loop", LAZY)
def test_a_gpu_is_not_waited_for_at_each_step(loop, monkeypatch, reads, tmp_path):
    """Only where losses are noted, before a checkpoint is written, and for who looks on."""
    waited = set()

    def noting(plain):
        # The seed of a step is its number, where that of the run is 0.
        return lambda tensor: waited.add(torch.initial_seed()) or plain(tensor)

    for name in ("item", "tolist"):
        monkeypatch.setattr(torch.Tensor, name, noting(getattr(torch.Tensor, name)))
    networks, losses = seldom(loop, monkeypatch)
    assert reads == [1, STEPS - 1]
    assert waited == {0, STEPS - 1}
    reads.clear()
    seldom(loop, monkeypatch, checkpoint=tmp_path / "state.pt", save_every=4)
    assert reads == [1, 3, 2]
    reads.clear()
    seen = []
    seldom(loop, monkeypatch, callback=lambda step, *loss: seen.append(loss))
    assert len(seen) == STEPS
    if loop != "gan":  # which does not tell
        assert reads == [1] * STEPS
        assert all(np.isfinite(loss) for (loss,) in seen)
    monkeypatch.setattr("upconv.training.run.AT_ONCE", ("cpu",))
    again, same = seldom(loop, monkeypatch)
    assert losses == same
    for a, b in zip(weights(again), weights(networks), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("loop", LAZY)
def test_no_checkpoint_is_written_of_what_is_no_number(loop, monkeypatch, reads, tmp_path):
    module = importlib.import_module(MODULES[loop])
    name = {"loop": "make_batch", "gan": "make_images", "transform": "cuts"}[loop]
    plain = getattr(module, name)

    def make(*arguments):
        batch = plain(*arguments)
        worth = float("nan") if arguments[2] == 2 else 1  # of the step
        if isinstance(batch, Batch):
            return batch._replace(images=worth * batch.images)
        return worth * batch

    monkeypatch.setattr(module, name, make)
    with pytest.raises(Diverged, match=r"^step 2: "):
        seldom(loop, monkeypatch, checkpoint=tmp_path / "state.pt", save_every=2)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["step"] == 2


def test_batches_for_a_gpu_lie_where_it_fetches_them_itself(monkeypatch):
    pinned = []
    monkeypatch.setattr(
        torch.Tensor, "pin_memory", lambda self: pinned.append(self.shape) or self.clone()
    )
    one, two = torch.ones(2), torch.zeros(3)
    history = type("History", (), {"data_wait": 0.0})()
    made = [one, Batch(one, two, None), Batch(one, two, two)]
    for device, expected in ((CPU, []), (GPU, [(2,), (2,), (2,), (3,), (3,), (3,)])):
        pinned.clear()
        with Prefetcher(made.__getitem__, 3, history, device) as batches:
            found = [batches(step) for step in range(3)]
        assert sorted(pinned) == [torch.Size(shape) for shape in expected]
        assert torch.equal(found[0], one)
        assert isinstance(found[1], Batch)
        assert found[1].weights is None
        assert torch.equal(found[2].masks, two)


@pytest.fixture
def cores(monkeypatch):
    """Say how many cores there are."""

    def say(count: int) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(count), raising=False)

    monkeypatch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)
    return say


def test_a_gpu_has_batches_made_on_all_cores_but_one(cores):
    for count, expected in ((1, 1), (2, 1), (4, 3), (64, MAX_WORKERS)):
        cores(count)
        assert worker_count(CPU) == 1
        assert worker_count(GPU) == expected


def test_batches_made_at_once_come_in_their_order(cores):
    """Also if the last to be begun is the first that is done; no more are begun than threads."""
    cores(5)
    begun, free = ([threading.Event() for _ in range(9)] for _ in range(2))
    calls, history = [], argparse.Namespace(data_wait=0)

    def make(step):
        calls.append(step)
        begun[step].set()
        assert free[step].wait(PATIENCE)
        if step == 7:
            raise ValueError("step 7")
        return torch.tensor(step)

    with Prefetcher(make, 9, history, GPU) as batches:
        free[0].set()
        assert batches(0) == 0
        for step in (4, 3, 2, 1):
            assert begun[step].wait(PATIENCE)
        assert sorted(calls) == [0, 1, 2, 3, 4]
        for step in (4, 3, 2, 1, 5, 6, 7, 8):
            free[step].set()
        assert [int(batches(step)) for step in range(1, 7)] == [1, 2, 3, 4, 5, 6]
        with pytest.raises(ValueError, match="step 7"):
            batches(7)
    assert sorted(calls)[:8] == list(range(8)) and len(set(calls)) == len(calls)


def test_a_run_is_the_same_however_many_make_its_batches(cores, monkeypatch):
    plain, losses = run("loop", "fp32")
    monkeypatch.setattr("upconv.training.batches.worker_count", lambda device: 4)
    again, found = run("loop", "fp32")
    assert found == losses
    for a, b in zip(weights(again), weights(plain), strict=True):
        assert torch.equal(a, b)


def test_sums_over_a_large_image_do_not_overflow_fp16():
    class Bright:
        def layers(self, image, names):
            return {name: 30 * image for name in names}  # Σ a² is far beyond 65,504

    style = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    wanted = StyleLoss(Bright(), style, ["a"])(Bright().layers(style / 2, ["a"]))
    with autocast("fp16", CPU):
        found = StyleLoss(Bright(), style, ["a"])(Bright().layers(style / 2, ["a"]))
    assert found.item() == pytest.approx(wanted.item(), rel=0.01)
