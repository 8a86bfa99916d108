const read = (id) => JSON.parse(document.getElementById(id).textContent);
const plain = (name) => name.replace(/^rule\./, "").replaceAll("_", " ");
const integer = (value) => value.toLocaleString("en");
function percent(value) {
  if (value === null || Number.isNaN(value)) return "–";
  if (value > 0 && value < 0.01) return "<1 %";
  if (value > 0.99 && value < 1) return ">99 %";
  return `${Math.round(value * 100)} %`;
}
const short = (value) => value === null || value === undefined ? "–"
  : typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value);

const SAID = { delivered: "Delivered", pass: "Passed", review: "To review", error: "In error", fail: "Failed", open: "Not judged yet" };

const SVG = "http://www.w3.org/2000/svg";
/* Text only ever becomes a text node: nothing in a run's data can turn into markup. */
function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}
function svg(name, attributes, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
