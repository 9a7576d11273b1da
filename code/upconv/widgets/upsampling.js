// UpsamplingExplorer: zeros between the samples repeat the spectrum; a kernel removes the replicas.

// ---- arithmetic (tested against upconv.ops) ------------------------------------------------

/** Weights of an interpolating kernel; "own" ones are given. `length`: the period of the signal. */
export function kernelOf({ kernel, factor: s, weights }, length) {
  if (kernel === "own") return Float64Array.from(weights);
  const odd = s % 2;
  const size = { nearest: s, linear: 2 * s - odd, cubic: 4 * s - odd, ideal: s * length }[kernel];
  const center = padding(size, s) + (s - 1) / 2;
  const weight = {
    nearest: () => 1,
    linear: (t) => 1 - t,
    cubic: (t) => (t <= 1 ? (1.5 * t - 2.5) * t * t + 1 : -0.5 * (((t - 5) * t + 8) * t - 4)),
    ideal: (t) => {
      let sum = 1; // frequencies −N/2 to N/2; that at both ends is shared between the two
      for (let k = 1; k < length / 2; k++) sum += 2 * Math.cos((2 * Math.PI * k * t) / length);
      return (sum + (length % 2 ? 0 : Math.cos(Math.PI * t))) / length;
    },
  }[kernel];
  return Float64Array.from({ length: size }, (_, i) => weight(Math.abs(i - center) / s));
}

/** Outputs that the kernel reaches to the left of its sample. */
export const padding = (size, factor) => Math.ceil((size - factor) / 2);

export const wave = (k, n) => Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * k * i) / n));

export function stretched(x, factor) {
  const output = new Float64Array(x.length * factor);
  x.forEach((value, i) => (output[i * factor] = value));
  return output;
}

/** Every sample stamps the kernel; what falls off one end comes in at the other. */
export function upsampled(x, kernel, factor) {
  const size = x.length * factor;
  const output = new Float64Array(size);
  const start = ((-padding(kernel.length, factor) % size) + size) % size;
  for (let i = 0; i < x.length; i++)
    for (let j = 0, at = (start + i * factor) % size; j < kernel.length; j++) {
      output[at] += x[i] * kernel[j];
      if (++at === size) at = 0;
    }
  return output;
}

/** The same along both axes of an n × n picture. */
export function upsampled2(values, n, kernel, factor) {
  const size = n * factor;
  const rows = new Float64Array(size * n); // the columns first, then the few rows become many
  const output = new Float64Array(size * size);
  const start = ((-padding(kernel.length, factor) % size) + size) % size;
  const add = (to, at, from, begin, count, weight) => {
    for (let c = 0; c < count; c++) to[at + c] += weight * from[begin + c];
  };
  for (let r = 0; r < n; r++) rows.set(upsampled(values.subarray(r * n, (r + 1) * n), kernel, factor), r * size);
  for (let r = 0; r < n; r++)
    for (let j = 0; j < kernel.length; j++)
      add(output, ((start + r * factor + j) % size) * size, rows, r * size, size, kernel[j]);
  return output;
}

/** DFT of real numbers, from its definition: [re, im]. */
export function dft(x) {
  const n = x.length;
  const [cos, sin] = [0, 1].map((part) => Float64Array.from({ length: n }, (_, k) =>
    (part ? -Math.sin((2 * Math.PI * k) / n) : Math.cos((2 * Math.PI * k) / n))));
  const [re, im] = [new Float64Array(n), new Float64Array(n)];
  for (let k = 0; k < n; k++)
    for (let i = 0, turn = 0; i < n; i++, turn = (turn + k) % n) {
      re[k] += x[i] * cos[turn];
      im[k] += x[i] * sin[turn];
    }
  return [re, im];
}

/** Magnitudes of the spectrum of n × n numbers. */
export function magnitudes2(values, n) {
  const parts = [0, 1].map(() => Array.from({ length: n }, () => new Float64Array(n))); // by column
  for (let r = 0; r < n; r++)
    dft(values.subarray(r * n, (r + 1) * n)).forEach((row, part) => row.forEach((x, c) => (parts[part][c][r] = x)));
  const found = new Float64Array(n * n);
  for (let c = 0; c < n; c++) {
    const [[a, b], [d, e]] = [dft(parts[0][c]), dft(parts[1][c])];
    for (let r = 0; r < n; r++) found[r * n + c] = Math.hypot(a[r] - e[r], b[r] + d[r]);
  }
  return found;
}

/** Magnitude of the kernel's response at f cycles per output sample. */
export function gain(kernel, f) {
  let [re, im] = [0, 0];
  kernel.forEach((weight, i) => {
    re += weight * Math.cos(2 * Math.PI * f * i);
    im += weight * Math.sin(2 * Math.PI * f * i);
  });
  return Math.hypot(re, im);
}

/** The same at k/length, k < length. */
export function response(kernel, length) {
  const period = new Float64Array(length);
  kernel.forEach((weight, i) => (period[i % length] += weight));
  const [re, im] = dft(period);
  return re.map((x, k) => Math.hypot(x, im[k]));
}

export function phaseSums(kernel, factor) {
  const sums = Array(factor).fill(0);
  kernel.forEach((weight, i) => (sums[i % factor] += weight));
  return sums;
}

/** The response at m/S by that at 0; null if the weights sum to 0. */
export function residue(kernel, factor) {
  const size = kernel.reduce((sum, weight) => sum + Math.abs(weight), 0);
  const gains = Array.from(response(phaseSums(kernel, factor), factor));
  return gains[0] > Number.EPSILON * size ? gains.map((x) => x / gains[0]) : null;
}

/** Frequency of a DFT coefficient, in cycles: 0, 1, …, −1. */
const cycles = (index, n) => (2 * index < n ? index : index - n);
const inside = (index, n, factor) => 2 * factor * Math.abs(cycles(index, n)) <= n;

/** Share of the energy without the mean that is outside the first copy; `magnitudes`: n or n × n. */
export function share(magnitudes, n, factor) {
  const own = Array.from({ length: n }, (_, k) => inside(k, n, factor));
  let [kept, left] = [0, 0];
  for (let r = 0, at = 0; at < magnitudes.length; r++)
    for (let c = 0; c < n; c++, at++) {
      const power = at ? magnitudes[at] * magnitudes[at] : 0;
      if (own[r] && own[c]) kept += power;
      else left += power;
    }
  return kept + left > 1e-20 * magnitudes[0] ** 2 ? left / (kept + left) : 0;
}

/** Change the weights of each phase alike until it sums to 1; null if a phase has no weight. */
export function evened(weights, factor) {
  const sums = phaseSums(weights, factor);
  const counts = sums.map((_, r) => Math.ceil((weights.length - r) / factor));
  if (Math.min(...counts) < 1) return null;
  return weights.map((weight, i) => weight + (1 - sums[i % factor]) / counts[i % factor]);
}

// ---- the page ----------------------------------------------------------------------------------

const LENGTH = 24;
const LARGEST = 8;
const FINE = 12; // points of a curve between two samples
const PHASES = ["#1a85c8", "#d9640c", "#0fa37a", "#cc79a7", "#c98a00"]; // on light and dark ground
const HINTS = {
  nearest: "Copying is filtering with S ones. Its response is 0 at multiples of 1/S and falls slowly between them: images of high frequencies stay, as steps.",
  linear: "The tent is the box filtered by a box again: its zeros at multiples of 1/S are double, so less is left, but the highest frequencies of the signal fade too.",
  cubic: "The cubic's response stays near 1 for longer and falls more steeply. Its negative weights are the price: a step overshoots.",
  ideal: "A sharp edge at 1/(2S) keeps the whole signal and none of its images. The kernel oscillates over the whole period: a step rings.",
  own: "A learned kernel has no reason to be 0 at multiples of 1/S. Where its phase sums differ, even a constant input gets a pattern.",
};

const numbers = (label, least, most) => ({
  label,
  refuse: (list) => (list.length >= least && list.length <= most && list.every(Number.isFinite)
    ? "" : refusal(label, "something else", `${least} to ${most} numbers`)),
  write: (list) => list.join(","), read: (text) => text.split(",").map(Number),
});
const namesOf = (key, more = []) => (model) => Object.fromEntries([...more, ...Object.keys(model.get(key))].map((name) => [name, name]));

export const STATE = {
  view: choice("input to upsample", { signal: "Signal", picture: "Picture" }),
  signal: choice("signal", namesOf("signals", ["wave"])),
  picture: choice("picture", namesOf("pictures")),
  frequency: { ...whole("frequency", 0, LENGTH / 2), text: (model) => `${model.get("frequency")} of ${LENGTH / 2}` },
  factor: whole("factor S", 2, 5),
  kernel: choice("kernel", { nearest: "nearest", linear: "linear (tent)", cubic: "cubic (Keys)", ideal: "ideal", own: "your own" }),
  weights: numbers("weights", 1, LARGEST),
};

function render({ model, el }) {
  const ui = frame({ model, el, title: "Upsampling explorer", state: STATE, arrange, update, draw });
  const cache = new Map(); // address of a picture → {values, n, magnitudes}
  let now = null;

  const [samples, zeros, taps, result] = Array.from({ length: 4 }, () => ui.view("ux-plot"));
  const bands = ui.view("ux-wide");
  const pictures = Array.from({ length: 6 }, () => ui.view());
  const area = ui.view();
  const [leftLine, hint] = [ui.line("", true), ui.line("ux-long")];
  const [sumsLine, residueLine] = [element("div", { className: "ux-legend ux-sums" }), ui.line("ux-long", true)];
  const legend = element("div", { className: "ux-legend" });

  // ---- the reader's own kernel ----
  const weightRow = element("div", { className: "ux-kernel" });
  weightRow.setAttribute("role", "group");
  weightRow.setAttribute("aria-label", "weights of your own kernel");
  const ownRow = element("div", { className: "ux-row ux-gap" },
    ui.number("weights", resize, () => model.get("weights").length, whole("size K", 1, LARGEST)), weightRow,
    ui.button("Random", () => ui.change({ weights: model.get("weights").map(() => Math.round(120 * Math.random() - 10) / 100) })),
    ui.button("Make sums equal", () => {
      const [weights, s] = [model.get("weights"), model.get("factor")];
      const even = evened(weights, s);
      if (even) ui.change({ weights: even });
      else ui.complain(`${weights.length} weights leave phases without any: a factor of ${s} needs at least ${s}.`);
    }));

  function resize(size) {
    const old = model.get("weights");
    ui.change({ weights: Array.from({ length: size }, (_, i) => old[i] ?? 0.5) });
  }

  function weightField(_, i) {
    const input = element("input", { type: "text", inputMode: "decimal" });
    input.setAttribute("aria-label", `weight ${i + 1}`);
    input.addEventListener("change", () => {
      const value = Number(input.value.replace("−", "-"));
      if (input.value.trim() !== "" && Number.isFinite(value)) ui.change({ weights: model.get("weights").map((weight, j) => (j === i ? value : weight)) });
      else ui.complain(`Weight: got “${input.value}”, expected a number.`);
    });
    return input;
  }

  // ---- dragging the wave or any of its images ----
  const draggable = () => model.get("view") === "signal" && model.get("signal") === "wave";
  const drag = (event) => {
    if (!draggable()) return;
    const box = bands.canvas.getBoundingClientRect();
    const share_ = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) - 0.5;
    const k = Math.abs(Math.round(share_ * LENGTH * model.get("factor"))) % LENGTH;
    ui.change({ frequency: Math.min(k, LENGTH - k) }, true);
  };
  bands.canvas.addEventListener("pointerdown", (event) => {
    if (draggable()) bands.canvas.setPointerCapture(event.pointerId);
    drag(event);
  });
  bands.canvas.addEventListener("pointermove", (event) => event.buttons && drag(event));
  for (const end of ["pointerup", "pointercancel"]) bands.canvas.addEventListener(end, () => draggable() && model.save_changes());

  function arrange() {
    const flat = model.get("view") === "signal";
    const own = model.get("kernel") === "own";
    const weights = model.get("weights");
    for (const { node } of [samples, zeros, taps, result, bands]) node.hidden = !flat;
    for (const { node } of pictures) node.hidden = flat;
    stage.className = `ux-stage ${flat ? "ux-frequency" : "ux-replicas"}`;
    signalField.hidden = frequencyField.hidden = !flat;
    frequencyField.style.visibility = draggable() ? "visible" : "hidden";
    pictureField.hidden = flat;
    ownRow.hidden = !own;
    if (weightRow.childElementCount !== weights.length) {
      weightRow.style.gridTemplateColumns = `repeat(${weights.length}, auto)`;
      weightRow.style.setProperty("--cell", `${Math.min(3.3, 17 / weights.length)}rem`);
      weightRow.replaceChildren(...weights.map(weightField));
    }
    [...weightRow.children].forEach((input, i) => {
      if (input !== document.activeElement) input.value = format(weights[i]);
    });
    bands.canvas.classList.toggle("ux-drag", draggable());
    leftLine.className = `ux-line ${draggable() ? "ux-left" : "ux-long"}`; // a wave may have four images
    hint.textContent = HINTS[model.get("kernel")];
    const keys = flat
      ? [["--ux-line", "spectrum after inserting zeros"], ["--ux-go", "kept"], ["--ux-hot", "left of the replicas"], ["--ux-ink", "response of the kernel"]]
      : [["#8f99a6", "first copy"], ["#d55e00", "replicas: everything outside the frame"]];
    legend.replaceChildren(...keys.map(([color, text]) => {
      const key = element("span", { textContent: text });
      key.style.setProperty("--key", color.startsWith("#") ? color : `var(${color})`);
      return key;
    }));
  }

  function update() {
    const flat = model.get("view") === "signal";
    const s = model.get("factor");
    let input;
    if (flat) {
      const values = model.get("signal") === "wave"
        ? wave(model.get("frequency"), LENGTH) : Float64Array.from(model.get("signals")[model.get("signal")]);
      input = { values, n: values.length, magnitudes: response(values, values.length) };
    } else {
      const address = model.get("pictures")[model.get("picture")];
      if (!cache.has(address)) {
        cache.set(address, null);
        valuesOf(address).then(({ values, n }) => {
          const magnitudes = magnitudes2(values, n);
          const logs = magnitudes.map(Math.log1p);
          cache.set(address, { values, n, magnitudes, logs, peak: Math.max(1e-9, ...logs.subarray(1)) }); // not the mean's
          if (el.isConnected) {
            update();
            ui.redraw();
          }
        }, () => {
          cache.delete(address); // the next change tries again
          ui.loading(false);
          ui.complain("This picture could not be read.");
        });
      }
      input = cache.get(address);
    }
    ui.loading(!input);
    now = null;
    if (!input) return;
    const { values, n, magnitudes } = input;
    const kernel = model.get("kernel") === "ideal" ? ideal(n, s) : kernelOf({ kernel: model.get("kernel"), factor: s, weights: model.get("weights") }, n);
    const size = n * s;
    const gains = response(kernel, size);
    const output = flat ? upsampled(values, kernel, s) : upsampled2(values, n, kernel, s);
    const found = new Float64Array(output.length);
    if (flat) for (let k = 0; k < size; k++) found[k] = magnitudes[k % n] * gains[k];
    else
      for (let r = 0, at = 0; r < size; r++)
        for (let c = 0; c < size; c++, at++) found[at] = magnitudes[(r % n) * n + (c % n)] * gains[r] * gains[c];
    now = { ...input, flat, s, size, kernel, gains, output, spectrum: found, sums: phaseSums(kernel, s), residue: residue(kernel, s), share: share(found, size, s) };
  }

  // ---- drawing -----------------------------------------------------------------------------

  /** A canvas as large as it is shown, empty: its pen, width, height, and a color of the theme. */
  function sheet({ canvas }) {
    const width = Math.max(canvas.clientWidth, 120) * 2;
    const height = Math.max(canvas.clientHeight, 60) * 2;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    return { pen, width, height, ink: (name) => (name.startsWith("#") ? name : style.getPropertyValue(name)) };
  }

  /** Samples as stems: `values[i]` at place i of `size`; `line`: a curve behind them. */
  function stems(view, values, [low, high], { size = values.length, place = (i) => i, color = () => "--ux-go", line = null }) {
    const { pen, width, height, ink } = sheet(view);
    const x = (u) => ((u + 0.5) / size) * (width - 16) + 8;
    const y = (value) => height - 12 - ((value - low) / (high - low)) * (height - 24);
    const dot = (i) => (color(i) === "--ux-soft" ? 0.5 : 1) * Math.max(3, Math.min(8, (0.3 * width) / size));
    pen.fillStyle = ink("--ux-line");
    pen.fillRect(0, y(0) - 1, width, 2);
    if (line) {
      pen.strokeStyle = ink("--ux-line");
      pen.lineWidth = 4;
      pen.beginPath();
      line.forEach((value, i) => pen[i ? "lineTo" : "moveTo"](x(((i + 0.5) / line.length) * size - 0.5), y(value)));
      pen.stroke();
    }
    pen.lineWidth = Math.max(1.5, Math.min(4, (0.15 * width) / size));
    values.forEach((value, i) => {
      pen.fillStyle = pen.strokeStyle = ink(color(i, value));
      pen.beginPath();
      pen.moveTo(x(place(i)), y(0));
      pen.lineTo(x(place(i)), y(value));
      pen.stroke();
      pen.beginPath();
      pen.arc(x(place(i)), y(value), dot(i), 0, 7);
      pen.fill();
    });
  }

  function draw() {
    if (!now) return "";
    tell();
    (now.flat ? drawSignal : drawPicture)();
    drawArea();
    return now.residue ? "" : "The weights sum to 0: a constant becomes 0, and nothing can be compared to it.";
  }

  function drawSignal() {
    const { n, s, size, values, kernel, output } = now;
    // What lies between the samples: the same signal, band-limited, half-pixel centers as in the output.
    const truth = upsampled(values, ideal(n, FINE), FINE);
    const all = [0, ...values, ...output, ...truth];
    const room = 0.06 * (Math.max(...all) - Math.min(...all) || 1);
    const range = [Math.min(...all) - room, Math.max(...all) + room];
    const name = model.get("signal") === "wave" ? `wave of ${model.get("frequency")} cycles` : model.get("signal");
    stems(samples, [...values], range, { line: truth });
    samples.caption.textContent = `${n} samples`;
    samples.canvas.setAttribute("aria-label", `${name}, ${n} samples`);
    stems(zeros, [...stretched(values, s)], range, { color: (i) => (i % s ? "--ux-soft" : "--ux-go") });
    zeros.caption.textContent = `↑ ${s}: ${s === 2 ? "a zero" : `${s - 1} zeros`} after each`;
    zeros.canvas.setAttribute("aria-label", `the samples with ${s - 1} zeros after each: ${size} samples`);
    const part = kernel.length > 6 * s ? 3 * s : kernel.length / 2; // of a long one, the middle
    const first = kernel.length / 2 - part;
    const shown = [...kernel.slice(first, first + 2 * part)];
    const wide = Math.max(shown.length, 2 * s);
    const [low, high] = [Math.min(0, ...shown), Math.max(0.2, ...shown)];
    const border = 0.06 * (high - low);
    stems(taps, shown, [low - border, high + border], {
      size: wide, place: (i) => i + (wide - shown.length) / 2, color: (i) => PHASES[(i + first) % s],
    });
    taps.caption.textContent = `∗ kernel, ${first ? "its middle" : `K = ${kernel.length}`}`;
    taps.canvas.setAttribute("aria-label", `kernel: ${shown.map(format).join(", ")}`);
    stems(result, [...output], range, { line: truth });
    result.caption.textContent = `= output, ${size} samples`;
    const best = upsampled(values, ideal(n, s), s);
    const off = Math.max(...output.map((value, i) => Math.abs(value - best[i])));
    result.canvas.setAttribute("aria-label", `output, ${size} samples, at most ${format(off)} from the ideal one`);
    drawBands();
  }

  const kernels = new Map();
  function ideal(n, s) {
    const key = `${n} ${s}`;
    if (!kernels.has(key)) kernels.set(key, kernelOf({ kernel: "ideal", factor: s }, n));
    return kernels.get(key);
  }

  function drawBands() {
    const { n, s, size, magnitudes, gains, kernel, spectrum } = now;
    const { pen, width, height, ink } = sheet(bands);
    const [top, bottom] = [46, height - 40];
    const highest = 1.04 * Math.max(1, ...gains.map((x) => x / s));
    const peak = Math.max(...magnitudes, 1e-9);
    const x = (f) => (f + 0.5) * (width - 24) + 12;
    const y = (value) => bottom - (value / highest) * (bottom - top);
    const mark = (text, f, at, color, align = "center") => {
      pen.fillStyle = ink(color);
      pen.textAlign = align;
      pen.fillText(text, x(f), at);
    };
    pen.font = "22px system-ui, sans-serif";

    // The bands: the first copy in the middle, its replicas shaded.
    for (let m = -Math.ceil(s / 2); m <= s / 2; m++) {
      const [from, to] = [Math.max((m - 0.5) / s, -0.5), Math.min((m + 0.5) / s, 0.5)];
      if (to <= from) continue;
      if (m) {
        pen.globalAlpha = m % 2 ? 0.15 : 0.08;
        pen.fillStyle = ink("--ux-hot");
        pen.fillRect(x(from), top - 36, x(to) - x(from), bottom - top + 36);
        pen.globalAlpha = 1;
      }
      const name = m ? "replica" : "signal";
      if (pen.measureText(name).width < x(to) - x(from)) mark(name, (from + to) / 2, top - 12, m ? "--ux-hot" : "--ux-go");
    }
    pen.fillStyle = ink("--ux-line");
    pen.fillRect(0, bottom, width, 2);

    // The spectrum after zeros, and what the kernel makes of it.
    const step = (width - 24) / size;
    const bar = (k, value, share_, color) => {
      const wide = Math.max(3, share_ * Math.min(step, 26));
      for (const f of 2 * k === size ? [-0.5, 0.5] : [cycles(k, size) / size]) {
        pen.fillStyle = ink(color);
        pen.fillRect(x(f) - wide / 2, y(value), wide, bottom - y(value));
      }
    };
    for (let k = 0; k < size; k++) if (magnitudes[k % n] > 1e-9 * peak) bar(k, magnitudes[k % n] / peak, 0.85, "--ux-line");
    for (let k = 0; k < size; k++)
      if (spectrum[k] > 1e-6 * peak * s) bar(k, spectrum[k] / peak / s, 0.45, inside(k, size, s) ? "--ux-go" : "--ux-hot");

    // The response, with its values at multiples of 1/S.
    const sharp = model.get("kernel") === "ideal";
    const height_ = (f) => (sharp ? Number(Math.abs(f) <= 0.5 / s) : gain(kernel, f) / s);
    pen.strokeStyle = ink("--ux-ink");
    pen.lineWidth = 4;
    pen.lineJoin = "round";
    pen.beginPath();
    const points = sharp
      ? [[-0.5, 0], [-0.5 / s, 0], [-0.5 / s, 1], [0.5 / s, 1], [0.5 / s, 0], [0.5, 0]]
      : Array.from({ length: 241 }, (_, i) => [i / 240 - 0.5, height_(i / 240 - 0.5)]);
    for (const [f, value] of points) pen.lineTo(x(f), y(value));
    pen.stroke();
    for (let m = -Math.floor(s / 2); m <= s / 2; m++) {
      if (!m) continue;
      const value = height_(m / s);
      pen.beginPath();
      pen.arc(x(m / s), y(value), 9, 0, 7);
      pen.fillStyle = ink(value > 0.005 ? "--ux-hot" : "--ux-card");
      pen.fill();
      pen.lineWidth = 3;
      pen.stroke();
    }
    if (draggable()) { // where to take hold of the wave
      for (const f of [model.get("frequency") / size, -model.get("frequency") / size]) {
        pen.beginPath();
        pen.arc(x(f), y(1), 12, 0, 7);
        pen.fillStyle = ink("--ux-go");
        pen.fill();
        pen.strokeStyle = ink("--ux-card");
        pen.lineWidth = 4;
        pen.stroke();
      }
    }
    for (let m = -Math.floor(s / 2); m <= s / 2; m++) {
      const text = m ? `${m < 0 ? "−" : ""}${2 * Math.abs(m) === s ? "½" : `${Math.abs(m)}/${s}`}` : "0";
      mark(text, m / s, height - 10, "--ux-soft", Math.abs(2 * m) === s ? (m < 0 ? "left" : "right") : "center");
    }
    bands.caption.textContent = `spectrum, cycles/sample${draggable() ? ": drag the wave" : ""}`;
    bands.canvas.setAttribute("aria-label", `spectrum: the signal's in the middle, its replicas around multiples of 1/${s}; ${leftLine.textContent}`);
  }

  /** What is left of the replicas, in words: of a wave, each of its images. */
  function tell() {
    const { flat, n, s, size, gains } = now;
    const percent = 100 * now.share;
    const all = `${percent < 0.05 ? "0" : percent.toFixed(percent < 9.95 ? 1 : 0)} %`;
    const k = model.get("frequency");
    const images = new Set();
    for (let m = 1; m <= s / 2; m++) for (const image of [m * n - k, m * n + k]) if (image <= size / 2 && image !== k) images.add(image);
    const list = [...images].map((image) => `${format(gains[image] / s)} at ${image}`).join(", ");
    leftLine.replaceChildren(draggable()
      ? marked`The wave, <b>${k}</b> cycles, passes with gain <b>${format(gains[k] / s)}</b>. Left of its images: <span class="ux-bad">${list || "it has none"}</span>; together <b>${all}</b> of the output's energy (without the mean).`
      : marked`The zeros repeat the spectrum <b>${flat ? s : s * s}</b> times. Left of the replicas: <b>${all}</b> of the output's energy (without the mean).`);
  }

  /** size × size pixels; `fill(data)` writes red, green and blue. */
  function raster({ canvas }, size, fill) {
    if (canvas.width !== size || canvas.height !== size) canvas.width = canvas.height = size;
    canvas.style.imageRendering = size <= 1.5 * canvas.clientWidth ? "pixelated" : "auto";
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(size, size);
    image.data.fill(255);
    fill(image.data);
    pen.putImageData(image, 0, 0);
    return pen;
  }

  const grays = (values, unit = 1) => (data) => {
    for (let i = 0; i < values.length; i++) data[4 * i] = data[4 * i + 1] = data[4 * i + 2] = (255 * values[i]) / unit;
  };

  /** Logarithms of magnitudes, with frequency zero in the middle: the first copy gray, the others vermilion. */
  const lights = (logs, side, s, peak) => (data) => {
    const half = side >> 1;
    const own = Array.from({ length: side }, (_, k) => inside(k, side, s));
    for (let r = 0, at = 0; r < side; r++) {
      const u = (r + side - half) % side;
      for (let c = 0; c < side; c++, at += 4) {
        const v = (c + side - half) % side;
        const light = Math.min(logs(u, v) / peak, 1) * 255;
        const first = own[u] && own[v];
        data[at] = light;
        data[at + 1] = first ? light : 0.6 * light;
        data[at + 2] = first ? light : 0.28 * light;
      }
    }
  };

  function drawPicture() {
    const { n, s, size, values, logs, peak, kernel, output, spectrum } = now;
    const name = model.get("picture");
    const [photo, first, spread, copies, large, left] = pictures;
    const white = now.residue ? (kernel.reduce((sum, weight) => sum + weight, 0) / s) ** 2 : 1; // what it becomes
    raster(photo, n, grays(values));
    raster(spread, size, (data) => {
      grays(new Float64Array(size * size))(data);
      values.forEach((value, i) => {
        const at = 4 * s * (Math.floor(i / n) * size + (i % n));
        data[at] = data[at + 1] = data[at + 2] = 255 * value;
      });
    });
    raster(large, size, grays(output, white));
    const framed = (pen) => {
      pen.strokeStyle = "#6cc1f0";
      pen.lineWidth = Math.max(1, size / 120);
      pen.strokeRect(size / 2 - n / 2, size / 2 - n / 2, n, n);
    };
    raster(first, n, lights((u, v) => logs[u * n + v], n, 1, peak));
    framed(raster(copies, size, lights((u, v) => logs[(u % n) * n + (v % n)], size, s, peak)));
    framed(raster(left, size, lights((u, v) => Math.log(1 + spectrum[u * size + v] / (s * s)), size, s, peak)));
    const texts = [
      [photo, `${n} × ${n}`, `the picture: ${name}`],
      [first, "its spectrum", `spectrum of the picture ${name}`],
      [spread, `↑ ${s}: zeros between`, `the picture with ${s - 1} zeros after each row and column`],
      [copies, `${s * s} copies of it`, `its spectrum: ${s} by ${s} copies of the picture's; framed, the first`],
      [large, `= output${format(white) === "1" ? `, ${size} × ${size}` : ` ÷ ${format(white)}`}`, `the output, ${size} by ${size} pixels`],
      [left, "what the kernel leaves", `spectrum of the output: ${Math.round(100 * now.share)} percent of the energy are left of the replicas`],
    ];
    for (const [{ canvas, caption }, text, label] of texts) {
      caption.textContent = text;
      canvas.setAttribute("aria-label", label);
    }
  }

  /** What a constant picture becomes, the phase sums in numbers, and the residue. */
  function drawArea() {
    const { s, sums, kernel } = now;
    const shift = padding(kernel.length, s);
    const mean = sums.reduce((sum, x) => sum + x, 0) / s;
    const at = (u) => sums[(((u + shift) % s) + s) % s];
    const cells = 4 * s;
    // Half gray is the mean; differences look as they would in a picture.
    raster(area, cells, grays(Float64Array.from({ length: cells * cells }, (_, i) =>
      mean && Math.round((500 * at(Math.floor(i / cells)) * at(i % cells)) / mean ** 2) / 1000)));
    area.canvas.style.imageRendering = "pixelated";
    area.caption.textContent = "a gray area becomes";
    const worst = now.residue ? Math.max(...now.residue.slice(1)) : NaN;
    const even = worst < 5e-4;
    area.canvas.setAttribute("aria-label", even ? "an even gray area" : `a pattern that repeats every ${s} pixels`);
    sumsLine.replaceChildren(element("b", { textContent: "Phase sums:" }), ...sums.map((sum, r) => {
      const key = element("span", { textContent: format(sum) });
      key.style.setProperty("--key", PHASES[r]);
      return key;
    }));
    if (!now.residue) return residueLine.replaceChildren("There is no residue to tell.");
    const list = Array.from({ length: Math.floor(s / 2) }, (_, m) => `${format(now.residue[m + 1])} at ${2 * m + 2 === s ? "1/2" : `${m + 1}/${s}`}`).join(", ");
    residueLine.replaceChildren(even
      ? marked`Residue of the kernel's gain: <b>${list}</b>. The sums are equal: an even area stays even.`
      : marked`Residue of the kernel's gain: <span class="ux-bad">${list}</span>. The sums differ: <b>a checkerboard</b> of period ${s}.`);
  }

  const [signalField, pictureField, frequencyField] = [ui.list("signal"), ui.list("picture"), ui.slider("frequency")];
  const stage = element("div", {}, ...[samples, zeros, taps, result, bands, ...pictures].map(({ node }) => node));
  return ui.begin(
    ui.tabs("view"),
    element("div", { className: "ux-row" }, signalField, pictureField, ui.list("kernel"), ui.number("factor"), frequencyField, ui.reset),
    ownRow, ui.error, stage, legend, leftLine,
    element("div", { className: "ux-overlap" }, area.node, element("div", {}, sumsLine, residueLine)), hint,
  );
}

export default { render };
