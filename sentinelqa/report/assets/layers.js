/* What was seen in a picture, laid over it. Which layers are on stays from picture to picture. */
const LAYERS = {
  faces: ["Faces", (shapes) => shapes.faces.flatMap((face) => [
    svg("rect", { x: face.box[0], y: face.box[1], width: face.box[2] - face.box[0], height: face.box[3] - face.box[1], class: "seen-box" }),
    svg("path", { d: pairsOf(face.points).map(([x, y]) => `M${x} ${y}h.1`).join(""), class: "seen-points" })])],
  text: ["Writing", (shapes) => shapes.text.map((line) => svg("polygon", { points: line.corners.join(" "), class: line.upright ? "seen-box" : "seen-box seen-turned" }))],
  subject: ["Subject", (shapes) => shapes.subject.map((outline) => svg("polygon", { points: outline.join(" "), class: "seen-subject" }))],
  people: ["People", (shapes) => shapes.people.map((outline) => svg("polygon", { points: outline.join(" "), class: "seen-subject" }))],
  focus: ["Sharp parts", (shapes) => tiles(shapes, shapes.focus, (good) => 1 - good / 9, "seen-soft")],
  damage: ["Damage", (shapes) => tiles(shapes, shapes.damage, (good) => 1 - good / 9, "seen-damage")],
};
const layersOn = new Set();

function pairsOf(numbers) {
  return Array.from({ length: numbers.length / 2 }, (_, index) => [numbers[2 * index], numbers[2 * index + 1]]);
}
function tiles(shapes, digits, strength, name) {
  const [width, height] = shapes.size;
  return [...digits].map((digit, index) => svg("rect", {
    x: (index % 8) * width / 8, y: Math.floor(index / 8) * height / 8, width: width / 8, height: height / 8,
    class: name, "fill-opacity": (0.7 * strength(Number(digit))).toFixed(2),
  }));
}
const layersThere = (row) => Object.keys(LAYERS).filter((name) => data.layers[row]?.[name]?.length > 0);

/* The buttons and the drawing of one picture; nothing where no shapes are known. */
function layersOf(row) {
  const shapes = data.layers[row], names = layersThere(row);
  if (names.length === 0) return [null, null];
  const drawing = svg("svg", { viewBox: `0 0 ${shapes.size.join(" ")}`, class: "seen-layers", "aria-hidden": "true" },
    ...names.map((name) => svg("g", { "data-layer": name }, ...LAYERS[name][1](shapes))));
  const buttons = names.map((name) => el("button", { type: "button", "data-layer-toggle": name, onclick: () => {
    if (!layersOn.delete(name)) layersOn.add(name);
    showLayers(detail);
  } }, LAYERS[name][0]));
  const toggles = el("div", { class: "chips layer-toggles", role: "group", "aria-label": "What was seen" }, ...buttons);
  const box = el("div", {}, drawing, toggles);
  showLayers(box);
  return [toggles, drawing];
}
function showLayers(box) {
  for (const layer of box.querySelectorAll("[data-layer]")) layer.classList.toggle("off", !layersOn.has(layer.dataset.layer));
  for (const button of box.querySelectorAll("[data-layer-toggle]")) button.setAttribute("aria-pressed", String(layersOn.has(button.dataset.layerToggle)));
}
function toggleAllLayers() {
  const names = layersThere(shownRow.row), all = names.every((name) => layersOn.has(name));
  for (const name of names) if (all) layersOn.delete(name); else layersOn.add(name);
  showLayers(detail);
}
