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

function middle(k) {
  return Math.floor(k / 2);
}

// ---- the page ----------------------------------------------------------------------------------

const STATE = ["picture", "kernel", "stride", "padding", "dilation", "flip"];


function render({ model, el }) {
  const start = Object.fromEntries(STATE.map((name) => [name, structuredClone(model.get(name))]));
  const pictures = model.get("pictures");
  let position = 0;
  let timer = null;
  let problem = ""; // what the reader asked for and cannot be, until the next change

  const field = (name, label, min, max) =>
    numberField(label, min, max, (value) => change(name, value), complain);

  const picture = element("select");
  for (const name of Object.keys(pictures)) picture.append(element("option", { textContent: name }));
  picture.addEventListener("change", () => change("picture", picture.value));
  const preset = element("select");
  for (const name of ["your own", ...Object.keys(PRESETS)])
    preset.append(element("option", { textContent: name }));
  preset.addEventListener("change", () => {
    if (PRESETS[preset.value]) change("kernel", PRESETS[preset.value](model.get("kernel").length));
  });
  const size = field("size", "size K", 1, 7);
  const stride = field("stride", "stride S", 1, 4);
  const padding = field("padding", "padding P", 0, 4);
  const dilation = field("dilation", "dilation D", 1, 3);
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

  const weights = kernelEditor((i, j, value) => {
    const lain = structuredClone(lying(model.get("kernel"), model.get("flip")));
    lain[i][j] = value;
    change("kernel", structuredClone(lying(lain, model.get("flip"))));
  }, complain);
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
          weights.node,
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
    weights.show(lying(kernel, model.get("flip")));
    current.output = convolve(pictures[model.get("picture")], kernel, options());
    draw();
  }

  // ---- drawing -----------------------------------------------------------------------------

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

  function pick(event) {
    if (!current.output) return;
    const columns = current.output[0].length;
    const cell = cellAt(canvases.output, event, current.output.length, columns);
    if (cell) moveTo(cell.row * columns + cell.column);
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
