// GanExplorer: a generator and a discriminator of points in the plane, trained in the page.

// ---- arithmetic (tested against NumPy and PyTorch) ------------------------------------------------

export const HIDDEN = 32; // units of each of two hidden layers, in both networks
export const BATCH = 64;
export const SEEN = 500; // samples that the measures compare
export const MOST = 6000;
export const EVERY = 25; // steps between two measurements
const CELLS = 12; // of the drawing, per side
const DIRECTIONS = 16;
const PAIRS = 4; // of real samples, for the floor
const NORM = 1e-5; // added to a variance, as in PyTorch
const KEPT = 0.9; // of the running mean and variance

// Engines round exp, log, cos and sin differently, and a game makes such a difference grow. These use
// sums, products and roots alone, which are the same everywhere: so a link shows the same game.

const POWERS = Array.from({ length: 1100 }, () => 1); // 2 to the −550 … 549
for (let i = 551; i < 1100; i++) POWERS[i] = POWERS[i - 1] * 2;
for (let i = 549; i >= 0; i--) POWERS[i] = POWERS[i + 1] / 2;
const LN2 = 0.6931471805599453;
const LN2_HIGH = 0.693147180369123816490; // its product with a small whole number is exact
const LN2_LOW = 1.90821492927058770002e-10;

export function exp(x) {
  const k = Math.round(Math.min(Math.max(x, -350), 350) / LN2);
  const r = Math.min(Math.max(x, -350), 350) - k * LN2_HIGH - k * LN2_LOW;
  let sum = 1;
  for (let i = 13; i > 0; i--) sum = 1 + (sum * r) / i;
  return sum * POWERS[k + 550];
}

export function log(y) {
  let k = 0;
  for (; y > 1.5; y /= 2) k += 1;
  for (; y < 0.75; y *= 2) k -= 1;
  const s = (y - 1) / (y + 1);
  let sum = 0;
  for (let i = 25; i > 0; i -= 2) sum = 1 / i + sum * s * s;
  return 2 * s * sum + k * LN2;
}

/** Cosine and sine of so many turns, 0 to 1. */
export function turn(turns) {
  const quarter = Math.round(4 * turns);
  const t = (turns - quarter / 4) * 2 * Math.PI;
  let [c, s] = [1, 1];
  for (let i = 16; i > 0; i -= 2) [c, s] = [1 - (c * t * t) / (i * (i - 1)), 1 - (s * t * t) / (i * (i + 1))];
  s *= t;
  return [[c, s], [-s, c], [-c, -s], [s, -c]][quarter % 4];
}

const tanh = (x) => {
  const u = exp(-2 * Math.abs(x));
  return (Math.sign(x) * (1 - u)) / (1 + u);
};
const sigmoid = (x) => 1 / (1 + exp(-x));
const softplus = (x) => Math.max(x, 0) + log(1 + exp(-Math.abs(x))); // of −x: −log D; of x: −log(1 − D)

const WORD = 4294967296; // 2 to the 32

/** The number of a place in a stream of random numbers from 0 to 1: Mulberry32's. */
function uniform(start, place) {
  let t = (start + Math.imul(place + 1, 0x6d2b79f5)) | 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / WORD;
}

/** Where a stream starts: those of two seeds, or of two purposes, have nothing in common. */
const stream = (seed, purpose) => Math.floor(uniform(seed * 8 + purpose, 0) * WORD);
const [WEIGHTS, TRAINING, LOOKING, COMPARING] = [0, 1, 2, 3];

/** Two normal numbers (Box and Muller, 1958), from places `at` and `at + 1`. */
function normals(start, at) {
  const length = Math.sqrt(-2 * log(1 - uniform(start, at)));
  const [c, s] = turn(uniform(start, at + 1));
  return [length * c, length * s];
}

/** What the real points are drawn from: equal normal distributions, as {centers, deviation}. */
export function mixture({ data, drawing }) {
  const range = (n, place) => Array.from({ length: n }, (_, i) => place(i, i / (n - 1)));
  if (data === "ring") return { centers: range(8, (i) => turn(i / 8).map((x) => 0.75 * x)), deviation: 0.04 };
  if (data === "grid") return { centers: range(25, (i) => [0.36 * (i % 5) - 0.72, 0.36 * Math.floor(i / 5) - 0.72]), deviation: 0.03 };
  if (data === "moons") {
    const half = (x, y) => (_, t) => {
      const [c, s] = turn(t / 2);
      return [0.58 * (x * c + (x > 0 ? -0.5 : 0.5)), 0.7 * (x * s + y)];
    };
    return { centers: [...range(16, half(1, -0.25)), ...range(16, half(-1, 0.25))], deviation: 0.04 };
  }
  if (data === "spiral")
    return { centers: range(24, (_, t) => turn((1.5 * t) % 1).map((x) => (0.15 + 0.65 * t) * x)), deviation: 0.035 };
  const cell = 1.8 / CELLS;
  return { centers: drawing.map(([row, column]) => [(column + 0.5) * cell - 0.9, 0.9 - (row + 0.5) * cell]), deviation: 0.3 * cell };
}

/** So many real points, x and y after each other, from a place of a stream that they use 3 numbers each of. */
export function real({ centers, deviation }, count, start, at) {
  const points = new Float64Array(2 * count);
  for (let i = 0; i < count; i++, at += 3) {
    const center = centers[Math.floor(uniform(start, at) * centers.length)];
    const [x, y] = normals(start, at + 1);
    points[2 * i] = center[0] + deviation * x;
    points[2 * i + 1] = center[1] + deviation * y;
  }
  return points;
}

/** Points of noise, even in the square from −1 to 1. */
export function noise(count, start, at) {
  return Float64Array.from({ length: 2 * count }, (_, i) => 2 * uniform(start, at + i) - 1);
}

/**
 * A network of two numbers, two hidden layers and `outputs`: {shape, slope, norm, bounded, layers, values}.
 * Its parameters lie in `values`, layer by layer: weights, factors of the batch norm if there is one, and shifts.
 */
export function network(outputs, { slope, norm, bounded, start }, source, from) {
  const layers = [];
  let [at, place] = [0, from];
  for (const [inputs, units] of [[2, HIDDEN], [HIDDEN, HIDDEN], [HIDDEN, outputs]]) {
    const normed = norm && units === HIDDEN && layers.length < 2;
    layers.push({ inputs, units, weights: at, factors: normed ? at + inputs * units : -1, shifts: at + inputs * units + (normed ? units : 0),
      mean: new Float64Array(units), variance: new Float64Array(units).fill(1) });
    at = layers.at(-1).shifts + units;
  }
  const values = new Float64Array(at);
  for (const { inputs, units, weights, factors } of layers) {
    const deviation = start === "he" ? Math.sqrt(2 / inputs) : 0.02;
    for (let i = 0; i < inputs * units; i += 2, place += 2)
      normals(source, place).forEach((x, j) => (values[weights + i + j] = deviation * x));
    if (factors >= 0) values.fill(1, factors, factors + units);
  }
  return { slope, bounded, layers, values, place };
}

/** The sum of `count` products, in four sums at a time: one would have to wait for itself. */
function product(a, from, b, at, count) {
  if (count % 4) {
    let sum = 0;
    for (let j = 0; j < count; j++) sum += a[from + j] * b[at + j];
    return sum;
  }
  let [p, q, r, s] = [0, 0, 0, 0];
  for (let j = 0; j < count; j += 4) {
    p += a[from + j] * b[at + j];
    q += a[from + j + 1] * b[at + j + 1];
    r += a[from + j + 2] * b[at + j + 2];
    s += a[from + j + 3] * b[at + j + 3];
  }
  return p + q + (r + s);
}

/** Add a multiple of so many numbers to others. */
function add(to, at, from, start, count, factor) {
  for (let j = 0; j < count; j++) to[at + j] += factor * from[start + j];
}

/** Room for numbers that nobody keeps: making it anew each time takes as long as computing. */
const rooms = new WeakMap();
function room(layer, purpose, size) {
  const own = rooms.get(layer) ?? rooms.set(layer, {}).get(layer);
  return own[purpose + size] ?? (own[purpose + size] = new Float64Array(size));
}

/**
 * What a network makes of so many inputs, and what `backward` needs until the next call: `live` in training,
 * else with the running statistics of its batch norm.
 */
export function forward({ slope, bounded, layers, values }, input, count, live = false) {
  const tape = [];
  for (let [depth, x] = [0, input]; depth < 3; depth++) {
    const layer = layers[depth];
    const { inputs, units, weights, factors, shifts } = layer;
    const y = depth < 2 ? room(layer, "output", count * units) : new Float64Array(count * units);
    for (let i = 0; i < count; i++)
      for (let u = 0; u < units; u++) y[i * units + u] = product(values, weights + u * inputs, x, i * inputs, inputs);
    const scales = factors < 0 ? null : normalize(layer, y, count, live);
    const normal = scales && y.slice();
    for (let i = 0, at = 0; i < count; i++)
      for (let u = 0; u < units; u++, at++) {
        const sum = (factors < 0 ? y[at] : values[factors + u] * y[at]) + values[shifts + u];
        if (depth < 2) y[at] = sum > 0 ? sum : slope * sum;
        else y[at] = bounded ? tanh(sum) : sum;
      }
    tape.push({ input: x, normal, scales, output: y });
    x = y;
  }
  return { output: tape[2].output, tape };
}

/** Bring a layer's numbers to mean 0 and variance 1; returns what each unit was divided by. */
function normalize({ units, mean, variance }, y, count, live) {
  const scales = new Float64Array(units);
  for (let u = 0; u < units; u++) {
    let [middle, spread] = [mean[u], variance[u]];
    if (live) {
      middle = spread = 0;
      for (let i = 0; i < count; i++) middle += y[i * units + u] / count;
      for (let i = 0; i < count; i++) spread += ((y[i * units + u] - middle) * (y[i * units + u] - middle)) / count;
      mean[u] = KEPT * mean[u] + (1 - KEPT) * middle;
      variance[u] = KEPT * variance[u] + ((1 - KEPT) * spread * count) / (count - 1);
    }
    scales[u] = Math.sqrt(spread + NORM);
    for (let i = 0; i < count; i++) y[i * units + u] = (y[i * units + u] - middle) / scales[u];
  }
  return scales;
}

/** From the slopes of a loss in the outputs to those in parameters, added to `slopes`, and in the inputs. */
export function backward({ slope, bounded, layers, values }, tape, outward, count, slopes) {
  let back = outward;
  for (let depth = 2; depth >= 0; depth--) {
    const { inputs, units, weights, factors, shifts } = layers[depth];
    const { input, normal, scales, output } = tape[depth];
    const inner = room(layers[depth], "inner", count * units);
    for (let i = 0; i < count * units; i++)
      inner[i] = back[i] * (depth < 2 ? (output[i] > 0 ? 1 : slope) : bounded ? 1 - output[i] * output[i] : 1);
    if (slopes)
      for (let i = 0; i < count; i++)
        for (let u = 0; u < units; u++) {
          slopes[shifts + u] += inner[i * units + u];
          if (scales) slopes[factors + u] += inner[i * units + u] * normal[i * units + u];
        }
    if (scales)
      for (let u = 0; u < units; u++) {
        let [sum, along] = [0, 0];
        for (let at = u; at < count * units; at += units) {
          sum += inner[at] / count;
          along += (inner[at] * normal[at]) / count;
        }
        const factor = values[factors + u] / scales[u];
        for (let at = u; at < count * units; at += units) inner[at] = factor * (inner[at] - sum - normal[at] * along);
      }
    const next = depth ? room(layers[depth], "next", count * inputs).fill(0) : new Float64Array(count * inputs);
    for (let i = 0; i < count; i++)
      for (let u = 0; u < units; u++) {
        const one = inner[i * units + u];
        if (one !== 0) add(next, i * inputs, values, weights + u * inputs, inputs, one);
        if (one !== 0 && slopes) add(slopes, weights + u * inputs, input, i * inputs, inputs, one);
      }
    back = next;
  }
  return back;
}

/** The discriminator's loss on real and on drawn points, and its slopes: {loss, slopes}. */
export function judged(judge, points, drawn, smooth) {
  const count = points.length / 2;
  const both = new Float64Array(4 * count);
  both.set(points);
  both.set(drawn, 2 * count);
  const { output, tape } = forward(judge, both, 2 * count);
  const target = smooth ? 0.9 : 1;
  let loss = 0;
  const outward = output.map((x, i) => {
    loss += (i < count ? target * softplus(-x) + (1 - target) * softplus(x) : softplus(x)) / count;
    return (sigmoid(x) - (i < count ? target : 0)) / count;
  });
  const slopes = new Float64Array(judge.values.length);
  backward(judge, tape, outward, 2 * count, slopes);
  return { loss, slopes };
}

/** What the generator's loss wants of each drawn point, were it alone: the loss's slopes in it, and the loss. */
export function wanted(judge, drawn, loss) {
  const count = drawn.length / 2;
  const { output, tape } = forward(judge, drawn, count);
  let sum = 0;
  const outward = output.map((x) => {
    sum += (loss === "minimax" ? -softplus(x) : softplus(-x)) / count;
    return loss === "minimax" ? -sigmoid(x) : sigmoid(x) - 1;
  });
  return { loss: sum, slopes: backward(judge, tape, outward, count, null) };
}

/** The generator's loss, and its slopes: {loss, slopes}. */
export function fooled(maker, judge, z, kind) {
  const count = z.length / 2;
  const { output, tape } = forward(maker, z, count, true);
  const { loss, slopes: outward } = wanted(judge, output, kind);
  const slopes = new Float64Array(maker.values.length);
  backward(maker, tape, outward.map((x) => x / count), count, slopes);
  return { loss, slopes };
}

const adam = (size) => ({ time: 0, first: new Float64Array(size), second: new Float64Array(size) });

/** A step of Adam (Kingma and Ba, 2015), with β₂ = 0.999 and ε = 10⁻⁸. */
export function adamStep(state, values, slopes, rate, beta) {
  state.time += 1;
  state.powers = [(state.powers?.[0] ?? 1) * beta, (state.powers?.[1] ?? 1) * 0.999];
  const [one, two] = [rate / (1 - state.powers[0]), Math.sqrt(1 - state.powers[1])];
  for (let i = 0; i < values.length; i++) {
    state.first[i] = beta * state.first[i] + (1 - beta) * slopes[i];
    state.second[i] = 0.999 * state.second[i] + 0.001 * slopes[i] * slopes[i];
    values[i] -= (one * state.first[i]) / (Math.sqrt(state.second[i]) / two + 1e-8);
  }
}

/** A game before its first step. */
export function newGame(settings) {
  const source = stream(settings.seed, WEIGHTS);
  const { norm, leaky, start } = settings;
  const maker = network(2, { slope: 0, norm, bounded: true, start }, source, 0);
  const judge = network(1, { slope: leaky ? 0.2 : 0, norm: false, bounded: false, start }, source, maker.place);
  return {
    settings, maker, judge, step: 0, at: 0,
    source: stream(settings.seed, TRAINING), data: mixture(settings),
    makers: adam(maker.values.length), judges: adam(judge.values.length),
    losses: [], measured: [],
  };
}

/** One step of the generator, after those of the discriminator. */
export function advance(game) {
  const { settings, maker, judge, source, data } = game;
  const { turns, smooth, loss, rate, ratio, beta } = settings;
  let judgment;
  for (let k = 0; k < turns; k++) {
    const points = real(data, BATCH, source, game.at);
    const z = noise(BATCH, source, game.at + 3 * BATCH);
    game.at += 5 * BATCH;
    judgment = judged(judge, points, forward(maker, z, BATCH, true).output, smooth);
    adamStep(game.judges, judge.values, judgment.slopes, rate * ratio, beta);
  }
  const { loss: own, slopes } = fooled(maker, judge, noise(BATCH, source, game.at), loss);
  game.at += 2 * BATCH;
  adamStep(game.makers, maker.values, slopes, rate, beta);
  game.step += 1;
  game.losses.push([judgment.loss, own]);
  return game;
}

/** What the generator draws of noise, as one sees it: with the running statistics of its batch norm. */
export const drawnFrom = ({ maker }, z) => forward(maker, z, z.length / 2).output;

/** How sure the discriminator is that points are real. */
export const belief = ({ judge }, points) => forward(judge, points, points.length / 2).output.map(sigmoid);

/** Points along each of some directions, in order. */
function projections(points) {
  return Array.from({ length: DIRECTIONS }, (_, k) => {
    const [c, s] = turn(k / (2 * DIRECTIONS));
    return Float64Array.from({ length: points.length / 2 }, (_, i) => c * points[2 * i] + s * points[2 * i + 1]).sort();
  });
}

function apart(a, b) {
  let sum = 0;
  a.forEach((row, k) => row.forEach((x, i) => (sum += Math.abs(x - b[k][i]))));
  return sum / (a.length * a[0].length);
}

/** Real points to compare with, and how far others are from them: {points, sorted, floor}. */
export function yardstick(data) {
  const start = stream(0, COMPARING);
  const points = real(data, SEEN, start, 0);
  const sorted = projections(points);
  let floor = 0;
  for (let k = 1; k <= PAIRS; k++) floor += apart(projections(real(data, SEEN, start, 3 * SEEN * k)), sorted) / PAIRS;
  return { points, sorted, floor };
}

/** The same noise in every game, to see what it draws. */
export const seenNoise = () => noise(SEEN, stream(0, LOOKING), 0);

/**
 * Drawn points against the data: `counts` of those near each mode (within 3 deviations), modes `covered`
 * (by a quarter of their share or more), share `near` any mode, and the `distance` (sliced Wasserstein).
 */
export function measure(drawn, { centers, deviation }, { sorted }) {
  const counts = new Array(centers.length).fill(0);
  const count = drawn.length / 2;
  for (let i = 0; i < count; i++) {
    let [best, nearest] = [Infinity, 0];
    centers.forEach(([x, y], k) => {
      const [across, up] = [drawn[2 * i] - x, drawn[2 * i + 1] - y];
      const far = across * across + up * up;
      if (far < best) [best, nearest] = [far, k];
    });
    if (best <= 9 * deviation * deviation) counts[nearest] += 1;
  }
  const sum = counts.reduce((a, b) => a + b, 0);
  return {
    counts, near: sum / count,
    covered: counts.filter((n) => n >= count / (4 * centers.length)).length,
    distance: apart(projections(drawn), sorted),
  };
}

// ---- the page ----------------------------------------------------------------------------------

const DATA = { ring: "ring of 8", grid: "grid of 25", moons: "two moons", spiral: "spiral", drawing: "your drawing" };
const BUDGET = 7; // milliseconds of training in a frame: the rest is the page's
const HALF = 1.05; // of the plane that is shown
const FIELD = 30; // values of a field per side
const FINE = 31; // points of a line of the grid
const PUSHED = 140; // samples with an arrow
const STRETCH = 0.03; // length of an arrow by the slope
const FEW = 0.35; // of the data's width: less is one place
const REAL = 250; // real points drawn

/** One of some numbers. */
const pick = (label, options) => ({
  label, options: () => options,
  refuse: (v) => (Object.keys(options).some((one) => Number(one) === v) ? "" : refusal(label, v, Object.keys(options).join(", "))),
  write: String, read: Number,
});

export const STATE = {
  data: choice("real points", DATA),
  drawing: table("your drawing", 1, CELLS * CELLS, [[0, CELLS - 1], [0, CELLS - 1]]),
  loss: choice("loss of G", { ns: "−log D", minimax: "log(1 − D)" }),
  smooth: flag("D's label of real points", "1", "0.9"),
  norm: flag("batch norm in G"),
  start: choice("first weights", { he: "He's", small: "0.02 (DCGAN)" }),
  leaky: flag("D's activation", "ReLU", "LeakyReLU"),
  beta: pick("Adam's β₁", { 0.5: "0.5 (DCGAN)", 0.9: "0.9" }),
  rate: pick("learning rate of G", { 0.0002: "0.0002", 0.001: "0.001", 0.002: "0.002", 0.005: "0.005" }),
  ratio: pick("rate of D / of G", { 0.25: "¼", 0.5: "½", 1: "1", 2: "2", 4: "4" }),
  turns: whole("D's steps per step of G", 1, 5),
  seed: whole("seed", 0, 999),
  show: choice("show", { grid: "G's grid", push: "what its loss wants" }),
  steps: whole("steps", 0, MOST),
};

const percent = (share) => `${Math.round(100 * share)} %`;
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const width2 = (points) => {
  const n = points.length / 2;
  let [x, y, sum] = [0, 0, 0];
  for (let i = 0; i < n; i++) [x, y] = [x + points[2 * i] / n, y + points[2 * i + 1] / n];
  for (let i = 0; i < n; i++) sum += (Math.hypot(points[2 * i] - x, points[2 * i + 1] - y) ** 2) / n;
  return Math.sqrt(sum);
};

function render({ model, el }) {
  const ui = frame({ model, el, title: "GAN explorer", state: STATE, update, draw });
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const z = seenNoise();
  let game = null;
  let key = null; // the settings that the game has
  let yard = null; // real points to compare with, of `yardOf`
  let yardOf = null;
  let running = false;
  let handle = null; // of the next frame
  let seen = true; // in view
  let drawnAt = 0;
  let waited = 0; // frames

  const [plane, inputs] = [ui.view(), ui.view()];
  const [bars, curves, far] = [ui.view("ux-plot"), ui.view("ux-plot"), ui.view("ux-plot")];
  inputs.caption.textContent = "G's noise, colored by what D says of the point it becomes";
  const [verdict, numbers] = [ui.line("ux-long ux-longer", true), ui.line("ux-long ux-longer")];

  // ---- playing ----
  const ran = ui.button("Run", () => (running ? stop() : run()));
  const stepped = ui.button("Step", () => go(1));
  const more = ui.button("100 steps", () => go(100));
  const again = ui.button("Start over", () => {
    if (running) stop();
    ui.change({ steps: 0 });
  });

  function go(count) {
    if (running) stop();
    ui.change({ steps: Math.min(MOST, model.get("steps") + count) });
  }
  function run() {
    if (game.step >= MOST) ui.change({ steps: 0 }, true);
    running = true;
    ran.textContent = "Pause";
    pump();
    ui.redraw();
  }
  function stop() {
    running = false;
    ran.textContent = "Run";
    ui.change({ steps: game.step });
  }
  ui.reset.addEventListener("click", () => running && stop());

  /** Train a little in the next frame: what is asked for, or, while it runs and is in view, without end. */
  function pump() {
    if (handle === null && (running ? seen : game.step < model.get("steps"))) handle = requestAnimationFrame(train);
  }

  function train() {
    handle = null;
    const end = running ? MOST : model.get("steps");
    const begun = performance.now();
    const hurry = !running && ++waited % 4; // what the reader has asked for is drawn now and then
    while (game.step < end && performance.now() - begun < (hurry ? 2 : 1) * BUDGET) {
      advance(game);
      if (game.step % EVERY === 0) note();
    }
    const now = performance.now();
    const shown = game.step >= end || (still.matches ? running && now - drawnAt > 1000 : !hurry);
    if (shown) drawnAt = now;
    if (running) {
      if (game.step >= MOST) return stop();
      if (shown) ui.change({ steps: game.step }, true);
    } else if (shown) {
      ui.loading(game.step < end);
      ui.redraw();
    }
    pump();
  }

  const watcher = new IntersectionObserver((entries) => {
    seen = entries.at(-1).isIntersecting;
    if (game) pump();
  });
  watcher.observe(el);
  ui.cleaners.push(() => {
    watcher.disconnect();
    cancelAnimationFrame(handle);
  });

  /** The samples of this step, measured: {step, samples, found}. */
  function look() {
    if (game.looked?.step !== game.step) {
      const samples = drawnFrom(game, z);
      game.looked = { step: game.step, samples, found: measure(samples, game.data, yard) };
    }
    return game.looked;
  }

  function note() {
    game.measured.push({ step: game.step, distance: look().found.distance });
  }

  // ---- computing ----
  function update() {
    const names = Object.keys(STATE).filter((name) => !["show", "steps"].includes(name));
    const settings = Object.fromEntries(names.map((name) => [name, model.get(name)]));
    const asked = JSON.stringify(settings);
    const restart = () => {
      game = newGame(settings);
      const data = JSON.stringify(game.data);
      if (data !== yardOf) [yard, yardOf] = [yardstick(game.data), data];
      note();
    };
    if (asked !== key) {
      key = asked;
      restart();
      if (running) model.set("steps", 0);
    } else if (game.step > model.get("steps")) restart();
    ui.loading(!running && game.step < model.get("steps"));
    pump();
  }

  // ---- drawing by the reader ----
  let erases = false;
  const hand = drawing(plane.canvas, () => CELLS + 2, () => model.get("data") === "drawing",
    ({ row, column }, first) => {
      const cell = [row - 1, column - 1];
      if (cell.some((x) => x < 0 || x >= CELLS)) return;
      const cells = model.get("drawing");
      const had = cells.some((one) => one[0] === cell[0] && one[1] === cell[1]);
      if (first) erases = had;
      if (had !== erases) return;
      ui.change({ drawing: had ? cells.filter((one) => one[0] !== cell[0] || one[1] !== cell[1]) : [...cells, cell] }, true);
    },
    () => model.save_changes(), () => ui.redraw());

  // ---- drawing ----
  /** A canvas with two of its pixels for one of the page, cleared: {pen, width, height, color}. */
  function paper({ canvas }) {
    const [width, height] = [Math.max(canvas.clientWidth, 120), Math.max(canvas.clientHeight, 60)];
    if (canvas.width !== 2 * width || canvas.height !== 2 * height) Object.assign(canvas, { width: 2 * width, height: 2 * height });
    const pen = canvas.getContext("2d");
    pen.setTransform(2, 0, 0, 2, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    const style = getComputedStyle(canvas);
    return { pen, width, height, color: (name) => style.getPropertyValue(`--ux-${name}`).trim() };
  }

  function line(pen, points) {
    pen.beginPath();
    points.forEach(([x, y], i) => pen[i ? "lineTo" : "moveTo"](x, y));
    pen.stroke();
  }

  const small = element("canvas", { width: FIELD, height: FIELD });
  /** What D says, as colors from that of samples to that of real points. */
  function field({ pen, width, color }, half, side, believed) {
    const places = new Float64Array(2 * side * side);
    const place = (i) => ((i + 0.5) / side) * 2 * half - half;
    for (let i = 0; i < side * side; i++) [places[2 * i], places[2 * i + 1]] = [place(i % side), -place(Math.floor(i / side))];
    const [low, middle, high] = ["hot", "card", "go"].map((name) => color(name).match(/[0-9a-f]{2}/gi).map((x) => parseInt(x, 16)));
    const dots = small.getContext("2d");
    const image = dots.createImageData(side, side);
    believed(places).forEach((p, i) => {
      const [end, t] = [p < 0.5 ? low : high, 0.62 * (1 - (1 - Math.abs(2 * p - 1)) ** 2)];
      for (let k = 0; k < 3; k++) image.data[4 * i + k] = Math.round(middle[k] + (end[k] - middle[k]) * t);
      image.data[4 * i + 3] = 255;
    });
    dots.putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(small, 0, 0, side, side, 0, 0, width, width);
  }

  const across = Array.from({ length: 22 * FINE }, (_, i) => { // the lines of a grid, one after another
    const [line, at] = [Math.floor(i / FINE) % 11, i % FINE];
    const along = (2 * at) / (FINE - 1) - 1;
    return i < 11 * FINE ? [along, line / 5 - 1] : [line / 5 - 1, along];
  }).flat();
  const sheet = Float64Array.from(across);

  function drawSheet(pen, color, to, points) {
    pen.strokeStyle = color("ink");
    for (let k = 0; k < 22; k++) {
      const edge = (k % 11) % 10 === 0;
      pen.globalAlpha = edge ? 0.75 : 0.4;
      pen.lineWidth = edge ? 1.6 : 0.8;
      line(pen, Array.from({ length: FINE }, (_, i) => to(points[2 * (FINE * k + i)], points[2 * (FINE * k + i) + 1])));
    }
    pen.globalAlpha = 1;
  }

  /** Dots or diamonds, all in one path: above their edges, what overlaps is one spot. */
  function marks(pen, points, count, to, fill, edge, radius, diamond = false) {
    const places = Array.from({ length: count }, (_, i) => to(points[2 * i], points[2 * i + 1]));
    for (const [color, r] of [[edge, radius + 0.8], [fill, radius]]) {
      pen.beginPath();
      for (const [x, y] of places)
        if (diamond) {
          pen.moveTo(x, y - r);
          pen.lineTo(x + r, y);
          pen.lineTo(x, y + r);
          pen.lineTo(x - r, y);
          pen.closePath();
        } else {
          pen.moveTo(x + r, y);
          pen.arc(x, y, r, 0, 2 * Math.PI);
        }
      pen.fillStyle = color;
      pen.fill();
    }
  }

  function drawPlane(samples, found) {
    const { pen, width, color } = paper(plane);
    const to = (x, y) => [((x + HALF) / (2 * HALF)) * width, ((HALF - y) / (2 * HALF)) * width];
    field({ pen, width, color }, HALF, FIELD, (points) => belief(game, points));
    const radius = width > 300 ? 2.4 : 1.8;
    marks(pen, yard.points, REAL, to, color("go"), color("card"), radius);
    if (model.get("show") === "grid") {
      drawSheet(pen, color, to, drawnFrom(game, sheet));
      marks(pen, samples, SEEN, to, color("hot"), color("card"), 1.3 * radius, true);
    } else {
      const { slopes } = wanted(game.judge, samples.slice(0, 2 * PUSHED), model.get("loss"));
      pen.strokeStyle = color("ink");
      pen.lineWidth = 1.2;
      for (let i = 0; i < PUSHED; i++) {
        const [x, y, dx, dy] = [samples[2 * i], samples[2 * i + 1], -slopes[2 * i], -slopes[2 * i + 1]];
        const length = Math.hypot(dx, dy) || 1;
        const reach = Math.min(STRETCH * length, 0.3) / length;
        const [tipX, tipY] = [x + reach * dx, y + reach * dy];
        line(pen, [to(x, y), to(tipX, tipY)]);
        const head = Math.min(0.025, 0.4 * reach * length) / length;
        line(pen, [to(tipX - head * (dx + 0.6 * dy), tipY - head * (dy - 0.6 * dx)), to(tipX, tipY), to(tipX - head * (dx - 0.6 * dy), tipY - head * (dy + 0.6 * dx))]);
      }
      marks(pen, samples, PUSHED, to, color("hot"), color("card"), 1.3 * radius, true);
      found.push = mean(Array.from({ length: PUSHED }, (_, i) => Math.hypot(slopes[2 * i], slopes[2 * i + 1])));
    }
    if (hand.focused()) {
      const cell = width / (CELLS + 2);
      pen.strokeStyle = color("ink");
      pen.lineWidth = 2;
      pen.strokeRect(hand.cursor.column * cell, hand.cursor.row * cell, cell, cell);
    }
    const own = model.get("data") === "drawing";
    const arrows = found.push === undefined ? "" : `arrows: pushes of G's loss, ${found.push.toFixed(2)} on average`;
    plane.caption.textContent = own ? `draw here${arrows ? `; ${arrows}` : ", or press arrow keys and space"}` : arrows || "the plane, colored by what D says";
    const cursor = hand.focused() ? ` Cursor in row ${hand.cursor.row}, column ${hand.cursor.column}.` : "";
    plane.canvas.setAttribute("aria-label", `the plane: real points (${DATA[model.get("data")]}) and samples; D says ${found.truly.toFixed(2)} of real points and ${found.said.toFixed(2)} of samples on average. ${found.covered} of ${found.counts.length} modes covered.${found.push === undefined ? "" : ` The mean push on a sample is ${found.push.toFixed(2)}.`}${cursor}`);
    hand.offer();
  }

  function drawInputs(said) {
    const { pen, width, color } = paper(inputs);
    const to = (x, y) => [((x + 1.02) / 2.04) * width, ((1.02 - y) / 2.04) * width];
    field({ pen, width, color }, 1.02, 22, (points) => belief(game, drawnFrom(game, points)));
    drawSheet(pen, color, to, sheet);
    inputs.canvas.setAttribute("aria-label", `the square of noise with its grid; of ${percent(mean(said.map((p) => Number(p > 0.5))))} of it D takes the result for real`);
  }

  function drawBars({ counts }) {
    const { pen, width, height, color } = paper(bars);
    const fair = SEEN / counts.length;
    const y = (n) => height - 3 - (Math.min(n / fair, 4) / 4) * (height - 8);
    counts.forEach((n, k) => {
      const [x, wide] = [(k / counts.length) * width, width / counts.length];
      pen.fillStyle = n >= fair / 4 ? color("go") : color("hot");
      pen.fillRect(x + 0.1 * wide, Math.min(y(n), height - 5), 0.8 * wide, height - 3 - Math.min(y(n), height - 5));
    });
    pen.strokeStyle = color("ink");
    pen.lineWidth = 1.2;
    pen.setLineDash([5, 3]);
    line(pen, [[0, y(fair)], [width, y(fair)]]);
    pen.setLineDash([]);
    bars.caption.textContent = `samples near each ${counts.length === 8 || counts.length === 25 ? "mode" : "piece"}; dashed: its share`;
    bars.canvas.setAttribute("aria-label", `samples near each: ${counts.join(", ")}; a fair share is ${Math.round(fair)}`);
  }

  /** Lines over the steps; `most` at the top. */
  function plot(view, lines, level, most, digits) {
    const { pen, width, height, color } = paper(view);
    const last = [100, 200, 500, 1000, 2000, 4000, MOST].find((end) => end >= game.step);
    const to = (step, value) => [LEFT + (step / last) * (width - LEFT - 4), height - 18 - (Math.min(Math.max(value, 0), most) / most) * (height - 26)];
    pen.fillStyle = color("soft");
    pen.strokeStyle = color("line");
    pen.lineWidth = 1;
    pen.textAlign = "right";
    for (const value of [0, most / 2, most]) {
      line(pen, [to(0, value), to(last, value)]);
      pen.fillText(value.toFixed(digits), LEFT - 5, to(0, value)[1]);
    }
    for (const step of [last / 2, last]) pen.fillText(step === last ? `${last} steps` : step, to(step, 0)[0], height - 7);
    pen.setLineDash([5, 3]);
    pen.strokeStyle = color("ink");
    line(pen, [to(0, level), to(last, level)]);
    pen.setLineDash([]);
    for (const [name, points] of lines) {
      pen.strokeStyle = color(name);
      pen.lineWidth = 1.8;
      line(pen, points.map(([step, value]) => to(step, value)));
    }
  }

  /** One of the losses, means of so many steps that the line can be read. */
  function smoothed(which) {
    const all = game.losses;
    const block = Math.max(1, Math.ceil(all.length / 120));
    return Array.from({ length: Math.floor(all.length / block) }, (_, i) =>
      [(i + 0.5) * block, mean(all.slice(i * block, (i + 1) * block).map((pair) => pair[which]))]);
  }

  function drawPlots(found) {
    const minimax = model.get("loss") === "minimax";
    const own = smoothed(1).map(([step, value]) => [step, minimax ? -value : value]);
    plot(curves, [["go", smoothed(0)], ["hot", own]], 2 * Math.LN2, 3, 1);
    curves.caption.textContent = `losses: D's (blue) and ${minimax ? "minus " : ""}G's (orange); dashed: D's if it cannot tell`;
    const [lost, pair] = [game.losses.slice(-50), (which) => mean(game.losses.slice(-50).map((one) => one[which])).toFixed(2)];
    curves.canvas.setAttribute("aria-label", lost.length ? `losses, mean of the last ${lost.length} steps: D's ${pair(0)}, G's ${pair(1)}` : "no losses yet");
    const most = Math.max(...game.measured.map(({ distance }) => distance / yard.floor), 4);
    plot(far, [["hot", [...game.measured.map(({ step, distance }) => [step, distance / yard.floor]), [game.step, found.distance / yard.floor]]]], 1, Math.ceil(most / 2) * 2, 0);
    far.caption.textContent = "distance of the samples from the data; dashed, 1: that of other real points";
    far.canvas.setAttribute("aria-label", `distance from the data: ${(found.distance / yard.floor).toFixed(1)} times that of real points now, ${(game.measured[0].distance / yard.floor).toFixed(1)} times at the start`);
  }

  function draw() {
    const { samples, found: measured } = look();
    const found = { ...measured };
    const said = belief(game, samples);
    const truly = belief(game, yard.points);
    found.said = mean(said);
    found.truly = mean(truly);
    drawPlane(samples, found);
    drawInputs(said);
    drawBars(found);
    drawPlots(found);
    const pieces = ["ring", "grid"].includes(model.get("data")) ? "modes" : "pieces";
    const [times, wide] = [(found.distance / yard.floor).toFixed(1), width2(samples) / width2(yard.points)];
    const all = found.counts.length;
    const waits = !running && game.step < model.get("steps");
    verdict.setAttribute("aria-live", running || waits ? "off" : "polite"); // a run tells how it ends
    const tale = marked`Step ${game.step}: <b>${found.covered} of ${all}</b> ${pieces} covered; <b>${percent(found.near)}</b> of the samples lie near one.`;
    let more = "";
    if (wide < FEW) more = marked` <span class="ux-bad">All in one place:</span> the samples are spread ${wide.toFixed(2)} times as wide as the data.`;
    else if (found.near >= 0.5 && found.covered <= all / 2) more = marked` <span class="ux-bad">Collapsed:</span> what it draws looks real, but most of the data is missing.`;
    else if (found.covered === all && found.near >= 0.8) more = marked` <b>Nothing is missing.</b>`;
    verdict.replaceChildren(tale, more);
    const right = mean([...said.map((p) => Number(p < 0.5)), ...truly.map((p) => Number(p >= 0.5))]);
    numbers.textContent = `The samples are ${times} times as far from the data as other real points. D says ${found.truly.toFixed(2)} of real points and ${found.said.toFixed(2)} of samples, and is right in ${percent(right)}: ½ and 50 % if it cannot tell.`;
  }

  const key2 = (name, text) => {
    const span = element("span", { textContent: text });
    span.style.setProperty("--key", `var(--ux-${name})`);
    return span;
  };
  return ui.begin(
    element("div", { className: "ux-row" }, ui.list("data"), ui.number("seed"), ui.list("show"), ui.number("steps"), ui.reset),
    element("div", { className: "ux-row ux-gap" },
      ui.list("loss"), ui.list("smooth"), ui.list("norm"), ui.list("start"), ui.list("leaky"), ui.list("beta"),
      ui.list("rate"), ui.list("ratio"), ui.number("turns")),
    element("div", { className: "ux-row ux-gap" }, ran, stepped, more, again,
      element("div", { className: "ux-legend" }, key2("go", "real points ●, and where D says real"), key2("hot", "samples ◆, and where D says drawn"))),
    ui.error,
    element("div", { className: "ux-stage ux-gan" }, plane.node, element("div", {}, inputs.node, bars.node)),
    verdict,
    element("div", { className: "ux-stage ux-pair ux-game" }, curves.node, far.node),
    numbers,
  );
}

const LEFT = 28; // of the axes' numbers, in pixels of the page

export default { render };
