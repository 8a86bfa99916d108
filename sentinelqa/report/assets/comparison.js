const data = read("payload");
const PER_PAGE = 12;
const view = { standings: new Set(), find: "", page: 0 };
const box = document.getElementById("pairs");

function shot(picture, pair, letter) {
  const outcome = picture.place > 0 ? "delivered" : picture.outcome;
  const said = picture.place > 0 ? `Delivered ${picture.place}` : SAID[outcome];
  return el("figure", { class: "shot" },
    picture.image === "" ? el("span", { class: "nothing" }, "No picture")
      : el("img", { src: picture.image, alt: `${pair.id} in run ${letter}: ${said}`, decoding: "async" }),
    el("figcaption", {}, el("span", { class: `pill ${outcome}` }, said), picture.reason ? el("span", { class: "reason" }, picture.reason) : null));
}

function pairCard(pair) {
  const sides = pair.sides.map((pictures, side) => el("div", { class: "pair-side" },
    el("p", { class: "small" }, el("span", { class: "letter", "aria-hidden": "true" }, "AB"[side]), ` ${pair.got[side]}`, el("span", { class: "muted" }, ` · ${pair.passed[side]}`)),
    el("div", { class: "shots" }, ...pictures.length ? pictures.map((picture) => shot(picture, pair, "AB"[side])) : [el("p", { class: "muted small" }, "No picture")])));
  const kind = { better: "pass", worse: "fail", same: "open" }[pair.standing];
  return el("section", { class: "pair", "aria-label": pair.id },
    el("div", { class: "group-title" }, el("h3", {}, el("bdi", {}, pair.id)), el("span", { class: `pill ${kind}` }, pair.standing)),
    pair.prompt ? el("p", { class: "muted small" }, el("bdi", {}, pair.prompt)) : null,
    el("div", { class: "pair-sides" }, ...sides));
}

function draw() {
  const keep = data.pairs.filter((pair) => (view.standings.size === 0 || view.standings.has(pair.standing))
    && (view.find === "" || `${pair.id}\n${pair.prompt}`.toLowerCase().includes(view.find)));
  const pages = Math.max(1, Math.ceil(keep.length / PER_PAGE));
  view.page = Math.min(view.page, pages - 1);
  const part = keep.slice(view.page * PER_PAGE, (view.page + 1) * PER_PAGE);
  box.replaceChildren(...part.length ? part.map(pairCard) : [el("p", { class: "empty" }, "Nothing matches these filters.")]);
  document.getElementById("found").textContent = `${integer(keep.length)} shown${data.more > 0 ? `; ${integer(data.more)} that stayed the same are not in this page` : ""}`;
  document.getElementById("pager").hidden = pages === 1;
  document.getElementById("where").textContent = `${view.page + 1} of ${pages}`;
  document.getElementById("previous").disabled = view.page === 0;
  document.getElementById("next").disabled = view.page === pages - 1;
}

function drawStandings() {
  document.getElementById("standings").replaceChildren(...["worse", "better", "same"].map((name) => {
    const count = data.pairs.filter((pair) => pair.standing === name).length;
    return el("button", { type: "button", "aria-pressed": String(view.standings.has(name)), "data-standing": name, onclick: () => {
      if (!view.standings.delete(name)) view.standings.add(name);
      view.page = 0;
      drawStandings();
      draw();
      document.querySelector(`[data-standing="${name}"]`).focus();
    } }, el("span", { class: `dot ${{ better: "pass", worse: "fail", same: "open" }[name]}` }), `${name[0].toUpperCase()}${name.slice(1)} ${integer(count)}`);
  }));
}

if (box !== null) {
  const turn = (by) => { view.page += by; draw(); document.getElementById("pictures").scrollIntoView(); };
  document.getElementById("previous").addEventListener("click", () => turn(-1));
  document.getElementById("next").addEventListener("click", () => turn(1));
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("find").addEventListener("input", (event) => { view.find = event.target.value.trim().toLowerCase(); view.page = 0; draw(); });
  drawStandings();
  draw();
}
