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

/** The number of a place in a stream of random numbers from 0 to 1: Mulberry32's. */
function uniform(start, place) {
  let t = (start + Math.imul(place + 1, 0x6d2b79f5)) | 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

/** Where a stream starts: those of two seeds, or of two purposes, have nothing in common. */
const stream = (seed, purpose) => Math.floor(uniform(seed * 8 + purpose, 0) * 2 ** 32);
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
      for (let i = 0; i < count; i++) spread += (y[i * units + u] - middle) ** 2 / count;
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
      const far = (drawn[2 * i] - x) ** 2 + (drawn[2 * i + 1] - y) ** 2;
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
