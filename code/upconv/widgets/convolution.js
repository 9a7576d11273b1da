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
  const size = (n) => outputSize(n, kernel.length, stride, padding, dilation);
  const [rows, columns] = [size(image.length), size(image[0].length)];
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
  // Second differences along both axes, between neighbors ⌊K/2⌋ apart.
  Laplacian: (k) => {
    const m = middle(k);
    const cross = grid(k, () => 0);
    if (k < 3) return cross;
    for (const [i, j] of [[0, m], [2 * m, m], [m, 0], [m, 2 * m]]) if (i < k && j < k) cross[i][j] += 1;
    cross[m][m] -= cross.flat().reduce((a, b) => a + b, 0);
    return cross;
  },
  "Sobel, left to right": (k) =>
    grid(k, (i, j) => (j - (k - 1) / 2) * (1 + (k - 1) / 2 - Math.abs(i - (k - 1) / 2))),
  shift: (k) => grid(k, (i, j) => (i === 0 && j === 0 ? 1 : 0)),
};

function middle(k) {
  return Math.floor(k / 2);
}

/** Independent normal weights, as an untrained layer has, rounded so that they can be read. */
function random(k) {
  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return grid(k, () => Number(normal().toFixed(2)));
}

// ---- the page ----------------------------------------------------------------------------------

const DRAWING = "your drawing";

export const STATE = {
  picture: choice("picture", (model) => Object.fromEntries([...Object.keys(model.get("pictures")), DRAWING].map((name) => [name, name]))),
  drawing: square("drawing", 16, 16),
  kernel: square("kernel", 1, 7),
  stride: whole("stride S", 1, 4),
  padding: whole("padding P", 0, 4),
  dilation: whole("dilation D", 1, 3),
  flip: flag("flip kernel", "no (cross-correlation)", "yes (true convolution)"),
};

function render({ model, el }) {
  let output = null;
  const ui = frame({ model, el, title: "Convolution explorer", state: STATE, arrange, update, draw });
  const same = (a, b) => a.flat().every((w, i) => Math.abs(w - b.flat()[i]) < 1e-9);
  const preset = () => {
    const kernel = model.get("kernel");
    return Object.keys(PRESETS).find((name) => same(PRESETS[name](kernel.length), kernel));
  };
  const setSize = (k) => {
    const old = model.get("kernel");
    const make = PRESETS[preset()];
    ui.change({ kernel: make ? make(k) : grid(k, (i, j) => old[i]?.[j] ?? 0) });
  };
  const weights = kernelEditor(ui, "kernel", (i, j, value) => {
    const lain = structuredClone(lying(model.get("kernel"), model.get("flip")));
    lain[i][j] = value;
    ui.change({ kernel: structuredClone(lying(lain, model.get("flip"))) });
  });
  const [input, products, result] = [ui.view(), ui.view(), ui.view()];
  const [sumLine, sizeLine] = [ui.line("ux-long"), ui.line("ux-mid", true)];
  const window_ = player(ui, "position of the window", () => (output ? output.length ** 2 : 0), () => ui.redraw());
  hover(result.canvas, () => (output ? [output.length, output.length] : [0, 0]),
    ({ row, column }) => window_.goTo(row * output.length + column));

  const drawn = () => model.get("picture") === DRAWING;
  const image = () => (drawn() ? model.get("drawing") : model.get("pictures")[model.get("picture")]);
  let ink = 1; // a stroke that starts on ink rubs it out
  const hand = drawing(input.canvas, () => 16 + 2 * model.get("padding"), drawn, (cell, first) => {
    const [row, column] = [cell.row - model.get("padding"), cell.column - model.get("padding")];
    const picture = structuredClone(model.get("drawing"));
    if (picture[row]?.[column] === undefined) return;
    if (first) ink = picture[row][column] > 0.5 ? 0 : 1;
    picture[row][column] = ink;
    ui.change({ drawing: picture }, true);
  }, () => model.save_changes(), () => ui.redraw());
  const clear = ui.button("Clear", () => ui.change({ drawing: grid(16, () => 0) }));
  input.canvas.addEventListener("blur", () => ui.redraw());
  input.canvas.addEventListener("focus", () => ui.redraw());

  const options = () => Object.fromEntries(["stride", "padding", "dilation", "flip"].map((name) => [name, model.get(name)]));

  function arrange() {
    weights.show(lying(model.get("kernel"), model.get("flip")));
  }

  function update() {
    output = convolve(image(), model.get("kernel"), options());
  }

  function draw() {
    const picture = image();
    const { stride: s, padding: p, dilation: d } = options();
    const [n, k] = [picture.length, model.get("kernel").length];
    clear.style.visibility = drawn() ? "visible" : "hidden";
    hand.offer();
    const size = output ? output.length : "none";
    input.caption.textContent = drawn()
      ? `draw here: pointer, or arrow keys and space`
      : `picture, ${n} × ${n}${p ? `, padded by ${p}` : ""}`;
    sizeLine.replaceChildren(marked`Size: ⌊(N + 2P − D(K − 1) − 1) / S⌋ + 1 = ⌊(${n} + 2·${p} − ${d}·(${k} − 1) − 1) / ${s}⌋ + 1 = <b>${size}</b>`);
    const frames = hand.focused() ? [{ ...hand.cursor, width: 3 }] : [];
    const show = (read) => paint(input.canvas, n + 2 * p, n + 2 * p, (r, c) => gray(picture[r - p]?.[c - p]),
      [...read.map((tap) => ({ row: tap.row + p, column: tap.column + p, width: 2 })), ...frames]);
    const index = window_.at();
    if (!output) {
      show([]);
      paint(result.canvas, 1, 1, () => "#00000000", []);
      paint(products.canvas, 1, 1, () => "#00000000", []);
      result.caption.textContent = "output: none";
      products.caption.textContent = "products";
      sumLine.textContent = "";
      const reach = d * (k - 1) + 1;
      return `The kernel covers ${reach} × ${reach} pixels, more than the padded picture's ${n + 2 * p} × ${n + 2 * p}. Use a smaller kernel or dilation, or more padding.`;
    }
    const [row, column] = [Math.floor(index / size), index % size];
    const read = taps(picture, model.get("kernel"), row, column, options());
    show(read);
    const flat = output.flat();
    const low = Math.min(0, ...flat);
    const high = Math.max(low + 1e-9, low < 0 ? -low : 1, ...flat);
    const negative = low < -1e-9;
    paint(result.canvas, size, size, (r, c) => signed(output[r][c], high, negative), [{ row, column, width: 2.5 }]);
    result.caption.textContent = `output, ${size} × ${size}${negative ? ": blue above 0, red below" : ""}`;
    const limit = Math.max(1e-9, ...read.map((tap) => Math.abs(tap.product)));
    products.caption.textContent = "weight × pixel";
    paint(products.canvas, k, k, (r, c) => signed(read[r * k + c].product, limit, true), [],
      (r, c) => format(read[r * k + c].product));
    const terms = read.filter((tap) => tap.product !== 0);
    const sum = signedSum(terms.slice(0, 9).map((tap) => `${format(tap.weight)}·${format(tap.value)}`));
    const value = format(output[row][column]);
    sumLine.replaceChildren(marked`Output (${row}, ${column}) = ${sum}${terms.length > 9 ? " + …" : ""} = <b>${value}</b>`);
    input.canvas.setAttribute("aria-label", hand.focused()
      ? `drawing, at row ${hand.cursor.row - p}, column ${hand.cursor.column - p}; space draws`
      : `picture ${model.get("picture")} with the window at row ${row * s - p}, column ${column * s - p}`);
    products.canvas.setAttribute("aria-label", `products of weights and pixels, from ${format(Math.min(...read.map((tap) => tap.product)))} to ${format(Math.max(...read.map((tap) => tap.product)))}`);
    result.canvas.setAttribute("aria-label", `output map; at row ${row}, column ${column} it is ${value}`);
    window_.say(`row ${row}, column ${column}: ${value}`);
  }

  return ui.begin(
    element("div", { className: "ux-row" },
      ui.list("picture"), clear,
      ui.presets("kernel", [...Object.keys(PRESETS), "random"],
        (name) => ui.change({ kernel: (PRESETS[name] ?? random)(model.get("kernel").length) }), preset),
      ui.number("kernel", setSize, () => model.get("kernel").length, whole("size K", 1, 7)),
      ui.number("stride"), ui.number("padding"), ui.number("dilation"), ui.list("flip"), ui.reset),
    ui.error,
    element("div", { className: "ux-stage" },
      input.node,
      element("figure", { className: "ux-middle" }, element("figcaption", { textContent: "kernel" }), weights.node,
        products.caption, products.canvas),
      result.node),
    window_.node, sumLine, sizeLine,
  );
}

export default { render };
