const read = (id) => JSON.parse(document.getElementById(id).textContent);
const data = read("payload");
const thumbnails = read("thumbnails");
const total = data.request.length;
const PASS = 0, REVIEW = 1, ERROR = 2, FAIL = 3, UNMEASURED = 4, OPEN = 4;
const OUTCOMES = ["pass", "review", "error", "fail", "open"];
const CODES = ["pass", "review", "error", "fail", "unmeasured"];
const SAID = { delivered: "Delivered", pass: "Passed", review: "To review", error: "In error", fail: "Failed", open: "Not judged yet" };
const TIERS = ["generic", "use_case", "custom"];
const TIER_STAGES = ["past generic quality", "past the use case", "past custom rules"];

const recorded = Uint8Array.from(data.outcome);
const rank = Float64Array.from(data.rank, (value) => value ?? 0);
const hashes = data.phash.map((text) => text === "" ? null : [parseInt(text.slice(0, 8), 16), parseInt(text.slice(8), 16)]);
const rowOf = new Map(data.id.map((id, row) => [id, row]));

for (const check of data.checks) {
  check.fixed = Uint8Array.from(check.codes, Number);
  if (check.kind !== "threshold") continue;
  check.numbers = Float64Array.from(check.values, (value) => value ?? NaN);
}

const members = data.requests.map(() => []);
for (let row = 0; row < total; row++) members[data.request[row]].push(row);
// The order in which candidates are chosen: by rank, then as they were made.
for (const rows of members) rows.sort((a, b) => rank[b] - rank[a] || a - b);

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
