const PER_PAGE = data.mode === "run" ? 16 : 60;
// Paper has no pager: what the filters leave is printed, up to a pile that somebody may still read.
const PRINTED = data.mode === "run" ? 200 : 1000;
let printing = false;
const view = { outcomes: new Set(), failed: "", find: "", requests: "", rejects: data.mode !== "run", page: 0, opened: new Set(), shown: [] };
const sheet = document.getElementById("sheet");

const standingOf = (row) => state.place[row] > 0 ? "delivered" : OUTCOMES[state.outcome[row]];
const haystacks = data.id.map((id, row) => {
  const request = data.requests[data.request[row]];
  return [id, request.id, request.prompt, data.path[row], ...data.reasons[row]].join("\n").toLowerCase();
});

function matches(row) {
  const outcome = standingOf(row);
  if (view.outcomes.size > 0 && !view.outcomes.has(outcome)) return false;
  if (view.failed !== "") {
    const code = codes[Number(view.failed)][row];
    if (code === PASS || code === UNMEASURED) return false;
  }
  return view.find === "" || haystacks[row].includes(view.find);
}
const isFiltered = () => view.outcomes.size > 0 || view.failed !== "" || view.find !== "";

// Some dimensions only rank, and are measured of those alone that could be among the best.
function rankOf(row) {
  if (unranked.has(row)) return "not ranked";
  return data.rank[row] ? Number(data.rank[row]).toFixed(2) : "";
}
function better(a, b) {
  const first = state.place[a] || Infinity, second = state.place[b] || Infinity;
  return first - second || state.outcome[a] - state.outcome[b] || rank[b] - rank[a] || a - b;
}
function requestOutcome(number) {
  if (state.changed.length === 0) return data.requests[number].outcome;
  const got = members[number].reduce((sum, row) => sum + (state.place[row] > 0 ? 1 : 0), 0);
  if (got >= data.requests[number].wanted) return "delivered";
  return data.requests[number].outcome === "delivered" ? "short" : data.requests[number].outcome;
}

function meter(check, number, row) {
  const value = check.numbers[row], code = CODES[codes[number][row]];
  const at = (v) => Math.max(0, Math.min(100, 100 * (v - check.start) / (check.end - check.start)));
  const picture = svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", class: "meter", "aria-hidden": "true" },
    svg("rect", { class: "meter-track", width: 100, height: 8 }));
  if (value === value) picture.append(svg("rect", { class: `meter-${code}`, width: at(value), height: 8 }));
  for (const side of ["low", "high"]) {
    const bound = bounds[number][side];
    if (bound !== null) picture.append(svg("line", { class: "meter-bound", x1: at(bound), x2: at(bound), y1: 0, y2: 8 }));
  }
  return picture;
}

function reasonsNow(row) {
  if (state.changed.length === 0) return data.reasons[row];
  const found = [];
  data.checks.forEach((check, number) => {
    const code = codes[number][row];
    if (code === PASS || (code === UNMEASURED && state.outcome[row] === FAIL)) return;
    if (code === UNMEASURED) { found.push(`${plain(check.name)} was not measured`); return; }
    if (check.kind !== "threshold" || Number.isNaN(check.numbers[row])) { found.push(check.about || plain(check.name)); return; }
    const value = check.numbers[row], { low, high } = bounds[number];
    found.push(low !== null && value < low ? `${plain(check.name)} ${short(value)} is below ${short(low)}` : `${plain(check.name)} ${short(value)} is above ${short(high)}`);
  });
  return found;
}

function pill(row) {
  const outcome = standingOf(row);
  const turned = state.changed.length > 0 && (state.outcome[row] !== recorded[row] || (state.place[row] > 0) !== (data.delivered[row] > 0));
  const text = outcome === "delivered" ? `Delivered ${state.place[row]}` : SAID[outcome];
  return el("span", { class: `pill ${outcome}${turned ? " turned" : ""}`, title: turned ? "changed by your thresholds" : null }, text);
}

const baseName = (path) => path.split("/").pop();
function describe(row) {
  const name = data.mode === "run" ? data.requests[data.request[row]].id : baseName(data.path[row]);
  const prompt = data.requests[data.request[row]].prompt;
  return `${name}${prompt ? `: ${prompt}` : ""}. ${SAID[standingOf(row)]}`;
}
function picture(row) {
  if (thumbnails[row] === "") return el("span", { class: "nothing" }, "No picture");
  return el("img", { src: thumbnails[row], alt: describe(row), loading: printing || thumbnails[row].startsWith("data:") ? null : "lazy", decoding: "async" });
}

function card(row) {
  const outcome = standingOf(row), reasons = reasonsNow(row);
  const rows = data.checks.flatMap((check, number) => check.kind === "threshold"
    ? [el("span", { title: plain(check.name) }, plain(check.name)), meter(check, number, row)] : []);
  const reject = data.mode === "run" && (outcome === "fail" || outcome === "error");
  return el("article", { class: `card${reject ? " is-reject" : ""}${outcome === "delivered" ? " is-delivered" : ""}` },
    el("button", { type: "button", class: "card-open", "data-row": row, "aria-label": `Open ${describe(row)}`, onclick: () => openDetail(row) }, picture(row)),
    el("div", { class: "card-body" },
      data.mode === "score" ? el("p", { class: "name" }, el("bdi", {}, baseName(data.path[row]))) : null,
      el("p", { class: "card-line" }, pill(row), el("span", { class: "muted", title: "rank" }, rankOf(row))),
      reasons.length ? el("p", { class: "reason" }, reasons[0], reasons.length > 1 ? el("span", { class: "muted" }, ` and ${reasons.length - 1} more`) : null) : null,
      el("div", { class: "bars", "aria-hidden": "true" }, ...rows)));
}

function group(number, rows) {
  const request = data.requests[number], outcome = requestOutcome(number);
  const all = [...rows].sort(better);
  const open = view.rejects || view.opened.has(number) || isFiltered();
  const shown = open ? all : all.filter((row) => state.outcome[row] === PASS || state.outcome[row] === REVIEW || state.place[row] > 0);
  const got = members[number].filter((row) => state.place[row] > 0).length;
  view.shown.push(...shown);
  const hidden = all.length - shown.length;
  return el("section", { class: "group", "aria-label": `Request ${request.id}` },
    el("header", {},
      el("div", { class: "group-title" }, el("h3", {}, el("bdi", {}, request.id)),
        el("span", { class: `pill ${outcome}` }, `${got} of ${request.wanted}`),
        el("span", { class: "muted small" }, `${members[number].length} candidates in ${request.rounds} round${request.rounds === 1 ? "" : "s"}`)),
      request.prompt ? el("p", { class: "muted small" }, el("bdi", {}, request.prompt)) : null,
      request.help && outcome !== "delivered" ? el("p", { class: "small group-help" }, request.help) : null),
    el("div", { class: "grid" }, ...shown.map(card)),
    hidden > 0 ? el("button", { type: "button", class: "more", onclick: () => { view.opened.add(number); drawSheet(); } },
      `Show ${hidden} reject${hidden === 1 ? "" : "s"}`) : null);
}

function drawSheet() {
  const focused = document.activeElement?.dataset?.row;
  view.shown = [];
  const keep = [];
  let count = 0;
  if (data.mode === "run") {
    members.forEach((rows, number) => {
      if (view.requests !== "" && requestOutcome(number) !== view.requests) return;
      const found = isFiltered() ? rows.filter(matches) : rows;
      if (found.length || !isFiltered()) { keep.push([number, found]); count += found.length; }
    });
  } else {
    for (let row = 0; row < total; row++) if (matches(row)) keep.push(row);
    keep.sort(better);
    count = keep.length;
  }
  const pages = Math.max(1, Math.ceil(keep.length / PER_PAGE));
  view.page = Math.min(view.page, pages - 1);
  const part = printing ? keep.slice(0, PRINTED) : keep.slice(view.page * PER_PAGE, (view.page + 1) * PER_PAGE);
  if (part.length === 0) sheet.replaceChildren(el("p", { class: "empty" }, "Nothing matches these filters."));
  else if (data.mode === "run") sheet.replaceChildren(...part.map(([number, rows]) => group(number, rows)));
  else { view.shown = part; sheet.replaceChildren(el("div", { class: "grid" }, ...part.map(card))); }
  if (printing && part.length < keep.length) sheet.append(el("p", { class: "muted" },
    `The first ${integer(PRINTED)} of ${integer(keep.length)} ${data.mode === "run" ? "requests" : "images"}. Filter the page to print others.`));
  document.getElementById("found").textContent = data.mode === "run"
    ? `${integer(keep.length)} request${keep.length === 1 ? "" : "s"}, ${integer(count)} candidates` : `${integer(count)} images`;
  const pager = document.getElementById("pager");
  pager.hidden = pages === 1;
  document.getElementById("where").textContent = `${view.page + 1} of ${pages}`;
  document.getElementById("previous").disabled = view.page === 0;
  document.getElementById("next").disabled = view.page === pages - 1;
  if (focused !== undefined) sheet.querySelector(`[data-row="${CSS.escape(focused)}"]`)?.focus();
}

function drawOutcomes() {
  const counts = new Map();
  for (let row = 0; row < total; row++) counts.set(standingOf(row), (counts.get(standingOf(row)) ?? 0) + 1);
  const names = ["delivered", "pass", "review", "fail", "error", "open"].filter((name) => counts.get(name) || view.outcomes.has(name));
  document.getElementById("outcomes").replaceChildren(...names.map((name) => el("button", {
    type: "button", "aria-pressed": String(view.outcomes.has(name)), "data-outcome": name,
    onclick: () => { if (!view.outcomes.delete(name)) view.outcomes.add(name); view.page = 0; drawOutcomes(); drawSheet(); document.querySelector(`[data-outcome="${name}"]`)?.focus(); },
  }, el("span", { class: `dot ${name}` }), `${SAID[name]} ${integer(counts.get(name) ?? 0)}`)));
}
