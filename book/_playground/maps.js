// Maps: what every layer of a network makes of the picture above.

// ---- arithmetic ---------------------------------------------------------------------------------

/** Rows and columns of the squarest grid without gaps for so many maps: not higher than wide. */
export function layout(count) {
  let rows = 1;
  for (let r = 2; r * r <= count; r += 1) if (count % r === 0) rows = r;
  return [rows, count / rows];
}

// ---- the page ------------------------------------------------------------------------------------

const STATE = {
  network: networkChoice("network"),
  layer: choice("layer", (model) => model.get("layers")[model.get("network")]),
  map: whole("map", 1, 1024),
};

function render({ model, el }) {
  const ui = frame({ model, el, title: "Feature maps", state: STATE, update, draw });
  const [networks, layers] = [model.get("networks"), model.get("layers")];
  let [started, found] = [false, null];
  const [all, one] = [ui.view("ux-maps"), ui.view()];
  const line = ui.line("ux-long", true);

  const ask = newest(ui, async () => {
    const [network, layer] = [model.get("network"), model.get("layer")];
    const pixels = board.pixels.slice();
    const feeds = { image: { data: pixels, dims: [1, 3, board.side, board.side] } };
    const { results } = await runtime.run(network, feeds, [layer]);
    found = { network, layer, pixels, ...results[layer] };
    ui.redraw();
    el.dispatchEvent(new CustomEvent("mapped", { detail: found }));
  });

  hover(all.canvas, () => (found ? layout(found.dims[1]) : [0, 0]), ({ row, column }) => {
    const which = row * layout(found.dims[1])[1] + column + 1;
    if (which !== model.get("map")) ui.change({ map: which });
  });

  function update() {
    const known = layers[model.get("network")];
    if (!(model.get("layer") in known)) model.set("layer", Object.keys(known)[0]);
    if (started && !(found && found.network === model.get("network") && found.layer === model.get("layer"))) ask();
  }

  function draw() {
    if (!found) {
      line.textContent = "Choose a network and a layer to see every feature map it computes from your picture.";
      all.caption.textContent = one.caption.textContent = "not started yet";
      return "";
    }
    const [, count, height, width] = found.dims;
    const called = layers[found.network][found.layer];
    const [rows, columns] = layout(count);
    const which = Math.min(model.get("map"), count) - 1;
    const peaks = Array.from({ length: count }, (_, c) => found.data.subarray(c * height * width, (c + 1) * height * width).reduce((most, value) => Math.max(most, value), 0));
    const value = (c, i) => 255 * Math.sqrt(found.data[c * height * width + i] / (peaks[c] || 1));
    putPixels(all.canvas, columns * width, rows * height, (i) => {
      const [c, pixel] = inTiles(i, columns, width, height);
      const tone = value(c, pixel);
      return c === which ? [tone, Math.max(tone, 60), Math.max(tone, 120)] : [tone, tone, tone];
    });
    all.canvas.style.aspectRatio = `${columns * width} / ${rows * height}`;
    putPixels(one.canvas, width, height, (i) => Array(3).fill(value(which, i)));
    const dead = peaks.filter((peak) => !peak).length;
    all.caption.textContent = `${count} maps of ${width} × ${height}, each scaled to its own maximum`;
    all.canvas.setAttribute("aria-label", `${count} feature maps of ${called}`);
    one.caption.textContent = `map ${which + 1}, maximum ${peaks[which].toFixed(2)}`;
    one.canvas.setAttribute("aria-label", `feature map ${which + 1} of ${called}`);
    line.textContent = `${networks[found.network].label}, after the ReLU of ${called}: one value per ${board.side / width} × ${board.side / height} pixels${dead ? `; ${dead} of ${count} maps are zero for this picture` : ""}.`;
    return "";
  }

  board.addEventListener("change", () => started && ask());
  const start = loader(ui, networks, model.get("runtime"), () => {
    started = true;
    ask();
  });
  return ui.begin(
    start,
    element("div", { className: "ux-row" }, ui.list("network"), ui.list("layer"), ui.reset),
    ui.error,
    element("div", { className: "ux-stage ux-mapped" }, all.node, one.node),
    line,
    explained(
      ["the networks", "05_unet.html#is-it-like-fcn"],
      ["the layers", "03_fcn.html#looking-inside"],
      ["one feature map", "01_cnn_fourier.html#what-one-unit-sees"],
    ),
  );
}

export default { render };
