// Shared by the parts of the playground: the worker, and the button that loads networks.

const HOME = new URL("./", document.currentScript.src);
const READABLE = location.protocol !== "file:"; // whether scripts may read the site's files

const BOARD_SIDE = 128;
/** The picture that the reader draws on, shared with the part that shows maps. */
const board = Object.assign(new EventTarget(), {
  side: BOARD_SIDE,
  pixels: new Float32Array(3 * BOARD_SIDE * BOARD_SIDE), // channels first, 0 to 1
  truth: new Uint8Array(BOARD_SIDE * BOARD_SIDE), // 1: digit
});

/** Why networks cannot run here, for the reader; "" if they can. */
function hindrance() {
  if (!READABLE) return "A page opened from disk cannot start the networks. Run make serve, or read the book online.";
  if (typeof Worker !== "function" || typeof WebAssembly !== "object") return "This browser does not support WebAssembly, so the networks cannot run here.";
  // A function that returns a vector of zeros: browsers without SIMD refuse it.
  const simd = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
  if (!WebAssembly.validate(new Uint8Array(simd))) return "This browser is too old for the networks: its WebAssembly does not support SIMD.";
  return "";
}

/** Asks a worker, which starts with the first question. */
function newRuntime() {
  const waiting = new Map();
  let worker = null;
  let count = 0;
  function end(reason) {
    worker?.terminate();
    worker = null;
    for (const { reject } of waiting.values()) reject(new Error(reason));
    waiting.clear();
  }
  function ask(message, tell = () => {}) {
    if (!worker) {
      worker = new Worker(new URL("worker.js", HOME));
      worker.onmessage = ({ data: { id, answer, error, file, size } }) => {
        const { resolve, reject, tell: heard } = waiting.get(id);
        if (file) return heard(file, size);
        waiting.delete(id);
        if (error) reject(new Error(error));
        else resolve(answer);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        end("this copy of the book does not include the runtime");
      };
    }
    return new Promise((resolve, reject) => {
      waiting.set((count += 1), { resolve, reject, tell });
      worker.postMessage({ id: count, ...message });
    });
  }
  return {
    /** Load the network of a file of this site, or of `bytes` that the reader has opened. */
    load: (name, file, tell, bytes = null) => ask({ load: { name, file, bytes } }, tell),
    /** Outputs {name: {data, dims}} of an input, and the milliseconds it took. */
    run: (name, feeds, outputs) => ask({ run: { name, feeds, outputs } }),
    /** Stop, and give all memory back; the next question starts anew. */
    end: () => end("stopped"),
  };
}

/** The one of the course's own networks. */
const runtime = newRuntime();

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/**
 * A button that loads networks, {name: {file, bytes}}, and the runtime of `own` bytes with them.
 * `ready` is called once all are there. The row goes when it has done its work.
 */
function loader(ui, networks, own, ready) {
  const sizes = Object.fromEntries(Object.values(networks).map(({ file, bytes }) => [file, bytes]));
  const total = Object.values(sizes).reduce((sum, bytes) => sum + bytes, own);
  const bar = element("progress", { max: total, value: 0, hidden: true });
  bar.setAttribute("aria-label", "loading the networks");
  const button = ui.button(`Start the networks (${megabytes(total)})`, begin);
  const row = element("div", { className: "ux-row ux-loader" }, button, bar);
  const trouble = hindrance();
  if (trouble) {
    button.disabled = true;
    row.append(element("span", { className: "ux-error" }, trouble));
  }
  async function begin() {
    button.disabled = true;
    bar.hidden = false;
    const come = {};
    const tell = (file, size) => {
      come[file] = size;
      bar.value = Object.values(come).reduce((sum, bytes) => sum + bytes, 0);
    };
    try {
      await Promise.all(Object.entries(networks).map(([name, { file }]) => runtime.load(name, file, tell)));
      row.remove();
      ready();
    } catch (error) {
      button.disabled = false;
      bar.hidden = true;
      const memory = /memory|alloc/i.test(error.message) ? " Close other tabs and try again." : "";
      ui.complain(`The networks could not be started: ${error.message}.${memory}`);
    }
  }
  return row;
}

/** Runs `work` when asked; however often it is asked meanwhile, once more afterwards. */
function newest(ui, work) {
  let wanted = false;
  let busy = false;
  return async function ask() {
    wanted = true;
    if (busy) return;
    busy = true;
    while (wanted) {
      wanted = false;
      try {
        await work();
      } catch (error) {
        ui.complain(`The network could not be run: ${error.message}.`);
      }
    }
    busy = false;
  };
}

/** A setting that chooses among the networks of a part. */
const networkChoice = (label) =>
  choice(label, (model) => Object.fromEntries(Object.entries(model.get("networks")).map(([name, network]) => [name, network.label])));

/** Class of the largest logit at each pixel, from (classes, pixels). */
function largest(logits, classes) {
  const pixels = logits.length / classes;
  const [found, most] = [new Uint8Array(pixels), logits.slice(0, pixels)];
  for (let c = 1; c < classes; c += 1)
    for (let i = 0; i < pixels; i += 1)
      if (logits[c * pixels + i] > most[i]) [found[i], most[i]] = [c, logits[c * pixels + i]];
  return found;
}

/** Channels first, 0 to 1, of a picture at a size; `part`: left, top, width and height of what is wanted of it. */
function pixelsOf(picture, width, height, part = []) {
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, ...part, 0, 0, width, height);
  const bytes = context.getImageData(0, 0, width, height).data;
  const values = new Float32Array(3 * width * height);
  for (let i = 0; i < width * height; i += 1)
    for (let c = 0; c < 3; c += 1) values[c * width * height + i] = bytes[4 * i + c] / 255;
  return values;
}

/** Where pixel i of tiles of width × height, so many in a row, is: [which tile, which of its pixels]. */
function inTiles(i, columns, width, height) {
  const [row, column] = [Math.floor(i / (columns * width)), i % (columns * width)];
  return [Math.floor(row / height) * columns + Math.floor(column / width), (row % height) * width + (column % width)];
}

/** Put pixels on a canvas: `color(i)` gives red, green, blue from 0 to 255 of pixel i. */
function putPixels(canvas, width, height, color) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    const [red, green, blue] = color(i);
    image.data.set([red, green, blue, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
}

/** Put an image on a canvas, channels first, 0 to 1. */
function putImage(canvas, width, height, values) {
  putPixels(canvas, width, height, (i) => [0, 1, 2].map((c) => 255 * values[c * width * height + i]));
}

/** A button that lets the reader choose a file of a kind. */
function fileButton(ui, text, accept, read) {
  const file = element("input", { type: "file", accept, hidden: true });
  file.addEventListener("change", () => {
    if (file.files[0]) read(file.files[0]);
    file.value = ""; // the same file, corrected, may be chosen again
  });
  return element("span", {}, file, ui.button(text, () => file.click()));
}

/** Read a file that is dropped on a place. */
function dropped(place, read) {
  place.addEventListener("dragover", (event) => event.preventDefault());
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) read(event.dataTransfer.files[0]);
  });
}

/** Reads pictures that the reader opens, and says what is none; they stay in this page. */
function pictureReader(ui, take) {
  let last = null;
  return async (file) => {
    last = file; // another may be chosen before it is read
    try {
      const picture = await pictureIn(file);
      if (file === last) take(picture, file);
    } catch {
      const hint = /\.tiff?$/i.test(file.name) ? " Most browsers cannot read TIFF: save it as PNG." : "";
      if (file === last) ui.complain(`${file.name}: not a picture that this browser can read.${hint}`);
    }
  };
}

/** The picture of a file that the reader opens, or drops on `place`. */
function opener(ui, place, take) {
  const read = pictureReader(ui, take);
  dropped(place, read);
  return fileButton(ui, "Open your own picture …", "image/*", read);
}

/** An image of this site, once it is loaded. */
async function imageOf(file) {
  const image = new Image();
  image.src = new URL(file, HOME).href;
  await image.decode();
  return image;
}

/** A line of links from the controls to the sections that explain them: [words, section]. */
function explained(...links) {
  const line = element("p", { className: "ux-line ux-why" }, "Read more: ");
  links.forEach(([words, section], place) => {
    if (place) line.append(" · ");
    line.append(element("a", { href: new URL(`../../chapters/${section}`, HOME).href, textContent: words }));
  });
  return line;
}
