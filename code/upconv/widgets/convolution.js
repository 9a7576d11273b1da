// ConvolutionExplorer: one kernel sliding over one small picture.
// A front-end module as anywidget defines it; no dependency. The same file runs in Jupyter and
// Colab, where `model` is backed by Python, and on the static site, where a small host stands in.

// ---- arithmetic (tested against upconv.ops) ------------------------------------------------

/** Size of the output along one axis; below 1 if the kernel does not fit. */
export function outputSize(n, k, stride, padding, dilation) {
  const room = n + 2 * padding - dilation * (k - 1) - 1;
  return room < 0 ? 0 : Math.floor(room / stride) + 1;
}

/** The kernel as it lies on the input: turned by 180 degrees for a true convolution. */
export function lying(kernel, flip) {
  return flip ? kernel.map((row) => [...row].reverse()).reverse() : kernel;
}

/** What the window at output (row, column) reads: taps {row, column, weight, value, product}. */
export function taps(image, kernel, row, column, { stride, padding, dilation, flip }) {
  const found = [];
  lying(kernel, flip).forEach((weights, i) =>
    weights.forEach((weight, j) => {
      const r = row * stride + i * dilation - padding;
      const c = column * stride + j * dilation - padding;
      const value = image[r]?.[c] ?? 0; // zeros outside
      found.push({ row: r, column: c, weight, value, product: weight * value });
    }),
  );
  return found;
}

/** The whole output, or null if the kernel does not fit. */
export function convolve(image, kernel, options) {
  const { stride, padding, dilation } = options;
  const rows = outputSize(image.length, kernel.length, stride, padding, dilation);
  const columns = outputSize(image[0].length, kernel.length, stride, padding, dilation);
  if (rows < 1 || columns < 1) return null;
  return Array.from({ length: rows }, (_, p) =>
    Array.from({ length: columns }, (_, q) =>
      taps(image, kernel, p, q, options).reduce((sum, tap) => sum + tap.product, 0),
    ),
  );
}

/** Kernels by name, for any odd or even size K. */
export const PRESETS = {
  identity: (k) => grid(k, (i, j) => (i === middle(k) && j === middle(k) ? 1 : 0)),
  "box blur": (k) => grid(k, () => 1 / (k * k)),
  Gaussian: (k) => {
    const sigma = Math.max(k / 4, 0.4);
    const bell = grid(k, (i, j) =>
      Math.exp(-((i - (k - 1) / 2) ** 2 + (j - (k - 1) / 2) ** 2) / (2 * sigma ** 2)),
    );
    const total = bell.flat().reduce((a, b) => a + b, 0);
    return bell.map((row) => row.map((value) => value / total));
  },
  edges: (k) => grid(k, (i, j) => (i === middle(k) && j === middle(k) ? k * k - 1 : -1)),
  "Sobel, left to right": (k) =>
    grid(k, (i, j) => (j - (k - 1) / 2) * (1 + (k - 1) / 2 - Math.abs(i - (k - 1) / 2))),
  shift: (k) => grid(k, (i, j) => (i === 0 && j === 0 ? 1 : 0)),
};

function grid(k, value) {
  return Array.from({ length: k }, (_, i) => Array.from({ length: k }, (_, j) => value(i, j)));
}

function middle(k) {
  return Math.floor(k / 2);
}

// ---- the page ----------------------------------------------------------------------------------

const STATE = ["picture", "kernel", "stride", "padding", "dilation", "flip"];
const format = (x) => (Math.abs(x) < 5e-4 ? "0" : String(Number(x.toFixed(x % 1 ? 2 : 0))));

const STYLE = `
.ux { --ux-ink: #1f2a3a; --ux-soft: #5a6472; --ux-card: #f5f7fa; --ux-line: #c4ccd8; --ux-hot: #b34700; --ux-go: #00639b;
  color: var(--ux-ink); background: var(--ux-card); border: 1px solid var(--ux-line); border-radius: 8px;
  padding: 0.8rem 1rem; margin: 1rem 0; font: 14px/1.45 system-ui, sans-serif; }
html[data-theme="dark"] .ux, body[data-jp-theme-light="false"] .ux, html[theme="dark"] .ux {
  --ux-ink: #e8ecf2; --ux-soft: #b4bdca; --ux-card: #1f252e; --ux-line: #47525f; --ux-hot: #f28e52; --ux-go: #6cc1f0; }
.ux-row { display: flex; flex-wrap: wrap; gap: 0.5rem 1.1rem; align-items: end; }
.ux label { display: grid; gap: 0.15rem; font-size: 12px; color: var(--ux-soft); }
.ux select, .ux input, .ux button { font: inherit; color: var(--ux-ink); background: transparent;
  border: 1px solid var(--ux-line); border-radius: 5px; padding: 0.25rem 0.45rem; min-height: 2rem; }
.ux select option { color: #1f2a3a; background: #fff; }
.ux button { cursor: pointer; color: var(--ux-go); }
.ux :is(select, input, button):focus-visible { outline: 3px solid var(--ux-go); outline-offset: 1px; }
.ux input[type="number"] { width: 4.1rem; }
.ux-kernel { display: grid; gap: 3px; width: max-content; }
.ux-kernel input { width: 3.3rem !important; padding: 0.15rem 0.2rem; text-align: center; font-size: 12px; min-height: 1.7rem; }
.ux-stage { display: grid; grid-template-columns: minmax(0, 1fr) auto minmax(0, 1fr); gap: 0.9rem; align-items: start; margin: 0.2rem 0 0.5rem; }
.ux figure { margin: 0 !important; min-width: 0; }
.ux figcaption { font: 12px/1.4 system-ui, sans-serif !important; color: var(--ux-soft) !important; margin: 0 0 0.25rem !important; text-align: left !important; }
.ux canvas { width: 100%; aspect-ratio: 1; display: block; cursor: crosshair; touch-action: manipulation; }
.ux-line { font-variant-numeric: tabular-nums; margin: 0.35rem 0 0; overflow-wrap: anywhere; }
.ux-line b { color: var(--ux-go); }
.ux-error { color: var(--ux-hot); font-weight: 600; margin: 0.4rem 0 0 !important; min-height: 1.45em; }
.ux input[type="range"] { flex: 1 1 8rem; min-width: 6rem; padding: 0; border: 0; accent-color: var(--ux-go); }
@media (max-width: 620px) { .ux-stage { grid-template-columns: 1fr 1fr; } .ux-stage .ux-middle { grid-column: 1 / -1; grid-row: 1; justify-self: center; } }
@media (prefers-reduced-motion: reduce) { .ux * { transition: none !important; } }
`;

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** A list with its name; without the attribute its options would be part of the name. */
function named(name, select) {
  select.setAttribute("aria-label", name);
  return element("label", {}, name, select);
}

function render({ model, el }) {
  const start = Object.fromEntries(STATE.map((name) => [name, structuredClone(model.get(name))]));
  const pictures = model.get("pictures");
  let position = 0;
  let timer = null;
  let problem = ""; // what the reader asked for and cannot be, until the next change

  const numberField = (name, label, min, max) => {
    const input = element("input", { type: "number", min, max, step: 1 });
    input.addEventListener("change", () => {
      const value = Math.round(Number(input.value));
      if (value >= min && value <= max) change(name, value);
      else complain(`${label}: got ${input.value || "nothing"}, expected ${min} to ${max}.`);
    });
    return { node: element("label", {}, label, input), input };
  };

  const picture = element("select");
  for (const name of Object.keys(pictures)) picture.append(element("option", { textContent: name }));
  picture.addEventListener("change", () => change("picture", picture.value));
  const preset = element("select");
  for (const name of ["your own", ...Object.keys(PRESETS)])
    preset.append(element("option", { textContent: name }));
  preset.addEventListener("change", () => {
    if (PRESETS[preset.value]) change("kernel", PRESETS[preset.value](model.get("kernel").length));
  });
  const size = numberField("size", "size K", 1, 7);
  const stride = numberField("stride", "stride S", 1, 4);
  const padding = numberField("padding", "padding P", 0, 4);
  const dilation = numberField("dilation", "dilation D", 1, 3);
  const flip = element("select");
  flip.append(
    element("option", { value: "", textContent: "as libraries do" }),
    element("option", { value: "1", textContent: "kernel turned (true convolution)" }),
  );
  flip.addEventListener("change", () => change("flip", flip.value === "1"));
  const reset = element("button", { type: "button", textContent: "Reset" });
  reset.addEventListener("click", () => {
    for (const name of STATE) model.set(name, structuredClone(start[name]));
    model.save_changes();
  });

  const kernelGrid = element("div", { className: "ux-kernel" });
  kernelGrid.setAttribute("role", "group");
  kernelGrid.setAttribute("aria-label", "kernel, every weight editable");
  const canvases = { input: element("canvas"), output: element("canvas") };
  canvases.input.setAttribute("role", "img");
  canvases.output.setAttribute("role", "img");
  const captions = { input: element("figcaption"), output: element("figcaption") };
  const sumLine = element("p", { className: "ux-line" });
  const sizeLine = element("p", { className: "ux-line" });
  const error = element("p", { className: "ux-error" });
  error.setAttribute("role", "alert");
  const slider = element("input", { type: "range", min: 0, value: 0 });
  slider.setAttribute("aria-label", "position of the window");
  slider.addEventListener("input", () => moveTo(Number(slider.value)));
  const play = element("button", { type: "button", textContent: "Play" });
  play.addEventListener("click", () => (timer ? stop() : begin()));
  const step = element("button", { type: "button", textContent: "Step" });
  step.addEventListener("click", () => moveTo(position + 1));

  el.replaceChildren(
    element("style", { textContent: STYLE }),
    element(
      "section",
      { className: "ux" },
      element(
        "div",
        { className: "ux-row" },
        named("picture", picture),
        named("kernel", preset),
        size.node,
        stride.node,
        padding.node,
        dilation.node,
        named("kernel lies", flip),
        reset,
      ),
      error,
      element(
        "div",
        { className: "ux-stage" },
        element("figure", {}, captions.input, canvases.input),
        element(
          "figure",
          { className: "ux-middle" },
          element("figcaption", { textContent: "kernel" }),
          kernelGrid,
        ),
        element("figure", {}, captions.output, canvases.output),
      ),
      element("div", { className: "ux-row" }, play, step, slider),
      sumLine,
      sizeLine,
    ),
  );
  el.querySelector("section").setAttribute("aria-label", "Convolution explorer");

  // ---- state -------------------------------------------------------------------------------

  function options() {
    return Object.fromEntries(
      ["stride", "padding", "dilation", "flip"].map((name) => [name, model.get(name)]),
    );
  }

  function change(name, value) {
    if (name === "size") {
      const make = PRESETS[preset.value];
      const old = model.get("kernel");
      model.set(
        "kernel",
        make ? make(value) : grid(value, (i, j) => old[i]?.[j] ?? 0),
      );
    } else model.set(name, value);
    model.save_changes();
  }

  function moveTo(index) {
    const output = current.output;
    if (!output) return;
    const count = output.length * output[0].length;
    position = ((index % count) + count) % count;
    draw();
  }

  function begin() {
    play.textContent = "Stop";
    timer = setInterval(() => moveTo(position + 1), 350);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }

  let current = { output: null };

  function update() {
    problem = "";
    const kernel = model.get("kernel");
    picture.value = model.get("picture");
    size.input.value = kernel.length;
    stride.input.value = model.get("stride");
    padding.input.value = model.get("padding");
    dilation.input.value = model.get("dilation");
    flip.value = model.get("flip") ? "1" : "";
    const same = (name) =>
      PRESETS[name](kernel.length).flat().every((w, i) => Math.abs(w - kernel.flat()[i]) < 1e-9);
    preset.value = Object.keys(PRESETS).find(same) ?? "your own";
    if (kernelGrid.childElementCount !== kernel.length ** 2) buildKernel(kernel.length);
    const shown = lying(kernel, model.get("flip")).flat();
    [...kernelGrid.children].forEach((input, i) => {
      if (input !== document.activeElement) input.value = format(shown[i]);
    });
    current.output = convolve(pictures[model.get("picture")], kernel, options());
    draw();
  }

  function buildKernel(k) {
    kernelGrid.style.gridTemplateColumns = `repeat(${k}, auto)`;
    kernelGrid.replaceChildren(
      ...Array.from({ length: k * k }, (_, index) => {
        const input = element("input", { type: "text", inputMode: "decimal" });
        const [i, j] = [Math.floor(index / k), index % k];
        input.setAttribute("aria-label", `weight, row ${i + 1}, column ${j + 1}`);
        input.addEventListener("change", () => {
          const value = Number(input.value.replace("−", "-"));
          if (!Number.isFinite(value) || input.value.trim() === "") {
            complain(`Weight: got “${input.value}”, expected a number.`);
            return;
          }
          const lain = structuredClone(lying(model.get("kernel"), model.get("flip")));
          lain[i][j] = value;
          change("kernel", structuredClone(lying(lain, model.get("flip"))));
        });
        return input;
      }),
    );
  }

  // ---- drawing -----------------------------------------------------------------------------

  function paint(canvas, rows, columns, colour, frames) {
    const scale = 2;
    const side = Math.max(canvas.clientWidth, 120) * scale;
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const cell = side / Math.max(rows, columns);
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) {
        context.fillStyle = colour(r, c);
        context.fillRect(c * cell, r * cell, Math.ceil(cell) - 1, Math.ceil(cell) - 1);
      }
    for (const { row, column, width } of frames) {
      context.strokeStyle = getComputedStyle(el.querySelector(".ux")).getPropertyValue("--ux-hot");
      context.lineWidth = width * scale;
      context.strokeRect(column * cell + 1, row * cell + 1, cell - 3, cell - 3);
    }
    return cell / scale;
  }

  function complain(message) {
    problem = message;
    draw();
  }

  function draw() {
    const image = pictures[model.get("picture")];
    const kernel = model.get("kernel");
    const { stride: s, padding: p, dilation: d } = options();
    const n = image.length;
    const k = kernel.length;
    const output = current.output;
    const reach = d * (k - 1) + 1;
    error.textContent = problem || (output ? "" :
      `The kernel covers ${reach} × ${reach} pixels, more than the padded picture's ${n + 2 * p} × ${n + 2 * p}. Use a smaller kernel or dilation, or more padding.`);
    slider.disabled = play.disabled = step.disabled = !output;
    captions.input.textContent = `picture, ${n} × ${n}${p ? `, in a rim of ${p}` : ""}`;
    const size_ = output ? output.length : 0;
    sizeLine.innerHTML = `Size: ⌊(N + 2P − D(K − 1) − 1) / S⌋ + 1 = ⌊(${n} + 2·${p} − ${d}·(${k} − 1) − 1) / ${s}⌋ + 1 = <b>${output ? size_ : "none"}</b>`;
    if (!output) {
      stop();
      paint(canvases.input, n + 2 * p, n + 2 * p, (r, c) => grey(image[r - p]?.[c - p]), []);
      paint(canvases.output, 1, 1, () => "transparent", []);
      captions.output.textContent = "output: none";
      sumLine.textContent = "";
      return;
    }
    const columns = output[0].length;
    position = Math.min(position, output.length * columns - 1);
    slider.max = output.length * columns - 1;
    slider.value = position;
    const [row, column] = [Math.floor(position / columns), position % columns];
    const read = taps(image, kernel, row, column, options());
    paint(canvases.input, n + 2 * p, n + 2 * p, (r, c) => grey(image[r - p]?.[c - p]),
      read.map((tap) => ({ row: tap.row + p, column: tap.column + p, width: 2 })));
    const flat = output.flat();
    const low = Math.min(0, ...flat);
    const high = Math.max(low + 1e-9, low < 0 ? -low : 1, ...flat);
    paint(canvases.output, output.length, columns, (r, c) => signed(output[r][c], high, low < -1e-9),
      [{ row, column, width: 2.5 }]);
    captions.output.textContent = `output, ${output.length} × ${columns}${low < -1e-9 ? ": blue above 0, red below" : ""}`;
    const shown = read.filter((tap) => tap.product !== 0).slice(0, 9);
    const terms = shown.map((tap) => `${format(tap.weight)}·${format(tap.value)}`).join(" + ") || "0";
    const more = read.filter((tap) => tap.product !== 0).length > 9 ? " + …" : "";
    sumLine.innerHTML = `Output (${row}, ${column}) = ${terms.replaceAll("+ -", "− ")}${more} = <b>${format(output[row][column])}</b>`;
    canvases.input.setAttribute("aria-label", `picture ${model.get("picture")} with the window at row ${row * s - p}, column ${column * s - p}`);
    canvases.output.setAttribute("aria-label", `output map; at row ${row}, column ${column} it is ${format(output[row][column])}`);
    slider.setAttribute("aria-valuetext", `row ${row}, column ${column}: ${format(output[row][column])}`);
  }

  function grey(value) {
    if (value === undefined) return "rgba(130, 140, 155, 0.28)"; // padding
    const level = Math.round(255 * Math.min(Math.max(value, 0), 1));
    return `rgb(${level}, ${level}, ${level})`;
  }

  function signed(value, limit, hasNegative) {
    if (!hasNegative) return grey(value / limit);
    const t = Math.min(Math.abs(value) / limit, 1);
    const [r, g, b] = value >= 0 ? [0, 114, 178] : [213, 94, 0]; // blue, vermilion
    const mix = (x) => Math.round(247 + (x - 247) * t);
    return `rgb(${mix(r)}, ${mix(g)}, ${mix(b)})`;
  }

  function pick(event) {
    if (!current.output) return;
    const box = canvases.output.getBoundingClientRect();
    const cells = Math.max(current.output.length, current.output[0].length);
    const at = (start, length) => Math.floor(((start) / length) * cells);
    const [row, column] = [at(event.clientY - box.top, box.height), at(event.clientX - box.left, box.width)];
    if (row < current.output.length && column < current.output[0].length && row >= 0 && column >= 0)
      moveTo(row * current.output[0].length + column);
  }
  canvases.output.addEventListener("pointermove", pick);
  canvases.output.addEventListener("pointerdown", pick);

  for (const name of STATE) model.on(`change:${name}`, update);
  const watcher = new ResizeObserver(() => draw());
  watcher.observe(el);
  update();
  return () => {
    stop();
    watcher.disconnect();
    for (const name of STATE) model.off(`change:${name}`, update);
  };
}

export default { render };
