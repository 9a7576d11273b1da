// StyleExplorer: one picture in one style, by weight and by layer.

// ---- arithmetic (tested against upconv.widgets.style) ---------------------------------------------

export const WEIGHTS = 7;
export const LAYERS = 5;

/** The part of the sheet that shows a weight and a layer: x, y, width, height. */
export function part({ weight, layer }, width, height) {
  return [(weight * width) / WEIGHTS, (layer * height) / LAYERS, width / WEIGHTS, height / LAYERS];
}

// ---- the page ----------------------------------------------------------------------------------

export const STATE = {
  weight: { ...whole("style weight", 0, WEIGHTS - 1), text: (model) => model.get("weight_names")[model.get("weight")] },
  layer: { ...whole("style layer", 0, LAYERS - 1), text: (model) => model.get("layer_names")[model.get("layer")] },
};

function render({ model, el }) {
  const sheet = new Image();
  const ui = frame({ model, el, title: "Style explorer", state: STATE, draw });
  const view = ui.view();
  const strips = [["weight", WEIGHTS, "ux-weights"], ["layer", LAYERS, "ux-layers"]].map(([name, count, kind]) => {
    const strip = { name, count, ...ui.view(`ux-strip ${kind}`) };
    strip.canvas.addEventListener("pointerdown", (event) => {
      ui.change({ [name]: columnAt(strip.canvas, event, count) });
    });
    return strip;
  });
  const line = ui.line("", true);

  function put(context, where, x, y, width, height) {
    context.drawImage(sheet, ...part(where, sheet.naturalWidth, sheet.naturalHeight), x, y, width, height);
  }

  function draw() {
    const now = { weight: model.get("weight"), layer: model.get("layer") };
    const words = `style weight ${STATE.weight.text(model)}, layer ${STATE.layer.text(model)}`;
    view.caption.textContent = words;
    view.canvas.setAttribute("aria-label", `the picture with ${words}`);
    line.textContent = `Content weight 1, ${words}.`;
    if (!sheet.complete || !sheet.naturalWidth) return "";
    const fit = (canvas, count) => {
      const width = Math.max(Math.round(canvas.clientWidth / count), 20) * 2;
      const height = Math.round(width / 1.5);
      if (canvas.width !== width * count) [canvas.width, canvas.height] = [width * count, height];
      return [width, height, canvas.getContext("2d")];
    };
    const [width, height, context] = fit(view.canvas, 1);
    put(context, now, 0, 0, width, height);
    for (const { name, count, canvas, caption } of strips) {
      const [side, tall, pen] = fit(canvas, count);
      caption.textContent = STATE[name].label;
      canvas.setAttribute("aria-label", `pictures by ${STATE[name].label}, at ${STATE[name].text(model)} now`);
      for (let i = 0; i < count; i += 1) {
        put(pen, { ...now, [name]: i }, i * side, 0, side, tall);
        if (i === now[name]) markChosen(pen, i * side, side, tall);
      }
    }
    return "";
  }

  followSheet(sheet, model, ui);
  return ui.begin(
    element("div", { className: "ux-row" }, ui.slider("weight"), ui.slider("layer"), ui.reset),
    ui.error,
    element("div", { className: "ux-stage ux-style" }, view.node, element("div", {}, ...strips.map(({ node }) => node))),
    line,
  );
}

export default { render };
