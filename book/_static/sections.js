// The style sheet lets a browser leave out, at first, the layout of sections that are out of view.
// Once the page is there, they follow one by one, so that the scroll bar tells the truth; at once
// if the address names a place in the page.
{
  const waiting = [...document.querySelectorAll(".bd-article > section > section")];
  const show = (section) => section.style.setProperty("content-visibility", "visible");
  const idle = window.requestIdleCallback ?? ((callback) => setTimeout(callback, 30));
  const next = () => {
    if (!waiting.length) return;
    show(waiting.shift());
    idle(next);
  };
  if (location.hash) waiting.splice(0).forEach(show);
  addEventListener("beforeprint", () => waiting.splice(0).forEach(show));
  addEventListener("load", () => idle(next));
}
