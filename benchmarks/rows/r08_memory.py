"""Memory and own work of a run by its number of requests.

The supervising process is what could grow with a job: it plans, records, delivers, and writes the
tables and the report. Memory is measured with stubs in the place of the workers, own work with real
workers and their messages; see :mod:`benchmarks.stubbed`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.base import Bench, Row, at_most

FEW = 100
CANDIDATES = 4
"""Of each request whose own work is measured; one of them is delivered."""
Parts = dict[str, float]


def measure(bench: Bench) -> list[Row]:
    """A small and a larger run of each kind, each in a process of its own."""
    many = bench.pick(full=10_000, quick=400)
    small, large = (_run(bench, n, "--candidates", "1") for n in (FEW, many))
    more = bench.pick(full=900, quick=150)
    options = ("--candidates", str(CANDIDATES), "--workers")
    first, second = (_run(bench, n, *options) for n in (FEW, more))
    return [*_memory(small, large, many), *_work(first, second, more - FEW)]


def _memory(small: Parts, large: Parts, many: int) -> list[Row]:
    peaks = {part: [run[f"{part}: peak MB by its end"] for run in (small, large)] for part in _HELD}
    (tables, more), (all_of_it, most) = peaks["tables"], peaks["report"]
    return [
        Row(
            number=8,
            name="peak memory at many requests over 100",
            goal=at_most(1.10),
            reached=most / all_of_it,
            limit=1.0,
            detail=f"{many:,} requests over {FEW}, one candidate each: {most:.0f} over "
            f"{all_of_it:.0f} MB in the supervising process, the report included.",
            gap="The report: it holds one page, 2,500 candidates, and the tables' index.",
        ),
        Row(
            number=8,
            name="the same without the report",
            goal=None,
            reached=more / tables,
            limit=1.0,
            detail=f"{more:.0f} over {tables:.0f} MB by the end of the tables.",
            gap="A row group, a megabyte of rows, and parquet's buffers of it.",
        ),
    ]


_HELD = ("tables", "report")


def _work(first: Parts, second: Parts, more: int) -> list[Row]:
    def spent(part: str, what: str = "processor seconds") -> float:
        key = f"{part}: {what}"
        return 1e6 * (second[key] - first[key])

    beside = {
        "a delivered image": spent("deliver", "own processor seconds") / more,
        "the tables": spent("tables") / (CANDIDATES * more),
        "the report": spent("report") / (CANDIDATES * more),
    }
    return [
        Row(
            number=8,
            name="own work per candidate",
            goal=at_most(200.0),
            reached=spent("loop", "own processor seconds") / (CANDIDATES * more),
            unit="µs",
            detail="Processor time of the loop: planning, ledger with its syncs, messages to and "
            f"from workers, decisions; {CANDIDATES} candidates a request, one delivered. Beside "
            "it, in other threads or afterwards: "
            + ", ".join(f"{name} {value:.0f} µs" for name, value in beside.items())
            + " (tables and report by candidate).",
            gap="Pickling, SQLite's rows and indexes, and a sync for each batch that was scored.",
        )
    ]


def _run(bench: Bench, requests: int, *options: str) -> Parts:
    folder: Path = bench.scratch / f"{requests}{''.join(options)}"
    command = [sys.executable, "-m", "benchmarks.stubbed", "--requests", str(requests)]
    ended = subprocess.run(
        [*command, *options, str(folder)], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    found: Parts = json.loads(ended.stdout)
    return found
