// PoolingExplorer: what pooling keeps of a map, and what unpooling can give back.

// ---- arithmetic (tested against upconv.ops) ------------------------------------------------

/** Pooled values, and the switches [row, column] of a maximum; null if the window does not fit. */
export function pool(input, { pooling, kernel_size: k, stride: s }) {
  const size = Math.floor((input.length - k) / s) + 1;
  if (input.length < k) return null;
  const switches = pooling === "max" ? [] : null;
  const values = grid(size, (p, q) => {
    let [best, where, sum] = [-Infinity, null, 0];
    for (let i = 0; i < k; i++)
      for (let j = 0; j < k; j++) {
        const value = input[p * s + i][q * s + j];
        sum += value;
        if (value > best) [best, where] = [value, [p * s + i, q * s + j]];
      }
    if (!switches) return sum / (k * k);
    (switches[p] ??= [])[q] = where;
    return best;
  });
  return { values, switches };
}

/** Each value into a block of k × k: average unpooling, which is nearest-neighbour enlarging. */
export function copied(values, k) {
  return grid(values.length * k, (r, c) => values[Math.floor(r / k)][Math.floor(c / k)]);
}

/** Each value where its maximum was, in n × n zeros; of two in one place the last stays. */
export function replaced(values, switches, n) {
  const output = grid(n, () => 0);
  values.forEach((row, p) => row.forEach((value, q) => {
    const [r, c] = switches[p][q];
    output[r][c] = value;
  }));
  return output;
}

// ---- the page ----------------------------------------------------------------------------------

const MAPS = {
  blocks: (n) => grid(n, (i, j) => (5 * Math.floor(i / 2) + 3 * Math.floor(j / 2)) % 10),
  edge: (n) => grid(n, (_, j) => (j < 3 ? 1 : 8)),
  "one peak": (n) => grid(n, (i, j) => (i === 2 && j === 3 ? 9 : 0)),
};

export const STATE = {
  input: square("feature map", 2, 10),
  pooling: choice("pooling", { max: "max", average: "average" }),
  kernel_size: whole("window K", 1, 4),
  stride: whole("stride S", 1, 4),
  unpooling: choice("unpooling", { copy: "copy into the block", switches: "back to the switch" }),
};

function render({ model, el }) {
  let [pooled, restored, obstacle] = [null, null, ""];
  const ui = frame({ model, el, title: "Pooling explorer", state: STATE, update, draw });
  const [left, middle, right] = [ui.view(), ui.view(), ui.view()];
  const [poolLine, backLine] = [ui.line("ux-long"), ui.line("ux-mid", true)];
  const window_ = player(ui, "pooled value", () => (pooled ? pooled.values.length ** 2 : 0), () => ui.redraw());
  const hand = drawing(left.canvas, () => model.get("input").length, () => true, (cell, first) => {
    if (!first) return;
    const input = structuredClone(model.get("input"));
    input[cell.row][cell.column] = (Math.round(input[cell.row][cell.column]) + 1) % 10;
    ui.change({ input });
  }, () => {}, () => ui.redraw());
  for (const event of ["focus", "blur"]) left.canvas.addEventListener(event, () => ui.redraw());
  hover(middle.canvas, () => (pooled ? [pooled.values.length, pooled.values.length] : [0, 0]),
    ({ row, column }) => window_.goTo(row * pooled.values.length + column));

  const settings = () => Object.fromEntries(["pooling", "kernel_size", "stride"].map((name) => [name, model.get(name)]));

  function update() {
    const input = model.get("input");
    const { pooling, kernel_size: k, stride: s } = settings();
    pooled = pool(input, settings());
    [restored, obstacle] = [null, ""];
    if (!pooled) obstacle = `The ${k} × ${k} window is larger than the ${input.length} × ${input.length} map.`;
    else if (model.get("unpooling") === "copy") {
      if (k === s) restored = copied(pooled.values, k);
      else obstacle = `Copying needs windows that tile the map: the stride, ${s}, must equal the window size, ${k}.`;
    } else if (pooling === "max") restored = replaced(pooled.values, pooled.switches, input.length);
    else obstacle = "An average comes from its whole window: it has no switch to go back to.";
  }

  function draw() {
    const input = model.get("input");
    const { pooling, kernel_size: k, stride: s } = settings();
    const n = input.length;
    const color = (values) => (r, c) => gray(0.12 + 0.088 * values[r][c]);
    const text = (values) => (r, c) => format(values[r][c]);
    const index = window_.at();
    hand.offer();
    const cursor = hand.focused() ? [{ ...hand.cursor, width: 3 }] : [];
    left.caption.textContent = `map, ${n} × ${n}; click to raise`;
    left.canvas.setAttribute("aria-label", `map; row ${hand.cursor.row}, column ${hand.cursor.column} is ${format(input[Math.min(hand.cursor.row, n - 1)][Math.min(hand.cursor.column, n - 1)])}; arrow keys move, space raises it`);
    if (!pooled) {
      paint(left.canvas, n, n, color(input), cursor, text(input));
      for (const { canvas, caption } of [middle, right]) {
        paint(canvas, 1, 1, () => "#00000000", []);
        caption.textContent = "no output";
      }
      poolLine.textContent = backLine.textContent = "";
      return obstacle;
    }
    const size = pooled.values.length;
    const [p, q] = [Math.floor(index / size), index % size];
    const [top, side] = [p * s, q * s];
    const where = pooled.switches?.[p][q];
    const winner = where ? [{ row: where[0], column: where[1], width: 2.5 }] : [];
    paint(left.canvas, n, n, color(input),
      [{ row: top, column: side, rows: k, columns: k, width: 2 }, ...winner, ...cursor], text(input));
    const { values } = pooled;
    middle.caption.textContent = `pooled, ${size} × ${size}`;
    paint(middle.canvas, size, size, color(values), [{ row: p, column: q, width: 2.5 }], text(values));
    middle.canvas.setAttribute("aria-label", `pooled map; at row ${p}, column ${q} it is ${format(values[p][q])}`);
    const window = grid(k, (i, j) => format(input[top + i][side + j])).flat().join(", ");
    poolLine.replaceChildren(marked`Pooled (${p}, ${q}) = ${pooling === "max" ? "max" : "average"} of ${window} = <b>${format(values[p][q])}</b>${where ? `; its switch: row ${where[0]}, column ${where[1]}` : ""}`);
    window_.say(`row ${p}, column ${q}: ${format(values[p][q])}`);
    if (!restored) {
      paint(right.canvas, 1, 1, () => "#00000000", []);
      right.caption.textContent = "unpooled: none";
      backLine.textContent = "";
      return obstacle;
    }
    const m = restored.length;
    right.caption.textContent = `unpooled, ${m} × ${m}`;
    paint(right.canvas, m, m, color(restored),
      where && model.get("unpooling") === "switches" ? winner : [{ row: p * k, column: q * k, rows: k, columns: k, width: 2 }], text(restored));
    right.canvas.setAttribute("aria-label", `unpooled map, ${m} by ${m}`);
    if (m !== n) {
      backLine.replaceChildren(marked`<span class="ux-bad">${m} × ${m}, not ${n} × ${n}:</span> the window does not divide the map evenly, and the rest is lost.`);
      return "";
    }
    const errors = restored.flat().map((value, i) => (value - input.flat()[i]) ** 2);
    const rms = Math.sqrt(errors.reduce((a, b) => a + b, 0) / errors.length);
    const exact = errors.filter((e) => e < 1e-18).length;
    backLine.replaceChildren(rms < 1e-9 ? marked`<b>Restored exactly:</b> ${model.get("unpooling") === "copy" ? "every block was constant" : "everything but the maxima was zero"}.`
      : marked`Root-mean-square error <b>${format(rms)}</b>; ${exact} of ${errors.length} numbers are right.`);
    return "";
  }

  const map = () => Object.keys(MAPS).find((name) => model.get("input").length === 6 && String(MAPS[name](6)) === String(model.get("input")));
  const setWindow = (k) => ui.change({ kernel_size: k, ...(model.get("stride") === model.get("kernel_size") ? { stride: k } : {}) });
  return ui.begin(
    element("div", { className: "ux-row" },
      ui.presets("numbers", [...Object.keys(MAPS), "random"],
        (name) => ui.change({ input: (MAPS[name] ?? ((n) => grid(n, () => Math.floor(10 * Math.random()))))(6) }), map),
      ui.list("pooling"), ui.number("kernel_size", setWindow), ui.number("stride"), ui.list("unpooling"), ui.reset),
    ui.error,
    element("div", { className: "ux-stage ux-three" }, left.node, middle.node, right.node),
    window_.node, poolLine, backLine,
  );
}

export default { render };
