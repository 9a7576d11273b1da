// Yours: a network that the reader has trained and exported, on the reader's own pictures.

// ---- arithmetic (tested against Python) ----------------------------------------------------------

/** Fields of a protobuf message, [[number, value]]: a number, or the bytes of a part. */
export function fieldsOf(bytes) {
  const found = [];
  let at = 0;
  const varint = () => {
    for (let value = 0, scale = 1; at < bytes.length && scale < 2 ** 70; scale *= 128) {
      const byte = bytes[at];
      at += 1;
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
    throw new Error("torn");
  };
  while (at < bytes.length) {
    const key = varint();
    const [number, kind] = [Math.floor(key / 8), key % 8];
    if (kind === 0) found.push([number, varint()]);
    else {
      const size = { 1: 8, 2: kind === 2 && varint(), 5: 4 }[kind];
      if (!(at + size <= bytes.length)) throw new Error("torn");
      found.push([number, bytes.subarray(at, at + size)]);
      at += size;
    }
  }
  return found;
}

const every = (fields, number) => fields.filter(([found]) => found === number).map(([, value]) => value);
const first = (fields, number) => every(fields, number)[0];
const read = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
const isCount = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;

/** Name and sizes, 0 where they are free, of an input or output of a graph. */
function place(bytes) {
  const fields = fieldsOf(bytes);
  const shape = fieldsOf(first(fieldsOf(first(fieldsOf(first(fields, 2)), 1)), 2));
  return { name: read(first(fields, 1)), sizes: every(shape, 1).map((size) => first(fieldsOf(size), 1) || 0) };
}

/** What must be known of a network to run it, from its ONNX file. The runtime does not show all of
 * it. Fails, with what is to be said, if it is not of `upconv export`, or does not segment. */
export function networkIn(bytes) {
  let [inputs, outputs, notes] = [[], [], {}];
  try {
    const model = fieldsOf(bytes);
    const graph = fieldsOf(first(model, 7));
    [inputs, outputs] = [11, 12].map((number) => every(graph, number).map(place));
    for (const entry of every(model, 14).map(fieldsOf)) notes[read(first(entry, 1))] = read(first(entry, 2) ?? new Uint8Array());
    if (!inputs.length || !outputs.length) throw new Error("empty");
  } catch {
    throw new Error("not an ONNX file, or not a whole one.");
  }
  let [told, about] = [null, null];
  try {
    [told, about] = [JSON.parse(notes.told), JSON.parse(notes.about)];
  } catch { /* said below */ }
  if (![told, about].every((value) => value && typeof value === "object" && !Array.isArray(value))) throw new Error("an ONNX file of another program, expected one that upconv export has written.");
  const [input, output] = [inputs[0], outputs[0]];
  if (input.name === "noise") throw new Error("a generator, expected a network that segments.");
  if (output.name === "painting") throw new Error("a network that stylizes, expected one that segments.");
  if (inputs.length !== 1 || input.name !== "image" || input.sizes.length !== 4 || output.name !== "logits" || output.sizes.length !== 4)
    throw new Error(`a network from ${input.name} to ${output.name}, expected one from an image to logits.`);
  const [, channels, side, other] = input.sizes;
  const [, count] = output.sizes;
  if (channels !== 1 && channels !== 3) throw new Error(`a network for images with ${channels} channels, and pictures here have 1 or 3. Use upconv predict.`);
  if (!isCount(count, 1, 256)) throw new Error(`a network with ${count} classes, expected at most 256.`);
  const classes = about.classes ?? Array.from({ length: count }, (_, number) => `class ${number}`);
  if (!Array.isArray(classes) || classes.length !== count || !classes.every((name) => typeof name === "string")) throw new Error(`its metadata do not name its ${count} classes.`);
  const range = told.value_range ?? [0, 255];
  if (!Array.isArray(range) || range.length !== 2 || !range.every(Number.isFinite) || !(range[0] < range[1])) throw new Error(`its value_range is ${JSON.stringify(range)}, expected two numbers, the smaller one first.`);
  const longest = told.image_size ?? null;
  if (longest !== null && !isCount(longest, 1, 2 ** 31)) throw new Error(`its image_size is ${JSON.stringify(longest)}, expected a whole number.`);
  const network = { name: typeof about.network === "string" ? about.network : "", channels, classes, range, longest, tiles: null };
  if (side || other) network.tiles = tiling(side, other, told);
  return network;
}

/** How a network without padding sees a picture: tiles of `side` pixels, `margin` more on each side. */
function tiling(seen, other, { depth, multiple }) {
  if (seen === other && isCount(depth, 1, 32) && isCount(multiple, 1, 4096)) {
    const given = seen - 4 * 2 ** depth - 8 * (2 ** depth - 1); // see upconv.ops.unet_size
    const side = Math.floor(given / multiple) * multiple;
    if (side > 0) return { seen, side, given, margin: (seen - given) / 2 };
  }
  throw new Error(`a network for pictures of ${other} × ${seen} pixels that does not say how to join them.`);
}

/** Place of pixel i in a row of `size`, mirrored at its ends as often as needed. */
export function mirrored(i, size) {
  if (size === 1) return 0;
  const around = Math.abs(i) % (2 * size - 2);
  return Math.min(around, 2 * size - 2 - around);
}

/** What a network takes of pixels (3, …) of 8 bits, from 0 to 1: its channels, its range of values.
 * `deep`: the file has 16 bits, of which the browser shows 8. */
export function inputOf(pixels, channels, [low, high] = [0, 255], deep = false) {
  const length = pixels.length / 3;
  const values = Float32Array.from(pixels);
  if (low !== 0 || high !== 255 || deep) {
    const step = deep ? 257 : 1;
    for (let i = 0; i < values.length; i += 1) values[i] = Math.max(0, Math.min(1, (Math.round(255 * pixels[i]) * step - low) / (high - low)));
  }
  if (channels === 3) return values;
  const gray = new Float32Array(length); // luminance by BT.601, as in Python
  for (let i = 0; i < length; i += 1) gray[i] = 0.299 * values[i] + 0.587 * values[length + i] + 0.114 * values[2 * length + i];
  return gray;
}

/** The part of an image (channels, height, width) whose corner is at `top`, `left`, mirrored beyond its border. */
export function windowOf(values, channels, height, width, top, left, side) {
  const found = new Float32Array(channels * side * side);
  for (let c = 0; c < channels; c += 1)
    for (let row = 0; row < side; row += 1) {
      const line = (c * height + mirrored(top + row, height)) * width;
      for (let column = 0; column < side; column += 1) found[(c * side + row) * side + column] = values[line + mirrored(left + column, width)];
    }
  return found;
}

/** Share of each class in a mask. */
export function shares(mask, count) {
  const found = new Array(count).fill(0);
  for (const number of mask) found[number] += 1;
  return found.map((pixels) => pixels / mask.length);
}

/** A share for the reader: what is there is never shown as 0, nor what is not all as all. */
export const percent = (share) => (share < 0.001 ? "< 0.1 %" : share < 1 && share > 0.999 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`);

/** Whether the file of a picture has 16 bits for each value. */
export const isDeep = (bytes) => bytes[1] === 0x50 && bytes[2] === 0x4e && bytes[3] === 0x47 && bytes[24] === 16;

/** A mask as a PNG file with a palette: the number of a pixel is its class, as `upconv predict` writes it. */
export const maskFile = async (mask, width, height, colors) => {
  const rows = new Uint8Array((width + 1) * height);
  for (let row = 0; row < height; row += 1) rows.set(mask.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
  const packed = new Response(new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate")));
  const head = new DataView(new ArrayBuffer(13));
  [width, height].forEach((size, i) => head.setUint32(4 * i, size));
  [8, 3].forEach((value, i) => head.setUint8(8 + i, value)); // 8 bits, a palette
  const parts = [["IHDR", new Uint8Array(head.buffer)], ["PLTE", Uint8Array.from(colors.flat())], ["IDAT", new Uint8Array(await packed.arrayBuffer())], ["IEND", new Uint8Array()]];
  const file = [Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)];
  for (const [name, data] of parts) {
    const bytes = new Uint8Array(12 + data.length);
    bytes.set(new TextEncoder().encode(name), 4);
    bytes.set(data, 8);
    let sum = -1;
    for (const byte of bytes.subarray(4, 8 + data.length)) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
    }
    const view = new DataView(bytes.buffer);
    view.setUint32(0, data.length);
    view.setUint32(8 + data.length, ~sum);
    file.push(bytes);
  }
  return new Blob(file, { type: "image/png" });
};

// ---- the page ------------------------------------------------------------------------------------

const OWN = "own";
const FEW = 12; // classes that are listed although no pixel is theirs

const STATE = {
  picture: choice("picture", (model) => ({
    ...Object.fromEntries(model.get("photographs").map((name) => [name, name])),
    ...(model.get("own") ? { [OWN]: "your picture" } : {}),
  })),
  longest: choice("longer side", { 256: "at most 256 pixels", 512: "at most 512 pixels", 1024: "at most 1024 pixels" }),
  strength: { ...whole("mask strength", 0, 100), text: (model) => `${model.get("strength")} %` },
};

function render({ model, el }) {
  const ui = frame({ model, el, title: "Your own network", state: STATE, update, draw });
  const colors = model.get("colors");
  const pictures = new Map(); // name → {picture, file: its name, deep}
  const engine = newRuntime(); // of its own: what the reader opens may need all its memory
  let [network, bytes, loaded, seen, found, doing] = [null, null, false, null, null, ""]; // bytes: the network's file

  const [before, mask, over] = [ui.view(), ui.view(), ui.view()];
  const line = ui.line("", true);
  const notes = ui.line("ux-notes");
  const legend = element("div", { className: "ux-legend" });

  /** The network's answer for an image (channels, height, width): its classes, pixel by pixel. */
  async function segmented(values, height, width, still) {
    const { channels, classes, tiles } = network;
    const answer = async (data, rows, columns) => (await engine.run("yours", { image: { data, dims: [1, channels, rows, columns] } }, ["logits"])).results.logits;
    if (!tiles) return largest((await answer(values, height, width)).data, classes.length);
    const { side, seen: whole, given, margin } = tiles;
    const all = new Uint8Array(height * width);
    const [down, across] = [height, width].map((size) => Math.ceil(size / side));
    for (let number = 0; number < down * across && still(); number += 1) {
      say(`Tile ${number + 1} of ${down * across} …`);
      const [top, left] = [Math.floor(number / across) * side, (number % across) * side];
      const logits = await answer(windowOf(values, channels, height, width, top - margin, left - margin, whole), whole, whole);
      const part = largest(logits.data, classes.length);
      for (let row = 0; row < Math.min(side, height - top); row += 1)
        all.set(part.subarray(row * given, row * given + Math.min(side, width - left)), (top + row) * width + left);
    }
    return all;
  }

  const ask = newest(ui, async () => {
    if (!network || !seen) return;
    const [asked, picture] = [network, seen];
    const still = () => asked === network && picture === seen;
    try {
      if (!loaded) {
        const own = model.get("runtime");
        say("Starting the network …");
        await engine.load("yours", "", (file, size) => say(`Loading what runs networks: ${megabytes(size)} of ${megabytes(own)}`), bytes);
        if (!still()) return;
        loaded = true;
      }
      say("The network looks at the picture …");
      const start = performance.now();
      const values = inputOf(picture.pixels, asked.channels, asked.range, picture.deep);
      const numbers = await segmented(values, picture.height, picture.width, still);
      if (!still()) return;
      found = { ...picture, network: asked, mask: numbers, values, shares: shares(numbers, asked.classes.length), milliseconds: performance.now() - start };
      say("");
      el.dispatchEvent(new CustomEvent("masked", { detail: found }));
    } catch (error) {
      if (!still()) return;
      engine.end(); // its memory may be full, or torn
      loaded = false;
      say("");
      ui.complain(`${asked.file}: ${reason(error.message, picture)}`);
    }
  });

  function say(text) {
    doing = text;
    ui.redraw();
  }

  function reason(message, { width, height }) {
    if (/memory|alloc|out of bounds|unreachable|abort|Array buffer|Invalid typed array length/i.test(message)) return `out of memory at ${width} × ${height} pixels. Choose a smaller longer side, or close other tabs.`;
    const words = message.replace(/^.*ERROR_MESSAGE: /s, "").replace(/[.\s]+$/, "");
    if (/implementation|registered|opset|unsupported|not supported/i.test(words)) return `has an operator that cannot be computed here (${words}).`;
    return `could not be run (${words}).`;
  }

  let last = null;
  async function take(file) {
    last = file;
    let [taken, data] = [null, null];
    try {
      data = new Uint8Array(await file.arrayBuffer());
      taken = { ...networkIn(data), file: file.name };
    } catch (error) { // the browser's own errors have other classes
      const words = error.constructor === Error ? error.message : "cannot be read, or is too large for this browser.";
      if (file === last) ui.complain(`${file.name}: ${words}`);
      return;
    }
    if (file !== last || !el.isConnected) return;
    engine.end();
    [network, bytes, loaded, found] = [taken, data, false, null];
    ui.complain("");
    if (seen?.longest === wanted()) ask();
    else update();
  }

  const takePicture = pictureReader(ui, async (picture, file) => {
    const deep = isDeep(new Uint8Array(await file.slice(0, 32).arrayBuffer()));
    pictures.set(OWN, { picture, file: file.name, deep });
    model.set("own", true);
    [seen, found] = [null, null];
    ui.change({ picture: OWN });
  });

  /** Most pixels of a picture's longer side: what the reader wants, and what the network was trained on. */
  const wanted = () => Math.min(Number(model.get("longest")), network?.longest ?? Infinity);

  /** The picture at the size that is asked for: never enlarged. */
  function sized(name, { picture, file, deep }) {
    const longest = wanted();
    const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
    const [width, height] = [picture.width, picture.height].map((length) => Math.max(1, Math.round(scale * length)));
    return { name, file, deep, longest, width, height, from: [picture.width, picture.height], pixels: pixelsOf(picture, width, height) };
  }

  async function update() {
    const name = model.get("picture");
    if (!READABLE) return;
    if (!pictures.has(name)) {
      try {
        pictures.set(name, { picture: await imageOf(`${name}.jpg`), file: `${name}.jpg`, deep: false });
      } catch {
        return ui.complain(`The photograph ${name} could not be loaded.`);
      }
      if (model.get("picture") !== name || !el.isConnected) return;
    }
    if (seen && seen.name === name && seen.longest === wanted()) return;
    [seen, found] = [sized(name, pictures.get(name)), null];
    ask();
    ui.redraw();
  }

  function put({ canvas }, color) {
    putPixels(canvas, seen.width, seen.height, color);
    canvas.style.aspectRatio = `${seen.width} / ${seen.height}`;
  }

  function drawLegend() {
    const { classes } = network;
    const present = found ? classes.map((_, number) => number).filter((number) => found.shares[number]).sort((a, b) => found.shares[b] - found.shares[a]) : [];
    const absent = classes.map((_, number) => number).filter((number) => !present.includes(number));
    const listed = [...present, ...absent.slice(0, FEW)];
    const keys = listed.map((number) => {
      const share = found?.shares[number] ? ` ${percent(found.shares[number])}` : "";
      const key = element("span", { textContent: `${classes[number]}${share}` });
      key.style.setProperty("--key", `rgb(${colors[number].join(" ")})`);
      return key;
    });
    const left = absent.length - FEW;
    legend.replaceChildren(...keys, ...(left > 0 ? [`and ${left} more`] : []));
  }

  /** What was done to the picture, and what the reader should know of the network's range. */
  function remarks() {
    if (!seen) return "";
    const [width, height] = seen.from;
    const small = seen.width !== width || seen.height !== height ? `${width} × ${height} pixels, reduced to ${seen.width} × ${seen.height}${network.longest === seen.longest ? " as in training" : ""}` : `${width} × ${height} pixels`;
    const tiles = network?.tiles ? `, seen in tiles of ${network.tiles.side} × ${network.tiles.side}` : "";
    const gray = network?.channels === 1 ? ", in shades of gray" : "";
    return `${seen.file}: ${small}${tiles}${gray}.`;
  }
  function ranged() {
    if (!network) return "";
    const [low, high] = network.range;
    if (low === 0 && high === 255) return seen?.deep ? " Browsers decode its 16 bits to 8." : "";
    const known = seen?.deep ? "of this 16-bit file, each value is taken as 257 times its upper 8 bits" : "the values of this file are taken as they are, 0 to 255";
    return ` The network takes values from ${low} to ${high}. Browsers decode pictures to 8 bits: ${known}. For exact masks use upconv predict.`;
  }

  function draw() {
    save.disabled = !found;
    const about = network ? `${network.file}, ${network.classes.length} classes` : "";
    before.caption.textContent = "the picture: drop your own here";
    mask.caption.textContent = found ? `the mask, in ${(found.milliseconds / 1000).toFixed(2)} s` : doing || (network ? "" : "not started yet");
    over.caption.textContent = "the mask over the picture";
    before.canvas.setAttribute("aria-label", `the picture: ${seen?.file ?? "not loaded yet"}`);
    mask.canvas.setAttribute("aria-label", found ? `the mask of ${found.file}` : "no mask yet");
    over.canvas.setAttribute("aria-label", found ? `the mask of ${found.file} over it` : "no mask yet");
    if (network) drawLegend();
    if (seen) {
      const size = seen.width * seen.height;
      const tone = (i, c) => 255 * seen.pixels[c * size + i];
      put(before, (i) => [tone(i, 0), tone(i, 1), tone(i, 2)]);
      const share = model.get("strength") / 100;
      if (found) {
        put(mask, (i) => colors[found.mask[i]]);
        put(over, (i) => colors[found.mask[i]].map((value, c) => share * value + (1 - share) * tone(i, c)));
      } else for (const view of [mask, over]) put(view, (i) => Array(3).fill(60 + 0.2 * tone(i, 1)));
    }
    line.textContent = doing || (found
      ? `${about}, ${found.shares.filter(Boolean).length} of them in this picture.`
      : network ? about : "Open a file that upconv export has written. Neither the network nor your pictures leave this page.");
    notes.textContent = network ? remarks() + ranged() : "";
    return "";
  }

  const save = ui.button("Save the mask (PNG)", async () => {
    if (!found) return;
    const { mask: numbers, width, height, network: { classes }, file } = found;
    const address = URL.createObjectURL(await maskFile(numbers, width, height, colors.slice(0, classes.length)));
    element("a", { href: address, download: `${file.replace(/\.\w+$/, "")}_mask.png` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  });
  const open = fileButton(ui, "Open your own network (.onnx) …", ".onnx", take);
  const openPicture = fileButton(ui, "Open your own picture …", "image/*", takePicture);
  const example = ui.button("Take the U-Net from above", async () => {
    try {
      const answer = await fetch(new URL("unet.onnx", HOME));
      if (!answer.ok) throw new Error(`the server returned ${answer.status}`);
      take(new File([await answer.blob()], "unet.onnx"));
    } catch (error) {
      ui.complain(`unet.onnx: ${error.message}.`);
    }
  });
  dropped(el, (file) => (/\.onnx$/i.test(file.name) ? take(file) : takePicture(file)));
  const trouble = hindrance();
  const row = element("div", { className: "ux-row ux-loader" }, open, example);
  if (trouble) {
    for (const button of row.querySelectorAll("button")) button.disabled = true;
    row.append(element("span", { className: "ux-error" }, trouble));
  }
  ui.cleaners.push(engine.end);
  return ui.begin(
    row,
    element("div", { className: "ux-row ux-gap" }, ui.list("picture"), openPicture, ui.list("longest"), ui.slider("strength"), save, ui.reset),
    ui.error,
    element("div", { className: "ux-stage ux-yours" }, before.node, mask.node, over.node),
    legend,
    line,
    notes,
    explained(
      ["what a network learns from masks", "03_fcn.html#training-one"],
      ["tiles", "05_unet.html#images-of-any-size-overlap-tile"],
      ["what a good score is", "05_unet.html#what-is-a-good-score"],
    ),
  );
}

export default { render };
