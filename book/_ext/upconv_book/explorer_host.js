// Stands in for a kernel: keeps an explorer's state, tells it of changes, and keeps what differs
// from the start in the address (#convolution-1:stride=2&padding=1), so that one can link to it.
function upconvModel(start, kinds, id) {
  const state = structuredClone(start);
  const listeners = new Map();
  const of = (event) => listeners.get(event) ?? listeners.set(event, new Set()).get(event);
  const written = (from, name) => kinds[name].write(from[name]);
  let timer = null;
  const model = {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      for (const callback of [...of(`change:${name}`)]) callback();
    },
    on: (event, callback) => of(event).add(callback),
    off: (event, callback) => (callback ? of(event).delete(callback) : of(event).clear()),
    save_changes: () => {
      clearTimeout(timer); // browsers refuse a hundred changes of the address in a few seconds
      timer = setTimeout(() => {
        const changed = Object.keys(kinds).filter((name) => written(state, name) !== written(start, name));
        const text = changed.map((name) => `${name}=${encodeURIComponent(written(state, name)).replace(/%2C/g, ",").replace(/%3B/g, ";")}`);
        history.replaceState(null, "", text.length ? `#${id}:${text.join("&")}` : `#${id}`);
      }, 250);
    },
    send: () => {},
  };
  /** Take settings from the address, if they are this explorer's; wrong ones are left out. */
  const readAddress = () => {
    const [name, settings] = location.hash.slice(1).split(/:(.*)/s);
    if (name !== id) return false;
    const wanted = new Map((settings ?? "").split("&").map((part) => part.split("=")));
    for (const key of Object.keys(kinds)) {
      let value = structuredClone(start[key]);
      try {
        const given = kinds[key].read(decodeURIComponent(wanted.get(key)));
        if (wanted.has(key) && !kinds[key].refuse(given, model)) value = given;
      } catch {} // not a setting
      if (kinds[key].write(value) !== kinds[key].write(state[key])) model.set(key, value);
    }
    return true;
  };
  return { model, readAddress };
}

/** Bring the explorer of the element with this id to life. */
function upconvMount(id) {
  const el = document.getElementById(id);
  const { STATE, render } = upconvExplorers[el.dataset.explorer];
  const { model, readAddress } = upconvModel(JSON.parse(el.firstElementChild.textContent), STATE, id);
  render({ model, el }); // before the address is read: reset goes back to the book's settings
  if (location.hash) dispatchEvent(new Event("upconv:whole")); // see page.js
  if (readAddress()) addEventListener("load", () => el.scrollIntoView());
  addEventListener("hashchange", readAddress);
}
