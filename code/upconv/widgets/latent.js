// LatentExplorer: three directions of a latent space, and the image drawn at each place.

// ---- arithmetic (tested against upconv.widgets.latent) --------------------------------------------

export const POSITIONS = 7;
const HALF = (POSITIONS - 1) / 2;

/** Row and column of an image in the sheet. */
export function cell({ first, second, third }) {
  return [first + HALF, (second + HALF) * POSITIONS + third + HALF];
}

/** The places along one direction through the current one. */
export function along(name, place) {
  return Array.from({ length: POSITIONS }, (_, i) => ({ ...place, [name]: i - HALF }));
}

// ---- the page ----------------------------------------------------------------------------------

export const STATE = {
  first: whole("direction 1", -HALF, HALF),
  second: whole("direction 2", -HALF, HALF),
  third: whole("direction 3", -HALF, HALF),
};

const NAMES = Object.keys(STATE);

function render({ model, el }) {
  const sheet = new Image();
  const ui = frame({ model, el, title: "Latent explorer", state: STATE, draw });
  const view = ui.view();
  const strips = NAMES.map((name) => {
    const strip = ui.view("ux-strip");
    strip.canvas.addEventListener("pointerdown", (event) => {
      ui.change({ [name]: columnAt(strip.canvas, event, POSITIONS) - HALF });
    });
    return strip;
  });
  const line = ui.line("", true);
  const place = () => Object.fromEntries(NAMES.map((name) => [name, model.get(name)]));

  function put(context, where, x, y, size) {
    const side = sheet.naturalHeight / POSITIONS;
    const [row, column] = cell(where);
    context.drawImage(sheet, column * side, row * side, side, side, x, y, size, size);
  }

  function draw() {
    const now = place();
    view.caption.textContent = "generated at this point";
    view.canvas.setAttribute("aria-label", `image generated at ${NAMES.map((name) => now[name]).join(", ")}`);
    line.textContent = `Point ${NAMES.map((name) => now[name]).join(", ").replaceAll("-", "−")}: each step is one standard deviation of the noise.`;
    if (!sheet.complete || !sheet.naturalWidth) return "";
    const big = Math.max(view.canvas.clientWidth, 120) * 2;
    if (view.canvas.width !== big) view.canvas.width = view.canvas.height = big;
    put(view.canvas.getContext("2d"), now, 0, 0, big);
    strips.forEach(({ canvas, caption }, index) => {
      const name = NAMES[index];
      caption.textContent = STATE[name].label;
      const size = Math.floor((Math.max(canvas.clientWidth, 140) * 2) / POSITIONS);
      if (canvas.width !== size * POSITIONS) [canvas.width, canvas.height] = [size * POSITIONS, size];
      const context = canvas.getContext("2d");
      canvas.setAttribute("aria-label", `images along ${STATE[name].label}, at ${now[name]} now`);
      along(name, now).forEach((where, i) => {
        put(context, where, i * size, 0, size);
        if (where[name] === now[name]) markChosen(context, i * size, size, size);
      });
    });
    return "";
  }

  followSheet(sheet, model, ui);
  const anywhere = () => Math.floor(POSITIONS * Math.random()) - HALF;
  return ui.begin(
    element("div", { className: "ux-row" },
      ...NAMES.map((name) => ui.slider(name)),
      ui.button("Random", () => ui.change(Object.fromEntries(NAMES.map((name) => [name, anywhere()])))), ui.reset),
    ui.error,
    element("div", { className: "ux-stage ux-latent" }, view.node, element("div", {}, ...strips.map(({ node }) => node))),
    line,
  );
}

export default { render };
