// Shared by all explorers: written in front of each module, so that every module is one file.

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
.ux-overlap { display: flex; gap: 1rem; align-items: center; margin-top: 0.6rem; }
.ux-overlap figure { flex: 0 0 9.5rem; }
@media (max-width: 620px) { .ux-stage { grid-template-columns: 1fr 1fr; } .ux-stage .ux-middle { grid-column: 1 / -1; grid-row: 1; justify-self: center; } }
@media (prefers-reduced-motion: reduce) { .ux * { transition: none !important; } }
`;

const format = (x) => (Math.abs(x) < 5e-4 ? "0" : String(Number(x.toFixed(x % 1 ? 2 : 0))));

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

function grid(k, value) {
  return Array.from({ length: k }, (_, i) => Array.from({ length: k }, (_, j) => value(i, j)));
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

/** Coloured cells, some of them framed; `label(r, c)`, if given, is written into a cell. */
function paint(canvas, rows, columns, colour, frames, label = null) {
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
      const text = label?.(r, c);
      if (!text || cell < 22) continue;
      const [red, green, blue] = context.fillStyle.match(/\w\w/g).map((x) => parseInt(x, 16));
      context.fillStyle = 0.3 * red + 0.59 * green + 0.11 * blue > 140 ? "#1f2a3a" : "#fff";
      context.font = `${Math.min(cell * 0.36, 26)}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText(text, (c + 0.5) * cell, (r + 0.53) * cell);
    }
  for (const { row, column, width } of frames) {
    context.strokeStyle = getComputedStyle(canvas).getPropertyValue("--ux-hot");
    context.lineWidth = width * scale;
    context.strokeRect(column * cell + 1, row * cell + 1, cell - 3, cell - 3);
  }
}

/** A field for a whole number; what is out of range is complained about and not passed on. */
function numberField(label, min, max, accept, complain) {
  const input = element("input", { type: "number", min, max, step: 1 });
  input.addEventListener("change", () => {
    const value = Math.round(Number(input.value));
    if (input.value !== "" && value >= min && value <= max) accept(value);
    else complain(`${label}: got ${input.value || "nothing"}, expected ${min} to ${max}.`);
  });
  return { node: element("label", {}, label, input), input };
}

/** A grid of editable weights: `show(weights)` fills it, `accept(row, column, value)` is called. */
function kernelEditor(accept, complain) {
  const node = element("div", { className: "ux-kernel" });
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", "kernel, every weight editable");
  const field = (i, j) => {
    const input = element("input", { type: "text", inputMode: "decimal" });
    input.setAttribute("aria-label", `weight, row ${i + 1}, column ${j + 1}`);
    input.addEventListener("change", () => {
      const value = Number(input.value.replace("−", "-"));
      if (input.value.trim() !== "" && Number.isFinite(value)) accept(i, j, value);
      else complain(`Weight: got “${input.value}”, expected a number.`);
    });
    return input;
  };
  const show = (weights) => {
    const k = weights.length;
    if (node.childElementCount !== k * k) {
      node.style.gridTemplateColumns = `repeat(${k}, auto)`;
      node.replaceChildren(...grid(k, field).flat());
    }
    [...node.children].forEach((input, index) => {
      if (input !== document.activeElement) input.value = format(weights.flat()[index]);
    });
  };
  return { node, show };
}

/** The cell of a map of the given size under a pointer, or null. */
function cellAt(canvas, event, rows, columns) {
  const box = canvas.getBoundingClientRect();
  const cells = Math.max(rows, columns);
  const row = Math.floor(((event.clientY - box.top) / box.height) * cells);
  const column = Math.floor(((event.clientX - box.left) / box.width) * cells);
  return row >= 0 && column >= 0 && row < rows && column < columns ? { row, column } : null;
}
