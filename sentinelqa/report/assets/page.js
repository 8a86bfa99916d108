const articles = [...document.querySelectorAll(".check")];
const WIDTH = 480;
let round = 0;

function drawFunnel() {
  const stages = funnelOf(round), most = stages[0].count || 1;
  const lines = document.querySelectorAll("#funnel-stages > li");
  stages.forEach((stage, index) => {
    const line = lines[index];
    line.querySelector(".fill").setAttribute("width", (100 * stage.count / most).toFixed(2));
    line.querySelector(".stage-count").replaceChildren(el("b", {}, integer(stage.count)), " ", el("span", { class: "muted" }, percent(stage.count / most)));
    line.querySelector(".stage-killed").replaceChildren(...stage.killed.flatMap(([name, count]) => [el("span", { class: "chip" }, el("b", {}, integer(count)), ` ${name}`), " "]));
  });
}

function placeOn(check, value) {
  return WIDTH * Math.max(0, Math.min(1, (value - check.start) / (check.end - check.start)));
}

function drawCheck(number) {
  const check = data.checks[number], article = articles[number], counts = checkCounts(number);
  const looked = counts.reduce((sum, count) => sum + count, 0) - counts[UNMEASURED];
  article.querySelector("[data-rate]").textContent = percent(looked ? counts[PASS] / looked : null);
  article.querySelector("[data-counts]").textContent = [[PASS, "passed"], [FAIL, "failed"], [REVIEW, "to review"], [ERROR, "in error"], [UNMEASURED, "not measured"]]
    .filter(([code]) => counts[code] > 0 || code === PASS).map(([code, word]) => `${integer(counts[code])} ${word}`).join(" · ");
  article.classList.toggle("changed", isChanged(number));
  if (check.kind !== "threshold") return;
  const { low, high } = bounds[number];
  const bins = article.querySelectorAll(".bin"), step = (check.end - check.start) / bins.length;
  bins.forEach((bin, index) => {
    const middle = check.start + (index + 0.5) * step;
    bin.classList.toggle("in", (low === null || middle >= low) && (high === null || middle <= high));
  });
  for (const line of article.querySelectorAll(".bound")) {
    const x = placeOn(check, bounds[number][line.dataset.side]);
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
  }
}

function drawMisses(number) {
  const check = data.checks[number], box = articles[number].querySelector("[data-misses]");
  if (!box) return;
  const { low, high } = bounds[number], near = [];
  const gap = (row) => Math.max(low === null ? 0 : low - check.numbers[row], high === null ? 0 : check.numbers[row] - high);
  for (let row = 0; row < total; row++) {
    if ((codes[number][row] !== FAIL && codes[number][row] !== REVIEW) || Number.isNaN(check.numbers[row])) continue;
    const own = gap(row);
    if (near.length === 6 && own >= near[5][0]) continue;
    near.push([own, row]);
    near.sort((a, b) => a[0] - b[0]);
    near.length = Math.min(near.length, 6);
  }
  box.hidden = near.length === 0;
  box.querySelector(".miss-row").replaceChildren(...near.map(([, row]) => el("button", {
    type: "button", class: "miss", "aria-label": `Open ${describe(row)}, ${plain(check.name)} ${short(check.numbers[row])}`, onclick: () => openDetail(row),
  }, thumbnails[row] ? el("img", { src: thumbnails[row], alt: "" }) : "", short(check.numbers[row]))));
}

const before = (() => { recompute(null); return standing(); })();

function change(name, from, to, show) {
  const grew = to - from;
  return el("div", {}, el("dt", {}, name), el("dd", {}, el("b", {}, show(to)), " ",
    grew === 0 ? "" : el("span", { class: grew > 0 ? "up" : "down" }, `${grew > 0 ? "▲" : "▼"} from ${show(from)}`)));
}
function drawWhatIf() {
  const now = standing();
  document.getElementById("whatif").hidden = state.changed.length === 0;
  document.getElementById("whatif-changes").textContent = state.changed.map((number) => plain(data.checks[number].name)).join(", ");
  const lines = [change("Pass rate", before.rate, now.rate, percent), change("Passed", before.outcomes[PASS], now.outcomes[PASS], integer)];
  if (data.mode === "run") lines.push(change("Delivered", before.delivered, now.delivered, integer), change("Complete requests", before.complete, now.complete, integer));
  if (now.unknown > 0) lines.push(el("div", {}, el("dt", {}, "Not measured far enough to say"), el("dd", {}, el("b", {}, integer(now.unknown)))));
  document.getElementById("whatif-figures").replaceChildren(...lines);
}

let waiting = 0;
function drawNumbers(number) {
  recompute(number);
  drawFunnel();
  if (number === null) data.checks.forEach((_, index) => drawCheck(index));
  else drawCheck(number);
  drawWhatIf();
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (number === null) data.checks.forEach((_, index) => drawMisses(index));
    else drawMisses(number);
    drawOutcomes();
    drawSheet();
  }, 60);
}

function rounded(check, value, from) {
  const step = 10 ** Math.floor(Math.log10((check.end - check.start) / 100));
  const near = Math.round(value / step) * step;
  return Math.abs(value - from) < step / 2 ? from : Number(near.toPrecision(12));
}

articles.forEach((article, number) => {
  const check = data.checks[number];
  for (const input of article.querySelectorAll("input")) {
    input.addEventListener("input", () => {
      const typed = Number(input.value), side = input.dataset.side;
      if (input.value === "" || Number.isNaN(typed)) return;
      bounds[number][side] = input.type === "range" ? rounded(check, typed, original[number][side]) : typed;
      for (const other of article.querySelectorAll(`input[data-side="${side}"]`)) if (other !== input) other.value = bounds[number][side];
      drawNumbers(number);
    });
  }
});
function reset() {
  data.checks.forEach((_, number) => {
    bounds[number] = { ...original[number] };
    for (const input of articles[number].querySelectorAll("input")) input.value = bounds[number][input.dataset.side];
  });
  drawNumbers(null);
}
document.getElementById("reset").addEventListener("click", reset);
document.getElementById("show-rubric").addEventListener("click", () => {
  document.getElementById("rubric-text").textContent = rubricText();
  document.getElementById("rubric-copied").textContent = "";
  document.getElementById("rubric-dialog").showModal();
});
document.getElementById("rubric-copy").addEventListener("click", async () => {
  const text = document.getElementById("rubric-text"), said = document.getElementById("rubric-copied");
  try {
    await navigator.clipboard.writeText(text.textContent);
    said.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(text);
    said.textContent = "Selected; copy it with your keyboard";
  }
});

for (const button of document.querySelectorAll("[data-round]")) {
  button.addEventListener("click", () => {
    round = Number(button.dataset.round);
    for (const other of document.querySelectorAll("[data-round]")) other.setAttribute("aria-pressed", String(other === button));
    drawFunnel();
  });
}

const failed = document.getElementById("failed"), find = document.getElementById("find"), rejects = document.getElementById("rejects");
failed.append(...data.checks.map((check, number) => el("option", { value: number }, plain(check.name))));
const redraw = (change_) => { change_(); view.page = 0; drawSheet(); };
failed.addEventListener("change", () => redraw(() => { view.failed = failed.value; }));
find.addEventListener("input", () => redraw(() => { view.find = find.value.trim().toLowerCase(); }));
rejects?.addEventListener("change", () => redraw(() => { view.rejects = rejects.checked; view.opened.clear(); }));
document.getElementById("requests-filter")?.addEventListener("change", (event) => redraw(() => { view.requests = event.target.value; }));
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
function turn(by) {
  view.page += by;
  drawSheet();
  document.getElementById("pictures").scrollIntoView();
}
document.getElementById("previous").addEventListener("click", () => turn(-1));
document.getElementById("next").addEventListener("click", () => turn(1));
for (const [moment, on] of [["beforeprint", true], ["afterprint", false]]) addEventListener(moment, () => { printing = on; drawSheet(); });
for (const link of document.querySelectorAll("[data-request]")) {
  link.addEventListener("click", () => {
    find.value = link.dataset.request;
    redraw(() => { view.find = find.value.toLowerCase(); });
    document.getElementById("pictures").scrollIntoView();
  });
}

function move(from, by) {
  const buttons = [...sheet.querySelectorAll(".card-open")];
  buttons[Math.max(0, Math.min(buttons.length - 1, buttons.indexOf(from) + by))]?.focus();
}
function columnsOf(button) {
  return Math.max(1, getComputedStyle(button.closest(".grid")).gridTemplateColumns.split(" ").length);
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const target = event.target;
  if (target.matches(".card-open")) {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columnsOf(target), ArrowUp: -columnsOf(target) }[event.key];
    if (by !== undefined) { event.preventDefault(); move(target, by); }
  }
  if (target.matches("input:not([type=checkbox]):not([type=range]), select, textarea")) return;
  if (event.key === "/") { event.preventDefault(); find.focus(); }
  if (event.key === "r" && rejects) { rejects.checked = !rejects.checked; redraw(() => { view.rejects = rejects.checked; view.opened.clear(); }); }
});

// A link from another page of the report names a request of this one.
const sought = new URLSearchParams(location.hash.slice(1)).get("find");
if (sought) {
  find.value = sought;
  view.find = sought.toLowerCase();
}
drawFunnel();
data.checks.forEach((_, number) => { drawCheck(number); drawMisses(number); });
drawOutcomes();
drawSheet();
if (sought) document.getElementById("pictures").scrollIntoView();
