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

  // A place in the page is where it says only once all that stands before it has its height:
  // sections are laid out, and explorers drawn.
  const whole = () => {
    waiting.splice(0).forEach(show);
    dispatchEvent(new Event("upconv:whole"));
  };
  if (location.hash) {
    whole();
    // Firefox goes there early and does not come back to it once the page has its height.
    // What the browser takes for the target: an address may hold what cannot be decoded.
    addEventListener("load", () => document.querySelector(":target")?.scrollIntoView());
  }
  document.addEventListener("click", ({ target }) => {
    const link = target.closest?.("a[href]");
    const here = [location.origin, location.pathname, location.search].join();
    if (link?.hash && [link.origin, link.pathname, link.search].join() === here) whole();
  }, true);

  document.body.removeAttribute("data-bs-spy"); // Bootstrap would start it on load
  addEventListener("beforeprint", () => waiting.splice(0).forEach(show));
  addEventListener("load", () => idle(next));
  addEventListener("resize", () => idle(() => makeScrollable(document)));
  // What is wide turns out late: when fonts have come, and when a folded part is opened.
  document.fonts.ready.then(() => idle(() => makeScrollable(document)));
  document.addEventListener("toggle", ({ target }) => makeScrollable(target), true);
}
