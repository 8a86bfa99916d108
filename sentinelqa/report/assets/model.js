const data = read("payload");
const thumbnails = read("thumbnails");
const total = data.request.length;
const PASS = 0, REVIEW = 1, ERROR = 2, FAIL = 3, UNMEASURED = 4, OPEN = 4;
const OUTCOMES = ["pass", "review", "error", "fail", "open"];
const CODES = ["pass", "review", "error", "fail", "unmeasured"];
const TIERS = ["generic", "use_case", "custom"];
const TIER_STAGES = ["past generic quality", "past the use case", "past custom rules"];

const recorded = Uint8Array.from(data.outcome);
const rank = Float64Array.from(data.rank, (value) => value ?? 0);
const unranked = new Set(data.unranked);
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
