// KernelLearningExplorer: gradient descent finds a hidden kernel, and how long its valley is.

// ---- arithmetic (tested against upconv.ops) ------------------------------------------------

const SIDE = 64;
const MOMENTUM = 0.9;
const FOUND = 1e-3; // of the largest error of a weight
const GIVEN_UP = 1e6; // times the first loss
const MOST = 500;

/** SIDE × SIDE numbers from 0 to 1, of one byte each in base64. */
const unpacked = (text) => Float64Array.from(atob(text), (sign) => sign.charCodeAt(0) / 255);

/** Every input by its name, row by row. */
export function inputs(pictures) {
  const photograph = unpacked(pictures.photograph);
  const noise = unpacked(pictures.noise).map((x) => (x - 0.5) * Math.sqrt(12));
  const mean = photograph.reduce((sum, x) => sum + x, 0) / photograph.length;
  const centered = photograph.map((x) => x - mean);
  return { photograph, centered, noisy: centered.map((x, i) => x + 0.5 * noise[i]), noise };
}

/** The first kernel of the search; the random one is the noise's corner. */
export function beginning(start, noise, k) {
  return Array.from({ length: k * k }, (_, a) => (start === "random" ? noise[Math.floor(a / k) * SIDE + (a % k)] : 0));
}

/** What a kernel makes of an input of SIDE × SIDE, row by row. */
export function response(image, weights, k) {
  const n = SIDE - k + 1;
  const output = new Float64Array(n * n);
  for (let a = 0; a < k * k; a++) {
    const shift = Math.floor(a / k) * SIDE + (a % k);
    for (let p = 0; p < n; p++) for (let q = 0; q < n; q++) output[p * n + q] += weights[a] * image[p * SIDE + q + shift];
  }
  return output;
}

/** Half the loss's second derivatives are the means of the products of two shifted inputs. */
export function hessian(image, k) {
  const n = SIDE - k + 1;
  const found = Array.from({ length: k * k }, () => new Float64Array(k * k));
  for (let a = 0; a < k * k; a++)
    for (let b = a; b < k * k; b++) {
      const [first, second] = [a, b].map((c) => Math.floor(c / k) * SIDE + (c % k));
      let sum = 0;
      for (let p = 0; p < n; p++)
        for (let at = p * SIDE, end = at + n; at < end; at++) sum += image[at + first] * image[at + second];
      found[a][b] = found[b][a] = (2 * sum) / (n * n);
    }
  return found;
}

const dot = (a, b) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};
const times = (matrix, vector) => matrix.map((row) => dot(row, vector));

/** The loss ½ wᵀHw − bᵀw + c, as {hessian, linear, constant}. */
export function problem(curvature, hidden) {
  const linear = times(curvature, hidden);
  return { hessian: curvature, linear, constant: dot(hidden, linear) / 2 };
}

export function lossOf({ hessian: curvature, linear, constant }, weights) {
  return Math.max(dot(weights, times(curvature, weights)) / 2 - dot(linear, weights) + constant, 0); // rounding
}

/** Steps of gradient descent: {path, losses, stopped}; given up when the loss has grown a millionfold. */
export function descend(bowl, start, { rate, momentum, steps }) {
  let [weights, velocity] = [start, start.map(() => 0)];
  const [path, losses] = [[start], [lossOf(bowl, start)]];
  const limit = GIVEN_UP * Math.max(losses[0], 1e-300);
  for (let t = 0; t < steps && losses.at(-1) <= limit; t++) {
    const slope = times(bowl.hessian, weights).map((x, a) => x - bowl.linear[a]);
    velocity = velocity.map((v, a) => (momentum ? MOMENTUM * v : 0) - rate * slope[a]);
    weights = weights.map((w, a) => w + velocity[a]);
    path.push(weights);
    losses.push(lossOf(bowl, weights));
  }
  return { path, losses, stopped: losses.at(-1) > limit };
}

/** Eigenvalues of a symmetric matrix, the smallest first, and their vectors: Jacobi's rotations (1846). */
export function eigen(matrix) {
  const n = matrix.length;
  const a = matrix.map((row) => Float64Array.from(row));
  const v = a.map((_, i) => Float64Array.from({ length: n }, (_, j) => Number(i === j))); // rows are the vectors
  const size = Math.max(...a.map((row, i) => Math.abs(row[i])), 1e-300);
  for (let sweep = 0; sweep < 30; sweep++) {
    let rest = 0;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        rest = Math.max(rest, Math.abs(a[p][q]));
        if (Math.abs(a[p][q]) < 1e-18 * size) continue;
        const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let i = 0; i < n; i++) [a[i][p], a[i][q]] = [c * a[i][p] - s * a[i][q], s * a[i][p] + c * a[i][q]];
        for (let i = 0; i < n; i++) {
          [a[p][i], a[q][i]] = [c * a[p][i] - s * a[q][i], s * a[p][i] + c * a[q][i]];
          [v[p][i], v[q][i]] = [c * v[p][i] - s * v[q][i], s * v[p][i] + c * v[q][i]];
        }
      }
    if (rest < 1e-16 * size) break;
  }
  const order = v.map((_, i) => i).sort((i, j) => a[i][i] - a[j][j]);
  return { values: order.map((i) => Math.max(a[i][i], 0)), vectors: order.map((i) => [...v[i]]) };
}

/** By what a step multiplies the error along an eigenvector in the long run; above 1 it grows. */
export function factor(curvature, rate, momentum) {
  const beta = momentum ? MOMENTUM : 0;
  const t = 1 + beta - rate * curvature;
  const inside = t * t - 4 * beta;
  return inside < 0 ? Math.sqrt(beta) : (Math.abs(t) + Math.sqrt(inside)) / 2;
}

export const KERNELS = {
  edges: [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
  "Sobel, left to right": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
  sharpen: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
  blur: [[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]],
  emboss: [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
  shift: [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
  "blur, 5 × 5": grid(5, (i, j) => [1, 4, 6, 4, 1][i] * [1, 4, 6, 4, 1][j] / 256),
};

// ---- the page ----------------------------------------------------------------------------------

const INPUTS = {
  photograph: "photograph",
  centered: "photograph − its mean",
  noisy: "photograph − its mean + noise",
  noise: "noise",
};
const COLORS = { photograph: "#1b7fc0", centered: "#0b8f69", noisy: "#b87a00", noise: "#b0578a" };

export const STATE = {
  input: choice("input", INPUTS),
  kernel: square("hidden kernel", 2, 5),
  start: choice("start from", { random: "random weights", zeros: "zeros" }),
  rate: {
    label: "learning rate", min: 0.01, max: 2,
    refuse: (v) => (Number.isFinite(v) && v >= 0.01 && v <= 2 ? "" : refusal("learning rate", v, "0.01 to 2")),
    write: String, read: Number,
  },
  momentum: flag("momentum", "none", "0.9"),
  steps: whole("steps", 0, MOST),
};

/** A number to three digits, as a sentence has it. */
const short = (x) => (x >= 1000 ? Math.round(Number(x.toPrecision(3))).toLocaleString("en-US") : String(Number(x.toPrecision(3))));

function render({ model, el }) {
  const ui = frame({ model, el, title: "Kernel learning explorer", state: STATE, update, draw });
  const known = new Map(); // input and size of the kernel → its Hessian and eigenvectors
  let images = null;
  let from = null; // the pictures that the images are of
  let now = null; // everything but which step is shown
  let painted = null; // what the pictures that stay are of
  let timer = null; // of a run

  const [given, wanted, got, hidden, learned] = Array.from({ length: 5 }, () => ui.view());
  const [valley, curve, spectrum] = [ui.view("ux-valley"), ui.view("ux-plot"), ui.view("ux-plot ux-low")];
  for (const [view, text] of [
    [given, "input"], [wanted, "wanted output"], [got, "output so far"], [hidden, "hidden kernel"], [learned, "learned kernel"],
    [valley, "the valley of the loss, the path, and its end (+)"], [spectrum, "curvatures λ; shaded: too steep for this rate"],
  ]) view.caption.textContent = text;
  const [verdict, numbers] = [ui.line("ux-long ux-longer", true), ui.line("ux-long ux-longer")];

  // ---- controls ----
  const rate = element("input", { type: "range", min: 1, max: 200 }); // in hundredths
  const rateText = element("span");
  rate.setAttribute("aria-label", "learning rate");
  rate.addEventListener("input", () => ui.change({ rate: Number(rate.value) / 100 }));
  const rateField = element("label", { className: "ux-slider" }, element("span", {}, "learning rate: ", rateText), rate);
  const preset = () => Object.keys(KERNELS).find((name) => String(KERNELS[name]) === String(model.get("kernel")));

  const ran = ui.button("Run", () => (timer ? stop() : run()));
  function stop() {
    clearTimeout(timer);
    timer = null;
    ran.textContent = "Run";
    model.save_changes();
    ui.redraw();
  }
  function run() {
    if (model.get("steps") >= now.end) ui.change({ steps: 0 }, true);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return ui.change({ steps: now.end });
    ran.textContent = "Stop";
    const next = () => {
      const at = model.get("steps");
      if (at >= now.end) return stop();
      timer = setTimeout(next, Math.max(20, 120 - 2 * at)); // the first steps are those to look at
      ui.change({ steps: Math.min(now.end, at + Math.ceil((at + 1) / 40)) }, true);
    };
    next();
  }
  ui.cleaners.push(() => clearTimeout(timer));
  const stepped = ui.button("Step", () => ui.change({ steps: Math.min(MOST, shown() + 1) }));
  const again = ui.button("Start over", () => {
    if (timer) stop();
    ui.change({ steps: 0 });
  });
  ui.reset.addEventListener("click", () => timer && stop());

  // ---- computing ----
  function bowlOf(name, k) {
    const key = `${name} ${k}`;
    if (!known.has(key)) {
      const curvature = hessian(images[name], k);
      known.set(key, { curvature, ...eigen(curvature) });
    }
    return known.get(key);
  }

  function update() {
    if (from !== model.get("pictures")) {
      from = model.get("pictures");
      images = inputs(from);
      known.clear();
      now = null;
    }
    const [input, kernel, start, rate, momentum] = ["input", "kernel", "start", "rate", "momentum"].map((name) => model.get(name));
    const key = JSON.stringify([input, kernel, start, rate, momentum]);
    if (now?.key === key) return;
    const [k, target] = [kernel.length, kernel.flat()];
    const first = beginning(start, images.noise, k);
    const runs = Object.fromEntries(Object.keys(INPUTS).map((name) =>
      [name, descend(problem(bowlOf(name, k).curvature, target), first, { rate, momentum, steps: MOST })]));
    const { values, vectors } = bowlOf(input, k);
    const { path, losses, stopped } = runs[input];
    const error = (weights) => Math.max(...weights.map((w, a) => Math.abs(w - target[a])));
    // Along both axes, the search starts on the upper left.
    const [flat, steep] = [vectors[0], vectors.at(-1)].map((vector, i) => {
      const along = dot(vector, first.map((w, a) => w - target[a]));
      const flip = along && (along > 0) === (i === 0) ? -1 : 1;
      return vector.map((x) => flip * x);
    });
    const output = response(images[input], target, k);
    const found = path.findIndex((weights) => error(weights) < FOUND);
    now = {
      key, k, target, runs, values, flat, steep, path, losses, stopped, error, found,
      end: found < 0 ? path.length - 1 : Math.max(found, 1),
      places: path.map((weights) => [flat, steep].map((vector) => dot(vector, weights.map((w, a) => w - target[a])))),
      factors: values.map((value) => factor(value, rate, momentum)),
      limit: (2 * (1 + (momentum ? MOMENTUM : 0))) / values.at(-1),
      wanted: output, strong: output.map(Math.abs).sort()[Math.floor(0.98 * output.length)] || 1,
    };
  }

  /** The step that is shown: the last, if the search was given up before. */
  const shown = () => Math.min(model.get("steps"), now.path.length - 1);

  // ---- drawing ----
  function draw() {
    const [at, { k, target, path, losses }] = [shown(), now];
    const [input, weights] = [model.get("input"), path[at]];
    rate.value = Math.round(100 * model.get("rate"));
    rateText.textContent = model.get("rate").toFixed(2);
    rate.setAttribute("aria-valuetext", `${rateText.textContent}${now.limit <= model.get("rate") ? ", too large" : ""}`);
    steps.lastChild.setAttribute("aria-valuetext", `step ${at}: loss ${scientific(losses[at])}`);

    const [image, size] = [images[input], SIDE - k + 1];
    const tone = (x) => hue(x, now.strong);
    if (painted !== now) { // these do not change from step to step
      painted = now;
      const [low, high] = [Math.min(...image), Math.max(...image)];
      pixels(given, SIDE, image, (x) => Array(3).fill((255 * (x - low)) / (high - low)));
      given.canvas.setAttribute("aria-label", `the input: ${INPUTS[input]}`);
      pixels(wanted, size, now.wanted, tone);
      wanted.canvas.setAttribute("aria-label", "what the hidden kernel makes of the input; blue above 0, red below");
    }
    pixels(got, size, response(image, weights, k), tone);
    got.canvas.setAttribute("aria-label", `what the learned kernel makes of the input; loss ${scientific(losses[at])}`);

    const largest = Math.max(...target.map(Math.abs), 1e-9);
    for (const [view, values, name] of [[hidden, target, "hidden kernel"], [learned, weights, "learned kernel"]]) {
      paint(view.canvas, k, k, (r, c) => `rgb(${hue(values[r * k + c], largest).join(", ")})`, [], (r, c) => tight(values[r * k + c]));
      view.canvas.setAttribute("aria-label", `${name}: ${grid(k, (r, c) => tight(values[r * k + c])).map((row) => row.join(" ")).join("; ")}`);
    }
    drawValley(at);
    drawCurve(at);
    drawSpectrum();
    tell(at);
  }

  function tell(at) {
    const { values, losses, limit } = now;
    const rate = model.get("rate");
    const beta = model.get("momentum") ? "2 · 1.9" : "2";
    const slowest = Math.max(...now.factors);
    const tenfold = Math.ceil(Math.log(10) / (-2 * Math.log(slowest)));
    const top = short(values.at(-1));
    const ratio = values[0] > 0 ? short(values.at(-1) / values[0]) : "infinite";
    const steps = `${at} ${at === 1 ? "step" : "steps"}`;
    const off = now.error(now.path[at]);
    const lost = `Loss ${scientific(losses[at])} after ${steps}.`;
    let said;
    if (slowest > 1 + 1e-9)
      said = marked`${now.stopped && at === now.path.length - 1 ? `Stopped at loss ${scientific(losses[at])} after ${steps}.` : lost} <span class="ux-bad">It diverges:</span> along the steepest direction, each step multiplies the error by ${short(slowest)}.`;
    else if (off < FOUND)
      said = marked`${lost} <b>Found:</b> every weight is within 0.001 of the hidden one${now.found > 0 && now.found < at ? `, since step ${now.found}` : ""}.`;
    else
      said = marked`${lost} The worst weight is off by <b>${short(off)}</b>. In the long run, ${short(tenfold)} ${tenfold === 1 ? "step divides" : "steps divide"} the loss by ten.`;
    verdict.setAttribute("aria-live", timer ? "off" : "polite"); // a run tells how it ends
    verdict.replaceChildren(said);
    numbers.replaceChildren(marked`Curvatures from ${short(values[0])} to ${top}: condition number <b>${ratio}</b>. The rate must be below ${beta} / ${top} = <b>${short(limit)}</b>; it is ${rate >= limit ? marked`<span class="ux-bad">${rate.toFixed(2)}</span>` : rate.toFixed(2)}.`);
  }

  /** A picture, one pixel of the canvas for each number. */
  function pixels({ canvas }, n, values, color) {
    if (canvas.width !== n) canvas.width = canvas.height = n;
    const pen = canvas.getContext("2d");
    const data = pen.createImageData(n, n);
    for (let i = 0; i < n * n; i++) data.data.set([...color(values[i]), 255], 4 * i);
    pen.putImageData(data, 0, 0);
  }

  /** A canvas with two of its pixels for one of the page, cleared: {pen, width, height, color}. */
  function sheet({ canvas }) {
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

  function dotAt(pen, [x, y], radius, fill, edge) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.fillStyle = fill;
    pen.fill();
    if (!edge) return;
    pen.strokeStyle = edge;
    pen.lineWidth = 1.5;
    pen.stroke();
  }

  function drawValley(at) {
    const { pen, width, height, color } = sheet(valley);
    const { values, places } = now;
    const first = Math.max(...places[0].map(Math.abs), 1e-9);
    const farthest = Math.max(...places.slice(0, at + 1).flat().map(Math.abs));
    const reach = 1.15 * first * Math.min(Math.max(farthest / first, 1), 4); // what diverges leaves the picture
    const to = ([a, b]) => [width / 2 + (a / reach) * (width / 2), height / 2 - (b / reach) * (height / 2)];
    const [floor, wall] = [color("floor"), color("wall")].map((text) => text.match(/\d+/g).map(Number));
    const mix = (t) => `rgb(${floor.map((x, i) => Math.round(x + (wall[i] - x) * t)).join(", ")})`;
    pen.save();
    pen.beginPath();
    pen.roundRect(0, 0, width, height, 6);
    pen.clip();
    pen.fillStyle = mix(1);
    pen.fillRect(0, 0, width, height);
    // Each line has a quarter of the loss of the one around it; the widest goes through the corners.
    const [flat, steep] = [Math.max(values[0], 1e-12), values.at(-1)];
    const most = (flat + steep) * reach * reach / 2;
    for (let level = 0; level < 9; level++) {
      const loss = most / 4 ** (level + 0.5);
      const [a, b] = [flat, steep].map((value) => (Math.sqrt((2 * loss) / value) / reach) * (width / 2));
      if (b < 0.8) break;
      pen.beginPath();
      pen.ellipse(width / 2, height / 2, Math.min(a, 1e5), b, 0, 0, 2 * Math.PI);
      pen.fillStyle = mix(1 - (level + 1) / 8);
      pen.fill();
      pen.strokeStyle = color("contour");
      pen.lineWidth = 1;
      pen.stroke();
    }
    pen.strokeStyle = color("ink");
    pen.globalAlpha = 0.35;
    pen.lineWidth = 1;
    line(pen, [[0, height / 2], [width, height / 2]]);
    line(pen, [[width / 2, 0], [width / 2, height]]);
    pen.globalAlpha = 1;
    mark(pen, now.flat, `flattest, λ = ${short(Number(values[0].toPrecision(2)))}`, width - 8, height / 2 + 8, color);
    mark(pen, now.steep, `steepest, λ = ${short(Number(values.at(-1).toPrecision(2)))}`, width / 2 + 8, height - 62, color, true);

    const trace = places.slice(0, at + 1).map(to);
    pen.strokeStyle = pen.fillStyle = color("hot");
    pen.lineWidth = 2;
    line(pen, trace);
    for (const place of trace) dotAt(pen, place, 2.4, color("hot"));
    dotAt(pen, trace[0], 4.5, color("card"), color("hot"));
    pen.strokeStyle = color("ink"); // the hidden kernel
    pen.lineWidth = 2.5;
    line(pen, [[width / 2 - 6, height / 2], [width / 2 + 6, height / 2]]);
    line(pen, [[width / 2, height / 2 - 6], [width / 2, height / 2 + 6]]);
    const inside = (x, end) => Math.min(Math.max(x, 7), end - 7); // what has left the picture is at its edge
    dotAt(pen, [inside(trace.at(-1)[0], width), inside(trace.at(-1)[1], height)], 6, color("hot"), "#fff");
    pen.restore();
    const [across, up] = places[at].map((x) => short(Math.abs(x)));
    const length = short(Math.sqrt(steep / flat));
    valley.canvas.setAttribute("aria-label", `contours of the loss: ${length < 1.5 ? "nearly circles" : `ellipses ${length} times as long as wide`}. The path is at ${across} from the hidden kernel along the flattest direction, and at ${up} along the steepest; it started at ${places[0].map((x) => short(Math.abs(x))).join(" and ")}.`);
  }

  /** An eigenvector as the kernel that it is, with its curvature. */
  function mark(pen, vector, text, x, y, color, left = false) {
    const { k } = now;
    const cell = 34 / k;
    const wide = pen.measureText(text).width + 10;
    const box = left ? x : x - Math.max(wide, 44);
    pen.fillStyle = color("card");
    pen.globalAlpha = 0.86;
    pen.beginPath();
    pen.roundRect(box, y, Math.max(wide, 44), 56, 5);
    pen.fill();
    pen.globalAlpha = 1;
    const peak = Math.max(...vector.map(Math.abs));
    vector.forEach((value, a) => {
      pen.fillStyle = `rgb(${hue(value, peak).join(", ")})`;
      pen.fillRect(box + 5 + (a % k) * cell, y + 5 + Math.floor(a / k) * cell, cell - 1, cell - 1);
    });
    pen.strokeStyle = color("line");
    pen.lineWidth = 1;
    pen.strokeRect(box + 4.5, y + 4.5, 34, 34);
    pen.fillStyle = color("ink");
    pen.textAlign = "left";
    pen.fillText(text, box + 5, y + 48);
  }

  /** A logarithmic axis on the left, a line and a power of ten for each `every` decades. */
  function decades({ pen, width, height, color }, low, high, every) {
    const y = (value) => height - 6 - ((Math.log10(value) - low) / (high - low)) * (height - 14);
    pen.textAlign = "right";
    for (let power = Math.ceil(low / every) * every; power <= high; power += every) {
      pen.strokeStyle = color("line");
      pen.lineWidth = 1;
      line(pen, [[LEFT, y(10 ** power)], [width, y(10 ** power)]]);
      pen.fillStyle = color("soft");
      pen.fillText(powerOfTen(power), LEFT - 5, y(10 ** power));
    }
    return y;
  }

  function drawCurve(at) {
    const paper = sheet(curve);
    const { pen, width, height, color } = paper;
    const { runs, losses } = now;
    const input = model.get("input");
    const last = [20, 50, 100, 200, MOST].find((end) => end >= at);
    const highest = Math.max(...losses.slice(0, at + 1)) / (losses[0] || 1);
    const y = decades(paper, -8, highest > 100 ? 6 : 1, highest > 100 ? 4 : 2);
    const x = (step) => LEFT + (step / last) * (width - LEFT - 8);
    const points = (all, end) => all.slice(0, end + 1).map((loss, t) => [x(t), y(Math.max(loss / (all[0] || 1), 1e-12))]);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, 0, width - LEFT, height);
    pen.clip();
    for (const name of Object.keys(INPUTS)) {
      if (name === input) continue;
      pen.strokeStyle = COLORS[name];
      pen.lineWidth = 1.4;
      pen.setLineDash([5, 3]);
      line(pen, points(runs[name].losses, last));
    }
    pen.setLineDash([]);
    pen.strokeStyle = COLORS[input];
    pen.lineWidth = 3;
    const mine = points(losses, at);
    line(pen, mine);
    const end = mine.at(-1);
    dotAt(pen, [end[0], Math.min(end[1], height - 6)], 5, color("hot"), "#fff");
    if (end[1] > height) {
      pen.textAlign = "center";
      pen.fillText("↓", end[0], height - 19);
    }
    pen.restore();
    curve.caption.textContent = `loss, as a share of the first, over ${last} steps`;
    curve.canvas.setAttribute("aria-label", `the loss at step ${at} is ${scientific(losses[at] / (losses[0] || 1))} of the first; with the other inputs it would be ${Object.keys(INPUTS).filter((name) => name !== input).map((name) => `${scientific((runs[name].losses[at] ?? Infinity) / (runs[name].losses[0] || 1))} (${INPUTS[name]})`).join(", ")}`);
  }

  function drawSpectrum() {
    const paper = sheet(spectrum);
    const { pen, width, height, color } = paper;
    const { values, limit } = now;
    const y = decades(paper, -4, 2, 2);
    const edge = (limit * values.at(-1)) / model.get("rate"); // what is steeper diverges
    const top = y(Math.min(Math.max(edge, 1e-4), 100));
    pen.fillStyle = color("hot");
    pen.globalAlpha = 0.14;
    pen.fillRect(LEFT, 0, width - LEFT, top);
    pen.globalAlpha = 1;
    pen.strokeStyle = color("hot");
    pen.lineWidth = 1.5;
    pen.setLineDash([6, 3]);
    line(pen, [[LEFT, top], [width, top]]);
    pen.setLineDash([]);
    values.forEach((value, i) => {
      const x = LEFT + ((i + 0.5) / values.length) * (width - LEFT);
      const tip = y(Math.max(value, 1e-4));
      pen.strokeStyle = value > edge ? color("hot") : color("go");
      pen.lineWidth = 2.5;
      line(pen, [[x, height - 6], [x, tip]]);
      dotAt(pen, [x, tip], values.length > 12 ? 3 : 4.5, value > edge ? color("hot") : color("go"));
    });
    const above = values.filter((value) => value > edge).length;
    spectrum.canvas.setAttribute("aria-label", `${values.length} curvatures, from ${short(values[0])} to ${short(values.at(-1))}; above ${short(edge)}, where this rate diverges: ${above || "none"}`);
  }

  const steps = ui.slider("steps");
  const legend = element("div", { className: "ux-legend" }, ...Object.entries(INPUTS).map(([name, text]) => {
    const key = element("span", { textContent: text });
    key.style.setProperty("--key", COLORS[name]);
    return key;
  }));

  return ui.begin(
    element("div", { className: "ux-row" },
      ui.list("input"),
      ui.presets("hidden kernel", Object.keys(KERNELS), (name) => ui.change({ kernel: structuredClone(KERNELS[name]) }), preset),
      ui.list("start"), ui.list("momentum"), ui.reset),
    element("div", { className: "ux-row ux-gap" }, rateField, steps, stepped, ran, again),
    ui.error,
    element("div", { className: "ux-stage ux-five" }, ...[given, wanted, got, hidden, learned].map(({ node }) => node)),
    verdict,
    element("div", { className: "ux-stage ux-pair ux-bowl ux-gap" }, valley.node,
      element("div", {}, curve.node, legend, spectrum.node)),
    numbers,
  );
}

const LEFT = 34; // of the axes' numbers, in pixels of the page

/** A number that may be tiny or huge, as people write it. */
function scientific(x) {
  if (x === 0 || !Number.isFinite(x)) return x === 0 ? "0" : "beyond all bounds";
  if (x >= 1e-3 && x < 1e5) return short(x);
  const [digits, power] = x.toExponential(1).split("e");
  return `${digits} · ${powerOfTen(Number(power))}`;
}

const powerOfTen = (power) => (power === 0 ? "1" : power === 1 ? "10" : `10${[...String(power)].map((sign) => ({ "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³" })[sign] ?? "⁴⁵⁶⁷⁸⁹"[sign - 4]).join("")}`);

/** A weight in a small cell. */
const tight = (x) => (Math.abs(x) >= 100 ? scientific(Math.abs(x)).replace(/^/, x < 0 ? "−" : "") : format(Number(x.toFixed(Math.abs(x) >= 10 ? 0 : 2))).replace("-", "−"));

export default { render };
