"""Memory and own work of a run by its number of requests: stub generator, real ledger and tables.

The supervising process is what could grow with a job: it plans, records and writes the tables.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.base import Bench, Row, at_most

JOB = """\
name: memory
requests: requests.csv
generator: {model: fake, width: 32, height: 32}
rubric: rubric.yaml
deliver: 1
candidates: {first: 4, max: 4, batch: 16}
seed: 1
keep: delivered
"""
RUBRIC = """\
name: memory
version: 1
tiers:
  generic:
    sharpness: {min: 0.0}
on_unscored: review
"""
_RUN = """
import json, resource, sys, time
import sentinelqa as sq
from sentinelqa.job import load_job
from sentinelqa.pipeline import run
run(load_job(sys.argv[1]), out=sys.argv[2])
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([usage.ru_maxrss / 1024, time.process_time()]))
"""


def measure(bench: Bench) -> list[Row]:
    """A small and a larger run, each in a process of its own."""
    few, many = 100, bench.pick(full=1000, quick=150)
    small, large = (_run(bench.scratch / str(n), n) for n in (few, many))
    return [
        Row(
            number=8,
            name="peak memory at many requests over 100",
            goal=at_most(1.10),
            reached=large[0] / small[0],
            limit=1.0,
            detail=f"{many} requests over {few}, four candidates each: {large[0]:.0f} over "
            f"{small[0]:.0f} MB in the supervising process.",
            gap="Measured at a thousand requests, not at the million of the goal.",
        ),
        Row(
            number=8,
            name="own work per candidate",
            goal=at_most(200.0),
            reached=1e6 * (large[1] - small[1]) / (4 * (many - few)),
            unit="µs",
            detail="Processor time of the supervising process: planning, ledger, delivery, tables "
            "and report; one candidate in four is delivered, and encoded in it, too.",
            gap="Deliveries and the report, which a run of few deliveries has less of.",
        ),
    ]


def _run(folder: Path, requests: int) -> tuple[float, float]:
    folder.mkdir()
    rows = "".join(f"r{n},disc {n}\n" for n in range(requests))
    (folder / "requests.csv").write_text(f"id,prompt\n{rows}", encoding="utf-8")
    (folder / "rubric.yaml").write_text(RUBRIC, encoding="utf-8")
    (folder / "job.yaml").write_text(JOB, encoding="utf-8")
    command = [sys.executable, "-c", _RUN, str(folder / "job.yaml"), str(folder / "run")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    peak, seconds = json.loads(ended.stdout.splitlines()[-1])
    return peak, seconds
