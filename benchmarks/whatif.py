"""How long ``rubric whatif`` takes on 100,000 candidates: ``python -m benchmarks.whatif``.

The candidates are random numbers in the tables of a run with eight dimensions; the rubric has a
threshold on each and three rules. The bound is two seconds, reading the tables included; on a
machine that is busy with other work, look at the processor's seconds.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sentinelqa import registry
from sentinelqa.rubric.whatif import what_if
from sentinelqa.tables import candidate_schema, request_schema

CANDIDATES, PER_REQUEST = 100_000, 8
DIMENSIONS = (
    "artifacts", "sharpness", "prompt_alignment", "face_fidelity",
    "expression", "skin_tone", "lighting", "background",
)  # fmt: skip
RULES = """\
  custom:
    - {name: eyes_open, require: expression.eyes_open >= 0.1}
    - {name: within_two_stops, require: abs(skin_tone.stops) <= 2.0}
    - {name: clean_or_sharp, require: artifacts.noise < 0.9 || sharpness.score > 0.5}
rank: {face_fidelity: 3, prompt_alignment: 2}
"""


def main() -> None:
    """Time five what-ifs over one synthetic run."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        rubric = write_run(run)
        seconds, processor = [], []
        for _ in range(5):
            start, busy = time.perf_counter(), time.process_time()
            found = what_if(run, rubric)
            seconds.append(time.perf_counter() - start)
            processor.append(time.process_time() - busy)
    print(
        f"{found.candidates} candidates, {len(found.flips)} flips: median {median(seconds):.2f} s, "
        f"from {min(seconds):.2f} to {max(seconds):.2f} s; processor {median(processor):.2f} s"
    )


def write_run(run: Path) -> Path:
    """Write the tables of a run with random measurements, and a rubric to judge them with."""
    random = np.random.default_rng(0)
    schema = candidate_schema([registry.dimensions.load(name)() for name in DIMENSIONS])
    columns = {field.name: _column(field, random) for field in schema}
    pq.write_table(pa.table(columns, schema=schema), run / "candidates.parquet")
    requests = CANDIDATES // PER_REQUEST
    known: dict[str, list[Any]] = {
        "request_id": [f"r{i}" for i in range(requests)],
        "wanted": [PER_REQUEST // 2] * requests,
    }
    table = {
        f.name: pa.array(known.get(f.name, [None] * requests), f.type) for f in request_schema()
    }
    pq.write_table(pa.table(table, schema=request_schema()), run / "requests.parquet")
    rubric = run / "new.yaml"
    thresholds = "".join(f"    {name}: {{min: 0.1}}\n" for name in DIMENSIONS)
    rubric.write_text(f"name: new\ntiers:\n  generic:\n{thresholds}{RULES}", encoding="utf-8")
    return rubric


def _column(field: pa.Field, random: np.random.Generator) -> pa.Array:
    rows = range(CANDIDATES)
    fixed: dict[str, Any] = {
        "request_id": lambda i: f"r{i // PER_REQUEST}",
        "candidate_id": lambda i: f"c{i}",
        "outcome": lambda i: "fail" if i % 2 else "pass",
        "failed": lambda i: "sharpness" if i % 2 else "",
        "delivered": lambda i: None if i % PER_REQUEST else 1,
        "round": lambda i: i % PER_REQUEST // 4 + 1,
    }
    if field.name in fixed:
        return pa.array([fixed[field.name](i) for i in rows], field.type)
    if field.name.startswith("unscored."):
        some = random.random(CANDIDATES) < 0.01
        return pa.array(["undecidable" if x else None for x in some], field.type)
    if pa.types.is_string(field.type):
        return pa.array(["x"] * CANDIDATES, field.type)
    if pa.types.is_boolean(field.type):
        return pa.array(random.random(CANDIDATES) < 0.5, field.type)
    if pa.types.is_integer(field.type):
        return pa.array(random.integers(0, 10, CANDIDATES), field.type)
    return pa.array(random.random(CANDIDATES), field.type)


if __name__ == "__main__":
    main()
