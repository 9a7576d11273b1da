// The theme asks every box of the page at once whether it scrolls, which lays out the whole page
// before the reader can use it. It finds none to ask: page.js asks section by section.
const upconvFind = document.querySelectorAll;
document.querySelectorAll = function (selector) {
  const all = selector === "pre, .nboutput > .output_area, .cell_output > .output, .jp-RenderedHTMLCommon";
  return upconvFind.call(document, all ? "#none" : selector);
};
// The framework that the reader has chosen, before the first tab is drawn; see page.js.
try {
  document.documentElement.dataset.framework = localStorage.getItem("upconv-framework") ?? "torch";
} catch {} // a browser may keep nothing
