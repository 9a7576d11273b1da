// Segment: draw digits, and four networks say at once which pixels are which digit.

// ---- arithmetic (tested against NumPy) -----------------------------------------------------------

/** Of the pixels up to 2 from the outline of the digits, the share on the wrong side; null: none. */
export function boundaryError(found, truth, side) {
  let [band, wrong] = [0, 0];
  for (let row = 0; row < side; row += 1)
    for (let column = 0; column < side; column += 1) {
      const inside = truth[row * side + column] > 0;
      let near = false;
      for (let dr = -2; dr <= 2 && !near; dr += 1)
        for (let dc = -2; dc <= 2 && !near; dc += 1) {
          const [r, c] = [row + dr, column + dc];
          if (dr * dr + dc * dc <= 4 && r >= 0 && c >= 0 && r < side && c < side)
            near = truth[r * side + c] > 0 !== inside;
        }
      if (!near) continue;
      band += 1;
      wrong += found[row * side + column] > 0 !== inside;
    }
  return band ? wrong / band : null;
}

/** How much of each pixel a round pen covers on its way: calls `put(pixel, share)`. */
export function stroke(from, to, radius, side, put) {
  const [dr, dc] = [to.row - from.row, to.column - from.column];
  const length2 = dr * dr + dc * dc;
  const reach = Math.ceil(radius + 1);
  const [top, bottom] = [Math.min(from.row, to.row) - reach, Math.max(from.row, to.row) + reach];
  const [left, right] = [Math.min(from.column, to.column) - reach, Math.max(from.column, to.column) + reach];
  for (let row = Math.max(0, top); row <= Math.min(side - 1, bottom); row += 1)
    for (let column = Math.max(0, left); column <= Math.min(side - 1, right); column += 1) {
      const along = length2 ? Math.max(0, Math.min(1, ((row - from.row) * dr + (column - from.column) * dc) / length2)) : 0;
      const far = Math.hypot(row - from.row - along * dr, column - from.column - along * dc);
      const share = Math.max(0, Math.min(1, radius - far + 0.5));
      if (share > 0) put(row * side + column, share);
    }
}

// ---- the page ------------------------------------------------------------------------------------

const SIDE = board.side;
const GROUNDS = { blackboard: [0.13, 0.17, 0.16], paper: [0.93, 0.91, 0.86] };
const OWN = "own";

/** Mean of the channels of a pixel of the board. */
const lightness = (values, pixel) => (values[pixel] + values[SIDE * SIDE + pixel] + values[2 * SIDE * SIDE + pixel]) / 3;

const STATE = {
  scene: choice("picture", (model) => ({
    ...Object.fromEntries(Array.from({ length: model.get("scenes") }, (_, i) => [String(i + 1), `scene ${i + 1}`])),
    blackboard: "empty blackboard", paper: "empty paper",
    ...(model.get("own") ? { [OWN]: "your picture" } : {}),
  })),
  tool: choice("tool", { pen: "pen", eraser: "eraser" }),
  brush: whole("pen width", 4, 20),
};

function render({ model, el }) {
  const ui = frame({ model, el, title: "Segment a drawing", state: STATE, update, draw });
  const networks = model.get("networks");
  const colors = model.get("colors");
  const names = Object.keys(networks);
  const found = {}; // name → {mask, error, milliseconds}
  const ground = new Float32Array(3 * SIDE * SIDE); // what lies beneath the ink
  const known = new Uint8Array(SIDE * SIDE); // 1: a digit of the ground
  let [shown, own, sheets, started, last] = ["", null, null, false, null];

  const input = ui.view();
  const views = Object.fromEntries(names.map((name) => [name, ui.view()]));
  const hand = drawing(input.canvas, () => SIDE, () => true, touch, () => { last = null; }, () => ui.redraw());
  const clear = ui.button("Clear the ink", () => restart());
  const open = opener(ui, input.canvas, (picture) => {
    own = picture;
    model.set("own", true);
    shown = "";
    ui.change({ scene: OWN });
  });
  const line = ui.line("ux-long", true);
  const legend = element("div", { className: "ux-legend" });
  model.get("classes").forEach((name, number) => {
    const key = element("span", { textContent: number ? name.replace("digit ", "") : name });
    key.style.setProperty("--key", `rgb(${colors[number].join(" ")})`);
    legend.append(key);
  });

  const ask = newest(ui, async () => {
    const [pixels, truth, scene] = [board.pixels.slice(), board.truth.slice(), model.get("scene")];
    const feeds = { image: { data: pixels, dims: [1, 3, SIDE, SIDE] } };
    for (const name of names) {
      const { results, milliseconds } = await runtime.run(name, feeds, ["logits"]);
      const mask = largest(results.logits.data, colors.length);
      found[name] = { mask, milliseconds, error: boundaryError(mask, truth, SIDE), logits: results.logits.data };
      ui.redraw();
    }
    el.dispatchEvent(new CustomEvent("segmented", { detail: { scene, pixels, truth, found } }));
  });

  function changed() {
    if (started) ask();
    board.dispatchEvent(new Event("change"));
    ui.redraw();
  }

  /** Ink that stands out from what is beneath. */
  function ink(pixel) {
    return lightness(ground, pixel) < 0.5 ? [0.96, 0.94, 0.86] : [0.1, 0.13, 0.3];
  }

  function touch(cell, first) {
    const from = first || !last ? cell : last;
    last = cell;
    const erase = model.get("tool") === "eraser";
    const [r, g, b] = ink(cell.row * SIDE + cell.column);
    stroke(from, cell, model.get("brush") / 2, SIDE, (pixel, share) => {
      for (const [channel, value] of [r, g, b].entries()) {
        const place = channel * SIDE * SIDE + pixel;
        board.pixels[place] += share * ((erase ? ground[place] : value) - board.pixels[place]);
      }
      if (share >= 0.5) board.truth[pixel] = erase ? known[pixel] : 1;
    });
    changed();
  }

  /** The picture without what the reader has drawn. */
  function restart() {
    const scene = model.get("scene");
    known.fill(0);
    if (GROUNDS[scene]) for (let c = 0; c < 3; c += 1) ground.fill(GROUNDS[scene][c], c * SIDE * SIDE, (c + 1) * SIDE * SIDE);
    else if (scene === OWN) {
      const side = Math.min(own.width, own.height);
      ground.set(pixelsOf(own, SIDE, SIDE, [(own.width - side) / 2, (own.height - side) / 2, side, side]));
    } else if (sheets) {
      const [picture, mask] = sheets.map((sheet) => pixelsOf(sheet, SIDE, SIDE, [(Number(scene) - 1) * SIDE, 0, SIDE, SIDE]));
      ground.set(picture);
      for (let i = 0; i < SIDE * SIDE; i += 1) known[i] = mask[i] > 0 ? 1 : 0;
    }
    board.pixels.set(ground);
    board.truth.set(known);
    changed();
  }

  function update() {
    if (model.get("scene") === shown) return;
    shown = model.get("scene");
    restart();
  }

  function draw() {
    const { pixels } = board;
    putImage(input.canvas, SIDE, SIDE, pixels);
    hand.offer();
    if (hand.focused()) {
      const pen = input.canvas.getContext("2d");
      pen.strokeStyle = "#e69f00";
      pen.strokeRect(hand.cursor.column - 3.5, hand.cursor.row - 3.5, 8, 8);
    }
    input.caption.textContent = "draw a digit here, or drop a picture";
    input.canvas.setAttribute("aria-label", "the picture: draw with the pointer, or with arrow keys and space");
    const drawn = board.truth.some((value) => value);
    for (const name of names) {
      const { node, canvas, caption } = views[name];
      const { label } = networks[name];
      if (!found[name]) {
        putPixels(canvas, SIDE, SIDE, (i) => Array(3).fill(60 + 76.5 * lightness(pixels, i)));
        caption.textContent = label;
        canvas.setAttribute("aria-label", `${label}: not started yet`);
        continue;
      }
      const { mask, error, milliseconds } = found[name];
      putPixels(canvas, SIDE, SIDE, (i) => (mask[i] ? colors[mask[i]] : Array(3).fill(114.75 * lightness(pixels, i))));
      const seen = [...new Set(mask)].filter((c) => c).map((c) => c - 1);
      caption.textContent = `${label} · ${error === null || !drawn ? "" : `${Math.round(100 * error)} % of the boundary wrong · `}${Math.round(milliseconds)} ms`;
      node.dataset.error = error ?? "";
      canvas.setAttribute("aria-label", `${label} sees ${seen.length ? `the digits ${seen.join(", ")}` : "no digit"}`);
    }
    const errors = names.filter((name) => found[name] && found[name].error !== null);
    if (!errors.length) line.textContent = started ? "Draw a digit: the four masks follow your pen." : "Four networks, one picture. Start them to see which digit each assigns to each pixel.";
    else {
      const best = errors.reduce((a, b) => (found[a].error <= found[b].error ? a : b));
      line.textContent = `Within 2 pixels of the digits' outlines, ${networks[best].label} puts the fewest pixels on the wrong side: ${Math.round(100 * found[best].error)} %.`;
    }
    return "";
  }

  const start = loader(ui, networks, model.get("runtime"), () => {
    started = true;
    ask();
  });
  if (READABLE)
    Promise.all(["scenes.jpg", "masks.png"].map(imageOf)).then((images) => {
      sheets = images;
      restart();
    }, () => ui.complain("The scenes could not be loaded; the blackboard still works."));
  else model.set("scene", "blackboard");
  return ui.begin(
    element("div", { className: "ux-row" }, ui.list("scene"), ui.list("tool"), ui.slider("brush"), clear, open),
    start,
    ui.error,
    element("div", { className: "ux-stage ux-segment" }, input.node, element("div", { className: "ux-masks" }, ...names.map((name) => views[name].node))),
    legend,
    line,
    explained(
      ["the scenes", "03_fcn.html#training-one"],
      ["FCN-32s to FCN-8s", "03_fcn.html#the-network-of-the-paper"],
      ["U-Net", "05_unet.html#the-u"],
      ["errors at the boundary", "04_skip_ablation.html#an-ablation-with-seeds"],
    ),
  );
}

export default { render };
