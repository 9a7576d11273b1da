// Shared by all explorers: written in front of each module, so that every module is one file.

const STYLE = `
.ux { --ux-ink: #1f2a3a; --ux-soft: #5a6472; --ux-card: #f5f7fa; --ux-line: #c4ccd8; --ux-hot: #b34700; --ux-go: #00639b;
  --ux-floor: 105, 170, 214; --ux-wall: 231, 238, 246; --ux-contour: rgba(20, 60, 95, 0.35);
  color: var(--ux-ink); background: var(--ux-card); border: 1px solid var(--ux-line); border-radius: 8px;
  padding: 0.8rem 1rem; margin: 1rem 0; font: 14px/1.45 system-ui, sans-serif; }
html[data-theme="dark"] .ux, body[data-jp-theme-light="false"] .ux, html[theme="dark"] .ux {
  --ux-ink: #e8ecf2; --ux-soft: #b4bdca; --ux-card: #1f252e; --ux-line: #47525f; --ux-hot: #f28e52; --ux-go: #6cc1f0;
  --ux-floor: 38, 128, 182; --ux-wall: 41, 50, 62; --ux-contour: rgba(190, 220, 245, 0.32); }
.ux-row { display: flex; flex-wrap: wrap; gap: 0.5rem 1.1rem; align-items: end; }
.ux label { display: grid; gap: 0.15rem; font-size: 12px; color: var(--ux-soft); }
.ux select, .ux input, .ux button { font: inherit; color: var(--ux-ink); background: transparent;
  border: 1px solid var(--ux-line); border-radius: 5px; padding: 0.25rem 0.45rem; min-height: 2rem; max-width: 100%; }
.ux select option { color: #1f2a3a; background: #fff; }
.ux button { cursor: pointer; color: var(--ux-go); }
.ux button:disabled { cursor: default; color: var(--ux-soft); }
.ux :is(select, input, button, canvas):focus-visible { outline: 3px solid var(--ux-go); outline-offset: 1px; }
.ux input[type="number"] { width: 4.1rem; }
.ux-tabs { display: flex; gap: 0.3rem; border-bottom: 1px solid var(--ux-line); margin-bottom: 0.7rem; }
.ux-tabs button { border: 0; border-radius: 0; border-bottom: 3px solid transparent; color: var(--ux-soft); }
.ux-tabs button[aria-selected="true"] { border-bottom-color: var(--ux-go); color: var(--ux-ink); }
.ux-kernel { display: grid; gap: 3px; width: max-content; }
.ux-kernel input { width: var(--cell) !important; padding: 0.15rem 0.2rem; text-align: center; font-size: 12px; min-height: 1.7rem; }
.ux-stage { display: grid; grid-template-columns: minmax(0, 1fr) auto minmax(0, 1fr); gap: 0.9rem; align-items: start; margin: 0.2rem 0 0.5rem; }
.ux-stage.ux-three { grid-template-columns: repeat(3, minmax(0, 1fr)); }
.ux-stage.ux-pair { grid-template-columns: repeat(2, minmax(0, 1fr)); }
.ux-gap { margin-top: 0.5rem; }
.ux-stage.ux-four { grid-template-columns: repeat(4, minmax(0, 1fr)); }
.ux figure { margin: 0 !important; padding: 0 !important; min-width: 0; }
.ux figcaption { font: 12px/1.4 system-ui, sans-serif !important; color: var(--ux-soft) !important; margin: 0 0 0.25rem !important; text-align: left !important; }
.ux-stage figcaption { min-height: 2.8em; display: flex; align-items: flex-end; }
.ux canvas { width: 100%; aspect-ratio: 1; display: block; cursor: crosshair; touch-action: manipulation; }
.ux-plot canvas { aspect-ratio: 5 / 3; }
.ux-slider { flex: 1 1 9rem; }
.ux-tall { min-height: 3.6rem; margin-top: 0.5rem; }
.ux-middle canvas { width: 10.5rem; }
.ux canvas.ux-draw { touch-action: none; }
.ux-line { font-variant-numeric: tabular-nums; margin: 0.35rem 0 0 !important; overflow-wrap: anywhere; min-height: 1.45em; }
.ux-line b { color: var(--ux-go); }
.ux-line .ux-bad { color: var(--ux-hot); font-weight: 600; }
.ux-long { min-height: 2.9em; }
.ux-error { color: var(--ux-hot); font-weight: 600; margin: 0.4rem 0 0 !important; min-height: 1.45em; }
.ux input[type="range"] { flex: 1 1 8rem; min-width: 6rem; padding: 0; border: 0; accent-color: var(--ux-go); }
.ux-scroll { overflow-x: auto; margin: 0.3rem 0; }
.ux-scroll:focus-visible { outline: 3px solid var(--ux-go); }
.ux-shapes { display: block; height: 17rem; min-width: 100%; }
.ux-shapes text { font: 10px system-ui, sans-serif; fill: var(--ux-ink); }
.ux-shapes .ux-size { text-anchor: middle; font-weight: 600; }
.ux-shapes .ux-size-bad { fill: var(--ux-hot); font-size: 11.5px; }
.ux-shapes .ux-name { text-anchor: end; fill: var(--ux-soft); }
.ux-shapes .ux-wrong { stroke: var(--ux-hot); stroke-width: 3; stroke-dasharray: 4 2; }
.ux-skip { fill: none; stroke: var(--ux-soft); stroke-width: 1.3; }
.ux-skip-bad { stroke: var(--ux-hot); stroke-width: 2; stroke-dasharray: 4 3; }
.ux-legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; font-size: 12px; }
.ux-legend span::before { content: ""; display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.35em; background: var(--key); outline: 1px solid var(--ux-line); }
.ux-overlap { display: flex; gap: 1rem; align-items: center; margin-top: 0.6rem; }
.ux-overlap figure { flex: 0 0 9.5rem; }
.ux-middle > * + figcaption { margin-top: 0.6rem !important; }
.ux-stage.ux-latent { grid-template-columns: minmax(0, 2fr) minmax(0, 5fr); }
.ux-latent > figure canvas { max-width: 13rem; }
.ux-latent .ux-strip canvas { aspect-ratio: 7; cursor: pointer; }
.ux-latent figcaption { min-height: 1.4em; }
.ux-latent canvas { image-rendering: pixelated; }
.ux-stage.ux-style { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
.ux-style > figure canvas { aspect-ratio: 1.5; width: 100%; }
.ux-style .ux-weights canvas { aspect-ratio: 10.5; cursor: pointer; }
.ux-style .ux-layers canvas { aspect-ratio: 7.5; cursor: pointer; }
.ux-style figcaption { min-height: 1.4em; }
.ux-stage.ux-frequency { grid-template-columns: repeat(4, minmax(0, 1fr)); }
.ux-frequency .ux-plot canvas { aspect-ratio: 3 / 2; cursor: default; }
.ux-frequency .ux-wide { grid-column: 1 / -1; }
.ux-frequency .ux-wide canvas { aspect-ratio: 3; }
.ux-frequency .ux-wide canvas.ux-drag { cursor: ew-resize; touch-action: pan-y; }
.ux-frequency figcaption { min-height: 1.4em; }
.ux-stage.ux-replicas { grid-template: auto auto / repeat(3, minmax(0, 1fr)); grid-auto-flow: column; }
.ux-replicas canvas { cursor: default; }
.ux-replicas figcaption { min-height: 1.4em; }
.ux-left { min-height: 2.9em; }
.ux-sums { min-height: 1.5em; margin-top: 0.35rem; font-variant-numeric: tabular-nums; }
.ux-stage.ux-five { grid-template-columns: repeat(5, minmax(0, 1fr)); margin-top: 0; }
.ux-five canvas { image-rendering: pixelated; cursor: default; }
.ux-bowl canvas { cursor: default; }
.ux-bowl .ux-plot canvas { aspect-ratio: 2; }
.ux-bowl .ux-low canvas { aspect-ratio: 2.8; }
:is(.ux-five, .ux-bowl) figcaption { min-height: 1.4em; }
.ux-bowl .ux-legend { margin: 0.3rem 0 0.6rem; }
.ux-stage.ux-gan { grid-template-columns: minmax(0, 5fr) minmax(0, 3fr); }
:is(.ux-gan, .ux-game) canvas { cursor: default; }
.ux-stage.ux-gan > figure figcaption { min-height: 3.5em; }
.ux-gan canvas.ux-draw { cursor: crosshair; }
.ux-gan .ux-plot canvas { aspect-ratio: 3; }
.ux-gan > div > figure + figure { margin-top: 0.4rem !important; }
.ux-game .ux-plot canvas { aspect-ratio: 5 / 2; }
.ux [hidden] { display: none !important; }
@media (max-width: 620px) {
  .ux-stage, .ux-stage.ux-four { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .ux-stage .ux-middle { grid-column: 1 / -1; grid-row: 1; justify-self: center; }
  .ux-stage.ux-three:has(.ux-plot:not([hidden])) { grid-template-columns: 1fr; }
  .ux-stage.ux-five { grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 0.5rem; }
  .ux-five > figure { grid-column: span 2; }
  .ux-five > figure:nth-child(n + 4) { grid-column: span 3; }
  .ux-stage.ux-pair, .ux-stage.ux-latent, .ux-stage.ux-style { grid-template-columns: 1fr; }
  .ux-stage.ux-gan { grid-template-columns: 1fr; }
  .ux-gan > div { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0.9rem; }
  .ux-gan > div > figure + figure { margin-top: 0 !important; }
  .ux-gan .ux-plot canvas { aspect-ratio: 1; }
  .ux-stage.ux-frequency { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .ux-frequency .ux-wide canvas { aspect-ratio: 4 / 3; }
  .ux-stage.ux-replicas { grid-template: none / repeat(2, minmax(0, 1fr)); grid-auto-flow: row; }
  .ux-tall { min-height: 7.2rem; }
  .ux-stage .ux-middle figcaption { min-height: 1.4em; }
  .ux-long { min-height: 4.35em; }
  .ux-left { min-height: 5.8em; }
  .ux-mid { min-height: 2.9em; }
}
@media (max-width: 400px) { .ux-longer { min-height: 5.8em; } .ux-left { min-height: 7.25em; } }
@media (max-width: 340px) { .ux-longer { min-height: 7.25em; } .ux-left { min-height: 8.7em; } }
/* Where the reader has chosen the colors, a legend keeps its own, and only the open tab its line. */
@media (forced-colors: active) {
  .ux-legend span::before { forced-color-adjust: none; }
  .ux-tabs button[aria-selected="false"] { border-bottom-color: Canvas; }
}
@media (prefers-reduced-motion: reduce) { .ux * { transition: none !important; } }
`;

// ---- small parts ---------------------------------------------------------------------------------

const format = (x) => (Math.abs(x) < 5e-4 ? "0" : String(Number(x.toFixed(x % 1 ? 2 : 0))));

/** Numbers in a sentence, with the minus sign that a sentence has. */
const signedSum = (terms) => terms.join(" + ").replaceAll("+ -", "− ").replace(/^-/, "−") || "0";

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** The nodes of a template: its own words may carry tags, and what is put in is text, never HTML. */
function marked(words, ...values) {
  const template = document.createElement("template");
  template.innerHTML = words.join("<slot></slot>");
  template.content.querySelectorAll("slot").forEach((slot, i) => slot.replaceWith(values[i]));
  return template.content;
}

/** A list with its name; without the attribute its options would be part of the name. */
function named(name, select) {
  select.setAttribute("aria-label", name);
  return element("label", {}, name, select);
}

function grid(k, value) {
  return Array.from({ length: k }, (_, i) => Array.from({ length: k }, (_, j) => value(i, j)));
}

// ---- what a setting may be -----------------------------------------------------------------------
// Each kind knows its name for the reader, complains of wrong values ("" if there is nothing to
// complain of), and how it is written into an address and read from one.

const rows = (text) => text.split(";").map((row) => row.split(",").map(Number));
const refusal = (label, got, expected) => `${label}: got ${got}, expected ${expected}.`;

const whole = (label, min, max) => ({
  label, min, max,
  refuse: (v) => (Number.isInteger(v) && v >= min && v <= max ? "" : refusal(label, v, `${min} to ${max}`)),
  write: String, read: Number,
});

/** `options`: value → text for the reader, or a function of the model that gives it. */
const choice = (label, options) => {
  const of = (model) => (typeof options === "function" ? options(model) : options);
  return {
    label, options: of,
    refuse: (v, model) => (Object.hasOwn(of(model), v) ? "" : refusal(label, `“${v}”`, Object.keys(of(model)).join(", "))),
    write: String, read: String,
  };
};

const flag = (label, no = "no", yes = "yes") => ({
  label,
  options: () => ({ no, yes }),
  refuse: (v) => (typeof v === "boolean" ? "" : refusal(label, v, "yes or no")),
  write: (v) => (v ? "yes" : "no"), read: (text) => ({ yes: true, no: false })[text],
});

/** A square of numbers. */
const square = (label, min, max) => ({
  label, min, max,
  refuse: (m) => (m.length >= min && m.length <= max && m.every((row) => row.length === m.length && row.every(Number.isFinite))
    ? "" : refusal(label, "something else", `a square matrix of numbers, ${min} to ${max} per side`)),
  write: (m) => m.map((row) => row.join(",")).join(";"), read: rows,
});

/** A list of rows of whole numbers, each in its own range. */
const table = (label, least, most, ranges) => ({
  label,
  refuse: (m) => (m.length >= least && m.length <= most && m.every((row) => row.length === ranges.length &&
    row.every((v, i) => Number.isInteger(v) && v >= ranges[i][0] && v <= ranges[i][1]))
    ? "" : refusal(label, "something else", `${least} to ${most} rows of ${ranges.length} whole numbers in range`)),
  write: (m) => m.map((row) => row.join(",")).join(";"), read: (text) => (text ? rows(text) : []),
});

// ---- the frame of an explorer --------------------------------------------------------------------

/**
 * Controls bound to the state, a place for complaints, reset, redrawing.
 * When the state has changed, `arrange` makes the parts that it asks for, `update` computes, and
 * `draw` only draws. Until the explorer is seen, there is `arrange` alone: it gives the explorer the
 * height that it will have.
 */
function frame({ model, el, title, state, arrange = () => {}, update = () => {}, draw = () => {} }) {
  const names = Object.keys(state);
  const start = Object.fromEntries(names.map((name) => [name, structuredClone(model.get(name))]));
  const controls = []; // each brings one control in line with the state
  const cleaners = [];
  let problem = ""; // what the reader asked for and cannot be, until the next change
  let busy = false;
  let ready = false; // there is something to draw: see `begin`
  let loading = false; // what is to be drawn is on its way
  const section = element("section", { className: "ux" });

  function tellBusy() {
    if (loading || !ready) section.setAttribute("aria-busy", "true");
    else section.removeAttribute("aria-busy");
  }

  const error = element("p", { className: "ux-error" });
  error.setAttribute("role", "alert");

  function refresh() {
    if (busy) return;
    problem = "";
    compute();
  }

  function compute() {
    for (const control of controls) control();
    arrange();
    update();
    ready = true;
    redraw();
  }

  function redraw() {
    const trouble = (ready && draw()) || "";
    if (error.textContent !== (problem || trouble)) error.textContent = problem || trouble;
  }

  const ui = {
    /** Change settings together; `keep`: more is coming, do not tell Python yet. */
    change(settings, keep = false) {
      for (const [name, value] of Object.entries(settings)) {
        const complaint = state[name].refuse(value, model);
        if (complaint) return ui.complain(complaint);
      }
      busy = true;
      for (const [name, value] of Object.entries(settings)) model.set(name, value);
      busy = false;
      if (!keep) model.save_changes();
      refresh();
    },
    complain(message) {
      problem = message;
      redraw();
    },
    redraw,
    /** Whether what the state asks for is still on its way, so that the last drawing stands. */
    loading(yes) {
      loading = yes;
      tellBusy();
    },
    /** A field for a whole number; what is out of range is complained about and not passed on. */
    number(name, accept = (value) => ui.change({ [name]: value }), show = () => model.get(name), kind = state[name]) {
      const { label, min, max } = kind;
      const input = element("input", { type: "number", min, max, step: 1 });
      input.addEventListener("change", () => {
        const value = Math.round(Number(input.value));
        if (input.value !== "" && value >= min && value <= max) accept(value);
        else ui.complain(refusal(label, input.value || "nothing", `${min} to ${max}`));
      });
      controls.push(() => (input.value = show()));
      return element("label", {}, label, input);
    },
    slider(name, captioned = true) {
      const { label, min, max, text } = state[name];
      const input = element("input", { type: "range", min, max });
      const value = element("span");
      input.addEventListener("input", () => ui.change({ [name]: Number(input.value) }));
      controls.push(() => {
        input.value = model.get(name);
        value.textContent = text ? text(model) : model.get(name);
        if (text) input.setAttribute("aria-valuetext", value.textContent);
      });
      input.setAttribute("aria-label", label);
      const caption = captioned ? [element("span", {}, `${label}: `, value)] : [];
      return element("label", { className: "ux-slider" }, ...caption, input);
    },
    list(name) {
      const select = element("select");
      select.addEventListener("change", () => ui.change({ [name]: state[name].read(select.value) }));
      controls.push(() => {
        const options = state[name].options(model);
        if (select.childElementCount !== Object.keys(options).length)
          select.replaceChildren(...Object.entries(options).map(([value, textContent]) => element("option", { value, textContent })));
        select.value = state[name].write(model.get(name));
      });
      return named(state[name].label, select);
    },
    /** A list whose entries do something. `shown` says which of them describes the state. */
    presets(label, entries, accept, shown) {
      const select = element("select");
      for (const name of ["your own", ...entries]) select.append(element("option", { textContent: name }));
      select.addEventListener("change", () => select.value !== "your own" && accept(select.value));
      controls.push(() => (select.value = shown() ?? "your own"));
      return named(label, select);
    },
    tabs(name) {
      const bar = element("div", { className: "ux-tabs" });
      bar.setAttribute("role", "tablist");
      bar.setAttribute("aria-label", state[name].label);
      const values = Object.entries(state[name].options(model));
      const buttons = values.map(([value, textContent], index) => {
        const button = element("button", { type: "button", textContent });
        button.setAttribute("role", "tab");
        button.addEventListener("click", () => ui.change({ [name]: value }));
        button.addEventListener("keydown", ({ key }) => {
          const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
          if (!step) return;
          const next = (index + step + values.length) % values.length;
          ui.change({ [name]: values[next][0] });
          buttons[next].focus();
        });
        controls.push(() => {
          button.setAttribute("aria-selected", String(model.get(name) === value));
          button.tabIndex = model.get(name) === value ? 0 : -1;
        });
        return button;
      });
      bar.append(...buttons);
      return bar;
    },
    button(text, action) {
      const node = element("button", { type: "button", textContent: text });
      node.addEventListener("click", action);
      return node;
    },
    /** A line of text; `live`: read out when it changes. */
    line(className = "", live = false) {
      const node = element("p", { className: `ux-line ${className}` });
      if (live) node.setAttribute("role", "status");
      return node;
    },
    /** A canvas in a figure: {node, canvas, caption}. */
    view(className = "") {
      const [canvas, caption] = [element("canvas"), element("figcaption")];
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", "drawn when it comes into view"); // until `begin` draws it
      return { node: element("figure", { className }, caption, canvas), canvas, caption };
    },
    error,
    reset: element("button", { type: "button", textContent: "Reset" }),
    cleaners,
    /** Put it on the page and start; returns what takes it off again. */
    begin(...nodes) {
      section.append(...nodes);
      section.setAttribute("aria-label", title);
      tellBusy();
      el.replaceChildren(element("style", { textContent: STYLE }), section);
      for (const name of names) model.on(`change:${name}`, refresh);
      let width = 0;
      const watcher = new ResizeObserver(() => {
        if (el.clientWidth === width) return;
        width = el.clientWidth;
        redraw();
      });
      // Colors drawn on a canvas do not follow the page's theme by themselves.
      const theme = new MutationObserver(redraw);
      for (const node of [document.documentElement, document.body])
        theme.observe(node, { attributeFilter: ["data-theme", "theme", "data-jp-theme-light"] });
      // What is far below is drawn when the reader comes near, prints, or jumps to another place.
      for (const control of controls) control();
      arrange();
      const first = () => {
        near.disconnect();
        if (width || !el.isConnected) return;
        width = el.clientWidth;
        if (!ready) compute(); // what was complained of until then stays
        tellBusy();
        watcher.observe(el);
      };
      const near = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && first(), { rootMargin: "100%" });
      near.observe(el);
      for (const event of ["beforeprint", "upconv:whole"]) addEventListener(event, first);
      return () => {
        for (const event of ["beforeprint", "upconv:whole"]) removeEventListener(event, first);
        near.disconnect();
        watcher.disconnect();
        theme.disconnect();
        for (const name of names) model.off(`change:${name}`, refresh);
        for (const clean of cleaners) clean();
      };
    },
  };
  ui.reset.addEventListener("click", () => ui.change(structuredClone(start)));
  return ui;
}

/** Play, step and a slider through `count()` positions. */
function player(ui, label, count, moved) {
  let position = 0;
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };
  const goTo = (index) => {
    const all = count();
    if (!all) return;
    position = ((index % all) + all) % all;
    moved();
  };
  const pause = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 350;
  const play = ui.button("Play", () => {
    if (timer) return stop();
    play.textContent = "Stop";
    timer = setInterval(() => goTo(position + 1), pause);
  });
  const step = ui.button("Step", () => goTo(position + 1));
  const slider = element("input", { type: "range", min: 0, value: 0 });
  slider.setAttribute("aria-label", label);
  slider.addEventListener("input", () => goTo(Number(slider.value)));
  ui.cleaners.push(stop);
  return {
    node: element("div", { className: "ux-row" }, play, step, slider),
    goTo,
    stop,
    /** The position, after making sure that there is one; `describe` gives its text. */
    at() {
      const all = count();
      slider.disabled = play.disabled = step.disabled = !all;
      if (!all && timer) stop();
      position = Math.max(0, Math.min(position, all - 1));
      slider.max = Math.max(all - 1, 0);
      slider.value = position;
      return position;
    },
    say: (text) => slider.setAttribute("aria-valuetext", text),
  };
}

/** A grid of editable weights: `show(weights)` fills it, `accept(row, column, value)` is called. */
function kernelEditor(ui, name, accept) {
  const node = element("div", { className: "ux-kernel" });
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", `${name}, editable weights`);
  const field = (i, j) => {
    const input = element("input", { type: "text", inputMode: "decimal" });
    input.setAttribute("aria-label", `weight, row ${i + 1}, column ${j + 1}`);
    input.addEventListener("change", () => {
      const value = Number(input.value.replace("−", "-"));
      if (input.value.trim() !== "" && Number.isFinite(value)) accept(i, j, value);
      else ui.complain(`Weight: got “${input.value}”, expected a number.`);
    });
    return input;
  };
  const show = (weights) => {
    const k = weights.length;
    if (node.childElementCount !== k * k) {
      node.style.gridTemplateColumns = `repeat(${k}, auto)`;
      node.style.setProperty("--cell", `${Math.min(3.3, 15.4 / k)}rem`); // seven need no more room than five
      node.replaceChildren(...grid(k, field).flat());
    }
    [...node.children].forEach((input, index) => {
      if (input !== document.activeElement) input.value = format(weights.flat()[index]);
    });
  };
  return { node, show };
}

// ---- drawing -------------------------------------------------------------------------------------

function gray(value) {
  if (value === undefined) return "rgba(130, 140, 155, 0.28)"; // padding
  const level = Math.round(255 * Math.min(Math.max(value, 0), 1));
  return `rgb(${level}, ${level}, ${level})`;
}

/** Red, green and blue of a number: blue above 0, vermilion below, white at 0. */
function hue(value, limit) {
  const t = Math.min(Math.abs(value) / limit, 1);
  const end = value >= 0 ? [0, 114, 178] : [213, 94, 0];
  return end.map((x) => Math.round(247 + (x - 247) * t));
}

function signed(value, limit, hasNegative) {
  return hasNegative ? `rgb(${hue(value, limit).join(", ")})` : gray(value / limit);
}

/** Colored cells, some of them framed; `label(r, c)`, if given, is written into a cell. */
function paint(canvas, rows, columns, color, frames, label = null) {
  const scale = 2;
  const side = Math.max(canvas.clientWidth, 120) * scale;
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const cell = side / Math.max(rows, columns);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, side, side);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      context.fillStyle = color(r, c);
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
  for (const { row, column, width, rows: tall = 1, columns: wide = 1 } of frames) {
    context.strokeStyle = getComputedStyle(canvas).getPropertyValue("--ux-hot");
    context.lineWidth = width * scale;
    context.strokeRect(column * cell + 1, row * cell + 1, wide * cell - 3, tall * cell - 3);
  }
}

/** The cell under a pointer in a map of square cells, as large as the canvas has room for; or null. */
function cellAt(canvas, event, rows, columns) {
  const box = canvas.getBoundingClientRect();
  const cell = Math.min(canvas.width / columns, canvas.height / rows);
  const row = Math.floor(((event.clientY - box.top) / box.height) * (canvas.height / cell));
  const column = Math.floor(((event.clientX - box.left) / box.width) * (canvas.width / cell));
  return row >= 0 && column >= 0 && row < rows && column < columns ? { row, column } : null;
}

/** Whether a picture's bytes go on to its end. Some browsers show a torn file as an empty picture. */
function isWhole(bytes) {
  const view = new DataView(bytes.buffer);
  const starts = (text, at = 0) => [...text].every((sign, i) => bytes[at + i] === sign.charCodeAt(0));
  if (starts("\x89PNG")) { // chunks: length, name, data, checksum
    for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) if (starts("IEND", at + 4)) return true;
    return false;
  }
  if (starts("\xff\xd8")) {
    for (let at = 2; at + 1 < bytes.length;) {
      const mark = bytes[at] === 0xff ? bytes[at + 1] : 0;
      if (mark === 0xd9) return true;
      const alone = mark < 2 || mark === 0xff || (mark >= 0xd0 && mark < 0xd9); // not followed by a length
      if (alone) at += mark && mark !== 0xff ? 2 : 1;
      else if (at + 4 <= bytes.length) at += 2 + view.getUint16(at + 2);
      else return false;
    }
    return false;
  }
  if (starts("GIF8")) return bytes.findLast(Boolean) === 0x3b;
  if (starts("RIFF")) return 8 + view.getUint32(4, true) <= bytes.length;
  return true;
}

/** The picture in a file that the reader opens; fails if it is none, or torn. */
async function pictureIn(file) {
  if (!isWhole(new Uint8Array(await file.arrayBuffer()))) throw new Error(`${file.name} is torn`);
  return createImageBitmap(file);
}

/** Keep an image loaded with the sheet that a model holds as a data URL, and draw again then. */
function followSheet(sheet, model, ui) {
  const load = () => (sheet.src = model.get("sheet"));
  sheet.addEventListener("load", () => ui.redraw());
  model.on("change:sheet", load);
  ui.cleaners.push(() => model.off("change:sheet", load));
  load();
}

/** The data URL of a picture. On the site a script holds it: of a picture that comes from a file, a
 * page opened from disk may show the pixels, but not compute with them. */
function dataOf(address) {
  if (!address.endsWith(".js")) return address;
  return new Promise((resolve, reject) => {
    const script = element("script", { src: address, onload: () => resolve(script.picture), onerror: reject });
    document.head.append(script);
  }).finally(() => document.head.querySelector(`script[src="${address}"]`).remove());
}

/** The luminance of a square picture, from 0 to 1: {values, n}, row after row. */
async function valuesOf(address) {
  const image = new Image();
  image.src = await dataOf(address);
  await image.decode();
  const n = image.width;
  const canvas = element("canvas", { width: n, height: n });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const bytes = context.getImageData(0, 0, n, n).data;
  const values = Float64Array.from({ length: n * n }, (_, i) =>
    (0.2125 * bytes[4 * i] + 0.7154 * bytes[4 * i + 1] + 0.0721 * bytes[4 * i + 2]) / 255);
  return { values, n };
}

/** Mark the chosen picture of a strip. */
function markChosen(pen, left, width, height) {
  pen.strokeStyle = getComputedStyle(pen.canvas).getPropertyValue("--ux-hot");
  pen.lineWidth = 5;
  pen.strokeRect(left + 2.5, 2.5, width - 5, height - 5);
}

/** The column under a pointer in a strip of so many. */
function columnAt(canvas, event, columns) {
  const box = canvas.getBoundingClientRect();
  const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
  return Math.max(0, Math.min(columns - 1, column));
}

/** Call `pick` with the cell under the pointer while it moves over a canvas of `size()` cells. */
function hover(canvas, size, pick) {
  const look = (event) => {
    const [rows, columns] = size();
    const cell = cellAt(canvas, event, rows, columns);
    if (cell) pick(cell);
  };
  canvas.addEventListener("pointermove", look);
  canvas.addEventListener("pointerdown", look);
}

/**
 * Draw on a canvas of `size` × `size` cells with pointer, finger, or arrow keys and space.
 * `stamp(cell, first)` is called for each cell touched, `done()` when the hand is lifted.
 */
function drawing(canvas, size, enabled, stamp, done, moved) {
  const cursor = { row: 0, column: 0 };
  let last = null;
  const put = (event, first) => {
    const cell = enabled() && cellAt(canvas, event, size(), size());
    if (!cell || (!first && last && cell.row === last.row && cell.column === last.column)) return;
    last = cell;
    Object.assign(cursor, cell);
    stamp(cell, first);
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!enabled()) return;
    canvas.setPointerCapture(event.pointerId);
    put(event, true);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && put(event, false));
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, () => {
      if (last) done();
      last = null;
    });
  canvas.addEventListener("keydown", (event) => {
    if (!enabled()) return;
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (step) {
      const fast = event.shiftKey ? 8 : 1;
      cursor.row = Math.min(size() - 1, Math.max(0, cursor.row + fast * step[0]));
      cursor.column = Math.min(size() - 1, Math.max(0, cursor.column + fast * step[1]));
      moved();
    } else if (event.key === " " || event.key === "Enter") {
      stamp({ ...cursor }, true);
      done();
    } else return;
    event.preventDefault();
    event.stopPropagation(); // Jupyter has its own plans for these keys
  });
  return {
    cursor,
    /** Make the canvas a place to draw on, for keyboards and screen readers too, or a picture. */
    offer() {
      const on = enabled();
      canvas.classList.toggle("ux-draw", on);
      canvas.setAttribute("role", on ? "application" : "img");
      if (on) canvas.tabIndex = 0;
      else canvas.removeAttribute("tabindex");
    },
    focused: () => enabled() && document.activeElement === canvas,
  };
}
