// Latents: eight directions of a generator's noise, and what it draws there, at once.

// ---- arithmetic (tested against NumPy) -----------------------------------------------------------

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** Noise whose part along each direction, all of length 1 and at right angles, is as given. */
export function placed(rest, directions, parts) {
  const noise = Float64Array.from(rest);
  directions.forEach((direction, which) => {
    const change = parts[which] - dot(rest, direction);
    for (let i = 0; i < noise.length; i += 1) noise[i] += change * direction[i];
  });
  return noise;
}

/** From a to b on the arc between them, where Gaussian noise lies, not through the middle. */
export function between(a, b, share) {
  const angle = Math.acos(Math.max(-1, Math.min(1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)))));
  const [one, other] = angle < 1e-6 ? [1 - share, share] : [Math.sin((1 - share) * angle) / Math.sin(angle), Math.sin(share * angle) / Math.sin(angle)];
  return a.map((value, i) => one * value + other * b[i]);
}

// ---- the page ------------------------------------------------------------------------------------

const COUNT = 8;
const GRID = 8;
const SEEDS = 9999;
const sliders = Array.from({ length: COUNT }, (_, i) => `d${i + 1}`);

const tenths = (label, name) => ({ ...whole(label, -30, 30), text: (model) => (model.get(name) / 10).toFixed(1).replace("-", "−") });
const STATE = {
  seed: whole("noise seed", 0, SEEDS),
  ...Object.fromEntries(sliders.map((name, i) => [name, tenths(`direction ${i + 1}`, name)])),
  walk: { ...whole("from A to B", 0, 100), text: (model) => `${model.get("walk")} %` },
};

function render({ model, el }) {
  const ui = frame({ model, el, title: "Generate digits", state: STATE, update, draw });
  const [networks, directions] = [model.get("networks"), model.get("directions")];
  const [name] = Object.keys(networks);
  const { side } = networks[name];
  const latent = directions[0].length;
  let ends = [null, null]; // the noises A and B
  let [started, walking, drawn, many, playing, before] = [false, false, null, null, 0, ""];

  const one = ui.view();
  const all = ui.view("ux-grid");
  const marks = ["A", "B"].map(() => ui.view("ux-end"));
  const line = ui.line("ux-long", true);

  const rest = (seed) => gaussians(seed, latent);
  const noiseNow = () => placed(rest(model.get("seed")), directions, sliders.map((slider) => model.get(slider) / 10));
  const wanted = () => (walking && ends.every(Boolean) ? between(ends[0].noise, ends[1].noise, model.get("walk") / 100) : noiseNow());

  async function images(noises) {
    const data = new Float32Array(noises.length * latent);
    noises.forEach((noise, i) => data.set(noise, i * latent));
    const { results, milliseconds } = await runtime.run(name, { noise: { data, dims: [noises.length, latent] } });
    return { values: results.image.data, milliseconds };
  }
  const tone = (value) => Math.max(0, Math.min(255, Math.round((value + 1) * 127.5)));

  const ask = newest(ui, async () => {
    const noise = wanted();
    drawn = { noise, ...(await images([noise])) };
    ui.redraw();
    el.dispatchEvent(new CustomEvent("drawn", { detail: drawn }));
  });

  /** A seed, with the sliders where its noise lies: nothing else is changed. */
  function settingsOf(seed) {
    const noise = rest(seed);
    return { seed, ...Object.fromEntries(sliders.map((slider, i) => [slider, Math.max(-30, Math.min(30, Math.round(10 * dot(noise, directions[i]))))])) };
  }
  const random = ui.button("Random", () => ui.change(settingsOf(Math.floor(Math.random() * (SEEDS + 1)))));
  const keep = ["A", "B"].map((letter, which) => ui.button(`Keep as ${letter}`, () => {
    if (drawn) ends[which] = drawn;
    ui.redraw();
  }));
  const play = ui.button("Walk from A to B", () => {
    if (playing) return stop();
    const start = performance.now();
    const step = (now) => {
      const share = ((now - start) / 4000) % 2;
      model.set("walk", Math.round(100 * (share < 1 ? share : 2 - share)));
      playing = requestAnimationFrame(step);
    };
    playing = requestAnimationFrame(step);
    play.textContent = "Stop";
  });
  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = "Walk from A to B";
    model.save_changes();
  }
  ui.cleaners.push(stop);
  const gridOf = ui.button("64 at once", async () => {
    const first = Math.floor(Math.random() * (SEEDS - GRID * GRID));
    const seeds = Array.from({ length: GRID * GRID }, (_, i) => first + i);
    many = { seeds, ...(await images(seeds.map(rest))) };
    ui.redraw();
  });
  all.canvas.addEventListener("pointerdown", (event) => {
    const cell = many && cellAt(all.canvas, event, GRID, GRID);
    if (cell) ui.change(settingsOf(many.seeds[cell.row * GRID + cell.column]));
  });

  function update() {
    const now = sliders.map((slider) => model.get(slider)).concat(model.get("seed")).join();
    walking = now === before && ends.every(Boolean);
    before = now;
    if (started) ask();
  }

  function put({ canvas }, values, place = 0) {
    putPixels(canvas, side, side, (i) => Array(3).fill(tone(values[place * side * side + i])));
  }

  function draw() {
    for (const button of [...keep, gridOf, random]) button.disabled = !started;
    play.disabled = !ends.every(Boolean);
    one.caption.textContent = drawn ? `generated in ${drawn.milliseconds.toFixed(1)} ms` : "not started yet";
    one.canvas.setAttribute("aria-label", drawn ? `a digit generated at ${sliders.map((slider) => STATE[slider].text(model)).join(", ")}` : "nothing generated yet");
    if (drawn) put(one, drawn.values);
    marks.forEach((mark, which) => {
      mark.caption.textContent = "AB"[which];
      mark.canvas.setAttribute("aria-label", ends[which] ? `the digit kept as ${"AB"[which]}` : `nothing kept as ${"AB"[which]} yet`);
      if (ends[which]) put(mark, ends[which].values);
    });
    all.node.hidden = !many;
    if (many) {
      all.caption.textContent = `64 at once, in ${Math.round(many.milliseconds)} ms: click one to select it`;
      all.canvas.setAttribute("aria-label", "64 digits from 64 random noise vectors: click one to select it");
      putPixels(all.canvas, GRID * side, GRID * side, (i) => {
        const [which, pixel] = inTiles(i, GRID, side, side);
        return Array(3).fill(tone(many.values[which * side * side + pixel]));
      });
    }
    line.textContent = !started
      ? "A generator turns 100 numbers into a digit. Eight sliders move them along its eight strongest directions."
      : ends.every(Boolean)
        ? "Walk from A to B: the digits along the way were written by nobody."
        : "Move a slider or press Random. Keep two digits as A and B, then walk from one to the other.";
    return "";
  }

  const start = loader(ui, networks, model.get("runtime"), () => {
    started = true;
    ask();
  });
  return ui.begin(
    start,
    ui.error,
    element("div", { className: "ux-stage ux-latents" },
      element("div", {}, one.node, element("div", { className: "ux-ends" }, ...marks.map(({ node }) => node))),
      element("div", {}, element("div", { className: "ux-sliders" }, ...sliders.map((slider) => ui.slider(slider))),
        element("div", { className: "ux-row ux-gap" }, random, gridOf, ui.reset),
        element("div", { className: "ux-row ux-gap" }, ...keep, play, ui.slider("walk")))),
    all.node,
    line,
    explained(
      ["noise and generator", "06_dcgan.html#from-noise-to-a-picture"],
      ["the directions", "06_dcgan.html#a-space-to-walk-in"],
      ["from A to B", "06_dcgan.html#walk"],
      ["which digits it generates", "06_dcgan.html#how-good"],
    ),
  );
}

export default { render };
