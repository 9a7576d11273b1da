// ShapeExplorer: a network as a row of boxes; which input sizes fit, and what mends the others.

// ---- arithmetic (tested against upconv.widgets.shape, which uses upconv.ops) ---------------

function apply(step, size, sizes) {
  if (!size) return [0, ""];
  if (step.op === "add" || step.op === "concat") {
    const other = sizes[step.source];
    const fits = other === size || (step.crop && other > size && (other - size) % 2 === 0);
    return [size, fits ? "" : `${size} does not match ${other}`];
  }
  const { kernel: k, stride: s, padding: p, repeat = 1 } = step;
  if (step.op === "up") return [s * (size - 1) + k - 2 * p, ""];
  let output = size;
  for (let i = 0; i < repeat; i++) {
    if (output + 2 * p < k) return [0, `${size} is too small`];
    output = Math.floor((output + 2 * p - k) / s) + 1;
  }
  const drops = step.op === "pool" && size % s;
  return [output, drops ? `odd: the last row of ${size} is dropped` : ""];
}

/** Every map {name, size, trouble, channels, op, source} of a network for a square input. */
export function boxes({ steps, same }, size) {
  const row = [{ name: "input", size, trouble: "", op: "input", channels: 0 }];
  const sizes = { input: size };
  for (const step of steps) {
    const [now, trouble] = apply(step, row.at(-1).size, sizes);
    sizes[step.name] = now;
    row.push({ ...step, size: now, trouble });
  }
  const last = row.at(-1);
  if (same && last.size && last.size !== size) last.trouble = `${last.size}, but the input is ${size}`;
  return row;
}

/** The smallest size from `size` on that goes through without trouble, or null. */
export function fitting(network, size) {
  for (let n = size; n <= 1200; n++) if (boxes(network, n).every((box) => !box.trouble)) return n;
  return null;
}

// ---- the page ----------------------------------------------------------------------------------

export const STATE = {
  network: choice("network", (model) => Object.fromEntries(Object.keys(model.get("networks")).map((name) => [name, name]))),
  size: whole("input size", 1, 600),
  mend: flag("input", "as is", "padded to the next size that fits"),
};

const COLORS = { input: "#7a8594", conv: "#0072b2", pool: "#d55e00", up: "#009e73", add: "#cc79a7", concat: "#cc79a7" };
const WORDS = { input: "input", conv: "convolutions", pool: "pooling", up: "upsampling", add: "sum", concat: "concatenation" };

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function render({ model, el }) {
  const ui = frame({ model, el, title: "Shape explorer", state: STATE, arrange });
  const scroller = element("div", { className: "ux-scroll", tabIndex: 0 });
  scroller.setAttribute("role", "region");
  scroller.setAttribute("aria-label", "the network's feature maps, in order");
  const [answer, mending] = [ui.line("ux-long ux-longer", true), ui.line("ux-long")];
  const legend = element("p", { className: "ux-line ux-legend" });
  const network = () => model.get("networks")[model.get("network")];

  function arrange() {
    const size = model.get("size");
    const fit = fitting(network(), size);
    const row = boxes(network(), model.get("mend") ? (fit ?? size) : size);
    const [step, high, base] = [30, 130, 190];
    const most = Math.max(...row.map((box) => box.size), 1);
    const tall = (size) => Math.max(Math.sqrt(size / most) * high, 3);
    const x = (i) => 8 + i * step;
    const picture = svg("svg", { viewBox: `0 22 ${row.length * step + 12} 238`, role: "img", class: "ux-shapes" });
    picture.setAttribute("aria-label", row.map((box) => `${box.name} ${box.size || "none"}${box.trouble ? ` (${box.trouble})` : ""}`).join(", "));
    row.forEach((box, i) => {
      const from = row.findIndex((other) => other.name === box.source);
      if (from >= 0) {
        const [a, b] = [x(from) + 11, x(i) + 11];
        const top = base - Math.max(tall(row[from].size), tall(box.size)) - 12 - 0.045 * (b - a);
        picture.append(svg("path", {
          d: `M${a} ${base - tall(row[from].size) - 15} C${a} ${top} ${b} ${top} ${b} ${base - tall(box.size) - (box.trouble ? 16 : 14)}`,
          class: box.trouble ? "ux-skip ux-skip-bad" : "ux-skip",
        }));
      }
    });
    row.forEach((box, i) => {
      const wrong = Boolean(box.trouble);
      picture.append(
        svg("rect", {
          x: x(i), y: base - tall(box.size), width: 22, height: tall(box.size), rx: 2,
          fill: box.size ? COLORS[box.op] : "none", class: wrong ? "ux-wrong" : "",
        }, svg("title", {}, `${box.name}: ${box.size || "no map"}${box.channels ? `, ${box.channels} channels` : ""}${wrong ? `; ${box.trouble}` : ""}`)),
        svg("text", { x: x(i) + 11, y: base - tall(box.size) - 4, class: wrong ? "ux-size ux-size-bad" : "ux-size" }, box.size || "–"),
        svg("text", { class: "ux-name", transform: `translate(${x(i) + 15} ${base + 8}) rotate(-60)` }, box.name),
      );
    });
    scroller.replaceChildren(picture);

    const troubles = row.filter((box) => box.trouble);
    const last = row.at(-1);
    answer.replaceChildren(troubles.length
      ? marked`<span class="ux-bad">Sizes do not match.</span> First at ${troubles[0].name}: ${troubles[0].trouble}.${troubles.length > 1 ? ` ${troubles.length} places in all, the last at ${troubles.at(-1).name}: ${troubles.at(-1).trouble}.` : ""}`
      : marked`<b>All sizes match:</b> ${row[0].size} × ${row[0].size} in, ${last.size} × ${last.size} out.`);
    const missing = fit === null ? 0 : fit - size;
    const before = Math.floor(missing / 2);
    const { same } = network();
    const crop = same ? `, and crop the output back to ${size} × ${size}` : "";
    mending.replaceChildren(fit === null ? "No larger size up to 1200 fits, either."
      : missing ? marked`Pad to <b>${fit} × ${fit}</b>: ${before} pixels before and ${missing - before} after along each axis${crop}.`
      : same ? "No padding needed." : last.size === row[0].size ? "" : `By design, the output is ${Math.abs(last.size - row[0].size)} pixels ${last.size > row[0].size ? "larger" : "smaller"} than the input along each axis.`);
    const used = [...new Set(row.map((box) => box.op))].filter((op) => op !== "concat" || !row.some((box) => box.op === "add"));
    legend.replaceChildren(...used.map((op) => {
      const key = element("span", {}, WORDS[op]);
      key.style.setProperty("--key", COLORS[op]);
      return key;
    }));
  }

  return ui.begin(
    element("div", { className: "ux-row" }, ui.list("network"), ui.number("size"), ui.slider("size", false), ui.list("mend"), ui.reset),
    ui.error, scroller, legend, answer, mending,
  );
}

export default { render };
