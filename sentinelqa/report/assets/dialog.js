const detail = document.getElementById("detail");
const shownRow = { row: -1 };

function pairs(entries) {
  return el("dl", { class: "pairs" }, ...entries.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, el("bdi", {}, String(value)))]));
}

function checksTable(row) {
  const lines = data.checks.map((check, number) => {
    const code = CODES[codes[number][row]];
    const { low, high } = bounds[number];
    const wanted = check.kind !== "threshold" ? check.about
      : [low === null ? "" : `at least ${short(low)}`, high === null ? "" : `at most ${short(high)}`].filter(Boolean).join(", ");
    const value = check.kind === "threshold" && check.numbers[row] === check.numbers[row] ? `${short(check.numbers[row])}${check.unit ? ` ${check.unit}` : ""}` : "–";
    return el("tr", {}, el("th", { scope: "row" }, plain(check.name)), el("td", {}, value, check.kind === "threshold" ? meter(check, number, row) : null),
      el("td", {}, wanted), el("td", {}, el("span", { class: `pill ${code}` }, code === "unmeasured" ? "not measured" : code)));
  });
  return el("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Checks" }, el("table", {},
    el("thead", {}, el("tr", {}, ...["Check", "Value", "Wanted", "Verdict"].map((text) => el("th", { scope: "col" }, text)))), el("tbody", {}, ...lines)));
}

function metricsOf(row) {
  return Object.entries(data.metrics).filter(([, column]) => column[row] !== null)
    .map(([name, column]) => [plain(name.replace(/^(score|metric)\./, "")) + (name.startsWith("score.") ? " (score)" : ""), short(column[row])]);
}

function recipe(row) {
  const settings = data.settings[data.setting[row]];
  const entries = [["candidate", data.id[row]]];
  const prompt = data.prompts[data.prompt[row]];
  if (prompt) entries.unshift(["prompt", prompt]);
  if (data.mode === "run") entries.push(["seed", data.seed[row]], ["round", data.round[row]]);
  for (const [name, value] of Object.entries(settings ?? {})) if (value !== "" && value !== null) entries.push([name, value]);
  if (data.path[row]) entries.push(["file", data.path[row]]);
  if (data.width[row]) entries.push(["size", `${data.width[row]} × ${data.height[row]}`]);
  if (data.twin[row]) entries.push(["near-duplicate of", data.twin[row]]);
  return entries;
}

function listed(title, sentences) {
  return sentences.length ? el("section", {}, el("h3", {}, title), el("ul", {}, ...sentences.map((text) => el("li", {}, el("bdi", {}, text))))) : null;
}

function pictureWith(row, image) {
  if (image === null) return [el("p", { class: "muted" }, "There is no picture of this candidate.")];
  const [toggles, drawing] = layersOf(row);
  return [el("div", { class: "seen" }, image, drawing), toggles];
}

function openDetail(row) {
  shownRow.row = row;
  const source = data.full[row] || thumbnails[row];
  const image = el("img", { src: source, alt: describe(row) });
  // the full picture may have been moved away since: the thumbnail is in this file
  image.addEventListener("error", () => { if (image.getAttribute("src") !== thumbnails[row]) image.src = thumbnails[row]; }, { once: true });
  const title = data.mode === "run" ? data.requests[data.request[row]].id : baseName(data.path[row]);
  const metrics = metricsOf(row);
  const step = (by) => { const at = view.shown.indexOf(row) + by; if (at >= 0 && at < view.shown.length) openDetail(view.shown[at]); };
  detail.replaceChildren(
    el("div", { class: "dialog-head" }, el("h2", { id: "detail-title" }, el("bdi", {}, title)), pill(row),
      el("div", { class: "row" }, el("button", { type: "button", class: "plain", "aria-label": "Previous picture", onclick: () => step(-1) }, "←"),
        el("button", { type: "button", class: "plain", "aria-label": "Next picture", onclick: () => step(1) }, "→"),
        el("button", { type: "button", class: "plain", onclick: () => detail.close() }, "Close"))),
    el("div", { class: "evidence" },
      el("figure", {}, ...pictureWith(row, source ? image : null), el("figcaption", {}, data.path[row])),
      el("div", {}, listed("Why", reasonsNow(row)), el("section", {}, el("h3", {}, "Checks"), checksTable(row)),
        listed("Warnings", data.warnings[row]), listed("Notes", data.notes[row]),
        el("section", {}, el("h3", {}, data.mode === "run" ? "How to make it again" : "The image"), pairs(recipe(row))),
        metrics.length ? el("section", {}, el("details", {}, el("summary", {}, "All measurements"), pairs(metrics))) : null)));
  if (!detail.open) detail.showModal();
  // what had the focus was replaced: the keys must still reach the dialog
  detail.focus();
  detail.scrollTop = 0;
}
detail.addEventListener("close", () => {
  // the event comes late: somebody quick may be elsewhere already
  if (document.activeElement === document.body || document.activeElement.matches(".card-open")) {
    sheet.querySelector(`[data-row="${shownRow.row}"]`)?.focus();
  }
});
detail.addEventListener("keydown", (event) => {
  if (event.key === "o") toggleAllLayers();
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (by === undefined) return;
  const at = view.shown.indexOf(shownRow.row) + by;
  if (at >= 0 && at < view.shown.length) openDetail(view.shown[at]);
  event.preventDefault();
});
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => { if (event.target === dialog || event.target.closest("[data-close]")) dialog.close(); });
}
