// Stands in for a kernel: keeps an explorer's state and tells it of changes.
function upconvModel(state) {
  const listeners = new Map();
  const of = (event) => listeners.get(event) ?? listeners.set(event, new Set()).get(event);
  return {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      for (const callback of [...of(`change:${name}`)]) callback();
    },
    on: (event, callback) => of(event).add(callback),
    off: (event, callback) => (callback ? of(event).delete(callback) : of(event).clear()),
    save_changes: () => {},
    send: () => {},
  };
}
