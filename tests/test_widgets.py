"""Explorers: their arithmetic against upconv.ops, and their Python side."""

from __future__ import annotations

import json

import numpy as np
import pytest
import traitlets
from conftest import imported

from upconv import ops
from upconv.widgets import (
    EXPLORERS,
    MIME_TYPE,
    ConvolutionExplorer,
    FourierExplorer,
    GanExplorer,
    KernelLearningExplorer,
    LatentExplorer,
    PoolingExplorer,
    ReceptiveFieldExplorer,
    ShapeExplorer,
    StyleExplorer,
    TransposedConvolutionExplorer,
    UpsamplingExplorer,
    source,
)
from upconv.widgets._explorer import encode_photo, from_url
from upconv.widgets._game import BATCH, SEEN, Game, mode_counts, noise, seen_noise
from upconv.widgets.gan import RATES, RATIOS, SETTINGS
from upconv.widgets.latent import cell as latent_cell
from upconv.widgets.shape import boxes, some_networks


def module(page, name: str):
    """Load an explorer's module into an empty page, as a notebook does: from memory."""
    return imported(page, source(name))


@pytest.fixture
def page(chromium):
    page = chromium.new_page()
    page.goto("about:blank")
    yield page
    page.close()


def random_settings(count: int):
    rng = np.random.default_rng(0)
    for _ in range(count):
        n, k, s, p, d = rng.integers((2, 1, 1, 0, 1), (12, 8, 5, 5, 4)).tolist()
        yield {
            "image": rng.normal(size=(n, n)).round(3).tolist(),
            "kernel": rng.normal(size=(k, k)).round(3).tolist(),
            "options": {"stride": s, "padding": p, "dilation": d, "flip": bool(rng.integers(2))},
        }


def test_convolution_of_the_page_is_that_of_the_module(page):
    settings = list(random_settings(300))
    results = module(page, "convolution").evaluate(
        "(m, all) => all.map(({ image, kernel, options }) => m.convolve(image, kernel, options))",
        settings,
    )
    impossible = 0
    for setting, result in zip(settings, results, strict=True):
        image, kernel = (np.array(setting[name])[None, None] for name in ("image", "kernel"))
        options = dict(setting["options"])
        if options.pop("flip"):
            kernel = kernel[..., ::-1, ::-1].copy()
        try:
            expected = ops.conv2d(image, kernel, **options)[0, 0]
        except ValueError:
            impossible += 1
            assert result is None
            continue
        np.testing.assert_allclose(result, expected, atol=1e-12)
    assert 20 < impossible < 150


def test_presets_are_what_they_are_called(page):
    presets = module(page, "convolution").evaluate(
        """m => Object.fromEntries(Object.entries(m.PRESETS).map(
            ([name, make]) => [name, [1, 2, 3, 4, 5, 6, 7].map(make)]))"""
    )
    for name, kernels in presets.items():
        for k, kernel in enumerate(kernels, start=1):
            kernel = np.array(kernel)
            assert kernel.shape == (k, k)
            if name in ("identity", "shift"):
                assert sorted(kernel.ravel())[-2:] == ([1] if k == 1 else [0, 1])
            elif name in ("box blur", "Gaussian"):  # a mean
                assert kernel.min() > 0
                assert kernel.sum() == pytest.approx(1)
            else:
                assert kernel.sum() == pytest.approx(0)
    edges = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
    assert presets["edges"][2] == edges
    assert presets["Laplacian"][2] == [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    assert presets["Sobel, left to right"][2] == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


def transposed_settings(count: int):
    rng = np.random.default_rng(1)
    for _ in range(count):
        n, k, s, p = rng.integers((1, 1, 1, 0), (6, 6, 5, 5)).tolist()
        yield {
            "input": rng.normal(size=(n, n)).round(3).tolist(),
            "kernel": rng.normal(size=(k, k)).round(3).tolist(),
            "options": {"stride": s, "padding": p, "outputPadding": int(rng.integers(s))},
        }


def test_three_views_of_the_transposed_convolution_are_that_of_the_module(page):
    settings = list(transposed_settings(300))
    results = module(page, "transposed").evaluate(
        """(m, all) => all.map(({ input, kernel, options }) => ({
            scatter: m.scatter(input, kernel, options),
            gather: m.gather(input, kernel, options),
            matrix: m.matrix(input.length, kernel, options),
            overlaps: m.overlaps(input.length, kernel.length, options),
        }))""",
        settings,
    )
    impossible = 0
    for setting, result in zip(settings, results, strict=True):
        x, w = (np.array(setting[name])[None, None] for name in ("input", "kernel"))
        options = dict(setting["options"])
        options["output_padding"] = options.pop("outputPadding")
        try:
            expected = ops.conv_transpose2d(x, w, **options)[0, 0]
        except ValueError:
            impossible += 1
            assert result["scatter"] is result["gather"] is None
            continue
        np.testing.assert_allclose(result["scatter"], expected, atol=1e-12)
        np.testing.assert_allclose(result["gather"], expected, atol=1e-12)
        np.testing.assert_allclose(
            np.array(result["matrix"]) @ x.ravel(), expected.ravel(), atol=1e-12
        )
        count = ops.conv_transpose2d(np.ones_like(x), np.ones_like(w), **options)[0, 0]
        np.testing.assert_array_equal(result["overlaps"], count)
    assert 10 < impossible < 150


def test_transposed_explorer_in_python():
    explorer = TransposedConvolutionExplorer(input=[[0, 1], [2, 3]], kernel=[[0, 1], [2, 3]])
    np.testing.assert_array_equal(explorer.output, [[0, 0, 1], [0, 4, 6], [4, 12, 9]])
    explorer.stride = 2
    assert explorer.output.shape == (4, 4)
    explorer.output_padding = 2
    with pytest.raises(ValueError, match="output_padding: got 2"):
        _ = explorer.output


def test_explorer_in_python():
    explorer = ConvolutionExplorer(stride=2)
    assert explorer.output.shape == (7, 7)
    seen = []
    explorer.observe(seen.append, "kernel")
    explorer.kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    assert seen[0]["new"] == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    correlation = explorer.output
    explorer.flip = True
    np.testing.assert_allclose(explorer.output, -correlation, atol=1e-12)
    explorer.dilation = 3
    image = np.array(explorer.pictures[explorer.picture])[None, None]
    kernel = np.array(explorer.kernel)[None, None, ::-1, ::-1].copy()
    expected = ops.conv2d(image, kernel, stride=2, dilation=3)[0, 0]
    np.testing.assert_array_equal(explorer.output, expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kernel", [[1, 2]]),
        ("kernel", np.ones((8, 8))),
        ("kernel", [[np.nan]]),
        ("kernel", "Sobel"),
        ("stride", 0),
        ("padding", 5),
        ("dilation", 4),
        ("picture", "a dog"),
    ],
)
def test_impossible_settings_are_refused_and_nothing_is_lost(name, value):
    explorer = ConvolutionExplorer()
    before = explorer.state()
    with pytest.raises(traitlets.TraitError, match=name):
        setattr(explorer, name, value)
    assert explorer.state() == before


def test_explorer_is_stored_alike_each_time():
    explorer = ConvolutionExplorer()
    data, _ = explorer._repr_mimebundle_()
    assert data[MIME_TYPE]["name"] == "convolution"
    assert json.loads(json.dumps(data[MIME_TYPE]["state"])) == data[MIME_TYPE]["state"]
    assert "0x" not in repr(explorer)
    view = data["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"].startswith("upconv-convolution-")


def test_fourier_of_the_page_is_that_of_the_module(page):
    rng = np.random.default_rng(2)
    settings, explorers = [], []
    for _ in range(120):
        n = int(rng.choice([8, 16, 32, 64]))
        kind, edge = (
            rng.choice(["low", "high", "band", "painted"]),
            rng.choice(["ideal", "gaussian"]),
        )
        strokes = [
            [*rng.integers(-n // 2, n // 2, 2).tolist(), int(rng.integers(0, n // 4)), int(keep)]
            for keep in rng.integers(0, 2, rng.integers(0, 6))
        ]
        explorer = FourierExplorer(
            pictures={"noise": encode_photo(rng.random((n, n)))},
            picture="noise",
            signals={"noise": rng.random(n).tolist()},
            signal="noise",
            view=str(rng.choice(["picture", "signal"])),
            kind=str(kind),
            edge=str(edge),
            radius=int(rng.integers(1, n)),
            width=int(rng.integers(1, 20)),
            strokes=strokes,
        )
        if explorer.view == "signal" and kind == "painted":
            explorer.kind = "low"
        explorers.append(explorer)
        names = ("view", "kind", "edge", "radius", "width", "strokes")
        values = explorer.image.ravel().tolist()
        settings.append({"n": n, "values": values} | {k: getattr(explorer, k) for k in names})
    results = module(page, "fourier").evaluate(
        """(m, all) => all.map(({ n, values, view, ...settings }) => {
            const mask = (view === "signal" ? m.transfer1 : m.transfer)(n, settings);
            const spectrum = m.spectrum(values, n);
            const { output, kernel } = m.filtered(spectrum, mask, n);
            const { energy } = m.kept(spectrum, mask);
            return { mask: [...mask], output: [...output], kernel: [...kernel], energy };
        })""",
        settings,
    )
    for explorer, result in zip(explorers, results, strict=True):
        shape = explorer.image.shape
        np.testing.assert_allclose(np.reshape(result["mask"], shape), explorer.transfer, atol=1e-12)
        np.testing.assert_allclose(np.reshape(result["output"], shape), explorer.output, atol=1e-10)
        np.testing.assert_allclose(np.reshape(result["kernel"], shape), explorer.kernel, atol=1e-10)
        # Parseval: the energy kept is the variance of what is left, by that of all.
        left = explorer.output - explorer.output.mean()
        assert result["energy"] == pytest.approx(left.var() / explorer.image.var(), abs=1e-9)
    assert {explorer.kind for explorer in explorers} == {"low", "high", "band", "painted"}


def learning_settings(count: int):
    """Kernels, starts and rates around the largest: half of the searches diverge."""
    rng = np.random.default_rng(5)
    for _ in range(count):
        k = int(rng.integers(2, 6))
        explorer = KernelLearningExplorer(
            input=str(rng.choice(["photograph", "centered", "noisy", "noise"])),
            kernel=rng.normal(size=(k, k)).round(2).tolist(),
            start=str(rng.choice(["random", "zeros"])),
            momentum=bool(rng.integers(2)),
            steps=int(rng.integers(0, 60)),
        )
        explorer.rate = float(np.clip(explorer.largest_rate * rng.uniform(0.1, 2), 0.01, 2))
        yield explorer


def test_learning_of_the_page_is_that_of_the_module(page):
    explorers = list(learning_settings(120))
    names = ("input", "kernel", "start", "rate", "momentum", "steps")
    settings = [{name: getattr(explorer, name) for name in names} for explorer in explorers]
    results = module(page, "learning").evaluate(
        """(m, [pictures, all]) => {
            const images = m.inputs(pictures);
            return all.map(({ input, kernel, start, ...settings }) => {
                const k = kernel.length;
                const bowl = m.problem(m.hessian(images[input], k), kernel.flat());
                const { values, vectors } = m.eigen(bowl.hessian);
                return {
                    image: [...images[input]],
                    hessian: bowl.hessian.map((row) => [...row]),
                    linear: bowl.linear, constant: bowl.constant,
                    ...m.descend(bowl, m.beginning(start, images.noise, k), settings),
                    values, vectors,
                    target: [...m.response(images[input], kernel.flat(), k)],
                    factors: values.map((one) => m.factor(one, settings.rate, settings.momentum)),
                };
            });
        }""",
        [explorers[0].pictures, settings],
    )
    seen = {"found": 0, "stopped": 0}
    for explorer, result in zip(explorers, results, strict=True):
        problem, path, losses = explorer.problem, explorer.path, explorer.losses
        np.testing.assert_allclose(
            np.reshape(result["image"], (64, 64)), explorer.image, atol=1e-12
        )
        np.testing.assert_allclose(result["hessian"], problem.hessian, atol=1e-10)
        np.testing.assert_allclose(result["linear"], problem.linear, atol=1e-9)
        assert result["constant"] == pytest.approx(problem.constant)
        np.testing.assert_allclose(result["target"], explorer.target.ravel(), atol=1e-10)
        # What grows makes the differences of rounding grow as well.
        np.testing.assert_allclose(
            np.reshape(result["path"], path.shape), path, rtol=1e-6, atol=1e-6
        )
        np.testing.assert_allclose(result["losses"], losses, rtol=1e-6, atol=1e-9)
        assert result["stopped"] == (losses[-1] > 1e6 * losses[0])
        np.testing.assert_allclose(result["values"], explorer.curvatures, atol=1e-10)
        vectors = np.array(result["vectors"])
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(vectors)), atol=1e-10)
        np.testing.assert_allclose(
            vectors @ problem.hessian, vectors * explorer.curvatures[:, None], atol=1e-9
        )
        # A step of descent with momentum, as a matrix: its largest eigenvalue.
        beta = 0.9 * explorer.momentum
        for value, found in zip(explorer.curvatures, result["factors"], strict=True):
            step = [[1 + beta - explorer.rate * value, -beta], [1, 0]]
            expected = np.abs(np.linalg.eigvals(step)).max()
            assert found == pytest.approx(expected, rel=1e-6)
        assert (max(result["factors"]) > 1) == (explorer.rate > explorer.largest_rate)
        seen["found"] += explorer.found
        seen["stopped"] += result["stopped"]
    assert min(seen.values()) > 5, seen


def test_learning_explorer_in_python():
    explorer = KernelLearningExplorer(steps=500)
    assert not explorer.found  # along the valley of a photograph, steps crawl
    condition = explorer.curvatures[-1] / explorer.curvatures[0]
    assert condition > 1000 and explorer.losses[-1] < 0.05 * explorer.losses[0]
    explorer.input, explorer.steps = "noise", 20
    assert explorer.found and explorer.curvatures[-1] / explorer.curvatures[0] < 1.5
    explorer.rate = 1.1 * explorer.largest_rate
    assert len(explorer.path) < 500 or explorer.losses[-1] > explorer.losses[0]
    error = ops.conv2d(explorer.image[None, None], explorer.learned[None, None]) - explorer.target
    assert explorer.losses[-1] == pytest.approx((error**2).mean())


def test_kernels_to_learn_are_what_they_are_called(page):
    kernels = module(page, "learning").evaluate("m => m.KERNELS")
    kernels = {name: np.array(kernel) for name, kernel in kernels.items()}
    for name in ("blur", "blur, 5 × 5", "sharpen", "emboss", "shift"):
        assert kernels[name].sum() == pytest.approx(1), name
    for name in ("edges", "Sobel, left to right"):
        assert kernels[name].sum() == 0
    assert kernels["blur"].min() > 0 and kernels["blur, 5 × 5"].shape == (5, 5)
    assert KernelLearningExplorer().kernel == kernels["edges"].tolist()


def gan_settings(count: int):
    rng = np.random.default_rng(6)
    for _ in range(count):
        cells = np.unique(rng.integers(0, 12, (rng.integers(1, 9), 2)), axis=0)
        yield GanExplorer(
            data=str(rng.choice(["ring", "grid", "moons", "spiral", "drawing"])),
            drawing=cells.tolist(),
            loss=str(rng.choice(["ns", "minimax"])),
            start=str(rng.choice(["he", "small"])),
            **{name: bool(rng.integers(2)) for name in ("smooth", "norm", "leaky")},
            beta=float(rng.choice([0.5, 0.9])),
            rate=float(rng.choice(RATES)),
            ratio=float(rng.choice(RATIOS)),
            turns=int(rng.integers(1, 6)),
            seed=int(rng.integers(1000)),
            steps=int(rng.integers(1, 9)),
        )


def torch_game(explorer: GanExplorer):
    """The explorer's game played by PyTorch: losses, slopes of the first steps, and networks."""
    import torch
    from torch import nn

    def built(network):
        layers, left = [], iter(network.parameters)
        for depth in range(3):
            weights = torch.tensor(next(left))
            normed = network.norm and depth < 2
            layers.append(nn.Linear(*weights.shape[::-1], bias=not normed, dtype=torch.float64))
            layers[-1].weight.data = weights
            if normed:
                layers.append(nn.BatchNorm1d(len(weights), dtype=torch.float64))
                next(left)
            nn.init.zeros_(layers[-1].bias)
            next(left)
            layers.append(nn.LeakyReLU(network.slope) if network.slope else nn.ReLU())
        return nn.Sequential(*layers[:-1], nn.Tanh() if network.bounded else nn.Identity())

    def slopes(network):
        return torch.cat([p.grad.ravel() for p in network.parameters()]).numpy()

    game = Game({name: getattr(explorer, name) for name in SETTINGS})
    maker, judge = built(game.maker), built(game.judge)
    betas = (explorer.beta, 0.999)
    makers = torch.optim.Adam(maker.parameters(), explorer.rate, betas)
    judges = torch.optim.Adam(judge.parameters(), explorer.rate * explorer.ratio, betas)
    judged, at, losses, first = nn.BCEWithLogitsLoss(), 0, [], []
    ones = torch.ones(BATCH, 1, dtype=torch.float64)
    for _ in range(explorer.steps):
        for _ in range(explorer.turns):
            points = torch.tensor(game.data.sample(BATCH, game.source, at))
            z = torch.tensor(noise(BATCH, game.source, at + 3 * BATCH))
            at += 5 * BATCH
            target = 0.9 * ones if explorer.smooth else ones
            loss = judged(judge(points), target) + judged(judge(maker(z).detach()), 0 * ones)
            judges.zero_grad()
            loss.backward()
            first += [slopes(judge)] if not first else []
            judges.step()
        says = judge(maker(torch.tensor(noise(BATCH, game.source, at))))
        at += 2 * BATCH
        own = judged(says, ones) if explorer.loss == "ns" else -judged(says, 0 * ones)
        makers.zero_grad()
        own.backward()
        first += [slopes(maker)] if len(first) < 2 else []
        makers.step()
        losses.append([loss.item(), own.item()])
    z = torch.tensor(seen_noise())
    with torch.no_grad():
        ends = [nn.utils.parameters_to_vector(net.parameters()).numpy() for net in (maker, judge)]
        drawn = maker.eval()(z)
        return losses, first, ends, drawn.numpy(), torch.sigmoid(judge(drawn))[:, 0].numpy()


PLAY = """(m, all) => {
    const numbers = (x) => [...x];
    return all.map(({ steps, ...settings }) => {
        const first = m.newGame(settings), game = m.newGame(settings);
        const points = m.real(first.data, m.BATCH, first.source, 0);
        const drawn = m.forward(
            first.maker, m.noise(m.BATCH, first.source, 3 * m.BATCH), m.BATCH, true).output;
        const { slopes } = m.judged(first.judge, points, drawn, settings.smooth);
        for (let i = 0; i < steps; i++) m.advance(game);
        const samples = m.drawnFrom(game, m.seenNoise());
        const yard = m.yardstick(game.data);
        return {
            begun: numbers(m.newGame(settings).maker.values), centers: game.data.centers,
            points: numbers(points), slopes: numbers(slopes), losses: game.losses,
            maker: numbers(game.maker.values), judge: numbers(game.judge.values),
            samples: numbers(samples), said: numbers(m.belief(game, samples)),
            floor: yard.floor, ...m.measure(samples, game.data, yard),
        };
    });
}"""


def test_a_game_of_the_page_is_that_of_the_module_and_of_pytorch(page):
    """Gradients, steps of Adam, batch norm and its running statistics, samples and measures."""
    explorers = list(gan_settings(80))
    settings = [{name: getattr(one, name) for name in (*SETTINGS, "steps")} for one in explorers]
    results = module(page, "gan").evaluate(PLAY, settings)
    close = {"rtol": 0, "atol": 1e-8}
    for explorer, result in zip(explorers, results, strict=True):
        game = Game({name: getattr(explorer, name) for name in SETTINGS})
        np.testing.assert_allclose(result["begun"], game.maker.flat, rtol=0, atol=1e-13)
        np.testing.assert_allclose(result["centers"], explorer.modes, rtol=0, atol=1e-13)
        points = game.data.sample(BATCH, game.source, 0)
        np.testing.assert_allclose(result["points"], points.ravel(), rtol=0, atol=1e-13)
        losses, slopes, (maker, judge), drawn, said = torch_game(explorer)
        np.testing.assert_allclose(result["slopes"], slopes[0], rtol=0, atol=1e-12)
        for name, expected, own in (
            ("losses", losses, explorer.losses),
            ("maker", maker, explorer.game.maker.flat),
            ("judge", judge, explorer.game.judge.flat),
            ("samples", drawn.ravel(), explorer.generated.ravel()),
            ("said", said, explorer.probability(explorer.generated)),
        ):
            np.testing.assert_allclose(result[name], expected, **close, err_msg=name)
            np.testing.assert_allclose(result[name], own, **close, err_msg=name)
        assert result["counts"] == explorer.counts.tolist()
        assert result["covered"] == explorer.covered
        assert result["near"] == pytest.approx(explorer.near)
        assert result["distance"] == pytest.approx(explorer.distance, abs=1e-8)
        assert result["floor"] == pytest.approx(explorer.floor, abs=1e-10)
    for name in ("data", "loss", "smooth", "norm", "start", "leaky", "beta", "turns"):
        assert len({getattr(explorer, name) for explorer in explorers}) > 1, name


def test_slopes_of_the_generator_are_those_of_pytorch(page):
    """After the discriminator's first steps; and where its loss wants each sample to go."""
    explorers = list(gan_settings(30))
    for explorer in explorers:
        explorer.steps, explorer.turns = 1, 1
    settings = [{name: getattr(one, name) for name in SETTINGS} for one in explorers]
    results = module(page, "gan").evaluate(
        """(m, all) => all.map((settings) => {
            const game = m.newGame(settings);
            m.advance(game);
            const again = m.newGame(settings);
            m.forward(again.maker, m.noise(m.BATCH, again.source, 3 * m.BATCH), m.BATCH, true);
            const z = m.noise(m.BATCH, again.source, 5 * m.BATCH);
            const { slopes } = m.fooled(again.maker, game.judge, z, settings.loss);
            const drawn = m.drawnFrom(again, z);
            return { slopes: [...slopes], drawn: [...drawn],
                     judge: [...game.judge.values],
                     wanted: [...m.wanted(game.judge, drawn, settings.loss).slopes],
                     near: [1e-5, -1e-5].map((h) => m.wanted(game.judge,
                         drawn.map((x, i) => i === 6 ? x + h : x), settings.loss).loss) };
        })""",
        settings,
    )
    for explorer, result in zip(explorers, results, strict=True):
        _, slopes, _, _, _ = torch_game(explorer)
        np.testing.assert_allclose(result["slopes"], slopes[1], rtol=0, atol=1e-10)
        slope = (result["near"][0] - result["near"][1]) / 2e-5 * BATCH  # of the mean
        assert result["wanted"][6] == pytest.approx(slope, abs=1e-5)


def test_the_same_numbers_in_every_browser_are_the_right_ones(page):
    """exp, log, cosine and sine of sums and products alone, against NumPy's."""
    x = np.concatenate([np.linspace(-300, 300, 999), np.linspace(-3, 3, 999)])
    y, turns = 10 ** np.linspace(-12, 12, 999), np.linspace(0, 1, 999)
    found = module(page, "gan").evaluate(
        "(m, [x, y, turns]) => [x.map(m.exp), y.map(m.log), turns.map(m.turn)]",
        [x.tolist(), y.tolist(), turns.tolist()],
    )
    np.testing.assert_allclose(np.array(found[0], float), np.exp(x), rtol=2e-15)
    np.testing.assert_allclose(found[1], np.log(y), rtol=2e-15, atol=1e-16)
    circle = np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], 1)
    np.testing.assert_allclose(found[2], circle, rtol=0, atol=1e-15)


def test_what_a_reader_is_to_try_shows_with_several_seeds(page):
    """The page's numbers are the same on every machine, so the modes may be counted exactly."""
    settings = {
        "as it begins": {},
        "momentum": {"beta": 0.9},
        "a slow judge": {"ratio": 0.25},
        "first weights": {"start": "small"},
    }
    first = {name: getattr(GanExplorer(), name) for name in SETTINGS}
    covered, pushes = module(page, "gan").evaluate(
        """(m, [first, settings, seeds]) => {
            const z = m.seenNoise();
            const played = (some, steps) => {
                const game = m.newGame({ ...first, ...some });
                while (game.step < steps) m.advance(game);
                return game;
            };
            const covered = settings.map((some) => seeds.map((seed) => {
                const game = played({ ...some, seed }, GanSteps);
                return m.measure(m.drawnFrom(game, z), game.data, m.yardstick(game.data)).covered;
            }));
            const pushes = seeds.map((seed) => ["ns", "minimax"].map((loss) => {
                const game = played({ start: "small", ratio: 4, turns: 5, loss, seed }, 20);
                const { slopes } = m.wanted(game.judge, m.drawnFrom(game, z), loss);
                return Math.hypot(...slopes);
            }));
            return [covered, pushes];
        }""".replace("GanSteps", str(GanExplorer().steps)),
        [first, list(settings.values()), [0, 1, 2]],
    )
    found = dict(zip(settings, covered, strict=True))
    assert min(found.pop("as it begins")) >= 7, found
    assert max(max(modes) for modes in found.values()) <= 3, found
    # Where every sample is seen through, only one of the losses still pushes.
    assert all(strong > 100 * weak for strong, weak in pushes), pushes


def test_gan_explorer_in_python():
    explorer = GanExplorer(steps=0)
    assert explorer.losses.shape == (0, 2) and len(explorer.modes) == 8
    assert explorer.distance > 3 * explorer.floor  # nothing is learned
    explorer.steps = 200
    game = explorer.game
    assert explorer.game is game and len(game.losses) == 200
    assert explorer.losses[-50:, 0].mean() < 1.4  # what it loses if it cannot tell: log 4
    explorer.steps = 100  # goes back: the game is played again
    assert explorer.game is not game and len(explorer.losses) == 100
    explorer.data = "grid"
    assert explorer.counts.shape == (25,)
    real = explorer.game.data.sample(SEEN, 0, 0)
    assert mode_counts(real, explorer.game.data).sum() > 0.97 * SEEN  # within three deviations


def test_pooling_of_the_page_is_that_of_the_module(page):
    rng = np.random.default_rng(3)
    settings = [
        {
            "input": rng.integers(-3, 4, (n, n)).astype(float).tolist(),  # with ties
            "pooling": str(rng.choice(["max", "average"])),
            "unpooling": str(rng.choice(["copy", "switches"])),
            "kernel_size": int(k),
            "stride": int(s),
        }
        for n, k, s in rng.integers((2, 1, 1), (9, 5, 5), (300, 3))
    ]
    results = module(page, "pooling").evaluate(
        """(m, all) => all.map((s) => {
            const pooled = m.pool(s.input, s);
            if (!pooled) return null;
            const { values, switches } = pooled;
            return {
                values,
                copied: m.copied(values, s.kernel_size),
                replaced: switches && m.replaced(values, switches, s.input.length),
            };
        })""",
        settings,
    )
    checked = {"copy": 0, "switches": 0, "impossible": 0}
    for setting, result in zip(settings, results, strict=True):
        explorer = PoolingExplorer(**setting)
        if result is None:
            with pytest.raises(ValueError, match="kernel_size"):
                _ = explorer.pooled
            checked["impossible"] += 1
            continue
        np.testing.assert_allclose(result["values"], explorer.pooled, atol=1e-12)
        try:
            restored = explorer.restored
        except ValueError:
            checked["impossible"] += 1
            continue
        checked[explorer.unpooling] += 1
        name = {"copy": "copied", "switches": "replaced"}[explorer.unpooling]
        np.testing.assert_allclose(result[name], restored, atol=1e-12)
    assert min(checked.values()) > 20


def test_upsampling_of_the_page_is_that_of_the_module(page):
    rng = np.random.default_rng(5)
    settings, explorers = [], []
    for i in range(200):
        n, flat = int(rng.integers(2, 14)), i % 3 > 0
        explorer = UpsamplingExplorer(
            pictures={"noise": encode_photo(rng.random((n, n)))},
            picture="noise",
            signals={"noise": rng.normal(size=n).tolist()},
            signal=str(rng.choice(["noise", "wave"])),
            view="signal" if flat else "picture",
            frequency=int(rng.integers(13)),
            factor=int(rng.integers(2, 6)),
            kernel=str(rng.choice(["nearest", "linear", "cubic", "ideal", "own"])),
            weights=rng.normal(size=rng.integers(1, 9)).tolist(),
        )
        explorers.append(explorer)
        names = ("view", "signal", "frequency", "factor", "kernel", "weights")
        values = {"values": explorer.input.ravel().tolist(), "n": len(explorer.input)}
        settings.append(values | {name: getattr(explorer, name) for name in names})
    results = module(page, "upsampling").evaluate(
        """(m, all) => all.map(({ values, n, view, ...s }) => {
            const [flat, size] = [view === "signal", n * s.factor];
            const x = flat && s.signal === "wave"
                ? m.wave(s.frequency, 24) : Float64Array.from(values);
            const kernel = m.kernelOf(s, n);
            const output = flat
                ? m.upsampled(x, kernel, s.factor) : m.upsampled2(x, n, kernel, s.factor);
            const magnitudes = flat ? m.response(output, size) : m.magnitudes2(output, size);
            return {
                kernel: [...kernel], output: [...output], magnitudes: [...magnitudes],
                stretched: flat && [...m.stretched(x, s.factor)],
                response: [...m.response(kernel, size)],
                one: m.gain(kernel, 0.123),
                sums: m.phaseSums(kernel, s.factor), residue: m.residue(kernel, s.factor),
                share: m.share(magnitudes, size, s.factor),
                evened: m.evened(s.weights, s.factor),
            };
        })""",
        settings,
    )
    even = 0
    for explorer, result in zip(explorers, results, strict=True):
        shape, factor = explorer.output.shape, explorer.factor
        close = {"atol": 1e-10}
        np.testing.assert_allclose(result["kernel"], explorer.taps, **close)
        np.testing.assert_allclose(np.reshape(result["output"], shape), explorer.output, **close)
        if explorer.view == "signal":
            np.testing.assert_array_equal(result["stretched"], explorer.stretched)
        spectrum = abs(np.fft.fftn(explorer.output))
        np.testing.assert_allclose(np.reshape(result["magnitudes"], shape), spectrum, atol=1e-9)
        response = abs(ops.frequency_response(explorer.taps, shape[0]))
        np.testing.assert_allclose(result["response"], response, **close)
        turns = np.exp(-2j * np.pi * 0.123 * np.arange(len(explorer.taps)))
        assert result["one"] == pytest.approx(abs(turns @ explorer.taps), abs=1e-10)
        np.testing.assert_allclose(result["sums"], explorer.sums, **close)
        np.testing.assert_allclose(result["residue"], explorer.residue, rtol=1e-9, atol=1e-10)
        assert result["share"] == pytest.approx(explorer.share, abs=1e-9)
        if len(explorer.weights) < factor:
            assert result["evened"] is None
            continue
        sums = ops.phase_sums(np.array(result["evened"], dtype=float), factor)
        np.testing.assert_allclose(sums, 1, **close)
        even += 1
    assert even > 50
    assert {(e.view, e.kernel) for e in explorers} >= {
        (view, kernel) for view in ("signal", "picture") for kernel in ("nearest", "ideal", "own")
    }


def test_what_the_kernels_leave_of_a_wave():
    """The ideal one leaves nothing, and copying more than the tent."""
    shares = {}
    for kernel in ("nearest", "linear", "cubic", "ideal"):
        shares[kernel] = UpsamplingExplorer(kernel=kernel, frequency=5, factor=3).share
    assert shares["nearest"] > 3 * shares["linear"] > 3 * shares["cubic"] > shares["ideal"]
    assert shares["ideal"] < 1e-20
    explorer = UpsamplingExplorer(kernel="own", weights=[1, 1, 1], frequency=0)
    assert explorer.share == 1  # a checkerboard is all that a constant leaves beside its mean
    np.testing.assert_allclose(explorer.residue, [1, 1 / 3])
    explorer.weights = [1, 2, 1]
    assert explorer.share == 0
    assert explorer.sums.tolist() == [2, 2]
    explorer.weights = [1, -1]
    with pytest.raises(ValueError, match="kernel: got weights that sum to 0"):
        _ = explorer.residue


def random_stacks(count: int):
    rng = np.random.default_rng(4)
    for _ in range(count):
        layers = [
            [int(x) for x in rng.integers((1, 1, 1, 0, 0), (5, 4, 3, 3, 2))]
            for _ in range(rng.integers(1, 6))
        ]
        yield layers, int(rng.integers(8, 60))


def test_receptive_fields_of_the_page_are_those_of_the_module(page):
    stacks = list(random_stacks(300))
    results = module(page, "receptive").evaluate(
        """(m, all) => all.map(([layers, n]) => ({
            sizes: m.mapSizes(layers, n),
            fields: [0, 3].map(unit => m.seen(layers, unit)),
            paths: m.paths(layers, 3),
            jump: m.jump(layers),
        }))""",
        stacks,
    )
    plain = blind = 0
    for (layers, n), result in zip(stacks, results, strict=True):
        explorer = ReceptiveFieldExplorer(pictures={}, layers=layers, size=n)
        assert result["sizes"] == explorer.map_sizes
        stack = [ops.Layer(k, s, p, d, transposed=bool(t)) for k, s, d, p, t in layers]
        intervals = [ops.input_interval(stack, unit) for unit in (0, 3)]
        assert result["fields"] == [interval and list(interval) for interval in intervals]
        if result["paths"] is None:
            assert intervals[1] is None
            blind += 1
            continue
        assert sum(result["paths"]["shares"]) == pytest.approx(1)
        if not any(layer.transposed for layer in stack):
            plain += 1
            field = ops.receptive_field(stack)[-1]
            assert result["jump"] == field.jump
            assert intervals[0][1] - intervals[0][0] + 1 == field.size
            assert sum(intervals[0]) / 2 == field.center
            assert intervals[1][0] - intervals[0][0] == 3 * field.jump
    assert plain > 20 < blind


def test_influence_is_the_gradient_with_equal_weights(page):
    """The oracle pushes an impulse through the operators, one for every input pixel."""
    compared = 0
    for layers, n in random_stacks(60):
        if min(ReceptiveFieldExplorer(pictures={}, layers=layers, size=n).map_sizes) < 1:
            continue
        x = np.eye(n)[:, None, :, None]
        for k, s, d, p, transposed in layers:
            ones, axis = np.ones((1, 1, k, 1)), {"stride": (s, 1), "padding": (p, 0)}
            apply = ops.conv_transpose2d if transposed else ops.conv2d
            x = apply(x, ones, dilation=(d, 1), **axis)
        unit = x.shape[2] // 2
        expected = x[:, 0, unit, 0]
        paths = module(page, "receptive").evaluate(
            "(m, [layers, unit]) => m.paths(layers, unit)", [layers, unit]
        )
        if paths is None:
            assert not expected.any()
            continue
        shares = dict(enumerate(paths["shares"], start=paths["start"]))
        if paths["start"] < 0 or max(shares) >= n or not expected.any():
            continue  # padding cuts paths off
        inside = np.array([shares.get(i, 0.0) for i in range(n)])
        np.testing.assert_allclose(inside, expected / expected.sum(), atol=1e-12)
        compared += 1
    assert compared >= 10


def test_known_receptive_fields(page):
    presets = module(page, "receptive").evaluate("m => m.PRESETS")
    rows = {name: [row for _, row in preset["layers"]] for name, preset in presets.items()}
    assert rows["VGG16 to pool5"] == ReceptiveFieldExplorer().layers
    assert ReceptiveFieldExplorer().fields[-1] == 212
    # 572 → 388: the output's 388 units see the whole 572 pixels between them.
    unet = ReceptiveFieldExplorer(layers=rows["U-Net"], layer=len(rows["U-Net"]), size=572)
    assert unet.map_sizes[-1] == 388
    stack = unet._stack(len(unet.layers))
    assert ops.input_interval(stack, 0)[0] == 0
    assert ops.input_interval(stack, 387)[1] == 571


def test_shapes_of_the_page_are_those_of_the_module(page):
    networks = some_networks()
    results = module(page, "shape").evaluate(
        """(m, networks) => Object.fromEntries(Object.entries(networks).map(([name, network]) =>
            [name, Array.from({ length: 600 }, (_, i) => ({
                boxes: m.boxes(network, i + 1).map(box => [box.name, box.size, box.trouble]),
                fit: m.fitting(network, i + 1),
            }))]))""",
        networks,
    )
    for name, rows in results.items():
        for size, row in enumerate(rows, start=1):
            assert row["boxes"] == [list(box) for box in boxes(networks[name], size)]
        for size in (1, 33, 187, 573, 600):
            explorer = ShapeExplorer(network=name, size=size)
            assert rows[size - 1]["fit"] == explorer.fitting_size


# A layer whose name is markup: as text it is harmless, as HTML its script would run.
HOSTILE = "<img src=x:none onerror='window.ran = true'>"
RENDER = """(m, [values, hostile]) => new Promise((resolve) => {
    const model = { get: (name) => values[name], set() {}, save_changes() {}, on() {}, off() {} };
    m.default.render({ model, el: document.body });
    const text = document.body.textContent;
    // One that is HTML comes last: when its error has run, those of the others have.
    document.body.insertAdjacentHTML("beforeend", hostile.replace("ran", "last"));
    document.body.lastChild.addEventListener(
        "error", () => resolve([text, Boolean(window.ran), window.last]));
})"""


def test_names_are_text_and_never_html(page):
    steps = [
        {"name": name, "op": "pool", "kernel": 2, "stride": 2, "padding": 0, "channels": 1}
        for name in (HOSTILE, HOSTILE + "2")
    ]
    steps.append({"name": HOSTILE + "3", "op": "add", "source": HOSTILE, "channels": 1})
    explorer = ShapeExplorer(
        networks={HOSTILE: {"steps": steps, "size": 5, "same": True}}, network=HOSTILE, size=5
    )
    values = explorer.get_state(explorer.keys)
    values = {name: value for name, value in values.items() if not name.startswith("_")}
    text, ran, last = module(page, "shape").evaluate(RENDER, [values, HOSTILE])
    assert text.count(HOSTILE) >= 5 and last and not ran


@pytest.mark.no_cover  # thousands of sizes: measured, they take twice as long
@pytest.mark.parametrize("name", ["FCN-32s", "FCN-16s", "FCN-8s"])
def test_five_poolings_need_a_multiple_of_32(name):
    fits = [n for n in range(1, 601) if ShapeExplorer(network=name, size=n).fitting_size == n]
    assert fits == list(range(32, 601, 32))


@pytest.mark.no_cover
def test_sizes_of_the_papers():
    """Ronneberger et al. 2015, figure 1, and Radford et al. 2015, figure 1."""
    sizes = {box.name: box.size for box in ShapeExplorer(network="U-Net, valid", size=572).boxes}
    assert [sizes[f"down {i}"] for i in (1, 2, 3, 4)] == [568, 280, 136, 64]
    assert (sizes["bottom"], sizes["classes"]) == (28, 388)
    fits = [
        n for n in range(1, 601) if ShapeExplorer(network="U-Net, valid", size=n).fitting_size == n
    ]
    assert fits == [n for n in range(188, 601) if n % 16 == 12]
    generator = ShapeExplorer(network="DCGAN generator", size=1).boxes
    assert [box.size for box in generator] == [1, 4, 8, 16, 32, 64]


def test_mending_pads_to_the_next_size_that_fits():
    explorer = ShapeExplorer(network="FCN-8s", size=500, mend=True)
    assert explorer.fitting_size == 512
    assert not any(box.trouble for box in explorer.boxes)
    assert explorer.boxes[0].size == explorer.boxes[-1].size == 512


@pytest.mark.parametrize(
    ("explorer", "name", "value"),
    [
        (FourierExplorer, "picture", "a dog"),
        (FourierExplorer, "radius", 0),
        (FourierExplorer, "strokes", [[0, 0, 5]]),
        (FourierExplorer, "strokes", [[0, 0, 5, 2]]),
        (FourierExplorer, "strokes", [[0.5, 0, 5, 1]]),
        (FourierExplorer, "strokes", [[0, 0, 5, 1]] * 401),
        (KernelLearningExplorer, "input", "a dog"),
        (KernelLearningExplorer, "kernel", [[1]]),
        (KernelLearningExplorer, "kernel", np.zeros((6, 6))),
        (KernelLearningExplorer, "rate", 0),
        (KernelLearningExplorer, "steps", 501),
        (GanExplorer, "data", "cats"),
        (GanExplorer, "drawing", []),
        (GanExplorer, "drawing", [[0, 12]]),
        (GanExplorer, "loss", "hinge"),
        (GanExplorer, "beta", 0.7),
        (GanExplorer, "rate", 0.1),
        (GanExplorer, "turns", 0),
        (GanExplorer, "seed", 1000),
        (GanExplorer, "steps", 6001),
        (PoolingExplorer, "input", [[1, 2], [3]]),
        (PoolingExplorer, "pooling", "median"),
        (ReceptiveFieldExplorer, "layers", []),
        (ReceptiveFieldExplorer, "layers", [[3, 0, 1, 1, 0]]),
        (ReceptiveFieldExplorer, "layers", "VGG16"),
        (ReceptiveFieldExplorer, "size", 601),
        (ShapeExplorer, "network", "ResNet"),
        (ShapeExplorer, "size", 0),
        (ConvolutionExplorer, "drawing", np.zeros((8, 8))),
        (UpsamplingExplorer, "weights", []),
        (UpsamplingExplorer, "weights", np.ones((2, 2))),
        (UpsamplingExplorer, "weights", [1, np.inf]),
        (UpsamplingExplorer, "weights", "nearest"),
        (UpsamplingExplorer, "factor", 1),
        (UpsamplingExplorer, "frequency", 13),
        (UpsamplingExplorer, "kernel", "lanczos"),
        (UpsamplingExplorer, "signal", "a song"),
        (UpsamplingExplorer, "picture", "wave"),
    ],
)
def test_each_explorer_refuses_what_cannot_be(explorer, name, value):
    explorer = explorer()
    before = explorer.state()
    with pytest.raises(traitlets.TraitError, match=name):
        setattr(explorer, name, value)
    assert explorer.state() == before


def test_latent_explorer_shows_what_the_generator_draws(page):
    """Grey tones that name their place: in Python, and by the page's own arithmetic."""
    directions = np.eye(3, 5)

    def tones(noise):
        assert noise.shape == (343, 5)
        tone = 128 + noise[:, :3] @ (27, 9, 3)  # its own value for every place
        return np.broadcast_to(tone[:, None, None], (343, 16, 16)).astype(np.uint8)

    explorer = LatentExplorer.of(tones, directions)
    places = [
        tuple(int(x) for x in place) for place in np.random.default_rng(0).integers(-3, 4, (40, 3))
    ]
    for first, second, third in places:
        explorer.first, explorer.second, explorer.third = first, second, third
        image = explorer.image
        assert image.shape == (16, 16)
        assert abs(image.mean() - (128 + 27 * first + 9 * second + 3 * third)) < 2  # JPEG
    names = ("first", "second", "third")
    settings = [dict(zip(names, place, strict=True)) for place in places]
    cells = module(page, "latent").evaluate("(m, all) => all.map(m.cell)", settings)
    assert [tuple(found) for found in cells] == [latent_cell(*place) for place in places]
    strip = module(page, "latent").evaluate("(m, place) => m.along('second', place)", settings[0])
    assert [step["second"] for step in strip] == [-3, -2, -1, 0, 1, 2, 3]
    assert all({**step, "second": settings[0]["second"]} == settings[0] for step in strip)


def test_latent_explorer_refuses_what_is_no_sheet():
    explorer = LatentExplorer()
    before = explorer.sheet
    with pytest.raises(traitlets.TraitError, match=r"sheet: got 0 × 0 pixels"):
        explorer.sheet = "data:image/jpeg;base64,nonsense"
    with pytest.raises(traitlets.TraitError, match="sheet: got 8 × 8 pixels"):
        explorer.sheet = encode_photo(np.zeros((8, 8)))
    assert explorer.sheet == before
    assert explorer.image.shape == (32, 32)
    with pytest.raises(ValueError, match=r"directions: got shape \(2, 5\)"):
        LatentExplorer.of(lambda noise: noise, np.eye(2, 5))


def test_style_explorer_shows_the_picture_of_its_place(page):
    """Tones that name their place: in Python, and by the page's own arithmetic."""
    tones = np.arange(35, dtype=np.uint8) * 7
    pictures = np.broadcast_to(tones[:, None, None, None], (35, 16, 24, 3))
    names = [str(i) for i in range(7)], [f"conv{i}_1" for i in range(1, 6)]
    explorer = StyleExplorer.of(pictures, *names)
    settings = [{"weight": w, "layer": k} for k in range(5) for w in range(7)]
    parts = module(page, "style").evaluate("(m, all) => all.map(s => m.part(s, 168, 80))", settings)
    whole = from_url(explorer.sheet)
    assert whole.shape == (80, 168, 3)
    for setting, tone, (x, y, width, height) in zip(settings, tones, parts, strict=True):
        explorer.weight, explorer.layer = setting["weight"], setting["layer"]
        assert explorer.image.shape == (16, 24, 3) == (height, width, 3)
        assert abs(explorer.image.mean() - tone) < 2  # JPEG
        np.testing.assert_array_equal(whole[int(y) :, int(x) :][:16, :24], explorer.image)


def test_style_explorer_refuses_what_is_no_sheet():
    explorer = StyleExplorer()
    before = explorer.state()
    with pytest.raises(traitlets.TraitError, match="sheet: got 35 × 35 pixels"):
        explorer.sheet = encode_photo(np.zeros((35, 35)))
    with pytest.raises(traitlets.TraitError, match="layer_names"):
        explorer.layer_names = ["conv1_1"]
    with pytest.raises(traitlets.TraitError, match="weight"):
        explorer.weight = 7
    assert explorer.state() == before


def test_pooling_explorer_says_what_cannot_be_undone():
    explorer = PoolingExplorer(pooling="average", unpooling="switches")
    with pytest.raises(ValueError, match="unpooling: got 'switches', expected 'copy'"):
        _ = explorer.restored
    explorer.unpooling, explorer.stride = "copy", 1
    with pytest.raises(ValueError, match="stride: got 1, expected the kernel size 2"):
        _ = explorer.restored


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_state_can_be_stored_and_every_setting_changed_on_the_page(page, name):
    explorer = EXPLORERS[name]()
    state = explorer.state()
    assert json.loads(json.dumps(state)) == state
    text = source(name).replace("export const STATE", "globalThis.STATE") + "\nexport const x = 1;"
    imported(page, text)
    # What goes into an address comes out again, and what the page may set Python takes.
    result = page.evaluate(
        """state => Object.fromEntries(Object.entries(STATE).map(([name, kind]) => [name, {
            complaint: kind.refuse(state[name], { get: key => state[key] }),
            back: kind.read(kind.write(state[name])),
        }]))""",
        state,
    )
    fixed = {"pictures", "signals", "networks", "sheet", "weight_names", "layer_names"}
    assert set(result) == set(state) - fixed
    for setting, outcome in result.items():
        assert outcome["complaint"] == ""
        assert outcome["back"] == state[setting]
