// ReceptiveFieldExplorer: what a unit of a stack of layers sees of a photograph.

// ---- arithmetic (tested against upconv.ops) ------------------------------------------------
// A layer is a row [kernel, stride, dilation, padding, transposed]; all along one axis.

/** Size of the map after each layer; 0 from where a kernel no longer fits. */
export function mapSizes(layers, n) {
  let size = n;
  return layers.map(([k, s, d, p, transposed]) => {
    const reach = d * (k - 1);
    if (size < 1) return 0;
    if (transposed) size = Math.max(s * (size - 1) + reach + 1 - 2 * p, 0);
    else size = size + 2 * p < reach + 1 ? 0 : Math.floor((size + 2 * p - reach - 1) / s) + 1;
    return size;
  });
}

/**
 * First and last input pixel that a unit of the last layer sees; outside of the input: padding.
 * Null if it sees nothing, as between the stamps of a kernel smaller than its stride.
 */
export function seen(layers, unit) {
  const found = paths(layers, unit);
  if (!found) return null;
  const { start, shares } = found;
  return [start + shares.findIndex((share) => share > 0), start + shares.findLastIndex((share) => share > 0)];
}

/**
 * In how many ways each input pixel reaches the unit, as shares of 1: with equal weights
 * everywhere this is the unit's gradient. {start: first pixel, shares}, or null.
 */
export function paths(layers, unit) {
  let [start, shares] = [unit, [1]];
  for (const [k, s, d, p, transposed] of [...layers].reverse()) {
    const reach = d * (k - 1);
    const end = start + shares.length - 1;
    const first = transposed ? Math.ceil((start + p - reach) / s) : s * start - p;
    const last = transposed ? Math.floor((end + p) / s) : s * end - p + reach;
    if (first > last) return null;
    const next = new Array(last - first + 1).fill(0);
    shares.forEach((share, i) => {
      for (let j = 0; j < k; j++) {
        const place = transposed ? (start + i + p - j * d) / s : (start + i) * s - p + j * d;
        if (Number.isInteger(place)) next[place - first] += share;
      }
    });
    const total = next.reduce((a, b) => a + b, 0);
    if (!total) return null; // only holes
    [start, shares] = [first, next.map((share) => share / total)];
  }
  return { start, shares };
}

/** Distance of neighboring units' fields, in input pixels. */
export function jump(layers) {
  return layers.reduce((j, [, s, , , transposed]) => (transposed ? j / s : j * s), 1);
}

const conv = (name) => [name, [3, 1, 1, 1, 0]];
const valid = (name) => [name, [3, 1, 1, 0, 0]];
const halve = (name) => [name, [2, 2, 1, 0, 0]];
const double = (name) => [name, [2, 2, 1, 0, 1]];

/** Names and layers of known networks, and the input size they were made for. */
export const PRESETS = {
  "VGG16 to pool5": {
    size: 224,
    layers: [2, 2, 3, 3, 3].flatMap((count, block) => [
      ...Array.from({ length: count }, (_, i) => conv(`conv${block + 1}_${i + 1}`)),
      halve(`pool${block + 1}`),
    ]),
  },
  "U-Net": {
    size: 572,
    layers: [
      ...[1, 2, 3, 4].flatMap((level) => [valid(`down ${level}, first`), valid(`down ${level}, second`), halve(`pool ${level}`)]),
      valid("bottom, first"), valid("bottom, second"),
      ...[4, 3, 2, 1].flatMap((level) => [double(`up ${level}`), valid(`up ${level}, first`), valid(`up ${level}, second`)]),
    ],
  },
  "five 3 × 3": { size: 64, layers: Array.from({ length: 5 }, (_, i) => conv(`conv ${i + 1}`)) },
  "dilated 1, 2, 4, 8": { size: 64, layers: [1, 2, 4, 8].map((d) => [`dilation ${d}`, [3, 1, d, d, 0]]) },
};

// ---- the page ----------------------------------------------------------------------------------

const MOST = 40;

export const STATE = {
  layers: table("layers", 1, MOST, [[1, 15], [1, 8], [1, 16], [0, 32], [0, 1]]),
  layer: whole("layer", 1, MOST),
  size: whole("input size", 8, 600),
};

function render({ model, el }) {
  let sizes = [];
  let unit = null; // {row, column}, or the middle one
  let photo = null;
  const ui = frame({ model, el, title: "Receptive field explorer", state: STATE, update, draw });
  const [left, chart] = [ui.view(), ui.view("ux-plot")];
  const [sizeLine, shareLine] = [ui.line("ux-long", true), ui.line("ux-long")];

  const image = new Image();
  image.src = Object.values(model.get("pictures"))[0];
  image.decode().then(() => {
    photo = image;
    ui.redraw();
  }, () => {});

  const chosen = () => Math.min(model.get("layer"), model.get("layers").length);
  const setLayers = (layers, layer = chosen()) => ui.change({ layers, layer: Math.max(1, Math.min(layer, layers.length)) });
  const edit = (index) => [
    (value) => {
      const layers = structuredClone(model.get("layers"));
      layers[chosen() - 1][index] = value;
      setLayers(layers);
    },
    () => model.get("layers")[chosen() - 1][index],
  ];
  const field = (label, index, min, max) => ui.number("layers", ...edit(index), whole(label, min, max));
  const insert = ui.button("Add a layer after this", () => {
    const layers = structuredClone(model.get("layers"));
    if (layers.length >= MOST) return ui.complain(`At most ${MOST} layers fit.`);
    layers.splice(chosen(), 0, [3, 1, 1, 1, 0]);
    setLayers(layers, chosen() + 1);
  });
  const remove = ui.button("Remove this layer", () => {
    if (model.get("layers").length === 1) return ui.complain("At least one layer must remain.");
    setLayers(model.get("layers").filter((_, i) => i !== chosen() - 1));
  });
  const slider = element("input", { type: "range", min: 1 });
  slider.setAttribute("aria-label", "layer");
  slider.addEventListener("input", () => ui.change({ layer: Number(slider.value) }));

  const preset = () => {
    const same = (name) => String(PRESETS[name].layers.map(([, row]) => row)) === String(model.get("layers"));
    return Object.keys(PRESETS).find(same);
  };

  function update() {
    const layers = model.get("layers");
    sizes = mapSizes(layers, model.get("size"));
    slider.max = layers.length;
    slider.value = chosen();
    unit = null;
  }

  function nameOf(index) {
    const [k, s, d, , transposed] = model.get("layers")[index];
    const own = `${k} × ${k}${s > 1 ? `, stride ${s}` : ""}${d > 1 ? `, dilation ${d}` : ""}${transposed ? ", transposed" : ""}`;
    return preset() ? PRESETS[preset()].layers[index][0] : own;
  }

  const RIM = 0.14; // of the picture, around it: fields reach out of it

  function draw() {
    const layers = model.get("layers");
    const n = model.get("size");
    const layer = chosen();
    const stack = layers.slice(0, layer);
    const count = sizes[layer - 1];
    const fields = layers.map((_, i) => {
      const middle = Math.floor((sizes[i] - 1) / 2);
      const [first, last] = seen(layers.slice(0, i + 1), Math.max(middle, 0)) ?? [1, 0];
      return last - first + 1;
    });
    drawChart(fields, layer);

    const canvas = left.canvas;
    const side = Math.max(canvas.clientWidth, 120) * 2;
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const scale = side / (n * (1 + 2 * RIM));
    const at = (pixel) => (pixel + RIM * n) * scale;
    context.clearRect(0, 0, side, side);
    context.fillStyle = "rgba(130, 140, 155, 0.28)";
    context.fillRect(0, 0, side, side);
    if (photo) context.drawImage(photo, at(0), at(0), n * scale, n * scale);
    left.caption.textContent = `${nameOf(layer - 1)}, ${count} × ${count}: what a unit sees`;
    if (!count) {
      left.caption.textContent = `${nameOf(layer - 1)}: no units`;
      sizeLine.textContent = shareLine.textContent = "";
      left.canvas.setAttribute("aria-label", "no units");
      return `At layer ${sizes.indexOf(0) + 1} the kernel is larger than its padded input. Enlarge the input or add padding.`;
    }
    const row = Math.min(unit?.row ?? Math.floor((count - 1) / 2), count - 1);
    const column = Math.min(unit?.column ?? Math.floor((count - 1) / 2), count - 1);
    const [down, across] = [paths(stack, row), paths(stack, column)];
    if (!down || !across) {
      sizeLine.textContent = shareLine.textContent = "";
      return "This unit sees nothing: it lies between the stamps of a kernel that is smaller than its stride.";
    }
    heat(context, down, across, at, scale);

    const step = jump(stack);
    if (step * scale >= 7) {
      context.fillStyle = style.getPropertyValue("--ux-go");
      const dots = Array.from({ length: count }, (_, i) => seen(stack, i)).filter(Boolean)
        .map(([a, b]) => at((a + b + 1) / 2));
      for (const y of dots) for (const x of dots) {
        context.beginPath();
        context.arc(x, y, 2.6, 0, 7);
        context.fill();
      }
    }
    const [[top, bottom], [west, east]] = [seen(stack, row), seen(stack, column)];
    context.strokeStyle = style.getPropertyValue("--ux-hot");
    context.lineWidth = 5;
    context.strokeRect(at(west), at(top), (east - west + 1) * scale, (bottom - top + 1) * scale);

    const width = east - west + 1;
    const outside = (Math.max(0, -west) + Math.max(0, east - n + 1)) / width;
    sizeLine.replaceChildren(marked`Unit (${row}, ${column}) of ${nameOf(layer - 1)} sees <b>${width} × ${bottom - top + 1}</b> pixels; neighboring fields are <b>${format(step)}</b> apart.${outside > 0 ? ` ${Math.round(100 * outside)} % of its width is padding.` : ""}`);
    const inner = ({ shares }) => {
      const cut = Math.round(shares.length / 4);
      return shares.slice(cut, shares.length - cut).reduce((a, b) => a + b, 0);
    };
    shareLine.replaceChildren(width < 4 ? "" : marked`The influence is uneven: with equal weights, the central quarter of the field has <b>${Math.round(100 * inner(down) * inner(across))} %</b> of it (shown in orange).`);
    canvas.setAttribute("aria-label", `photograph; the unit sees rows ${top} to ${bottom} and columns ${west} to ${east} of ${n}; arrow keys move it`);
  }

  /** The influence of every pixel, as an orange veil. */
  function heat(context, down, across, at, scale) {
    const [rows, columns] = [down.shares.length, across.shares.length];
    if (rows < 3) return;
    const veil = element("canvas", { width: columns, height: rows });
    const inside = veil.getContext("2d");
    const image = inside.createImageData(columns, rows);
    const peak = Math.max(...down.shares) * Math.max(...across.shares);
    for (let r = 0, i = 0; r < rows; r++)
      for (let c = 0; c < columns; c++, i += 4) {
        image.data[i] = 255;
        image.data[i + 1] = 140;
        image.data[i + 3] = 165 * Math.sqrt((down.shares[r] * across.shares[c]) / peak);
      }
    inside.putImageData(image, 0, 0);
    context.drawImage(veil, at(across.start), at(down.start), columns * scale, rows * scale);
  }

  function drawChart(fields, layer) {
    const { canvas } = chart;
    const width = Math.max(canvas.clientWidth, 120) * 2;
    const height = Math.max(canvas.clientHeight, 60) * 2;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const n = model.get("size");
    const most = Math.max(n, ...fields) * 1.08;
    const step = width / fields.length;
    context.clearRect(0, 0, width, height);
    fields.forEach((field, i) => {
      context.fillStyle = style.getPropertyValue(i === layer - 1 ? "--ux-hot" : sizes[i] ? "--ux-go" : "--ux-line");
      const tall = (field / most) * (height - 30);
      context.fillRect(i * step + 2, height - tall, step - 4, tall);
    });
    const line = height - (n / most) * (height - 30);
    context.fillStyle = style.getPropertyValue("--ux-soft");
    context.fillRect(0, line, width, 2);
    context.font = "22px system-ui, sans-serif";
    context.fillText(`whole image: ${n}`, 4, line - 8);
    chart.caption.textContent = "receptive field after each layer, in pixels";
    canvas.setAttribute("aria-label", `receptive field after each layer: ${fields.join(", ")} pixels`);
  }

  const move = (row, column) => {
    const count = sizes[chosen() - 1];
    const clip = (i) => Math.min(Math.max(i, 0), count - 1);
    unit = { row: clip(row), column: clip(column) };
    ui.redraw();
  };
  const aim = (event) => {
    const count = sizes[chosen() - 1];
    if (!count) return;
    const box = left.canvas.getBoundingClientRect();
    const n = model.get("size");
    const stack = model.get("layers").slice(0, chosen());
    const [a, b] = seen(stack, 0) ?? [0, 0];
    const nearest = (part) => Math.round((part * n * (1 + 2 * RIM) - RIM * n - (a + b + 1) / 2) / jump(stack));
    move(nearest((event.clientY - box.top) / box.height), nearest((event.clientX - box.left) / box.width));
  };
  left.canvas.tabIndex = 0;
  left.canvas.setAttribute("role", "application");
  left.canvas.addEventListener("pointermove", aim);
  left.canvas.addEventListener("pointerdown", aim);
  left.canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    const middle = Math.floor((sizes[chosen() - 1] - 1) / 2);
    move((unit?.row ?? middle) + step[0], (unit?.column ?? middle) + step[1]);
    event.preventDefault();
    event.stopPropagation();
  });
  chart.canvas.addEventListener("pointerdown", (event) => {
    const box = chart.canvas.getBoundingClientRect();
    const index = Math.floor(((event.clientX - box.left) / box.width) * model.get("layers").length);
    ui.change({ layer: Math.min(Math.max(index + 1, 1), model.get("layers").length) });
  });

  return ui.begin(
    element("div", { className: "ux-row" },
      ui.presets("network", Object.keys(PRESETS), (name) => {
        const { size, layers } = PRESETS[name];
        ui.change({ size, layers: layers.map(([, row]) => [...row]), layer: layers.length });
      }, preset),
      ui.number("size"), ui.reset),
    element("div", { className: "ux-row ux-gap" },
      element("label", { className: "ux-slider" }, "layer", slider),
      field("kernel K", 0, 1, 15), field("stride S", 1, 1, 8), field("dilation D", 2, 1, 16), field("padding P", 3, 0, 32),
      insert, remove),
    ui.error,
    element("div", { className: "ux-stage ux-pair" }, left.node,
      element("div", {}, chart.node, sizeLine, shareLine)),
  );
}

export default { render };
