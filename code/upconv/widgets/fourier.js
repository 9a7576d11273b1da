// FourierExplorer: a picture, its spectrum, a mask, and what the mask leaves of the picture.

// ---- arithmetic (tested against upconv.ops) ------------------------------------------------

const TURNS = new Map(); // n → cos and sin of −2πk/n, k < n/2

function turns(n) {
  if (!TURNS.has(n)) {
    const angle = (k) => (-2 * Math.PI * k) / n;
    TURNS.set(n, [Float64Array.from({ length: n / 2 }, (_, k) => Math.cos(angle(k))),
      Float64Array.from({ length: n / 2 }, (_, k) => Math.sin(angle(k)))]);
  }
  return TURNS.get(n);
}

/**
 * DFT of n complex numbers from `at` on, in place; n a power of two.
 * Radix 2, after Cooley & Tukey (1965). Backwards: swap re and im, and divide by n.
 */
export function fft(re, im, n = re.length, at = 0) {
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[at + i], re[at + j]] = [re[at + j], re[at + i]];
      [im[at + i], im[at + j]] = [im[at + j], im[at + i]];
    }
  }
  const [cos, sin] = turns(n);
  for (let half = 1; half < n; half *= 2) {
    const step = n / (2 * half);
    for (let start = at; start < at + n; start += 2 * half)
      for (let k = 0, t = 0; k < half; k++, t += step) {
        const [a, b] = [start + k, start + k + half];
        const x = re[b] * cos[t] - im[b] * sin[t];
        const y = re[b] * sin[t] + im[b] * cos[t];
        re[b] = re[a] - x;
        im[b] = im[a] - y;
        re[a] += x;
        im[a] += y;
      }
  }
}

/** DFT of an n × n picture, row after row, in place. */
export function fft2(re, im, n) {
  for (let pass = 0; pass < 2; pass++) {
    for (let row = 0; row < n; row++) fft(re, im, n, row * n);
    for (const field of [re, im])
      for (let r = 0; r < n; r++)
        for (let c = r + 1; c < n; c++) {
          const kept = field[r * n + c];
          field[r * n + c] = field[c * n + r];
          field[c * n + r] = kept;
        }
  }
}

/** Frequency of a DFT coefficient, in cycles per picture: 0, 1, …, n/2 − 1, −n/2, …, −1. */
const frequency = (index, n) => (index < n / 2 ? index : index - n);

/** What is left of a wave of `rho` cycles, from 0 to 1. */
export function gain(rho, { kind, edge, radius, width }) {
  if (kind === "band") {
    const off = rho - radius;
    return edge === "ideal" ? Number(Math.abs(off) <= width / 2) : Math.exp(-(off ** 2) / (2 * (width / 2) ** 2));
  }
  const low = edge === "ideal" ? Number(rho <= radius) : Math.exp(-(rho ** 2) / (2 * radius ** 2));
  return kind === "low" ? low : 1 - low;
}

/** The transfer function on an n × n picture, in the layout of the DFT. */
export function transfer(n, settings) {
  const mask = new Float64Array(n * n).fill(1);
  if (settings.kind !== "painted") {
    for (let i = 0; i <= n / 2; i++)
      for (let j = i; j <= n / 2; j++) {
        const value = gain(Math.sqrt(i * i + j * j), settings);
        for (const [u, v] of [[i, j], [j, i]])
          for (const r of [u, n - u]) for (const c of [v, n - v]) mask[(r % n) * n + (c % n)] = value;
      }
    return mask;
  }
  for (const [u, v, size, keep] of settings.strokes)
    for (let r = Math.max(u - size, -n / 2); r <= Math.min(u + size, n / 2 - 1); r++)
      for (let c = Math.max(v - size, -n / 2); c <= Math.min(v + size, n / 2 - 1); c++) {
        if ((r - u) ** 2 + (c - v) ** 2 > size * size) continue;
        mask[((r + n) % n) * n + ((c + n) % n)] = keep; // a real picture's waves come in pairs:
        mask[((n - r) % n) * n + ((n - c) % n)] = keep; // k and −k are one
      }
  return mask;
}

/** The same for a signal of n samples. */
export function transfer1(n, settings) {
  return Float64Array.from({ length: n }, (_, k) => gain(Math.abs(frequency(k, n)), settings));
}

export function spectrum(values, n) {
  const [re, im] = [Float64Array.from(values), new Float64Array(values.length)];
  if (n === values.length) fft(re, im);
  else fft2(re, im, n);
  return [re, im];
}

/**
 * Filtered values and the kernel that would do the same in space, its middle at index 0.
 * Both are real, so one transform computes both: the kernel rides along as imaginary part.
 */
export function filtered([re, im], mask, n) {
  const [a, b] = [new Float64Array(mask.length), new Float64Array(mask.length)];
  for (let k = 0; k < mask.length; k++) {
    a[k] = re[k] * mask[k];
    b[k] = im[k] * mask[k] + mask[k];
  }
  if (n === mask.length) fft(b, a); // swapped: backwards
  else fft2(b, a, n);
  for (let k = 0; k < mask.length; k++) {
    a[k] /= mask.length;
    b[k] /= mask.length;
  }
  return { output: a, kernel: b };
}

/** Share of the coefficients kept, and of the energy without the mean. */
export function kept([re, im], mask) {
  let [sum, energy, all] = [mask[0] ** 2, 0, 0];
  for (let k = 1; k < mask.length; k++) {
    const power = re[k] ** 2 + im[k] ** 2;
    sum += mask[k] ** 2;
    energy += power * mask[k] ** 2;
    all += power;
  }
  return { coefficients: sum / mask.length, energy: all ? energy / all : 0 };
}

// ---- the page ----------------------------------------------------------------------------------

const OWN = "your own";
const names = (key) => (model) => Object.fromEntries(Object.keys(model.get(key)).map((name) => [name, name]));

export const STATE = {
  view: choice("input to filter", { picture: "Picture", signal: "Signal" }),
  picture: choice("picture", names("pictures")),
  signal: choice("signal", names("signals")),
  kind: choice("keep", { low: "low frequencies", high: "high frequencies", band: "a band", painted: "what you paint" }),
  edge: choice("edge of the mask", { ideal: "ideal (sharp)", gaussian: "Gaussian (soft)" }),
  radius: whole("radius", 1, 128),
  width: whole("width of the band", 1, 64),
  brush: whole("brush", 0, 32),
  strokes: table("strokes", 0, 400, [[-256, 255], [-256, 255], [0, 512], [0, 1]]),
};

const KERNEL = 33; // pixels of the kernel that are shown, around its middle

function render({ model, el }) {
  const ui = frame({ model, el, title: "Fourier explorer", state: STATE, arrange, update, draw });
  const cache = new Map(); // picture's data → {n, values, spectrum, peak}
  let now = null; // what is shown: {n, values, spectrum, logs, peak}, mask, output, kernel, kept

  const [photo, spectral, result, kernel] = Array.from({ length: 4 }, () => ui.view());
  const [wave, bars, tap] = Array.from({ length: 3 }, () => ui.view("ux-plot"));
  const [keptLine, hint] = [ui.line("ux-mid", true), ui.line("ux-mid")];
  const settings = () => Object.fromEntries(["kind", "edge", "radius", "width", "strokes"].map((name) => [name, model.get(name)]));

  // ---- your own picture: stays in this page ----
  const file = element("input", { type: "file", accept: "image/*", hidden: true });
  let reading = null; // the file that was chosen, until it is read
  const tellLoading = () => ui.loading(reading !== null || !now);
  file.addEventListener("change", async () => {
    const chosen = file.files[0];
    if (!chosen) return;
    reading = chosen;
    tellLoading();
    try {
      const bitmap = await pictureIn(chosen);
      const canvas = element("canvas", { width: 512, height: 512 });
      const side = Math.min(bitmap.width, bitmap.height);
      canvas.getContext("2d", { willReadFrequently: true }).drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, 512, 512);
      if (reading !== chosen) return; // another was chosen meanwhile
      reading = null;
      model.set("pictures", { ...model.get("pictures"), [OWN]: canvas.toDataURL("image/jpeg", 0.92) });
      ui.change({ picture: OWN });
    } catch {
      if (reading !== chosen) return;
      reading = null;
      tellLoading();
      ui.complain(`${chosen.name}: not a picture that this browser can read.`);
    }
  });
  const open = element("span", {}, file, ui.button("Open your own picture …", () => file.click()));
  open.title = "It never leaves this page.";

  // ---- painting ----
  const size = () => now?.n ?? 256;
  let ink = 0;
  const paintable = () => model.get("kind") === "painted" && model.get("view") === "picture";
  const hand = drawing(spectral.canvas, size, paintable, (cell, first) => {
    const [u, v] = [cell.row - size() / 2, cell.column - size() / 2];
    const strokes = model.get("strokes");
    if (first) ink = Number(tool.value);
    const [lastU, lastV, reach] = strokes.at(-1) ?? [];
    if (!first && Math.hypot(u - lastU, v - lastV) < Math.max(reach / 3, 1)) return;
    if (strokes.length >= 400) return ui.complain("The mask holds at most 400 strokes. Choose Keep all or Block all to start over.");
    ui.change({ strokes: [...strokes, [u, v, model.get("brush"), ink]] }, true);
  }, () => model.save_changes(), () => ui.redraw());
  for (const event of ["focus", "blur"]) spectral.canvas.addEventListener(event, () => ui.redraw());
  const tool = element("select");
  for (const [value, textContent] of [["0", "blocks"], ["1", "keeps"]]) tool.append(element("option", { value, textContent }));
  const paintRow = element("div", { className: "ux-row" }, named("the brush", tool), ui.slider("brush"),
    ui.button("Keep all", () => ui.change({ strokes: [] })),
    ui.button("Block all", () => ui.change({ strokes: [[0, 0, 512, 0]] })));
  const setRow = element("div", { className: "ux-row" }, ui.list("edge"), ui.slider("radius"), ui.slider("width"));
  const widthField = setRow.lastChild;

  async function load(address) {
    const { values, n } = await valuesOf(address);
    return complete(values, n);
  }

  function complete(values, n) {
    const found = spectrum(values, n);
    const logs = found[0].map((x, k) => Math.log1p(Math.hypot(x, found[1][k])));
    const peak = logs.reduce((most, x, k) => (k ? Math.max(most, x) : most), 1e-9); // not the mean's
    return { n, values, spectrum: found, logs, peak };
  }

  function arrange() {
    const flat = model.get("view") === "signal";
    const painted = model.get("kind") === "painted";
    for (const { node } of [photo, spectral, result, kernel]) node.hidden = flat;
    for (const { node } of [wave, bars, tap]) node.hidden = !flat;
    stage.className = `ux-stage ${flat ? "ux-three" : "ux-four"}`;
    pictureField.hidden = open.hidden = flat;
    signalField.hidden = !flat;
    paintRow.hidden = flat || !painted;
    setRow.hidden = !paintRow.hidden;
    widthField.style.visibility = model.get("kind") === "band" ? "visible" : "hidden";
    hand.offer();
    hint.textContent = flat && painted
      ? "Painting works only on pictures; the signal keeps its low frequencies."
      : model.get("edge") === "ideal" || painted
        ? "A sharp edge in frequency means a kernel that oscillates far out in space: look for ringing near edges."
        : "A soft edge in frequency means a kernel that does not oscillate: blur, but no ringing.";
  }

  function update() {
    const flat = model.get("view") === "signal";
    const key = flat ? `signal ${model.get("signal")}` : model.get("pictures")[model.get("picture")];
    if (!cache.has(key)) {
      if (flat) {
        const values = model.get("signals")[model.get("signal")];
        cache.set(key, complete(values, values.length));
      } else {
        cache.set(key, null);
        load(key).then((loaded) => {
          cache.set(key, loaded);
          if (el.isConnected) {
            update();
            ui.redraw();
          }
        }, () => {
          cache.delete(key); // the next change tries again
          ui.loading(false);
          ui.complain("This picture could not be read.");
        });
      }
    }
    now = cache.get(key);
    tellLoading();
    if (!now) return;
    const kind = flat && model.get("kind") === "painted" ? "low" : model.get("kind");
    const mask = (flat ? transfer1 : transfer)(now.n, { ...settings(), kind });
    now = { ...now, mask, ...filtered(now.spectrum, mask, now.n), kept: kept(now.spectrum, mask) };
  }

  // ---- drawing -----------------------------------------------------------------------------

  /** n × n pixels; `fill(data)` writes red, green and blue. */
  function raster(canvas, n, fill) {
    if (canvas.width !== n || canvas.height !== n) canvas.width = canvas.height = n;
    const context = canvas.getContext("2d");
    const image = context.createImageData(n, n);
    image.data.fill(255);
    fill(image.data);
    context.putImageData(image, 0, 0);
    return context;
  }

  const grays = (values, lift = 0) => (data) => {
    for (let i = 0; i < values.length; i++) data[4 * i] = data[4 * i + 1] = data[4 * i + 2] = 255 * (values[i] + lift);
  };

  function draw() {
    if (!now) return;
    const flat = model.get("view") === "signal";
    (flat ? drawSignal : drawPicture)();
    const percent = (x) => `${(100 * x).toFixed(x > 0.0995 ? 0 : 1)} %`;
    keptLine.replaceChildren(marked`Kept: <b>${percent(now.kept.coefficients)}</b> of the coefficients, <b>${percent(now.kept.energy)}</b> of the energy (without the mean).`);
  }

  function drawPicture() {
    const { n, values, mask, logs, peak } = now;
    const whole_ = Math.round(100 * now.kept.coefficients);
    if (photo.shown !== values) raster(photo.canvas, n, grays(values));
    photo.shown = values;
    photo.caption.textContent = `picture, ${n} × ${n}`;
    photo.canvas.setAttribute("aria-label", `the picture: ${model.get("picture")}`);

    const half = n / 2;
    const context = raster(spectral.canvas, n, (data) => {
      for (let r = 0, at = 0; r < n; r++)
        for (let c = 0; c < n; c++, at += 4) {
          const k = ((r + half) % n) * n + ((c + half) % n); // frequency zero in the middle
          const light = Math.min(logs[k] / peak, 1) * 255;
          const blocked = 1 - mask[k];
          data[at] = light + blocked * (90 - 0.6 * light);
          data[at + 1] = light - blocked * 0.75 * light;
          data[at + 2] = light - blocked * 0.95 * light;
        }
    });
    if (hand.focused()) {
      context.strokeStyle = "#6cc1f0";
      context.lineWidth = Math.max(n / 128, 1);
      context.beginPath();
      context.arc(hand.cursor.column + 0.5, hand.cursor.row + 0.5, model.get("brush") + 1, 0, 7);
      context.stroke();
    }
    spectral.caption.textContent = paintable() ? "spectrum: paint here" : "spectrum; red is blocked";
    spectral.canvas.setAttribute("aria-label", paintable()
      ? `spectrum, paintable; brush at ${hand.cursor.row - half} down, ${hand.cursor.column - half} across; arrow keys move, space paints`
      : `spectrum, frequency zero in the center, ${whole_} percent kept`);

    const lift = mask[0] < 0.5 ? 0.5 : 0;
    raster(result.canvas, n, grays(now.output, lift));
    result.caption.textContent = lift ? "filtered; gray is 0" : "filtered";
    result.canvas.setAttribute("aria-label", `the filtered picture, ${whole_} percent of the coefficients kept`);

    const k = (r, c) => now.kernel[((r + n) % n) * n + ((c + n) % n)];
    const rim = (KERNEL - 1) / 2;
    let most = 1e-12;
    for (const value of now.kernel) most = Math.max(most, Math.abs(value));
    raster(kernel.canvas, KERNEL, (data) => {
      for (let i = 0; i < KERNEL * KERNEL; i++) {
        const value = k(Math.floor(i / KERNEL) - rim, (i % KERNEL) - rim);
        // The root makes swings visible that are a hundred times smaller than the peak.
        const [red, green, blue] = hue(Math.sign(value) * Math.sqrt(Math.abs(value) / most), 1);
        data[4 * i] = red;
        data[4 * i + 1] = green;
        data[4 * i + 2] = blue;
      }
    });
    kernel.caption.textContent = `kernel, central ${KERNEL} × ${KERNEL}`;
    kernel.canvas.setAttribute("aria-label", `the equivalent kernel: ${format(k(0, 0))} at the center, ${format(k(0, 1))} next to it; blue above 0, red below`);
  }

  /** A curve or bars over the whole width of a canvas; values between low and high. */
  function plot({ canvas }, low, high, layers) {
    const width = Math.max(canvas.clientWidth, 120) * 2;
    const height = Math.max(canvas.clientHeight, 60) * 2;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const y = (value) => height - 6 - ((value - low) / (high - low)) * (height - 12);
    context.clearRect(0, 0, width, height);
    context.fillStyle = style.getPropertyValue("--ux-line");
    context.fillRect(0, y(0), width, 2);
    for (const { values, color, bars: asBars } of layers) {
      context.strokeStyle = context.fillStyle = style.getPropertyValue(color);
      context.lineWidth = 3;
      context.beginPath();
      const step = width / values.length;
      values.forEach((value, i) => {
        if (asBars) context.fillRect(i * step, y(value), Math.max(step - 1, 1), y(0) - y(value));
        else context[i ? "lineTo" : "moveTo"]((i + 0.5) * step, y(value));
      });
      if (!asBars) context.stroke();
    }
  }

  function drawSignal() {
    const { n, values, mask, spectrum: [re, im] } = now;
    const all = [...values, ...now.output, 0];
    const room = 0.05 * (Math.max(...all) - Math.min(...all));
    plot(wave, Math.min(...all) - room, Math.max(...all) + room, [
      { values, color: "--ux-line" }, { values: [...now.output], color: "--ux-go" }]);
    wave.caption.textContent = "gray: the signal; blue: filtered";
    const over = Math.max(...now.output) - Math.max(...values);
    wave.canvas.setAttribute("aria-label", `signal ${model.get("signal")}; the filtered one ${over > 0.005 ? `overshoots it by ${format(over)}` : "stays below its maximum"}`);
    const middle = Array.from({ length: n }, (_, i) => (i + n / 2) % n);
    const strength = middle.map((k) => Math.hypot(re[k], im[k]));
    const peak = Math.max(...middle.map((k, i) => (k ? strength[i] : 0)), 1e-9);
    plot(bars, 0, 1.05 * peak, [
      { values: strength.map((x) => Math.min(x, 1.05 * peak)), color: "--ux-line", bars: true },
      { values: middle.map((k, i) => Math.min(strength[i] * mask[k], 1.05 * peak)), color: "--ux-go", bars: true }]);
    bars.caption.textContent = "spectrum, 0 in the center; blue: kept";
    bars.canvas.setAttribute("aria-label", `spectrum of the signal, ${Math.round(100 * now.kept.coefficients)} percent kept`);
    const weights = middle.map((k) => now.kernel[k]);
    plot(tap, Math.min(...weights, 0) * 1.1, Math.max(...weights) * 1.1, [{ values: weights, color: "--ux-go" }]);
    tap.caption.textContent = "the equivalent kernel";
    tap.canvas.setAttribute("aria-label", `kernel, ${format(now.kernel[0])} at the center, lowest ${format(Math.min(...weights))}`);
  }

  const [pictureField, signalField] = [ui.list("picture"), ui.list("signal")];
  const stage = element("div", {}, ...[photo, spectral, result, kernel, wave, bars, tap].map(({ node }) => node));
  return ui.begin(
    ui.tabs("view"),
    element("div", { className: "ux-row" }, pictureField, signalField, ui.list("kind"), ui.reset, open),
    element("div", { className: "ux-tall" }, setRow, paintRow),
    ui.error, stage, keptLine, hint,
  );
}

export default { render };
