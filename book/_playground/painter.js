// Painter: a picture, painted in one pass by a network trained for one style.

// ---- arithmetic (tested against NumPy) -----------------------------------------------------------

/** Pixels with Gaussian noise of a standard deviation on them. */
export function grainy(pixels, deviation, seed) {
  const grain = gaussians(seed, pixels.length);
  return pixels.map((value, i) => value + deviation * grain[i]);
}

// ---- the page ------------------------------------------------------------------------------------

const LONG = 256; // pixels of the longer side
const OWN = "own";

const STATE = {
  picture: choice("picture", (model) => ({
    ...Object.fromEntries(model.get("photographs").map((name) => [name, name])),
    ...(model.get("own") ? { [OWN]: "your picture" } : {}),
  })),
  grain: { ...whole("added noise", 0, 30), text: (model) => (model.get("grain") / 100).toFixed(2) },
  noise: whole("noise seed", 0, 9999),
  style: networkChoice("style"),
};

function render({ model, el }) {
  const ui = frame({ model, el, title: "Paint a picture", state: STATE, update, draw });
  const networks = model.get("networks");
  const pictures = new Map(); // name → {width, height, pixels}
  let [started, painted] = [false, null];
  const [before, after] = [ui.view("ux-fit"), ui.view("ux-fit")];
  const line = ui.line("", true);

  const ask = newest(ui, async () => {
    const [name, style] = [model.get("picture"), model.get("style")];
    const seen = pictures.get(name);
    if (!seen) return;
    line.textContent = `Painting in the style of ${networks[style].label} …`;
    const [grain, noise] = [model.get("grain"), model.get("noise")];
    const pixels = grainy(seen.pixels, grain / 100, noise);
    const feeds = { image: { data: pixels, dims: [1, 3, seen.height, seen.width] } };
    const { results, milliseconds } = await runtime.run(style, feeds);
    painted = { ...seen, name, style, grain, noise, milliseconds, pixels, values: results.painting.data };
    ui.redraw();
    el.dispatchEvent(new CustomEvent("painted", { detail: painted }));
  });

  function take(name, picture) {
    const scale = LONG / Math.max(picture.width, picture.height);
    const [width, height] = [picture.width, picture.height].map((length) => Math.max(16, Math.round(scale * length)));
    pictures.set(name, { width, height, pixels: pixelsOf(picture, width, height) });
  }

  async function update() {
    const name = model.get("picture");
    if (!READABLE) return;
    if (!pictures.has(name)) {
      try {
        take(name, await imageOf(`${name}.jpg`));
      } catch {
        return ui.complain(`The photograph ${name} could not be loaded.`);
      }
      if (model.get("picture") !== name || !el.isConnected) return;
      ui.redraw();
    }
    if (started && !(painted && asked())) ask();
  }

  const asked = () => ["style", "grain", "noise"].every((key) => painted[key] === model.get(key)) && painted.name === model.get("picture");
  const put = ({ canvas }, { width, height }, values) => {
    putImage(canvas, width, height, values);
    canvas.style.aspectRatio = `${width} / ${height}`;
  };

  function draw() {
    const seen = pictures.get(model.get("picture"));
    before.caption.textContent = "the picture: drop your own here";
    before.canvas.setAttribute("aria-label", `the picture: ${model.get("picture")}`);
    if (seen) put(before, seen, seen.pixels);
    const current = painted && asked();
    after.caption.textContent = current ? `painted in ${(painted.milliseconds / 1000).toFixed(2)} s` : started ? "painting …" : "not started yet";
    after.canvas.setAttribute("aria-label", current ? `the picture in the style of ${networks[painted.style].label}` : "nothing painted yet");
    if (current) put(after, painted, painted.values);
    line.textContent = current
      ? `${painted.width} × ${painted.height} pixels in the style of ${networks[painted.style].label}: one pass through a network, where optimization takes hundreds.`
      : "For each style, a network has learned in advance what optimization would repeat for every picture.";
    return "";
  }

  const again = ui.button("New noise", () => ui.change({ noise: Math.floor(Math.random() * 10000) }));
  const open = opener(ui, before.canvas, (picture) => {
    take(OWN, picture);
    model.set("own", true);
    painted = null;
    ui.change({ picture: OWN });
  });
  const start = loader(ui, networks, model.get("runtime"), () => {
    started = true;
    ask();
  });
  return ui.begin(
    element("div", { className: "ux-row" }, ui.list("picture"), ui.list("style"), ui.slider("grain"), again, open, ui.reset),
    start,
    ui.error,
    element("div", { className: "ux-stage ux-pair" }, before.node, after.node),
    line,
    explained(
      ["what content is", "07_style_transfer.html#content"],
      ["what a style is", "07_style_transfer.html#style"],
      ["painting by optimization", "07_style_transfer.html#the-loop-that-paints"],
      ["one kernel everywhere", "01_cnn_fourier.html#one-sum-many-times"],
    ),
  );
}

export default { render };
