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

/** What a constant 1 becomes in each of the S² phases, away from the borders. */
export function phaseSums(kernel, stride) {
  const sums = Array(stride * stride).fill(0);
  kernel.forEach((row, i) => row.forEach((weight, j) => {
    sums[(i % stride) * stride + (j % stride)] += weight;
  }));
  return sums;
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

export const STATE = {
  input: square("input", 1, 5),
  kernel: square("kernel", 1, 5),
  stride: whole("stride S", 1, 4),
  padding: whole("padding P", 0, 4),
  output_padding: whole("output padding A", 0, 3),
  view: choice("computed by", { stamps: "stamps, added up", zeros: "zeros, then convolution", matrix: "matrix" }),
};

function render({ model, el }) {
  let output = null;
  const ui = frame({ model, el, title: "Transposed convolution explorer", state: STATE, arrange, update, draw });
  const weights = kernelEditor(ui, "kernel", (i, j, value) => {
    const kernel = structuredClone(model.get("kernel"));
    kernel[i][j] = value;
    ui.change({ kernel });
  });
  const setInput = (n) => {
    const old = model.get("input");
    ui.change({ input: grid(n, (i, j) => old[i]?.[j] ?? i * n + j + 1) });
  };
  const setStride = (stride) =>
    ui.change({ stride, output_padding: Math.min(model.get("output_padding"), stride - 1) });
  const [left, right, count] = [ui.view(), ui.view(), ui.view()];
  const lines = [ui.line("ux-mid"), ui.line("ux-mid", true), ui.line("ux-long")];
  const pixel = player(ui, "output pixel", () => (output ? output.length ** 2 : 0), () => ui.redraw());
  hover(right.canvas, () => (output ? [output.length, output.length] : [0, 0]),
    ({ row, column }) => pixel.goTo(row * output.length + column));

  const options = () => ({
    stride: model.get("stride"),
    padding: model.get("padding"),
    outputPadding: model.get("output_padding"),
  });

  function arrange() {
    weights.show(model.get("kernel"));
  }

  function update() {
    const [input, kernel] = [model.get("input"), model.get("kernel")];
    const compute = { stamps: scatter, zeros: gather, matrix: byMatrix }[model.get("view")];
    output = model.get("output_padding") < model.get("stride") ? compute(input, kernel, options()) : null;
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
    lines[1].replaceChildren(marked`Size: S(N − 1) + K − 2P + A = ${s}·(${n} − 1) + ${k} − 2·${p} + ${a} = <b>${output ? size : "none"}</b>`);
    const position = pixel.at();
    if (!output) {
      for (const { canvas, caption } of [left, right, count]) {
        paint(canvas, 1, 1, () => "#00000000", []);
        caption.textContent = "\u00a0";
      }
      lines[0].textContent = lines[2].textContent = "";
      return a >= s
        ? `Output padding ${a} must be less than the stride ${s}: it chooses among ${s} sizes.`
        : `A padding of ${p} removes everything: the size would be ${size}.`;
    }
    const [row, column] = [Math.floor(position / size), position % size];
    const mine = stamps(n, k, options()).filter((stamp) => stamp.row === row && stamp.column === column);
    const scale = (values) => Math.max(1e-9, ...values.flat().map(Math.abs));
    const blue = (value, limit) => signed(value, limit, true);

    const inputLimit = scale(input);
    if (model.get("view") === "stamps") {
      left.caption.textContent = `input, ${n} × ${n}; framed: inputs that stamp here`;
      paint(left.canvas, n, n, (r, c) => blue(input[r][c], inputLimit),
        mine.map(({ p: r, q: c }) => ({ row: r, column: c, width: 2.5 })), (r, c) => format(input[r][c]));
    } else if (model.get("view") === "zeros") {
      const wide = stretched(input, kernel, options());
      left.caption.textContent = `input with zeros, ${wide.length} × ${wide.length}; framed: the window`;
      paint(left.canvas, wide.length, wide.length, (r, c) => blue(wide[r][c], inputLimit),
        grid(k, (i, j) => ({ row: row + i, column: column + j, width: 2 })).flat(),
        (r, c) => format(wide[r][c]));
    } else {
      const rows = matrix(n, kernel, options());
      const limit = scale(rows);
      left.caption.textContent = `matrix, ${rows.length} × ${n * n}; framed: this output's row`;
      paint(left.canvas, rows.length, n * n, (r, c) => blue(rows[r][c], limit),
        rows[position].map((_, index) => ({ row: position, column: index, width: 1.5 })),
        (r, c) => (rows[r][c] ? format(rows[r][c]) : ""));
    }
    const limit = scale(output);
    right.caption.textContent = `output, ${size} × ${size}`;
    paint(right.canvas, size, size, (r, c) => blue(output[r][c], limit),
      [{ row, column, width: 2.5 }], (r, c) => format(output[r][c]));
    const terms = mine.map((stamp) => `${format(kernel[stamp.i][stamp.j])}·${format(input[stamp.p][stamp.q])}`);
    const value = format(output[row][column]);
    lines[0].replaceChildren(marked`Output (${row}, ${column}) = ${signedSum(terms)} = <b>${value}</b>`);

    const products = overlaps(n, k, options());
    const most = Math.max(...products.flat());
    count.caption.textContent = "products per pixel";
    paint(count.canvas, size, size, (r, c) => blue(products[r][c], most + 1), [], (r, c) => String(products[r][c]));
    const sums = phaseSums(kernel, s);
    const even = Math.max(...sums) - Math.min(...sums) < 1e-9;
    const number = k % s === 0
      ? marked`The kernel size ${k} is a multiple of the stride ${s}: away from the borders every pixel is a sum of <b>${(k / s) ** 2}</b> products`
      : marked`The kernel size ${k} is not a multiple of the stride ${s}: neighboring pixels are sums of different numbers of products`;
    lines[2].replaceChildren(number, even
      ? marked`. The weights of each phase sum to <b>${format(sums[0])}</b>: a constant input stays constant.`
      : marked`. The weights of the phases sum to different numbers: <b>Expect a checkerboard.</b>`);
    left.canvas.setAttribute("aria-label", left.caption.textContent);
    right.canvas.setAttribute("aria-label", `output; at row ${row}, column ${column} it is ${value}`);
    count.canvas.setAttribute("aria-label", `products per pixel, from ${Math.min(...products.flat())} to ${most}`);
    pixel.say(`row ${row}, column ${column}: ${value}`);
  }

  return ui.begin(
    element("div", { className: "ux-row" },
      ui.number("input", setInput, () => model.get("input").length, whole("input N", 1, 5)),
      ui.number("kernel", (k) => ui.change({ kernel: grid(k, () => 1) }), () => model.get("kernel").length, whole("kernel K", 1, 5)),
      ui.number("stride", setStride), ui.number("padding"), ui.number("output_padding"), ui.list("view"), ui.reset),
    ui.error,
    element("div", { className: "ux-stage" }, left.node,
      element("figure", { className: "ux-middle" }, element("figcaption", { textContent: "kernel" }), weights.node),
      right.node),
    pixel.node, lines[0], lines[1],
    element("div", { className: "ux-overlap" }, count.node, lines[2]),
  );
}

export default { render };
