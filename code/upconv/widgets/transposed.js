// TransposedConvolutionExplorer: one operator, seen as stamps, as inserted zeros and as a matrix.

// ---- arithmetic (tested against upconv.ops) ------------------------------------------------

/** Size of the output along one axis; below 1 if the padding leaves nothing. */
export function transposedSize(n, k, stride, padding, outputPadding) {
  return stride * (n - 1) + k - 2 * padding + outputPadding;
}

/** Every input stamps the kernel onto the output: the list of all {row, column, i, j, p, q}. */
export function stamps(n, k, { stride, padding, outputPadding }) {
  const size = transposedSize(n, k, stride, padding, outputPadding);
  const found = [];
  for (let p = 0; p < n; p++)
    for (let q = 0; q < n; q++)
      for (let i = 0; i < k; i++)
        for (let j = 0; j < k; j++) {
          const [row, column] = [p * stride + i - padding, q * stride + j - padding];
          if (row >= 0 && column >= 0 && row < size && column < size)
            found.push({ row, column, i, j, p, q });
        }
  return found;
}

/** First view: scatter and add. */
export function scatter(input, kernel, options) {
  const { stride, padding, outputPadding } = options;
  const size = transposedSize(input.length, kernel.length, stride, padding, outputPadding);
  if (size < 1) return null;
  const output = grid(size, () => 0);
  for (const { row, column, i, j, p, q } of stamps(input.length, kernel.length, options))
    output[row][column] += kernel[i][j] * input[p][q];
  return output;
}

/** Zeros between the inputs and around them, so that the turned kernel fits everywhere. */
export function stretched(input, kernel, { stride, padding, outputPadding }) {
  const [n, k] = [input.length, kernel.length];
  const rim = k - 1 - padding; // negative: cut off instead
  const size = stride * (n - 1) + 1 + 2 * rim + outputPadding;
  return grid(Math.max(size, 0), (r, c) => {
    const [p, q] = [(r - rim) / stride, (c - rim) / stride];
    return Number.isInteger(p) && Number.isInteger(q) ? (input[p]?.[q] ?? 0) : 0;
  });
}

/** Second view: an ordinary convolution, stride 1, of the stretched input with the turned kernel. */
export function gather(input, kernel, options) {
  const { stride, padding, outputPadding } = options;
  const size = transposedSize(input.length, kernel.length, stride, padding, outputPadding);
  if (size < 1) return null;
  const field = stretched(input, kernel, options);
  const k = kernel.length;
  return grid(size, (r, c) => {
    let sum = 0;
    for (let i = 0; i < k; i++)
      for (let j = 0; j < k; j++) sum += kernel[k - 1 - i][k - 1 - j] * (field[r + i]?.[c + j] ?? 0);
    return sum;
  });
}

/** Third view: the matrix, one row an output, one column an input. */
export function matrix(n, kernel, options) {
  const { stride, padding, outputPadding } = options;
  const size = Math.max(transposedSize(n, kernel.length, stride, padding, outputPadding), 0);
  const rows = Array.from({ length: size * size }, () => Array(n * n).fill(0));
  for (const { row, column, i, j, p, q } of stamps(n, kernel.length, options))
    rows[row * size + column][p * n + q] += kernel[i][j];
  return rows;
}

/** How many products each output is the sum of. */
export function overlaps(n, k, options) {
  const { stride, padding, outputPadding } = options;
  const size = Math.max(transposedSize(n, k, stride, padding, outputPadding), 0);
  const count = grid(size, () => 0);
  for (const { row, column } of stamps(n, k, options)) count[row][column] += 1;
  return count;
}

// ---- the page ----------------------------------------------------------------------------------

const STATE = ["input", "kernel", "stride", "padding", "output_padding", "view"];
const VIEWS = { stamps: "stamps, added up", zeros: "zeros, then convolution", matrix: "matrix" };

function render({ model, el }) {
  const start = Object.fromEntries(STATE.map((name) => [name, structuredClone(model.get(name))]));
  let position = 0;
  let problem = "";
  let output = null;

  const field = (label, min, max, accept) => numberField(label, min, max, accept, complain);
  const inputSize = field("input N", 1, 5, (n) => {
    const old = model.get("input");
    change("input", grid(n, (i, j) => old[i]?.[j] ?? i * n + j + 1));
  });
  const kernelSize = field("kernel K", 1, 5, (k) => change("kernel", grid(k, () => 1)));
  const stride = field("stride S", 1, 4, (value) => {
    if (model.get("output_padding") >= value) model.set("output_padding", value - 1);
    change("stride", value);
  });
  const padding = field("padding P", 0, 4, (value) => change("padding", value));
  const extra = field("output padding A", 0, 3, (value) => change("output_padding", value));
  const view = element("select");
  for (const [name, text] of Object.entries(VIEWS))
    view.append(element("option", { value: name, textContent: text }));
  view.addEventListener("change", () => change("view", view.value));
  const reset = element("button", { type: "button", textContent: "Reset" });
  reset.addEventListener("click", () => {
    for (const name of STATE) model.set(name, structuredClone(start[name]));
    model.save_changes();
  });
  const weights = kernelEditor((i, j, value) => {
    const kernel = structuredClone(model.get("kernel"));
    kernel[i][j] = value;
    change("kernel", kernel);
  }, complain);

  const canvases = { left: element("canvas"), right: element("canvas"), count: element("canvas") };
  const captions = { left: element("figcaption"), right: element("figcaption"), count: element("figcaption") };
  for (const canvas of Object.values(canvases)) canvas.setAttribute("role", "img");
  const error = element("p", { className: "ux-error" });
  error.setAttribute("role", "alert");
  const slider = element("input", { type: "range", min: 0, value: 0 });
  slider.setAttribute("aria-label", "output pixel");
  slider.addEventListener("input", () => {
    position = Number(slider.value);
    draw();
  });
  const lines = ["sum", "size", "even"].map(() => element("p", { className: "ux-line" }));

  el.replaceChildren(
    element("style", { textContent: STYLE }),
    element(
      "section",
      { className: "ux" },
      element("div", { className: "ux-row" }, inputSize.node, kernelSize.node, stride.node,
        padding.node, extra.node, named("computed by", view), reset),
      error,
      element("div", { className: "ux-stage" },
        element("figure", {}, captions.left, canvases.left),
        element("figure", { className: "ux-middle" },
          element("figcaption", { textContent: "kernel" }), weights.node),
        element("figure", {}, captions.right, canvases.right)),
      element("div", { className: "ux-row" }, slider),
      ...lines.slice(0, 2),
      element("div", { className: "ux-overlap" },
        element("figure", {}, captions.count, canvases.count), lines[2]),
    ),
  );
  el.querySelector("section").setAttribute("aria-label", "Transposed convolution explorer");

  function change(name, value) {
    model.set(name, value);
    model.save_changes();
  }

  function complain(message) {
    problem = message;
    draw();
  }

  const options = () => ({
    stride: model.get("stride"),
    padding: model.get("padding"),
    outputPadding: model.get("output_padding"),
  });

  function update() {
    problem = "";
    const [input, kernel] = [model.get("input"), model.get("kernel")];
    inputSize.input.value = input.length;
    kernelSize.input.value = kernel.length;
    stride.input.value = model.get("stride");
    padding.input.value = model.get("padding");
    extra.input.value = model.get("output_padding");
    view.value = model.get("view");
    weights.show(kernel);
    const compute = { stamps: scatter, zeros: gather, matrix: byMatrix }[model.get("view")];
    output = model.get("output_padding") < model.get("stride") ? compute(input, kernel, options()) : null;
    draw();
  }

  function byMatrix(input, kernel, settings) {
    const size = transposedSize(input.length, kernel.length, settings.stride, settings.padding, settings.outputPadding);
    if (size < 1) return null;
    const flat = input.flat();
    const values = matrix(input.length, kernel, settings).map((row) =>
      row.reduce((sum, weight, index) => sum + weight * flat[index], 0));
    return grid(size, (r, c) => values[r * size + c]);
  }

  function draw() {
    const [input, kernel] = [model.get("input"), model.get("kernel")];
    const { stride: s, padding: p, outputPadding: a } = options();
    const [n, k] = [input.length, kernel.length];
    const size = transposedSize(n, k, s, p, a);
    error.textContent = problem || (a >= s
      ? `Output padding ${a} must be less than the stride ${s}: it chooses among ${s} sizes.`
      : output ? "" : `A padding of ${p} cuts off everything: the size would be ${size}.`);
    lines[1].innerHTML = `Size: S(N − 1) + K − 2P + A = ${s}·(${n} − 1) + ${k} − 2·${p} + ${a} = <b>${output ? size : "none"}</b>`;
    slider.disabled = !output;
    if (!output) {
      for (const canvas of Object.values(canvases)) paint(canvas, 1, 1, () => "#00000000", []);
      for (const caption of Object.values(captions)) caption.textContent = "";
      lines[0].textContent = lines[2].textContent = "";
      return;
    }
    position = Math.min(position, size * size - 1);
    slider.max = size * size - 1;
    slider.value = position;
    const [row, column] = [Math.floor(position / size), position % size];
    const all = stamps(n, k, options());
    const mine = all.filter((stamp) => stamp.row === row && stamp.column === column);
    const scale = (values) => Math.max(1e-9, ...values.flat().map(Math.abs));
    const blue = (value, limit) => signed(value, limit, true);

    const inputLimit = scale(input);
    if (model.get("view") === "stamps") {
      captions.left.textContent = `input, ${n} × ${n}: framed, who stamps here`;
      paint(canvases.left, n, n, (r, c) => blue(input[r][c], inputLimit),
        mine.map(({ p: r, q: c }) => ({ row: r, column: c, width: 2.5 })), (r, c) => format(input[r][c]));
    } else if (model.get("view") === "zeros") {
      const wide = stretched(input, kernel, options());
      captions.left.textContent = `with zeros, ${wide.length} × ${wide.length}, and the window`;
      paint(canvases.left, wide.length, wide.length, (r, c) => blue(wide[r][c], inputLimit),
        grid(k, (i, j) => ({ row: row + i, column: column + j, width: 2 })).flat(),
        (r, c) => format(wide[r][c]));
    } else {
      const rows = matrix(n, kernel, options());
      const limit = scale(rows);
      captions.left.textContent = `matrix, ${rows.length} × ${n * n}: framed, the row of this output`;
      paint(canvases.left, rows.length, n * n, (r, c) => blue(rows[r][c], limit),
        rows[position].map((_, index) => ({ row: position, column: index, width: 1.5 })),
        (r, c) => (rows[r][c] ? format(rows[r][c]) : ""));
    }
    const limit = scale(output);
    captions.right.textContent = `output, ${size} × ${size}`;
    paint(canvases.right, size, size, (r, c) => blue(output[r][c], limit),
      [{ row, column, width: 2.5 }], (r, c) => format(output[r][c]));
    const terms = mine.map((stamp) =>
      `${format(kernel[stamp.i][stamp.j])}·${format(input[stamp.p][stamp.q])}`).join(" + ") || "0";
    lines[0].innerHTML = `Output (${row}, ${column}) = ${terms.replaceAll("+ -", "− ")} = <b>${format(output[row][column])}</b>`;

    const count = overlaps(n, k, options());
    const most = Math.max(...count.flat());
    captions.count.textContent = "products per pixel";
    paint(canvases.count, size, size, (r, c) => blue(count[r][c], most + 1), [], (r, c) => String(count[r][c]));
    const even = k % s === 0;
    lines[2].innerHTML = even
      ? `The kernel size ${k} is a multiple of the stride ${s}: away from the borders every pixel is a sum of <b>${(k / s) ** 2}</b> products.`
      : `The kernel size ${k} is no multiple of the stride ${s}: neighbouring pixels are sums of unequally many products. <b>Expect a checkerboard.</b>`;
    canvases.left.setAttribute("aria-label", captions.left.textContent);
    canvases.right.setAttribute("aria-label", `output; at row ${row}, column ${column} it is ${format(output[row][column])}`);
    canvases.count.setAttribute("aria-label", `products per pixel, from ${Math.min(...count.flat())} to ${most}`);
    slider.setAttribute("aria-valuetext", `row ${row}, column ${column}: ${format(output[row][column])}`);
  }

  function pick(event) {
    const cell = output && cellAt(canvases.right, event, output.length, output.length);
    if (!cell) return;
    position = cell.row * output.length + cell.column;
    draw();
  }
  canvases.right.addEventListener("pointermove", pick);
  canvases.right.addEventListener("pointerdown", pick);

  for (const name of STATE) model.on(`change:${name}`, update);
  const watcher = new ResizeObserver(() => draw());
  watcher.observe(el);
  update();
  return () => {
    watcher.disconnect();
    for (const name of STATE) model.off(`change:${name}`, update);
  };
}

export default { render };
