const bounds = data.checks.map((check) => ({ low: check.low ?? null, high: check.high ?? null }));
const original = bounds.map((bound) => ({ ...bound }));
const codes = data.checks.map((check) => check.fixed.slice());
const state = { outcome: recorded.slice(), place: Int32Array.from(data.delivered), twin: null, changed: [] };
const decided = recorded.map((outcome) => outcome === OPEN ? 1 : 0);

function isChanged(number) {
  return bounds[number].low !== original[number].low || bounds[number].high !== original[number].high;
}

/* The same arithmetic as sentinelqa.rubric.columns: a threshold's code per candidate. */
function judgeThreshold(number) {
  const check = data.checks[number], own = codes[number], { low, high } = bounds[number];
  if (!isChanged(number)) { own.set(check.fixed); return; }
  if (check.severity === "warn") return;
  const missed = check.severity === "review" ? REVIEW : FAIL;
  const edgeLow = check.reviewLow ?? null, edgeHigh = check.reviewHigh ?? null;
  for (let row = 0; row < total; row++) {
    const value = check.numbers[row];
    if (value !== value) { own[row] = check.fixed[row]; continue; }
    let code = PASS;
    if (low !== null && value < low) code = edgeLow !== null && value >= edgeLow ? REVIEW : missed;
    if (high !== null && value > high) code = edgeHigh !== null && value <= edgeHigh ? REVIEW : missed;
    own[row] = code;
  }
}

function judgeAll() {
  const { outcome } = state;
  outcome.fill(PASS);
  for (const own of codes) {
    for (let row = 0; row < total; row++) {
      const code = own[row] === UNMEASURED ? ERROR : own[row];
      if (code > outcome[row]) outcome[row] = code;
    }
  }
  for (let row = 0; row < total; row++) if (decided[row]) outcome[row] = OPEN;
}

function bitsOf(value) {
  value -= (value >>> 1) & 0x55555555;
  value = (value & 0x33333333) + ((value >>> 2) & 0x33333333);
  return (((value + (value >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
const distance = (a, b) => (bitsOf(a[0] ^ b[0]) + bitsOf(a[1] ^ b[1])) / 64;

/* As sentinelqa.selection: the best that pass and are not too like something better. */
function select() {
  state.place.fill(0);
  state.twin = new Uint8Array(total);
  data.requests.forEach((request, number) => {
    const taken = [];
    for (const row of members[number]) {
      if (state.outcome[row] !== PASS) continue;
      const own = hashes[row];
      if (own !== null && data.minDistance > 0
        && taken.some((other) => hashes[other] !== null && distance(own, hashes[other]) < data.minDistance)) {
        state.twin[row] = 1;
      } else if (taken.length < request.wanted) {
        taken.push(row);
        state.place[row] = taken.length;
      }
    }
  });
}

function recompute(number) {
  if (number === null) data.checks.forEach((_, index) => judgeThreshold(index));
  else judgeThreshold(number);
  state.changed = bounds.map((_, index) => index).filter(isChanged);
  if (state.changed.length === 0) {
    state.outcome.set(recorded);
    state.place.set(data.delivered);
    state.twin = Uint8Array.from(data.twin, (twin) => twin === "" ? 0 : 1);
  } else {
    judgeAll();
    if (data.mode === "run") select();
  }
}

function standing() {
  const outcomes = new Uint32Array(5);
  for (let row = 0; row < total; row++) outcomes[state.outcome[row]]++;
  let delivered = 0, complete = 0, unknown = 0;
  const got = new Uint32Array(data.requests.length);
  for (let row = 0; row < total; row++) {
    if (state.place[row] > 0) { delivered++; got[data.request[row]]++; }
    if (state.outcome[row] === ERROR && recorded[row] !== ERROR) unknown++;
  }
  data.requests.forEach((request, number) => { if (got[number] >= request.wanted) complete++; });
  const judged = total - outcomes[OPEN];
  return { outcomes, delivered, complete, unknown, rate: judged ? outcomes[PASS] / judged : null };
}

/* A page holds some of the candidates of a run: until a threshold is moved, it says what is so of all of them. */
const whole = () => state.changed.length === 0 ? data.whole : null;

function checkCounts(number) {
  if (whole()) return whole().checks[number];
  const counts = new Uint32Array(5), own = codes[number];
  for (let row = 0; row < total; row++) counts[own[row]]++;
  return counts;
}

/* Stages of the funnel for one round; 0 means all rounds. */
function funnelOf(round) {
  if (whole()) return whole().funnels[round];
  const counts = new Uint32Array(6), killed = [new Map(), new Map(), new Map(), new Map(), new Map()];
  const tiers = TIERS.map((tier) => data.checks.map((check, index) => check.tier === tier ? index : -1).filter((index) => index >= 0));
  const add = (map, name) => map.set(name, (map.get(name) ?? 0) + 1);
  for (let row = 0; row < total; row++) {
    if (round !== 0 && data.round[row] !== round) continue;
    counts[0]++;
    if (state.outcome[row] === OPEN) { add(killed[0], "not judged yet"); continue; }
    const failed = codes.some((own) => own[row] === FAIL);
    if (state.outcome[row] === FAIL && !failed) { add(killed[0], "dropped half way"); continue; }
    let stage = 0;
    for (; stage < 3; stage++) {
      let past = true;
      for (const index of tiers[stage]) {
        const code = codes[index][row];
        // what has failed elsewhere is not measured here, and was not stopped here
        if (code === PASS || failed && code === UNMEASURED) continue;
        past = false;
        if (code !== UNMEASURED) add(killed[stage], code === FAIL ? data.checks[index].name : `${data.checks[index].name} (${CODES[code]})`);
        else if (state.outcome[row] === ERROR) add(killed[stage], `${data.checks[index].name} (not measured)`);
      }
      if (!past) break;
      counts[stage + 1]++;
    }
    if (stage < 3 || data.mode !== "run") continue;
    if (state.twin[row]) add(killed[3], "near-duplicate");
    else {
      counts[4]++;
      if (state.place[row] > 0) counts[5]++;
      else add(killed[4], "not needed");
    }
  }
  const names = [data.mode === "run" ? "generated" : "scored", ...TIER_STAGES, ...(data.mode === "run" ? ["distinct", "delivered"] : [])];
  return names.map((name, index) => ({
    name, count: counts[index],
    killed: index === 0 ? [] : [...killed[index - 1]].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)),
  }));
}

/* The rubric as it ran, with the changed numbers written in their places. */
function rubricText() {
  const edits = [];
  for (const number of state.changed) {
    const { spans, reviewLow = null, reviewHigh = null } = data.checks[number], { low, high } = bounds[number];
    const write = (side, value) => { if (spans[side]) edits.push([...spans[side], String(value)]); };
    if (low !== original[number].low) write("low", low);
    if (high !== original[number].high) write("high", high);
    // a review bound stays outside the bound that passes
    if (reviewLow !== null && low < reviewLow) write("reviewLow", low);
    if (reviewHigh !== null && high > reviewHigh) write("reviewHigh", high);
  }
  edits.sort((a, b) => b[0] - a[0]);
  const characters = Array.from(data.yaml);
  for (const [start, end, text] of edits) characters.splice(start, end - start, text);
  return characters.join("");
}
