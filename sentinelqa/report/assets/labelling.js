const data = read("payload");
const KEY = `sentinelqa-labels-${data.sheet}`;
const KEYS = { g: "good", b: "bad", u: "unsure" };
const labels = new Map();
let at = 0, kept = true;

/* Storage may be refused to a page from a file; then the labels live as long as the page. */
function load() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    for (const item of data.items) if (Object.values(KEYS).includes(found[item.id])) labels.set(item.id, found[item.id]);
  } catch {
    kept = false;
  }
}
function keep() {
  try {
    localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(labels)));
    kept = true;
  } catch {
    kept = false;
  }
  document.getElementById("trouble").hidden = kept;
}

const picture = document.getElementById("picture"), thumbs = document.getElementById("thumbs");
// the full picture may have been moved away since: the small one is in this file
picture.addEventListener("error", () => { const small = data.items[at].thumbnail; if (picture.getAttribute("src") !== small) picture.src = small; });

function show(place) {
  at = Math.max(0, Math.min(data.items.length - 1, place));
  const item = data.items[at];
  picture.src = item.image || item.thumbnail;
  picture.alt = item.prompt || `Picture ${at + 1}`;
  const lines = [];
  if (item.prompt) lines.push(el("dt", {}, "prompt"), el("dd", {}, el("bdi", {}, item.prompt)));
  for (const [name, value] of Object.entries(item.metadata)) lines.push(el("dt", {}, el("bdi", {}, name)), el("dd", {}, el("bdi", {}, value)));
  document.getElementById("wish").replaceChildren(el("dl", { class: "pairs" }, ...lines),
    el("div", { class: "shots" }, ...item.references.map((address, number) => el("figure", { class: "shot" }, el("img", { src: address, alt: `Reference ${number + 1}` }), el("figcaption", {}, "Reference")))));
  draw();
}

function draw() {
  const counts = { good: 0, bad: 0, unsure: 0 };
  for (const label of labels.values()) counts[label]++;
  document.getElementById("progress").textContent = `Picture ${at + 1} of ${data.items.length}: ${labels.size} labelled, ${counts.good} good, ${counts.bad} bad, ${counts.unsure} unsure`;
  document.getElementById("progress-bar").setAttribute("width", (100 * labels.size / data.items.length).toFixed(1));
  for (const button of document.querySelectorAll("[data-label]")) button.setAttribute("aria-pressed", String(labels.get(data.items[at].id) === button.dataset.label));
  document.getElementById("back").disabled = at === 0;
  document.getElementById("onward").disabled = at === data.items.length - 1;
  const button = document.getElementById("export"), ready = counts.good + counts.bad;
  button.disabled = ready === 0;
  button.textContent = ready === 0 ? "Export the labels" : `Export ${ready} label${ready === 1 ? "" : "s"}`;
  [...thumbs.children].forEach((thumb, place) => {
    const label = labels.get(data.items[place].id);
    thumb.setAttribute("aria-current", String(place === at));
    thumb.setAttribute("aria-label", `Picture ${place + 1}, ${label ?? "no label yet"}`);
    thumb.querySelector(".dot").className = `dot ${{ good: "pass", bad: "fail", unsure: "review" }[label] ?? ""}`;
  });
}

function give(label) {
  labels.set(data.items[at].id, label);
  keep();
  const open = data.items.findIndex((item, place) => place > at && !labels.has(item.id));
  show(open >= 0 ? open : at + 1);
}

/* As sentinelqa.tables.safe_cell: no spreadsheet runs a cell as a formula. */
function cell(value) {
  const text = /^ *[=+\-@\t\r＝＋－＠]/.test(value) ? `'${value}` : value;
  return `"${text.replaceAll('"', '""')}"`;
}
/* Where a file lies, so that the csv may be read from any folder; relative where that is unknown. */
function pathOf(address) {
  return location.protocol === "file:" ? decodeURIComponent(new URL(address, location.href).pathname) : decodeURIComponent(address);
}
function csv() {
  const extra = [...new Set(data.items.flatMap((item) => Object.keys(item.metadata)))];
  const lines = [["image", "label", "prompt", "references", "candidate", "stratum", "weight", ...extra]];
  for (const item of data.items) {
    const label = labels.get(item.id);
    if (label !== "good" && label !== "bad") continue;
    lines.push([pathOf(item.image), label, item.prompt, item.references.map(pathOf).join(";"), item.id, item.stratum, String(item.weight), ...extra.map((name) => item.metadata[name] ?? "")]);
  }
  return lines.map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";
}
document.getElementById("export").addEventListener("click", () => {
  const address = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  el("a", { href: address, download: data.file }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  document.getElementById("exported").textContent = `${data.file} is in your downloads.`;
});

for (const button of document.querySelectorAll("[data-label]")) button.addEventListener("click", () => give(button.dataset.label));
document.getElementById("back").addEventListener("click", () => show(at - 1));
document.getElementById("onward").addEventListener("click", () => show(at + 1));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const label = KEYS[event.key.toLowerCase()], by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (label !== undefined) give(label);
  else if (by !== undefined) show(at + by);
});
thumbs.append(...data.items.map((item, place) => el("button", { type: "button", class: "miss", onclick: () => { show(place); document.getElementById("label").scrollIntoView(); } },
  el("img", { src: item.thumbnail, alt: "", decoding: "async" }), el("span", { class: "dot" }))));
load();
show(Math.max(0, data.items.findIndex((item) => !labels.has(item.id))));
