// The style sheet lets a browser leave out, at first, the layout of sections that are out of view.
// Once the page is there, they follow one by one, so that the scroll bar tells the truth; at once
// if the address names a place in the page. What asks for the size of things waits until then.
{
  const waiting = [...document.querySelectorAll(".bd-article > section > section")];
  // A busy machine may have no idle moment for minutes: at the latest after half a second.
  const idle = window.requestIdleCallback
    ? (callback) => requestIdleCallback(callback, { timeout: 500 })
    : (callback) => setTimeout(callback, 30);
  const show = (section) => {
    section.style.setProperty("content-visibility", "visible");
    makeScrollable(section);
  };
  const next = () => {
    if (waiting.length) {
      show(waiting.shift());
      idle(next);
    } else {
      makeScrollable(document);
      document.documentElement.dataset.laidOut = ""; // for those who wait for it
      window.bootstrap?.ScrollSpy.getOrCreateInstance(document.body);
    }
  };

  // Wide code, output, formula or table scrolls in its own box: by keyboard too.
  const boxes = "pre, .cell_output > .output, div.formula > div, .pst-scrollable-table-container";
  const makeScrollable = (part) => {
    for (const box of part.querySelectorAll(boxes)) {
      if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };

  // One choice of framework for the whole site: the style sheet shows the tab that is chosen.
  const chosen = document.documentElement.dataset;
  const choose = (name, tab) => {
    const top = tab?.getBoundingClientRect().top;
    chosen.framework = name;
    for (const one of document.querySelectorAll(".upconv-tabs [role=tab]")) {
      one.setAttribute("aria-selected", one.dataset.for === name);
      one.tabIndex = one.dataset.for === name ? 0 : -1;
    }
    if (!tab) return;
    try {
      localStorage.setItem("upconv-framework", name);
    } catch {} // a browser may keep nothing
    document.querySelectorAll(".upconv-tabs").forEach(makeScrollable);
    // What stands above has another height now; the tab stays under the reader's hand.
    scrollBy({ top: tab.getBoundingClientRect().top - top, behavior: "instant" });
    tab.focus({ preventScroll: true });
  };
  if (chosen.framework === "tensorflow") choose("tensorflow");
  for (const list of document.querySelectorAll(".upconv-tabs [role=tablist]")) {
    const [first, last] = list.children;
    list.addEventListener("click", ({ target }) => target.dataset.for && choose(target.dataset.for, target));
    list.addEventListener("keydown", (event) => {
      const other = event.target === first ? last : first;
      const to = { ArrowLeft: other, ArrowRight: other, Home: first, End: last }[event.key];
      if (!to) return;
      event.preventDefault();
      choose(to.dataset.for, to);
    });
  }

  // What an address names may be folded, or in the other tab.
  const uncover = (hash) => {
    for (let part = document.getElementById(hash.slice(1).split(":")[0]); part; part = part.parentElement) {
      if (part.localName === "details") part.open = true;
      if (part.matches(".upconv-tab")) choose(part.matches(".upconv-torch") ? "torch" : "tensorflow");
    }
  };

  // A place in the page is where it says only once all that stands before it has its height:
  // sections are laid out, and explorers drawn.
  const whole = () => {
    waiting.splice(0).forEach(show);
    dispatchEvent(new Event("upconv:whole"));
  };
  if (location.hash) {
    uncover(location.hash);
    whole();
    // Firefox goes there early and does not come back to it once the page has its height.
    // What the browser takes for the target: an address may hold what cannot be decoded.
    addEventListener("load", () => document.querySelector(":target")?.scrollIntoView());
  }
  document.addEventListener("click", ({ target }) => {
    const link = target.closest?.("a[href]");
    const here = [location.origin, location.pathname, location.search].join();
    if (link?.hash && [link.origin, link.pathname, link.search].join() === here) {
      uncover(link.hash);
      whole();
    }
  }, true);
  addEventListener("hashchange", () => uncover(location.hash));

  document.body.removeAttribute("data-bs-spy"); // Bootstrap would start it on load
  addEventListener("beforeprint", () => {
    waiting.splice(0).forEach(show);
    for (const result of document.querySelectorAll(".upconv-reveal")) result.open = true;
  });
  addEventListener("load", () => idle(next));
  // What is wide turns out late: when fonts have come, and when a folded part is opened. Before all
  // is laid out, asking would lay out all at once; `next` asks when it has come to the end.
  const again = () => idle(() => waiting.length || makeScrollable(document));
  addEventListener("resize", again);
  document.fonts.ready.then(again);
  document.addEventListener("toggle", ({ target }) => {
    makeScrollable(target);
    // Any answer to a guess unfolds the result, in the cell after it.
    const cell = target.open && target.closest(".upconv-guess")?.closest(".cell");
    const results = cell && cell.nextElementSibling?.querySelectorAll(".upconv-reveal");
    for (const result of results || []) result.open = true;
  }, true);
}
