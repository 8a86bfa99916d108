"""Scoring the same folder again, as the command does it: start, hashes, tables, report included."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.base import Bench, Row, at_most
from benchmarks.material import photographs, write_jpeg


def measure(bench: Bench) -> list[Row]:
    """Two runs of the command over photographs, with an empty cache before the first."""
    count = bench.pick(full=480, quick=8)
    folder = write_jpeg(bench.scratch / "images", photographs(count, 1024))
    first, second = (_seconds(bench.scratch, folder, f"run-{n}") for n in (1, 2))
    tables = [(bench.scratch / f"run-{n}" / "candidates.csv") for n in (1, 2)]
    if _evidence(tables[0]) != _evidence(tables[1]):
        raise RuntimeError("the second run's evidence differs: the figure is worthless")
    return [
        Row(
            number=7,
            name="second run over the same folder",
            goal=at_most(0.05),
            reached=second / first,
            detail=f"{count} JPEG files of 1024 x 1024 pixels, rubric smoke; "
            f"{second:.1f} over {first:.1f} s, equal evidence.",
            gap="Starting Python and importing what writes tables and the report; an image costs "
            "about 3 ms, for its hash, its row and its place in the report.",
        )
    ]


def _seconds(scratch: Path, folder: Path, name: str) -> float:
    command = [sys.executable, "-m", "sentinelqa", "score", str(folder), "--rubric", "smoke", "-q"]
    # an installed copy is compiled once; some test environments forbid that
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    ended = subprocess.run(
        [*command, "--prompt", "a cup of coffee", "--full", "--out", str(scratch / name)],
        env={**environment, "SENTINELQA_SCORE_CACHE": str(scratch / "scores.sqlite")},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode not in (0, 1):
        raise RuntimeError(ended.stderr)
    return time.perf_counter() - start


def _evidence(table: Path) -> list[tuple[object, ...]]:
    import pandas as pd

    read = pd.read_parquet(table.with_suffix(".parquet"))
    clocked = [c for c in read.columns if "seconds" in c or c.startswith("cost")]
    return [tuple(map(str, row)) for row in read.drop(columns=clocked).itertuples(index=False)]
