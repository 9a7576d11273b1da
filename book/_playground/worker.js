// ONNX Runtime in a thread of its own, so that the page stays quick while networks compute.
// Messages: {id, load: {name, file, bytes}}, where bytes are a file of the reader's own; {id, run: {name, feeds, outputs}}; answers have the same id.

importScripts("ort.wasm.min.js");

const RUNTIME = "ort-wasm-simd-threaded.wasm";
const sessions = new Map(); // name → promise of a session
let started = null; // promise of the runtime's own bytes

ort.env.logLevel = "error";
ort.env.wasm.numThreads = 1; // more need headers that a static host does not send
ort.env.wasm.wasmPaths = new URL("./", self.location).href;

/** The bytes of a file beside this one; `tell` is called with what has come so far. */
async function bytesOf(file, tell) {
  const answer = await fetch(file);
  if (!answer.ok) throw new Error(`${file}: the server returned ${answer.status}`);
  const parts = [];
  let size = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    tell(file, size);
  }
  const all = new Uint8Array(size);
  let place = 0;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}

async function load({ name, file, bytes }, tell) {
  if (!sessions.has(name)) {
    started ??= bytesOf(RUNTIME, tell).then((bytes) => (ort.env.wasm.wasmBinary = bytes.buffer));
    const made = Promise.all([bytes ?? bytesOf(file, tell), started]).then(([network]) =>
      ort.InferenceSession.create(network, { executionProviders: ["wasm"], graphOptimizationLevel: "all" }));
    sessions.set(name, made);
    made.catch(() => { // the next try begins anew
      sessions.delete(name);
      started = null;
    });
  }
  await sessions.get(name);
  return {};
}

async function run({ name, feeds, outputs }) {
  const session = await sessions.get(name);
  const given = Object.fromEntries(Object.entries(feeds).map(([key, { data, dims }]) => [key, new ort.Tensor("float32", data, dims)]));
  const start = performance.now();
  const found = await session.run(given, outputs ?? [session.outputNames[0]]);
  const milliseconds = performance.now() - start;
  const results = Object.fromEntries(Object.entries(found).map(([key, { data, dims }]) => [key, { data, dims: [...dims] }]));
  return { results, milliseconds };
}

self.onmessage = async ({ data }) => {
  try {
    const answer = data.load
      ? await load(data.load, (file, size) => self.postMessage({ id: data.id, file, size }))
      : await run(data.run);
    const moved = Object.values(answer.results ?? {}).map(({ data: values }) => values.buffer);
    self.postMessage({ id: data.id, answer }, moved);
  } catch (error) {
    self.postMessage({ id: data.id, error: String(error?.message ?? error) });
  }
};
